//! A pile's journal beside the plain list that it must equal, on a flash that loses power.

#![allow(dead_code, reason = "each test file uses its part")]

use billing_core::journal::{AppendError, CarryError, Entry, Identity, Journal, Kind, MountError};
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
    /// A new snapshot: so many entries of the caller's, then every earlier entry whose sequence
    /// number leaves the remainder 0 divided by `keep_each`.
    Compact {
        fresh: u8,
        keep_each: u64,
    },
    /// The same, taken back before its commit.
    Abort {
        fresh: u8,
        keep_each: u64,
    },
    /// The same, dropped before its commit and mounted again.
    Forsake {
        fresh: u8,
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
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Full,
    Cut,
}

/// The journal under test and its model.
pub struct Life<const W: usize, const E: usize> {
    pub flash: VirtualNor<W, E>,
    journal: Option<Journal<VirtualNor<W, E>>>,
    /// Everything that was acknowledged since the base.
    pub model: Vec<Seen>,
    /// What the journal may hold instead, after a cut in an operation that was not acknowledged.
    other: Option<Vec<Seen>>,
    pub cuts: u32,
    /// Cuts still to come; each is armed when power is back after the one before.
    plans: Vec<CutPlan>,
    pub fulls: u32,
    pub unacknowledged_kept: u32,
    pub pages_given_up: u32,
}

impl<const W: usize, const E: usize> Life<W, E> {
    /// A fresh journal on a flash that insists on one program a word.
    pub fn new(pages: usize) -> Self {
        let flash = VirtualNor::new(pages * E, Words::Once);
        let journal = block_on(Journal::format(flash.clone(), IDENTITY)).unwrap();
        let mut life = Self::over(flash);
        life.journal = Some(journal);
        life
    }

    fn over(flash: VirtualNor<W, E>) -> Self {
        Self {
            flash,
            journal: None,
            model: Vec::new(),
            other: None,
            cuts: 0,
            plans: Vec::new(),
            fulls: 0,
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
            Op::Compact { fresh, keep_each } => self.compact(*fresh, *keep_each, true),
            Op::Abort { fresh, keep_each } => self.compact(*fresh, *keep_each, false),
            Op::Forsake { fresh } => self.forsake(*fresh),
            Op::Reboot => {
                self.boot();
                End::Done
            }
            Op::Scan => self.scan(),
            Op::Cut { after, seed } => {
                self.flash.arm_cut(CutPlan::random(*after, *seed));
                End::Done
            }
        };
        if end == End::Full {
            self.fulls += 1;
            self.check();
        }
        if end == End::Cut {
            self.boot();
        }
        end
    }

