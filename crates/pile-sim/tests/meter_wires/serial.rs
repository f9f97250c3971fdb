//! Chips on a UART that have no model in `pile-sim`: as much of them as an accurate wire needs.

use super::{Clock, Hand};
use embedded_io_async::{ErrorType, Read, Write};
use pile_sim::bl0942::Load;
use pile_units::Power;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

/// A load, and what a chip sensed of it.
#[derive(Default)]
struct Flow {
    load: Option<Load>,
    noise: u64,
    seed: u64,
    at: u64,
    delivered: u64,
    sensed: u64,
}

impl Flow {
    /// What the chip senses now, mW.
    fn power(&mut self) -> u64 {
        let load = self.load.map_or(0, |load| load.power.milliwatts());
        if self.noise == 0 {
            return load.into();
        }
        // Knuth's MMIX.
        let (a, c) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.seed = self.seed.wrapping_mul(a).wrapping_add(c);
        u64::from(load) + (self.seed >> 33) % (self.noise + 1)
    }

    /// Lets it flow up to `now`; the chip passes over what is below `least`.
    fn pass(&mut self, now: u64, least: u64) {
        let elapsed = now - self.at;
        self.at = now;
        let power = self.power();
        let load = self.load.map_or(0, |load| load.power.milliwatts());
        self.delivered += u64::from(load) * elapsed;
        if power >= least {
            self.sensed += power * elapsed;
        }
    }
}

#[derive(Clone)]
pub struct Wire {
    clock: Clock,
    flow: Rc<RefCell<Flow>>,
    /// Power below which the chip does not count, mW.
    least: u64,
}

impl Wire {
    fn new(clock: &Clock, least: u64) -> Self {
        Self {
            clock: clock.clone(),
            flow: Rc::default(),
            least,
        }
    }

    fn with<T>(&self, what: impl FnOnce(&mut Flow) -> T) -> T {
        let mut flow = self.flow.borrow_mut();
        flow.pass(self.clock.0.get(), self.least);
        what(&mut flow)
    }

    /// Load and microjoules.
    fn look(&self) -> (Load, u64) {
        self.with(|flow| (flow.load.unwrap_or(Load::NONE), flow.sensed))
    }
}

impl Hand for Wire {
    fn set_load(&self, load: Load) {
        self.with(|flow| flow.load = Some(load));
    }
    fn set_noise(&self, amplitude: Power, seed: u64) {
        self.with(|flow| (flow.noise, flow.seed) = (amplitude.milliwatts().into(), seed));
    }
    fn delivered_microjoules(&self) -> u64 {
        self.with(|flow| flow.delivered)
    }
}

/// An HLW8032 in its datasheet's circuit: 1 mΩ, Kv 1.88. Its coefficients are those of a published
/// frame.
pub struct Hlw8032 {
    wire: Wire,
    said: VecDeque<u8>,
    /// When the reader last saw the line as it is now.
    heard: u64,
}

impl Hlw8032 {
    /// Microjoules of a pulse times a hundred: `P_param` x Kv x Ki.
    pub const PULSE: u64 = 5_105_000 * 188;

    pub fn new(clock: &Clock) -> (Self, Wire) {
        let wire = Wire::new(clock, 0);
        let chip = Self {
            wire: wire.clone(),
            said: VecDeque::new(),
            heard: u64::MAX,
        };
        (chip, wire)
    }

