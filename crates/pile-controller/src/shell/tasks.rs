//! The tasks of the shell.

use super::fast::Fast;
use super::phones::{Desk, Dice, is_news, phones_task};
use super::prover::{Ask, Prover, Tap};
use super::refused::{Front, stand};
use super::{
    Buttons, CardPace, Clock, Hardware, Line, Lines, Link, Panel, Parts, Random, Relays, Rtc,
};
use crate::serve::Inquiry;
use crate::{Action, Actions, Config, Controller, Durable, Event, Signal};
use billing_core::book::Book;
use billing_core::journal::MountError;
use billing_core::ledger::{Ledger, Look, OpenError};
use billing_core::receipt::SoftwareKey;
use billing_core::record::{Fault, Record};
use card_auth::{CardEvent, CardWatch, SiteKey};
use core::cell::RefCell;
use embassy_futures::select::{Either, Either3, Either4, select, select3, select4};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal as Wake;
use embedded_storage_async::nor_flash::NorFlash;
use metering::{EnergyMeter, Trimmed};
use pile_units::{MAX_PORTS, MeterTrim, PortId};

/// What the tasks share. No borrow lives across an await.
pub(super) struct Core<'a, H: Hardware> {
    state: RefCell<State<'a, H>>,
    pub(super) clock: &'a H::Clock,
    link: &'a H::Link,
    pub(super) outbox: Wake<NoopRawMutex, ()>,
    deadline: Wake<NoopRawMutex, ()>,
    pace: Wake<NoopRawMutex, ()>,
    /// Where phones are served, if they are.
    pub(super) desk: RefCell<Option<Desk>>,
    /// The link task has something to look at.
    pub(super) news: Wake<NoopRawMutex, ()>,
    /// What the ledger is asked.
    pub(super) inquiry: RefCell<Option<Inquiry>>,
}

struct State<'a, H: Hardware> {
    /// In its one place: it is large.
    machine: &'a mut Controller,
    relays: H::Relays,
    panel: H::Panel,
    rtc: H::Rtc,
}

type FlashError<H> =
    <<H as Hardware>::Flash as embedded_storage_async::nor_flash::ErrorType>::Error;

