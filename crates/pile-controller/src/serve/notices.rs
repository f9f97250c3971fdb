//! What is told unasked.
//!
//! A port that changed is told as it is when there is room to say so; what happened in between is not
//! kept. Everything else is told in the order in which it happened; of more than [`WAITING`] that
//! wait, the oldest are lost, as all are for a phone that is not connected.

use super::views::{self, Viewer};
use crate::{Controller, Signal};
use billing_core::record::Record;
use ble_protocol::message::{Notice, PortCondition};
use ble_protocol::permission::may_hear;
use pile_units::{AccountId, Duration, Instant, MAX_PORTS, PhoneId, PlanId, PortId};

/// Notices that wait.
const WAITING: usize = 12;
/// How often a running session is read out.
const EVERY: Duration = Duration::from_seconds(5);

/// Whom something concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    Anybody,
    Account(AccountId),
    Plan(PlanId),
    /// By the account of the phone's card.
    Phone(PhoneId),
}

#[derive(Debug)]
pub(super) struct Notices {
    waiting: heapless::Deque<(Whom, Notice), WAITING>,
    /// What the phone knows of each port; `None` while nobody is connected.
    told: Option<[PortCondition; MAX_PORTS]>,
    read: [Instant; MAX_PORTS],
}

impl Notices {
    pub const fn new() -> Self {
        Self {
            waiting: heapless::Deque::new(),
            told: None,
            read: [Instant::START; MAX_PORTS],
        }
    }

    /// Somebody is there: what is to come is told.
    pub fn begin(&mut self, now: Instant, machine: &Controller) {
        let mut told = [PortCondition::Idle; MAX_PORTS];
        for (told, port) in told.iter_mut().zip(machine.ports()) {
            *told = views::condition(machine.port(port).state);
        }
        self.told = Some(told);
        self.read = [now; MAX_PORTS];
    }

    pub fn end(&mut self) {
        self.waiting.clear();
        self.told = None;
    }

    fn push(&mut self, whom: Whom, notice: Notice) {
        if self.told.is_none() {
            return;
        }
        if self.waiting.is_full() {
            self.waiting.pop_front();
        }
        let _ = self.waiting.push_back((whom, notice));
    }

    /// A record became part of the book.
    pub fn recorded(&mut self, record: &Record, machine: &Controller) {
        let book = machine.book();
        match record {
            Record::SessionOpened { port, .. } | Record::OpenedByPhone { port, .. } => {
                if let Some(session) = book.session(*port) {
                    let notice = Notice::SessionOpened {
                        session: session.id,
                        account: session.account,
                        port: *port,
                        at: session.opened,
                    };
                    self.push(Whom::Account(session.account), notice);
                }
            }
            Record::SessionClosed(closed) => {
                let notice = Notice::SessionClosed(*closed);
                self.push(Whom::Account(closed.account), notice);
            }
            Record::FaultLatched { port, fault, .. } => {
                let (port, fault) = (*port, *fault);
                self.push(Whom::Anybody, Notice::FaultLatched { port, fault });
            }
            Record::FaultCleared { port, .. } => {
                self.push(Whom::Anybody, Notice::FaultCleared { port: *port });
            }
            Record::TariffSet { plan, version, .. } => {
                let (plan, version) = (*plan, *version);
                let notice = Notice::TariffChanged { plan, version };
                self.push(Whom::Plan(plan), notice);
            }
            Record::PlanAssigned { account, .. } => {
                let plan = book.account(*account).map(|account| account.plan);
                if let (Some(plan), Some((version, _))) = (plan, book.tariff_of(*account)) {
                    let notice = Notice::TariffChanged { plan, version };
                    self.push(Whom::Account(*account), notice);
                }
            }
            Record::Enrolled { credential, .. } | Record::Recovered { credential, .. } => {
                self.push(Whom::Anybody, Notice::CardAuthorised(*credential));
            }
            Record::PhoneBound { phone, .. } => {
                let id = *phone;
                if let Some(phone) = book.phone(id) {
                    let nobody = Viewer {
                        role: ble_protocol::permission::Role::Landlord,
                        phone: None,
                        account: None,
                    };
                    let view = views::phone(phone, &nobody, book);
                    self.push(Whom::Phone(id), Notice::PhoneBound(view));
                }
            }
            _ => {}
        }
    }

    /// The pile said something to whoever stands before it.
    pub fn signalled(&mut self, signal: Signal) {
        let notice = match signal {
            Signal::LedgerFilling(days) => Notice::LedgerFilling { days },
            Signal::CardsTried(credential, count) => Notice::CardsTried { credential, count },
            Signal::WindowClosed => Notice::WindowClosed,
            _ => return,
        };
        self.push(Whom::Anybody, notice);
    }

    /// The next that this viewer may hear.
    pub fn next(&mut self, now: Instant, viewer: &Viewer, machine: &Controller) -> Option<Notice> {
        while let Some((whom, notice)) = self.waiting.pop_front() {
            if may_hear(viewer.role, &notice) && concerns(whom, viewer, machine) {
                return Some(notice);
            }
        }
        let told = self.told.as_mut()?;
        for (told, port) in told.iter_mut().zip(machine.ports()) {
            let is = views::condition(machine.port(port).state);
            if *told != is {
                *told = is;
                let notice = Notice::PortChanged(views::port(now, port, viewer, machine));
                if may_hear(viewer.role, &notice) {
                    return Some(notice);
                }
            }
        }
        for (read, port) in self.read.iter_mut().zip(machine.ports()) {
            if now.since(*read) < EVERY {
                continue;
            }
            if let Some(notice) = reading(port, viewer, machine) {
                *read = now;
                return Some(notice);
            }
        }
        None
    }

    /// When a running session is read out next.
    pub fn deadline(&self, viewer: &Viewer, machine: &Controller) -> Option<Instant> {
        let all = self.read.iter().zip(machine.ports());
        let running = all.filter(|(_, port)| reading(*port, viewer, machine).is_some());
        running.map(|(read, _)| read.after(EVERY)).min()
    }
}

fn reading(port: PortId, viewer: &Viewer, machine: &Controller) -> Option<Notice> {
    if !machine.is_closed(port) {
        return None;
    }
    let session = machine.book().session(port)?;
    let view = machine.port(port);
    let notice = Notice::Reading {
        session: session.id,
        port,
        power: view.power,
        energy: view.energy,
        cost: machine.cost(port)?,
    };
    (viewer.sees(session.account) && may_hear(viewer.role, &notice)).then_some(notice)
}

fn concerns(whom: Whom, viewer: &Viewer, machine: &Controller) -> bool {
    let book = machine.book();
    match whom {
        Whom::Anybody => true,
        Whom::Account(account) => viewer.sees(account),
        // An account whose plan has no tariff of its own is charged by the standard one.
        Whom::Plan(plan) => {
            let own = viewer.plan(book);
            viewer.account.is_none()
                || own == plan
                || (plan == PlanId::STANDARD && book.tariff(own).is_none())
        }
        Whom::Phone(phone) => {
            let phone = book.phone(phone);
            let owner = phone.and_then(|phone| super::views::owner(book, phone.credential));
            match owner {
                Some((_, Some(account))) => viewer.sees(account),
                _ => viewer.account.is_none(),
            }
        }
    }
}
