//! I4 and I8 under damage: whatever the flash holds, a mount refuses it or delivers exactly what
//! was acknowledged; it never panics.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod journal_model;

use std::ops::Range;
use std::sync::OnceLock;

use billing_core::journal::{Corruption, Damage, Entry, Identity, Journal, Kind, MountError};
use embassy_futures::block_on;
use journal_model::{IDENTITY, Life, Op, Seen, mount_image, script, seen};
use pile_sim::flash::{CutPlan, FlashError, Progress, Tear, VirtualNor, Words};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const PAGE: usize = 256;
const PAGES: usize = 9;
const WRITE: usize = 8;
/// The padded page header.
const HEADER: usize = 88;

type Flash = VirtualNor<WRITE, PAGE>;

struct Finished {
    image: Vec<u8>,
    /// All that it delivers, pieces too.
    records: Vec<Seen>,
    /// Where the last record's frame lies.
    last: Range<usize>,
}

impl Finished {
    fn newest_page(&self) -> Range<usize> {
        let start = self.last.start / PAGE * PAGE;
        start..start + PAGE
    }
}

/// An image with everything in it: pages that were given back, a whole snapshot, carried records and
/// copies, a torn record and the recovery page behind it, a page full of records, one half full.
fn finished() -> &'static Finished {
    static FINISHED: OnceLock<Finished> = OnceLock::new();
    FINISHED.get_or_init(make_finished)
}

fn make_finished() -> Finished {
    let mut life = Life::<WRITE, PAGE>::new(PAGES);
    for op in script() {
        life.apply(&op);
    }
    life.apply(&Op::Compact {
        fresh: 5,
        keep_each: 2,
    });
    life.apply(&Op::Append(vec![7; 20]));
    life.plan(&[CutPlan {
        after_operations: 0,
        progress: Progress::Bytes(30),
        tear: Tear::Prefix,
        seed: 1,
    }]);
    life.apply(&Op::Append(vec![8; 40]));
    assert_eq!(life.pages_given_up, 1);
    for payload in [vec![1; 50], vec![2; 40], vec![3; 60], vec![4; 9]] {
        life.append_with_room(&payload);
    }
    let before = life.flash.image();
    life.apply(&Op::Append(vec![5; 13]));
    let image = life.flash.image();
    let start = (0..image.len())
        .find(|at| before[*at] != image[*at])
        .unwrap();
    assert!(start / PAGE == (start + 23) / PAGE && life.carried > 0);
    Finished {
        image,
        records: life.delivered(),
        last: start..start + 24,
    }
}

fn mount(image: &[u8]) -> Result<Vec<Seen>, MountError<FlashError>> {
    mount_image::<WRITE, PAGE>(image)
}

