//! People before the pile, and the cards in their hands.

use super::World;
use crate::cards::{Application, CardHandle, Ntag424, RfField, TagChannel, VirtualCard};
use billing_core::receipt::SoftwareKey;
use card_auth::personalise::{self, Plan};
use card_auth::{AliasKey, SiteKey, Uid};
use embassy_futures::block_on;
use pile_units::{CardAlias, PortId};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::rc::Rc;

/// The tag in a card that was issued: look at it to see what readers did to it.
///
/// ```
/// use pile_sim::world::{Setup, World};
/// let mut world = World::new(Setup::default());
/// let (card, tag) = world.issue([4, 1, 2, 3, 4, 5, 6]).unwrap();
/// world.power_up();
/// world.tap(&card); // claims the blank pile, by its key
/// assert_eq!(tag.failures(), (0, 0));
/// ```
#[derive(Clone)]
pub struct Issued(Rc<RefCell<Ntag424>>);

impl Issued {
    /// Failed authentications with the key that piles ask for: in a row, and in all.
    pub fn failures(&self) -> (u32, u32) {
        let slot = usize::from(card_auth::KeySlot::Pile.number());
        self.0.borrow().failures(slot)
    }
}

impl Application for Issued {
    fn power_up(&mut self) {
        self.0.borrow_mut().power_up();
    }

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.0.borrow_mut().command(apdu)
    }
}

impl World {
    /// Holds a card to the reader for half a second, and takes it away for one.
    pub fn tap(&mut self, card: &VirtualCard) {
        let handle = self.lay_card(card);
        self.run_for(500);
        self.take_card(handle);
        self.run_for(1_000);
    }

    /// Lays a card on the reader.
    pub fn lay_card(&mut self, card: &VirtualCard) -> CardHandle {
        self.field.put(card.clone())
    }

    /// Takes a card away.
    pub fn take_card(&mut self, handle: CardHandle) {
        self.field.take(handle);
    }

    /// Presses a port's button.
    pub fn press(&mut self, port: PortId) {
        if self.is_powered() {
            self.front.borrow_mut().presses.push_back(port);
            self.settle();
        }
    }

    /// What the pile knows a card by; `None` for a card that no reader would take.
    pub fn alias(&self, card: &VirtualCard) -> Option<CardAlias> {
        let uid = Uid::from_bytes(card.uid()).ok()?;
        Some(AliasKey::new(self.alias_key).alias(&uid))
    }

    /// The key that signs receipts for phones. It is this world's, as its site key is.
    pub fn receipt_key(&self) -> Option<SoftwareKey> {
        SoftwareKey::from_bytes(&Sha256::digest(self.phone_secret).into()).ok()
    }

    /// The field before the reader: to see what is on the air, and to take a card at any byte.
    pub const fn field(&self) -> &RfField {
        &self.field
    }

    /// Lets every card take so many milliseconds before it answers a command, from now on.
    pub fn cards_think(&self, millis: u64) {
        self.thinks.set(millis);
    }

    /// The key of the site that this pile stands on.
    pub const fn site_key(&self) -> &SiteKey {
        &self.site_key
    }

    /// Issues a card of this site: an NTAG 424 DNA with this UID, personalised with the keys that
    /// the pile's site key makes of it. `None` for a UID that no card has.
    pub fn issue(&self, uid: [u8; 7]) -> Option<(VirtualCard, Issued)> {
        issue(&self.site_key, uid)
    }

    /// Issues such a card of another site.
    pub fn issue_elsewhere(&self, uid: [u8; 7]) -> Option<(VirtualCard, Issued)> {
        let mut key = *self.site_key.expose();
        for byte in &mut key {
            *byte = !*byte;
        }
        issue(&SiteKey::new(key), uid)
    }
}

/// Issues a card of a site: an NTAG 424 DNA with this UID, personalised with the keys that the site key
/// makes of it. `None` for a UID that no card has.
///
/// ```
/// use card_auth::SiteKey;
/// use pile_sim::world::issue;
/// assert!(issue(&SiteKey::new([7; 16]), [4, 1, 2, 3, 4, 5, 6]).is_some());
/// ```
pub fn issue(site: &SiteKey, number: [u8; 7]) -> Option<(VirtualCard, Issued)> {
    let uid = Uid::from_bytes(&number).ok()?;
    let plan = Plan::ntag424(site, &uid, "pile.example/c").ok()?;
    let mut tag = Ntag424::new(number);
    let mut drawn = 0_u8;
    let draw = || {
        drawn = drawn.wrapping_add(1);
        [drawn; 16]
    };
    // A tag on the bench answers at once.
    let mut channel = TagChannel::new(&mut tag);
    block_on(personalise::run(&mut channel, &plan, draw)).ok()?;
    let tag = Issued(Rc::new(RefCell::new(tag)));
    let card = VirtualCard::with_application(&number, Box::new(tag.clone())).ok()?;
    Some((card, tag))
}
