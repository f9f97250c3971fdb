//! What a pile says of itself to everybody: its name, the version of the link, how many ports are
//! free. Nothing of a person, a phone or a card.
//!
//! Two packets of at most 31 bytes, in the AD structures of the Bluetooth Core Specification
//! Supplement, part A (`[length][type][data..]`):
//!
//! | packet | type | data |
//! | --- | --- | --- |
//! | advertisement | 01 flags | `06`: generally discoverable, no BR/EDR |
//! | advertisement | 07 complete list of 128-bit services | [`SERVICE`], little-endian |
//! | advertisement | FF manufacturer specific | `FF FF` `6F 70` ("op") version, free ports |
//! | scan response | 09 complete local name | the [`Name`] |
//!
//! The service stands in the advertisement itself, since phones filter by it before they ask for the
//! scan response. Half the world's UART peripherals advertise it too, which is why `op` follows. The
//! company `FFFF` is the one that the Bluetooth SIG leaves for tests: a maker with a number of its
//! own is found by `op` as well, so a reader passes the number over.

use core::fmt;

use heapless::Vec;

/// The service of the link: the Nordic UART layout.
pub const SERVICE: u128 = 0x6E40_0001_B5A3_F393_E0A9_E50E_24DC_CA9E;
/// Where the phone writes: the pile's RX.
pub const RX: u128 = 0x6E40_0002_B5A3_F393_E0A9_E50E_24DC_CA9E;
/// Where the pile notifies: the pile's TX.
pub const TX: u128 = 0x6E40_0003_B5A3_F393_E0A9_E50E_24DC_CA9E;

/// What a packet holds (Core Specification, vol. 6 part B, 2.3.1).
const PACKET: usize = 31;
/// What a name may be long, in bytes, so that it fills a scan response.
const NAME: usize = PACKET - 2;
const PREFIX: &str = "openpile";

const FLAGS: u8 = 0x01;
const SERVICES_128: u8 = 0x07;
const COMPLETE_NAME: u8 = 0x09;
const MANUFACTURER: u8 = 0xFF;

/// Error returned by [`Name::with`].
///
/// ```
/// use ble_protocol::advert::{Name, NameError};
/// assert_eq!(Name::with("the house with the red door"), Err(NameError::TooLong));
/// assert_eq!(NameError::TooLong.to_string(), "a short name has at most 20 bytes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// Over 20 bytes.
    TooLong,
    /// A control character, or a blank at an end.
    Unprintable,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a short name has at most 20 bytes",
            Self::Unprintable => "a short name is printable and has no blank at its ends",
        })
    }
}

impl core::error::Error for NameError {}

/// The name of a pile: `openpile`, or `openpile` and a short name that the landlord has chosen.
///
/// ```
/// use ble_protocol::advert::Name;
/// let name = Name::with("yard")?;
/// assert_eq!(name.as_str(), "openpile yard");
/// // A module on a UART takes 12 bytes.
/// assert_eq!(name.shortened(12), "openpile yar");
/// # Ok::<(), ble_protocol::advert::NameError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    short: Vec<u8, NAME>,
}

impl Name {
    /// `openpile` alone.
    pub const PLAIN: Self = Self { short: Vec::new() };

    /// `openpile` and a short name, 1 to 20 bytes of UTF-8; an empty one is none.
    ///
    /// # Errors
    /// [`NameError`] when it is too long or cannot be printed.
    pub fn with(short: &str) -> Result<Self, NameError> {
        if short.is_empty() {
            return Ok(Self::PLAIN);
        }
        if short.trim() != short || short.chars().any(char::is_control) {
            return Err(NameError::Unprintable);
        }
        let mut whole = Vec::new();
        for part in [PREFIX, " ", short] {
            whole
                .extend_from_slice(part.as_bytes())
                .map_err(|_| NameError::TooLong)?;
        }
        Ok(Self { short: whole })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        match core::str::from_utf8(&self.short) {
            Ok(name) if !name.is_empty() => name,
            _ => PREFIX,
        }
    }

    /// The name's first characters, in at most so many bytes and without a blank at the end.
    pub fn shortened(&self, bytes: usize) -> &str {
        let name = self.as_str();
        let end = (0..=bytes.min(name.len()))
            .rev()
            .find(|end| name.is_char_boundary(*end))
            .unwrap_or(0);
        name.get(..end).unwrap_or_default().trim_end()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let short = core::str::from_utf8(bytes).ok()?.strip_prefix(PREFIX)?;
        match short.strip_prefix(' ') {
            Some(short) => Self::with(short).ok(),
            None => short.is_empty().then_some(Self::PLAIN),
        }
    }
}

/// A packet's bytes, at most 31.
///
/// ```
/// use ble_protocol::advert::{Advert, Name};
/// let advert = Advert { name: Name::PLAIN, version: 1, free_ports: 9 };
/// assert_eq!(advert.scan_response().as_bytes(), b"\x09\x09openpile");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet(Vec<u8, PACKET>);

impl Packet {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a structure. What is added here fits, which a test holds.
    fn add(&mut self, kind: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let Ok(length) = u8::try_from(length.saturating_add(1)) else {
            return;
        };
        let _ = self.0.extend_from_slice(&[length, kind]);
        for part in parts {
            let _ = self.0.extend_from_slice(part);
        }
    }
}

