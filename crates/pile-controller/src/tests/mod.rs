//! The machine on a bench.

pub(crate) mod bench;
mod bytes;
mod cards;
mod flows;
mod landlord;
mod ops;
pub(crate) mod phones;
mod prices;
mod properties;
mod recovery;
mod shipped_bugs;
mod table;
mod trips;

use crate::{Event, PortState};
use bench::{Bench, port};
use billing_core::record::Fault;
use pile_units::AccountId;

/// Three ports, two tenants; the first charges on port 1 for a minute.
fn charging() -> Bench {
    let mut bench = Bench::commissioned(3, 2);
    bench.start(1, 1);
    bench.plug(1, 200);
    bench.wait(60);
    assert_eq!(bench.state(1), PortState::Charging);
    bench
}

/// The same, and port 1 has tripped.
fn faulted(fault: Fault) -> Bench {
    let mut bench = charging();
    bench.feed(Event::Trip(port(1), fault));
    bench.wait(10);
    assert_eq!(bench.state(1), PortState::Faulted(fault));
    bench
}

fn account(number: u16) -> AccountId {
    AccountId::new(number)
}
