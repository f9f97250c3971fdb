//! The engine of a replay: every row of a file through the real controller, ledger, card and
//! meter code on virtual parts.

mod account;
mod script;

use crate::app::{Job, Ran};
use crate::input::Row;
use crate::plan::Plan;
use crate::progress::Progress;
use billing_core::record::Record;
use pile_controller::{Command, Outcome};
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, Look, Setup, Stretch, World};
use pile_units::{AccountId, ClockQuality, Limits, PlanId, Power, UnixSeconds, WallTime};
use script::{Happening, Script};
use std::collections::HashMap;

/// The world begins this long before the first row, to be commissioned.
const LEAD_S: u32 = 3600;
/// And goes on this long after the last, so that every session is closed.
const CLOSING_MS: u64 = 600_000;
/// A tenant whose tap had no effect tries again after this long.
const RETRY_MS: u64 = 30_000;
/// An armed cut that no flash operation met by then is a plain one.
const FUSE_MS: u64 = 120_000;
/// The privilege card; the tenants' cards follow.
const PRIVILEGE: u32 = 1;

/// Runs a job.
///
/// # Errors
/// What went wrong, in words: the engine or the firmware it runs has a fault.
pub fn run(job: &Job, progress: &mut Progress) -> Result<Ran, String> {
    let (first, last) = job.sessions.span().ok_or("there are no sessions")?;
    let base = UnixSeconds::new(first.get().saturating_sub(LEAD_S));
    let setup = Setup {
        ports: job.ports,
        seed: job.seed,
        look: Look::WhenNear,
        ..Setup::default()
    };
    let mut engine = Engine {
        job,
        base,
        world: World::new(setup),
        cards: HashMap::new(),
        cuts: Vec::new(),
    };
    engine.prepare()?;
    let mut script = Script::new(job, base);
    while let Some((at, happening)) = script.next() {
        progress.reach(engine.world.now().saturating_sub(u64::from(LEAD_S) * 1000) / 1000);
        engine.run_to(at, &mut script)?;
        engine.happen(happening, &mut script)?;
    }
    let end = script::millis(base, last) + CLOSING_MS;
    engine.run_to(end.max(engine.world.now() + CLOSING_MS), &mut script)?;
    account::settle(&engine)
}

/// A power cut as it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    at: u64,
    charging: u32,
    in_flash: bool,
}

struct Engine<'a> {
    job: &'a Job,
    base: UnixSeconds,
    world: World,
    cards: HashMap<&'a str, (AccountId, VirtualCard)>,
    cuts: Vec<Cut>,
}

impl<'a> Engine<'a> {
    /// Commissions the pile and authorises every tenant's card, by taps and commands.
    fn prepare(&mut self) -> Result<(), String> {
        self.world.power_up();
        self.world.run_for(3_000);
        let privilege = VirtualCard::numbered(PRIVILEGE);
        self.world.tap(&privilege);
        // On a whole second, so that the clock has no fraction of one to lose.
        self.world.run_until(10_000);
        let now = self
            .base
            .plus(u32::try_from(self.world.now() / 1000).unwrap_or(0));
        let clock = WallTime {
            unix: now,
            quality: ClockQuality::Synchronised,
        };
        self.command(Command::SetClock(clock))?;
        self.command(Command::SetTariff(
            PlanId::STANDARD,
            self.job.tariff.clone(),
        ))?;
        // Every row was checked to stay below a port's limit; the pile's budget admits all ports.
        let ports = u32::try_from(self.job.ports).unwrap_or(u32::MAX);
        let budget = Power::from_watts(ports.saturating_mul(1000).clamp(500, 22_000));
        let limits = Limits::default()
            .with_pile_power(budget)
            .map_err(|error| error.to_string())?;
        self.command(Command::SetLimits(limits))?;
        for (account, number) in self.job.sessions.accounts.iter().zip(1u16..) {
            let card = VirtualCard::numbered(PRIVILEGE + u32::from(number));
            self.world.tap(&privilege);
            self.world.tap(&card);
            self.cards.insert(account, (AccountId::new(number), card));
        }
        let (book, _) = self.world.read_ledger()?;
        if book.accounts().len() == self.job.sessions.accounts.len() {
            Ok(())
        } else {
            Err(format!(
                "only {} accounts could be opened",
                book.accounts().len()
            ))
        }
    }

    fn command(&mut self, command: Command) -> Result<(), String> {
        match self.world.command(command) {
            Some(Outcome::Refused(why)) => Err(format!("the pile refused: {why}")),
            Some(_) => Ok(()),
            None => Err("the pile did not answer".to_owned()),
        }
    }