fn flip(image: &mut [u8], bit: usize) {
    image[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn one_wrong_bit_anywhere_changes_nothing_that_is_delivered() {
    let Finished { image, records, .. } = finished();
    let mut image = image.clone();
    for bit in 0..image.len() * 8 {
        flip(&mut image, bit);
        assert_eq!(mount(&image), Ok(records.clone()), "bit {bit}");
        flip(&mut image, bit);
    }
}

#[test]
fn two_wrong_bits_are_refused_or_change_nothing_unless_both_are_in_the_last_record() {
    let Finished {
        image,
        records,
        last,
    } = finished();
    let (mut refused, mut same) = (0, 0);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let bits = image.len() * 8;
    for _ in 0..20_000 {
        let first = random(bits);
        // Near each other as often as not: a worn word.
        let far = if random(2) == 0 {
            random(bits)
        } else {
            1 + random(80)
        };
        let second = (first + far) % bits;
        if first == second || [first, second].iter().all(|bit| last.contains(&(bit / 8))) {
            continue;
        }
        let mut damaged = image.clone();
        flip(&mut damaged, first);
        flip(&mut damaged, second);
        match mount(&damaged) {
            Ok(found) => {
                assert_eq!(&found, records, "bits {first} and {second}");
                same += 1;
            }
            Err(MountError::Corrupt(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 3_000 && same > 3_000, "{refused} {same}");
}

#[test]
fn a_damaged_record_with_others_behind_it_is_named_and_not_taken_for_a_torn_one() {
    let Finished {
        image,
        records,
        last,
    } = finished();
    let mut image = image.clone();
    let before_last = last.start - 8;
    image[before_last - 8..before_last].fill(0);
    let page = u32::try_from(last.start / PAGE).unwrap();
    let seq = records[records.len() - 2].0;
    assert_eq!(
        mount(&image),
        Err(MountError::Corrupt(Corruption {
            page,
            seq,
            kind: Damage::Frame
        }))
    );
}

#[test]
fn a_page_of_records_that_lost_its_header_is_refused() {
    let finished = finished();
    let mut image = finished.image.clone();
    let newest = finished.newest_page();
    image[newest.start..newest.start + HEADER].fill(0);
    let lost = mount(&image);
    assert!(
        matches!(
            lost,
            Err(MountError::Corrupt(Corruption {
                kind: Damage::Header,
                ..
            }))
        ),
        "{lost:?}"
    );
}

#[test]
fn a_snapshot_that_lost_its_page_is_refused_once_records_follow_it() {
    let mut life = Life::<WRITE, PAGE>::new(PAGES);
    for _ in 0..9 {
        life.apply(&Op::Append(vec![1; 30]));
    }
    let records = life.delivered();
    let end = life.flash.image();
    life.apply(&Op::Snapshot { fresh: 9 });
    let pages: Vec<usize> = (1..PAGES)
        .filter(|page| life.flash.image()[page * PAGE] == b'O' && end[page * PAGE] != b'O')
        .collect();
    assert!(pages.len() > 1, "{pages:?}");
    // Without its last page the snapshot is as good as not there, and every record stands.
    let mut image = life.flash.image();
    image[pages[pages.len() - 1] * PAGE..].fill(0xff);
    let found = mount(&image).unwrap();
    assert!(found.starts_with(&records));
    assert!(!found.iter().any(|(_, kind, _)| *kind == Kind::End));
    // Amid the log it is missed.
    let mut image = life.flash.image();
    image[pages[0] * PAGE..][..HEADER].fill(0);
    let lost = mount(&image);
    let header = |what: &Corruption| what.kind == Damage::Header;
    assert!(
        matches!(&lost, Err(MountError::Corrupt(what)) if header(what)),
        "{lost:?}"
    );
}

#[test]
fn a_record_rewritten_with_a_right_check_sum_breaks_the_chain() {
    let mut flash = Flash::new(PAGES * PAGE, Words::Once);
    let mut journal = block_on(Journal::<_>::format(flash.clone(), IDENTITY)).unwrap();
    for payload in [&b"owes 0000100 micro"[..], b"owes 0000200 micro", b"paid"] {
        assert!(block_on(journal.append(payload)).is_ok());
    }
    let mut image = flash.image();
    image[HEADER + 2 + 5] = b'9';
    let covered = HEADER..HEADER + 2 + 18 + 2;
    let sum = crc24(&image[covered.clone()]);
    image[covered.end..covered.end + 3].copy_from_slice(&sum);
    let expected = Corruption {
        page: 0,
        seq: 1,
        kind: Damage::Frame,
    };
    assert_eq!(mount(&image), Err(MountError::Corrupt(expected)));
    // The check sum is the right one: the untouched frame has it, too.
    image.clone_from(&flash.image());
    let sum = crc24(&image[covered.clone()]);
    assert_eq!(sum, image[covered.end..covered.end + 3]);
    flash = Flash::from_image(&image, Words::Once);
    assert!(block_on(Journal::<_>::mount(flash, &mut |_| ())).is_ok());
}

/// CRC-24/FLEXRAY-A, bit by bit.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let step = |crc: u32| (crc << 1) ^ (0x15d_6dcb * (crc >> 23 & 1));
    let take = |crc, byte: &u8| (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| step(crc));
    let [low, middle, high, _] = bytes.iter().fold(0xfe_dcba, take).to_le_bytes();
    [low, middle, high]
}

/// CRC-32/ISO-HDLC, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}

#[test]
fn a_header_rewritten_with_a_right_check_sum_breaks_the_chain() {
    let finished = finished();
    let newest = finished.newest_page().start;
    // The chain head, the sequence number, the base, a base that is younger than the page.
    for (at, kind) in [
        (48, Damage::Chain),
        (24, Damage::Chain),
        (16, Damage::Header),
        (18, Damage::Header),
    ] {
        let mut image = finished.image.clone();
        image[newest + at] ^= 0x40;
        let sum = crc32(&image[newest..newest + 80]);
        image[newest + 80..newest + 84].copy_from_slice(&sum.to_le_bytes());
        let refused = mount(&image);
        assert!(
            matches!(&refused, Err(MountError::Corrupt(what)) if what.kind == kind),
            "{at}: {refused:?}"
        );
    }
}

#[test]
fn an_end_frame_that_miscounts_its_snapshot_is_refused() {
    // A record, and two pieces behind it.
    let mut life = Life::<WRITE, PAGE>::new(PAGES);
    life.apply(&Op::Append(vec![7; 20]));
    life.apply(&Op::Snapshot { fresh: 2 });
    let image = life.flash.image();
    // The first piece is left out, and the rest chained anew, as a writer gone wrong might do it.
    let forge = |count: u32| {
        let mut forged = Forger::new(&image[..HEADER]);
        forged.frame(0, &[7; 20]);
        forged.frame(1, &[1; 20]);
        forged.frame(2, &count.to_le_bytes());
        let mut damaged = image.clone();
        damaged[HEADER..PAGE].fill(0xff);
        damaged[HEADER..HEADER + forged.frames.len()].copy_from_slice(&forged.frames);
        mount(&damaged)
    };
    let expected = Corruption {
        page: 0,
        seq: 3,
        kind: Damage::Misplaced,
    };
    assert_eq!(forge(2), Err(MountError::Corrupt(expected)));
    // Where they say what is true, the forger's frames verify.
    assert_eq!(forge(1).map(|found| found.len()), Ok(3));
}

/// Writes frames that verify.
struct Forger {
    seq: u64,
    head: [u8; 32],
    frames: Vec<u8>,
}

impl Forger {
    fn new(header: &[u8]) -> Self {
        Self {
            seq: u64::from_le_bytes(header[24..32].try_into().unwrap()),
            head: header[48..80].try_into().unwrap(),
            frames: Vec::new(),
        }
    }

    fn frame(&mut self, mark: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let mut hash = Sha256::new();
        hash.update(self.head);
        hash.update(self.seq.to_le_bytes());
        hash.update([mark, length]);
        hash.update(payload);
        self.head = hash.finalize().into();
        let mut frame = vec![length, mark << 6 | self.seq.to_le_bytes()[0] & 63];
        frame.extend(payload);
        frame.extend(&self.head[..2]);
        frame.extend(crc24(&frame));
        frame.resize(frame.len().next_multiple_of(WRITE), 0xff);
        self.frames.extend(frame);
        self.seq += 1;
    }
}

#[test]
fn a_page_of_another_journal_with_the_same_records_is_refused() {
    let life = |identity| {
        let flash = Flash::new(PAGES * PAGE, Words::Once);
        let made = block_on(Journal::<_>::format(flash.clone(), identity));
        let mut journal = made.unwrap();
        for index in 0..20 {
            assert!(block_on(journal.append(&[index; 30])).is_ok());
        }
        flash.image()
    };
    let (ours, theirs) = (life(IDENTITY), life(Identity::new([9; 16])));
    for page in 0..5 {
        let range = page * PAGE..(page + 1) * PAGE;
        let mut mixed = ours.clone();
        mixed[range.clone()].copy_from_slice(&theirs[range]);
        assert!(mount(&mixed).is_err(), "page {page}");
    }
}

/// A damaged image, if it mounts, is a journal that works: it delivers the same twice, takes a
/// record, and has it after a reboot.
fn mounts_to_a_working_journal_or_not_at_all(image: &[u8]) -> Option<Vec<Seen>> {
    let flash = Flash::from_image(image, Words::Once);
    let mut found = Vec::new();
    let visit = &mut |entry: Entry<'_>| found.push(seen(&entry));
    let mut journal = block_on(Journal::<_>::mount(flash.clone(), visit)).ok()?;
    let delivered = found.clone();
    if let Ok(appended) = block_on(journal.append(b"one more")) {
        found.push((appended.seq, Kind::Record, b"one more".to_vec()));
    }
    assert_eq!(mount(&flash.image()), Ok(found));
    Some(delivered)
}

#[derive(Debug, Clone)]
enum Harm {
    Overwrite { at: usize, bytes: Vec<u8> },
    Fill { at: usize, length: usize, byte: u8 },
    CopyPage { from: usize, to: usize },
    SwapPages { one: usize, other: usize },
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0..PAGES * PAGE - PAGE;
    let page = 0..PAGES;
    prop_oneof![
        (at.clone(), prop::collection::vec(any::<u8>(), 1..100))
            .prop_map(|(at, bytes)| Harm::Overwrite { at, bytes }),
        (
            at,
            1_usize..256,
            prop_oneof![Just(0), Just(0xff), any::<u8>()]
        )
            .prop_map(|(at, length, byte)| Harm::Fill { at, length, byte }),
        (page.clone(), page.clone()).prop_map(|(from, to)| Harm::CopyPage { from, to }),
        (page.clone(), page).prop_map(|(one, other)| Harm::SwapPages { one, other }),
    ]
}

/// Does it, and says which pages it touched.
fn inflict(image: &mut [u8], harm: &Harm) -> Vec<usize> {
    match harm {
        Harm::Overwrite { at, bytes } => {
            image[*at..at + bytes.len()].copy_from_slice(bytes);
            vec![at / PAGE, (at + bytes.len() - 1) / PAGE]
        }
        Harm::Fill { at, length, byte } => {
            image[*at..at + length].fill(*byte);
            vec![at / PAGE, (at + length - 1) / PAGE]
        }
        Harm::CopyPage { from, to } => {
            image.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
            vec![*to]
        }
        Harm::SwapPages { one, other } => {
            let (first, second) = (one * PAGE, other * PAGE);
            for at in 0..PAGE {
                image.swap(first + at, second + at);
            }
            vec![*one, *other]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn i8_total_over_arbitrary_images(
        image in prop::collection::vec(any::<u8>(), 3 * PAGE..=4 * PAGE),
        blank in any::<bool>(),
    ) {
        let mut image = image;
        if blank {
            image[PAGE..].fill(0xff);
        }
        mounts_to_a_working_journal_or_not_at_all(&image);
    }

    #[test]
    fn i8_total_over_damaged_images(harms in prop::collection::vec(harm(), 1..6)) {
        let mut image = finished().image.clone();
        for harm in &harms {
            inflict(&mut image, harm);
        }
        mounts_to_a_working_journal_or_not_at_all(&image);
    }

    #[test]
    fn damage_outside_the_newest_page_is_refused_or_changes_nothing(harm in harm()) {
        let finished = finished();
        let mut image = finished.image.clone();
        let touched = inflict(&mut image, &harm);
        let newest = finished.newest_page().start / PAGE;
        let delivered = mounts_to_a_working_journal_or_not_at_all(&image);
        if let Some(delivered) = delivered {
            if touched.contains(&newest) {
                // Its end may be cut off as by a power cut, but no record is altered.
                prop_assert!(finished.records.starts_with(&delivered));
            } else {
                prop_assert_eq!(&delivered, &finished.records);
            }
        }
    }
}
