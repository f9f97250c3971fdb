//! A house's whole story, by phones: `virtual-pile serve` as it is run, and `pilectl` against it over
//! TCP.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use pilectl::answer::{Answer, Refusal};
use pilectl::cli::{self, Cli};
use tempfile::TempDir;

struct House {
    child: Child,
    input: ChildStdin,
    said: Receiver<String>,
    address: String,
    codes: Vec<String>,
    folder: TempDir,
}

type Done = Result<Answer, Refusal>;

impl House {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let tariff = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/tariff.toml");
        let mut child = Command::new(env!("CARGO_BIN_EXE_virtual-pile"))
            .args(["serve", "--for", "300", "--tariff"])
            .arg(tariff)
            .arg("--state")
            .arg(folder.path().join("pile.bin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut house = Self {
            child,
            input,
            said,
            address: String::new(),
            codes: Vec::new(),
            folder,
        };
        house.address = house
            .until("listening on ")
            .split_off("listening on ".len());
        while house.codes.len() < 7 {
            let line = house.said.recv_timeout(Duration::from_secs(20)).unwrap();
            house.codes.push(line);
        }
        house
    }

    /// The next line with these words.
    fn until(&self, words: &str) -> String {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self
                .said
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("never: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn order(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.until(&format!("ok {line}"));
    }

    fn code(&self, card: &str) -> String {
        let of = |line: &&String| line.starts_with(&format!("card {card} "));
        let line = self.codes.iter().find(of).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn cli(&self, who: &str, words: &[&str]) -> Cli {
        let phone = self.path(&format!("{who}.toml"));
        let head = [
            "pilectl",
            "phone",
            "--pile",
            &self.address,
            "--phone",
            &phone,
        ];
        Cli::try_parse_from(head.iter().chain(words)).unwrap()
    }

    fn try_phone(&self, who: &str, words: &[&str]) -> Done {
        cli::run(&self.cli(who, words))
    }

    #[track_caller]
    fn phone(&self, who: &str, words: &[&str]) -> String {
        well(self.try_phone(who, words), words)
    }

    /// While somebody asks for a tap, this card is tapped until he has it.
    #[track_caller]
    fn tapped(&mut self, who: &str, words: &[&str], card: &str) -> String {
        let cli = self.cli(who, words);
        let asking: JoinHandle<Done> = std::thread::spawn(move || cli::run(&cli));
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(500));
            if asking.is_finished() {
                break;
            }
            self.order(&format!("tap {card}"));
            std::thread::sleep(Duration::from_millis(2_500));
        }
        well(asking.join().unwrap(), words)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn well(done: Done, words: &[&str]) -> String {
    match done {
        Ok(answer) if answer.is_well() => answer.text().to_owned(),
        Ok(answer) => panic!("{words:?}: {}", answer.text()),
        Err(refusal) => panic!("{words:?}: {refusal}"),
    }
}

#[track_caller]
fn contains(text: &str, all: &[&str]) {
    for said in all {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
}

fn pilectl(words: &[&str]) -> String {
    let cli = Cli::try_parse_from(["pilectl"].iter().chain(words)).unwrap();
    well(cli::run(&cli), words)
}

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
        &["NOT SIGNED", "rounded down to"],
    );
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
