//! A pile's journal beside the plain lists that it must equal, on a flash that loses power.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod finished;

use std::collections::{BTreeMap, BTreeSet};

use billing_core::journal::{
    AppendError, Entry, Head, Identity, Journal, Kind, MAX_PAYLOAD, MountError, RawFrame,
    ReclaimError,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Append(Vec<u8>),
    /// A snapshot of so many pieces.
    Snapshot {
        pieces: u8,
    },
    /// A snapshot whose caller gives up after so many pieces.
    Abandon {
        pieces: u8,
    },
    /// The oldest page is given back, but for the records whose number leaves the remainder 0
    /// divided by `keep_each`; where that takes a snapshot first, the snapshot is what is done.
    Reclaim {
        keep_each: u64,
    },
    EraseAhead,
    /// Pages are given back as long as no more than so many are free.
    Room {
        free: u32,
        keep_each: u64,
    },
    Reboot,
    Scan,
    /// Power fails after so many more operations.
    Cut {
        after: u64,
        seed: u64,
    },
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    Full,
    Cut,
}

/// What happened, for tests that must not pass because nothing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub cuts: u32,
    pub fulls: u32,
    /// Records that were never acknowledged and are there.
    pub unacknowledged_kept: u32,
    /// Boots that found a torn write.
    pub torn: u32,
    /// Boots amid giving a page back, by what the visitor is not shown: copies.
    pub copies: u32,
    /// Records that were not to be kept and are gone.
    pub gone: u32,
    pub carried: u32,
}

/// The journal under test and its model.
pub struct Life<const W: usize, const E: usize> {
    pub flash: VirtualNor<W, E>,
    journal: Option<Journal<VirtualNor<W, E>>>,
    /// Every record that was acknowledged and that reclaim was not told to drop, by its number.
    pub records: BTreeMap<u64, Vec<u8>>,
    /// Records that reclaim was told to drop: they may be there until they are first seen missing.
    pub dropped: BTreeMap<u64, Vec<u8>>,
    /// Pieces and ends of snapshots, as far as they were there when last looked at.
    frames: BTreeMap<u64, (Kind, Vec<u8>)>,
    /// The numbers of the first piece and of the end of the newest whole snapshot.
    snapshot: Option<(u64, u64)>,
    /// A record whose append was cut.
    pending: Option<(u64, Vec<u8>)>,
    /// The number of the next record, and the head, as last acknowledged.
    end: (u64, Head),
    /// The same after the last record, or the last whole snapshot: what stands on a page that counts.
    counted: (u64, Head),
    pub counts: Counts,
    /// Cuts still to come; each is armed when power is back after the one before.
    plans: Vec<CutPlan>,
}

/// The journal gives up a page, or says why not.
type Step = Result<End, FlashError>;

