//! Records on their way to the flash, oldest first.

use billing_core::record::Record;

const CAPACITY: usize = 24;

#[derive(Debug, Clone)]
pub(super) struct Outbox(heapless::Deque<Record, CAPACITY>);

impl Outbox {
    pub const fn new() -> Self {
        Self(heapless::Deque::new())
    }

    /// True if there is room for `more`.
    pub const fn has_room(&self, more: usize) -> bool {
        self.0.len() + more <= CAPACITY
    }

    /// Adds a record; false if there is no room.
    #[must_use]
    pub fn push(&mut self, record: Record) -> bool {
        self.0.push_back(record).is_ok()
    }

    pub fn front(&self) -> Option<&Record> {
        self.0.front()
    }

    pub fn pop(&mut self) -> Option<Record> {
        self.0.pop_front()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn count(&self, which: impl Fn(&Record) -> bool) -> u32 {
        u32::try_from(self.0.iter().filter(|record| which(record)).count()).unwrap_or(u32::MAX)
    }

    pub fn any(&self, which: impl Fn(&Record) -> bool) -> bool {
        self.0.iter().any(which)
    }
}
