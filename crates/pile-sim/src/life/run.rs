//! Runs of a pile on a desk that were kept: the flows of a house, and any number of lives drawn by
//! chance, to be played again wherever the machine runs ([`pile_controller::playback`]).

use billing_core::journal::Identity;
use billing_core::receipt::SoftwareKey;
use billing_core::record::{Fault, Reference};
use billing_core::tariff::{Band, BandIndex, SLOTS, Tariff};
use ble_protocol::message::UpTo;
use pile_controller::playback::{MAX_STEP, Site, Step};
use pile_controller::{ByPhone, Command, Event, Outcome};
use pile_units::{
    AccountId, CardAlias, ClockQuality, CredentialId, Currency, Duration, Energy, Limits, Money,
    PhoneId, PileId, PlanId, PortId, SessionId, Strength, Temperature, UidOnly, UnixSeconds,
    UtcOffset, WallTime,
};

use super::{Desk, LANDLORD, Setup, Trouble};
use crate::dice::Dice;
use crate::flash::{Stm32g4, VirtualNor, Words};

const PORTS: usize = 4;
/// The erase unit and the write unit of the flash that runs are played on.
pub const RUN_ERASE: usize = 2048;
/// See [`RUN_ERASE`].
pub const RUN_WRITE: usize = 8;
/// Its size, in bytes.
pub const RUN_FLASH: usize = 64 << 10;

/// A run that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it shows.
    pub name: String,
    /// What happened.
    pub steps: Vec<Step>,
    /// What it left in the desk's flash.
    pub image: Vec<u8>,
}

impl Run {
    /// The steps one behind another, as they are kept.
    pub fn bytes(&self) -> Vec<u8> {
        let mut buffer = [0; MAX_STEP];
        let encoded = self
            .steps
            .iter()
            .map(|step| step.encode(&mut buffer).to_vec());
        encoded.collect::<Vec<_>>().concat()
    }
}

/// Whose pile the desk's is. The key is published here: receipts of a run prove nothing.
pub fn site(key: Option<&SoftwareKey>) -> Site<'_> {
    Site {
        pile: PileId::new(*b"the desk"),
        identity: Identity::new(*b"a pile on a desk"),
        firmware: "openpile 0.1.0",
        key,
    }
}

/// The flows of a house, and then so many lives by chance.
///
/// ```
/// let runs = pile_sim::life::runs(2)?;
/// assert!(runs.len() > 10);
/// assert!(runs.iter().all(|run| run.steps.len() > 10));
/// # Ok::<(), pile_sim::life::Trouble>(())
/// ```
///
/// # Errors
/// [`Trouble`]: a flow did not go as it should.
pub fn runs(lives: u64) -> Result<Vec<Run>, Trouble> {
    let mut runs = Vec::new();
    for (name, flow) in FLOWS {
        let mut house = House::new(1)?;
        house.move_in()?;
        flow(&mut house)?;
        runs.push(house.kept((*name).to_owned())?);
    }
    for seed in 0..lives {
        let mut house = House::new(seed)?;
        house.move_in()?;
        house.live(seed)?;
        runs.push(house.kept(format!("life {seed}"))?);
    }
    Ok(runs)
}

type Flow = fn(&mut House) -> Result<(), Trouble>;

