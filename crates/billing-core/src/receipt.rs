//! Signed receipts: one OCMF record a session, made on the device.
//!
//! The **record** is a line of text, `OCMF|{payload}|{signature}`, of the Open Charge Metering
//! Format 1.0. The **payload** names the pile, the meter, the card and the two readings; its
//! bytes, exactly as they stand between the pipes, are what is signed, with ECDSA on P-256 and
//! SHA-256. The **public key** travels beside the record, not in it. Anyone checks a receipt with
//! [`verify`], with the S.A.F.E. transparency software, or with `openssl` alone:
//!
//! ```text
//! cut -d'|' -f2 receipt.ocmf | tr -d '\n' > payload
//! cut -d'|' -f3 receipt.ocmf | sed 's/.*"SD":"\([0-9a-f]*\)".*/\1/' | xxd -r -p > signature
//! openssl dgst -sha256 -verify public-key.pem -signature signature payload
//! ```
//!
//! # What the record holds
//!
//! | key | value |
//! | --- | --- |
//! | `FV` | `1.0` |
//! | `GI` `GS` `GV` | `openpile`, the pile's identity, the firmware's version |
//! | `PG` | `T1`, `T2`, ... one more each receipt |
//! | `MV` `MM` `MS` | `openpile`, `port`, the pile's identity and the port: `0aff000000000001-3` |
//! | `IS` `IL` `IF` | `true`; `HEARSAY` and `RFID_PLAIN` for a card known by its number, `SECURE` and `RFID_PSK` for one that proved a key |
//! | `IT` `ID` | `LOCAL`, the card's keyed alias in hex: never its UID |
//! | `TT` | the tariff in words, at most 250 characters |
//! | `RD` | the start reading, any tariff changes, the stop reading |
//! | `U` `V` | session, account |
//! | `W` `X` `Y` | electricity fee, service fee, total: `0.29 CNY` |
//! | `Z` | SHA-256 of the receipt before this one, in hex; missing from the first |
//!
//! A reading counts kilowatt-hours with six decimals, so it is exact to the milliwatt-hour, in
//! register `1-b:1.8.0` (import, total). Its time is local with its offset and ends in the
//! clock's status letter. No byte outside printable ASCII and no `|` ever stands in a payload:
//! what a text holds of those is written as `\u` escapes.
//!
//! # Cost
//!
//! Writing keeps no buffer: the payload is streamed once into the hash and, when it is signed,
//! once into the writer, so a signer that fails leaves the writer untouched. A record is at most
//! [`max_len`] bytes.

mod arithmetic;
mod error;
mod json;
mod key;
mod payload;
mod session;
mod tariff_text;
pub mod testing;
mod time;
mod verify;

pub use arithmetic::{Arithmetic, Stretch};
pub use error::WriteError;
pub use key::{
    InvalidKey, PublicKey, ReceiptSigner, SPKI_LEN, Signature, SigningFailed, SoftwareKey,
};
pub use session::{BilledSession, Changes, Issuer, Stretches};
pub use tariff_text::{Priced, TariffText, read_tariff_text};
pub use verify::{VerifyError, View, possible_signers, verify};

use core::fmt::{Display, Write};

use pile_units::{
    AccountId, CardAlias, Currency, Energy, PileId, PortId, SessionId, Strength, UtcOffset,
    WallTime,
};
use sha2::{Digest, Sha256};

use crate::cost::Bill;

/// The most characters of a tariff text (OCMF 1.0, `TT`).
pub const MAX_TARIFF_TEXT: usize = 250;
/// The most characters of a firmware version on a receipt.
pub const MAX_FIRMWARE: usize = 32;

/// The most bytes of a record with `changes` tariff-change readings, whatever its texts hold.
///
/// ```
/// assert!(billing_core::receipt::max_len(0) < 2600);
/// ```
pub const fn max_len(changes: usize) -> usize {
    // A UTF-16 unit of a text takes up to six bytes, as an escape.
    900 + (MAX_FIRMWARE + MAX_TARIFF_TEXT) * 6 + changes * 124
}

/// A meter register at a moment.
///
/// ```
/// use billing_core::receipt::{Doubt, Reading};
/// use pile_units::{Energy, WallTime};
/// let start = Reading {
///     at: WallTime::default(),
///     register: Energy::from_watt_hours(259),
///     doubt: Doubt::default(),
/// };
/// assert!(!start.doubt.energy);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reading {
    /// When.
    pub at: WallTime,
    /// The port's cumulative register.
    pub register: Energy,
    /// What of it may be wrong.
    pub doubt: Doubt,
}

/// What of a reading may be wrong (OCMF `EF`). Verifiers refuse a reading whose energy is in
/// doubt, and take one whose time is.
///
/// ```
/// use billing_core::receipt::Doubt;
/// assert_eq!(Doubt::default(), Doubt { energy: false, time: false });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Doubt {
    /// The register (`E`).
    pub energy: bool,
    /// The time (`t`).
    pub time: bool,
}

