//! What was true while the flash was at work: what a mount after a cut is measured by.

use std::sync::Arc;

use billing_core::book::Book;
use billing_core::record::Record;
use pile_units::{MAX_PORTS, PortId};

use super::Surroundings;
use crate::flash::Operation;

/// Why the flash was at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A blank flash was made a ledger.
    Format,
    /// The ledger was mounted, and what a cut had left was put right.
    Mount,
    /// A record was written, and is acknowledged when the last operation is done.
    Append(Arc<Record>),
    /// The ledger made room.
    Work,
}

impl Task {
    /// In a word, for a report.
    pub fn name(&self) -> String {
        match self {
            Self::Format => "format".to_owned(),
            Self::Mount => "mount".to_owned(),
            Self::Work => "work".to_owned(),
            Self::Append(record) => {
                let text = format!("{record:?}");
                let end = text.find([' ', '(', '{']).unwrap_or(text.len());
                format!("append {}", text.split_at(end).0)
            }
        }
    }
}

/// What went through the meters since the pile was booted, mWh.
///
/// ```
/// use pile_sim::flash::Stm32g4;
/// use pile_sim::life::{Desk, Setup};
/// let setup = Setup { ports: 1, times: None, moments: false, seed: 1 };
/// let desk = Desk::format(&Stm32g4::stm32g4(), setup)?;
/// // Nothing yet: none, rounded down and up.
/// assert_eq!(desk.flows().flowed[0], (0, 1));
/// # Ok::<(), pile_sim::life::Trouble>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flows {
    /// Through each port's meter, rounded down when a task began, and up when it ended.
    pub flowed: [(u64, u64); MAX_PORTS],
    /// Each port's register when the pile was booted.
    pub booted: [u64; MAX_PORTS],
}

/// The operations of one task of the ledger, and what was true meanwhile.
#[derive(Debug, Clone)]
pub struct Moment {
    /// What the ledger was doing.
    pub task: Task,
    /// What it did to the flash.
    pub operations: Vec<Operation>,
    /// The fold of all that was acknowledged before.
    pub book: Arc<Book>,
    /// How many records were acknowledged before.
    pub acknowledged: usize,
    /// The ports whose relays were closed at any time of it, a bit each.
    pub closed: u16,
    /// What the meters had seen.
    pub flows: Flows,
    /// Wires and clock when the task began.
    pub around: Arc<Surroundings>,
}

impl Moment {
    /// True if a record was written.
    pub const fn appends(&self) -> bool {
        matches!(self.task, Task::Append(_))
    }

    /// True if the record was one of progress.
    pub fn records_progress(&self) -> bool {
        matches!(&self.task, Task::Append(record) if matches!(**record, Record::Progress { .. }))
    }

    /// True if the port's relay was closed.
    pub const fn is_closed(&self, port: PortId) -> bool {
        self.closed & (1 << port.index()) != 0
    }
}
