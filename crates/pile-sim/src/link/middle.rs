//! A man in the middle, who can do anything to frames but make a seal.

use super::{Hand, Passed, Way};
use crate::dice::Dice;
use ble_protocol::frame::{Decoder, Encoded, Kind};
use std::collections::BTreeMap;

/// What he does.
///
/// ```
/// use pile_sim::link::Attack;
/// assert!(Attack::ALL.contains(&Attack::Reflect));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// Says a frame of this connection once more, later.
    ReplayHere,
    /// Says a frame that he recorded on an earlier connection.
    ReplayElsewhere,
    /// Says all that a phone said on an earlier connection in the place of what this one says.
    ReplayWhole,
    /// Lets the next frame go first.
    Reorder,
    /// Flips a bit of a frame, and makes its check sum right again.
    Flip,
    /// Flips a bit on the wire, check sum and marks included.
    FlipRaw,
    /// Takes bytes off a frame's end, and makes its check sum right again.
    Truncate,
    /// Takes away the rest of a frame, so that it runs into the next.
    TruncateRaw,
    /// Says a frame that he made up.
    Inject,
    /// Says bytes that he made up.
    InjectRaw,
    /// Says a frame to who said it.
    Reflect,
    /// Holds a frame, and all behind it, back for some seconds.
    Delay,
    /// Swallows a frame.
    Drop,
    /// Says a frame twice.
    Double,
    /// Says a frame as one of another kind.
    Relabel,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::ReplayHere,
        Self::ReplayElsewhere,
        Self::ReplayWhole,
        Self::Reorder,
        Self::Flip,
        Self::FlipRaw,
        Self::Truncate,
        Self::TruncateRaw,
        Self::Inject,
        Self::InjectRaw,
        Self::Reflect,
        Self::Delay,
        Self::Drop,
        Self::Double,
        Self::Relabel,
    ];
}

type Said = (Way, Kind, Vec<u8>);

const KINDS: [Kind; 7] = [
    Kind::Hello,
    Kind::Reply,
    Kind::Data,
    Kind::Credit,
    Kind::Wait,
    Kind::Busy,
    Kind::Bye,
];
/// Frames of earlier connections that he remembers.
const MEMORY: usize = 512;

/// The man. He takes the stream apart into frames, records all of them, and does the deed he was
/// told to the frame he was told, counted from the connection's first.
///
/// ```
/// use pile_sim::link::{Attack, Hand, Middle, Way};
/// let mut man = Middle::new(1);
/// man.attack(Some((Attack::Drop, 0)));
/// man.connected(1);
/// assert!(man.pass(0, Way::ToPile, &[0]).len() <= 1); // a lone mark is no frame
/// ```
pub struct Middle {
    dice: Dice,
    attack: Option<(Attack, usize)>,
    seen: usize,
    partial: [Vec<u8>; 2],
    /// Swapped with the next of its way, or said again when so many more have passed.
    kept: Option<(Said, usize, Attack)>,
    /// Of this connection.
    here: Vec<Said>,
    /// Of earlier ones.
    earlier: Vec<Said>,
    /// All that the phone said on the one before.
    last_phone: Vec<Said>,
    held_until: u64,
    done: BTreeMap<Attack, usize>,
}

