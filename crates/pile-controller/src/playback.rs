//! A run that was kept, played again: the machine on its ledger, without parts and without waiting.
//!
//! A run is a list of [`Step`]s: what happened and when, the power cuts among it. The same list leaves
//! the same bytes in the flash and gives the same receipts, on whatever machine it is played; a list
//! from the field is played on a desk, and one from a desk on a chip.
//!
//! # Terms
//! - A **step** is an event that came from outside. What the ledger answers
//!   ([`Event::Persisted`], [`Event::Room`]) is none: whoever plays writes the records at once, and
//!   answers by itself.
//! - A **boot** is a step, too: the supply comes, after a cut where there was one before.
//!
//! # Invariants
//! - A record is durable before the next step.
//! - Each session that was billed has one receipt, in the order of its pages, and each names the one before.

use crate::{Action, Actions, Config, Controller, Durable, Event};
use billing_core::book::Book;
use billing_core::journal::{Identity, MountError};
use billing_core::ledger::{Ledger, OpenError};
use billing_core::receipt::{
    BilledSession, Issuer, ReceiptHash, ReceiptSigner, SoftwareKey, receipt_digest, write_signed,
};
use billing_core::record::{ClosedSession, Record, Segment};
use core::fmt::Write;
use embedded_storage_async::nor_flash::NorFlash;
use pile_units::{Duration, Instant, PileId, PlanId, SessionId, UtcOffset, WallTime};
use serde::{Deserialize, Serialize};

/// The most bytes of a step as they are kept.
pub const MAX_STEP: usize = 320;
/// Segments of a session whose receipt is made.
const SEGMENTS: usize = 24;
/// The prime of FNV-1a with 64 bits.
const FNV_PRIME: u64 = 0x0100_0000_01b3;
/// Sessions that are open at a time.
const OPEN: usize = pile_units::MAX_PORTS;

/// One thing that happened, so long after the one before.
///
/// ```
/// use pile_controller::playback::{MAX_STEP, Step, What};
/// use pile_controller::Event;
/// use pile_units::Duration;
/// let step = Step { after: Duration::from_seconds(1), what: What::Event(Event::Tick) };
/// let mut buffer = [0; MAX_STEP];
/// let bytes = step.encode(&mut buffer);
/// assert_eq!(Step::decode(bytes), Some((step, &[][..])));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Since the step before, in milliseconds; since [`Instant::START`] for the first.
    pub after: Duration,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap to box an event on"
)]
pub enum What {
    /// The supply came. On a blank flash the pile begins its ledger.
    Boot {
        /// Outlets, 1..=16.
        ports: u8,
        /// The battery-backed clock.
        wall: WallTime,
    },
    /// Anything else.
    Event(Event),
}

impl Step {
    /// Writes it in postcard's format; nothing where the buffer is too small.
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MAX_STEP]) -> &'b [u8] {
        postcard::to_slice(self, buffer).map_or(&[], |bytes| bytes)
    }

    /// Reads one, and what follows it.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        postcard::take_from_bytes(bytes).ok()
    }
}

/// Whose pile it is that the run is played on.
#[derive(Debug)]
pub struct Site<'a> {
    /// The pile.
    pub pile: PileId,
    /// Names the journal.
    pub identity: Identity,
    /// The firmware's version on receipts.
    pub firmware: &'a str,
    /// What signs receipts; none, and there are none.
    pub key: Option<&'a SoftwareKey>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Played {
    /// Steps.
    pub steps: u32,
    /// Records that were written.
    pub records: u32,
    /// Sessions that were billed.
    pub sessions: u32,
    /// Relays that were moved, with their time: an FNV-1a hash of all moves in their order.
    pub moves: u64,
}

impl Played {
    fn see(&mut self, now: Instant, actions: &Actions) {
        for action in actions.iter() {
            let (port, closed) = match action {
                Action::OpenRelay(port) => (port, 0),
                Action::CloseRelay(port) => (port, 1),
                _ => continue,
            };
            let time = now.since(Instant::START).millis();
            for byte in time
                .to_le_bytes()
                .into_iter()
                .chain([port.number(), closed])
            {
                self.moves = (self.moves ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
    }
}

impl core::fmt::Display for Played {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            steps,
            records,
            sessions,
            moves,
        } = self;
        write!(
            f,
            "{steps} steps, {records} records, {sessions} sessions, moves {moves:016x}"
        )
    }
}

/// Why a run could not be played to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayError {
    /// Something happened before the supply came.
    NotBooted,
    /// The flash is no ledger's, or is damaged.
    Refused,
    /// A record could not be written.
    Ledger,
    /// A receipt could not be made: more segments than 24, no card, a signer or a writer that failed.
    Receipt,
}