    fn frame(&self) -> [u8; 24] {
        let (load, microjoules) = self.wire.look();
        let pulses = microjoules * 100 / Self::PULSE;
        // A register is its parameter over the quantity; 24 bits, or out of range.
        let mut state = 0;
        let mut register = |numerator: u64, quantity: u32, flag: u8| -> [u8; 3] {
            if let Some(register @ 1..=0xFF_FFFF) = numerator.checked_div(quantity.into()) {
                let [_, _, _, _, _, high, middle, low] = register.to_be_bytes();
                [high, middle, low]
            } else {
                state |= 0xF0 | flag;
                [0xFF; 3]
            }
        };
        let voltage = register(187_600 * 1_880, load.voltage.millivolts(), 8);
        let current = register(15_575 * 1_000, load.current.milliamperes(), 4);
        let power = register(Self::PULSE * 10, load.power.milliwatts(), 2);
        let turned = u8::from(pulses >> 16 & 1 == 1) << 7;
        let [.., high, low] = pulses.to_be_bytes();
        let mut frame = [0; 24];
        frame[0] = if state == 0 { 0x55 } else { state };
        frame[1] = 0x5A;
        frame[2..5].copy_from_slice(&[0x02, 0xDC, 0xD0]);
        frame[5..8].copy_from_slice(&voltage);
        frame[8..11].copy_from_slice(&[0x00, 0x3C, 0xD7]);
        frame[11..14].copy_from_slice(&current);
        frame[14..17].copy_from_slice(&[0x4D, 0xE5, 0x68]);
        frame[17..20].copy_from_slice(&power);
        frame[20..23].copy_from_slice(&[0x71 | turned, high, low]);
        frame[23] = frame[2..23]
            .iter()
            .fold(0, |sum, byte| sum.wrapping_add(*byte));
        frame
    }
}

impl ErrorType for Hlw8032 {
    type Error = Infallible;
}

impl Read for Hlw8032 {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let clock = &self.wire.clock.0;
        if self.said.is_empty() {
            if self.heard != clock.get() {
                // Nothing lies there from before; who waits hears the next frame.
                self.heard = clock.get();
                return core::future::pending().await;
            }
            clock.set(clock.get() + 50);
            self.heard = clock.get();
            self.said.extend(self.frame());
        }
        let mut read = 0;
        for (to, from) in buffer.iter_mut().zip(self.said.drain(..1)) {
            *to = from;
            read += 1;
        }
        Ok(read)
    }
}

/// A PZEM-004T version 3 at address 1, which counts whole watt-hours from 0.4 W on (maker's manual).
pub struct Pzem004t {
    wire: Wire,
    said: VecDeque<u8>,
}

impl Pzem004t {
    pub fn new(clock: &Clock) -> (Self, Wire) {
        let wire = Wire::new(clock, 400);
        let said = VecDeque::new();
        (
            Self {
                wire: wire.clone(),
                said,
            },
            wire,
        )
    }

    fn answer(&self) -> Vec<u8> {
        let (load, microjoules) = self.wire.look();
        let half = |value: u64| -> [u8; 2] {
            let [.., high, low] = value.to_be_bytes();
            [high, low]
        };
        let mut answer = vec![1, 4, 20];
        answer.extend(half(u64::from(load.voltage.millivolts()) / 100));
        for long in [
            load.current.milliamperes().into(),
            u64::from(load.power.milliwatts()) / 100,
            microjoules / 3_600_000_000,
        ] {
            // The low register first.
            answer.extend(half(long));
            answer.extend(half(long >> 16));
        }
        answer.extend([0x01, 0xF4, 0, 100, 0, 0]);
        let crc = answer.iter().fold(0xFFFF_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0xA001 } else { 0 }
            })
        });
        answer.extend(crc.to_le_bytes());
        answer
    }
}

impl ErrorType for Pzem004t {
    type Error = Infallible;
}

impl Write for Pzem004t {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        // Registers 0 to 9 of module 1, as the manual's own example has it.
        assert_eq!(bytes, [0x01, 0x04, 0x00, 0x00, 0x00, 0x0A, 0x70, 0x0D]);
        self.said.extend(self.answer());
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Read for Pzem004t {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        if self.said.is_empty() {
            return core::future::pending().await;
        }
        let length = buffer.len().min(self.said.len());
        for (to, from) in buffer.iter_mut().zip(self.said.drain(..length)) {
            *to = from;
        }
        Ok(length)
    }
}
