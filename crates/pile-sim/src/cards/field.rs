//! The space in front of a reader: who hears a frame, and what their answers look like together.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Bits, CardState, VirtualCard};

/// What comes back through the field.
///
/// ```
/// use pile_sim::cards::{OnAir, RfField};
/// assert_eq!(RfField::default().exchange(&pile_sim::cards::Bits::whole(&[1])), OnAir::Silence);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnAir {
    /// No card answered.
    Silence,
    /// One answer, or several that are the same.
    Answer(Bits),
    /// Answers that differ.
    Collision {
        /// Laid over each other; from `at` on, worthless.
        bits: Bits,
        /// The first bit that differs, from 0.
        at: usize,
    },
}

/// What happens to a frame on its way.
///
/// ```
/// use pile_sim::cards::{Bits, Disturbance, OnAir, RfField, VirtualCard};
/// let field = RfField::default();
/// field.power(true);
/// field.put(VirtualCard::numbered(1));
/// field.disturb([Disturbance::CommandLost]);
/// let request = Bits::new(&[0x26], 7).unwrap();
/// assert_eq!(field.exchange(&request), OnAir::Silence);
/// assert_ne!(field.exchange(&request), OnAir::Silence);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// No card hears the reader.
    CommandLost,
    /// The cards hear one bit wrong.
    CommandGarbled,
    /// The cards answer and the reader does not hear it, or too late.
    AnswerLost,
    /// The reader hears one bit wrong.
    AnswerGarbled,
    /// The reader hears the first half.
    AnswerCut,
}

/// Names a card in an [`RfField`].
///
/// ```
/// use pile_sim::cards::{RfField, VirtualCard};
/// let field = RfField::default();
/// assert_ne!(field.put(VirtualCard::numbered(1)), field.put(VirtualCard::numbered(2)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardHandle(u32);

#[derive(Debug, Default)]
struct Inner {
    cards: Vec<(CardHandle, VirtualCard)>,
    next: u32,
    powered: bool,
    revision: u64,
    exchanges: u64,
    /// A card that goes when this many exchanges have been.
    leaving: Option<(CardHandle, u64)>,
    /// Bytes on the air so far, both ways.
    bytes: u64,
    /// A card that goes when this many bytes have been.
    leaving_at: Option<(CardHandle, u64)>,
    disturbances: VecDeque<Disturbance>,
}

/// The space in front of a reader. A shared handle: the world puts cards in and takes them out,
/// the virtual chip powers and speaks to them.
///
/// ```
/// use pile_sim::cards::{RfField, VirtualCard};
/// let field = RfField::default();
/// let handle = field.put(VirtualCard::numbered(7));
/// assert_eq!(field.cards(), 1);
/// assert!(field.take(handle).is_some());
/// assert!(field.take(handle).is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct RfField(Rc<RefCell<Inner>>);

impl RfField {
    /// Lays a card into the field.
    pub fn put(&self, mut card: VirtualCard) -> CardHandle {
        let mut inner = self.0.borrow_mut();
        card.power(inner.powered);
        let handle = CardHandle(inner.next);
        inner.next += 1;
        inner.revision += 1;
        inner.cards.push((handle, card));
        handle
    }

    /// Takes a card out, or returns `None` if it is not there.
    pub fn take(&self, handle: CardHandle) -> Option<VirtualCard> {
        self.0.borrow_mut().take(handle)
    }

    /// Takes a card out in the middle of a conversation: it hears `exchanges` more frames and
    /// answers them, and no further one.
    pub fn take_after(&self, handle: CardHandle, exchanges: u64) {
        let mut inner = self.0.borrow_mut();
        let at = inner.exchanges + exchanges;
        inner.leaving = Some((handle, at));
    }

    /// Takes a card out in the middle of a frame: `bytes` more are on the air, both ways counted,
    /// and no further one reaches it or comes from it. A command of which the last byte is missing
    /// was not heard; an answer of which bytes are missing was given, and its command carried out.
    pub fn take_after_bytes(&self, handle: CardHandle, bytes: u64) {
        let mut inner = self.0.borrow_mut();
        let at = inner.bytes + bytes;
        inner.leaving_at = Some((handle, at));
    }

    /// Bytes on the air so far, both ways: what [`take_after_bytes`](Self::take_after_bytes)
    /// counts. A short frame is one.
    pub fn bytes_on_air(&self) -> u64 {
        self.0.borrow().bytes
    }

    /// Disturbs the next frames, one each, in this order.
    pub fn disturb(&self, plan: impl IntoIterator<Item = Disturbance>) {
        self.0.borrow_mut().disturbances.extend(plan);
    }

    /// Takes every card out.
    pub fn clear(&self) {
        let mut inner = self.0.borrow_mut();
        inner.cards.clear();
        inner.revision += 1;
    }

