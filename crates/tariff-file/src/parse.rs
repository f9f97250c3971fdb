//! The text of a file as a tariff, or as a line and what to do about it.

use std::ops::Range;

use billing_core::tariff::{Band, BandName, HalfHour, MAX_BANDS, Span, Tariff, TariffError};
use pile_units::{Currency, Price, UtcOffset};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::TariffFileError;

type Table<'i> = DeTable<'i>;
type Value<'i> = Spanned<DeValue<'i>>;

const TOP_KEYS: [&str; 4] = ["currency", "utc_offset", "unknown_time_band", "band"];
const BAND_KEYS: [&str; 5] = ["name", "from", "to", "energy", "service"];

/// Reads the text of a tariff file.
///
/// # Errors
/// [`TariffFileError`]: the text is no TOML, a key is unknown, missing or there twice, a value is
/// not what it should be, or the bands leave a gap or overlap.
pub fn parse(text: &str) -> Result<Tariff, TariffFileError> {
    let file = File { text };
    let table = DeTable::parse(text).map_err(|error| file.not_toml(&error))?;
    let table = table.get_ref();
    if table.is_empty() {
        return Err(error(
            1,
            "the file holds nothing",
            "begin with currency = \"CNY\"",
        ));
    }
    file.known(table, &TOP_KEYS)?;

    let currency = file.read(table, 1, "currency", |text| {
        let what = format!("{} is not a currency", shown(text));
        let hint = "write its three ISO 4217 letters, such as \"CNY\"";
        text.parse::<Currency>()
            .map_err(|_| (what, hint.to_owned()))
    })?;
    let utc_offset = file.read(table, 1, "utc_offset", |text| {
        let what = format!("{} is not an offset from UTC", shown(text));
        let hint = "write hours and minutes, -14:00 to +14:00, such as \"+08:00\"";
        text.parse::<UtcOffset>()
            .map_err(|_| (what, hint.to_owned()))
    })?;
    let unknown_time_band = file.read(table, 1, "unknown_time_band", name)?;

    let bands = file.bands(table)?;
    let spans: Vec<Span> = bands.iter().map(|band| band.span).collect();
    Tariff::from_spans(
        currency.value,
        utc_offset.value,
        unknown_time_band.value,
        &spans,
    )
    .map_err(|error| refused(&error, &bands, &unknown_time_band))
}

/// The line, from 1, of the byte at `offset`.
pub(crate) fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
}

fn error(line: usize, message: impl Into<String>, hint: impl Into<String>) -> TariffFileError {
    TariffFileError {
        line,
        message: message.into(),
        hint: hint.into(),
    }
}

/// Someone's text in quotes, on one line and not too long.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let dots = if text.chars().nth(MOST).is_some() {
        "..."
    } else {
        ""
    };
    let text: String = text.chars().take(MOST).collect();
    format!("\"{}{dots}\"", text.escape_debug())
}

/// A value and the line it stands on.
struct At<T> {
    line: usize,
    value: T,
}

/// A `[[band]]` as it stands in the file.
struct FileBand {
    span: Span,
    /// The line of its header.
    line: usize,
    /// The line of `from`.
    from: usize,
    /// The line of `to`.
    to: usize,
}

/// Why a text is not what it should be, and what to write instead.
type Complaint = (String, String);

struct File<'i> {
    text: &'i str,
}

impl<'i> File<'i> {
    fn line(&self, span: Range<usize>) -> usize {
        line_at(self.text.as_bytes(), span.start)
    }

    fn not_toml(&self, toml: &toml::de::Error) -> TariffFileError {
        let span = toml.span().unwrap_or_default();
        let line = self.line(span.clone());
        let there = self
            .text
            .get(span)
            .unwrap_or_default()
            .trim_matches(['"', '\'']);
        if toml.message().contains("duplicate key") {
            let message = format!("the key {} is there twice", shown(there));
            return error(line, message, "remove one of them");
        }
        let message = toml.message().replace('\n', ", ");
        error(
            line,
            format!("this is not TOML: {message}"),
            "write key = \"value\", a [[band]] header, or a # comment",
        )
    }

    /// Refuses the first key of the table that is not one of `keys`.
    fn known(&self, table: &Table<'i>, keys: &[&str]) -> Result<(), TariffFileError> {
        let unknown = table
            .keys()
            .filter(|key| !keys.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => Err(error(
                self.line(key.span()),
                format!("unknown key {}", shown(key.get_ref())),
                format!("use one of {}", keys.join(", ")),
            )),
        }
    }

