//! The bench page's side of the pile: what it is told, and what it orders.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::time::{Duration, Instant};

use super::callers::Callers;
use super::house::House;
use super::http::{self, Call, What};
use super::pages::Pages;
use super::view::{self, Story};

/// Between two looks at what the pile shows.
const LOOK: Duration = Duration::from_millis(100);

/// The server, and everybody who watches.
pub(super) struct Bench {
    pub address: SocketAddr,
    calls: Receiver<Call>,
    pub callers: Callers,
    watchers: Vec<SyncSender<Arc<str>>>,
    story: Story,
    looked: Instant,
    state: String,
}

impl Bench {
    pub(super) fn open(address: SocketAddr, pages: Pages) -> std::io::Result<Self> {
        let (address, calls) = http::open(address, pages)?;
        Ok(Self {
            address,
            calls,
            callers: Callers::new(),
            watchers: Vec::new(),
            story: Story::default(),
            looked: Instant::now(),
            state: String::new(),
        })
    }

    /// The next order that came, and where to say what became of it.
    pub(super) fn next(&mut self, house: &House) -> Option<(String, Sender<Result<(), String>>)> {
        while let Ok(call) = self.calls.try_recv() {
            match call {
                Call::Order(order, answer) => return Some((order, answer)),
                Call::Ask(what, answer) => {
                    self.look(house);
                    let body = match what {
                        What::State => self.state(house).into_bytes(),
                        What::Cards => view::cards(house).to_string().into_bytes(),
                        What::Flash => house.world.flash().image(),
                    };
                    // Whoever asked may have left.
                    let _ = answer.send(body);
                }
                Call::Watch(watcher) => self.welcome(house, watcher),
                Call::Pipe(caller) => self.callers.come(caller),
            }
        }
        None
    }

    fn state(&self, house: &House) -> String {
        view::state(house, &self.callers, self.story.book()).to_string()
    }

    /// Tells a new watcher what there is, and what was.
    fn welcome(&mut self, house: &House, watcher: SyncSender<Arc<str>>) {
        self.look(house);
        let mut all = self.story.told();
        all.push(event("state", &self.state(house)));
        if all.into_iter().all(|event| watcher.try_send(event).is_ok()) {
            self.watchers.push(watcher);
        }
    }

    /// Tells everybody what is new.
    pub(super) fn tell(&mut self, house: &House, now: bool) {
        if self.watchers.is_empty() || (!now && self.looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Instant::now();
        self.look(house);
        let state = self.state(house);
        if state != self.state {
            self.send(&[event("state", &state)]);
            self.state = state;
        }
    }

    /// Looks what is new in the ledger and what was said, and tells everybody.
    fn look(&mut self, house: &House) {
        let news = self.story.look(house);
        self.send(&news);
    }

    /// Tells everybody; who left, or does not read, is told nothing more.
    fn send(&mut self, news: &[Arc<str>]) {
        let takes = |watcher: &SyncSender<Arc<str>>, event| watcher.try_send(event).is_ok();
        self.watchers
            .retain(|watcher| news.iter().all(|event| takes(watcher, Arc::clone(event))));
    }
}

/// A server-sent event.
pub(super) fn event(name: &str, data: &str) -> Arc<str> {
    Arc::from(format!("event: {name}\ndata: {data}\n\n"))
}
