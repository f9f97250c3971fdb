//! The link task: one phone at a time over one pipe.
//!
//! It drives the pile's end of the link ([`PileEnd`]) and the conversation behind it
//! ([`Serve`]), and waits for whichever comes first: bytes, a deadline, something to tell. A step of a
//! handshake takes some milliseconds of arithmetic; between two steps, and between two portions
//! on the pipe, every other task gets its turn.

use super::tasks::Core;
use super::{Clock, Hardware, Phones, Random};
use crate::serve::{Serve, Todo};
use crate::{Actions, Controller, Event};
use billing_core::journal::Identity;
use billing_core::receipt::SoftwareKey;
use billing_core::record::Record;
use ble_protocol::message::{Capabilities, MAX_MESSAGE};
use ble_protocol::{Gone, Holder, LinkKey, Offered, PileEnd, PileEvent, Pipe, Why};
use card_auth::{SiteKey, Uid, binding_secret};
use core::cell::RefCell;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_futures::yield_now;
use pile_units::{CardAlias, Instant, Strength};
use zeroize::Zeroizing;

/// Bytes that are taken from the pipe or handed to it at a time.
const PORTION: usize = 256;

/// Where the phone is served: the link's end, and the conversation.
pub(super) struct Desk {
    end: PileEnd,
    pub serve: Serve,
    /// The card whose code the phone has, tapped just now.
    tapped: Option<(CardAlias, Strength)>,
    /// Handshakes that came to nothing.
    failed: u32,
    opened: bool,
}

impl Desk {
    /// What serves phones, taken apart: its pipe, the desk, and the key for receipts.
    pub fn of<P>(
        phones: Option<Phones<P>>,
        journal: Identity,
        now: Instant,
    ) -> (Option<P>, Option<Self>, Option<SoftwareKey>) {
        let Some(phones) = phones else {
            return (None, None, None);
        };
        let mut about = phones.about;
        if phones.receipt_key.is_some() {
            about.capabilities = about.capabilities.with(Capabilities::RECEIPTS);
        }
        let serve = Serve::new(about, phones.keys, journal, now);
        (
            Some(phones.pipe),
            Some(Self::new(serve)),
            phones.receipt_key,
        )
    }

    const fn new(serve: Serve) -> Self {
        Self {
            end: PileEnd::new(),
            serve,
            tapped: None,
            failed: 0,
            opened: false,
        }
    }
}

/// One source of random numbers for several tasks.
pub(super) struct Dice<'a, R>(pub &'a RefCell<R>);

impl<R: Random> Random for Dice<'_, R> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.borrow_mut().fill(bytes);
    }
}

/// What one step came to.
enum Step {
    /// Nothing to do until something happens.
    Idle,
    /// There may be more to do.
    Again,
}

impl<H: Hardware> Core<'_, H> {
    /// The phone's side hears what the machine did.
    pub(super) fn overhear(&self, actions: &Actions, machine: &Controller) {
        use crate::Action;
        let mut desk = self.desk.borrow_mut();
        let Some(desk) = desk.as_mut() else {
            return;
        };
        for action in actions.iter() {
            match action {
                Action::Tell(number, outcome) => desk.serve.answered(number, outcome, machine),
                Action::Signal(signal) => desk.serve.signalled(signal),
                _ => {}
            }
        }
        self.news.signal(());
    }

    /// A record became part of the book.
    pub(super) fn recorded(&self, record: &Record) {
        if let Some(desk) = self.desk.borrow_mut().as_mut() {
            self.with(|machine| desk.serve.recorded(record, machine));
            self.news.signal(());
        }
    }

    /// Offers the tapped card to the phone that waits for a tap; true if it is that phone's, and the
    /// tap has no other meaning.
    pub(super) fn offer(
        &self,
        site: Option<&SiteKey>,
        uid: &Uid,
        (alias, strength): (CardAlias, Strength),
    ) -> bool {
        let mut desk = self.desk.borrow_mut();
        let (Some(desk), Some(site)) = (desk.as_mut(), site) else {
            return false;
        };
        if !desk.end.is_waiting() || !self.with(|machine| machine.may_bind(alias, strength)) {
            return false;
        }
        let key = LinkKey::of_binding(binding_secret(site, uid).expose());
        match desk.end.offer(self.clock.now(), &key) {
            Offered::Accepted => {
                desk.tapped = Some((alias, strength));
                self.news.signal(());
                true
            }
            Offered::NobodyWaits | Offered::NotThisCard => false,
        }
    }

    fn at_desk<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> Option<T> {
        self.desk.borrow_mut().as_mut().map(work)
    }

    /// Does one step of the link.
    fn step(&self, now: Instant, random: &mut impl Random, site: Option<&SiteKey>) -> Step {
        let stepped = self.at_desk(|desk| {
            self.with(|machine| {
                let ended = desk.serve.wants_close(now, machine);
                let mut said = true;
                while said && desk.end.room() >= MAX_MESSAGE {
                    said = match desk.serve.say(now, machine) {
                        Some(told) => {
                            // A phone's own key may be in it.
                            let mut buffer = Zeroizing::new([0; MAX_MESSAGE]);
                            // There is room.
                            let _ = desk.end.send(told.encode(&mut buffer));
                            true
                        }
                        None => false,
                    };
                }
                // Without the site's key no card's code can be known.
                let hopeless = site.is_none() && desk.end.is_waiting();
                if hopeless || (ended && !desk.end.has_output()) {
                    desk.end.close(now);
                }
                let mut fill = |bytes: &mut [u8]| random.fill(bytes);
                let event = {
                    let ring = desk.serve.ring(machine, site);
                    desk.end.poll(now, &ring, &mut fill)
                };
                desk.take(now, event, machine)
            })
        });
        let Some((step, todo)) = stepped else {
            return Step::Idle;
        };
        match todo {
            Todo::Nothing => {}
            Todo::Feed(event) => self.feed(event),
            Todo::LookUp(inquiry) => {
                *self.inquiry.borrow_mut() = Some(inquiry);
                self.outbox.signal(());
            }
            Todo::Close => {
                self.at_desk(|desk| desk.end.close(now));
            }
        }
        step
    }
}

