//! The serialised form of a tariff, and the checks on the way back in.

use pile_units::{Currency, UtcOffset};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Band, BandIndex, MAX_BANDS, SLOTS, Tariff};

const PACKED: usize = SLOTS / 2;

impl Serialize for Tariff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut packed = [0u8; PACKED];
        for (byte, pair) in packed.iter_mut().zip(self.slots.chunks_exact(2)) {
            if let [early, late] = pair {
                *byte = early.byte() | late.byte() << 4;
            }
        }
        let mut fields = serializer.serialize_struct("Tariff", 5)?;
        fields.serialize_field("currency", &self.currency)?;
        fields.serialize_field("utc_offset", &self.utc_offset)?;
        fields.serialize_field("bands", self.bands())?;
        fields.serialize_field("unknown_time_band", &self.unknown_time_band)?;
        fields.serialize_field("slots", &packed)?;
        fields.end()
    }
}

/// What is read before it is checked.
#[derive(Deserialize)]
#[serde(rename = "Tariff")]
struct Unchecked {
    currency: Currency,
    utc_offset: UtcOffset,
    bands: heapless::Vec<Band, MAX_BANDS>,
    unknown_time_band: BandIndex,
    slots: [u8; PACKED],
}

impl<'de> Deserialize<'de> for Tariff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Unchecked::deserialize(deserializer)?;
        let mut slots = [BandIndex::FIRST; SLOTS];
        for (pair, byte) in slots.chunks_exact_mut(2).zip(read.slots) {
            if let [early, late] = pair {
                *early = BandIndex::new(byte & 0xf).map_err(serde::de::Error::custom)?;
                *late = BandIndex::new(byte >> 4).map_err(serde::de::Error::custom)?;
            }
        }
        Self::new(
            read.currency,
            read.utc_offset,
            &read.bands,
            slots,
            read.unknown_time_band,
        )
        .map_err(serde::de::Error::custom)
    }
}
