//! Cards and accounts: who is enrolled, replaced, revoked.

use super::*;

#[test]
fn a_card_is_enrolled_once_in_order_and_for_an_account_that_takes_it() {
    let book = ready();
    refused(&book, &enrolment(tenant(3, 1)), FoldError::Credential);
    refused(&book, &enrolment(tenant(2, 3)), FoldError::Account);
    let revoked = Credential {
        revoked: true,
        ..tenant(2, 1)
    };
    refused(&book, &enrolment(revoked), FoldError::Credential);
    let twice = Credential {
        id: CredentialId::new(2),
        ..tenant(1, 2)
    };
    refused(&book, &enrolment(twice), FoldError::Credential);
    let closed = Record::AccountClosed {
        account: AccountId::new(1),
        at: AT,
    };
    let closed = and(&book, [closed]);
    refused(&closed, &enrolment(tenant(2, 1)), FoldError::Account);
}

#[test]
fn a_replaced_card_continues_the_account() {
    let revoked = Record::Revoked {
        credential: CredentialId::new(1),
        why: Revocation::Lost,
        at: AT,
    };
    let lost = and(&billed(), [revoked.clone()]);
    refused(&lost, &revoked, FoldError::Credential);
    let book = and(&lost, [enrolment(tenant(2, 1))]);
    let account = book.account(AccountId::new(1)).unwrap();
    assert_eq!(account.sessions, 1);
    assert_eq!(account.owed(), Money::from_micros(1_400_000));
    assert_eq!(book.accounts().len(), 1);
}

#[test]
fn i5_a_revoked_card_opens_nothing() {
    let revoked = Record::Revoked {
        credential: CredentialId::new(1),
        why: Revocation::Withdrawn,
        at: AT,
    };
    let open = opened(&ready(), port(1), AT, &mut |_| 0).unwrap();
    refused(&and(&ready(), [revoked]), &open, FoldError::Credential);
}

#[test]
fn the_last_card_and_the_last_account_are_found_and_one_more_is_refused() {
    let mut book = with([commissioning()]);
    for n in 1..=u16::try_from(MAX_ACCOUNTS).unwrap() {
        book.apply(&enrolment(tenant(n, n))).unwrap();
    }
    assert_eq!(book.next_account(), None);
    refused(&book, &enrolment(tenant(129, 129)), FoldError::Account);
    for n in 129..u16::try_from(MAX_CREDENTIALS).unwrap() {
        book.apply(&enrolment(tenant(n, 128))).unwrap();
    }
    assert_eq!(book.next_credential(), None);
    assert_eq!(book.credentials().last(), Some(&tenant(255, 128)));
    assert!(book.account(AccountId::new(128)).is_some());
    refused(&book, &enrolment(tenant(256, 128)), FoldError::Credential);
}
