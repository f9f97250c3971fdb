//! Plays runs that were kept, and writes what each left: its receipts, what it came to, its flash.
//!
//! It reads `runs` (each its length in four bytes, the lowest first, and its steps) and writes a file
//! that is called like the chip. The host makes the same file by the same code, and compares.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::fmt::Write;

use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::receipt::SoftwareKey;
use emulated::file::{File, Mode};
use emulated::{console, flash, stack};
use pile_controller::playback::{MAX_STEP, Site, Step, play};
use pile_units::PileId;

type Flash = RamFlash<8, 2048, 65536>;

#[cfg(target_arch = "arm")]
const PLAYED: &core::ffi::CStr = c"cortex-m4";
#[cfg(target_arch = "riscv32")]
const PLAYED: &core::ffi::CStr = c"riscv32";

/// The steps of one run after another.
struct Runs {
    file: File,
    buffer: [u8; 4096],
    /// What of the buffer is not read yet.
    from: usize,
    to: usize,
    /// What of the run is not in the buffer yet.
    left: usize,
    /// The steps were not read to their end.
    failed: bool,
}

impl Runs {
    /// Goes on to the next run, if there is one.
    fn next_run(&mut self) -> bool {
        let mut length = [0; 4];
        let there = self.file.read(&mut length) == length.len();
        self.left = u32::from_le_bytes(length) as usize;
        (self.from, self.to) = (0, 0);
        there
    }

    fn next_step(&mut self) -> Option<Step> {
        if self.to - self.from < MAX_STEP && self.left > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            let most = self.left.min(self.buffer.len() - self.to);
            let read = self.file.read(&mut self.buffer[self.to..self.to + most]);
            self.to += read;
            self.left = if read == 0 { 0 } else { self.left - read };
            self.failed |= read == 0;
        }
        let bytes = &self.buffer[self.from..self.to];
        if bytes.is_empty() {
            return None;
        }
        let Some((step, rest)) = Step::decode(bytes) else {
            self.failed = true;
            return None;
        };
        self.from = self.to - rest.len();
        Some(step)
    }
}

/// A file that is written in portions.
struct Paper {
    file: File,
    buffer: [u8; 4096],
    count: usize,
    well: bool,
}

impl Paper {
    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.count == self.buffer.len() {
                self.flush();
            }
            self.buffer[self.count] = *byte;
            self.count += 1;
        }
    }

    fn flush(&mut self) {
        self.well &= self.file.write(&self.buffer[..self.count]);
        self.count = 0;
    }
}

impl Write for Paper {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

fn play_all() -> Option<u32> {
    let key = SoftwareKey::from_bytes(&[7; 32]).ok()?;
    let site = Site {
        pile: PileId::new(*b"the desk"),
        identity: Identity::new(*b"a pile on a desk"),
        firmware: "openpile 0.1.0",
        key: Some(&key),
    };
    let runs = RefCell::new(Runs {
        file: File::open(c"runs", Mode::Read)?,
        buffer: [0; 4096],
        from: 0,
        to: 0,
        left: 0,
        failed: false,
    });
    let mut paper = Paper {
        file: File::open(PLAYED, Mode::Write)?,
        buffer: [0; 4096],
        count: 0,
        well: true,
    };
    let mut count = 0;
    while runs.borrow_mut().next_run() {
        let mut flash = Flash::new();
        let steps = core::iter::from_fn(|| runs.borrow_mut().next_step());
        let played = play(&site, &mut flash, steps, &mut paper);
        let played = embassy_futures::block_on(played).ok()?;
        writeln!(paper, "{played}").ok()?;
        paper.put(&flash.bytes);
        count += 1;
    }
    paper.flush();
    (paper.well && !runs.borrow().failed).then_some(count)
}

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let mut played = None;
    let stack = stack::used(|| played = play_all());
    let Some(runs) = played else {
        return false;
    };
    console::row(c"runs played", runs);
    console::row(c"stack: of all of them, the flash of 64 KiB on it", stack);
    console::row(c"flash: machine, ledger and receipts", flash::size());
    true
}
