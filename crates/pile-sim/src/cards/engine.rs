//! What NTAG 424 DNA and DESFire EV2 have in common: keys, failure counters, authentication and
//! secure messaging, from the card's side (NT4H2421Gx clauses 9 and 10).
//!
//! Written from the data sheet over the bare cipher, without the reader's code: the two ends are
//! two opinions. Failure counters (AN12196 clause 6.4): from 50 failures in a row on, a key owes one
//! refused attempt (91ADh) more after each failure, in place of the real card's seconds; at 1,000
//! failures in all it is locked (919Dh). A success forgives the row and ten of the total; a new key
//! forgives all.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};

/// The status bytes after 91h.
pub(super) mod sw {
    pub const OK: u8 = 0x00;
    pub const ILLEGAL_COMMAND: u8 = 0x1c;
    pub const INTEGRITY: u8 = 0x1e;
    pub const NO_SUCH_KEY: u8 = 0x40;
    pub const LENGTH: u8 = 0x7e;
    pub const DENIED: u8 = 0x9d;
    pub const PARAMETER: u8 = 0x9e;
    pub const NO_SUCH_APPLICATION: u8 = 0xa0;
    pub const DELAY: u8 = 0xad;
    pub const AUTHENTICATION: u8 = 0xae;
    pub const MORE: u8 = 0xaf;
    pub const BOUNDARY: u8 = 0xbe;
    pub const DUPLICATE: u8 = 0xde;
    pub const NO_SUCH_FILE: u8 = 0xf0;
}

/// Failures in a row that make a card slow.
const SLOW: u32 = 50;
/// Failures in all that lock a key.
const LOCKED: u32 = 1000;
/// Failures in all that a success forgives.
const FORGIVEN: u32 = 10;

pub(super) type Block = [u8; 16];

pub(super) fn encrypt(key: &Block, iv: Block, data: &[u8]) -> Vec<u8> {
    let cipher = Aes128::new(&Array::from(*key));
    let mut last = iv;
    let mut out = Vec::new();
    for chunk in data.as_chunks::<16>().0 {
        let mixed: Vec<u8> = chunk.iter().zip(last).map(|(a, b)| a ^ b).collect();
        let mut block = Array::from(to_block(&mixed));
        cipher.encrypt_block(&mut block);
        last = block.into();
        out.extend(last);
    }
    out
}

pub(super) fn decrypt(key: &Block, iv: Block, data: &[u8]) -> Vec<u8> {
    let cipher = Aes128::new(&Array::from(*key));
    let mut last = iv;
    let mut out = Vec::new();
    for chunk in data.as_chunks::<16>().0 {
        let mut block = Array::from(*chunk);
        cipher.decrypt_block(&mut block);
        out.extend(block.iter().zip(last).map(|(a, b)| a ^ b));
        last = *chunk;
    }
    out
}

pub(super) fn mac(key: &Block, data: &[u8]) -> Block {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(&Array::from(*key));
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// Every second byte of a MAC.
pub(super) fn short_mac(key: &Block, data: &[u8]) -> Vec<u8> {
    mac(key, data).into_iter().skip(1).step_by(2).collect()
}

pub(super) fn to_block(bytes: &[u8]) -> Block {
    let mut block = [0; 16];
    block
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    block
}

fn turned(mut block: Block) -> Block {
    block.rotate_left(1);
    block
}

/// How a command is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Mac,
    Full,
}

/// A key and what happened to it.
#[derive(Clone, Default)]
pub(super) struct Key {
    pub value: Block,
    pub version: u8,
    pub in_a_row: u32,
    pub in_all: u32,
    pub owed: u32,
}

#[derive(Clone)]
struct Session {
    number: u8,
    enc: Block,
    mac: Block,
    ti: [u8; 4],
    counter: u16,
}

#[derive(Clone)]
enum State {
    Closed,
    /// The challenge is out. The transaction continues where it is `AuthenticateEV2NonFirst`.
    Asked(u8, Block, Option<([u8; 4], u16)>),
    Open(Session),
}

/// Keys, counters, authentication.
#[derive(Clone)]
pub(super) struct Engine {
    pub uid: Vec<u8>,
    pub keys: Vec<Key>,
    state: State,
    pub drawn: u32,
}

impl Engine {
    pub fn new(uid: &[u8], keys: usize) -> Self {
        Self {
            uid: uid.to_vec(),
            keys: vec![Key::default(); keys],
            state: State::Closed,
            drawn: 0,
        }
    }

    /// Forgets the session; the numbers drawn go on, as a card's generator does.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// The number of the key of the session.
    pub const fn authenticated(&self) -> Option<u8> {
        match &self.state {
            State::Open(session) => Some(session.number),
            _ => None,
        }
    }

