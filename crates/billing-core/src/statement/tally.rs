//! The arithmetic of one session, done again.

use super::Difference;
use crate::cost::SessionCost;
use crate::record::{ClosedSession, Segment};
use pile_units::{AccountId, Energy, Fee, SessionId, WallTime};

/// Adds up the segments of one session and compares each with what its record says.
///
/// ```
/// use billing_core::cost::SessionCost;
/// use billing_core::statement::Tally;
/// # use billing_core::book::{Book, testing::next_record};
/// # use billing_core::record::Record;
/// # let (mut book, mut state) = (Book::new(), 1u32);
/// # let mut dice = |sides| {
/// #     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
/// #     (state >> 8) % sides
/// # };
/// # let mut last = None;
/// # let mut billed = None;
/// # for _ in 0..5000 {
/// #     let record = next_record(&book, 10, &mut dice);
/// #     book.apply(&record)?;
/// #     match record {
/// #         Record::LastSegment { segment } => last = Some(segment),
/// #         Record::SessionClosed(closed) if closed.segments == 1 => {
/// #             let ours = last.filter(|it: &billing_core::record::Segment| it.session == closed.session);
/// #             billed = billed.or(ours.map(|it| (it, closed)));
/// #         }
/// #         _ => {}
/// #     }
/// # }
/// # let (segment, closed) = billed.ok_or("no session of one segment")?;
/// // A session of one segment, and its bill.
/// let mut tally = Tally::new(closed.session);
/// tally.add(&segment)?;
/// let exact: SessionCost = tally.check(&closed)?;
/// assert_eq!(exact.total(closed.currency), closed.bill);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    session: SessionId,
    segments: u16,
    account: AccountId,
    energy: Energy,
    cost: SessionCost,
    to: WallTime,
    /// The first thing that did not agree.
    wrong: Option<Difference>,
}

impl Tally {
    /// Starts with a session of no segments.
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            segments: 0,
            account: AccountId::default(),
            energy: Energy::ZERO,
            cost: SessionCost::default(),
            to: WallTime::default(),
            wrong: None,
        }
    }

    /// The session.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Adds the next segment and gives its exact fees: electricity and service.
    ///
    /// # Errors
    /// [`Difference`] between the segment's record and what follows from its energy and prices, or
    /// from the segments before. [`Self::check`] says it again.
    pub fn add(&mut self, segment: &Segment) -> Result<(Fee, Fee), Difference> {
        let added = self.try_add(segment);
        if let Err(why) = added {
            self.wrong.get_or_insert(why);
        }
        added
    }

    fn try_add(&mut self, segment: &Segment) -> Result<(Fee, Fee), Difference> {
        let index = u16::from(segment.index);
        if index != self.segments {
            return Err(Difference::Segments {
                found: self.segments,
                expected: index,
            });
        }
        if index > 0 && segment.from != self.to {
            return Err(Difference::Time {
                index: segment.index,
            });
        }
        let exact = (
            Fee::of(segment.energy, segment.energy_price),
            Fee::of(segment.energy, segment.service_price),
        );
        let line =
            self.cost
                .close_segment(segment.energy, segment.energy_price, segment.service_price);
        if (line.energy_micro, line.service_micro) != (segment.energy_micro, segment.service_micro)
        {
            return Err(Difference::Fee {
                index: segment.index,
            });
        }
        if index > 0 && segment.account != self.account {
            return Err(Difference::Account);
        }
        self.account = segment.account;
        self.segments += 1;
        self.to = segment.to;
        self.energy = self
            .energy
            .checked_add(segment.energy)
            .ok_or(Difference::Overflow)?;
        Ok(exact)
    }

    /// Compares the session's record with its segments, and gives the exact sums behind its bill.
    ///
    /// # Errors
    /// [`Difference`]: the first that was found.
    pub fn check(&self, closed: &ClosedSession) -> Result<SessionCost, Difference> {
        if let Some(why) = self.wrong {
            return Err(why);
        }
        if self.segments != u16::from(closed.segments) {
            return Err(Difference::Segments {
                found: self.segments,
                expected: closed.segments.into(),
            });
        }
        if self.segments > 0 && self.account != closed.account {
            return Err(Difference::Account);
        }
        // The meter cannot have shown less than nothing at the start.
        if self.energy != closed.energy || closed.reading < closed.energy {
            return Err(Difference::Energy);
        }
        if self.cost.total(closed.currency) != closed.bill {
            return Err(Difference::Bill);
        }
        Ok(self.cost)
    }
}
