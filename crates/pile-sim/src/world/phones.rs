//! Phones before the pile, and what people do with them.

use super::World;
use crate::cards::VirtualCard;
use crate::link::{Air, Doorway, Way};
use ble_protocol::message::{
    Asked, Bound, Capabilities, Notice, Request, RequestId, Response, Welcome,
};
use ble_protocol::{Client, ClientEvent, LinkKey, Pass, Why};
use card_auth::{BindingSecret, RecoveryCode, Uid, binding_secret, recovery_secret};
use pile_controller::serve::About;
use pile_units::{Instant, PhoneId};
use rand_chacha::rand_core::Rng;
use std::cell::{Ref, RefCell};
use std::rc::Rc;

/// Milliseconds that a phone waits for the pile before its owner loses patience.
const PATIENCE: u64 = 20_000;
/// Milliseconds between two looks.
const LOOK: u64 = 20;

/// A phone: what it holds, and what it was told.
///
/// ```
/// use pile_sim::cards::VirtualCard;
/// use pile_sim::world::{Setup, World};
/// let mut world = World::new(Setup::default());
/// world.power_up();
/// let (card, _) = world.issue([4, 1, 2, 3, 4, 5, 6]).unwrap();
/// let phone = world.phone(&card).unwrap(); // has photographed the card's code
/// assert!(world.bind(&phone, &card)); // claims the blank pile, and binds the phone
/// assert!(phone.number().is_some());
/// ```
#[derive(Clone)]
pub struct VirtualPhone(Rc<RefCell<Phone>>);

pub(super) struct Phone {
    client: Client,
    connection: Option<u64>,
    number: Option<PhoneId>,
    key: Option<LinkKey>,
    welcome: Option<Welcome>,
    asked_to_tap: bool,
    not_known: bool,
    busy: Option<u16>,
    answers: Vec<(RequestId, Response)>,
    notices: Vec<(u64, Notice)>,
    ends: Vec<Why>,
    links: u32,
}

impl VirtualPhone {
    fn new(pass: Pass) -> Self {
        let key = match &pass {
            Pass::Phone(key) => Some(key.clone()),
            Pass::Card(_) | Pass::Recovery(_) => None,
        };
        Self(Rc::new(RefCell::new(Phone {
            client: Client::new(pass),
            connection: None,
            number: None,
            key,
            welcome: None,
            asked_to_tap: false,
            not_known: false,
            busy: None,
            answers: Vec::new(),
            notices: Vec::new(),
            ends: Vec::new(),
            links: 0,
        })))
    }

    /// Its number, once it is bound.
    pub fn number(&self) -> Option<PhoneId> {
        self.0.borrow().number
    }

    /// Its own key, once it is bound.
    pub fn key(&self) -> Option<LinkKey> {
        self.0.borrow().key.clone()
    }

    /// What the pile said of itself last.
    pub fn welcome(&self) -> Option<Welcome> {
        self.0.borrow().welcome.clone()
    }

    /// True while it is connected and was welcomed.
    pub fn is_welcomed(&self) -> bool {
        self.0.borrow().client.is_welcomed()
    }

    /// True while it has a connection, welcomed or not.
    pub fn is_connected(&self) -> bool {
        self.0.borrow().connection.is_some()
    }

    /// True if its screen says "tap the card".
    pub fn is_asked_to_tap(&self) -> bool {
        self.0.borrow().asked_to_tap
    }

    /// True if the pile did not know it when it last called.
    pub fn is_not_known(&self) -> bool {
        self.0.borrow().not_known
    }

    /// The seconds it was last told to wait.
    pub fn busy(&self) -> Option<u16> {
        self.0.borrow().busy
    }

    /// What it was answered, in order.
    pub fn answers(&self) -> Ref<'_, [(RequestId, Response)]> {
        Ref::map(self.0.borrow(), |phone| phone.answers.as_slice())
    }

    /// What it was told unasked: (milliseconds, what).
    pub fn notices(&self) -> Vec<(u64, Notice)> {
        self.0.borrow().notices.clone()
    }

    /// Why its links ended, in order.
    pub fn ends(&self) -> Vec<Why> {
        self.0.borrow().ends.clone()
    }

    /// How many links it began.
    pub fn links(&self) -> u32 {
        self.0.borrow().links
    }

    /// True while a request waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.0.borrow().client.in_flight().is_some()
    }

    /// Asks without waiting: what was asked before and not answered yet keeps its place, and this is
    /// not asked.
    pub fn ask(&self, request: Request) -> Option<RequestId> {
        self.0.borrow_mut().client.ask(request).ok()
    }

    /// Asks again what was asked with this number, as if its answer had been lost.
    pub fn ask_again(&self, id: RequestId, request: Request) {
        let asked = Asked { id, request };
        let _ = self.0.borrow_mut().client.ask_again(asked);
    }

    /// Waits for the answer no more.
    pub fn give_up(&self) {
        let _ = self.0.borrow_mut().client.give_up();
    }
}

