//! Cards are made ours, whatever happens on the way; and what a phone then reads verifies.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of a test, too, end it at once"
)]

use card_auth::personalise::{self, Done, Plan, Unfinished};
use card_auth::sdm::{NotGenuine, ReplayGuard, Replayed, SunMessage};
use card_auth::{Family, KeySlot, NotProven, SiteKey, Uid, authenticate};
use embassy_futures::block_on;
use pile_sim::cards::{Application, Desfire, Ntag424, TagChannel, Taken};

const UID: [u8; 7] = [0x04, 0x95, 0x8c, 0xaa, 0x5c, 0x5e, 0x80];

fn site() -> SiteKey {
    SiteKey::new(*b"the site's key..")
}

fn uid() -> Uid {
    Uid::from_bytes(&UID).unwrap()
}

fn draws() -> impl FnMut() -> [u8; 16] {
    let mut drawn = 0_u128;
    move || {
        drawn += 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        drawn.to_be_bytes()
    }
}

fn plan() -> Plan {
    Plan::ntag424(&site(), &uid(), "pile.example/c").unwrap()
}

fn run<A: Application>(card: A, plan: &Plan) -> Result<Done, Unfinished<Taken>> {
    block_on(personalise::run(&mut TagChannel::new(card), plan, draws()))
}

/// What a phone makes of the NDEF message: the address.
fn address(ndef: &[u8]) -> Vec<u8> {
    let length = usize::from(ndef[1]);
    assert_eq!(&ndef[2..4], &[0xd1, 0x01], "one short well-known record");
    assert_eq!(usize::from(ndef[4]), length - 4);
    assert_eq!(&ndef[5..7], b"U\x04");
    [b"https://".to_vec(), ndef[7..2 + length].to_vec()].concat()
}

fn assert_finished(tag: &mut Ntag424) {
    for slot in KeySlot::ALL {
        let key = site().card_key(Family::Ntag424, slot, &uid());
        assert_eq!(
            tag.key(usize::from(slot.number())),
            Some((*key.expose(), 1))
        );
    }
    let mut channel = TagChannel::new(&mut *tag);
    assert!(block_on(authenticate(&mut channel, &uid(), &site(), [1; 16])).is_ok());
    drop(channel);
    let read = address(&tag.tap());
    assert_eq!(
        SunMessage::parse(&read)
            .unwrap()
            .verify(&site())
            .unwrap()
            .uid,
        uid()
    );
}

#[test]
fn tag_from_the_factory_becomes_ours_and_a_second_run_changes_nothing() {
    let mut tag = Ntag424::new(UID);
    // Ten steps, but the second half of a short address is zeros on a new tag.
    assert_eq!(run(&mut tag, &plan()), Ok(Done { changed: 9 }));
    assert_finished(&mut tag);
    assert_eq!(run(&mut tag, &plan()), Ok(Done { changed: 0 }));
    assert_finished(&mut tag);
    assert_eq!(tag.failures(0), (0, 0), "no key was tried in vain");
}

#[test]
fn desfire_becomes_ours_and_a_second_run_changes_nothing() {
    let (mut card, plan) = (Desfire::new(&UID), Plan::desfire(&site(), &uid()));
    assert_eq!(run(&mut card, &plan), Ok(Done { changed: 3 }));
    assert_eq!(run(&mut card, &plan), Ok(Done::default()));
    for slot in [KeySlot::Master, KeySlot::Pile] {
        let key = site().card_key(Family::Desfire, slot, &uid());
        assert_eq!(
            card.key(usize::from(slot.number())),
            Some((*key.expose(), 1))
        );
    }
}

#[test]
fn another_card_than_the_plans_is_not_changed() {
    let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
    assert_eq!(run(&mut tag, &plan()), Err(Unfinished::OtherCard));
    assert_eq!(tag.key(1), Some(([0; 16], 0)));
}

