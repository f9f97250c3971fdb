#![doc = include_str!("../MESSAGES.md")]

mod envelope;
mod export;
mod list;
mod notice;
mod request;
mod response;
mod view;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use envelope::{Asked, Bound, MAX_MESSAGE, Malformed, RequestId, SentKey, Told, VERSION};
pub use export::{ExportChunk, ExportCursor, Frames, MAX_FRAMES};
pub use list::{List, Text};
pub use notice::{Notice, NoticeKind};
pub use request::{Request, RequestKind, UpTo};
pub use response::{
    AccountPage, CardPage, PhonePage, PortPage, ReceiptPage, ReceiptSignature, Response,
    SessionPage, SettlementPage, StatementPage, TariffPage, TriedPage,
};
pub use view::{
    AccountView, Capabilities, Diagnostics, PhoneView, PortCondition, PortDiagnosis, PortView,
    PriceNow, Running, TariffInForce, Welcome,
};
