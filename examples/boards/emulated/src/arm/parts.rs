//! Serial ports and time of the CMSDK (Arm DDI 0479, 4.3 and 4.4).

use core::cell::Cell;
use core::ptr::{read_volatile, write_volatile};

use crate::{serial, time};

const TRANSMITTER_FULL: u32 = 1;
const RECEIVER_FULL: u32 = 2;

/// A serial port.
#[derive(Clone, Copy)]
pub struct Uart(usize);

impl Uart {
    /// Switches the first five on, in their order (Arm DAI 0386, table 3-3).
    pub fn all() -> [Self; 5] {
        let bases = [
            0x4000_4000,
            0x4000_5000,
            0x4000_6000,
            0x4000_7000,
            0x4000_9000,
        ];
        bases.map(|base| {
            let uart = Self(base);
            // BAUDDIV, of which the emulator only asks that it be 16 or more; then CTRL: both directions.
            uart.set(0x10, 16);
            uart.set(0x08, 3);
            // What came before is dropped; and the emulator, which looks at its wires once a second at
            // rest, is woken.
            let _ = uart.get(0);
            uart
        })
    }

    fn get(self, register: usize) -> u32 {
        // SAFETY: a register of the board's.
        unsafe { read_volatile((self.0 + register) as *const u32) }
    }

    fn set(self, register: usize, value: u32) {
        // SAFETY: a register of the board's.
        unsafe { write_volatile((self.0 + register) as *mut u32, value) };
    }
}

impl serial::Port for Uart {
    fn take(&self) -> Option<u8> {
        (self.get(0x04) & RECEIVER_FULL != 0).then(|| self.get(0).to_le_bytes()[0])
    }

    fn give(&self, byte: u8) -> bool {
        let room = self.get(0x04) & TRANSMITTER_FULL == 0;
        if room {
            self.set(0, u32::from(byte));
        }
        room
    }
}

/// TIMER1: it counts down, 25 times a microsecond, and comes round every 171 s.
const TIMER: usize = 0x4000_1000;
const TICKS_A_MICROSECOND: u64 = 25;

struct Passed(Cell<(u32, u64)>);

// SAFETY: one core, and no interrupt is enabled.
unsafe impl Sync for Passed {}

static PASSED: Passed = Passed(Cell::new((u32::MAX, 0)));

/// Time since it was started.
#[derive(Clone, Copy)]
pub struct Timer(());

impl Timer {
    /// Starts it.
    pub fn start() -> Self {
        for (register, value) in [(8, u32::MAX), (4, u32::MAX), (0, 1)] {
            // SAFETY: registers of the board's, used here only.
            unsafe { write_volatile((TIMER + register) as *mut u32, value) };
        }
        Self(())
    }
}

impl time::Timer for Timer {
    /// It is asked at every turn of the program, so the counter never comes round unseen.
    fn micros(&self) -> u64 {
        // SAFETY: a register of the board's.
        let value = unsafe { read_volatile((TIMER + 4) as *const u32) };
        let (before, ticks) = PASSED.0.get();
        let ticks = ticks + u64::from(before.wrapping_sub(value));
        PASSED.0.set((value, ticks));
        ticks / TICKS_A_MICROSECOND
    }
}