impl Desk {
    fn take(&mut self, now: Instant, event: PileEvent, machine: &Controller) -> (Step, Todo) {
        match event {
            PileEvent::Nothing => (Step::Idle, Todo::Nothing),
            PileEvent::Progress => (Step::Again, Todo::Nothing),
            PileEvent::Opened(holder) => {
                self.opened = true;
                let tapped = self.tapped.take().filter(|_| holder == Holder::Card);
                (Step::Again, self.serve.opened(now, holder, tapped, machine))
            }
            PileEvent::Message(_) => {
                let todo = self.serve.request(now, self.end.message(), machine);
                (Step::Again, todo)
            }
            PileEvent::Closed(why) => {
                let strange = !matches!(why, Why::Asked | Why::Bye | Why::Silent | Why::Busy);
                if strange && !self.opened {
                    self.failed = self.failed.saturating_add(1);
                }
                self.opened = false;
                self.serve.closed();
                (Step::Again, Todo::Nothing)
            }
        }
    }
}

/// Serves phones, one after the other, for ever.
pub(super) async fn phones_task<H: Hardware, R: Random>(
    core: &Core<'_, H>,
    pipe: Option<H::Phones>,
    mut random: R,
    site: Option<&SiteKey>,
) -> core::convert::Infallible {
    let Some(mut pipe) = pipe else {
        return core::future::pending().await;
    };
    let mut free = None;
    loop {
        if let Some(event) = core.at_desk(|desk| desk.serve.orphaned()).flatten() {
            core.feed(event);
        }
        let now_free = core.with(Controller::free_ports);
        if free != Some(now_free) {
            free = Some(now_free);
            pipe.advertise(now_free);
        }
        if let Either::Second(()) = select(pipe.connected(), core.news.wait()).await {
            continue;
        }
        let now = core.clock.now();
        core.at_desk(|desk| desk.end.connected(now));
        if let Ok(()) = talk(core, &mut pipe, &mut random, site).await {
            pipe.disconnect().await;
        }
        let now = core.clock.now();
        core.at_desk(|desk| {
            desk.end.disconnected(now);
            desk.serve.closed();
            (desk.tapped, desk.opened) = (None, false);
        });
    }
}

/// Serves one phone until this side is to end the connection.
async fn talk<H: Hardware>(
    core: &Core<'_, H>,
    pipe: &mut H::Phones,
    random: &mut impl Random,
    site: Option<&SiteKey>,
) -> Result<(), Gone> {
    let mut bytes = [0; PORTION];
    loop {
        let now = loop {
            let now = core.clock.now();
            match core.step(now, random, site) {
                Step::Idle => break now,
                // A handshake's step takes milliseconds: the others' turn.
                Step::Again => yield_now().await,
            }
        };
        let portion = pipe.portion().min(PORTION);
        let out = bytes.get_mut(..portion).unwrap_or_default();
        let count = core.at_desk(|desk| desk.end.transmit(out)).unwrap_or(0);
        if count > 0 {
            pipe.write(bytes.get(..count).unwrap_or_default()).await?;
            // What came meanwhile, without waiting for it.
            if let Either::First(read) = select(pipe.read(&mut bytes), yield_now()).await {
                hear(core, &bytes, read?);
            }
            continue;
        }
        let told = core.at_desk(|desk| {
            let (failed, bad) = (desk.failed, desk.end.bad_frames());
            desk.serve.count_troubles(failed, bad);
            let serve = core.with(|machine| desk.serve.deadline(machine));
            // What was due could be done, or waits for room: the phone has to take something first.
            let serve = serve.filter(|due| *due > now);
            let deadline = desk.end.deadline(now).into_iter().chain(serve).min();
            (desk.end.wants_disconnect(), deadline)
        });
        let (gone, deadline) = told.unwrap_or((true, None));
        if gone {
            return Ok(());
        }
        let sleep = async {
            match deadline {
                Some(at) => core.clock.sleep_until(at).await,
                None => core::future::pending().await,
            }
        };
        match select3(pipe.read(&mut bytes), core.news.wait(), sleep).await {
            Either3::First(read) => hear(core, &bytes, read?),
            Either3::Second(()) | Either3::Third(()) => {}
        }
    }
}

fn hear<H: Hardware>(core: &Core<'_, H>, bytes: &[u8], count: usize) {
    let now = core.clock.now();
    let heard = bytes.get(..count).unwrap_or_default();
    core.at_desk(|desk| desk.end.receive(now, heard));
}

/// True for what a phone may want to hear of although the machine does nothing about it.
pub(super) const fn is_news(event: &Event) -> bool {
    !matches!(event, Event::Sample(..) | Event::MeterSilent(_))
}
