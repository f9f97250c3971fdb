//! Snapshots, and pages that are given back.

use super::*;

pub(super) async fn snapshot<F: NorFlash>(
    journal: &mut Journal<F>,
    mut piece: impl FnMut(&mut [u8; MAX_PAYLOAD]) -> Option<usize>,
) {
    journal.snapshot(&mut piece).await.unwrap();
}

/// So many pieces of 30 bytes.
fn pieces(number: usize) -> impl FnMut(&mut [u8; MAX_PAYLOAD]) -> Option<usize> {
    let mut pieces = core::iter::repeat_n(30, number);
    move |_| pieces.next()
}

#[test]
fn a_full_journal_refuses_and_changes_nothing() {
    block_on(async {
        let mut journal = formatted();
        let mut count = 0;
        while journal.append(&[count; 60]).await.is_ok() {
            count += 1;
        }
        // Eight pages of two.
        assert_eq!((count, journal.room().pages_free), (16, 0));
        let (head, image) = (journal.head(), journal.flash.clone());
        assert_eq!(journal.append(&[1; 60]).await, Err(AppendError::Full));
        assert_eq!((journal.head(), &journal.flash), (head, &image));
        // A smaller one fits the open page's rest.
        let small = journal.append(&[1; 2]).await;
        assert!(small.is_ok_and(|done| done.operations == 1));
    });
}

#[test]
fn a_page_is_given_back_only_behind_a_whole_snapshot() {
    block_on(async {
        let mut journal = formatted();
        for n in 0..4 {
            journal.append(&[n; 60]).await.unwrap();
        }
        let none = journal.reclaim(&mut |_| false).await;
        assert_eq!(none, Err(ReclaimError::NeedsSnapshot));
        let mut fails = |buffer: &mut [u8; MAX_PAYLOAD]| Some(buffer.len() + 1);
        assert!(journal.snapshot(&mut fails).await.is_err());
        let none = journal.reclaim(&mut |_| false).await;
        assert_eq!(none, Err(ReclaimError::NeedsSnapshot));
        snapshot(&mut journal, pieces(1)).await;
        journal.reclaim(&mut |_| false).await.unwrap();
        journal.reclaim(&mut |_| false).await.unwrap();
        assert_eq!(journal.room().pages_reclaimed, 2);
        // The snapshot itself stands on the next.
        let none = journal.reclaim(&mut |_| false).await;
        assert_eq!(none, Err(ReclaimError::NeedsSnapshot));
        // The page that is opened next frees them.
        assert_eq!(journal.room().pages_free, 4);
        journal.append(&[9; 160]).await.unwrap();
        assert_eq!(journal.room().pages_free, 5);
    });
}

#[test]
fn a_snapshot_that_was_cut_and_begun_anew_counts() {
    block_on(async {
        let mut journal = formatted();
        journal.append(&[0; 160]).await.unwrap();
        journal.append(b"record").await.unwrap();
        let mut cut = pieces(2);
        let mut fails = |buffer: &mut [u8; MAX_PAYLOAD]| cut(buffer).or(Some(0));
        let (seq, head) = (journal.next_seq(), journal.head());
        assert!(journal.snapshot(&mut fails).await.is_err());
        assert_eq!((journal.next_seq(), journal.head()), (seq, head));
        snapshot(&mut journal, pieces(3)).await;
        let flash = journal.release();
        let found = entries(flash.clone()).unwrap();
        assert_eq!(found.len(), 6);
        let mut journal = Journal::<_>::mount(flash, &mut |_| ()).await.unwrap();
        journal.reclaim(&mut |_| true).await.unwrap();
    });
}

#[test]
fn a_snapshot_of_nothing_counts_and_mounts() {
    block_on(async {
        let mut journal = formatted();
        journal.append(&[0; 160]).await.unwrap();
        journal.append(b"record").await.unwrap();
        snapshot(&mut journal, pieces(0)).await;
        let mut booted = Journal::<_>::mount(journal.flash.clone(), &mut |_| ())
            .await
            .unwrap();
        for journal in [&mut journal, &mut booted] {
            journal.reclaim(&mut |_| false).await.unwrap();
            let none = journal.reclaim(&mut |_| false).await;
            assert_eq!(none, Err(ReclaimError::Nothing));
        }
    });
}

#[test]
fn what_is_carried_keeps_its_number_and_is_given_once() {
    block_on(async {
        let mut journal = formatted();
        let mut kept = Vec::new();
        for n in 0..40_u8 {
            while journal.room().pages_free + journal.room().pages_reclaimed < 4 {
                if journal.reclaim(&mut |entry| entry.payload[0] < 3).await
                    == Err(ReclaimError::NeedsSnapshot)
                {
                    snapshot(&mut journal, pieces(1)).await;
                }
                // A copy beside what it was copied from is not given twice.
                let flash = journal.flash.clone();
                let mut found = entries(flash).unwrap();
                found.retain(|(_, _, payload)| payload.len() == 60 && payload[0] < 3);
                found.sort_by_key(|(seq, ..)| *seq);
                assert!(found.iter().map(|(seq, ..)| *seq).eq(kept.iter().copied()));
            }
            let done = journal.append(&[n; 60]).await.unwrap();
            if n < 3 {
                kept.push(done.seq);
            }
        }
        assert!(journal.next_seq() > 50, "{}", journal.next_seq());
        assert!(kept.len() == 3);
    });
}

/// Six records and a snapshot behind them.
async fn ready_to_give_back() -> Journal<Flash> {
    let mut journal = formatted();
    for n in 0..6 {
        journal.append(&[n; 60]).await.unwrap();
    }
    snapshot(&mut journal, pieces(1)).await;
    journal
}

