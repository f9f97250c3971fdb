//! What both ends do alike: frames out, parts in, and who may send how much.

use zeroize::Zeroize;

use crate::frame::{Encoded, Kind, MAX_BODY};
use crate::noise::{TAG, Transport};
use crate::queues::{Inbox, Outbox};
use crate::{SendError, WINDOW, Why};

/// The most bytes of a message in one frame: the body without the tag and the byte `more`.
pub const MAX_PART: usize = MAX_BODY - TAG - 1;

/// A frame in clear, or the handshake's.
#[derive(Debug, Clone, Copy)]
pub struct Clear {
    kind: Kind,
    body: [u8; crate::hint::HELLO],
    length: usize,
}

impl Clear {
    /// `body` is at most a Hello's.
    pub fn new(kind: Kind, body: &[u8]) -> Self {
        let mut clear = Self {
            kind,
            body: [0; crate::hint::HELLO],
            length: body.len().min(crate::hint::HELLO),
        };
        clear
            .body
            .iter_mut()
            .zip(body)
            .for_each(|(to, from)| *to = *from);
        clear
    }
}

/// Counts Data frames of one direction, modulo 2^16.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    /// Said by this end.
    sent: u16,
    /// Of these, consumed by the other.
    credited: u16,
    /// Heard by this end.
    received: u16,
    /// Of these, consumed here.
    consumed: u16,
    /// Of these, told to the other.
    told: u16,
}

impl Flow {
    fn may_send(self) -> bool {
        self.sent.wrapping_sub(self.credited) < WINDOW
    }

    /// A credit must bring something, and nothing that was not sent.
    fn credit(&mut self, body: &[u8]) -> Result<(), Why> {
        let count = body.try_into().map_err(|_| Why::Malformed)?;
        let count = u16::from_le_bytes(count);
        let new = count.wrapping_sub(self.credited);
        if new == 0 || new > self.sent.wrapping_sub(self.credited) {
            return Err(Why::Malformed);
        }
        self.credited = count;
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Why> {
        if self.received.wrapping_sub(self.told) >= WINDOW {
            return Err(Why::Overrun);
        }
        self.received = self.received.wrapping_add(1);
        Ok(())
    }

    fn credit_due(self) -> bool {
        self.consumed.wrapping_sub(self.told) >= WINDOW / 2
    }
}

pub struct Line {
    out: Encoded,
    /// Of `out`, handed out.
    at: usize,
    /// A zero was said before everything else.
    begun: bool,
    clear: Option<Clear>,
    /// The phone's first sealed frame, an empty one, is still to be said.
    proof: bool,
    transport: Option<Transport>,
    flow: Flow,
    outbox: Outbox,
    inbox: Inbox,
}

impl Line {
    pub const fn new() -> Self {
        Self {
            out: Encoded::nothing(),
            at: 0,
            begun: false,
            clear: None,
            proof: false,
            transport: None,
            flow: Flow {
                sent: 0,
                credited: 0,
                received: 0,
                consumed: 0,
                told: 0,
            },
            outbox: Outbox::new(),
            inbox: Inbox::new(),
        }
    }

    /// Forgets everything, and wipes what was said and heard.
    pub fn reset(&mut self) {
        self.outbox.wipe();
        self.inbox.wipe();
        (self.out, self.at, self.begun) = (Encoded::nothing(), 0, false);
        (self.clear, self.proof, self.transport) = (None, false, None);
        self.flow = Flow::default();
    }

    /// Says this frame before anything sealed.
    pub fn say(&mut self, kind: Kind, body: &[u8]) {
        self.clear = Some(Clear::new(kind, body));
    }

    /// From here on frames are sealed.
    pub fn open(&mut self, transport: Transport) {
        self.transport = Some(transport);
    }

    /// The other end is to be shown that this one has the key.
    pub fn prove(&mut self) {
        self.proof = true;
    }

