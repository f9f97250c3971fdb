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
    ClockQuality, Currency, Energy, PlanId, PortId, Price, TariffVersion, UnixSeconds, UtcOffset,
    WallTime,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

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
    pub ledger: Option<Ledger<VirtualNor<W, E>>>,
    pub book: Book,
    /// Every record of a kept kind that was acknowledged, by its number.
    pub kept: BTreeMap<u64, Record>,
    /// Slices of the ledger's own work.
    pub slices: u32,
    /// The number of the last record that was acknowledged.
    last: u64,
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
            kept: BTreeMap::new(),
            slices: 0,
            last: 0,
            cuts: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// A pile whose ledger was found on a flash with one record.
    pub fn found(
        flash: VirtualNor<W, E>,
        ledger: Ledger<VirtualNor<W, E>>,
        book: Book,
        seed: u64,
    ) -> Self {
        Self {
            flash,
            last: ledger.last_record(),
            ledger: Some(ledger),
            book,
            kept: BTreeMap::new(),
            slices: 0,
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

    /// Writes a record as the shell does: checked, durable, applied; then the ledger's own work.
    pub fn write(&mut self, record: &Record) -> End {
        self.book.check(record).unwrap();
        let ledger = self.ledger.as_mut().unwrap();
        match block_on(ledger.append(&self.book, record)) {
            Ok(appended) => self.acknowledge(appended.seq, record),
            Err(LedgerError::Append(AppendError::Full)) => return End::Full,
            Err(error) => return self.cut(&error),
        }
        match self.work() {
            // Records wait for the cut that falls into the work after them.
            Err(error) => self.cut(&error),
            Ok(()) => End::Durable,
        }
    }

    fn acknowledge(&mut self, seq: u64, record: &Record) {
        assert!(seq > self.last, "{seq} after {}", self.last);
        self.last = seq;
        self.book.apply(record).unwrap();
        if record.is_kept() {
            self.kept.insert(seq, record.clone());
        }
        let balance = self.book.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
    }

    /// All the work that the ledger has to do for itself.
    pub fn work(&mut self) -> Result<(), LedgerError<FlashError>> {
        let ledger = self.ledger.as_mut().unwrap();
        let mut patience = 20 * ledger.room().pages;
        while ledger.wants_work(&self.book) {
            self.slices += 1;
            patience = patience.checked_sub(1).expect("the work ends");
            block_on(ledger.work(&self.book))?;
        }
        Ok(())
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

    /// Power comes back. `pending` may have become durable without its acknowledgement; if it has,
    /// it is part of the book now.
    pub fn reboot(&mut self, pending: Option<&Record>) -> Result<(), OpenError<FlashError>> {
        self.ledger = None;
        self.flash.power_up();
        let (ledger, found) = block_on(Ledger::mount(self.flash.clone()))?;
        self.ledger = Some(ledger);
        if found != self.book {
            let record = pending.expect("what was acknowledged is all there is");
            let known = self.last;
            let mut newer = None;
            let seen = |seq, seen: Record| newer = newer.max((seen == *record).then_some(seq));
            block_on(self.ledger().visit(seen)).unwrap();
            let seq = newer.filter(|seq| *seq > known);
            self.acknowledge(seq.expect("the record in flight"), record);
            assert!(found == self.book, "I4: as before the record, or after it");
        }
        let balance = found.balance();
        assert_eq!(balance.metered, balance.accounted(), "I2");
        Ok(())
    }

    /// The flash holds every record that must be kept, once, unaltered and under its number, and
    /// none that never was.
    pub fn check_kept(&mut self) {
        let mut found = BTreeMap::new();
        block_on(self.ledger().visit(|seq, record| {
            if record.is_kept() {
                assert!(found.insert(seq, record).is_none(), "{seq} twice");
            }
        }))
        .unwrap();
        for (seq, record) in &self.kept {
            let still = found.remove(seq);
            assert!(
                still.is_some() || !self.book.keeps(*seq, record),
                "{seq} is gone"
            );
            assert!(
                still.is_none_or(|still| still == *record),
                "{seq} is altered"
            );
        }
        assert!(found.is_empty(), "{:?} never was", found.keys());
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
            plan: PlanId::STANDARD,
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
        let (_, tariff) = self.book.tariff(PlanId::STANDARD).unwrap();
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
                self.must(&Record::Settled(due));
            }
        }
        while let Some(record) = paid(&self.book, at, &mut |_| 0) {
            self.must(&record);
        }
    }

    /// The books agree and nothing kept was lost, also after a restart.
    pub fn audit(&mut self) {
        self.reboot(None).unwrap();
        self.check_kept();
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
