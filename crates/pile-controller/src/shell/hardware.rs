//! What a pile is made of, one trait a capability.

use crate::serve::About;
use crate::{Command, Indicator, Outcome, Signal};
use billing_core::journal::Identity;
use billing_core::receipt::SoftwareKey;
use billing_core::record::Fault;
use ble_protocol::{Gone, PhoneKeys, Pipe};
use card_auth::{AliasKey, CardReader, SiteKey};
use embedded_storage_async::nor_flash::NorFlash;
use metering::EnergyMeter;
use pile_units::{Instant, PileId, PortId, Temperature, WallTime};

/// Monotonic time.
#[expect(
    async_fn_in_trait,
    reason = "the shell joins its tasks itself and sends none away"
)]
pub trait Clock {
    /// Milliseconds since some start; never goes back.
    fn now(&self) -> Instant;

    /// Waits until the moment has come.
    async fn sleep_until(&self, moment: Instant);
}

/// The battery-backed clock, where there is one.
pub trait Rtc {
    /// The time, if it is known.
    fn read(&mut self) -> Option<WallTime>;

    /// Sets it.
    fn set(&mut self, to: WallTime);
}

/// The relays. All are open when the supply comes.
pub trait Relays {
    /// Moves one.
    fn set(&mut self, port: PortId, closed: bool);
}

/// Lights, a buzzer, a display: whatever the pile has to say with.
pub trait Panel {
    /// Shows a port's state.
    fn indicate(&mut self, port: PortId, indicator: Indicator);

    /// Says something to whoever stands there.
    fn signal(&mut self, signal: Signal);

    /// Says why the ledger is refused, where the pile has a display or a log for it; `None` once a
    /// new one is begun.
    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        let _ = why;
    }

    /// Says how often the card reader had to be reset since the supply came, each time that it was,
    /// where the pile has a display or a log for it: a reader that needs it every day is one to replace.
    /// The resets of a reader that only saw nobody for long are not among them.
    fn reader_resets(&mut self, resets: u32) {
        let _ = resets;
    }
}

/// The ports' buttons, debounced.
#[expect(
    async_fn_in_trait,
    reason = "the shell joins its tasks itself and sends none away"
)]
pub trait Buttons {
    /// Waits for the next press.
    async fn pressed(&mut self) -> PortId;
}

/// When to look for a card.
#[expect(
    async_fn_in_trait,
    reason = "the shell joins its tasks itself and sends none away"
)]
pub trait CardPace {
    /// Waits until it is worth looking: the next tenth of a second, or a reader's card-detect
    /// line. Must come back at least once a minute, so that a hung reader is noticed.
    async fn next(&mut self);
}

/// What the hardware notices by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// This port must open: residual current, fuse, fast over-current, thermostat.
    Trip(PortId, Fault),
    /// The temperature inside the pile, when it changed.
    Temperature(Temperature),
    /// The supply is failing: some milliseconds are left.
    PowerFailing,
}

/// The lines that interrupt.
#[expect(
    async_fn_in_trait,
    reason = "the shell joins its tasks itself and sends none away"
)]
pub trait Lines {
    /// Waits for the next.
    async fn next(&mut self) -> Line;
}

/// Where the landlord's commands come from and the answers go.
#[expect(
    async_fn_in_trait,
    reason = "the shell joins its tasks itself and sends none away"
)]
pub trait Link {
    /// Waits for the next command and the number to answer it by.
    async fn next(&self) -> (u16, Command);

    /// Sends an answer, or queues it.
    fn answer(&self, id: u16, outcome: Outcome);
}

