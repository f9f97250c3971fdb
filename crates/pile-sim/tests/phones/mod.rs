//! A house with a pile: the landlord's phone, tenants with theirs.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "each test file uses a part, and a test's helper fails as a test does"
)]

use billing_core::book::Book;
use billing_core::record::{ClosedSession, Record};
use billing_core::tariff::{Band, Tariff};
use ble_protocol::Refusal;
use ble_protocol::message::{Notice, Request, RequestId, Response, UpTo};
use pile_sim::cards::VirtualCard;
use pile_sim::world::{Bike, Setup, VirtualPhone, World};
use pile_units::{
    AccountId, ClockQuality, Credential, Currency, Energy, PlanId, PortId, Power, SessionId,
    UnixSeconds, UtcOffset, WallTime,
};

pub const T0: u32 = 1_760_000_000;

pub fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

pub fn tariff() -> Tariff {
    let band = Band {
        name: "flat".parse().unwrap(),
        energy: "0.5".parse().unwrap(),
        service: "0.1".parse().unwrap(),
    };
    Tariff::flat(Currency::CNY, UtcOffset::UTC, band)
}

/// A charger that draws 250 W for a long time.
pub fn bike() -> Bike {
    Bike::charger(Power::from_watts(250), Energy::from_watt_hours(2_000))
}

pub fn setup() -> Setup {
    Setup {
        ports: 4,
        ..Setup::default()
    }
}

pub struct Tenant {
    pub card: VirtualCard,
    pub phone: VirtualPhone,
    pub account: AccountId,
    pub credential: Credential,
}

pub struct House {
    pub world: World,
    pub privilege: VirtualCard,
    pub landlord: VirtualPhone,
}

impl House {
    /// A pile that was claimed by card and phone, with a clock and a tariff set by phone.
    pub fn new() -> Self {
        Self::with(setup())
    }

    pub fn with(setup: Setup) -> Self {
        let mut world = World::new(setup);
        world.power_up();
        let (privilege, _) = world.issue([4, 0, 0, 0, 0, 0, 1]).unwrap();
        let landlord = world.phone(&privilege).unwrap();
        assert!(world.bind(&landlord, &privilege), "{:?}", landlord.ends());
        let mut house = Self {
            world,
            privilege,
            landlord,
        };
        let now = WallTime {
            unix: UnixSeconds::new(T0),
            quality: ClockQuality::Informative,
        };
        let landlord = house.landlord.clone();
        house.done(&landlord, Request::SetClock { now });
        house.done(
            &landlord,
            Request::SetTariff {
                plan: PlanId::STANDARD,
                tariff: tariff(),
            },
        );
        house
    }

    /// Asks and waits; whoever else has the line hangs up.
    pub fn asks(&mut self, phone: &VirtualPhone, request: Request) -> Response {
        self.line_for(phone);
        let what = format!("{request:?}");
        let answer = self.world.ask(phone, request);
        answer.unwrap_or_else(|| panic!("no answer to {what}: {:?}", phone.ends()))
    }

    /// Asks until it is answered, however often the link drops or says nothing any more; with how many
    /// links it took.
    pub fn insists(
        &mut self,
        phone: &VirtualPhone,
        request: Request,
    ) -> (RequestId, Response, u32) {
        self.line_for(phone);
        let before = phone.links();
        let mut id = None;
        for _ in 0..20 {
            if self.world.connect(phone) {
                let asked = *id.get_or_insert_with(|| phone.ask(request.clone()).unwrap());
                if let Some(answer) = self.world.answer_to(phone, asked) {
                    return (asked, answer, phone.links() - before);
                }
            }
            // Its owner loses patience with this link, not with the pile.
            self.world.walk_away(phone);
            self.world.run_for(1_000);
        }
        panic!("no answer to {request:?}: {:?}", phone.ends());
    }

    /// Makes the line free for a phone.
    pub fn line_for(&mut self, phone: &VirtualPhone) {
        if !phone.is_connected() {
            self.world.hang_up_whoever();
        }
    }

