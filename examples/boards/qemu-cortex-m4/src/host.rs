//! What the host lends by semihosting: the flash and the keys in files, random numbers, a console.

use core::ffi::CStr;
use core::fmt::Write;

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use emulated::console;
use emulated::file::{File, Mode};
use pile_app::keys::{self, KeyPage};
use pile_controller::shell::{Panel, Random, Relays};
use pile_controller::{Indicator, Signal};
use pile_units::PortId;

const FLASH: &CStr = c"flash";
const CAPACITY: usize = 256 * 1024;
const UNIT: usize = 2048;

/// The flash: a file that is written through, so that it is there after whatever ends the emulator.
pub struct HostFlash(File);

impl HostFlash {
    /// Opens it, or makes an erased one; `None` where the host does not let it.
    pub fn open() -> Option<Self> {
        if let Some(file) = File::open(FLASH, Mode::Update) {
            return Some(Self(file));
        }
        let mut file = File::open(FLASH, Mode::Write)?;
        for _ in 0..CAPACITY / UNIT {
            file.write(&[0xff; UNIT]).then_some(())?;
        }
        drop(file);
        File::open(FLASH, Mode::Update).map(Self)
    }

    fn at(&mut self, offset: u32) -> Result<&mut File, HostFailed> {
        let there = self.0.seek(offset as usize);
        there.then_some(&mut self.0).ok_or(HostFailed)
    }
}

/// The host's file failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFailed;

impl NorFlashError for HostFailed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for HostFlash {
    type Error = HostFailed;
}

impl ReadNorFlash for HostFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), HostFailed> {
        let read = self.at(offset)?.read(bytes);
        (read == bytes.len()).then_some(()).ok_or(HostFailed)
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl NorFlash for HostFlash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = UNIT;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), HostFailed> {
        for unit in (from..to).step_by(UNIT) {
            let erased = self.at(unit)?.write(&[0xff; UNIT]);
            erased.then_some(()).ok_or(HostFailed)?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), HostFailed> {
        let written = self.at(offset)?.write(bytes);
        written.then_some(()).ok_or(HostFailed)
    }
}

/// The host's random numbers.
pub struct HostRandom(File);

impl HostRandom {
    /// `None` where the host has none.
    pub fn open() -> Option<Self> {
        File::open(c"/dev/urandom", Mode::Read).map(Self)
    }
}

impl Random for HostRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Nothing that can be foretold may be used in its place.
        if self.0.read(bytes) != bytes.len() {
            console::write(c"no random numbers\n");
            console::exit(false);
        }
    }
}

/// The keys in the host's file `keys`; where there is none, new ones, kept there.
pub fn keys(random: &mut HostRandom) -> Option<KeyPage> {
    let mut page = [0; keys::LEN];
    if let Some(mut file) = File::open(c"keys", Mode::Read) {
        file.read(&mut page);
        return KeyPage::read(&page).ok();
    }
    let mut site = [0; 16];
    random.fill(&mut site);
    let keys = KeyPage::fresh(random).with_site_key(site);
    let kept = File::open(c"keys", Mode::Write)?.write(&*keys.bytes());
    kept.then_some(keys)
}

/// A line of the console; what is longer is cut.
struct Text([u8; 120], usize);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes().filter(|byte| *byte != 0) {
            if self.1 + 1 < self.0.len() {
                self.0[self.1] = byte;
                self.1 += 1;
            }
        }
        Ok(())
    }
}

fn say(what: core::fmt::Arguments<'_>) {
    let mut text = Text([0; 120], 0);
    let _ = text.write_fmt(what);
    if let Ok(text) = CStr::from_bytes_until_nul(&text.0) {
        console::write(text);
        console::write(c"\n");
    }
}

/// Lights, sounds and relays, said on the console.
pub struct Console;

impl Panel for Console {
    fn indicate(&mut self, port: PortId, indicator: Indicator) {
        say(format_args!("port {}: {indicator:?}", port.number()));
    }

    fn signal(&mut self, signal: Signal) {
        say(format_args!("{signal:?}"));
    }

    fn refused(&mut self, why: Option<&dyn core::fmt::Display>) {
        if let Some(why) = why {
            say(format_args!("the ledger is refused: {why}"));
        }
    }
}

impl Relays for Console {
    fn set(&mut self, port: PortId, closed: bool) {
        let now = if closed { "closed" } else { "open" };
        say(format_args!("relay {} is {now}", port.number()));
    }
}
