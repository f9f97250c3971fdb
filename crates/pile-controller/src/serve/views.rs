//! Answers to questions about what the machine knows.

use crate::{Controller, PortState, Refusal};
use billing_core::book::{Book, Phone};
use billing_core::tariff::Tariff;
use ble_protocol::Holder;
use ble_protocol::message::{
    AccountPage, AccountView, CardPage, Diagnostics, List, PhonePage, PhoneView, PortCondition,
    PortDiagnosis, PortPage, PortView, PriceNow, Request, Response, Running, SettlementPage,
    TariffInForce, TariffPage, TriedPage,
};
use ble_protocol::permission::Role;
use pile_units::{
    AccountId, CredentialId, Instant, PhoneId, PlanId, PortId, TariffVersion, WallTime,
};

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Viewer {
    pub role: Role,
    pub phone: Option<PhoneId>,
    pub account: Option<AccountId>,
}

impl Viewer {
    /// Who the holder of a link is now; `None` for a phone that is revoked.
    pub fn of(holder: Holder, book: &Book) -> Option<Self> {
        let nobody = |role| Self {
            role,
            phone: None,
            account: None,
        };
        Some(match holder {
            Holder::Card => nobody(Role::Card),
            Holder::Recovery => nobody(Role::Recovery),
            Holder::Phone(id) => {
                let phone = book.phone(id).filter(|phone| !phone.revoked)?;
                let (role, account) = owner(book, phone.credential)?;
                Self {
                    role,
                    phone: Some(id),
                    account,
                }
            }
        })
    }

    /// True if a session of its own account is running.
    pub fn charges(&self, machine: &Controller) -> bool {
        let mut open = machine.book().open_sessions();
        self.account.is_some() && open.any(|session| Some(session.account) == self.account)
    }

    /// True if what belongs to this account may be seen.
    pub fn sees(&self, account: AccountId) -> bool {
        match self.role {
            Role::Landlord => true,
            Role::Tenant => self.account == Some(account),
            Role::Card | Role::Recovery => false,
        }
    }

    /// The plan that is meant where none is named.
    pub fn plan(&self, book: &Book) -> PlanId {
        let account = self.account.and_then(|account| book.account(account));
        account.map_or(PlanId::STANDARD, |account| account.plan)
    }

    /// The tariff that it is charged by.
    fn tariff<'a>(&self, book: &'a Book) -> Option<(PlanId, TariffVersion, &'a Tariff)> {
        let plan = self.plan(book);
        let (plan, (version, tariff)) = match book.tariff(plan) {
            Some(own) => (plan, own),
            None => (PlanId::STANDARD, book.tariff(PlanId::STANDARD)?),
        };
        Some((plan, version, tariff))
    }
}

/// A port as this viewer may see it.
pub(super) fn port(now: Instant, port: PortId, viewer: &Viewer, machine: &Controller) -> PortView {
    let view = machine.port(port);
    let mine = view.account.is_some() && view.account == viewer.account;
    let shown = view.account.is_some_and(|account| viewer.sees(account));
    let session = machine.book().session(port).filter(|_| shown);
    let running = session.map(|session| Running {
        session: session.id,
        account: session.account,
        since: session.opened,
        power: view.power,
        energy: view.energy,
        cost: machine.cost(port).unwrap_or_default(),
        price: PriceNow {
            band: session.segment.band,
            energy: session.segment.energy_price,
            service: session.segment.service_price,
        },
    });
    let seconds_left = machine.seconds_left(now, port).filter(|_| shown);
    PortView {
        port,
        condition: condition(view.state),
        mine,
        seconds_left,
        running,
    }
}

