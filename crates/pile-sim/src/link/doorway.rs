//! A pipe that a program on the desk feeds.

use ble_protocol::{Gone, Pipe};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// What a socket takes at once.
const PORTION: usize = 512;
/// What waits for the socket at most, before the pile has to wait.
const ROOM: usize = 4_096;

#[derive(Debug, Default)]
struct State {
    visitor: Option<u64>,
    visitors: u64,
    to_pile: VecDeque<u8>,
    to_phone: VecDeque<u8>,
    free_ports: Option<u8>,
}

/// The outer side: whoever has a socket puts in what came and takes out what is to be sent.
///
/// ```
/// use pile_sim::link::Doorway;
/// let (door, _pipe) = Doorway::new();
/// assert!(door.come());
/// door.put(b"hello");
/// assert!(!door.come()); // one at a time
/// door.leave();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Doorway(Rc<RefCell<State>>);

/// The inner side: the pipe that the pile is given.
#[derive(Debug)]
pub struct Door {
    state: Rc<RefCell<State>>,
    visitor: Option<u64>,
}

impl Doorway {
    /// Both sides of a doorway where nobody stands.
    pub fn new() -> (Self, Door) {
        let outer = Self::default();
        let door = outer.door();
        (outer, door)
    }

    /// Another inner side, for a pile that starts again: the one before is to be dropped.
    pub fn door(&self) -> Door {
        Door {
            state: Rc::clone(&self.0),
            visitor: None,
        }
    }

    /// Somebody comes; false if somebody is there already.
    pub fn come(&self) -> bool {
        let mut state = self.0.borrow_mut();
        if state.visitor.is_some() {
            return false;
        }
        state.visitors += 1;
        state.visitor = Some(state.visitors);
        state.to_pile.clear();
        state.to_phone.clear();
        true
    }

    /// True while somebody is there; the pile may have sent him away.
    pub fn is_open(&self) -> bool {
        self.0.borrow().visitor.is_some()
    }

    /// He leaves.
    pub fn leave(&self) {
        self.0.borrow_mut().visitor = None;
    }

    /// Bytes came from him.
    pub fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_pile.extend(bytes);
    }

    /// Bytes for him, what the pile said before it sent him away included.
    pub fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().to_phone.drain(..).collect()
    }

    /// How many ports the pile says are free, once it said so.
    pub fn free_ports(&self) -> Option<u8> {
        self.0.borrow().free_ports
    }
}

impl Door {
    fn stands(&self) -> bool {
        self.visitor.is_some() && self.state.borrow().visitor == self.visitor
    }
}

impl Pipe for Door {
    async fn connected(&mut self) {
        poll_fn(|_| {
            self.visitor = self.state.borrow().visitor;
            match self.visitor {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            }
        })
        .await;
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        poll_fn(|_| {
            if !self.stands() {
                return Poll::Ready(Err(Gone));
            }
            let mut state = self.state.borrow_mut();
            let mut count = 0;
            for to in bytes.iter_mut() {
                let Some(byte) = state.to_pile.pop_front() else {
                    break;
                };
                *to = byte;
                count += 1;
            }
            match count {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(count)),
            }
        })
        .await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let mut rest = bytes;
        poll_fn(|_| {
            if !self.stands() {
                return Poll::Ready(Err(Gone));
            }
            let mut state = self.state.borrow_mut();
            let room = ROOM.saturating_sub(state.to_phone.len()).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            state.to_phone.extend(now);
            rest = later;
            match rest {
                [] => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn portion(&self) -> usize {
        PORTION
    }

    async fn disconnect(&mut self) {
        if self.stands() {
            self.state.borrow_mut().visitor = None;
        }
        self.visitor = None;
    }

    fn advertise(&mut self, free_ports: u8) {
        self.state.borrow_mut().free_ports = Some(free_ports);
    }
}
