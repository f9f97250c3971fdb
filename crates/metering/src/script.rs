//! Doubles of the UART: one that follows a script, one that gives any bytes.

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use std::collections::VecDeque;
use std::vec::Vec;

#[derive(Debug, Clone, PartialEq)]
#[allow(dead_code, reason = "each driver's tests use their part")]
pub enum Bus {
    /// The driver must send these bytes.
    Sends(Vec<u8>),
    /// The chip answers, in reads of any size.
    Answers(Vec<u8>),
    /// The UART reports an error.
    Fails(ErrorKind),
    /// The driver must have stopped reading: nothing comes, and the timeout decides.
    Silence,
}

/// A UART that follows a script and refuses every departure from it.
#[derive(Debug)]
pub struct Script(pub VecDeque<Bus>);

impl ErrorType for Script {
    type Error = ErrorKind;
}

impl Write for Script {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self.0.pop_front() {
            Some(Bus::Sends(expected)) => assert_eq!(bytes, expected, "sent | expected"),
            other => panic!("sent {bytes:02X?} where {other:02X?} was due"),
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Script {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.0.front_mut() {
            Some(Bus::Answers(bytes)) => {
                let take = bytes.len().min(buffer.len());
                buffer[..take].copy_from_slice(&bytes[..take]);
                bytes.drain(..take);
                if bytes.is_empty() {
                    self.0.pop_front();
                }
                Ok(take)
            }
            Some(Bus::Fails(kind)) => {
                let kind = *kind;
                self.0.pop_front();
                Err(kind)
            }
            Some(Bus::Silence) => {
                self.0.pop_front();
                core::future::pending().await
            }
            other => panic!("a read where {other:02X?} was due"),
        }
    }
}

/// A UART that gives any bytes and then none.
pub struct Noise(pub VecDeque<u8>);

impl ErrorType for Noise {
    type Error = ErrorKind;
}

impl Write for Noise {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Noise {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let take = buffer.len().min(self.0.len());
        if take == 0 {
            return core::future::pending().await;
        }
        buffer
            .iter_mut()
            .zip(self.0.drain(..take))
            .for_each(|(to, from)| *to = from);
        Ok(take)
    }
}
