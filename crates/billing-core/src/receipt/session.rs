//! A session as the ledger holds it, made into what its receipt says: the one place where it is
//! decided, for the pile, for `pilectl` and for the virtual pile.
//!
//! # The clock
//!
//! A reading's time is the ledger's, with the status that the clock had then. A clock that was set
//! while the session ran leaves every reading but the stop with a time in doubt (`EF` holds `t`).
//! That is so if the caller says so, and where the records show it: a time runs back, or the
//! clock is trusted more at the end of a segment than at its start. A reading whose time would lie
//! after the stop's is written at the stop's time, and unknown (`U`): the S.A.F.E. software
//! refuses a session that ends before it began, whatever its times are worth.

use pile_units::{CardAlias, ClockQuality, Energy, PileId, SessionId, UtcOffset, WallTime};

use super::{Arithmetic, Doubt, End, Reading, ReceiptData, ReceiptHash, Stretch, TariffText};
use crate::record::{ClosedSession, Segment, StopReason};

/// Who gives the receipt.
///
/// ```
/// use billing_core::receipt::Issuer;
/// use pile_units::{PileId, UtcOffset};
/// let issuer = Issuer { pile: PileId::new([1; 8]), firmware: "0.1.0", utc_offset: UtcOffset::UTC };
/// assert_eq!(issuer.pile.to_string(), "0101010101010101");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issuer<'a> {
    /// The pile.
    pub pile: PileId,
    /// The firmware's version, at most [`MAX_FIRMWARE`](super::MAX_FIRMWARE) characters.
    pub firmware: &'a str,
    /// Where local time stands: that of the tariff in force.
    pub utc_offset: UtcOffset,
}

/// The records of a session that was billed.
///
/// The segments are walked more than once and nothing is buffered, so that a session of 255 of
/// them needs no more room than one of a single segment.
///
/// ```
/// use billing_core::receipt::{BilledSession, Issuer, ReceiptHash, SoftwareKey, write_receipt};
/// use billing_core::record::{ClosedSession, Segment};
/// use pile_units::CardAlias;
///
/// fn receipt(
///     closed: &ClosedSession, segments: &[Segment], alias: CardAlias,
///     issuer: &Issuer<'_>, previous: Option<ReceiptHash>, key: &SoftwareKey,
/// ) -> Option<String> {
///     let session = BilledSession {
///         closed,
///         segments: segments.iter().copied(),
///         alias,
///         clock_set: false,
///     };
///     let mut record = String::new();
///     write_receipt(&session.receipt(issuer, previous), key, &mut record).ok()?;
///     println!("{}", session.arithmetic());
///     Some(record)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BilledSession<'a, S> {
    /// The bill.
    pub closed: &'a ClosedSession,
    /// Its segments in order. Those of other sessions are passed over.
    pub segments: S,
    /// The keyed alias of the card that opened it.
    pub alias: CardAlias,
    /// True if the clock was set between its start and its end.
    pub clock_set: bool,
}

