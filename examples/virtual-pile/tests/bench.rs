//! The bench as a browser has it: HTTP and `WebSocket`s on this computer alone, and the bill of what was
//! played there, read from the flash by nothing of the pile's own code.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod bench_parts;

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use bench_parts::Bench;
use bench_parts::flash::{Image, Told};
use serde_json::Value;

/// mWh times micro-units a kWh are 10^-12 units of the currency.
const PICOS_A_MICRO: u128 = 1_000_000;

#[test]
fn a_charge_with_a_power_cut_is_billed_to_the_milliwatt_hour_of_the_ledger() {
    let bench = Bench::new(&[]);
    bench.order("tap landlord");
    bench.until("claimed", |state| state["claimed"] == true);
    bench.order("tap landlord");
    bench.until_said("tap_new_card");
    bench.order("tap tenant1");
    bench.until("an account", |state| state["accounts"][0]["account"] == 1);

    a_quarter_of_an_hour_before_other_prices(&bench);

    // Before the cut, and after it.
    for _ in 0..2 {
        bench.order("plug 2 250 400");
        bench.order("tap tenant1");
        bench.until_said("choose_port");
        bench.order("press 2");
        let begun = bench.until("closed", |state| state["ports"][1]["relay"] == true);
        let first = begun["ports"][1]["metered_mwh"].as_u64().unwrap();
        bench.until("energy rises on the wire", |state| {
            state["ports"][1]["metered_mwh"].as_u64().unwrap() > first
        });
        bench.order("skip 1800");
        bench.until("energy rises in the ledger", |state| {
            state["ports"][1]["session"]["energy_mwh"].as_u64() > Some(100_000)
        });
        bench.order("cut");
        let dark = bench.state();
        assert_eq!(dark["powered"], false);
        assert_eq!(dark["ports"][1]["relay"], false);
        bench.order("restore");
        bench.until("the session is billed", |state| {
            state["ports"][1]["session"].is_null() && state["powered"] == true
        });
    }

    let state = bench.state();
    let image = Image::read(&bench.get("/bench/flash").1);
    let mut stretch = 0_u128;
    let (mut billed, mut fees, mut sessions) = (0_u128, 0_u128, 0);
    let mut lines: Vec<Told> = Vec::new();
    let mut prices_seen = BTreeSet::new();
    for record in image.records() {
        match record {
            Told::Opened => stretch = 0,
            Told::Drawn(energy) => stretch += energy,
            Told::Line {
                energy,
                prices,
                last,
            } => {
                // At another price the meter is read, and the line says what came since the last
                // progress. After a cut there is nothing but what was written.
                let more = energy - stretch;
                assert!(more < if last { 1 } else { 1_200 }, "{more} of {energy}");
                stretch = 0;
                prices_seen.insert(prices);
                lines.push(record);
            }
            Told::Bill {
                energy,
                energy_fee,
                service_fee,
                total,
            } => {
                let (mut electricity, mut service, mut sum) = (0, 0, 0);
                for line in lines.drain(..) {
                    let Told::Line { energy, prices, .. } = line else {
                        panic!("{line:?}")
                    };
                    // The prices of the demo's tariff, in micro-units a kWh.
                    assert!(matches!(prices, [568_000 | 288_000, 200_000]), "{prices:?}");
                    sum += energy;
                    electricity += energy * prices[0];
                    service += energy * prices[1];
                }
                assert_eq!(sum, energy, "the bill is what its lines add up to");
                let cent = 10_000 * PICOS_A_MICRO;
                assert_eq!(total, (electricity + service) / cent * 10_000);
                assert_eq!(energy_fee, electricity / cent * 10_000);
                assert_eq!(energy_fee + service_fee, total);
                billed += energy;
                fees += total;
                sessions += 1;
            }
            Told::Other => {}
        }
    }
    assert_eq!((sessions, prices_seen.len()), (2, 2));
    let account = &state["accounts"][0];
    assert_eq!(account["energy_mwh"], number(billed));
    assert_eq!(account["total_micro"], number(fees));
    // The wire gave more, by less than a watt-hour a cut and a counter step a session.
    let wire = u128::from(state["ports"][1]["metered_mwh"].as_u64().unwrap());
    assert!(
        billed <= wire && wire - billed < 2 * 1_200,
        "{billed} of {wire}"
    );
    // The ledger's own sum is the meter's, to the milliwatt-hour.
    let balance = &state["balance"];
    let part = |name: &str| balance[name].as_u64().unwrap();
    assert_eq!(
        part("metered_mwh"),
        part("accounts_mwh") + part("open_mwh") + part("unattributed_mwh")
    );
}

/// The demo's prices change at 8:00 and at 22:00 of its +08:00: the charge that follows goes across that.
fn a_quarter_of_an_hour_before_other_prices(bench: &Bench) {
    let clock = bench.state()["clock"].as_u64().unwrap();
    let until = |hour: u64| (hour * 3_600 + 86_400 - clock % 86_400 - 900) % 86_400;
    let wait = until(0).min(until(14));
    bench.order(&format!("skip {wait}"));
    bench.until("the time has passed", |state| state["skip_ms"] == 0);
}

fn number(value: u128) -> Value {
    Value::from(u64::try_from(value).unwrap())
}

