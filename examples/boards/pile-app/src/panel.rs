//! Lights, and the log of what any panel shows.

use embedded_hal::digital::{OutputPin, PinState};
use pile_controller::shell::Panel;
use pile_controller::{Indicator, Signal};
use pile_units::PortId;

use crate::log;

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
