//! What holds for every message.

extern crate std;

use super::arbitrary::{Either, Nth, Source, either};
use super::*;
use crate::Refusal;
use pile_units::{PortId, SessionId};
use proptest::prelude::*;
use std::vec::Vec;

fn largest(place: usize) -> Vec<u8> {
    Either::nth(place, &mut Source::largest()).1.encode()
}

#[test]
fn the_largest_of_every_message_fits() {
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::largest());
        let bytes = message.encode();
        assert!(!bytes.is_empty(), "{name} is longer than a message may be");
        assert_eq!(message.decode_alike(&bytes), Ok(message), "{name}");
    }
}

/// The rows of a table of the documentation.
fn rows(head: &str) -> Vec<&'static str> {
    let text = include_str!("../../MESSAGES.md");
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.collect()
}

#[test]
fn the_documentation_lists_every_kind_in_order_with_the_size_of_the_largest() {
    let heads = ["| request |", "| answer |", "| notice |", "| unasked |"];
    let mut rows = heads.into_iter().flat_map(rows);
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::largest());
        let kind = name.rsplit(' ').next().unwrap();
        let row = rows.next().expect(&name);
        let length = std::format!("| {} |", message.encode().len());
        assert!(
            row.starts_with(&std::format!("| `{kind}` |")),
            "{name}: {row}"
        );
        assert!(row.ends_with(&length), "{name}: {length} not in {row}");
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn the_number_of_a_kind_is_its_number_on_the_wire() {
    assert_eq!(RequestKind::ALL.len(), Request::COUNT);
    assert_eq!(NoticeKind::ALL.len(), Notice::COUNT);
    assert_eq!(Response::KINDS as usize, Response::COUNT);
    for place in 0..Either::COUNT {
        let (name, message) = Either::nth(place, &mut Source::new(Vec::new()));
        let bytes = message.encode();
        match message {
            // Version, number 0 of the request, kind.
            Either::Asked(asked) => {
                assert_eq!(usize::from(bytes[2]), place, "{name}");
                assert_eq!(asked.request.kind(), RequestKind::ALL[place]);
            }
            Either::Told(Told::Answer { .. }) => {
                assert_eq!(bytes[..3], [1, 1, 0]);
                assert_eq!(usize::from(bytes[3]), place - Request::COUNT, "{name}");
            }
            Either::Told(Told::Notice(notice)) => {
                let place = place - Request::COUNT - Response::COUNT;
                assert_eq!(bytes[..2], [1, 2]);
                assert_eq!(usize::from(bytes[2]), place, "{name}");
                assert_eq!(notice.kind(), NoticeKind::ALL[place]);
            }
            Either::Told(Told::Welcome(_)) => assert_eq!(bytes[..2], [1, 0]),
            Either::Told(Told::Bound(_)) => assert_eq!(bytes[..2], [1, 3]),
        }
    }
}

