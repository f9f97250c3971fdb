//! `pilectl statement` as it is run: the sums are those of the ledger, in every format and from any
//! set of files, or there is no statement.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod common;

use std::collections::BTreeMap;

use billing_core::book::testing::{closing, enrolled, opened};
use billing_core::journal::Kind;
use billing_core::record::Record;
use common::{Desk, Pile, lived, log};
use pile_units::{
    CardAlias, ClockQuality, Credential, CredentialId, Currency, Money, PileId, PlanId, PortId,
    Role, Strength, UidOnly, UnixSeconds, WallTime,
};
use pilectl::ledger::export;
use pilectl::ledger::log::Log;
use serde_json::Value;

/// A cent in 10^-12 of the currency.
const CENT: u128 = 10_000_000_000;

fn json(desk: &Desk, arguments: &str) -> Value {
    serde_json::from_str(&desk.well(&format!("statement {arguments} --format json"))).unwrap()
}

fn cents(text: &Value) -> u64 {
    text.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn money(money: Money) -> String {
    Currency::CNY.amount(money).to_string()
}

fn settlements(log: &Log) -> Vec<billing_core::book::Settlement> {
    let all = log.entries.iter().filter_map(|entry| match &entry.record {
        Record::Settled(settlement) => Some(*settlement),
        _ => None,
    });
    all.collect()
}

/// A life, an export, and the life after: what was exported is dropped.
fn lives() -> (Desk, Log, Log) {
    let mut pile = Pile::new(7);
    pile.live(1500);
    pile.settle_and_export();
    let (before, mut pile) = pile.snapshot();
    pile.live(6000);
    pile.settle_and_export();
    pile.live(200);
    let (before, after) = (log(&before), log(&pile.image()));
    let desk = Desk::with(&[
        ("before.jsonl", export::text(&before).as_bytes()),
        ("after.jsonl", export::text(&after).as_bytes()),
    ]);
    (desk, before, after)
}

#[test]
fn what_is_open_is_what_each_account_owes() {
    let image = lived();
    let log = log(&image);
    let desk = Desk::with(&[("pile.bin", &image)]);
    let all = json(&desk, "pile.bin --all");
    let sheets = all["statements"].as_array().unwrap();
    assert_eq!(sheets.len(), log.book.accounts().len());
    for (sheet, account) in sheets.iter().zip(log.book.accounts()) {
        assert_eq!(sheet["account"], account.id.get());
        assert_eq!(sheet["total"], money(account.owed()));
        assert_eq!(sheet["closing_mwh"], account.energy.milliwatt_hours());
        assert_eq!(
            sheet["opening_mwh"],
            account.settled_energy.milliwatt_hours()
        );
        let sessions = sheet["sessions"].as_array().unwrap();
        let total: u64 = sessions.iter().map(|it| cents(&it["total"])).sum();
        assert_eq!(total, cents(&sheet["total"]));
        let mwh: u64 = sessions
            .iter()
            .map(|it| it["energy_mwh"].as_u64().unwrap())
            .sum();
        assert_eq!(mwh, sheet["energy_mwh"].as_u64().unwrap());
    }
    let balance = log.book.balance();
    assert_eq!(
        all["meters"]["unattributed_mwh"],
        balance.unattributed.milliwatt_hours()
    );
    assert_eq!(all["head"], log.end.head.to_string());
}

#[test]
fn every_session_is_recomputed_from_prices_alone() {
    let desk = Desk::with(&[("pile.bin", &lived())]);
    let all = json(&desk, "pile.bin --all");
    let price = |text: &Value| -> u128 {
        let price: pile_units::Price = text.as_str().unwrap().parse().unwrap();
        price.micros_per_kilowatt_hour().into()
    };
    let mut recomputed = 0;
    for sheet in all["statements"].as_array().unwrap() {
        for session in sheet["sessions"].as_array().unwrap() {
            let (mut energy, mut both) = (0_u128, 0_u128);
            for segment in session["segments"].as_array().unwrap() {
                let mwh = u128::from(segment["energy_mwh"].as_u64().unwrap());
                energy += mwh * price(&segment["energy_price"]);
                both += mwh * (price(&segment["energy_price"]) + price(&segment["service_price"]));
            }
            assert_eq!(u128::from(cents(&session["energy_fee"])), energy / CENT);
            assert_eq!(u128::from(cents(&session["total"])), both / CENT);
            assert_eq!(
                u128::from(cents(&session["service_fee"])),
                both / CENT - energy / CENT
            );
            recomputed += 1;
        }
    }
    assert!(recomputed > 20, "{recomputed}");
}

#[test]
fn a_settlement_is_told_with_its_payment() {
    let mut pile = Pile::new(5);
    pile.live(1200);
    let at = pile.book.last();
    let due = pile
        .book
        .accounts()
        .iter()
        .find_map(|it| pile.book.settlement(it.id, at))
        .unwrap();
    let settled = pile.put(&Record::Settled(due));
    let (unpaid, mut pile) = pile.snapshot();
    let reference = "cash <b> & thanks".parse().unwrap();
    let paid = pile.put(&Record::Paid {
        settlement: due.id,
        reference,
        at,
    });
    let desk = Desk::with(&[("unpaid.bin", &unpaid), ("paid.bin", &pile.image())]);
    let id = due.id;
    let told = desk.well(&format!("statement unpaid.bin --settlement {id}"));
    assert!(told.contains("not paid yet"), "{told}");
    assert!(told.contains(&format!("by record {settled}")), "{told}");
    let told = desk.well(&format!("statement paid.bin --settlement {id}"));
    assert!(
        told.contains(&format!("\"cash <b> & thanks\", record {paid}")),
        "{told}"
    );
    let value = json(&desk, &format!("paid.bin --settlement {id}"));
    let sheet = &value["statements"][0];
    assert_eq!(sheet["total"], money(due.amount));
    assert_eq!(sheet["opening_mwh"], due.opening.milliwatt_hours());
    assert_eq!(sheet["closing_mwh"], due.closing.milliwatt_hours());
    assert_eq!(sheet["settlement"]["paid"], true);
    assert_eq!(sheet["settlement"]["payment"]["record"], paid);
    let page = desk.well(&format!(
        "statement paid.bin --settlement {id} --format html"
    ));
    assert!(page.contains("cash &lt;b&gt; &amp; thanks"), "{page}");
    let other = due.account.get() + 1;
    let wrong = format!("statement paid.bin --settlement {id} --account {other}");
    desk.fails(&wrong, 2, &["settlement"]);
}

#[test]
fn what_was_dropped_comes_from_an_older_export() {
    let (desk, before, after) = lives();
    let in_after: Vec<u32> = settlements(&after).iter().map(|it| it.id).collect();
    let old: Vec<_> = settlements(&before)
        .into_iter()
        .filter(|it| it.sessions > 0 && !in_after.contains(&it.id))
        .collect();
    assert!(!old.is_empty(), "nothing was dropped");
    for settlement in &old {
        let id = settlement.id;
        let alone = format!("statement after.jsonl --settlement {id}");
        desk.fails(&alone, 2, &["is not in these files", "add an export"]);
        let value = json(
            &desk,
            &format!("after.jsonl before.jsonl --settlement {id}"),
        );
        assert_eq!(value["statements"][0]["total"], money(settlement.amount));
    }
    // A month needs all sessions of the account, or it might leave one out.
    let dropped = old[0].account;
    let month = format!("--account {dropped} --month 2025-01");
    desk.fails(
        &format!("statement after.jsonl {month}"),
        2,
        &["add the exports"],
    );
    json(&desk, &format!("before.jsonl after.jsonl {month}"));
    // What is open never needs an old file.
    let open = json(&desk, "after.jsonl --all");
    let both = json(&desk, "after.jsonl before.jsonl --all");
    let totals = |value: &Value| {
        let sheets = value["statements"].as_array().unwrap().iter();
        sheets.map(|it| cents(&it["total"])).collect::<Vec<_>>()
    };
    assert_eq!(totals(&open), totals(&both));
}

#[test]
fn every_settlement_that_any_file_holds_adds_up_over_both() {
    let (desk, before, after) = lives();
    let mut all: BTreeMap<u32, _> = BTreeMap::new();
    for log in [&before, &after] {
        all.extend(settlements(log).into_iter().map(|it| (it.id, it)));
    }
    let mut made = 0;
    for (id, settlement) in all.iter().step_by(3) {
        let (text, code) = desk.run(&format!(
            "statement before.jsonl after.jsonl --settlement {id} --format json"
        ));
        match code {
            0 => {
                let value: Value = serde_json::from_str(&text).unwrap();
                let sheet = &value["statements"][0];
                assert_eq!(sheet["total"], money(settlement.amount));
                let sessions = sheet["sessions"].as_array().unwrap().len();
                assert_eq!(sessions, settlement.sessions as usize);
                made += 1;
            }
            // Between the two files, some were settled, paid, exported and dropped.
            2 => assert!(text.contains("dropped; add"), "{text}"),
            code => panic!("{code}: {text}"),
        }
    }
    assert!(made > 5, "{made} of {}", all.len());
}

#[test]
fn files_that_contradict_each_other_are_refused_by_the_record() {
    let mut pile = Pile::new(7);
    pile.live(300);
    let (image, mut one) = pile.snapshot();
    let first = log(&image).end.seq;
    one.put(&Record::PolicySet {
        uid_only: UidOnly::All,
        at: one.book.last(),
    });
    let (image_one, mut one) = one.snapshot();
    one.live(10);
    let mut log_two = log(&image_one);
    // The same ledger, but for its last record.
    let mut buffer = Record::buffer();
    let at = log_two.book.last();
    let other = Record::PolicySet {
        uid_only: UidOnly::Nobody,
        at,
    };
    log_two.frames.last_mut().unwrap().payload = other.encode(&mut buffer).to_vec();
    let two = export::text(&log_two);
    let desk = Desk::with(&[("one.bin", &one.image()), ("two.jsonl", two.as_bytes())]);
    desk.well("ledger verify two.jsonl");
    let said = format!("record {first} is not the same in two.jsonl and in one.bin");
    desk.fails("statement one.bin two.jsonl --all", 1, &[&said]);
    let mut other = Pile::new(8);
    other.live(300);
    desk.put("other.bin", &other.image());
    desk.fails(
        "statement one.bin other.bin --all",
        2,
        &["give files of one pile"],
    );
}

#[test]
fn a_bill_forged_where_the_fold_cannot_see_it_makes_no_statement() {
    // What is carried is older than the snapshot: only the account's registers tell.
    let open = |log: &Log| {
        log.frames.iter().find_map(|frame| {
            let entry = frame.raw().entry().unwrap();
            let Some(Record::SessionClosed(closed)) = Record::decode(entry.payload) else {
                return None;
            };
            let settled = log.book.account(closed.account).unwrap().settled_through;
            let is_open = frame.kind == Kind::Carried && closed.session > settled;
            is_open.then_some((entry.seq, closed))
        })
    };
    // The life goes on until such a bill was carried.
    let mut pile = Pile::new(7);
    let mut found = None;
    for _ in 0..40 {
        pile.live(500);
        let (image, next) = pile.snapshot();
        pile = next;
        let log = log(&image);
        if let Some((number, closed)) = open(&log) {
            found = Some((log, number, closed));
            break;
        }
    }
    let (mut log, number, mut closed) = found.expect("nothing open was carried");
    closed.bill.total = closed.bill.total.saturating_add(Money::from_micros(10_000));
    let mut buffer = Record::buffer();
    let payload = Record::SessionClosed(closed).encode(&mut buffer);
    // While its page is being given back it may stand twice, and both must say the same.
    for frame in &mut log.frames {
        let entry = frame.raw().entry().unwrap();
        if entry.seq == number {
            let before = frame.payload.len() - entry.payload.len();
            frame.payload = [&frame.payload[..before], payload].concat();
        }
    }
    let desk = Desk::with(&[("forged.jsonl", export::text(&log).as_bytes())]);
    desk.well("ledger verify forged.jsonl");
    let (account, session) = (closed.account, closed.session);
    let said = format!("record {number}: session {session}: its bill does not follow");
    let title = format!("NO STATEMENT OF ACCOUNT {account}");
    let arguments = format!("statement forged.jsonl --account {account} --out bill.txt");
    desk.fails(&arguments, 1, &[&title, &said]);
    assert!(!desk.path("bill.txt").exists());
    let arguments = format!("ledger show forged.jsonl --session {session}");
    desk.fails(&arguments, 1, &["THIS DOES NOT COME OUT"]);
}

#[test]
fn an_account_is_asked_for_by_number_or_by_name_and_never_guessed() {
    let desk = Desk::with(&[
        ("pile.bin", &lived()),
        ("names.csv", b"account,name\n1,Anna\n2,Flat-4\n3,Flat-4\n"),
    ]);
    let base = "statement pile.bin --names names.csv";
    let by_name = desk.well(&format!("{base} --account Anna"));
    assert_eq!(by_name, desk.well(&format!("{base} --account 1")));
    let unknown = ["no account is called Berta", "give its number"];
    desk.fails(&format!("{base} --account Berta"), 2, &unknown);
    desk.put("numbers.csv", b"account,name\n1,2\n2,Room-9\n3,999\n");
    let numbers = "statement pile.bin --names numbers.csv --account";
    let either = ["account 1 is called 2, and there is a number 2, too"];
    desk.fails(&format!("{numbers} 2"), 2, &either);
    let named = desk.well(&format!("{numbers} 999"));
    assert!(
        named.starts_with("STATEMENT of account 3, 999\n"),
        "{named}"
    );
    let twice = ["several accounts are called Flat-4"];
    desk.fails(&format!("{base} --account Flat-4"), 2, &twice);
    desk.fails(base, 2, &["--account N, --settlement N, or --all"]);
}

/// A pile in China with one account, whose sessions end at these times by its clock.
fn billed_at(times: &[WallTime]) -> Vec<u8> {
    let mut pile = Pile::new(5);
    let (start, mut dice) = (WallTime::default(), |_: u32| 0);
    pile.put(&Record::Commissioned {
        pile: PileId::new([1; 8]),
        privilege: Credential {
            id: CredentialId::new(0),
            role: Role::Privilege,
            strength: Strength::UidOnly,
            alias: CardAlias::new([9; 8]),
            revoked: false,
        },
        at: start,
    });
    let table = "currency = \"CNY\"\nutc_offset = \"+08:00\"\nunknown_time_band = \"day\"\n[[band]]\n\
        name = \"day\"\nfrom = \"00:00\"\nto = \"24:00\"\nenergy = \"0.568\"\nservice = \"0.20\"\n";
    pile.put(&Record::TariffSet {
        plan: PlanId::STANDARD,
        version: pile.book.next_tariff().unwrap(),
        tariff: tariff_file::parse(table).unwrap(),
        at: start,
    });
    pile.put(&enrolled(&pile.book, start, true).unwrap());
    let port = PortId::from_number(1).unwrap();
    for at in times {
        pile.put(&opened(&pile.book, port, *at, &mut dice).unwrap());
        for _ in 0..2 {
            let session = pile.book.session(port).unwrap().clone();
            pile.put(&closing(&pile.book, &session, *at, 0).unwrap());
        }
    }
    pile.image()
}

fn known(unix: u32) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality: ClockQuality::Informative,
    }
}

