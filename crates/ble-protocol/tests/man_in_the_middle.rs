//! A man in the middle who can do anything to frames but make a seal: he brings about a closed
//! link and nothing else.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helper fails as a test does"
)]

mod common;

use ble_protocol::frame::{Kind, MAX_BODY};
use ble_protocol::{Holder, PhoneEnd, PhoneEvent, Why};
use pile_units::{Duration, PhoneId};

use common::{Desk, Told, Way, encoded, frames};

/// What he does to one frame. Its check sum he makes right again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Nothing,
    FlipFirst,
    FlipLast,
    Truncate,
    Empty,
    Lengthen,
    OtherKind(Kind),
    Drop,
    Twice,
    SwapWithNext,
    /// Back to who said it, too.
    Reflect,
    /// Once more, when three others have passed.
    Replay,
}

const DEEDS: [Deed; 18] = [
    Deed::FlipFirst,
    Deed::FlipLast,
    Deed::Truncate,
    Deed::Empty,
    Deed::Lengthen,
    Deed::OtherKind(Kind::Hello),
    Deed::OtherKind(Kind::Reply),
    Deed::OtherKind(Kind::Data),
    Deed::OtherKind(Kind::Credit),
    Deed::OtherKind(Kind::Wait),
    Deed::OtherKind(Kind::Busy),
    Deed::OtherKind(Kind::Bye),
    Deed::Drop,
    Deed::Twice,
    Deed::SwapWithNext,
    Deed::Reflect,
    Deed::Replay,
    Deed::Nothing,
];

type Said = (Way, Kind, Vec<u8>);

/// Sees every frame, and does his deed to one of them.
struct Man {
    deed: Deed,
    target: usize,
    seen: usize,
    did: Option<Said>,
    /// Swapped or said again later: after so many more of its way.
    kept: Option<(Said, usize)>,
    /// What he let pass first.
    swapped: Option<Kind>,
    /// A sealed frame of the same way came behind it.
    later: bool,
    partial: [Vec<u8>; 2],
}

impl Man {
    fn carry(&mut self, way: Way, bytes: &[u8]) -> Vec<(Way, Vec<u8>)> {
        let buffer = &mut self.partial[usize::from(way == Way::ToPhone)];
        buffer.extend(bytes);
        let mut out = Vec::new();
        while let Some(end) = buffer.iter().position(|byte| *byte == 0) {
            let whole: Vec<u8> = buffer.drain(..=end).collect();
            out.extend(frames(&whole));
        }
        out.into_iter()
            .flat_map(|(kind, body)| self.frame((way, kind, body)))
            .collect()
    }

    fn frame(&mut self, said: Said) -> Vec<(Way, Vec<u8>)> {
        let index = self.seen;
        self.seen += 1;
        let plain = |(way, kind, body): &Said| (*way, encoded(*kind, body));
        if index != self.target {
            let mut out = vec![plain(&said)];
            let did = self.did.as_ref();
            self.later |= did.is_some_and(|did| did.0 == said.0 && said.1 == Kind::Data);
            if let Some((kept, left)) = self.kept.take() {
                match (kept.0 == said.0, left) {
                    (true, 1) => {
                        self.swapped = Some(said.1);
                        out.push(plain(&kept));
                    }
                    (true, left) => self.kept = Some((kept, left - 1)),
                    (false, left) => self.kept = Some((kept, left)),
                }
            }
            return out;
        }
        self.did = Some(said.clone());
        let (way, kind, mut body) = said.clone();
        match self.deed {
            Deed::Nothing => (),
            Deed::FlipFirst => body.iter_mut().take(1).for_each(|byte| *byte ^= 0x40),
            Deed::FlipLast => body.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1),
            Deed::Truncate => drop(body.pop()),
            Deed::Empty => body.clear(),
            // A longer frame there is not.
            Deed::Lengthen if body.len() == MAX_BODY => (),
            Deed::Lengthen => body.push(0),
            Deed::OtherKind(kind) => return vec![(way, encoded(kind, &body))],
            Deed::Drop => return vec![],
            Deed::Twice => return vec![plain(&said), plain(&said)],
            Deed::SwapWithNext => {
                self.kept = Some((said, 1));
                return vec![];
            }
            Deed::Reflect => {
                let back = match way {
                    Way::ToPile => Way::ToPhone,
                    Way::ToPhone => Way::ToPile,
                };
                return vec![plain(&said), (back, encoded(kind, &body))];
            }
            Deed::Replay => self.kept = Some((said, 3)),
        }
        vec![(way, encoded(kind, &body))]
    }
}

/// What the two have to say to each other: long, short, many.
fn words(from: u8) -> Vec<Vec<u8>> {
    (0..9u8)
        .map(|at| vec![from + at; if at % 4 == 0 { 700 } else { 30 }])
        .collect()
}

/// A whole link with him on it.
fn run(deed: Deed, target: usize) -> (Man, Told) {
    let mut man = Man {
        deed,
        target,
        seen: 0,
        did: None,
        kept: None,
        later: false,
        swapped: None,
        partial: [vec![], vec![]],
    };
    let mut desk = Desk::new(1);
    let key = desk.phones.of(4);
    let mut phone = desk.connect(&key);
    let (mut ours, mut theirs) = (words(10), words(100));
    let mut idle = 0;
    while idle < 16 {
        if theirs.first().is_some_and(|next| phone.send(next).is_ok()) {
            theirs.remove(0);
        }
        if ours
            .first()
            .is_some_and(|next| desk.pile.send(next).is_ok())
        {
            ours.remove(0);
        }
        if step(&mut desk, &mut phone, &mut man) {
            idle = 0;
        } else {
            // The clocks of both ends go on until neither waits for anything.
            idle += 1;
            desk.pass(Duration::from_seconds(10));
        }
    }
    (man, desk.told)
}

