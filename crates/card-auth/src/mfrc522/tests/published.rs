//! The facts of `tests/data/cards.json` about the chip: its versions, its SPI addresses, its FIFO.

use super::super::registers::Register;
use super::super::{FIFO_BYTES, Version};
use crate::vectors::{text, vectors};

#[test]
fn the_published_versions_are_known_and_no_other() {
    let facts = &vectors()["mfrc522"];
    let seen = facts["version_values_seen"].as_array().unwrap();
    let known = seen.iter().map(|value| {
        let (number, _) = value.as_str().unwrap().split_once(' ').unwrap();
        u8::from_str_radix(number.strip_prefix("0x").unwrap(), 16).unwrap()
    });
    let known: std::vec::Vec<_> = known.collect();
    assert_eq!(known.len(), 3);
    for number in 0..=u8::MAX {
        let version = Version::from_register(number);
        assert_eq!(version.is_some(), known.contains(&number), "{number:#x}");
    }
}

#[test]
fn addresses_on_the_bus_follow_the_published_rule() {
    let facts = &vectors()["mfrc522"];
    assert_eq!(
        text(facts, "spi_address"),
        "(reg << 1) & 0x7E, | 0x80 to read"
    );
    for register in [Register::Command, Register::FifoData, Register::Version] {
        let number = register as u8;
        assert_eq!(register.to_write(), (number << 1) & 0x7e);
        assert_eq!(register.to_read(), (number << 1) & 0x7e | 0x80);
    }
    // By hand, so that a slip in the rule above would show: VersionReg is 37h.
    assert_eq!(Register::Version.to_read(), 0xee);
    assert_eq!(Register::FifoData.to_write(), 0x12);
}

#[test]
fn the_fifo_has_its_published_size() {
    assert_eq!(vectors()["mfrc522"]["fifo_bytes"], FIFO_BYTES);
}
