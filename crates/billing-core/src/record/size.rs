//! The most bytes that the payloads of the longer records take: what the ledger's room is planned by.
//!
//! Every integer at its largest, except where the fold allows no more: fees are at most
//! 2^64 / 10^6 micro-units ([`pile_units::Fee`] stops there), which is 7 bytes. A test builds each of
//! them and compares.

/// [`Record::SegmentClosed`](super::Record::SegmentClosed); the last segment of a session is no longer.
pub const SEGMENT: usize = 73;
/// [`Record::SessionClosed`](super::Record::SessionClosed).
pub const CLOSED: usize = 77;
/// [`Record::Settled`](super::Record::Settled).
pub const SETTLED: usize = 50;
/// [`Record::Paid`](super::Record::Paid).
pub const PAID: usize = 37;

/// [`Piece::Pile`](super::Piece::Pile).
pub const PILE: usize = 107;
/// [`Piece::Tariff`](super::Piece::Tariff).
pub const TARIFF: usize = 221;
/// [`Piece::Planned`](super::Piece::Planned).
pub const PLANNED: usize = 223;
/// [`Piece::Credential`](super::Piece::Credential).
pub const CREDENTIAL: usize = 19;
/// [`Piece::Account`](super::Piece::Account).
pub const ACCOUNT: usize = 73;
/// [`Piece::Port`](super::Piece::Port).
pub const PORT: usize = 35;
/// [`Piece::Session`](super::Piece::Session).
pub const SESSION: usize = 96;
/// [`Piece::Settlement`](super::Piece::Settlement).
pub const SETTLEMENT: usize = 51;
/// [`Piece::Attempts`](super::Piece::Attempts).
pub const ATTEMPTS: usize = 17;
/// [`Piece::Phone`](super::Piece::Phone).
pub const PHONE: usize = 26;
/// [`Piece::Named`](super::Piece::Named).
pub const NAMED: usize = 30;
/// [`Piece::Recoveries`](super::Piece::Recoveries).
pub const RECOVERIES: usize = 3;
