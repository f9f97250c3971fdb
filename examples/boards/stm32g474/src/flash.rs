//! Bank 2 of the internal flash: 128 pages of 2 KiB, of which the ledger has 110.
//!
//! | from | what |
//! | --- | --- |
//! | `0x0804_0000` | 32 KiB of program: the arithmetic of signatures, handshakes and cards' keys (`memory.x`) |
//! | `0x0804_8000` | the ledger, 220 KiB |
//! | `0x0807_F000` | the site key: `OPILSITE`, then 16 bytes; blank where there is none |
//! | `0x0807_F800` | the key page ([`pile_app::keys`]), drawn at the first start |
//!
//! All else of the program lies in bank 1, so it runs on while bank 2 is erased or written (RM0440,
//! 3.3.8): an erase takes 22.0 to 24.5 ms, 8 bytes 81.7 to 90.8 µs by the data sheet, and an interrupt ends the
//! wait. Until then the executor serves everybody else. A signature, a handshake or a card's proof that falls
//! into an erase holds the whole processor up until it is done.

use embassy_stm32::flash::{Async, Bank2Region, Error};
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use pile_app::keys::{self, KeyPage};
use pile_controller::shell::Random;
use zeroize::Zeroizing;

/// Where the ledger begins, from the bank's start: after what `memory.x` has there.
pub const LEDGER: u32 = 0x8000;
/// And how long it is, up to the site key.
const LEDGER_BYTES: u32 = SITE - LEDGER;
/// Where the site key stands.
const SITE: u32 = 0x3F000;
/// Where the key page stands.
const KEYS: u32 = 0x3F800;
const SITE_MARK: &[u8; 8] = b"OPILSITE";
/// What can go wrong with the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The driver's own.
    Driver(Error),
    /// What was written does not read back.
    Verify,
    /// The key page is damaged, and there is a ledger: other keys would open it to nobody.
    Keys,
}

impl core::fmt::Display for Failed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Driver(_) => "the flash refuses",
            Self::Verify => "the flash keeps something else",
            Self::Keys => "the key page is damaged",
        })
    }
}

impl core::error::Error for Failed {}

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Driver(error) => error.kind(),
            Self::Verify | Self::Keys => NorFlashErrorKind::Other,
        }
    }
}

/// The pages of the ledger.
pub struct Area(Bank2Region<'static, Async>);

impl ErrorType for Area {
    type Error = Failed;
}

impl ReadNorFlash for Area {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        self.0
            .read(LEDGER + offset, bytes)
            .await
            .map_err(Failed::Driver)
    }

    fn capacity(&self) -> usize {
        LEDGER_BYTES as usize
    }
}

impl NorFlash for Area {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 2048;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        if to > LEDGER_BYTES {
            return Err(Failed::Driver(Error::Size));
        }
        let erased = self.0.erase(LEDGER + from, LEDGER + to).await;
        erased.map_err(Failed::Driver)
    }

    /// Reads back what it wrote: the driver's interrupt clears the chip's error flags before anybody
    /// has looked at them.
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        if offset as usize + bytes.len() > LEDGER_BYTES as usize {
            return Err(Failed::Driver(Error::Size));
        }
        let mut at = LEDGER + offset;
        self.0.write(at, bytes).await.map_err(Failed::Driver)?;
        for wrote in bytes.chunks(Self::WRITE_SIZE) {
            let mut kept = [0; Self::WRITE_SIZE];
            self.0.read(at, &mut kept).await.map_err(Failed::Driver)?;
            if wrote != kept {
                return Err(Failed::Verify);
            }
            at += 8;
        }
        Ok(())
    }
}

/// Bytes of the key page, in whole words of the flash.
const KEYS_BYTES: usize = keys::LEN.next_multiple_of(8);

/// Opens the bank: the ledger's pages, and the pile's keys. At the first start the keys are drawn, and so
/// they are after a cut in the middle of that, since nothing has used them yet: a page that is
/// damaged is drawn anew only while the ledger has not begun.
///
/// # Errors
/// The flash's; [`Failed::Keys`] for a damaged key page beside a ledger.
pub async fn open(
    bank: Bank2Region<'static, Async>,
    random: &mut impl Random,
) -> Result<(Area, KeyPage), Failed> {
    let mut area = Area(bank);
    let mut site = [0; 24];
    area.0.read(SITE, &mut site).await.map_err(Failed::Driver)?;
    let mut page = Zeroizing::new([0; KEYS_BYTES]);
    area.0
        .read(KEYS, &mut *page)
        .await
        .map_err(Failed::Driver)?;
    let keys = match page.first_chunk().map(KeyPage::read) {
        Some(Ok(keys)) => keys,
        _ if !keys::is_blank(&mut area).await? => return Err(Failed::Keys),
        _ => {
            let mut receipt = Zeroizing::new([0; 32]);
            random.fill(&mut *receipt);
            let keys = KeyPage::fresh(random).with_receipt_key(*receipt);
            area.0
                .erase(KEYS, KEYS + 2048)
                .await
                .map_err(Failed::Driver)?;
            let mut bytes = Zeroizing::new([0xFF; KEYS_BYTES]);
            bytes
                .iter_mut()
                .zip(keys.bytes().iter())
                .for_each(|(to, from)| *to = *from);
            area.0.write(KEYS, &*bytes).await.map_err(Failed::Driver)?;
            area.0
                .read(KEYS, &mut *page)
                .await
                .map_err(Failed::Driver)?;
            if *page != *bytes {
                return Err(Failed::Verify);
            }
            keys
        }
    };
    let site = site
        .strip_prefix(SITE_MARK)
        .and_then(|key| key.try_into().ok());
    let keys = match site {
        Some(key) => keys.with_site_key(key),
        None => keys,
    };
    Ok((area, keys))
}
