//! A session's receipt: its records, their arithmetic, and the pile's signature, all checked here.
//!
//! The first key that a pile shows is kept beside the phone's own (`phone.toml`, `phone.pile.pem`), and
//! from then on no other is taken: the link is with the pile whose card was tapped, so its first key
//! is that pile's.

use std::path::{Path, PathBuf};

use billing_core::receipt::PublicKey;
use billing_core::record::Segment;
use ble_protocol::Refusal as Reason;
use ble_protocol::message::{ReceiptPage, Request, Response};
use ble_protocol::receipt::SessionReceipt;
use pile_units::SessionId;

use super::table::pretty;
use super::talk::Talk;
use super::words;
use crate::answer::{self, Answer, Refusal};
use crate::figures::{Zone, amount, kwh};
use crate::kit::files;
use crate::receipt::key;

/// What stands under a receipt.
enum Signed {
    /// A record that verifies with the pile's key.
    Record(String, PublicKey),
    /// The pile signs none, and why.
    Not(Reason),
    /// Something that is not this pile's signature under these figures.
    Wrong(String),
}

/// `receipt SESSION`.
///
/// # Errors
/// [`Refusal`] if the pile does not have it, or a file cannot be written.
pub fn receipt(
    talk: &mut Talk,
    json: bool,
    session: u32,
    out: Option<&Path>,
    phone: &Path,
) -> Result<Answer, Refusal> {
    let session = SessionId::new(session);
    let (page, segments) = records(talk, session)?;
    let wrong = SessionReceipt::new(&page, &segments).check(session).err();
    let signed = if wrong.is_some() {
        None
    } else {
        Some(signature(talk, &page, &segments, phone)?)
    };
    let text = if json {
        data(&page, &segments, signed.as_ref())
    } else {
        told(talk, &page, &segments, signed.as_ref())?
    };
    if let Some(why) = wrong {
        return Ok(Answer::wrong(format!(
            "{text}\nTHIS DOES NOT COME OUT: {why}.\n"
        )));
    }
    match (signed, out) {
        (Some(Signed::Wrong(_)), _) => Ok(Answer::wrong(text)),
        (_, None) => Ok(Answer::well(text)),
        (Some(Signed::Record(record, by)), Some(out)) => {
            answer::write(out, format!("{record}\n").as_bytes())?;
            Ok(Answer::well(format!(
                "{out}: session {session}, signed with {mark}.\nWho has the key checks it with: \
                 pilectl receipt verify {out} --key {pinned} --part\n",
                out = out.display(),
                mark = key::mark(&by),
                pinned = beside(phone).display(),
            )))
        }
        (Some(Signed::Not(why)), Some(_)) => Err(words::refused(why)),
        (None, Some(_)) => Err(words::odd()),
    }
}

/// All of a session's records.
fn records(talk: &mut Talk, session: SessionId) -> Result<(ReceiptPage, Vec<Segment>), Refusal> {
    let mut segments: Vec<Segment> = Vec::new();
    loop {
        let from = u8::try_from(segments.len()).unwrap_or(u8::MAX);
        let Response::Receipt(page) = talk.ask(Request::Receipt { session, from })? else {
            return Err(words::odd());
        };
        segments.extend(page.segments.iter().copied());
        if !page.more || page.segments.is_empty() {
            return Ok((page, segments));
        }
    }
}

/// Asks for the signature, and verifies the record that it makes of the records shown.
fn signature(
    talk: &mut Talk,
    page: &ReceiptPage,
    segments: &[Segment],
    phone: &Path,
) -> Result<Signed, Refusal> {
    let session = page.session.session;
    let signed = match talk.try_ask(Request::SignReceipt { session })? {
        Response::Signature(signed) => signed,
        // An older pile does not know the request.
        Response::Refused(
            why @ (Reason::NoReceiptKey | Reason::TooManyPrices | Reason::UnknownRequest),
        ) => return Ok(Signed::Not(why)),
        Response::Refused(why) => return Err(words::refused(why)),
        _ => return Err(words::odd()),
    };
    let mut record = String::new();
    let receipt = SessionReceipt::new(page, segments);
    let by = match receipt.signed(talk.welcome()?, &signed, &mut record) {
        Ok(by) => by,
        Err(why) => return Ok(Signed::Wrong(why.to_string())),
    };
    if pinned(phone, &by)? {
        Ok(Signed::Record(record, by))
    } else {
        let why = "the pile signed with another key than before";
        Ok(Signed::Wrong(why.to_owned()))
    }
}

