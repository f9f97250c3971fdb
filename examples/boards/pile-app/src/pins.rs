//! Relays and buttons on pins.

use embedded_hal::digital::{InputPin, OutputPin, PinState};
use pile_controller::shell::{Buttons, Clock, Relays};
use pile_units::{Duration, PortId};

/// How often the buttons are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// So many looks alike in a row are a press: 30 ms.
const STEADY: u8 = 3;

/// A relay a port, each behind a pin, the first port's first.
///
/// A pin that fails to be set cannot be told: it is set again with every move, and the open port's
/// meter shows what flows.
#[derive(Debug)]
pub struct RelayPins<P, const N: usize> {
    pins: [P; N],
    closed: PinState,
}

impl<P: OutputPin, const N: usize> RelayPins<P, N> {
    /// Opens all of them. `closed` is the level at which a relay closes.
    pub fn new(pins: [P; N], closed: PinState) -> Self {
        let mut relays = Self { pins, closed };
        for pin in &mut relays.pins {
            let _ = pin.set_state(!closed);
        }
        relays
    }
}

impl<P: OutputPin, const N: usize> Relays for RelayPins<P, N> {
    fn set(&mut self, port: PortId, closed: bool) {
        if let Some(pin) = self.pins.get_mut(port.index()) {
            let level = if closed { self.closed } else { !self.closed };
            let _ = pin.set_state(level);
        }
    }
}

/// A button a port, each between its pin and ground, with a pull-up, the first port's first. They are
/// looked at every 10 ms, and 30 ms of the same level are a press.
#[derive(Debug)]
pub struct ButtonPins<P, C, const N: usize> {
    pins: [P; N],
    clock: C,
    /// How many looks in a row found it pressed.
    held: [u8; N],
}

impl<P: InputPin, C: Clock, const N: usize> ButtonPins<P, C, N> {
    /// Buttons on these pins.
    pub const fn new(pins: [P; N], clock: C) -> Self {
        Self {
            pins,
            clock,
            held: [0; N],
        }
    }

    /// Looks once; the port whose button has been steadily pressed since three looks.
    fn look(&mut self) -> Option<PortId> {
        let mut pressed = None;
        for ((index, pin), held) in self.pins.iter_mut().enumerate().zip(&mut self.held) {
            *held = match pin.is_low() {
                Ok(true) => held.saturating_add(1),
                _ => 0,
            };
            if *held == STEADY && pressed.is_none() {
                pressed = PortId::from_index(index).ok();
            } else if *held == STEADY {
                // Another's turn first: found again at the next look.
                *held -= 1;
            }
        }
        pressed
    }
}

impl<P: InputPin, C: Clock, const N: usize> Buttons for ButtonPins<P, C, N> {
    async fn pressed(&mut self) -> PortId {
        loop {
            let next = self.clock.now().after(LOOK);
            self.clock.sleep_until(next).await;
            if let Some(port) = self.look() {
                return port;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Steps;
    use embassy_futures::block_on;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    fn port(number: u8) -> PortId {
        PortId::from_number(number).unwrap()
    }

    #[test]
    fn relays_are_open_from_the_first_moment_and_move_alone() {
        let sets = |states: &[State]| -> std::vec::Vec<Transaction> {
            states
                .iter()
                .map(|state| Transaction::set(*state))
                .collect()
        };
        let mut first = Mock::new(&sets(&[State::High]));
        let mut second = Mock::new(&sets(&[State::High, State::Low, State::High]));
        let mut relays = RelayPins::new([first.clone(), second.clone()], PinState::Low);
        relays.set(port(2), true);
        relays.set(port(2), false);
        // There is no such relay.
        relays.set(port(3), true);
        first.done();
        second.done();
    }

    #[test]
    fn a_press_is_thirty_steady_milliseconds_and_counts_once() {
        let looks = |levels: &str| -> std::vec::Vec<Transaction> {
            let state = |level| {
                if level == '_' {
                    State::Low
                } else {
                    State::High
                }
            };
            levels
                .chars()
                .map(|it| Transaction::get(state(it)))
                .collect()
        };
        // It bounces, is held, and is let go; the other is pressed with it, and found right after.
        let mut first = Mock::new(&looks("_-__-______---___"));
        let mut second = Mock::new(&looks("-----______------"));
        let clock = Steps::default();
        let mut buttons = ButtonPins::new([first.clone(), second.clone()], &clock);
        assert_eq!(block_on(buttons.pressed()), port(1));
        assert_eq!(clock.0.get(), 80);
        assert_eq!(block_on(buttons.pressed()), port(2));
        assert_eq!(clock.0.get(), 90);
        assert_eq!(block_on(buttons.pressed()), port(1));
        assert_eq!(clock.0.get(), 170);
        first.done();
        second.done();
    }
}