/// What serves phones: a pipe to them, and what the pile says of itself.
///
/// ```
/// use ble_protocol::PhoneKeys;
/// use pile_controller::serve::About;
/// use pile_controller::shell::{NoPhones, Phones};
/// /// A pile without a link.
/// fn none() -> Option<Phones<NoPhones>> {
///     None
/// }
/// /// A pile with one: `secret` is random and kept by the hardware, as the site key is.
/// fn some<P>(pipe: P, secret: [u8; 32]) -> Option<Phones<P>> {
///     let (keys, about) = (PhoneKeys::new(secret), About::default());
///     Some(Phones { pipe, keys, about, receipt_key: None })
/// }
/// ```
pub struct Phones<P> {
    /// What carries the bytes.
    pub pipe: P,
    /// The secret that the keys of phones are made of: 32 random bytes, kept by the hardware. If it
    /// is lost, every phone has to be bound anew.
    pub keys: PhoneKeys,
    /// What the pile says of itself. That it signs receipts is added where it has a key.
    pub about: About,
    /// The key that signs receipts for phones, kept by the hardware; the same that `pilectl receipt
    /// make` is given, so that the receipts of both are this pile's. If it is lost, phones that know the
    /// old one take no receipt of the new one.
    pub receipt_key: Option<SoftwareKey>,
}

/// The pipe of a pile that serves no phones.
///
/// ```
/// use pile_controller::shell::NoPhones;
/// let none: Option<NoPhones> = None;
/// assert!(none.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPhones {}

impl Pipe for NoPhones {
    async fn connected(&mut self) {
        match *self {}
    }

    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Gone> {
        match *self {}
    }

    async fn write(&mut self, _: &[u8]) -> Result<(), Gone> {
        match *self {}
    }

    fn portion(&self) -> usize {
        match *self {}
    }

    async fn disconnect(&mut self) {
        match *self {}
    }
}

/// Random numbers that nobody can foretell: a hardware generator, or one seeded by it. A challenge
/// that comes twice lets a copy pass with an answer it overheard.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// The parts of a pile, taken apart so that each task owns its own.
pub struct Parts<H: Hardware + ?Sized> {
    /// Outlets, 1..=`MAX_PORTS`.
    pub ports: usize,
    /// Random, kept by the hardware or made at first power-up.
    pub pile: PileId,
    /// Random; names the journal when the flash is blank or a new one is begun.
    pub identity: Identity,
    /// The secret under which UIDs become aliases.
    pub alias_key: AliasKey,
    /// The secret of which the keys of the site's cards are made, kept by the hardware. Without one
    /// no card is asked for a key, and each is known by its number alone.
    pub site_key: Option<SiteKey>,
    /// Random numbers.
    pub random: H::Random,
    /// Monotonic time.
    pub clock: H::Clock,
    /// Wall time.
    pub rtc: H::Rtc,
    /// The relays.
    pub relays: H::Relays,
    /// Lights and sounds.
    pub panel: H::Panel,
    /// The meters, channel = port index.
    pub meters: H::Meters,
    /// True where closed ports are to be asked for their fast over-current
    /// ([`EnergyMeter::over_current`]) every 80 ms: the drivers were given a limit, and no output
    /// of the chips is wired to a [`Line::Trip`], which would be quicker still.
    pub watches_current: bool,
    /// The card reader.
    pub cards: H::Cards,
    /// When to look for a card.
    pub card_pace: H::CardPace,
    /// The buttons.
    pub buttons: H::Buttons,
    /// The lines.
    pub lines: H::Lines,
    /// The link.
    pub link: H::Link,
    /// What serves phones, if anything does. Without a [site key](Self::site_key) no phone can be
    /// bound: its link is ended instead of waiting for a tap.
    pub phones: Option<Phones<H::Phones>>,
    /// The flash area of the ledger.
    pub flash: H::Flash,
}

/// One pile's hardware: a board names its parts here and hands them over.
pub trait Hardware {
    /// Random numbers.
    type Random: Random;
    /// Monotonic time.
    type Clock: Clock;
    /// Wall time.
    type Rtc: Rtc;
    /// The relays.
    type Relays: Relays;
    /// Lights and sounds.
    type Panel: Panel;
    /// The meters, channel = port index.
    type Meters: EnergyMeter;
    /// The card reader.
    type Cards: CardReader;
    /// When to look for a card.
    type CardPace: CardPace;
    /// The buttons.
    type Buttons: Buttons;
    /// The lines.
    type Lines: Lines;
    /// The link.
    type Link: Link;
    /// The pipe to phones: [`NoPhones`] where there is none.
    type Phones: Pipe;
    /// The flash area of the ledger.
    type Flash: NorFlash;

    /// Takes it apart.
    fn into_parts(self) -> Parts<Self>;
}
