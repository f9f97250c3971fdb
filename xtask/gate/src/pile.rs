//! `pile-controller`: the shell runs a whole pile, down to its drivers, until a card has claimed it.

use core::cell::Cell;
use core::pin::pin;

use billing_core::journal::{Identity, testing::RamFlash};
use card_auth::testing::{ScriptedReader, Silent};
use card_auth::{AliasKey, Card, Field, SiteKey, Uid};
use embassy_futures::poll_once;
use metering::Calibration;
use metering::bl0942::{Bl0942, Circuit, Config};
use pile_controller::shell::{
    Buttons, CardPace, Clock, Hardware, Line, Lines, Link, NoPhones, Panel, Parts, Random, Relays,
    Rtc, run,
};
use pile_controller::{Command, Indicator, Outcome, Signal};
use pile_units::{Instant, PileId, PortId, WallTime};

use crate::parts::{NoLine, NoTime};

/// Looks at the shell: a claim takes a tap, a record and its acknowledgement.
const LOOKS: usize = 16;

/// Tells whether a tap commissions a blank pile.
pub fn holds() -> bool {
    let Ok(figures) = Circuit::REFERENCE.calibration() else {
        return false;
    };
    let claimed = Cell::new(false);
    let mut shell = pin!(run(Desk {
        claimed: &claimed,
        figures
    }));
    let runs = (0..LOOKS).all(|_| poll_once(shell.as_mut()).is_pending());
    runs && claimed.get()
}

/// A pile of one meter bus, with a landlord's card on its reader.
struct Desk<'a> {
    claimed: &'a Cell<bool>,
    figures: Calibration,
}

impl<'a> Hardware for Desk<'a> {
    type Random = Still;
    type Clock = Still;
    type Rtc = Still;
    type Relays = Still;
    type Panel = Witness<'a>;
    type Meters = [Bl0942<NoLine, NoTime, 4>; 1];
    type Cards = ScriptedReader<Tap>;
    type CardPace = Still;
    type Buttons = Still;
    type Lines = Still;
    type Link = Still;
    type Phones = NoPhones;
    type Flash = RamFlash<4, 4096, 65536>;

    fn into_parts(self) -> Parts<Self> {
        Parts {
            ports: 4,
            pile: PileId::new([1; 8]),
            identity: Identity::new([7; 16]),
            alias_key: AliasKey::new([7; 32]),
            site_key: Some(SiteKey::new([7; 16])),
            random: Still,
            watches_current: true,
            clock: Still,
            rtc: Still,
            relays: Still,
            panel: Witness(self.claimed),
            meters: [Bl0942::new(
                NoLine,
                NoTime,
                [self.figures; 4],
                Config::default(),
            )],
            cards: ScriptedReader::new(Tap),
            card_pace: Still,
            buttons: Still,
            lines: Still,
            link: Still,
            phones: None,
            flash: RamFlash::new(),
        }
    }
}

/// One card that stays in the field.
struct Tap;

impl Iterator for Tap {
    type Item = Result<Field, Silent>;

    fn next(&mut self) -> Option<Self::Item> {
        let uid = Uid::from_bytes(&[0x04, 1, 2, 3, 4, 5, 6]).ok()?;
        Some(Ok(Field::One(Card::announced(uid, false))))
    }
}

/// Remembers that the pile said it is claimed.
struct Witness<'a>(&'a Cell<bool>);

impl Panel for Witness<'_> {
    fn indicate(&mut self, _: PortId, _: Indicator) {}

    fn signal(&mut self, signal: Signal) {
        if signal == Signal::Commissioned {
            self.0.set(true);
        }
    }
}

/// A part on which nothing ever happens.
struct Still;

impl Random for Still {
    fn fill(&mut self, _: &mut [u8]) {}
}

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::START
    }

    async fn sleep_until(&self, _: Instant) {
        core::future::pending::<()>().await;
    }
}

impl Rtc for Still {
    fn read(&mut self) -> Option<WallTime> {
        None
    }

    fn set(&mut self, _: WallTime) {}
}

impl Relays for Still {
    fn set(&mut self, _: PortId, _: bool) {}
}

impl CardPace for Still {
    async fn next(&mut self) {
        core::future::pending::<()>().await;
    }
}

impl Buttons for Still {
    async fn pressed(&mut self) -> PortId {
        core::future::pending().await
    }
}

impl Lines for Still {
    async fn next(&mut self) -> Line {
        core::future::pending().await
    }
}

impl Link for Still {
    async fn next(&self) -> (u16, Command) {
        core::future::pending().await
    }

    fn answer(&self, _: u16, _: Outcome) {}
}
