//! Receipts in a file: one record, one a line, or the XML of the transparency software.

use std::path::Path;

use billing_core::receipt::PublicKey;

use super::key;
use crate::answer::{self, Refusal};

/// A record as it was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where: `line 3`, `value 2`.
    pub place: String,
    /// The record.
    pub record: String,
    /// The key that came with it.
    pub key: Option<PublicKey>,
    /// The number that a start and its stop share (`transactionId`).
    pub transaction: Option<String>,
}

/// Reads the records of a file.
///
/// # Errors
/// [`Refusal`] if the file cannot be read or holds none.
pub fn read(path: &Path) -> Result<Vec<Found>, Refusal> {
    let bytes = answer::read(path)?;
    let name = path.display();
    let refuse = |what: String| {
        Refusal::new(
            what,
            "give a file of OCMF records, one a line, or the XML of the transparency software",
        )
    };
    let text = String::from_utf8(bytes).or_else(|error| {
        // A damaged byte is for its receipt to be named by: what stands there now never verifies.
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let any = text.contains("OCMF|");
        any.then_some(text)
            .ok_or_else(|| refuse(format!("{name}: not a text")))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let found = if text.trim_start().starts_with('<') {
        of_xml(text).map_err(|why| refuse(format!("{name}: {why}")))?
    } else {
        of_lines(text)
    };
    let lines = found
        .iter()
        .all(|it| it.transaction.is_none() && it.key.is_none());
    if lines && !found.iter().any(|it| it.record.starts_with("OCMF|")) {
        return Err(refuse(format!("{name}: holds no receipt")));
    }
    Ok(found)
}

/// Each record begins on a line of its own; a line that begins none goes on with the one before.
fn of_lines(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (line, number) in text.lines().zip(1u64..) {
        let starts = line.trim_start().starts_with("OCMF|");
        match found.last_mut() {
            Some(last) if !starts && last.record.matches('|').count() < 2 => {
                last.record.push('\n');
                last.record.push_str(line);
            }
            _ if line.trim().is_empty() => {}
            _ => found.push(Found {
                place: format!("line {number}"),
                record: line.trim_start().to_owned(),
                key: None,
                transaction: None,
            }),
        }
    }
    for it in &mut found {
        it.record.truncate(it.record.trim_end().len());
    }
    found
}

fn of_xml(text: &str) -> Result<Vec<Found>, String> {
    let document = roxmltree::Document::parse(text).map_err(|error| format!("no XML: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "values" {
        return Err("the XML does not begin with <values>".to_owned());
    }
    let values = root
        .children()
        .filter(|node| node.tag_name().name() == "value");
    let mut found = Vec::new();
    for (value, number) in values.zip(1u64..) {
        let child = |name| value.children().find(|node| node.tag_name().name() == name);
        let place = format!("value {number}");
        let data = child("signedData").ok_or(format!("{place} holds no signed data"))?;
        let format = data.attribute("format").unwrap_or("OCMF");
        if !format.eq_ignore_ascii_case("OCMF") {
            return Err(format!("{place} is of the format {format}, not OCMF"));
        }
        let encoding = data.attribute("encoding").unwrap_or("plain");
        if !encoding.eq_ignore_ascii_case("plain") {
            return Err(format!(
                "{place} is encoded as {encoding}, not as plain text"
            ));
        }
        let record = data.text().unwrap_or_default().trim().to_owned();
        let key = child("publicKey").and_then(|node| node.text());
        let key = key.map(|key| {
            key::read(key.as_bytes()).ok_or(format!("the key of {place} is not one of P-256"))
        });
        found.push(Found {
            place,
            record,
            key: key.transpose()?,
            transaction: value.attribute("transactionId").map(str::to_owned),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(String, String)> {
        let found = of_lines(text).into_iter();
        found.map(|it| (it.place, it.record)).collect()
    }

    #[test]
    fn records_stand_one_a_line_with_any_line_ends() {
        let at = |line: &str, record: &str| (line.to_owned(), record.to_owned());
        assert_eq!(
            records("OCMF|{}|{}\r\n\n  OCMF|{1}|{}  \n"),
            [at("line 1", "OCMF|{}|{}"), at("line 3", "OCMF|{1}|{}")]
        );
        assert_eq!(records("\n \n"), []);
    }

    #[test]
    fn a_record_in_many_lines_is_one() {
        assert_eq!(records("OCMF|{\n}|{}\n")[0].1, "OCMF|{\n}|{}");
    }

    #[test]
    fn a_line_that_is_none_is_kept_to_be_named() {
        let found = records("OCMF|{}|{}\nhello\nOCMF|{}|{}\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[1], ("line 2".to_owned(), "hello".to_owned()));
    }

    #[test]
    fn xml_of_another_kind_is_refused_with_a_reason() {
        for (text, why) in [
            ("<a", "no XML"),
            ("<a/>", "does not begin with <values>"),
            ("<values><value/></values>", "value 1 holds no signed data"),
            (
                "<values><value><signedData format='EDL'/></value></values>",
                "of the format EDL",
            ),
            (
                "<values><value><signedData encoding='hex'/></value></values>",
                "encoded as hex",
            ),
            (
                "<values><value><signedData/><publicKey>00</publicKey></value></values>",
                "not one of P-256",
            ),
        ] {
            let said = of_xml(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