#[test]
fn what_changes_something_has_a_short_answer() {
    // What the pile remembers of a phone's last requests is this long at most.
    let most = |response: Response| {
        let id = RequestId::new(u32::MAX);
        let mut buffer = [0; MAX_MESSAGE];
        Told::Answer { id, response }.encode(&mut buffer).len()
    };
    let settled = Source::largest().make();
    let session = SessionId::new(u32::MAX);
    let port = PortId::from_number(16).unwrap();
    for response in [
        Response::Refused(Refusal::NoPlaceForPhones),
        Response::Done,
        Response::Started { session, port },
        Response::Window { seconds: 255 },
        Response::Settled(settled),
    ] {
        assert!(most(response) <= 64);
    }
    let changes = RequestKind::ALL.iter().filter(|kind| !kind.is_question());
    let changes: Vec<_> = changes.map(|kind| kind.name()).collect();
    let expected = "Start Stop RevokeMyPhone ReportLost RevokePhone Authorise AuthoriseListed \
                    Replace ReportLostOf RevokeCard Deregister Rename SetPolicy ListAccount \
                    SetTariff PlanTariff AssignPlan SetLimits Settle MarkPaid ClearFault StopPort \
                    SwitchPort SetClock ConfirmExport Recover";
    assert_eq!(changes, expected.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_request_of_a_newer_phone_is_refused_by_its_number() {
    let id = RequestId::new(300);
    for unknown in [46, 127] {
        let refused = Asked::decode(&[1, 0xac, 0x02, unknown, 9, 9]).unwrap_err();
        assert_eq!(refused, Malformed::Unknown(Some(id)));
        let response = Response::Refused(Refusal::UnknownRequest);
        assert_eq!(refused.answer(), Some(Told::Answer { id, response }));
    }
    // A known request with a port that no pile has.
    let refused = Asked::decode(&[1, 0xac, 0x02, 3, 16, 0]).unwrap_err();
    assert_eq!(refused, Malformed::Body(Some(id)));
    let response = Response::Refused(Refusal::Unreadable);
    assert_eq!(refused.answer(), Some(Told::Answer { id, response }));
}

#[test]
fn what_a_newer_pile_says_is_told_from_nonsense() {
    let id = Some(RequestId::new(17));
    assert_eq!(Told::decode(&[1, 1, 17, 24]), Err(Malformed::Unknown(id)));
    assert_eq!(Told::decode(&[1, 1, 17, 0, 200]), Err(Malformed::Body(id)));
    assert_eq!(Told::decode(&[1, 2, 12]), Err(Malformed::Unknown(None)));
    assert_eq!(Told::decode(&[1, 2, 5, 16]), Err(Malformed::Body(None)));
    assert_eq!(Told::decode(&[1, 4]), Err(Malformed::Unknown(None)));
}

#[test]
fn what_has_no_number_gets_no_answer() {
    for bytes in [
        &[][..],
        &[1],
        &[1, 0x80],
        &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ] {
        let refused = Asked::decode(bytes).unwrap_err();
        assert_eq!((refused, refused.answer()), (Malformed::Length, None));
    }
    assert_eq!(Asked::decode(&[2, 17, 8]), Err(Malformed::Version(2)));
    let mut long = [0; MAX_MESSAGE + 1];
    long[0] = VERSION;
    assert_eq!(Asked::decode(&long), Err(Malformed::Length));
    assert_eq!(Told::decode(&long), Err(Malformed::Length));
}

#[test]
fn a_key_shows_nothing() {
    let bound: Bound = Source::largest().make();
    let shown = std::format!("{bound:?}");
    assert!(shown.contains("key: SentKey(..)"), "{shown}");
    assert!(
        !shown.contains("255, 255, 255, 255, 255, 255, 255, 255, 255"),
        "{shown}"
    );
}

#[test]
fn a_message_is_no_larger_in_memory_than_on_the_link_at_most() {
    assert!(size_of::<Told>() <= 1024, "{}", size_of::<Told>());
    assert!(size_of::<Asked>() <= 320, "{}", size_of::<Asked>());
}

proptest! {
    #[test]
    fn every_message_comes_back(it in either()) {
        let (place, message) = it;
        let bytes = message.encode();
        prop_assert!(!bytes.is_empty() && bytes.len() <= largest(place).len());
        prop_assert_eq!(message.decode_alike(&bytes), Ok(message));
    }

    #[test]
    fn a_message_cut_short_or_with_more_behind_it_is_refused(
        it in either(), cut in 0usize..MAX_MESSAGE, more in any::<u8>(),
    ) {
        let (_, message) = it;
        let mut bytes = message.encode();
        let cut = cut % bytes.len();
        prop_assert!(message.decode_alike(&bytes[..cut]).is_err());
        bytes.push(more);
        prop_assert!(message.decode_alike(&bytes).is_err());
    }

    #[test]
    fn what_is_read_is_written_as_it_was_or_shorter(
        bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0u8..50, told in any::<bool>(),
    ) {
        let mut bytes = bytes;
        let head: &[u8] = if told { &[VERSION, 1, 5, kind] } else { &[VERSION, 5, kind] };
        bytes.splice(..0, head.iter().copied());
        let mut buffer = [0; MAX_MESSAGE];
        // A varint may have been written longer than it need be.
        if let Ok(asked) = Asked::decode(&bytes) {
            let again = asked.encode(&mut buffer);
            prop_assert!(!again.is_empty() && again.len() <= bytes.len());
            prop_assert_eq!(Asked::decode(again), Ok(asked));
        }
        if let Ok(told) = Told::decode(&bytes) {
            let again = told.encode(&mut buffer);
            prop_assert!(!again.is_empty() && again.len() <= bytes.len());
            prop_assert_eq!(Told::decode(again), Ok(told));
        }
    }

    #[test]
    fn an_altered_message_never_panics(
        it in either(), at in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let (_, message) = it;
        let mut bytes = message.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = message.decode_alike(&bytes) {
            let again = other.encode();
            prop_assert_eq!(other.decode_alike(&again), Ok(other));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        let _ = Asked::decode(&bytes);
        let _ = Told::decode(&bytes);
    }
}