    /// Sixteen bytes nobody can guess who does not know the model.
    pub fn random(&mut self) -> Block {
        self.drawn += 1;
        let mut seed = self.uid.clone();
        seed.extend(self.drawn.to_be_bytes());
        mac(&[0xc4; 16], &seed)
    }

    /// An error ends the session.
    pub fn fail(&mut self, code: u8) -> Vec<u8> {
        self.close();
        vec![0x91, code]
    }

    /// Takes the commands that every such card has; `None` for any other.
    pub fn command(&mut self, instruction: u8, body: &[u8]) -> Option<Vec<u8>> {
        let outcome = match instruction {
            0x71 => self.ask(body, true),
            0x77 => self.ask(body, false),
            0xaf => self.prove(body),
            0x51 => self.card_uid(body),
            0x64 => self.key_version(body),
            0xc4 => self.change_key(body),
            _ => return None,
        };
        Some(outcome.unwrap_or_else(|code| self.fail(code)))
    }

    fn ask(&mut self, body: &[u8], first: bool) -> Result<Vec<u8>, u8> {
        let transaction = match (first, &self.state) {
            (true, _) => None,
            (false, State::Open(session)) => Some((session.ti, session.counter)),
            (false, _) => return Err(sw::DENIED),
        };
        let number = match (first, body) {
            (true, [number, capabilities, rest @ ..])
                if rest.len() == usize::from(*capabilities) && rest.len() <= 6 =>
            {
                *number
            }
            (false, [number]) => *number,
            _ => return Err(sw::LENGTH),
        };
        let rnd_b = self.random();
        let key = self
            .keys
            .get_mut(usize::from(number))
            .ok_or(sw::NO_SUCH_KEY)?;
        if key.in_all >= LOCKED {
            return Err(sw::DENIED);
        }
        if key.owed > 0 {
            key.owed -= 1;
            return Err(sw::DELAY);
        }
        let mut answer = encrypt(&key.value, [0; 16], &rnd_b);
        answer.extend([0x91, sw::MORE]);
        self.state = State::Asked(number, rnd_b, transaction);
        Ok(answer)
    }

    fn prove(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let State::Asked(number, rnd_b, transaction) = self.state.clone() else {
            return Err(sw::ILLEGAL_COMMAND);
        };
        if body.len() != 32 {
            return Err(sw::LENGTH);
        }
        let fresh = self.random();
        let key = self
            .keys
            .get_mut(usize::from(number))
            .ok_or(sw::NO_SUCH_KEY)?;
        let plain = decrypt(&key.value, [0; 16], body);
        let (rnd_a, shown) = plain.split_at_checked(16).ok_or(sw::LENGTH)?;
        if shown != turned(rnd_b) {
            key.in_a_row += 1;
            key.in_all += 1;
            key.owed = (key.in_a_row + 1).saturating_sub(SLOW);
            return Err(sw::AUTHENTICATION);
        }
        key.in_a_row = 0;
        key.in_all = key.in_all.saturating_sub(FORGIVEN);
        let rnd_a = to_block(rnd_a);
        let session = |label: [u8; 2]| {
            let mut vector = label.to_vec();
            vector.extend([0x00, 0x01, 0x00, 0x80]);
            vector.extend(rnd_a.iter().take(2));
            vector.extend(rnd_a.iter().skip(2).take(6).zip(rnd_b).map(|(a, b)| a ^ b));
            vector.extend(rnd_b.iter().skip(6));
            vector.extend(rnd_a.iter().skip(8));
            mac(&key.value, &vector)
        };
        let (ti, counter) = transaction.unwrap_or_else(|| {
            let [a, b, c, d, ..] = fresh;
            ([a, b, c, d], 0)
        });
        let opened = Session {
            number,
            enc: session([0xa5, 0x5a]),
            mac: session([0x5a, 0xa5]),
            ti,
            counter,
        };
        let mut reply = Vec::new();
        if transaction.is_none() {
            reply.extend(ti);
            reply.extend(turned(rnd_a));
            reply.extend([0; 12]);
        } else {
            reply.extend(turned(rnd_a));
        }
        let mut answer = encrypt(&key.value, [0; 16], &reply);
        answer.extend([0x91, sw::OK]);
        self.state = State::Open(opened);
        Ok(answer)
    }

