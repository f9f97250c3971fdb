//! The whole pile behind a Bluetooth module on its UART at 9600 baud: a phone that keeps to the wire's
//! rate claims it, lets a tenant in, charges, and takes the ledger along.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use billing_core::record::{Record, StopReason};
use billing_core::tariff::{Band, Tariff};
use ble_protocol::message::{ExportCursor, Request, Response, UpTo};
use ble_protocol::module::{ByPin, ByText, Module, SetUp, Wiring};
use ble_protocol::{Client, ClientEvent, Pass, Pipe};
use embassy_futures::select::{Either, select};
use pile_sim::ble_module::{Delay, Kind, Limits, Uart, VirtualBleModule};
use pile_sim::cards::VirtualCard;
use pile_sim::link::Doorway;
use pile_sim::world::{Bike, Setup, World};
use pile_units::{Currency, Energy, Instant, PlanId, PortId, Power, UtcOffset};

/// The rate of the wire: 20 bytes take 21 ms.
const PACKET: usize = 20;
const PACE_MS: u64 = 25;

struct Yard {
    world: World,
    module: VirtualBleModule,
    /// The pile's driver of the module, between its wires and the shell.
    driver: Pin<Box<dyn Future<Output = ()>>>,
    client: Client,
    happened: Vec<ClientEvent>,
    links: u8,
}

/// Carries what the driver hears to the shell's pipe, and back.
async fn carry<W: Wiring>(mut driver: Module<Uart, W, Delay>, door: Doorway) {
    let set_up = driver.set_up(&SetUp::default()).await;
    set_up.unwrap();
    loop {
        driver.connected().await;
        assert!(door.come());
        let mut heard = [0; 64];
        loop {
            let said = poll_fn(|_| match door.take() {
                bytes if !bytes.is_empty() => Poll::Ready(Some(bytes)),
                _ if !door.is_open() => Poll::Ready(None),
                _ => Poll::Pending,
            });
            let went_well = match select(driver.read(&mut heard), said).await {
                Either::First(Ok(count)) => {
                    door.put(&heard[..count]);
                    true
                }
                Either::Second(Some(bytes)) => driver.write(&bytes).await.is_ok(),
                Either::First(Err(_)) => false,
                Either::Second(None) => {
                    driver.disconnect().await;
                    false
                }
            };
            if !went_well {
                door.leave();
                break;
            }
        }
    }
}

impl Yard {
    fn new(kind: Kind) -> Self {
        let mut world = World::new(Setup {
            ports: 4,
            ..Setup::default()
        });
        let door = world.doorway();
        world.power_up();
        let module = VirtualBleModule::new(kind, Limits::default());
        let (uart, delay) = (module.uart(9_600), module.delay());
        let driver: Pin<Box<dyn Future<Output = ()>>> = match kind {
            Kind::Hm10 => Box::pin(carry(Module::hm10(uart, ByText, delay), door)),
            Kind::Jdy16 => {
                let stat = ByPin(module.state_pin());
                Box::pin(carry(Module::jdy16(uart, stat, delay), door))
            }
        };
        let mut yard = Self {
            world,
            module,
            driver,
            client: Client::new(Pass::card(&[0; 16])),
            happened: Vec::new(),
            links: 0,
        };
        yard.run_for(10_000);
        yard
    }

    fn run_for(&mut self, millis: u64) {
        for _ in 0..millis {
            self.step();
        }
    }

    /// A millisecond.
    fn step(&mut self) {
        self.world.run_for(1);
        let over = self.module.run(1, self.driver.as_mut());
        assert!(over.is_none());
        let now = Instant::from_millis(self.world.now());
        self.client.receive(now, &self.module.phone_heard());
        loop {
            match self.client.poll(now) {
                ClientEvent::Nothing => break,
                event => self.happened.push(event),
            }
        }
        if self.module.is_connected() && self.world.now().is_multiple_of(PACE_MS) {
            let mut packet = [0; PACKET];
            let count = self.client.transmit(&mut packet);
            if count > 0 {
                self.module.phone_writes(&packet[..count]);
            }
        }
    }

    fn until<T>(&mut self, what: &str, find: impl Fn(&ClientEvent) -> Option<T>) -> T {
        for _ in 0..240_000 {
            self.step();
            if let Some(place) = self.happened.iter().position(|it| find(it).is_some()) {
                return find(&self.happened.remove(place)).unwrap();
            }
        }
        panic!("no {what}: {:?}", self.happened);
    }

