//! A session's receipt, as a phone puts it together of what the pile told it.
//!
//! What the holder reads is what is signed: the record is made of the very figures that were shown,
//! and a signature that is not under them does not verify.

use core::fmt;

use billing_core::receipt::{BilledSession, Issuer, PublicKey, verify, write_signed};
use billing_core::record::Segment;
use billing_core::statement::{Difference, Tally};
use pile_units::SessionId;

use crate::message::{ReceiptPage, ReceiptSignature, Welcome};

/// Why a session's records are not its bill's: returned by [`SessionReceipt::check`].
///
/// ```
/// use ble_protocol::receipt::Contradiction;
/// assert_eq!(Contradiction::OtherSession.to_string(), "it is another session's");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// They do not add up to it.
    Figures(Difference),
    /// The bill is of another session.
    OtherSession,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Figures(why) => why.fmt(f),
            Self::OtherSession => f.write_str("it is another session's"),
        }
    }
}

impl core::error::Error for Contradiction {}

/// Why there is no signed record: returned by [`SessionReceipt::signed`].
///
/// ```
/// use ble_protocol::receipt::Unsigned;
/// assert_eq!(Unsigned::NoSignature.to_string(), "what the pile sent is no signature");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// The numbers are no signature or no key, the pile has no number, or the figures make no record.
    NoSignature,
    /// The signature is not under these figures.
    OtherFigures,
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSignature => "what the pile sent is no signature",
            Self::OtherFigures => "the pile's signature is not under these figures",
        })
    }
}

impl core::error::Error for Unsigned {}

/// A session's bill with all of its segments.
///
/// ```
/// use billing_core::receipt::PublicKey;
/// use billing_core::record::Segment;
/// use ble_protocol::message::{ReceiptPage, ReceiptSignature, Welcome};
/// use ble_protocol::receipt::SessionReceipt;
/// /// The OCMF record to keep, and whose signature it bears: to be compared with the first that was seen.
/// fn record(
///     welcome: &Welcome, page: &ReceiptPage, segments: &[Segment], signature: &ReceiptSignature,
/// ) -> Result<(String, PublicKey), Box<dyn std::error::Error>> {
///     let receipt = SessionReceipt::new(page, segments);
///     receipt.check(signature.session)?;
///     let mut record = String::new();
///     let by = receipt.signed(welcome, signature, &mut record)?;
///     Ok((record, by))
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SessionReceipt<'a> {
    page: &'a ReceiptPage,
    segments: &'a [Segment],
}

impl<'a> SessionReceipt<'a> {
    /// Of any of the session's pages, and the segments of all of them in order.
    pub const fn new(page: &'a ReceiptPage, segments: &'a [Segment]) -> Self {
        Self { page, segments }
    }

    /// Checks that it is this session's, that all of its segments are there, and that each fee and
    /// every sum follow from them.
    ///
    /// # Errors
    /// [`Contradiction`], the first one.
    pub fn check(&self, session: SessionId) -> Result<(), Contradiction> {
        let mut tally = Tally::new(session);
        for segment in self.segments {
            tally.add(segment).map_err(Contradiction::Figures)?;
        }
        let closed = &self.page.session;
        tally.check(closed).map_err(Contradiction::Figures)?;
        if closed.session != session {
            return Err(Contradiction::OtherSession);
        }
        Ok(())
    }

    /// The session as it is billed, with the clock as the pile told it.
    pub fn billed(&self) -> BilledSession<'a, impl Iterator<Item = Segment> + Clone + use<'a>> {
        self.with_clock(self.page.clock_set)
    }

    /// Makes the signed OCMF record in the empty text `record`, and verifies it. What is in the text
    /// after an error is to be thrown away.
    ///
    /// The key is the one that the pile names with the signature: compare it with the one that was seen
    /// first.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn signed<W: fmt::Write + AsRef<str>>(
        &self,
        welcome: &Welcome,
        signed: &ReceiptSignature,
        record: &mut W,
    ) -> Result<PublicKey, Unsigned> {
        let (Some(pile), Some(signature), Some(by)) =
            (welcome.pile, signed.signature(), signed.key())
        else {
            return Err(Unsigned::NoSignature);
        };
        let issuer = Issuer {
            pile,
            firmware: welcome.firmware.as_str(),
            utc_offset: signed.utc_offset,
        };
        let billed = self.with_clock(signed.clock_in_doubt);
        write_signed(&billed.receipt(&issuer, None), &signature, record)
            .map_err(|_| Unsigned::NoSignature)?;
        verify((*record).as_ref(), &by).map_err(|_| Unsigned::OtherFigures)?;
        Ok(by)
    }

    fn with_clock(
        &self,
        clock_set: bool,
    ) -> BilledSession<'a, impl Iterator<Item = Segment> + Clone + use<'a>> {
        BilledSession {
            closed: &self.page.session,
            segments: self.segments.iter().copied(),
            alias: self.page.alias,
            clock_set,
        }
    }
}