/// When its sessions end; which months there are, with how many; which there are not.
type Case<'a> = (&'a [WallTime], &'a [(&'a str, usize)], &'a [&'a str]);

#[test]
fn a_month_that_the_ledger_does_not_know_is_no_empty_bill() {
    // 2026-10-02, 2027-03-10 and 2026-10-20 there; a minute after a start without a clock.
    let (october, march, later) = (
        known(1_790_900_000),
        known(1_804_600_000),
        known(1_792_500_000),
    );
    let undated = WallTime {
        unix: UnixSeconds::new(60),
        quality: ClockQuality::Unknown,
    };
    let cases: &[Case<'_>] = &[
        // The clock is lost after a bill, and that month is still there.
        (
            &[october, undated],
            &[("2026-10", 2)],
            &["2026-09", "2026-11", "1970-01"],
        ),
        // A clock that was ahead is set back: both are dated as the statement says.
        (&[march, later], &[("2027-03", 2)], &["2026-10", "2027-04"]),
        // Before the clock was set, east of Greenwich.
        (
            &[undated, october],
            &[("1970-01", 1), ("2026-10", 1)],
            &["2019-02", "2101-07"],
        ),
        (&[undated], &[("1970-01", 1)], &["1970-02", "2026-10"]),
        (&[], &[], &["1970-01", "2026-10"]),
    ];
    for (times, there, not) in cases {
        let desk = Desk::with(&[("pile.bin", &billed_at(times))]);
        for (month, sessions) in *there {
            let value = json(&desk, &format!("pile.bin --all --month {month}"));
            let found = value["statements"][0]["sessions"].as_array().unwrap().len();
            assert_eq!(found, *sessions, "{month}");
        }
        for month in *not {
            let asked = format!("statement pile.bin --all --month {month}");
            let said = [&format!("nothing of {month} is in"), "give another month"];
            desk.fails(&asked, 2, &said);
        }
    }
}

