//! Whatever phones say on links that stand, against the whole controller on a real ledger.

mod judge;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use billing_core::journal::Identity;
use billing_core::record::Record;
use ble_protocol::message::{Asked, MAX_MESSAGE, Request, RequestKind, Told, VERSION};
use ble_protocol::permission::Role;
use ble_protocol::{Holder, Keys, PhoneKeys};
use card_auth::SiteKey;
use pile_controller::serve::{About, Serve, Todo};
use pile_controller::{ByPhone, Command, Event};
use pile_units::{
    AccountId, CardAlias, CredentialId, Currency, Duration, PhoneId, PlanId, PortId, Strength,
    UtcOffset,
};

use crate::flash::{VirtualNor, Words};
use crate::life::{Desk, LANDLORD, Setup, Surroundings};

type Flash = VirtualNor<8, 2048>;

const PAGES: usize = 32;
const SETUP: Setup = Setup {
    ports: 3,
    times: None,
    moments: false,
    seed: 1,
};
const CARDS: [u8; 5] = [LANDLORD, 1, 2, 3, 9];

/// A pile with three tenants and five phones, one of them revoked.
struct Template {
    image: Vec<u8>,
    around: Surroundings,
}

fn template() -> Template {
    let flash = Flash::new(PAGES * 2048, Words::Once);
    let mut desk = Desk::format(&flash, SETUP).expect("a flash like any other");
    desk.tap(LANDLORD).expect("it claims");
    let band = billing_core::tariff::Band {
        name: "flat".parse().expect("a name"),
        energy: "0.5".parse().expect("a price"),
        service: "0.1".parse().expect("a price"),
    };
    let tariff = billing_core::tariff::Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    let set = desk.command(Command::SetTariff(PlanId::STANDARD, tariff));
    set.expect("an answer");
    for card in 1..=3 {
        desk.tap(LANDLORD).expect("a window");
        desk.tap(card).expect("an account");
    }
    for card in [LANDLORD, 1, 1, 2, 3] {
        let (alias, strength) = known(card);
        let tapped = Event::Phone(0, ByPhone::Bind { alias, strength });
        desk.feed(tapped).expect("it binds");
        desk.wait(Duration::from_seconds(1)).expect("it is written");
    }
    let last = desk.book().phones().last().expect("five are bound").id;
    desk.command(Command::RevokePhone(last)).expect("an answer");
    for card in 1..=2 {
        let port = PortId::from_number(card).expect("a port");
        desk.plug(port, 200);
        desk.tap(card).expect("a choice");
        desk.press(port).expect("a start");
        desk.wait(Duration::from_minutes(3)).expect("it charges");
        desk.tap(card).expect("a choice");
        desk.press(port).expect("a stop");
        desk.wait(Duration::from_seconds(5)).expect("it is billed");
    }
    desk.settle().expect("it settles");
    assert_eq!(desk.book().phones().len(), 5);
    Template {
        image: flash.image(),
        around: desk.surroundings(),
    }
}

const fn known(card: u8) -> (CardAlias, Strength) {
    (CardAlias::new([card; 8]), Strength::UidOnly)
}

fn fresh_serve(desk: &Desk<8, 2048>) -> Serve {
    let keys = PhoneKeys::new([5; 32]);
    let journal = Identity::new(*b"a pile on a desk");
    Serve::new(About::default(), keys, journal, desk.now())
}

/// What was said by whom in this run, so that a record can be traced to somebody who may cause it.
#[derive(Default)]
struct Said {
    landlord: bool,
    recovery: bool,
    accounts: Vec<AccountId>,
    bindings: usize,
    bound: usize,
    /// The greatest request with which a phone opened a session.
    opened: BTreeMap<PhoneId, u32>,
    revoked: Vec<PhoneId>,
}

struct Talk {
    flash: Flash,
    desk: Desk<8, 2048>,
    serve: Serve,
    site: SiteKey,
    line: Option<Holder>,
    ids: BTreeMap<PhoneId, u32>,
    said: Said,
    judged: usize,
}

/// Deeds of one byte each, some with a number or bytes behind them: links stand and end, any bytes and any
/// requests come, cards are tapped, buttons pressed, time passes, the supply fails.
pub(super) fn talk(data: &[u8]) {
    thread_local!(static TEMPLATE: OnceCell<Template> = const { OnceCell::new() });
    TEMPLATE.with(|cell| {
        let mut talk = Talk::new(cell.get_or_init(template));
        let mut data = data;
        while let Some((deed, rest)) = data.split_first() {
            data = talk.act(*deed, rest);
            talk.pump();
            talk.judge();
        }
        talk.end();
    });
}

