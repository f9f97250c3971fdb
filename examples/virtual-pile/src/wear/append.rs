//! What it costs to append records of 24 bytes: to our journal, and to `sequential-storage`'s queue.

use billing_core::journal::{Identity, Journal};
use embassy_futures::block_on;
use pile_sim::flash::{Statistics, VirtualNor};
use pile_sim::life::Trouble;
use sequential_storage::cache::Cache;
use sequential_storage::queue::{QueueConfig, QueueStorage};

/// The cost of a record, in hundredths.
pub struct Append {
    /// Bytes programmed for a byte of payload.
    pub ratio: u64,
    /// Programs and erases.
    pub operations: u64,
}

const RECORD: [u8; 24] = [0x5a; 24];
const PAGES: u64 = 24;

impl Append {
    fn of(before: &Statistics, after: &Statistics, records: u64) -> Self {
        let bytes = after.bytes_programmed - before.bytes_programmed;
        let operations = after.operations() - before.operations();
        Self {
            ratio: bytes * 100 / (records * RECORD.len() as u64),
            operations: operations * 100 / records,
        }
    }
}

/// Our journal, with pages that were used before, as they always are: each is erased again.
pub fn ours<const W: usize, const E: usize>(flash: &VirtualNor<W, E>) -> Result<Append, Trouble> {
    let wrong = |error: &dyn std::fmt::Debug| Trouble::Other(format!("{error:?}"));
    let made = Journal::<_>::format(flash.clone(), Identity::new([1; 16]));
    drop(block_on(made).map_err(|error| wrong(&error))?);
    let mounted = block_on(Journal::<_>::mount(flash.clone(), &mut |_| ()));
    let mut journal = mounted.map_err(|error| wrong(&error))?;
    let before = flash.statistics();
    let mut records = 0;
    while flash.statistics().erases - before.erases < PAGES {
        block_on(journal.append(&RECORD)).map_err(|error| wrong(&error))?;
        records += 1;
    }
    Ok(Append::of(&before, &flash.statistics(), records))
}

/// The queue of `sequential-storage`, once round and over its oldest records.
pub fn theirs<const W: usize, const E: usize>(flash: &VirtualNor<W, E>) -> Result<Append, Trouble> {
    let wrong = |error: &dyn std::fmt::Debug| Trouble::Other(format!("{error:?}"));
    let end = u32::try_from(flash.image().len()).unwrap_or(u32::MAX);
    let config = QueueConfig::try_new(0..end).map_err(|error| wrong(&error))?;
    let mut queue = QueueStorage::new(flash.clone(), config, Cache::new_uncached());
    let mut begun = None;
    let mut records = 0;
    loop {
        let now = flash.statistics();
        // From the first page that had to be erased on.
        match &begun {
            None if now.erases > 0 => begun = Some(now),
            Some(begun) if now.erases - begun.erases >= PAGES => {
                return Ok(Append::of(begun, &now, records));
            }
            Some(_) => records += 1,
            None => {}
        }
        block_on(queue.push(&RECORD, true)).map_err(|error| wrong(&error))?;
    }
}
