//! A pile's journal beside the plain lists that it must equal, on a flash that loses power.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use billing_core::journal::{
    AppendError, Entry, Identity, Journal, Kind, MAX_PAYLOAD, MountError, ReclaimError,
};
use embassy_futures::block_on;
use pile_sim::flash::{CutPlan, FlashError, VirtualNor, Words};

pub const IDENTITY: Identity = Identity::new(*b"the test journal");

/// What a visitor is shown, owned.
pub type Seen = (u64, Kind, Vec<u8>);

pub fn seen(entry: &Entry<'_>) -> Seen {
    (entry.seq, entry.kind, entry.payload.to_vec())
}

/// One thing that happens to a journal.
#[derive(Debug, Clone)]
pub enum Op {
    Append(Vec<u8>),
    /// The state anew, in so many pieces.
    Snapshot {
        fresh: u8,
    },
    /// The oldest page is given back; what has a number that leaves the remainder 0 divided by
    /// `keep_each`, and is not much older than the newest, is carried.
    Reclaim {
        keep_each: u64,
    },
    /// A snapshot, and as many pages given back as there are.
    Compact {
        fresh: u8,
        keep_each: u64,
    },
    EraseAhead,
    Reboot,
    Scan,
    /// Power fails after so many more operations.
    Cut {
        after: u64,
        seed: u64,
    },
}

/// How an operation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Done,
    /// Nothing changed: there is no room, or nothing to be given back.
    Refused,
    Cut,
}

/// Records older than this are no longer kept, so that the flash never fills with them.
const MEMORY: u64 = 40;

/// The journal under test and its model.
pub struct Life<const W: usize, const E: usize> {
    pub flash: VirtualNor<W, E>,
    journal: Option<Journal<VirtualNor<W, E>>>,
    /// Every record that was acknowledged and that no reclaim was allowed to drop.
    pub kept: BTreeMap<u64, Vec<u8>>,
    /// Those that it was allowed to drop: they may stand for a while.
    pub dropped: BTreeMap<u64, Vec<u8>>,
    /// The record under way when the power failed.
    flying: Option<(u64, Vec<u8>)>,
    /// The newest whole snapshot, and the one under way.
    pub pieces: Option<Vec<Vec<u8>>>,
    next_pieces: Option<Vec<Vec<u8>>>,
    pub cuts: u32,
    /// Cuts still to come; each is armed when power is back after the one before.
    plans: Vec<CutPlan>,
    pub refusals: u32,
    pub carried: u32,
    pub unacknowledged_kept: u32,
    pub pages_given_up: u32,
}

impl<const W: usize, const E: usize> Life<W, E> {
    /// A fresh journal on a flash that insists on one program a word.
    pub fn new(pages: usize) -> Self {
        let flash = VirtualNor::new(pages * E, Words::Once);
        let journal = block_on(Journal::format(flash.clone(), IDENTITY)).unwrap();
        Self {
            flash,
            journal: Some(journal),
            kept: BTreeMap::new(),
            dropped: BTreeMap::new(),
            flying: None,
            pieces: None,
            next_pieces: None,
            cuts: 0,
            plans: Vec::new(),
            refusals: 0,
            carried: 0,
            unacknowledged_kept: 0,
            pages_given_up: 0,
        }
    }

    /// Cuts the power at each of these in turn.
    pub fn plan(&mut self, plans: &[CutPlan]) {
        self.plans = plans.iter().rev().copied().collect();
        self.arm_next();
    }

    fn arm_next(&mut self) {
        if let Some(plan) = self.plans.pop() {
            self.flash.arm_cut(plan);
        }
    }

    pub fn journal(&mut self) -> &mut Journal<VirtualNor<W, E>> {
        self.journal.as_mut().unwrap()
    }

    pub fn apply(&mut self, op: &Op) -> End {
        let end = match op {
            Op::Append(payload) => self.append(payload),
            Op::Snapshot { fresh } => self.snapshot(*fresh),
            Op::Reclaim { keep_each } => self.reclaim(*keep_each),
            Op::Compact { fresh, keep_each } => self.compact(*fresh, *keep_each),
            Op::EraseAhead => match block_on(self.journal().erase_ahead()) {
                Ok(_) => End::Done,
                Err(error) => cut(error),
            },
            Op::Reboot => {
                self.boot();
                End::Done
            }
            Op::Scan => {
                self.check();
                End::Done
            }
            Op::Cut { after, seed } => {
                self.flash.arm_cut(CutPlan::random(*after, *seed));
                End::Done
            }
        };
        if end == End::Refused {
            self.refusals += 1;
            self.check();
        }
        if end == End::Cut {
            let again = block_on(self.journal().append(b"more"));
            assert_eq!(again, Err(AppendError::Poisoned));
            self.boot();
        }
        end
    }

