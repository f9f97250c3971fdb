//! From looks at the field to taps of a card.
//!
//! A reader is asked ten times a second and answers each time; a person means one tap. And a tap
//! is costly to get wrong: the second one stops the charge. So:
//!
//! - A card is presented once, when it comes, however long it lies there.
//! - A missed look or two in between (a moving card, a noisy field) is no removal.
//! - With several cards in the field, none is presented. Two cards in one wallet may be seen in
//!   turn, so from then on a card counts only once it has been alone for [`SETTLE`] looks.
//!
//! | state | nothing seen | the held card | another card | several |
//! | --- | --- | --- | --- | --- |
//! | idle | idle | - | **presented**, held | crowded |
//! | held | missed; past the tolerance **removed**, idle | held | a candidate; at the third look in a row **presented**, held | held |
//! | crowded | missed; past the tolerance idle | - | a candidate; at the third look in a row **presented**, held | crowded |

use crate::{Card, Field, Uid};

/// Looks in a row after which another card than the held one counts as presented.
pub const SETTLE: u8 = 3;

/// What [`Presence::observe`] noticed.
///
/// ```
/// use card_auth::{Edge, Field, Presence};
/// assert_eq!(Presence::default().observe(Field::Many), None);
/// assert_ne!(Some(Edge::Removed), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edge {
    /// A card came: one tap. If another was held until now, it is gone.
    Presented(Card),
    /// The card that was presented is gone.
    Removed,
}

/// Makes one tap of many looks.
///
/// ```
/// use card_auth::{Card, Edge, Field, Presence, Uid};
/// let card = Card::announced(Uid::from_bytes(&[1, 2, 3, 4])?, false);
/// let mut presence = Presence::new(1);
/// assert_eq!(presence.observe(Field::One(card.clone())), Some(Edge::Presented(card.clone())));
/// assert_eq!(presence.observe(Field::Empty), None, "one look may be missed");
/// assert_eq!(presence.observe(Field::One(card)), None, "still the same tap");
/// assert_eq!(presence.observe(Field::Empty), None);
/// assert_eq!(presence.observe(Field::Empty), Some(Edge::Removed));
/// # Ok::<(), card_auth::InvalidUid>(())
/// ```
#[derive(Debug, Clone)]
pub struct Presence {
    tolerance: u8,
    missed: u8,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Idle,
    /// `held` is the card that was presented, `None` while the field is crowded.
    Occupied {
        held: Option<Uid>,
        candidate: Option<(Uid, u8)>,
    },
}

impl Presence {
    /// Makes a detector that forgives `tolerance` missed looks in a row.
    pub const fn new(tolerance: u8) -> Self {
        Self {
            tolerance,
            missed: 0,
            state: State::Idle,
        }
    }

    /// True while a presented card has not been removed.
    pub const fn is_held(&self) -> bool {
        matches!(self.state, State::Occupied { held: Some(_), .. })
    }

    /// True from a look that found several cards, with none held before, until they are gone or one
    /// of them counts.
    pub const fn is_crowded(&self) -> bool {
        matches!(self.state, State::Occupied { held: None, .. })
    }

    /// Takes the next look. A look that failed is no look: leave it out.
    pub fn observe(&mut self, field: Field) -> Option<Edge> {
        let card = match field {
            Field::Empty => return self.nothing(),
            Field::Many => {
                self.missed = 0;
                match &mut self.state {
                    State::Occupied { candidate, .. } => *candidate = None,
                    State::Idle => {
                        self.state = State::Occupied {
                            held: None,
                            candidate: None,
                        }
                    }
                }
                return None;
            }
            Field::One(card) => card,
        };
        self.missed = 0;
        if let State::Occupied { held, candidate } = &mut self.state {
            if held.as_ref() == Some(&card.uid) {
                *candidate = None;
                return None;
            }
            let looks = match candidate.take() {
                Some((uid, looks)) if uid == card.uid => looks.saturating_add(1),
                _ => 1,
            };
            if looks < SETTLE {
                *candidate = Some((card.uid, looks));
                return None;
            }
        }
        self.state = State::Occupied {
            held: Some(card.uid.clone()),
            candidate: None,
        };
        Some(Edge::Presented(card))
    }

    fn nothing(&mut self) -> Option<Edge> {
        let State::Occupied { held, candidate } = &mut self.state else {
            return None;
        };
        *candidate = None;
        self.missed = self.missed.saturating_add(1);
        if self.missed <= self.tolerance {
            return None;
        }
        let removed = held.is_some();
        self.missed = 0;
        self.state = State::Idle;
        removed.then_some(Edge::Removed)
    }
}

impl Default for Presence {
    /// Forgives two missed looks.
    fn default() -> Self {
        Self::new(2)
    }
}
