//! What the link costs: bytes on the air, round trips and virtual time of what people do with it, with the
//! real shell at one end: `cargo run --release -p pile-sim --example link_cost`.
//!
//! A round trip is a change of who speaks: the phone says something and hears something. Bytes are
//! those of the link's frames; what Bluetooth adds to each portion is not counted. Times are for
//! a phone that acknowledges nothing below the link: 15 ms a portion's way, and a UART of 9600
//! baud, 20 bytes a portion.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "an example that fails says so by a panic"
)]

use billing_core::tariff::{Band, Tariff};
use ble_protocol::Pass;
use ble_protocol::message::{ExportCursor, Request, Response, UpTo};
use pile_sim::cards::VirtualCard;
use pile_sim::link::{Overheard, Pace, Way};
use pile_sim::world::{Bike, Look, Setup, VirtualPhone, World};
use pile_units::{Currency, Energy, PlanId, PortId, Power, SessionId, UtcOffset};

const SLOW: Pace = Pace {
    latency: 15,
    portion: 20,
    bytes_per_second: Some(960),
};
const FAST: Pace = Pace {
    latency: 15,
    portion: 182,
    bytes_per_second: None,
};

struct Bench {
    world: World,
    card: VirtualCard,
    landlord: VirtualPhone,
    tenant: VirtualPhone,
}

fn port() -> PortId {
    PortId::from_number(1).unwrap()
}

fn bike() -> Bike {
    Bike::charger(Power::from_watts(250), Energy::from_watt_hours(900))
}

fn bench() -> Bench {
    let mut world = World::new(Setup {
        look: Look::WhenNear,
        ..Setup::default()
    });
    world.power_up();
    let (privilege, _) = world.issue([4, 0, 0, 0, 0, 0, 1]).unwrap();
    let landlord = world.phone(&privilege).unwrap();
    assert!(world.bind(&landlord, &privilege));
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    let plan = PlanId::STANDARD;
    let set = world.ask(&landlord, Request::SetTariff { plan, tariff });
    assert_eq!(set, Some(Response::Done));
    world.ask(&landlord, Request::Authorise).unwrap();
    let (card, _) = world.issue([4, 1, 0, 0, 0, 0, 1]).unwrap();
    world.tap(&card);
    world.hang_up(&landlord);
    let tenant = world.phone(&card).unwrap();
    assert!(world.bind(&tenant, &card));
    world.hang_up(&tenant);
    world.air().listen();
    Bench {
        world,
        card,
        landlord,
        tenant,
    }
}

impl Bench {
    /// Notes what is said while something is done.
    fn row(&mut self, what: &str, pace: Pace, act: impl FnOnce(&mut Self)) -> Row {
        self.world.air().set_pace(pace);
        self.world.air().overheard();
        let begun = self.world.now();
        act(self);
        let heard = self.world.air().overheard();
        let ended = heard.last().map_or(begun, |it| it.at);
        Row::of(what, &heard, ended - begun)
    }

    fn ask(&mut self, request: Request) -> Response {
        self.world.ask(&self.tenant.clone(), request).unwrap()
    }

    fn start(&mut self) -> SessionId {
        let up_to = UpTo::Full;
        match self.ask(Request::Start {
            port: port(),
            up_to,
        }) {
            Response::Started { session, .. } => session,
            other => panic!("{other:?}"),
        }
    }
}

struct Row {
    what: String,
    up: usize,
    down: usize,
    frames: usize,
    trips: usize,
    millis: u64,
}

impl Row {
    fn of(what: &str, heard: &[Overheard], millis: u64) -> Self {
        let bytes = |way| {
            let of_way = heard.iter().filter(|it: &&Overheard| it.way == way);
            of_way.map(|it| it.bytes.len()).sum()
        };
        let turns: Vec<Way> = heard.iter().map(|it| it.way).collect();
        let trips = turns
            .windows(2)
            .filter(|it| matches!(it, [Way::ToPile, Way::ToPhone]))
            .count();
        let zeros = heard.iter().flat_map(|it| &it.bytes);
        Self {
            what: what.to_owned(),
            up: bytes(Way::ToPile),
            down: bytes(Way::ToPhone),
            frames: zeros.filter(|byte| **byte == 0).count(),
            trips,
            millis,
        }
    }