    fn append(&mut self, payload: &[u8]) -> End {
        let seq = self.journal().next_seq();
        match block_on(self.journal().append(payload)) {
            Ok(done) => {
                assert_eq!(done.seq, seq);
                self.kept.insert(seq, payload.to_vec());
                End::Done
            }
            Err(AppendError::Full) => {
                assert_eq!(self.journal().next_seq(), seq);
                End::Refused
            }
            Err(error) => {
                self.flying = Some((seq, payload.to_vec()));
                cut(error)
            }
        }
    }

    fn snapshot(&mut self, fresh: u8) -> End {
        let pieces: Vec<Vec<u8>> = (0..fresh).map(|index| vec![index; 20]).collect();
        let mut left = pieces.iter();
        let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
            let next = left.next()?;
            buffer[..next.len()].copy_from_slice(next);
            Some(next.len())
        };
        match block_on(self.journal().snapshot(&mut piece)) {
            Ok(_) => {
                self.pieces = Some(pieces);
                End::Done
            }
            Err(AppendError::Full) => End::Refused,
            Err(error) => {
                self.next_pieces = Some(pieces);
                cut(error)
            }
        }
    }

    fn reclaim(&mut self, keep_each: u64) -> End {
        let newest = self.journal().next_seq();
        let (mut denied, mut carried) = (BTreeSet::new(), 0);
        let mut keep = |entry: Entry<'_>| {
            assert!(matches!(entry.kind, Kind::Record | Kind::Carried));
            let keep = entry.seq.is_multiple_of(keep_each) && entry.seq + MEMORY > newest;
            if !keep {
                denied.insert(entry.seq);
            }
            carried += u32::from(keep);
            keep
        };
        let result = block_on(self.journal.as_mut().unwrap().reclaim(&mut keep));
        self.carried += carried;
        for seq in denied {
            if let Some(record) = self.kept.remove(&seq) {
                self.dropped.insert(seq, record);
            }
        }
        match result {
            Ok(_) => End::Done,
            Err(
                ReclaimError::Nothing
                | ReclaimError::NeedsSnapshot
                | ReclaimError::Append(AppendError::Full),
            ) => End::Refused,
            Err(ReclaimError::Append(error)) => cut(error),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn compact(&mut self, fresh: u8, keep_each: u64) -> End {
        let mut end = self.snapshot(fresh);
        while end == End::Done && self.journal().can_reclaim() {
            end = self.reclaim(keep_each);
        }
        end
    }

    /// Appends, and gives pages back first where few are left, as a ledger does.
    pub fn append_with_room(&mut self, payload: &[u8]) -> End {
        let mut patience = 20;
        while patience > 0 {
            let room = self.journal().room();
            if room.pages_free + room.pages_reclaimed > 3 || !self.journal().can_reclaim() {
                break;
            }
            patience -= 1;
            let end = self.apply(&Op::Reclaim { keep_each: 7 });
            if end == End::Refused && self.apply(&Op::Snapshot { fresh: 2 }) == End::Refused {
                break;
            }
        }
        self.apply(&Op::Append(payload.to_vec()))
    }

    /// The running journal delivers the model.
    pub fn check(&mut self) {
        let mut found = Vec::new();
        let journal = self.journal.as_mut().unwrap();
        block_on(journal.scan(&mut |entry| found.push(seen(&entry)))).unwrap();
        self.judge(&found);
    }

    /// What was acknowledged is there, whole, unaltered, under its number, once and in order.
    fn judge(&mut self, found: &[Seen]) {
        let mut there = BTreeMap::new();
        let mut last = 0;
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        let mut snapshot = None;
        for (seq, kind, payload) in found {
            match kind {
                Kind::Record | Kind::Carried => {
                    let twice = there.insert(*seq, payload.clone());
                    assert_eq!(twice, None, "record {seq} is there twice");
                }
                Kind::Piece => pieces.push(payload.clone()),
                Kind::End => {
                    let count = u32::from_le_bytes(payload[..].try_into().unwrap());
                    // The first pieces of the oldest may stand on a page that was given back.
                    let from = pieces.len().checked_sub(usize::try_from(count).unwrap());
                    snapshot = from.map(|from| pieces.split_off(from)).or(snapshot);
                }
            }
            if *kind == Kind::Record {
                assert!(*seq > last, "record {seq} after {last}");
                last = *seq;
            }
        }
        for (seq, payload) in &there {
            let known = self.kept.get(seq).or_else(|| self.dropped.get(seq));
            if known.is_none() {
                let flying = self.flying.take();
                assert_eq!(Some((*seq, payload.clone())), flying, "nobody wrote it");
                self.unacknowledged_kept += 1;
                self.kept.insert(*seq, payload.clone());
            } else {
                assert_eq!(Some(payload), known, "record {seq} is another");
            }
        }
        for seq in self.kept.keys() {
            assert!(there.contains_key(seq), "record {seq} is missing");
        }
        if snapshot != self.pieces {
            assert_eq!(snapshot, self.next_pieces, "neither snapshot");
            self.pieces = snapshot;
        }
        self.flying = None;
        self.next_pieces = None;
    }

    /// Restarts until a mount survives, and compares what it delivers with the model.
    pub fn boot(&mut self) {
        self.journal = None;
        loop {
            if self.flash.cut_happened() {
                self.cuts += 1;
                self.flash.power_up();
                self.arm_next();
            }
            let mut found = Vec::new();
            let visit = &mut |entry: Entry<'_>| found.push(seen(&entry));
            let journal = match block_on(Journal::mount(self.flash.clone(), visit)) {
                Err(MountError::Flash(FlashError::PowerLost)) => continue,
                other => other.unwrap(),
            };
            self.judge(&found);
            self.pages_given_up += u32::from(journal.mended().torn);
            self.journal = Some(journal);
            self.check();
            return;
        }
    }

    /// All records that the journal delivers now, by number.
    pub fn delivered(&mut self) -> Vec<Seen> {
        let mut found = Vec::new();
        block_on(self.journal().scan(&mut |entry| found.push(seen(&entry)))).unwrap();
        found
    }
}

