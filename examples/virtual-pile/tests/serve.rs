//! A house's whole story, by phones: `virtual-pile serve` as it is run, and `pilectl` against it over
//! TCP.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod house;

use house::{House, contains, pilectl, well};
use pilectl::cli;
use std::io::Write;
use std::time::Duration;

#[test]
fn a_house_lives_by_its_phones() {
    let mut house = House::new();

    // The landlord claims the blank pile, and is its first phone.
    let code = house.code("landlord");
    let told = house.tapped("landlord", &["bind", &code], "landlord");
    contains(&told, &["the landlord's"]);
    contains(
        &house.phone("landlord", &["tariff", "show"]),
        &["currency", "[[band]]"],
    );
    house.phone("landlord", &["set-clock"]);

    // A tenant's card, and the tenant's phone.
    let told = house.tapped("landlord", &["authorise"], "tenant1");
    contains(&told, &["of account 1 is authorised"]);
    house.phone("landlord", &["rename", "1", "Flat 3"]);
    let code = house.code("tenant1");
    let told = house.tapped("tenant", &["bind", &code], "tenant1");
    contains(&told, &["of the card's account"]);
    let refused = house.try_phone("tenant", &["accounts"]).unwrap_err();
    contains(&refused.to_string(), &["the pile refuses"]);

    // One session that is followed until the bike is gone.
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
    house.order("speed 60");
    std::thread::sleep(Duration::from_secs(1));
    house.order("unplug 2");
    let told = well(live.join().unwrap(), &["live"]);
    contains(&told, &["session 1 ended", "unplugged"]);
    house.order("speed 1");

    // And one that is stopped, once, though it is asked twice.
    house.order("plug 3 200 500");
    contains(
        &house.phone("tenant", &["start", "3", "--minutes", "60"]),
        &["Session 2"],
    );
    house.until("port 3: the relay closes");
    house.order("wait 900");
    contains(
        &house.phone("tenant", &["stop"]),
        &["Stopped: session 2", "by phone"],
    );
    house.phone("tenant", &["stop", "2"]);
    contains(
        &house.phone("tenant", &["receipt", "1"]),
        &["SIGNED by the pile", "rounded down to"],
    );
    let record = house.path("receipt.ocmf");
    house.phone("tenant", &["receipt", "1", "--out", &record]);
    let key = house.path("tenant.pile.pem");
    let arguments = ["receipt", "verify", &record, "--key", &key, "--part"];
    contains(&pilectl(&arguments), &["VERIFIED: 1 of 1 genuine"]);
    contains(
        &house.phone("tenant", &["sessions"]),
        &["unplugged", "by phone"],
    );
    contains(
        &house.phone("tenant", &["statement"]),
        &["2 sessions, added up here"],
    );

    // The landlord is paid, and carries the ledger home.
    contains(&house.phone("landlord", &["accounts"]), &["Flat 3"]);
    let settled = house.phone("landlord", &["settle", "1"]);
    let number = settled.rsplit(' ').next().unwrap().trim().to_owned();
    contains(&house.phone("landlord", &["settlements"]), &["CNY"]);
    house.phone("landlord", &["mark-paid", &number, "--note", "cash"]);
    let export = house.path("export.jsonl");
    contains(
        &house.phone("landlord", &["export", &export]),
        &["confirm with: "],
    );
    contains(&pilectl(&["ledger", "verify", &export]), &["Verified"]);
    contains(
        &house.phone("landlord", &["export", &export, "--confirm"]),
        &["Confirmed"],
    );
    contains(&house.phone("landlord", &["diagnostics"]), &["answers"]);

    // The tenant moves out: the phone opens nothing any more.
    contains(
        &house.phone("landlord", &["deregister", "1"]),
        &["Account 1 is closed"],
    );
    let refused = house.try_phone("tenant", &["ports"]).unwrap_err();
    contains(&refused.to_string(), &["does not know this phone"]);

    // What is on the flash continues what was carried home.
    writeln!(house.input, "quit").unwrap();
    house.until("the flash is kept");
    let flash = house.path("pile.bin");
    let told = pilectl(&["ledger", "verify", &flash, "--against", &export]);
    contains(&told, &["Verified"]);
}

#[test]
fn a_pile_that_is_killed_as_it_charges_keeps_what_was_told_and_closes_the_session() {
    let mut house = House::new();
    let code = house.code("landlord");
    house.tapped("landlord", &["bind", &code], "landlord");
    house.tapped("landlord", &["authorise"], "tenant1");
    let code = house.code("tenant1");
    house.tapped("tenant", &["bind", &code], "tenant1");
    house.order("plug 2 300 600");
    contains(&house.phone("tenant", &["start", "2"]), &["Session 1"]);
    house.until("port 2: the relay closes");
    house.order("wait 600");

    let house = house.killed();
    contains(&house.phone("tenant", &["ports"]), &["free"]);
    let told = house.phone("tenant", &["sessions"]);
    contains(&told, &["power lost"]);
    // 300 W for 600 s are 50 Wh, of which a cut may take one.
    contains(&told, &["0.049"]);
    let flash = house.path("pile.bin");
    contains(&pilectl(&["ledger", "verify", &flash]), &["Verified"]);
}
