//! UARTs that say what the feed tells them.

use std::collections::VecDeque;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::feed::Feed;

/// What is at the other end.
#[derive(Debug)]
pub enum Speaks {
    Bl0942 {
        /// Of each address, what was written.
        registers: Box<[[u32; 0x20]; 4]>,
        counts: [u32; 4],
    },
    Hlw8032 {
        count: u32,
    },
    Pzem004t {
        /// Watt-hours.
        energy: u32,
    },
}

impl Speaks {
    pub fn bl0942() -> Self {
        Self::Bl0942 {
            registers: Box::new([[0; 0x20]; 4]),
            counts: [0; 4],
        }
    }

    pub const fn hlw8032() -> Self {
        Self::Hlw8032 { count: 0 }
    }

    pub const fn pzem004t() -> Self {
        Self::Pzem004t { energy: 0 }
    }

    /// A restart.
    fn restart(&mut self) {
        match self {
            Self::Bl0942 { .. } => *self = Self::bl0942(),
            Self::Hlw8032 { count } => *count = 0,
            // It keeps its register; its button clears it.
            Self::Pzem004t { energy } => *energy = 0,
        }
    }

    /// The answer to a command, sealed; with any contents, or as the chip would say it.
    fn answer(&mut self, command: &[u8], any: bool, feed: &Feed) -> Vec<u8> {
        match self {
            Self::Bl0942 { registers, counts } => bl0942(registers, counts, command, any, feed),
            Self::Hlw8032 { count } => hlw8032(count, any, feed),
            Self::Pzem004t { energy } => pzem004t(energy, command, any, feed),
        }
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn bl0942(
    registers: &mut [[u32; 0x20]; 4],
    counts: &mut [u32; 4],
    command: &[u8],
    any: bool,
    feed: &Feed,
) -> Vec<u8> {
    let &[first, address, ref rest @ ..] = command else {
        return Vec::new();
    };
    let chip = usize::from(first & 3);
    let (Some(registers), Some(count)) = (registers.get_mut(chip), counts.get_mut(chip)) else {
        return Vec::new();
    };
    let mut body = if address == 0xAA {
        let mut body = [&[0x55][..], &feed.take::<21>()].concat();
        if !any {
            *count = count.wrapping_add(feed.pair()) & 0xFF_FFFF;
            let fields = body.iter_mut().skip(13).zip(count.to_le_bytes());
            fields.take(3).for_each(|(to, from)| *to = from);
        }
        body
    } else if let (&[low, middle, high, _], Some(register)) =
        (rest, registers.get_mut(usize::from(address)))
    {
        // A write, which is not answered.
        *register = u32::from_le_bytes([low, middle, high, 0]);
        return Vec::new();
    } else {
        let held = registers.get(usize::from(address)).copied().unwrap_or(0);
        let value = if any { feed.triple() } else { held };
        let [low, middle, high, _] = value.to_le_bytes();
        vec![low, middle, high]
    };
    let asked = if address == 0xAA { 0 } else { address };
    let check = !first.wrapping_add(asked).wrapping_add(sum(&body));
    body.push(check);
    body
}

fn hlw8032(count: &mut u32, any: bool, feed: &Feed) -> Vec<u8> {
    let mut frame = if any {
        feed.take::<23>().to_vec()
    } else {
        *count = count.wrapping_add(feed.pair()) & 0x1_FFFF;
        let [power, update] = feed.take();
        let [low, high, turned, _] = count.to_le_bytes();
        // The coefficients of a published frame.
        vec![
            0x55,
            0x5A,
            0x02,
            0xDC,
            0xD0,
            0x00,
            0x05,
            0xFF,
            0x00,
            0x3C,
            0xD7,
            0x00,
            0x20,
            0x51,
            0x4D,
            0xE5,
            0x68,
            0x00,
            power,
            0x71,
            (update & 0x7F) | turned << 7,
            high,
            low,
        ]
    };
    let check = sum(frame.get(2..).unwrap_or_default());
    frame.push(check);
    frame
}

fn pzem004t(energy: &mut u32, command: &[u8], any: bool, feed: &Feed) -> Vec<u8> {
    let &[address, function, ..] = command else {
        return Vec::new();
    };
    let mut frame = if any {
        let [code, exception] = feed.take();
        if exception & 1 == 1 {
            vec![address, function | 0x80, code]
        } else {
            [&[address, function, 20][..], &feed.take::<20>()].concat()
        }
    } else if function == 0x42 {
        *energy = 0;
        vec![address, function]
    } else {
        let [more, power] = feed.take();
        *energy = energy.wrapping_add(u32::from(more));
        let [e0, e1, e2, e3] = energy.to_be_bytes();
        vec![
            address, function, 20, 0x08, 0xFC, 0x03, 0xE8, 0, 0, power, 0, 0, 0, e2, e3, e0, e1,
            0x01, 0xF4, 0, 100, 0, 0,
        ]
    };
    let crc = frame.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            (crc >> 1) ^ (if crc & 1 == 1 { 0xA001 } else { 0 })
        })
    });
    frame.extend(crc.to_le_bytes());
    frame
}

