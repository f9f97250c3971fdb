//! The prices of a session in words (OCMF `TT`), streamed, at most 250 characters; and read back.
//!
//! `CNY/kWh electricity+service: day 0.568+0.20, night 0.288+0.20, day` names the price of each
//! stretch between two readings, **in turn**: a band named without prices has those it had when it
//! was last named with them. So a receipt alone tells its arithmetic. Where that is too long, each
//! price stands once, and where even that is, their number: a price cut short would be a wrong
//! one. A comma in a band's name is written as `;`.

use core::fmt::{self, Display, Formatter, Write};

use pile_units::{Currency, Price, SessionId};

use super::{MAX_TARIFF_TEXT, Stretch, fits};
use crate::tariff::BandName;

const WORDS: &str = "/kWh electricity+service: ";

/// The tariff text of a session. From [`BilledSession::receipt`](super::BilledSession::receipt).
///
/// ```
/// use billing_core::receipt::{Stretch, TariffText};
/// use pile_units::{Currency, Energy, SessionId};
/// let flat = Stretch {
///     band: "flat".parse()?,
///     energy: Energy::from_watt_hours(732),
///     energy_price: "0.568".parse()?,
///     service_price: "0.20".parse()?,
/// };
/// let text = TariffText::new(Currency::CNY, SessionId::new(15), [flat].into_iter());
/// assert_eq!(text.to_string(), "CNY/kWh electricity+service: flat 0.568+0.20");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TariffText<S> {
    currency: Currency,
    session: SessionId,
    stretches: S,
}

impl<S: Iterator<Item = Stretch> + Clone> TariffText<S> {
    /// The text of a session's stretches, in order.
    pub const fn new(currency: Currency, session: SessionId, stretches: S) -> Self {
        Self {
            currency,
            session,
            stretches,
        }
    }

    /// The stretches before number `n`, the latest last.
    fn before(&self, n: usize) -> impl Iterator<Item = Stretch> + use<S> {
        self.stretches.clone().take(n)
    }

    /// True if no stretch before number `n` has the same band at the same prices.
    fn is_first(&self, n: usize, stretch: &Stretch) -> bool {
        !self.before(n).any(|other| same_price(&other, stretch))
    }

    /// True if the band's name alone tells the price of stretch number `n`.
    fn is_known(&self, n: usize, stretch: &Stretch) -> bool {
        // With a plus the name might read as prices.
        !stretch.band.as_str().contains('+')
            && self
                .before(n)
                .filter(|other| written(&other.band).eq(written(&stretch.band)))
                .last()
                .is_some_and(|other| same_price(&other, stretch))
    }
}

fn same_price(one: &Stretch, other: &Stretch) -> bool {
    one.band == other.band
        && one.energy_price == other.energy_price
        && one.service_price == other.service_price
}

/// A band's name as it is written.
fn written(band: &BandName) -> impl Iterator<Item = char> + '_ {
    let semicolon = |character| if character == ',' { ';' } else { character };
    band.as_str().chars().map(semicolon)
}

impl<S: Iterator<Item = Stretch> + Clone> Display for TariffText<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (in_turn, once) = (Listed(self, true), Listed(self, false));
        if fits(&in_turn, MAX_TARIFF_TEXT) {
            in_turn.fmt(f)
        } else if fits(&once, MAX_TARIFF_TEXT) {
            once.fmt(f)
        } else {
            let stretches = self.stretches.clone().enumerate();
            let prices = stretches.filter(|(n, stretch)| self.is_first(*n, stretch));
            let session = self.session;
            write!(f, "{} prices, see session {session}", prices.count())
        }
    }
}

/// The prices one after the other: each in its turn, or each once.
struct Listed<'a, S>(&'a TariffText<S>, bool);

impl<S: Iterator<Item = Stretch> + Clone> Display for Listed<'_, S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(text, in_turn) = *self;
        write!(f, "{}{WORDS}", text.currency)?;
        for (n, stretch) in text.stretches.clone().enumerate() {
            if !in_turn && !text.is_first(n, &stretch) {
                continue;
            }
            if n > 0 {
                f.write_str(", ")?;
            }
            written(&stretch.band).try_for_each(|character| f.write_char(character))?;
            if !(in_turn && text.is_known(n, &stretch)) {
                write!(f, " {}+{}", stretch.energy_price, stretch.service_price)?;
            }
        }
        Ok(())
    }
}

/// A price read from a tariff text.
///
/// ```
/// use billing_core::receipt::read_tariff_text;
/// let text = "CNY/kWh electricity+service: day 0.568+0.20, night 0.288+0.20, day";
/// let (currency, prices) = read_tariff_text(text).unwrap();
/// let electricity: Vec<_> = prices.flatten().map(|price| price.energy_price.to_string()).collect();
/// assert_eq!(currency.code(), "CNY");
/// assert_eq!(electricity, ["0.568", "0.288", "0.568"]);
/// assert!(read_tariff_text("by arrangement").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced<'a> {
    /// The band as it is written.
    pub band: &'a str,
    /// The electricity price.
    pub energy_price: Price,
    /// The service price.
    pub service_price: Price,
}

/// Reads a text of [`TariffText`]: the prices, in turn if there are as many as stretches between
/// the readings. `None` for a text of another form; a price that cannot be read is a `None` among
/// the others.
pub fn read_tariff_text(
    text: &str,
) -> Option<(Currency, impl Iterator<Item = Option<Priced<'_>>> + Clone)> {
    let (currency, list) = text.split_once(WORDS)?;
    let prices = list.split(", ").enumerate().map(move |(n, entry)| {
        priced(entry).or_else(|| {
            let before = list.split(", ").take(n).filter_map(priced);
            before.filter(|other| other.band == entry).last()
        })
    });
    Some((currency.parse().ok()?, prices))
}

/// An entry with its prices.
fn priced(entry: &str) -> Option<Priced<'_>> {
    let (band, prices) = entry.rsplit_once(' ')?;
    let (energy, service) = prices.split_once('+')?;
    Some(Priced {
        band,
        energy_price: energy.parse().ok()?,
        service_price: service.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
