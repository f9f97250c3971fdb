//! `virtual-pile serve` as it is run, and `pilectl` against it.

#![allow(dead_code, reason = "each test file uses its part")]

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
    pub fn until(&self, words: &str) -> String {
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

    pub fn order(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
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

impl Drop for House {
    fn drop(&mut self) {
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
