//! Any message there can be, whether or not it makes sense, made of a row of numbers: so proptest
//! shrinks it, zeros make the smallest, and the largest numbers the largest.

extern crate std;

use super::*;
use crate::Refusal;
use crate::permission::Role;
use billing_core::book::{Account, PlannedTariff, Settlement};
use billing_core::cost::Bill;
use billing_core::journal::Kind;
use billing_core::record::{
    Attempt, Attempts, ClosedSession, Fault, Reference, Segment, StopReason,
};
use billing_core::statement::{Period, Totals};
use billing_core::tariff::{Band, BandIndex, BandName, Tariff};
use pile_units::*;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

/// Where the numbers come from.
#[derive(Debug)]
pub struct Source {
    numbers: std::vec::IntoIter<u64>,
    /// Given for ever once they are used up.
    then: u64,
}

impl Source {
    pub fn new(numbers: Vec<u64>) -> Self {
        let numbers = numbers.into_iter();
        Self { numbers, then: 0 }
    }

    /// Makes the largest of everything.
    pub fn largest() -> Self {
        let then = u64::MAX;
        Self {
            then,
            ..Self::new(Vec::new())
        }
    }

    /// The same numbers each time, of all lengths.
    pub fn example() -> Self {
        let number = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (n * 13 % 64);
        Self::new((1..2000).map(number).collect())
    }

    fn next(&mut self) -> u64 {
        self.numbers.next().unwrap_or(self.then)
    }

    fn up_to(&mut self, most: u64) -> u64 {
        match (self.next(), most) {
            (u64::MAX, _) => most,
            (number, u64::MAX) => number,
            (number, _) => number % (most + 1),
        }
    }

    fn count(&mut self, most: usize) -> usize {
        usize::try_from(self.up_to(most as u64)).unwrap()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.count(of.len() - 1)]
    }

    /// A text of at most so many bytes, of letters that take one to three of them.
    fn text(&mut self, most: usize, letters: &[&str]) -> String {
        let length = self.count(most);
        let mut text = String::new();
        while text.len() < length {
            let letter = self.pick(letters);
            let fits = text.len() + letter.len() <= length;
            text.push_str(if fits { letter } else { "x" });
        }
        text
    }

    pub fn make<T: Make>(&mut self) -> T {
        T::make(self)
    }
}

pub trait Make {
    fn make(source: &mut Source) -> Self;
}

/// An enum, by the place of its variant.
pub trait Nth: Sized {
    const COUNT: usize;
    fn nth(place: usize, source: &mut Source) -> Self;
}

pub fn source() -> impl Strategy<Value = Source> {
    let number = prop_oneof![
        0u64..4,
        any::<u64>(),
        Just(u64::MAX),
        (0u32..64).prop_map(|bit| 1 << bit)
    ];
    prop::collection::vec(number, 0..400).prop_map(Source::new)
}

macro_rules! made {
    ($($type:ty: $source:ident => $made:expr;)*) => {$(
        impl Make for $type {
            fn make($source: &mut Source) -> Self {
                $made
            }
        }
    )*};
}

