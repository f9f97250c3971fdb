//! A conversation with a pile: asks, waits, connects again where the link is lost, with the same
//! number, so that nothing is done twice.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant as Moment};

use ble_protocol::message::{Notice, Request, Response, Welcome};
use ble_protocol::permission::Role;
use ble_protocol::{AskError, Client, ClientEvent, Pass, Why};
use pile_units::{Currency, Instant, UtcOffset};
use zeroize::Zeroizing;

use super::wire::{Place, Wire};
use super::words;
use crate::answer::Refusal;
use crate::figures::Zone;

/// Links that are tried for one request.
const TRIES: u32 = 5;
/// A pause between two of them.
const PAUSE: Duration = Duration::from_millis(500);
/// A link on which nothing is answered for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A phone and its pile.
pub struct Talk {
    place: Place,
    client: Client,
    wire: Option<Box<dyn Wire>>,
    began: Moment,
    welcome: Option<Welcome>,
    notices: VecDeque<Notice>,
    local: Option<(Zone, Currency)>,
}

/// What came of waiting.
pub enum Step {
    /// Nothing within the time.
    Nothing,
    /// This.
    Event(Box<ClientEvent>),
    /// The connection is gone.
    Gone(io::Error),
}

impl Talk {
    /// Connects and waits for the pile to say who it is.
    ///
    /// # Errors
    /// [`Refusal`] where there is no pile, or it does not know this phone.
    pub fn open(place: Place, pass: Pass) -> Result<Self, Refusal> {
        let mut talk = Self::dial(place, pass)?;
        talk.greet()?;
        Ok(talk)
    }

    /// Connects and waits for nothing.
    ///
    /// # Errors
    /// [`Refusal`] where there is no pile.
    pub fn dial(place: Place, pass: Pass) -> Result<Self, Refusal> {
        let mut talk = Self {
            place,
            client: Client::new(pass),
            wire: None,
            began: Moment::now(),
            welcome: None,
            notices: VecDeque::new(),
            local: None,
        };
        talk.connect()?;
        Ok(talk)
    }

    fn now(&self) -> Instant {
        let millis = self.began.elapsed().as_millis();
        Instant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn connect(&mut self) -> Result<(), Refusal> {
        self.hang_up();
        let mut ephemeral = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *ephemeral).map_err(|error| {
            let what = format!("this computer gives no random numbers: {error}");
            Refusal::new(what, "try another computer")
        })?;
        self.wire = Some(self.place.dial()?);
        self.client.connect(self.now(), *ephemeral);
        Ok(())
    }

    fn hang_up(&mut self) {
        self.wire = None;
        self.client.disconnected();
    }

    /// Says Bye, so that the pile need not find out. What it takes no more is not missed.
    pub fn close(&mut self) {
        self.client.close(self.now());
        let _ = self.client.poll(self.now());
        let _ = self.carry_out();
        self.hang_up();
    }

    fn carry_out(&mut self) -> io::Result<()> {
        let Some(wire) = &mut self.wire else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let mut bytes = [0; 512];
        loop {
            let count = self.client.transmit(&mut bytes);
            match bytes.get(..count) {
                None | Some([]) => return Ok(()),
                Some(bytes) => wire.write(bytes)?,
            }
        }
    }

