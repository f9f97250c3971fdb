//! What a tag keeps without a field, as bytes: so that a tag can outlive the program it is in.
//!
//! `N424`, version 1, UID (7), numbers drawn (4), five keys (value 16, version 1, failures in a row
//! 4, in all 4, refusals owed 4), three files (length of the settings 1, settings, reads 4, data).
//! Integers least significant byte first.

use super::super::engine::Key;
use super::{File, Ntag424, legal};

const HEAD: [u8; 5] = *b"N424\x01";

impl Ntag424 {
    /// What it keeps without a field. **Holds its keys.**
    pub fn memory(&self) -> Vec<u8> {
        let mut bytes = HEAD.to_vec();
        bytes.extend(&self.engine.uid);
        bytes.extend(self.engine.drawn.to_le_bytes());
        for key in &self.engine.keys {
            bytes.extend(key.value);
            bytes.push(key.version);
            let counters = [key.in_a_row, key.in_all, key.owed];
            bytes.extend(counters.iter().flat_map(|count| count.to_le_bytes()));
        }
        for file in &self.files {
            // At most 21 bytes are legal settings.
            bytes.push(u8::try_from(file.settings.len()).unwrap_or_default());
            bytes.extend(&file.settings);
            bytes.extend(file.reads.to_le_bytes());
            bytes.extend(&file.data);
        }
        bytes
    }

    /// The tag of a [`memory`](Self::memory), out of the field; `None` for any other bytes.
    ///
    /// ```
    /// use pile_sim::cards::Ntag424;
    /// let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
    /// tag.set_key(1, [9; 16], 1);
    /// let again = Ntag424::from_memory(&tag.memory()).unwrap();
    /// assert_eq!(again.key(1), Some(([9; 16], 1)));
    /// assert!(Ntag424::from_memory(b"a photo").is_none());
    /// ```
    pub fn from_memory(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&HEAD)?;
        let mut tag = Self::new(take(&mut rest)?);
        tag.engine.drawn = take(&mut rest).map(u32::from_le_bytes)?;
        for key in &mut tag.engine.keys {
            let value = take(&mut rest)?;
            let [version] = take(&mut rest)?;
            let mut count = || take(&mut rest).map(u32::from_le_bytes);
            *key = Key {
                value,
                version,
                in_a_row: count()?,
                in_all: count()?,
                owed: count()?,
            };
        }
        for file in &mut tag.files {
            let [length] = take(&mut rest)?;
            let (settings, after) = rest.split_at_checked(usize::from(length))?;
            let (reads, data) = after.split_first_chunk()?;
            let (data, after) = data.split_at_checked(file.data.len())?;
            if !legal(settings, data.len()) {
                return None;
            }
            *file = File {
                settings: settings.to_vec(),
                reads: u32::from_le_bytes(*reads),
                data: data.to_vec(),
                ..file.clone()
            };
            rest = after;
        }
        rest.is_empty().then_some(tag)
    }

    /// Its UID.
    pub fn uid(&self) -> Option<[u8; 7]> {
        self.engine.uid.as_slice().try_into().ok()
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::super::super::Application;
    use super::*;

    #[test]
    fn memory_holds_all_that_a_loss_of_the_field_leaves() {
        let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
        // A failed authentication, and bytes in the file that everybody may write.
        tag.power_up();
        tag.command(&[0x90, 0x71, 0, 0, 2, 0, 0, 0]);
        let guess = [&[0x90, 0xaf, 0, 0, 32][..], &[7; 32], &[0]].concat();
        assert_eq!(tag.command(&guess), [0x91, 0xae]);
        let write = [0x90, 0x8d, 0, 0, 9, 2, 0, 0, 0, 2, 0, 0, 0xaa, 0xbb, 0];
        assert_eq!(tag.command(&write), [0x91, 0x00]);
        let mut again = Ntag424::from_memory(&tag.memory()).unwrap();
        assert_eq!(again.memory(), tag.memory());
        assert_eq!(again.failures(0), (1, 1));
        assert_eq!(again.tap(), tag.tap());
        assert_eq!(again.tap()[..2], [0xaa, 0xbb]);
    }

    #[test]
    fn memory_cut_short_or_too_long_or_of_no_legal_tag_is_refused() {
        let memory = Ntag424::new([4, 1, 2, 3, 4, 5, 6]).memory();
        for end in 0..memory.len() {
            assert!(Ntag424::from_memory(&memory[..end]).is_none(), "{end}");
        }
        assert!(Ntag424::from_memory(&[&memory[..], &[0]].concat()).is_none());
        let settings = 5 + 7 + 4 + 5 * 29;
        let mut illegal = memory;
        illegal[settings + 1] |= 0x40;
        assert!(Ntag424::from_memory(&illegal).is_none());
    }
}
