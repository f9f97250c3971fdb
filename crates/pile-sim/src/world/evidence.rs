//! What stands on the flash, read from the side.

use super::World;
use crate::flash::{Part, Stm32g4, VirtualNor, W25q80, Words};
use billing_core::book::Book;
use billing_core::ledger::Ledger;
use billing_core::record::Record;
use pile_controller::Fingerprint;
use sha2::{Digest, Sha256};
use std::future::Future;
use std::task::{Context, Poll, Waker};

impl World {
    /// What proves that somebody has the bytes of the flash.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&Sha256::digest(self.flash.image()).into())
    }

    /// What the ledger says: mounts a copy of the flash and reads every record that stands.
    ///
    /// # Errors
    /// Why the ledger is refused.
    pub fn read_ledger(&self) -> Result<(Book, Vec<(u64, Record)>), String> {
        read_ledger(self.setup.flash, &self.flash.image())
    }
}

/// What a ledger says, by a part's image: mounts it and reads every record that stands.
///
/// ```
/// use pile_sim::flash::Part;
/// use pile_sim::world::read_ledger;
/// assert!(read_ledger(Part::Stm32g4, &[0xff; 65_536]).is_err()); // blank
/// ```
///
/// # Errors
/// Why the ledger is refused.
pub fn read_ledger(part: Part, image: &[u8]) -> Result<(Book, Vec<(u64, Record)>), String> {
    match part {
        Part::W25q80 => read(W25q80::from_image(image, Words::ClearBits)),
        Part::Stm32g4 => read(Stm32g4::from_image(image, Words::Once)),
    }
}

/// What a ledger on a flash that takes no time says.
fn read<const W: usize, const E: usize>(
    flash: VirtualNor<W, E>,
) -> Result<(Book, Vec<(u64, Record)>), String> {
    let reading = async {
        let mounted = Box::pin(Ledger::mount(flash)).await;
        let (mut ledger, book) = mounted.map_err(|error| error.to_string())?;
        let mut records = Vec::new();
        let read = ledger
            .visit(|seq, record| records.push((seq, record)))
            .await;
        read.map_err(|error| format!("{error:?}"))?;
        Ok((book, records))
    };
    let mut reading = std::pin::pin!(reading);
    let mut context = Context::from_waker(Waker::noop());
    match reading.as_mut().poll(&mut context) {
        Poll::Ready(read) => read,
        Poll::Pending => Err("the copy of the flash never waits".to_owned()),
    }
}