    /// Lets time pass. Where an armed cut strikes on the way, the supply comes back later.
    fn run_to(&mut self, at: u64, script: &mut Script) -> Result<(), String> {
        while self.world.now() < at {
            let charging = self.charging();
            let powered = self.world.is_powered();
            self.world.run_until(at);
            if let Some(why) = self.world.refused() {
                return Err(format!("the pile refused to start: {why}"));
            }
            if powered && !self.world.is_powered() {
                self.was_cut(charging, true, script);
            }
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening, script: &mut Script) -> Result<(), String> {
        match happening {
            Happening::Restore => self.world.power_up(),
            Happening::Unplug(place) => {
                let Some(row) = self.row(place) else {
                    return Ok(());
                };
                self.world.unplug(row.port);
            }
            Happening::Plug(place) => {
                let Some(row) = self.row(place) else {
                    return Ok(());
                };
                self.world.plug(row.port, bike(row));
                self.charge(place, script)?;
            }
            Happening::Retry(place) if self.is_over(place)? => {}
            Happening::Retry(place) => self.charge(place, script)?,
            Happening::Cut {
                in_flash: true,
                seed,
            } if self.world.is_powered() => {
                self.world.cut_in_flash(seed % 3, seed);
                script.add(
                    self.world.now() + FUSE_MS,
                    Happening::Fuse {
                        cuts: self.cuts.len(),
                    },
                );
            }
            Happening::Fuse { cuts } if self.cuts.len() != cuts => {}
            Happening::Cut { .. } | Happening::Fuse { .. } => {
                let charging = self.charging();
                let powered = self.world.is_powered();
                self.world.power_cut();
                if powered {
                    self.was_cut(charging, false, script);
                }
            }
        }
        Ok(())
    }

    /// The tenant taps and chooses the port; tries again if nothing came of it.
    fn charge(&mut self, place: usize, script: &mut Script) -> Result<(), String> {
        let Some(row) = self.row(place) else {
            return Ok(());
        };
        let leaves = script::millis(self.base, row.plug_out);
        let Some((_, card)) = self.cards.get(row.account.as_str()) else {
            return Ok(());
        };
        let card = card.clone();
        let charging = self.charging();
        if self.world.is_powered() {
            let handle = self.world.lay_card(&card);
            self.world.run_for(400);
            self.world.press(row.port);
            self.world.run_for(100);
            self.world.take_card(handle);
            self.world.run_for(1_000);
            if !self.world.is_powered() {
                self.was_cut(charging, true, script);
            }
        }
        if self.world.relay(row.port) {
            return Ok(());
        }
        let again = self.world.now() + RETRY_MS;
        if self.job.power_cuts > 0 {
            if again < leaves {
                script.add(again, Happening::Retry(place));
            }
        } else {
            let said = self
                .world
                .signals()
                .last()
                .map(|(_, signal)| format!("{signal:?}"));
            return Err(format!(
                "line {}: port {} did not start; the pile said {}",
                row.line,
                row.port,
                said.unwrap_or_else(|| "nothing".to_owned()),
            ));
        }
        Ok(())
    }

    /// True if the supply took the session after all: it was opened, and closed at the next start.
    /// The tenant sees on the panel that it is over and leaves it at that.
    fn is_over(&self, place: usize) -> Result<bool, String> {
        let (Some(row), true) = (self.row(place), self.world.is_powered()) else {
            return Ok(false);
        };
        let (book, records) = self.world.read_ledger()?;
        Ok(book.session(row.port).is_some()
            || records.iter().any(|(_, record)| {
                matches!(record, Record::SessionClosed(closed)
                    if closed.port == row.port && account::opened_within(row, closed))
            }))
    }

    fn was_cut(&mut self, charging: u32, in_flash: bool, script: &mut Script) {
        let at = self.world.now();
        self.cuts.push(Cut {
            at,
            charging,
            in_flash,
        });
        let outage = script.outage();
        script.add(at + outage, Happening::Restore);
        script.cut_again(at);
    }

    fn charging(&self) -> u32 {
        let closed = self.ports().filter(|port| self.world.relay(*port));
        u32::try_from(closed.count()).unwrap_or(u32::MAX)
    }

    fn ports(&self) -> impl Iterator<Item = pile_units::PortId> + use<> {
        pile_units::PortId::first(self.job.ports)
    }

    fn row(&self, place: usize) -> Option<&'a Row> {
        self.job.sessions.rows.get(place)
    }
}

/// The bike of a row, with its charger's curve.
fn bike(row: &Row) -> Bike {
    let plan = Plan::for_stay(row.stay_s(), row.energy_wh);
    let stretch = |piece: &crate::plan::Piece| Stretch {
        millis: piece.duration_ms,
        power: Power::from_milliwatts(piece.power_mw),
    };
    Bike::new(plan.pieces().iter().map(stretch).collect())
}
