//! The replay contract, held from outside: the files are read back as anyone would read them and
//! every bill is computed again, with integers and nothing of the pile's own code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop where it stands"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

type Table = Vec<BTreeMap<String, String>>;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

fn replay(file: &str, out: &Path, more: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_virtual-pile"))
        .arg("replay")
        .arg(format!("{DATA}/{file}"))
        .args(["--tariff", &format!("{DATA}/tariff.toml")])
        .arg("--out")
        .arg(out)
        .args(more)
        .status();
    assert!(status.unwrap().success(), "replay {file} {more:?}");
}

fn table(path: &Path) -> Table {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> u128 {
    row[column].parse().unwrap()
}

/// A decimal with up to six places, in millionths.
fn millionths(text: &str) -> u128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 6, "{text}");
    format!("{whole}{fraction:0<6}").parse().unwrap()
}

/// Holds everything that must be true of a replay's files; returns the summary.
fn audit(file: &str, out: &Path) -> serde_json::Value {
    let rows = table(Path::new(&format!("{DATA}/{file}")));
    let sessions = table(&out.join("sessions.csv"));
    let segments = table(&out.join("segments.csv"));
    let accounts = table(&out.join("accounts.csv"));
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let cuts = summary["power_cuts"].as_u64().unwrap();
    assert!(
        cuts > 0 || sessions.len() == rows.len(),
        "every row has its session"
    );
    let mut of_session: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for segment in &segments {
        of_session
            .entry(&segment["session"])
            .or_default()
            .push(segment);
    }
    let mut of_account: BTreeMap<&str, [u128; 4]> = BTreeMap::new();
    for session in &sessions {
        let (billed, delivered) = (
            number(session, "energy_mwh"),
            number(session, "delivered_mwh"),
        );
        assert!(billed <= delivered, "I3: {session:?}");
        let most = if session["stop_reason"] == "power_lost" {
            1000
        } else {
            400
        };
        assert!(delivered - billed <= most, "{session:?}");
        let lines = &of_session[session["session"].as_str()];
        let sum = |what: &dyn Fn(&BTreeMap<String, String>) -> u128| -> u128 {
            lines.iter().map(|line| what(line)).sum()
        };
        assert_eq!(sum(&|line| number(line, "energy_mwh")), billed);
        // mWh x micro-units a kWh are 10^-12 units of the currency.
        let exact = |price: &'static str| {
            sum(&|line| number(line, "energy_mwh") * millionths(&line[price]))
        };
        let (energy, service) = (exact("energy_price"), exact("service_price"));
        assert_eq!(
            sum(&|line| number(line, "energy_fee_micro")),
            energy / 1_000_000,
            "I10"
        );
        assert_eq!(
            sum(&|line| number(line, "service_fee_micro")),
            service / 1_000_000,
            "I10"
        );
        let fees = [
            &session["energy_fee"],
            &session["service_fee"],
            &session["total"],
        ];
        let [energy_fee, service_fee, total] = fees.map(|fee| millionths(fee));
        assert_eq!(energy_fee + service_fee, total, "I10");
        // Rounded down, once, to 0.01.
        assert_eq!(total, (energy + service) / 10_000_000_000 * 10_000, "I10");
        for line in lines {
            // Bands of the file's tariff: day from 08:00 to 22:00 local time.
            let hour: u32 = line["from"][11..13].parse().unwrap();
            let band = if (8..22).contains(&hour) {
                "day"
            } else {
                "night"
            };
            assert_eq!(line["band"], band, "I9: {line:?}");
        }
        let sums = of_account.entry(&session["account"]).or_default();
        for (sum, more) in sums.iter_mut().zip([1, billed, energy_fee, service_fee]) {
            *sum += more;
        }
    }
    for account in &accounts {
        let [count, energy, energy_fee, service_fee] = of_account
            .get(account["account"].as_str())
            .copied()
            .unwrap_or_default();
        assert_eq!(number(account, "sessions"), count);
        assert_eq!(number(account, "energy_mwh"), energy);
        assert_eq!(millionths(&account["energy_fee"]), energy_fee);
        assert_eq!(millionths(&account["service_fee"]), service_fee);
        assert_eq!(millionths(&account["total"]), energy_fee + service_fee);
    }
    let energy = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(
        energy("billed_mwh") + energy("unattributed_mwh") + energy("lost_mwh"),
        energy("delivered_mwh"),
        "I2"
    );
    let billed: u128 = of_account.values().map(|sums| sums[1]).sum();
    assert_eq!(billed, u128::from(energy("billed_mwh")));
    assert!(energy("max_lost_mwh_per_port_per_cut") <= 1000, "I3");
    receipts(out, &sessions);
    summary
}

