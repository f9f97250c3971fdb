//! Whose keys open a link.

use crate::Controller;
use ble_protocol::{Holder, Keys, LinkKey, PhoneKeys};
use card_auth::{SiteKey, recovery_secret};

/// The keys that open a link now, from [`Serve::ring`](super::Serve::ring).
///
/// ```
/// use ble_protocol::{Holder, Keys};
/// use pile_controller::serve::Ring;
/// /// True if the recovery code whose turn it is opens a link.
/// fn can_be_recovered(ring: &Ring<'_>) -> bool {
///     (0..ring.slots()).any(|slot| matches!(ring.key(slot), Some((Holder::Recovery, _))))
/// }
/// ```
pub struct Ring<'a> {
    pub(super) keys: &'a PhoneKeys,
    pub(super) journal: &'a [u8; 16],
    pub(super) machine: &'a Controller,
    pub(super) site: Option<&'a SiteKey>,
}

impl Keys for Ring<'_> {
    fn slots(&self) -> usize {
        self.machine.book().phones().len() + 1
    }

    fn key(&self, slot: usize) -> Option<(Holder, LinkKey)> {
        let book = self.machine.book();
        if let Some(phone) = book.phones().get(slot) {
            let key = || self.keys.key(self.journal, phone.id);
            return (!phone.revoked).then(|| (Holder::Phone(phone.id), key()));
        }
        // A blank pile has no privilege card to be lost.
        book.pile()?;
        let secret = recovery_secret(self.site?, book.recoveries());
        Some((Holder::Recovery, LinkKey::of_recovery(secret.expose())))
    }
}