    /// Drops the keys and what was not said. What was heard whole is still there to be read.
    pub fn close(&mut self) {
        self.transport = None;
        self.proof = false;
        self.outbox.wipe();
        self.clear = None;
    }

    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.outbox.push(message)
    }

    pub fn room(&self) -> usize {
        self.outbox.room()
    }

    /// Takes the frame that shows that the other end has the key.
    pub fn proof(&mut self, sealed: &mut [u8]) -> Result<(), Why> {
        match self.unseal(sealed)? {
            [0] => {
                self.flow.consumed = self.flow.received;
                Ok(())
            }
            _ => Err(Why::Malformed),
        }
    }

    /// Takes a part of a message.
    pub fn data(&mut self, sealed: &mut [u8]) -> Result<(), Why> {
        let plain = self.unseal(sealed)?;
        let kept = self.inbox.push(plain);
        sealed.zeroize();
        kept?;
        self.consume();
        Ok(())
    }

    fn unseal<'a>(&mut self, sealed: &'a mut [u8]) -> Result<&'a [u8], Why> {
        let transport = self.transport.as_mut().ok_or(Why::Unexpected)?;
        self.flow.receive()?;
        transport.open(sealed).map_err(|_| Why::Broken)
    }

    pub fn credit(&mut self, body: &[u8]) -> Result<(), Why> {
        self.flow.credit(body)
    }

    /// Lets go of the message that was read, and makes the next one readable: its length.
    pub fn next_message(&mut self) -> Option<usize> {
        self.inbox.release();
        self.consume();
        self.inbox.next()
    }

    /// True if a whole message waits to be read.
    pub fn has_message(&self) -> bool {
        self.inbox.has_message()
    }

    pub fn message(&self) -> &[u8] {
        self.inbox.message()
    }

    /// Parts count as consumed as long as no whole message waits behind which they pile up.
    fn consume(&mut self) {
        if !self.inbox.is_held() {
            self.flow.consumed = self.flow.received;
        }
    }

    /// True if something is to be said that only a credit lets out.
    pub fn is_blocked(&self) -> bool {
        self.transport.is_some() && !self.outbox.is_empty() && !self.flow.may_send()
    }

    /// True if bytes are still to be handed out, now or after a credit.
    pub fn has_output(&self) -> bool {
        self.at < self.out.bytes().len()
            || self.clear.is_some()
            || self.proof
            || !self.outbox.is_empty()
            || (self.transport.is_some() && self.flow.credit_due())
    }

    pub fn transmit(&mut self, bytes: &mut [u8]) -> usize {
        let mut written = 0;
        while let Some(room) = bytes.get_mut(written..).filter(|room| !room.is_empty()) {
            let waiting = self.out.bytes().get(self.at..).unwrap_or_default();
            if waiting.is_empty() {
                let Some(next) = self.next_frame() else { break };
                (self.out, self.at) = (next, 0);
                continue;
            }
            let count = waiting.len().min(room.len());
            room.iter_mut()
                .zip(waiting)
                .for_each(|(to, from)| *to = *from);
            self.at += count;
            written += count;
        }
        written
    }

    fn next_frame(&mut self) -> Option<Encoded> {
        if !self.begun && self.clear.is_some() {
            self.begun = true;
            return Some(Encoded::end());
        }
        if let Some(clear) = self.clear.take() {
            return Encoded::new(clear.kind, clear.body.get(..clear.length)?);
        }
        let transport = self.transport.as_mut()?;
        if self.flow.credit_due() {
            self.flow.told = self.flow.consumed;
            return Encoded::new(Kind::Credit, &self.flow.told.to_le_bytes());
        }
        if !self.flow.may_send() {
            return None;
        }
        let mut body = [0; MAX_BODY];
        let plain = if core::mem::take(&mut self.proof) {
            1
        } else {
            self.outbox.next_part(&mut body)?
        };
        let sealed = body.get_mut(..plain + TAG)?;
        transport.seal(sealed).ok()?;
        self.flow.sent = self.flow.sent.wrapping_add(1);
        Encoded::new(Kind::Data, sealed)
    }
}