/// How a session ended (OCMF `TX` of the stop reading).
///
/// Every one of them is a stop to the S.A.F.E. software, which takes exactly one. So a power
/// failure is told by the stop alone: a session that the supply took ends there, at `P`, and no
/// reading within a session ever says `P`.
///
/// ```
/// use billing_core::receipt::End;
/// assert_eq!(End::PowerLost.letter(), 'P');
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// By itself: full, unplugged, a limit reached (`E`).
    Normal,
    /// At the pile, by card or button (`L`).
    Local,
    /// From afar, by phone or by the landlord (`R`).
    Remote,
    /// By a fault or a protection (`A`).
    Aborted,
    /// By a power failure (`P`).
    PowerLost,
}

impl End {
    /// The letter that OCMF writes.
    pub const fn letter(self) -> char {
        match self {
            Self::Normal => 'E',
            Self::Local => 'L',
            Self::Remote => 'R',
            Self::Aborted => 'A',
            Self::PowerLost => 'P',
        }
    }
}

/// The SHA-256 of a whole record, which the next receipt carries.
///
/// ```
/// use billing_core::receipt::ReceiptHash;
/// let hash = ReceiptHash::of("OCMF|{}|{}");
/// assert_eq!(ReceiptHash::new(hash.bytes()), hash);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ReceiptHash([u8; 32]);

impl ReceiptHash {
    /// Makes a hash from its bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of a record, without the line's end.
    pub fn of(record: &str) -> Self {
        Self(Sha256::digest(record.as_bytes()).into())
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl core::fmt::Display for ReceiptHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write_hex(f, &self.0)
    }
}

/// What a receipt says. [`BilledSession::receipt`] makes it of what the ledger holds.
///
/// `changes` and `tariff_text` are walked more than once and nothing is buffered: they are a
/// cheap [`Clone`] and a [`Display`] that always writes the same.
///
/// ```
/// use billing_core::cost::Bill;
/// use billing_core::receipt::{
///     Doubt, End, Reading, ReceiptData, SoftwareKey, verify, write_receipt,
/// };
/// use pile_units::*;
///
/// let reading = |unix, wh| Reading {
///     at: WallTime { unix: UnixSeconds::new(unix), quality: ClockQuality::Synchronised },
///     register: Energy::from_watt_hours(wh),
///     doubt: Doubt::default(),
/// };
/// let data = ReceiptData {
///     pile: PileId::new([1; 8]),
///     firmware: "0.1.0",
///     page: 1,
///     port: PortId::from_number(3)?,
///     alias: CardAlias::new([0xab; 8]),
///     strength: Strength::UidOnly,
///     session: SessionId::new(15),
///     account: AccountId::new(7),
///     utc_offset: "+08:00".parse()?,
///     begin: reading(1_546_459_140, 259),
///     changes: core::iter::empty(),
///     end: reading(1_546_466_340, 991),
///     ended: End::Local,
///     tariff_text: "0.568 + 0.20 CNY/kWh",
///     currency: Currency::CNY,
///     bill: Bill::default(),
///     previous: None,
/// };
/// let key = SoftwareKey::from_bytes(&[7; 32])?;
/// let mut record = String::new();
/// write_receipt(&data, &key, &mut record)?;
/// let seen = verify(&record, &key.public_key())?;
/// assert_eq!(seen.get("PG"), Some("\"T1\""));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptData<'a, C, T> {
    /// The pile.
    pub pile: PileId,
    /// The firmware's version, at most [`MAX_FIRMWARE`] characters.
    pub firmware: &'a str,
    /// This receipt's number, from 1, one more each receipt.
    pub page: u32,
    /// The port, whose meter it is.
    pub port: PortId,
    /// The card's keyed alias.
    pub alias: CardAlias,
    /// How the card proved who it is.
    pub strength: Strength,
    /// The session.
    pub session: SessionId,
    /// The account that pays.
    pub account: AccountId,
    /// Where local time stands.
    pub utc_offset: UtcOffset,
    /// The start reading.
    pub begin: Reading,
    /// Readings where the price changed, in order; may be empty.
    pub changes: C,
    /// The stop reading; its register is at least the start's.
    pub end: Reading,
    /// How the session ended.
    pub ended: End,
    /// The tariff in words, at most [`MAX_TARIFF_TEXT`] characters.
    pub tariff_text: T,
    /// The currency of the bill.
    pub currency: Currency,
    /// The fees.
    pub bill: Bill,
    /// The hash of the receipt before this one.
    pub previous: Option<ReceiptHash>,
}

/// Writes the signed record of a session, without a line's end, and returns its hash for the next
/// receipt to carry.
///
/// # Errors
/// [`WriteError`]: a text too long, a register that goes back, a signer or a writer that fails.
pub fn write_receipt<C, T, S, W>(
    data: &ReceiptData<'_, C, T>,
    signer: &S,
    writer: &mut W,
) -> Result<ReceiptHash, WriteError<S::Error>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
    S: ReceiptSigner,
    W: Write,
{
    let signature = signer
        .sign_digest(&digest(data)?)
        .map_err(WriteError::Signer)?;
    write(data, &signature, writer)
}

