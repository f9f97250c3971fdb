//! The values of a script: times, names, amounts.

use core::fmt;

use billing_core::record::{Attempt, Fault, StopReason};
use pile_units::{Currency, Duration, Energy, Money, UidOnly};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Why a session ends, all of them.
pub(super) const STOP_REASONS: [StopReason; 18] = [
    StopReason::Full,
    StopReason::Unplugged,
    StopReason::ByCard,
    StopReason::ByPhone,
    StopReason::ByLandlord,
    StopReason::TimeLimit,
    StopReason::EnergyLimit,
    StopReason::CostLimit,
    StopReason::Overload,
    StopReason::OverTemperature,
    StopReason::Leakage,
    StopReason::NoLoad,
    StopReason::MeterLost,
    StopReason::PowerLost,
    StopReason::Revoked,
    StopReason::Firmware,
    StopReason::PowerBudget,
    StopReason::FuseBlown,
];

/// What keeps a port open, all of them.
pub(super) const FAULTS: [Fault; 6] = [
    Fault::Overload,
    Fault::OverTemperature,
    Fault::Leakage,
    Fault::FuseBlown,
    Fault::RelayWelded,
    Fault::MeterLost,
];

/// States of a port.
pub(super) const STATES: [&str; 9] = [
    "idle", "finished", "opening", "starting", "charging", "full", "stopping", "disabled",
    "faulted",
];

/// What a port's light shows.
pub(super) const INDICATORS: [&str; 7] = [
    "free", "waiting", "charging", "full", "finished", "disabled", "fault",
];

/// What the pile says, refusals aside.
pub(super) const SIGNALS: [&str; 14] = [
    "commissioned",
    "choose_port",
    "started",
    "stopped",
    "tap_new_card",
    "authorised",
    "window_closed",
    "fault_cleared",
    "hot",
    "ledger_filling",
    "cards_tried",
    "ledger_refused",
    "press_to_begin_anew",
    "tap_to_begin_anew",
];

/// Whose cards may be known by their number.
pub(super) const UID_ONLY: [(&str, UidOnly); 3] = [
    ("nobody", UidOnly::Nobody),
    ("listed", UidOnly::Listed),
    ("all", UidOnly::All),
];

/// Why a card is refused, all that is recorded.
pub(super) const ATTEMPTS: [Attempt; 3] = [Attempt::TooWeak, Attempt::WrongKey, Attempt::Revoked];

/// Levels of identification on a receipt.
pub(super) const LEVELS: [&str; 2] = ["SECURE", "HEARSAY"];

/// A time from the start: `"00:00:05"`, `"26:00:00"`, `"00:00:05.250"`, or whole seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub Duration);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = At;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time like \"00:00:05\" or whole seconds")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<At, E> {
                u32::try_from(seconds)
                    .map(|seconds| At(Duration::from_seconds(seconds)))
                    .map_err(|_| E::custom("a time lies 0 to 4294967295 s after the start"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<At, E> {
                clock(text)
                    .map(At)
                    .ok_or_else(|| E::custom(format!("\"{text}\" is not a time like \"00:00:05\"")))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// `hours:minutes:seconds`, and thousandths if need be.
fn clock(text: &str) -> Option<Duration> {
    let (clock, millis) = text.split_once('.').unwrap_or((text, "000"));
    let number = |part: &str, digits: core::ops::RangeInclusive<usize>| {
        let plain = part.bytes().all(|b| b.is_ascii_digit());
        (plain && digits.contains(&part.len())).then(|| part.parse::<u64>().ok())?
    };
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 1..=5)?;
    let minutes = number(parts.next()?, 2..=2).filter(|&minutes| minutes < 60)?;
    let seconds = number(parts.next()?, 2..=2).filter(|&seconds| seconds < 60)?;
    let millis = number(millis, 3..=3)?;
    if parts.next().is_some() {
        return None;
    }
    Some(Duration::from_millis(
        ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis,
    ))
}

/// Reads bytes written in hexadecimal, with or without colons or spaces between.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map(|c| c.to_digit(16))
        .collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

/// Reads an amount of money written as a decimal with at most the currency's decimals.
pub(super) fn money(text: &str, currency: Currency) -> Option<Money> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let decimals = usize::from(currency.decimals());
    if whole.is_empty() || whole.len() > 12 || !plain(whole) || !plain(fraction) {
        return None;
    }
    if fraction.len() > decimals || text.ends_with('.') {
        return None;
    }
    let minor: u64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    Some(Money::from_micros(minor * currency.micros_per_minor_unit()))
}

/// Reads watt-hours written as a decimal with at most three decimals.
pub(super) fn watt_hours(text: &str) -> Option<Energy> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() > 9 || fraction.len() > 3 {
        return None;
    }
    format!("{whole}{fraction:0<3}")
        .parse()
        .ok()
        .map(Energy::from_milliwatt_hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond() {
        let millis = |text| clock(text).map(Duration::millis);
        assert_eq!(millis("00:00:05"), Some(5_000));
        assert_eq!(millis("26:01:00.250"), Some(93_660_250));
        for wrong in [
            "5",
            "0:5",
            "00:60:00",
            "00:00:60",
            "-1:00:00",
            "1:00:00:00",
            "00:00:05.5",
            "+0:00:00",
        ] {
            assert_eq!(clock(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hexadecimal_is_read_in_pairs() {
        assert_eq!(hex("04:a1 B2c3"), Some(vec![4, 0xa1, 0xb2, 0xc3]));
        assert_eq!(hex("04a"), None);
        assert_eq!(hex("0g"), None);
    }

    #[test]
    fn money_has_no_more_decimals_than_its_currency() {
        let micros = |text| money(text, Currency::CNY).map(Money::micros);
        assert_eq!(micros("0.31"), Some(310_000));
        assert_eq!(micros("12.5"), Some(12_500_000));
        assert_eq!(micros("7"), Some(7_000_000));
        for wrong in ["", ".5", "1.", "0.315", "-1", "1e3", "+1"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
        let yen = "JPY".parse().unwrap();
        assert_eq!(money("12", yen).map(Money::micros), Some(12_000_000));
        assert_eq!(money("12.5", yen), None);
    }

    #[test]
    fn watt_hours_are_read_to_the_milliwatt_hour() {
        assert_eq!(watt_hours("50"), Some(Energy::from_milliwatt_hours(50_000)));
        assert_eq!(
            watt_hours("49.8"),
            Some(Energy::from_milliwatt_hours(49_800))
        );
        assert_eq!(watt_hours("49.8001"), None);
        assert_eq!(watt_hours("-1"), None);
    }

    #[test]
    fn every_name_is_listed_once() {
        let mut names: Vec<_> = STOP_REASONS.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STOP_REASONS.len());
    }
}
