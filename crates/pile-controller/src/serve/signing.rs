//! The signature under a receipt.
//!
//! The session's records are looked up as for any receipt, checked against the bill, and hashed as the
//! receipt that they make; the digest is signed in a slice of its own. Nothing is kept: the same records,
//! key and firmware give the same signature (RFC 6979).

use super::inquiry::Receipt;
use crate::Refusal;
use billing_core::book::Book;
use billing_core::receipt::{
    BilledSession, Issuer, PublicKey, ReceiptSigner, SoftwareKey, receipt_digest,
};
use billing_core::statement::Tally;
use ble_protocol::message::{ReceiptSignature, Response, Text};
use pile_units::{SessionId, UtcOffset};

/// The most segments of a session whose receipt the pile signs.
pub const SIGNED_SEGMENTS: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signing {
    pub receipt: Receipt<SIGNED_SEGMENTS>,
    firmware: Text<32>,
    ready: Option<Ready>,
}

/// What is left to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ready {
    session: SessionId,
    clock_in_doubt: bool,
    utc_offset: UtcOffset,
    digest: [u8; 32],
}

impl Signing {
    pub const fn new(receipt: Receipt<SIGNED_SEGMENTS>, firmware: Text<32>) -> Self {
        Self {
            receipt,
            firmware,
            ready: None,
        }
    }

    /// The whole ledger was read: `None` where the rest is to be signed.
    pub fn turn(&mut self, book: &Book) -> Option<Response> {
        match self.hash(book) {
            Ok(ready) => {
                self.ready = Some(ready);
                None
            }
            Err(why) => Some(Response::Refused(why)),
        }
    }

    fn hash(&self, book: &Book) -> Result<Ready, Refusal> {
        let found = self.receipt.found(book)?;
        if found.more {
            return Err(Refusal::TooManyPrices);
        }
        // What does not come out is not signed.
        let mut tally = Tally::new(found.closed.session);
        let mut segments = found.segments.iter();
        let added = segments.try_for_each(|segment| tally.add(segment).map(|_| ()));
        added
            .and_then(|()| tally.check(found.closed).map(|_| ()))
            .map_err(|_| Refusal::LedgerFailed)?;
        let clock_in_doubt = found.clock_set || !found.clock_known;
        let session = BilledSession {
            closed: found.closed,
            segments: found.segments.iter().copied(),
            alias: found.alias,
            clock_set: clock_in_doubt,
        };
        let issuer = Issuer {
            pile: book.pile().ok_or(Refusal::NotCommissioned)?,
            firmware: self.firmware.as_str(),
            utc_offset: found.utc_offset,
        };
        let digest = receipt_digest(&session.receipt(&issuer, None));
        Ok(Ready {
            session: found.closed.session,
            clock_in_doubt,
            utc_offset: found.utc_offset,
            digest: digest.map_err(|_| Refusal::LedgerFailed)?,
        })
    }

    /// The signature, once everything was read.
    pub fn sign(&self, key: Option<&SoftwareKey>) -> Option<Response> {
        let ready = self.ready.as_ref()?;
        let signed = |key: &SoftwareKey| {
            let signature = key.sign_digest(&ready.digest).ok()?;
            let public: PublicKey = key.public_key();
            Some(ReceiptSignature::new(
                ready.session,
                ready.clock_in_doubt,
                ready.utc_offset,
                &public,
                &signature,
            ))
        };
        Some(key.and_then(signed).map_or(
            Response::Refused(Refusal::NoReceiptKey),
            Response::Signature,
        ))
    }
}
