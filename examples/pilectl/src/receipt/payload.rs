//! What an OCMF record says, ours or another maker's, with every digit it has.

use std::collections::BTreeMap;
use std::fmt;

use billing_core::cost::Bill;
use billing_core::receipt::{Arithmetic, Stretch, read_tariff_text};
use pile_units::{Currency, Energy};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::macros::format_description;

type Members = BTreeMap<String, Box<RawValue>>;

/// The payload of a record: what is between its pipes.
pub struct Payload {
    members: Members,
    /// The readings, in order.
    pub readings: Vec<Reading>,
}

impl Payload {
    /// Reads the payload of a record, whether or not it verifies.
    pub fn of(record: &str) -> Option<Self> {
        let text = record.strip_prefix("OCMF|")?.split('|').next()?;
        let members: Members = serde_json::from_str(text).ok()?;
        let list: Vec<Members> = serde_json::from_str(members.get("RD")?.get()).ok()?;
        let mut readings: Vec<Reading> = Vec::new();
        for reading in &list {
            let reading = Reading::of(reading, readings.last());
            readings.push(reading);
        }
        Some(Self { members, readings })
    }

    /// A member as text: a string's inside, anything else as it stands. `None` if it is missing
    /// or empty.
    pub fn text(&self, key: &str) -> Option<String> {
        text(&self.members, key).filter(|text| !text.is_empty())
    }

    /// True if one of our piles made it.
    pub fn is_ours(&self) -> bool {
        self.text("GI").as_deref() == Some("openpile")
    }

    /// The page, of those numbered as transactions: `T32` is 32.
    pub fn page(&self) -> Option<u32> {
        self.text("PG")?.strip_prefix('T')?.parse().ok()
    }

    /// The first start.
    pub fn start(&self) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.letter == "B")
    }

    /// The first stop.
    pub fn stop(&self) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.is_stop())
    }

    /// What was drawn between the start and the stop.
    pub fn drawn(&self) -> Option<Register> {
        let (start, stop) = (self.start()?.register?, self.stop()?.register?);
        stop.0.checked_sub(start.0).map(Register)
    }

    /// The arithmetic that the readings and the tariff text tell of one of our receipts; `None`
    /// where the text had no room for each price in turn.
    pub fn arithmetic(&self) -> Option<Arithmetic<std::vec::IntoIter<Stretch>>> {
        if !self.is_ours() {
            return None;
        }
        let tariff = self.text("TT")?;
        let (currency, prices) = read_tariff_text(&tariff)?;
        if prices.clone().count() + 1 != self.readings.len() {
            return None;
        }
        let ends = self.readings.iter().zip(self.readings.iter().skip(1));
        let stretch = |((from, to), price): ((&Reading, &Reading), Option<_>)| {
            let price: billing_core::receipt::Priced<'_> = price?;
            let drawn = to.register?.0.checked_sub(from.register?.0)?;
            Some(Stretch {
                band: price.band.parse().ok()?,
                energy: Register(drawn).energy()?,
                energy_price: price.energy_price,
                service_price: price.service_price,
            })
        };
        let stretches: Option<Vec<_>> = ends.zip(prices).map(stretch).collect();
        Some(Arithmetic::new(currency, stretches?.into_iter()))
    }

    /// The currency of one of our receipts.
    pub fn currency(&self) -> Option<Currency> {
        self.text("Y")?.split_once(' ')?.1.parse().ok()
    }

    /// True if the receipt states these fees.
    pub fn states(&self, bill: &Bill) -> bool {
        let Some(currency) = self.currency() else {
            return false;
        };
        let amount = |money| Some(format!("{} {currency}", currency.amount(money)));
        self.text("W") == amount(bill.energy_fee)
            && self.text("X") == amount(bill.service_fee)
            && self.text("Y") == amount(bill.total)
    }
}

/// A receipt of unknown hands may hold anything: nothing but what can be printed reaches a
/// terminal.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

fn text(members: &Members, key: &str) -> Option<String> {
    let raw = members.get(key)?.get();
    if raw.starts_with('"') {
        serde_json::from_str(raw).ok()
    } else if raw == "null" {
        None
    } else {
        Some(raw.to_owned())
    }
}

/// A meter reading. What it leaves out it has from the one before it (OCMF 1.0, `RD`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The time as it stands.
    pub time_text: String,
    /// The time, if it can be read.
    pub time: Option<OffsetDateTime>,
    /// How far the clock is trusted: `U`, `I`, `S`, `R`.
    pub clock: String,
    /// What it is: `B`, `T`, `E`, ... (`TX`).
    pub letter: String,
    /// The register, if it can be read exactly.
    pub register: Option<Register>,
    /// What is in doubt: `E` the energy, `t` the time.
    pub doubts: String,
    /// The state of the meter, `G` if it is well.
    pub status: String,
    /// The same as this reading itself states it.
    pub own_status: Option<String>,
    /// What is counted (OBIS), as this reading itself states it.
    pub own_identifier: Option<String>,
    /// The unit, as this reading itself states it.
    pub own_unit: Option<String>,
}