/// Runs the pile, and does not come back. Where its ledger is refused it stands with every relay open
/// until the landlord has a new one begun (see the [module](crate::shell)).
///
/// # Errors
/// [`OpenError`]: the flash does not answer, or cannot be formatted. Every relay is open.
///
/// # Power loss
/// At any await. What was acknowledged is in the ledger; the next `run` closes the open sessions.
pub async fn run<H: Hardware>(
    hardware: H,
) -> Result<core::convert::Infallible, OpenError<FlashError<H>>> {
    let Parts {
        ports,
        pile,
        identity,
        alias_key,
        site_key,
        random,
        clock,
        mut rtc,
        mut relays,
        mut panel,
        meters,
        watches_current,
        cards,
        mut card_pace,
        mut buttons,
        lines,
        link,
        phones,
        mut flash,
    } = hardware.into_parts();
    PortId::first(MAX_PORTS.min(ports)).for_each(|port| relays.set(port, false));
    let random = RefCell::new(random);
    let mut prover = Prover::new(&alias_key, site_key.as_ref(), Dice(&random));
    // One for the whole run: the card that begins a ledger anew still lies there afterwards.
    let mut watch = CardWatch::new(cards);
    // The book is filled where it lies: there may be no room for two.
    let mut machine = Controller::asleep();
    let book = machine.book_to_fill();
    let ledger = match Ledger::mount_into(&mut flash, book).await {
        Ok(opened) => opened,
        Err(OpenError::Mount(MountError::Blank)) => {
            Ledger::format_into(&mut flash, identity, book).await?
        }
        Err(why) => {
            panel.refused(Some(&why));
            let front: Front<'_, '_, H> = Front {
                ports,
                clock: &clock,
                relays: &mut relays,
                panel: &mut panel,
                watch: &mut watch,
                card_pace: &mut card_pace,
                buttons: &mut buttons,
                link: &link,
                prover: &mut prover,
            };
            let anew = stand(front, &mut flash, identity).await;
            let anew = anew.map_err(|error| OpenError::Mount(MountError::Flash(error)))?;
            let at = rtc.read().unwrap_or_default();
            let commissioned = anew.commissioned(pile, at);
            let (identity, first) = (anew.identity, &commissioned);
            let begun = Ledger::begin_anew_into(&mut flash, identity, first, book).await?;
            panel.refused(None);
            panel.signal(Signal::Commissioned);
            begun
        }
    };
    let now = clock.now();
    let durable = Durable {
        seq: ledger.last_record(),
        headroom: ledger.headroom(book),
    };
    let (pipe, desk, receipt_key) = Desk::of(phones, ledger.identity(), now);
    let wall = rtc.read().unwrap_or_default();
    let config = Config {
        ports,
        pile,
        wall,
        durable,
    };
    machine.wake(config, now);
    let state = State {
        machine: &mut machine,
        relays,
        panel,
        rtc,
    };
    let core: Core<'_, H> = Core::new(state, &clock, &link, desk);
    core.feed(Event::Tick);
    let site = site_key.as_ref();
    let people = select(
        cards_task(&core, watch, card_pace, prover, site),
        buttons_task(&core, buttons),
    );
    let phones = phones_task(&core, pipe, Dice(&random), site);
    let lines = select3(lines_task(&core, lines), link_task(&core), phones);
    let time = select(
        time_task(&core),
        meters_task(&core, meters, Fast::new(watches_current)),
    );
    let ledger = ledger_task(&core, ledger, receipt_key.as_ref());
    match select4(ledger, time, people, lines).await {
        // No task ever ends.
        Either4::First(never)
        | Either4::Second(Either::First(never) | Either::Second(never))
        | Either4::Third(Either::First(never) | Either::Second(never))
        | Either4::Fourth(Either3::First(never) | Either3::Second(never) | Either3::Third(never)) => {
            match never {}
        }
    }
}

type Never = core::convert::Infallible;

impl<'a, H: Hardware> Core<'a, H> {
    const fn new(
        state: State<'a, H>,
        clock: &'a H::Clock,
        link: &'a H::Link,
        desk: Option<Desk>,
    ) -> Self {
        Self {
            state: RefCell::new(state),
            clock,
            link,
            outbox: Wake::new(),
            deadline: Wake::new(),
            pace: Wake::new(),
            desk: RefCell::new(desk),
            news: Wake::new(),
            inquiry: RefCell::new(None),
        }
    }
}

impl<H: Hardware> Core<'_, H> {
    /// The machine handles the event, and what it wants is done before this returns.
    pub(super) fn feed(&self, event: Event) {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        // The task that reads the meters looks by itself after each reading.
        let reads = matches!(event, Event::Sample(..) | Event::MeterSilent(_));
        let due = |machine: &Controller| {
            let reading = (!reads).then(|| machine.next_reading(now)).flatten();
            (machine.deadline(), reading.map(|(due, _)| due))
        };
        let before = due(state.machine);
        let is_news = is_news(&event);
        let actions = state.machine.handle(now, event);
        if !actions.is_empty() {
            self.act(&mut state, &actions);
        }
        if is_news || !actions.is_empty() {
            self.overhear(&actions, state.machine);
        }
        let after = due(state.machine);
        if after.0 != before.0 {
            self.deadline.signal(());
        }
        if after.1 < before.1 {
            self.pace.signal(());
        }
    }

    fn act(&self, state: &mut State<'_, H>, actions: &Actions) {
        for action in actions.iter() {
            match action {
                Action::OpenRelay(port) => state.relays.set(port, false),
                Action::CloseRelay(port) => {
                    state.relays.set(port, true);
                    // Its current is looked at from now on.
                    self.pace.signal(());
                }
                Action::Persist => self.outbox.signal(()),
                Action::Indicate(port, indicator) => state.panel.indicate(port, indicator),
                Action::Signal(signal) => state.panel.signal(signal),
                Action::Answer(id, outcome) => self.link.answer(id, outcome),
                // Said over there: `overhear`.
                Action::Tell(..) => {}
                Action::SetClock(to) => state.rtc.set(to),
            }
        }
    }

    /// The chip of a port says that far too much flows. A port that is open by now has had its trip.
    fn trip(&self, port: PortId) {
        if self.with(|machine| machine.is_closed(port)) {
            self.feed(Event::Trip(port, Fault::Overload));
        }
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&Controller) -> T) -> T {
        look(self.state.borrow().machine)
    }
}