impl Talk {
    fn new(template: &Template) -> Self {
        let flash = Flash::from_image(&template.image, Words::Once);
        let desk = Desk::boot(&flash, SETUP, template.around.clone()).expect("it was well");
        let mut said = Said::default();
        for phone in desk.book().phones() {
            said.opened.insert(phone.id, phone.last_request);
            if phone.revoked {
                said.revoked.push(phone.id);
            }
        }
        Self {
            flash,
            serve: fresh_serve(&desk),
            desk,
            site: SiteKey::new([6; 16]),
            line: None,
            ids: BTreeMap::new(),
            said,
            judged: 0,
        }
    }

    fn act<'a>(&mut self, deed: u8, data: &'a [u8]) -> &'a [u8] {
        let Some((number, behind)) = data.split_first() else {
            return data;
        };
        let card = CARDS.get(usize::from(*number) % CARDS.len());
        let card = card.copied().unwrap_or(LANDLORD);
        let port = PortId::from_number(1 + number % 3).expect("three ports");
        match deed % 12 {
            0 => self.opens(Holder::Phone(PhoneId::new(u16::from(number % 8)))),
            1 => self.opens(Holder::Recovery),
            2 => self.binds(card),
            3 => {
                let length = usize::from(*number).min(behind.len());
                let (bytes, after) = behind.split_at(length);
                self.says(bytes);
                return after;
            }
            4..=6 => return self.requests(*number, behind),
            7 => self
                .desk
                .wait(Duration::from_seconds(u32::from(*number)))
                .expect("the flash is good"),
            8 => {
                self.said.landlord |= card == LANDLORD;
                self.desk.tap(card).expect("the flash is good");
            }
            9 if deed > 127 => self.desk.press(port).expect("the flash is good"),
            9 => self.desk.plug(port, u32::from(*number) * 4),
            10 => self.hangs_up(),
            _ => self.cut(),
        }
        behind
    }

    /// The link stands for whoever has a key that counts, and for nobody else.
    fn opens(&mut self, holder: Holder) {
        self.hangs_up();
        let ring = self.serve.ring(self.desk.machine(), Some(&self.site));
        let has_key =
            (0..ring.slots()).any(|slot| ring.key(slot).is_some_and(|(who, _)| who == holder));
        if !has_key {
            return;
        }
        if let Holder::Phone(phone) = holder {
            assert!(!self.said.revoked.contains(&phone), "I5: a revoked phone");
        }
        self.line = Some(holder);
        let (now, machine) = (self.desk.now(), self.desk.machine());
        let todo = self.serve.opened(now, holder, None, machine);
        self.does(todo);
    }

    fn binds(&mut self, card: u8) {
        let tapped = known(card);
        if !self.desk.machine().may_bind(tapped.0, tapped.1) {
            return;
        }
        self.hangs_up();
        self.line = Some(Holder::Card);
        self.said.bindings += 1;
        let (now, machine) = (self.desk.now(), self.desk.machine());
        let todo = self.serve.opened(now, Holder::Card, Some(tapped), machine);
        self.does(todo);
    }

    fn hangs_up(&mut self) {
        self.line = None;
        self.serve.closed();
    }

    fn role(&self) -> Option<(Role, Option<AccountId>)> {
        match self.line? {
            Holder::Card => Some((Role::Card, None)),
            Holder::Recovery => Some((Role::Recovery, None)),
            Holder::Phone(phone) => {
                let phone = self.desk.book().phone(phone).filter(|it| !it.revoked)?;
                let account = self.account_of(phone.credential);
                let role = account.map_or(Role::Landlord, |_| Role::Tenant);
                Some((role, account))
            }
        }
    }

    fn account_of(&self, credential: CredentialId) -> Option<AccountId> {
        let mut cards = self.desk.book().credentials().iter();
        cards.find(|card| card.id == credential)?.account()
    }

    fn says(&mut self, bytes: &[u8]) {
        let bytes = bytes
            .get(..bytes.len().min(MAX_MESSAGE))
            .unwrap_or_default();
        if self.line.is_some() {
            match self.role() {
                Some((Role::Landlord, _)) => self.said.landlord = true,
                Some((Role::Recovery, _)) => self.said.recovery = true,
                Some((Role::Tenant, Some(account))) => self.said.accounts.push(account),
                _ => (),
            }
        }
        let (now, machine) = (self.desk.now(), self.desk.machine());
        let todo = self.serve.request(now, bytes, machine);
        self.does(todo);
    }

    /// A request: its kind, and as many of the bytes as make one of that kind.
    fn requests<'a>(&mut self, number: u8, data: &'a [u8]) -> &'a [u8] {
        let Some((kind, fields)) = data.split_first() else {
            return data;
        };
        let kinds = u8::try_from(RequestKind::ALL.len()).unwrap_or(u8::MAX);
        let phone = match self.line {
            Some(Holder::Phone(phone)) => phone,
            _ => PhoneId::new(u16::MAX),
        };
        let last = self.ids.entry(phone).or_insert(100);
        let id = match number % 4 {
            0 | 1 => {
                *last += 1;
                *last
            }
            2 => *last,
            _ => last.saturating_sub(u32::from(number / 4)),
        };
        let mut message = vec![VERSION];
        let mut rest = id;
        while rest > 127 {
            message.push(u8::try_from(rest & 127).unwrap_or(0) | 128);
            rest >>= 7;
        }
        message.push(u8::try_from(rest).unwrap_or(0));
        message.push(kind % kinds);
        let head = message.len();
        for length in 0..=fields.len().min(230) {
            message.truncate(head);
            message.extend(fields.get(..length).unwrap_or_default());
            if Asked::decode(&message).is_ok() {
                self.says(&message);
                return fields.get(length..).unwrap_or_default();
            }
        }
        self.says(&message);
        &[]
    }

    fn does(&mut self, todo: Todo) {
        match todo {
            Todo::Nothing => (),
            Todo::Feed(event) => self.desk.feed(event).expect("the flash is good"),
            Todo::LookUp(inquiry) => {
                let found = self.desk.look_up(inquiry).expect("an inquiry has an end");
                self.serve.found(found);
            }
            Todo::Close => self.hangs_up(),
        }
    }

    /// Lets the machine, its ledger and the link come to rest.
    fn pump(&mut self) {
        for _ in 0..1_000 {
            self.desk
                .wait(Duration::from_millis(1))
                .expect("the flash is good");
            for (number, outcome) in self.desk.take_told() {
                self.serve.answered(number, outcome, self.desk.machine());
            }
            for signal in self.desk.take_signals() {
                self.serve.signalled(signal);
            }
            self.listen();
            if self.desk.is_settled() {
                break;
            }
        }
        assert!(self.desk.is_settled(), "there is no end to what is written");
        self.trace();
        self.listen();
        if self.serve.wants_close(self.desk.now(), self.desk.machine()) {
            self.hangs_up();
        }
    }

    /// Takes all that the pile says.
    fn listen(&mut self) {
        for _ in 0..200 {
            let (now, machine) = (self.desk.now(), self.desk.machine());
            let Some(told) = self.serve.say(now, machine) else {
                return;
            };
            let mut buffer = [0; MAX_MESSAGE];
            let bytes = told.encode(&mut buffer);
            assert_eq!(
                Told::decode(bytes).as_ref(),
                Ok(&told),
                "it reads as it was meant"
            );
            self.may_hear(&told);
        }
        panic!("there is no end to what the pile tells");
    }

    /// Traces every new record to somebody who may cause it, and lets the link hear of it.
    fn trace(&mut self) {
        let records = self.desk.records();
        let new: Vec<Record> = records
            .iter()
            .skip(self.judged)
            .map(|it| it.1.clone())
            .collect();
        self.judged = records.len();
        for record in new {
            self.judge_record(&record);
            self.serve.recorded(&record, self.desk.machine());
        }
    }

    /// The supply fails and comes back.
    fn cut(&mut self) {
        self.hangs_up();
        let around = self.desk.surroundings();
        self.desk = Desk::boot(&self.flash, SETUP, around).expect("I4: it was well");
        self.serve = fresh_serve(&self.desk);
        self.judged = 0;
    }

    /// What the ledger says is what the machine knows.
    fn end(mut self) {
        let known = self.desk.book().clone();
        self.cut();
        let stands = self.desk.book();
        assert_eq!(known.phones(), stands.phones(), "I4");
        assert_eq!(known.credentials(), stands.credentials(), "I4");
        assert_eq!(known.settlements(), stands.settlements(), "I4");
        self.pump();
        self.judge();
    }
}

/// The bytes of a request as a deed of a seed: for whoever writes seeds.
pub fn deed_of(request: &Request) -> Vec<u8> {
    let mut buffer = [0; MAX_MESSAGE];
    let id = ble_protocol::message::RequestId::new(1);
    let asked = Asked {
        id,
        request: request.clone(),
    };
    // Version and number are the deed's business.
    let fields = asked.encode(&mut buffer).get(2..).unwrap_or_default();
    [&[4, 0], fields].concat()
}
