//! What people, bikes and the mains do to a pile, as lists that proptest makes and shrinks.

use super::bench::{Bench, LANDLORD, STEP, Seen, TRIPS, flat, noon, port, tariff};
use crate::{ByPhone, Command, Event};
use billing_core::record::Reference;
use ble_protocol::message::UpTo;
use pile_units::{
    AccountId, ClockQuality, CredentialId, Duration, Energy, Limits, MeterTrim, Money, PhoneId,
    PlanId, Power, SessionId, UidOnly, UnixSeconds, WallTime,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::RefCell;
use std::vec::Vec;

pub const PORTS: u8 = 3;
const TENANTS: u8 = 4;

/// One thing that happens.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "lists are short")]
pub enum Op {
    Tap(u8),
    Press(u8),
    /// A tap, the button of a port, and a bike on it.
    Start {
        tenant: u8,
        port: u8,
        watts: u32,
    },
    /// The landlord's card, then this one.
    Enrol(u8),
    /// Something that gives itself out for this card is asked for its key.
    WrongKey(u8),
    Plug {
        port: u8,
        watts: u32,
    },
    Wait {
        millis: u32,
    },
    Cut {
        warned: bool,
        phase: u64,
    },
    /// A load jumps somewhere between two readings, and the supply fails soon after.
    JumpAndCut {
        port: u8,
        watts: u32,
        before: u32,
        after: u32,
        phase: u64,
    },
    Send(Command),
    /// The landlord's card and the button of a port.
    ClearByButton(u8),
    /// The fault is cleared, and another comes before that is durable.
    ClearAndTrip(u8),
    Trip {
        port: u8,
        fault: usize,
    },
    Heat(i8),
    Meter {
        port: u8,
        dead: bool,
    },
    Weld {
        port: u8,
    },
    Flash {
        millis: u32,
    },
    /// A card confirms a phone.
    Bind(u8),
    /// A phone starts; the same request again, or a new one.
    PhoneStart {
        phone: u16,
        port: u8,
        watts: u32,
        up_to: UpTo,
        again: bool,
    },
    PhoneStop {
        phone: u16,
        back: u32,
    },
    /// A recovery code's window, and a card that is tapped in it.
    Recover {
        tap: Option<u8>,
    },
}

fn number() -> impl Strategy<Value = u8> {
    1..=PORTS
}

fn tenant() -> impl Strategy<Value = u8> {
    1..=TENANTS
}

fn account() -> impl Strategy<Value = AccountId> {
    (1u16..=5).prop_map(AccountId::new)
}

/// No load, tails, chargers, and one that is too much.
fn watts() -> impl Strategy<Value = u32> {
    prop_oneof![
        2 => Just(0u32),
        1 => Just(2),
        1 => Just(8),
        1 => Just(12),
        7 => 40u32..=800,
        1 => Just(1000),
        1 => Just(1150),
    ]
}

fn plan(number: u32) -> PlanId {
    PlanId::new(u8::try_from(number).unwrap()).unwrap()
}

/// Some minutes after the bench begins.
fn soon(minutes: i32) -> UnixSeconds {
    let noon = i64::from(noon().unix.get());
    UnixSeconds::new(u32::try_from(noon + i64::from(minutes) * 60).unwrap())
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        11 => (1u32..=9, 0u32..=3).prop_map(|(energy, service)| {
            let tariff = tariff(energy * 100_007, service * 90_001);
            // Some have one band: a band's place in one tariff says nothing about another.
            let tariff = if energy % 3 == 0 { flat(&tariff) } else { tariff };
            // Most are the standard one, some that of a plan.
            Command::SetTariff(plan(energy / 7), tariff)
        }),
        2 => (1u32..=9, 0u32..=3, -5i32..20, 0u32..2).prop_map(|(energy, service, minutes, it)| {
            Command::PlanTariff {
                plan: plan(it),
                from: soon(minutes),
                tariff: tariff(energy * 100_007, service * 90_001),
            }
        }),
        3 => (account(), 0u32..2).prop_map(|(account, it)| Command::AssignPlan(account, plan(it))),
        1 => (0u64..60).prop_map(Command::ConfirmExport),
        5 => account().prop_map(Command::Settle),
        1 => account().prop_map(Command::Replace),
        1 => account().prop_map(Command::ReportLost),
        1 => account().prop_map(Command::Deregister),
        1 => (0u16..=6).prop_map(|card| Command::Revoke(CredentialId::new(card))),
        1 => (1u32..=4).prop_map(|it| Command::MarkPaid(it, Reference::default())),
        3 => number().prop_map(|it| Command::ClearFault(port(it))),
        2 => number().prop_map(|it| Command::Stop(port(it))),
        2 => (number(), prop::bool::weighted(0.7))
            .prop_map(|(it, on)| Command::Switch(port(it), on)),
        1 => prop_oneof![22 => Just(UidOnly::All), 1 => Just(UidOnly::Nobody), 1 => Just(UidOnly::Listed)]
            .prop_map(Command::AllowUidOnly),
        1 => (account(), any::<bool>()).prop_map(|(it, on)| Command::ListAccount(it, on)),
        1 => Just(Command::AuthoriseListed),
        1 => (number(), -100_000..=100_000).prop_map(|(it, ppm)| {
            Command::Calibrate(port(it), MeterTrim::from_ppm(ppm, 0, ppm).unwrap())
        }),
        1 => Just(Command::Authorise),
        5 => (0u32..400, 0u32..30, 0usize..4).prop_map(|(half_hour, before, quality)| {
            // Just before a band ends, or where there is none.
            let unix = UnixSeconds::new((944_444 + half_hour) * 1800 - before);
            let quality = match quality {
                0 => ClockQuality::Unknown,
                1 => ClockQuality::Informative,
                _ => ClockQuality::Synchronised,
            };
            Command::SetClock(WallTime { unix, quality })
        }),
    ]
}

