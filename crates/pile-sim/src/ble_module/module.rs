//! The module itself: its wires, its commands, its radio.

use std::collections::VecDeque;

use super::{Kind, Limits};

/// Bytes of the host's transmitter that wait.
const FIFO: usize = 16;
/// What a packet carries.
const PACKET: usize = 20;
/// Silence that ends an HM-10's command. The data sheet gives none; shorter than a driver's pause.
const SILENCE_US: u64 = 10_000;
/// How long a restart takes.
const RESTART_US: u64 = 400_000;
/// Half of an HM-10's blinking.
const BLINK_US: u64 = 500_000;

/// What the module keeps without power, and what it works with.
#[derive(Debug, Clone)]
struct Settings {
    name: String,
    baud: u32,
    interval: char,
    tells: bool,
    steady: bool,
}

#[derive(Debug)]
pub(super) struct Module {
    kind: Kind,
    limits: Limits,
    now: u64,
    host_baud: u32,
    kept: Settings,
    working: Settings,
    /// From the host: its transmitter, and when the byte in front will have arrived.
    fifo: VecDeque<u8>,
    arrives: u64,
    /// Bytes for the radio; or a command.
    to_phone: VecDeque<u8>,
    command: Vec<u8>,
    last_byte: u64,
    /// To the host: the module's transmitter, and when the byte in front will have arrived.
    to_host: VecDeque<u8>,
    departs: u64,
    received: VecDeque<u8>,
    /// The phone.
    connected: bool,
    radio: u64,
    phone_says: VecDeque<u8>,
    phone_heard: Vec<u8>,
    restarts: Option<u64>,
    commands_while_connected: bool,
    lost: u64,
    lost_by_host: u64,
    timers: Vec<u64>,
}

impl Module {
    pub fn new(kind: Kind, limits: Limits) -> Self {
        let factory = Settings {
            name: match kind {
                Kind::Hm10 => "HMSoft".into(),
                Kind::Jdy16 => "JDY-16".into(),
            },
            baud: 9_600,
            interval: '0',
            tells: kind == Kind::Jdy16,
            steady: kind == Kind::Jdy16,
        };
        Self {
            kind,
            limits,
            now: 0,
            host_baud: 9_600,
            kept: factory.clone(),
            working: factory,
            fifo: VecDeque::new(),
            arrives: 0,
            to_phone: VecDeque::new(),
            command: Vec::new(),
            last_byte: 0,
            to_host: VecDeque::new(),
            departs: 0,
            received: VecDeque::new(),
            connected: false,
            radio: 0,
            phone_says: VecDeque::new(),
            phone_heard: Vec::new(),
            restarts: None,
            commands_while_connected: false,
            lost: 0,
            lost_by_host: 0,
            timers: Vec::new(),
        }
    }

    pub const fn now(&self) -> u64 {
        self.now
    }

    pub const fn is_connected(&self) -> bool {
        self.connected
    }

    pub const fn lost(&self) -> u64 {
        self.lost
    }

    pub const fn lost_by_host(&self) -> u64 {
        self.lost_by_host
    }

    pub fn name(&self) -> &str {
        &self.working.name
    }

    pub const fn interval_step(&self) -> char {
        self.working.interval
    }

    pub const fn baud(&self) -> u32 {
        self.working.baud
    }

    pub const fn set_host_baud(&mut self, baud: u32) {
        self.host_baud = baud;
    }

    pub const fn set_command_pin(&mut self, low: bool) {
        self.commands_while_connected = low;
    }

    /// The level of the state pin.
    pub const fn state_pin(&self) -> bool {
        if self.connected {
            return true;
        }
        !self.working.steady && (self.now / BLINK_US).is_multiple_of(2)
    }

    /// Ten bits, microseconds, rounded up.
    fn byte_us(baud: u32) -> u64 {
        10_000_000_u64.div_ceil(u64::from(baud.max(1)))
    }

    // The host's side.

    /// Takes as much as the FIFO holds.
    pub fn host_writes(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(FIFO - self.fifo.len());
        if self.fifo.is_empty() && count > 0 {
            self.arrives = self.now + Self::byte_us(self.host_baud);
        }
        self.fifo.extend(bytes.iter().take(count));
        count
    }

    pub fn host_has_sent(&self) -> bool {
        self.fifo.is_empty()
    }

