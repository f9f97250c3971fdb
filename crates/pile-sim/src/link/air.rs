//! The air between a phone and a pile.

use crate::world::VirtualTime;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Where bytes go.
///
/// ```
/// use pile_sim::link::Way;
/// assert_eq!(Way::ToPile.back(), Way::ToPhone);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the phone.
    ToPile,
    /// From the pile.
    ToPhone,
}

impl Way {
    /// The other one.
    #[must_use]
    pub const fn back(self) -> Self {
        match self {
            Self::ToPile => Self::ToPhone,
            Self::ToPhone => Self::ToPile,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::ToPile => 0,
            Self::ToPhone => 1,
        }
    }
}

/// How the air carries.
///
/// ```
/// use pile_sim::link::Pace;
/// // A module behind a UART of 9600 baud: ten bits a byte.
/// let slow = Pace { portion: 20, bytes_per_second: Some(960), ..Pace::default() };
/// assert_eq!(slow.latency, 15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds that every portion is under way.
    pub latency: u64,
    /// The most bytes of a portion, 20 and more.
    pub portion: usize,
    /// What a direction carries; without a number, whatever is given to it at once.
    pub bytes_per_second: Option<u32>,
}

impl Default for Pace {
    /// A connection interval of 15 ms, the smallest portion of Bluetooth, no limit of the rate.
    fn default() -> Self {
        Self {
            latency: 15,
            portion: 20,
            bytes_per_second: None,
        }
    }
}

/// A portion as somebody hears it who only listens.
///
/// ```
/// use pile_sim::link::{Overheard, Way};
/// fn hellos(heard: &[Overheard]) -> usize {
///     heard.iter().filter(|it| it.way == Way::ToPile).count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overheard {
    /// Milliseconds since the world began.
    pub at: u64,
    /// The connection, from 1.
    pub connection: u64,
    /// Where it goes.
    pub way: Way,
    /// What was said.
    pub bytes: Vec<u8>,
}

/// What a hand in the middle lets pass.
///
/// ```
/// use pile_sim::link::{Passed, Way};
/// let at_once = Passed { way: Way::ToPile, bytes: vec![0], delay: 0 };
/// assert_eq!(at_once.delay, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Where it goes: it need not be where it was going.
    pub way: Way,
    /// What is said.
    pub bytes: Vec<u8>,
    /// Milliseconds that it is held back.
    pub delay: u64,
}

/// Somebody who sits in the middle: every portion goes through his hands.
///
/// ```
/// use pile_sim::link::{Hand, Passed, Way};
/// /// Says everything twice.
/// struct Parrot;
/// impl Hand for Parrot {
///     fn pass(&mut self, _: u64, way: Way, bytes: &[u8]) -> Vec<Passed> {
///         let said = Passed { way, bytes: bytes.to_vec(), delay: 0 };
///         vec![said.clone(), said]
///     }
/// }
/// ```
pub trait Hand {
    /// A phone was connected, the first one as 1.
    fn connected(&mut self, connection: u64) {
        let _ = connection;
    }

    /// A portion is under way at this moment, in milliseconds; what becomes of it.
    fn pass(&mut self, now: u64, way: Way, bytes: &[u8]) -> Vec<Passed>;
}

#[derive(Default)]
struct State {
    pace: Pace,
    connection: Option<u64>,
    connections: u64,
    /// (when it arrives, what), in the order of the first.
    under_way: [VecDeque<(u64, Vec<u8>)>; 2],
    /// When each direction has said what it was given, in microseconds.
    free: [u64; 2],
    carried: [u64; 2],
    portions: [u64; 2],
    drop_after: Option<u64>,
    hand: Option<Rc<RefCell<dyn Hand>>>,
    heard: Option<Vec<Overheard>>,
    adverts: Vec<(u64, u8)>,
}

/// The air between one pile and one phone at a time.
///
/// ```
/// use pile_sim::link::{Air, Way};
/// use pile_sim::world::VirtualTime;
/// let time = VirtualTime::default();
/// let air = Air::new(time.clone());
/// assert!(air.dial().is_some());
/// air.say(Way::ToPile, b"hello");
/// assert_eq!(air.hear(Way::ToPile), b""); // 15 ms under way
/// time.advance_to(15);
/// assert_eq!(air.hear(Way::ToPile), b"hello");
/// ```
#[derive(Clone)]
pub struct Air {
    state: Rc<RefCell<State>>,
    time: VirtualTime,
}

impl Air {
    /// No phone is connected.
    pub fn new(time: VirtualTime) -> Self {
        Self {
            state: Rc::default(),
            time,
        }
    }