/// What a pile says of itself.
///
/// ```
/// use ble_protocol::advert::{Advert, Name};
/// let advert = Advert { name: Name::with("yard")?, version: 1, free_ports: 7 };
/// let (first, second) = (advert.packet(), advert.scan_response());
/// assert_eq!(Advert::parse(first.as_bytes(), second.as_bytes()), Some(advert));
/// # Ok::<(), ble_protocol::advert::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Its name.
    pub name: Name,
    /// The version of the link that it speaks.
    pub version: u8,
    /// How many of its ports are free.
    pub free_ports: u8,
}

impl Advert {
    /// The advertisement.
    pub fn packet(&self) -> Packet {
        let mut packet = Packet(Vec::new());
        packet.add(FLAGS, &[&[0x06]]);
        packet.add(SERVICES_128, &[&SERVICE.to_le_bytes()]);
        packet.add(
            MANUFACTURER,
            &[b"\xFF\xFFop", &[self.version, self.free_ports]],
        );
        packet
    }

    /// The answer to a phone that asks for more.
    pub fn scan_response(&self) -> Packet {
        let mut packet = Packet(Vec::new());
        packet.add(COMPLETE_NAME, &[self.name.as_str().as_bytes()]);
        packet
    }

    /// Reads what a phone heard; `None` where it is no pile's. What later versions append to the
    /// manufacturer's data is passed over. Without a scan response, or with a name that is none of
    /// ours (a phone's own choice), the name is [`Name::PLAIN`].
    pub fn parse(packet: &[u8], scan_response: &[u8]) -> Option<Self> {
        let structures = || Structures(packet).chain(Structures(scan_response));
        structures().find(|(kind, data)| {
            *kind == SERVICES_128
                && data
                    .as_chunks::<16>()
                    .0
                    .iter()
                    .any(|uuid| u128::from_le_bytes(*uuid) == SERVICE)
        })?;
        let (version, free_ports) = structures().find_map(|structure| match structure {
            (MANUFACTURER, [_, _, b'o', b'p', version, free_ports, ..]) => {
                Some((*version, *free_ports))
            }
            _ => None,
        })?;
        let name = structures()
            .filter(|(kind, _)| *kind == COMPLETE_NAME)
            .find_map(|(_, data)| Name::parse(data))
            .unwrap_or_default();
        Some(Self {
            name,
            version,
            free_ports,
        })
    }
}

/// The AD structures of a packet, up to the first that is cut off or empty.
struct Structures<'a>(&'a [u8]);

impl<'a> Iterator for Structures<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first()?;
        let (structure, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        let (kind, data) = structure.split_first()?;
        Some((*kind, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn advert(short: &str) -> Advert {
        Advert {
            name: Name::with(short).unwrap(),
            version: 1,
            free_ports: 7,
        }
    }

    #[test]
    fn the_packets_are_these_bytes() {
        let advert = advert("yard");
        assert_eq!(
            advert.packet().as_bytes(),
            [
                0x02, 0x01, 0x06, //
                0x11, 0x07, 0x9E, 0xCA, 0xDC, 0x24, 0x0E, 0xE5, 0xA9, 0xE0, 0x93, 0xF3, 0xA3, 0xB5,
                0x01, 0x00, 0x40, 0x6E, //
                0x07, 0xFF, 0xFF, 0xFF, 0x6F, 0x70, 0x01, 0x07,
            ]
        );
        assert_eq!(
            advert.scan_response().as_bytes(),
            b"\x0E\x09openpile yard".as_slice()
        );
    }

    #[test]
    fn the_longest_name_fills_its_packet() {
        let advert = advert("12345678901234567890");
        assert_eq!(advert.scan_response().as_bytes().len(), 31);
        assert!(Name::with("123456789012345678901").is_err());
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let name = Name::with("h\u{e9}").unwrap();
        assert_eq!(name.shortened(11), "openpile h");
        assert_eq!(name.shortened(12), "openpile h\u{e9}");
        assert_eq!(name.shortened(9), "openpile");
        assert_eq!(name.shortened(99), name.as_str());
    }

    #[test]
    fn a_name_that_cannot_be_shown_is_refused() {
        for short in [" ", "a ", " a", "a\nb", "\u{7}"] {
            assert_eq!(Name::with(short), Err(NameError::Unprintable), "{short:?}");
        }
    }

    #[test]
    fn other_peripherals_are_no_piles() {
        let ours = advert("yard");
        let packet = ours.packet();
        let packet = packet.as_bytes();
        // The service alone, our mark alone, another mark, a part of it.
        assert_eq!(Advert::parse(&packet[..21], &[]), None);
        assert_eq!(Advert::parse(&packet[21..], &[]), None);
        let mut other = packet.to_vec();
        other[25] = b'x';
        assert_eq!(Advert::parse(&other, &[]), None);
        assert_eq!(Advert::parse(&packet[..28], &[]), None);
    }

    #[test]
    fn without_a_scan_response_the_name_is_plain() {
        let seen = Advert::parse(advert("yard").packet().as_bytes(), &[]).unwrap();
        assert_eq!((seen.name, seen.free_ports), (Name::PLAIN, 7));
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(short in "[a-zA-Z0-9\u{e9}]{0,9}", version: u8, free_ports: u8) {
            let said = Advert { name: Name::with(&short).unwrap(), version, free_ports };
            let (packet, scan) = (said.packet(), said.scan_response());
            prop_assert_eq!(Advert::parse(packet.as_bytes(), scan.as_bytes()), Some(said));
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            packet in proptest::collection::vec(any::<u8>(), 0..40),
            scan in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let _ = Advert::parse(&packet, &scan);
        }
    }
}
