//! What people see and hear: lights and the buzzer.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal as Wake;
use embassy_time::Timer;
use embedded_hal::digital::OutputPin;
use pile_controller::{Indicator, Signal, shell};
use pile_units::PortId;

use crate::safety::Dog;
use crate::{Bit, Chain};

/// The lights, a green and a red one a port; and the buzzer.
pub struct Panel {
    chain: &'static Chain,
    dog: &'static Dog,
}

impl Panel {
    /// A panel behind the shift registers.
    pub const fn new(chain: &'static Chain, dog: &'static Dog) -> Self {
        Self { chain, dog }
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
        let lights = (green << 8 | red << 16) << port.index();
        self.chain.set(0x0001_0100 << port.index(), lights);
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
pub async fn buzzer(mut pin: Bit) {
    loop {
        let (times, length) = match SOUND.wait().await {
            Sound::Once => (1, 80),
            Sound::Twice => (2, 80),
            Sound::Long => (1, 600),
        };
        for _ in 0..times {
            let Ok(()) = pin.set_high();
            Timer::after_millis(length).await;
            let Ok(()) = pin.set_low();
            Timer::after_millis(80).await;
        }
    }
}