/// The mission, flow by flow.
const FLOWS: &[(&str, Flow)] = &[
    ("a tap starts, a tap stops", |house| {
        house.charge(1, 1, 300, 20)
    }),
    ("a phone charges up to a cost", |house| {
        let phone = house.bind(1)?;
        house.desk.plug(port(2)?, 700);
        let up_to = UpTo::Cost(Money::from_micros(100_000));
        house.start(phone, 1, 2, up_to)?;
        house.minutes(20)
    }),
    ("a phone starts and stops", |house| {
        let phone = house.bind(2)?;
        house.desk.plug(port(3)?, 250);
        house.start(phone, 7, 3, UpTo::Full)?;
        house.minutes(10)?;
        let session = SessionId::new(1);
        house.phone(ByPhone::Stop { phone, session })?;
        house.minutes(1)
    }),
    ("an overload trips, the landlord clears it", |house| {
        house.begin(1, 1, 2_000)?;
        house.minutes(1)?;
        house.desk.plug(port(1)?, 0);
        house.minutes(1)?;
        house.done(Command::ClearFault(port(1)?))?;
        house.charge(1, 1, 300, 5)
    }),
    ("a residual current trips", |house| {
        house.begin(2, 2, 300)?;
        house.minutes(2)?;
        house.desk.feed(Event::Trip(port(2)?, Fault::Leakage))?;
        house.minutes(1)
    }),
    ("a full battery ends its session", |house| {
        house.begin(1, 4, 300)?;
        house.minutes(5)?;
        house.desk.plug(port(4)?, 8);
        house.minutes(130)
    }),
    ("a bike is unplugged", |house| {
        house.begin(1, 4, 300)?;
        house.minutes(5)?;
        house.desk.plug(port(4)?, 0);
        house.minutes(10)
    }),
    ("the supply fails while two charge", |house| {
        house.begin(1, 1, 400)?;
        house.begin(2, 2, 150)?;
        house.minutes(7)?;
        house.cut()?;
        house.charge(1, 1, 300, 5)
    }),
    ("a warned supply fails, and again at once", |house| {
        house.begin(1, 1, 400)?;
        house.minutes(3)?;
        house.desk.feed(Event::PowerFailing)?;
        house.desk.wait(Duration::from_millis(20))?;
        house.cut()?;
        house.cut()
    }),
    ("a month is settled, paid and exported", |house| {
        house.charge(1, 1, 300, 10)?;
        house.charge(2, 2, 200, 10)?;
        house.done(Command::Settle(AccountId::new(1)))?;
        let paid: Reference = "cash".parse().map_err(|error| wrong(&error))?;
        house.done(Command::MarkPaid(1, paid))?;
        let through = house.desk.machine().last_record();
        house.done(Command::ConfirmExport(through))?;
        house.charge(1, 1, 300, 5)
    }),
    ("a lost card is replaced", |house| {
        house.begin(1, 1, 300)?;
        house.minutes(3)?;
        house.done(Command::Replace(AccountId::new(1)))?;
        house.desk.tap(77)?;
        house.charge(77, 2, 300, 5)
    }),
    ("a tenant moves out", |house| {
        house.begin(2, 1, 300)?;
        house.minutes(6)?;
        house.done(Command::Deregister(AccountId::new(2)))?;
        house.desk.tap(2)?;
        house.minutes(1)
    }),
    ("prices change under a session", |house| {
        house.begin(1, 1, 500)?;
        house.minutes(10)?;
        house.done(Command::SetTariff(PlanId::STANDARD, tariff("0.70")?))?;
        house.minutes(10)?;
        let plan = PlanId::new(1).unwrap_or(PlanId::STANDARD);
        house.done(Command::SetTariff(plan, tariff("0.10")?))?;
        house.done(Command::AssignPlan(AccountId::new(1), plan))?;
        // Half past twelve, where the night begins.
        house.minutes(15)?;
        house.stop(1, 1)
    }),
    ("the clock is set under a session", |house| {
        house.begin(1, 1, 300)?;
        house.minutes(4)?;
        house.done(Command::SetClock(WallTime {
            unix: UnixSeconds::new(1_719_838_000),
            quality: ClockQuality::Synchronised,
        }))?;
        house.minutes(4)?;
        house.stop(1, 1)
    }),
    ("policies, limits, heat", |house| {
        house.done(Command::AllowUidOnly(UidOnly::Listed))?;
        house.desk.tap(1)?;
        house.done(Command::ListAccount(AccountId::new(1), true))?;
        let limits = Limits::default().with_longest_session(Duration::from_minutes(60));
        house.done(Command::SetLimits(limits.map_err(|error| wrong(&error))?))?;
        house.begin(1, 1, 300)?;
        house.minutes(3)?;
        house
            .desk
            .feed(Event::Temperature(Temperature::from_celsius(95)))?;
        house.minutes(1)
    }),
];

