//! What a record's kind says of it: whether it is kept, when it was, what it opens.

use super::Record;
use pile_units::{PortId, SessionId, WallTime};

impl Record {
    /// True for a record of a kind that may outlive its place in the log as it is. Whether this one
    /// still must, [`Book::keeps`](crate::book::Book::keeps) says.
    pub const fn is_kept(&self) -> bool {
        matches!(
            self,
            Self::SegmentClosed { .. }
                | Self::LastSegment { .. }
                | Self::SessionClosed(_)
                | Self::Settled(_)
                | Self::Paid { .. }
        )
    }

    /// The session that opens with this record, and its port; `None` for any other kind.
    ///
    /// ```
    /// use billing_core::record::Record;
    /// use billing_core::tariff::BandIndex;
    /// use pile_units::{PhoneId, PortId, SessionId, WallTime};
    /// let (session, port) = (SessionId::new(7), PortId::from_number(2)?);
    /// let record = Record::OpenedByPhone {
    ///     session,
    ///     phone: PhoneId::new(1),
    ///     request: 1,
    ///     port,
    ///     band: BandIndex::FIRST,
    ///     at: WallTime::default(),
    /// };
    /// assert_eq!(record.opening(), Some((session, port)));
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub const fn opening(&self) -> Option<(SessionId, PortId)> {
        match self {
            Self::SessionOpened { session, port, .. }
            | Self::OpenedByPhone { session, port, .. } => Some((*session, *port)),
            _ => None,
        }
    }

    /// The pile's clock once this record stands, where it showed `last` before:
    /// [`Book::last`](crate::book::Book::last) after [`Book::apply`](crate::book::Book::apply).
    ///
    /// Every record tells its time, but for two kinds that can lie ahead of a clock that was set
    /// back: a segment that ends when it began, and a bill, whose last segment told it.
    ///
    /// ```
    /// use billing_core::record::{Advances, Record};
    /// use pile_units::{UnixSeconds, WallTime};
    /// let last = WallTime { unix: UnixSeconds::new(1000), ..WallTime::default() };
    /// let progress = Record::Progress { elapsed: 60, advances: Advances::default() };
    /// assert_eq!(progress.time_after(last).unix, UnixSeconds::new(1060));
    /// ```
    pub const fn time_after(&self, last: WallTime) -> WallTime {
        match self {
            Self::Commissioned { at, .. }
            | Self::Enrolled { at, .. }
            | Self::Revoked { at, .. }
            | Self::AccountClosed { at, .. }
            | Self::PolicySet { at, .. }
            | Self::TariffSet { at, .. }
            | Self::LimitsSet { at, .. }
            | Self::PortSwitched { at, .. }
            | Self::ClockSet { to: at, .. }
            | Self::SessionOpened { at, .. }
            | Self::FaultLatched { at, .. }
            | Self::FaultCleared { at, .. }
            | Self::Paid { at, .. }
            | Self::TariffPlanned { at, .. }
            | Self::PlanAssigned { at, .. }
            | Self::Exported { at, .. }
            | Self::AccountListed { at, .. }
            | Self::AttemptsSeen { at }
            | Self::Calibrated { at, .. }
            | Self::PhoneBound { at, .. }
            | Self::PhoneRevoked { at, .. }
            | Self::AccountNamed { at, .. }
            | Self::Recovered { at, .. }
            | Self::OpenedByPhone { at, .. } => *at,
            Self::Attempted(attempts) => attempts.last,
            Self::Progress { elapsed, .. } => WallTime {
                unix: last.unix.plus(*elapsed),
                quality: last.quality,
            },
            Self::SegmentClosed { segment, .. } | Self::LastSegment { segment } => {
                if segment.to.unix.get() == segment.from.unix.get() {
                    last
                } else {
                    segment.to
                }
            }
            Self::Settled(settlement) => settlement.at,
            Self::SessionClosed(_) | Self::Snapshot(_) => last,
        }
    }
}
