//! A phone at a bench: what it says is handed to [`Serve`], and the machine and a ledger do the rest.

use super::super::{About, Inquiry, Serve, Todo};
use crate::tests::bench::{Bench, LANDLORD};
use crate::tests::phones::bind;
use crate::{Command, Outcome};
use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::ledger::Ledger;
use billing_core::receipt::SoftwareKey;
use billing_core::record::Record;
use ble_protocol::message::{
    Asked, Capabilities, MAX_MESSAGE, Notice, Request, RequestId, Response, Told, Welcome,
};
use ble_protocol::{Holder, PhoneKeys};
use embassy_futures::block_on;
use pile_units::{CardAlias, PhoneId, Strength};
use std::boxed::Box;
use std::vec::Vec;

/// On the heap: a test's stack is small.
pub type Flash = &'static mut RamFlash<4, 4096, 262_144>;

pub const SECRET: [u8; 32] = [7; 32];
pub const JOURNAL: [u8; 16] = [9; 16];
pub const RECEIPT_KEY: [u8; 32] = [5; 32];

/// A pile and whoever is connected to it.
pub struct Talk {
    pub bench: Bench,
    pub serve: Serve,
    /// Answers and notices, in the order in which they came.
    pub heard: Vec<Told>,
    /// Events that went to the machine.
    pub fed: u32,
    told: usize,
    recorded: usize,
    signalled: usize,
}

impl Talk {
    pub fn of(bench: Bench) -> Self {
        let mut talk = Self {
            serve: serve(&bench),
            bench,
            heard: Vec::new(),
            fed: 0,
            told: 0,
            recorded: 0,
            signalled: 0,
        };
        talk.forget();
        talk
    }

    /// Three ports; two tenants and the landlord with a phone each, numbers 1, 2 and 3.
    pub fn house() -> Self {
        let mut bench = Bench::commissioned(3, 2);
        for card in [1, 2, LANDLORD] {
            assert!(matches!(bench.ask(bind(card)), Outcome::Bound(_)));
        }
        Self::of(bench)
    }

    /// What happened so far is nobody's business.
    fn forget(&mut self) {
        self.told = self.bench.told.len();
        self.recorded = self.bench.records.len();
        self.signalled = self.bench.signals.len();
    }

