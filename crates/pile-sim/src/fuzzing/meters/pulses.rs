//! Counters of a pulse chip, and its pin, that do what the feed tells them.

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin};
use metering::pulses::{Edge, PulseCounter};

use super::feed::Feed;

/// A counter of `BITS` bits that jumps as it likes.
#[derive(Debug)]
pub struct Counter<const BITS: u32> {
    feed: Feed,
    count: u32,
}

impl<const BITS: u32> Counter<BITS> {
    const MASK: u32 = u32::MAX >> (32 - BITS);

    pub fn new(feed: &Feed) -> Self {
        Self {
            feed: feed.clone(),
            count: 0,
        }
    }
}

impl<const BITS: u32> PulseCounter for Counter<BITS> {
    const BITS: u32 = BITS;

    fn total(&mut self) -> u32 {
        self.count = match self.feed.byte().unwrap_or(0) % 4 {
            0 => self.count,
            1 => self.count.wrapping_add(u32::from_le_bytes([
                self.feed.byte().unwrap_or(0),
                0,
                0,
                0,
            ])),
            2 => self.count.wrapping_add(self.feed.pair()),
            _ => u32::from_le_bytes(self.feed.take()),
        } & Self::MASK;
        self.count
    }

    fn last_edge(&mut self) -> Option<Edge> {
        let (count, micros) = match self.feed.byte()? % 4 {
            0 => return None,
            before @ 1..=2 => (
                self.count.wrapping_sub(u32::from(before - 1)),
                (self.feed.now() * 1_000).saturating_sub(self.feed.pair().into()),
            ),
            _ => (
                u32::from_le_bytes(self.feed.take()),
                u64::from_le_bytes(self.feed.take()),
            ),
        };
        Some(Edge {
            count: count & Self::MASK,
            micros,
        })
    }
}

/// A pin that fails now and then.
#[derive(Debug)]
pub struct Sel(Feed);

impl Sel {
    pub fn new(feed: &Feed) -> Self {
        Self(feed.clone())
    }

    fn set(&self) -> Result<(), ErrorKind> {
        if self.0.byte() == Some(0xFF) {
            return Err(ErrorKind::Other);
        }
        Ok(())
    }
}

impl ErrorType for Sel {
    type Error = ErrorKind;
}

impl OutputPin for Sel {
    fn set_low(&mut self) -> Result<(), ErrorKind> {
        self.set()
    }

    fn set_high(&mut self) -> Result<(), ErrorKind> {
        self.set()
    }
}