    pub fn done(&mut self, phone: &VirtualPhone, request: Request) {
        let what = format!("{request:?}");
        assert_eq!(self.asks(phone, request), Response::Done, "{what}");
    }

    pub fn refused(&mut self, phone: &VirtualPhone, request: Request, why: Refusal) {
        let what = format!("{request:?}");
        assert_eq!(self.asks(phone, request), Response::Refused(why), "{what}");
    }

    /// The landlord authorises a card by phone, and nobody has bound a phone by it yet.
    pub fn authorise(&mut self, number: u8) -> (VirtualCard, Credential) {
        let (card, _) = self.world.issue([4, 1, 0, 0, 0, 0, number]).unwrap();
        let landlord = self.landlord.clone();
        let opened = self.asks(&landlord, Request::Authorise);
        assert!(matches!(opened, Response::Window { .. }), "{opened:?}");
        self.world.tap(&card);
        (card, self.authorised())
    }

    /// What the landlord's phone was told last of a card.
    pub fn authorised(&self) -> Credential {
        let notices = self.landlord.notices();
        let told = notices.iter().rev().find_map(|(_, notice)| match notice {
            Notice::CardAuthorised(credential) => Some(*credential),
            _ => None,
        });
        told.unwrap_or_else(|| panic!("the landlord was told of no card: {notices:?}"))
    }

    pub fn binds(&mut self, card: &VirtualCard) -> VirtualPhone {
        let phone = self.world.phone(card).unwrap();
        self.world.hang_up_whoever();
        assert!(self.world.bind(&phone, card), "{:?}", phone.ends());
        phone
    }

    pub fn tenant(&mut self, number: u8) -> Tenant {
        let (card, credential) = self.authorise(number);
        let phone = self.binds(&card);
        Tenant {
            card,
            phone,
            account: credential.account().unwrap(),
            credential,
        }
    }

    pub fn starts(&mut self, phone: &VirtualPhone, at: PortId, up_to: UpTo) -> SessionId {
        match self.asks(phone, Request::Start { port: at, up_to }) {
            Response::Started { session, port } => {
                assert_eq!(port, at);
                session
            }
            other => panic!("{other:?}"),
        }
    }

    /// A whole session of so many milliseconds.
    pub fn charges(&mut self, phone: &VirtualPhone, at: PortId, millis: u64) -> SessionId {
        self.world.plug(at, bike());
        let session = self.starts(phone, at, UpTo::Full);
        self.world.run_for(millis);
        self.done(phone, Request::Stop { session });
        self.world.run_for(3_000);
        self.world.unplug(at);
        session
    }

    pub fn book(&self) -> Book {
        self.world.read_ledger().unwrap().0
    }

    pub fn records(&self) -> Vec<Record> {
        let (_, records) = self.world.read_ledger().unwrap();
        records.into_iter().map(|it| it.1).collect()
    }

    pub fn closed(&self) -> Vec<ClosedSession> {
        closed(&self.records())
    }

    /// (phone, request, session) of every start by phone on record.
    pub fn opened(&self) -> Vec<(u16, u32, SessionId)> {
        opened(&self.records())
    }

    /// Holds I1 and I2: no relay without a session of an active account, and the sums agree.
    pub fn judge(&self) {
        let book = self.book();
        for at in PortId::first(4) {
            if self.world.is_powered() && self.world.relay(at) {
                let open = book.session(at).unwrap_or_else(|| panic!("I1 at {at}"));
                assert!(book.account(open.account).unwrap().active, "I1 at {at}");
            }
        }
        let balance = book.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
    }
}

pub fn closed(records: &[Record]) -> Vec<ClosedSession> {
    let closed = records.iter().filter_map(|record| match record {
        Record::SessionClosed(closed) => Some(*closed),
        _ => None,
    });
    closed.collect()
}

pub fn opened(records: &[Record]) -> Vec<(u16, u32, SessionId)> {
    let opened = records.iter().filter_map(|record| match record {
        Record::OpenedByPhone {
            session,
            phone,
            request,
            ..
        } => Some((phone.get(), *request, *session)),
        _ => None,
    });
    opened.collect()
}