#[test]
fn faults_show_and_a_tampered_ledger_is_refused() {
    let bench = Bench::new(&[]);
    for order in ["tap landlord", "tap landlord", "tap tenant1"] {
        bench.order(order);
        std::thread::sleep(Duration::from_millis(1_200));
    }
    bench.until("an account", |state| state["accounts"][0]["account"] == 1);
    bench.order("tap copy");
    bench.until("the copy is counted", |state| state["attempts"] == 1);

    bench.order("plug 1 200 400");
    bench.order("tap tenant1");
    bench.until_said("choose_port");
    bench.order("press 1");
    bench.until("closed", |state| state["ports"][0]["relay"] == true);
    bench.order("overload 1");
    bench.until("tripped", |state| {
        state["ports"][0]["fault"] == "overload" && state["ports"][0]["relay"] == false
    });
    bench.order("heat 95");
    bench.order("leak 2");
    bench.until("leaks", |state| state["ports"][1]["fault"] == "leakage");
    bench.order("reader dead");
    bench.until("resets", |state| state["reader_resets"].as_u64() > Some(0));
    bench.order("tamper");
    bench.until("refused", |state| state["refused"].is_string());
    bench.order("reset");
    bench.until("blank", |state| {
        state["claimed"] == false && state["pile"] == 2
    });
    assert!(bench.try_order("press 9").is_err());
    assert!(bench.try_order("quit").is_err());
}

#[test]
fn only_its_own_page_on_this_computer_is_answered() {
    let bench = Bench::new(&[]);
    let own = format!("http://{}", bench.address);
    let order = r#"{"order": "cut"}"#;
    let json = "Content-Type: application/json";
    let good = bench.host();
    for (method, path, headers, status) in [
        ("GET", "/", vec![good.as_str()], 200),
        ("GET", "/", vec!["Host: pile.example"], 421),
        ("GET", "/", vec!["Host: pile.example", good.as_str()], 421),
        ("GET", "/", vec![], 421),
        (
            "GET",
            "/bench/state",
            vec![good.as_str(), "Origin: http://pile.example"],
            403,
        ),
        ("GET", "/pipe", vec![good.as_str(), "Origin: null"], 403),
        (
            "POST",
            "/bench",
            vec![good.as_str(), json, "Origin: http://pile.example"],
            403,
        ),
        (
            "POST",
            "/bench",
            vec![good.as_str(), json, "Sec-Fetch-Site: cross-site"],
            403,
        ),
        (
            "POST",
            "/bench",
            vec![good.as_str(), json, "Sec-Fetch-Site: same-site"],
            403,
        ),
        (
            "POST",
            "/bench",
            vec![good.as_str(), "Content-Type: text/plain"],
            415,
        ),
        ("POST", "/bench/state", vec![good.as_str(), json], 405),
        ("GET", "/phone/../Cargo.toml", vec![good.as_str()], 404),
        ("GET", "/pipe", vec![good.as_str()], 426),
    ] {
        let (answered, _) = bench.ask(method, path, &headers, order);
        assert_eq!(answered, status, "{method} {path} {headers:?}");
    }
    assert_eq!(bench.state()["powered"], true, "nobody cut the supply");
    let origin = format!("Origin: {own}");
    let (answered, _) = bench.ask("POST", "/bench", &[&good, json, &origin], order);
    assert_eq!(answered, 200);
    assert_eq!(bench.state()["powered"], false);
}

#[test]
fn every_answer_allows_nothing_from_elsewhere() {
    let bench = Bench::new(&[]);
    for path in [
        "/",
        "/bench.js",
        "/bench.css",
        "/phone/",
        "/bench/state",
        "/nowhere",
    ] {
        let head = bench.head(path);
        let policy = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Security-Policy: "));
        let policy = policy.unwrap_or_else(|| panic!("{path}: {head}"));
        assert!(
            policy.starts_with("default-src 'none';"),
            "{path}: {policy}"
        );
        for lax in ["unsafe-inline", "unsafe-eval'", "http:", "https:", "*"] {
            let found = policy.replace("'wasm-unsafe-eval'", "").contains(lax);
            assert!(!found, "{path}: {policy}");
        }
        assert!(head.contains("X-Content-Type-Options: nosniff"), "{head}");
    }
    // Nor do the pages name any other place.
    for path in [
        "/",
        "/bench.js",
        "/wall.js",
        "/guide.js",
        "/ledger.js",
        "/words.js",
        "/bench.css",
        "/icon.svg",
        "/phone/",
    ] {
        let text = String::from_utf8(bench.get(path).1).unwrap();
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !text.contains("http:") && !text.contains("https:"),
            "{path}"
        );
    }
}

#[test]
fn it_listens_on_this_computer_alone() {
    let bench = Bench::new(&[]);
    let port: u16 = bench.address.rsplit(':').next().unwrap().parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    // Whoever listens everywhere, or on another address of the loopback, has this one, too.
    let other = TcpListener::bind(("127.0.0.2", port));
    assert!(other.is_ok(), "{other:?}");
    let connected = TcpStream::connect(("::1", port));
    assert!(connected.is_err(), "{connected:?}");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "localhost:0"] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_virtual-pile"));
        let output = serve.args(["serve", "--http", address]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{address}");
    }
}

#[test]
fn two_phones_in_browsers_have_their_turns_at_one_pile() {
    let bench = Bench::new(&[]);
    let landlord = bench.bridge("landlord");
    let tenant = bench.bridge("tenant");
    bench.bound("landlord", &landlord, "landlord");
    bench.order("tap landlord");
    bench.until_said("tap_new_card");
    bench.order("tap tenant1");
    bench.until("an account", |state| state["accounts"][0]["account"] == 1);

    // One keeps its link open and says nothing more: the other waits, is let in, and binds by a tap
    // that takes longer than a turn.
    let idle = bench.pipe("landlord");
    bench.until("one is there", |state| state["link"]["phone"] == "landlord");
    bench.bound("tenant", &tenant, "tenant1");
    drop(idle);
    let told = bench.phone("landlord", &landlord, &["accounts"]);
    assert!(told.contains("Account"), "{told}");
    let told = bench.phone("tenant", &tenant, &["ports"]);
    assert!(told.contains("free"), "{told}");
}
