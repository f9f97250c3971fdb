//! A script as a whole: its pile, its cards, its steps in the order of time.

use std::collections::BTreeMap;
use std::path::Path;

use billing_core::tariff::Tariff;
use pile_units::{Duration, Limits, MAX_PORTS, Power, Temperature, UidOnly, UnixSeconds};

use super::raw::{RawCard, RawKey, RawLimits, RawPile, RawScenario};
use super::steps::{Context, Wrong, known, uid_only, wrong};
use super::words::hex;
use super::{Card, Key, Pile, Scenario, Step, What};
use crate::refusal::{Refusal, line_of};
use crate::wall;

const DEFAULT_TARIFF: &str = include_str!("../../data/tariff.toml");

pub(super) fn parse(file: &str, text: &str, folder: &Path) -> Result<Scenario, Refusal> {
    let raw: RawScenario = toml::from_str(text).map_err(|error| {
        // The library's message is one line with what it expected in a second.
        let said = error.message().trim().replace('\n', ", ");
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Refusal::new(file, said, "the README lists every key").at_line(line)
    })?;
    let line_at = |span: core::ops::Range<usize>| line_of(text, span.start);
    let refuse = |wrong: Wrong, line| Refusal::new(file, wrong.0, wrong.1).at_line(line);

    let mut cards = BTreeMap::new();
    // A copy's number is another card's, so copies come second.
    let (copies, originals): (Vec<_>, Vec<_>) = raw
        .cards
        .into_iter()
        .partition(|(_, card)| card.get_ref().copy_of.is_some());
    for (name, card) in originals.into_iter().chain(copies) {
        let line = line_at(card.span());
        let card = self::card(&name, card.get_ref(), &cards);
        cards.insert(name, card.map_err(|wrong| refuse(wrong, line))?);
    }
    let (pile_line, pile) = match raw.pile {
        Some(pile) => (line_at(pile.span()), pile.into_inner()),
        None => (1, RawPile::default()),
    };
    let pile = self::pile(pile, &cards, folder).map_err(|wrong| refuse(wrong, pile_line))?;

    let context = Context {
        folder,
        ports: pile.ports,
        cards: &cards,
        tariff: pile.tariff.clone(),
    };
    let mut steps = Vec::new();
    for event in raw.event {
        let line = line_at(event.span());
        let event = event.into_inner();
        let at = event.at.0;
        let action = context.action(event).map_err(|wrong| refuse(wrong, line))?;
        let what = What::Do(Box::new(action));
        steps.push(Step { at, line, what });
    }
    for expect in raw.expect {
        let line = line_at(expect.span());
        let expect = expect.into_inner();
        let at = expect.at.0;
        let what = What::Expect(
            context
                .checks(expect)
                .map_err(|wrong| refuse(wrong, line))?,
        );
        steps.push(Step { at, line, what });
    }
    // Stable: events stand before expectations, each in the order of the file.
    steps.sort_by_key(|step| step.at);
    Ok(Scenario {
        file: file.to_owned(),
        title: raw.title,
        pile,
        cards,
        steps,
    })
}

fn card(name: &str, raw: &RawCard, others: &BTreeMap<String, Card>) -> Result<Card, Wrong> {
    let uid = match (&raw.uid, &raw.copy_of) {
        (Some(uid), None) => own_uid(name, uid, others)?,
        (None, Some(original)) => {
            known(others, original)?;
            let original = others.get(original);
            original.map_or_else(Vec::new, |card| card.uid.clone())
        }
        _ => {
            return wrong(
                format!("card \"{name}\" has no number, or two"),
                "write its uid, or copy_of with the name of another card",
            );
        }
    };
    let key = match raw.key {
        None => Key::None,
        Some(RawKey::Site) => Key::Site,
        Some(RawKey::Other) => Key::Other,
    };
    if key != Key::None && uid.len() != 7 {
        return wrong(
            format!("card \"{name}\" has a key and a uid of {} bytes", uid.len()),
            "give it a uid of 7 bytes, as every NTAG 424 DNA has",
        );
    }
    if key == Key::Site && raw.copy_of.is_some() {
        return wrong(
            format!("the copy \"{name}\" has the site's key"),
            "a copy has key = \"other\", or none",
        );
    }
    Ok(Card {
        uid,
        privilege: raw.privilege,
        key,
    })
}

fn own_uid(name: &str, text: &str, others: &BTreeMap<String, Card>) -> Result<Vec<u8>, Wrong> {
    let Some(uid) = hex(text).filter(|uid| matches!(uid.len(), 4 | 7 | 10)) else {
        return wrong(
            format!("the uid of card \"{name}\" is none"),
            "write 4, 7 or 10 bytes in hexadecimal",
        );
    };
    if let Some((other, _)) = others.iter().find(|(_, card)| card.uid == uid) {
        return wrong(
            format!("cards \"{other}\" and \"{name}\" have the same uid"),
            "give each card its own, or write copy_of",
        );
    }
    Ok(uid)
}