#[test]
fn card_of_another_site_costs_two_attempts_and_is_not_changed() {
    let mut tag = Ntag424::new(UID);
    let other = SiteKey::new(*b"another's key...");
    let theirs = Plan::ntag424(&other, &uid(), "other.example").unwrap();
    run(&mut tag, &theirs).unwrap();
    let refused = Err(Unfinished::Card(NotProven::WrongKey));
    assert_eq!(run(&mut tag, &plan()), refused);
    assert_eq!(tag.failures(0), (2, 2));
}

#[test]
fn key_of_somebody_else_is_left_alone() {
    let mut tag = Ntag424::new(UID);
    tag.set_key(3, [9; 16], 7);
    assert_eq!(run(&mut tag, &plan()), Err(Unfinished::ForeignKey(3)));
    assert_eq!(tag.key(3), Some(([9; 16], 7)));
}

/// The sweep: the card is taken away at every byte, then presented again.
#[test]
fn card_taken_away_at_any_byte_of_its_personalisation_is_finished_by_the_next_run() {
    let mut whole = TagChannel::new(Ntag424::new(UID));
    block_on(personalise::run(&mut whole, &plan(), draws())).unwrap();
    let (bytes, commands) = (whole.carried(), whole.log().len());
    for cut in 0..bytes {
        let mut tag = Ntag424::new(UID);
        let mut channel = TagChannel::new(&mut tag);
        channel.take_after(cut);
        let first = block_on(personalise::run(&mut channel, &plan(), draws()));
        assert_eq!(
            first,
            Err(Unfinished::Card(NotProven::Gone(Taken))),
            "cut {cut}"
        );
        drop(channel);
        run(&mut tag, &plan()).unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
        assert_finished(&mut tag);
        assert_eq!(tag.failures(0), (0, 0), "cut {cut}");
    }
    let mut whole = TagChannel::new(Desfire::new(&UID));
    let desfire = Plan::desfire(&site(), &uid());
    block_on(personalise::run(&mut whole, &desfire, draws())).unwrap();
    for cut in 0..whole.carried() {
        let mut card = Desfire::new(&UID);
        let mut channel = TagChannel::new(&mut card);
        channel.take_after(cut);
        assert!(block_on(personalise::run(&mut channel, &desfire, draws())).is_err());
        drop(channel);
        run(&mut card, &desfire).unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
        assert_eq!(run(&mut card, &desfire), Ok(Done::default()));
    }
    println!(
        "personalisation cut at {bytes} bytes of {commands} commands of NTAG 424 DNA, at {} bytes \
         of {} commands of DESFire",
        whole.carried(),
        whole.log().len(),
    );
}

#[test]
fn every_tap_of_a_phone_is_signed_and_none_counts_twice() {
    let mut tag = Ntag424::new(UID);
    run(&mut tag, &plan()).unwrap();
    let mut guard = ReplayGuard::new();
    let taps: Vec<_> = (0..5).map(|_| address(&tag.tap())).collect();
    for (count, read) in (1..).zip(&taps) {
        let tap = SunMessage::parse(read).unwrap().verify(&site()).unwrap();
        assert_eq!(tap.counter.get(), count);
        assert_eq!(guard.accept(tap.counter), Ok(()));
        assert_eq!(guard.accept(tap.counter), Err(Replayed));
    }
    let old = SunMessage::parse(&taps[1])
        .unwrap()
        .verify(&site())
        .unwrap();
    assert_eq!(guard.accept(old.counter), Err(Replayed), "an old photo");
}

#[test]
fn address_with_one_digit_altered_is_not_genuine() {
    let mut tag = Ntag424::new(UID);
    run(&mut tag, &plan()).unwrap();
    let read = address(&tag.tap());
    let start = read.iter().position(|byte| *byte == b'=').unwrap() + 1;
    for at in start..read.len() {
        let mut altered = read.clone();
        altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
        let outcome = SunMessage::parse(&altered).map(|message| message.verify(&site()));
        assert!(matches!(outcome, Err(_) | Ok(Err(NotGenuine))), "at {at}");
    }
    let other = SiteKey::new(*b"another's key...");
    let message = SunMessage::parse(&read).unwrap();
    assert_eq!(message.verify(&other), Err(NotGenuine));
}