async fn booted(flash: Flash) -> Journal<Flash> {
    Journal::<_>::mount(flash, &mut |_| ()).await.unwrap()
}

#[test]
fn giving_a_page_back_goes_on_where_a_boot_interrupted_it() {
    block_on(async {
        let mut journal = ready_to_give_back().await;
        journal.reclaim(&mut |_| true).await.unwrap();
        let both = journal.next_seq();
        // A boot after the first of the two copies.
        let mut journal = ready_to_give_back().await;
        let mut one = true;
        journal
            .reclaim(&mut |_| core::mem::take(&mut one))
            .await
            .unwrap();
        let mut journal = booted(journal.release()).await;
        let mut asked = Vec::new();
        journal
            .reclaim(&mut |entry| {
                asked.push(entry.seq);
                true
            })
            .await
            .unwrap();
        assert_eq!((asked, journal.next_seq()), ([2].to_vec(), both));
        journal.append(&[7; 160]).await.unwrap();
        let mut found = entries(journal.release()).unwrap();
        found.retain(|(_, kind, _)| matches!(kind, Kind::Record | Kind::Carried));
        let numbers: Vec<u64> = found.iter().map(|(seq, ..)| *seq).collect();
        assert_eq!(numbers, [3, 4, 5, 6, 1, 2, 11]);
    });
}

#[test]
fn what_a_boot_copies_or_states_anew_costs_nothing_until_a_record_follows() {
    block_on(async {
        let mut flash = ready_to_give_back().await.release();
        let room = booted(flash.clone()).await.room();
        let end = entries(flash.clone()).unwrap();
        for round in 0..20 {
            let mut journal = booted(flash).await;
            assert_eq!(journal.room(), room);
            journal.reclaim(&mut |_| true).await.unwrap();
            let mut unfinished = pieces(6);
            let mut fails = |buffer: &mut [u8; MAX_PAYLOAD]| unfinished(buffer).or(Some(0));
            if round % 2 == 0 {
                assert!(journal.snapshot(&mut fails).await.is_err());
            }
            flash = journal.release();
            assert_eq!(entries(flash.clone()).unwrap(), end);
        }
        let mut journal = booted(flash).await;
        journal.reclaim(&mut |_| true).await.unwrap();
        journal.append(&[7; 60]).await.unwrap();
        let found = entries(journal.release()).unwrap();
        let records = found.iter().filter(|(_, kind, _)| *kind == Kind::Record);
        assert_eq!(records.count(), 5);
    });
}

#[test]
fn a_page_whose_first_frame_was_torn_is_used_again() {
    block_on(async {
        let mut journal = formatted();
        journal.append(&[0; 160]).await.unwrap();
        let mut flash = journal.release();
        for torn in 0..20_u8 {
            let mut journal = booted(flash).await;
            assert_eq!((journal.next_seq(), journal.room().pages_free), (2, 7));
            journal.append(&[torn; 160]).await.unwrap();
            flash = journal.release();
            // What a cut left of the frame: its end is missing.
            let page = flash.bytes.len() / 8;
            flash.bytes[page + 84 + 9..page + 84 + 170].fill(0xff);
        }
        let mut journal = booted(flash).await;
        assert_eq!(journal.append(&[9; 160]).await.unwrap().seq, 2);
        assert_eq!(entries(journal.release()).unwrap().len(), 2);
    });
}

#[test]
fn after_a_boot_pages_count_as_reclaimed_once_a_new_page_would_free_them() {
    block_on(async {
        let mut journal = formatted();
        for n in 0..8 {
            journal.append(&[n; 60]).await.unwrap();
        }
        snapshot(&mut journal, pieces(1)).await;
        // Nothing is kept of two pages, and a record of the third is copied.
        for _ in 0..3 {
            journal.reclaim(&mut |entry| entry.seq == 5).await.unwrap();
        }
        assert_eq!(journal.room().pages_reclaimed, 3);
        let flash = journal.release();
        for (times, reclaimed) in [(0, 0), (1, 0), (2, 0), (3, 3)] {
            let mut journal = Journal::<_>::mount(flash.clone(), &mut |_| ())
                .await
                .unwrap();
            for _ in 0..times {
                journal.reclaim(&mut |entry| entry.seq == 5).await.unwrap();
            }
            let room = journal.room();
            assert_eq!(room.pages_reclaimed, reclaimed);
            // What the room says is what the next page does.
            assert_eq!(journal.append(&[9; 160]).await.unwrap().operations, 3);
            assert_eq!(journal.room().pages_free, room.pages_free + reclaimed - 1);
        }
    });
}

#[test]
fn an_export_follows_the_chain_from_its_origin_to_the_head() {
    block_on(async {
        let mut journal = formatted();
        for n in 0..6 {
            journal.append(&[n; 60]).await.unwrap();
        }
        snapshot(&mut journal, pieces(1)).await;
        journal.reclaim(&mut |_| true).await.unwrap();
        journal.append(&[7; 160]).await.unwrap();
        let mut frames = Vec::new();
        let visit = &mut |frame: RawFrame<'_>| {
            frames.push((frame.seq, frame.kind, frame.payload.to_vec()));
        };
        let mut chain = journal.export(visit).await.unwrap();
        for (seq, kind, payload) in frames {
            assert_eq!(seq, chain.seq);
            chain = chain.after(kind, &payload);
        }
        assert_eq!(
            (chain.seq, chain.head),
            (journal.next_seq(), journal.head())
        );
    });
}