impl core::fmt::Display for PlayError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotBooted => "something happened before the supply came",
            Self::Refused => "the ledger is refused",
            Self::Ledger => "a record could not be written",
            Self::Receipt => "a receipt could not be made",
        })
    }
}

impl core::error::Error for PlayError {}

/// Plays a run on a flash, and writes the receipts, a line each. A flash that is memory never waits,
/// so nothing here does.
///
/// ```
/// use billing_core::journal::{Identity, testing::RamFlash};
/// use pile_controller::playback::{Played, Site, Step, What, play};
/// use pile_units::{Duration, PileId, WallTime};
/// let boot = What::Boot { ports: 2, wall: WallTime::default() };
/// let run = [Step { after: Duration::from_seconds(1), what: boot }];
/// let site = Site {
///     pile: PileId::new([1; 8]), identity: Identity::new([2; 16]), firmware: "0.1.0", key: None,
/// };
/// let mut flash = RamFlash::<8, 2048, 65536>::new();
/// let mut receipts = String::new();
/// let played = embassy_futures::block_on(play(&site, &mut flash, run, &mut receipts))?;
/// assert_eq!(played, Played { steps: 1, ..Played::default() });
/// # Ok::<(), pile_controller::playback::PlayError>(())
/// ```
///
/// # Errors
/// [`PlayError`].
pub async fn play<F: NorFlash>(
    site: &Site<'_>,
    flash: F,
    steps: impl IntoIterator<Item = Step>,
    receipts: &mut impl Write,
) -> Result<Played, PlayError> {
    let mut flash = Some(flash);
    let mut pile = Pile {
        machine: Controller::asleep(),
        ledger: None,
    };
    let mut till = Till::new();
    let mut played = Played::default();
    let mut now = Instant::START;
    for step in steps {
        now = now.after(step.after);
        played.steps = played.steps.saturating_add(1);
        let event = match step.what {
            What::Boot { ports, wall } => {
                let flash = pile.ledger.take().map(Ledger::release).or(flash.take());
                let flash = flash.ok_or(PlayError::Refused)?;
                pile.boot(site, flash, now, (usize::from(ports), wall))
                    .await?;
                Event::Tick
            }
            What::Event(event) => event,
        };
        let Pile { machine, ledger } = &mut pile;
        let ledger = ledger.as_mut().ok_or(PlayError::NotBooted)?;
        played.see(now, &machine.handle(now, event));
        let mut clerk = Clerk {
            machine,
            ledger,
            till: &mut till,
            played: &mut played,
        };
        clerk.write(site, now, receipts).await?;
    }
    Ok(played)
}

/// A pile, and its ledger while it has its supply.
struct Pile<F> {
    machine: Controller,
    ledger: Option<Ledger<F>>,
}

impl<F: NorFlash> Pile<F> {
    async fn boot(
        &mut self,
        site: &Site<'_>,
        mut flash: F,
        now: Instant,
        (ports, wall): (usize, WallTime),
    ) -> Result<(), PlayError> {
        self.machine = Controller::asleep();
        let book = self.machine.book_to_fill();
        let blank = match Ledger::mount_into(&mut flash, book).await {
            Ok(_) => false,
            Err(OpenError::Mount(MountError::Blank)) => true,
            Err(_) => return Err(PlayError::Refused),
        };
        let opened = if blank {
            Ledger::format_into(flash, site.identity, book).await
        } else {
            Ledger::mount_into(flash, book).await
        };
        let ledger = opened.map_err(|_| PlayError::Refused)?;
        let durable = durable(&ledger, book);
        let config = Config {
            ports,
            pile: site.pile,
            wall,
            durable,
        };
        self.machine.wake(config, now);
        self.ledger = Some(ledger);
        Ok(())
    }
}

/// Who writes for a machine.
struct Clerk<'a, F> {
    machine: &'a mut Controller,
    ledger: &'a mut Ledger<F>,
    till: &'a mut Till,
    played: &'a mut Played,
}

