//! What the bench page is told, as JSON: integers in the units that their names end with.

use std::collections::VecDeque;
use std::sync::Arc;

use billing_core::book::{Book, OpenSession};
use billing_core::record::{Fault, Record};
use card_auth::CardRole;
use pile_controller::Signal;
use pile_sim::mfrc522::Fault as ReaderFault;
use pile_units::{AccountName, PortId, Role};
use serde_json::{Value, json};

use super::bench::event;
use super::callers::Callers;
use super::house::House;
use crate::run::words;

/// What went through a meter, in microjoules, a milliwatt-hour.
const MICROJOULES: u64 = 3_600_000;
/// Records that a new watcher is told.
const MOST_RECORDS: usize = 200;
/// Things said that a new watcher is told.
const MOST_SAID: usize = 50;

/// What has happened so far: the ledger's records, and what the pile said.
#[derive(Default)]
pub(super) struct Story {
    generation: u32,
    operations: u64,
    book: Option<Book>,
    through: Option<u64>,
    said: usize,
    records: VecDeque<Arc<str>>,
    words: VecDeque<Arc<str>>,
}

impl Story {
    /// What the ledger says; nothing while it is refused.
    pub(super) const fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// Everything that is still told of what was.
    pub(super) fn told(&self) -> Vec<Arc<str>> {
        let mut all = vec![event("pile", &self.generation.to_string())];
        all.extend(self.records.iter().chain(&self.words).cloned());
        all
    }

    /// Looks what is new.
    pub(super) fn look(&mut self, house: &House) -> Vec<Arc<str>> {
        let mut news = Vec::new();
        if self.generation != house.generation {
            *self = Self {
                generation: house.generation,
                ..Self::default()
            };
            news.push(event("pile", &self.generation.to_string()));
        }
        for said in house.world.signals().iter().skip(self.said) {
            let told = event("said", &signal(said).to_string());
            keep(&mut self.words, MOST_SAID, &told);
            news.push(told);
            self.said += 1;
        }
        let flash = house.world.flash();
        let (operations, busy) = (flash.operations(), flash.is_busy());
        if operations == self.operations && self.book.is_some() {
            return news;
        }
        // A damaged ledger stands as it stood, and the pile says that it is refused.
        let Some((book, records)) = (house.world.refused().is_none())
            .then(|| house.world.read_ledger().ok())
            .flatten()
        else {
            return news;
        };
        // What is being written counts already, and is not there yet: it is looked for again.
        if !busy {
            self.operations = operations;
        }
        for (seq, record) in records {
            if self.through.is_some_and(|through| seq <= through) {
                continue;
            }
            self.through = Some(seq);
            if matches!(record, Record::Snapshot(_)) {
                continue;
            }
            let told = json!({ "seq": seq, "record": facts(&record) });
            let told = event("record", &told.to_string());
            keep(&mut self.records, MOST_RECORDS, &told);
            news.push(told);
        }
        self.book = Some(book);
        news
    }
}

fn signal((at, signal): &(u64, Signal)) -> Value {
    json!({
        "at_ms": at,
        "name": words::signal(*signal),
        "port": words::signal_port(*signal),
        "text": words::signal_text(*signal),
    })
}

/// What a record says; the energies of a progress each with its port.
fn facts(record: &Record) -> Value {
    let Record::Progress { elapsed, advances } = record else {
        return json!(record);
    };
    let advances = advances.iter().map(|advance| {
        json!({
            "port": advance.port().number(),
            "session": advance.is_session(),
            "energy_mwh": advance.energy().milliwatt_hours(),
        })
    });
    json!({ "Progress": { "elapsed": elapsed, "advances": advances.collect::<Vec<_>>() } })
}

fn keep(all: &mut VecDeque<Arc<str>>, most: usize, one: &Arc<str>) {
    if all.len() == most {
        all.pop_front();
    }
    all.push_back(Arc::clone(one));
}

/// The cards in the drawer: what is printed on them.
pub(super) fn cards(house: &House) -> Value {
    let cards = house.cards.iter().map(|card| {
        let svg = card.code.as_deref().and_then(|code| {
            let picture = pilectl::kit::code_picture(code, card.name);
            picture.ok()
        });
        json!({
            "name": card.name,
            "role": role(card.role),
            "code": card.code,
            "svg": svg,
        })
    });
    Value::Array(cards.collect())
}

const fn role(role: CardRole) -> &'static str {
    match role {
        CardRole::Privilege => "privilege",
        CardRole::Charging => "charging",
    }
}