    /// What happens next, if it does within this time.
    pub fn step(&mut self, within: Duration) -> Step {
        let until = Moment::now() + within;
        loop {
            let now = self.now();
            match self.client.poll(now) {
                ClientEvent::Nothing => (),
                event => return Step::Event(Box::new(event)),
            }
            if let Err(error) = self.carry_out() {
                return Step::Gone(error);
            }
            let left = until.saturating_duration_since(Moment::now());
            if left.is_zero() {
                return Step::Nothing;
            }
            let due = self.client.deadline(now);
            let due = due.map(|due| Duration::from_millis(due.since(now).millis()));
            let mut bytes = [0; 512];
            let read = match &mut self.wire {
                Some(wire) => wire.read(&mut bytes, due.map_or(left, |due| due.min(left))),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match read {
                Ok(count) => {
                    let now = self.now();
                    let came = bytes.get(..count).unwrap_or_default();
                    self.client.receive(now, came);
                }
                Err(error) => return Step::Gone(error),
            }
        }
    }

    /// Waits until the pile has said who it is.
    fn greet(&mut self) -> Result<(), Refusal> {
        let mut seconds = 0;
        loop {
            match self.step(PATIENCE) {
                Step::Event(event) => match *event {
                    ClientEvent::Welcome(welcome) => {
                        self.welcome = Some(welcome);
                        return Ok(());
                    }
                    ClientEvent::NotKnown => return Err(words::not_known()),
                    ClientEvent::Busy { seconds: wait } => seconds = wait,
                    ClientEvent::Closed(why) => {
                        return Err(words::closed(&self.place.to_string(), why, seconds));
                    }
                    ClientEvent::Notice(notice) => self.notices.push_back(notice),
                    _ => (),
                },
                Step::Nothing => {
                    return Err(words::closed(&self.place.to_string(), Why::Silent, 0));
                }
                Step::Gone(error) => return Err(words::gone(&self.place.to_string(), &error)),
            }
        }
    }

    /// Connects anew.
    ///
    /// # Errors
    /// [`Refusal`] if the pile cannot be reached several times.
    pub fn again(&mut self) -> Result<(), Refusal> {
        let mut tries = 0;
        loop {
            match self.connect().and_then(|()| self.greet()) {
                Ok(()) => return Ok(()),
                Err(refusal) => {
                    tries += 1;
                    if tries == TRIES {
                        return Err(refusal);
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// What the pile said of itself.
    ///
    /// # Errors
    /// [`Refusal`] before it said so.
    pub fn welcome(&self) -> Result<&Welcome, Refusal> {
        let none = || Refusal::new("the pile has not said who it is", "try again");
        self.welcome.as_ref().ok_or_else(none)
    }

    /// True for the landlord's phone.
    pub fn is_landlord(&self) -> bool {
        let role = self.welcome.as_ref().map(|welcome| welcome.role);
        role == Some(Role::Landlord)
    }

    /// Asks, over as many links as it takes.
    ///
    /// # Errors
    /// [`Refusal`], also where the pile refuses.
    pub fn ask(&mut self, request: Request) -> Result<Response, Refusal> {
        match self.try_ask(request)? {
            Response::Refused(why) => Err(words::refused(why)),
            response => Ok(response),
        }
    }

    /// The same, and a refusal of the pile is an answer.
    ///
    /// # Errors
    /// [`Refusal`] if the pile does not answer.
    pub fn try_ask(&mut self, request: Request) -> Result<Response, Refusal> {
        self.client.ask(request).map_err(|why| {
            let remedy = match why {
                AskError::NoMoreNumbers => "pilectl phone bind CODE --phone NEW.toml",
                AskError::NotWelcomed | AskError::InFlight => "try again",
            };
            Refusal::new(why.to_string(), remedy)
        })?;
        for link in 0..TRIES {
            if link > 0 {
                std::thread::sleep(PAUSE);
                self.again()?;
            }
            if let Some(response) = self.answer()? {
                return Ok(response);
            }
        }
        Err(Refusal::new(
            format!("{}: no answer, over {TRIES} links", self.place),
            "look at the pile, and ask it what was done before you ask again",
        ))
    }

    /// The answer, if it comes over this link.
    fn answer(&mut self) -> Result<Option<Response>, Refusal> {
        let until = Moment::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Moment::now());
            let Step::Event(event) = self.step(left) else {
                return Ok(None);
            };
            match *event {
                ClientEvent::Answer { response, .. } => return Ok(Some(response)),
                ClientEvent::NotUnderstood { .. } => {
                    return Err(Refusal::new(
                        "the pile gave an answer that this pilectl does not know",
                        "use a newer pilectl; what was asked for may be done",
                    ));
                }
                ClientEvent::Notice(notice) => self.notices.push_back(notice),
                ClientEvent::Closed(_) => return Ok(None),
                _ => (),
            }
        }
    }

    /// What the pile told unasked, if it does within this time.
    ///
    /// # Errors
    /// [`Refusal`] if the link is lost; what was told meanwhile is lost, too.
    pub fn notice(&mut self, within: Duration) -> Result<Option<Notice>, Refusal> {
        if let Some(notice) = self.notices.pop_front() {
            return Ok(Some(notice));
        }
        let until = Moment::now() + within;
        loop {
            match self.step(until.saturating_duration_since(Moment::now())) {
                Step::Nothing => return Ok(None),
                Step::Gone(error) => return Err(words::gone(&self.place.to_string(), &error)),
                Step::Event(event) => match *event {
                    ClientEvent::Notice(notice) => return Ok(Some(notice)),
                    ClientEvent::Closed(why) => {
                        return Err(words::closed(&self.place.to_string(), why, 0));
                    }
                    _ => (),
                },
            }
        }
    }

    /// The time and the money of the place: those of the tariff.
    ///
    /// # Errors
    /// [`Refusal`] if the pile does not answer.
    pub fn local(&mut self) -> Result<(Zone, Currency), Refusal> {
        if let Some(local) = self.local {
            return Ok(local);
        }
        let local = match self.try_ask(Request::TariffNow)? {
            Response::Tariff { tariff, .. } => {
                let tariff = tariff.tariff;
                (Zone::new(tariff.utc_offset()), tariff.currency())
            }
            // There is no tariff yet, and nothing that cost anything.
            _ => (Zone::new(UtcOffset::UTC), Currency::CNY),
        };
        self.local = Some(local);
        Ok(local)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.close();
    }
}
