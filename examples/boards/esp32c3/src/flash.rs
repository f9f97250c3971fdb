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
//! Therefore a sector at a time is erased, and everybody else has a turn in between
//! ([`pile_app::flash::InTurns`]). What is written is read back: the ROM's driver does not.

use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_storage::FlashStorage;
use pile_app::flash::Places;

/// Finds the partitions: none in a module that was flashed without `partitions.csv`.
pub fn places(flash: &mut FlashStorage<'_>) -> Option<Places> {
    let mut table = [0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(flash, &mut table).ok()?;
    let place = |name| {
        let found = table.iter().find(|entry| entry.label_as_str() == name)?;
        Some((found.offset(), found.offset().checked_add(found.len())?))
    };
    let ((start, end), (keys, keys_end)) = (place("ledger")?, place("keys")?);
    let site = keys.checked_add(FlashStorage::SECTOR_SIZE)?;
    Some(Places {
        ledger: start..end,
        keys: keys..site,
        site: site..keys_end,
    })
}
