//! Who may ask what, and who hears what: one table.
//!
//! The table is printed in the documentation of [`message`](crate::message), and a test compares the
//! two. A cell says [`Grant::No`], [`Grant::Own`] or [`Grant::All`]. What is somebody's own is for
//! the pile to find out: a request of [`Grant::Own`] that is about another's account, session or
//! phone is refused with [`NotYours`](crate::Refusal::NotYours), or shows less.

use serde::{Deserialize, Serialize};

use crate::message::{Notice, NoticeKind, Request, RequestKind};

#[cfg(test)]
mod tests;

/// What the holder of a link proved to be. The order is the format.
///
/// ```
/// use ble_protocol::message::Request;
/// use ble_protocol::permission::{Role, allows};
/// assert!(allows(Role::Tenant, &Request::MyAccount));
/// assert!(!allows(Role::Tenant, &Request::Diagnostics));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Holds the binding secret of a card that was just tapped: it is sent its key, and that is all.
    Card,
    /// A phone that was bound by a charging card.
    Tenant,
    /// A phone that was bound by a privilege card.
    Landlord,
    /// Holds a recovery code that is not used up.
    Recovery,
}

impl Role {
    /// All of them, in the order of the format.
    pub const ALL: [Self; 4] = [Self::Card, Self::Tenant, Self::Landlord, Self::Recovery];
}

/// A cell of the table.
///
/// ```
/// use ble_protocol::message::RequestKind;
/// use ble_protocol::permission::{Grant, Role, grant};
/// assert_eq!(grant(Role::Tenant, RequestKind::Stop), Grant::Own);
/// assert_eq!(grant(Role::Landlord, RequestKind::Stop), Grant::All);
/// assert_eq!(grant(Role::Recovery, RequestKind::Stop), Grant::No);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Not at all.
    No,
    /// Only what belongs to its own account, or to its own card.
    Own,
    /// Whatever the pile has.
    All,
}

macro_rules! table {
    (
        requests { $($request:ident: $card:ident $tenant:ident $landlord:ident $recovery:ident;)* }
        notices { $($notice:ident: $n_card:ident $n_tenant:ident $n_landlord:ident $n_recovery:ident;)* }
    ) => {
        const fn request_row(kind: RequestKind) -> [Grant; 4] {
            match kind {
                $(RequestKind::$request =>
                    [Grant::$card, Grant::$tenant, Grant::$landlord, Grant::$recovery],)*
            }
        }

        const fn notice_row(kind: NoticeKind) -> [Grant; 4] {
            match kind {
                $(NoticeKind::$notice =>
                    [Grant::$n_card, Grant::$n_tenant, Grant::$n_landlord, Grant::$n_recovery],)*
            }
        }
    };
}

table! {
    requests {
        //                Card Tenant Landlord Recovery
        Hello:            No   All    All      No;
        Ports:            No   Own    All      No;
        TariffNow:        No   Own    All      No;
        Start:            No   Own    No       No;
        Stop:             No   Own    All      No;
        Sessions:         No   Own    All      No;
        Receipt:          No   Own    All      No;
        Statement:        No   Own    All      No;
        MyAccount:        No   Own    No       No;
        MyPhones:         No   Own    Own      No;
        RevokeMyPhone:    No   Own    Own      No;
        ReportLost:       No   Own    No       No;
        Accounts:         No   No     All      No;
        Cards:            No   No     All      No;
        Phones:           No   No     All      No;
        RevokePhone:      No   No     All      No;
        Authorise:        No   No     All      No;
        AuthoriseListed:  No   No     All      No;
        Replace:          No   No     All      No;
        ReportLostOf:     No   No     All      No;
        RevokeCard:       No   No     All      No;
        Deregister:       No   No     All      No;
        Rename:           No   No     All      No;
        Policy:           No   No     All      No;
        SetPolicy:        No   No     All      No;
        ListAccount:      No   No     All      No;
        Tariffs:          No   No     All      No;
        PlannedTariff:    No   No     All      No;
        SetTariff:        No   No     All      No;
        PlanTariff:       No   No     All      No;
        AssignPlan:       No   No     All      No;
        Limits:           No   No     All      No;
        SetLimits:        No   No     All      No;
        Settle:           No   No     All      No;
        Settlements:      No   No     All      No;
        MarkPaid:         No   No     All      No;
        ClearFault:       No   No     All      No;
        StopPort:         No   No     All      No;
        SwitchPort:       No   No     All      No;
        SetClock:         No   No     All      No;
        Diagnostics:      No   No     All      No;
        Tried:            No   No     All      No;
        ExportFrom:       No   No     All      No;
        ConfirmExport:    No   No     All      No;
        Recover:          No   No     No       All;
        SignReceipt:      No   Own    All      No;
    }
    notices {
        //                Card Tenant Landlord Recovery
        PortChanged:      No   Own    All      No;
        SessionOpened:    No   Own    All      No;
        Reading:          No   Own    All      No;
        SessionClosed:    No   Own    All      No;
        FaultLatched:     No   All    All      No;
        FaultCleared:     No   All    All      No;
        TariffChanged:    No   Own    All      No;
        LedgerFilling:    No   No     All      No;
        CardsTried:       No   No     All      No;
        CardAuthorised:   No   No     All      All;
        WindowClosed:     No   No     All      All;
        PhoneBound:       No   Own    All      No;
    }
}

/// What a role may ask of a kind of request.
pub const fn grant(role: Role, kind: RequestKind) -> Grant {
    cell(role, request_row(kind))
}

/// True if the role may send this request at all; whether it is about its own, where that is
/// needed ([`Grant::Own`]), the pile finds out.
///
/// ```
/// use ble_protocol::message::Request;
/// use ble_protocol::permission::{Role, allows};
/// let stop = Request::Stop { session: pile_units::SessionId::new(7) };
/// assert!(allows(Role::Tenant, &stop)); // if it is the tenant's own
/// assert!(!allows(Role::Card, &stop));
/// ```
pub const fn allows(role: Role, request: &Request) -> bool {
    !matches!(grant(role, request.kind()), Grant::No)
}

/// What a role hears of a kind of notice. [`Grant::Own`] of a
/// [`PortChanged`](NoticeKind::PortChanged) means: of every port, without the figures of others'
/// sessions; of a [`TariffChanged`](NoticeKind::TariffChanged): of the plan it is charged by.
///
/// ```
/// use ble_protocol::message::NoticeKind;
/// use ble_protocol::permission::{Grant, Role, hears};
/// assert_eq!(hears(Role::Tenant, NoticeKind::SessionClosed), Grant::Own);
/// ```
pub const fn hears(role: Role, kind: NoticeKind) -> Grant {
    cell(role, notice_row(kind))
}

/// True if the role may be told this notice at all.
///
/// ```
/// use ble_protocol::message::Notice;
/// use ble_protocol::permission::{Role, may_hear};
/// assert!(!may_hear(Role::Tenant, &Notice::LedgerFilling { days: 6 }));
/// ```
pub const fn may_hear(role: Role, notice: &Notice) -> bool {
    !matches!(hears(role, notice.kind()), Grant::No)
}

const fn cell(role: Role, row: [Grant; 4]) -> Grant {
    let [card, tenant, landlord, recovery] = row;
    match role {
        Role::Card => card,
        Role::Tenant => tenant,
        Role::Landlord => landlord,
        Role::Recovery => recovery,
    }
}
