//! One port: its phase, its timers, and what its meter says.
//!
//! # Terms
//! - **Stray** energy passes the meter outside any session, or in the first counter step of one:
//!   a counter may be about to step when the relay closes, so the first step belongs to nobody
//!   and what is billed is never more than what was delivered (I3).

mod delivery;
mod readings;

use billing_core::record::{Fault, StopReason};
use billing_core::tariff::BandIndex;
use ble_protocol::message::UpTo;
pub(crate) use delivery::Delivery;
use metering::Sample;
use pile_units::{
    AccountId, Current, Duration, Energy, Instant, Limits, PhoneId, Power, SessionId,
    TariffVersion, Voltage, WallTime,
};
pub(crate) use readings::{FAST, Round};

/// A meter that is needed and says nothing for this long is lost.
pub(crate) const METER_LOST_AFTER: Duration = Duration::from_seconds(5);
/// As many silent answers in a row are a lost meter.
const SILENT_LIMIT: u8 = 3;
/// A reading this long after the relay opened is the session's last.
const RELAY_OPENS_IN: Duration = Duration::from_millis(200);
/// How long the end of a session waits for that reading.
pub(crate) const LAST_READING_WITHIN: Duration = Duration::from_seconds(3);
/// A bike's capacitors and the meter's averaging are quiet this long after the relay opened.
const WELD_CHECK_AFTER: Duration = Duration::from_seconds(3);
/// Readings of a powered, open port that make it welded.
const WELD_HITS: u8 = 2;
/// A reading is as good as one made now for this long.
const FRESH: Duration = Duration::from_millis(1500);
/// Where a port is. The table of what becomes of each by each input is in the crate's README.
///
/// ```
/// use billing_core::record::Fault;
/// use pile_controller::PortState;
/// assert_eq!(PortState::Faulted(Fault::Leakage).name(), "faulted");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortState {
    /// Ready for a bike.
    Idle,
    /// As idle; the last bike may still stand there.
    Finished,
    /// The session's record is on its way to the flash; the relay is open.
    Opening,
    /// The relay is closed, no load yet.
    Starting,
    /// The bike charges.
    Charging,
    /// The bike draws next to nothing.
    Full,
    /// The relay is open; the last reading and the bill are on their way to the flash.
    Stopping,
    /// Out of service.
    Disabled,
    /// A fault is latched.
    Faulted(Fault),
}

impl PortState {
    /// The name used in files: lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Finished => "finished",
            Self::Opening => "opening",
            Self::Starting => "starting",
            Self::Charging => "charging",
            Self::Full => "full",
            Self::Stopping => "stopping",
            Self::Disabled => "disabled",
            Self::Faulted(_) => "faulted",
        }
    }
}

/// A port as anyone may see it.
///
/// ```
/// use pile_controller::{PortState, PortView};
/// fn line(port: &PortView) -> String {
///     match port.state {
///         PortState::Charging => format!("{} at {}", port.energy, port.power),
///         other => other.name().to_string(),
///     }
/// }
/// # use pile_units::{Energy, Power};
/// # let (energy, power) = (Energy::from_watt_hours(120), Power::from_watts(200));
/// let view = PortView { state: PortState::Charging, session: None, account: None, power, energy };
/// assert_eq!(line(&view), "120.000 Wh at 200.000 W");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortView {
    /// Where it is.
    pub state: PortState,
    /// The session on it.
    pub session: Option<SessionId>,
    /// Whose session.
    pub account: Option<AccountId>,
    /// Power at the last reading.
    pub power: Power,
    /// What the session drew so far.
    pub energy: Energy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No session.
    Free,
    /// The relay is open. It closes once the record is durable and a fresh reading shows that no
    /// power flows: what leaked before belongs to nobody.
    Opening {
        account: AccountId,
        abort: Option<Stop>,
        durable: Option<Instant>,
    },
    /// The relay is closed.
    Delivering(Delivery),
    /// The relay is open; the last reading is awaited until it is seen.
    Finishing {
        reason: StopReason,
        since: Instant,
        at: WallTime,
        seen: bool,
    },
    /// The last segment is in the outbox or durable; the bill follows.
    Closing {
        reason: StopReason,
        at: WallTime,
        billed: bool,
    },
}

