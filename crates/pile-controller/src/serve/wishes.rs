//! Requests that change something: what the machine is to hear, and what its answer comes to.

use super::answers::Kept;
use super::views::Viewer;
use crate::{ByPhone, Command, Controller, Outcome, PortState, Refusal};
use billing_core::book::{Book, OpenSession};
use ble_protocol::message::{Request, RequestId};
use ble_protocol::permission::Role;
use pile_units::{AccountId, CredentialId, PhoneId, PortId};

/// A wish, and how it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub wish: ByPhone,
    pub shape: Shape,
}

impl Wish {
    pub const fn plain(wish: ByPhone) -> Self {
        Self {
            wish,
            shape: Shape::Plain,
        }
    }
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    /// A window is open when it is done.
    Window,
    /// A session on this port.
    Port(PortId),
}

impl Shape {
    pub fn kept(self, outcome: Outcome, book: &Book) -> Kept {
        match (outcome, self) {
            (Outcome::Done, Self::Window) => Kept::Window(Controller::WINDOW),
            (Outcome::Started(session), Self::Port(port)) => Kept::Started { session, port },
            (Outcome::Settled(number), _) => {
                let mut waiting = book.settlements().iter();
                let settlement = waiting.find(|it| it.id == number);
                settlement.map_or(Kept::Done, |it| Kept::Settled(*it))
            }
            (Outcome::Done | Outcome::Started(_) | Outcome::Bound(_), _) => Kept::Done,
            (Outcome::Refused(why), _) => Kept::Refused(why),
        }
    }
}

/// What the machine is to hear of a request that the role may make. Refused: what is not the
/// holder's own.
pub(super) fn wish(
    id: RequestId,
    request: Request,
    (viewer, recoveries): (&Viewer, u8),
    machine: &Controller,
) -> Result<Wish, Refusal> {
    let book = machine.book();
    let command = match request {
        Request::Recover => {
            return Ok(Wish {
                wish: ByPhone::Recover { number: recoveries },
                shape: Shape::Window,
            });
        }
        Request::Start { port, up_to } => {
            let phone = viewer.phone.ok_or(Refusal::NotAllowed)?;
            let request = id.get();
            return Ok(Wish {
                wish: ByPhone::Start {
                    phone,
                    request,
                    port,
                    up_to,
                },
                shape: Shape::Port(port),
            });
        }
        Request::Stop { session } => {
            let phone = viewer.phone.ok_or(Refusal::NotAllowed)?;
            return Ok(Wish::plain(ByPhone::Stop { phone, session }));
        }
        Request::Settle { account, number } => {
            return Ok(Wish::plain(ByPhone::Settle { account, number }));
        }
        Request::RevokeMyPhone { phone } => {
            own_phone(phone, viewer, book)?;
            Command::RevokePhone(phone)
        }
        Request::ReportLost => Command::ReportLost(viewer.account.ok_or(Refusal::NotAllowed)?),
        Request::RevokePhone { phone } => Command::RevokePhone(phone),
        Request::Authorise => return Ok(window(Command::Authorise)),
        Request::AuthoriseListed => return Ok(window(Command::AuthoriseListed)),
        Request::Replace { account, card } => {
            lost(account, card, book)?;
            return Ok(window(Command::Replace(account)));
        }
        Request::ClearFault { port, fault } => {
            let latched = machine.port(port).state == PortState::Faulted(fault);
            latched
                .then_some(Command::ClearFault(port))
                .ok_or(Refusal::NoSuchThing)?
        }
        Request::StopPort { port, session } => {
            let phone = viewer.phone.ok_or(Refusal::NotAllowed)?;
            let elsewhere = |open: &OpenSession| open.id == session && open.port != port;
            if book.open_sessions().any(elsewhere) {
                return Err(Refusal::NoSuchThing);
            }
            return Ok(Wish::plain(ByPhone::Stop { phone, session }));
        }
        other => command(other).ok_or(Refusal::UnknownRequest)?,
    };
    Ok(Wish::plain(ByPhone::Manage(command)))
}

const fn window(command: Command) -> Wish {
    Wish {
        wish: ByPhone::Manage(command),
        shape: Shape::Window,
    }
}

/// The landlord's request as the command that it is.
fn command(request: Request) -> Option<Command> {
    Some(match request {
        Request::ReportLostOf { account } => Command::ReportLost(account),
        Request::RevokeCard { credential } => Command::Revoke(credential),
        Request::Deregister { account } => Command::Deregister(account),
        Request::Rename { account, name } => Command::Rename(account, name),
        Request::SetPolicy { uid_only } => Command::AllowUidOnly(uid_only),
        Request::ListAccount { account, listed } => Command::ListAccount(account, listed),
        Request::SetTariff { plan, tariff } => Command::SetTariff(plan, tariff),
        Request::PlanTariff { plan, from, tariff } => Command::PlanTariff { plan, from, tariff },
        Request::AssignPlan { account, plan } => Command::AssignPlan(account, plan),
        Request::SetLimits { limits } => Command::SetLimits(limits),
        Request::MarkPaid {
            settlement,
            reference,
        } => Command::MarkPaid(settlement, reference),
        Request::SwitchPort { port, enabled } => Command::Switch(port, enabled),
        Request::SetClock { now } => Command::SetClock(now),
        Request::ConfirmExport { through } => Command::ConfirmExport(through),
        _ => return None,
    })
}

/// A card of the account, whose next one is not there yet.
fn lost(account: AccountId, card: CredentialId, book: &Book) -> Result<(), Refusal> {
    let mut cards = book
        .credentials()
        .iter()
        .filter(|it| it.account() == Some(account));
    let known = cards.clone().find(|it| it.id == card);
    let known = known.ok_or(Refusal::NoSuchThing)?;
    if known.revoked && cards.any(|it| !it.revoked) {
        return Err(Refusal::AlreadyAuthorised);
    }
    Ok(())
}

/// A phone that was bound by the own card, or by another of the same account; of the landlord, by
/// a privilege card.
fn own_phone(phone: PhoneId, viewer: &Viewer, book: &Book) -> Result<(), Refusal> {
    let known = book.phone(phone).ok_or(Refusal::NoSuchThing)?;
    let whose = super::views::owner(book, known.credential);
    let mine = match viewer.role {
        Role::Landlord => whose == Some((Role::Landlord, None)),
        _ => whose.is_some_and(|(_, account)| account.is_some() && account == viewer.account),
    };
    if mine { Ok(()) } else { Err(Refusal::NotYours) }
}
