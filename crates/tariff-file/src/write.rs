//! A tariff as the text of a file.

use std::fmt::Write;

use billing_core::tariff::Tariff;

/// Writes a tariff as the file that [`parse`](crate::parse) reads it from.
///
/// ```
/// use billing_core::tariff::{Band, Tariff};
/// use pile_units::{Currency, UtcOffset};
/// let band = Band { name: "flat".parse()?, energy: "0.50".parse()?, service: "0".parse()? };
/// let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
/// assert_eq!(tariff_file::parse(&tariff_file::to_toml(&tariff))?, tariff);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_toml(tariff: &Tariff) -> String {
    // A name holds no double quote and no control character; a backslash is all there is to
    // escape in a TOML basic string.
    let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\"));
    let unknown = tariff.band(tariff.unknown_time_band());
    let mut text = format!(
        "currency = \"{}\"\nutc_offset = \"{}\"\nunknown_time_band = {}\n",
        tariff.currency(),
        tariff.utc_offset(),
        quoted(unknown.map_or("", |band| band.name.as_str())),
    );
    for span in tariff.spans() {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n[[band]]\nname = {}\nfrom = \"{}\"\nto = \"{}\"\nenergy = \"{}\"\nservice = \"{}\"\n",
            quoted(span.band.name.as_str()),
            span.from,
            span.to,
            span.band.energy,
            span.band.service,
        );
    }
    text
}