    /// Another phone, or the same with another pass, in the place of the one before.
    fn connect(&mut self, pass: Pass) {
        self.module.disconnect();
        self.run_for(2_000);
        self.happened.clear();
        self.links += 1;
        self.client = Client::new(pass);
        self.module.connect();
        let now = Instant::from_millis(self.world.now());
        self.client.connect(now, [self.links; 32]);
    }

    fn welcomed(&mut self, pass: Pass) {
        self.connect(pass);
        self.until("welcome", |it| {
            matches!(it, ClientEvent::Welcome(_)).then_some(())
        });
    }

    fn tap(&mut self, card: &VirtualCard) {
        let handle = self.world.lay_card(card);
        self.run_for(500);
        self.world.take_card(handle);
        self.run_for(500);
    }

    /// Binds a phone by a card's code and a tap of the card.
    fn bind(&mut self, card: &VirtualCard) -> Pass {
        let code = self.world.code(card).unwrap();
        self.connect(Pass::card(code.expose()));
        self.until("asked to tap", |it| {
            matches!(it, ClientEvent::TapTheCard).then_some(())
        });
        self.tap(card);
        self.until("bound", |it| match it {
            ClientEvent::Bound(bound) => Some(Pass::from(bound)),
            _ => None,
        })
    }

    fn ask(&mut self, request: Request) -> Response {
        let what = format!("{request:?}");
        let asked = self.client.ask(request).unwrap();
        self.until(&what, |it| match it {
            ClientEvent::Answer { id, response } if *id == asked => Some(response.clone()),
            _ => None,
        })
    }
}

fn a_day_behind(kind: Kind) {
    let mut yard = Yard::new(kind);
    let (privilege, _) = yard.world.issue([4, 0, 0, 0, 0, 0, 1]).unwrap();
    let (card, _) = yard.world.issue([4, 0, 0, 0, 0, 0, 2]).unwrap();
    let landlord = yard.bind(&privilege);
    yard.welcomed(landlord.clone());
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    let plan = PlanId::STANDARD;
    assert_eq!(
        yard.ask(Request::SetTariff { plan, tariff }),
        Response::Done
    );
    let answer = yard.ask(Request::Authorise);
    assert!(matches!(answer, Response::Window { .. }), "{answer:?}");
    yard.tap(&card);
    let tenant = yard.bind(&card);
    yard.welcomed(tenant);
    let port = PortId::from_number(3).unwrap();
    let bike = Bike::charger(Power::from_watts(250), Energy::from_watt_hours(500));
    yard.world.plug(port, bike);
    let up_to = UpTo::Full;
    let Response::Started { session, .. } = yard.ask(Request::Start { port, up_to }) else {
        panic!("not started");
    };
    yard.run_for(60_000);
    assert!(yard.world.relay(port));
    let live = yard.happened.iter();
    let live = live.filter(|it| matches!(it, ClientEvent::Notice(_)));
    assert!(live.count() >= 10, "{:?}", yard.happened);
    assert_eq!(yard.ask(Request::Stop { session }), Response::Done);
    yard.run_for(5_000);

    yard.welcomed(landlord);
    let mut frames = 0;
    let mut cursor = ExportCursor::START;
    loop {
        let Response::Export(chunk) = yard.ask(Request::ExportFrom { cursor }) else {
            panic!("no export");
        };
        frames += chunk.frames.iter().count();
        if chunk.done {
            break;
        }
        cursor = chunk.next;
    }
    assert!(frames > 10, "{frames}");

    let closed = yard.world.read_ledger().unwrap().1;
    let closed: Vec<_> = closed
        .iter()
        .filter_map(|(_, it)| match it {
            Record::SessionClosed(closed) => Some(*closed),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].session, session);
    assert_eq!(closed[0].reason, StopReason::ByPhone);
    let delivered = yard.world.deliveries()[0].microjoules / 3_600_000;
    let billed = closed[0].energy.milliwatt_hours();
    assert!(
        billed <= delivered && billed > 3_000,
        "{billed} {delivered}"
    );
    // No byte had to go again: the link's credits and the phone's pace held back what would not fit.
    assert_eq!(yard.module.lost(), 0);
    assert_eq!(yard.module.lost_by_host(), 0);
}

#[test]
fn a_pile_behind_an_hm10_that_is_read_by_its_words_is_claimed_charges_and_is_exported() {
    a_day_behind(Kind::Hm10);
}

#[test]
fn a_pile_behind_a_jdy16_that_is_read_by_its_pin_is_claimed_charges_and_is_exported() {
    a_day_behind(Kind::Jdy16);
}