/// What the pile shows, and what the ledger says.
pub(super) fn state(house: &House, callers: &Callers, book: Option<&Book>) -> Value {
    let world = &house.world;
    let ports = PortId::first(house.setup.ports).map(|port| port_state(house, port, book));
    let accounts = book
        .map(Book::accounts)
        .unwrap_or_default()
        .iter()
        .map(|account| {
            json!({
                "account": account.id,
                "active": account.active,
                "name": book.and_then(|it| it.name(account.id)).map(AccountName::as_str),
                "sessions": account.sessions,
                "energy_mwh": account.energy.milliwatt_hours(),
                "energy_fee_micro": account.energy_fee.micros(),
                "service_fee_micro": account.service_fee.micros(),
                "total_micro": account.total().micros(),
                "owed_micro": account.owed().micros(),
            })
        });
    let cards = house.cards.iter().map(|card| {
        let alias = world.alias(&card.chip);
        let known = book.and_then(|it| {
            let mut all = it.credentials().iter().rev();
            all.find(|known| Some(known.alias) == alias)
        });
        // The stranger's copy has a number that the pile knows, and is nobody's.
        let known = known.filter(|_| card.code.is_some());
        json!({
            "name": card.name,
            "known": known.is_some(),
            "account": known.and_then(|it| match it.role {
                Role::Charging(account) => Some(account),
                Role::Privilege => None,
            }),
            "on_reader": house.taps.iter().any(|(_, _, name)| *name == card.name),
        })
    });
    let balance = book.map(|book| {
        let balance = book.balance();
        json!({
            "metered_mwh": balance.metered.milliwatt_hours(),
            "accounts_mwh": balance.accounts.milliwatt_hours(),
            "open_mwh": balance.open.milliwatt_hours(),
            "unattributed_mwh": balance.unattributed.milliwatt_hours(),
        })
    });
    json!({
        "pile": house.generation,
        "now_ms": world.now(),
        "clock": book.map(|it| it.last().unix),
        "speed": house.speed,
        "calm": house.is_calm() || callers.is_busy(),
        "skip_ms": house.skip,
        "powered": world.is_powered(),
        "refused": world.refused(),
        "claimed": book.is_some_and(|it| it.pile().is_some()),
        "currency": book.map(|it| json!({
            "code": it.currency().code(),
            "decimals": it.currency().decimals(),
        })),
        "said": world.signals().last().map(signal),
        "attempts": book.map_or(0, Book::attempts_unseen),
        "phones": book.map_or(0, |it| it.phones().len()),
        "heat_c": house.heat.map_or(25, |it| it.decicelsius() / 10),
        "reader": match house.reader {
            ReaderFault::None => "well",
            ReaderFault::Hung if world.reader_resets() > 0 => "well",
            ReaderFault::Hung => "hung",
            _ => "dead",
        },
        "reader_resets": world.reader_resets(),
        "link": {
            "phone": callers.guest(),
            "waiting": callers.waiting().collect::<Vec<_>>(),
        },
        "ports": ports.collect::<Vec<_>>(),
        "accounts": accounts.collect::<Vec<_>>(),
        "cards": cards.collect::<Vec<_>>(),
        "balance": balance,
        "flash": {
            "programs": world.flash().statistics().programs,
            "bytes": world.flash().statistics().bytes_programmed,
        },
    })
}

fn port_state(house: &House, port: PortId, book: Option<&Book>) -> Value {
    let world = &house.world;
    let delivered = world.chip(port).map_or(0, |it| it.delivered_microjoules());
    let bike = house.bikes.get(port.index()).and_then(Option::as_ref);
    let is = |all: &[bool]| all.get(port.index()).copied().unwrap_or_default();
    json!({
        "port": port.number(),
        "light": world.indicator(port).map(words::indicator),
        "relay": world.relay(port),
        "welded": is(&house.welded),
        "meter": if is(&house.meters_dead) { "dead" } else { "well" },
        "power_mw": world.power(port).milliwatts(),
        "metered_mwh": delivered / MICROJOULES,
        "flowing_mwh": world.flowing_microjoules(port).map(|it| it / MICROJOULES),
        "bike": bike.map(|bike| json!({
            "max_mw": bike.milliwatts,
            "charged_mwh": delivered.saturating_sub(bike.before) / MICROJOULES,
        })),
        "fault": book.and_then(|it| it.fault(port)).map(Fault::name),
        "enabled": book.is_none_or(|it| it.enabled(port)),
        "session": book.and_then(|it| it.session(port)).map(session),
        "unattributed_mwh": book.map(|it| it.unattributed(port).milliwatt_hours()),
    })
}

/// A session that runs, and what it would cost if it ended with what the ledger has of it.
fn session(open: &OpenSession) -> Value {
    let mut cost = open.cost;
    let segment = &open.segment;
    if !open.ended {
        cost.close_segment(segment.energy, segment.energy_price, segment.service_price);
    }
    json!({
        "session": open.id,
        "account": open.account,
        "opened": open.opened.unix,
        "band": segment.band.as_str(),
        "energy_mwh": open.energy().milliwatt_hours(),
        "energy_micro": cost.energy().micros().micros(),
        "service_micro": cost.service().micros().micros(),
    })
}
