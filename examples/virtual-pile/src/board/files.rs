//! The files that a board finds in its folder: an erased flash and a key page, made once.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use pile_app::keys::{KeyPage, LEN};
use pile_controller::shell::Random;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Bytes of the flash: the second bank of an STM32G474.
pub(super) const FLASH_BYTES: usize = 256 * 1024;

struct Seeded(ChaCha8Rng);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// Makes what is missing, and reads the key page.
pub(super) fn ready(folder: &Path, seed: u64) -> Result<KeyPage, String> {
    let said = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| said(folder, &error))?;
    let flash = folder.join("flash");
    if !flash.exists() {
        whole(&flash, &vec![0xff; FLASH_BYTES]).map_err(|error| said(&flash, &error))?;
    }
    let keys = folder.join("keys");
    match std::fs::read(&keys) {
        Ok(page) => {
            let page = page.first_chunk::<LEN>().ok_or("it is too short");
            let page = page.and_then(|page| KeyPage::read(page).map_err(|_| "it is damaged"));
            page.map_err(|why| format!("{}: {why}", keys.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let page = drawn(seed);
            whole(&keys, &*page.bytes()).map_err(|error| said(&keys, &error))?;
            Ok(page)
        }
        Err(error) => Err(said(&keys, &error)),
    }
}

/// A pile's identity and keys, of a seed: for the desk, where nothing is secret.
fn drawn(seed: u64) -> KeyPage {
    let mut random = Seeded(ChaCha8Rng::seed_from_u64(seed));
    let (mut site, mut receipt) = ([0; 16], [0; 32]);
    random.fill(&mut site);
    random.fill(&mut receipt);
    KeyPage::fresh(&mut random)
        .with_site_key(site)
        .with_receipt_key(receipt)
}

/// Writes a file whole or not at all.
fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_added_extension("next");
    let mut file = std::fs::File::create(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_kept_and_a_damaged_page_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let first = ready(folder.path(), 1).unwrap();
        assert!(first.site_key().is_some() && first.receipt_key().is_some());
        // Another seed changes nothing that is there.
        assert_eq!(ready(folder.path(), 2).unwrap(), first);
        assert_ne!(drawn(2), first);
        let flash = std::fs::read(folder.path().join("flash")).unwrap();
        assert!(flash.len() == FLASH_BYTES && flash.iter().all(|byte| *byte == 0xff));
        std::fs::write(folder.path().join("keys"), [0; 200]).unwrap();
        assert!(ready(folder.path(), 1).unwrap_err().ends_with("damaged"));
    }
}
