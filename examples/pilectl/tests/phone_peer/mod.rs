//! A pile behind a TCP port that says what a test tells it to: the pile's end of the link is ours, what
//! it answers is written by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};

use ble_protocol::message::{
    Asked, Bound, Capabilities, MAX_MESSAGE, Notice, Request, RequestId, Response, SentKey, Told,
    Welcome,
};
use ble_protocol::permission::Role;
use ble_protocol::{Holder, Keys, LinkKey, PileEnd, PileEvent};
use pile_units::{AccountId, Instant, PhoneId, PileId, WallTime};

use crate::common::Desk;

pub const KEY: [u8; 32] = [7; 32];
pub const PILE: [u8; 8] = [1; 8];

/// What becomes of a request.
pub enum Does {
    Answer(Response),
    /// The answer, and then this.
    Then(Response, Vec<Notice>),
    /// It is done, but the link is lost before the answer.
    Lose,
}

pub type Script = Box<dyn FnMut(&Asked) -> Does + Send>;

pub struct Peer {
    pub address: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

struct OnePhone;

impl Keys for OnePhone {
    fn slots(&self) -> usize {
        1
    }

    fn key(&self, _: usize) -> Option<(Holder, LinkKey)> {
        Some((Holder::Phone(PhoneId::new(3)), LinkKey::new(KEY)))
    }
}

impl Peer {
    /// Listens for as long as the test runs. `tapped` is the key of the card that lies on its reader.
    pub fn new(role: Role, tapped: Option<LinkKey>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut script = script;
            let mut last = RequestId::new(16);
            for (number, stream) in (1_u8..).zip(listener.incoming()) {
                let mut call = Call {
                    stream: stream.unwrap(),
                    end: PileEnd::new(),
                    began: Moment::now(),
                    role,
                    number,
                };
                call.serve(tapped.as_ref(), &mut script, &noted, &mut last);
            }
        });
        Self { address, asked }
    }

    pub fn landlord(script: impl FnMut(&Asked) -> Does + Send + 'static) -> Self {
        Self::new(Role::Landlord, None, Box::new(script))
    }

    pub fn tenant(script: impl FnMut(&Asked) -> Does + Send + 'static) -> Self {
        Self::new(Role::Tenant, None, Box::new(script))
    }

    /// The requests, without those for the tariff that a table asks first.
    pub fn requests(&self) -> Vec<Request> {
        let asked = self.asked.lock().unwrap();
        let of = asked.iter().map(|asked| asked.request.clone());
        of.filter(|request| *request != Request::TariffNow)
            .collect()
    }
}

struct Call {
    stream: TcpStream,
    end: PileEnd,
    began: Moment,
    role: Role,
    number: u8,
}

impl Call {
    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    fn serve(
        &mut self,
        tapped: Option<&LinkKey>,
        script: &mut Script,
        noted: &Mutex<Vec<Asked>>,
        last: &mut RequestId,
    ) {
        let wait = Duration::from_millis(5);
        self.stream.set_read_timeout(Some(wait)).unwrap();
        self.end.connected(self.now());
        let mut bytes = [0; 512];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => self.end.receive(self.now(), &bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(_) => return,
            }
            if let Some(key) = tapped {
                let _ = self.end.offer(self.now(), key);
            }
            let number = self.number;
            loop {
                let now = self.now();
                let mut random = |to: &mut [u8]| to.fill(number);
                match self.end.poll(now, &OnePhone, &mut random) {
                    PileEvent::Nothing => break,
                    PileEvent::Progress | PileEvent::Closed(_) => (),
                    PileEvent::Opened(Holder::Card) => self.tell(&Told::Bound(Bound {
                        phone: PhoneId::new(3),
                        key: SentKey::new(KEY),
                        pile: PileId::new(PILE),
                    })),
                    PileEvent::Opened(_) => self.tell(&Told::Welcome(self.welcome(*last))),
                    PileEvent::Message(_) => {
                        let asked = Asked::decode(self.end.message()).unwrap();
                        *last = asked.id;
                        noted.lock().unwrap().push(asked.clone());
                        let id = asked.id;
                        match script(&asked) {
                            Does::Answer(response) => self.tell(&Told::Answer { id, response }),
                            Does::Then(response, notices) => {
                                self.tell(&Told::Answer { id, response });
                                for notice in notices {
                                    self.tell(&Told::Notice(notice));
                                }
                            }
                            Does::Lose => return,
                        }
                    }
                }
            }
            loop {
                let count = self.end.transmit(&mut bytes);
                if count == 0 {
                    break;
                }
                if self.stream.write_all(&bytes[..count]).is_err() {
                    return;
                }
            }
            if self.end.wants_disconnect() {
                return;
            }
        }
    }

    fn tell(&mut self, told: &Told) {
        self.end.send(told.encode(&mut [0; MAX_MESSAGE])).unwrap();
    }

    fn welcome(&self, last_request: RequestId) -> Welcome {
        Welcome {
            version: 1,
            pile: Some(PileId::new(PILE)),
            name: "yard".parse().unwrap(),
            ports: 4,
            firmware: "0.1.0".parse().unwrap(),
            capabilities: Capabilities::NONE,
            now: WallTime::default(),
            role: self.role,
            phone: Some(PhoneId::new(3)),
            account: (self.role == Role::Tenant).then(|| AccountId::new(1)),
            last_request,
        }
    }
}

/// A desk with the file of phone 3.
pub fn phone() -> Desk {
    let key = "07".repeat(32);
    let file =
        format!("openpile_phone = 1\npile = \"0101010101010101\"\nphone = 3\nkey = \"{key}\"\n");
    let desk = Desk::with(&[("phone.toml", file.as_bytes())]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(desk.path("phone.toml"), mode).unwrap();
    }
    desk
}

/// The command line of a phone at this pile.
pub fn at(peer: &Peer, arguments: &str) -> String {
    format!("phone --pile {} {arguments}", peer.address)
}