    fn append(&mut self, payload: &[u8]) -> End {
        let seq = self.journal().next_seq();
        let record = (seq, Kind::Record, payload.to_vec());
        match block_on(self.journal().append(payload)) {
            Ok(done) => {
                assert_eq!(done.seq, seq);
                self.model.push(record);
                End::Done
            }
            Err(AppendError::Full) => {
                assert_eq!(self.journal().next_seq(), seq);
                End::Full
            }
            Err(AppendError::Flash(FlashError::PowerLost)) => {
                assert_eq!(
                    block_on(self.journal().append(payload)),
                    Err(AppendError::Poisoned)
                );
                let mut other = self.model.clone();
                other.push(record);
                self.other = Some(other);
                End::Cut
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The entries that a snapshot makes of the model.
    fn compacted(&self, first: u64, fresh: u8, keep_each: u64) -> Vec<Seen> {
        let own = (0..fresh).map(|index| vec![index; 1 + usize::from(index % 30)]);
        let kept = self
            .model
            .iter()
            .filter(|entry| entry.0.is_multiple_of(keep_each));
        let payloads = own.chain(kept.map(|entry| entry.2.clone()));
        (first..)
            .zip(payloads)
            .map(|(seq, payload)| (seq, Kind::Snapshot, payload))
            .collect()
    }

    fn compact(&mut self, fresh: u8, keep_each: u64, commit: bool) -> End {
        let next = self.compacted(self.journal.as_ref().unwrap().next_seq(), fresh, keep_each);
        let journal = self.journal.as_mut().unwrap();
        let mut packing = journal.packing();
        for entry in &next {
            packing.add(entry.2.len());
        }
        let fits = packing.pages() <= journal.room().pages_free;
        let (head, seq, room) = (journal.head(), journal.next_seq(), journal.room());
        let result = block_on(async {
            let mut snapshot = journal.begin_snapshot().await?;
            let written = async {
                for entry in &next[..usize::from(fresh)] {
                    snapshot.append_snapshot(&entry.2).await?;
                }
                let kept = snapshot
                    .carry(&mut |entry| entry.seq.is_multiple_of(keep_each))
                    .await;
                match kept {
                    Ok(kept) => assert_eq!(usize::from(fresh) + kept as usize, next.len()),
                    Err(CarryError::Append(error)) => return Err(error),
                    Err(CarryError::Corrupt(what)) => panic!("{what}"),
                }
                Ok(())
            };
            match written.await {
                Ok(()) if commit => snapshot.commit().await.map(|_| true),
                Err(error) if error != AppendError::Full => Err(error),
                Ok(()) => snapshot.abort().await.map(|()| false),
                Err(full) => snapshot.abort().await.and(Err(full)),
            }
        });
        match result {
            Ok(true) => {
                assert!(fits, "the packing said that it would not fit");
                let used = journal.room().pages_live;
                assert_eq!(used, packing.pages(), "the packing counts exactly");
                self.model = next;
                End::Done
            }
            Ok(false) => {
                assert_eq!(
                    (head, seq, room),
                    (journal.head(), journal.next_seq(), journal.room())
                );
                End::Done
            }
            Err(AppendError::Full) => {
                assert!(!fits, "the packing said that it would fit");
                assert_eq!(
                    (head, seq, room),
                    (journal.head(), journal.next_seq(), journal.room())
                );
                End::Full
            }
            Err(AppendError::Flash(FlashError::PowerLost)) => {
                self.other = commit.then_some(next);
                End::Cut
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn forsake(&mut self, fresh: u8) -> End {
        let result = block_on(async {
            let mut snapshot = self.journal().begin_snapshot().await?;
            for index in 0..fresh {
                snapshot.append_snapshot(&[index; 20]).await?;
            }
            Ok(())
        });
        match result {
            Ok(()) | Err(AppendError::Full) => {
                let poisoned = self.journal().is_poisoned();
                let more = block_on(self.journal().begin_snapshot()).err();
                let wanted = if poisoned {
                    AppendError::Poisoned
                } else {
                    AppendError::Full
                };
                assert_eq!(more, Some(wanted));
                self.boot();
                End::Done
            }
            Err(AppendError::Flash(FlashError::PowerLost)) => End::Cut,
            Err(error) => panic!("{error}"),
        }
    }

    fn scan(&mut self) -> End {
        self.check();
        End::Done
    }

    /// The running journal delivers the model.
    pub fn check(&mut self) {
        let mut found = Vec::new();
        let journal = self.journal.as_mut().unwrap();
        block_on(journal.scan(&mut |entry| found.push(seen(&entry)))).unwrap();
        assert_eq!(found, self.model);
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
            if found != self.model {
                assert_eq!(
                    Some(&found),
                    self.other.as_ref(),
                    "neither before nor after"
                );
                self.unacknowledged_kept += 1;
                self.model = found;
            }
            self.other = None;
            self.pages_given_up += u32::from(journal.mended().torn);
            self.journal = Some(journal);
            self.check();
            return;
        }
    }
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

/// A life in which everything happens: records of all lengths, two compactions with carried
/// records, one taken back, one forsaken, reboots.
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
    appends(&mut ops, 5);
    ops.push(Op::Abort {
        fresh: 12,
        keep_each: 5,
    });
    appends(&mut ops, 2);
    ops.push(Op::Forsake { fresh: 9 });
    appends(&mut ops, 5);
    ops.push(Op::Compact {
        fresh: 7,
        keep_each: 2,
    });
    appends(&mut ops, 4);
    ops.push(Op::Compact {
        fresh: 0,
        keep_each: 1_000_000,
    });
    appends(&mut ops, 3);
    ops
}
