//! The scripted life: a house with five tenants and four ports, everything that the landlord can
//! ask for, and a log that goes round the flash.

use billing_core::record::{Record, Reference};
use billing_core::tariff::{Band, BandIndex, SLOTS, Tariff};
use pile_controller::{Command, Outcome};
use pile_units::{AccountId, CredentialId, Currency, Duration, PlanId, PortId, UtcOffset};

use super::{Desk, LANDLORD, Moment, Setup, Trouble};
use crate::flash::{Cells, Operation, Part, Speed, VirtualNor, Words};

const PORTS: usize = 4;
const TENANTS: u8 = 5;
/// Cards that replace others.
const NEW_CARDS: u8 = 100;

/// What is to happen, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// Rounds of a session on each of four ports.
    pub rounds: u32,
    /// How long a session of the first round lasts; the others up to half as long again.
    pub minutes: u32,
    /// Whose times the flash takes.
    pub part: Part,
}

/// What a pile did to its flash in its life.
///
/// ```
/// use pile_sim::flash::{Part, Words};
/// use pile_sim::life::{Life, Script, Task};
/// let part = Part::Stm32g4;
/// let script = Script { minutes: 1, ..Script::whole(part) };
/// let life: Life = script.live::<8, 2048>(40 << 10, Words::Once)?;
/// assert_eq!(life.sessions, 40);
/// assert!(matches!(life.moments[0].task, Task::Format));
/// // The flash as it was before any operation, by doing all that came before.
/// let mut cells = life.blank.clone();
/// life.moments[0].operations.iter().for_each(|operation| cells.apply(operation));
/// assert_eq!(&cells.bytes()[..4], b"OPLJ");
/// # Ok::<(), pile_sim::life::Trouble>(())
/// ```
#[derive(Debug, Clone)]
pub struct Life {
    /// The blank flash.
    pub blank: Cells,
    /// All that the flash did, task by task.
    pub moments: Vec<Moment>,
    /// All records with their numbers, in order.
    pub records: Vec<(u64, Record)>,
    /// Energy that flowed, mWh.
    pub delivered: u64,
    /// Sessions that were billed.
    pub sessions: usize,
}

impl Script {
    /// Ten rounds: forty sessions, as long as it takes to go round the sweep's flash three times.
    pub const fn whole(part: Part) -> Self {
        Self {
            rounds: 10,
            minutes: match part {
                Part::Stm32g4 => 25,
                Part::W25q80 => 56,
            },
            part,
        }
    }

    /// Lives it on a blank flash of so many bytes.
    ///
    /// # Errors
    /// [`Trouble`]: the flash is too small, or the pile did not do what it was asked.
    pub fn live<const W: usize, const E: usize>(
        self,
        bytes: usize,
        words: Words,
    ) -> Result<Life, Trouble> {
        let flash = VirtualNor::<W, E>::new(bytes, words);
        let blank = flash.cells();
        let setup = Setup {
            ports: PORTS,
            times: self.part.times(Speed::Typical),
            moments: true,
            seed: 1,
        };
        let mut house = House {
            desk: Desk::format(&flash, setup)?,
            cards: (1..=TENANTS).collect(),
        };
        house.move_in()?;
        for round in 0..self.rounds {
            house.round(round, self.minutes)?;
        }
        house.move_out()?;
        let House { mut desk, .. } = house;
        let records = desk.records().to_vec();
        let closed = |(_, record): &&(u64, Record)| matches!(record, Record::SessionClosed(_));
        Ok(Life {
            blank,
            moments: desk.take_moments(),
            sessions: records.iter().filter(closed).count(),
            records,
            delivered: desk.delivered(),
        })
    }
}

impl Life {
    /// Programs and erases of the whole life.
    pub fn operations(&self) -> usize {
        let each = |moment: &Moment| moment.operations.len();
        self.moments.iter().map(each).sum()
    }

    /// Bytes that it programmed: so many times the flash, and it went round so often.
    pub fn programmed(&self) -> usize {
        let programs = self.all().filter(|it| !it.is_erase());
        programs.map(Operation::length).sum()
    }

    /// Pages that it erased.
    pub fn erases(&self) -> usize {
        self.all().filter(|it| it.is_erase()).count()
    }

    fn all(&self) -> impl Iterator<Item = &Operation> {
        self.moments.iter().flat_map(|moment| &moment.operations)
    }
}

struct House<const W: usize, const E: usize> {
    desk: Desk<W, E>,
    /// The card that each tenant has now, by account.
    cards: Vec<u8>,
}

impl<const W: usize, const E: usize> House<W, E> {
    fn done(&mut self, command: Command) -> Result<Outcome, Trouble> {
        let text = format!("{command:?}");
        let name = text.split(['(', ' ']).next().unwrap_or_default();
        match self.desk.command(command)? {
            Outcome::Refused(why) => Err(Trouble::Other(format!("{name}: {why}"))),
            outcome => Ok(outcome),
        }
    }

