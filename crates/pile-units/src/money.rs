//! Money: integer micro-units, exact products, one rounding.

use crate::{Energy, OutOfRange, quantity};

quantity!(
    /// An amount in micro-units (10^-6) of the currency.
    ///
    /// ```
    /// use pile_units::Money;
    /// assert_eq!(Money::from_micros(1_230_000).micros(), 1_230_000);
    /// ```
    Money(u64), from_micros, micros, "micro-units of the currency"
);

/// The most a kilowatt-hour may cost: 1,000 units of the currency, in micro-units.
const MAX_PRICE: u32 = 1_000_000_000;

/// A price in micro-units of the currency a kilowatt-hour, 0..=1,000,000,000 (1,000.00 a kWh).
///
/// ```
/// use pile_units::{Energy, Price};
/// let price: Price = "0.568".parse()?;
/// assert_eq!(price.micros_per_kilowatt_hour(), 568_000);
/// assert_eq!(price.to_string(), "0.568");
/// assert!("-0.1".parse::<Price>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Price(u32);

impl Price {
    /// Free of charge.
    pub const ZERO: Self = Self(0);

    /// Makes a price from micro-units a kilowatt-hour.
    ///
    /// # Errors
    /// [`OutOfRange`] above 1,000,000,000.
    pub const fn from_micros_per_kilowatt_hour(micros: u32) -> Result<Self, OutOfRange> {
        if micros <= MAX_PRICE {
            Ok(Self(micros))
        } else {
            Err(OutOfRange)
        }
    }

    /// Micro-units a kilowatt-hour.
    pub const fn micros_per_kilowatt_hour(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for Price {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let micros = u32::deserialize(deserializer)?;
        Self::from_micros_per_kilowatt_hour(micros).map_err(serde::de::Error::custom)
    }
}

impl core::fmt::Display for Price {
    /// Writes at least two and at most six decimals, without trailing zeros past the second.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (mut fraction, mut digits) = (self.0 % 1_000_000, 6usize);
        while digits > 2 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{}.{fraction:0digits$}", self.0 / 1_000_000)
    }
}

impl core::str::FromStr for Price {
    type Err = OutOfRange;

    /// Reads a plain decimal with up to six decimals: `0.568`, `1`, `0.2`.
    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > 6 || whole.len() > 4 {
            return Err(OutOfRange);
        }
        let whole: u64 = whole.parse().map_err(|_| OutOfRange)?;
        let mut micros: u64 = fraction.parse().map_err(|_| OutOfRange)?;
        for _ in fraction.len()..6 {
            micros *= 10;
        }
        let micros = u32::try_from(whole * 1_000_000 + micros).map_err(|_| OutOfRange)?;
        Self::from_micros_per_kilowatt_hour(micros)
    }
}

/// An exact fee: energy times price, in 10^-12 units of the currency, nothing rounded away.
///
/// One milliwatt-hour at one micro-unit a kilowatt-hour costs one of them (10^-6 kWh x 10^-6).
/// 2^64 of them are 18 million units of the currency; adding past that stops there.
///
/// ```
/// use pile_units::{Energy, Fee, Price};
/// let price: Price = "0.568".parse()?;
/// let fee = Fee::of(Energy::from_milliwatt_hours(1_001), price);
/// assert_eq!(fee.micros().micros(), 568); // 568.568 micro-units, rounded down for show
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Fee(u64);

impl Fee {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The product of an energy and a price, exact.
    #[must_use]
    pub const fn of(energy: Energy, price: Price) -> Self {
        // Widening; `u64::from` is not const.
        Self(
            energy
                .milliwatt_hours()
                .saturating_mul(price.micros_per_kilowatt_hour() as u64),
        )
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The integer number of 10^-12 units.
    pub const fn picos(self) -> u64 {
        self.0
    }

    /// Whole micro-units, rounded down.
    pub const fn micros(self) -> Money {
        Money::from_micros(self.0 / 1_000_000)
    }

    /// Rounded down to the currency's minor unit: the one rounding of a session's total.
    pub const fn round_down(self, currency: Currency) -> Money {
        let micros = self.micros().micros();
        let minor = currency.micros_per_minor_unit();
        Money::from_micros(micros / minor * minor)
    }
}

/// A currency by its ISO 4217 letters.
///
/// ```
/// use pile_units::{Currency, Money};
/// let yuan: Currency = "CNY".parse()?;
/// assert_eq!(yuan.amount(Money::from_micros(12_340_000)).to_string(), "12.34");
/// let yen: Currency = "JPY".parse()?;
/// assert_eq!(yen.amount(Money::from_micros(12_000_000)).to_string(), "12");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The yuan renminbi, the default of a blank pile.
    pub const CNY: Self = Self(*b"CNY");

    /// The three letters.
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Decimals of the minor unit, as ISO 4217 lists them: none, two or three.
    pub const fn decimals(self) -> u8 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// Micro-units in one minor unit.
    pub const fn micros_per_minor_unit(self) -> u64 {
        match self.decimals() {
            0 => 1_000_000,
            3 => 1_000,
            _ => 10_000,
        }
    }

    /// An amount that writes itself as a decimal with this currency's decimals (rounded down).
    pub const fn amount(self, money: Money) -> Amount {
        Amount {
            currency: self,
            money,
        }
    }
}

impl core::str::FromStr for Currency {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(OutOfRange),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <[u8; 3]>::deserialize(deserializer)?;
        core::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| serde::de::Error::custom(OutOfRange))
    }
}

impl core::fmt::Display for Currency {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money that knows its currency: [`Currency::amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    currency: Currency,
    money: Money,
}

impl core::fmt::Display for Amount {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let minor = self.money.micros() / self.currency.micros_per_minor_unit();
        match self.currency.decimals() {
            0 => write!(f, "{minor}"),
            3 => write!(f, "{}.{:03}", minor / 1000, minor % 1000),
            _ => write!(f, "{}.{:02}", minor / 100, minor % 100),
        }
    }
}
