//! The parts that a ledger lies on, and their times.

/// A flash that a pile may have.
///
/// ```
/// use pile_sim::flash::{Part, Speed};
/// let times = Part::W25q80.times(Speed::Typical).unwrap();
/// // 30 bytes lie in one page buffer: 0.7 ms, and their way over the SPI bus.
/// assert_eq!(times.program(0, 30), 700_000 + 30 * 400);
/// assert_eq!(Part::Stm32g4.endurance(), 10_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// A Winbond W25Q80 on an SPI bus: 1 MiB of serial NOR flash.
    #[default]
    W25q80,
    /// The part of an STM32G474's internal flash that holds a ledger: 64 KiB.
    Stm32g4,
}

/// Which column of the datasheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speed {
    /// No time at all.
    Instant,
    /// What the chip usually takes.
    #[default]
    Typical,
    /// What it may take at the worst, hot and worn.
    Worst,
}

/// What operations take, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Bytes that are programmed together: a page buffer, a double word.
    pub together: u32,
    /// Programming them, however many of them.
    pub program: u64,
    /// Erasing a page.
    pub erase: u64,
    /// Each byte's way over the bus.
    pub byte: u64,
}

impl Part {
    /// The name used in tables and scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W25q80 => "w25q80",
            Self::Stm32g4 => "stm32g4",
        }
    }

    /// Bytes that a ledger has of it.
    pub const fn bytes(self) -> usize {
        match self {
            Self::W25q80 => 1 << 20,
            Self::Stm32g4 => 64 << 10,
        }
    }

    /// Bytes that it erases at once.
    pub const fn page(self) -> usize {
        match self {
            Self::W25q80 => 4096,
            Self::Stm32g4 => 2048,
        }
    }

    /// Erases that each page stands, by the datasheet.
    pub const fn endurance(self) -> u32 {
        match self {
            Self::W25q80 => 100_000,
            Self::Stm32g4 => 10_000,
        }
    }

    /// What its operations take; `None` for [`Speed::Instant`].
    ///
    /// W25Q80DV datasheet, AC electrical characteristics: tPP 0.7 ms (3 ms at most) a page buffer
    /// of 256 bytes, tSE 45 ms (400 ms at most); the bus at 20 MHz is our choice. STM32G474 datasheet
    /// DS12288, flash memory characteristics: about 82 us (91 us) a double word, 22 ms (25 ms) a
    /// page.
    pub const fn times(self, speed: Speed) -> Option<Times> {
        let (program, erase) = match (self, speed) {
            (_, Speed::Instant) => return None,
            (Self::W25q80, Speed::Typical) => (700_000, 45_000_000),
            (Self::W25q80, Speed::Worst) => (3_000_000, 400_000_000),
            (Self::Stm32g4, Speed::Typical) => (82_000, 22_000_000),
            (Self::Stm32g4, Speed::Worst) => (91_000, 25_000_000),
        };
        let (together, byte) = match self {
            Self::W25q80 => (256, 400),
            Self::Stm32g4 => (8, 6),
        };
        Some(Times {
            together,
            program,
            erase,
            byte,
        })
    }
}

impl Times {
    /// A program of so many bytes at this address.
    pub fn program(&self, address: u32, bytes: u32) -> u64 {
        let together = self.together.max(1);
        let first = address / together;
        let behind = address.saturating_add(bytes).div_ceil(together);
        let buffers = u64::from(behind.saturating_sub(first));
        buffers * self.program + u64::from(bytes) * self.byte
    }

    /// A read of so many bytes, with the command.
    pub const fn read(&self, bytes: u64) -> u64 {
        (bytes + 4) * self.byte
    }
}