    /// Checks and decrypts a command: its header and its data.
    pub fn open(
        &mut self,
        mode: Mode,
        instruction: u8,
        header: usize,
        body: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), u8> {
        let State::Open(session) = &self.state else {
            let (header, data) = body.split_at_checked(header).ok_or(sw::LENGTH)?;
            return if mode == Mode::Plain {
                Ok((header.to_vec(), data.to_vec()))
            } else {
                Err(sw::AUTHENTICATION)
            };
        };
        let body = if mode == Mode::Plain {
            body
        } else {
            let (body, shown) = body.split_last_chunk::<8>().ok_or(sw::LENGTH)?;
            let mut input = vec![instruction];
            input.extend(session.counter.to_le_bytes());
            input.extend(session.ti);
            input.extend(body);
            if short_mac(&session.mac, &input) != shown {
                return Err(sw::INTEGRITY);
            }
            body
        };
        let (header, data) = body.split_at_checked(header).ok_or(sw::LENGTH)?;
        if mode != Mode::Full || data.is_empty() {
            return Ok((header.to_vec(), data.to_vec()));
        }
        if data.len() % 16 != 0 {
            return Err(sw::LENGTH);
        }
        let mut plain = decrypt(
            &session.enc,
            session.iv([0xa5, 0x5a], session.counter),
            data,
        );
        while plain.last() == Some(&0) {
            plain.pop();
        }
        (plain.pop() == Some(0x80))
            .then_some((header.to_vec(), plain))
            .ok_or(sw::INTEGRITY)
    }

    /// Protects an answer and counts the command.
    pub fn answer(&mut self, mode: Mode, data: &[u8]) -> Vec<u8> {
        let mut body = data.to_vec();
        if let State::Open(session) = &mut self.state {
            session.counter = session.counter.wrapping_add(1);
            if mode == Mode::Full && !body.is_empty() {
                body.push(0x80);
                body.resize(body.len().next_multiple_of(16), 0);
                body = encrypt(
                    &session.enc,
                    session.iv([0x5a, 0xa5], session.counter),
                    &body,
                );
            }
            if mode != Mode::Plain {
                let mut input = vec![sw::OK];
                input.extend(session.counter.to_le_bytes());
                input.extend(session.ti);
                input.extend(&body);
                body.extend(short_mac(&session.mac, &input));
            }
        }
        body.extend([0x91, sw::OK]);
        body
    }

    fn card_uid(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        self.authenticated().ok_or(sw::AUTHENTICATION)?;
        let (_, data) = self.open(Mode::Full, 0x51, 0, body)?;
        if !data.is_empty() {
            return Err(sw::LENGTH);
        }
        let uid = self.uid.clone();
        Ok(self.answer(Mode::Full, &uid))
    }

    fn key_version(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let mode = self.authenticated().map_or(Mode::Plain, |_| Mode::Mac);
        let (header, _) = self.open(mode, 0x64, 1, body)?;
        let number = header.first().copied().ok_or(sw::LENGTH)?;
        let key = self.keys.get(usize::from(number)).ok_or(sw::NO_SUCH_KEY)?;
        let version = key.version;
        Ok(self.answer(mode, &[version]))
    }

    fn change_key(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        // The profile of both cards: key 0 changes every key.
        if self.authenticated().ok_or(sw::AUTHENTICATION)? != 0 {
            return Err(sw::DENIED);
        }
        let (header, data) = self.open(Mode::Full, 0xc4, 1, body)?;
        let number = header.first().copied().ok_or(sw::LENGTH)?;
        let old = self
            .keys
            .get_mut(usize::from(number))
            .ok_or(sw::NO_SUCH_KEY)?;
        let (value, version) = if number == 0 {
            let (value, version) = data.split_first_chunk::<16>().ok_or(sw::LENGTH)?;
            let [version] = version else {
                return Err(sw::LENGTH);
            };
            (*value, *version)
        } else {
            let (difference, rest) = data.split_first_chunk::<16>().ok_or(sw::LENGTH)?;
            let [version, sum @ ..] = rest else {
                return Err(sw::LENGTH);
            };
            let value: Vec<u8> = difference
                .iter()
                .zip(old.value)
                .map(|(d, o)| d ^ o)
                .collect();
            if sum != check_sum(&value) {
                return Err(sw::INTEGRITY);
            }
            (to_block(&value), *version)
        };
        *old = Key {
            value,
            version,
            ..Key::default()
        };
        if number == 0 {
            // The session's own key is gone, and the session with it: no MAC.
            self.close();
            return Ok(vec![0x91, sw::OK]);
        }
        Ok(self.answer(Mode::Full, &[]))
    }
}

impl Session {
    fn iv(&self, label: [u8; 2], counter: u16) -> Block {
        let mut block = label.to_vec();
        block.extend(self.ti);
        block.extend(counter.to_le_bytes());
        to_block(&encrypt(&self.enc, [0; 16], &to_block(&block)))
    }
}

/// CRC-32 without the last complement, bit by bit.
fn check_sum(bytes: &[u8]) -> [u8; 4] {
    let mut register = u32::MAX;
    for byte in bytes {
        for bit in 0..8 {
            let feedback = (register ^ (u32::from(*byte) >> bit)) & 1;
            register >>= 1;
            if feedback == 1 {
                register ^= 0xedb8_8320;
            }
        }
    }
    register.to_le_bytes()
}
