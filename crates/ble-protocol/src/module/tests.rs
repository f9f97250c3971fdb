//! The driver against a script: what it says, byte for byte. Against the modules in their own time it
//! is tested in `pile-sim`.

use super::*;
use crate::advert::Name;
use core::cell::RefCell;
use core::convert::Infallible;
use core::task::Poll;
use embassy_futures::{block_on, poll_once};
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

/// What was written, and what is there to read. Each write is answered by a rule.
#[derive(Default)]
struct Wire {
    written: Vec<u8>,
    to_read: VecDeque<u8>,
}

struct Uart {
    wire: Rc<RefCell<Wire>>,
    answers: fn(&[u8]) -> &'static [u8],
}

impl embedded_io_async::ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        core::future::poll_fn(|_| {
            let mut wire = self.wire.borrow_mut();
            if wire.to_read.is_empty() {
                return Poll::Pending;
            }
            let count = bytes.len().min(wire.to_read.len());
            for (place, byte) in bytes.iter_mut().zip(wire.to_read.drain(..count)) {
                *place = byte;
            }
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let mut wire = self.wire.borrow_mut();
        wire.written.extend_from_slice(bytes);
        wire.written.push(b'|');
        wire.to_read.extend((self.answers)(bytes));
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A delay that is over at once: whatever is to come has come.
struct NoTime;

impl DelayNs for NoTime {
    async fn delay_ns(&mut self, _: u32) {}
}

fn uart(answers: fn(&[u8]) -> &'static [u8]) -> (Rc<RefCell<Wire>>, Uart) {
    let wire = Rc::new(RefCell::new(Wire::default()));
    let uart = Uart {
        wire: Rc::clone(&wire),
        answers,
    };
    (wire, uart)
}

fn obeys(command: &[u8]) -> &'static [u8] {
    match command {
        b"AT" => b"OK+LOST",
        b"AT+RESET" => b"OK+RESET",
        b"AT+VER\r\n" => b"+VER=JDY-16-V1.5\r\n",
        jdy if jdy.ends_with(b"\r\n") => b"+OK\r\n",
        _ => b"OK+Set:0",
    }
}

fn in_the_yard() -> SetUp {
    SetUp {
        name: Name::with("in the yard").unwrap(),
        baud: 9_600,
        interval_ms: 300,
    }
}

fn text(wire: &Rc<RefCell<Wire>>) -> std::string::String {
    std::string::String::from_utf8(core::mem::take(&mut wire.borrow_mut().written)).unwrap()
}

#[test]
fn an_hm10_is_told_this() {
    let (wire, uart) = uart(obeys);
    let mut module = Module::hm10(uart, ByText, NoTime);
    assert_eq!(block_on(module.set_up(&in_the_yard())), Ok(()));
    assert_eq!(
        text(&wire),
        "AT|AT+ROLE0|AT+MODE0|AT+NAMEopenpile in|AT+ADVI3|AT+NOTI1|AT+PIO11|AT+BAUD0|AT+RESET|"
    );
}

#[test]
fn a_jdy16_is_told_this() {
    let (wire, uart) = uart(obeys);
    let mut module = Module::jdy16(uart, ByText, NoTime);
    assert_eq!(block_on(module.set_up(&in_the_yard())), Ok(()));
    assert_eq!(
        text(&wire),
        "AT+VER\r\n|AT+HOSTEN0\r\n|AT+STARTEN0\r\n|AT+NAMEopenpile in the ya\r\n|AT+ADVIN2\r\n|\
         AT+ENLOG0\r\n|AT+BAUD4\r\n|AT+RST\r\n|"
    );
}

#[test]
fn who_does_not_answer_is_asked_three_times() {
    let (wire, uart) = uart(|_| b"");
    let mut module = Module::hm10(uart, ByText, NoTime);
    let done = block_on(module.set_up(&in_the_yard()));
    assert_eq!(done, Err(SetUpError::Silent { command: 0 }));
    assert_eq!(text(&wire), "AT|AT|AT|");
}

#[test]
fn who_answers_something_else_or_without_end_is_no_module() {
    for answers in [
        |_: &[u8]| b"ERR".as_slice(),
        |_: &[u8]| [b'x'; 200].as_slice(),
    ] {
        let (_, uart) = uart(answers);
        let mut module = Module::hm10(uart, ByText, NoTime);
        let done = block_on(module.set_up(&in_the_yard()));
        assert_eq!(done, Err(SetUpError::Silent { command: 0 }));
    }
}

#[test]
fn data_is_written_in_packets_and_never_as_a_command() {
    let (wire, uart) = uart(|_| b"");
    let mut module = Module::hm10(uart, ByText, NoTime);
    assert!(poll_once(module.connected()).is_pending());
    wire.borrow_mut().to_read.extend(b"OK+CONN");
    block_on(module.connected());
    assert_eq!(block_on(module.write(b"0123456789012345678ATAT\0")), Ok(()));
    assert_eq!(text(&wire), "0123456789012345678A|TAT\0|");
}

#[test]
fn nothing_is_written_to_nobody() {
    let (wire, uart) = uart(|_| b"");
    let mut module = Module::hm10(uart, ByText, NoTime);
    assert_eq!(block_on(module.write(b"x")), Err(Gone));
    assert_eq!(block_on(module.read(&mut [0; 4])), Err(Gone));
    assert_eq!(block_on(module.read(&mut [])), Err(Gone));
    block_on(module.disconnect());
    assert_eq!(text(&wire), "");
}

/// A line that is never silent.
struct Chatter;

impl embedded_io_async::ErrorType for Chatter {
    type Error = Infallible;
}

impl Read for Chatter {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        bytes.fill(0x55);
        Ok(bytes.len())
    }
}

impl Write for Chatter {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn a_line_that_is_never_silent_is_given_up_and_holds_up_no_start() {
    let mut module = Module::hm10(Chatter, ByText, NoTime);
    let done = block_on(module.set_up(&SetUp::default()));
    assert_eq!(done, Err(SetUpError::Silent { command: 0 }));
}
