//! What cards and reader chips may say: `card_frames`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use card_auth::iso14443_4::{Ats, Block, Link, Reply, Step};
use card_auth::mfrc522::{Mfrc522, NoResetPin};
use card_auth::personalise::{self, Plan};
use card_auth::pn532::{Frame, Hsu, LONGEST_FRAME, Pn532};
use card_auth::{ApduChannel, CardReader, Field, SiteKey, Uid, authenticate};
use embassy_futures::block_on;

use crate::cards::{Application, Disturbance, RfField, Speech, VirtualCard};
use crate::mfrc522::{NoWait, VirtualMfrc522};
use crate::pn532::VirtualPn532;

/// A command that any card may get.
const COMMAND: [u8; 5] = [0x90, 0x60, 0x00, 0x00, 0x00];
/// More blocks than any transfer has: 21 pieces and 65 blocks with three repairs each, 32 waits.
const BLOCKS: u32 = 400;

/// More commands than a personalisation sends to a card that answers anything: nine instructions,
/// each in a session of its own at worst, of four commands.
const COMMANDS: usize = 60;

/// Whatever cards and reader chips say. The first byte, modulo 6, says what the others are:
///
/// - 0: an ATS, then the blocks of a card, each behind its length (255: a right `CRC_A` is added to
///   the next). A transfer ends in a bounded number of blocks.
/// - 1: the bytes of a PN532 on its UART, over and over. A look and a command end.
/// - 2: a frame of a PN532. What is read is written and read again to the same.
/// - 3: the answers of a card's application, each behind its length, and what happens to frames on
///   the air, over both readers. An answer is the card's or there is none.
/// - 4: the answers of a card that is asked for its key, each behind its length. Who does not have the
///   key proves nothing.
/// - 5: the answers of a card that is personalised. It is never called done, and what is sent ends.
///
/// # Panics
/// Where one of these is broken.
pub fn card_frames(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    match first % 6 {
        0 => blocks(rest),
        1 => babbling_chip(rest),
        2 => frame(rest),
        4 => impostor(&pieces(rest)),
        5 => unknown_chip(&pieces(rest)),
        _ => {
            let answers = pieces(rest);
            let field = RfField::default();
            let chip = VirtualMfrc522::new(field.clone());
            conversation(&field, &answers, Mfrc522::new(chip, NoResetPin, NoWait));
            let field = RfField::default();
            let uart = Hsu::new(VirtualPn532::new(field.clone()).hsu());
            conversation(&field, &answers, Pn532::new(uart, NoResetPin, NoWait));
        }
    }
}

/// Pieces behind their lengths; 255 asks for a check sum behind the piece.
fn pieces(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut seal = false;
    while let Some((length, after)) = rest.split_first() {
        rest = after;
        if *length == 255 && !seal {
            seal = true;
            continue;
        }
        let (piece, after) = rest.split_at(usize::from(*length).min(rest.len()));
        let mut piece = piece.to_vec();
        if std::mem::take(&mut seal) {
            let crc = card_auth::iso14443a::crc_a(&piece);
            piece.extend(crc);
        }
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn blocks(data: &[u8]) {
    let pieces = pieces(data);
    let Some((first, replies)) = pieces.split_first() else {
        return;
    };
    let usual = Ats::parse(&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x02, 0xf0]);
    let Some(ats) = Ats::parse(first).ok().or(usual.ok()) else {
        return;
    };
    assert!((16..=256).contains(&ats.frame_bytes()));
    for reply in replies {
        if let Ok(block) = Block::parse(reply) {
            let mut again = [0; 300];
            let length = block.emit(&mut again).unwrap_or(0);
            assert_eq!(
                Block::parse(again.get(..length).unwrap_or_default()),
                Ok(block)
            );
        }
    }
    let mut link = Link::new(&ats);
    let (mut answer, mut out) = ([0; 258], [0; 64]);
    let command: Vec<u8> = (0..=255).collect();
    let mut transfer = link.begin(&command, &mut answer);
    let mut step = transfer.first(&mut out);
    let mut replies = replies.iter().cycle();
    let mut sent = 0;
    while let Step::Send { bytes, wait_micros } = step {
        sent += 1;
        assert!(bytes <= 64 && wait_micros <= 1_600_000 && sent <= BLOCKS);
        let reply = replies.next().filter(|reply| !reply.is_empty());
        step = transfer.next(
            reply.map_or(Reply::Silence, |it| Reply::Frame(it)),
            &mut out,
        );
    }
    if let Step::Done(length) = step {
        assert!(length <= 258);
    }
}

/// A UART that says these bytes over and over.
struct Babble<'a> {
    bytes: &'a [u8],
    read: Rc<Cell<usize>>,
}

impl embedded_io_async::ErrorType for Babble<'_> {
    type Error = Infallible;
}

impl embedded_io_async::Write for Babble<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::Read for Babble<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let mut read = self.read.get();
        for room in into.iter_mut() {
            *room = self
                .bytes
                .get(read % self.bytes.len())
                .copied()
                .unwrap_or(0);
            read += 1;
        }
        self.read.set(read);
        Ok(into.len())
    }
}

