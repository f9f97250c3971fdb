//! A board's parts, named once.

use ble_protocol::Pipe;
use card_auth::CardReader;
use embedded_storage_async::nor_flash::NorFlash;
use metering::EnergyMeter;
use pile_controller::serve::About;
use pile_controller::shell::{
    Buttons, Clock, Hardware, Line, Lines, Link, Panel, Parts, Phones, Random, Relays, Rtc,
};
use pile_controller::{Command, Outcome};
use pile_units::WallTime;

use crate::keys::KeyPage;

/// The parts of a board, and its keys. [`shell::run`](pile_controller::shell::run) takes it as it is.
///
/// ```
/// use pile_app::Wiring;
/// use pile_controller::shell::{self, Hardware};
/// /// All there is of a board's `main`, once its parts are made.
/// async fn run(board: impl Hardware) {
///     if let Err(why) = shell::run(board).await {
///         // The flash does not answer; every relay is open.
///         let _ = why;
///     }
/// }
/// ```
pub struct Wiring<C, Rn, Rt, Re, Pa, Me, Ca, Bu, Li, Ph, Fl> {
    /// Outlets, 1..=16.
    pub ports: usize,
    /// From the key page.
    pub keys: KeyPage,
    /// What the pile says of itself to phones.
    pub about: About,
    /// Monotonic time.
    pub clock: C,
    /// Random numbers: a hardware generator.
    pub random: Rn,
    /// Wall time: [`NoRtc`] where there is none.
    pub rtc: Rt,
    /// The relays.
    pub relays: Re,
    /// Lights and sounds.
    pub panel: Pa,
    /// The meters, channel = port index.
    pub meters: Me,
    /// True where closed ports are to be asked for their fast over-current.
    pub watches_current: bool,
    /// The card reader.
    pub cards: Ca,
    /// The buttons.
    pub buttons: Bu,
    /// The lines: [`NoLines`] where there are none.
    pub lines: Li,
    /// The pipe to phones.
    pub phones: Ph,
    /// The flash area of the ledger.
    pub flash: Fl,
}

impl<C, Rn, Rt, Re, Pa, Me, Ca, Bu, Li, Ph, Fl> Hardware
    for Wiring<C, Rn, Rt, Re, Pa, Me, Ca, Bu, Li, Ph, Fl>
where
    C: Clock + Clone,
    Rn: Random,
    Rt: Rtc,
    Re: Relays,
    Pa: Panel,
    Me: EnergyMeter,
    Ca: CardReader,
    Bu: Buttons,
    Li: Lines,
    Ph: Pipe,
    Fl: NorFlash,
{
    type Random = Rn;
    type Clock = C;
    type Rtc = Rt;
    type Relays = Re;
    type Panel = crate::Logged<Pa>;
    type Meters = Me;
    type Cards = Ca;
    type CardPace = crate::EveryTenth<C>;
    type Buttons = Bu;
    type Lines = Li;
    type Link = NoLink;
    type Phones = Ph;
    type Flash = Fl;

    fn into_parts(self) -> Parts<Self> {
        Parts {
            ports: self.ports,
            pile: self.keys.pile(),
            identity: self.keys.identity(),
            alias_key: self.keys.alias_key(),
            site_key: self.keys.site_key(),
            random: self.random,
            card_pace: crate::EveryTenth(self.clock.clone()),
            clock: self.clock,
            rtc: self.rtc,
            relays: self.relays,
            panel: crate::Logged(self.panel),
            meters: self.meters,
            watches_current: self.watches_current,
            cards: self.cards,
            buttons: self.buttons,
            lines: self.lines,
            link: NoLink,
            phones: Some(Phones {
                pipe: self.phones,
                keys: self.keys.phone_keys(),
                about: self.about,
                receipt_key: self.keys.receipt_key(),
            }),
            flash: self.flash,
        }
    }
}

/// A board without a clock that goes on without the supply: a phone tells it the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRtc;

impl Rtc for NoRtc {
    fn read(&mut self) -> Option<WallTime> {
        None
    }

    fn set(&mut self, _: WallTime) {}
}

/// A board without lines that interrupt.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLines;

impl Lines for NoLines {
    async fn next(&mut self) -> Line {
        core::future::pending().await
    }
}

/// A board whose landlord comes by phone, not by a wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLink;

impl Link for NoLink {
    async fn next(&self) -> (u16, Command) {
        core::future::pending().await
    }

    fn answer(&self, _: u16, _: Outcome) {}
}