#[test]
fn every_format_says_the_same() {
    let desk = Desk::with(&[
        ("pile.bin", &lived()),
        ("names.csv", b"account,name\n1,\"Anna <4>, left\"\n2,B\n"),
    ]);
    let value = json(&desk, "pile.bin --account 1 --names names.csv");
    let sheet = &value["statements"][0];
    assert_eq!(sheet["name"], "Anna <4>, left");
    let base = "statement pile.bin --account 1 --names names.csv";
    let text = desk.well(base);
    assert!(
        text.starts_with("STATEMENT of account 1, Anna <4>, left\n"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 88),
        "{text}"
    );
    let total = sheet["total"].as_str().unwrap();
    assert!(text.contains(&format!(" {total}\n")), "{text}");
    let table = desk.well(&format!("{base} --format csv"));
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let sum = |row: &str| -> u64 {
        let rows = rows.iter().filter(|it| it["row"] == row);
        rows.map(|it| it["total"].replace('.', "").parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!(sum("session"), cents(&sheet["total"]));
    assert_eq!(sum("total"), cents(&sheet["total"]));
    let unattributed = rows.iter().find(|it| it["row"] == "unattributed").unwrap();
    let mwh: u64 = unattributed["energy_mwh"].parse().unwrap();
    assert_eq!(value["meters"]["unattributed_mwh"], mwh);
    let page = desk.well(&format!("{base} --format html"));
    assert!(page.contains("Anna &lt;4&gt;, left"), "{page}");
    assert!(page.contains(&format!("<dd>{total} CNY</dd>")), "{page}");
    assert!(!page.contains("http"), "something is loaded");
    let sessions = sheet["sessions"].as_array().unwrap();
    assert_eq!(page.matches("<tbody>").count(), sessions.len());
}

#[test]
fn a_file_is_written_and_said() {
    let desk = Desk::with(&[("pile.bin", &lived())]);
    let told = desk.well("statement pile.bin --all --format html --out bills.html");
    assert!(told.starts_with("bills.html: "), "{told}");
    assert!(desk.read("bills.html").ends_with("</html>\n"));
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let desk = Desk::with(&[
        ("pile.bin", &lived()),
        ("twice.csv", b"account,name\n1,A\n1,B\n"),
        ("odd.csv", b"account,name\nx,A\n"),
        ("columns.csv", b"flat,name\n1,A\n"),
    ]);
    for (arguments, said) in [
        ("--account 999", "there are accounts 1 to "),
        ("--settlement 9999", "there are settlements 1 to "),
        ("--settlement 0", "there are settlements 1 to "),
        ("--account 1 --month 2026-13", "2026-13 is no month"),
        (
            "--account 1 --names twice.csv",
            "twice.csv:3: account 1 has a name already",
        ),
        ("--account 1 --names odd.csv", "odd.csv:2: not an account"),
        (
            "--account 1 --names columns.csv",
            "columns.csv:2: not an account",
        ),
        ("--account 1 --names none.csv", "none.csv: cannot be read"),
        ("", "--account"),
        ("--all --settlement 1", "cannot be used with"),
    ] {
        let arguments = format!("statement pile.bin {arguments}");
        desk.fails(arguments.trim_end(), 2, &[said]);
    }
    let mut blank = Pile::new(1);
    blank.live(1);
    desk.put("new.bin", &blank.image());
    desk.fails("statement new.bin --account 1", 2, &["there is none yet"]);
}

#[test]
fn months_are_parts_of_the_whole() {
    let mut pile = Pile::new(7);
    pile.live(2500);
    let image = pile.image();
    let log = log(&image);
    let desk = Desk::with(&[("pile.bin", &image)]);
    let account = log
        .book
        .accounts()
        .iter()
        .max_by_key(|it| it.sessions)
        .unwrap();
    let of = |month: &str| {
        let asked = format!("pile.bin --account {} --month {month}", account.id);
        let (text, code) = desk.run(&format!("statement {asked}"));
        if code == 2 {
            // The life was over by then.
            assert!(text.contains("nothing of"), "{text}");
            return (0, 0);
        }
        let value = json(&desk, &asked);
        let sheet = &value["statements"][0];
        (
            cents(&sheet["total"]),
            sheet["sessions"].as_array().unwrap().len(),
        )
    };
    // Before the clock was set, and after.
    let months = ["1970-01", "2025-01", "2025-02", "2025-03"].into_iter();
    let (total, sessions) = months.map(of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    assert_eq!(sessions, account.sessions as usize);
    assert_eq!(total, account.total().micros() / 10_000);
}

#[test]
fn a_month_that_the_ledger_ends_in_says_so() {
    // 2026-09-03 and 2026-10-02 there; then the clock is lost.
    let lost = WallTime {
        quality: ClockQuality::Unknown,
        ..known(60)
    };
    let image = billed_at(&[known(1_788_400_000), known(1_790_900_000), lost]);
    let desk = Desk::with(&[("pile.bin", &image)]);
    for (format, said) in [
        ("text", ", so far: the ledger ends 2026-10-02 08:13\n"),
        ("html", ", so far: the ledger ends 2026-10-02 08:13<br>"),
        ("json", "\"ledger_ends\": \"2026-10-02T08:13:20+08:00\""),
        ("csv", ",2026-10-02T08:13:20+08:00,,,,,"),
    ] {
        let of = |month: &str| {
            let asked = format!("statement pile.bin --all --month {month} --format {format}");
            let told = desk.well(&asked);
            let sums = told
                .lines()
                .filter(|it| format != "csv" || it.starts_with("total,"));
            sums.map(|it| it.to_owned() + "\n").collect::<String>()
        };
        assert!(of("2026-10").contains(said), "{}", of("2026-10"));
        // A month that is over is whole.
        assert!(!of("2026-09").contains(said), "{}", of("2026-09"));
        assert!(!of("2026-09").contains("so far"));
    }
}
