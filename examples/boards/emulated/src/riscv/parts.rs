//! Serial ports and time of `virt`: a 16550 (National Semiconductor PC16550D, 8.0) of its own and four on
//! a PCI card, and the CLINT's clock.

use core::ptr::{read_volatile, write_volatile};

use crate::{serial, time};

/// Line status: a byte came; there is room for one.
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// The card's page of the PCI configuration space: bus 0, device 1.
const CARD: usize = 0x3000_0000 + (1 << 15);
/// Where the processor sees the card's ports, and which ports they are to be.
const PORTS: usize = 0x0300_0000;
const AT: u32 = 0x1000;
/// `pci-serial-4x` of QEMU: vendor and device.
const QUAD: u32 = 0x0004_1b36;

/// A serial port.
#[derive(Clone, Copy)]
pub struct Uart(usize);

impl Uart {
    /// The board's own and the card's four, in their order; `None` without the card.
    pub fn all() -> Option<[Self; 5]> {
        // SAFETY: the configuration space of a card, which nobody else uses: what it is, its first base
        // address (PCI Local Bus 3.0, 6.2.5), and its command register: ports.
        unsafe {
            if read_volatile(CARD as *const u32) != QUAD {
                return None;
            }
            write_volatile((CARD + 0x10) as *mut u32, AT);
            write_volatile((CARD + 0x04) as *mut u16, 1);
        }
        let card = PORTS + AT as usize;
        let bases = [0x1000_0000, card, card + 8, card + 16, card + 24];
        Some(bases.map(|base| {
            let uart = Self(base);
            // FIFOs on and emptied; eight bits, one stop.
            uart.set(2, 0b111);
            uart.set(3, 0b11);
            uart
        }))
    }

    fn get(self, register: usize) -> u8 {
        // SAFETY: a register of the board's.
        unsafe { read_volatile((self.0 + register) as *const u8) }
    }

    fn set(self, register: usize, value: u8) {
        // SAFETY: a register of the board's.
        unsafe { write_volatile((self.0 + register) as *mut u8, value) };
    }
}

impl serial::Port for Uart {
    fn take(&self) -> Option<u8> {
        (self.get(5) & DATA_READY != 0).then(|| self.get(0))
    }

    fn give(&self, byte: u8) -> bool {
        let room = self.get(5) & TRANSMITTER_EMPTY != 0;
        if room {
            self.set(0, byte);
        }
        room
    }
}

/// `mtime` of the CLINT, ten times a microsecond from the machine's start on.
#[derive(Clone, Copy)]
pub struct Timer(());

const MTIME: usize = 0x0200_bff8;
const TICKS_A_MICROSECOND: u64 = 10;

impl Timer {
    /// There is nothing to start.
    pub fn start() -> Self {
        Self(())
    }
}

impl time::Timer for Timer {
    fn micros(&self) -> u64 {
        loop {
            // SAFETY: the two halves of a register of the board's.
            let [high, low, again] = unsafe {
                [MTIME + 4, MTIME, MTIME + 4].map(|half| read_volatile(half as *const u32))
            };
            if high == again {
                return (u64::from(high) << 32 | u64::from(low)) / TICKS_A_MICROSECOND;
            }
        }
    }
}