struct House {
    desk: Desk<RUN_WRITE, RUN_ERASE>,
    flash: Stm32g4,
    setup: Setup,
    number: u16,
}

impl House {
    fn new(seed: u64) -> Result<Self, Trouble> {
        let flash: VirtualNor<RUN_WRITE, RUN_ERASE> = VirtualNor::new(RUN_FLASH, Words::Once);
        let setup = Setup {
            ports: PORTS,
            times: None,
            moments: false,
            seed,
        };
        let mut desk = Desk::format(&flash, setup)?;
        desk.keep_steps(Vec::new());
        Ok(Self {
            desk,
            flash,
            setup,
            number: 1,
        })
    }

    fn kept(mut self, name: String) -> Result<Run, Trouble> {
        self.desk.settle()?;
        Ok(Run {
            name,
            steps: self.desk.take_steps(),
            image: self.flash.probe().image(),
        })
    }

    fn move_in(&mut self) -> Result<(), Trouble> {
        self.desk.tap(LANDLORD)?;
        self.done(Command::SetTariff(PlanId::STANDARD, tariff("0.568")?))?;
        for card in 1..=3 {
            self.desk.tap(LANDLORD)?;
            self.desk.tap(card)?;
        }
        Ok(())
    }

    fn done(&mut self, command: Command) -> Result<(), Trouble> {
        let text = format!("{command:?}");
        match self.desk.command(command)? {
            Outcome::Refused(why) => Err(Trouble::Other(format!("{text}: {why}"))),
            _ => Ok(()),
        }
    }

    fn minutes(&mut self, minutes: u32) -> Result<(), Trouble> {
        self.desk.wait(Duration::from_minutes(minutes))
    }

    fn begin(&mut self, card: u8, at: u8, watts: u32) -> Result<(), Trouble> {
        self.desk.plug(port(at)?, watts);
        self.desk.tap(card)?;
        self.desk.press(port(at)?)
    }

    fn stop(&mut self, card: u8, at: u8) -> Result<(), Trouble> {
        self.desk.tap(card)?;
        self.desk.press(port(at)?)?;
        self.desk.plug(port(at)?, 0);
        self.minutes(1)
    }

    fn charge(&mut self, card: u8, at: u8, watts: u32, minutes: u32) -> Result<(), Trouble> {
        self.begin(card, at, watts)?;
        self.minutes(minutes)?;
        self.stop(card, at)
    }

    fn phone(&mut self, wish: ByPhone) -> Result<(), Trouble> {
        self.number = self.number.wrapping_add(1);
        self.desk.feed(Event::Phone(self.number, wish))?;
        self.desk.wait(Duration::from_seconds(2))
    }

    fn bind(&mut self, card: u8) -> Result<PhoneId, Trouble> {
        let (alias, strength) = (CardAlias::new([card; 8]), Strength::UidOnly);
        self.phone(ByPhone::Bind { alias, strength })?;
        let phone = self.desk.book().phones().last().map(|phone| phone.id);
        phone.ok_or_else(|| Trouble::Other("no phone was bound".to_owned()))
    }

    fn start(&mut self, phone: PhoneId, request: u32, at: u8, up_to: UpTo) -> Result<(), Trouble> {
        let port = port(at)?;
        self.phone(ByPhone::Start {
            phone,
            request,
            port,
            up_to,
        })
    }

    /// The supply fails, and comes back.
    fn cut(&mut self) -> Result<(), Trouble> {
        let steps = self.desk.take_steps();
        let around = self.desk.surroundings();
        self.desk = Desk::boot(&self.flash, self.setup, around)?;
        self.desk.keep_steps(steps);
        self.desk.wait(Duration::from_seconds(5))
    }