    fn line(&self, slow: &Self) -> String {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.what,
            self.up,
            self.down,
            self.frames,
            self.trips,
            seconds(self.millis),
            seconds(slow.millis),
        )
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:02} s", millis / 1_000, millis % 1_000 / 10)
}

/// All rows at one pace.
fn rows(pace: Pace, sessions: u32) -> Vec<Row> {
    let mut bench = bench();
    let mut rows = Vec::new();
    rows.push(bench.row("connect: handshake, proof, welcome", pace, |it| {
        assert!(it.world.connect(&it.tenant.clone()));
    }));
    rows.push(bench.row("hang up", pace, |it| {
        it.world.hang_up(&it.tenant.clone());
    }));
    let bound = bench.row("bind: wait for the tap, handshake, key", pace, |it| {
        let code = it.world.code(&it.card).unwrap();
        let phone = it.world.phone_with(Pass::card(code.expose()));
        assert!(it.world.dial(&phone));
        it.world.wait_for(5_000, |_| phone.is_asked_to_tap());
        it.world.tap(&it.card.clone());
        it.world.wait_for(5_000, |_| !phone.is_connected());
        assert!(phone.key().is_some());
    });
    rows.push(bound);
    assert!(bench.world.connect(&bench.tenant.clone()));
    bench.world.run_for(2_000);
    rows.push(bench.row("look at ten idle ports", pace, |it| {
        let answer = it.ask(Request::Ports { from: port() });
        assert!(matches!(answer, Response::Ports(_)));
    }));
    bench.world.plug(port(), bike());
    let mut session = None;
    rows.push(bench.row("start", pace, |it| {
        session = Some(it.start());
    }));
    bench.world.run_for(20_000);
    let minute = bench.row("a minute of live readings", pace, |it| {
        it.world.run_for(60_000);
    });
    rows.push(Row {
        millis: 60_000,
        ..minute
    });
    let session = session.unwrap();
    rows.push(bench.row("stop, with the bill", pace, |it| {
        it.ask(Request::Stop { session });
        it.world.run_for(3_000);
    }));
    rows.push(bench.row("a receipt of one segment", pace, |it| {
        let answer = it.ask(Request::Receipt { session, from: 0 });
        assert!(matches!(answer, Response::Receipt(_)));
    }));
    rows.push(bench.row("its signature", pace, |it| {
        let answer = it.ask(Request::SignReceipt { session });
        assert!(matches!(answer, Response::Signature(_)));
    }));
    bench.world.air().set_pace(FAST);
    for _ in 1..sessions {
        let session = bench.start();
        bench.world.run_for(2_000);
        bench.ask(Request::Stop { session });
        bench.world.run_for(2_000);
    }
    bench.world.hang_up(&bench.tenant.clone());
    assert!(bench.world.connect(&bench.landlord.clone()));
    bench.world.run_for(2_000);
    let what = format!("export a ledger of {sessions} sessions");
    rows.push(bench.row(&what, pace, |it| {
        let mut cursor = ExportCursor::START;
        loop {
            let landlord = it.landlord.clone();
            let asked = Request::ExportFrom { cursor };
            match it.world.ask(&landlord, asked).unwrap() {
                Response::Export(chunk) if chunk.done => return,
                Response::Export(chunk) => cursor = chunk.next,
                other => panic!("{other:?}"),
            }
        }
    }));
    rows
}

fn main() {
    let sessions = 1_000;
    let (fast, slow) = (rows(FAST, sessions), rows(SLOW, sessions));
    println!("| | up | down | frames | round trips | time | at 9600 baud |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (fast, slow) in fast.iter().zip(&slow) {
        println!("{}", fast.line(slow));
    }
}
