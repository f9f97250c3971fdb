use super::*;
use crate::testing::{Steps, beside};
use embassy_futures::yield_now;
use embedded_hal::digital::{Error, ErrorKind, PinState};
use std::rc::Rc;

/// Four 74HC595 and a 74HC165 by their data sheets' tables. At power-up they hold anything.
#[expect(clippy::struct_excessive_bools, reason = "each is a wire")]
struct Parts {
    clock: bool,
    latch: bool,
    data: bool,
    enabled: bool,
    /// The 74HC595s' shift and storage registers; bit 0 is the first one's QA.
    shifted: u32,
    stored: u32,
    /// The 74HC165: D0 in bit 0, shifted towards D7, which is Q7.
    taken: u8,
    buttons: u8,
    supply: bool,
    /// Every output that was driven high at some time.
    driven: u32,
}

impl Parts {
    fn clock(&mut self, level: bool) {
        if level && !self.clock {
            self.shifted = self.shifted << 1 | u32::from(self.data);
            if self.latch {
                self.taken = self.taken << 1 | u8::from(self.supply);
            }
        }
        self.clock = level;
    }

    fn latch(&mut self, level: bool) {
        if level && !self.latch {
            self.stored = self.shifted;
        }
        if !level {
            self.taken = self.buttons;
        }
        self.latch = level;
    }
}

#[derive(Clone)]
pub(crate) struct Bench(Rc<RefCell<Parts>>);

#[derive(Clone, Copy)]
enum Which {
    Data,
    Clock,
    Latch,
    Disable,
    Back,
}

pub(crate) struct Pin(Bench, Which);

#[derive(Debug)]
pub(crate) struct Broken;

impl Error for Broken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Pin {
    type Error = Broken;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Broken> {
        self.set_state(PinState::Low)
    }

    fn set_high(&mut self) -> Result<(), Broken> {
        self.set_state(PinState::High)
    }

    fn set_state(&mut self, state: PinState) -> Result<(), Broken> {
        let level = state == PinState::High;
        let mut parts = self.0.0.borrow_mut();
        match self.1 {
            Which::Data => parts.data = level,
            Which::Clock => parts.clock(level),
            Which::Latch => parts.latch(level),
            Which::Disable => parts.enabled = !level,
            Which::Back => return Err(Broken),
        }
        if parts.enabled {
            parts.driven |= parts.stored;
        }
        Ok(())
    }
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Broken> {
        match self.1 {
            Which::Back => Ok(self.0.0.borrow().taken & 0x80 != 0),
            _ => Err(Broken),
        }
    }

    fn is_low(&mut self) -> Result<bool, Broken> {
        self.is_high().map(|high| !high)
    }
}

impl Bench {
    /// At power-up: noise in every register, no button pressed, the supply good.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Parts {
            clock: false,
            latch: true,
            data: false,
            enabled: false,
            shifted: 0xA5C3_9617,
            stored: 0x5A3C_69E8,
            taken: 0,
            buttons: 0xFF,
            supply: true,
            driven: 0,
        })))
    }

    fn pin(&self, which: Which) -> Pin {
        Pin(self.clone(), which)
    }

    /// What the outputs show.
    pub(crate) fn stored(&self) -> u32 {
        self.0.borrow().stored
    }

    pub(crate) fn chain(&self) -> ShiftRegisters<Pin, Pin> {
        ShiftRegisters::new(ShiftPins {
            data: self.pin(Which::Data),
            clock: self.pin(Which::Clock),
            latch: self.pin(Which::Latch),
            disable: Some(self.pin(Which::Disable)),
            back: Some(self.pin(Which::Back)),
        })
    }
}

/// Runs `what` beside the scan.
fn beside_the_scan<T>(chain: &ShiftRegisters<Pin, Pin>, what: impl Future<Output = T>) -> T {
    beside(chain.scan(&Steps::default()), what)
}

#[test]
fn nothing_that_the_registers_held_at_power_up_is_ever_driven() {
    let bench = Bench::new();
    let chain = bench.chain();
    assert!(bench.0.borrow().enabled);
    assert_eq!(bench.0.borrow().driven, 0);
    let Ok(()) = chain.output(3).set_high();
    assert_eq!(bench.0.borrow().driven, 1 << 3);
}

#[test]
fn each_output_comes_out_at_its_place_and_moves_alone() {
    let bench = Bench::new();
    let chain = bench.chain();
    for bit in 0..32 {
        let Ok(()) = chain.output(bit).set_high();
        assert_eq!(bench.stored(), u32::MAX >> (31 - bit));
    }
    let Ok(()) = chain.output(9).set_low();
    assert_eq!(bench.stored(), !(1 << 9));
    chain.set(0x0001_0100, 0x0001_0200);
    assert_eq!(bench.stored(), !(1 << 9 | 1 << 8));
    // There is no such output.
    let Ok(()) = chain.output(32).set_low();
    assert_eq!(bench.stored(), !(1 << 9 | 1 << 8));
}

#[test]
fn each_button_is_found_pressed_and_let_go_alone() {
    let bench = Bench::new();
    let chain = bench.chain();
    for button in 0..8 {
        assert_eq!(chain.button(button).is_high(), Ok(true), "{button}");
    }
    for pressed in 0..8 {
        bench.0.borrow_mut().buttons = !(1 << pressed);
        // The one turn takes it, the next brings it.
        chain.turn();
        chain.turn();
        for button in 0..8 {
            let low = chain.button(button).is_low();
            assert_eq!(low, Ok(button == pressed), "{button}");
        }
    }
}

#[test]
fn a_register_that_was_tipped_is_right_at_the_next_look() {
    let bench = Bench::new();
    let chain = bench.chain();
    let Ok(()) = chain.output(0).set_high();
    bench.0.borrow_mut().stored = 0xFF;
    bench.0.borrow_mut().shifted = 0x1234_5678;
    beside_the_scan(&chain, yield_now());
    assert_eq!(bench.stored(), 1);
}

#[test]
fn a_supply_that_fails_for_two_looks_is_told_and_one_that_dips_for_one_is_not() {
    let bench = Bench::new();
    let chain = bench.chain();
    let mut supply = chain.supply();
    // All buttons pressed is no failing supply.
    bench.0.borrow_mut().buttons = 0;
    let told = beside_the_scan(&chain, async {
        for _ in 0..20 {
            bench.0.borrow_mut().supply = false;
            yield_now().await;
            bench.0.borrow_mut().supply = true;
            yield_now().await;
        }
        chain.failing.signaled()
    });
    assert!(!told);
    bench.0.borrow_mut().buttons = 0xFF;
    bench.0.borrow_mut().supply = false;
    let line = beside_the_scan(&chain, supply.next());
    assert_eq!(line, Line::PowerFailing);
}

#[test]
fn three_registers_without_enable_and_inputs_show_the_first_24_outputs() {
    let bench = Bench::new();
    bench.0.borrow_mut().enabled = true;
    let chain = ShiftRegisters::<Pin, Pin>::new(ShiftPins {
        data: bench.pin(Which::Data),
        clock: bench.pin(Which::Clock),
        latch: bench.pin(Which::Latch),
        disable: None,
        back: None,
    });
    assert_eq!(bench.stored(), 0);
    let Ok(()) = chain.output(23).set_high();
    assert_eq!(bench.stored() & 0x00FF_FFFF, 1 << 23);
    // No button is pressed, and the supply is good.
    assert_eq!(chain.button(0).is_high(), Ok(true));
    let failing = beside_the_scan(&chain, async {
        for _ in 0..20 {
            yield_now().await;
        }
        chain.failing.signaled()
    });
    assert!(!failing);
}
