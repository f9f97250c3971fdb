//! What people see and hear: lights and the buzzer.

use embassy_stm32::gpio::Output;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal as Wake;
use embassy_time::Timer;
use pile_controller::{Indicator, Signal, shell};
use pile_units::PortId;

use crate::safety::Dog;

/// The lights, a green and a red one a port, behind three 74HC595 in a row; and the buzzer.
pub struct Panel {
    data: Output<'static>,
    clock: Output<'static>,
    latch: Output<'static>,
    /// Bit `2n` is port n's green light, bit `2n + 1` its red one.
    lights: u32,
    dog: &'static Dog,
}

impl Panel {
    /// Takes the registers' pins, and puts all lights out.
    pub fn new([data, clock, latch]: [Output<'static>; 3], dog: &'static Dog) -> Self {
        let mut panel = Self {
            data,
            clock,
            latch,
            lights: 0,
            dog,
        };
        panel.show();
        panel
    }

    /// Shifts all out. The registers take 20 MHz and more at 3.3 V; a pin of this chip takes longer.
    fn show(&mut self) {
        for bit in (0..24).rev() {
            self.data.set_level((self.lights >> bit & 1 == 1).into());
            self.clock.set_high();
            self.clock.set_low();
        }
        self.latch.set_high();
        self.latch.set_low();
    }
}

impl shell::Panel for Panel {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        let (green, red) = match indicator {
            Indicator::Free | Indicator::Full | Indicator::Finished => (1, 0),
            Indicator::Waiting | Indicator::Charging => (1, 1),
            Indicator::Fault => (0, 1),
            Indicator::Disabled => (0, 0),
        };
        let place = 2 * port.index();
        self.lights = self.lights & !(0b11 << place) | (red << 1 | green) << place;
        self.show();
    }

    fn signal(&mut self, signal: Signal) {
        SOUND.signal(match signal {
            Signal::Refused(_) | Signal::LedgerRefused => Sound::Long,
            Signal::ChoosePort | Signal::TapNewCard | Signal::TapToBeginAnew => Sound::Twice,
            _ => Sound::Once,
        });
    }

    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        self.dog.stands(why.is_some());
    }
}

#[derive(Clone, Copy)]
enum Sound {
    Once,
    Twice,
    Long,
}

static SOUND: Wake<CriticalSectionRawMutex, Sound> = Wake::new();

/// Drives an active buzzer. The newest sound wins.
#[embassy_executor::task]
pub async fn buzzer(mut pin: Output<'static>) {
    loop {
        let (times, length) = match SOUND.wait().await {
            Sound::Once => (1, 80),
            Sound::Twice => (2, 80),
            Sound::Long => (1, 600),
        };
        for _ in 0..times {
            pin.set_high();
            Timer::after_millis(length).await;
            pin.set_low();
            Timer::after_millis(80).await;
        }
    }
}