    fn move_in(&mut self) -> Result<(), Trouble> {
        self.desk.tap(LANDLORD)?;
        self.done(Command::SetTariff(PlanId::STANDARD, tariff("0.568")?))?;
        for card in self.cards.clone() {
            self.desk.tap(LANDLORD)?;
            self.desk.tap(card)?;
        }
        Ok(())
    }

    /// A session on each port, and what the landlord does meanwhile and after.
    fn round(&mut self, round: u32, minutes: u32) -> Result<(), Trouble> {
        let ports: Vec<PortId> = PortId::first(PORTS).collect();
        for port in &ports {
            let watts = 300 + 130 * u32::from(port.number()) + 17 * round;
            self.desk.plug(*port, watts);
            self.toggle(*port, round)?;
        }
        let span = Duration::from_seconds(minutes * 30 + round * 5 % (minutes * 15));
        self.desk.wait(span)?;
        match round % 5 {
            1 => {
                self.done(Command::SetTariff(PlanId::STANDARD, tariff(prices(round))?))?;
            }
            3 => self.lose_card(round)?,
            _ => {}
        }
        self.desk.wait(span)?;
        for port in &ports {
            if self.desk.book().session(*port).is_some() {
                self.toggle(*port, round)?;
            }
        }
        self.desk.wait(Duration::from_seconds(20))?;
        self.desk.settle()?;
        if round % 2 == 1 {
            // What was settled two rounds ago: a settlement waits, and is exported meanwhile.
            self.pay()?;
            self.settle_all()?;
        }
        // Also of what is not settled yet.
        self.export()
    }

    /// The tenant whose turn it is starts or stops.
    fn toggle(&mut self, port: PortId, round: u32) -> Result<(), Trouble> {
        let turn = usize::from(port.number()) + usize::try_from(round).unwrap_or(0);
        let card = self.cards.get(turn % self.cards.len()).copied();
        self.desk.tap(card.unwrap_or(1))?;
        self.desk.press(port)
    }

    /// A card is lost in a session: it is revoked, and the account gets another.
    fn lose_card(&mut self, round: u32) -> Result<(), Trouble> {
        let place = usize::try_from(round).unwrap_or(0) % self.cards.len();
        let account = AccountId::new(u16::try_from(place + 1).unwrap_or(1));
        if round % 2 == 1 {
            let card = self.desk.book().credentials().iter();
            let card = card.rev().find(|it| it.account() == Some(account));
            let id = card.map_or(CredentialId::new(1), |card| card.id);
            self.done(Command::Revoke(id))?;
        }
        self.done(Command::Replace(account))?;
        let new = NEW_CARDS + u8::try_from(round).unwrap_or(0);
        self.desk.tap(new)?;
        if let Some(card) = self.cards.get_mut(place) {
            *card = new;
        }
        Ok(())
    }

    fn settle_all(&mut self) -> Result<(), Trouble> {
        let owing: Vec<AccountId> = {
            let accounts = self.desk.book().accounts().iter();
            let owes = accounts.filter(|it| it.sessions > it.settled_sessions);
            owes.map(|it| it.id).collect()
        };
        for account in owing {
            self.done(Command::Settle(account))?;
        }
        Ok(())
    }

    fn pay(&mut self) -> Result<(), Trouble> {
        let waiting = self.desk.book().settlements().iter().map(|it| it.id);
        for number in waiting.collect::<Vec<u32>>() {
            let reference: Reference = format!("bank {number}")
                .parse()
                .map_err(|_| Trouble::Other("no such reference".to_owned()))?;
            self.done(Command::MarkPaid(number, reference))?;
        }
        Ok(())
    }

    fn export(&mut self) -> Result<(), Trouble> {
        let through = self.desk.records().last().map_or(0, |(seq, _)| *seq);
        self.done(Command::ConfirmExport(through)).map(drop)
    }

    fn move_out(&mut self) -> Result<(), Trouble> {
        self.pay()?;
        self.done(Command::Deregister(AccountId::new(2)))?;
        self.desk.settle()
    }
}

/// Each new tariff is another.
const fn prices(round: u32) -> &'static str {
    match round % 4 {
        0 => "0.60",
        1 => "0.625",
        2 => "0.70",
        _ => "0.568",
    }
}

/// One price until half past twelve, another after: the life begins at noon.
fn tariff(energy: &str) -> Result<Tariff, Trouble> {
    let wrong = |error: &dyn std::fmt::Display| Trouble::of("tariff", error);
    let band = |name: &str, energy: &str| {
        Ok::<_, Trouble>(Band {
            name: name.parse().map_err(|error| wrong(&error))?,
            energy: energy.parse().map_err(|error| wrong(&error))?,
            service: "0.20".parse().map_err(|error| wrong(&error))?,
        })
    };
    let bands = [band("day", energy)?, band("night", "0.288")?];
    let night = BandIndex::new(1).unwrap_or(BandIndex::FIRST);
    let slots: [BandIndex; SLOTS] =
        std::array::from_fn(|slot| if slot < 25 { BandIndex::FIRST } else { night });
    let (currency, offset) = (Currency::CNY, UtcOffset::UTC);
    Tariff::new(currency, offset, &bands, slots, BandIndex::FIRST).map_err(|error| wrong(&error))
}