/// Why a session is to end, and whether that keeps the port open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    pub reason: StopReason,
    pub fault: Option<Fault>,
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self {
            reason,
            fault: None,
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self {
            reason: fault.stop_reason(),
            fault: Some(fault),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port {
    pub phase: Phase,
    pub fault: Option<Fault>,
    /// True once the fault's record is in the outbox.
    pub fault_recorded: bool,
    /// True while the record that clears the fault is in the outbox.
    pub clearing: bool,
    /// A fault that came meanwhile: it is latched again at once (I6).
    again: Option<Fault>,
    pub finished: bool,
    pub power: Power,
    /// Register of the port with everything in the outbox.
    pub register: Energy,
    /// Energy of the open segment, recorded or not.
    pub segment: Energy,
    /// Energy of the segments before.
    pub before: Energy,
    /// Not in the outbox yet: the session's, and nobody's.
    pub unrecorded: Energy,
    pub stray: Energy,
    /// What the open session drew in its first counter step and is not billed for.
    discarded: Energy,
    /// Records of this port's session in the outbox.
    pub in_outbox: u8,
    energy: Option<Energy>,
    resolution: Energy,
    /// What is left of the session's first counter step, which may end after the session.
    discard: Energy,
    heard: Instant,
    /// The last reading since the start of the machine.
    read: Option<Instant>,
    /// The last time that the meter was asked, in vain or not.
    asked: Option<Instant>,
    silent: u8,
    opened: Instant,
    weld_hits: u8,
    /// What was asked for when the session was opened.
    pub order: Order,
    /// At the last reading.
    pub electric: Option<(Voltage, Current)>,
}

/// What a phone asked for when it opened the session on a port. It is gone with the supply, as the
/// session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Order {
    /// Which phone.
    pub phone: Option<PhoneId>,
    /// When the session is to end by itself.
    pub up_to: UpTo,
    /// The wish to answer once the record is durable.
    pub answer: Option<u16>,
}

impl Port {
    pub const fn new(now: Instant, register: Energy, fault: Option<Fault>) -> Self {
        Self {
            phase: Phase::Free,
            fault,
            fault_recorded: true,
            clearing: false,
            again: None,
            finished: false,
            power: Power::ZERO,
            register,
            segment: Energy::ZERO,
            before: Energy::ZERO,
            unrecorded: Energy::ZERO,
            stray: Energy::ZERO,
            discarded: Energy::ZERO,
            in_outbox: 0,
            energy: None,
            resolution: Energy::ZERO,
            discard: Energy::ZERO,
            heard: now,
            read: None,
            asked: None,
            silent: 0,
            opened: now,
            weld_hits: 0,
            order: Order {
                phone: None,
                up_to: UpTo::Full,
                answer: None,
            },
            electric: None,
        }
    }

    /// The state, given whether the landlord has the port in service.
    pub fn state(&self, enabled: bool) -> PortState {
        if let Some(fault) = self.fault {
            return PortState::Faulted(fault);
        }
        match &self.phase {
            Phase::Opening { .. } => PortState::Opening,
            Phase::Delivering(delivery) if !delivery.loaded => PortState::Starting,
            Phase::Delivering(delivery) if delivery.is_low() => PortState::Full,
            Phase::Delivering(_) => PortState::Charging,
            Phase::Finishing { .. } | Phase::Closing { .. } => PortState::Stopping,
            Phase::Free if !enabled => PortState::Disabled,
            Phase::Free if self.finished => PortState::Finished,
            Phase::Free => PortState::Idle,
        }
    }

    /// True while the relay is closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Delivering(_))
    }

    /// True if the meter answers, so that energy can be billed.
    pub const fn has_meter(&self) -> bool {
        self.energy.is_some() && self.silent < SILENT_LIMIT
    }

    /// A reading just now says that the open port is dead.
    pub fn is_fresh(&self, now: Instant) -> bool {
        let fresh = self.read.is_some_and(|read| now.since(read) < FRESH);
        fresh && !self.is_powered()
    }

    /// True while a relay is closed or about to be: nothing is right then without a meter.
    pub const fn needs_meter(&self) -> bool {
        matches!(self.phase, Phase::Opening { .. } | Phase::Delivering(_))
    }

    /// Power is flowing into the open port.
    pub fn is_powered(&self) -> bool {
        self.power >= Limits::NO_LOAD_POWER
    }

    /// What the pile's supply gives to the port: through its relay, closed or welded.
    pub fn drawn(&self) -> Power {
        if self.is_closed() || self.fault == Some(Fault::RelayWelded) {
            self.power
        } else {
            Power::ZERO
        }
    }

    /// Everything the session drew.
    pub const fn session_energy(&self) -> Energy {
        self.before.saturating_add(self.segment)
    }

    /// The record that opens the session is durable and the relay closes.
    pub fn deliver(&mut self, now: Instant, price: (TariffVersion, BandIndex)) {
        self.heard = now;
        self.discard = self.resolution;
        self.discarded = Energy::ZERO;
        self.phase = Phase::Delivering(Delivery::new(now, price));
    }

    /// The relay opens and the last reading is awaited.
    pub fn finish(&mut self, now: Instant, at: WallTime, reason: StopReason) {
        // A meter that is lost will give no last reading.
        let seen = reason == StopReason::MeterLost;
        self.opened = now;
        self.heard = now;
        self.phase = Phase::Finishing {
            reason,
            since: now,
            at,
            seen,
        };
    }

    /// True where no record is due: nothing of a session, no fault, nothing measured.
    pub const fn is_written_down(&self) -> bool {
        matches!(self.phase, Phase::Free)
            && (self.fault.is_none() || self.fault_recorded)
            && !self.has_unrecorded()
    }

    /// The relay never closed, so nothing of the session is to come.
    pub fn abort(&mut self, now: Instant, at: WallTime, reason: StopReason) {
        self.phase = Phase::Finishing {
            reason,
            since: now,
            at,
            seen: true,
        };
    }

    /// A session whose record will never be durable never was.
    pub fn forget_unopened(&mut self) {
        if let Phase::Opening { durable: None, .. } = self.phase {
            self.phase = Phase::Free;
        }
    }

    /// Latches a fault. The first is kept until it is cleared.
    pub fn latch(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
            self.fault_recorded = false;
        } else if self.clearing {
            self.again = Some(fault);
        }
    }

    /// The record that clears the fault is durable.
    pub fn fault_cleared(&mut self) {
        self.clearing = false;
        self.fault = self.again.take();
        self.fault_recorded = self.fault.is_none();
    }

    /// The session's bill is durable.
    pub fn free(&mut self) {
        self.phase = Phase::Free;
        self.finished = true;
        self.segment = Energy::ZERO;
        self.before = Energy::ZERO;
        self.order = Order::default();
    }

    /// Takes a reading; says what must stop, if anything.
    pub fn sample(&mut self, now: Instant, limits: &Limits, sample: &Sample) -> Option<Stop> {
        let before = self.energy.replace(sample.energy).unwrap_or(sample.energy);
        let heard = core::mem::replace(&mut self.heard, now);
        self.read = Some(now);
        self.asked = Some(now);
        self.resolution = sample.resolution;
        self.power = sample.power;
        self.electric = Some((sample.voltage, sample.current));
        self.silent = 0;
        self.attribute(sample.energy.saturating_sub(before));
        if let Phase::Finishing { since, seen, .. } = &mut self.phase {
            *seen |= now.since(*since) >= RELAY_OPENS_IN;
        }
        if sample
            .temperature
            .is_some_and(|it| it >= limits.cut_temperature())
        {
            return Some(Fault::OverTemperature.into());
        }
        match &mut self.phase {
            Phase::Delivering(delivery) => delivery.judge(now, heard, limits, sample.power),
            _ => self.check_weld(now),
        }
    }

    /// The meter gave no answer.
    pub fn silence(&mut self, now: Instant) -> Option<Stop> {
        self.asked = Some(now);
        self.silent = self.silent.saturating_add(1);
        (self.silent >= SILENT_LIMIT && self.needs_meter()).then_some(Fault::MeterLost.into())
    }

    /// What the passing of time alone stops.
    pub fn tick(&mut self, now: Instant, limits: &Limits) -> Option<Stop> {
        match &mut self.phase {
            Phase::Delivering(delivery)
                if delivery.overload_due(limits).is_some_and(|due| due <= now) =>
            {
                Some(Fault::Overload.into())
            }
            Phase::Delivering(_) if now.since(self.heard) >= METER_LOST_AFTER => {
                self.silent = SILENT_LIMIT;
                Some(Fault::MeterLost.into())
            }
            Phase::Opening {
                durable: Some(since),
                ..
            } if now.since(*since) >= METER_LOST_AFTER => {
                self.silent = SILENT_LIMIT;
                Some(Fault::MeterLost.into())
            }
            Phase::Finishing { since, seen, .. } => {
                *seen |= now.since(*since) >= LAST_READING_WITHIN;
                None
            }
            _ => None,
        }
    }

    /// When time alone changes something.
    pub fn deadline(&self, limits: &Limits) -> Option<Instant> {
        match &self.phase {
            Phase::Delivering(delivery) => {
                let lost = self.heard.after(METER_LOST_AFTER);
                Some(
                    delivery
                        .overload_due(limits)
                        .map_or(lost, |due| due.min(lost)),
                )
            }
            Phase::Opening {
                durable: Some(since),
                ..
            } => Some(since.after(METER_LOST_AFTER)),
            Phase::Finishing {
                since, seen: false, ..
            } => Some(since.after(LAST_READING_WITHIN)),
            _ => None,
        }
    }

    /// Says whose the energy is that a reading added.
    fn attribute(&mut self, delta: Energy) {
        let billed = match self.phase {
            Phase::Delivering(_) | Phase::Finishing { seen: false, .. } => {
                let billed = delta.saturating_sub(self.discard);
                self.discard = self.discard.saturating_sub(delta);
                let unbilled = delta.saturating_sub(billed);
                self.discarded = self.discarded.saturating_add(unbilled);
                billed
            }
            _ => Energy::ZERO,
        };
        self.unrecorded = self.unrecorded.saturating_add(billed);
        self.segment = self.segment.saturating_add(billed);
        self.stray = self.stray.saturating_add(delta.saturating_sub(billed));
    }

    fn check_weld(&mut self, now: Instant) -> Option<Stop> {
        let powered = self.is_powered() && now.since(self.opened) >= WELD_CHECK_AFTER;
        self.weld_hits = if powered {
            self.weld_hits.saturating_add(1)
        } else {
            0
        };
        (self.weld_hits >= WELD_HITS).then_some(Fault::RelayWelded.into())
    }
}
