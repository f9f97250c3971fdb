//! Numbers as people read them: thousands apart, kilowatt-hours, money.

use pile_units::{Currency, Energy, Money};

/// Writes a whole number with a comma between thousands.
///
/// ```
/// assert_eq!(virtual_pile::figures::grouped(1_351_240), "1,351,240");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes an energy in kilowatt-hours with three decimals, rounded down: `1,351.240`.
pub fn kwh(energy: Energy) -> String {
    let watt_hours = energy.milliwatt_hours() / 1000;
    format!("{}.{:03}", grouped(watt_hours / 1000), watt_hours % 1000)
}

/// Writes an energy in kilowatt-hours to the milliwatt-hour, nothing rounded: `1,351.240000`.
pub fn kwh_exact(energy: Energy) -> String {
    let mwh = energy.milliwatt_hours();
    format!("{}.{:06}", grouped(mwh / 1_000_000), mwh % 1_000_000)
}

/// Writes an amount with the currency's decimals, thousands apart: `1,012.34`.
pub fn amount(currency: Currency, money: Money) -> String {
    let plain = currency.amount(money).to_string();
    let (whole, decimals) = match plain.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (plain.as_str(), None),
    };
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    match decimals {
        Some(decimals) => format!("{whole}.{decimals}"),
        None => whole,
    }
}

/// Writes a count with its noun: `1 session`, `2 sessions`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Writes a span of seconds in days: `394.3 days`.
pub fn days(seconds: u64) -> String {
    let tenths = seconds / 8_640;
    format!("{}.{} days", grouped(tenths / 10), tenths % 10)
}

/// Puts names in the order of a list of flats: `Flat 9` before `Flat 10`.
///
/// ```
/// let mut names = ["Flat 10", "Flat 9", "Attic"];
/// names.sort_by(|a, b| virtual_pile::figures::natural_order(a, b));
/// assert_eq!(names, ["Attic", "Flat 9", "Flat 10"]);
/// ```
pub fn natural_order(a: &str, b: &str) -> core::cmp::Ordering {
    let parts = |text: &str| {
        let mut parts: Vec<(bool, String)> = Vec::new();
        for c in text.chars() {
            let digit = c.is_ascii_digit();
            match parts.last_mut() {
                Some((digits, part)) if *digits == digit => part.push(c),
                _ => parts.push((digit, c.to_string())),
            }
        }
        parts.into_iter().map(|(digits, part)| {
            let number = part.trim_start_matches('0');
            // Longer numbers are larger; text has no length to speak of.
            if digits {
                (number.len(), number.to_owned())
            } else {
                (usize::MAX, part)
            }
        })
    };
    parts(a).cmp(parts(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,000,000"]);
    }

    #[test]
    fn energy_is_rounded_down_to_a_watt_hour_or_not_at_all() {
        let energy = Energy::from_milliwatt_hours(1_351_240_999);
        assert_eq!(kwh(energy), "1,351.240");
        assert_eq!(kwh_exact(energy), "1,351.240999");
    }

    #[test]
    fn amounts_keep_the_decimals_of_their_currency() {
        let money = Money::from_micros(1_012_345_678);
        assert_eq!(amount(Currency::CNY, money), "1,012.34");
        assert_eq!(amount("JPY".parse().unwrap(), money), "1,012");
        assert_eq!(amount("KWD".parse().unwrap(), money), "1,012.345");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(2_237, "session"), "2,237 sessions");
        assert_eq!(days(34_069_000), "394.3 days");
    }
}
