//! How frames get to the chip and back: UART or SPI (UM0701-02 sections 6.2.2 to 6.2.5).

use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::spi::{Operation, SpiDevice};
use embedded_io_async::{Read, Write};

use super::frame::{Header, LONGEST_FRAME, header};

/// Bytes of noise that are passed over in search of a start code.
const NOISE_BYTES: usize = 320;

/// Carries whole frames between host and chip.
///
/// ```
/// use card_auth::pn532::{Hsu, Pn532, Spi, Transport};
/// use embedded_hal::digital::OutputPin;
/// use embedded_hal_async::{delay::DelayNs, spi::SpiDevice};
/// use embedded_io_async::{Read, Write};
///
/// fn on_a_uart(uart: impl Read + Write, reset: impl OutputPin, delay: impl DelayNs) {
///     let _reader = Pn532::new(Hsu::new(uart), reset, delay);
/// }
///
/// fn on_a_bus(spi: impl SpiDevice, reset: impl OutputPin, delay: impl DelayNs) {
///     let _reader = Pn532::new(Spi::new(spi), reset, delay);
/// }
/// ```
#[expect(
    async_fn_in_trait,
    reason = "joined without an executor, so no future has to be Send"
)]
pub trait Transport {
    /// Why the line failed.
    type Error: core::fmt::Debug;

    /// Wakes the chip from its power-down or low-battery mode, in which it is after a reset, and
    /// forgets whatever was on the line.
    ///
    /// # Errors
    /// The line's.
    async fn wake<D: DelayNs>(&mut self, delay: &mut D) -> Result<(), Self::Error>;

    /// Sends the bytes of a frame.
    ///
    /// # Errors
    /// The line's.
    async fn send(&mut self, frame: &[u8]) -> Result<(), Self::Error>;

    /// Waits up to `within_ms` for a frame and writes its bytes, from the start code on or before
    /// it, to the front of `into`; how many, or `None` if none came in time. They may be anything:
    /// nothing is checked here but what is needed to find the end.
    ///
    /// # Errors
    /// The line's.
    async fn receive<D: DelayNs>(
        &mut self,
        into: &mut [u8],
        within_ms: u32,
        delay: &mut D,
    ) -> Result<Option<usize>, Self::Error>;
}

/// The chip on a UART, "HSU": 115,200 baud, 8N1 (6.2.3).
///
/// ```
/// use card_auth::pn532::{Hsu, Transport};
/// fn is_a_transport<T: Transport>(_: &T) {}
/// fn on_a_uart(uart: impl embedded_io_async::Read + embedded_io_async::Write) {
///     is_a_transport(&Hsu::new(uart));
/// }
/// ```
#[derive(Debug)]
pub struct Hsu<U>(U);

impl<U> Hsu<U> {
    /// The chip behind `uart`.
    pub const fn new(uart: U) -> Self {
        Self(uart)
    }

    /// Gives the UART back.
    pub fn release(self) -> U {
        self.0
    }
}

/// Error of an [`Hsu`] line.
///
/// ```
/// use card_auth::pn532::HsuError;
/// assert_ne!(HsuError::Uart(1), HsuError::Closed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HsuError<E> {
    /// The UART's own.
    Uart(E),
    /// The line has an end, and it is reached.
    Closed,
}

