//! Inside the chip: what it does with a frame.

use std::collections::VecDeque;

use super::Fault;
use super::frames::{ACK, ERROR, Ear, Heard, NACK, said};
use super::radio::Target;
use crate::cards::RfField;

/// Data of one `InDataExchange` answer (7.3.8).
const PART: usize = 262;

/// `InDataExchange` and its like: what went wrong (7.1, table 16).
const TIMEOUT: u8 = 0x01;
const NO_TARGET: u8 = 0x27;

/// What is wrong, and for how many frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    fault: Fault,
    left: Option<u32>,
}

impl Faults {
    pub(super) const fn lasting(fault: Fault) -> Self {
        Self { fault, left: None }
    }

    pub(super) const fn passing(fault: Fault, frames: u32) -> Self {
        Self {
            fault,
            left: Some(frames),
        }
    }

    const fn now(&self) -> Fault {
        match self.left {
            Some(0) => Fault::None,
            _ => self.fault,
        }
    }

    const fn spend(&mut self) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
    }
}

#[derive(Debug)]
pub(super) struct Chip {
    pub(super) field: RfField,
    pub(super) faults: Faults,
    pub(super) version: [u8; 4],
    pub(super) commands: u64,
    pub(super) pin_resets: u64,
    /// `RSTPD_N` is low.
    pub(super) held: bool,
    asleep: bool,
    ear: Ear,
    /// What waits for the host, a frame each.
    outbox: VecDeque<Vec<u8>>,
    last: Vec<u8>,
    automatic_rats: bool,
    /// `MxRtyPassiveActivation`; 255 is for ever.
    retries: u8,
    targets: Vec<Target>,
    /// Of a command that comes in parts, and of an answer that goes in parts.
    command: Vec<u8>,
    answer: Vec<u8>,
}

impl Chip {
    pub(super) fn new(field: RfField) -> Self {
        field.power(false);
        Self {
            field,
            faults: Faults::lasting(Fault::None),
            version: [0x32, 0x01, 0x06, 0x07],
            commands: 0,
            pin_resets: 0,
            held: false,
            asleep: true,
            ear: Ear::default(),
            outbox: VecDeque::new(),
            last: Vec::new(),
            automatic_rats: true,
            retries: 0xff,
            targets: Vec::new(),
            command: Vec::new(),
            answer: Vec::new(),
        }
    }

    /// Back to the state after power-up.
    pub(super) fn reset(&mut self) {
        let fresh = Self::new(self.field.clone());
        *self = Self {
            faults: self.faults,
            version: self.version,
            commands: self.commands,
            pin_resets: self.pin_resets,
            held: self.held,
            ..fresh
        };
    }