impl<F: NorFlash> Clerk<'_, F> {
    /// Writes what is to be written, as the shell's ledger task does.
    async fn write(
        &mut self,
        site: &Site<'_>,
        now: Instant,
        receipts: &mut impl Write,
    ) -> Result<(), PlayError> {
        let Self {
            machine,
            ledger,
            till,
            played,
        } = self;
        loop {
            if let Some(record) = machine.outbox().cloned() {
                let appended = ledger.append(machine.book(), &record).await;
                appended.map_err(|_| PlayError::Ledger)?;
                played.records = played.records.saturating_add(1);
                let durable = durable(ledger, machine.book());
                played.see(now, &machine.handle(now, Event::Persisted(durable)));
                if let Some(closed) = till.see(&record) {
                    played.sessions = played.sessions.saturating_add(1);
                    let book = machine.book();
                    till.receipt(site, closed, book, receipts)?;
                }
            } else if ledger.wants_work(machine.book()) && machine.can_wait(now) {
                let worked = ledger.work(machine.book()).await;
                worked.map_err(|_| PlayError::Ledger)?;
            } else {
                return Ok(());
            }
            let headroom = ledger.headroom(machine.book());
            played.see(now, &machine.handle(now, Event::Room(headroom)));
        }
    }
}

fn durable<F: NorFlash>(ledger: &Ledger<F>, book: &Book) -> Durable {
    Durable {
        seq: ledger.last_record(),
        headroom: ledger.headroom(book),
    }
}

/// Sessions on their way to a receipt.
struct Till {
    open: heapless::Vec<Open, OPEN>,
    previous: Option<ReceiptHash>,
}

struct Open {
    session: SessionId,
    clock_set: bool,
    segments: heapless::Vec<Segment, SEGMENTS>,
    /// There were more.
    more: bool,
}

impl Till {
    const fn new() -> Self {
        Self {
            open: heapless::Vec::new(),
            previous: None,
        }
    }

    /// Hears of a record; the bill that is to be written, if it is one.
    fn see<'r>(&mut self, record: &'r Record) -> Option<&'r ClosedSession> {
        match record {
            Record::SessionOpened { session, .. } | Record::OpenedByPhone { session, .. } => {
                let open = Open {
                    session: *session,
                    clock_set: false,
                    segments: heapless::Vec::new(),
                    more: false,
                };
                // There is a place for every port.
                let _ = self.open.push(open);
            }
            Record::ClockSet { .. } => self.open.iter_mut().for_each(|it| it.clock_set = true),
            Record::SegmentClosed { segment, .. } | Record::LastSegment { segment } => {
                let mut open = self.open.iter_mut();
                if let Some(open) = open.find(|it| it.session == segment.session) {
                    open.more |= open.segments.push(*segment).is_err();
                }
            }
            Record::SessionClosed(closed) => return Some(closed),
            _ => {}
        }
        None
    }

    fn receipt(
        &mut self,
        site: &Site<'_>,
        closed: &ClosedSession,
        book: &Book,
        receipts: &mut impl Write,
    ) -> Result<(), PlayError> {
        let place = self.open.iter().position(|it| it.session == closed.session);
        let open = place.map(|place| self.open.swap_remove(place));
        let Some(key) = site.key else {
            return Ok(());
        };
        let open = open.filter(|open| !open.more).ok_or(PlayError::Receipt)?;
        let mut cards = book.credentials().iter();
        let card = cards.find(|card| card.id == closed.credential);
        let session = BilledSession {
            closed,
            segments: open.segments.iter().copied(),
            alias: card.ok_or(PlayError::Receipt)?.alias,
            clock_set: open.clock_set,
        };
        let tariff = book.tariff(PlanId::STANDARD);
        let issuer = Issuer {
            pile: site.pile,
            firmware: site.firmware,
            utc_offset: tariff.map_or(UtcOffset::UTC, |(_, tariff)| tariff.utc_offset()),
        };
        let data = session.receipt(&issuer, self.previous);
        let digest = receipt_digest(&data).map_err(|_| PlayError::Receipt)?;
        let signature = key.sign_digest(&digest).map_err(|_| PlayError::Receipt)?;
        let hash = write_signed(&data, &signature, receipts).map_err(|_| PlayError::Receipt)?;
        receipts.write_char('\n').map_err(|_| PlayError::Receipt)?;
        self.previous = Some(hash);
        Ok(())
    }
}
