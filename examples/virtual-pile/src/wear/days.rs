//! Days of charging on the real controller and the real ledger.

use billing_core::record::{Record, Reference};
use billing_core::tariff::Tariff;
use pile_controller::{Command, Outcome};
use pile_sim::flash::{Part, Speed, Statistics, VirtualNor};
use pile_sim::life::{Desk, LANDLORD, Setup, Trouble};
use pile_units::{AccountId, Duration, Limits, PlanId, PortId, Power};

/// What a day is: a session on each port in the evening, over a change of price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Ports that charge.
    pub ports: usize,
    /// What each draws.
    pub watts: u32,
    /// For how long.
    pub hours: u32,
    /// Every so many days the landlord settles, is paid and exports.
    pub kept: u32,
}

/// What some days have done to a flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// How many, whole stretches.
    pub days: u64,
    /// Energy that flowed in them, Wh.
    pub watt_hours: u64,
    /// Records that were written.
    pub records: u64,
    /// Bytes of their payloads.
    pub payload: u64,
    /// Bytes that were programmed, for whatever reason.
    pub programmed: u64,
    /// Programs, and erases of a page.
    pub programs: u64,
    /// Erases of a page.
    pub erases: u64,
    /// Erases of the page that was erased most.
    pub most: u64,
    /// Progress records, and bytes of their payloads.
    pub progress: (u64, u64),
    /// Bytes that their frames take.
    pub frames: u64,
    /// Boots.
    pub boots: u64,
    /// Payload bytes of the first of these progress records.
    pub lengths: Vec<usize>,
}

/// A pile with its tenants, and what it has written so far.
pub struct House<const W: usize, const E: usize> {
    desk: Desk<W, E>,
    flash: VirtualNor<W, E>,
    day: Day,
    records: u64,
    payload: u64,
    progress: (u64, u64),
    frames: u64,
    through: u64,
    setup: Setup,
    days: u64,
    boots: u64,
    lengths: Vec<usize>,
}

/// The supply fails once in so many days, in the afternoon.
const BOOTS: u64 = 7;
/// Progress records whose lengths are remembered.
const LENGTHS: usize = 10_000;

/// A frame beside its payload (the journal's format).
const FRAME: u64 = 7;