    /// Some twenty deeds, drawn by chance; what is refused is refused.
    fn live(&mut self, seed: u64) -> Result<(), Trouble> {
        let mut source = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(7));
        let mut die = move |sides: u64| u32::try_from(source.next() % sides).unwrap_or(0);
        for _ in 0..20 {
            self.deed(&mut die)?;
            let pause = Duration::from_seconds(1 + die(90));
            self.desk.wait(pause)?;
        }
        Ok(())
    }

    fn deed(&mut self, die: &mut impl FnMut(u64) -> u32) -> Result<(), Trouble> {
        let at = PortId::from_index(usize::try_from(die(4)).unwrap_or(0));
        let at = at.map_err(|error| wrong(&error))?;
        let card = u8::try_from(1 + die(4)).unwrap_or(1);
        let account = AccountId::new(u16::from(card));
        let phone = PhoneId::new(u16::try_from(1 + die(3)).unwrap_or(1));
        match die(24) {
            0..=5 => {
                self.desk.plug(at, 40 + die(600));
                self.desk.tap(card)?;
                self.desk.press(at)
            }
            6 => self.desk.tap(LANDLORD),
            7 => self.desk.tap(card + 10),
            8 => self.desk.press(at),
            9 => {
                self.desk.plug(at, die(2_500));
                Ok(())
            }
            10 => {
                let strength = Strength::UidOnly;
                let alias = CardAlias::new([card; 8]);
                self.phone(ByPhone::Bind { alias, strength })
            }
            11..=12 => self.phone(ByPhone::Start {
                phone,
                request: 1 + die(1_000),
                port: at,
                up_to: match die(4) {
                    0 => UpTo::Time(Duration::from_seconds(30 + die(200))),
                    1 => UpTo::Energy(Energy::from_watt_hours(1 + die(9))),
                    2 => UpTo::Cost(Money::from_micros(u64::from(1_000 + die(9_000)))),
                    _ => UpTo::Full,
                },
            }),
            13 => self.phone(ByPhone::Stop {
                phone,
                session: SessionId::new(1 + die(6)),
            }),
            14 => self.desk.feed(Event::Trip(at, Fault::Leakage)),
            15 => self.cut(),
            16 => {
                let price = format!("0.{}", 100 + die(900));
                let plan = PlanId::new(u8::try_from(die(2)).unwrap_or(0));
                let plan = plan.unwrap_or(PlanId::STANDARD);
                self.asks(Command::SetTariff(plan, tariff(&price)?))
            }
            17 => self.asks(Command::Settle(account)),
            18 => self.asks(Command::MarkPaid(1 + die(3), Reference::default())),
            19 => self.asks(Command::Replace(account)),
            20 => self.asks(Command::ClearFault(at)),
            21 => self.asks(Command::Revoke(CredentialId::new(2 + u16::from(card)))),
            22 => self.asks(Command::SetClock(WallTime {
                unix: UnixSeconds::new(1_719_835_200 + die(9_000)),
                quality: ClockQuality::Synchronised,
            })),
            _ => self.asks(Command::Deregister(account)),
        }
    }

    fn asks(&mut self, command: Command) -> Result<(), Trouble> {
        self.desk.command(command).map(drop)
    }
}

fn wrong(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::Other(error.to_string())
}

fn port(number: u8) -> Result<PortId, Trouble> {
    PortId::from_number(number).map_err(|error| wrong(&error))
}

/// One price until half past twelve, another after: a run begins at noon.
fn tariff(energy: &str) -> Result<Tariff, Trouble> {
    let band = |name: &str, energy: &str| {
        Ok::<_, Trouble>(Band {
            name: name.parse().map_err(|error| wrong(&error))?,
            energy: energy.parse().map_err(|error| wrong(&error))?,
            service: "0.20".parse().map_err(|error| wrong(&error))?,
        })
    };
    let bands = [band("day", energy)?, band("night", "0.288")?];
    let night = BandIndex::new(1).unwrap_or(BandIndex::FIRST);
    let slots: [BandIndex; SLOTS] =
        std::array::from_fn(|slot| if slot < 25 { BandIndex::FIRST } else { night });
    Tariff::new(
        Currency::CNY,
        UtcOffset::UTC,
        &bands,
        slots,
        BandIndex::FIRST,
    )
    .map_err(|error| wrong(&error))
}
