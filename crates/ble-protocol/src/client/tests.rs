use super::*;
use crate::message::{Capabilities, SentKey, UpTo};
use crate::permission::Role;
use crate::{Holder, Keys, Offered, PileEnd, PileEvent, Refusal};
use pile_units::{AccountId, Duration, PhoneId, PileId, PortId, SessionId, WallTime};
use std::vec::Vec;

const NOW: Instant = Instant::from_millis(5_000);
const SECRET: [u8; 16] = [3; 16];

fn own_key() -> LinkKey {
    LinkKey::new([7; 32])
}

struct OnePhone;

impl Keys for OnePhone {
    fn slots(&self) -> usize {
        1
    }

    fn key(&self, _: usize) -> Option<(Holder, LinkKey)> {
        Some((Holder::Phone(PhoneId::new(0)), own_key()))
    }
}

/// A phone and the pile's end of its link; what the pile says is the test's.
struct Desk {
    client: Client,
    pile: PileEnd,
    drawn: u8,
    opened: Option<Holder>,
    asked: Vec<Asked>,
    events: Vec<ClientEvent>,
}

impl Desk {
    fn new(pass: Pass) -> Self {
        Self {
            client: Client::new(pass),
            pile: PileEnd::new(),
            drawn: 0,
            opened: None,
            asked: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Connected, and the pile knows of no request after this one.
    fn welcomed(last_request: u32) -> Self {
        let mut desk = Self::new(Pass::phone(own_key()));
        desk.reconnect(last_request);
        desk
    }

    fn connect(&mut self) {
        self.drawn += 1;
        self.opened = None;
        self.client.disconnected();
        self.pile.disconnected(NOW);
        self.pile.connected(NOW);
        self.client.connect(NOW, [self.drawn; 32]);
        self.carry();
    }

    fn reconnect(&mut self, last_request: u32) {
        self.connect();
        assert_eq!(self.opened, Some(Holder::Phone(PhoneId::new(0))));
        let welcome = welcome(last_request);
        self.tell(&Told::Welcome(welcome.clone()));
        assert_eq!(self.events.remove(0), ClientEvent::Welcome(welcome));
    }

    fn tell(&mut self, told: &Told) {
        self.pile.send(told.encode(&mut [0; MAX_MESSAGE])).unwrap();
        self.carry();
    }

    fn answer(&mut self, id: u32, response: Response) {
        let id = RequestId::new(id);
        self.tell(&Told::Answer { id, response });
    }

    /// Carries bytes both ways until nothing moves any more.
    fn carry(&mut self) {
        let mut bytes = [0; 64];
        loop {
            loop {
                match self.client.poll(NOW) {
                    ClientEvent::Nothing => break,
                    event => self.events.push(event),
                }
            }
            let up = self.client.transmit(&mut bytes);
            self.pile.receive(NOW, &bytes[..up]);
            let drawn = self.drawn;
            loop {
                match self
                    .pile
                    .poll(NOW, &OnePhone, &mut |to: &mut [u8]| to.fill(100 + drawn))
                {
                    PileEvent::Nothing => break,
                    PileEvent::Opened(holder) => self.opened = Some(holder),
                    PileEvent::Message(_) => {
                        self.asked.push(Asked::decode(self.pile.message()).unwrap());
                    }
                    PileEvent::Progress | PileEvent::Closed(_) => (),
                }
            }
            let down = self.pile.transmit(&mut bytes);
            self.client.receive(NOW, &bytes[..down]);
            if up + down == 0 && self.client.deadline(NOW) != Some(NOW) {
                return;
            }
        }
    }

    fn ask(&mut self, request: Request) -> RequestId {
        let id = self.client.ask(request).unwrap();
        self.carry();
        id
    }
}

fn welcome(last_request: u32) -> Welcome {
    Welcome {
        version: 1,
        pile: Some(PileId::new([1; 8])),
        name: "yard".parse().unwrap(),
        ports: 4,
        firmware: "0.1.0".parse().unwrap(),
        capabilities: Capabilities::NONE,
        now: WallTime::default(),
        role: Role::Tenant,
        phone: Some(PhoneId::new(0)),
        account: Some(AccountId::new(1)),
        last_request: RequestId::new(last_request),
    }
}

fn start() -> Request {
    Request::Start {
        port: PortId::from_number(3).unwrap(),
        up_to: UpTo::Full,
    }
}

fn started() -> Response {
    Response::Started {
        session: SessionId::new(7),
        port: PortId::from_number(3).unwrap(),
    }
}

#[test]
fn numbers_go_on_from_what_the_pile_knows_and_rise() {
    let mut desk = Desk::welcomed(16);
    for number in 17..40 {
        assert_eq!(desk.ask(Request::MyAccount).get(), number);
        assert_eq!(desk.asked.pop().unwrap().id.get(), number);
        desk.answer(number, Response::Done);
        let id = RequestId::new(number);
        let response = Response::Done;
        assert_eq!(
            desk.events.pop(),
            Some(ClientEvent::Answer { id, response })
        );
    }
    // A pile that has forgotten, by a power cut, does not make a number come twice.
    desk.reconnect(0);
    assert_eq!(desk.ask(Request::MyAccount).get(), 40);
    desk.client.give_up();
    // Nor does another app with the same key.
    desk.reconnect(90);
    assert_eq!(desk.ask(Request::MyAccount).get(), 91);
}

#[test]
fn a_request_whose_answer_was_lost_is_said_again_with_its_number_until_it_is_answered() {
    let mut desk = Desk::welcomed(0);
    desk.ask(start());
    for known in [1, 1, 0] {
        // The pile did it, its answer is lost with the link; at last the pile lost its supply, too.
        desk.reconnect(known);
    }
    let asked = Asked {
        id: RequestId::new(1),
        request: start(),
    };
    assert_eq!(desk.asked, std::vec![asked.clone(); 4]);
    assert_eq!(desk.client.in_flight(), Some(&asked));
    assert_eq!(desk.client.ask(start()), Err(AskError::InFlight));
    desk.answer(1, started());
    let id = RequestId::new(1);
    let response = started();
    let answer = ClientEvent::Answer { id, response };
    assert_eq!(desk.events.drain(..).collect::<Vec<_>>(), [answer]);
    assert_eq!(desk.client.in_flight(), None);
    // Answered: a new link says it no more.
    desk.reconnect(1);
    assert_eq!(desk.asked.len(), 4);
}

#[test]
fn what_is_asked_without_a_link_is_said_with_the_next_and_once() {
    let mut desk = Desk::welcomed(4);
    desk.client.disconnected();
    assert_eq!(desk.client.ask(start()).unwrap().get(), 5);
    assert_eq!(desk.client.poll(NOW), ClientEvent::Nothing);
    desk.connect();
    // Not before the pile has said who it is.
    assert_eq!(desk.asked, []);
    desk.tell(&Told::Welcome(welcome(4)));
    desk.carry();
    assert_eq!(desk.asked.len(), 1);
    assert_eq!(desk.asked[0].id.get(), 5);
}

#[test]
fn a_phone_that_was_restarted_says_its_request_again_with_the_number_it_had() {
    let mut desk = Desk::new(Pass::phone(own_key()));
    let asked = Asked {
        id: RequestId::new(9),
        request: start(),
    };
    desk.client.ask_again(asked.clone()).unwrap();
    desk.reconnect(8);
    assert_eq!(desk.asked, [asked]);
    desk.answer(9, started());
    assert_eq!(desk.ask(Request::MyAccount).get(), 10);
}

#[test]
fn answers_to_other_numbers_are_dropped_and_notices_between_are_told() {
    let mut desk = Desk::welcomed(16);
    desk.ask(start());
    let days = Notice::LedgerFilling { days: 6 };
    desk.answer(16, Response::Done);
    desk.answer(18, Response::Refused(Refusal::Busy));
    desk.tell(&Told::Notice(days.clone()));
    assert_eq!(desk.events, [ClientEvent::Notice(days)]);
    assert_eq!(desk.client.strays(), 2);
    desk.answer(17, started());
    let id = RequestId::new(17);
    let response = started();
    assert_eq!(desk.events[1..], [ClientEvent::Answer { id, response }]);
    // The same answer again is an answer to nothing.
    desk.answer(17, started());
    assert_eq!((desk.events.len(), desk.client.strays()), (2, 3));
}

#[test]
fn an_answer_given_up_is_dropped() {
    let mut desk = Desk::welcomed(16);
    desk.ask(start());
    assert_eq!(desk.client.give_up().unwrap().id.get(), 17);
    desk.ask(Request::MyAccount);
    desk.answer(17, started());
    assert_eq!((desk.events.len(), desk.client.strays()), (0, 1));
    assert_eq!(desk.client.in_flight().unwrap().id.get(), 18);
}

#[test]
fn what_a_newer_pile_answers_ends_the_request_and_what_it_tells_is_passed_over() {
    let mut desk = Desk::welcomed(16);
    desk.ask(start());
    for message in [&[1, 2, 99][..], &[1, 9], &[1, 1, 5, 99]] {
        desk.pile.send(message).unwrap();
    }
    desk.carry();
    assert_eq!((desk.events.len(), desk.client.strays()), (0, 3));
    desk.pile.send(&[1, 1, 17, 99, 1, 2]).unwrap();
    desk.carry();
    let id = RequestId::new(17);
    assert_eq!(desk.events, [ClientEvent::NotUnderstood { id }]);
    // Another version altogether: nothing can be asked.
    desk.pile.send(&[2, 0]).unwrap();
    desk.carry();
    assert_eq!(desk.events[1..], [ClientEvent::Closed(Why::Asked)]);
}

#[test]
fn a_card_is_tapped_and_the_phone_gets_its_own_key() {
    let mut desk = Desk::new(Pass::card(&SECRET));
    desk.connect();
    assert_eq!(desk.events, [ClientEvent::TapTheCard]);
    let key = LinkKey::of_binding(&SECRET);
    assert_eq!(desk.pile.offer(NOW, &key), Offered::Accepted);
    desk.carry();
    assert_eq!(desk.opened, Some(Holder::Card));
    let bound = Bound {
        phone: PhoneId::new(0),
        key: SentKey::new(*own_key().expose()),
        pile: PileId::new([1; 8]),
    };
    desk.tell(&Told::Bound(bound.clone()));
    assert_eq!(desk.events[1..], [ClientEvent::Bound(bound.clone())]);
    assert_eq!(Pass::from(&bound), Pass::phone(own_key()));
}

#[test]
fn a_phone_that_was_revoked_is_told_so_and_asks_for_no_tap() {
    for pass in [Pass::phone(LinkKey::new([8; 32])), Pass::recovery(&SECRET)] {
        let mut desk = Desk::new(pass);
        desk.connect();
        assert_eq!(
            desk.events,
            [ClientEvent::NotKnown, ClientEvent::Closed(Why::Asked)]
        );
    }
}

#[test]
fn strangers_are_told_how_long_to_wait() {
    let mut desk = Desk::new(Pass::card(&SECRET));
    // The pile lets strangers wait after the fourth failure.
    for _ in 0..4 {
        desk.connect();
        desk.client.receive(NOW, &[0]);
        desk.client.close(NOW);
        desk.carry();
    }
    desk.events.clear();
    desk.connect();
    let [
        ClientEvent::Busy { seconds },
        ClientEvent::Closed(Why::Busy),
    ] = desk.events[..]
    else {
        panic!("{:?}", desk.events);
    };
    assert!((1..=60).contains(&seconds));
}

#[test]
fn the_last_number_is_the_last() {
    let mut desk = Desk::welcomed(u32::MAX - 1);
    desk.ask(Request::MyAccount);
    desk.answer(u32::MAX, Response::Done);
    assert_eq!(desk.client.ask(start()), Err(AskError::NoMoreNumbers));
}

#[test]
fn a_pile_that_says_nothing_closes_the_link_and_the_request_stays() {
    let mut client = Client::new(Pass::phone(own_key()));
    client.connect(NOW, [1; 32]);
    let late = NOW.after(Duration::from_seconds(10));
    assert_eq!(client.deadline(NOW), Some(late));
    assert_eq!(client.poll(late), ClientEvent::Closed(Why::Silent));
    assert!(!client.is_welcomed());
}
