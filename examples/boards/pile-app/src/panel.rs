//! Lights, the buzzer, and the log of what any panel shows.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal as Newest;
use embedded_hal::digital::{InputPin, OutputPin, PinState};
use pile_controller::shell::{Clock, Panel};
use pile_controller::{Indicator, Signal};
use pile_units::{Duration, PortId};

use crate::{Dog, ShiftRegisters, Watchdog, log, shift};

/// A light a port, each behind a pin, the first port's first: on while the port is in use, off while
/// it is free, finished or out of service.
#[derive(Debug)]
pub struct Lamps<P, const N: usize> {
    pins: [P; N],
    on: PinState,
}

impl<P: OutputPin, const N: usize> Lamps<P, N> {
    /// All are off. `on` is the level at which a light shines.
    pub fn new(pins: [P; N], on: PinState) -> Self {
        let mut lamps = Self { pins, on };
        for pin in &mut lamps.pins {
            let _ = pin.set_state(!on);
        }
        lamps
    }
}

impl<P: OutputPin, const N: usize> Panel for Lamps<P, N> {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        let on = match indicator {
            Indicator::Waiting | Indicator::Charging | Indicator::Full | Indicator::Fault => true,
            Indicator::Free | Indicator::Finished | Indicator::Disabled => false,
        };
        if let Some(pin) = self.pins.get_mut(port.index()) {
            let _ = pin.set_state(if on { self.on } else { !self.on });
        }
    }

    fn signal(&mut self, _: Signal) {}
}

/// A green and a red light a port behind [`ShiftRegisters`], and a [`Buzzer`]; tells the [`Dog`] of a ledger
/// that is refused.
///
/// | light | port |
/// | --- | --- |
/// | green | free, nearly full or finished |
/// | both | in use |
/// | red | faulted |
/// | none | out of service |
///
/// ```
/// use embedded_hal::digital::{InputPin, OutputPin};
/// use pile_app::{Buzzer, Dog, Lights, ShiftRegisters, Watchdog};
/// use pile_controller::Indicator;
/// use pile_controller::shell::Panel;
/// use pile_units::PortId;
///
/// fn board(chain: &ShiftRegisters<impl OutputPin, impl InputPin>, buzzer: &Buzzer, dog: &Dog<impl Watchdog>) {
///     // Port 1: green on output 0, red on output 16.
///     let mut lights = Lights::new(chain, |port| [port, 16 + port], buzzer, dog);
///     for port in PortId::first(8) {
///         lights.indicate(port, Indicator::Free);
///     }
/// }
/// ```
pub struct Lights<'a, O, I, W> {
    chain: &'a ShiftRegisters<O, I>,
    outputs: fn(usize) -> [usize; 2],
    buzzer: &'a Buzzer,
    dog: &'a Dog<W>,
}

impl<'a, O, I, W> Lights<'a, O, I, W> {
    /// `outputs` are those of a port's green and red light, from its index (from 0); high shines.
    pub const fn new(
        chain: &'a ShiftRegisters<O, I>,
        outputs: fn(usize) -> [usize; 2],
        buzzer: &'a Buzzer,
        dog: &'a Dog<W>,
    ) -> Self {
        Self {
            chain,
            outputs,
            buzzer,
            dog,
        }
    }
}

impl<O: OutputPin, I: InputPin, W: Watchdog> Panel for Lights<'_, O, I, W> {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        let (green, red) = match indicator {
            Indicator::Free | Indicator::Full | Indicator::Finished => (true, false),
            Indicator::Waiting | Indicator::Charging => (true, true),
            Indicator::Fault => (false, true),
            Indicator::Disabled => (false, false),
        };
        let [at_green, at_red] = (self.outputs)(port.index()).map(shift::mask);
        let shine = |at: u32, on: bool| if on { at } else { 0 };
        let lights = shine(at_green, green) | shine(at_red, red);
        self.chain.set(at_green | at_red, lights);
    }

    fn signal(&mut self, signal: Signal) {
        self.buzzer.0.signal(match signal {
            Signal::Refused(_) | Signal::LedgerRefused => (1, LONG),
            Signal::ChoosePort | Signal::TapNewCard | Signal::TapToBeginAnew => (2, SHORT),
            _ => (1, SHORT),
        });
    }

    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        self.dog.stands(why.is_some());
    }
}

/// How long a sound is, and the silence behind each.
const SHORT: Duration = Duration::from_millis(80);
/// How long a no sounds.
const LONG: Duration = Duration::from_millis(600);

/// An active buzzer: once 80 ms for what is done, twice for what is asked for, 600 ms for a no.
/// [`Lights`] says what, and [`drive`](Self::drive) sounds it.
#[derive(Default)]
pub struct Buzzer(Newest<NoopRawMutex, (u32, Duration)>);

impl core::fmt::Debug for Buzzer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Buzzer")
    }
}

impl Buzzer {
    /// A buzzer that is silent.
    pub const fn new() -> Self {
        Self(Newest::new())
    }

    /// Drives its pin, high sounds. The newest sound wins. Runs beside the pile, for ever.
    pub async fn drive(&self, mut pin: impl OutputPin, clock: impl Clock) {
        loop {
            let (times, length) = self.0.wait().await;
            for _ in 0..times {
                let _ = pin.set_high();
                clock.sleep_until(clock.now().after(length)).await;
                let _ = pin.set_low();
                clock.sleep_until(clock.now().after(SHORT)).await;
            }
        }
    }
}

