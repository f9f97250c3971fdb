//! One cut point after the other.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use billing_core::record::Record;
use pile_controller::{Command, Event};
use pile_units::{Duration, PortId};

use super::judge::{Broken, Expected, Found, Model, energy, relays};
use super::report::{Cut, Found as Points, Violation};
use super::{Flash, Sample};
use crate::flash::{Cells, Operation, Outcome};
use crate::life::store::Store;
use crate::life::{Desk, Moment, Setup, Surroundings, Task, Trouble};

/// Walks a life, and cuts the tasks it is asked to.
pub(super) struct Walker<'a, const W: usize, const E: usize> {
    model: &'a Model<'a>,
    sample: Sample,
    /// The cells before the next task, and its number and that of its first operation.
    cells: Cells,
    task: usize,
    operation: usize,
    programmed: usize,
}

/// What a recovery did, and the records since the first cut.
type Restart = (Vec<Moment>, Vec<(u64, Record)>);

/// What a recovery must see.
struct Recovery<'a> {
    moment: &'a Moment,
    expected: &'a Expected<'a>,
    arrived: bool,
    cells: &'a Cells,
    first: Cut,
    task: &'a str,
}

impl<'a, const W: usize, const E: usize> Walker<'a, W, E> {
    pub fn new(model: &'a Model<'a>, sample: Sample) -> Self {
        Self {
            model,
            sample,
            cells: model.life.blank.clone(),
            task: 0,
            operation: 0,
            programmed: 0,
        }
    }

    /// Cuts every operation of a task, not before the last one; `None` behind the life's end.
    pub fn cut_task(&mut self, task: usize) -> Option<Points> {
        while self.task < task {
            let moment = self.model.life.moments.get(self.task)?;
            moment.operations.iter().for_each(|it| self.cells.apply(it));
            self.operation += moment.operations.len();
            let programs = moment.operations.iter().filter(|it| !it.is_erase());
            self.programmed += programs.map(Operation::length).sum::<usize>();
            self.task += 1;
        }
        let moment = self.model.life.moments.get(task)?;
        let mut points = Points::default();
        let is_progress = moment.records_progress();
        let Sample { tasks, seed, .. } = self.sample;
        let one_in = match &moment.task {
            _ if is_progress => tasks.progress,
            Task::Append(record)
                if matches!(
                    **record,
                    Record::SessionOpened { .. } | Record::SessionClosed(_)
                ) =>
            {
                1
            }
            _ => tasks.other,
        };
        if !(task as u64 ^ seed).is_multiple_of(one_in) {
            return Some(points);
        }
        let whole = self.cells.bytes().len() / 4 * tasks.quarters;
        let is_later = is_progress && self.programmed > whole;
        let later = if is_later { tasks.later } else { 1 };
        let expected = self.model.expected(moment);
        let mut tried = HashSet::new();
        let mut before = self.cells.clone();
        for (index, operation) in moment.operations.iter().enumerate() {
            let mut cut = false;
            for outcome in Outcome::all(operation, W) {
                let mut cells = before.clone();
                outcome.leave(operation, &mut cells);
                // What an operation does not begin, the one before it has done.
                let print = touched(operation, &cells);
                let nothing = print == touched(operation, &before);
                if !tried.insert((index, print)) || (nothing && index > 0) {
                    continue;
                }
                let operation = self.operation + index;
                let first = Cut { operation, outcome };
                let print = print ^ operation as u64;
                // One of each operation at least.
                if later > 1 && cut && !self.chosen(print.rotate_left(32), later) {
                    continue;
                }
                cut = true;
                points.single += 1;
                self.single((moment, &expected), &cells, print, first, &mut points);
            }
            before.apply(operation);
        }
        Some(points)
    }