    /// The reset pin rises.
    pub(super) fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            self.pin_resets += 1;
            if matches!(self.faults.fault, Fault::Hung | Fault::Stuck | Fault::Deaf) {
                self.faults = Faults::lasting(Fault::None);
            }
            self.reset();
        }
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.faults.now(), Fault::Absent)
    }

    pub(super) const fn wake(&mut self) {
        self.asleep = false;
    }

    /// Takes a byte of the host.
    pub(super) fn hear(&mut self, byte: u8) {
        if self.held || matches!(self.faults.now(), Fault::Absent | Fault::Hung) {
            return;
        }
        if self.asleep {
            self.asleep = byte != 0x55;
            return;
        }
        if let Some(heard) = self.ear.hear(byte) {
            self.act(heard);
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.outbox.is_empty() && !self.held && !self.is_absent()
    }

    /// The next frame for the host, whole.
    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// The next byte for the host.
    pub(super) fn next_byte(&mut self) -> Option<u8> {
        let frame = self.outbox.front_mut()?;
        let byte = frame.remove(0);
        if frame.is_empty() {
            self.outbox.pop_front();
        }
        Some(byte)
    }

    fn act(&mut self, heard: Heard) {
        match heard {
            // 6.2.1.3: the command under way is given up.
            Heard::Ack => self.outbox.clear(),
            Heard::Nack => {
                let again = self.last.clone();
                self.say(again);
            }
            Heard::Damaged => self.outbox.push_back(NACK.to_vec()),
            Heard::Command(_) if self.faults.now() == Fault::Refuses => {
                self.faults.spend();
                self.outbox.push_back(NACK.to_vec());
            }
            Heard::Command(command) => {
                self.commands += 1;
                self.outbox.clear();
                self.outbox.push_back(ACK.to_vec());
                if self.faults.now() == Fault::Stuck {
                    return;
                }
                let (code, parameters) = match command.get(1..).and_then(<[u8]>::split_first) {
                    Some((code, parameters)) => (*code, parameters),
                    None => return,
                };
                match self.execute(code, parameters) {
                    Done::Answer(answer) => {
                        let mut data = vec![0xd5, code.wrapping_add(1)];
                        data.extend(answer);
                        self.last = said(&data);
                    }
                    Done::Unknown => self.last = ERROR.to_vec(),
                    Done::Busy => return,
                }
                let answer = self.last.clone();
                self.say(answer);
            }
        }
    }

    /// Puts an answer out, as well as it can.
    fn say(&mut self, mut frame: Vec<u8>) {
        match self.faults.now() {
            Fault::Garbage => frame
                .iter_mut()
                .for_each(|byte| *byte = *byte & 0x5a | 0x81),
            Fault::WrongCheck => {
                if let Some(check) = frame.iter_mut().nth_back(1) {
                    *check ^= 0x01;
                }
            }
            Fault::Truncated => frame.truncate(frame.len() / 2),
            Fault::None
            | Fault::Absent
            | Fault::Hung
            | Fault::Stuck
            | Fault::Deaf
            | Fault::Refuses => {}
        }
        self.faults.spend();
        self.outbox.push_back(frame);
    }

    fn execute(&mut self, code: u8, parameters: &[u8]) -> Done {
        match (code, parameters) {
            (0x02, []) => Done::Answer(self.version.to_vec()),
            (0x12, [flags]) => {
                self.automatic_rats = flags & 0x10 != 0;
                Done::NOTHING
            }
            (0x32, [0x01, on]) => {
                self.field.power(on & 0x01 != 0);
                if on & 0x01 == 0 {
                    self.targets.clear();
                }
                Done::NOTHING
            }
            (0x32, [0x05, _, _, passive]) => {
                self.retries = *passive;
                Done::NOTHING
            }
            (0x14, [1..=4, ..]) | (0x32, [0x02 | 0x04 | 0x0a..=0x0d, ..]) => Done::NOTHING,
            (0x4a, [most @ 1..=2, 0x00, uid @ ..]) => self.list(usize::from(*most), uid),
            (0x40, [target, data @ ..]) => Done::Answer(self.exchange(*target, data)),
            (0x44 | 0x52, [which]) => {
                self.let_go(*which);
                if code == 0x52 {
                    self.targets.clear();
                }
                Done::Answer(vec![0x00])
            }
            _ => Done::Unknown,
        }
    }

    /// `InListPassiveTarget` (7.3.5).
    fn list(&mut self, most: usize, uid: &[u8]) -> Done {
        self.field.power(true);
        self.targets.clear();
        self.answer.clear();
        self.command.clear();
        let mut said = Vec::new();
        let deaf = self.faults.now() == Fault::Deaf;
        while self.targets.len() < most && !deaf {
            let tries = if self.retries == 0xff {
                2
            } else {
                u32::from(self.retries) + 1
            };
            let rats = self.automatic_rats;
            let found = (0..tries).find_map(|_| Target::find(&self.field, uid, rats));
            let Some((target, description)) = found else {
                break;
            };
            if most > 1 {
                // The search for the next one: this one must not answer.
                target.sleep(&self.field);
            }
            self.targets.push(target);
            said.push(u8::try_from(self.targets.len()).unwrap_or(0xff));
            said.extend(description);
        }
        if self.targets.is_empty() && self.retries == 0xff {
            return Done::Busy;
        }
        said.insert(0, u8::try_from(self.targets.len()).unwrap_or(0xff));
        Done::Answer(said)
    }

    /// `InDataExchange` (7.3.8).
    fn exchange(&mut self, target: u8, data: &[u8]) -> Vec<u8> {
        let number = usize::from(target & 0x07);
        let at = number.checked_sub(1);
        let Some(target_card) = at.and_then(|at| self.targets.get_mut(at)) else {
            return vec![NO_TARGET];
        };
        if data.is_empty() && !self.answer.is_empty() {
            return self.part();
        }
        if self.faults.now() == Fault::Deaf {
            return vec![TIMEOUT];
        }
        self.command.extend(data);
        if target & 0x40 != 0 {
            return vec![0x00];
        }
        let command = std::mem::take(&mut self.command);
        let answer = target_card.exchange(&self.field, &command);
        match answer {
            Ok(answer) => {
                self.answer = answer;
                self.part()
            }
            Err(status) => vec![status.unwrap_or(TIMEOUT)],
        }
    }

    fn part(&mut self) -> Vec<u8> {
        let rest = self.answer.split_off(self.answer.len().min(PART));
        let now = std::mem::replace(&mut self.answer, rest);
        let mut said = vec![if self.answer.is_empty() { 0x00 } else { 0x40 }];
        said.extend(now);
        said
    }

    fn let_go(&mut self, which: u8) {
        let at = usize::from(which).checked_sub(1);
        for (index, target) in self.targets.iter_mut().enumerate() {
            if at.is_none_or(|at| at == index) {
                target.deselect(&self.field);
            }
        }
    }
}

/// What became of a command.
enum Done {
    Answer(Vec<u8>),
    Unknown,
    /// It goes on searching.
    Busy,
}

impl Done {
    const NOTHING: Self = Self::Answer(Vec::new());
}