impl<E: core::fmt::Debug> core::fmt::Display for HsuError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uart(error) => write!(f, "UART: {error:?}"),
            Self::Closed => f.write_str("the line is closed"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for HsuError<E> {}

impl<U: Read + Write> Hsu<U> {
    async fn fill(&mut self, mut into: &mut [u8]) -> Result<(), HsuError<U::Error>> {
        while !into.is_empty() {
            match self.0.read(into).await.map_err(HsuError::Uart)? {
                0 => return Err(HsuError::Closed),
                some => into = into.get_mut(some..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Reads to the end of a frame and no byte further; the postamble is the next one's preamble.
    async fn frame(&mut self, into: &mut [u8]) -> Result<usize, HsuError<U::Error>> {
        let mut last = [0xff; 2];
        for _ in 0..NOISE_BYTES {
            let [_, before] = last;
            let mut byte = [0];
            self.fill(&mut byte).await?;
            let [byte] = byte;
            last = [before, byte];
            if last == [0x00, 0xff] {
                break;
            }
        }
        let mut length = 2;
        let Some(start) = into.get_mut(..2) else {
            return Ok(0);
        };
        start.copy_from_slice(&last);
        // Length and check, twice for an extended frame; then the data.
        for more in [2, 3] {
            let Some(next) = into.get_mut(length..length + more) else {
                return Ok(length);
            };
            self.fill(next).await?;
            length += more;
            match header(into.get(2..length).unwrap_or_default()) {
                Ok(Header::Data { at, bytes }) => {
                    let end = 2 + at + bytes + 1;
                    if let Some(data) = into.get_mut(length..end) {
                        self.fill(data).await?;
                        length = end;
                    }
                    return Ok(length);
                }
                Err(super::Malformed::Truncated) => {}
                Ok(Header::Ack | Header::Nack) | Err(_) => return Ok(length),
            }
        }
        Ok(length)
    }
}

impl<U: Read + Write> Transport for Hsu<U> {
    type Error = HsuError<U::Error>;

    /// 6.2.3 and 7.2.11: a long preamble of 55h; the clock needs 2 ms after it.
    async fn wake<D: DelayNs>(&mut self, delay: &mut D) -> Result<(), Self::Error> {
        let mut preamble = [0; 16];
        if let Some(start) = preamble.first_chunk_mut::<2>() {
            *start = [0x55; 2];
        }
        self.send(&preamble).await?;
        delay.delay_ms(2).await;
        // What is left of an answer that nobody waited for.
        let mut scratch = [0; 32];
        for _ in 0..NOISE_BYTES {
            match select(self.0.read(&mut scratch), delay.delay_ms(2)).await {
                Either::First(Ok(0)) => return Err(HsuError::Closed),
                // An overrun or a framing error is part of what is dropped.
                Either::First(_) => {}
                Either::Second(()) => break,
            }
        }
        Ok(())
    }

    async fn send(&mut self, mut frame: &[u8]) -> Result<(), Self::Error> {
        while !frame.is_empty() {
            match self.0.write(frame).await.map_err(HsuError::Uart)? {
                0 => return Err(HsuError::Closed),
                some => frame = frame.get(some..).unwrap_or_default(),
            }
        }
        self.0.flush().await.map_err(HsuError::Uart)
    }

    async fn receive<D: DelayNs>(
        &mut self,
        into: &mut [u8],
        within_ms: u32,
        delay: &mut D,
    ) -> Result<Option<usize>, Self::Error> {
        match select(self.frame(into), delay.delay_ms(within_ms)).await {
            Either::First(Ok(length)) => Ok(Some(length)),
            Either::First(Err(error)) => Err(error),
            Either::Second(()) => Ok(None),
        }
    }
}

/// The chip on SPI, mode 0, up to 5 MHz (6.2.5). The chip wants the least significant bit first;
/// the bus is as usual, most significant bit first, and the bits are turned here.
///
/// ```
/// use card_auth::pn532::{Spi, Transport};
/// fn is_a_transport<T: Transport>(_: &T) {}
/// fn on_a_bus(spi: impl embedded_hal_async::spi::SpiDevice) {
///     is_a_transport(&Spi::new(spi));
/// }
/// ```
#[derive(Debug)]
pub struct Spi<S>(S);

impl<S> Spi<S> {
    /// The chip behind `spi`.
    pub const fn new(spi: S) -> Self {
        Self(spi)
    }

    /// Gives the device back.
    pub fn release(self) -> S {
        self.0
    }
}

/// What the first byte after the chip is selected asks for (6.2.5.1), as it is on the bus.
mod ask {
    pub const WRITE: u8 = 0x01_u8.reverse_bits();
    pub const STATUS: u8 = 0x02_u8.reverse_bits();
    pub const READ: u8 = 0x03_u8.reverse_bits();
    /// In the status: a frame is ready.
    pub const READY: u8 = 0x01_u8.reverse_bits();
}

/// The select line low for so long wakes the chip (7.2.11).
const WAKE_NS: u32 = 2_000_000;

impl<S: SpiDevice> Transport for Spi<S> {
    type Error = S::Error;

    async fn wake<D: DelayNs>(&mut self, delay: &mut D) -> Result<(), Self::Error> {
        let mut status = [0];
        self.0
            .transaction(&mut [
                Operation::DelayNs(WAKE_NS),
                Operation::Write(&[ask::STATUS]),
                Operation::Read(&mut status),
            ])
            .await?;
        delay.delay_ms(2).await;
        Ok(())
    }

    async fn send(&mut self, frame: &[u8]) -> Result<(), Self::Error> {
        let mut turned = [0; LONGEST_FRAME];
        let turned = turned.get_mut(..frame.len()).unwrap_or_default();
        turned
            .iter_mut()
            .zip(frame)
            .for_each(|(to, from)| *to = from.reverse_bits());
        self.0
            .transaction(&mut [Operation::Write(&[ask::WRITE]), Operation::Write(turned)])
            .await
    }

    /// Looks at the status each millisecond, and reads the whole buffer: past the end of a frame
    /// the chip gives bytes that mean nothing.
    async fn receive<D: DelayNs>(
        &mut self,
        into: &mut [u8],
        within_ms: u32,
        delay: &mut D,
    ) -> Result<Option<usize>, Self::Error> {
        for _ in 0..=within_ms {
            let mut status = [0];
            self.0
                .transaction(&mut [
                    Operation::Write(&[ask::STATUS]),
                    Operation::Read(&mut status),
                ])
                .await?;
            if status == [ask::READY] {
                self.0
                    .transaction(&mut [Operation::Write(&[ask::READ]), Operation::Read(into)])
                    .await?;
                for byte in into.iter_mut() {
                    *byte = byte.reverse_bits();
                }
                return Ok(Some(into.len()));
            }
            delay.delay_ms(1).await;
        }
        Ok(None)
    }
}
