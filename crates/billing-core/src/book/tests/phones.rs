//! Phones: who may act in a card's place, and for how long. Names. A privilege card that is lost.

use super::*;
use crate::book::testing::opened_by_phone;
use pile_units::{AccountName, MAX_PHONES, PhoneId};

fn binding(phone: u16, card: u16) -> Record {
    Record::PhoneBound {
        phone: PhoneId::new(phone),
        credential: CredentialId::new(card),
        strength: Strength::UidOnly,
        at: AT,
    }
}

fn revoking(phone: u16) -> Record {
    Record::PhoneRevoked {
        phone: PhoneId::new(phone),
        at: AT,
    }
}

fn lost(card: u16) -> Record {
    Record::Revoked {
        credential: CredentialId::new(card),
        why: Revocation::Lost,
        at: AT,
    }
}

fn recovery(card: u16) -> Record {
    Record::Recovered {
        credential: super::card(card, Role::Privilege),
        at: AT,
    }
}

fn naming(account: u16, name: &str) -> Record {
    Record::AccountNamed {
        account: AccountId::new(account),
        name: name.parse().unwrap(),
        at: AT,
    }
}

/// A start by a phone, as its request of this number.
fn start(book: &Book, phone: u16, request: u32) -> Record {
    Record::OpenedByPhone {
        session: book.next_session(),
        phone: PhoneId::new(phone),
        request,
        port: port(1),
        band: BandIndex::FIRST,
        at: AT,
    }
}

/// Phone 1 of the tenant's card 1, phone 2 of the landlord's card 0.
fn bound() -> Book {
    and(&ready(), [binding(1, 1), binding(2, 0)])
}

fn phone(book: &Book, id: u16) -> &crate::book::Phone {
    book.phone(PhoneId::new(id)).unwrap()
}

fn again(book: &Book) -> Book {
    let mut again = Book::new();
    for piece in book.pieces() {
        assert_eq!(again.restore(&piece), Ok(()), "{piece:?}");
    }
    again
}

#[test]
fn a_phone_opens_on_the_account_of_its_card_and_the_book_knows_by_which_request() {
    let book = and(&bound(), [start(&bound(), 1, 7)]);
    let session = book.session(port(1)).unwrap();
    assert_eq!(session.account, AccountId::new(1));
    assert_eq!(session.credential, CredentialId::new(1));
    assert_eq!(session.strength, Strength::UidOnly);
    assert_eq!(session.segment.from, AT);
    let phone = phone(&book, 1);
    assert_eq!((phone.last_request, phone.last_session), (7, session.id));
    assert_eq!(again(&book), book);
}

#[test]
fn a_session_by_phone_is_the_session_that_the_card_would_have_opened() {
    let by_card = opened(&bound(), port(1), AT, &mut |_| 0).unwrap();
    let by_phone = start(&bound(), 1, 1);
    assert_eq!(by_card.opening(), by_phone.opening());
    let (by_card, by_phone) = (and(&bound(), [by_card]), and(&bound(), [by_phone]));
    assert_eq!(by_card.session(port(1)), by_phone.session(port(1)));
    assert_eq!(by_card.sessions_a_day(AT), by_phone.sessions_a_day(AT));
}

#[test]
fn a_request_that_was_answered_or_is_older_starts_nothing() {
    let mut book = and(&bound(), [start(&bound(), 1, 7)]);
    let session = book.session(port(1)).unwrap().clone();
    for _ in 0..2 {
        let end = closing(&book, book.session(port(1)).unwrap(), AT, 0).unwrap();
        book.apply(&end).unwrap();
    }
    for request in [0, 1, 6, 7] {
        refused(&book, &start(&book, 1, request), FoldError::Request);
    }
    book.apply(&start(&book, 1, 8)).unwrap();
    assert_ne!(book.session(port(1)).unwrap().id, session.id);
    // Zero says that there was none.
    refused(&bound(), &start(&bound(), 1, 0), FoldError::Request);
}

