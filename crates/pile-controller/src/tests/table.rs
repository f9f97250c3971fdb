//! The transition table: every input in every state of a port. [`TABLE`] is the table of the
//! README, and every cell of it is tried on the bench.

use super::bench::{Bench, port};
use crate::{Command, Event, Outcome, PortState, Refusal, Signal};
use billing_core::record::Fault;
use pile_units::{CredentialId, Duration, Temperature};
use std::fmt::Write as _;
use std::string::{String, ToString};

const STATES: [&str; 9] = [
    "idle", "finished", "opening", "starting", "charging", "full", "stopping", "disabled",
    "faulted",
];

/// An input, and for each state what becomes of the port: `.` nothing, a state with the reason or
/// the fault, or why it is refused.
#[rustfmt::skip]
const TABLE: [(&str, [&str; 9]); 20] = [
    ("another's tap and button", ["opening", "opening", "refused: port_taken", "refused: port_taken", "refused: port_taken", "refused: port_taken", "refused: port_taken", "refused: port_disabled", "refused: port_faulted"]),
    ("its own tap and button", ["opening", "opening", "opening: by_card", "stopping: by_card", "stopping: by_card", "stopping: by_card", "refused: port_taken", "refused: port_disabled", "refused: port_faulted"]),
    ("the landlord's stop", ["refused: no_such_thing", "refused: no_such_thing", "opening: by_landlord", "stopping: by_landlord", "stopping: by_landlord", "stopping: by_landlord", "refused: no_such_thing", "refused: no_such_thing", "refused: no_such_thing"]),
    ("200 W for 2 s", [".", ".", ".", "charging", ".", "charging", ".", ".", "."]),
    ("1,150 W for 5 s", [".", ".", ".", "faulted: overload", "faulted: overload", "faulted: overload", ".", ".", "."]),
    ("1 W for 2 min", [".", ".", ".", "stopping: no_load", "stopping: unplugged", "stopping: unplugged", ".", ".", "."]),
    ("5 W for 2 min", [".", ".", ".", "stopping: no_load", "full", ".", ".", ".", "."]),
    ("8 W for 60 min", [".", ".", ".", "stopping: no_load", "stopping: full", "stopping: full", ".", ".", "."]),
    ("200 W for 8 h", [".", ".", ".", "stopping: time_limit", "stopping: time_limit", "stopping: time_limit", ".", ".", "."]),
    ("200 W through an open relay", ["faulted: relay_welded", "faulted: relay_welded", "faulted: relay_welded", "charging", ".", "charging", "faulted: relay_welded", "faulted: relay_welded", "."]),
    ("the meter is silent", [".", ".", "faulted: meter_lost", "faulted: meter_lost", "faulted: meter_lost", "faulted: meter_lost", ".", ".", "."]),
    ("a trip line", ["faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "faulted: fuse_blown", "."]),
    ("90 degrees in the pile", [".", ".", "faulted: over_temperature", "faulted: over_temperature", "faulted: over_temperature", "faulted: over_temperature", ".", ".", "."]),
    ("its card is revoked", [".", ".", "stopping: revoked", "stopping: revoked", "stopping: revoked", "stopping: revoked", ".", ".", "."]),
    ("switched off", ["disabled", "disabled", "stopping: by_landlord", "stopping: by_landlord", "stopping: by_landlord", "stopping: by_landlord", ".", ".", "."]),
    ("switched on", [".", ".", "starting", ".", ".", ".", ".", "idle", "."]),
    ("its fault is cleared", ["refused: no_such_thing", "refused: no_such_thing", "starting; refused: no_such_thing", "refused: no_such_thing", "refused: no_such_thing", "refused: no_such_thing", "refused: no_such_thing", "refused: no_such_thing", "finished"]),
    ("all is durable and read", [".", ".", "starting", ".", ".", ".", "finished", ".", "."]),
    ("the flash fails", [".", ".", "idle", "stopping", "stopping", "stopping", ".", ".", "."]),
    ("the supply fails and returns", [".", "idle", "idle", "stopping: power_lost", "stopping: power_lost", "stopping: power_lost", ".", ".", "."]),
];

/// A pile of two ports with port 1 in a state; the flash stands still from there on.
fn fixture(state: &str) -> Bench {
    let mut bench = Bench::commissioned(2, 2);
    let charging = |bench: &mut Bench| {
        bench.start(1, 1);
        bench.plug(1, 200);
        bench.wait(5);
    };
    match state {
        "idle" => {}
        "finished" => {
            charging(&mut bench);
            bench.command(Command::Stop(port(1)));
        }
        "opening" => {
            bench.delay = None;
            bench.start(1, 1);
        }
        "starting" => bench.start(1, 1),
        "charging" => charging(&mut bench),
        "full" => {
            charging(&mut bench);
            bench.plug(1, 8);
            bench.wait(5);
        }
        "stopping" => {
            charging(&mut bench);
            bench.delay = None;
            bench.send(Command::Stop(port(1)));
        }
        "disabled" => {
            bench.command(Command::Switch(port(1), false));
        }
        "faulted" => {
            charging(&mut bench);
            bench.feed(Event::Trip(port(1), Fault::Leakage));
            bench.wait(10);
        }
        other => panic!("no state {other}"),
    }
    bench.delay = None;
    assert_eq!(bench.state(1).name(), state);
    bench.signals.clear();
    bench.answers.clear();
    bench
}

fn load(bench: &mut Bench, watts: u32, seconds: u32) {
    bench.plug(1, watts);
    // And the reading that sees it first.
    bench.wait(seconds + 1);
}

fn command(bench: &mut Bench, command: Command) {
    bench.send(command);
    bench.write_all();
}

fn input(bench: &mut Bench, input: &str) {
    match input {
        "another's tap and button" => {
            bench.tap(2);
            bench.press(1);
        }
        "its own tap and button" => {
            bench.tap(1);
            bench.press(1);
        }
        "the landlord's stop" => {
            bench.send(Command::Stop(port(1)));
        }
        "200 W for 2 s" => load(bench, 200, 2),
        "1,150 W for 5 s" => load(bench, 1150, 5),
        "1 W for 2 min" => load(bench, 1, 120),
        "5 W for 2 min" => load(bench, 5, 120),
        "8 W for 60 min" => load(bench, 8, 3600),
        "200 W for 8 h" => load(bench, 200, 8 * 3600),
        "200 W through an open relay" => {
            bench.welded[0] = true;
            load(bench, 200, 65);
            bench.welded[0] = false;
        }
        "the meter is silent" => {
            bench.meters[0].dead = true;
            bench.wait(6);
        }
        "a trip line" => bench.feed(Event::Trip(port(1), Fault::FuseBlown)),
        "90 degrees in the pile" => {
            bench.feed(Event::Temperature(Temperature::from_celsius(90)));
        }
        "its card is revoked" => command(bench, Command::Revoke(CredentialId::new(1))),
        "switched off" => command(bench, Command::Switch(port(1), false)),
        "switched on" => command(bench, Command::Switch(port(1), true)),
        "its fault is cleared" => command(bench, Command::ClearFault(port(1))),
        "all is durable and read" => {
            bench.write_all();
            bench.wait(1);
            bench.write_all();
        }
        "the flash fails" => bench.feed(Event::LedgerFailed),
        "the supply fails and returns" => bench.cut(0),
        other => panic!("no input {other}"),
    }
}

fn refusal(bench: &Bench) -> Option<Refusal> {
    let signal = bench.signals.iter().find_map(|signal| match signal {
        Signal::Refused(why) => Some(*why),
        _ => None,
    });
    let answer = bench.answers.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Refused(why) => Some(*why),
        _ => None,
    });
    answer.or(signal)
}

