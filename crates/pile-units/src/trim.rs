//! What a channel's meter is corrected by: the result of a calibration, in integers.

use crate::OutOfRange;

/// The correction of one channel of a meter against a reference, in parts per million of what the
/// chip says: true = indicated x (1 + ppm / 10^6).
///
/// Each part is within +-250,000 ppm (25 %): the clock of an HLW8012 may be 15 % off (user manual), its
/// reference and the resistors the rest. What is reasonable for a better chip is less, and is its
/// calibration's to say: 10 % where parts of 1 % and a chip of 3 % come together.
///
/// ```
/// use pile_units::MeterTrim;
/// // A reference measured 1,003.2 W where the chip said 1,000 W.
/// let trim = MeterTrim::from_ppm(3_200, 0, -150)?;
/// assert_eq!((trim.power_ppm(), trim.voltage_ppm(), trim.current_ppm()), (3_200, 0, -150));
/// assert_eq!(MeterTrim::default(), MeterTrim::NONE);
/// assert!(MeterTrim::from_ppm(250_001, 0, 0).is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
pub struct MeterTrim {
    power: i32,
    voltage: i32,
    current: i32,
}

impl MeterTrim {
    /// No correction.
    pub const NONE: Self = Self {
        power: 0,
        voltage: 0,
        current: 0,
    };
    /// The most that a part may be, either way: 25 %.
    pub const MAX_PPM: i32 = 250_000;

    /// Makes a correction of active power (and of the energy counted from it), voltage and
    /// current, in parts per million.
    ///
    /// # Errors
    /// [`OutOfRange`] where one of them is beyond [`Self::MAX_PPM`] either way.
    pub const fn from_ppm(power: i32, voltage: i32, current: i32) -> Result<Self, OutOfRange> {
        if within(power) && within(voltage) && within(current) {
            Ok(Self {
                power,
                voltage,
                current,
            })
        } else {
            Err(OutOfRange)
        }
    }

    /// Parts per million of active power, and of the energy counted from it.
    pub const fn power_ppm(self) -> i32 {
        self.power
    }

    /// Parts per million of voltage.
    pub const fn voltage_ppm(self) -> i32 {
        self.voltage
    }

    /// Parts per million of current.
    pub const fn current_ppm(self) -> i32 {
        self.current
    }
}

const fn within(ppm: i32) -> bool {
    -MeterTrim::MAX_PPM <= ppm && ppm <= MeterTrim::MAX_PPM
}

impl<'de> serde::Deserialize<'de> for MeterTrim {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (power, voltage, current) = serde::Deserialize::deserialize(deserializer)?;
        Self::from_ppm(power, voltage, current).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_is_at_most_a_quarter_either_way() {
        for ppm in [-250_000, -1, 0, 250_000] {
            let trim = MeterTrim::from_ppm(ppm, ppm, ppm).unwrap();
            assert_eq!(trim.power_ppm(), ppm);
        }
        for ppm in [-250_001, 250_001, i32::MIN, i32::MAX] {
            assert_eq!(MeterTrim::from_ppm(ppm, 0, 0), Err(OutOfRange));
            assert_eq!(MeterTrim::from_ppm(0, ppm, 0), Err(OutOfRange));
            assert_eq!(MeterTrim::from_ppm(0, 0, ppm), Err(OutOfRange));
        }
    }

    #[test]
    fn its_wire_form_is_three_zigzag_varints_and_is_checked_when_read() {
        let trim = MeterTrim::from_ppm(-100_000, 1, 100_000).unwrap();
        // 199,999 = 12 x 16384 + 26 x 128 + 63; 200,000 is one more.
        let bytes = [0xbf, 0x9a, 0x0c, 2, 0xc0, 0x9a, 0x0c];
        let mut buffer = [0; 16];
        assert_eq!(postcard::to_slice(&trim, &mut buffer).unwrap(), &bytes);
        assert_eq!(postcard::from_bytes(&bytes), Ok(trim));
        // The largest has no more bytes: 499,999 = 30 x 16384 + 66 x 128 + 31, and 500,000.
        let widest = MeterTrim::from_ppm(-250_000, 0, 250_000).unwrap();
        let bytes = [0x9f, 0xc2, 0x1e, 0, 0xa0, 0xc2, 0x1e];
        assert_eq!(postcard::to_slice(&widest, &mut buffer).unwrap(), &bytes);
        assert_eq!(postcard::from_bytes(&bytes), Ok(widest));
        // -250,001.
        let beyond = [0xa1, 0xc2, 0x1e, 0, 0];
        assert!(postcard::from_bytes::<MeterTrim>(&beyond).is_err());
    }
}