impl Phone {
    /// Hears, thinks and speaks; true if it said or heard something.
    fn step(&mut self, now: u64, air: &Air) -> bool {
        let Some(connection) = self.connection else {
            return false;
        };
        let moment = Instant::from_millis(now);
        let stands = air.connection() == Some(connection);
        let came = match air.connection() {
            // Somebody else's by now.
            Some(other) if other != connection => Vec::new(),
            _ => air.hear(Way::ToPhone),
        };
        self.client.receive(moment, &came);
        self.hear(now);
        if !stands
            && air
                .arrival(Way::ToPhone)
                .is_none_or(|_| air.connection().is_some())
        {
            self.client.disconnected();
            self.connection = None;
            return true;
        }
        let mut moved = !came.is_empty();
        let mut portion = vec![0; air.pace().portion.max(1)];
        loop {
            let count = self.client.transmit(&mut portion);
            if count == 0 {
                break;
            }
            moved = true;
            air.say(Way::ToPile, portion.get(..count).unwrap_or_default());
        }
        if stands && self.client.wants_disconnect() {
            air.hang_up(Way::ToPhone);
            self.client.disconnected();
            self.connection = None;
            return true;
        }
        moved
    }

    fn hear(&mut self, now: u64) {
        loop {
            match self.client.poll(Instant::from_millis(now)) {
                ClientEvent::Nothing => return,
                ClientEvent::TapTheCard => self.asked_to_tap = true,
                ClientEvent::NotKnown => self.not_known = true,
                ClientEvent::Busy { seconds } => self.busy = Some(seconds),
                ClientEvent::Welcome(welcome) => self.welcome = Some(welcome),
                ClientEvent::Bound(bound) => self.bound(now, &bound),
                ClientEvent::Answer { id, response } => self.answers.push((id, response)),
                ClientEvent::NotUnderstood { .. } => (),
                ClientEvent::Notice(notice) => self.notices.push((now, notice)),
                ClientEvent::Closed(why) => self.ends.push(why),
            }
        }
    }

    /// Keeps its key, ends the link that a card opened, and is another phone from now on.
    fn bound(&mut self, now: u64, bound: &Bound) {
        self.number = Some(bound.phone);
        self.key = Some(LinkKey::new(*bound.key.expose()));
        self.client.close(Instant::from_millis(now));
    }

    fn next(&self, now: u64, air: &Air) -> u64 {
        let Some(connection) = self.connection else {
            return u64::MAX;
        };
        let deadline = self.client.deadline(Instant::from_millis(now));
        let arrival = match air.connection() {
            Some(other) if other != connection => Some(now),
            _ => air.arrival(Way::ToPhone),
        };
        let deadline = deadline.map(Instant::millis);
        arrival
            .into_iter()
            .chain(deadline)
            .min()
            .unwrap_or(u64::MAX)
    }
}

impl World {
    /// What is printed in a card's code: the secret that its QR code carries. `None` for a card whose
    /// UID no reader would take.
    pub fn code(&self, card: &VirtualCard) -> Option<BindingSecret> {
        let uid = Uid::from_bytes(card.uid()).ok()?;
        Some(binding_secret(&self.site_key, &uid))
    }

    /// What is printed on the kit's sheet: the recovery code of this number.
    pub fn recovery_code(&self, number: u8) -> RecoveryCode {
        let secret = recovery_secret(&self.site_key, number);
        RecoveryCode { number, secret }
    }

    /// A phone that has scanned this card's code.
    pub fn phone(&mut self, card: &VirtualCard) -> Option<VirtualPhone> {
        let code = self.code(card)?;
        Some(self.phone_with(Pass::card(code.expose())))
    }

    /// A phone with the kit's recovery code of this number.
    pub fn recovery_phone(&mut self, number: u8) -> VirtualPhone {
        let secret = recovery_secret(&self.site_key, number);
        self.phone_with(Pass::recovery(secret.expose()))
    }

    /// A phone that opens links with this.
    pub fn phone_with(&mut self, pass: Pass) -> VirtualPhone {
        let phone = VirtualPhone::new(pass);
        self.phones.push(phone.clone());
        phone
    }

    /// The air before the pile: to slow it, to drop connections, to listen, to sit in the middle.
    pub const fn air(&self) -> &Air {
        &self.air
    }

    /// Gives the pile a doorway in the place of the air, from the next power-up on: for phones that are
    /// outside of this world.
    pub fn doorway(&mut self) -> Doorway {
        self.doorway.get_or_insert_default().clone()
    }

