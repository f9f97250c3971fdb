//! Damage to the newest page of a ledger, at any time of its life.

use super::*;

/// The newest page, by its header.
fn newest(flash: &Flash) -> usize {
    let pages = flash.bytes.chunks(1024).enumerate();
    let that_count = pages.filter(|(_, page)| page.starts_with(b"OPLJ") && page[5] & 2 == 0);
    let counter = |page: &[u8]| u32::from_le_bytes(page[12..16].try_into().unwrap());
    that_count.max_by_key(|(_, page)| counter(page)).unwrap().0 * 1024
}

#[test]
fn a_ledger_whose_newest_page_lost_its_header_is_refused_at_any_time() {
    let (mut ledger, mut book) = format();
    let mut dice = dice(11);
    let (mut tried, mut silent) = (0, 0);
    // Progress goes on when there is no more room for anything else.
    for _ in 0..3000 {
        let room = ledger.headroom(&book);
        let record = if room.sessions < 2 || room.facts < 3 {
            crate::book::testing::progress(&book, 6, &mut dice)
        } else {
            next_record(&book, 6, &mut dice)
        };
        book.check(&record).unwrap();
        let done = block_on(ledger.append(&book, &record));
        let mut failed = done.is_err();
        if !failed {
            book.apply(&record).unwrap();
            while !failed && ledger.wants_work(&book) {
                failed = block_on(ledger.work(&book)).is_err();
            }
        }
        if failed {
            break;
        }
        let mut flash = ledger.journal.flash().clone();
        let page = newest(&flash);
        flash.bytes[page + 20] ^= 0x01;
        flash.bytes[page + 60] ^= 0x10;
        tried += 1;
        if block_on(Ledger::mount(flash)).is_ok_and(|(_, found)| found != book) {
            silent += 1;
        }
    }
    assert!(tried > 1000, "{tried}");
    assert_eq!(silent, 0, "of {tried} moments");
}
