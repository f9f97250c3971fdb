#![no_std]
#![no_main]
#![doc = include_str!("../README.md")]

mod chip;
mod host;

use card_auth::pn532::{Hsu, Pn532};
use chip::{Clock, Uart, Wire};
use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin};
use host::{Console, HostFlash, HostRandom};
use metering::bl0942::{Bl0942, Circuit, Config};
use pile_app::{NoLines, NoRtc, Wiring};
use pile_controller::serve::About;
use pile_controller::shell::{self, Buttons};
use pile_units::PortId;

const PORTS: usize = 8;

/// The console's digits press the buttons.
struct Digits(Uart);

impl Buttons for Digits {
    async fn pressed(&mut self) -> PortId {
        loop {
            let digit = self.0.byte().await;
            let pressed = PortId::first(PORTS).find(|port| port.number() + b'0' == digit);
            if let Some(port) = pressed {
                return port;
            }
        }
    }
}

/// The reader's reset pin is not wired: nothing on this board has pins.
struct NotWired;

impl ErrorType for NotWired {
    type Error = Infallible;
}

impl OutputPin for NotWired {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn pile() -> Option<Infallible> {
    let clock = Clock::start();
    let mut random = HostRandom::open()?;
    let keys = host::keys(&mut random)?;
    let console = Uart::new(0x4000_4000);
    let link = Uart::new(0x4000_5000);
    let reader = Uart::new(0x4000_6000);
    let circuit = Circuit::OUTLET.calibration().ok()?;
    let meters = [0x4000_7000, 0x4000_9000]
        .map(|bus| Bl0942::new(Uart::new(bus), clock, [circuit; 4], Config::default()));
    let board = Wiring {
        ports: PORTS,
        keys,
        about: About {
            name: "openpile m4".parse().ok()?,
            firmware: env!("CARGO_PKG_VERSION").parse().ok()?,
            ..About::default()
        },
        clock,
        random,
        rtc: NoRtc,
        relays: Console,
        panel: Console,
        meters,
        watches_current: false,
        cards: Pn532::new(Hsu::new(reader), NotWired, clock),
        buttons: Digits(console),
        lines: NoLines,
        phones: Wire {
            uart: link,
            first: None,
            there: false,
        },
        flash: HostFlash::open()?,
    };
    let pile = shell::run(board);
    let bytes = u32::try_from(size_of_val(&pile)).unwrap_or(u32::MAX);
    emulated::console::row(c"RAM of the running pile", bytes);
    embassy_futures::block_on(pile).ok()
}

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    // It only comes back when a part of the host's is missing.
    pile().is_some()
}
