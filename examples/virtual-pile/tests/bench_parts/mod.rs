//! `virtual-pile serve --http` as it is run, and a small browser before it.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod flash;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use pilectl::answer::{Answer, Refusal};
use pilectl::cli::{self, Cli};
use serde_json::Value;
use tempfile::TempDir;
use tungstenite::{Error, Message, WebSocket};

/// A pile that is served to this computer.
pub struct Bench {
    child: Child,
    pub address: String,
    pub folder: TempDir,
}

impl Bench {
    pub fn new(more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_virtual-pile"))
            .args(["serve", "--http", "127.0.0.1:0", "--for", "300", "--phone"])
            .arg(folder.path().join("no-phone"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(rest) = line.strip_prefix("http://") {
                break rest.trim_end_matches('/').to_owned();
            }
        };
        // Nobody reads what it says: it must not wait for that.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            child,
            address,
            folder,
        }
    }

    pub fn host(&self) -> String {
        format!("Host: {}", self.address)
    }

    /// One request, and the whole answer.
    fn raw(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        for header in headers {
            head.extend([header, "\r\n"]);
        }
        if method == "POST" {
            let length = body.len().to_string();
            head.extend(["Content-Length: ", &length, "\r\n\r\n", body]);
        } else {
            head += "\r\n";
        }
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, Vec<u8>) {
        let answer = self.raw(method, path, headers, body);
        let ends = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&answer[..ends]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer[ends + 4..].to_vec())
    }

    pub fn head(&self, path: &str) -> String {
        let answer = self.raw("GET", path, &[&self.host()], "");
        let ends = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        String::from_utf8(answer[..ends].to_vec()).unwrap()
    }

    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.ask("GET", path, &[&self.host()], "")
    }

    pub fn try_order(&self, order: &str) -> Result<(), String> {
        let body = serde_json::json!({ "order": order }).to_string();
        let headers = [self.host(), "Content-Type: application/json".to_owned()];
        let headers = headers.each_ref().map(String::as_str);
        let (status, answer) = self.ask("POST", "/bench", &headers, &body);
        match status {
            200 => Ok(()),
            _ => Err(String::from_utf8(answer).unwrap()),
        }
    }

    #[track_caller]
    pub fn order(&self, order: &str) {
        self.try_order(order).unwrap();
    }

    pub fn state(&self) -> Value {
        serde_json::from_slice(&self.get("/bench/state").1).unwrap()
    }

    /// Waits until it is so.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let state = self.state();
            if is_so(&state) {
                return state;
            }
            assert!(Instant::now() < end, "never: {what}: {state:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until this is the last thing that the pile said.
    #[track_caller]
    pub fn until_said(&self, name: &str) {
        self.until(name, |state| state["said"]["name"] == name);
    }

    /// A phone's pipe, opened.
    pub fn pipe(&self, who: &str) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(&self.address).unwrap();
        let url = format!("ws://{}/pipe?who={who}", self.address);
        tungstenite::client(url, stream).unwrap().0
    }

    /// A socket that `pilectl phone` can call: each call is carried over a pipe of its own, as a browser
    /// would.
    pub fn bridge(&self, who: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (pile, who) = (self.address.clone(), who.to_owned());
        std::thread::spawn(move || {
            for call in listener.incoming() {
                let stream = TcpStream::connect(&pile).unwrap();
                let url = format!("ws://{pile}/pipe?who={who}");
                let Ok((socket, _)) = tungstenite::client(url, stream) else {
                    return;
                };
                carry(&call.unwrap(), socket);
            }
        });
        address
    }

    pub fn try_phone(&self, who: &str, at: &str, words: &[&str]) -> Result<Answer, Refusal> {
        let keys = self.folder.path().join(format!("{who}.toml"));
        let keys = keys.display().to_string();
        let head = ["pilectl", "phone", "--pile", at, "--phone", &keys];
        cli::run(&Cli::try_parse_from(head.iter().chain(words)).unwrap())
    }

    #[track_caller]
    pub fn phone(&self, who: &str, at: &str, words: &[&str]) -> String {
        match self.try_phone(who, at, words) {
            Ok(answer) if answer.is_well() => answer.text().to_owned(),
            Ok(answer) => panic!("{words:?}: {}", answer.text()),
            Err(refusal) => panic!("{words:?}: {refusal}"),
        }
    }

    /// Binds a phone by a card's code and its tap, which comes late.
    #[track_caller]
    pub fn bound(&self, who: &str, at: &str, card: &str) {
        let cards: Value = serde_json::from_slice(&self.get("/bench/cards").1).unwrap();
        let cards = cards.as_array().unwrap();
        let printed = cards.iter().find(|it| it["name"] == card).unwrap();
        let code = printed["code"].as_str().unwrap();
        assert!(printed["svg"].as_str().unwrap().starts_with("<svg"));
        std::thread::scope(|scope| {
            let binding = scope.spawn(|| self.phone(who, at, &["bind", code]));
            for _ in 0..6 {
                std::thread::sleep(Duration::from_secs(6));
                if binding.is_finished() {
                    break;
                }
                self.order(&format!("tap {card}"));
            }
            binding.join().unwrap();
        });
    }
}

/// Carries bytes both ways until one side is gone.
fn carry(call: &TcpStream, mut socket: WebSocket<TcpStream>) {
    call.set_nonblocking(true).unwrap();
    socket.get_ref().set_nonblocking(true).unwrap();
    let waits =
        |error: &Error| matches!(error, Error::Io(it) if it.kind() == ErrorKind::WouldBlock);
    let mut bytes = [0; 512];
    loop {
        match (&mut &*call).read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => socket
                .send(Message::binary(bytes[..count].to_vec()))
                .unwrap(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            Err(_) => break,
        }
        match socket.read() {
            Ok(Message::Binary(heard)) => (&mut &*call).write_all(&heard).unwrap(),
            Ok(_) => (),
            Err(error) if waits(&error) => (),
            Err(_) => break,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