/// The SHA-256 of a receipt's payload: what is signed. For a signer that has its turn later; then
/// [`write_signed`] makes the record.
///
/// # Errors
/// [`WriteError`]: a text too long, a register that goes back.
pub fn receipt_digest<C, T>(
    data: &ReceiptData<'_, C, T>,
) -> Result<[u8; 32], WriteError<core::convert::Infallible>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
{
    digest(data)
}

/// Writes the record of a session with a signature that was made elsewhere, without a line's end,
/// and returns its hash. Whether the signature is of this data, [`verify`] says.
///
/// ```
/// use billing_core::receipt::{
///     Reading, ReceiptData, ReceiptSigner, Signature, SoftwareKey, receipt_digest, write_signed,
/// };
/// use core::fmt::Display;
///
/// /// At the pile: the digest in one turn, the signature in another.
/// fn signed<C: Iterator<Item = Reading> + Clone, T: Display>(
///     data: &ReceiptData<'_, C, T>, key: &SoftwareKey,
/// ) -> Option<Signature> {
///     let digest = receipt_digest(data).ok()?;
///     key.sign_digest(&digest).ok()
/// }
///
/// /// In a phone, which has the same figures: the record, to be verified.
/// fn record<C: Iterator<Item = Reading> + Clone, T: Display>(
///     data: &ReceiptData<'_, C, T>, signature: &Signature,
/// ) -> Option<String> {
///     let mut record = String::new();
///     write_signed(data, signature, &mut record).ok()?;
///     Some(record)
/// }
/// ```
///
/// # Errors
/// [`WriteError`]: a text too long, a register that goes back, a writer that fails.
pub fn write_signed<C, T, W>(
    data: &ReceiptData<'_, C, T>,
    signature: &Signature,
    writer: &mut W,
) -> Result<ReceiptHash, WriteError<core::convert::Infallible>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
    W: Write,
{
    check(data)?;
    write(data, signature, writer)
}

fn digest<C, T, E>(data: &ReceiptData<'_, C, T>) -> Result<[u8; 32], WriteError<E>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
{
    check(data)?;
    let mut digest = Sha256::new();
    payload::write(data, &mut Hashing(&mut digest)).map_err(WriteError::Writer)?;
    Ok(digest.finalize().into())
}

fn write<C, T, E, W>(
    data: &ReceiptData<'_, C, T>,
    signature: &Signature,
    writer: &mut W,
) -> Result<ReceiptHash, WriteError<E>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
    W: Write,
{
    let mut record = Sha256::new();
    let mut both = Tee(Hashing(&mut record), writer);
    let write = |both: &mut Tee<_>| {
        both.write_str("OCMF|")?;
        payload::write(data, both)?;
        both.write_str("|{\"SA\":\"")?;
        both.write_str(SIGNATURE_ALGORITHM)?;
        both.write_str("\",\"SD\":\"")?;
        write_hex(both, signature.as_der())?;
        both.write_str("\"}")
    };
    write(&mut both).map_err(WriteError::Writer)?;
    Ok(ReceiptHash(record.finalize().into()))
}

/// The one algorithm written and taken (OCMF 1.0, table of signature algorithms).
const SIGNATURE_ALGORITHM: &str = "ECDSA-secp256r1-SHA256";

fn check<C, T, E>(data: &ReceiptData<'_, C, T>) -> Result<(), WriteError<E>>
where
    C: Iterator<Item = Reading> + Clone,
    T: Display,
{
    if data.page == 0 {
        return Err(WriteError::NoPage);
    }
    if !fits(&data.tariff_text, MAX_TARIFF_TEXT) {
        return Err(WriteError::TariffTextTooLong);
    }
    if !fits(&data.firmware, MAX_FIRMWARE) {
        return Err(WriteError::FirmwareTooLong);
    }
    let mut before = data.begin.register;
    for reading in data.changes.clone().chain([data.end]) {
        if reading.register < before {
            return Err(WriteError::RegisterGoesBack);
        }
        before = reading.register;
    }
    Ok(())
}

/// True if a text has at most `most` characters, as OCMF, JSON and Java count them: UTF-16 code
/// units.
fn fits(text: &impl Display, most: usize) -> bool {
    struct Left(usize);
    impl Write for Left {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            let units = text.encode_utf16().count();
            self.0 = self.0.checked_sub(units).ok_or(core::fmt::Error)?;
            Ok(())
        }
    }
    write!(Left(most), "{text}").is_ok()
}

/// Text into a hash.
struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Text to two writers.
struct Tee<'a, W>(Hashing<'a>, &'a mut W);

impl<W: Write> Write for Tee<'_, W> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.write_str(text)?;
        self.1.write_str(text)
    }
}

/// Writes bytes as small hex digits.
fn write_hex(writer: &mut impl Write, bytes: &[u8]) -> core::fmt::Result {
    bytes
        .iter()
        .try_for_each(|byte| write!(writer, "{byte:02x}"))
}

#[cfg(test)]
mod tests;
