//! A kit's card over the machine's own card service: `pcscd` with the virtual reader of vsmartcard,
//! on which a virtual NTAG 424 DNA lies. Run by `cargo xtask test --only pcsc`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use card_auth::{Family, KeySlot, SiteKey, Uid};
use common::Desk;
use pile_sim::cards::{Application, Ntag424};

/// Where the virtual reader waits for its card.
const READER: &str = "127.0.0.1:35963";
/// A contactless card without historical bytes (PC/SC part 3, clause 3.1.3.2.3).
const ATR: [u8; 5] = [0x3b, 0x80, 0x80, 0x01, 0x01];

/// A daemon of our own, ended with the test.
struct Service(Child);

impl Service {
    fn start() -> Self {
        let _ = std::fs::create_dir_all("/run/pcscd");
        let mut daemon = Command::new("pcscd");
        daemon.arg("--foreground");
        daemon.stdout(Stdio::null()).stderr(Stdio::null());
        let child = daemon
            .spawn()
            .expect("pcscd, as `cargo xtask test --only pcsc` installs it");
        Self(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // As it is asked to end, so that it removes its socket.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(5);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A tag on the reader until it is taken up, or by itself after so many commands.
struct Laid {
    wire: TcpStream,
    hand: JoinHandle<()>,
}

impl Laid {
    fn on_reader(tag: &Arc<Mutex<Ntag424>>, commands: usize) -> Self {
        let until = Instant::now() + Duration::from_secs(20);
        let wire = loop {
            match TcpStream::connect(READER) {
                Ok(wire) => break wire,
                Err(error) if Instant::now() > until => panic!("{READER}: {error}"),
                Err(_) => sleep(Duration::from_millis(100)),
            }
        };
        let (held, tag) = (wire.try_clone().unwrap(), Arc::clone(tag));
        let hand = std::thread::spawn(move || serve(wire, &tag, commands));
        Self { wire: held, hand }
    }

    fn take_up(self) {
        // It may be gone already.
        let _ = self.wire.shutdown(Shutdown::Both);
        self.hand.join().unwrap();
        // The service looks every 0.4 s; a hand is no faster.
        sleep(Duration::from_secs(2));
    }
}

/// The protocol of vpcd: length, then a control byte or a command.
fn serve(mut wire: TcpStream, tag: &Mutex<Ntag424>, mut commands: usize) {
    let mut length = [0; 2];
    loop {
        if wire.read_exact(&mut length).is_err() {
            return;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        if wire.read_exact(&mut message).is_err() {
            return;
        }
        let mut tag = tag.lock().unwrap();
        let answer = match message[..] {
            [0..=2] => {
                tag.power_up();
                continue;
            }
            [4] => ATR.to_vec(),
            // The reader's own (PC/SC part 3, clause 3.2.2.1.3).
            [0xff, 0xca, 0x00, 0x00, 0x00] => [&tag.uid().unwrap()[..], &[0x90, 0x00]].concat(),
            _ => {
                if commands == 0 {
                    let _ = wire.shutdown(Shutdown::Both);
                    return;
                }
                commands -= 1;
                tag.command(&message)
            }
        };
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        if wire.write_all(&[&length[..], &answer].concat()).is_err() {
            return;
        }
    }
}

fn site_key(desk: &Desk) -> SiteKey {
    let site = desk.read("kit/site.toml");
    let line = site.lines().find(|line| line.starts_with("site_key"));
    let hex = line.unwrap().split('"').nth(1).unwrap();
    SiteKey::new(u128::from_str_radix(hex, 16).unwrap().to_be_bytes())
}

#[track_caller]
fn assert_ours(desk: &Desk, tag: &Mutex<Ntag424>) {
    let tag = tag.lock().unwrap();
    let uid = Uid::from(tag.uid().unwrap());
    for slot in KeySlot::ALL {
        let key = site_key(desk).card_key(Family::Ntag424, slot, &uid);
        let number = usize::from(slot.number());
        assert_eq!(tag.key(number), Some((*key.expose(), 1)));
    }
    assert_eq!(tag.failures(0), (0, 0));
}

fn blank(last: u8) -> Arc<Mutex<Ntag424>> {
    Arc::new(Mutex::new(Ntag424::new([
        4, 0x78, 0x2e, 0x21, 0x80, 0x1d, last,
    ])))
}

/// One test: there is one reader.
#[test]
fn cards_are_personalised_over_the_card_service_of_the_machine() {
    let desk = Desk::new();
    desk.well("kit new --cards 3 --out kit --house Garden");
    let fresh = desk.read("kit/site.toml");
    let service = Service::start();
    let (one, two) = (blank(0x81), blank(0x82));

    // A blank chip: its UID is taken over.
    let laid = Laid::on_reader(&one, usize::MAX);
    let said = desk.well("kit personalise kit --card 1");
    println!("{said}");
    assert!(said.contains("10 of 10  change key 0: done"), "{said}");
    assert!(said.contains("counters 1 and 2"), "{said}");
    assert_ours(&desk, &one);
    let uid = "04782E21801D81";
    assert!(!fresh.contains(uid) && !said.contains(uid));
    assert!(desk.read("kit/site.toml").contains(uid));
    assert!(desk.read("kit/apdus/card-01.txt").contains(uid));
    assert!(desk.well("kit show kit").contains("1 of 4 are ready"));

    // Again, for another card, and on a reader that is not there.
    let said = desk.well("kit personalise kit --card 1 --reader Virtual");
    assert!(said.contains("card 1 is personalised already"), "{said}");
    let kept = desk.read("kit/site.toml");
    desk.fails(
        "kit personalise kit --card 2",
        2,
        &["this chip is the one of card 1"],
    );
    desk.fails(
        "kit personalise kit --card 1 --reader ACME",
        2,
        &["no reader of that name"],
    );
    laid.take_up();

    // Another chip for a card that has one.
    let laid = Laid::on_reader(&two, usize::MAX);
    desk.fails(
        "kit personalise kit --card 1",
        2,
        &["this is not the chip of card 1"],
    );
    laid.take_up();
    assert_eq!(
        two.lock().unwrap().memory(),
        blank(0x82).lock().unwrap().memory()
    );

    // Somebody else's tag: the kit is as it was.
    let theirs = blank(0x83);
    theirs.lock().unwrap().set_key(0, [9; 16], 1);
    let laid = Laid::on_reader(&theirs, usize::MAX);
    desk.fails("kit personalise kit --card 2", 2, &["another key"]);
    laid.take_up();
    assert_eq!(desk.read("kit/site.toml"), kept);

    // Taken away in the middle, and finished.
    let laid = Laid::on_reader(&two, 12);
    desk.fails(
        "kit personalise kit --card 2",
        2,
        &["does not answer any more", "same command again"],
    );
    laid.take_up();
    assert!(
        desk.well("kit show kit")
            .contains("its keys are not on it yet")
    );
    let laid = Laid::on_reader(&two, usize::MAX);
    let said = desk.well("kit personalise kit --card 2");
    assert!(
        said.contains("was so before") && said.contains("change key 0: done"),
        "{said}"
    );
    laid.take_up();
    assert_ours(&desk, &two);
    assert!(desk.well("kit show kit").contains("2 of 4 are ready"));

    drop(service);
    desk.fails("kit personalise kit --card 3", 2, &["no card service"]);
}