    /// Reads a text of a table whose header is on `line`.
    fn read<T>(
        &self,
        table: &Table<'i>,
        line: usize,
        key: &str,
        convert: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Result<At<T>, TariffFileError> {
        let Some(value) = table.get(key) else {
            let message = format!("the key \"{key}\" is missing");
            return Err(error(
                line,
                message,
                format!("add {key} = {}", example(key)),
            ));
        };
        let line = self.line(value.span());
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.not_text(key, value, line));
        };
        convert(text)
            .map(|value| At { line, value })
            .map_err(|(message, hint)| error(line, message, hint))
    }

    /// A value that should have been a text in quotes.
    fn not_text(&self, key: &str, value: &Value<'i>, line: usize) -> TariffFileError {
        let written = self.text.get(value.span()).unwrap_or_default();
        let scalar = !value.get_ref().is_array() && !value.get_ref().is_table();
        let priced = key == "energy" || key == "service";
        if priced && written.starts_with('-') {
            return error(
                line,
                format!("the price {written} is negative"),
                NOT_NEGATIVE,
            );
        }
        let message = format!("{key} is {}, not a text", a(value.get_ref().type_str()));
        // What was meant, if quotes are all that it lacks.
        let meant = match key {
            "energy" | "service" => written.parse::<Price>().is_ok(),
            "from" | "to" => written.parse::<HalfHour>().is_ok(),
            _ => scalar,
        };
        if meant && scalar && !written.is_empty() {
            error(line, message, format!("write {key} = {}", shown(written)))
        } else {
            error(line, message, format!("write {key} = {}", example(key)))
        }
    }

    fn bands(&self, table: &Table<'i>) -> Result<Vec<FileBand>, TariffFileError> {
        let Some(value) = table.get("band") else {
            let last = self.text.lines().count().max(1);
            return Err(error(last, "there is no band", "add a [[band]]"));
        };
        let Some(array) = value.get_ref().as_array() else {
            let line = self.line(value.span());
            let message = format!("band is {}", a(value.get_ref().type_str()));
            return Err(error(line, message, "write [[band]] above each band"));
        };
        if array.is_empty() {
            let line = self.line(value.span());
            return Err(error(line, "there is no band", "add a [[band]]"));
        }
        array.iter().map(|value| self.band(value)).collect()
    }

    fn band(&self, value: &Value<'i>) -> Result<FileBand, TariffFileError> {
        let line = self.line(value.span());
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("a band is {}", a(value.get_ref().type_str()));
            return Err(error(line, message, "write [[band]] above each band"));
        };
        self.known(table, &BAND_KEYS)?;
        let name = self.read(table, line, "name", name)?;
        let from = self.read(table, line, "from", half_hour)?;
        let to = self.read(table, line, "to", half_hour)?;
        let energy = self.read(table, line, "energy", price)?;
        let service = self.read(table, line, "service", price)?;
        Ok(FileBand {
            span: Span {
                band: Band {
                    name: name.value,
                    energy: energy.value,
                    service: service.value,
                },
                from: from.value,
                to: to.value,
            },
            line,
            from: from.line,
            to: to.line,
        })
    }
}

const NOT_NEGATIVE: &str = "a price is 0 or more";

/// A value that a key may have.
fn example(key: &str) -> &'static str {
    match key {
        "currency" => "\"CNY\"",
        "utc_offset" => "\"+08:00\"",
        "from" => "\"08:00\"",
        "to" => "\"22:00\"",
        "energy" => "\"0.568\"",
        "service" => "\"0.20\"",
        _ => "\"day\"",
    }
}

