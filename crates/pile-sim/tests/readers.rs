//! What every reader owes the pile, whatever chip it has: the same tests for each.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helper fails as a test does"
)]

use std::cell::RefCell;
use std::rc::Rc;

use card_auth::mfrc522::Mfrc522;
use card_auth::{CardReader, ChannelError, Field};
use embassy_futures::block_on;
use pile_sim::cards::{Application, Disturbance, RfField, Speech, VirtualCard};
use pile_sim::mfrc522::{NoWait, ResetPin, VirtualMfrc522};
use proptest::prelude::*;

const UID: [u8; 7] = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
const OTHER: [u8; 7] = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x81];

/// What an [`Echo`] went through.
#[derive(Debug, Default)]
struct Diary {
    commands: Vec<Vec<u8>>,
    power_ups: u32,
}

/// Answers with what it was told, backwards, and remembers it.
#[derive(Clone, Default)]
struct Echo(Rc<RefCell<Diary>>);

impl Application for Echo {
    fn power_up(&mut self) {
        self.0.borrow_mut().power_ups += 1;
    }

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.0.borrow_mut().commands.push(apdu.to_vec());
        echo(apdu)
    }
}

/// Of at most 256 bytes, and a status.
fn echo(command: &[u8]) -> Vec<u8> {
    let mut answer: Vec<u8> = command.iter().rev().take(256).copied().collect();
    answer.extend([0x90, 0x00]);
    answer
}

/// A reader on its bench.
trait Bench {
    type Reader: CardReader;

    fn bench() -> (RfField, Self::Reader);
}

struct Rc522;

impl Bench for Rc522 {
    type Reader = Mfrc522<VirtualMfrc522, ResetPin, NoWait>;

    fn bench() -> (RfField, Self::Reader) {
        let field = RfField::default();
        let chip = VirtualMfrc522::new(field.clone());
        (field, Mfrc522::new(chip.clone(), chip.reset_pin(), NoWait))
    }
}

fn card(speech: Speech) -> (VirtualCard, Echo) {
    let echo = Echo::default();
    let card = VirtualCard::with_application(&UID, Box::new(echo.clone())).unwrap();
    (card.speaking(speech), echo)
}

fn look<R: CardReader>(reader: &mut R) -> Field {
    block_on(reader.poll()).unwrap()
}

fn is_uid(field: &Field) -> bool {
    matches!(field, Field::One(card) if card.uid.expose() == UID && card.iso14443_4)
}

fn ask<R: CardReader>(reader: &mut R, command: &[u8]) -> Result<Vec<u8>, ChannelError<R::Failure>> {
    let mut answer = [0; 258];
    let length = block_on(reader.exchange(command, &mut answer))?;
    Ok(answer[..length].to_vec())
}

fn commands_of_any_length<B: Bench>() {
    for fsci in 0..=8 {
        for piece in [1_usize, 7, 253] {
            let (field, mut reader) = B::bench();
            let (card, _) = card(Speech {
                fsci,
                piece,
                ..Speech::default()
            });
            field.put(card);
            assert!(is_uid(&look(&mut reader)));
            for length in (1..=261).step_by(13).chain([261]) {
                let command: Vec<u8> = (0..length)
                    .map(|at| u8::try_from(at % 251).unwrap())
                    .collect();
                // A block a byte is more than an honest card sends.
                let bounded = piece > 1 || length < 60;
                match ask(&mut reader, &command) {
                    Ok(answer) => assert!(answer == echo(&command) && bounded, "{fsci} {length}"),
                    Err(ChannelError::Protocol) if !bounded => break,
                    Err(error) => panic!("{error:?}: {fsci} {piece} {length}"),
                }
            }
        }
    }
}

fn card_that_asks_for_time<B: Bench>() {
    let (field, mut reader) = B::bench();
    let (slow, _) = card(Speech {
        waits: 5,
        ..Speech::default()
    });
    field.put(slow);
    look(&mut reader);
    for _ in 0..3 {
        assert_eq!(
            ask(&mut reader, &[1, 2, 3, 4]).unwrap(),
            echo(&[1, 2, 3, 4])
        );
    }
}

