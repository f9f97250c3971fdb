//! What stands between the radio and the pipe: two rings of bytes, and who waits for which.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Context, Poll};

use ble_protocol::advert::Advert;
use embassy_sync::waitqueue::WakerRegistration;
use heapless::Deque;

use crate::GattPipe;

/// Bytes from the phone that are kept for the pipe. The link lets a sender have four frames of a
/// little over 256 bytes under way, so twice that never overflows.
const INBOUND: usize = 2_048;
/// Up to here a write with response is answered at once; above it the phone waits for its answer.
const MARK: usize = INBOUND / 2;
/// Bytes for the phone that the radio has not taken yet.
const OUTBOUND: usize = 512;
/// The payload of a notification at the smallest ATT MTU, 23 (Core Specification, vol. 3 part F, 3.2.8).
pub(crate) const SMALLEST_PORTION: usize = 20;
/// The most that fits a link-layer packet of 251 bytes with its L2CAP and ATT headers.
pub(crate) const LARGEST_PORTION: usize = 244;

/// The middle of a pile's radio: [`run`](crate::run) works at one side of it, a [`GattPipe`] at the
/// other. Both belong to one executor.
///
/// ```
/// use ble_gatt::Exchange;
/// use ble_protocol::Pipe;
/// use ble_protocol::advert::{Advert, Name};
///
/// let exchange = Exchange::new(Advert { name: Name::PLAIN, version: 1, free_ports: 10 });
/// let pipe = exchange.pipe();
/// assert_eq!(pipe.portion(), 20); // until a phone asks for more
/// assert_eq!(exchange.overruns(), 0);
/// ```
pub struct Exchange {
    state: RefCell<State>,
    advert: RefCell<Advert>,
    advert_changed: Cell<bool>,
    overruns: Cell<u32>,
}

struct State {
    inbound: Deque<u8, INBOUND>,
    outbound: Deque<u8, OUTBOUND>,
    /// Counts connections, so that no byte of one is taken for one of the next.
    connection: u32,
    subscribed: bool,
    leaving: bool,
    portion: usize,
    pipe: WakerRegistration,
    /// The radio's tasks that wait: bytes to send, room in the ring, something new to advertise.
    speaker: WakerRegistration,
    answerer: WakerRegistration,
    advertiser: WakerRegistration,
    leaver: WakerRegistration,
}

impl Exchange {
    /// Makes the middle of a radio that will advertise this.
    pub const fn new(advert: Advert) -> Self {
        Self {
            state: RefCell::new(State {
                inbound: Deque::new(),
                outbound: Deque::new(),
                connection: 0,
                subscribed: false,
                leaving: false,
                portion: SMALLEST_PORTION,
                pipe: WakerRegistration::new(),
                speaker: WakerRegistration::new(),
                answerer: WakerRegistration::new(),
                advertiser: WakerRegistration::new(),
                leaver: WakerRegistration::new(),
            }),
            advert: RefCell::new(advert),
            advert_changed: Cell::new(false),
            overruns: Cell::new(0),
        }
    }

