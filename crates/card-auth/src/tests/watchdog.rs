//! The reader's health.

use super::*;

#[test]
fn watchdog_resets_at_every_third_failure_in_a_row_and_says_lost_once() {
    let mut watchdog = Watchdog::new(3);
    let verdicts: Vec<_> = (0..9).map(|_| watchdog.failed()).collect();
    let again = Verdict::Reset { newly_lost: false };
    assert_eq!(
        verdicts,
        [
            Verdict::Nothing,
            Verdict::Nothing,
            Verdict::Reset { newly_lost: true },
            Verdict::Nothing,
            Verdict::Nothing,
            again,
            Verdict::Nothing,
            Verdict::Nothing,
            again,
        ]
    );
    assert_eq!((watchdog.resets(), watchdog.is_lost()), (3, true));
    assert_eq!(watchdog.good(), Verdict::Back);
    assert_eq!(watchdog.good(), Verdict::Nothing);
    assert!(!watchdog.is_lost());
}

#[test]
fn failures_with_good_looks_between_them_reset_nothing() {
    let mut watchdog = Watchdog::new(3);
    for _ in 0..100 {
        assert_eq!(watchdog.failed(), Verdict::Nothing);
        assert_eq!(watchdog.failed(), Verdict::Nothing);
        assert_eq!(watchdog.good(), Verdict::Nothing);
    }
    assert_eq!(watchdog.resets(), 0);
}

#[test]
fn limit_of_zero_is_taken_for_one() {
    assert_eq!(
        Watchdog::new(0).failed(),
        Verdict::Reset { newly_lost: true }
    );
}

#[test]
fn card_that_lies_there_while_the_reader_is_reset_was_tapped_once() {
    let mut script = vec![Ok(one(1))];
    script.extend(vec![Err(Silent); 5]);
    script.extend(vec![Ok(one(1)); 5]);
    let mut watch = CardWatch::new(ScriptedReader::new(script.into_iter()));
    let events: Vec<_> = (0..11).filter_map(|_| block_on(watch.poll())).collect();
    assert_eq!(
        events,
        [
            CardEvent::Presented(card(1)),
            CardEvent::ReaderLost,
            CardEvent::ReaderBack
        ]
    );
    assert_eq!((watch.resets(), watch.release().resets()), (1, 1));
}

#[test]
fn reader_that_reads_nobody_for_five_minutes_is_refreshed_and_nobody_is_told() {
    let at = |seconds: u64| Instant::from_millis(seconds * 1000);
    let script = [Ok(Field::Empty), Ok(one(1)), Ok(Field::Many)];
    let mut watch = CardWatch::new(ScriptedReader::new(script.into_iter()));
    let mut step = |seconds| {
        block_on(watch.refresh(at(seconds)));
        (block_on(watch.poll()), watch.refreshes(), watch.resets())
    };
    assert_eq!(step(0), (None, 0, 0));
    // A card a second before it is due: the count begins anew.
    assert_eq!(step(299), (Some(CardEvent::Presented(card(1))), 0, 0));
    assert_eq!(step(300), (None, 0, 0), "several cards, none of them read");
    assert_eq!(step(599), (None, 0, 0));
    assert_eq!(step(600).1, 1);
    assert_eq!(step(601).1, 1, "once");
    assert_eq!(step(900).1, 2);
    assert_eq!(watch.release().resets(), 2);
}

#[test]
fn reader_that_is_lost_is_left_to_its_watchdog() {
    let script = vec![Err(Silent); 3];
    let mut watch = CardWatch::new(ScriptedReader::new(script.into_iter()));
    block_on(watch.refresh(Instant::START));
    (0..3).for_each(|_| drop(block_on(watch.poll())));
    assert!(watch.is_lost());
    block_on(watch.refresh(Instant::from_millis(3_600_000)));
    assert_eq!((watch.refreshes(), watch.resets()), (0, 1));
}
