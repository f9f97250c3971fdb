//! A pile asks virtual cards to prove themselves: cards of ours, others, copies, and cards that are
//! taken away.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of a test, too, end it at once"
)]

use card_auth::personalise::{self, Plan};
use card_auth::{ApduChannel, Backoff, Family, MayTry, NotProven, SiteKey, Uid, authenticate};
use embassy_futures::block_on;
use pile_sim::cards::{Application, Desfire, Ntag424, TagChannel, Taken};
use pile_units::{CardAlias, Instant};

const UID: [u8; 7] = [0x04, 0x95, 0x8c, 0xaa, 0x5c, 0x5e, 0x80];

fn site() -> SiteKey {
    SiteKey::new(*b"the site's key..")
}

fn uid() -> Uid {
    Uid::from_bytes(&UID).unwrap()
}

/// Random numbers for a test: all different.
fn draws() -> impl FnMut() -> [u8; 16] {
    let mut drawn = 0_u128;
    move || {
        drawn += 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        drawn.to_be_bytes()
    }
}

fn ntag_of(site: &SiteKey, number: [u8; 7]) -> Ntag424 {
    let mut tag = Ntag424::new(number);
    let plan = Plan::ntag424(site, &Uid::from_bytes(&number).unwrap(), "pile.example/c").unwrap();
    block_on(personalise::run(
        &mut TagChannel::new(&mut tag),
        &plan,
        draws(),
    ))
    .unwrap();
    tag
}

fn desfire_of(site: &SiteKey) -> Desfire {
    let mut card = Desfire::new(&UID);
    let plan = Plan::desfire(site, &uid());
    block_on(personalise::run(
        &mut TagChannel::new(&mut card),
        &plan,
        draws(),
    ))
    .unwrap();
    card
}

fn asked(card: impl Application) -> Result<Family, NotProven<Taken>> {
    let mut channel = TagChannel::new(card);
    block_on(authenticate(&mut channel, &uid(), &site(), [0x5a; 16])).map(|proof| proof.family())
}

#[test]
fn cards_of_this_site_prove_themselves() {
    let mut tag = ntag_of(&site(), UID);
    assert_eq!(asked(&mut tag), Ok(Family::Ntag424));
    assert_eq!(tag.failures(1), (0, 0));
    assert_eq!(asked(desfire_of(&site())), Ok(Family::Desfire));
}

#[test]
fn wupingmu_66_a_card_with_another_key_is_tried_once_and_fails() {
    let other = SiteKey::new(*b"another's key...");
    let mut tag = ntag_of(&other, UID);
    assert_eq!(asked(&mut tag), Err(NotProven::WrongKey));
    assert_eq!(tag.failures(1), (1, 1), "one attempt a presentation");
    let mut card = desfire_of(&other);
    assert_eq!(asked(&mut card), Err(NotProven::WrongKey));
    assert_eq!(card.failures(1), (1, 1));
}

#[test]
fn card_from_the_factory_that_announces_an_enrolled_uid_is_refused() {
    assert_eq!(asked(Ntag424::new(UID)), Err(NotProven::WrongKey));
}

/// A genuine card of the site, in a reader that shows another card's UID: the key is the other's.
#[test]
fn card_of_this_site_cannot_pass_for_another_card_of_this_site() {
    let mut tag = ntag_of(&site(), [4, 1, 2, 3, 4, 5, 6]);
    assert_eq!(asked(&mut tag), Err(NotProven::WrongKey));
}

/// Even a chip that was given the right key (by whoever broke the site key once) shows its own UID
/// inside.
#[test]
fn chip_with_the_right_key_and_another_uid_inside_is_an_impostor() {
    struct Moved(Ntag424);
    impl Application for Moved {
        fn power_up(&mut self) {
            self.0.power_up();
        }
        fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
            self.0.command(apdu)
        }
    }
    // Personalised with the keys of `UID`, by a writer that does not compare.
    let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
    let key = site().card_key(Family::Ntag424, card_auth::KeySlot::Pile, &uid());
    tag.set_key(1, *key.expose(), 1);
    assert_eq!(asked(Moved(tag)), Err(NotProven::Impostor));
}

#[test]
fn copy_that_says_yes_to_everything_is_an_impostor() {
    struct Yes;
    impl Application for Yes {
        fn power_up(&mut self) {}
        fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
            match apdu.get(1) {
                Some(0x71) => [vec![0x11; 16], vec![0x91, 0xaf]].concat(),
                Some(0xaf) => [vec![0x22; 32], vec![0x91, 0x00]].concat(),
                _ => vec![0x91, 0x00],
            }
        }
    }
    assert_eq!(asked(Yes), Err(NotProven::Impostor));
}

