//! The same pile over a real Bluetooth stack: `virtual-pile serve` behind the GATT service of
//! `ble-gatt`, bumble's central on a virtual air, and `pilectl` as the phone. Run by
//! `cargo xtask test --only bumble`, which installs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod house;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use house::{House, contains, pilectl, well};
use pilectl::cli;
use serde_json::Value;

const NEEDS: &str = "needs bumble: cargo xtask test --only bumble";

/// The air with the pile's controller and a central on it, and the pile's radio before the house.
struct Air {
    bumble: Child,
    radio: Child,
    orders: Arc<Mutex<ChildStdin>>,
    bridge: String,
    connected: Arc<Mutex<u32>>,
}

impl Air {
    /// Puts a radio before the house's door.
    fn before(door: &str) -> Self {
        let variable = |name| std::env::var_os(name).expect(NEEDS);
        let mut bumble = Command::new(variable("BLE_PEER_PYTHON"))
            .arg(variable("BLE_PEER_SCRIPT"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = Arc::new(Mutex::new(bumble.stdin.take().unwrap()));
        let mut events = BufReader::new(bumble.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let ready = events.find(|it| it["event"] == "ready").unwrap();
        let connected = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&connected);
        std::thread::spawn(move || {
            for event in events.filter(|it| it["event"] == "connected") {
                assert_eq!(event["mtu"], 247);
                *counted.lock().unwrap() += 1;
            }
        });
        let radio = Command::new(variable("BLE_DESK"))
            .arg(format!("127.0.0.1:{}", ready["hci"]))
            .args(["forward", door])
            .spawn()
            .unwrap();
        Self {
            bumble,
            radio,
            orders,
            bridge: format!("127.0.0.1:{}", ready["bridge"]),
            connected,
        }
    }
}

impl Drop for Air {
    fn drop(&mut self) {
        for process in [&mut self.radio, &mut self.bumble] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A house whose phones come over the air, with a landlord's and a tenant's phone bound.
fn on_the_air() -> (House, Air) {
    let mut house = House::new();
    let air = Air::before(&house.address);
    house.address.clone_from(&air.bridge);
    let code = house.code("landlord");
    house.tapped("landlord", &["bind", &code], "landlord");
    house.phone("landlord", &["set-clock"]);
    house.tapped("landlord", &["authorise"], "tenant1");
    let code = house.code("tenant1");
    house.tapped("tenant", &["bind", &code], "tenant1");
    (house, air)
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_tenant_binds_starts_reads_stops_and_gets_the_receipt_over_the_air() {
    let (mut house, air) = on_the_air();
    house.order("plug 2 300 600");
    contains(
        &house.phone("tenant", &["start", "2"]),
        &["Session 1 on port 2"],
    );
    house.until("port 2: the relay closes");
    house.order("wait 600");
    contains(&house.phone("tenant", &["ports"]), &["charging", "mine"]);
    let live = house.cli("tenant", &["live"]);
    let live = std::thread::spawn(move || cli::run(&live));
    std::thread::sleep(Duration::from_secs(8));
    house.order("speed 60");
    house.order("unplug 2");
    let told = well(live.join().unwrap(), &["live"]);
    contains(&told, &["session 1 ended", "unplugged"]);
    house.order("speed 1");
    house.order("plug 3 200 500");
    house.phone("tenant", &["start", "3"]);
    house.until("port 3: the relay closes");
    house.order("wait 300");
    contains(
        &house.phone("tenant", &["stop"]),
        &["Stopped: session 2", "by phone"],
    );
    contains(
        &house.phone("tenant", &["receipt", "2"]),
        &["rounded down to"],
    );
    assert!(
        *air.connected.lock().unwrap() > 8,
        "each command came over the air"
    );
}

/// True if the tenant sees a session of its own.
fn charges(house: &House) -> bool {
    let looks = (0..100).find_map(|_| house.try_phone("tenant", &["ports"]).ok());
    looks
        .expect("a look between two losses")
        .text()
        .contains("mine")
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_link_that_drops_at_any_moment_loses_nothing_and_doubles_nothing() {
    const SESSIONS: usize = 6;
    let (mut house, air) = on_the_air();
    house.order("plug 1 300 9000");
    let over = Arc::new(AtomicBool::new(false));
    let (orders, stop) = (Arc::clone(&air.orders), Arc::clone(&over));
    let vandal = std::thread::spawn(move || {
        let (mut state, mut cuts) = (7_u64, 0);
        while !stop.load(Ordering::Relaxed) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            std::thread::sleep(Duration::from_millis(150 + (state >> 33) % 1500));
            writeln!(orders.lock().unwrap(), r#"{{"do": "lose"}}"#).unwrap();
            cuts += 1;
        }
        cuts
    });
    let mut failed = 0;
    for _ in 0..SESSIONS {
        // A command repeats its request until it is answered; where one gives up, a person looks
        // before asking again.
        for (words, wanted) in [
            (["start", "1"].as_slice(), true),
            (["stop"].as_slice(), false),
        ] {
            while let Err(refusal) = house.try_phone("tenant", words) {
                failed += 1;
                assert!(failed < 200, "{words:?}: {refusal}");
                if charges(&house) == wanted {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        while charges(&house) {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    over.store(true, Ordering::Relaxed);
    let cuts = vandal.join().unwrap();
    let export = house.path("export.jsonl");
    house.phone("landlord", &["export", &export]);
    contains(&pilectl(&["ledger", "verify", &export]), &["Verified"]);
    let text = std::fs::read_to_string(&export).unwrap();
    let sessions = house.phone("tenant", &["sessions"]);
    let rows = sessions
        .lines()
        .filter(|line| line.contains("by phone"))
        .count();
    assert_eq!(
        rows,
        SESSIONS,
        "{sessions}\n{} bytes, {cuts} cuts, {failed} gave up",
        text.len()
    );
    assert!(cuts > 5, "{cuts} cuts");
    println!("{SESSIONS} sessions, {cuts} cuts, {failed} commands gave up");
}
