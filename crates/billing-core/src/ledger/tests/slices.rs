//! An export in slices is the export.

use super::*;
use crate::journal::{Chain, ExportPlace, ExportSlice, Kind, SliceError};

/// A frame, kept.
type Frame = (u64, Kind, Vec<u8>);

fn slice(
    ledger: &mut Ledger<Flash>,
    from: Option<ExportPlace>,
    most: usize,
    all: &mut Vec<Frame>,
) -> Result<ExportSlice, SliceError<<Flash as embedded_storage_async::nor_flash::ErrorType>::Error>>
{
    let mut left = most;
    block_on(ledger.export_slice(from, |frame| {
        let takes = left > 0;
        if takes {
            left -= 1;
            all.push((frame.seq, frame.kind, frame.payload.to_vec()));
        }
        takes
    }))
}

fn whole(ledger: &mut Ledger<Flash>) -> (Chain, Vec<Frame>) {
    let mut all = Vec::new();
    let start = block_on(ledger.export(|frame| {
        all.push((frame.seq, frame.kind, frame.payload.to_vec()));
    }));
    (start.unwrap(), all)
}

/// Writes a record as the shell does; none where the ledger is full.
fn may_write(ledger: &mut Ledger<Flash>, book: &mut Book, record: &Record) -> Option<u64> {
    match block_on(ledger.append(&*book, record)) {
        Ok(done) => {
            book.apply(record).unwrap();
            while ledger.wants_work(book) {
                block_on(ledger.work(book)).unwrap();
            }
            Some(done.seq)
        }
        Err(error) => {
            assert_eq!(error, LedgerError::Append(AppendError::Full));
            None
        }
    }
}

/// The chain behind these frames.
fn chained(start: Chain, frames: &[Frame]) -> Chain {
    frames.iter().fold(start, |chain, (seq, kind, payload)| {
        assert_eq!(chain.seq, *seq);
        chain.after(*kind, payload)
    })
}

proptest! {
    #[test]
    fn slices_of_any_size_are_the_export_also_while_records_are_appended(
        seed in any::<u64>(), lived in 0usize..400, most in 1usize..80, between in 0usize..4,
        busy in prop::bool::weighted(0.3),
    ) {
        let (mut ledger, mut book) = format();
        let mut dice = dice(seed);
        for _ in 0..lived {
            let record = next_record(&book, 3, &mut dice);
            may_write(&mut ledger, &mut book, &record);
        }
        let (mut place, mut all, mut begun, mut end) = (None, Vec::new(), None, None);
        for round in 0.. {
            let oldest = ledger.journal.oldest_page();
            let taken = all.len();
            match slice(&mut ledger, place, most, &mut all) {
                Ok(slice) => {
                    begun = begun.or(Some(slice.start));
                    prop_assert!(end.is_none_or(|end| end == slice.start));
                    prop_assert_eq!(chained(slice.start, &all[taken..]), slice.end);
                    end = Some(slice.end);
                    place = Some(slice.next);
                    if slice.is_last {
                        break;
                    }
                    prop_assert_eq!(all.len(), taken + most);
                }
                Err(SliceError::Moved) => {
                    // Only a page that was given back moves, and a new export begins.
                    prop_assert!(place.is_some_and(|it: ExportPlace| it.page() < oldest));
                    (place, begun, end) = (None, None, None);
                    all.clear();
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
            for _ in 0..between.min(most.saturating_sub(1)) {
                let record = next_record(&book, 3, &mut dice);
                may_write(&mut ledger, &mut book, &record);
            }
            // So much that pages are given back, also under the export, for a while.
            let flood = if busy && round < 20 && lived > 0 { 60 } else { 0 };
            for _ in 0..flood {
                let record = progress(&book, 3, &mut dice);
                may_write(&mut ledger, &mut book, &record);
            }
        }
        let begun = begun.unwrap();
        prop_assert_eq!(chained(begun, &all).head, ledger.head());
        // Nothing but what was given back meanwhile stands before the export as it would begin now.
        let (start, frames) = whole(&mut ledger);
        let skip = usize::try_from(start.seq - begun.seq).unwrap();
        prop_assert_eq!(&all[skip..], &frames[..]);
        // And it goes on with what is appended after its end.
        let record = next_record(&book, 3, &mut dice);
        let next = ledger.next_seq();
        let seq = may_write(&mut ledger, &mut book, &record);
        let mut more = Vec::new();
        if slice(&mut ledger, place, usize::MAX, &mut more).is_ok() && seq.is_some() {
            prop_assert_eq!(more.first().map(|it| it.0), Some(next));
        }
    }

    #[test]
    fn i8_any_place_is_a_place_of_the_log_or_moved(
        seed in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..24), page in 0u8..40,
    ) {
        let (mut ledger, mut book) = format();
        let mut dice = dice(seed);
        for _ in 0..300 {
            let record = next_record(&book, 3, &mut dice);
            may_write(&mut ledger, &mut book, &record);
        }
        let bytes = [&[page][..], &bytes].concat();
        if let Ok((place, _)) = postcard::take_from_bytes::<ExportPlace>(&bytes) {
            let mut none = Vec::new();
            prop_assert_eq!(slice(&mut ledger, Some(place), 9, &mut none), Err(SliceError::Moved));
            prop_assert!(none.is_empty());
        }
    }
}

#[test]
fn a_place_whose_page_was_given_back_has_moved() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(5);
    let mut some = Vec::new();
    let commissioned = next_record(&book, 3, &mut dice);
    write(&mut ledger, &mut book, &commissioned);
    let mut life = |ledger: &mut Ledger<Flash>, until: u32| {
        while ledger.journal.oldest_page() < until {
            let record = progress(&book, 3, &mut dice);
            write(ledger, &mut book, &record);
        }
    };
    life(&mut ledger, 1);
    let first = slice(&mut ledger, None, 3, &mut some).unwrap();
    let again = slice(&mut ledger, Some(first.next), 1, &mut some).unwrap();
    assert_eq!((some.len(), again.start), (4, first.end));
    life(&mut ledger, 4);
    let moved = slice(&mut ledger, Some(first.next), 1, &mut some);
    assert_eq!((moved, some.len()), (Err(SliceError::Moved), 4));
}

#[test]
fn a_place_of_another_ledger_has_moved() {
    let (mut ours, _) = format();
    let other = Identity::new(*b"another ledger..");
    let (mut theirs, book) = block_on(Ledger::format(Flash::new(), other)).unwrap();
    let record = next_record(&book, 3, &mut dice(1));
    for ledger in [&mut ours, &mut theirs] {
        block_on(ledger.append(&book, &record)).unwrap();
    }
    let mut none = Vec::new();
    let place = slice(&mut theirs, None, 0, &mut none).unwrap().next;
    assert!(slice(&mut theirs, Some(place), 0, &mut none).is_ok());
    assert_eq!(
        slice(&mut ours, Some(place), 0, &mut none),
        Err(SliceError::Moved)
    );
}

#[test]
fn an_empty_ledger_is_one_empty_slice() {
    let (mut ledger, _) = format();
    let mut none = Vec::new();
    let slice = slice(&mut ledger, None, 9, &mut none).unwrap();
    assert!(slice.is_last && none.is_empty());
    assert_eq!(
        (slice.start, slice.end),
        (Chain::genesis(IDENTITY), slice.start)
    );
}
