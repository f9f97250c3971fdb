//! The commands that make an NTAG 424 DNA ours: their data, byte for byte (NT4H2421Gx clause 10).

use zeroize::Zeroize;

use crate::crypto::xor;
use crate::{CardKey, KeySlot};

/// `ChangeFileSettings`.
pub(crate) const CHANGE_FILE_SETTINGS: u8 = 0x5f;
/// `GetKeyVersion`.
pub(crate) const GET_KEY_VERSION: u8 = 0x64;
/// `WriteData`.
pub(crate) const WRITE_DATA: u8 = 0x8d;
/// `ReadData`.
pub(crate) const READ_DATA: u8 = 0xad;
/// `ChangeKey`.
pub(crate) const CHANGE_KEY: u8 = 0xc4;
/// `GetFileSettings`.
pub(crate) const GET_FILE_SETTINGS: u8 = 0xf5;

/// A few bytes of command data; wiped when dropped, for some are keys.
#[derive(Clone)]
pub(crate) struct Data<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Data<N> {
    /// Takes the parts in a row, or `None` if there is no room.
    pub(crate) fn of(parts: &[&[u8]]) -> Option<Self> {
        let len = parts.iter().map(|part| part.len()).sum();
        let mut data = Self { bytes: [0; N], len };
        let bytes = parts.iter().flat_map(|part| part.iter());
        data.bytes
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        (len <= N).then_some(data)
    }

    /// Takes bytes of which all fit; what does not would be left out.
    pub(crate) fn cut(bytes: &[u8]) -> Self {
        let (fit, _) = bytes.split_at(bytes.len().min(N));
        Self::of(&[fit]).unwrap_or(Self {
            bytes: [0; N],
            len: 0,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> Drop for Data<N> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The check sum of a new key: CRC-32 of IEEE 802.3 without the last complement, least significant
/// byte first (NT4H2421Gx table 63; the spelling is that of AN12196 table 25).
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    let sum = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), step)
    });
    sum.to_le_bytes()
}

/// The data of `ChangeKey` in a session of key 0: the key itself for key 0; for the others its
/// difference to the old one and its check sum (NT4H2421Gx table 63).
pub(crate) fn key_data(number: u8, new: &CardKey, old: &CardKey, version: u8) -> Data<21> {
    let data = if number == KeySlot::Master.number() {
        Data::of(&[new.expose(), &[version]])
    } else {
        let mut difference = xor(*new.expose(), *old.expose());
        let data = Data::of(&[&difference, &[version], &crc32(new.expose())]);
        difference.zeroize();
        data
    };
    data.unwrap_or(Data {
        bytes: [0; 21],
        len: 0,
    })
}