/// Every session has its receipt, which says the same: who, where, when, how much, for how much. Every
/// one verifies, and the pages follow each other.
fn receipts(out: &Path, sessions: &Table) {
    use billing_core::receipt::{PublicKey, verify};
    let pem = std::fs::read_to_string(out.join("public-key.pem")).unwrap();
    let key = PublicKey::from_pem(&pem).unwrap();
    let records = std::fs::read_to_string(out.join("receipts.ocmf")).unwrap();
    let names = table(&out.join("names.csv"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut numbers = BTreeMap::new();
    let mut found = Vec::new();
    for (page, record) in (1..).zip(records.lines()) {
        let view = verify(record, &key).unwrap();
        assert_eq!(view.get("PG"), Some(format!("\"T{page}\"").as_str()));
        let receipt: serde_json::Value =
            serde_json::from_str(record.split('|').nth(1).unwrap()).unwrap();
        let session = text(&receipt["U"]);
        assert_eq!(
            numbers.insert(session, page),
            None,
            "a session has one receipt"
        );
        found.push(Some(receipt));
    }
    // `2019-08-13T10:03:36,000+0100 S` and `2019-08-13T10:03:36+01:00`.
    let second = |reading: &serde_json::Value| text(&reading["TM"])[..19].to_owned();
    let milliwatt_hours = |reading: &serde_json::Value| millionths(&reading["RV"].to_string());
    let readings = |receipt: &serde_json::Value| {
        let readings = receipt["RD"].as_array().unwrap();
        (readings[0].clone(), readings[readings.len() - 1].clone())
    };
    let mut opened = Vec::new();
    for session in sessions {
        let its = |receipt: &Option<serde_json::Value>| {
            let Some(receipt) = receipt else { return false };
            let (start, stop) = readings(receipt);
            text(&receipt["MS"]).ends_with(&format!("-{}", session["port"]))
                && second(&start) == session["started"][..19]
                && second(&stop) == session["ended"][..19]
        };
        let its: Vec<_> = found.iter_mut().filter(|it| its(it)).collect();
        assert_eq!(its.len(), 1, "one receipt of {session:?}");
        let receipt = its.into_iter().next().unwrap().take().unwrap();
        let (start, stop) = readings(&receipt);
        assert_eq!(start["TX"], "B");
        let lost = session["stop_reason"] == "power_lost";
        assert_eq!(stop["TX"] == "P", lost, "{session:?}");
        let drawn = milliwatt_hours(&stop) - milliwatt_hours(&start);
        assert_eq!(drawn, number(session, "energy_mwh"), "{session:?}");
        for (member, column) in [("W", "energy_fee"), ("X", "service_fee"), ("Y", "total")] {
            let stated = text(&receipt[member]);
            let (stated, _) = stated.split_once(' ').unwrap();
            assert_eq!(
                millionths(stated),
                millionths(&session[column]),
                "{session:?}"
            );
        }
        let account = text(&receipt["V"]);
        let name = names.iter().find(|it| it["account"] == account).unwrap();
        assert_eq!(name["name"], session["account"]);
        opened.push((
            session["started"].clone(),
            text(&receipt["U"]).parse::<u64>().unwrap(),
        ));
    }
    // The ledger numbers sessions as they open.
    opened.sort();
    for pair in opened.windows(2) {
        assert!(pair[0].0 == pair[1].0 || pair[0].1 < pair[1].1, "{pair:?}");
    }
    // What is left is of sessions of no row: those that a cut ended before anything was drawn.
    for receipt in found.into_iter().flatten() {
        let (start, stop) = readings(&receipt);
        assert_eq!(milliwatt_hours(&stop), milliwatt_hours(&start), "{receipt}");
    }
}

/// The same bytes, but for how long the run took.
fn assert_same(a: &Path, b: &Path) {
    for entry in std::fs::read_dir(a).unwrap() {
        let name = entry.unwrap().file_name();
        let read = |dir: &Path| {
            let bytes = std::fs::read(dir.join(&name)).unwrap();
            if name != "summary.json" {
                return bytes;
            }
            let text = String::from_utf8(bytes).unwrap();
            let lines = text.lines().filter(|line| !line.contains("wall_seconds"));
            lines.collect::<String>().into_bytes()
        };
        assert!(read(a) == read(b), "{} differs", name.display());
    }
}

#[test]
fn the_smaller_building_with_power_cuts_pays_for_what_it_got_twice_alike() {
    let dir = tempfile::tempdir().unwrap();
    let file = "residential-sessions-sr2.csv";
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let options = ["--power-cuts", "60", "--seed", "7"];
    replay(file, &a, &options);
    replay(file, &b, &options);
    assert_same(&a, &b);
    let summary = audit(file, &a);
    assert_eq!(summary["power_cuts"], 60);
}

#[test]
#[ignore = "13 months: minutes in a debug build; `cargo xtask test` runs it in release"]
fn thirteen_months_without_cuts_are_billed_to_two_counter_steps() {
    let dir = tempfile::tempdir().unwrap();
    let file = "residential-sessions-bl2.csv";
    let out = dir.path().join("out");
    replay(file, &out, &[]);
    let summary = audit(file, &out);
    assert_eq!(summary["sessions"], 2237);
    assert_eq!(
        summary["delivered_mwh"], 1_351_240_000u64,
        "what the file says"
    );
    // Three times one tenant is plugged in on two ports at once, and is billed for both.
    let rows = table(Path::new(&format!("{DATA}/{file}")));
    let pairs = rows.iter().enumerate().flat_map(|(place, a)| {
        let later = rows[place + 1..].iter();
        later
            .filter(move |b| a["account"] == b["account"] && b["plug_in"] < a["plug_out"])
            .map(move |b| (a, b))
    });
    let pairs: Vec<_> = pairs.collect();
    assert_eq!(pairs.len(), 3);
    let sessions = table(&out.join("sessions.csv"));
    for (a, b) in pairs {
        let billed = |row: &BTreeMap<String, String>| {
            sessions
                .iter()
                .find(|it| it["session"] == row["session"])
                .unwrap()
        };
        let (a, b) = (billed(a), billed(b));
        assert_ne!(a["port"], b["port"]);
        assert!(number(a, "energy_mwh") > 0 && number(b, "energy_mwh") > 0);
        assert_eq!(a["account"], b["account"]);
    }
}

#[test]
#[ignore = "13 months: minutes in a debug build; `cargo xtask test` runs it in release"]
fn two_hundred_cuts_lose_at_most_a_watt_hour_each_and_add_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = "residential-sessions-bl2.csv";
    let out = dir.path().join("out");
    replay(file, &out, &["--power-cuts", "200"]);
    let again = dir.path().join("again");
    replay(file, &again, &["--power-cuts", "200"]);
    assert_same(&out, &again);
    let summary = audit(file, &out);
    assert_eq!(summary["power_cuts"], 200);
    assert_eq!(summary["sessions"], 2237);
}

/// `pilectl` as the landlord runs it.
fn pilectl(arguments: &[&str]) -> String {
    use clap::Parser;
    use pilectl::cli::{Cli, run};
    let command = ["pilectl"].iter().chain(arguments);
    let answer = run(&Cli::try_parse_from(command).unwrap()).unwrap();
    assert!(answer.is_well(), "{}", answer.text());
    answer.text().to_owned()
}

#[test]
fn pilectl_makes_the_replays_receipts_of_its_ledger_and_openssl_verifies_one() {
    use billing_core::receipt::SoftwareKey;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    let dir = tempfile::tempdir().unwrap();
    let (out, few) = (dir.path().join("out"), dir.path().join("few.csv"));
    let all = std::fs::read_to_string(format!("{DATA}/residential-sessions-sr2.csv")).unwrap();
    let lines: Vec<_> = all.lines().take(25).collect();
    std::fs::write(&few, lines.join("\n") + "\n").unwrap();
    let few = few.to_str().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_virtual-pile"))
        .args(["replay", few, "--tariff", &format!("{DATA}/tariff.toml")])
        .args(["--power-cuts", "4", "--seed", "7", "--out"])
        .arg(&out)
        .status();
    assert!(run.unwrap().success());

    // The key of a replay is drawn from its seed.
    let mut secret = [0; 32];
    ChaCha8Rng::seed_from_u64(7 ^ 0x6b65_7900).fill_bytes(&mut secret);
    let mut pem = String::new();
    let key = SoftwareKey::from_bytes(&secret).unwrap();
    key.write_pem(&mut pem).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("key.pem"), pem).unwrap();
    let replayed = std::fs::read_to_string(out.join("receipts.ocmf")).unwrap();
    assert!(replayed.lines().count() >= 20 && replayed.contains("\"TX\":\"P\""));
    let ledger = out.join("ledger.bin");
    let make = [
        "receipt",
        "make",
        ledger.to_str().unwrap(),
        "--key",
        &path("key.pem"),
        "--out",
    ];
    let told = pilectl(&[&make[..], &[&path("all.ocmf")]].concat());
    assert!(!told.contains("Note:"), "nothing was dropped: {told}");
    let again = std::fs::read_to_string(path("all.ocmf")).unwrap();
    assert!(again == replayed, "{again}\nis not\n{replayed}");

    let one = again.lines().nth(9).unwrap();
    let parts: Vec<_> = one.split('|').collect();
    let signature: serde_json::Value = serde_json::from_str(parts[2]).unwrap();
    let digits = signature["SD"].as_str().unwrap().as_bytes();
    let signature: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    std::fs::write(path("signature"), signature).unwrap();
    let verifies = |payload: &str| {
        std::fs::write(path("payload"), payload).unwrap();
        Command::new("openssl")
            .args(["dgst", "-sha256", "-verify"])
            .arg(out.join("public-key.pem"))
            .args(["-signature", &path("signature"), &path("payload")])
            .output()
            .map(|it| it.status.success())
    };
    match verifies(parts[1]) {
        Ok(good) => {
            assert!(good, "{one}");
            assert!(!verifies(&parts[1].replacen("CNY", "EUR", 1)).unwrap());
        }
        Err(error) => {
            let ci = std::env::var_os("CI");
            assert!(ci.is_none(), "openssl is not installed: {error}");
            eprintln!("SKIPPED: openssl is not installed, the receipt goes unchecked");
        }
    }
}

#[test]
fn bad_input_is_refused_by_line_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (out, sessions) = (dir.path().join("out"), dir.path().join("sessions.csv"));
    std::fs::write(
        &sessions,
        "session,account,plug_in,plug_out,energy_wh\n1,anna,2019-01-02T19:59:00,soon,732\n",
    )
    .unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_virtual-pile"))
        .arg("replay")
        .arg(&sessions)
        .args(["--tariff", &format!("{DATA}/tariff.toml")])
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("sessions.csv:2:"), "{said}");
    assert!(!out.exists());
}