impl<H: Hardware> Look for Core<'_, H> {
    fn look<T>(&self, at: impl FnOnce(&Book) -> T) -> T {
        self.with(|machine| at(machine.book()))
    }
}

async fn ledger_task<H: Hardware, F: NorFlash>(
    core: &Core<'_, H>,
    mut ledger: Ledger<F>,
    key: Option<&SoftwareKey>,
) -> Never {
    let mut headroom = core.look(|book| ledger.headroom(book));
    loop {
        let record = core.with(|machine| machine.outbox().cloned());
        let (done, changed) = if let Some(record) = record {
            let written = ledger.append(core, &record).await.map(|appended| {
                let seq = appended.seq;
                core.feed(Event::Persisted(Durable { seq, headroom }));
                core.recorded(&record);
            });
            // Progress takes no room that is not planned for.
            (written, !matches!(record, Record::Progress { .. }))
        } else if ledger.wants_work(core) && core.with(|it| it.can_wait(core.clock.now())) {
            // A slice at a time: a record never waits longer than for an erase, and none that
            // could not wait so long. Where it could not, the record wakes this task.
            let done = ledger.work(core).await;
            // A flash that is memory never waits by itself: the others' turn.
            yield_now().await;
            (done, true)
        } else if let Some(inquiry) = core.inquiry.take() {
            // A page at a time, too, or a signature.
            look_up(core, &mut ledger, inquiry, key).await;
            yield_now().await;
            continue;
        } else {
            core.outbox.wait().await;
            continue;
        };
        if done.is_err() {
            core.feed(Event::LedgerFailed);
            return core::future::pending().await;
        }
        if changed {
            // With the record in the book, or the work done.
            headroom = core.look(|book| ledger.headroom(book));
            core.feed(Event::Room(headroom));
        }
    }
}

/// Reads a slice of what a phone asked, and gives the answer or goes on later.
async fn look_up<H: Hardware, F: NorFlash>(
    core: &Core<'_, H>,
    ledger: &mut Ledger<F>,
    mut inquiry: Inquiry,
    key: Option<&SoftwareKey>,
) {
    let found = inquiry.slice(ledger, core, key).await;
    let mut desk = core.desk.borrow_mut();
    // Nobody may be there any more, or somebody else, who has asked by now.
    let Some(desk) = desk.as_mut().filter(|desk| desk.serve.awaits(&inquiry)) else {
        return;
    };
    match found {
        Some(response) => {
            desk.serve.found(response);
            core.news.signal(());
        }
        None => *core.inquiry.borrow_mut() = Some(inquiry),
    }
}

async fn time_task<H: Hardware>(core: &Core<'_, H>) -> Never {
    loop {
        let Some(deadline) = core.with(Controller::deadline) else {
            core.deadline.wait().await;
            continue;
        };
        match select(core.clock.sleep_until(deadline), core.deadline.wait()).await {
            Either::First(()) => core.feed(Event::Tick),
            Either::Second(()) => {}
        }
    }
}