    /// Begins a link without waiting; false while another phone is connected, or without supply.
    pub fn dial(&mut self, phone: &VirtualPhone) -> bool {
        if !self.is_powered() {
            return false;
        }
        let mut one = phone.0.borrow_mut();
        if one.connection.is_some() {
            return true;
        }
        let Some(connection) = self.air.dial() else {
            return false;
        };
        let mut ephemeral = [0; 32];
        self.random.0.borrow_mut().fill_bytes(&mut ephemeral);
        one.connection = Some(connection);
        one.links += 1;
        (one.asked_to_tap, one.not_known, one.busy) = (false, false, None);
        let now = Instant::from_millis(self.time.millis());
        one.client.connect(now, ephemeral);
        drop(one);
        self.settle();
        true
    }

    /// Connects a phone and waits until the pile has welcomed it; false if that did not come about.
    pub fn connect(&mut self, phone: &VirtualPhone) -> bool {
        if phone.is_welcomed() {
            return true;
        }
        if !self.wait_for(PATIENCE, |world| world.dial(phone)) {
            return false;
        }
        self.wait_for(PATIENCE, |_| {
            phone.is_welcomed() || phone.0.borrow().connection.is_none()
        });
        phone.is_welcomed()
    }

    /// Binds a phone that has scanned a code: connects it, taps the card when it says so, and
    /// connects it anew with its own key. False if it was not bound.
    pub fn bind(&mut self, phone: &VirtualPhone, card: &VirtualCard) -> bool {
        if !self.wait_for(PATIENCE, |world| world.dial(phone)) {
            return false;
        }
        if self.wait_for(PATIENCE, |_| phone.is_asked_to_tap()) {
            self.tap(card);
        }
        self.wait_for(PATIENCE, |_| phone.0.borrow().connection.is_none());
        let Some(key) = phone.key() else {
            return false;
        };
        phone.0.borrow_mut().client = Client::new(Pass::phone(key));
        self.connect(phone)
    }

    /// Asks and waits for the answer, over as many links as that takes; `None` if patience ends.
    pub fn ask(&mut self, phone: &VirtualPhone, request: Request) -> Option<Response> {
        let id = if self.connect(phone) {
            phone.ask(request)?
        } else {
            return None;
        };
        self.answer_to(phone, id)
    }

    /// Waits for the answer to a request that was asked.
    pub fn answer_to(&mut self, phone: &VirtualPhone, id: RequestId) -> Option<Response> {
        self.settle();
        self.wait_for(PATIENCE, |world| {
            if phone.answers().iter().any(|it| it.0 == id) {
                return true;
            }
            if phone.0.borrow().connection.is_none() {
                world.dial(phone);
            }
            false
        });
        let answers = phone.answers();
        let answer = answers.iter().find(|it| it.0 == id);
        answer.map(|it| it.1.clone())
    }

    /// Ends a phone's link as an app does: with Bye.
    pub fn hang_up(&mut self, phone: &VirtualPhone) {
        let now = Instant::from_millis(self.time.millis());
        phone.0.borrow_mut().client.close(now);
        self.settle();
        self.wait_for(5_000, |_| phone.0.borrow().connection.is_none());
        // What is under way to the pile arrives, and the pile sees that nobody is there.
        self.run_for(100);
    }

    /// Lets every phone that is connected hang up.
    pub fn hang_up_whoever(&mut self) {
        for phone in self.phones.clone() {
            if phone.is_connected() {
                self.hang_up(&phone);
            }
        }
    }

    /// Takes a phone away with its link open.
    pub fn walk_away(&mut self, phone: &VirtualPhone) {
        if phone.0.borrow().connection == self.air.connection() {
            self.air.cut();
        }
        self.settle();
    }

    /// Lets the world run until something is so, for so many milliseconds at most; whether it is.
    pub fn wait_for(&mut self, millis: u64, mut is_so: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now().saturating_add(millis);
        loop {
            if is_so(self) {
                return true;
            }
            if self.now() >= end {
                return false;
            }
            self.run_for(LOOK);
        }
    }

    /// Lets every phone hear, think and speak; true if one did.
    pub(super) fn step_phones(&mut self) -> bool {
        let now = self.time.millis();
        let mut moved = false;
        for phone in &self.phones {
            moved |= phone.0.borrow_mut().step(now, &self.air);
        }
        moved
    }

    /// The next moment at which a phone has something to do.
    pub(super) fn phones_next(&self) -> u64 {
        let now = self.time.millis();
        let next = |phone: &VirtualPhone| phone.0.borrow().next(now, &self.air);
        // Whatever was due by now was done.
        let next = self.phones.iter().map(next).min();
        next.unwrap_or(u64::MAX).max(now + 1)
    }
}

/// What the virtual pile says of itself.
pub(super) fn about() -> About {
    About {
        name: "openpile desk".parse().unwrap_or_default(),
        firmware: concat!("pile-sim ", env!("CARGO_PKG_VERSION"))
            .parse()
            .unwrap_or_default(),
        capabilities: Capabilities::CARD_KEYS.with(Capabilities::CLOCK),
    }
}
