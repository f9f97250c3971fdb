//! The flash of the module: two partitions of it, found by their names.
//!
//! | partition | from | what |
//! | --- | --- | --- |
//! | `ledger` | 0 | the ledger: all of it |
//! | `keys` | 0 | the key page ([`pile_app::keys`]), drawn at the first start |
//! | `keys` | `0x1000` | the site key: `OPILSITE`, then 16 bytes; blank where there is none |
//!
//! The program runs from the same flash, so nothing runs while it is written or erased, interrupts neither:
//! 45 ms a sector of 4 KiB, 400 ms at worst (data sheet of the W25Q32JV; the module's may be another).
//! Therefore a sector at a time is erased, and everybody else has a turn in between.

use embassy_futures::yield_now;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_storage::{FlashStorage, FlashStorageError};
use pile_app::keys::{self, KeyPage};
use pile_controller::shell::Random;
use zeroize::Zeroizing;

use crate::safety::Dog;

const SECTOR: u32 = FlashStorage::SECTOR_SIZE;
/// Where the site key stands in its partition.
const SITE: u32 = SECTOR;
const SITE_MARK: &[u8; 8] = b"OPILSITE";
/// Bytes of the key page, in whole words of the flash.
const KEYS_BYTES: usize = keys::LEN.next_multiple_of(4);

/// What can go wrong with the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The driver's own.
    Driver(FlashStorageError),
    /// What was written does not read back.
    Verify,
    /// It was asked for what lies outside of the partition.
    Outside,
    /// The table of partitions cannot be read, or lacks one.
    Partitions,
    /// The key page is damaged, and there is a ledger: other keys would open it to nobody.
    Keys,
}

impl core::fmt::Display for Failed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Driver(_) => "the flash refuses",
            Self::Verify => "the flash keeps something else",
            Self::Outside => "not in the partition",
            Self::Partitions => "a partition is missing",
            Self::Keys => "the key page is damaged",
        })
    }
}

impl core::error::Error for Failed {}

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Driver(FlashStorageError::NotAligned) => NorFlashErrorKind::NotAligned,
            Self::Driver(FlashStorageError::OutOfBounds) | Self::Outside => {
                NorFlashErrorKind::OutOfBounds
            }
            _ => NorFlashErrorKind::Other,
        }
    }
}

/// Where a partition lies.
#[derive(Clone, Copy)]
struct Place {
    start: u32,
    length: u32,
}

impl Place {
    /// The flash's address of `length` bytes from `offset`.
    fn at(self, offset: u32, length: usize) -> Result<u32, Failed> {
        let end = u32::try_from(length)
            .ok()
            .and_then(|length| offset.checked_add(length));
        match end {
            Some(end) if end <= self.length => Ok(self.start + offset),
            _ => Err(Failed::Outside),
        }
    }
}

/// The partition of the ledger.
pub struct Area {
    flash: FlashStorage<'static>,
    place: Place,
    dog: &'static Dog,
}

impl ErrorType for Area {
    type Error = Failed;
}

impl ReadNorFlash for Area {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        let from = self.place.at(offset, bytes.len())?;
        self.flash.read_nor(from, bytes).map_err(Failed::Driver)
    }

    fn capacity(&self) -> usize {
        self.place.length as usize
    }
}

impl NorFlash for Area {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR as usize;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        let from = self.place.at(from, to.saturating_sub(from) as usize)?;
        let to = self.place.at(to, 0)?;
        for sector in (from..to).step_by(SECTOR as usize) {
            let erased = self.flash.erase(sector, sector + SECTOR);
            erased.map_err(Failed::Driver)?;
            self.dog.feed();
            yield_now().await;
        }
        Ok(())
    }

    /// Reads back what it wrote: the ROM's driver does not.
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        let to = self.place.at(offset, bytes.len())?;
        write(&mut self.flash, to, bytes)
    }
}

/// Writes, and reads back.
fn write(flash: &mut FlashStorage<'static>, mut to: u32, bytes: &[u8]) -> Result<(), Failed> {
    flash.write_nor(to, bytes).map_err(Failed::Driver)?;
    let mut kept = Zeroizing::new([0; 64]);
    for wrote in bytes.chunks(64) {
        let kept = &mut kept[..wrote.len()];
        flash.read_nor(to, kept).map_err(Failed::Driver)?;
        if wrote != kept {
            return Err(Failed::Verify);
        }
        to += 64;
    }
    Ok(())
}

/// Finds the partitions.
fn find(flash: &mut FlashStorage<'static>) -> Option<(Place, Place)> {
    let mut table = [0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(flash, &mut table).ok()?;
    let place = |name| {
        let found = table.iter().find(|entry| entry.label_as_str() == name)?;
        let (start, length) = (found.offset(), found.len());
        let whole = start % SECTOR == 0 && length % SECTOR == 0;
        let ends = start.checked_add(length)? as usize <= flash.capacity();
        (whole && ends).then_some(Place { start, length })
    };
    let (ledger, keys) = (place("ledger")?, place("keys")?);
    (keys.length > SITE).then_some((ledger, keys))
}

/// Opens the flash: the ledger's partition, and the pile's keys. At the first start the keys are drawn, and so
/// they are after a cut in the middle of that, since nothing has used them yet: a page that is
/// damaged is drawn anew only while the ledger has not begun.
///
/// # Errors
/// The flash's; [`Failed::Partitions`] for a module that was flashed without `partitions.csv`;
/// [`Failed::Keys`] for a damaged key page beside a ledger.
pub async fn open(
    mut flash: FlashStorage<'static>,
    random: &mut impl Random,
    dog: &'static Dog,
) -> Result<(Area, KeyPage), Failed> {
    let (ledger, own) = find(&mut flash).ok_or(Failed::Partitions)?;
    let place = ledger;
    let mut area = Area { flash, place, dog };
    let mut site = Zeroizing::new([0; 24]);
    let at = own.at(SITE, site.len())?;
    let read = area.flash.read_nor(at, &mut *site);
    read.map_err(Failed::Driver)?;
    let mut page = Zeroizing::new([0; KEYS_BYTES]);
    let at = own.at(0, page.len())?;
    let read = area.flash.read_nor(at, &mut *page);
    read.map_err(Failed::Driver)?;
    let keys = match page.first_chunk().map(KeyPage::read) {
        Some(Ok(keys)) => keys,
        _ if !keys::is_blank(&mut area).await? => return Err(Failed::Keys),
        _ => {
            let mut receipt = Zeroizing::new([0; 32]);
            random.fill(&mut *receipt);
            let keys = KeyPage::fresh(random).with_receipt_key(*receipt);
            let mut bytes = Zeroizing::new([0xFF; KEYS_BYTES]);
            bytes
                .iter_mut()
                .zip(keys.bytes().iter())
                .for_each(|(to, from)| *to = *from);
            let erased = area.flash.erase(at, at + SECTOR);
            erased.map_err(Failed::Driver)?;
            write(&mut area.flash, at, &*bytes)?;
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