#[test]
fn i5_a_revoked_phone_opens_nothing() {
    let book = and(&bound(), [revoking(1)]);
    refused(&book, &start(&book, 1, 1), FoldError::Phone);
    refused(&book, &revoking(1), FoldError::Phone);
    refused(&book, &revoking(3), FoldError::Phone);
    refused(&book, &start(&book, 3, 1), FoldError::Phone);
    // Its card still does.
    let open = opened(&book, port(1), AT, &mut |_| 0).unwrap();
    and(&book, [open]);
}

#[test]
fn i5_the_phones_of_a_revoked_card_are_revoked_with_it_and_of_no_other() {
    let book = and(&bound(), [binding(3, 1), lost(1)]);
    assert!(phone(&book, 1).revoked && phone(&book, 3).revoked);
    assert!(!phone(&book, 2).revoked);
    refused(&book, &start(&book, 1, 1), FoldError::Phone);
    // The card that replaces it has none.
    let book = and(&book, [enrolment(tenant(2, 1))]);
    refused(&book, &start(&book, 3, 1), FoldError::Phone);
    and(&book, [binding(4, 2)]);
    assert_eq!(again(&book), book);
}

#[test]
fn a_phone_is_bound_to_a_card_that_opens_something_and_under_the_next_number() {
    refused(&Book::new(), &binding(1, 0), FoldError::Commissioning);
    refused(&bound(), &binding(2, 1), FoldError::Phone);
    refused(&bound(), &binding(4, 1), FoldError::Phone);
    refused(&bound(), &binding(3, 2), FoldError::Credential);
    refused(
        &and(&bound(), [lost(1)]),
        &binding(3, 1),
        FoldError::Credential,
    );
    let account = AccountId::new(1);
    let closed = and(&bound(), [Record::AccountClosed { account, at: AT }]);
    refused(&closed, &binding(3, 1), FoldError::Account);
    refused(&closed, &start(&closed, 1, 1), FoldError::Account);
}

#[test]
fn a_phone_is_bound_by_no_weaker_proof_than_its_card_was_enrolled_with() {
    let strong = Credential {
        strength: Strength::MutualAes,
        ..tenant(2, 1)
    };
    let book = and(&bound(), [enrolment(strong)]);
    refused(&book, &binding(3, 2), FoldError::Credential);
    let by_key = Record::PhoneBound {
        phone: PhoneId::new(3),
        credential: CredentialId::new(2),
        strength: Strength::MutualAes,
        at: AT,
    };
    let book = and(&book, [by_key]);
    let book = and(&book, [start(&book, 3, 1)]);
    assert_eq!(book.session(port(1)).unwrap().strength, Strength::MutualAes);
}

#[test]
fn the_landlords_phone_opens_no_session_on_nobodys_account() {
    refused(&bound(), &start(&bound(), 2, 1), FoldError::Credential);
}

#[test]
fn a_full_pile_forgets_the_oldest_revoked_phone_and_gives_no_number_twice() {
    let most = u16::try_from(MAX_PHONES).unwrap();
    let full = and(&ready(), (1..=most).map(|n| binding(n, 1)));
    assert_eq!(full.next_phone(), None);
    refused(&full, &binding(most + 1, 1), FoldError::Capacity);
    let book = and(&full, [revoking(9), revoking(5), binding(most + 1, 1)]);
    assert_eq!(book.phones().len(), MAX_PHONES);
    assert_eq!(book.phone(PhoneId::new(5)), None);
    assert!(phone(&book, 9).revoked);
    assert_eq!(again(&book), book);
    // Also where the newest itself is revoked, and all others live.
    let book = and(&book, [binding(most + 2, 1), revoking(most + 2)]);
    assert_eq!(book.phone(PhoneId::new(9)), None);
    let book = and(&book, [binding(most + 3, 1)]);
    assert_eq!(book.phones().last().unwrap().id, PhoneId::new(most + 3));
    assert_eq!(book.next_phone(), None);
    // And where all are.
    let book = and(&book, [lost(1), enrolment(tenant(2, 1))]);
    let book = and(
        &book,
        (most + 4..most + 200).map(|n| binding(n, 2)).take(64),
    );
    assert_eq!(book.phones().first().unwrap().id, PhoneId::new(most + 4));
    assert_eq!(again(&book), book);
}

