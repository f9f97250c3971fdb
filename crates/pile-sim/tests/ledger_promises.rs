//! What the landlord is promised on a ledger that is full, whatever filled it: every open session
//! ends with its bill, every account is settled and paid, an export is confirmed, and a lost card
//! is revoked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod ledger_model;

use billing_core::book::testing::enrolled;
use billing_core::record::{Record, Revocation};
use billing_core::tariff::Tariff;
use ledger_model::{Pile, dearest_tariff, tariff};
use pile_sim::flash::Words;
use pile_units::{CardAlias, Credential, PlanId, PortId, Role, TariffVersion};
use proptest::prelude::*;

/// What a life is made of.
#[derive(Debug, Clone, Copy)]
struct Life {
    tenants: u32,
    ports: usize,
    /// Of sixteen facts, so many are new cards, and so many of these are replacements.
    cards: u32,
    replacements: u32,
    dear: bool,
    seed: u64,
}

fn life() -> impl Strategy<Value = Life> {
    let people = (1u32..30, 1usize..=16);
    let cards = (0u32..=16, 0u32..=16);
    (people, cards, any::<bool>(), any::<u64>()).prop_map(|(people, cards, dear, seed)| Life {
        tenants: people.0,
        ports: people.1,
        cards: cards.0,
        replacements: cards.1,
        dear,
        seed,
    })
}

fn price(life: &Life) -> Tariff {
    if life.dear {
        dearest_tariff()
    } else {
        tariff(8)
    }
}

/// A card more, if the pile has a number left for it.
fn card<const W: usize, const E: usize>(pile: &mut Pile<W, E>, life: &Life) -> Option<Record> {
    let at = pile.at();
    let old = pile.dice()(16) < life.replacements;
    let known = pile.book.credentials().len();
    let mut record = enrolled(&pile.book, at, true)?;
    let accounts: Vec<_> = pile.book.accounts().iter().map(|it| it.id).collect();
    if let (true, Record::Enrolled { credential, .. }, Some(account)) =
        (old, &mut record, accounts.first())
    {
        *credential = Credential {
            role: Role::Charging(*account),
            alias: CardAlias::new((known as u64).to_le_bytes()),
            ..*credential
        };
    }
    pile.book.check(&record).is_ok().then_some(record)
}

/// Facts and sessions, each only where the headroom allows it, until neither is allowed.
fn fill<const W: usize, const E: usize>(pile: &mut Pile<W, E>, life: &Life) {
    let ports: Vec<PortId> = PortId::first(life.ports).collect();
    for _ in 0..6_000 {
        let room = pile.headroom();
        if room.sessions == 0 && room.facts == 0 {
            return;
        }
        let running = pile.book.open_sessions().count();
        let pick = pile.dice()(u32::try_from(ports.len()).unwrap());
        let port = ports[usize::try_from(pick).unwrap()];
        if room.facts > 0 && (room.sessions == 0 || pile.dice()(8) == 0) {
            let choice = pile.dice()(16);
            if let Some(record) = card(pile, life).filter(|_| choice < life.cards) {
                pile.must(&record);
                continue;
            }
            // A tariff closes a stretch of every session.
            let version = pile.book.tariff(PlanId::STANDARD).unwrap().0.get();
            let at = pile.at();
            pile.must(&Record::TariffSet {
                plan: PlanId::STANDARD,
                version: TariffVersion::new(version + 1),
                tariff: price(life),
                at,
            });
            for port in &ports {
                let open = pile.book.session(*port);
                if open.is_some_and(|open| !open.ended && open.segment.index < 200) {
                    pile.split(*port, u32::MAX);
                }
            }
        } else if pile.book.session(port).is_none() {
            pile.open(port);
        } else if running == ports.len() || room.sessions == 0 {
            pile.split(port, u32::MAX);
            pile.close(port, u32::MAX);
        }
        pile.progress();
    }
}

/// Everything that is promised, on a ledger as it is.
fn promised<const W: usize, const E: usize>(pile: &mut Pile<W, E>) {
    let open: Vec<_> = pile
        .book
        .open_sessions()
        .map(|open| (open.port, open.ended))
        .collect();
    for (port, ended) in open {
        // The second of the two is the bill.
        if ended {
            let session = pile.book.session(port).unwrap();
            let bill = billing_core::book::testing::closing(&pile.book, session, pile.at(), 0);
            pile.must(&bill.unwrap());
        } else {
            pile.close(port, u32::MAX);
        }
    }
    for card in pile.book.credentials().to_vec() {
        if card.role != Role::Privilege && !card.revoked {
            let why = Revocation::Lost;
            let at = pile.at();
            pile.must(&Record::Revoked {
                credential: card.id,
                why,
                at,
            });
            break;
        }
    }
    pile.settle_and_pay();
    pile.audit();
    let before = pile.headroom().sessions;
    let (through, at) = (pile.ledger().last_record(), pile.at());
    pile.must(&Record::Exported { through, at });
    assert!(pile.headroom().sessions >= before);
    pile.audit();
}

fn keeps_promises<const W: usize, const E: usize>(pages: usize, words: Words, life: &Life) {
    let mut pile = Pile::<W, E>::new(pages, words, life.seed);
    pile.settle_in(life.tenants.min(20), price(life));
    fill(&mut pile, life);
    promised(&mut pile);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn what_the_landlord_is_promised_holds_on_a_full_stm32g4(life in life()) {
        keeps_promises::<8, 2048>(32, Words::Once, &life);
    }

    #[test]
    fn what_the_landlord_is_promised_holds_on_a_full_small_w25q(life in life()) {
        keeps_promises::<1, 4096>(24, Words::ClearBits, &life);
    }
}