/// A UART. A write is a command, and what is said to it is drawn from the feed at once; one that is
/// only read draws when it has said all.
#[derive(Debug)]
pub struct Line {
    feed: Feed,
    speaks: Speaks,
    said: VecDeque<Result<u8, ErrorKind>>,
    /// A byte without end, until the next command or call.
    babble: Option<(u8, u32)>,
    closed: bool,
}

impl Line {
    pub fn new(feed: &Feed, speaks: Speaks) -> Self {
        Self {
            feed: feed.clone(),
            speaks,
            said: VecDeque::new(),
            babble: None,
            closed: false,
        }
    }

    /// Draws what is said to a command.
    fn draw(&mut self, command: &[u8]) {
        let Some(kind) = self.feed.byte() else { return };
        match kind % 10 {
            0..=3 => {
                let answer = self.speaks.answer(command, false, &self.feed);
                self.said.extend(answer.into_iter().map(Ok));
            }
            4 | 5 => {
                let answer = self.speaks.answer(command, true, &self.feed);
                self.said.extend(answer.into_iter().map(Ok));
            }
            6 => {
                let length = self.feed.byte().unwrap_or(0) % 64;
                for _ in 0..length {
                    self.said.push_back(Ok(self.feed.byte().unwrap_or(0)));
                }
            }
            7 => self.said.push_back(Err(ErrorKind::Other)),
            8 => match self.feed.byte() {
                Some(0) => self.closed = true,
                Some(1) => self.speaks.restart(),
                // Silence.
                _ => {}
            },
            _ => self.babble = Some((self.feed.byte().unwrap_or(0), self.feed.call())),
        }
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.feed.count_read();
        self.babble = None;
        if std::mem::take(&mut self.closed) {
            return Ok(0);
        }
        self.draw(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Line {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.feed.count_read();
        if self.said.is_empty() && matches!(self.speaks, Speaks::Hlw8032 { .. }) {
            self.draw(&[]);
        }
        if std::mem::take(&mut self.closed) {
            return Ok(0);
        }
        if let Some(Err(_)) = self.said.front() {
            self.said.pop_front();
            return Err(ErrorKind::Other);
        }
        let mut read = 0;
        for to in buffer.iter_mut() {
            let Some(Ok(byte)) = self.said.front().copied() else {
                break;
            };
            self.said.pop_front();
            *to = byte;
            read += 1;
        }
        match self.babble {
            _ if read > 0 => Ok(read),
            Some((byte, call)) if call == self.feed.call() => {
                buffer.fill(byte);
                Ok(buffer.len())
            }
            _ => core::future::pending().await,
        }
    }
}
