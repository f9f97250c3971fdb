//! `pilectl phone` against a pile whose answers are written by hand.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;
#[allow(dead_code, reason = "each test file uses its part")]
mod phone_peer;

use billing_core::book::Settlement;
use billing_core::tariff::{Band, Tariff};
use ble_protocol::message::*;
use ble_protocol::permission::Role;
use ble_protocol::{LinkKey, Refusal};
use card_auth::{BindingSecret, CardCode, CardRole, MAX_CARD_CODE, Uid};
use common::{Desk, Pile, log};
use phone_peer::{Does, Peer, at, phone};
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Currency, Duration, Energy, Money, PlanId,
    PortId, SessionId, Strength, TariffVersion, UtcOffset, WallTime,
};

fn tariff() -> Tariff {
    let band = Band {
        name: "day".parse().unwrap(),
        energy: "0.568".parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    Tariff::flat(Currency::CNY, UtcOffset::UTC, band)
}

fn price() -> PriceNow {
    PriceNow {
        band: "day".parse().unwrap(),
        energy: "0.568".parse().unwrap(),
        service: "0.20".parse().unwrap(),
    }
}

fn tariff_now() -> Response {
    Response::Tariff {
        tariff: TariffInForce {
            plan: PlanId::STANDARD,
            version: TariffVersion::new(1),
            tariff: tariff(),
        },
        price: price(),
        seconds_to_change: None,
    }
}

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

fn ports() -> Response {
    let mut ports = List::new();
    let running = Running {
        session: SessionId::new(7),
        account: AccountId::new(1),
        since: WallTime::default(),
        power: pile_units::Power::from_milliwatts(204_900),
        energy: Energy::from_milliwatt_hours(1_234_567),
        cost: Money::from_micros(948_147),
        price: price(),
    };
    let mut put = |number, condition, mine: bool| {
        assert!(ports.push(PortView {
            port: port(number),
            condition,
            mine,
            seconds_left: None,
            running: mine.then_some(running),
        }));
    };
    put(1, PortCondition::Idle, false);
    put(2, PortCondition::Charging, true);
    put(3, PortCondition::Charging, false);
    Response::Ports(PortPage {
        price: Some(price()),
        currency: Currency::CNY,
        ports,
        more: false,
    })
}

#[test]
fn a_card_is_tapped_and_this_computer_keeps_its_key_for_itself() {
    let secret = BindingSecret::new([5; 16]);
    let key = LinkKey::of_binding(secret.expose());
    let code = CardCode {
        role: CardRole::Charging,
        uid: Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6]).unwrap(),
        secret,
    };
    let mut buffer = [0; MAX_CARD_CODE];
    let code = code.write(&mut buffer);
    let peer = Peer::new(Role::Card, Some(key), Box::new(|_| Does::Lose));
    let desk = Desk::new();
    let told = desk.well(&at(&peer, &format!("bind {code}")));
    assert!(
        told.contains("tap the card at the pile now (60 s)"),
        "{told}"
    );
    assert!(
        told.contains("this is phone 3 of pile 0101010101010101"),
        "{told}"
    );
    let file = desk.read("phone.toml");
    assert!(file.contains("key = \"0707070707"), "{file}");
    assert!(!told.contains("0707070707"), "{told}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = desk
            .path("phone.toml")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Another binding never takes its place, and the pile is not even called.
    let again = format!("phone --pile 127.0.0.1:1 bind {code}");
    desk.fails(
        &again,
        2,
        &["phone.toml: is there already", "--phone NEW.toml"],
    );
    assert_eq!(desk.read("phone.toml"), file);
    let wrong = code.replace('5', "6");
    desk.fails(
        &at(&peer, &format!("bind {wrong} --phone b.toml")),
        2,
        &["OP1:"],
    );
}

