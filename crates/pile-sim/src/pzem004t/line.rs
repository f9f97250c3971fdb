//! The line: requests to the modules, answers to the driver.

use super::Fault;
use super::module::Module;
use crate::dice::Dice;
use embedded_io_async::{ErrorType, Read, Write};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Silence after which a part of a request is forgotten, ms (Modbus: 3.5 characters).
const FORGET_MS: u64 = 4;
/// What the driver's receiver holds; more is lost.
const RECEIVER_BYTES: usize = 256;
const GENERAL: u8 = 0xF8;

#[derive(Debug)]
pub(super) struct Line {
    clock: Rc<Cell<u64>>,
    modules: Vec<Module>,
    request: Vec<u8>,
    last_byte_at: u64,
    received: VecDeque<u8>,
    reader: Option<Waker>,
    fault: Option<(Fault, u32)>,
    dice: Dice,
}

impl Line {
    pub fn new(clock: Rc<Cell<u64>>, modules: Vec<Module>) -> Self {
        Self {
            clock,
            modules,
            request: Vec::new(),
            last_byte_at: 0,
            received: VecDeque::new(),
            reader: None,
            fault: None,
            dice: Dice::new(7),
        }
    }

    pub fn module(&mut self, index: usize) -> Option<&mut Module> {
        self.modules.get_mut(index)
    }

    pub fn inject(&mut self, fault: Fault, answers: u32) {
        self.fault = (answers > 0).then_some((fault, answers));
    }

    pub fn integrate(&mut self) {
        let now = self.clock.get();
        self.modules.iter_mut().for_each(|it| it.integrate(now));
    }

    /// Puts bytes into the driver's receiver; what does not fit is lost.
    pub fn answer(&mut self, bytes: &[u8]) {
        let room = RECEIVER_BYTES.saturating_sub(self.received.len());
        self.received.extend(bytes.iter().take(room));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Takes what a driver sends.
    fn hear(&mut self, bytes: &[u8]) {
        let now = self.clock.get();
        if now.saturating_sub(self.last_byte_at) >= FORGET_MS {
            self.request.clear();
        }
        self.last_byte_at = now;
        self.request.extend(bytes);
        let whole = match self.request.get(1) {
            Some(0x42) => 4,
            _ => 8,
        };
        if self.request.len() >= whole {
            self.integrate();
            let request = std::mem::take(&mut self.request);
            if let Some(answer) = self.carry_out(&request) {
                self.send(answer);
            }
        }
    }

    /// What the module that is meant answers, without the CRC.
    fn carry_out(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let [address, function, rest @ ..] = request.strip_suffix(&check(request)?)? else {
            return None;
        };
        let alone = self.modules.len() == 1;
        let module = self
            .modules
            .iter_mut()
            .find(|it| it.address == *address || (alone && *address == GENERAL))?;
        if !module.answers() {
            return None;
        }
        let fault = next(&mut self.fault);
        if fault == Some(Fault::Dead) {
            return None;
        }
        if let Some(Fault::Exception(code)) = fault {
            return Some(vec![*address, function | 0x80, code]);
        }
        let spike = match fault {
            Some(Fault::Spike { watt_hours }) => Some(watt_hours),
            _ => None,
        };
        let mut answer = match (function, rest) {
            (0x04, [first_high, first_low, number_high, number_low]) => {
                let first = u16::from_be_bytes([*first_high, *first_low]);
                let number = u16::from_be_bytes([*number_high, *number_low]);
                match module.read(first, number, spike) {
                    Ok(registers) => {
                        let length = u8::try_from(registers.len()).unwrap_or(0);
                        [vec![*address, 0x04, length], registers].concat()
                    }
                    Err(code) => vec![*address, 0x84, code],
                }
            }
            (0x42, []) => {
                module.reset_energy();
                vec![*address, 0x42]
            }
            _ => vec![*address, function | 0x80, 0x01],
        };
        match fault {
            Some(Fault::Garbage) => {
                let bytes = self.dice.next() % 40 + 1;
                let random: Vec<u8> = (0..bytes)
                    .map(|_| self.dice.next().to_le_bytes()[0])
                    .collect();
                self.answer(&random);
                return None;
            }
            Some(Fault::Crc) => {
                answer.extend(crc(&answer));
                if let Some(last) = answer.last_mut() {
                    *last ^= 0x04;
                }
                self.answer(&answer);
                return None;
            }
            Some(Fault::Dropped) => {
                answer.extend(crc(&answer));
                let lost = self.dice.next() % answer.len() as u64;
                answer.remove(usize::try_from(lost).unwrap_or(0));
                self.answer(&answer);
                return None;
            }
            _ => {}
        }
        Some(answer)
    }

    fn send(&mut self, mut answer: Vec<u8>) {
        answer.extend(crc(&answer));
        self.answer(&answer);
    }
}

/// The CRC that a request must end in.
fn check(request: &[u8]) -> Option<[u8; 2]> {
    request.split_last_chunk::<2>().map(|(body, _)| crc(body))
}

/// CRC-16/MODBUS by division: the message, bit-reversed, as a polynomial. Not the driver's way.
pub(super) fn crc(bytes: &[u8]) -> [u8; 2] {
    let mut rest: u16 = 0xFFFF;
    for byte in bytes {
        rest ^= u16::from(byte.reverse_bits()) << 8;
        for _ in 0..8 {
            let carry = rest & 0x8000 != 0;
            rest <<= 1;
            if carry {
                rest ^= 0x8005;
            }
        }
    }
    rest.reverse_bits().to_le_bytes()
}

fn next(fault: &mut Option<(Fault, u32)>) -> Option<Fault> {
    let (kind, left) = (*fault)?;
    *fault = match left {
        u32::MAX => Some((kind, left)),
        0 | 1 => None,
        _ => Some((kind, left - 1)),
    };
    Some(kind)
}

/// The driver's end of a [`VirtualPzemBus`](super::VirtualPzemBus). What is written is taken at once and
/// answered at once; a read with nothing to read stays pending.
///
/// ```
/// use embedded_io_async::{Read, Write};
/// use pile_sim::pzem004t::VirtualPzemBus;
///
/// let bus = VirtualPzemBus::new(std::rc::Rc::default(), &[1]);
/// let mut uart = bus.uart();
/// embassy_futures::block_on(async {
///     uart.write_all(&[0xF8, 0x42, 0xC2, 0x41]).await?; // reset energy, whoever is there
///     let mut answer = [0; 4];
///     uart.read(&mut answer).await?;
///     assert_eq!(answer, [0xF8, 0x42, 0xC2, 0x41]);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct VirtualPzemUart {
    line: Rc<RefCell<Line>>,
}

impl VirtualPzemUart {
    pub(super) const fn new(line: Rc<RefCell<Line>>) -> Self {
        Self { line }
    }
}

impl ErrorType for VirtualPzemUart {
    type Error = Infallible;
}

impl Write for VirtualPzemUart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.line.borrow_mut().hear(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Read for VirtualPzemUart {
    /// Cancellation safe: a dropped read has taken nothing.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if buffer.is_empty() {
            return Ok(0);
        }
        core::future::poll_fn(|context| {
            let mut line = self.line.borrow_mut();
            if line.received.is_empty() {
                line.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            let mut read = 0;
            for place in buffer.iter_mut() {
                let Some(byte) = line.received.pop_front() else {
                    break;
                };
                *place = byte;
                read += 1;
            }
            Poll::Ready(Ok(read))
        })
        .await
    }
}