#[test]
fn longest_address_fits_and_one_more_does_not() {
    let mut tag = Ntag424::new(UID);
    let longest = "x".repeat(195);
    let plan = Plan::ntag424(&site(), &uid(), &longest).unwrap();
    run(&mut tag, &plan).unwrap();
    assert_finished(&mut tag);
    for bad in ["", "a b", "a?b", "ü", &"x".repeat(196)] {
        assert!(Plan::ntag424(&site(), &uid(), bad).is_err(), "{bad}");
    }
}

/// A chip that another kit left half done still opens with the factory's key 0, and its other keys have
/// the version that ours have.
#[test]
fn card_that_another_site_left_half_done_keeps_its_key_0_or_becomes_ours() {
    let other = SiteKey::new(*b"another's key...");
    let theirs = Plan::ntag424(&other, &uid(), "pile.example/c").unwrap();
    let mut whole = TagChannel::new(Ntag424::new(UID));
    block_on(personalise::run(&mut whole, &theirs, draws())).unwrap();
    let (mut ours, mut theirs_to_finish, mut finished) = (0, 0, 0);
    for cut in 0..whole.carried() {
        let mut tag = Ntag424::new(UID);
        let mut channel = TagChannel::new(&mut tag);
        channel.take_after(cut);
        assert!(block_on(personalise::run(&mut channel, &theirs, draws())).is_err());
        drop(channel);
        let before = (0..5).map(|number| tag.key(number)).collect::<Vec<_>>();
        match run(&mut tag, &plan()) {
            Ok(_) => {
                assert_finished(&mut tag);
                ours += 1;
            }
            Err(Unfinished::ForeignKey(number)) => {
                let after = (0..5).map(|number| tag.key(number)).collect::<Vec<_>>();
                assert_eq!(after, before, "cut {cut}");
                let failures: Vec<_> = (0..5).map(|number| tag.failures(number).1).collect();
                assert_eq!(failures.iter().sum::<u32>(), 1, "cut {cut}: {failures:?}");
                assert_eq!(failures[usize::from(number)], 1, "cut {cut}");
                run(&mut tag, &theirs).unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
                theirs_to_finish += 1;
            }
            Err(error) => {
                assert_eq!(error, Unfinished::Card(NotProven::WrongKey), "cut {cut}");
                run(&mut tag, &theirs).unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
                finished += 1;
            }
        }
    }
    assert!(ours > 0 && theirs_to_finish > 0 && finished > 0);
    println!(
        "another site's card cut at {} bytes: {ours} became ours, {theirs_to_finish} were left for \
         the other site to finish, {finished} were finished",
        whole.carried()
    );
}

/// Says whatever it was given, over and over.
struct Says {
    replies: Vec<Vec<u8>>,
    heard: usize,
}

impl Says {
    const fn new(replies: Vec<Vec<u8>>) -> Self {
        Self { replies, heard: 0 }
    }
}

impl Application for Says {
    fn power_up(&mut self) {}
    fn command(&mut self, _: &[u8]) -> Vec<u8> {
        self.heard += 1;
        assert!(self.heard <= 60, "it never ends");
        self.replies[self.heard % self.replies.len()].clone()
    }
}

fn reply() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let status = prop_oneof![
        Just([0x90, 0x00]),
        Just([0x91, 0x00]),
        Just([0x91, 0xaf]),
        Just([0x91, 0xae]),
        any::<[u8; 2]>(),
    ];
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::collection::vec(any::<u8>(), 16),
        prop::collection::vec(any::<u8>(), 32),
    ];
    (data, status).prop_map(|(data, status)| [data, status.to_vec()].concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3_000))]

    /// I8: no replies of a chip prove anything, leave the code in a loop or panic.
    #[test]
    fn i8_any_replies_prove_nothing_and_end(replies in proptest::collection::vec(reply(), 1..6)) {
        let mut channel = TagChannel::new(Says::new(replies.clone()));
        assert!(block_on(authenticate(&mut channel, &uid(), &site(), [1; 16])).is_err());
        assert!(run(Says::new(replies.clone()), &plan()).is_err());
        assert!(run(Says::new(replies), &Plan::desfire(&site(), &uid())).is_err());
    }
}