    pub fn host_reads(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.received.len());
        for (place, byte) in into.iter_mut().zip(self.received.drain(..count)) {
            *place = byte;
        }
        count
    }

    pub fn wake_at(&mut self, when: u64) {
        self.timers.push(when);
    }

    // The phone's side.

    pub fn connect(&mut self) {
        if !self.connected && self.restarts.is_none() {
            self.connected = true;
            self.radio = self.now + self.limits.interval_us;
            self.command.clear();
            self.tell("OK+CONN");
        }
    }

    pub fn disconnect(&mut self) {
        if self.connected {
            self.connected = false;
            self.to_phone.clear();
            self.phone_says.clear();
            self.command.clear();
            self.tell("OK+LOST");
        }
    }

    pub fn phone_writes(&mut self, bytes: &[u8]) {
        if self.connected {
            self.phone_says.extend(bytes);
        }
    }

    pub fn phone_heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.phone_heard)
    }

    /// The words of a connection; a JDY-16's are not known, so it says something else.
    fn tell(&mut self, word: &str) {
        if self.working.tells {
            match self.kind {
                Kind::Hm10 => self.say(word.as_bytes()),
                Kind::Jdy16 => self.say(b"+STATE\r\n"),
            }
        }
    }

    /// Sends to the host.
    fn say(&mut self, bytes: &[u8]) {
        if self.to_host.is_empty() {
            self.departs = self.now + Self::byte_us(self.working.baud);
        }
        for byte in bytes {
            if self.to_host.len() < self.limits.buffer {
                self.to_host.push_back(*byte);
            } else {
                self.lost += 1;
            }
        }
    }

    // Time.

    /// Lets the next thing happen; false when that is after `end`, which it then is.
    pub fn step(&mut self, end: u64) -> bool {
        let mut next = end.saturating_add(1);
        let mut at = |when: u64| next = next.min(when);
        if !self.fifo.is_empty() {
            at(self.arrives);
        }
        if !self.to_host.is_empty() {
            at(self.departs);
        }
        if self.connected {
            at(self.radio);
        }
        if !self.command.is_empty() {
            at(self.last_byte + SILENCE_US);
        }
        if !self.working.steady && !self.connected {
            at((self.now / BLINK_US + 1) * BLINK_US);
        }
        self.restarts.iter().copied().for_each(&mut at);
        self.timers.iter().copied().for_each(&mut at);
        if next > end {
            self.now = end;
            return false;
        }
        self.now = self.now.max(next);
        self.timers.retain(|when| *when > next);
        self.happen();
        true
    }

    fn happen(&mut self) {
        if self.restarts.is_some_and(|when| when <= self.now) {
            self.restarts = None;
            self.working = self.kept.clone();
        }
        if !self.fifo.is_empty() && self.arrives <= self.now {
            let byte = self.fifo.pop_front().unwrap_or_default();
            self.arrives = self.now + Self::byte_us(self.host_baud);
            self.hear(byte);
        }
        if !self.to_host.is_empty() && self.departs <= self.now {
            let byte = self.to_host.pop_front().unwrap_or_default();
            self.departs = self.now + Self::byte_us(self.working.baud);
            if self.received.len() < self.limits.host_buffer {
                let garbage = self.host_baud != self.working.baud;
                self.received.push_back(if garbage { !byte } else { byte });
            } else {
                self.lost_by_host += 1;
            }
        }
        if !self.command.is_empty() && self.last_byte + SILENCE_US <= self.now {
            self.silence();
        }
        if self.connected && self.radio <= self.now {
            self.radio = self.now + self.limits.interval_us;
            self.exchange();
        }
    }

    /// A connection event.
    fn exchange(&mut self) {
        let most = self.limits.packets * PACKET;
        let count = most.min(self.to_phone.len());
        self.phone_heard.extend(self.to_phone.drain(..count));
        let count = most.min(self.phone_says.len());
        let said: Vec<u8> = self.phone_says.drain(..count).collect();
        self.say(&said);
    }

    /// A byte from the host has arrived.
    fn hear(&mut self, byte: u8) {
        if self.restarts.is_some() || self.host_baud != self.working.baud {
            return;
        }
        let data = self.connected && !self.commands_while_connected;
        if data {
            if self.to_phone.len() < self.limits.buffer {
                self.to_phone.push_back(byte);
            } else {
                self.lost += 1;
            }
        }
        // An HM-10 looks at what it passes on too, for an AT that stands alone.
        if !data || self.kind == Kind::Hm10 {
            self.command.push(byte);
            self.last_byte = self.now;
            if self.kind == Kind::Jdy16 && self.command.ends_with(b"\r\n") {
                let command = std::mem::take(&mut self.command);
                self.jdy16(&String::from_utf8_lossy(&command).to_uppercase(), &command);
            }
        }
    }

    fn silence(&mut self) {
        let command = std::mem::take(&mut self.command);
        if self.kind == Kind::Jdy16 {
            return; // No end of line, no command.
        }
        if self.connected {
            if command == b"AT" {
                self.disconnect();
                if !self.working.tells {
                    self.say(b"OK");
                }
            }
            return;
        }
        let Ok(command) = std::str::from_utf8(&command) else {
            return;
        };
        self.hm10(command);
    }

    fn hm10(&mut self, command: &str) {
        let mut set = |known: &str, act: &mut dyn FnMut(&mut Settings, &str) -> bool| {
            let value = command.strip_prefix(known)?;
            act(&mut self.kept, value).then(|| format!("OK+Set:{value}"))
        };
        let digit = |value: &str, last: char| {
            value.len() == 1 && value.chars().all(|it| ('0'..=last).contains(&it))
        };
        let answer = match command {
            "AT" => Some("OK".to_owned()),
            "AT+RESET" => {
                self.restarts = Some(self.now + RESTART_US);
                Some("OK+RESET".to_owned())
            }
            _ => set("AT+NAME", &mut |kept, value| {
                value.clone_into(&mut kept.name);
                value.len() <= 12
            })
            .or_else(|| {
                set("AT+BAUD", &mut |kept, value| {
                    let rates = [
                        9_600, 19_200, 38_400, 57_600, 115_200, 4_800, 2_400, 1_200, 230_400,
                    ];
                    let rate = value.parse().ok().and_then(|it: usize| rates.get(it));
                    kept.baud = rate.copied().unwrap_or(kept.baud);
                    rate.is_some()
                })
            })
            .or_else(|| {
                set("AT+ADVI", &mut |kept, value| {
                    kept.interval = value.chars().next().unwrap_or('0');
                    value.len() == 1 && matches!(kept.interval, '0'..='9' | 'A'..='F')
                })
            })
            .or_else(|| {
                set("AT+NOTI", &mut |kept, value| {
                    kept.tells = value == "1";
                    digit(value, '1')
                })
            })
            .or_else(|| {
                set("AT+PIO1", &mut |kept, value| {
                    kept.steady = value == "1";
                    digit(value, '1')
                })
            })
            .or_else(|| set("AT+ROLE", &mut |_, value| digit(value, '1')))
            .or_else(|| set("AT+MODE", &mut |_, value| digit(value, '2'))),
        };
        if let Some(answer) = answer {
            self.say(answer.as_bytes());
        }
    }

    fn jdy16(&mut self, command: &str, exact: &[u8]) {
        let command = command.trim_end();
        let value = |known: &str| command.strip_prefix(known);
        let known = if let Some(name) = value("AT+NAME") {
            // The name keeps its case.
            let exact = String::from_utf8_lossy(exact);
            self.kept.name = exact.trim_end().chars().skip("AT+NAME".len()).collect();
            name.len() <= 18
        } else if let Some(step) = value("AT+ADVIN") {
            self.kept.interval = step.chars().next().unwrap_or('0');
            step.len() == 1 && self.kept.interval.is_ascii_digit()
        } else if let Some(rate) = value("AT+BAUD") {
            let rates = [
                1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400,
            ];
            let rate = rate
                .parse::<usize>()
                .ok()
                .and_then(|it| rates.get(it.wrapping_sub(1)));
            self.kept.baud = rate.copied().unwrap_or(self.kept.baud);
            rate.is_some()
        } else if let Some(tells) = value("AT+ENLOG") {
            self.kept.tells = tells == "1";
            matches!(tells, "0" | "1")
        } else if command == "AT+VER" {
            self.say(b"+VER=JDY-16-V1.5\r\n");
            return;
        } else if command == "AT+RST" {
            self.disconnect();
            self.restarts = Some(self.now + RESTART_US);
            true
        } else if command == "AT+DISC" {
            self.disconnect();
            true
        } else {
            matches!(command, "AT+HOSTEN0" | "AT+STARTEN0")
        };
        if known {
            self.say(b"+OK\r\n");
        }
    }
}