impl<const W: usize, const E: usize> House<W, E> {
    /// A new pile with a tenant for each port.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn new(flash: &VirtualNor<W, E>, part: Part, day: Day) -> Result<Self, Trouble> {
        let setup = Setup {
            ports: day.ports,
            times: part.times(Speed::Typical),
            moments: false,
            seed: 1,
        };
        let mut house = Self {
            desk: Desk::format(flash, setup)?,
            flash: flash.clone(),
            day,
            records: 0,
            payload: 0,
            progress: (0, 0),
            frames: 0,
            through: 0,
            setup,
            days: 0,
            boots: 0,
            lengths: Vec::new(),
        };
        house.desk.tap(LANDLORD)?;
        house.done(Command::SetTariff(PlanId::STANDARD, tariff()?))?;
        let limits = Limits::default().with_pile_power(Power::from_watts(22_000));
        let limits = limits.map_err(|error| Trouble::Other(error.to_string()))?;
        house.done(Command::SetLimits(limits))?;
        for card in cards(day.ports) {
            house.desk.tap(LANDLORD)?;
            house.desk.tap(card)?;
        }
        house.count();
        Ok(house)
    }

    fn done(&mut self, command: Command) -> Result<Outcome, Trouble> {
        match self.desk.command(command)? {
            Outcome::Refused(why) => Err(Trouble::Other(why.to_string())),
            outcome => Ok(outcome),
        }
    }

    /// Days until the log has gone round the flash three times and the landlord has come twice.
    ///
    /// # Errors
    /// [`Trouble`] with the flash, or a ledger that is full.
    pub fn live(&mut self) -> Result<Days, Trouble> {
        // The first stretch finds an empty flash.
        self.stretch()?;
        let begun = (self.flash.statistics(), self.desk.delivered());
        let counted = (self.records, self.payload, self.progress, self.frames);
        let boots = self.boots;
        self.lengths.clear();
        let size = u64::try_from(begun.0.page_erases.len() * E).unwrap_or(u64::MAX);
        let (mut days, mut stretches) = (0, 0);
        let mut now: Statistics;
        loop {
            self.stretch()?;
            days += u64::from(self.day.kept);
            stretches += 1;
            now = self.flash.statistics();
            if stretches >= 2 && now.bytes_programmed - begun.0.bytes_programmed >= 3 * size {
                break;
            }
        }
        let worn = now.page_erases.iter().zip(&begun.0.page_erases);
        let (records, payload, progress, frames) = counted;
        Ok(Days {
            days,
            watt_hours: (self.desk.delivered() - begun.1) / 1000,
            records: self.records - records,
            payload: self.payload - payload,
            programmed: now.bytes_programmed - begun.0.bytes_programmed,
            programs: now.programs - begun.0.programs,
            erases: now.erases - begun.0.erases,
            most: worn
                .map(|(now, then)| u64::from(now - then))
                .max()
                .unwrap_or(0),
            progress: (self.progress.0 - progress.0, self.progress.1 - progress.1),
            frames: self.frames - frames,
            boots: self.boots - boots,
            lengths: self.lengths.clone(),
        })
    }

    /// Some days; then the landlord settles, is paid and exports.
    fn stretch(&mut self) -> Result<(), Trouble> {
        for _ in 0..self.day.kept {
            self.day()?;
        }
        self.settle()
    }

    /// One day, from eight in the evening to the next.
    ///
    /// # Errors
    /// [`Trouble`] with the flash, or a session that does not start.
    pub fn day(&mut self) -> Result<(), Trouble> {
        let dusk = self.desk.now();
        let watts = self.day.watts;
        let begun = self.sessions(watts, Duration::from_minutes(self.day.hours * 60))?;
        if begun < self.day.ports {
            let said = self.desk.last_signal();
            return Err(Trouble::Other(format!("{begun} sessions began: {said:?}")));
        }
        let left = Duration::from_minutes(24 * 60).millis();
        let left = left.saturating_sub(self.desk.now().since(dusk).millis());
        self.desk.wait(Duration::from_millis(left))?;
        self.count();
        self.days += 1;
        if self.days.is_multiple_of(BOOTS) {
            self.boot()?;
        }
        Ok(())
    }

    /// The supply fails and comes back.
    fn boot(&mut self) -> Result<(), Trouble> {
        let around = self.desk.surroundings();
        self.desk = Desk::boot(&self.flash, self.setup, around)?;
        self.desk.settle()?;
        self.count();
        self.boots += 1;
        Ok(())
    }

    /// A session on each port that starts; gives how many.
    fn sessions(&mut self, watts: u32, span: Duration) -> Result<usize, Trouble> {
        let ports: Vec<PortId> = PortId::first(self.day.ports).collect();
        for (port, card) in ports.iter().zip(cards(self.day.ports)) {
            self.desk.plug(*port, watts);
            self.desk.tap(card)?;
            self.desk.press(*port)?;
        }
        let begun = ports
            .iter()
            .filter(|port| self.desk.is_closed(**port))
            .count();
        self.desk.wait(span)?;
        for (port, card) in ports.iter().zip(cards(self.day.ports)) {
            if self.desk.is_closed(*port) {
                self.desk.tap(card)?;
                self.desk.press(*port)?;
            }
        }
        self.desk.wait(Duration::from_seconds(30))?;
        Ok(begun)
    }

    /// Short sessions, until the ledger takes no more.
    ///
    /// # Errors
    /// [`Trouble`] with the flash.
    pub fn fill(&mut self) -> Result<u64, Trouble> {
        let mut sessions = 0;
        loop {
            let begun = self.sessions(self.day.watts, Duration::from_seconds(40))?;
            self.count();
            sessions += begun as u64;
            if begun < self.day.ports {
                return Ok(sessions);
            }
        }
    }

    fn settle(&mut self) -> Result<(), Trouble> {
        let accounts: Vec<AccountId> = self.desk.book().accounts().iter().map(|it| it.id).collect();
        for account in accounts {
            if let Outcome::Settled(number) = self.done(Command::Settle(account))? {
                let reference = format!("{number}").parse::<Reference>();
                let reference = reference.map_err(|_| Trouble::Other("reference".to_owned()))?;
                self.done(Command::MarkPaid(number, reference))?;
            }
        }
        self.count();
        self.done(Command::ConfirmExport(self.through))?;
        self.count();
        Ok(())
    }

    /// Counts the records since the last count, and forgets them.
    fn count(&mut self) {
        let mut buffer = Record::buffer();
        for (seq, record) in self.desk.records() {
            let length = record.encode(&mut buffer).len() as u64;
            self.records += 1;
            self.payload += length;
            self.through = *seq;
            if matches!(record, Record::Progress { .. }) {
                self.progress.0 += 1;
                self.progress.1 += length;
                self.frames += (length + FRAME).next_multiple_of(W as u64);
                if self.lengths.len() < LENGTHS {
                    self.lengths.push(usize::try_from(length).unwrap_or(0));
                }
            }
        }
        self.desk.forget_records();
    }
}

fn cards(ports: usize) -> impl Iterator<Item = u8> {
    (1..=u8::MAX).take(ports)
}

/// Day and night at the prices of the data page.
fn tariff() -> Result<Tariff, Trouble> {
    let text = include_str!("../../data/tariff.toml");
    tariff_file::parse(text).map_err(|error| Trouble::Other(error.message))
}