#[test]
fn an_account_has_the_name_it_was_given_last_also_when_it_is_closed() {
    let one = AccountId::new(1);
    assert_eq!(ready().name(one), None);
    refused(&ready(), &naming(2, "Flat 2"), FoldError::Account);
    let closed = Record::AccountClosed {
        account: one,
        at: AT,
    };
    let book = and(&ready(), [enrolment(tenant(2, 2)), naming(2, "Flat 2")]);
    let book = and(
        &book,
        [naming(1, "x"), naming(2, "y"), closed, naming(1, "王")],
    );
    let name = |id| book.name(AccountId::new(id)).map(AccountName::as_str);
    assert_eq!((name(1), name(2), name(3)), (Some("王"), Some("y"), None));
    assert_eq!(again(&book), book);
}

#[test]
fn a_recovered_card_takes_the_place_of_the_old_one_and_of_its_phones() {
    let book = and(&bound(), [recovery(2)]);
    assert_eq!(book.recoveries(), 1);
    let cards = book.credentials();
    assert!(cards[0].revoked && !cards[1].revoked && !cards[2].revoked);
    assert!(phone(&book, 2).revoked && !phone(&book, 1).revoked);
    refused(&book, &binding(3, 0), FoldError::Credential);
    let book = and(&book, [binding(3, 2), recovery(3)]);
    assert_eq!(book.recoveries(), 2);
    assert!(book.credentials()[2].revoked && phone(&book, 3).revoked);
    assert_eq!(again(&book), book);
}

#[test]
fn only_a_new_privilege_card_recovers() {
    refused(&Book::new(), &recovery(0), FoldError::Commissioning);
    refused(&bound(), &recovery(3), FoldError::Credential);
    let tenants = Record::Recovered {
        credential: tenant(2, 1),
        at: AT,
    };
    refused(&bound(), &tenants, FoldError::Credential);
    // A tenant's card is not taken for the landlord's, nor is the one that is not lost.
    for known in [0, 1] {
        let same = Record::Recovered {
            credential: Credential {
                alias: bound().credentials()[known].alias,
                ..super::card(2, Role::Privilege)
            },
            at: AT,
        };
        refused(&bound(), &same, FoldError::Credential);
    }
}

#[test]
fn pieces_that_contradict_what_stands_before_them_are_refused() {
    let book = and(&bound(), [naming(1, "x"), recovery(2)]);
    let base: Vec<Piece> = ready().pieces().collect();
    let restore = |last: Piece| {
        let mut book = Book::new();
        for piece in &base {
            book.restore(piece).unwrap();
        }
        book.restore(&last)
    };
    let one = *phone(&book, 1);
    assert_eq!(restore(Piece::Phone(one)), Ok(()));
    let wrong = [
        crate::book::Phone {
            credential: CredentialId::new(9),
            ..one
        },
        crate::book::Phone {
            last_request: 1,
            ..one
        },
        crate::book::Phone {
            last_request: 1,
            last_session: SessionId::new(1),
            ..one
        },
    ];
    for phone in wrong {
        assert_eq!(
            restore(Piece::Phone(phone)),
            Err(FoldError::Phone),
            "{phone:?}"
        );
    }
    let named = |account| Piece::Named {
        account: AccountId::new(account),
        name: "x".parse().unwrap(),
    };
    assert_eq!(restore(named(1)), Ok(()));
    assert_eq!(restore(named(2)), Err(FoldError::Account));
    assert_eq!(restore(Piece::Recoveries(1)), Ok(()));
    assert_eq!(restore(Piece::Recoveries(0)), Err(FoldError::Snapshot));
    // A living phone of a revoked card.
    let mut pieces: Vec<Piece> = book.pieces().collect();
    for piece in &mut pieces {
        if let Piece::Phone(phone) = piece {
            phone.revoked = false;
        }
    }
    let mut again = Book::new();
    let refused = pieces.iter().find_map(|piece| again.restore(piece).err());
    assert_eq!(refused, Some(FoldError::Phone));
}

#[test]
fn a_life_with_phones_has_starts_by_them() {
    let mut book = bound();
    let record = opened_by_phone(&book, port(1), AT, &mut |_| 0).unwrap();
    book.apply(&record).unwrap();
    assert_eq!(book.phones()[0].last_request, 1);
}
