//! A pile's ledger and book as the shell keeps them, on a flash that loses power.

#![allow(dead_code, reason = "each test file uses its part")]

use billing_core::book::Book;
use billing_core::book::testing::{closing, enrolled, next_record, opened, paid, segment};
use billing_core::journal::{AppendError, Identity};
use billing_core::ledger::{Headroom, Ledger, LedgerError, OpenError};
use billing_core::record::{Advance, Advances, Record};
use billing_core::tariff::{Band, BandIndex, SLOTS, Tariff};
use embassy_futures::block_on;
use pile_sim::flash::{FlashError, VirtualNor, Words};
use pile_units::{
    ClockQuality, Currency, Energy, PortId, Price, TariffVersion, UnixSeconds, UtcOffset, WallTime,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub const IDENTITY: Identity = Identity::new(*b"the test ledger.");

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Durable,
    /// Refused, and nothing was written.
    Full,
    Cut,
}

/// The running pile, as far as its ledger knows.
pub struct Pile<const W: usize, const E: usize> {
    pub flash: VirtualNor<W, E>,
    ledger: Option<Ledger<VirtualNor<W, E>>>,
    pub book: Book,
    /// Every kept record, in order: what no compaction may lose.
    pub kept: Vec<Record>,
    pub compactions: u32,
    pub cuts: u32,
    random: ChaCha8Rng,
}

impl<const W: usize, const E: usize> Pile<W, E> {
    pub fn new(pages: usize, words: Words, seed: u64) -> Self {
        Self::on(VirtualNor::new(pages * E, words), seed)
    }

