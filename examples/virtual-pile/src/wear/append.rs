//! What it costs to append records: to our journal, and to `sequential-storage`'s queue.

use billing_core::journal::{Identity, Journal, MAX_PAYLOAD};
use embassy_futures::block_on;
use pile_sim::flash::{Statistics, VirtualNor};
use pile_sim::life::Trouble;
use sequential_storage::cache::Cache;
use sequential_storage::queue::{QueueConfig, QueueStorage};

/// The cost of a record.
pub struct Append {
    /// Bytes programmed for a byte of payload, in thousandths.
    pub ratio: u64,
    /// Programs and erases, in hundredths.
    pub operations: u64,
}

const BYTES: [u8; MAX_PAYLOAD] = [0x5a; MAX_PAYLOAD];
const PAGES: u64 = 24;

impl Append {
    fn of(before: &Statistics, after: &Statistics, (records, payload): (u64, u64)) -> Self {
        let bytes = after.bytes_programmed - before.bytes_programmed;
        let operations = after.operations() - before.operations();
        Self {
            ratio: bytes * 1000 / payload.max(1),
            operations: operations * 100 / records.max(1),
        }
    }
}

/// Records of these lengths, over and over.
fn records(lengths: &[usize]) -> impl Iterator<Item = &'static [u8]> {
    lengths
        .iter()
        .cycle()
        .filter_map(|length| BYTES.get(..*length))
}

/// Our journal, with pages that were used before, as they always are: each is erased again.
pub fn ours<const W: usize, const E: usize>(
    flash: &VirtualNor<W, E>,
    lengths: &[usize],
) -> Result<Append, Trouble> {
    let wrong = |error: &dyn std::fmt::Debug| Trouble::Other(format!("{error:?}"));
    let made = Journal::<_>::format(flash.clone(), Identity::new([1; 16]));
    drop(block_on(made).map_err(|error| wrong(&error))?);
    let mounted = block_on(Journal::<_>::mount(flash.clone(), &mut |_| ()));
    let mut journal = mounted.map_err(|error| wrong(&error))?;
    let before = flash.statistics();
    let mut done = (0, 0);
    for record in records(lengths) {
        if flash.statistics().erases - before.erases >= PAGES {
            break;
        }
        block_on(journal.append(record)).map_err(|error| wrong(&error))?;
        done = (done.0 + 1, done.1 + record.len() as u64);
    }
    Ok(Append::of(&before, &flash.statistics(), done))
}

/// The queue of `sequential-storage`, once round and over its oldest records.
pub fn theirs<const W: usize, const E: usize>(
    flash: &VirtualNor<W, E>,
    lengths: &[usize],
) -> Result<Append, Trouble> {
    let wrong = |error: &dyn std::fmt::Debug| Trouble::Other(format!("{error:?}"));
    let end = u32::try_from(flash.image().len()).unwrap_or(u32::MAX);
    let config = QueueConfig::try_new(0..end).map_err(|error| wrong(&error))?;
    let mut queue = QueueStorage::new(flash.clone(), config, Cache::new_uncached());
    let mut begun = None;
    let mut done = (0, 0);
    for record in records(lengths) {
        let now = flash.statistics();
        // From the first page that had to be erased on.
        match &begun {
            None if now.erases > 0 => begun = Some(now),
            Some(begun) if now.erases - begun.erases >= PAGES => {
                return Ok(Append::of(begun, &now, done));
            }
            Some(_) => done = (done.0 + 1, done.1 + record.len() as u64),
            None => {}
        }
        block_on(queue.push(record, true)).map_err(|error| wrong(&error))?;
    }
    Err(Trouble::Other("no records to append".to_owned()))
}