    /// Carries like this from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.state.borrow_mut().pace = pace;
    }

    /// How it carries.
    pub fn pace(&self) -> Pace {
        self.state.borrow().pace
    }

    /// Puts somebody in the middle, or nobody.
    pub fn set_hand(&self, hand: Option<Rc<RefCell<dyn Hand>>>) {
        self.state.borrow_mut().hand = hand;
    }

    /// Listens from now on; what is heard, [`Air::overheard`] tells.
    pub fn listen(&self) {
        self.state.borrow_mut().heard.get_or_insert_default();
    }

    /// What was heard since the last time, before anybody in the middle touched it.
    pub fn overheard(&self) -> Vec<Overheard> {
        let mut state = self.state.borrow_mut();
        state.heard.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Lets the connection drop when so many bytes more have been said, both ways together.
    pub fn drop_after(&self, bytes: u64) {
        self.state.borrow_mut().drop_after = Some(bytes);
    }

    /// Lets no connection drop.
    pub fn drop_no_more(&self) {
        self.state.borrow_mut().drop_after = None;
    }

    /// Connects a phone: the connection's number, or `None` while another is connected.
    pub fn dial(&self) -> Option<u64> {
        let mut state = self.state.borrow_mut();
        if state.connection.is_some() {
            return None;
        }
        state.connections += 1;
        let number = state.connections;
        state.connection = Some(number);
        state.under_way.iter_mut().for_each(VecDeque::clear);
        state.free = [0; 2];
        let hand = state.hand.clone();
        drop(state);
        if let Some(hand) = hand {
            hand.borrow_mut().connected(number);
        }
        Some(number)
    }

    /// The connection that stands.
    pub fn connection(&self) -> Option<u64> {
        self.state.borrow().connection
    }

    /// Ends the connection. What is under way to the side that does not end it still arrives.
    pub fn hang_up(&self, from: Way) {
        let mut state = self.state.borrow_mut();
        state.connection = None;
        if let Some(queue) = state.under_way.get_mut(from.index()) {
            queue.clear();
        }
    }

    /// Ends the connection, and loses what is under way: the pile's supply failed, or somebody walked
    /// away.
    pub fn cut(&self) {
        let mut state = self.state.borrow_mut();
        state.connection = None;
        state.under_way.iter_mut().for_each(VecDeque::clear);
    }

    /// Says bytes, in portions. Without a connection they are lost.
    pub fn say(&self, way: Way, bytes: &[u8]) {
        let portion = self.pace().portion.max(1);
        for bytes in bytes.chunks(portion) {
            self.say_portion(way, bytes);
        }
    }

    fn say_portion(&self, way: Way, bytes: &[u8]) {
        let now = self.time.millis();
        let mut state = self.state.borrow_mut();
        let Some(connection) = state.connection else {
            return;
        };
        if let Some(heard) = &mut state.heard {
            heard.push(Overheard {
                at: now,
                connection,
                way,
                bytes: bytes.to_vec(),
            });
        }
        let hand = state.hand.clone();
        drop(state);
        let passed = match hand {
            Some(hand) => hand.borrow_mut().pass(now, way, bytes),
            None => vec![Passed {
                way,
                bytes: bytes.to_vec(),
                delay: 0,
            }],
        };
        let mut state = self.state.borrow_mut();
        for it in passed {
            state.put(now, it);
        }
    }

    /// What has arrived.
    pub fn hear(&self, way: Way) -> Vec<u8> {
        let now = self.time.millis();
        let mut state = self.state.borrow_mut();
        let mut heard = Vec::new();
        if let Some(queue) = state.under_way.get_mut(way.index()) {
            while let Some((_, bytes)) = queue.pop_front_if(|(at, _)| *at <= now) {
                heard.extend(bytes);
            }
        }
        heard
    }

    /// Gives back what was heard and not taken.
    pub(super) fn unhear(&self, way: Way, bytes: Vec<u8>) {
        let now = self.time.millis();
        let mut state = self.state.borrow_mut();
        if let Some(queue) = state.under_way.get_mut(way.index()) {
            queue.push_front((now, bytes));
        }
    }

    /// When the next bytes arrive.
    pub fn arrival(&self, way: Way) -> Option<u64> {
        let state = self.state.borrow();
        let queue = state.under_way.get(way.index())?;
        queue.front().map(|(at, _)| *at)
    }

    /// When a direction takes the next bytes, in milliseconds.
    pub(super) fn free(&self, way: Way) -> u64 {
        let state = self.state.borrow();
        let free = state.free.get(way.index());
        free.copied().unwrap_or_default().div_ceil(1_000)
    }

    /// Bytes and portions that a direction was given, since the world began.
    pub fn carried(&self, way: Way) -> (u64, u64) {
        let state = self.state.borrow();
        let of = |counts: &[u64; 2]| counts.get(way.index()).copied().unwrap_or_default();
        (of(&state.carried), of(&state.portions))
    }

    pub(super) fn advertise(&self, free_ports: u8) {
        let now = self.time.millis();
        self.state.borrow_mut().adverts.push((now, free_ports));
    }

    /// What the pile wanted said in its advertisement: (milliseconds, free ports).
    pub fn adverts(&self) -> Vec<(u64, u8)> {
        self.state.borrow().adverts.clone()
    }

    pub(super) const fn time(&self) -> &VirtualTime {
        &self.time
    }
}

impl State {
    fn put(&mut self, now: u64, passed: Passed) {
        let Passed {
            way,
            mut bytes,
            delay,
        } = passed;
        if self.connection.is_none() || bytes.is_empty() {
            return;
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut dropped = false;
        if let Some(left) = &mut self.drop_after {
            dropped = *left <= length;
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left = left.saturating_sub(length);
        }
        let index = way.index();
        let (Some(queue), Some(free), Some(carried), Some(portions)) = (
            self.under_way.get_mut(index),
            self.free.get_mut(index),
            self.carried.get_mut(index),
            self.portions.get_mut(index),
        ) else {
            return;
        };
        *carried += length;
        *portions += 1;
        let begun = (*free).max(now.saturating_mul(1_000));
        let takes = self.pace.bytes_per_second.map_or(0, |rate| {
            (length * 1_000_000).div_ceil(u64::from(rate.max(1)))
        });
        *free = begun + takes;
        let arrives = free.div_ceil(1_000) + self.pace.latency + delay;
        let place = queue.partition_point(|(at, _)| *at <= arrives);
        queue.insert(place, (arrives, bytes));
        if dropped {
            self.drop_after = None;
            self.connection = None;
        }
    }
}