    fn single(
        &self,
        (moment, expected): (&Moment, &Expected<'_>),
        cells: &Cells,
        print: u64,
        first: Cut,
        points: &mut Points,
    ) {
        let task = moment.task.name();
        let found = caught(|| {
            let found = match mount::<W, E>(cells) {
                // Nothing was ever acknowledged: the shell formats it again.
                Err(Trouble::Blank) if moment.task == Task::Format => return Ok(None),
                mounted => mounted.map_err(|trouble| refused(&trouble))?,
            };
            let arrived = self.model.judge(expected, &found)?;
            relays(moment, &found.book)?;
            energy(&moment.flows, &found.book)?;
            Ok(Some(arrived))
        });
        match found {
            Err(broken) => points.violation(Violation {
                task,
                first,
                second: None,
                broken,
            }),
            Ok(Some(arrived)) if self.chosen(print, self.sample.recover) => {
                points.recoveries += 1;
                let recovery = Recovery {
                    moment,
                    expected,
                    arrived,
                    cells,
                    first,
                    task: &task,
                };
                self.recover(&recovery, points);
            }
            Ok(_) => {}
        }
    }

    fn chosen(&self, print: u64, one_in: u64) -> bool {
        let mixed = (print ^ self.sample.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        mixed.is_multiple_of(one_in)
    }

    /// The pile starts on what the cut left and closes what was open; then the same again, with a
    /// second cut in every operation of that.
    fn recover(&self, recovery: &Recovery<'_>, points: &mut Points) {
        let violation = |second, broken| Violation {
            task: recovery.task.to_owned(),
            first: recovery.first,
            second,
            broken,
        };
        let (moments, records) = match caught(|| self.restart(recovery)) {
            Ok(lived) => lived,
            Err(broken) => return points.violation(violation(None, broken)),
        };
        let mut seen = HashSet::new();
        let mut before = recovery.cells.clone();
        let mut number = 0;
        for moment in &moments {
            let new = moment.acknowledged - recovery.expected.old.len();
            let expected = Expected {
                before: &moment.book,
                flying: records.get(new).filter(|_| moment.appends()),
                new: records.get(..new).unwrap_or_default(),
                old: recovery.expected.old,
                kept: recovery
                    .expected
                    .kept
                    .and(records.get(..new).unwrap_or_default()),
                around: recovery.expected.around,
            };
            for operation in &moment.operations {
                for outcome in Outcome::all(operation, W) {
                    let mut cells = before.clone();
                    outcome.leave(operation, &mut cells);
                    let print = touched(operation, &cells);
                    let nothing = print == touched(operation, &before);
                    let again = self.chosen(print ^ number as u64, self.sample.again);
                    if !again || !seen.insert((number, print)) || (nothing && number > 0) {
                        continue;
                    }
                    points.double += 1;
                    let judged = caught(|| {
                        let found = mount::<W, E>(&cells).map_err(|trouble| refused(&trouble))?;
                        self.model.judge(&expected, &found)?;
                        // No relay closes in a recovery; what had flowed before the first cut is
                        // recorded as well as one cut leaves it.
                        relays(moment, &found.book)?;
                        energy(&moment.flows, &found.book)?;
                        energy(&recovery.moment.flows, &found.book)
                    });
                    if let Err(broken) = judged {
                        let operation = number;
                        let second = Cut { operation, outcome };
                        points.violation(violation(Some(second), broken));
                    }
                }
                before.apply(operation);
                number += 1;
            }
        }
    }

    /// A recovery without a second cut: all sessions are closed as power lost, nothing is added, and
    /// the next mount finds it so.
    fn restart(&self, recovery: &Recovery<'_>) -> Result<Restart, Broken> {
        let expected = recovery.expected;
        let number = recovery.first.operation as u64;
        let flying = expected.flying.filter(|_| recovery.arrived);
        let mut around = expected.around.clone();
        around.acknowledged = expected.old.len() + usize::from(flying.is_some());
        let setup = Setup {
            ports: 4,
            times: None,
            moments: true,
            seed: self.sample.seed,
        };
        let flash = Flash::<W, E>::from_cells(recovery.cells);
        let trouble = |trouble: Trouble| Broken {
            invariant: "I8",
            found: format!("the pile does not start again: {trouble}"),
        };
        let mut desk = Desk::boot(&flash, setup, around).map_err(trouble)?;
        let metered = desk.book().balance().metered;
        desk.wait(Duration::from_seconds(5)).map_err(trouble)?;
        desk.settle().map_err(trouble)?;
        let open = desk.book().open_sessions().count();
        let now = desk.book().balance().metered;
        if open > 0 || now != metered {
            return Err(Broken {
                invariant: "I3",
                found: format!(
                    "after the restart {open} sessions are open, and {now} are metered, not {metered}"
                ),
            });
        }
        let records: Vec<_> = flying.into_iter().chain(desk.records()).cloned().collect();
        let moments = desk.take_moments();
        let judge = |desk: &Desk<W, E>, around: &Surroundings, new: &[(u64, Record)]| {
            let found = mount::<W, E>(&flash.cells()).map_err(|trouble| refused(&trouble))?;
            let expected = Expected {
                before: desk.book(),
                flying: None,
                old: expected.old,
                new,
                kept: expected.kept.and(new),
                around,
            };
            self.model.judge(&expected, &found)?;
            energy(&desk.flows(), &found.book)
        };
        judge(&desk, expected.around, &records)?;
        energy(&recovery.moment.flows, desk.book())?;
        if self.chosen(records.len() as u64 ^ number, self.sample.live_on) {
            live_on(&mut desk).map_err(trouble)?;
            let all: Vec<_> = flying.into_iter().chain(desk.records()).cloned().collect();
            judge(&desk, &desk.surroundings(), &all)?;
        }
        Ok((moments, records))
    }
}

/// Tells what an operation has left from what it could have left.
fn touched(operation: &Operation, cells: &Cells) -> u64 {
    let from = usize::try_from(operation.address()).unwrap_or(usize::MAX);
    cells.fingerprint(from..from.saturating_add(operation.length()))
}

/// A pile whose supply stays charges again, if it can: what the cut has left must not show later.
fn live_on<const W: usize, const E: usize>(desk: &mut Desk<W, E>) -> Result<(), Trouble> {
    for port in PortId::first(4) {
        desk.plug(port, 1000);
        desk.tap(port.number())?;
        desk.press(port)?;
    }
    desk.wait(Duration::from_minutes(10))?;
    for port in PortId::first(4) {
        desk.feed(Event::Command(
            u16::from(port.number()),
            Command::Stop(port),
        ))?;
    }
    desk.wait(Duration::from_seconds(10))?;
    desk.settle()
}

fn mount<const W: usize, const E: usize>(cells: &Cells) -> Result<Found, Trouble> {
    let flash = Flash::<W, E>::from_cells(cells);
    let (mut store, book) = Store::mount(&flash)?;
    let records = store.records()?;
    Ok(Found { book, records })
}

fn refused(trouble: &Trouble) -> Broken {
    Broken {
        invariant: "I4",
        found: format!("refused: {trouble}"),
    }
}

/// A panic is a finding like any other (I8).
fn caught<T>(work: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Err(Broken {
            invariant: "I8",
            found: format!("panicked: {}", text.unwrap_or_default()),
        })
    })
}
