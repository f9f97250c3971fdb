//! The pile on an emulated chip: the application of every board, on the real drivers, with everything
//! around it on five serial ports.

use core::convert::Infallible;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use ble_protocol::message::Capabilities;
use ble_protocol::module::{ByText, Module, SetUp};
use card_auth::pn532::{Hsu, Pn532};
use metering::bl0942::{Bl0942, Circuit, Config};
use pile_app::{NoLines, NoRtc, Wiring};
use pile_controller::serve::About;
use pile_controller::shell;

use crate::console;
use crate::front::Front;
use crate::host::{self, HostFlash, HostRandom};
use crate::serial::{Port, Serial};
use crate::stack::Paint;
use crate::time::{Clock, Timer};

/// Outlets: four meters share a line, and there are two lines.
pub const PORTS: usize = 8;

/// Runs the pile. It comes back when a part of the host's is missing, which is said on the emulator's
/// console.
///
/// `ports` are, in their order: people ([`Front`]), an HM-10, a PN532, and twice four BL0942.
pub fn run<P: Port + Copy, T: Timer>(name: &str, ports: [P; 5], timer: T) -> Option<Infallible> {
    let [people, radio, reader, meters @ ..] = ports;
    let clock = Clock(timer);
    let (Some(random), Some(keys), Some(flash)) =
        (HostRandom::open(), host::keys(), HostFlash::open())
    else {
        console::write(c"a file is missing: `virtual-pile board` makes `flash` and `keys`\n");
        return None;
    };
    let front = Front::new(people, Paint::new());
    let circuit = Circuit::OUTLET.calibration().ok()?;
    let about = About {
        name: name.parse().ok()?,
        firmware: env!("CARGO_PKG_VERSION").parse().ok()?,
        capabilities: Capabilities::CARD_KEYS,
    };
    let mut radio = Module::hm10(Serial::new(radio, clock, 9_600), ByText, clock);
    let pile = async {
        // A pile whose module is silent serves by card.
        let _ = radio.set_up(&SetUp::default()).await;
        shell::run(Wiring {
            ports: PORTS,
            keys,
            about,
            clock,
            random,
            rtc: NoRtc,
            relays: &front,
            panel: &front,
            meters: meters.map(|bus| {
                let uart = Serial::new(bus, clock, 9_600);
                Bl0942::new(uart, clock, [circuit; 4], Config::default())
            }),
            watches_current: false,
            cards: Pn532::new(Hsu::new(Serial::new(reader, clock, 115_200)), &front, clock),
            buttons: &front,
            lines: NoLines,
            phones: radio,
            flash,
        })
        .await
    };
    front.takes(size_of_val(&pile));
    let mut pile = pin!(pile);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let begun = clock.micros();
        let turn = pile.as_mut().poll(&mut context);
        front.turn(clock.micros() - begun);
        if let Poll::Ready(Err(_)) = turn {
            console::write(c"the flash does not answer\n");
            return None;
        }
    }
}
