//! What holds whatever phones say.

use billing_core::record::Record;
use ble_protocol::message::{Notice, PortView, Response, Told};
use ble_protocol::permission::{Role, may_hear};
use pile_units::{AccountId, PortId};

use super::{SETUP, Talk};

impl Talk {
    /// Nobody hears what is not his.
    pub(super) fn may_hear(&self, told: &Told) {
        let Some((role, own)) = self.role() else {
            return;
        };
        let mine = |account: AccountId| assert_eq!(Some(account), own, "another's: {told:?}");
        let shows = |view: &PortView| view.running.iter().for_each(|it| mine(it.account));
        if let Told::Notice(notice) = told {
            assert!(may_hear(role, notice), "{role:?} hears {notice:?}");
        }
        if role == Role::Card {
            assert!(
                matches!(
                    told,
                    Told::Welcome(_)
                        | Told::Bound(_)
                        | Told::Answer {
                            response: Response::Refused(_),
                            ..
                        }
                ),
                "{told:?}"
            );
        }
        if role != Role::Tenant {
            return;
        }
        match told {
            Told::Notice(Notice::PortChanged(view)) => shows(view),
            Told::Notice(Notice::SessionOpened { account, .. }) => mine(*account),
            Told::Notice(Notice::SessionClosed(closed)) => mine(closed.account),
            Told::Answer { response, .. } => match response {
                Response::Ports(page) => page.ports.iter().for_each(shows),
                Response::Sessions(page) => page.sessions.iter().for_each(|it| mine(it.account)),
                Response::Receipt(page) => mine(page.session.account),
                Response::Statement(page) => page.sessions.iter().for_each(|it| mine(it.account)),
                Response::Account(view) => mine(view.account.id),
                Response::Phones(page) => page
                    .phones
                    .iter()
                    .for_each(|it| it.account.into_iter().for_each(mine)),
                Response::Accounts(_)
                | Response::Cards(_)
                | Response::Settlements(_)
                | Response::Diagnostics(_)
                | Response::Tried(_)
                | Response::Export(_)
                | Response::Settled(_)
                | Response::Window { .. } => panic!("a tenant is told {told:?}"),
                _ => (),
            },
            _ => (),
        }
    }

    pub(super) fn judge_record(&mut self, record: &Record) {
        let by_landlord = self.said.landlord || self.said.recovery;
        match record {
            Record::OpenedByPhone { phone, request, .. } => {
                let revoked = self.said.revoked.contains(phone);
                assert!(!revoked, "I5: {record:?}");
                let last = self.said.opened.insert(*phone, *request).unwrap_or(0);
                assert!(*request > last, "twice: {record:?}");
                let account = self.desk.book().phone(*phone).map(|it| it.credential);
                let account = account.and_then(|it| self.account_of(it));
                let asked = account.is_some_and(|it| self.said.accounts.contains(&it));
                assert!(asked, "nobody asked: {record:?}");
            }
            Record::PhoneBound { .. } => {
                self.said.bound += 1;
                assert!(self.said.bound <= self.said.bindings, "no tap: {record:?}");
            }
            Record::PhoneRevoked { phone, .. } => {
                self.said.revoked.push(*phone);
                let card = self.desk.book().phone(*phone).map(|it| it.credential);
                let own = card.and_then(|it| self.account_of(it));
                let by_owner = own.is_some_and(|it| self.said.accounts.contains(&it));
                assert!(by_landlord || by_owner, "without permission: {record:?}");
            }
            Record::Revoked { credential, .. } => {
                let own = self.account_of(*credential);
                let by_owner = own.is_some_and(|it| self.said.accounts.contains(&it));
                assert!(by_landlord || by_owner, "without permission: {record:?}");
                self.revoke_phones();
            }
            Record::Recovered { .. } => {
                assert!(self.said.recovery, "without permission: {record:?}");
                self.revoke_phones();
            }
            Record::Commissioned { .. } => panic!("claimed twice"),
            // What a card, a meter, the supply and the ledger cause by themselves.
            Record::SessionOpened { .. }
            | Record::Progress { .. }
            | Record::SegmentClosed { .. }
            | Record::LastSegment { .. }
            | Record::SessionClosed(_)
            | Record::FaultLatched { .. }
            | Record::Snapshot(_)
            | Record::Attempted(_) => (),
            _ => assert!(by_landlord, "without permission: {record:?}"),
        }
    }

    /// A card's phones are revoked with it.
    fn revoke_phones(&mut self) {
        let phones = self.desk.book().phones().iter();
        let revoked = phones.filter(|it| it.revoked).map(|it| it.id);
        self.said.revoked.extend(revoked);
    }

    /// What holds at any time.
    pub(super) fn judge(&self) {
        let book = self.desk.book();
        for port in PortId::first(SETUP.ports) {
            if !self.desk.is_closed(port) {
                continue;
            }
            let open = book.session(port).filter(|it| !it.ended);
            let open = open.expect("I1: a relay is closed without a session");
            let account = book.account(open.account).expect("it has an account");
            assert!(account.active, "I1: of a closed account");
            let mut cards = book.credentials().iter();
            let card = cards.find(|it| it.id == open.credential);
            assert!(card.is_some_and(|it| !it.revoked), "I5: of a revoked card");
        }
        let balance = book.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
    }
}