fn babbling_chip(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let read = Rc::new(Cell::new(0));
    let uart = Babble {
        bytes,
        read: Rc::clone(&read),
    };
    let mut reader = Pn532::new(Hsu::new(uart), NoResetPin, NoWait);
    for _ in 0..2 {
        let _ = block_on(reader.poll());
        let mut answer = [0; 258];
        if let Ok(length) = block_on(reader.exchange_any(&mut answer)) {
            assert!((2..=258).contains(&length));
        }
    }
    assert!(read.get() < 120_000, "{} bytes were read", read.get());
}

/// One command to whatever reader.
trait ExchangeAny {
    async fn exchange_any(&mut self, answer: &mut [u8]) -> Result<usize, ()>;
}

impl<R: CardReader> ExchangeAny for R {
    async fn exchange_any(&mut self, answer: &mut [u8]) -> Result<usize, ()> {
        self.exchange(&COMMAND, answer).await.map_err(drop)
    }
}

fn frame(bytes: &[u8]) {
    if let Ok(Frame::Data(data)) = Frame::parse(bytes) {
        let mut again = [0; LONGEST_FRAME];
        // An empty frame can be read and is never written.
        if let Some(length) = Frame::emit(&[data], &mut again) {
            let again = Frame::parse(again.get(..length).unwrap_or_default());
            assert_eq!(again, Ok(Frame::Data(data)));
        }
    }
}

/// Answers with what it was given, and remembers what it said.
struct Script {
    answers: VecDeque<Vec<u8>>,
    said: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Application for Script {
    fn power_up(&mut self) {}

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        assert_eq!(apdu, COMMAND, "a card got what nobody sent");
        let answer = self.answers.pop_front().unwrap_or_default();
        self.said.borrow_mut().push(answer.clone());
        answer
    }
}

fn conversation<R: CardReader>(field: &RfField, pieces: &[Vec<u8>], mut reader: R) {
    let Some((air, answers)) = pieces.split_first() else {
        return;
    };
    let said = Rc::new(RefCell::new(Vec::new()));
    let application = Script {
        answers: answers.iter().cloned().collect(),
        said: Rc::clone(&said),
    };
    let card = VirtualCard::with_application(&[4, 1, 2, 3, 4, 5, 6], Box::new(application));
    let Ok(card) = card else { return };
    let [fsci, piece, waits] = [0, 1, 2].map(|at| air.get(at).copied().unwrap_or(7));
    field.put(card.speaking(Speech {
        fsci: fsci % 9,
        piece: usize::from(piece.max(1)),
        waits: waits % 40,
        ..Speech::default()
    }));
    field.disturb(air.iter().skip(3).map(|byte| match byte % 8 {
        0 => Disturbance::CommandLost,
        1 => Disturbance::CommandGarbled,
        2 => Disturbance::AnswerLost,
        3 => Disturbance::AnswerGarbled,
        4 => Disturbance::AnswerCut,
        _ => Disturbance::None,
    }));
    for _ in 0..answers.len().min(20) {
        if !matches!(block_on(reader.poll()), Ok(Field::One(_))) {
            continue;
        }
        let before = said.borrow().len();
        let mut answer = [0; 258];
        let came = block_on(reader.exchange_any(&mut answer));
        let said = said.borrow();
        assert!(said.len() <= before + 1, "carried out twice");
        if let Ok(length) = came {
            let last = said.last().map(Vec::as_slice);
            assert_eq!(answer.get(..length), last, "not what the card said");
        }
    }
}

/// A card that answers by a script; its air is clean.
struct Impostor<'a> {
    answers: std::slice::Iter<'a, Vec<u8>>,
    commands: usize,
}

impl ApduChannel for Impostor<'_> {
    type Error = ();

    async fn exchange(&mut self, _: &[u8], answer: &mut [u8]) -> Result<usize, ()> {
        self.commands += 1;
        let said = self.answers.next().ok_or(())?;
        let room = answer.get_mut(..said.len()).ok_or(())?;
        room.copy_from_slice(said);
        Ok(said.len())
    }
}

const UID: [u8; 7] = [4, 1, 2, 3, 4, 5, 6];

fn impostor(answers: &[Vec<u8>]) {
    let mut card = Impostor {
        answers: answers.iter(),
        commands: 0,
    };
    let (uid, site) = (Uid::from(UID), SiteKey::new([7; 16]));
    let proof = block_on(authenticate(&mut card, &uid, &site, [9; 16]));
    assert!(proof.is_err(), "proven without the key");
    assert!(card.commands <= 8, "{} commands", card.commands);
}

fn unknown_chip(answers: &[Vec<u8>]) {
    let mut card = Impostor {
        answers: answers.iter(),
        commands: 0,
    };
    let (uid, site) = (Uid::from(UID), SiteKey::new([7; 16]));
    let plans = [
        Plan::ntag424(&site, &uid, "pile.example/t").ok(),
        Some(Plan::desfire(&site, &uid)),
    ];
    let Some(plan) = plans.into_iter().nth(answers.len() % 2).flatten() else {
        return;
    };
    let mut draws = 0;
    let draw = || {
        draws += 1;
        [draws; 16]
    };
    assert!(block_on(personalise::run(&mut card, &plan, draw)).is_err());
    assert!(card.commands <= COMMANDS, "{} commands", card.commands);
}