/// Carries one portion each way; true if anything moved.
fn step(desk: &mut Desk, phone: &mut PhoneEnd, man: &mut Man) -> bool {
    let mut bytes = [0; 64];
    desk.poll_pile();
    desk.poll_phone(phone);
    let mut moved = false;
    for way in [Way::ToPile, Way::ToPhone] {
        let count = match way {
            Way::ToPile => phone.transmit(&mut bytes),
            Way::ToPhone => desk.pile.transmit(&mut bytes),
        };
        moved |= count > 0;
        for (way, carried) in man.carry(way, &bytes[..count]) {
            match way {
                Way::ToPile => desk.pile.receive(desk.now, &carried),
                Way::ToPhone => phone.receive(desk.now, &carried),
            }
            desk.poll_pile();
            desk.poll_phone(phone);
        }
    }
    moved
}

fn is_prefix(heard: &[Vec<u8>], said: &[Vec<u8>]) -> bool {
    said.starts_with(heard)
}

#[test]
fn without_him_all_is_said() {
    let (man, told) = run(Deed::Nothing, usize::MAX);
    assert_eq!((told.to_pile.len(), told.to_phone.len()), (9, 9));
    assert_eq!((told.pile_closed(), told.phone_closed()), (None, None));
    assert!(
        man.seen > 40,
        "{} frames: there is something to do harm to",
        man.seen
    );
}

#[test]
fn no_deed_to_any_frame_brings_a_false_message() {
    let (undisturbed, _) = run(Deed::Nothing, usize::MAX);
    for deed in DEEDS {
        for target in 0..undisturbed.seen {
            let (man, told) = run(deed, target);
            let (way, kind, body) = man.did.unwrap();
            let context = format!(
                "{deed:?} to frame {target}, {kind:?} {way:?}: {:?} {:?}",
                told.pile, told.phone
            );
            assert!(is_prefix(&told.to_pile, &words(100)), "{context}");
            assert!(is_prefix(&told.to_phone, &words(10)), "{context}");
            if let Some(holder) = told.opened() {
                assert_eq!(holder, Holder::Phone(PhoneId::new(4)), "{context}");
            }
            let all = told.to_pile.len() == 9 && told.to_phone.len() == 9;
            let closed = told.pile_closed().is_some() && told.phone_closed().is_some();
            if closed {
                continue;
            }
            // What does not close it: a deed that changes nothing, a lost credit, for which the next
            // one makes up, and the last words, swallowed: nobody can know that they were said.
            let unchanged = deed == Deed::Nothing
                || deed == Deed::OtherKind(kind)
                || (deed == Deed::Empty && body.is_empty())
                || (deed == Deed::Lengthen && body.len() == MAX_BODY)
                || (deed == Deed::Replay && man.kept.is_some());
            let lost = deed == Deed::Drop || (deed == Deed::SwapWithNext && man.kept.is_some());
            let ending = kind == Kind::Data && lost && !man.later;
            let credit = kind == Kind::Credit && lost;
            // A credit and a sealed frame do not mind which is first.
            let apart = deed == Deed::SwapWithNext
                && matches!(
                    (kind, man.swapped),
                    (Kind::Data, Some(Kind::Credit)) | (Kind::Credit, Some(Kind::Data))
                );
            assert!(
                ending || ((unchanged || credit || apart) && all),
                "{context}"
            );
        }
    }
}

#[test]
fn a_link_said_again_to_the_pile_opens_nothing() {
    let mut desk = Desk::new(2);
    let key = desk.phones.of(4);
    let mut phone = desk.connect(&key);
    let mut recorded = Vec::new();
    desk.settle_through(&mut phone, 64, &mut |way, bytes| {
        if way == Way::ToPile {
            recorded.extend(&bytes);
        }
        bytes
    });
    phone.send(b"start 3").unwrap();
    desk.settle_through(&mut phone, 64, &mut |way, bytes| {
        if way == Way::ToPile {
            recorded.extend(&bytes);
        }
        bytes
    });
    assert_eq!(desk.told.to_pile, [b"start 3"]);
    desk.told = Told::default();
    desk.pile.connected(desk.now);
    for byte in recorded {
        desk.pile.receive(desk.now, &[byte]);
        desk.poll_pile();
    }
    assert_eq!(desk.told.opened(), None);
    assert!(desk.told.to_pile.is_empty());
    assert_eq!(desk.told.pile_closed(), Some(Why::Broken));
}

#[test]
fn a_pile_without_the_key_opens_no_phone() {
    let mut desk = Desk::new(3);
    let key = desk.phones.of(4);
    // A pile with another secret, whom the phone's code was tapped at: it has some key, not this.
    let mut phone = PhoneEnd::new(desk.now, &key, [5; 32]);
    let other = desk.phones.of(5);
    let mut stranger = desk.connect(&other);
    let mut reply = Vec::new();
    desk.settle_through(&mut stranger, 64, &mut |_, bytes| bytes);
    let mut again = desk.connect(&desk.phones.of(6));
    desk.settle_through(&mut again, 64, &mut |way, bytes| {
        if way == Way::ToPhone {
            reply.extend(&bytes);
        }
        bytes
    });
    let mut hello = [0; 128];
    phone.transmit(&mut hello);
    phone.receive(desk.now, &reply);
    desk.told = Told::default();
    desk.poll_phone(&mut phone);
    assert_eq!(desk.told.phone, [PhoneEvent::Closed(Why::Refused)]);
}
