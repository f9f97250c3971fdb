//! What the bound of I3 costs: bytes of flash for a watt-hour that is recorded.

use super::bench::{Bench, port};
use crate::Command;
use billing_core::record::{Advance, Advances, Record};
use pile_units::{Duration, Energy, Limits, MAX_PORTS, PortId, Power};

/// What the journal adds to a record.
const FRAME: usize = 7;

/// Bytes programmed, in tenths, for each Wh recorded in two hours on as many ports; on a flash that
/// programs as many bytes at once.
fn tenths_of_a_byte_a_watt_hour(ports: u8, watts: u32, word: usize) -> u64 {
    let mut bench = Bench::commissioned(10, 1);
    let limits = Limits::default().with_pile_power(Power::from_watts(22_000));
    bench.command(Command::SetLimits(limits.unwrap()));
    for number in 1..=ports {
        bench.start(1, number);
        bench.plug(number, watts);
        bench.advance(Duration::from_millis(1_370));
    }
    let (from, before) = (bench.records.len(), bench.ledger.balance().metered);
    // Not over the half hour, where every session is split.
    bench.wait(25 * 60);
    let mut buffer = Record::buffer();
    let bytes: usize = bench.records[from..]
        .iter()
        .map(|(_, record)| (record.encode(&mut buffer).len() + FRAME).next_multiple_of(word))
        .sum();
    let recorded = bench.ledger.balance().metered.saturating_sub(before);
    assert!(bench.is_closed(ports), "port {}", port(ports));
    u64::try_from(bytes).unwrap() * 10_000 / recorded.milliwatt_hours()
}

#[test]
fn the_bound_costs_no_more_bytes_than_it_may() {
    for (ports, word, most) in [(1, 1, 240), (1, 8, 240), (10, 1, 80), (10, 8, 80)] {
        let tenths = tenths_of_a_byte_a_watt_hour(ports, 200, word);
        println!("{ports} ports of 200 W, words of {word}: {tenths} tenths of a byte a Wh");
        assert!(tenths <= most);
    }
}

/// What a warning of the supply writes at most, each time: what is at risk of every port is a
/// watt-hour, and of nobody's another.
#[test]
fn a_record_of_all_ports_is_as_long_as_the_readme_says() {
    let length = |ports: usize, strays: bool, elapsed: u32| {
        let mut advances = Advances::default();
        let energy = Energy::from_watt_hours(1);
        for port in PortId::first(ports) {
            assert!(advances.push(Advance::of_session(port, energy)));
            assert!(!strays || advances.push(Advance::unattributed(port, energy)));
        }
        let mut buffer = Record::buffer();
        Record::Progress { elapsed, advances }
            .encode(&mut buffer)
            .len()
            + FRAME
    };
    assert_eq!(length(10, false, 60), 31);
    assert_eq!(length(MAX_PORTS, true, u32::MAX), 82);
}
