//! An SPI of a BL0910 that says what the feed tells it.

use embedded_hal_async::spi::{ErrorKind, ErrorType, Operation, SpiDevice};

use super::feed::Feed;

/// A chip of 256 registers.
#[derive(Debug)]
pub struct Spi {
    feed: Feed,
    registers: [u32; 256],
}

impl Spi {
    pub fn new(feed: &Feed) -> Self {
        Self {
            feed: feed.clone(),
            registers: [0; 256],
        }
    }

    fn held(&mut self, address: u8) -> Option<&mut u32> {
        self.registers.get_mut(usize::from(address))
    }

    /// The four bytes that answer a read.
    fn answer(&mut self, address: u8) -> Result<[u8; 4], ErrorKind> {
        let value = match self.feed.byte().unwrap_or(9) % 10 {
            0..=5 => {
                // The ten counters of energy count; the rest is as it was written.
                let more = if (0x2F..=0x38).contains(&address) {
                    self.feed.pair()
                } else {
                    0
                };
                let held = self.held(address).ok_or(ErrorKind::Other)?;
                *held = held.wrapping_add(more) & 0xFF_FFFF;
                *held
            }
            6 => {
                let value = self.feed.triple();
                if let Some(held) = self.held(address) {
                    *held = value;
                }
                value
            }
            7 => {
                self.registers = [0; 256];
                0
            }
            8 => return Ok(self.feed.take()),
            _ => return Err(ErrorKind::Other),
        };
        let [_, high, middle, low] = value.to_be_bytes();
        let sum = [address, high, middle, low]
            .iter()
            .fold(0x82_u8, |sum, byte| sum.wrapping_add(*byte));
        Ok([high, middle, low, !sum])
    }
}

impl ErrorType for Spi {
    type Error = ErrorKind;
}

impl SpiDevice for Spi {
    async fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        self.feed.count_read();
        let mut asked = None;
        for operation in operations {
            match operation {
                &mut Operation::Write(&[0x82, address]) => asked = Some(address),
                &mut Operation::Write(&[0x81, address, high, middle, low, _]) => {
                    if let Some(held) = self.held(address) {
                        *held = u32::from_be_bytes([0, high, middle, low]);
                    }
                }
                Operation::Read(buffer) => {
                    let answer = self.answer(asked.unwrap_or(0))?;
                    for (to, from) in buffer.iter_mut().zip(answer) {
                        *to = from;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