pub(super) const fn condition(state: PortState) -> PortCondition {
    match state {
        PortState::Idle => PortCondition::Idle,
        PortState::Finished => PortCondition::Finished,
        PortState::Opening => PortCondition::Opening,
        PortState::Starting => PortCondition::Starting,
        PortState::Charging => PortCondition::Charging,
        PortState::Full => PortCondition::Full,
        PortState::Stopping => PortCondition::Stopping,
        PortState::Disabled => PortCondition::Disabled,
        PortState::Faulted(fault) => PortCondition::Faulted(fault),
    }
}

/// A phone as this viewer sees it.
pub(super) fn phone(phone: &Phone, viewer: &Viewer, book: &Book) -> PhoneView {
    PhoneView {
        phone: phone.id,
        credential: phone.credential,
        account: owner(book, phone.credential).and_then(|(_, account)| account),
        bound: phone.bound,
        revoked: phone.revoked,
        this: viewer.phone == Some(phone.id),
    }
}

/// The answer to a question that needs no ledger.
pub(super) fn view(
    now: Instant,
    request: &Request,
    viewer: &Viewer,
    machine: &Controller,
) -> Result<Response, Refusal> {
    let book = machine.book();
    let at = machine.wall(now);
    Ok(match request {
        Request::Ports { from } => Response::Ports(ports(now, *from, viewer, machine)),
        Request::TariffNow => {
            let (plan, version, tariff) = viewer.tariff(book).ok_or(Refusal::NoTariff)?;
            Response::Tariff {
                price: price(tariff, at),
                seconds_to_change: seconds_to_change(tariff, at),
                tariff: TariffInForce {
                    plan,
                    version,
                    tariff: tariff.clone(),
                },
            }
        }
        Request::MyAccount => {
            let own = viewer.account.ok_or(Refusal::NotAllowed)?;
            Response::Account(account(own, book).ok_or(Refusal::NoSuchThing)?)
        }
        Request::MyPhones { from } => {
            let whose = (viewer.role, viewer.account);
            let mine = |it: &&Phone| owner(book, it.credential) == Some(whose);
            let phones = book.phones().iter().filter(mine);
            let phones = phones.filter(|it| it.id >= *from);
            let (phones, more) = page(phones.map(|it| phone(it, viewer, book)));
            Response::Phones(PhonePage { phones, more })
        }
        Request::Phones { from } => {
            let phones = book.phones().iter().filter(|it| it.id >= *from);
            let (phones, more) = page(phones.map(|it| phone(it, viewer, book)));
            Response::Phones(PhonePage { phones, more })
        }
        Request::Accounts { from } => {
            let known = book.accounts().iter().filter(|it| it.id >= *from);
            let (accounts, more) = page(known.filter_map(|it| account(it.id, book)));
            Response::Accounts(AccountPage { accounts, more })
        }
        Request::Cards { from } => {
            let cards = book.credentials().iter().filter(|it| it.id >= *from);
            let (cards, more) = page(cards.copied());
            Response::Cards(CardPage { cards, more })
        }
        Request::Policy => Response::Policy(book.uid_only()),
        Request::Tariffs { from } => {
            let known = book.tariffs().filter(|(plan, ..)| *plan >= *from);
            let (tariffs, more) = page(known.map(|(plan, version, tariff)| TariffInForce {
                plan,
                version,
                tariff: tariff.clone(),
            }));
            Response::Tariffs(TariffPage { tariffs, more })
        }
        Request::PlannedTariff => Response::Planned(book.planned().cloned()),
        Request::Limits => Response::Limits(*book.limits()),
        Request::Settlements { from } => {
            let waiting = book.settlements().iter().filter(|it| it.id >= *from);
            let (settlements, more) = page(waiting.copied());
            Response::Settlements(SettlementPage {
                next: book.next_settlement(),
                currency: book.currency(),
                settlements,
                more,
            })
        }
        Request::Tried { from } => Response::Tried(tried(*from, book)),
        _ => return Err(Refusal::UnknownRequest),
    })
}