/// What becomes of the port.
fn cell(state: &str, what: &str) -> String {
    let mut bench = fixture(state);
    let bills = bench.closed_sessions().len();
    input(&mut bench, what);
    let after = bench.state(1);
    if let Some(why) = refusal(&bench) {
        return match after.name() {
            same if same == state => std::format!("refused: {}", why.name()),
            other => std::format!("{other}; refused: {}", why.name()),
        };
    }
    if let PortState::Faulted(fault) = after
        && state != "faulted"
    {
        return std::format!("faulted: {fault}");
    }
    // Let it end if it is about to.
    bench.delay = Some(Duration::from_millis(5));
    bench.plug(1, 0);
    bench.wait(6);
    let ended = bench
        .closed_sessions()
        .get(bills)
        .map(|closed| closed.reason);
    match ended {
        Some(reason) if state != "stopping" && after.name() != "finished" => {
            std::format!("{}: {reason}", after.name())
        }
        _ if after.name() == state => ".".to_string(),
        _ => after.name().to_string(),
    }
}

fn rendered() -> String {
    let mut text = std::format!("| | {} |\n|{}\n", STATES.join(" | "), " --- |".repeat(10));
    for (input, cells) in TABLE {
        let cells = cells.join(" | ").replace('_', " ");
        let _ = writeln!(text, "| {input} | {cells} |");
    }
    text
}

#[test]
fn every_cell_of_the_transition_table_holds() {
    let mut wrong = String::new();
    for (what, cells) in TABLE {
        let found = STATES.map(|state| cell(state, what));
        if found != cells {
            let _ = writeln!(wrong, "    (\"{what}\", {found:?}),");
        }
    }
    assert!(wrong.is_empty(), "these rows are otherwise:\n{wrong}");
}

#[test]
fn the_readme_shows_the_transition_table_that_is_tested() {
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&rendered()),
        "the README's table should be:\n{}",
        rendered()
    );
}