made! {
    u8: s => u8::try_from(s.up_to(u8::MAX.into())).unwrap();
    u16: s => u16::try_from(s.up_to(u16::MAX.into())).unwrap();
    u32: s => u32::try_from(s.up_to(u32::MAX.into())).unwrap();
    u64: s => s.next();
    bool: s => s.up_to(1) == 1;
    PortId: s => PortId::from_index(s.count(15)).unwrap();
    PlanId: s => PlanId::new(s.up_to(3).try_into().unwrap()).unwrap();
    AccountId: s => Self::new(s.make());
    CredentialId: s => Self::new(s.make());
    PhoneId: s => Self::new(s.make());
    SessionId: s => Self::new(s.make());
    TariffVersion: s => Self::new(s.make());
    PileId: s => Self::new(s.make());
    CardAlias: s => Self::new(s.make());
    RequestId: s => Self::new(s.make());
    SentKey: s => Self::new(s.make());
    Capabilities: s => Self::from_bits(s.make());
    UnixSeconds: s => Self::new(s.make());
    Energy: s => Self::from_milliwatt_hours(s.make());
    Money: s => Self::from_micros(s.make());
    Duration: s => Self::from_millis(s.make());
    Power: s => Self::from_milliwatts(s.make());
    Voltage: s => Self::from_millivolts(s.make());
    Current: s => Self::from_milliamperes(s.make());
    Temperature: s => {
        let bits = i16::from_le_bytes(s.make::<u16>().to_le_bytes());
        Self::from_decicelsius(bits ^ i16::MIN)
    };
    Price: s => {
        let micros = s.up_to(1_000_000_000).try_into().unwrap();
        Self::from_micros_per_kilowatt_hour(micros).unwrap()
    };
    UtcOffset: s => Self::from_minutes(i16::try_from(s.up_to(1680)).unwrap() - 840).unwrap();
    Currency: s => s.pick(&["CNY", "EUR", "JPY"]).parse().unwrap();
    ClockQuality: s => s.pick(&[Self::Unknown, Self::Informative, Self::Synchronised, Self::Relative]);
    UidOnly: s => s.pick(&[Self::Nobody, Self::All, Self::Listed]);
    Strength: s => s.pick(&[Self::UidOnly, Self::MutualAes]);
    Refusal: s => s.pick(&Refusal::ALL);
    Role: s => s.pick(&Role::ALL);
    Fault: s => s.pick(&[Self::Overload, Self::FuseBlown, Self::RelayWelded, Self::MeterLost]);
    StopReason: s => s.pick(&[Self::Full, Self::ByPhone, Self::CostLimit, Self::FuseBlown]);
    Attempt: s => s.pick(&[Self::TooWeak, Self::WrongKey, Self::Revoked]);
    pile_units::Role: s => if s.make() { Self::Charging(s.make()) } else { Self::Privilege };
    BandIndex: s => Self::new(s.up_to(7).try_into().unwrap()).unwrap();
    Reference: s => s.text(24, &["a", " ", "é", "现"]).parse().unwrap();
    AccountName: s => {
        let text = s.text(24, &["a", " ", "é", "李"]);
        // Nothing but blanks is no name.
        text.parse().unwrap_or_else(|_| "x".parse().unwrap())
    };
    BandName: s => {
        let text = s.text(12, &["a", "-", "~"]);
        if text.is_empty() { "x" } else { &text }.parse().unwrap()
    };
    MeterTrim: s => {
        let mut ppm = || i32::try_from(s.up_to(500_000)).unwrap() - 250_000;
        Self::from_ppm(ppm(), ppm(), ppm()).unwrap()
    };
    Limits: s => {
        let watts = |s: &mut Source, low: u32, high: u32| {
            Power::from_watts(low + u32::try_from(s.up_to((high - low).into())).unwrap())
        };
        let seconds = |s: &mut Source, low: u32, high: u32| {
            Duration::from_seconds(low + u32::try_from(s.up_to((high - low).into())).unwrap())
        };
        let celsius = |s: &mut Source, low: i8| {
            Temperature::from_celsius(low + i8::try_from(s.up_to(10)).unwrap())
        };
        Limits::default()
            .with_port_power(watts(s, 100, 2500)).unwrap()
            .with_pile_power(watts(s, 500, 22_000)).unwrap()
            .with_overload_after(seconds(s, 1, 30)).unwrap()
            .with_no_load_after(seconds(s, 10, 600)).unwrap()
            .with_full_power(watts(s, 51, 250)).unwrap()
            .with_unplugged_power(watts(s, 1, 50)).unwrap()
            .with_unplugged_after(seconds(s, 5, 3600)).unwrap()
            .with_full_after(seconds(s, 120, 14_400)).unwrap()
            .with_longest_session(seconds(s, 3600, 43_200)).unwrap()
            .with_warn_temperature(celsius(s, 65)).unwrap()
            .with_cut_temperature(celsius(s, 90)).unwrap()
    };
    Tariff: s => {
        let count = 1 + s.count(7);
        let bands: Vec<Band> = (0..count)
            .map(|place| {
                let name = std::format!("{place}{}", s.text(11, &["a", "-", "~"]));
                Band { name: name.parse().unwrap(), energy: s.make(), service: s.make() }
            })
            .collect();
        let mut index = |least: usize| {
            let place = if least < count { least } else { s.count(count - 1) };
            BandIndex::new(place.try_into().unwrap()).unwrap()
        };
        let slots = core::array::from_fn(&mut index);
        let unknown = index(count);
        Tariff::new(s.make(), s.make(), &bands, slots, unknown).unwrap()
    };
    Frames: s => {
        let mut frames = Frames::new();
        let mut left = MAX_FRAMES;
        for _ in 0..s.count(MAX_FRAMES / 3) {
            let kind = s.pick(&[Kind::Record, Kind::Piece, Kind::End, Kind::Carried]);
            let length = (1 + s.count(239)).min(left.saturating_sub(2));
            if length == 0 {
                break;
            }
            assert!(frames.push(kind, &std::vec![s.make(); length]));
            left -= 2 + length;
        }
        frames
    };
}