/// A board's panel; what the pile says goes to the log as well, where there is one.
#[derive(Debug)]
pub struct Logged<P>(pub P);

impl<P: Panel> Panel for Logged<P> {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        self.0.indicate(port, indicator);
    }

    fn signal(&mut self, signal: Signal) {
        log::said(signal);
        self.0.signal(signal);
    }

    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        log::refused(why);
        self.0.refused(why);
    }

    fn reader_resets(&mut self, resets: u32) {
        log::resets(resets);
        self.0.reader_resets(resets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shift::tests::Bench;
    use crate::testing::{Meals, Steps, beside};
    use core::cell::RefCell;
    use core::convert::Infallible;
    use embassy_futures::yield_now;
    use embedded_hal::digital::ErrorType;
    use pile_controller::Refusal;
    use std::vec::Vec;

    const NO: Signal = Signal::Refused(Refusal::UnknownCard);

    /// A pin and when its level changed.
    struct Scope<'a>(&'a Steps, &'a RefCell<Vec<(u64, bool)>>);

    impl ErrorType for Scope<'_> {
        type Error = Infallible;
    }

    impl OutputPin for Scope<'_> {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.set_state(PinState::Low)
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.set_state(PinState::High)
        }

        fn set_state(&mut self, state: PinState) -> Result<(), Infallible> {
            let level = state == PinState::High;
            self.1.borrow_mut().push((self.0.0.get(), level));
            Ok(())
        }
    }

    /// What the buzzer does while these are said, each right behind the one before.
    fn sounds(said: &[Signal]) -> Vec<(u64, bool)> {
        let (clock, heard) = (Steps::default(), RefCell::default());
        let (chain, buzzer) = (Bench::new().chain(), Buzzer::new());
        let dog = Dog::new(Meals::default());
        let mut lights = Lights::new(&chain, |_| [0, 1], &buzzer, &dog);
        beside(buzzer.drive(Scope(&clock, &heard), &clock), async {
            yield_now().await;
            for signal in said {
                lights.signal(*signal);
            }
            for _ in 0..20 {
                yield_now().await;
            }
        });
        heard.into_inner()
    }

    #[test]
    fn what_is_done_sounds_once_what_is_asked_for_twice_and_a_no_long() {
        let once = [(0, true), (80, false)];
        let twice = [(0, true), (80, false), (160, true), (240, false)];
        assert_eq!(sounds(&[Signal::Authorised]), once);
        assert_eq!(sounds(&[Signal::ChoosePort]), twice);
        assert_eq!(sounds(&[Signal::TapNewCard]), twice);
        assert_eq!(sounds(&[Signal::TapToBeginAnew]), twice);
        assert_eq!(sounds(&[NO]), [(0, true), (600, false)]);
        assert_eq!(sounds(&[Signal::LedgerRefused]), [(0, true), (600, false)]);
        assert_eq!(sounds(&[]), []);
    }

    #[test]
    fn the_newest_sound_wins() {
        assert_eq!(sounds(&[NO, Signal::ChoosePort]).len(), 4);
    }

    #[test]
    fn each_port_has_its_two_lights_by_its_state_and_no_others() {
        let bench = Bench::new();
        let (chain, buzzer, dog) = (bench.chain(), Buzzer::new(), Dog::new(Meals::default()));
        chain.set(u32::MAX, 0xF0F0_F0F0);
        let mut lights = Lights::new(&chain, |port| [8 + port, 16 + port], &buzzer, &dog);
        for (indicator, shine) in [
            (Indicator::Free, 0xF0F0_F2F0),
            (Indicator::Waiting, 0xF0F2_F2F0),
            (Indicator::Full, 0xF0F0_F2F0),
            (Indicator::Charging, 0xF0F2_F2F0),
            (Indicator::Fault, 0xF0F2_F0F0),
            (Indicator::Finished, 0xF0F0_F2F0),
            (Indicator::Disabled, 0xF0F0_F0F0),
        ] {
            lights.indicate(PortId::from_number(2).unwrap(), indicator);
            assert_eq!(bench.stored(), shine, "{indicator:?}");
        }
        // There is no such output.
        let mut lights = Lights::new(&chain, |port| [port, 32 + port], &buzzer, &dog);
        lights.indicate(PortId::from_number(1).unwrap(), Indicator::Waiting);
        assert_eq!(bench.stored(), 0xF0F0_F0F1);
    }

    #[test]
    fn the_dog_is_told_that_the_ledger_is_refused_and_no_more() {
        let meals = Meals::default();
        let (chain, buzzer) = (Bench::new().chain(), Buzzer::new());
        let dog = Dog::new(meals.clone());
        let mut lights = Lights::new(&chain, |_| [0, 1], &buzzer, &dog);
        for (why, fed) in [(Some(&"torn" as &dyn core::fmt::Display), 1), (None, 1)] {
            lights.refused(why);
            beside(dog.rest(&Steps::default()), yield_now());
            assert_eq!(meals.get(), fed);
        }
    }
}
