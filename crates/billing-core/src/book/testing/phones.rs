//! What comes of phones, names and a lost privilege card.

use super::{card, pick};
use crate::book::Book;
use crate::record::Record;
use pile_units::{AccountName, PortId, Role, WallTime};

/// A phone that may open a session opens one.
pub fn opened_by_phone(
    book: &Book,
    port: PortId,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    let account = |card| {
        let card = book.credentials().iter().find(|it| it.id == card)?;
        book.account(card.account()?).filter(|it| it.active)
    };
    let able = book.phones().iter().filter(|it| !it.revoked);
    let mut able = able.filter(|it| account(it.credential).is_some());
    let phone = able.clone().nth(pick(able.clone().count(), dice));
    let phone = phone.or_else(|| able.next())?;
    let (_, tariff) = book.tariff_of(account(phone.credential)?.id)?;
    Some(Record::OpenedByPhone {
        session: book.next_session(),
        phone: phone.id,
        request: phone.last_request.checked_add(1 + dice(3))?,
        port,
        band: tariff.band_at(at).0,
        at,
    })
}

/// A phone is bound or revoked, an account named, or the privilege card recovered.
pub(super) fn matter(
    book: &Book,
    at: WallTime,
    dice: &mut dyn FnMut(u32) -> u32,
) -> Option<Record> {
    const NAMES: [&str; 4] = [
        "3",
        "Flat 12, back",
        "twenty-four bytes long !",
        "王小明李小红张三",
    ];
    Some(match dice(8) {
        0 => {
            let phones = book.phones();
            let phone = phones.get(pick(phones.len(), dice))?.id;
            Record::PhoneRevoked { phone, at }
        }
        1 | 2 => {
            let accounts = book.accounts();
            let account = accounts.get(pick(accounts.len(), dice))?.id;
            let name: AccountName = NAMES.get(pick(NAMES.len(), dice))?.parse().ok()?;
            Record::AccountNamed { account, name, at }
        }
        // Few: a card's number is never given twice.
        3 if dice(8) == 0 => {
            let credential = card(book.next_credential()?, Role::Privilege);
            Record::Recovered { credential, at }
        }
        _ => {
            let cards = book.credentials();
            let card = cards.get(pick(cards.len(), dice))?;
            Record::PhoneBound {
                phone: book.next_phone()?,
                credential: card.id,
                strength: card.strength,
                at,
            }
        }
    })
}
