//! Either side of the air, as a pipe.

use super::{Air, Way};
use ble_protocol::{Gone, Pipe};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// One side of the air.
///
/// ```
/// use ble_protocol::Pipe;
/// use pile_sim::link::{Air, Side};
/// use pile_sim::world::VirtualTime;
/// let air = Air::new(VirtualTime::default());
/// let (pile, phone) = (Side::pile(&air), Side::phone(&air));
/// assert_eq!((pile.portion(), phone.portion()), (20, 20));
/// ```
pub struct Side {
    air: Air,
    says: Way,
    /// The connection that this side takes part in.
    connection: Option<u64>,
}

impl Side {
    /// The pile's: waits until a phone is there.
    pub fn pile(air: &Air) -> Self {
        Self {
            air: air.clone(),
            says: Way::ToPhone,
            connection: None,
        }
    }

    /// The phone's: dials when it waits for its connection.
    pub fn phone(air: &Air) -> Self {
        Self {
            says: Way::ToPile,
            ..Self::pile(air)
        }
    }

    fn stands(&self) -> bool {
        self.connection.is_some() && self.air.connection() == self.connection
    }
}

impl Pipe for Side {
    async fn connected(&mut self) {
        poll_fn(|_| {
            if self.stands() {
                return Poll::Ready(());
            }
            self.connection = match self.says {
                Way::ToPile => self.air.dial(),
                Way::ToPhone => self.air.connection(),
            };
            match self.connection {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            }
        })
        .await;
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        let way = self.says.back();
        poll_fn(|context| {
            let waits = self.air.arrival(way);
            // What was under way when the other side hung up is still read.
            let stood = self.connection.is_some() && self.air.connection().is_none();
            let arrives = match waits {
                Some(arrives) if self.stands() || stood => arrives,
                None if self.stands() => return Poll::Pending,
                _ => return Poll::Ready(Err(Gone)),
            };
            let until = pin!(self.air.time().until(arrives));
            if until.poll(context).is_pending() {
                return Poll::Pending;
            }
            let mut heard = self.air.hear(way);
            let rest = heard.split_off(heard.len().min(bytes.len()));
            for (to, from) in bytes.iter_mut().zip(&heard) {
                *to = *from;
            }
            if !rest.is_empty() {
                self.air.unhear(way, rest);
            }
            Poll::Ready(Ok(heard.len()))
        })
        .await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        for portion in bytes.chunks(self.portion()) {
            if !self.stands() {
                return Err(Gone);
            }
            self.air.say(self.says, portion);
            self.air.time().until(self.air.free(self.says)).await;
        }
        Ok(())
    }

    fn portion(&self) -> usize {
        self.air.pace().portion.max(1)
    }

    async fn disconnect(&mut self) {
        if self.stands() {
            // What this side said is still under way.
            self.air.hang_up(self.says.back());
        }
        self.connection = None;
    }

    fn advertise(&mut self, free_ports: u8) {
        self.air.advertise(free_ports);
    }
}