fn cut(error: AppendError<FlashError>) -> End {
    assert_eq!(error, AppendError::Flash(FlashError::PowerLost));
    End::Cut
}

/// Mounts an image and returns what it delivers.
pub fn mount_image<const W: usize, const E: usize>(
    image: &[u8],
) -> Result<Vec<Seen>, MountError<FlashError>> {
    let flash = VirtualNor::<W, E>::from_image(image, Words::Once);
    let mut found = Vec::new();
    block_on(Journal::<_>::mount(flash, &mut |entry| {
        found.push(seen(&entry));
    }))?;
    Ok(found)
}

/// A life in which everything happens: records of all lengths, snapshots, pages given back with
/// records carried once and twice, pages erased ahead, reboots.
pub fn script() -> Vec<Op> {
    let mut ops = Vec::new();
    let mut length = 7;
    let mut appends = |ops: &mut Vec<Op>, count: u8| {
        for index in 0..count {
            length = length * 5 % 61;
            ops.push(Op::Append(vec![0xa0 ^ index; 1 + length]));
        }
    };
    appends(&mut ops, 8);
    ops.push(Op::Reboot);
    appends(&mut ops, 3);
    ops.push(Op::Compact {
        fresh: 4,
        keep_each: 3,
    });
    ops.push(Op::EraseAhead);
    appends(&mut ops, 5);
    ops.push(Op::Snapshot { fresh: 6 });
    appends(&mut ops, 2);
    ops.push(Op::Reclaim { keep_each: 2 });
    ops.push(Op::Reclaim { keep_each: 2 });
    appends(&mut ops, 5);
    ops.push(Op::Compact {
        fresh: 7,
        keep_each: 3,
    });
    ops.push(Op::EraseAhead);
    appends(&mut ops, 4);
    ops.push(Op::Compact {
        fresh: 1,
        keep_each: 5,
    });
    appends(&mut ops, 3);
    ops
}
