//! What the machine costs on its ledger: from a tap to the relay, a reading, a record, a session, a boot.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::ffi::CStr;

use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::ledger::{Headroom, Ledger};
use billing_core::record::{Advance, Advances, Record};
use billing_core::tariff::{Band, Tariff};
use emulated::file::{File, Mode};
use emulated::{clock, console, stack};
use metering::Sample;
use pile_controller::{Action, Command, Config, Controller, Durable, Event};
use pile_units::{
    CardAlias, ClockQuality, Currency, Current, Duration, Energy, Instant, PileId, PlanId, PortId,
    Power, Strength, UnixSeconds, UtcOffset, Voltage, WallTime,
};

type Flash = RamFlash<8, 2048, 65536>;

const PORTS: usize = 10;
/// As the run that was kept has it.
const IDENTITY: Identity = Identity::new(*b"a pile on a desk");
const LANDLORD: u8 = 0xff;

/// A pile with its supply.
struct Pile<'f> {
    machine: &'f mut Controller,
    ledger: Ledger<&'f mut Flash>,
    headroom: Headroom,
    now: Instant,
    closed: bool,
    /// What port 1 has drawn, mWh.
    drawn: u64,
}

const NOON: WallTime = WallTime {
    unix: UnixSeconds::new(1_719_835_200),
    quality: ClockQuality::Synchronised,
};

/// The ledger is read into the machine's book, and the machine is woken, as the shell has it.
#[inline(never)]
fn boot<'f>(machine: &'f mut Controller, flash: &'f mut Flash, blank: bool) -> Option<Pile<'f>> {
    let book = machine.book_to_fill();
    let opened = embassy_futures::block_on(async {
        if blank {
            Ledger::format_into(flash, IDENTITY, book).await.ok()
        } else {
            Ledger::mount_into(flash, book).await.ok()
        }
    });
    let ledger = opened?;
    let headroom = ledger.headroom(book);
    let config = Config {
        ports: PORTS,
        pile: PileId::new(*b"the desk"),
        wall: NOON,
        durable: Durable {
            seq: ledger.last_record(),
            headroom,
        },
    };
    let now = Instant::from_millis(1_000);
    machine.wake(config, now);
    Some(Pile {
        machine,
        ledger,
        headroom,
        now,
        closed: false,
        drawn: 0,
    })
}