impl<const N: usize> Make for [u8; N] {
    fn make(source: &mut Source) -> Self {
        core::array::from_fn(|_| source.make())
    }
}

impl<T: Make> Make for Option<T> {
    fn make(source: &mut Source) -> Self {
        source.make::<bool>().then(|| source.make())
    }
}

impl<A: Make, B: Make> Make for (A, B) {
    fn make(source: &mut Source) -> Self {
        (source.make(), source.make())
    }
}

impl<T: Make, const N: usize> Make for List<T, N> {
    fn make(source: &mut Source) -> Self {
        let mut list = List::new();
        for _ in 0..source.count(N) {
            assert!(list.push(source.make()));
        }
        list
    }
}

impl<const N: usize> Make for Text<N> {
    fn make(source: &mut Source) -> Self {
        source.text(N, &["a", ".", "é", "桩"]).parse().unwrap()
    }
}

macro_rules! structs {
    ($($type:ident { $($field:ident),* $(,)? })*) => {$(
        impl Make for $type {
            fn make(source: &mut Source) -> Self {
                Self { $($field: source.make(),)* }
            }
        }
    )*};
}

structs! {
    WallTime { unix, quality }
    Credential { id, role, strength, alias, revoked }
    Bill { energy_fee, service_fee, total }
    Account {
        id, active, plan, listed, sessions, energy, energy_fee, service_fee, settled_energy,
        settled, settled_sessions, settled_through,
    }
    Settlement { id, account, at, opening, closing, sessions, amount }
    PlannedTariff { plan, from, tariff }
    Attempts { credential, count, what, last }
    ClosedSession {
        session, account, credential, strength, port, opened, closed, reason, energy, reading,
        segments, currency, bill, page,
    }
    Segment {
        session, account, index, tariff, band, from, to, energy, energy_price, service_price,
        energy_micro, service_micro,
    }
    Totals { sessions, opening, closing, energy, energy_fee, service_fee, amount }
    ExportCursor { seq, place }
    ExportChunk { identity, seq, head, frames, next, done }
    Welcome {
        version, pile, name, ports, firmware, capabilities, now, role, phone, account, last_request,
    }
    PriceNow { band, energy, service }
    Running { session, account, since, power, energy, cost, price }
    PortView { port, condition, mine, seconds_left, running }
    TariffInForce { plan, version, tariff }
    AccountView { account, name, running }
    PhoneView { phone, credential, account, bound, revoked, this }
    Diagnostics {
        now, uptime, last_record, exported, sessions_left, facts_left, days_left, temperature,
        reader, unseen_attempts, phones, failed_handshakes, bad_frames, ports,
    }
    PortDiagnosis {
        port, register, unattributed, trim, power, voltage, current, meter, enabled, fault,
    }
    PortPage { price, currency, ports, more }
    SessionPage { sessions, more }
    ReceiptPage { session, alias, clock_set, utc_offset, segments, more }
    ReceiptSignature { session, clock_in_doubt, utc_offset, odd, x, numbers }
    StatementPage { totals, currency, settlement, paid, sessions, more }
    PhonePage { phones, more }
    AccountPage { accounts, more }
    CardPage { cards, more }
    TariffPage { tariffs, more }
    TriedPage { cards, more }
    SettlementPage { next, currency, settlements, more }
    Bound { phone, key, pile }
    Asked { id, request }
}

macro_rules! enums {
    ($($type:ident { $($variant:ident $(($($part:ident),*))? $({$($field:ident),*})?,)* })*) => {$(
        impl Nth for $type {
            const COUNT: usize = [$(stringify!($variant),)*].len();

            fn nth(place: usize, source: &mut Source) -> Self {
                let all: [fn(&mut Source) -> Self; Self::COUNT] = [$(
                    |_source| Self::$variant
                        $(($({ let $part = _source.make(); $part }),*))?
                        $({$($field: _source.make()),*})?,
                )*];
                all[place](source)
            }
        }

        impl Make for $type {
            fn make(source: &mut Source) -> Self {
                let place = source.count(Self::COUNT - 1);
                Self::nth(place, source)
            }
        }
    )*};
}

