//! Runs that were kept leave, played again, the flash that they left.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use billing_core::receipt::{SoftwareKey, verify};
use embassy_futures::block_on;
use pile_controller::playback::{MAX_STEP, PlayError, Played, Step, play};
use pile_sim::flash::{VirtualNor, Words};
use pile_sim::life::{RUN_ERASE, RUN_FLASH, RUN_WRITE, Run, runs, site};

fn played(run: &Run) -> (Vec<u8>, String, Played) {
    let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
    let flash = VirtualNor::<RUN_WRITE, RUN_ERASE>::new(RUN_FLASH, Words::Once);
    let mut receipts = String::new();
    let bytes = run.bytes();
    let mut rest = &bytes[..];
    let steps = core::iter::from_fn(|| {
        let (step, after) = Step::decode(rest)?;
        rest = after;
        Some(step)
    });
    let site = site(Some(&key));
    let played = block_on(play(&site, flash.clone(), steps, &mut receipts)).unwrap();
    assert!(rest.is_empty(), "every step is read");
    (flash.probe().image(), receipts, played)
}

#[test]
fn a_run_played_again_leaves_the_same_flash_and_its_receipts_verify() {
    let key = SoftwareKey::from_bytes(&[7; 32]).unwrap().public_key();
    let (mut sessions, mut records) = (0, 0);
    for run in runs(25).unwrap() {
        let (image, receipts, played) = played(&run);
        assert!(image == run.image, "{}", run.name);
        assert_eq!(usize::try_from(played.steps), Ok(run.steps.len()));
        for receipt in receipts.lines() {
            assert!(verify(receipt, &key).is_ok(), "{}: {receipt}", run.name);
        }
        assert_eq!(
            receipts.lines().count(),
            played.sessions.try_into().unwrap()
        );
        sessions += played.sessions;
        records += played.records;
    }
    assert!(sessions > 50 && records > 1_000, "{sessions} {records}");
}

#[test]
fn a_run_that_is_altered_leaves_another_flash_and_other_moves() {
    let run = &runs(0).unwrap()[0];
    let (image, receipts, before) = played(run);
    let mut other = run.clone();
    let last = other.steps.len() - 2;
    other.steps.remove(last / 2);
    let (image_after, _, after) = played(&other);
    assert!(image != image_after && before != after);
    assert!(receipts.starts_with("OCMF|{"));
}

#[test]
fn the_longest_step_is_kept_and_what_is_no_run_is_refused() {
    let longest = runs(25).unwrap().into_iter().flat_map(|run| run.steps);
    let longest = longest
        .map(|step| step.encode(&mut [0; MAX_STEP]).len())
        .max()
        .unwrap();
    assert!((40..MAX_STEP).contains(&longest), "{longest}");
    let run = &runs(0).unwrap()[0];
    let without = run.steps.iter().skip(1).cloned();
    let flash = VirtualNor::<RUN_WRITE, RUN_ERASE>::new(RUN_FLASH, Words::Once);
    let refused = block_on(play(&site(None), flash, without, &mut String::new()));
    assert_eq!(refused, Err(PlayError::NotBooted));
}