fn ports(now: Instant, from: PortId, viewer: &Viewer, machine: &Controller) -> PortPage {
    let book = machine.book();
    let at = machine.wall(now);
    let asked = machine.ports().filter(|it| *it >= from);
    let (ports, more) = page(asked.map(|it| port(now, it, viewer, machine)));
    PortPage {
        price: viewer.tariff(book).map(|(.., tariff)| price(tariff, at)),
        currency: book.currency(),
        ports,
        more,
    }
}

/// By the number of the card: the book has them in the order in which they were tried.
fn tried(from: CredentialId, book: &Book) -> TriedPage {
    let mut page = TriedPage::default();
    let mut from = Some(from);
    while let Some(first) = from {
        let known = book.attempts().iter().filter(|it| it.credential >= first);
        let Some(next) = known.min_by_key(|it| it.credential) else {
            break;
        };
        if !page.cards.push(*next) {
            page.more = true;
            break;
        }
        from = next.credential.next();
    }
    page
}

/// As many as an answer holds, and whether there are more.
fn page<T, const N: usize>(items: impl Iterator<Item = T>) -> (List<T, N>, bool) {
    let mut list = List::new();
    for item in items {
        if !list.push(item) {
            return (list, true);
        }
    }
    (list, false)
}

fn account(id: AccountId, book: &Book) -> Option<AccountView> {
    let running = book.open_sessions().filter(|open| open.account == id);
    Some(AccountView {
        account: *book.account(id)?,
        name: book.name(id).copied(),
        running: u8::try_from(running.count()).unwrap_or(u8::MAX),
    })
}

fn price(tariff: &Tariff, at: WallTime) -> PriceNow {
    let (_, band) = tariff.band_at(at);
    PriceNow {
        band: band.name,
        energy: band.energy,
        service: band.service,
    }
}

fn seconds_to_change(tariff: &Tariff, at: WallTime) -> Option<u32> {
    let known = at.quality.tells_time_of_day();
    known
        .then(|| tariff.seconds_to_next_change(at.unix))
        .flatten()
}

/// What a service engineer asks first.
pub(super) fn diagnostics(
    now: Instant,
    uptime: u32,
    (failed_handshakes, bad_frames): (u32, u32),
    machine: &Controller,
) -> Response {
    let book = machine.book();
    let headroom = machine.headroom();
    let live = book.phones().iter().filter(|phone| !phone.revoked);
    let (ports, _) = page(machine.ports().map(|port| diagnosis(port, machine)));
    Response::Diagnostics(Diagnostics {
        now: machine.wall(now),
        uptime,
        last_record: machine.last_record(),
        exported: book.exported(),
        sessions_left: headroom.sessions,
        facts_left: headroom.facts,
        days_left: machine.days_left(now),
        temperature: machine.temperature_inside(),
        reader: machine.reader_answers(),
        unseen_attempts: book.attempts_unseen(),
        phones: u8::try_from(live.count()).unwrap_or(u8::MAX),
        failed_handshakes,
        bad_frames,
        ports,
    })
}

fn diagnosis(port: PortId, machine: &Controller) -> PortDiagnosis {
    let book = machine.book();
    let electric = machine.electric(port);
    PortDiagnosis {
        port,
        register: book.register(port),
        unattributed: book.unattributed(port),
        trim: book.trim(port),
        power: machine.port(port).power,
        voltage: electric.map(|(voltage, _)| voltage),
        current: electric.map(|(_, current)| current),
        meter: machine.meter_answers(port),
        enabled: book.enabled(port),
        fault: book.fault(port),
    }
}

/// What the phones of a card may do, and whose they are.
pub(super) fn owner(book: &Book, credential: CredentialId) -> Option<(Role, Option<AccountId>)> {
    let mut cards = book.credentials().iter();
    let card = cards.find(|card| card.id == credential)?;
    Some(match card.role {
        pile_units::Role::Privilege => (Role::Landlord, None),
        pile_units::Role::Charging(account) => (Role::Tenant, Some(account)),
    })
}
