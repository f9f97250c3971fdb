//! Clocks that are set back: nothing ends before it begins.

use super::super::testing::{closing, segment};
use super::*;
use pile_units::ClockQuality;

/// So many seconds before [`AT`].
fn before(seconds: u32) -> WallTime {
    WallTime {
        unix: pile_units::UnixSeconds::new(AT.unix.get() - seconds),
        ..AT
    }
}

fn after(seconds: u32) -> WallTime {
    WallTime {
        unix: AT.unix.plus(seconds),
        ..AT
    }
}

fn set_back() -> Book {
    let set = Record::ClockSet {
        from: AT,
        to: before(3600),
    };
    and(&charging(), [set])
}

#[test]
fn a_segment_that_ends_before_it_began_is_refused() {
    let book = set_back();
    let mut wrong = segment(book.session(port(1)).unwrap(), AT, 1000);
    wrong.to = before(1);
    let next = BandIndex::FIRST;
    refused(
        &book,
        &Record::LastSegment { segment: wrong },
        FoldError::Time,
    );
    let split = Record::SegmentClosed {
        segment: wrong,
        next,
    };
    refused(&book, &split, FoldError::Time);
    // Whatever the quality says of it.
    wrong.to.quality = ClockQuality::Unknown;
    refused(
        &book,
        &Record::LastSegment { segment: wrong },
        FoldError::Time,
    );
    wrong.to = before(1).not_before(wrong.from);
    assert_eq!(wrong.to.quality, ClockQuality::Informative);
    assert_eq!(book.check(&Record::LastSegment { segment: wrong }), Ok(()));
}

#[test]
fn a_bill_before_the_end_of_its_last_segment_is_refused() {
    let book = charging();
    let last = closing(&book, book.session(port(1)).unwrap(), after(60), 1000).unwrap();
    let book = and(&book, [last]);
    let session = book.session(port(1)).unwrap();
    // An ended session says when it ended.
    assert_eq!((session.opened, session.segment.from), (AT, after(60)));
    let mut closed = session_closed(&book);
    closed.closed = after(59);
    refused(&book, &Record::SessionClosed(closed), FoldError::Time);
    closed.closed = after(60);
    assert_eq!(book.check(&Record::SessionClosed(closed)), Ok(()));
}

#[test]
fn an_end_that_was_moved_does_not_move_the_clock() {
    let book = set_back();
    assert_eq!(book.last(), before(3600));
    let session = book.session(port(1)).unwrap();
    let segment = segment(session, before(3500), 1000);
    assert_eq!(segment.to.unix, AT.unix);
    let next = BandIndex::FIRST;
    let book = and(&book, [Record::SegmentClosed { segment, next }]);
    assert_eq!(book.last(), before(3600));
    // Progress goes on from the clock as it was set.
    let progress = Record::Progress {
        elapsed: 120,
        advances: Advances::default(),
    };
    let book = and(&book, [progress]);
    assert_eq!(book.last(), before(3480));
    let last = closing(&book, book.session(port(1)).unwrap(), book.last(), 1000).unwrap();
    let book = and(&book, [last]);
    let bill = closing(&book, book.session(port(1)).unwrap(), book.last(), 0).unwrap();
    let book = and(&book, [bill]);
    assert_eq!(book.last(), before(3480));
    assert_eq!(book.account(AccountId::new(1)).unwrap().sessions, 1);
}

#[test]
fn a_segment_that_took_its_time_tells_it() {
    let book = charging();
    let last = closing(&book, book.session(port(1)).unwrap(), after(60), 1000).unwrap();
    assert_eq!(last.time_after(AT), after(60));
    assert_eq!(and(&book, [last]).last(), after(60));
}

#[test]
fn a_snapshot_of_a_session_that_ended_before_it_opened_is_refused() {
    let pieces: Vec<_> = charging().pieces().collect();
    let mut book = Book::new();
    for piece in pieces {
        if let Piece::Session(mut session) = piece {
            session.opened = after(1);
            let refused = book.restore(&Piece::Session(session));
            assert_eq!(refused, Err(FoldError::Time));
            return;
        }
        book.restore(&piece).unwrap();
    }
    panic!("there was a session");
}
