//! A flash on which all has happened that can happen to a journal.

use std::ops::Range;
use std::sync::OnceLock;

use billing_core::journal::{Kind, MountError};
use pile_sim::flash::{CutPlan, FlashError, Progress, Tear, VirtualNor};

use super::{End, Life, Op, Seen, mount_image, script};

pub const PAGE: usize = 256;
pub const PAGES: usize = 10;
pub const WRITE: usize = 8;
/// The padded page header.
pub const HEADER: usize = 88;

pub type Flash = VirtualNor<WRITE, PAGE>;
pub type Refused = MountError<FlashError>;

pub struct Finished {
    pub image: Vec<u8>,
    pub found: Vec<Seen>,
    /// Where the last record's frame lies.
    pub last: Range<usize>,
    /// The image after each thing that happened, and what it delivers.
    pub history: Vec<(Vec<u8>, Vec<Seen>)>,
}

impl Finished {
    pub fn newest_page(&self) -> Range<usize> {
        let start = self.last.start / PAGE * PAGE;
        start..start + PAGE
    }

    /// True if a mount delivered this at some time: after something happened, or between the header
    /// of the newest page and its records.
    pub fn was(&self, found: &[Seen]) -> bool {
        let known = |(_, known): &(Vec<u8>, Vec<Seen>)| known == found;
        self.found.starts_with(found) || self.history.iter().any(known)
    }

    /// Physical pages of the log, oldest first.
    pub fn log(&self) -> Vec<usize> {
        let header = &self.image[self.newest_page()];
        let field = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let (newest, base) = (field(12), field(16));
        let index = |counter| counter as usize % PAGES;
        (base..=newest).map(index).collect()
    }
}

/// An image with everything in it: pages of a round before, a snapshot of several pages, carried
/// records, copies beside what they were copied from, a torn record and the recovery page behind
/// it, a page full of records, one half full.
pub fn finished() -> &'static Finished {
    static FINISHED: OnceLock<Finished> = OnceLock::new();
    FINISHED.get_or_init(make_finished)
}

fn make_finished() -> Finished {
    let mut life = Life::<WRITE, PAGE>::new(PAGES);
    let mut history = Vec::new();
    let mut apply = |life: &mut Life<WRITE, PAGE>, op: &Op| {
        let end = life.apply(op);
        let known = (life.flash.image(), life.found());
        history.push(known);
        assert_ne!(end, End::Full);
    };
    for op in script() {
        apply(&mut life, &op);
        apply(
            &mut life,
            &Op::Room {
                free: 4,
                keep_each: 50,
            },
        );
    }
    let reclaim = Op::Reclaim { keep_each: 2 };
    apply(
        &mut life,
        &Op::Room {
            free: 6,
            keep_each: 9,
        },
    );
    apply(&mut life, &Op::Append(vec![6; 100]));
    apply(&mut life, &Op::Snapshot { pieces: 8 });
    apply(&mut life, &reclaim);
    apply(&mut life, &Op::Append(vec![7; 20]));
    // An erase and a header come first, where a page is opened.
    let room = life.journal().room();
    let opens = room.bytes_left_in_page < life.journal().frame_bytes(40);
    let before = u64::from(opens) + u64::from(opens && room.pages_erased == 0);
    life.plan(&[CutPlan {
        after_operations: before,
        progress: Progress::Bytes(30),
        tear: Tear::Prefix,
        seed: 1,
    }]);
    apply(&mut life, &Op::Append(vec![8; 40]));
    assert_eq!(life.counts.torn, 1);
    apply(&mut life, &reclaim);
    for payload in [vec![1; 50], vec![2; 40], vec![3; 60], vec![4; 9]] {
        apply(&mut life, &Op::Append(payload));
    }
    let before = life.flash.image();
    apply(&mut life, &Op::Append(vec![5; 13]));
    let image = life.flash.image();
    let start = (0..image.len())
        .find(|at| before[*at] != image[*at])
        .unwrap();
    let found = life.found();
    let has = |kind| found.iter().any(|entry| entry.1 == kind);
    assert!(has(Kind::Record) && has(Kind::Carried) && has(Kind::Piece) && has(Kind::End));
    Finished {
        image,
        found,
        last: start..start + 24,
        history,
    }
}

pub fn mount(image: &[u8]) -> Result<Vec<Seen>, Refused> {
    mount_image::<WRITE, PAGE>(image)
}