fn phone() -> impl Strategy<Value = u16> {
    1..=u16::from(TENANTS) + 2
}

fn up_to() -> impl Strategy<Value = UpTo> {
    prop_oneof![
        3 => Just(UpTo::Full),
        1 => (1u32..600).prop_map(|it| UpTo::Time(Duration::from_seconds(it))),
        1 => (1u64..20_000).prop_map(|it| UpTo::Energy(Energy::from_milliwatt_hours(it))),
        1 => (1u64..20_000).prop_map(|it| UpTo::Cost(Money::from_micros(it))),
    ]
}

fn by_phone() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => tenant().prop_map(Op::Bind),
        8 => (phone(), number(), watts(), up_to(), prop::bool::weighted(0.2)).prop_map(
            |(phone, port, watts, up_to, again)| Op::PhoneStart { phone, port, watts, up_to, again }
        ),
        2 => (phone(), 0u32..4).prop_map(|(phone, back)| Op::PhoneStop { phone, back }),
        1 => phone().prop_map(|it| Op::Send(Command::RevokePhone(PhoneId::new(it)))),
        1 => account().prop_map(|it| Op::Send(Command::Rename(it, "Flat 4".parse().unwrap()))),
        1 => prop_oneof![9 => Just(None), 1 => Just(Some(TENANTS + 3))]
            .prop_map(|tap| Op::Recover { tap }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => tenant().prop_map(Op::Tap),
        1 => number().prop_map(Op::Press),
        10 => (tenant(), number(), watts())
            .prop_map(|(tenant, port, watts)| Op::Start { tenant, port, watts }),
        1 => (1..=TENANTS + 2).prop_map(Op::Enrol),
        1 => (1..=TENANTS + 2).prop_map(Op::WrongKey),
        4 => (number(), watts()).prop_map(|(port, watts)| Op::Plug { port, watts }),
        3 => (1u32..3_000).prop_map(|millis| Op::Wait { millis }),
        12 => (3_000u32..40_000).prop_map(|millis| Op::Wait { millis }),
        3 => (40_000u32..600_000).prop_map(|millis| Op::Wait { millis }),
        2 => (any::<bool>(), 0..STEP).prop_map(|(warned, phase)| Op::Cut { warned, phase }),
        1 => (number(), watts(), 0u32..1000, 0u32..1200, 0..STEP).prop_map(
            |(port, watts, before, after, phase)| Op::JumpAndCut { port, watts, before, after, phase }
        ),
        8 => command().prop_map(Op::Send),
        6 => by_phone(),
        2 => number().prop_map(Op::ClearByButton),
        1 => number().prop_map(Op::ClearAndTrip),
        1 => (number(), 0..TRIPS.len()).prop_map(|(port, fault)| Op::Trip { port, fault }),
        1 => prop_oneof![4 => 20i8..75, 1 => 75i8..90, 1 => Just(95)].prop_map(Op::Heat),
        1 => (number(), prop::bool::weighted(0.3))
            .prop_map(|(port, dead)| Op::Meter { port, dead }),
        1 => number().prop_map(|port| Op::Weld { port }),
        1 => prop_oneof![Just(0u32), Just(5), Just(50)].prop_map(|millis| Op::Flash { millis }),
    ]
}

pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 10..100)
}

/// A pile whose limits are as short as they may be, so that a run meets them.
pub fn short_limits() -> Limits {
    let limits = Limits::default().with_no_load_after(Duration::from_seconds(20));
    let limits = limits.and_then(|it| it.with_unplugged_after(Duration::from_seconds(15)));
    let limits = limits.and_then(|it| it.with_full_after(Duration::from_minutes(2)));
    let limits = limits.and_then(|it| it.with_pile_power(Power::from_watts(2500)));
    limits.unwrap()
}

pub fn bench() -> Bench {
    let mut bench = Bench::commissioned(usize::from(PORTS), TENANTS);
    bench.command(Command::SetLimits(short_limits()));
    for card in 1..=TENANTS {
        bench.bind(card);
    }
    bench.bind(LANDLORD);
    bench
}

/// The same with stronger ports, and chargers to match.
pub fn strong_bench(percent: u32) -> Bench {
    let mut bench = bench();
    let limits = short_limits().with_port_power(Power::from_watts(10 * percent));
    let limits = limits.and_then(|it| it.with_pile_power(Power::from_watts(25 * percent)));
    bench.command(Command::SetLimits(limits.unwrap()));
    bench.scale = percent;
    bench
}

/// Whatever happens to a bench.
pub fn run(bench: &mut Bench, op: &Op) {
    let at = |number: u8| usize::from(number) - 1;
    match op {
        Op::Tap(tenant) => bench.tap(*tenant),
        Op::Press(number) => bench.press(*number),
        Op::Start {
            tenant,
            port,
            watts,
        } => {
            bench.tap(*tenant);
            bench.press(*port);
            plug(bench, *port, *watts);
        }
        Op::WrongKey(card) => bench.wrong_key(*card),
        Op::Enrol(card) => {
            bench.tap(LANDLORD);
            bench.tap(*card);
        }
        Op::Plug { port, watts } => plug(bench, *port, *watts),
        Op::Wait { millis } => bench.advance(Duration::from_millis(u64::from(*millis))),
        Op::Cut { warned, phase } => {
            if *warned {
                bench.feed(Event::PowerFailing);
                bench.advance(Duration::from_millis(60));
            }
            bench.cut(*phase);
        }
        Op::JumpAndCut {
            port,
            watts,
            before,
            after,
            phase,
        } => {
            bench.advance(Duration::from_millis(u64::from(*before)));
            plug(bench, *port, *watts);
            bench.advance(Duration::from_millis(u64::from(*after)));
            bench.cut(*phase);
        }
        Op::Send(command) => {
            bench.send(command.clone());
        }
        Op::ClearByButton(number) => {
            bench.tap(LANDLORD);
            bench.press(*number);
        }
        Op::ClearAndTrip(number) => {
            bench.send(Command::ClearFault(port(*number)));
            bench.feed(Event::Trip(port(*number), TRIPS[0]));
        }
        Op::Trip {
            port: number,
            fault,
        } => bench.feed(Event::Trip(port(*number), TRIPS[*fault])),
        Op::Heat(celsius) => bench.feed(Event::Temperature(pile_units::Temperature::from_celsius(
            *celsius,
        ))),
        Op::Meter { port, dead } => bench.meters[at(*port)].dead = *dead,
        // Contacts weld while current flows; they come loose at the next weld.
        Op::Weld { port } => {
            bench.welded[at(*port)] = bench.relays[at(*port)] && bench.loads[at(*port)] >= 100_000;
        }
        Op::Flash { millis } => {
            bench.delay = Some(Duration::from_millis(u64::from(*millis)));
        }
        Op::Bind(card) => {
            bench.wish(super::phones::bind(*card));
        }
        Op::PhoneStart {
            phone,
            port: number,
            watts,
            up_to,
            again,
        } => {
            let phone = PhoneId::new(*phone);
            let last = bench.ledger.phone(phone).map_or(0, |it| it.last_request);
            let request = if *again {
                last
            } else {
                u32::from(bench.next_command)
            };
            bench.wish(ByPhone::Start {
                phone,
                request,
                port: port(*number),
                up_to: *up_to,
            });
            plug(bench, *number, *watts);
        }
        Op::PhoneStop { phone, back } => {
            let session = bench.ledger.next_session().get().saturating_sub(*back);
            bench.wish(ByPhone::Stop {
                phone: PhoneId::new(*phone),
                session: SessionId::new(session),
            });
        }
        Op::Recover { tap } => {
            let number = bench.ledger.recoveries();
            bench.wish(ByPhone::Recover { number });
            if let Some(card) = tap {
                bench.tap(*card);
            }
        }
    }
}