#[test]
fn plain_cards_and_random_numbers_are_not_tried() {
    struct Plain(usize);
    impl Application for Plain {
        fn power_up(&mut self) {}
        fn command(&mut self, _: &[u8]) -> Vec<u8> {
            self.0 += 1;
            vec![0x6d, 0x00]
        }
    }
    assert_eq!(asked(Plain(0)), Err(NotProven::Plain));
    assert_eq!(
        asked(Desfire::new(&UID)),
        Err(NotProven::Plain),
        "no application of ours"
    );
    let mut phone = Plain(0);
    let random = Uid::from_bytes(&[8, 1, 2, 3]).unwrap();
    let mut channel = TagChannel::new(&mut phone);
    let outcome = block_on(authenticate(&mut channel, &random, &site(), [0; 16]));
    assert_eq!(outcome.unwrap_err(), NotProven::RandomUid);
    drop(channel);
    assert_eq!(phone.0, 0);
}

#[test]
fn any_answers_end_the_question_and_prove_nothing() {
    struct Noise(u64);
    impl Application for Noise {
        fn power_up(&mut self) {}
        fn command(&mut self, _: &[u8]) -> Vec<u8> {
            let mut next = || {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                self.0 >> 40
            };
            let length = [0, 1, 2, 10, 18, 26, 34, 258][usize::try_from(next() % 8).unwrap()];
            let mut answer: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[0]).collect();
            let status = [[0x91, 0x00], [0x91, 0xaf], [0x90, 0x00], [0x91, 0xae]];
            let status = status[usize::try_from(next() % 4).unwrap()];
            answer
                .iter_mut()
                .rev()
                .zip([status[1], status[0]])
                .for_each(|(to, s)| *to = s);
            answer
        }
    }
    for seed in 0..20_000 {
        assert!(asked(Noise(seed)).is_err(), "seed {seed}");
    }
}

#[test]
fn card_at_its_limits_says_so() {
    let other = SiteKey::new(*b"another's key...");
    let mut tag = ntag_of(&other, UID);
    let mut outcomes = Vec::new();
    while outcomes.len() < 60 {
        outcomes.push(asked(&mut tag).unwrap_err());
    }
    let first = outcomes
        .iter()
        .position(|outcome| *outcome == NotProven::Delayed);
    assert_eq!(first, Some(50), "slow after 50 failures in a row");
    while tag.failures(1).1 < 1000 {
        let _ = asked(&mut tag);
    }
    assert_eq!(asked(&mut tag), Err(NotProven::Locked));
}

/// The same card with the back-off before it, presented every second for thirty days.
#[test]
fn ntag_424_50_and_1000_back_off_keeps_a_card_of_another_site_far_from_its_limits() {
    let other = SiteKey::new(*b"another's key...");
    let mut tag = ntag_of(&other, UID);
    let (alias, mut backoff) = (CardAlias::new([1; 8]), Backoff::<16>::new());
    for second in 0..30 * 24 * 3600 {
        let now = Instant::from_millis(second * 1000);
        if backoff.may_try(alias, now) == MayTry::Yes {
            let refused = asked(&mut tag).unwrap_err();
            assert!(refused.is_refusal());
            backoff.failed(alias, now);
        }
    }
    println!("failures of the card in thirty days: {:?}", tag.failures(1));
    assert_eq!(tag.failures(1), (25, 25));
    assert_ne!(asked(&mut tag), Err(NotProven::Delayed));
}

/// Cut at every byte, the card is well the next time.
fn cut_everywhere<A: Application + Clone>(card: &A, failures: impl Fn(&A) -> (u32, u32)) -> usize {
    let mut whole = TagChannel::new(card.clone());
    let _ = block_on(authenticate(&mut whole, &uid(), &site(), [0x5a; 16])).unwrap();
    let bytes = whole.carried();
    for cut in 0..bytes {
        let mut card = card.clone();
        let mut channel = TagChannel::new(&mut card);
        channel.take_after(cut);
        let outcome = block_on(authenticate(&mut channel, &uid(), &site(), [0x5a; 16]));
        assert_eq!(outcome.unwrap_err(), NotProven::Gone(Taken), "cut {cut}");
        drop(channel);
        assert!(asked(&mut card).is_ok(), "cut {cut}");
        assert_eq!(failures(&card), (0, 0), "cut {cut}");
    }
    bytes
}

#[test]
fn card_taken_away_at_any_byte_of_its_authentication_is_well_the_next_time() {
    let ntag = cut_everywhere(&ntag_of(&site(), UID), |tag| tag.failures(1));
    let desfire = cut_everywhere(&desfire_of(&site()), |card| card.failures(1));
    println!("authentication cut at {ntag} bytes of NTAG 424 DNA, {desfire} of DESFire");
    assert!(ntag > 150 && desfire > 130);
}

#[test]
fn channel_reports_the_card_as_gone_for_good() {
    let mut channel = TagChannel::new(Ntag424::new(UID));
    channel.take_after(0);
    let mut answer = [0; 258];
    for _ in 0..2 {
        let outcome = block_on(channel.exchange(&[0x90, 0x60, 0, 0, 0], &mut answer));
        assert_eq!(outcome, Err(Taken));
    }
}