/// The frames of one command to a card already activated, and which of them a fault hits.
fn one_disturbance_anywhere<B: Bench>() {
    let command: Vec<u8> = (0..100).collect();
    let speech = Speech {
        fsci: 2,
        piece: 20,
        waits: 1,
        ..Speech::default()
    };
    let start = || {
        let (field, mut reader) = B::bench();
        let (card, echo) = card(speech);
        field.put(card);
        assert!(is_uid(&look(&mut reader)));
        ask(&mut reader, &[0]).unwrap();
        (field, reader, echo)
    };
    let (field, mut reader, _) = start();
    let before = field.exchanges();
    ask(&mut reader, &command).unwrap();
    let frames = field.exchanges() - before;
    assert!(frames > 8);
    for kind in [
        Disturbance::CommandLost,
        Disturbance::CommandGarbled,
        Disturbance::AnswerLost,
        Disturbance::AnswerGarbled,
        Disturbance::AnswerCut,
    ] {
        for frame in 0..frames {
            let (field, mut reader, diary) = start();
            field.disturb((0..frame).map(|_| Disturbance::None).chain([kind]));
            let answer = ask(&mut reader, &command);
            assert_eq!(answer.unwrap(), echo(&command), "{kind:?} at {frame}");
            // Carried out once, not twice.
            let carried_out = diary.0.borrow().commands[1..].to_vec();
            assert!(carried_out == [&command[..]], "{kind:?} at {frame}");
        }
    }
}

fn card_taken_at_any_byte<B: Bench>() -> u64 {
    let speech = Speech {
        fsci: 0,
        piece: 9,
        ..Speech::default()
    };
    let commands: [&[u8]; 3] = [&[0x5a; 5], &[1; 30], &[2; 8]];
    // What a whole visit takes.
    let (field, mut reader) = B::bench();
    let (whole, _) = card(speech);
    field.put(whole);
    let visit = |reader: &mut B::Reader| -> Vec<Vec<u8>> {
        if !matches!(block_on(reader.poll()), Ok(Field::One(_))) {
            return Vec::new();
        }
        commands
            .iter()
            .map_while(|command| ask(reader, command).ok())
            .collect()
    };
    assert_eq!(visit(&mut reader).len(), 3);
    let bytes = field.bytes_on_air();
    for cut in 0..bytes {
        let (field, mut reader) = B::bench();
        let (card, diary) = card(speech);
        let handle = field.put(card.clone());
        field.take_after_bytes(handle, cut);
        let answers = visit(&mut reader);
        assert_eq!(field.cards(), 0, "{cut}");
        for (answer, command) in answers.iter().zip(commands) {
            assert_eq!(answer, &echo(command), "{cut}");
        }
        assert!(answers.len() < 3, "{cut}");
        // It did no more than one command that nobody heard the answer of.
        let done = diary.0.borrow().commands.len();
        assert!(done == answers.len() || done == answers.len() + 1, "{cut}");
        // And is as good as ever.
        field.put(card);
        while !is_uid(&look(&mut reader)) {}
        assert_eq!(ask(&mut reader, &[7, 7]).unwrap(), echo(&[7, 7]), "{cut}");
    }
    bytes
}

fn next_look_ends_it<B: Bench>() {
    let (field, mut reader) = B::bench();
    let (card, diary) = card(Speech::default());
    field.put(card);
    for _ in 0..3 {
        assert!(is_uid(&look(&mut reader)));
        let before = diary.0.borrow().power_ups;
        ask(&mut reader, &[1]).unwrap();
        let opened = diary.0.borrow().power_ups;
        assert!(opened > before, "what was open is forgotten");
        ask(&mut reader, &[2]).unwrap();
        assert_eq!(diary.0.borrow().power_ups, opened, "one conversation");
    }
}

fn only_the_card_of_the_look<B: Bench>() {
    let (field, mut reader) = B::bench();
    let (good, diary) = card(Speech::default());
    let other = Echo::default();
    let intruder = VirtualCard::with_application(&OTHER, Box::new(other.clone())).unwrap();
    assert_eq!(look(&mut reader), Field::Empty);
    assert!(matches!(
        ask(&mut reader, &[1]),
        Err(ChannelError::CardGone)
    ));
    // Another card takes its place.
    let handle = field.put(good.clone());
    assert!(is_uid(&look(&mut reader)));
    field.take(handle);
    let handle = field.put(intruder.clone());
    assert!(ask(&mut reader, &[1]).is_err());
    assert!(ask(&mut reader, &[1]).is_err());
    field.take(handle);
    // Another card comes to it.
    field.put(good);
    assert!(is_uid(&look(&mut reader)));
    field.put(intruder);
    assert_eq!(ask(&mut reader, &[2]).unwrap(), echo(&[2]));
    assert_eq!(look(&mut reader), Field::Many);
    assert!(matches!(
        ask(&mut reader, &[3]),
        Err(ChannelError::CardGone)
    ));
    assert_eq!(diary.0.borrow().commands, [[2]]);
    assert!(other.0.borrow().commands.is_empty());
}

