//! A pile's life on a small flash, and `pilectl` as it is run.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod receipts;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use billing_core::book::Book;
use billing_core::book::testing::next_record;
use billing_core::journal::Identity;
use billing_core::ledger::Ledger;
use billing_core::record::Record;
use embassy_futures::block_on;
use pilectl::ledger::flash::Image;
use pilectl::ledger::log::Log;
use tempfile::TempDir;

/// 60 pages of 4 KiB: small enough to go round.
pub const BYTES: usize = 60 * 4096;
pub type Flash = Image<1, 4096>;

/// A pile that lives.
pub struct Pile {
    pub ledger: Ledger<Flash>,
    pub book: Book,
    state: u32,
}

impl Pile {
    pub fn new(seed: u32) -> Self {
        let flash = Image::new(vec![0xff; BYTES]);
        let identity = Identity::new([u8::try_from(seed).unwrap(); 16]);
        let (ledger, book) = block_on(Ledger::format(flash, identity)).unwrap();
        let state = seed;
        Self {
            ledger,
            book,
            state,
        }
    }

    pub fn put(&mut self, record: &Record) -> u64 {
        self.book.check(record).unwrap();
        let number = block_on(self.ledger.append(&self.book, record)).unwrap();
        self.book.apply(record).unwrap();
        while self.ledger.wants_work(&self.book) {
            block_on(self.ledger.work(&self.book)).unwrap();
        }
        number.seq
    }

    pub fn live(&mut self, records: u32) {
        for _ in 0..records {
            let state = &mut self.state;
            let mut dice = |sides: u32| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*state >> 8) % sides.max(1)
            };
            let record = next_record(&self.book, 6, &mut dice);
            self.put(&record);
        }
    }

    /// Settles every account, pays, and says that all of it was exported.
    pub fn settle_and_export(&mut self) {
        let at = self.book.last();
        for account in self.book.accounts().to_vec() {
            if let Some(due) = self.book.settlement(account.id, at) {
                self.put(&Record::Settled(due));
            }
        }
        for due in self.book.settlements().to_vec() {
            self.put(&Record::Paid {
                settlement: due.id,
                reference: "cash, with thanks".parse().unwrap(),
                at,
            });
        }
        let through = self.ledger.last_record();
        self.put(&Record::Exported { through, at });
    }

    pub fn image(self) -> Vec<u8> {
        self.ledger.release().bytes()
    }

    /// The image now, and the life goes on.
    pub fn snapshot(self) -> (Vec<u8>, Self) {
        let Self {
            ledger,
            book,
            state,
        } = self;
        let image = ledger.release().bytes();
        let flash = Image::new(image.clone());
        let (ledger, again) = block_on(Ledger::mount(flash)).unwrap();
        assert_eq!(again, book);
        let pile = Self {
            ledger,
            book,
            state,
        };
        (image, pile)
    }
}

/// A life that went round the flash, lived once for all tests of a file.
pub fn lived() -> Vec<u8> {
    static LIVED: OnceLock<Vec<u8>> = OnceLock::new();
    let image = LIVED.get_or_init(|| {
        let mut pile = Pile::new(7);
        pile.live(9000);
        pile.image()
    });
    image.clone()
}

pub fn log(image: &[u8]) -> Log {
    Log::parse("pile.bin".into(), image.to_vec()).unwrap()
}

/// A folder with files in it, and `pilectl` run there.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn with(files: &[(&str, &[u8])]) -> Self {
        let desk = Self::new();
        for (name, bytes) in files {
            desk.put(name, bytes);
        }
        desk
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// What it prints, all of it, and its exit code.
    pub fn run(&self, arguments: &str) -> (String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_pilectl"))
            .args(arguments.split(' '))
            .current_dir(self.folder())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (text, output.status.code().unwrap())
    }

    #[track_caller]
    pub fn well(&self, arguments: &str) -> String {
        let (text, code) = self.run(arguments);
        assert_eq!(code, 0, "{arguments}: {text}");
        text
    }

    /// Fails with this exit code and says each of these.
    #[track_caller]
    pub fn fails(&self, arguments: &str, code: i32, said: &[&str]) {
        let (text, found) = self.run(arguments);
        assert_eq!(found, code, "{arguments}: {text}");
        for said in said {
            assert!(
                text.contains(said),
                "{arguments}: {said:?} is not in {text}"
            );
        }
    }
}