impl<const W: usize, const E: usize> Life<W, E> {
    /// A fresh journal on a flash that insists on one program a word.
    pub fn new(pages: usize) -> Self {
        let flash = VirtualNor::new(pages * E, Words::Once);
        let journal = block_on(Journal::format(flash.clone(), IDENTITY)).unwrap();
        Self {
            flash,
            end: (journal.next_seq(), journal.head()),
            counted: (journal.next_seq(), journal.head()),
            journal: Some(journal),
            records: BTreeMap::new(),
            dropped: BTreeMap::new(),
            frames: BTreeMap::new(),
            snapshot: None,
            pending: None,
            counts: Counts::default(),
            plans: Vec::new(),
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
        let done = match op {
            Op::Append(payload) => self.append(payload),
            Op::Snapshot { pieces } => self.state(*pieces, false),
            Op::Abandon { pieces } => self.state(*pieces, true),
            Op::Reclaim { keep_each } => self.reclaim(*keep_each),
            Op::EraseAhead => self.erase_ahead(),
            Op::Room { free, keep_each } => self.room(*free, *keep_each),
            Op::Reboot => {
                self.boot();
                Ok(End::Done)
            }
            Op::Scan => {
                self.check();
                Ok(End::Done)
            }
            Op::Cut { after, seed } => {
                self.flash.arm_cut(CutPlan::random(*after, *seed));
                Ok(End::Done)
            }
        };
        match done {
            Ok(end) => {
                assert!(!self.journal().is_poisoned());
                self.end = (self.journal().next_seq(), self.journal().head());
                if end == End::Full {
                    self.counts.fulls += 1;
                    self.check();
                }
                end
            }
            Err(error) => {
                assert_eq!(error, FlashError::PowerLost);
                self.is_poisoned();
                self.boot();
                End::Cut
            }
        }
    }

    /// A journal whose flash failed does nothing more.
    fn is_poisoned(&mut self) {
        let journal = self.journal();
        assert!(journal.is_poisoned());
        assert_eq!(block_on(journal.append(&[1])), Err(AppendError::Poisoned));
        let mut none = |_: &mut [u8; MAX_PAYLOAD]| None;
        assert_eq!(
            block_on(journal.snapshot(&mut none)),
            Err(AppendError::Poisoned)
        );
        assert_eq!(
            block_on(journal.reclaim(&mut |_| false)),
            Err(ReclaimError::Append(AppendError::Poisoned))
        );
        assert_eq!(block_on(journal.erase_ahead()), Err(AppendError::Poisoned));
    }

    fn append(&mut self, payload: &[u8]) -> Step {
        let (seq, head) = self.end;
        let room = self.journal().room();
        match block_on(self.journal().append(payload)) {
            Ok(done) => {
                assert_eq!((done.seq, self.journal().next_seq()), (seq, seq + 1));
                assert!(done.operations <= 4);
                let freed = if done.operations == 1 {
                    room.pages_free
                } else {
                    room.pages_free + room.pages_reclaimed - 1
                };
                assert_eq!(self.journal().room().pages_free, freed);
                self.records.insert(seq, payload.to_vec());
                self.count();
                Ok(End::Done)
            }
            Err(AppendError::Full) => {
                assert_eq!(
                    (self.journal().next_seq(), self.journal().head()),
                    (seq, head)
                );
                Ok(End::Full)
            }
            Err(AppendError::Flash(error)) => {
                self.pending = Some((seq, payload.to_vec()));
                Err(error)
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn count(&mut self) {
        self.counted = (self.journal().next_seq(), self.journal().head());
    }

    fn state(&mut self, pieces: u8, abandon: bool) -> Step {
        let first = self.end.0;
        let mut given = Vec::new();
        let mut piece = |buffer: &mut [u8; MAX_PAYLOAD]| {
            let index = u8::try_from(given.len()).unwrap();
            if index == pieces {
                return abandon.then_some(MAX_PAYLOAD + 1);
            }
            let payload = vec![index; 1 + usize::from(index) * 7 % 31];
            buffer[..payload.len()].copy_from_slice(&payload);
            given.push((Kind::Piece, payload));
            given.last().map(|(_, payload)| payload.len())
        };
        let result = block_on(self.journal().snapshot(&mut piece));
        if !abandon && given.len() == usize::from(pieces) {
            given.push((Kind::End, u32::from(pieces).to_le_bytes().to_vec()));
        }
        let last = first + u64::from(pieces);
        self.frames.extend((first..).zip(given));
        match result {
            Ok(done) => {
                assert!(!abandon);
                assert_eq!(done.seq, last);
                self.snapshot = Some((first, last));
                self.count();
                Ok(End::Done)
            }
            Err(AppendError::Length { .. }) => {
                assert!(abandon);
                Ok(End::Done)
            }
            Err(AppendError::Full) => Ok(End::Full),
            Err(AppendError::Flash(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    fn reclaim(&mut self, keep_each: u64) -> Step {
        let mut asked = Vec::new();
        let result = block_on(self.journal().reclaim(&mut |entry| {
            let keep = entry.seq.is_multiple_of(keep_each);
            asked.push((seen(&entry), keep));
            keep
        }));
        for ((seq, kind, payload), keep) in asked {
            assert!(matches!(kind, Kind::Record | Kind::Carried));
            // What is younger than the snapshot is nowhere else.
            assert!(self.snapshot.is_some_and(|(first, _)| seq < first));
            let known = self.records.get(&seq).or(self.dropped.get(&seq));
            assert_eq!(known, Some(&payload));
            if !keep {
                self.records.remove(&seq);
                self.dropped.insert(seq, payload);
            } else if result.is_ok() {
                self.dropped.remove(&seq);
                self.records.insert(seq, payload);
            }
        }
        match result {
            Ok(_) => Ok(End::Done),
            Err(ReclaimError::NeedsSnapshot) => self.state(2, false),
            Err(ReclaimError::Nothing) => {
                assert!(!self.journal().can_reclaim());
                Ok(End::Done)
            }
            Err(ReclaimError::Append(AppendError::Full)) => Ok(End::Full),
            Err(ReclaimError::Append(AppendError::Flash(error))) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    fn erase_ahead(&mut self) -> Step {
        let before = self.journal().room();
        match block_on(self.journal().erase_ahead()) {
            Ok(erased) => {
                let after = self.journal().room().pages_erased;
                assert_eq!(after, before.pages_erased + u32::from(erased));
                assert_eq!(erased, before.pages_erased < before.pages_free);
                Ok(End::Done)
            }
            Err(AppendError::Flash(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    fn room(&mut self, free: u32, keep_each: u64) -> Step {
        let mut patience = 4 * self.journal().room().pages;
        loop {
            let room = self.journal().room();
            if room.pages_free + room.pages_reclaimed > free {
                return Ok(End::Done);
            }
            if patience == 0 || !self.journal().can_reclaim() {
                return Ok(End::Full);
            }
            patience -= 1;
            self.end = (self.journal().next_seq(), self.journal().head());
            let end = self.reclaim(keep_each)?;
            if end != End::Done {
                return Ok(end);
            }
        }
    }

    /// Everything that was found is known, everything that must be there was found, nothing twice.
    fn compare(&mut self, found: &[Seen]) {
        let mut numbers = BTreeSet::new();
        let mut newest_end = None;
        let mut last = 0;
        for (seq, kind, payload) in found {
            assert!(numbers.insert(*seq), "{seq} twice");
            if *kind == Kind::Carried {
                self.counts.carried += 1;
            } else {
                assert!(*seq > last, "{seq} behind {last}");
                last = *seq;
            }
            if matches!(kind, Kind::Record | Kind::Carried) {
                let known = self.records.get(seq).or(self.dropped.get(seq));
                if known.is_none() {
                    let (pending, record) = self.pending.take().unwrap();
                    assert_eq!((*seq, payload), (pending, &record));
                    self.records.insert(pending, record);
                    self.counts.unacknowledged_kept += 1;
                } else {
                    assert_eq!(known, Some(payload), "{seq}");
                }
            } else {
                assert_eq!(self.frames.get(seq), Some(&(*kind, payload.clone())));
                if *kind == Kind::End {
                    let count = u32::from_le_bytes(payload[..].try_into().unwrap());
                    newest_end = Some((*seq - u64::from(count), *seq));
                }
            }
        }
        for seq in self.records.keys() {
            assert!(numbers.contains(seq), "record {seq} is lost");
        }
        assert!(newest_end >= self.snapshot, "a snapshot is lost");
        if let Some((first, last)) = newest_end {
            assert!((first..=last).all(|seq| numbers.contains(&seq)));
        }
        self.snapshot = newest_end;
        self.frames.retain(|seq, _| numbers.contains(seq));
        let before = self.dropped.len();
        self.dropped.retain(|seq, _| numbers.contains(seq));
        self.counts.gone += u32::try_from(before - self.dropped.len()).unwrap();
    }

    /// The running journal delivers the model, in one go, page by page, and as frames that chain.
    pub fn check(&mut self) {
        let found = self.found();
        self.compare(&found);
        let journal = self.journal.as_mut().unwrap();
        let mut by_page = Vec::new();
        let mut pages = 0;
        while block_on(journal.scan_page(pages, &mut |entry| by_page.push(seen(&entry)))).unwrap() {
            pages += 1;
        }
        assert_eq!((pages, by_page), (journal.room().pages_live, found.clone()));
        let mut frames = Vec::new();
        let mut copies = 0;
        let visit = &mut |frame: RawFrame<'_>| {
            let number = frame.entry().unwrap().seq;
            copies += u32::from(!found.iter().any(|entry| entry.0 == number));
            frames.push((frame.seq, frame.kind, frame.payload.to_vec()));
        };
        let mut chain = block_on(journal.export(visit)).unwrap();
        assert_eq!(copies, 0, "a copy's record is in the log");
        self.counts.copies += u32::from(frames.len() > found.len());
        for (seq, kind, payload) in frames {
            assert_eq!(seq, chain.seq);
            chain = chain.after(kind, &payload);
        }
        assert_eq!(
            (chain.seq, chain.head),
            (journal.next_seq(), journal.head())
        );
    }

    /// What a scan delivers.
    pub fn found(&mut self) -> Vec<Seen> {
        let mut found = Vec::new();
        block_on(self.journal().scan(&mut |entry| found.push(seen(&entry)))).unwrap();
        found
    }

    /// Power comes back, and a mount delivers what the model knows without writing anything.
    pub fn boot(&mut self) {
        self.journal = None;
        if self.flash.cut_happened() {
            self.counts.cuts += 1;
            self.flash.power_up();
            self.arm_next();
        }
        let before = (self.flash.operations(), self.flash.image());
        let mut found = Vec::new();
        let visit = &mut |entry: Entry<'_>| found.push(seen(&entry));
        let journal = block_on(Journal::mount(self.flash.clone(), visit)).unwrap();
        assert_eq!((self.flash.operations(), self.flash.image()), before);
        // Copies on provisional pages are made anew, under the same numbers.
        assert!(journal.next_seq() >= self.counted.0);
        if journal.next_seq() == self.counted.0 {
            assert_eq!(journal.head(), self.counted.1);
        }
        self.end = (journal.next_seq(), journal.head());
        self.counts.torn += u32::from(journal.mended().torn);
        self.journal = Some(journal);
        self.compare(&found);
        self.pending = None;
        assert_eq!(self.found(), found);
        self.check();
    }
}

/// Mounts an image and returns what it delivers. Refused or not, the flash stays as it was.
pub fn mount_image<const W: usize, const E: usize>(
    image: &[u8],
) -> Result<Vec<Seen>, MountError<FlashError>> {
    let flash = VirtualNor::<W, E>::from_image(image, Words::Once);
    let mut found = Vec::new();
    let mounted = block_on(Journal::<_>::mount(flash.clone(), &mut |entry| {
        found.push(seen(&entry));
    }));
    assert_eq!(flash.operations(), 0, "a mount never writes");
    mounted.map(|_| found)
}

/// A life in which everything happens: records of all lengths, snapshots, one of them abandoned,
/// pages given back with and without records that are kept, erases ahead, reboots amid all that,
/// three times round a flash of ten pages of 256 bytes.
pub fn script() -> Vec<Op> {
    let mut ops = Vec::new();
    let mut length = 7;
    let mut appends = |ops: &mut Vec<Op>, count: u8| {
        for index in 0..count {
            length = length * 5 % 61;
            ops.push(Op::Append(vec![0xa0 ^ index; 1 + length]));
        }
    };
    let reclaim = |keep_each| Op::Reclaim { keep_each };
    appends(&mut ops, 8);
    ops.push(Op::Reboot);
    appends(&mut ops, 3);
    ops.push(Op::Snapshot { pieces: 4 });
    // The copies cross a page; the next page is opened amid giving one back.
    ops.extend([reclaim(1), reclaim(2)]);
    appends(&mut ops, 2);
    ops.extend([Op::Abandon { pieces: 5 }, Op::EraseAhead, Op::EraseAhead]);
    appends(&mut ops, 4);
    ops.extend([reclaim(2), Op::Reboot, reclaim(2), reclaim(3)]);
    appends(&mut ops, 3);
    for round in 0..6 {
        ops.push(Op::Snapshot {
            pieces: 1 + 6 * (round % 3),
        });
        ops.extend([reclaim(3), reclaim(3), Op::Reboot, reclaim(3)]);
        appends(&mut ops, 4);
        ops.extend([Op::EraseAhead, reclaim(5)]);
        appends(&mut ops, 5);
    }
    ops.push(Op::Room {
        free: 5,
        keep_each: 9,
    });
    appends(&mut ops, 3);
    ops
}
