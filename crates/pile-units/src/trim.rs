//! What a channel's meter is corrected by: the result of a calibration, in integers.

use crate::OutOfRange;

/// The correction of one channel of a meter against a reference, in parts per million of what the
/// chip says: true = indicated x (1 + ppm / 10^6).
///
/// Each part is within +-100,000 ppm (10 %): what parts of 1 % and a chip of 3 % can be off
/// together, with room. More is a wrong resistor, not a calibration.
///
/// ```
/// use pile_units::MeterTrim;
/// // A reference measured 1,003.2 W where the chip said 1,000 W.
/// let trim = MeterTrim::from_ppm(3_200, 0, -150)?;
/// assert_eq!((trim.power_ppm(), trim.voltage_ppm(), trim.current_ppm()), (3_200, 0, -150));
/// assert_eq!(MeterTrim::default(), MeterTrim::NONE);
/// assert!(MeterTrim::from_ppm(100_001, 0, 0).is_err());
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
    /// The most that a part may be, either way: 10 %.
    pub const MAX_PPM: i32 = 100_000;

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
    fn a_correction_is_at_most_a_tenth_either_way() {
        for ppm in [-100_000, -1, 0, 100_000] {
            let trim = MeterTrim::from_ppm(ppm, ppm, ppm).unwrap();
            assert_eq!(trim.power_ppm(), ppm);
        }
        for ppm in [-100_001, 100_001, i32::MIN, i32::MAX] {
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
        // -100,001.
        let beyond = [0xc1, 0x9a, 0x0c, 0, 0];
        assert!(postcard::from_bytes::<MeterTrim>(&beyond).is_err());
    }
}