async fn meters_task<H: Hardware>(core: &Core<'_, H>, meters: H::Meters, mut fast: Fast) -> Never {
    // What the ledger has of the calibrations; a new one is for a port that is idle.
    let mut trims = [MeterTrim::NONE; MAX_PORTS];
    core.with(|machine| {
        for (trim, port) in trims.iter_mut().zip(machine.ports()) {
            *trim = machine.book().trim(port);
        }
    });
    let mut meters = Trimmed::with_trims(meters, trims);
    loop {
        let now = core.clock.now();
        let (reading, look) = core.with(|machine| {
            let look = fast.next(now, machine.ports(), |port| machine.is_closed(port));
            (machine.next_reading(now), look)
        });
        // Whichever has waited longer, so that neither keeps the other from its turn.
        let looks = look.is_some_and(|(due, _)| reading.is_none_or(|(other, _)| due <= other));
        let Some((due, port)) = (if looks { look } else { reading }) else {
            core.pace.wait().await;
            continue;
        };
        if due > now {
            let _ = select(core.clock.sleep_until(due), core.pace.wait()).await;
            continue;
        }
        if looks {
            fast.asked(now, port);
            // A meter that does not answer is found so by its next reading.
            if let Ok(true) = meters.over_current(port.index()).await {
                core.trip(port);
            }
            continue;
        }
        let trim = core.with(|machine| machine.book().trim(port));
        if meters.trim(port.index()) != trim {
            // There is a channel for every port.
            let _ = meters.set_trim(port.index(), trim);
        }
        match meters.sample(port.index(), now).await {
            Ok(sample) => {
                core.feed(Event::Sample(port, sample));
                if sample.over_current {
                    core.trip(port);
                }
            }
            Err(_) => core.feed(Event::MeterSilent(port)),
        }
    }
}

async fn cards_task<H: Hardware, R: Random>(
    core: &Core<'_, H>,
    mut watch: CardWatch<H::Cards>,
    mut pace: H::CardPace,
    mut prover: Prover<'_, R>,
    site: Option<&SiteKey>,
) -> Never {
    let mut resets = 0;
    loop {
        watch.refresh(core.clock.now()).await;
        let event = watch.poll().await;
        if watch.resets() != resets {
            resets = watch.resets();
            core.state.borrow_mut().panel.reader_resets(resets);
        }
        match event {
            Some(CardEvent::Presented(card)) => {
                let ask = |alias| {
                    core.with(|machine| match machine.asks_for_key(alias) {
                        true if machine.is_enrolling() => Ask::Anew,
                        true => Ask::Yes,
                        false => Ask::No,
                    })
                };
                core.feed(match prover.tap(&mut watch, &card, core.clock, ask).await {
                    Tap::Card(alias, strength) => {
                        if core.offer(site, &card.uid, (alias, strength)) {
                            // The tap binds a phone, and means nothing else.
                            pace.next().await;
                            continue;
                        }
                        Event::Card { alias, strength }
                    }
                    Tap::WrongKey(alias) => Event::WrongKey { alias },
                    Tap::Waits => Event::CardWaits,
                    Tap::RandomNumber => Event::RandomNumber,
                    Tap::Gone => Event::CardGone,
                });
            }
            Some(CardEvent::Several) => core.feed(Event::TwoCards),
            Some(CardEvent::ReaderLost) => core.feed(Event::Reader(false)),
            Some(CardEvent::ReaderBack) => core.feed(Event::Reader(true)),
            Some(CardEvent::Removed) | None => {}
        }
        pace.next().await;
    }
}

async fn buttons_task<H: Hardware>(core: &Core<'_, H>, mut buttons: H::Buttons) -> Never {
    loop {
        let port = buttons.pressed().await;
        core.feed(Event::Button(port));
    }
}

async fn lines_task<H: Hardware>(core: &Core<'_, H>, mut lines: H::Lines) -> Never {
    loop {
        core.feed(match lines.next().await {
            Line::Trip(port, fault) => Event::Trip(port, fault),
            Line::Temperature(degrees) => Event::Temperature(degrees),
            Line::PowerFailing => Event::PowerFailing,
        });
    }
}

async fn link_task<H: Hardware>(core: &Core<'_, H>) -> Never {
    loop {
        let (id, command) = core.link.next().await;
        core.feed(Event::Command(id, command));
    }
}