    /// The pipe's end. There is one phone at a time, so two pipes would take each other's bytes.
    pub const fn pipe(&self) -> GattPipe<'_> {
        GattPipe::new(self)
    }

    /// How many connections were ended because a phone wrote, without waiting for answers, more
    /// than the pile had room for. No phone that keeps to the link's window does.
    pub fn overruns(&self) -> u32 {
        self.overruns.get()
    }

    // The pipe's side.

    /// The connection that a phone has now, if it listens.
    pub(crate) fn poll_connected(&self, context: &Context<'_>) -> Poll<u32> {
        let mut state = self.state.borrow_mut();
        if state.subscribed && !state.leaving {
            return Poll::Ready(state.connection);
        }
        state.pipe.register(context.waker());
        Poll::Pending
    }

    /// Takes bytes of this connection; `None` when it is over.
    pub(crate) fn poll_read(
        &self,
        connection: u32,
        bytes: &mut [u8],
        context: &Context<'_>,
    ) -> Poll<Option<usize>> {
        let mut state = self.state.borrow_mut();
        if !state.is(connection) {
            return Poll::Ready(None);
        }
        let read = take(&mut state.inbound, bytes);
        if read == 0 && !bytes.is_empty() {
            state.pipe.register(context.waker());
            return Poll::Pending;
        }
        state.answerer.wake();
        Poll::Ready(Some(read))
    }

    /// Hands over as much as there is room for, at least a byte; `None` when the connection is over.
    pub(crate) fn poll_write(
        &self,
        connection: u32,
        bytes: &[u8],
        context: &Context<'_>,
    ) -> Poll<Option<usize>> {
        let mut state = self.state.borrow_mut();
        if !state.is(connection) {
            return Poll::Ready(None);
        }
        let written = bytes
            .iter()
            .take_while(|byte| state.outbound.push_back(**byte).is_ok())
            .count();
        if written == 0 && !bytes.is_empty() {
            state.pipe.register(context.waker());
            return Poll::Pending;
        }
        state.speaker.wake();
        Poll::Ready(Some(written))
    }

    pub(crate) fn portion(&self) -> usize {
        self.state.borrow().portion
    }

    /// Asks for the end of this connection, where it lasts.
    pub(crate) fn leave(&self, connection: u32) {
        let mut state = self.state.borrow_mut();
        if state.is(connection) {
            state.leaving = true;
            state.leaver.wake();
            state.speaker.wake();
        }
    }

    /// Is this connection, also one that is being left, over?
    pub(crate) fn poll_over(&self, connection: u32, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.connection == connection && state.subscribed {
            state.pipe.register(context.waker());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    pub(crate) fn set_free_ports(&self, free_ports: u8) {
        let mut advert = self.advert.borrow_mut();
        if advert.free_ports != free_ports {
            advert.free_ports = free_ports;
            self.advert_changed.set(true);
            self.state.borrow_mut().advertiser.wake();
        }
    }

    // The radio's side.

    pub(crate) fn advert(&self) -> Advert {
        self.advert_changed.set(false);
        self.advert.borrow().clone()
    }

    pub(crate) async fn advert_changed(&self) {
        poll_fn(|context| {
            if self.advert_changed.get() {
                return Poll::Ready(());
            }
            let mut state = self.state.borrow_mut();
            state.advertiser.register(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// A phone has connected; it does not listen yet.
    pub(crate) fn up(&self) {
        let mut state = self.state.borrow_mut();
        state.end();
        state.connection = state.connection.wrapping_add(1);
    }

    /// The phone listens, and takes so many bytes at once.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.state.borrow().subscribed
    }

    pub(crate) fn subscribed(&self, portion: usize) {
        let mut state = self.state.borrow_mut();
        state.portion = portion;
        if !state.subscribed {
            state.subscribed = true;
            state.pipe.wake();
            state.speaker.wake();
        }
    }

    /// The phone has gone.
    pub(crate) fn down(&self) {
        self.state.borrow_mut().end();
    }

    /// Keeps all of what a phone wrote, or nothing where there is no room for all of it.
    pub(crate) fn hear(&self, bytes: &[u8]) -> bool {
        let mut state = self.state.borrow_mut();
        if INBOUND - state.inbound.len() < bytes.len() {
            self.overruns.set(self.overruns.get().saturating_add(1));
            return false;
        }
        for byte in bytes {
            let _ = state.inbound.push_back(*byte);
        }
        state.pipe.wake();
        true
    }

    /// Waits until a write with response may be answered.
    pub(crate) async fn room(&self) {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.inbound.len() <= MARK {
                return Poll::Ready(());
            }
            state.answerer.register(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Waits for bytes to send to a phone that listens. They are taken only now.
    pub(crate) async fn speech(&self, bytes: &mut [u8]) -> usize {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            let taken = if state.subscribed {
                take(&mut state.outbound, bytes)
            } else {
                0
            };
            if taken == 0 {
                state.speaker.register(context.waker());
                // All is said: who wants to leave may.
                state.leaver.wake();
                return Poll::Pending;
            }
            state.pipe.wake();
            Poll::Ready(taken)
        })
        .await
    }

    /// Waits until the pipe wants to leave.
    pub(crate) async fn wish_to_leave(&self) {
        self.leaver(|state| state.leaving).await;
    }

    /// Waits until all is handed to the radio.
    pub(crate) async fn said(&self) {
        self.leaver(|state| state.outbound.is_empty()).await;
    }

    async fn leaver(&self, is_so: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if is_so(&state) {
                return Poll::Ready(());
            }
            state.leaver.register(context.waker());
            Poll::Pending
        })
        .await;
    }
}

impl State {
    const fn is(&self, connection: u32) -> bool {
        self.connection == connection && self.subscribed && !self.leaving
    }

    fn end(&mut self) {
        self.inbound.clear();
        self.outbound.clear();
        self.subscribed = false;
        self.leaving = false;
        self.portion = SMALLEST_PORTION;
        self.pipe.wake();
    }
}

fn take<const N: usize>(ring: &mut Deque<u8, N>, bytes: &mut [u8]) -> usize {
    let mut taken = 0;
    for place in bytes.iter_mut() {
        let Some(byte) = ring.pop_front() else { break };
        *place = byte;
        taken += 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use ble_protocol::advert::Name;
    use ble_protocol::{Gone, Pipe};
    use embassy_futures::{block_on, poll_once};

    fn exchange() -> Exchange {
        Exchange::new(Advert {
            name: Name::PLAIN,
            version: 1,
            free_ports: 3,
        })
    }

    /// A phone that listens, and the pipe that knows of it.
    fn connected(exchange: &Exchange) -> GattPipe<'_> {
        exchange.up();
        exchange.subscribed(LARGEST_PORTION);
        let mut pipe = exchange.pipe();
        block_on(pipe.connected());
        pipe
    }

    #[test]
    fn a_phone_that_does_not_listen_yet_is_not_connected() {
        let exchange = exchange();
        let mut pipe = exchange.pipe();
        exchange.up();
        assert!(poll_once(pipe.connected()).is_pending());
        exchange.subscribed(100);
        assert!(poll_once(pipe.connected()).is_ready());
        assert_eq!(pipe.portion(), 100);
    }

    #[test]
    fn what_was_written_before_the_phone_listened_is_read() {
        let exchange = exchange();
        exchange.up();
        assert!(exchange.hear(b"early"));
        exchange.subscribed(20);
        let mut pipe = exchange.pipe();
        let mut bytes = [0; 8];
        block_on(pipe.connected());
        assert_eq!(block_on(pipe.read(&mut bytes)), Ok(5));
    }

    #[test]
    fn no_byte_of_a_connection_reaches_the_next() {
        let exchange = exchange();
        let mut pipe = connected(&exchange);
        assert!(exchange.hear(b"old"));
        assert_eq!(block_on(pipe.write(b"old")), Ok(()));
        exchange.down();
        exchange.up();
        exchange.subscribed(20);
        assert!(exchange.hear(b"new"));
        // The pipe is told once, and only then sees the new phone.
        let mut bytes = [0; 8];
        assert_eq!(block_on(pipe.read(&mut bytes)), Err(Gone));
        assert_eq!(block_on(pipe.write(b"lost")), Err(Gone));
        assert!(poll_once(exchange.speech(&mut bytes)).is_pending());
        block_on(pipe.connected());
        assert_eq!(block_on(pipe.read(&mut bytes)), Ok(3));
        assert_eq!(bytes.get(..3), Some(b"new".as_slice()));
    }

    #[test]
    fn a_full_ring_refuses_a_write_whole_and_says_so() {
        let exchange = exchange();
        let mut pipe = connected(&exchange);
        let mut kept = 0;
        while exchange.hear(&[7; 244]) {
            kept += 244;
        }
        assert!(kept > INBOUND - 244);
        assert_eq!(exchange.overruns(), 1);
        let mut bytes = [0; INBOUND];
        assert_eq!(block_on(pipe.read(&mut bytes)), Ok(kept));
    }

    #[test]
    fn an_answer_waits_until_the_pipe_has_read() {
        let exchange = exchange();
        let mut pipe = connected(&exchange);
        while exchange.state.borrow().inbound.len() <= MARK {
            assert!(exchange.hear(&[7; 244]));
        }
        assert!(poll_once(exchange.room()).is_pending());
        let mut bytes = [0; 300];
        block_on(pipe.read(&mut bytes)).unwrap();
        assert!(poll_once(exchange.room()).is_ready());
    }

    #[test]
    fn a_writer_waits_for_the_radio_and_loses_nothing() {
        let exchange = exchange();
        let mut pipe = connected(&exchange);
        let long: std::vec::Vec<u8> = (0..=255).cycle().take(3 * OUTBOUND).collect();
        let mut heard = std::vec::Vec::new();
        let mut bytes = [0; LARGEST_PORTION];
        let hear = async {
            while heard.len() < long.len() {
                let taken = exchange.speech(&mut bytes).await;
                heard.extend_from_slice(&bytes[..taken]);
                embassy_futures::yield_now().await;
            }
        };
        let (written, ()) = block_on(embassy_futures::join::join(pipe.write(&long), hear));
        assert_eq!(written, Ok(()));
        assert_eq!(heard, long);
    }

    #[test]
    fn who_leaves_is_gone_at_once_and_lets_the_last_word_out() {
        let exchange = exchange();
        let mut pipe = connected(&exchange);
        block_on(pipe.write(b"bye")).unwrap();
        assert!(poll_once(pipe.disconnect()).is_pending());
        assert!(poll_once(exchange.wish_to_leave()).is_ready());
        assert!(poll_once(exchange.said()).is_pending());
        let mut bytes = [0; 8];
        assert_eq!(block_on(exchange.speech(&mut bytes)), 3);
        assert!(poll_once(exchange.said()).is_ready());
        assert_eq!(block_on(pipe.read(&mut bytes)), Err(Gone));
        exchange.down();
        block_on(pipe.disconnect());
    }

    #[test]
    fn new_free_ports_are_advertised_and_the_same_are_not() {
        let exchange = exchange();
        let mut pipe = exchange.pipe();
        pipe.advertise(3);
        assert!(poll_once(exchange.advert_changed()).is_pending());
        pipe.advertise(2);
        assert!(poll_once(exchange.advert_changed()).is_ready());
        assert_eq!(exchange.advert().free_ports, 2);
        assert!(poll_once(exchange.advert_changed()).is_pending());
    }
}