/// Where the pile's key is kept.
fn beside(phone: &Path) -> PathBuf {
    phone.with_extension("pile.pem")
}

/// True if this is the key that was seen first, which is now.
fn pinned(phone: &Path, by: &PublicKey) -> Result<bool, Refusal> {
    let path = beside(phone);
    if path.symlink_metadata().is_ok() {
        let known = key::read(&answer::read(&path)?).ok_or_else(|| {
            Refusal::new(
                format!("{}: holds no public key", path.display()),
                "give the file back that was there, or remove it to take the pile's key anew",
            )
        })?;
        return Ok(known == *by);
    }
    let mut pem = String::new();
    by.write_pem(&mut pem).map_err(|_| words::odd())?;
    files::create(&path, pem.as_bytes()).map_err(|error| files::unwritable(&path, &error))?;
    Ok(true)
}

fn told(
    talk: &Talk,
    page: &ReceiptPage,
    segments: &[Segment],
    signed: Option<&Signed>,
) -> Result<String, Refusal> {
    let (closed, zone) = (&page.session, Zone::new(page.utc_offset));
    let pile = talk
        .welcome()?
        .pile
        .map_or_else(String::new, |pile| pile.to_string());
    let doubt = if page.clock_set {
        "\nThe clock was set while it ran."
    } else {
        ""
    };
    let billed = SessionReceipt::new(page, segments).billed();
    let start = closed.reading.saturating_sub(closed.energy);
    Ok(format!(
        "Session {} of account {}, card {} (alias {}), on port {} of pile {pile}\n\
         {} to {}, ended: {}{doubt}\n\
         Meter {} - {} = {} kWh\n\n{}\n\
         {}\n",
        closed.session,
        closed.account,
        closed.credential,
        page.alias,
        closed.port,
        zone.second(closed.opened),
        zone.second(closed.closed),
        closed.reason.name().replace('_', " "),
        kwh(closed.reading),
        kwh(start),
        kwh(closed.energy),
        billed.arithmetic(),
        under(signed),
    ))
}

fn under(signed: Option<&Signed>) -> String {
    match signed {
        Some(Signed::Record(_, by)) => {
            format!("SIGNED by the pile, with {}: verified here.", key::mark(by))
        }
        Some(Signed::Not(why)) => format!(
            "NOT SIGNED: {why}. The landlord's `pilectl receipt make` makes the signed one of the\n\
             same records; its figures must be these."
        ),
        Some(Signed::Wrong(why)) => format!("DO NOT TRUST THIS: {why}."),
        None => "NOT SIGNED.".to_owned(),
    }
}

fn data(page: &ReceiptPage, segments: &[Segment], signed: Option<&Signed>) -> String {
    let (record, by) = match signed {
        Some(Signed::Record(record, by)) => (Some(record), Some(key::hex(by))),
        _ => (None, None),
    };
    let (closed, zone) = (&page.session, Zone::new(page.utc_offset));
    let lines = segments.iter().map(|segment| {
        serde_json::json!({
            "index": segment.index,
            "tariff": segment.tariff.get(),
            "band": segment.band.as_str(),
            "from": zone.iso(segment.from),
            "to": zone.iso(segment.to),
            "milliwatt_hours": segment.energy.milliwatt_hours(),
            "energy_price": segment.energy_price.to_string(),
            "service_price": segment.service_price.to_string(),
            "energy_micros": segment.energy_micro.micros(),
            "service_micros": segment.service_micro.micros(),
        })
    });
    pretty(&serde_json::json!({
        "signed": record.is_some(),
        "record": record,
        "key": by,
        "session": closed.session.get(),
        "account": closed.account.get(),
        "card": closed.credential.get(),
        "alias": page.alias.to_string(),
        "port": closed.port.number(),
        "opened": zone.iso(closed.opened),
        "closed": zone.iso(closed.closed),
        "clock_set": page.clock_set,
        "reason": closed.reason.name(),
        "milliwatt_hours": closed.energy.milliwatt_hours(),
        "meter_milliwatt_hours": closed.reading.milliwatt_hours(),
        "segments": lines.collect::<Vec<_>>(),
        "currency": closed.currency.code(),
        "electricity": amount(closed.currency, closed.bill.energy_fee),
        "service": amount(closed.currency, closed.bill.service_fee),
        "total": amount(closed.currency, closed.bill.total),
        "page": closed.page,
    }))
}