    pub fn connect(&mut self, holder: Holder) -> Welcome {
        self.open(holder, None);
        match self.heard.first() {
            Some(Told::Welcome(welcome)) => welcome.clone(),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub fn phone(&mut self, number: u16) -> Welcome {
        self.connect(Holder::Phone(PhoneId::new(number)))
    }

    pub fn open(&mut self, holder: Holder, tapped: Option<u8>) {
        self.heard.clear();
        let tapped = tapped.map(|card| (CardAlias::new([card; 8]), Strength::UidOnly));
        let now = self.bench.now;
        let todo = self.serve.opened(now, holder, tapped, &self.bench.machine);
        self.work(todo);
    }

    /// Says something, and gives the pile no time.
    pub fn send(&mut self, id: u32, request: Request) {
        let id = RequestId::new(id);
        let mut buffer = [0; MAX_MESSAGE];
        let bytes = Asked { id, request }.encode(&mut buffer).to_vec();
        self.raw(&bytes);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let todo = self
            .serve
            .request(self.bench.now, bytes, &self.bench.machine);
        self.work(todo);
    }

    /// Asks, gives the pile ten seconds, and tells what it answered.
    pub fn ask(&mut self, id: u32, request: Request) -> Response {
        self.heard.clear();
        self.send(id, request);
        for _ in 0..100 {
            if let Some(answer) = self.answer(id) {
                return answer;
            }
            self.wait_millis(100);
        }
        panic!("no answer to request {id}: {:?}", self.heard)
    }

    pub fn answer(&self, id: u32) -> Option<Response> {
        let wanted = RequestId::new(id);
        let mut all = self.heard.iter().filter_map(|told| match told {
            Told::Answer { id, response } if *id == wanted => Some(response.clone()),
            _ => None,
        });
        let first = all.next();
        assert!(all.next().is_none(), "request {id} was answered twice");
        first
    }

    pub fn notices(&self) -> Vec<Notice> {
        let notice = |told: &Told| match told {
            Told::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.heard.iter().filter_map(notice).collect()
    }

    pub fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.wait_millis(1000);
        }
    }

    fn wait_millis(&mut self, millis: u64) {
        self.bench
            .advance(pile_units::Duration::from_millis(millis));
        self.listen();
    }

    pub fn command(&mut self, command: Command) -> Outcome {
        let outcome = self.bench.command(command);
        self.listen();
        outcome
    }

    /// The supply fails: of the conversation nothing is left.
    pub fn cut(&mut self) {
        self.bench.cut(0);
        self.bench.wait(1);
        self.serve = serve(&self.bench);
        self.forget();
    }

    fn work(&mut self, todo: Todo) {
        match todo {
            Todo::Nothing => {}
            Todo::Feed(event) => {
                self.fed += 1;
                self.bench.feed(event);
            }
            Todo::LookUp(inquiry) => {
                if let Some(found) = self.look_up(inquiry) {
                    self.serve.found(found);
                }
            }
            Todo::Close => self.serve.closed(),
        }
        self.listen();
    }

    /// A ledger of the bench's records, asked in slices.
    fn look_up(&self, mut inquiry: Inquiry) -> Option<Response> {
        assert!(self.serve.awaits(&inquiry));
        let key = SoftwareKey::from_bytes(&RECEIPT_KEY).unwrap();
        let records: Vec<_> = self
            .bench
            .records
            .iter()
            .map(|(_, it)| it.clone())
            .collect();
        block_on(async {
            let (mut ledger, book) = Box::pin(ledger(&records)).await;
            for _ in 0..10_000 {
                if let Some(found) = inquiry.slice(&mut ledger, &book, Some(&key)).await {
                    return Some(found);
                }
            }
            panic!("an inquiry without end");
        })
    }

    /// What the machine told, recorded and signalled reaches the conversation, and what it has to
    /// say the phone.
    pub fn listen(&mut self) {
        let bench = &self.bench;
        for (number, outcome) in bench.told.iter().skip(self.told) {
            self.serve.answered(*number, *outcome, &bench.machine);
        }
        for (_, record) in bench.records.iter().skip(self.recorded) {
            self.serve.recorded(record, &bench.machine);
        }
        for signal in bench.signals.iter().skip(self.signalled) {
            self.serve.signalled(*signal);
        }
        self.forget();
        while let Some(told) = self.serve.say(self.bench.now, &self.bench.machine) {
            let mut buffer = [0; MAX_MESSAGE];
            let bytes = told.encode(&mut buffer);
            assert_eq!(Told::decode(bytes).as_ref(), Ok(&told));
            self.heard.push(told);
        }
    }
}

fn serve(bench: &Bench) -> Serve {
    let about = About {
        name: "Hof 3".parse().unwrap(),
        firmware: "test".parse().unwrap(),
        capabilities: Capabilities::RECEIPTS,
    };
    let keys = PhoneKeys::new(SECRET);
    Serve::new(about, keys, Identity::new(JOURNAL), bench.now)
}

fn flash() -> Flash {
    Box::leak(Box::new(RamFlash::new()))
}

/// A ledger that holds these records.
pub async fn ledger(records: &[Record]) -> (Ledger<Flash>, billing_core::book::Book) {
    let identity = Identity::new(JOURNAL);
    let mut book = billing_core::book::Book::new();
    let ledger = Ledger::format_into(flash(), identity, &mut book).await;
    let mut ledger = ledger.unwrap();
    for record in records {
        ledger.append(&book, record).await.unwrap();
        book.apply(record).unwrap();
        while ledger.wants_work(&book) {
            ledger.work(&book).await.unwrap();
        }
    }
    (ledger, book)
}

/// A ledger that holds these records, whatever they fold to.
pub async fn written(records: &[Record], book: &billing_core::book::Book) -> Ledger<Flash> {
    let identity = Identity::new(JOURNAL);
    let mut blank = billing_core::book::Book::new();
    let ledger = Ledger::format_into(flash(), identity, &mut blank).await;
    let mut ledger = ledger.unwrap();
    for record in records {
        ledger.append(book, record).await.unwrap();
    }
    ledger
}