/// The name of a type with its article.
fn a(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

fn name(text: &str) -> Result<BandName, Complaint> {
    text.parse().map_err(|_| {
        (
            format!("{} is not a band's name", shown(text)),
            "use 1 to 12 plain ASCII characters, neither | nor a double quote".to_owned(),
        )
    })
}

fn half_hour(text: &str) -> Result<HalfHour, Complaint> {
    text.parse().map_err(|_| {
        let minutes = match text.as_bytes() {
            [a, b, b':', c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) => {
                let hours = text.get(..2).and_then(|hours| hours.parse::<u8>().ok());
                let minutes = text.get(3..).and_then(|minutes| minutes.parse::<u8>().ok());
                hours.zip(minutes).filter(|(h, m)| *h < 24 && *m < 60)
            }
            _ => None,
        };
        match minutes {
            Some((hours, minutes)) => {
                let before = hours * 2 + minutes / 30;
                let half = |slot| HalfHour::from_slot(slot).unwrap_or(HalfHour::DAY_END);
                (
                    format!("{} is not on the half hour", shown(text)),
                    format!("use \"{}\" or \"{}\"", half(before), half(before + 1)),
                )
            }
            None => (
                format!("{} is not a time of day", shown(text)),
                "write hours and minutes, such as \"08:00\" or \"22:30\"".to_owned(),
            ),
        }
    })
}

fn price(text: &str) -> Result<Price, Complaint> {
    text.parse().map_err(|_| {
        let unsigned = text.strip_prefix('-').unwrap_or_default();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let (message, hint) = if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            ("is negative", NOT_NEGATIVE.to_owned())
        } else if digits(whole) && digits(fraction) && fraction.len() > 6 {
            ("has more than six decimals", "write at most six".to_owned())
        } else if digits(whole) && digits(fraction) {
            ("is too high", "write at most \"1000\" a kWh".to_owned())
        } else if text.matches(',').count() == 1 && text.replace(',', ".").parse::<Price>().is_ok()
        {
            let meant = text.replace(',', ".");
            ("has a comma", format!("write \"{meant}\""))
        } else {
            (
                "is not a decimal",
                "write a price a kWh, such as \"0.568\"".to_owned(),
            )
        };
        (format!("the price {} {message}", shown(text)), hint)
    })
}

/// What the bands together make wrong.
fn refused(
    tariff: &TariffError,
    bands: &[FileBand],
    unknown_time_band: &At<BandName>,
) -> TariffFileError {
    let line = |span: &usize| bands.get(*span).map_or(1, |band| band.line);
    let name = |span: &usize| {
        bands
            .get(*span)
            .map_or("", |band| band.span.band.name.as_str())
    };
    let last = bands.last().map_or(1, |band| band.line);
    match tariff {
        TariffError::NoBands => error(1, "there is no band", "add a [[band]]"),
        TariffError::TooManyBands => {
            let mut names: Vec<BandName> = Vec::new();
            let ninth = bands.iter().find(|band| {
                if !names.contains(&band.span.band.name) {
                    names.push(band.span.band.name);
                }
                names.len() > MAX_BANDS
            });
            error(
                ninth.map_or(last, |band| band.line),
                format!("this is one band more than the {MAX_BANDS} a tariff may have"),
                "give bands of the same prices the same name",
            )
        }
        TariffError::BeginsAtDayEnd { span } => error(
            bands.get(*span).map_or(1, |band| band.from),
            format!("the band \"{}\" begins at 24:00", name(span)),
            "write from = \"00:00\"",
        ),
        TariffError::EmptySpan { span } => error(
            bands.get(*span).map_or(1, |band| band.to),
            format!("the band \"{}\" ends where it begins", name(span)),
            "for a whole day write from = \"00:00\" and to = \"24:00\"",
        ),
        TariffError::PricesDiffer { first, second } => error(
            line(second),
            format!(
                "the band \"{}\" has other prices on line {}",
                name(second),
                line(first)
            ),
            "give both the same prices, or one another name",
        ),
        TariffError::Overlap {
            first,
            second,
            from,
            to,
        } if name(first) == name(second) => error(
            line(second),
            format!("the band \"{}\" covers {from} to {to} twice", name(second)),
            "remove one, or let one end where the other begins",
        ),
        TariffError::Overlap {
            first,
            second,
            from,
            to,
        } => error(
            line(second),
            format!(
                "the band \"{}\" overlaps \"{}\" from {from} to {to}",
                name(second),
                name(first)
            ),
            "let one end where the other begins",
        ),
        TariffError::Gap { from, to } => {
            let before = bands
                .iter()
                .find(|band| band.span.to.slot() % 48 == from.slot() % 48);
            let before = before.or(bands.last());
            error(
                before.map_or(last, |band| band.to),
                format!("no band covers {from} to {to}"),
                format!(
                    "let \"{}\" end at {to}, or add a band",
                    before.map_or("", |band| band.span.band.name.as_str())
                ),
            )
        }
        TariffError::NoSuchUnknownTimeBand => {
            let mut names: Vec<&str> = Vec::new();
            for band in bands {
                let name = band.span.band.name.as_str();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            error(
                unknown_time_band.line,
                format!("there is no band \"{}\"", unknown_time_band.value),
                format!("use one of {}", names.join(", ")),
            )
        }
        // Said of tables, never of spans.
        TariffError::DuplicateName { .. }
        | TariffError::NoSuchBand
        | TariffError::UnusedBand { .. } => error(last, tariff.to_string(), "check the bands"),
    }
}
