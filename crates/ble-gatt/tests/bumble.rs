//! The service against a Bluetooth central that nobody here wrote. Run by `cargo xtask test --only
//! bumble`, which installs it.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test are a test"
)]

#[path = "../examples/ble-desk/desk.rs"]
mod desk;
#[path = "bumble/phone.rs"]
mod phone;

use std::time::Duration;

use ble_gatt::{Exchange, RadioAddress};
use ble_protocol::advert::{Advert, Name};
use ble_protocol::{Gone, Pipe};
use phone::{Air, Phone};

const NEEDS: &str = "needs bumble: cargo xtask test --only bumble";
/// What the longest of these may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a pile's radio, what is behind its pipe, and a scenario, until the scenario ends.
fn with_air(behind: impl AsyncFnOnce(&Exchange), scenario: impl AsyncFnOnce(&mut Air, &Exchange)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let exchange = Exchange::new(Advert {
        name: Name::with("yard").unwrap(),
        version: 1,
        free_ports: 10,
    });
    runtime.block_on(async {
        let mut air = Air::start().await;
        let hci = air.hci.clone();
        let address = RadioAddress::from_random([1, 2, 3, 4, 5, 6]);
        let whole = async {
            tokio::select! {
                ended = desk::radio(&hci, address, &exchange) => panic!("{ended:?}"),
                () = async { behind(&exchange).await; std::future::pending().await } => {}
                () = scenario(&mut air, &exchange) => {}
            }
        };
        tokio::time::timeout(PATIENCE, whole)
            .await
            .expect("in time");
    });
}

async fn echo(exchange: &Exchange) {
    desk::echo(exchange.pipe()).await.unwrap();
}

async fn nothing(_: &Exchange) {}