enums! {
    Period { Settlement(id), Open, Between { from, to }, }
    UpTo { Full, Time(it), Energy(it), Cost(it), }
    PortCondition {
        Idle, Finished, Opening, Starting, Charging, Full, Stopping, Disabled, Faulted(fault),
    }
    Request {
        Hello { version }, Ports { from }, TariffNow, Start { port, up_to }, Stop { session },
        Sessions { account, before, count }, Receipt { session, from },
        Statement { account, period, skip }, MyAccount, MyPhones { from }, RevokeMyPhone { phone },
        ReportLost, Accounts { from }, Cards { from }, Phones { from }, RevokePhone { phone },
        Authorise, AuthoriseListed, Replace { account, card }, ReportLostOf { account },
        RevokeCard { credential }, Deregister { account }, Rename { account, name }, Policy,
        SetPolicy { uid_only }, ListAccount { account, listed }, Tariffs { from }, PlannedTariff,
        SetTariff { plan, tariff }, PlanTariff { plan, from, tariff }, AssignPlan { account, plan },
        Limits, SetLimits { limits }, Settle { account, number }, Settlements { from },
        MarkPaid { settlement, reference }, ClearFault { port, fault }, StopPort { port, session },
        SwitchPort { port, enabled }, SetClock { now }, Diagnostics, Tried { from },
        ExportFrom { cursor }, ConfirmExport { through }, Recover, SignReceipt { session },
    }
    Response {
        Refused(why), Done, Welcome(it), Ports(page), Tariff { tariff, price, seconds_to_change },
        Started { session, port }, Sessions(page), Receipt(page), Statement(page), Account(it),
        Phones(page), Accounts(page), Cards(page), Window { seconds }, Policy(it), Tariffs(page),
        Planned(it), Limits(it), Settled(it), Settlements(page), Diagnostics(it), Tried(page),
        Export(chunk), Signature(it),
    }
    Notice {
        PortChanged(view), SessionOpened { session, account, port, at },
        Reading { session, port, power, energy, cost }, SessionClosed(closed),
        FaultLatched { port, fault }, FaultCleared { port }, TariffChanged { plan, version },
        LedgerFilling { days }, CardsTried { credential, count }, CardAuthorised(card),
        WindowClosed, PhoneBound(phone),
    }
    Told { Welcome(it), Answer { id, response }, Notice(it), Bound(it), }
}

/// A message of either direction, by its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a test has room")]
pub enum Either {
    Asked(Asked),
    Told(Told),
}

impl Either {
    /// How many kinds of messages there are.
    pub const COUNT: usize = Request::COUNT + Response::COUNT + Notice::COUNT + 2;

    /// The name of a kind, and a message of it.
    pub fn nth(place: usize, source: &mut Source) -> (String, Self) {
        let mut rest = place;
        let mut within = |count: usize| {
            let here = rest < count;
            rest = rest.wrapping_sub(if here { 0 } else { count });
            here.then_some(rest)
        };
        if let Some(place) = within(Request::COUNT) {
            let id = source.make();
            let request = Request::nth(place, source);
            let name = std::format!("request {}", request.kind().name());
            return (name, Self::Asked(Asked { id, request }));
        }
        if let Some(place) = within(Response::COUNT) {
            let id = source.make();
            let response = Response::nth(place, source);
            let debug = std::format!("{response:?}");
            let name = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            let name = std::format!("answer {name}");
            return (name, Self::Told(Told::Answer { id, response }));
        }
        if let Some(place) = within(Notice::COUNT) {
            let notice = Notice::nth(place, source);
            let name = std::format!("notice {}", notice.kind().name());
            return (name, Self::Told(Told::Notice(notice)));
        }
        match within(1) {
            Some(_) => ("welcome".into(), Self::Told(Told::Welcome(source.make()))),
            None => ("bound".into(), Self::Told(Told::Bound(source.make()))),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut buffer = [0; MAX_MESSAGE];
        match self {
            Self::Asked(asked) => asked.encode(&mut buffer).to_vec(),
            Self::Told(told) => told.encode(&mut buffer).to_vec(),
        }
    }

    /// Reads bytes as a message of this one's direction.
    pub fn decode_alike(&self, bytes: &[u8]) -> Result<Self, Malformed> {
        match self {
            Self::Asked(_) => Asked::decode(bytes).map(Self::Asked),
            Self::Told(_) => Told::decode(bytes).map(Self::Told),
        }
    }
}

pub fn either() -> impl Strategy<Value = (usize, Either)> {
    (0..Either::COUNT, source())
        .prop_map(|(place, mut source)| (place, Either::nth(place, &mut source).1))
}