    pub fn on(flash: VirtualNor<W, E>, seed: u64) -> Self {
        let (ledger, book) = block_on(Ledger::format(flash.clone(), IDENTITY)).unwrap();
        Self {
            flash,
            ledger: Some(ledger),
            book,
            kept: Vec::new(),
            compactions: 0,
            cuts: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    pub fn ledger(&mut self) -> &mut Ledger<VirtualNor<W, E>> {
        self.ledger.as_mut().unwrap()
    }

    pub fn headroom(&self) -> Headroom {
        self.ledger.as_ref().unwrap().headroom(&self.book)
    }

    pub fn dice(&mut self) -> impl FnMut(u32) -> u32 + '_ {
        |sides| self.random.next_u32() % sides.max(1)
    }

    /// Writes a record as the shell does: checked, compacted if that is wanted, reserved for,
    /// durable, applied.
    pub fn write(&mut self, record: &Record) -> End {
        self.book.check(record).unwrap();
        let ledger = self.ledger.as_mut().unwrap();
        if ledger.wants_compaction(&self.book) {
            let before = ledger.room().pages_free;
            let book = &self.book;
            match block_on(ledger.compact(|n| book.pieces().nth(n))) {
                Ok(()) => {
                    self.compactions += 1;
                    assert!(ledger.room().pages_free > before, "a page comes back");
                    assert!(!ledger.wants_compaction(book), "one is enough");
                }
                Err(error) => return self.cut(&error),
            }
        }
        ledger.reserve(&self.book);
        match block_on(ledger.append(record)) {
            Ok(()) => {
                self.book.apply(record).unwrap();
                if record.is_kept() {
                    self.kept.push(record.clone());
                }
                let balance = self.book.balance();
                assert_eq!(balance.metered, balance.accounted(), "I2");
                End::Durable
            }
            Err(LedgerError::Append(AppendError::Full)) => End::Full,
            Err(error) => self.cut(&error),
        }
    }

    fn cut(&mut self, error: &LedgerError<FlashError>) -> End {
        assert!(self.flash.cut_happened(), "{error}");
        self.cuts += 1;
        End::Cut
    }

    /// Writes a record that must be durable.
    #[track_caller]
    pub fn must(&mut self, record: &Record) {
        assert_eq!(self.write(record), End::Durable, "{record:?}");
    }

    /// A compaction whether or not it is wanted.
    pub fn compact(&mut self) -> Result<(), LedgerError<FlashError>> {
        let book = &self.book;
        block_on(
            self.ledger
                .as_mut()
                .unwrap()
                .compact(|n| book.pieces().nth(n)),
        )
    }

    /// Power comes back. `pending` may have become durable without its acknowledgement; if it has,
    /// it is part of the book now.
    pub fn reboot(&mut self, pending: Option<&Record>) -> Result<(), OpenError<FlashError>> {
        self.ledger = None;
        self.flash.power_up();
        let (ledger, found) = block_on(Ledger::mount(self.flash.clone()))?;
        self.ledger = Some(ledger);
        if found != self.book {
            let record = pending.expect("what was acknowledged is all there is");
            self.book.apply(record).unwrap();
            if record.is_kept() {
                self.kept.push(record.clone());
            }
            assert!(found == self.book, "I4: as before the record, or after it");
        }
        let balance = found.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
        Ok(())
    }

    /// All kept records that the flash holds, in their order.
    pub fn kept_on_flash(&mut self) -> Vec<Record> {
        let mut kept = Vec::new();
        block_on(self.ledger().visit(|_, record| {
            if record.is_kept() {
                kept.push(record);
            }
        }))
        .unwrap();
        kept
    }

    pub fn next_record(&mut self, ports: usize) -> Record {
        let Self { book, random, .. } = self;
        next_record(book, ports, &mut |sides| random.next_u32() % sides.max(1))
    }

    pub fn at(&self) -> WallTime {
        WallTime {
            unix: self.book.last().unix.plus(60),
            quality: ClockQuality::Synchronised,
        }
    }

    /// Claims the pile, sets a tariff and authorises so many tenants.
    pub fn settle_in(&mut self, tenants: u32, tariff: Tariff) {
        let commissioned = self.next_record(1);
        self.must(&commissioned);
        let at = WallTime {
            unix: UnixSeconds::new(1_735_689_600),
            quality: ClockQuality::Synchronised,
        };
        let from = self.book.last();
        self.must(&Record::ClockSet { from, to: at });
        self.must(&Record::TariffSet {
            version: TariffVersion::new(1),
            tariff,
            at,
        });
        for _ in 0..tenants {
            let tenant = enrolled(&self.book, at, true).unwrap();
            self.must(&tenant);
        }
    }

    /// Opens a session; false where the headroom does not allow it, as the machine would refuse.
    pub fn open(&mut self, port: PortId) -> bool {
        if self.headroom().sessions == 0 {
            return false;
        }
        let at = self.at();
        let Self { book, random, .. } = self;
        let mut dice = |sides| random.next_u32() % sides;
        let record = opened(book, port, at, &mut dice).unwrap();
        self.must(&record);
        true
    }

    /// Two watt-hours at every port that charges.
    pub fn progress(&mut self) {
        let mut advances = Advances::default();
        for session in self.book.open_sessions().filter(|session| !session.ended) {
            let energy = Energy::from_watt_hours(2);
            assert!(advances.push(Advance::of_session(session.port, energy)));
        }
        self.must(&Record::Progress {
            elapsed: 60,
            advances,
        });
    }

    /// The session goes on under another price, with so much more drawn.
    pub fn split(&mut self, port: PortId, more: u32) {
        let (_, tariff) = self.book.tariff().unwrap();
        let session = self.book.session(port).unwrap();
        let bands = u8::try_from(tariff.bands().len()).unwrap();
        let next = BandIndex::new((session.segment.index + 1) % bands).unwrap();
        let segment = segment(session, self.at(), more);
        self.must(&Record::SegmentClosed { segment, next });
    }

    /// The last segment and the bill.
    pub fn close(&mut self, port: PortId, more: u32) {
        for _ in 0..2 {
            let session = self.book.session(port).unwrap();
            let record = closing(&self.book, session, self.at(), more).unwrap();
            self.must(&record);
        }
    }

    /// Settles every account that owes something, and marks all as paid.
    pub fn settle_and_pay(&mut self) {
        let at = self.at();
        for account in self.book.accounts().to_vec() {
            if let Some(due) = self.book.settlement(account.id, at) {
                assert!(self.headroom().facts > 0);
                self.must(&Record::Settled(due));
            }
        }
        while let Some(record) = paid(&self.book, at, &mut |_| 0) {
            assert!(self.headroom().facts > 0);
            self.must(&record);
        }
    }

    /// The books agree and nothing kept was lost, also after a restart.
    pub fn audit(&mut self) {
        self.reboot(None).unwrap();
        let kept = self.kept_on_flash();
        assert_eq!(kept.len(), self.kept.len());
        assert!(kept == self.kept);
    }
}

/// Day and night at the prices of the design page, and a band change at every so many half hours.
pub fn tariff(every: usize) -> Tariff {
    let band = |name: &str, price: &str| Band {
        name: name.parse().unwrap(),
        energy: price.parse().unwrap(),
        service: "0.20".parse().unwrap(),
    };
    let bands = [band("day", "0.568"), band("night", "0.288")];
    let slots: [BandIndex; SLOTS] = std::array::from_fn(|slot| {
        BandIndex::new(u8::try_from(slot / every % 2).unwrap()).unwrap()
    });
    let offset = UtcOffset::UTC;
    Tariff::new(Currency::CNY, offset, &bands, slots, BandIndex::FIRST).unwrap()
}

/// A band change every half hour, the longest names, the highest prices.
pub fn dearest_tariff() -> Tariff {
    let price = Price::from_micros_per_kilowatt_hour(1_000_000_000).unwrap();
    let bands: [Band; 8] = std::array::from_fn(|n| Band {
        name: format!("twelve wide{n}").parse().unwrap(),
        energy: price,
        service: price,
    });
    let slots =
        std::array::from_fn(|slot| BandIndex::new(u8::try_from(slot % 8).unwrap()).unwrap());
    let offset = UtcOffset::UTC;
    Tariff::new(Currency::CNY, offset, &bands, slots, BandIndex::FIRST).unwrap()
}