impl Middle {
    /// One who only records.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            attack: None,
            seen: 0,
            partial: [Vec::new(), Vec::new()],
            kept: None,
            here: Vec::new(),
            earlier: Vec::new(),
            last_phone: Vec::new(),
            held_until: 0,
            done: BTreeMap::new(),
        }
    }

    /// What he does next, and to which frame of the first connection that has so many; he does it
    /// once.
    pub const fn attack(&mut self, attack: Option<(Attack, usize)>) {
        self.attack = attack;
    }

    /// All that the phone said on a connection that came to something, to be said again.
    pub fn recorded(&self) -> Vec<u8> {
        self.last_phone.iter().flat_map(plain).collect()
    }

    /// How often he did what.
    pub const fn done(&self) -> &BTreeMap<Attack, usize> {
        &self.done
    }

    fn below(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides.max(1)).unwrap_or(1);
        usize::try_from(self.dice.next() % sides).unwrap_or(0)
    }

    fn did(&mut self, attack: Attack) {
        *self.done.entry(attack).or_default() += 1;
    }

    fn frame(&mut self, now: u64, said: &Said) -> Vec<Passed> {
        self.here.push(said.clone());
        let index = self.seen;
        self.seen += 1;
        let target = self.attack.take_if(|(_, target)| *target == index);
        let target = target.map(|(attack, _)| attack);
        let mut out = match target {
            Some(attack) => self.deed(now, attack, said.clone()),
            None => vec![(said.0, plain(said))],
        };
        if target.is_none()
            && let Some((kept, left, attack)) = self.kept.take()
        {
            match (kept.0 == said.0, left) {
                (true, 1) => {
                    out.push((kept.0, plain(&kept)));
                    self.did(attack);
                }
                (same, left) => self.kept = Some((kept, left - usize::from(same), attack)),
            }
        }
        let delay = self.held_until.saturating_sub(now);
        out.into_iter()
            .map(|(way, bytes)| Passed { way, bytes, delay })
            .collect()
    }

    fn deed(&mut self, now: u64, attack: Attack, said: Said) -> Vec<(Way, Vec<u8>)> {
        let (way, kind, mut body) = said.clone();
        let whole = plain(&said);
        let mut did = true;
        let out = match attack {
            Attack::ReplayHere => {
                self.kept = Some((said, 1 + self.below(3), attack));
                did = false;
                vec![(way, whole)]
            }
            Attack::Reorder => {
                self.kept = Some((said, 1, attack));
                did = false;
                vec![]
            }
            Attack::ReplayElsewhere => {
                let at = self.below(self.earlier.len());
                let mut out = vec![(way, whole)];
                did = self.earlier.len() > at;
                out.extend(self.earlier.get(at).map(|old| (way, plain(old))));
                out
            }
            Attack::ReplayWhole => {
                did = !self.last_phone.is_empty();
                let old = self.last_phone.iter();
                old.map(|it| (Way::ToPile, plain(it))).collect()
            }
            Attack::Flip | Attack::Truncate | Attack::TruncateRaw | Attack::FlipRaw => {
                return self.harm(attack, (way, kind, body), whole);
            }
            Attack::Inject => {
                let at = self.below(KINDS.len());
                let kind = KINDS.get(at).copied().unwrap_or(Kind::Data);
                let length = self.below(80);
                let made = self.garbage(length);
                vec![(way, whole), (way, plain(&(way, kind, made)))]
            }
            Attack::InjectRaw => {
                let length = 1 + self.below(300);
                let made = self.garbage(length);
                vec![(way, whole), (way, made)]
            }
            Attack::Reflect => vec![(way, whole.clone()), (way.back(), whole)],
            Attack::Delay => {
                let seconds = 1 + self.below(20);
                self.held_until = now + 1_000 * u64::try_from(seconds).unwrap_or(1);
                vec![(way, whole)]
            }
            Attack::Drop => vec![],
            Attack::Double => vec![(way, whole.clone()), (way, whole)],
            Attack::Relabel => {
                let at = self.below(KINDS.len() - 1);
                let mut others = KINDS.into_iter().filter(|it| *it != kind);
                let other = others.nth(at).unwrap_or(Kind::Bye);
                body.truncate(ble_protocol::frame::MAX_BODY);
                vec![(way, plain(&(way, other, body)))]
            }
        };
        if did {
            self.did(attack);
        }
        out
    }

    /// Alters a frame.
    fn harm(
        &mut self,
        attack: Attack,
        (way, kind, mut body): Said,
        mut whole: Vec<u8>,
    ) -> Vec<(Way, Vec<u8>)> {
        let place = match attack {
            Attack::FlipRaw | Attack::TruncateRaw => self.below(whole.len()),
            _ => self.below(body.len()),
        };
        let flip = 1 << self.below(8);
        match attack {
            Attack::Flip => {
                let Some(byte) = body.get_mut(place) else {
                    return vec![(way, whole)]; // an empty one
                };
                *byte ^= flip;
                whole = plain(&(way, kind, body));
            }
            Attack::Truncate if body.is_empty() => return vec![(way, whole)],
            Attack::Truncate => {
                body.truncate(place);
                whole = plain(&(way, kind, body));
            }
            Attack::FlipRaw => whole
                .iter_mut()
                .skip(place)
                .take(1)
                .for_each(|it| *it ^= flip),
            _ => whole.truncate(place),
        }
        self.did(attack);
        vec![(way, whole)]
    }

    fn garbage(&mut self, length: usize) -> Vec<u8> {
        let mut made = Vec::new();
        while made.len() < length {
            made.extend(self.dice.next().to_le_bytes());
        }
        made.truncate(length);
        made
    }
}

impl Hand for Middle {
    fn connected(&mut self, _: u64) {
        let here = std::mem::take(&mut self.here);
        let phone: Vec<Said> = here
            .iter()
            .filter(|it| it.0 == Way::ToPile)
            .cloned()
            .collect();
        if phone.len() > 2 {
            self.last_phone = phone;
        }
        self.earlier.extend(here);
        let surplus = self.earlier.len().saturating_sub(MEMORY);
        self.earlier.drain(..surplus);
        self.partial = [Vec::new(), Vec::new()];
        (self.seen, self.kept, self.held_until) = (0, None, 0);
    }

    fn pass(&mut self, now: u64, way: Way, bytes: &[u8]) -> Vec<Passed> {
        let index = usize::from(way == Way::ToPhone);
        let Some(buffer) = self.partial.get_mut(index) else {
            return Vec::new();
        };
        buffer.extend(bytes);
        let mut frames = Vec::new();
        while let Some(end) = buffer.iter().position(|byte| *byte == 0) {
            let whole: Vec<u8> = buffer.drain(..=end).collect();
            let mut decoder = Decoder::new();
            for byte in whole {
                if let Some(Ok(frame)) = decoder.push(byte) {
                    frames.push((way, frame.kind, frame.body.to_vec()));
                }
            }
        }
        frames
            .into_iter()
            .flat_map(|said| self.frame(now, &said))
            .collect()
    }
}

fn plain((_, kind, body): &Said) -> Vec<u8> {
    // No body is longer than that of the frame that it was made of.
    Encoded::new(*kind, body)
        .map(|it| it.bytes().to_vec())
        .unwrap_or_default()
}
