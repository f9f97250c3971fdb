//! The cards in the drawer of a desk.

use card_auth::{
    CardCode, CardRole, MAX_CARD_CODE, RECOVERY_CODE, RecoveryCode, SiteKey, Uid, binding_secret,
    recovery_secret,
};
use pile_sim::cards::VirtualCard;
use pile_sim::world;

/// The landlord's first.
const CARDS: [(&str, CardRole, [u8; 7]); 4] = [
    ("landlord", CardRole::Privilege, [4, 0xa0, 0, 0, 0, 0, 1]),
    ("tenant1", CardRole::Charging, [4, 0xb0, 0, 0, 0, 0, 1]),
    ("tenant2", CardRole::Charging, [4, 0xb0, 0, 0, 0, 0, 2]),
    ("spare", CardRole::Privilege, [4, 0xa0, 0, 0, 0, 0, 2]),
];
/// The card of whom a stranger has copied the number.
const COPIED: [u8; 7] = [4, 0xb0, 0, 0, 0, 0, 1];
/// Recovery codes on the sheet.
const CODES: u8 = 3;

/// A card in the drawer.
pub(crate) struct Card {
    pub name: &'static str,
    pub role: CardRole,
    pub chip: VirtualCard,
    /// What is printed on it; nothing on the stranger's.
    pub code: Option<String>,
}

/// The cards of a site, and a stranger's copy of one.
pub(crate) fn cards(site: &SiteKey) -> Result<Vec<Card>, String> {
    let mut cards = Vec::new();
    for (name, role, number) in CARDS {
        let none = || format!("no card {name}");
        let uid = Uid::from_bytes(&number).map_err(|_| none())?;
        let secret = binding_secret(site, &uid);
        let mut buffer = [0; MAX_CARD_CODE];
        cards.push(Card {
            name,
            role,
            chip: world::issue(site, number).ok_or_else(none)?.0,
            code: Some(CardCode { role, uid, secret }.write(&mut buffer).to_owned()),
        });
    }
    // Its number is all that a copy has.
    if let Ok(card) = VirtualCard::new(&COPIED) {
        cards.push(Card {
            name: "copy",
            role: CardRole::Charging,
            chip: card,
            code: None,
        });
    }
    Ok(cards)
}

/// What is printed on the cards, and on the sheet of recovery codes.
pub(crate) fn printed(cards: &[Card], site: &SiteKey) -> Vec<String> {
    let cards = cards.iter().filter_map(|card| {
        let code = card.code.as_ref()?;
        Some(format!("card {} {code}", card.name))
    });
    let codes = (0..CODES).map(|number| {
        let secret = recovery_secret(site, number);
        let mut buffer = [0; RECOVERY_CODE];
        let code = RecoveryCode { number, secret };
        format!("recovery {number} {}", code.write(&mut buffer))
    });
    cards.chain(codes).collect()
}
