//! A bill worked out line by line, exact to the last digit, for people to do again by hand.

use core::fmt::{self, Display, Formatter};

use pile_units::{Currency, Energy, Fee, Money, Price};

use crate::cost::{Bill, SessionCost};
use crate::tariff::BandName;

/// A stretch of a session under one price: what a segment of the ledger, or two readings and a
/// tariff text, tell of it.
///
/// ```
/// use billing_core::receipt::Stretch;
/// use pile_units::Energy;
/// let stretch = Stretch {
///     band: "day".parse()?,
///     energy: Energy::from_milliwatt_hours(500_777),
///     energy_price: "0.568".parse()?,
///     service_price: "0.20".parse()?,
/// };
/// assert_eq!(stretch.energy.milliwatt_hours(), 500_777);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The band of the tariff.
    pub band: BandName,
    /// What was drawn.
    pub energy: Energy,
    /// The electricity price.
    pub energy_price: Price,
    /// The service price.
    pub service_price: Price,
}

/// The arithmetic of a bill as plain text of at most 100 columns, by the rule of
/// [`cost`](crate::cost): energy times price exactly, the remainder of each line carried to the
/// next, one rounding at the end.
///
/// ```
/// use billing_core::receipt::{Arithmetic, Stretch};
/// use pile_units::{Currency, Energy};
///
/// let service = "0.20".parse()?;
/// let day = Stretch {
///     band: "day".parse()?,
///     energy: Energy::from_milliwatt_hours(500_777),
///     energy_price: "0.568".parse()?,
///     service_price: service,
/// };
/// let night = Stretch {
///     band: "night".parse()?,
///     energy: Energy::from_milliwatt_hours(300_333),
///     energy_price: "0.288".parse()?,
///     service_price: service,
/// };
/// let bill = Arithmetic::new(Currency::CNY, [day, night].into_iter());
/// assert_eq!(bill.to_string(), "\
/// Electricity, CNY
///   day          0.500777 kWh x 0.568      = 0.284441336000
///                with 0.000000000000 carried: line 0.284441, carry 0.000000336000
///   night        0.300333 kWh x 0.288      = 0.086495904000
///                with 0.000000336000 carried: line 0.086496, carry 0.000000240000
///   sum                                      0.370937240000
/// Service, CNY
///   day          0.500777 kWh x 0.20       = 0.100155400000
///                with 0.000000000000 carried: line 0.100155, carry 0.000000400000
///   night        0.300333 kWh x 0.20       = 0.060066600000
///                with 0.000000400000 carried: line 0.060067, carry 0.000000000000
///   sum                                      0.160222000000
/// Total, CNY
///   0.370937240000 + 0.160222000000 = 0.531159240000, rounded down to 0.53
///   electricity: 0.370937240000, rounded down to 0.37
///   service: 0.53 - 0.37 = 0.16
/// ");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arithmetic<S> {
    currency: Currency,
    stretches: S,
}

impl<S: Iterator<Item = Stretch> + Clone> Arithmetic<S> {
    /// The arithmetic of a session's stretches, in order.
    pub const fn new(currency: Currency, stretches: S) -> Self {
        Self {
            currency,
            stretches,
        }
    }

    /// The bill it comes to.
    pub fn bill(&self) -> Bill {
        self.cost().total(self.currency)
    }

    fn cost(&self) -> SessionCost {
        let mut cost = SessionCost::default();
        for stretch in self.stretches.clone() {
            cost.close_segment(stretch.energy, stretch.energy_price, stretch.service_price);
        }
        cost
    }

    /// One kind of fee: what `pick` takes of a stretch.
    fn lines(&self, f: &mut Formatter<'_>, pick: fn(&Stretch) -> Price) -> fmt::Result {
        let mut sum = Fee::ZERO;
        for stretch in self.stretches.clone() {
            let price = pick(&stretch);
            let exact = Fee::of(stretch.energy, price);
            let carried = remainder(sum);
            let before = sum.micros();
            sum = sum.plus(exact);
            writeln!(
                f,
                "  {:12} {} kWh x {} = {}",
                stretch.band,
                Millionths(stretch.energy.milliwatt_hours()),
                Padded(price),
                Exact(exact.picos())
            )?;
            writeln!(
                f,
                "  {:12} with {} carried: line {}, carry {}",
                "",
                Exact(carried),
                Micros(sum.micros().saturating_sub(before)),
                Exact(remainder(sum))
            )?;
        }
        writeln!(f, "  {:12} {:28}{}", "sum", "", Exact(sum.picos()))
    }
}

/// What a sum holds past its whole micro-units, in 10^-12.
const fn remainder(sum: Fee) -> u64 {
    sum.picos() % 1_000_000
}

impl<S: Iterator<Item = Stretch> + Clone> Display for Arithmetic<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (currency, cost) = (self.currency, self.cost());
        let bill = cost.total(currency);
        writeln!(f, "Electricity, {currency}")?;
        self.lines(f, |stretch| stretch.energy_price)?;
        writeln!(f, "Service, {currency}")?;
        self.lines(f, |stretch| stretch.service_price)?;
        let electricity = Exact(cost.energy().picos());
        let service = Exact(cost.service().picos());
        let both = Exact(cost.energy().plus(cost.service()).picos());
        let amount = |money| currency.amount(money);
        let (total, energy_fee) = (amount(bill.total), amount(bill.energy_fee));
        writeln!(f, "Total, {currency}")?;
        writeln!(
            f,
            "  {electricity} + {service} = {both}, rounded down to {total}"
        )?;
        writeln!(
            f,
            "  electricity: {electricity}, rounded down to {energy_fee}"
        )?;
        writeln!(
            f,
            "  service: {total} - {energy_fee} = {}",
            amount(bill.service_fee)
        )
    }
}

/// A whole number of 10^-12, with all its digits.
struct Exact(u64);

impl Display for Exact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const ONE: u64 = 1_000_000_000_000;
        write!(f, "{}.{:012}", self.0 / ONE, self.0 % ONE)
    }
}

/// A whole number of 10^-6, with all its digits.
struct Millionths(u64);

impl Display for Millionths {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Money to its last micro-unit.
struct Micros(Money);

impl Display for Micros {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Millionths(self.0.micros()).fmt(f)
    }
}

/// A price that keeps to its column, ten characters wide.
struct Padded(Price);

impl Display for Padded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        struct Room<'a, 'b>(&'a mut Formatter<'b>, usize);
        impl fmt::Write for Room<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.1 = self.1.saturating_sub(text.len());
                self.0.write_str(text)
            }
        }
        let mut room = Room(f, 10);
        fmt::Write::write_fmt(&mut room, format_args!("{}", self.0))?;
        let left = room.1;
        write!(f, "{:left$}", "")
    }
}

#[cfg(test)]
mod tests;