impl Pile<'_> {
    /// Something happens, and whatever the ledger has to do is done, as in the shell.
    #[inline(never)]
    fn feed(&mut self, event: Event) -> Option<()> {
        self.hear(event);
        loop {
            if let Some(record) = self.machine.outbox().cloned() {
                let appended = self.ledger.append(self.machine.book(), &record);
                embassy_futures::block_on(appended).ok()?;
                let durable = Durable {
                    seq: self.ledger.last_record(),
                    headroom: self.headroom,
                };
                self.hear(Event::Persisted(durable));
            } else if self.ledger.wants_work(self.machine.book()) && self.machine.can_wait(self.now)
            {
                let worked = self.ledger.work(self.machine.book());
                embassy_futures::block_on(worked).ok()?;
            } else {
                return Some(());
            }
            self.headroom = self.ledger.headroom(self.machine.book());
            self.hear(Event::Room(self.headroom));
        }
    }

    fn hear(&mut self, event: Event) {
        for action in self.machine.handle(self.now, event).iter() {
            match action {
                Action::CloseRelay(_) => self.closed = true,
                Action::OpenRelay(_) => self.closed = false,
                _ => {}
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    fn tap(&mut self, card: u8) -> Option<()> {
        self.feed(Event::Card {
            alias: CardAlias::new([card; 8]),
            strength: Strength::UidOnly,
        })
    }

    /// Port 1 is read: 400 W since the last time where the relay is closed.
    fn read(&mut self, port: PortId, millis: u64) -> Option<()> {
        self.pass(millis);
        let power = if self.closed { 400 } else { 0 };
        self.drawn += power * millis / 3_600;
        let sample = Sample {
            energy: Energy::from_milliwatt_hours(self.drawn / 94 * 94),
            resolution: Energy::from_milliwatt_hours(95),
            power: Power::from_watts(u32::try_from(power).ok()?),
            voltage: Voltage::from_millivolts(230_000),
            current: Current::from_milliamperes(1_739),
            over_current: false,
            temperature: None,
        };
        self.feed(Event::Sample(port, sample))
    }

    /// A landlord, a price and a tenant's card.
    fn move_in(&mut self) -> Option<()> {
        let band = Band {
            name: "day".parse().ok()?,
            energy: "0.568".parse().ok()?,
            service: "0.20".parse().ok()?,
        };
        let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
        self.tap(LANDLORD)?;
        self.feed(Event::Command(
            1,
            Command::SetTariff(PlanId::STANDARD, tariff),
        ))?;
        self.pass(1_000);
        self.tap(LANDLORD)?;
        self.tap(1)?;
        self.pass(1_000);
        Some(())
    }
}

fn row(name: &'static CStr, value: u32) {
    console::row(name, value);
}

fn measure(flash: &RefCell<Flash>, machine: &RefCell<Controller>) -> Option<()> {
    let port = PortId::from_number(1).ok()?;
    let (mut whole, mut most) = (0, 0);
    let mut counted = |work: &mut dyn FnMut() -> Option<()>| {
        let (instructions, done) = clock::count(work);
        whole += instructions;
        most = most.max(instructions);
        done.map(|()| instructions)
    };
    {
        let (mut machine, mut flash) = (machine.borrow_mut(), flash.borrow_mut());
        let mut pile = boot(&mut machine, &mut flash, true)?;
        pile.feed(Event::Tick)?;
        pile.move_in()?;
        for port in PortId::first(PORTS) {
            pile.read(port, 20)?;
        }
        // A session: the card, the port, the relay, a reading, the card, the port.
        let to_relay = counted(&mut || {
            pile.tap(1)?;
            pile.feed(Event::Button(port))?;
            // The next reading closes the relay.
            pile.read(port, 200)?;
            pile.closed.then_some(())
        })?;
        let reading = counted(&mut || pile.read(port, 1_000))?;
        let stopped = counted(&mut || {
            pile.tap(1)?;
            pile.feed(Event::Button(port))?;
            pile.read(port, 200)
        })?;
        (pile.machine.book().open_sessions().count() == 0).then_some(())?;
        row(
            c"a tap to the relay: card, button, record, reading",
            to_relay,
        );
        row(c"a reading through to its cost", reading);
        row(
            c"a session: card, button, reading, card, button, bill",
            to_relay + reading + stopped,
        );
        let mut advances = Advances::default();
        for port in PortId::first(PORTS) {
            let drawn = Advance::of_session(port, Energy::from_milliwatt_hours(940));
            advances.push(drawn).then_some(())?;
        }
        let progress = Record::Progress {
            elapsed: 9,
            advances,
        };
        let append = counted(&mut || {
            let appended = pile.ledger.append(pile.machine.book(), &progress);
            embassy_futures::block_on(appended).ok().map(drop)
        })?;
        row(c"a record of ten ports' progress, appended", append);
    }
    for (name, stack_name, image) in [
        (c"a boot on an empty ledger", c"stack: of it", c"empty"),
        (c"a boot on a full ledger", c"stack: of it, full", c"full"),
    ] {
        *machine.borrow_mut() = Controller::asleep();
        let (mut machine, mut flash) = (machine.borrow_mut(), flash.borrow_mut());
        let mut file = File::open(image, Mode::Read)?;
        (file.read(&mut flash.bytes) == flash.bytes.len()).then_some(())?;
        let mut instructions = None;
        let stack = stack::used(|| {
            instructions = counted(&mut || boot(&mut machine, &mut flash, false).map(drop));
        });
        row(name, instructions?);
        row(stack_name, stack);
    }
    row(
        c"RAM: the machine with its book",
        size_of::<Controller>() as u32,
    );
    row(c"RAM: the ledger", size_of::<Ledger<&mut Flash>>() as u32);
    Some(())
}

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    clock::start();
    clock::holds()
        && measure(
            &RefCell::new(Flash::new()),
            &RefCell::new(Controller::asleep()),
        )
        .is_some()
}