impl<S: Iterator<Item = Segment> + Clone> BilledSession<'_, S> {
    /// What its receipt says. `previous` is the hash of the receipt of the page before.
    pub fn receipt<'i>(
        &self,
        issuer: &Issuer<'i>,
        previous: Option<ReceiptHash>,
    ) -> ReceiptData<'i, Changes<S>, TariffText<Stretches<S>>> {
        let closed = self.closed;
        let start = Reading {
            at: closed.opened,
            register: closed.reading.saturating_sub(closed.energy),
            doubt: Doubt::default(),
        };
        let clock = Clock {
            stop: closed.closed,
            moved: self.clock_moved(),
        };
        ReceiptData {
            pile: issuer.pile,
            firmware: issuer.firmware,
            page: closed.page,
            port: closed.port,
            alias: self.alias,
            strength: closed.strength,
            session: closed.session,
            account: closed.account,
            utc_offset: issuer.utc_offset,
            begin: clock.told(start),
            changes: Changes::new(self.own(), start.register, clock),
            end: Reading {
                at: closed.closed,
                register: closed.reading,
                doubt: Doubt::default(),
            },
            ended: closed.reason.into(),
            tariff_text: TariffText::new(closed.currency, closed.session, self.stretches()),
            currency: closed.currency,
            bill: closed.bill,
            previous,
        }
    }

    /// Its bill, worked out line by line.
    pub fn arithmetic(&self) -> Arithmetic<Stretches<S>> {
        Arithmetic::new(self.closed.currency, self.stretches())
    }

    /// Its segments, as energy and prices.
    pub fn stretches(&self) -> Stretches<S> {
        Stretches(self.own())
    }

    fn own(&self) -> Own<S> {
        Own {
            session: self.closed.session,
            segments: self.segments.clone(),
        }
    }

    fn clock_moved(&self) -> bool {
        let jumps = |from: WallTime, to: WallTime| {
            from.unix > to.unix || trust(from.quality) < trust(to.quality)
        };
        self.clock_set
            || jumps(self.closed.opened, self.closed.closed)
            || self.own().any(|segment| jumps(segment.from, segment.to))
    }
}

/// How far a clock is trusted. It gains trust only by being set.
const fn trust(quality: ClockQuality) -> u8 {
    match quality {
        ClockQuality::Unknown | ClockQuality::Relative => 0,
        ClockQuality::Informative => 1,
        ClockQuality::Synchronised => 2,
    }
}

/// The clock of a session, seen from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    stop: WallTime,
    moved: bool,
}

impl Clock {
    /// An earlier reading as the receipt tells it.
    fn told(self, mut reading: Reading) -> Reading {
        reading.doubt.time |= self.moved;
        if reading.at.unix > self.stop.unix {
            reading.at = WallTime {
                unix: self.stop.unix,
                quality: ClockQuality::Unknown,
            };
        }
        reading
    }
}

/// The segments of one session among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Own<S> {
    session: SessionId,
    segments: S,
}

impl<S: Iterator<Item = Segment>> Iterator for Own<S> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let session = self.session;
        self.segments.find(|segment| segment.session == session)
    }
}

/// The readings where a session's price changed: where each segment but the first begins. From
/// [`BilledSession::receipt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes<S> {
    segments: Own<S>,
    register: Energy,
    clock: Clock,
}

impl<S: Iterator<Item = Segment>> Changes<S> {
    fn new(mut segments: Own<S>, start: Energy, clock: Clock) -> Self {
        let first = segments.next().map(|segment| segment.energy);
        Self {
            segments,
            register: start.saturating_add(first.unwrap_or_default()),
            clock,
        }
    }
}

impl<S: Iterator<Item = Segment>> Iterator for Changes<S> {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        let segment = self.segments.next()?;
        let reading = Reading {
            at: segment.from,
            register: self.register,
            doubt: Doubt::default(),
        };
        self.register = self.register.saturating_add(segment.energy);
        Some(self.clock.told(reading))
    }
}

/// The segments of a session as energy and prices. From [`BilledSession::stretches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretches<S>(Own<S>);

impl<S: Iterator<Item = Segment>> Iterator for Stretches<S> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        self.0.next().map(|segment| Stretch {
            band: segment.band,
            energy: segment.energy,
            energy_price: segment.energy_price,
            service_price: segment.service_price,
        })
    }
}

impl From<StopReason> for End {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::ByCard => Self::Local,
            StopReason::ByPhone | StopReason::ByLandlord | StopReason::Revoked => Self::Remote,
            StopReason::PowerLost => Self::PowerLost,
            StopReason::Full
            | StopReason::Unplugged
            | StopReason::NoLoad
            | StopReason::TimeLimit
            | StopReason::EnergyLimit
            | StopReason::CostLimit => Self::Normal,
            StopReason::Overload
            | StopReason::OverTemperature
            | StopReason::Leakage
            | StopReason::MeterLost
            | StopReason::Firmware
            | StopReason::PowerBudget
            | StopReason::FuseBlown => Self::Aborted,
        }
    }
}

#[cfg(test)]
mod tests;