/// Bytes that differ from place to place and from one `seed` to another.
fn some_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn the_advertisement_says_name_version_and_free_ports_and_keeps_up() {
    with_air(nothing, async |air, exchange| {
        for free_ports in [10, 9, 0] {
            exchange.pipe().advertise(free_ports);
            tokio::time::sleep(Duration::from_millis(200)).await;
            let seen = air.scan().await;
            let (packet, response) = (seen.hex("packet"), seen.hex("scan_response"));
            let advert = Advert::parse(&packet, &response).expect("a pile's");
            assert_eq!(advert.name.as_str(), "openpile yard");
            assert_eq!((advert.version, advert.free_ports), (1, free_ports));
            // The same by bumble's own parser.
            assert_eq!(seen.0["name"], "openpile yard");
            assert_eq!(
                seen.0["services"][0]
                    .as_str()
                    .map(str::to_uppercase)
                    .as_deref(),
                Some("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
            );
            assert_eq!(seen.0["manufacturer"][0], 0xFFFF);
            assert_eq!(seen.0["manufacturer"][1], format!("6f7001{free_ports:02x}"));
            assert!(
                seen.0["address"]
                    .as_str()
                    .unwrap()
                    .starts_with("C6:05:04:03:02:01"),
                "{:?}",
                seen.0
            );
        }
    });
}

/// Sends each of these sizes and reads it back before the next.
async fn echoes(phone: &mut Phone, sizes: impl Iterator<Item = usize>) {
    for size in sizes {
        let said = some_bytes(size as u64, size);
        phone.send(&said).await;
        assert_eq!(phone.read_exactly(size).await, said, "{size} bytes");
    }
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn every_size_to_1024_comes_back_whole() {
    with_air(echo, async |air, exchange| {
        let mut phone = air.connect().await;
        assert_eq!(phone.mtu, 247);
        assert_eq!(exchange.pipe().portion(), 244);
        echoes(&mut phone, 1..=1024).await;
        assert_eq!(exchange.overruns(), 0);
    });
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn answered_writes_and_the_smallest_mtu_carry_the_same() {
    with_air(echo, async |air, exchange| {
        for (mtu, response, portion) in [
            (None, false, 20),
            (Some(64), true, 61),
            (Some(247), true, 244),
        ] {
            air.set(mtu, response);
            let mut phone = air.connect().await;
            assert_eq!(exchange.pipe().portion(), portion);
            echoes(&mut phone, (1..=1024).step_by(31)).await;
            air.leave(phone).await;
        }
    });
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_pile_that_does_not_read_makes_an_answered_writer_wait() {
    with_air(nothing, async |air, exchange| {
        air.set(Some(247), true);
        let mut phone = air.connect().await;
        let said = some_bytes(1, 6_000);
        phone.send(&said).await;
        // Long enough for all of it, if nobody held it back.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(exchange.overruns(), 0);
        let (mut pipe, mut heard) = (exchange.pipe(), Vec::new());
        pipe.connected().await;
        let mut bytes = [0; 100];
        while heard.len() < said.len() {
            let read = pipe.read(&mut bytes).await.unwrap();
            heard.extend_from_slice(&bytes[..read]);
        }
        assert_eq!(heard, said);
        assert_eq!(exchange.overruns(), 0);
    });
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_writer_that_overruns_the_pile_is_disconnected_and_not_cut_short() {
    with_air(nothing, async |air, exchange| {
        let mut phone = air.connect().await;
        let mut pipe = exchange.pipe();
        pipe.connected().await;
        phone.send(&some_bytes(1, 6_000)).await;
        air.gone().await;
        assert_eq!(pipe.read(&mut [0; 16]).await, Err(Gone));
        assert_eq!(exchange.overruns(), 1);
        // And the next is served.
        let mut phone = air.connect().await;
        pipe.connected().await;
        pipe.write(b"again").await.unwrap();
        assert_eq!(phone.read_exactly(5).await, b"again");
    });
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_pile_that_leaves_is_heard_to_the_end() {
    with_air(nothing, async |air, exchange| {
        let mut phone = air.connect().await;
        let mut pipe = exchange.pipe();
        let last = some_bytes(5, 900);
        pipe.connected().await;
        pipe.write(&last).await.unwrap();
        pipe.disconnect().await;
        assert_eq!(phone.read_to_end().await, last);
    });
}

/// What each side heard is the beginning of what the other said in that connection: nothing is lost
/// in the middle, nothing comes twice, nothing of an earlier connection comes.
#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn a_link_that_drops_at_random_moments_loses_and_doubles_nothing_within_a_connection() {
    const CONNECTIONS: usize = 60;
    with_air(nothing, async |air, exchange| {
        let moments = some_bytes(99, 4 * CONNECTIONS);
        let mut pipe = exchange.pipe();
        let (mut from_phone, mut from_pile) = (0, 0);
        for (connection, moment) in (0_u64..).zip(moments.chunks_exact(4)) {
            air.set((moment[0] & 1 == 0).then_some(247), moment[0] & 2 == 0);
            let phone_says = some_bytes(1_000 + connection, 20_000);
            let pile_says = some_bytes(2_000 + connection, 20_000);
            let phone = air.connect().await;
            pipe.connected().await;
            let drop = async {
                tokio::time::sleep(Duration::from_millis(u64::from(moment[1]))).await;
                moment[2] % 3
            };
            let answering = async {
                let mut heard = Vec::new();
                let mut said = 0;
                let mut bytes = [0; 300];
                loop {
                    match pipe.read(&mut bytes).await {
                        Ok(read) => heard.extend_from_slice(&bytes[..read]),
                        Err(Gone) => break,
                    }
                    let more = pile_says.len().min(said + 150);
                    if pipe.write(&pile_says[said..more]).await.is_err() {
                        break;
                    }
                    said = more;
                    if connection % 4 == 3 && heard.len() > 20 * usize::from(moment[1]) {
                        pipe.disconnect().await;
                        break;
                    }
                }
                (heard, said)
            };
            let ((heard, said), told) =
                tokio::join!(answering, phone.talk_until(&phone_says, drop, air));
            assert!(
                phone_says.starts_with(&heard),
                "connection {connection}: {}",
                heard.len()
            );
            assert!(
                pile_says.starts_with(&told),
                "connection {connection}: {}",
                told.len()
            );
            assert!(told.len() <= said + 150, "connection {connection}");
            from_phone += heard.len();
            from_pile += told.len();
        }
        // This phone keeps to no window, so it may overrun the pile: one more way to lose the link.
        println!(
            "{CONNECTIONS} connections, {} of them overrun, {from_phone} bytes to the pile, \
             {from_pile} from it",
            exchange.overruns()
        );
        assert!(
            from_phone > 10_000 && from_pile > 5_000,
            "{from_phone} {from_pile}"
        );
        assert!(exchange.overruns() < 30);
    });
}

#[test]
#[ignore = "needs bumble: cargo xtask test --only bumble"]
fn whatever_listens_on_a_socket_is_reached_over_the_air() {
    let forward = async |exchange: &Exchange| {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        let virtual_pile = async {
            loop {
                let (mut socket, _) = server.accept().await.unwrap();
                let (mut reader, mut writer) = socket.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            }
        };
        tokio::select! {
            () = virtual_pile => {}
            ended = desk::forward(exchange.pipe(), &address) => panic!("{ended:?}"),
        }
    };
    with_air(forward, async |air, _| {
        for _ in 0..2 {
            let mut phone = air.connect().await;
            echoes(&mut phone, (1..=1024).step_by(101)).await;
            air.leave(phone).await;
        }
    });
}