fn pile(raw: RawPile, cards: &BTreeMap<String, Card>, folder: &Path) -> Result<Pile, Wrong> {
    let ports = usize::from(raw.ports.unwrap_or(2));
    if !(1..=MAX_PORTS).contains(&ports) {
        return wrong(
            format!("a pile of {ports} ports"),
            format!("write 1 to {MAX_PORTS}"),
        );
    }
    let flash_kib = usize::from(raw.flash_kib.unwrap_or(1024));
    if !(44..=16_384).contains(&flash_kib) || flash_kib % 4 != 0 {
        return wrong(
            format!("a flash of {flash_kib} KiB"),
            "write 44 to 16384, a multiple of 4",
        );
    }
    let tariff = match &raw.tariff {
        Some(name) => tariff_file(folder, name)?,
        None => {
            tariff_file::parse(DEFAULT_TARIFF).or_else(|error| wrong(error.message, error.hint))?
        }
    };
    let clock = raw.clock.map(|text| local(&text, &tariff)).transpose()?;
    if let Some(owner) = &raw.owner {
        known(cards, owner)?;
        if !cards.get(owner).is_some_and(|card| card.privilege) {
            return wrong(
                format!("the owner's card \"{owner}\" is no privilege card"),
                "declare it with privilege = true",
            );
        }
    } else if !raw.tenants.is_empty() || raw.tariff.is_some() || raw.uid_only.is_some() {
        return wrong(
            "a pile without an owner is blank: it has no tenants, tariff or policy",
            "name an owner, or leave them out",
        );
    }
    for (place, tenant) in raw.tenants.iter().enumerate() {
        known(cards, tenant)?;
        let twice = raw.tenants.iter().take(place).any(|other| other == tenant);
        if twice || cards.get(tenant).is_some_and(|card| card.privilege) {
            return wrong(
                format!("\"{tenant}\" cannot be a tenant's card here"),
                "list each charging card once",
            );
        }
    }
    Ok(Pile {
        ports,
        seed: raw.seed.unwrap_or(1),
        flash_bytes: flash_kib * 1024,
        clock,
        tariff,
        limits: limits(&raw.limits)?,
        owner: raw.owner,
        tenants: raw.tenants,
        uid_only: match raw.uid_only {
            Some(name) => uid_only(&name)?,
            None => UidOnly::All,
        },
    })
}

/// The defaults with what the script sets, in an order in which each step is legal.
pub(super) fn limits(raw: &RawLimits) -> Result<Limits, Wrong> {
    let said = |name: &'static str| {
        let remedy = "the README lists the ranges; \"unplugged\" lies below \"full\", \"warn\" \
                      not above \"cut\"";
        move |_| Wrong(format!("{name} is out of range"), remedy.to_owned())
    };
    let watts = Power::from_watts;
    let seconds = Duration::from_seconds;
    let mut limits = Limits::default();
    macro_rules! set {
        ($($name:ident, $with:ident, $of:expr;)*) => {$(
            if let Some(value) = raw.$name {
                limits = limits.$with($of(value)).map_err(said(stringify!($name)))?;
            }
        )*};
    }
    // Of two that are ordered, the one that makes room comes first.
    if raw.full_power_w >= Some(15) {
        set!(full_power_w, with_full_power, watts; unplugged_power_w, with_unplugged_power, watts;);
    } else {
        set!(unplugged_power_w, with_unplugged_power, watts; full_power_w, with_full_power, watts;);
    }
    if raw.cut_celsius >= Some(90) {
        set!(cut_celsius, with_cut_temperature, Temperature::from_celsius;
             warn_celsius, with_warn_temperature, Temperature::from_celsius;);
    } else {
        set!(warn_celsius, with_warn_temperature, Temperature::from_celsius;
             cut_celsius, with_cut_temperature, Temperature::from_celsius;);
    }
    set! {
        port_power_w, with_port_power, watts;
        pile_power_w, with_pile_power, watts;
        overload_after_s, with_overload_after, seconds;
        no_load_after_s, with_no_load_after, seconds;
        unplugged_after_s, with_unplugged_after, seconds;
        full_after_s, with_full_after, seconds;
        longest_session_s, with_longest_session, seconds;
    }
    Ok(limits)
}

pub(super) fn tariff_file(folder: &Path, name: &str) -> Result<Tariff, Wrong> {
    tariff_file::read(folder.join(name))
        .or_else(|error| wrong(format!("tariff {error}"), "correct the file it names"))
}

pub(super) fn local(text: &str, tariff: &Tariff) -> Result<UnixSeconds, Wrong> {
    wall::parse_local(text)
        .and_then(|seconds| wall::to_unix(seconds, tariff.utc_offset()))
        .map_or_else(
            || {
                wrong(
                    format!("\"{text}\" is not a time of the clock"),
                    "write a local time like 2024-05-01T08:00:00",
                )
            },
            Ok,
        )
}