#[test]
fn who_is_no_phone_or_no_more_is_told_what_to_do() {
    let peer = Peer::tenant(|_| Does::Lose);
    let desk = phone();
    desk.fails(
        &at(&peer, "ports --phone none.toml"),
        2,
        &["no phone of a pile yet", "bind"],
    );
    desk.fails("phone ports", 2, &["no pile is named", "--pile ADDR:PORT"]);
    desk.fails("phone --pile 127.0.0.1:1 ports", 2, &["no pile there"]);
    desk.put("odd.toml", b"key = 3\n");
    desk.fails(
        &at(&peer, "ports --phone odd.toml"),
        2,
        &["not a phone's file"],
    );
    let file = desk.read("phone.toml").replace("07", "08");
    desk.put("revoked.toml", file.as_bytes());
    let said = ["does not know this phone", "pilectl phone bind"];
    desk.fails(&at(&peer, "ports --phone revoked.toml"), 2, &said);
}

#[test]
fn ports_are_a_table_and_json() {
    let peer = Peer::tenant(|_| Does::Answer(ports()));
    let desk = phone();
    let told = desk.well(&at(&peer, "ports"));
    let line = told.lines().find(|line| line.contains("mine")).unwrap();
    for said in ["2", "charging", "7", "204", "1.234567", "0.948147"] {
        assert!(line.contains(said), "{line}");
    }
    assert!(
        told.contains("A kWh now: 0.568 + 0.20 service, CNY (day)"),
        "{told}"
    );
    let json = desk.well(&at(&peer, "ports --json"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["currency"], "CNY");
    assert_eq!(json["ports"][1]["kwh"], "1.234567");
    assert_eq!(json["ports"][1]["watts"], 204);
    assert_eq!(json["ports"][2]["session"], serde_json::Value::Null);
}

#[test]
fn a_start_whose_answer_is_lost_is_said_again_with_its_number() {
    let mut lost = 0;
    let peer = Peer::tenant(move |_| {
        lost += 1;
        if lost < 3 {
            return Does::Lose;
        }
        let session = SessionId::new(7);
        Does::Answer(Response::Started {
            session,
            port: port(2),
        })
    });
    let told = phone().well(&at(&peer, "start 2 --energy 1.5"));
    assert!(told.contains("Session 7 on port 2"), "{told}");
    let up_to = UpTo::Energy(Energy::from_milliwatt_hours(1_500_000));
    let request = Request::Start {
        port: port(2),
        up_to,
    };
    let asked = Asked {
        id: RequestId::new(17),
        request,
    };
    assert_eq!(*peer.asked.lock().unwrap(), vec![asked; 3]);
}

#[test]
fn what_a_start_is_limited_by_is_what_was_typed() {
    let peer = Peer::tenant(|_| Does::Answer(Response::Refused(Refusal::PortTaken)));
    let desk = phone();
    for (typed, up_to) in [
        ("start 2", UpTo::Full),
        (
            "start 2 --minutes 90",
            UpTo::Time(Duration::from_minutes(90)),
        ),
        (
            "start 2 --cost 2.50",
            UpTo::Cost(Money::from_micros(2_500_000)),
        ),
    ] {
        desk.fails(
            &at(&peer, typed),
            2,
            &["the port is in use", "pilectl phone ports"],
        );
        let request = Request::Start {
            port: port(2),
            up_to,
        };
        assert_eq!(peer.asked.lock().unwrap().pop().unwrap().request, request);
    }
    for typed in ["start 17", "start 2 --cost 1.2345678", "start 2 --energy 0"] {
        let (text, code) = desk.run(&at(&peer, typed));
        assert_eq!(code, 2, "{text}");
    }
    assert_eq!(*peer.asked.lock().unwrap(), []);
}

/// A pile that exports this image in small pieces; `lose` says at which it loses the link.
fn exporting(image: &[u8], lose: &'static [usize], alter: Option<u64>) -> Peer {
    let log = log(image);
    let mut pieces = 0;
    let mut chain = log.origin;
    let mut points = vec![chain];
    for frame in &log.frames {
        chain = chain.after(frame.kind, &frame.payload);
        points.push(chain);
    }
    Peer::landlord(move |asked| match &asked.request {
        Request::ExportFrom { cursor } => {
            pieces += 1;
            if lose.contains(&pieces) {
                return Does::Lose;
            }
            let from = cursor.seq.max(log.origin.seq);
            let start = usize::try_from(from - log.origin.seq).unwrap();
            let mut frames = Frames::new();
            let mut count = 0;
            for frame in &log.frames[start..] {
                let mut payload = frame.payload.clone();
                if alter == Some(frame.seq) {
                    payload[0] ^= 1;
                }
                if !frames.push(frame.kind, &payload) {
                    break;
                }
                count += 1;
            }
            let next = ExportCursor {
                seq: from + count,
                place: 0,
            };
            Does::Answer(Response::Export(ExportChunk {
                identity: log.identity.bytes(),
                seq: from,
                head: points[start].head.bytes(),
                frames,
                next,
                done: next.seq == chain.seq,
            }))
        }
        Request::ConfirmExport { .. } => Does::Answer(Response::Done),
        _ => Does::Answer(tariff_now()),
    })
}

/// A short life.
fn short() -> Vec<u8> {
    let mut pile = Pile::new(5);
    pile.live(400);
    pile.image()
}

#[test]
fn a_fetched_ledger_is_the_export_of_the_flash_byte_for_byte_over_however_many_links() {
    let image = short();
    let desk = phone();
    desk.put("pile.bin", &image);
    desk.well("ledger export pile.bin --out flash.jsonl");
    let peer = exporting(&image, &[2, 5, 6], None);
    let told = desk.well(&at(&peer, "export link.jsonl"));
    assert_eq!(desk.read("link.jsonl"), desk.read("flash.jsonl"));
    assert!(told.contains("confirm with: "), "{told}");
    desk.well("ledger verify link.jsonl --against pile.bin");
    assert!(
        !peer
            .requests()
            .iter()
            .any(|it| matches!(it, Request::ConfirmExport { .. }))
    );

    // Confirmed by the number that the file itself gives, and nothing is fetched twice.
    let before = peer.requests().len();
    desk.well(&at(&peer, "export link.jsonl --confirm"));
    let number = log(&image).confirm();
    let through = Request::ConfirmExport { through: number };
    assert_eq!(peer.requests()[before..], [through]);
}

#[test]
fn an_export_that_was_cut_off_anywhere_goes_on() {
    let image = short();
    let desk = phone();
    desk.put("pile.bin", &image);
    desk.well("ledger export pile.bin --out flash.jsonl");
    let whole = desk.read("flash.jsonl");
    let peer = exporting(&image, &[], None);
    let last_line = whole.trim_end().rfind('\n').unwrap() + 1;
    for cut in [
        whole.find('\n').unwrap() + 1,
        whole.len() / 2,
        last_line,
        last_line + 9,
    ] {
        desk.put("link.jsonl", &whole.as_bytes()[..cut]);
        desk.well(&at(&peer, "export link.jsonl"));
        assert_eq!(desk.read("link.jsonl"), whole, "cut at {cut}");
    }
    // Not even a first line: nobody knows what it is.
    desk.put("link.jsonl", &whole.as_bytes()[..30]);
    desk.fails(&at(&peer, "export link.jsonl"), 1, &["is no export"]);
    // A line that was altered is not gone on from.
    let altered = whole[..whole.len() / 2].replacen("\"payload\":\"0", "\"payload\":\"1", 1);
    desk.put("link.jsonl", altered.as_bytes());
    desk.fails(
        &at(&peer, "export link.jsonl"),
        1,
        &["is not as it was written"],
    );
    // Nor is that of another pile.
    let mut other = Pile::new(6);
    other.live(300);
    let peer = exporting(&other.image(), &[], None);
    desk.put("link.jsonl", &whole.as_bytes()[..whole.len() / 2]);
    desk.fails(&at(&peer, "export link.jsonl"), 2, &["another pile"]);
}

#[test]
fn a_piece_that_does_not_continue_the_last_is_found() {
    let image = short();
    let seq = log(&image).frames[30].seq;
    let peer = exporting(&image, &[], Some(seq));
    phone().fails(
        &at(&peer, "export link.jsonl"),
        1,
        &["does not continue it"],
    );
}

#[test]
fn a_settlement_gets_the_number_that_the_pile_told_before() {
    let due = Settlement {
        id: 12,
        account: AccountId::new(3),
        at: WallTime::default(),
        opening: Energy::from_milliwatt_hours(1_000_000),
        closing: Energy::from_milliwatt_hours(3_500_000),
        sessions: 4,
        amount: Money::from_micros(1_920_000),
    };
    let peer = Peer::landlord(move |asked| match asked.request {
        Request::Settlements { .. } => Does::Answer(Response::Settlements(SettlementPage {
            next: 12,
            currency: Currency::CNY,
            settlements: List::new(),
            more: false,
        })),
        Request::Settle { .. } => Does::Answer(Response::Settled(due)),
        _ => Does::Answer(Response::Done),
    });
    let desk = phone();
    let told = desk.well(&at(&peer, "settle 3"));
    assert!(
        told.contains("4 sessions, 1.000000 to 3.500000 = 2.500000 kWh, 1.92 CNY"),
        "{told}"
    );
    let settle = Request::Settle {
        account: AccountId::new(3),
        number: 12,
    };
    assert_eq!(peer.requests()[1..], [settle]);
    desk.well(&at(&peer, "mark-paid 12 --note cash"));
    let reference = "cash".parse().unwrap();
    let paid = Request::MarkPaid {
        settlement: 12,
        reference,
    };
    assert_eq!(peer.requests().last(), Some(&paid));
}

#[test]
fn a_window_ends_with_a_card_or_without_one() {
    let mut notices = vec![
        Notice::WindowClosed,
        Notice::CardAuthorised(Credential {
            id: CredentialId::new(4),
            role: pile_units::Role::Charging(AccountId::new(2)),
            strength: Strength::MutualAes,
            alias: CardAlias::new([2; 8]),
            revoked: false,
        }),
    ];
    let peer = Peer::landlord(move |_| {
        let notice = notices.pop().unwrap();
        Does::Then(Response::Window { seconds: 30 }, vec![notice])
    });
    let desk = phone();
    let told = desk.well(&at(&peer, "authorise"));
    assert!(
        told.contains("tap the new card at the pile now (30 s)"),
        "{told}"
    );
    assert!(told.contains("Card 4 of account 2 is authorised"), "{told}");
    desk.fails(&at(&peer, "authorise --listed"), 1, &["No card was tapped"]);
    assert_eq!(
        peer.requests(),
        [Request::Authorise, Request::AuthoriseListed]
    );
}

#[test]
fn a_tariff_file_goes_to_the_pile_and_comes_back() {
    let peer = Peer::landlord(|asked| match &asked.request {
        Request::Tariffs { .. } => {
            let mut tariffs = List::new();
            let (plan, version) = (PlanId::STANDARD, TariffVersion::new(1));
            assert!(tariffs.push(TariffInForce {
                plan,
                version,
                tariff: tariff()
            }));
            Does::Answer(Response::Tariffs(TariffPage {
                tariffs,
                more: false,
            }))
        }
        Request::PlannedTariff => Does::Answer(Response::Planned(None)),
        _ => Does::Answer(Response::Done),
    });
    let desk = phone();
    let shown = desk.well(&at(&peer, "tariff show"));
    desk.put("t.toml", shown.as_bytes());
    desk.well(&at(&peer, "tariff set t.toml"));
    let (plan, tariff) = (PlanId::STANDARD, tariff());
    let set = Request::SetTariff { plan, tariff };
    assert_eq!(peer.requests().last(), Some(&set));
    desk.put("wrong.toml", b"currency = \"CNY\"\n");
    desk.fails(&at(&peer, "tariff set wrong.toml"), 2, &["wrong.toml"]);
    assert_eq!(peer.requests().last(), Some(&set));
}
