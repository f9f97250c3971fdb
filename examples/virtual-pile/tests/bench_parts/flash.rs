//! A flash image as its published format says (`billing-core/src/journal/FORMAT.md` and the table of
//! records in that crate's README), read by nothing of the pile's own code.

use sha2::{Digest, Sha256};

/// What a record says, as far as a bill goes.
#[derive(Debug)]
pub enum Told {
    Opened,
    /// Milliwatt-hours of sessions.
    Drawn(u128),
    /// A stretch of a session: milliwatt-hours, and micro-units a kilowatt-hour. The last of its session
    /// or not.
    Line {
        energy: u128,
        prices: [u128; 2],
        last: bool,
    },
    /// Milliwatt-hours and micro-units.
    Bill {
        energy: u128,
        energy_fee: u128,
        service_fee: u128,
        total: u128,
    },
    Other,
}

pub struct Image(Vec<Vec<u8>>);

impl Image {
    /// Reads every record of a journal that was never compacted, and checks the chain.
    pub fn read(bytes: &[u8]) -> Self {
        let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!(&bytes[..5], b"OPLJ\x03");
        let (write, page) = (usize::from(bytes[6]), half(8) * 64);
        let padded = |length: usize| length.next_multiple_of(write);
        let mut head = Sha256::digest([b"openpile journal\x03", &bytes[32..48]].concat());
        let (mut seq, mut records) = (1_u64, Vec::new());
        for (counter, page) in (0_u32..).zip(bytes.chunks(page)) {
            if &page[..4] != b"OPLJ" {
                break;
            }
            assert_eq!(
                page[12..16],
                counter.to_le_bytes(),
                "the ring has gone round"
            );
            assert_eq!(page[24..32], seq.to_le_bytes());
            assert_eq!(page[48..80], head[..]);
            let mut at = padded(84);
            while at < page.len() && page[at] != 0xff {
                let length = usize::from(page[at]);
                let (kind, payload) = (page[at + 1] >> 6, &page[at + 2..at + 2 + length]);
                let next = Sha256::new()
                    .chain_update(head)
                    .chain_update(seq.to_le_bytes())
                    .chain_update([kind, page[at]])
                    .chain_update(payload)
                    .finalize();
                if page[at + 2 + length..at + 4 + length] != next[..2] {
                    // Torn by a cut: the rest of the page was given up.
                    break;
                }
                head = next;
                if kind == 0 {
                    records.push(payload.to_vec());
                }
                seq += 1;
                at += padded(7 + length);
            }
        }
        Self(records)
    }

    pub fn records(&self) -> impl Iterator<Item = Told> + '_ {
        self.0.iter().map(|record| told(record))
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> u128 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap();
        self.0 = rest;
        *first
    }

    fn skip(&mut self, varints: usize) {
        for _ in 0..varints {
            self.varint();
        }
    }

    fn skip_bytes(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

fn told(record: &[u8]) -> Told {
    let mut fields = Fields(record);
    match fields.varint() {
        9 => Told::Opened,
        10 => {
            fields.skip(1);
            let mask = fields.varint();
            // Sixteen ports' sessions, then sixteen ports' energy of nobody.
            let sessions = (mask & 0xffff).count_ones();
            Told::Drawn((0..sessions).map(|_| fields.varint()).sum())
        }
        kind @ (11 | 12) => {
            // Session, account, index, tariff; the band's name; from, to: seconds and quality.
            fields.skip(4);
            let name = usize::from(fields.byte());
            fields.skip_bytes(name);
            fields.skip(4);
            Told::Line {
                energy: fields.varint(),
                prices: [fields.varint(), fields.varint()],
                last: kind == 12,
            }
        }
        13 => {
            // Session, account, card, strength, port; opened, closed; reason.
            fields.skip(5 + 4 + 1);
            let energy = fields.varint();
            // Reading, segments, currency.
            fields.skip(2);
            fields.skip_bytes(3);
            Told::Bill {
                energy,
                energy_fee: fields.varint(),
                service_fee: fields.varint(),
                total: fields.varint(),
            }
        }
        _ => Told::Other,
    }
}