fn plug(bench: &mut Bench, number: u8, watts: u32) {
    // Tails stay as they are; chargers are as strong as the ports.
    let scaled = if watts >= 40 {
        watts * bench.scale / 100
    } else {
        watts
    };
    bench.plug(number, scaled);
    if bench.welded[usize::from(number) - 1] {
        // The relay of a welded port closes on what the reading before has not seen, if it comes
        // within that second. Give the reading its chance.
        bench.wait(3);
    }
}

/// Runs `check` on many lists, the same ones every time, and sums up what they met.
pub fn for_many(
    name: &str,
    cases: u32,
    check: impl Fn(&[Op], &mut Bench) -> Result<(), TestCaseError>,
) -> Seen {
    for_many_on(name, cases, bench, check)
}

/// The same on another bench.
pub fn for_many_on(
    name: &str,
    cases: u32,
    bench: impl Fn() -> Bench,
    check: impl Fn(&[Op], &mut Bench) -> Result<(), TestCaseError>,
) -> Seen {
    let mut seed = [0u8; 32];
    for (place, byte) in seed.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let total = RefCell::new(Seen::default());
    let outcome = TestRunner::new_with_rng(config, rng).run(&ops(), |ops: Vec<Op>| {
        let mut bench = bench();
        check(&ops, &mut bench)?;
        total.borrow_mut().add(&bench.seen);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    total.into_inner()
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.with_energy += other.with_energy;
        self.segments += other.segments;
        self.faults += other.faults;
        self.cleared += other.cleared;
        self.revoked += other.revoked;
        self.power_lost += other.power_lost;
        self.settled += other.settled;
        self.refused += other.refused;
        self.tariffs += other.tariffs;
        self.cuts += other.cuts;
        self.deregistered += other.deregistered;
        self.by_phone += other.by_phone;
        self.phones_revoked += other.phones_revoked;
    }

    /// True if the runs met everything.
    pub fn is_interesting(&self, cases: u32) -> bool {
        self.with_energy >= cases
            && self.segments >= cases / 2
            && self.faults >= cases / 2
            && self.cleared >= cases / 8
            && self.revoked >= cases / 8
            && self.power_lost >= cases / 4
            && self.settled >= cases / 16
            && self.deregistered >= cases / 32
            && self.tariffs >= cases
            && self.by_phone >= cases / 2
            && self.phones_revoked >= cases / 16
    }
}
