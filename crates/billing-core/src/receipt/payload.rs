//! The payload of a record: what is signed.

use core::fmt::{Display, Result, Write};

use pile_units::{ClockQuality, Money, Strength, UtcOffset};

use super::time::Civil;
use super::{Reading, ReceiptData, write_hex};

/// Writes the payload's JSON. The same data always makes the same bytes.
pub(super) fn write<C, T>(data: &ReceiptData<'_, C, T>, out: &mut impl Write) -> Result
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
{
    let pile = data.pile;
    write!(out, r#"{{"FV":"1.0","GI":"openpile","GS":"{pile}","GV":""#)?;
    write!(Escaped(out), "{}", data.firmware)?;
    write!(
        out,
        r#"","PG":"T{}","MV":"openpile","MM":"port","#,
        data.page
    )?;
    write!(out, r#""MS":"{pile}-{}","#, data.port)?;

    // OCMF 1.0, tables of identification levels, flags and types. A number that anyone can copy
    // is hearsay; a key that never leaves the card is secure.
    let (level, flag) = match data.strength {
        Strength::UidOnly => ("HEARSAY", "RFID_PLAIN"),
        Strength::MutualAes => ("SECURE", "RFID_PSK"),
    };
    write!(out, r#""IS":true,"IL":"{level}","#)?;
    write!(
        out,
        r#""IF":["{flag}","OCPP_NONE","ISO15118_NONE","PLMN_NONE"],"#
    )?;
    out.write_str(r#""IT":"LOCAL","ID":""#)?;
    write_hex(out, &data.alias.bytes())?;
    out.write_str(r#"","TT":""#)?;
    write!(Escaped(out), "{}", data.tariff_text)?;

    out.write_str(r#"","RD":["#)?;
    let relative = data.end.at.quality == ClockQuality::Relative;
    reading(out, &data.begin, 'B', data.utc_offset, relative)?;
    for change in data.changes.clone() {
        out.write_char(',')?;
        reading(out, &change, 'T', data.utc_offset, relative)?;
    }
    out.write_char(',')?;
    reading(
        out,
        &data.end,
        data.ended.letter(),
        data.utc_offset,
        relative,
    )?;

    write!(out, r#"],"U":"{}","V":"{}""#, data.session, data.account)?;
    let mut fee = |key: char, money: Money| {
        let amount = data.currency.amount(money);
        write!(out, r#","{key}":"{amount} {}""#, data.currency)
    };
    fee('W', data.bill.energy_fee)?;
    fee('X', data.bill.service_fee)?;
    fee('Y', data.bill.total)?;
    if let Some(previous) = data.previous {
        write!(out, r#","Z":"{previous}""#)?;
    }
    out.write_char('}')
}

/// Writes one reading. `relative`: the stop's time counts from a reference without a date.
fn reading(
    out: &mut impl Write,
    reading: &Reading,
    transaction: char,
    offset: UtcOffset,
    relative: bool,
) -> Result {
    let civil = Civil::local(reading.at.unix, offset);
    // A span counted from a reference needs both its ends; with a stop that has a date, verifiers
    // refuse a start at `R`. Without its other end such a time tells nothing: unknown.
    let letter = match reading.at.quality {
        ClockQuality::Relative if !relative => ClockQuality::Unknown.letter(),
        quality => quality.letter(),
    };
    let minutes = offset.minutes().unsigned_abs();
    write!(
        out,
        r#"{{"TM":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02},000{}{:02}{:02} {letter}","#,
        civil.year,
        civil.month,
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        if offset.minutes() < 0 { '-' } else { '+' },
        minutes / 60,
        minutes % 60,
    )?;
    let energy = if reading.doubt.energy { "E" } else { "" };
    let time = if reading.doubt.time { "t" } else { "" };
    let register = reading.register.milliwatt_hours();
    write!(
        out,
        r#""TX":"{transaction}","RV":{}.{:06},"RI":"1-b:1.8.0","RU":"kWh","EF":"{energy}{time}","ST":"G"}}"#,
        register / 1_000_000,
        register % 1_000_000,
    )
}

/// Text as the inside of a JSON string (RFC 8259, section 7) in printable ASCII. `|` parts a
/// record, so it is escaped too.
struct Escaped<'a, W>(&'a mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> Result {
        let out = &mut *self.0;
        for character in text.chars() {
            match character {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '|' => out.write_str("\\u007c")?,
                ' '..='~' => out.write_char(character)?,
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