    /// Number of cards in it.
    pub fn cards(&self) -> usize {
        self.0.borrow().cards.len()
    }

    /// Counts changes: as long as it stands still, a look finds what the last one found, and a
    /// world in a hurry may skip it.
    pub fn revision(&self) -> u64 {
        self.0.borrow().revision
    }

    /// Frames carried so far.
    pub fn exchanges(&self) -> u64 {
        self.0.borrow().exchanges
    }

    /// What a card is doing, or `None` if it is not there.
    pub fn state(&self, handle: CardHandle) -> Option<CardState> {
        let inner = self.0.borrow();
        let (_, card) = inner.cards.iter().find(|(name, _)| *name == handle)?;
        Some(card.state())
    }

    /// Switches the carrier: without it every card forgets where it was.
    pub fn power(&self, on: bool) {
        let mut inner = self.0.borrow_mut();
        if inner.powered != on {
            inner.powered = on;
            inner.cards.iter_mut().for_each(|(_, card)| card.power(on));
        }
    }

    /// Carries a frame to the cards and their answers back.
    pub fn exchange(&self, frame: &Bits) -> OnAir {
        let mut inner = self.0.borrow_mut();
        if let Some((handle, at)) = inner.leaving
            && inner.exchanges >= at
        {
            inner.leaving = None;
            inner.take(handle);
        }
        inner.exchanges += 1;
        let disturbance = inner.disturbances.pop_front();
        let heard = match disturbance {
            Some(Disturbance::CommandGarbled) => frame.flipped(frame.len() / 2),
            _ => frame.clone(),
        };
        inner.bytes += air_bytes(frame);
        let left = |inner: &Inner| {
            let (handle, at) = inner.leaving_at?;
            Some((handle, at.checked_sub(inner.bytes)))
        };
        if let Some((handle, None)) = left(&inner) {
            // Gone before the end of the command.
            inner.leaving_at = None;
            inner.take(handle);
        }
        if disturbance == Some(Disturbance::CommandLost) {
            return OnAir::Silence;
        }
        let leaving = left(&inner).and_then(|(handle, bytes)| bytes.map(|bytes| (handle, bytes)));
        let mut gone = None;
        let mut air = OnAir::Silence;
        for (name, card) in &mut inner.cards {
            let Some(answer) = card.receive(&heard) else {
                continue;
            };
            match leaving {
                Some((handle, bytes)) if handle == *name && bytes < air_bytes(&answer) => {
                    gone = Some(handle);
                    let said = answer.front(usize::try_from(bytes * 8).unwrap_or(usize::MAX));
                    if !said.is_empty() {
                        air = lay_over(air, said);
                    }
                }
                _ => air = lay_over(air, answer),
            }
        }
        if let Some(handle) = gone {
            inner.leaving_at = None;
            inner.take(handle);
        }
        if let OnAir::Answer(bits) | OnAir::Collision { bits, .. } = &air {
            inner.bytes += air_bytes(bits);
        }
        match (air, disturbance) {
            (_, Some(Disturbance::AnswerLost)) => OnAir::Silence,
            (OnAir::Answer(bits), Some(Disturbance::AnswerGarbled)) => {
                OnAir::Answer(bits.flipped(bits.len() / 2))
            }
            (OnAir::Answer(bits), Some(Disturbance::AnswerCut)) => {
                OnAir::Answer(bits.front((bits.len() / 2).max(1)))
            }
            (air, _) => air,
        }
    }
}

fn air_bytes(bits: &Bits) -> u64 {
    bits.len().div_ceil(8).try_into().unwrap_or(u64::MAX)
}

impl Inner {
    fn take(&mut self, handle: CardHandle) -> Option<VirtualCard> {
        let at = self.cards.iter().position(|(name, _)| *name == handle)?;
        self.revision += 1;
        let (_, mut card) = self.cards.remove(at);
        card.power(false);
        Some(card)
    }
}

fn lay_over(air: OnAir, answer: Bits) -> OnAir {
    let (old, before) = match air {
        OnAir::Silence => return OnAir::Answer(answer),
        OnAir::Answer(bits) => (bits, None),
        OnAir::Collision { bits, at } => (bits, Some(at)),
    };
    let mut bits = Bits::empty();
    let mut collision = before;
    for at in 0..old.len().max(answer.len()) {
        let (one, other) = (old.bit(at), answer.bit(at));
        if one != other {
            // A bit that only one of them sends collides with the other's end of frame.
            collision = Some(collision.map_or(at, |first| first.min(at)));
        }
        bits.push(one.unwrap_or(false) || other.unwrap_or(false));
    }
    match collision {
        Some(at) => OnAir::Collision { bits, at },
        None => OnAir::Answer(bits),
    }
}