impl Reading {
    fn of(members: &Members, before: Option<&Self>) -> Self {
        let own = |key| text(members, key);
        let time = own("TM").unwrap_or_default();
        let (time_text, clock) = time.split_once(' ').unwrap_or((&time, ""));
        let unit = own("RU").unwrap_or_else(|| "kWh".to_owned());
        let kept = |own: Option<String>, of: fn(&Self) -> &String| {
            own.or_else(|| before.map(of).cloned()).unwrap_or_default()
        };
        Self {
            time_text: time_text.to_owned(),
            time: read_time(time_text),
            clock: clock.trim().to_owned(),
            letter: own("TX").unwrap_or_default().trim().to_owned(),
            register: own("RV").and_then(|value| Register::read(&value, &unit)),
            doubts: own("EF").unwrap_or_default(),
            status: kept(own("ST"), |before| &before.status),
            own_status: own("ST"),
            own_identifier: own("RI"),
            own_unit: own("RU"),
        }
    }

    /// True for every kind of stop.
    pub fn is_stop(&self) -> bool {
        matches!(self.letter.as_str(), "E" | "L" | "R" | "A" | "P")
    }
}

fn read_time(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second],[subsecond digits:3][offset_hour sign:mandatory][offset_minute]"
    );
    OffsetDateTime::parse(text, format).ok()
}

/// A register of energy, in 10^-12 kWh: nothing a meter writes is rounded away.
///
/// ```
/// use pilectl::receipt::payload::Register;
/// let register = Register::read("0.259600", "kWh").unwrap();
/// assert_eq!(register.to_string(), "0.2596 kWh");
/// assert_eq!(Register::read("259.6", "Wh"), Some(register));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register(u128);

const KILOWATT_HOUR: u128 = 1_000_000_000_000;
const MILLIWATT_HOUR: u128 = 1_000_000;

impl Register {
    /// Reads a plain decimal of `Wh` or `kWh`.
    pub fn read(value: &str, unit: &str) -> Option<Self> {
        let one = match unit {
            "kWh" => KILOWATT_HOUR,
            "Wh" => KILOWATT_HOUR / 1000,
            _ => return None,
        };
        let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || whole.len() > 18 {
            return None;
        }
        let mut sum = whole.parse::<u128>().ok()?.checked_mul(one)?;
        let mut place = one;
        for digit in fraction.bytes() {
            place /= 10;
            // Digits finer than can be held must be zeros.
            if place == 0 && digit != b'0' {
                return None;
            }
            sum += u128::from(digit - b'0') * place;
        }
        Some(Self(sum))
    }

    /// The same in whole milliwatt-hours.
    pub fn energy(self) -> Option<Energy> {
        let whole = self.0.is_multiple_of(MILLIWATT_HOUR);
        let energy = u64::try_from(self.0 / MILLIWATT_HOUR).ok()?;
        whole.then(|| Energy::from_milliwatt_hours(energy))
    }

    /// This less `other`.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / KILOWATT_HOUR, self.0 % KILOWATT_HOUR);
        let fraction = format!("{fraction:012}");
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{whole}.{fraction:0<3} kWh")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_to_their_last_digit() {
        for (value, unit, shown) in [
            ("0", "kWh", "0.000 kWh"),
            ("2935.6", "Wh", "2.9356 kWh"),
            ("0.2597", "kWh", "0.2597 kWh"),
            (
                "123456789.000000000001",
                "kWh",
                "123456789.000000000001 kWh",
            ),
            ("1.0000000000000", "kWh", "1.000 kWh"),
        ] {
            assert_eq!(Register::read(value, unit).unwrap().to_string(), shown);
        }
        for (value, unit) in [
            ("-1", "kWh"),
            ("1e3", "kWh"),
            ("", "kWh"),
            ("1.", "kWh"),
            ("1", "MJ"),
            ("0.0000000000001", "kWh"),
            ("0.00000000000001", "kWh"),
        ] {
            assert_eq!(Register::read(value, unit), None, "{value} {unit}");
        }
    }

    #[test]
    fn a_reading_has_from_the_one_before_what_it_leaves_out() {
        let record = r#"OCMF|{"RD":[{"TM":"2018-07-24T13:22:04,000+0200 S","TX":"B","RV":1,"RU":"kWh","ST":"G"},{"TX":"E","RV":2,"RU":"kWh"}]}|{}"#;
        let payload = Payload::of(record).unwrap();
        assert_eq!(payload.readings[1].status, "G");
        assert_eq!(payload.start().unwrap().clock, "S");
        assert_eq!(
            payload.start().unwrap().time.unwrap().unix_timestamp(),
            1_532_431_324
        );
        assert_eq!(payload.drawn().unwrap().to_string(), "1.000 kWh");
    }

    #[test]
    fn what_is_no_record_has_no_payload() {
        for record in ["", "OCMF", "OCMF|{}|{}", "OCMF|[]|{}", "OCMF|{\"RD\":1}|{}"] {
            assert!(Payload::of(record).is_none(), "{record}");
        }
    }
}
