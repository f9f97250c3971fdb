//! Decrypted messages of a phone against the whole machine.

use billing_core::book::Book;
use billing_core::journal::Identity;
use billing_core::ledger::Headroom;
use billing_core::tariff::{Band, Tariff};
use ble_protocol::message::{Asked, MAX_MESSAGE, Told};
use ble_protocol::permission::{Role, allows};
use ble_protocol::{Holder, PhoneKeys};
use pile_controller::serve::{About, Serve, Todo};
use pile_controller::{Action, ByPhone, Command, Config, Controller, Durable, Event};
use pile_units::{
    CardAlias, Currency, Duration, Instant, PhoneId, PileId, PlanId, Strength, UtcOffset, WallTime,
};

/// A pile whose flash is quick, and the conversation with whoever is connected.
struct Pile {
    machine: Controller,
    serve: Serve,
    now: Instant,
    records: u64,
}

impl Pile {
    fn new() -> Self {
        let now = Instant::from_millis(1000);
        let config = Config {
            ports: 4,
            pile: PileId::new([1; 8]),
            wall: WallTime::default(),
            durable: durable(0),
        };
        let keys = PhoneKeys::new([7; 32]);
        let mut pile = Self {
            machine: Controller::new(config, Book::new(), now),
            serve: Serve::new(About::default(), keys, Identity::new([9; 16]), now),
            now,
            records: 0,
        };
        let bind = |card| ByPhone::Bind {
            alias: CardAlias::new([card; 8]),
            strength: Strength::MutualAes,
        };
        let card = Event::Card {
            alias: CardAlias::new([1; 8]),
            strength: Strength::MutualAes,
        };
        let price = |text: &str| text.parse().expect("a price");
        let flat = Band {
            name: "flat".parse().expect("a name"),
            energy: price("0.5"),
            service: price("0.1"),
        };
        let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, flat);
        for event in [
            Event::Phone(1, bind(0)),
            Event::Command(1, Command::SetTariff(PlanId::STANDARD, tariff)),
            Event::Command(2, Command::Authorise),
            card,
            Event::Phone(2, bind(1)),
        ] {
            pile.feed(event);
        }
        assert_eq!(pile.machine.book().phones().len(), 2);
        pile
    }

    fn feed(&mut self, event: Event) {
        self.now = self.now.after(Duration::from_millis(100));
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let record = matches!(event, Event::Persisted(_))
                .then(|| self.machine.outbox().cloned())
                .flatten();
            let actions = self.machine.handle(self.now, event);
            for action in actions.iter() {
                match action {
                    Action::Tell(number, outcome) => {
                        self.serve.answered(number, outcome, &self.machine);
                    }
                    Action::Signal(signal) => self.serve.signalled(signal),
                    _ => {}
                }
            }
            if let Some(record) = record {
                self.serve.recorded(&record, &self.machine);
            }
            if self.machine.outbox().is_some() {
                self.records += 1;
                next = Some(Event::Persisted(durable(self.records)));
            }
        }
    }

    fn work(&mut self, todo: Todo) {
        match todo {
            Todo::Feed(event) => self.feed(event),
            Todo::Close => self.serve.closed(),
            // The ledger is slow.
            Todo::LookUp(_) | Todo::Nothing => {}
        }
        while let Some(told) = self.serve.say(self.now, &self.machine) {
            let mut buffer = [0; MAX_MESSAGE];
            let bytes = told.encode(&mut buffer);
            assert_eq!(
                Told::decode(bytes).as_ref(),
                Ok(&told),
                "said what is not legal"
            );
        }
    }
}

const fn durable(seq: u64) -> Durable {
    let headroom = Headroom {
        sessions: 1000,
        facts: 1000,
    };
    Durable { seq, headroom }
}

/// What phones say once they are let in: `conversation`.
///
/// Each stretch is a byte that says who is connected and whether he connects anew, a length, and a
/// message of that many bytes.
///
/// - Nothing panics, and whatever is answered is a legal message.
/// - A message that is none, or that the role may not send, reaches no ledger.
///
/// # Panics
/// Where one of these is broken.
pub fn conversation(data: &[u8]) {
    let mut pile = Pile::new();
    let mut rest = data;
    let mut last = None;
    while let [who, length, after @ ..] = rest {
        let (message, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let holder = match who % 4 {
            0 => Holder::Phone(PhoneId::new(1)),
            1 => Holder::Phone(PhoneId::new(2)),
            2 => Holder::Recovery,
            _ => Holder::Card,
        };
        if last != Some(holder) || who & 0x80 != 0 {
            last = Some(holder);
            let todo = pile.serve.opened(pile.now, holder, None, &pile.machine);
            pile.work(todo);
        }
        let role = match holder {
            Holder::Phone(phone) if phone.get() == 1 => Role::Landlord,
            Holder::Phone(_) => Role::Tenant,
            Holder::Recovery => Role::Recovery,
            Holder::Card => Role::Card,
        };
        let asked = Asked::decode(message);
        let may =
            asked.is_ok_and(|asked| allows(role, &asked.request) && !asked.request.is_question());
        let before = pile.records;
        let todo = pile.serve.request(pile.now, message, &pile.machine);
        pile.work(todo);
        assert!(may || pile.records == before, "a record without permission");
    }
}