fn forgeries<B: Bench>() {
    let (field, mut reader) = B::bench();
    let (good, diary) = card(Speech::default());
    let handle = field.put(good.forged());
    let Field::One(cheap) = look(&mut reader) else {
        panic!("a card is a card");
    };
    assert!(cheap.uid.expose() == UID && !cheap.iso14443_4);
    assert!(matches!(
        ask(&mut reader, &[1]),
        Err(ChannelError::NoCommands)
    ));
    field.take(handle);
    let own = Echo::default();
    field.put(good.forged_with(Box::new(own.clone())));
    assert!(is_uid(&look(&mut reader)), "the number is all it takes");
    ask(&mut reader, &[1]).unwrap();
    assert!(diary.0.borrow().commands.is_empty());
    assert_eq!(own.0.borrow().commands.len(), 1);
}

fn disturbances() -> impl Strategy<Value = Vec<Disturbance>> {
    let one = prop_oneof![
        6 => Just(Disturbance::None),
        1 => Just(Disturbance::CommandLost),
        1 => Just(Disturbance::CommandGarbled),
        1 => Just(Disturbance::AnswerLost),
        1 => Just(Disturbance::AnswerGarbled),
        1 => Just(Disturbance::AnswerCut),
    ];
    prop::collection::vec(one, 0..60)
}

/// A right answer or an error, whatever the air does; and never the same command twice.
fn bad_air<B: Bench>(plan: &[Disturbance], commands: &[Vec<u8>], speech: Speech) {
    let (field, mut reader) = B::bench();
    let (card, diary) = card(speech);
    field.put(card);
    field.disturb(plan.iter().copied());
    let mut carried_out = 0;
    for command in commands {
        if !matches!(look(&mut reader), Field::One(_)) {
            continue;
        }
        let answer = ask(&mut reader, command);
        let done = diary.0.borrow().commands.len();
        if let Ok(answer) = answer {
            assert_eq!((answer, done), (echo(command), carried_out + 1));
        }
        assert!(done <= carried_out + 1);
        carried_out = done;
    }
    // The air clears.
    field.disturb([]);
    for _ in 0..80 {
        look(&mut reader);
    }
    assert!(is_uid(&look(&mut reader)));
    assert_eq!(ask(&mut reader, &[9, 9]).unwrap(), echo(&[9, 9]));
}

macro_rules! every_reader {
    ($($name:ident: $bench:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn commands_and_answers_of_any_length_go_to_cards_of_every_frame_size() {
                commands_of_any_length::<$bench>();
            }

            #[test]
            fn card_that_asks_for_time_gets_it() {
                card_that_asks_for_time::<$bench>();
            }

            #[test]
            fn one_disturbed_frame_anywhere_is_repaired_and_nothing_is_done_twice() {
                one_disturbance_anywhere::<$bench>();
            }

            #[test]
            fn card_taken_at_any_byte_gives_no_wrong_answer_and_stays_usable() {
                let bytes = card_taken_at_any_byte::<$bench>();
                println!("{bytes} bytes, taken at each");
                assert!(bytes > 150);
            }

            #[test]
            fn next_look_ends_what_was_open() {
                next_look_ends_it::<$bench>();
            }

            #[test]
            fn only_the_card_of_the_last_look_is_spoken_to() {
                only_the_card_of_the_look::<$bench>();
            }

            #[test]
            fn a_forgery_has_the_number_and_not_what_is_on_the_card() {
                forgeries::<$bench>();
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(64))]

                #[test]
                fn in_bad_air_an_answer_is_right_or_there_is_none(
                    plan in disturbances(),
                    commands in prop::collection::vec(
                        prop::collection::vec(any::<u8>(), 1..100), 1..6),
                    fsci in 0u8..9, piece in 4_usize..60, waits in 0u8..3,
                ) {
                    let speech = Speech { fsci, piece, waits, ..Speech::default() };
                    bad_air::<$bench>(&plan, &commands, speech);
                }
            }
        }
    )*};
}

every_reader! {
    mfrc522: Rc522;
}
