//! Shift registers in a row: 32 outputs, 8 buttons and the supply's detector on five pins.
//!
//! Four 74HC595 hang behind each other, a 74HC165 beside them; clock and latch are common. While the clock
//! sends the outputs' bits down the row, the inputs' come back:
//!
//! | bit | output | input |
//! | --- | --- | --- |
//! | 0 to 7 | first 74HC595, QA to QH | |
//! | 8 to 15 | second | |
//! | 16 to 23 | third | |
//! | 24 to 31 | fourth | buttons to ground, D0 to D7 of the 74HC165 |
//! | 0 to 23 | | the serial input DS of the 74HC165: high while the supply is good |
//!
//! A latch that rises shows the outputs; while it is low the inputs are taken. The outputs' enable (OE, with
//! a pull-up) is low from when all outputs are low until the chip is reset, so nothing drives while nobody
//! governs.
//!
//! A board that has only outputs leaves out what it does not need: registers from the row's end, the enable
//! (its outputs show anything for the moment until the program starts) and the inputs.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use pile_controller::shell::{Clock, Line, Lines};
use pile_units::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);
/// What came from the supply's detector.
const SUPPLY: u32 = 0x00FF_FFFF;
/// Where the buttons begin.
const BUTTONS: usize = 24;

/// The pins that the registers are on.
#[derive(Debug)]
pub struct ShiftPins<O, I> {
    /// To the first 74HC595's SER.
    pub data: O,
    /// To all of their SRCLK, and to CP of the 74HC165.
    pub clock: O,
    /// To all of their RCLK, and to PL of the 74HC165. Rests high.
    pub latch: O,
    /// To all of their OE. High until now. `None` where they are tied to ground.
    pub disable: Option<O>,
    /// From Q7 of the 74HC165. `None` where there is none: no button is pressed, and the supply is good.
    pub back: Option<I>,
}

/// The registers. Whatever is set is shown at once; [`scan`](Self::scan) looks at the inputs.
///
/// ```
/// use embedded_hal::digital::{InputPin, OutputPin, PinState};
/// use pile_app::{ButtonPins, RelayPins, ShiftPins, ShiftRegisters};
/// use pile_controller::shell::{Clock, Relays};
/// use pile_units::PortId;
///
/// async fn board<C: Clock + Clone>(pins: ShiftPins<impl OutputPin, impl InputPin>, clock: C) {
///     let chain = ShiftRegisters::new(pins);
///     let mut relays = RelayPins::new([0, 1].map(|bit| chain.output(bit)), PinState::High);
///     let buttons = ButtonPins::new([0, 1].map(|input| chain.button(input)), clock.clone());
///     for port in PortId::first(2) {
///         relays.set(port, true);
///     }
///     chain.scan(clock).await; // beside all else
/// }
/// ```
pub struct ShiftRegisters<O, I> {
    pins: RefCell<ShiftPins<O, I>>,
    out: Cell<u32>,
    back: Cell<u32>,
    failing: Signal<NoopRawMutex, ()>,
}

impl<O: OutputPin, I: InputPin> ShiftRegisters<O, I> {
    /// Makes all outputs low, and only then lets them drive.
    pub fn new(pins: ShiftPins<O, I>) -> Self {
        let chain = Self {
            pins: RefCell::new(pins),
            out: Cell::new(0),
            back: Cell::new(u32::MAX),
            failing: Signal::new(),
        };
        // What comes back first was never taken.
        chain.turn();
        chain.turn();
        if let Some(disable) = &mut chain.pins.borrow_mut().disable {
            let _ = disable.set_low();
        }
        chain
    }

    /// Sends all bits round once. The registers take 20 MHz at 3.3 V, which no pin set by a program reaches.
    fn turn(&self) {
        let mut pins = self.pins.borrow_mut();
        let out = self.out.get();
        let mut back = 0;
        for bit in (0..32).rev() {
            let _ = pins.data.set_state((out >> bit & 1 == 1).into());
            // A pin that cannot be read is a supply that fails, and no press.
            let high = pins
                .back
                .as_mut()
                .is_none_or(|pin| pin.is_high().unwrap_or(bit >= BUTTONS));
            back = back << 1 | u32::from(high);
            let _ = pins.clock.set_high();
            let _ = pins.clock.set_low();
        }
        let _ = pins.latch.set_low();
        let _ = pins.latch.set_high();
        self.back.set(back);
    }

    /// Sets the outputs of `mask` to the bits of `to`.
    pub fn set(&self, mask: u32, to: u32) {
        self.out.set(self.out.get() & !mask | to & mask);
        self.turn();
    }

    /// An output as a pin, 0 to 31.
    pub const fn output(&self, bit: usize) -> ShiftBit<'_, O, I> {
        ShiftBit {
            chain: self,
            mask: mask(bit),
        }
    }

    /// A button as a pin, 0 to 7; low while it is pressed.
    pub const fn button(&self, input: usize) -> ShiftBit<'_, O, I> {
        self.output(BUTTONS + input)
    }

    /// The supply's detector.
    pub const fn supply(&self) -> ShiftedSupply<'_, O, I> {
        ShiftedSupply(self)
    }

    /// Looks at the inputs and shows the outputs anew, 500 times a second: a register that a disturbance has
    /// tipped is right again before a relay moves. Two looks in a row must find the supply failing.
    pub async fn scan(&self, clock: impl Clock) {
        let mut failed = false;
        loop {
            self.turn();
            let fails = self.back.get() & SUPPLY == 0;
            if fails && failed {
                self.failing.signal(());
            }
            failed = fails;
            let next = clock.now().after(LOOK);
            clock.sleep_until(next).await;
        }
    }
}

/// The bit of an output; none where there is no such.
pub(crate) const fn mask(bit: usize) -> u32 {
    if bit < 32 { 1 << bit } else { 0 }
}

/// One bit of [`ShiftRegisters`], as a pin.
pub struct ShiftBit<'a, O, I> {
    chain: &'a ShiftRegisters<O, I>,
    mask: u32,
}

impl<O, I> ErrorType for ShiftBit<'_, O, I> {
    type Error = Infallible;
}

impl<O: OutputPin, I: InputPin> OutputPin for ShiftBit<'_, O, I> {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.chain.set(self.mask, 0);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.chain.set(self.mask, self.mask);
        Ok(())
    }
}

impl<O: OutputPin, I: InputPin> InputPin for ShiftBit<'_, O, I> {
    /// As it was when the outputs were last shown.
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.chain.back.get() & self.mask != 0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

/// The supply's detector on [`ShiftRegisters`]: a line that tells of a failing supply.
pub struct ShiftedSupply<'a, O, I>(&'a ShiftRegisters<O, I>);

impl<O, I> Lines for ShiftedSupply<'_, O, I> {
    async fn next(&mut self) -> Line {
        self.0.failing.wait().await;
        Line::PowerFailing
    }
}

#[cfg(test)]
pub(crate) mod tests;
