//! `virtual-pile serve` as it is run, and `pilectl` against it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::borrow::BorrowMut;
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

/// A virtual pile that serves phones, and what people do there.
pub struct House {
    pub child: Child,
    pub input: ChildStdin,
    pub said: Receiver<String>,
    pub address: String,
    pub codes: Vec<String>,
    pub folder: TempDir,
}

pub type Done = Result<Answer, Refusal>;

impl House {
    pub fn new() -> Self {
        Self::within(TempDir::new().unwrap())
    }

    /// The same pile, after its program was killed as it went.
    pub fn killed(mut self) -> Self {
        // SIGKILL: nothing of it runs any more.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let none = TempDir::new().unwrap();
        Self::within(std::mem::replace(&mut self.folder, none))
    }

    fn within(folder: TempDir) -> Self {
        let mut pile = virtual_pile("serve");
        pile.args(["--for", "300", "--tariff", &tariff(), "--state"]);
        pile.arg(folder.path().join("pile.bin"));
        Self::of(pile, folder)
    }

    /// The pile on an emulated board: the emulator and its arguments. Its flash and its keys lie in the
    /// folder.
    pub fn on_board(emulator: &[String]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut pile = virtual_pile("board");
        pile.args(["--for", "900", "--folder"]).arg(folder.path());
        Self::of(pile.arg("--").args(emulator), folder)
    }

    fn of(mut pile: impl BorrowMut<Command>, folder: TempDir) -> Self {
        let mut child = pile
            .borrow_mut()
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
    pub fn until(&self, words: &str) -> String {
        self.until_one_of(&[words])
    }

    /// The next line with any of these words.
    pub fn until_one_of(&self, words: &[&str]) -> String {
        let end = Instant::now() + Duration::from_mins(1);
        let mut instead = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.said.recv_timeout(left) else {
                panic!("never: {words:?}, but\n{}", instead.join("\n"));
            };
            instead.push(line.clone());
            if words.iter().any(|words| line.contains(words)) {
                return line;
            }
        }
    }

    pub fn order_without_waiting(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    pub fn order(&mut self, line: &str) {
        self.order_without_waiting(line);
        self.until(&format!("ok {line}"));
    }

    pub fn code(&self, card: &str) -> String {
        let of = |line: &&String| line.starts_with(&format!("card {card} "));
        let line = self.codes.iter().find(of).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn cli(&self, who: &str, words: &[&str]) -> Cli {
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

    pub fn try_phone(&self, who: &str, words: &[&str]) -> Done {
        cli::run(&self.cli(who, words))
    }

    #[track_caller]
    pub fn phone(&self, who: &str, words: &[&str]) -> String {
        well(self.try_phone(who, words), words)
    }

    /// While somebody asks for a tap, this card is tapped until he has it.
    #[track_caller]
    pub fn tapped(&mut self, who: &str, words: &[&str], card: &str) -> String {
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

fn virtual_pile(command: &str) -> Command {
    let mut pile = Command::new(env!("CARGO_BIN_EXE_virtual-pile"));
    pile.arg(command);
    pile
}

/// The prices of the tests.
pub fn tariff() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/tariff.toml");
    path.display().to_string()
}

impl Drop for House {
    fn drop(&mut self) {
        // Its emulator, if it has one, ends with it only if it is asked.
        let _ = writeln!(self.input, "quit");
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
pub fn well(done: Done, words: &[&str]) -> String {
    match done {
        Ok(answer) if answer.is_well() => answer.text().to_owned(),
        Ok(answer) => panic!("{words:?}: {}", answer.text()),
        Err(refusal) => panic!("{words:?}: {refusal}"),
    }
}

#[track_caller]
pub fn contains(text: &str, all: &[&str]) {
    for said in all {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
}

pub fn pilectl(words: &[&str]) -> String {
    let cli = Cli::try_parse_from(["pilectl"].iter().chain(words)).unwrap();
    well(cli::run(&cli), words)
}
