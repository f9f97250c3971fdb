//! Somebody who listens for a day: nothing that he hears is a phone's or a card's from one
//! connection to the next.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod phones;

use ble_protocol::VERSION;
use ble_protocol::advert::{Advert, Name};
use ble_protocol::frame::{Decoder, Kind};
use ble_protocol::message::{Request, Response, UpTo};
use phones::{House, Tenant, bike, port};
use pile_sim::link::{Overheard, Way};
use pile_sim::world::{Look, Setup, VirtualPhone};
use pile_units::{AccountId, PortId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What is looked for: so many bytes in a row.
const WINDOW: usize = 4;
const TENANTS: u8 = 5;

struct Connection {
    phone: usize,
    heard: Vec<Overheard>,
}

struct Day {
    house: House,
    tenants: Vec<Tenant>,
    connections: Vec<Connection>,
}

fn one(house: &mut House, phone: &VirtualPhone, request: Request) {
    let answer = house.asks(phone, request);
    assert!(!matches!(answer, Response::Refused(_)), "{answer:?}");
}

/// A day: everybody looks a dozen times, charges twice, and the landlord looks after all of it.
fn day() -> Day {
    let mut house = House::with(Setup {
        look: Look::WhenNear,
        ..phones::setup()
    });
    let tenants: Vec<Tenant> = (1..=TENANTS).map(|number| house.tenant(number)).collect();
    house.world.hang_up_whoever();
    house.world.air().listen();
    house.world.air().overheard();
    let landlord = house.landlord.clone();
    let mut connections = Vec::new();
    for hour in 0..24_u64 {
        for (number, tenant) in tenants.iter().enumerate() {
            let at = port(1 + u8::try_from(number % 4).unwrap());
            match hour % 12 {
                3 => {
                    house.world.plug(at, bike());
                    let up_to = UpTo::Full;
                    let session = house.starts(&tenant.phone, at, up_to);
                    house.world.run_for(20_000);
                    house.world.hang_up_whoever();
                    connections.push(Connection {
                        phone: number,
                        heard: house.world.air().overheard(),
                    });
                    house.world.run_for(120_000);
                    one(&mut house, &tenant.phone, Request::Stop { session });
                    house.world.run_for(5_000);
                    house.world.unplug(at);
                }
                hour if hour % 2 == 0 => {
                    let from = PortId::first(1).next().unwrap();
                    one(&mut house, &tenant.phone, Request::Ports { from });
                    one(&mut house, &tenant.phone, Request::MyAccount);
                }
                _ => {
                    let sessions = Request::Sessions {
                        account: None,
                        before: None,
                        count: 8,
                    };
                    one(&mut house, &tenant.phone, sessions);
                }
            }
            house.world.hang_up_whoever();
            connections.push(Connection {
                phone: number,
                heard: house.world.air().overheard(),
            });
        }
        let from = AccountId::new(0);
        one(&mut house, &landlord, Request::Accounts { from });
        house.world.hang_up_whoever();
        connections.push(Connection {
            phone: usize::from(TENANTS),
            heard: house.world.air().overheard(),
        });
        house.world.run_for(2_000_000);
    }
    Day {
        house,
        tenants,
        connections,
    }
}

/// The frames of one way.
fn frames(heard: &[Overheard], way: Way) -> Vec<(Kind, Vec<u8>)> {
    let mut decoder = Decoder::new();
    let bytes = heard.iter().filter(|it| it.way == way);
    bytes
        .flat_map(|it| it.bytes.iter().copied())
        .filter_map(|byte| {
            decoder
                .push(byte)?
                .ok()
                .map(|it| (it.kind, it.body.to_vec()))
        })
        .collect()
}

/// What of a connection is not fixed by the protocol, in runs. What is fixed is looked at here: a
/// frame's kind, the version in a Hello, the empty frames, and a credit's count.
fn secret_looking(frames: &[(Kind, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut runs = Vec::new();
    for (kind, body) in frames {
        match kind {
            Kind::Hello => {
                assert_eq!(body[0], VERSION);
                runs.push(body[1..].to_vec());
            }
            Kind::Reply | Kind::Data => runs.push(body.clone()),
            Kind::Credit => {
                let count = u16::from_le_bytes([body[0], body[1]]);
                assert!(body.len() == 2 && count < 400, "{body:?}");
            }
            Kind::Wait | Kind::Bye => assert!(body.is_empty()),
            Kind::Busy => assert_eq!(body.len(), 2),
        }
    }
    runs
}

/// Windows that two connections have in common: of the same phone, of two phones; and how many pairs of
/// windows there were of each.
struct Common {
    same: u64,
    same_pairs: u64,
    other: u64,
    other_pairs: u64,
}

fn common(connections: &[(usize, Vec<Vec<u8>>)]) -> Common {
    let mut places: BTreeMap<&[u8], BTreeSet<usize>> = BTreeMap::new();
    let mut sizes = vec![0_u64; connections.len()];
    for (index, (_, runs)) in connections.iter().enumerate() {
        for window in runs.iter().flat_map(|run| run.windows(WINDOW)) {
            places.entry(window).or_default().insert(index);
            sizes[index] += 1;
        }
    }
    let mut common = Common {
        same: 0,
        same_pairs: 0,
        other: 0,
        other_pairs: 0,
    };
    for at in 0..connections.len() {
        for other in 0..at {
            let pairs = sizes[at] * sizes[other];
            if connections[at].0 == connections[other].0 {
                common.same_pairs += pairs;
            } else {
                common.other_pairs += pairs;
            }
        }
    }
    for found in places.values().filter(|found| found.len() > 1) {
        let found: Vec<usize> = found.iter().copied().collect();
        for (index, at) in found.iter().enumerate() {
            for other in &found[..index] {
                if connections[*at].0 == connections[*other].0 {
                    common.same += 1;
                } else {
                    common.other += 1;
                }
            }
        }
    }
    common
}

/// What chance gives: four bytes are the same once in 2^32 pairs.
const fn chance(pairs: u64) -> u64 {
    pairs >> 32
}

/// More than chance gives, by far: true if something recurs.
const fn recurs(found: u64, pairs: u64) -> bool {
    found > 4 * chance(pairs) + 6
}

fn looked_at(day: &Day, hello: impl Fn(usize, &mut Vec<u8>)) -> Vec<(usize, Vec<Vec<u8>>)> {
    let connections = day.connections.iter().map(|it| {
        let mut up = frames(&it.heard, Way::ToPile);
        for (kind, body) in &mut up {
            if *kind == Kind::Hello {
                hello(it.phone, body);
            }
        }
        let mut runs = secret_looking(&up);
        runs.extend(secret_looking(&frames(&it.heard, Way::ToPhone)));
        (it.phone, runs)
    });
    connections.collect()
}

#[test]
fn a_recorded_day_has_nothing_that_is_the_same_tomorrow() {
    let day = day();
    assert!(day.connections.len() >= 144);
    let connections = looked_at(&day, |_, _| ());
    let hellos = day.connections.iter().map(|it| {
        let up = frames(&it.heard, Way::ToPile);
        up.iter().filter(|it| it.0 == Kind::Hello).count()
    });
    assert!(hellos.clone().all(|count| count == 1), "one each");
    let found = common(&connections);
    let bytes: usize = connections.iter().flat_map(|it| &it.1).map(Vec::len).sum();
    println!(
        "{} connections, {bytes} bytes; {} windows in common of one phone ({} by chance), {} of two ({})",
        connections.len(),
        found.same,
        chance(found.same_pairs),
        found.other,
        chance(found.other_pairs),
    );
    assert!(!recurs(found.same, found.same_pairs));
    assert!(!recurs(found.other, found.other_pairs));

    // The same look finds a phone whose hint is always the same, in a Hello and nowhere else.
    let stable = looked_at(&day, |phone, hello| {
        let name = Sha256::digest([u8::try_from(phone).unwrap()]);
        hello[1..9].copy_from_slice(&name[..8]);
    });
    let found = common(&stable);
    assert!(
        recurs(found.same, found.same_pairs),
        "the test sees nothing"
    );
    assert!(!recurs(found.other, found.other_pairs));

    nothing_in_clear(&day);
    adverts(&day);
}

/// No piece of a UID, an alias, a key, a code or the pile's own number is said in clear.
fn nothing_in_clear(day: &Day) {
    let mut secrets: Vec<(String, Vec<u8>)> = Vec::new();
    let world = &day.house.world;
    let all = day.tenants.iter().map(|it| (&it.card, &it.phone));
    for (card, phone) in all.chain([(&day.house.privilege, &day.house.landlord)]) {
        let name = phone.number().unwrap();
        secrets.push((format!("UID {name}"), card.uid().to_vec()));
        let alias = world.alias(card).unwrap();
        secrets.push((format!("alias {name}"), alias.bytes().to_vec()));
        let code = world.code(card).unwrap();
        secrets.push((format!("code {name}"), code.expose().to_vec()));
        let key = phone.key().unwrap();
        secrets.push((format!("key {name}"), key.expose().to_vec()));
    }
    let pile = day.house.landlord.welcome().unwrap().pile.unwrap();
    secrets.push(("pile".to_owned(), pile.bytes().to_vec()));
    for connection in &day.connections {
        for way in [Way::ToPile, Way::ToPhone] {
            let heard = connection.heard.iter().filter(|it| it.way == way);
            let bytes: Vec<u8> = heard.flat_map(|it| it.bytes.iter().copied()).collect();
            for (name, secret) in &secrets {
                for piece in secret.windows(5) {
                    let found = bytes.windows(5).any(|it| it == piece);
                    assert!(!found, "{name} in clear");
                }
            }
        }
    }
}

/// An advertisement has one byte that changes: the free ports.
fn adverts(day: &Day) {
    let said = day.house.world.air().adverts();
    let counts: BTreeSet<u8> = said.iter().map(|it| it.1).collect();
    assert!(counts.contains(&4) && counts.contains(&3), "{counts:?}");
    let packets: BTreeSet<Vec<u8>> = said
        .iter()
        .map(|(_, free_ports)| {
            let advert = Advert {
                name: Name::PLAIN,
                version: VERSION,
                free_ports: *free_ports,
            };
            let mut bytes = advert.packet().as_bytes().to_vec();
            assert_eq!(bytes.pop(), Some(*free_ports), "the last byte");
            bytes.extend(advert.scan_response().as_bytes());
            bytes
        })
        .collect();
    assert_eq!(packets.len(), 1, "all else is the same for every pile");
}
