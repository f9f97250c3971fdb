//! Who stands at the pile: a phone behind a socket.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use pile_sim::link::Doorway;

/// Who finds somebody there waits so long: most are about to leave.
const PATIENCE: Duration = Duration::from_secs(3);
/// So many wait at the most.
const BENCH: usize = 4;

/// The socket before the doorway.
pub(crate) struct Visitor {
    stream: Option<TcpStream>,
    /// What the socket did not take yet.
    rest: Vec<u8>,
    /// Who came while somebody was there, and when.
    waiting: VecDeque<(TcpStream, Instant)>,
}

impl Visitor {
    pub(crate) const fn new() -> Self {
        Self {
            stream: None,
            rest: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// True while somebody is there.
    pub(crate) const fn is_here(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends whoever is there away: the pile is not there any more.
    pub(crate) fn hang_up(&mut self, doorway: &Doorway) {
        if self.stream.take().is_some() {
            doorway.leave();
        }
    }

    /// Lets somebody in, if it is `open` to him, and carries bytes both ways, as far as they go at
    /// once.
    pub(crate) fn look(&mut self, listener: &TcpListener, doorway: &Doorway, open: bool) {
        // Who has left makes room for who came after him.
        self.carry(doorway);
        let before = self.stream.is_some();
        // Nobody comes, or he was gone before he was let in.
        while let Ok((stream, _)) = listener.accept() {
            let ready = stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
            if ready && self.waiting.len() < BENCH {
                self.waiting.push_back((stream, Instant::now()));
            }
        }
        self.waiting.retain(|(_, since)| since.elapsed() < PATIENCE);
        if open && self.stream.is_none() && !self.waiting.is_empty() && doorway.come() {
            self.stream = self.waiting.pop_front().map(|(stream, _)| stream);
            self.rest.clear();
        }
        if !before {
            self.carry(doorway);
        }
    }

    fn carry(&mut self, doorway: &Doorway) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut here = true;
        let mut bytes = [0; 512];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => here = false,
                Ok(count) => {
                    doorway.put(bytes.get(..count).unwrap_or_default());
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => here = false,
            }
            break;
        }
        self.rest.extend(doorway.take());
        while here && !self.rest.is_empty() {
            match stream.write(&self.rest) {
                Ok(count) => drop(self.rest.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => here = false,
            }
        }
        // Sent away by the pile, and told all that it had to say.
        let sent_away = !doorway.is_open() && self.rest.is_empty();
        if !here || sent_away {
            self.stream = None;
            doorway.leave();
        }
    }
}
