//! What a browser may ask of the bench: HTTP/1.1 on this computer alone, one request a connection.
//!
//! Refused is whoever calls the server by another name (a page elsewhere whose name was pointed
//! here), and whoever comes from a page that is not this server's own. Every answer carries a policy
//! by which a page may load nothing from anywhere else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;

use super::pages::{Page, Pages};

/// The longest head of a request.
const MOST_HEAD: usize = 16 * 1024;
/// The longest body: an order is a line.
const MOST_BODY: usize = 4 * 1024;
/// Connections at once; more are not accepted until one ends.
const MOST_CONNECTIONS: usize = 64;
/// For a request to be read, and for what is written to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// What waits for a page that does not read.
const MOST_EVENTS: usize = 1_024;
/// A stream of events says something at least so often.
const PULSE: Duration = Duration::from_secs(10);

/// What the pile itself must answer.
pub(super) enum Call {
    /// Do this; why not, if not.
    Order(String, Sender<Result<(), String>>),
    /// Tell this.
    Ask(What, Sender<Vec<u8>>),
    /// Send everything that happens from now on.
    Watch(SyncSender<Arc<str>>),
    /// A phone in a browser.
    Pipe(Caller),
}

/// What is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    State,
    Cards,
    Flash,
}

/// A phone in a browser that waits to be let in.
pub(super) struct Caller {
    pub stream: TcpStream,
    /// What the answer to its handshake must carry.
    pub accept: String,
    /// Who it says it is.
    pub who: String,
}

impl Caller {
    /// Tells it that it is let in: the pipe is open from here on.
    ///
    /// # Errors
    /// It is gone.
    pub fn welcome(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            self.accept
        );
        self.stream.write_all(head.as_bytes())
    }
}

/// Opens the server; what the pile is to answer comes out of the receiver.
///
/// # Errors
/// The address cannot be had.
pub(super) fn open(address: SocketAddr, pages: Pages) -> io::Result<(SocketAddr, Receiver<Call>)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let (calls, receiver) = channel();
    let desk = Arc::new(Desk {
        hosts: [address.to_string(), format!("localhost:{}", address.port())],
        pages,
        calls: Mutex::new(calls),
    });
    let open = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            while open.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
                std::thread::sleep(Duration::from_millis(20));
            }
            open.fetch_add(1, Ordering::Relaxed);
            let (desk, open) = (Arc::clone(&desk), Arc::clone(&open));
            std::thread::spawn(move || {
                // Whoever left has no use for an answer.
                let _ = desk.serve(stream);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok((address, receiver))
}

struct Desk {
    /// The names that this server goes by.
    hosts: [String; 2],
    pages: Pages,
    calls: Mutex<Sender<Call>>,
}

/// A request, read.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    query: String,
    host: String,
    origin: Option<String>,
    site: Option<String>,
    kind: String,
    upgrade: bool,
    key: Option<String>,
    body: Vec<u8>,
}

/// An answer that is no page: its status and a line for who reads it.
struct No(&'static str, &'static str);

impl Desk {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let request = match read(&mut stream) {
            Ok(Some(request)) => request,
            Ok(None) => return refuse(&mut stream, &No("400 Bad Request", "this is not HTTP")),
            Err(error) => return Err(error),
        };
        match self.guard(&request) {
            Ok(()) => self.answer(stream, request),
            Err(no) => refuse(&mut stream, &no),
        }
    }

    /// Who may ask at all.
    fn guard(&self, request: &Request) -> Result<(), No> {
        if !self.hosts.contains(&request.host) {
            let why = "this server answers to 127.0.0.1 and localhost only";
            return Err(No("421 Misdirected Request", why));
        }
        let own = format!("http://{}", request.host);
        let elsewhere = request.origin.as_ref().is_some_and(|it| *it != own);
        let across = request
            .site
            .as_ref()
            .is_some_and(|it| it != "same-origin" && it != "none");
        let asks = request.method == "POST" || request.upgrade;
        if elsewhere || (asks && across) {
            return Err(No("403 Forbidden", "ask from this server's own page"));
        }
        Ok(())
    }

    fn call(&self, call: Call) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a pile there is no answer either.
        let _ = calls.send(call);
    }

    fn answer(&self, mut stream: TcpStream, request: Request) -> io::Result<()> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/pipe") => self.pipe(stream, request),
            ("GET", "/bench/events") => self.events(stream),
            ("GET", "/bench/state") => self.told(stream, What::State, "application/json"),
            ("GET", "/bench/cards") => self.told(stream, What::Cards, "application/json"),
            ("GET", "/bench/flash") => self.told(stream, What::Flash, "application/octet-stream"),
            ("POST", "/bench") => self.order(stream, &request),
            ("GET" | "HEAD", path) => match self.pages.page(path) {
                Some(page) => send(&mut stream, "200 OK", &page, request.method == "HEAD"),
                None => refuse(&mut stream, &No("404 Not Found", "there is no such page")),
            },
            _ => refuse(
                &mut stream,
                &No("405 Method Not Allowed", "GET, or POST /bench"),
            ),
        }
    }

    fn told(&self, mut stream: TcpStream, what: What, kind: &'static str) -> io::Result<()> {
        let (sender, receiver) = channel();
        self.call(Call::Ask(what, sender));
        match receiver.recv_timeout(PATIENCE) {
            Ok(body) => send(&mut stream, "200 OK", &Page::new(kind, body), false),
            Err(_) => refuse(
                &mut stream,
                &No("503 Service Unavailable", "the pile is busy"),
            ),
        }
    }

    fn order(&self, mut stream: TcpStream, request: &Request) -> io::Result<()> {
        if request.kind != "application/json" {
            let why = "an order is JSON: {\"order\": \"tap landlord\"}";
            return refuse(&mut stream, &No("415 Unsupported Media Type", why));
        }
        let body: Result<serde_json::Value, _> = serde_json::from_slice(&request.body);
        let order = body
            .ok()
            .and_then(|it| it.get("order")?.as_str().map(str::to_owned));
        let Some(order) = order else {
            let why = "an order is JSON: {\"order\": \"tap landlord\"}";
            return refuse(&mut stream, &No("400 Bad Request", why));
        };
        let (sender, receiver) = channel();
        self.call(Call::Order(order, sender));
        let (status, body) = match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(())) => ("200 OK", serde_json::json!({"ok": true})),
            Ok(Err(why)) => (
                "422 Unprocessable Content",
                serde_json::json!({"ok": false, "why": why}),
            ),
            Err(_) => (
                "503 Service Unavailable",
                serde_json::json!({"ok": false, "why": "the pile is busy"}),
            ),
        };
        let page = Page::new("application/json", body.to_string().into_bytes());
        send(&mut stream, status, &page, false)
    }

    fn events(&self, mut stream: TcpStream) -> io::Result<()> {
        let (sender, receiver) = sync_channel(MOST_EVENTS);
        let head = head("200 OK", "text/event-stream", None, super::pages::POLICY);
        stream.write_all(head.as_bytes())?;
        self.call(Call::Watch(sender));
        loop {
            match receiver.recv_timeout(PULSE) {
                Ok(event) => stream.write_all(event.as_bytes())?,
                Err(RecvTimeoutError::Timeout) => stream.write_all(b":\n\n")?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn pipe(&self, mut stream: TcpStream, request: Request) -> io::Result<()> {
        let key = request.key.filter(|_| request.upgrade);
        let Some(key) = key else {
            let why = "the pipe is a WebSocket, version 13";
            return refuse(&mut stream, &No("426 Upgrade Required", why));
        };
        let mut who = String::new();
        for pair in request.query.split('&') {
            if let Some(("who", name)) = pair.split_once('=')
                && name.len() <= 16
                && name.bytes().all(|it| it.is_ascii_lowercase())
            {
                name.clone_into(&mut who);
            }
        }
        self.call(Call::Pipe(Caller {
            stream,
            accept: derive_accept_key(key.as_bytes()),
            who,
        }));
        Ok(())
    }
}

/// Reads a request; `None` if it is none, or is longer than any that is asked here.
fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut portion = [0; 2_048];
    loop {
        let count = stream.read(&mut portion)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(portion.get(..count).unwrap_or_default());
        let Some((mut request, length, begins)) = parse(&bytes) else {
            if bytes.len() > MOST_HEAD {
                return Ok(None);
            }
            if complete(&bytes) {
                return Ok(None);
            }
            continue;
        };
        if length > MOST_BODY {
            return Ok(None);
        }
        while bytes.len() < begins + length {
            let count = stream.read(&mut portion)?;
            if count == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(portion.get(..count).unwrap_or_default());
        }
        request.body = bytes
            .get(begins..begins + length)
            .unwrap_or_default()
            .to_vec();
        return Ok(Some(request));
    }
}

/// True once the head has ended.
fn complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|four| four == b"\r\n\r\n")
}

/// The head of a request, the length of its body, and where that begins.
fn parse(bytes: &[u8]) -> Option<(Request, usize, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(begins)) = parsed.parse(bytes) else {
        return None;
    };
    let target = parsed.path?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: parsed.method?.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    let (mut length, mut hosts, mut version) = (0, 0, false);
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).ok()?.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "host" => {
                hosts += 1;
                value.clone_into(&mut request.host);
            }
            "origin" => request.origin = Some(value.to_owned()),
            "sec-fetch-site" => request.site = Some(value.to_owned()),
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default();
                request.kind = kind.trim().to_ascii_lowercase();
            }
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => return None,
            "upgrade" => request.upgrade = value.eq_ignore_ascii_case("websocket"),
            "sec-websocket-key" => request.key = Some(value.to_owned()),
            "sec-websocket-version" => version = value == "13",
            _ => {}
        }
    }
    if hosts != 1 {
        request.host.clear();
    }
    request.key = request.key.filter(|_| version);
    Some((request, length, begins))
}

fn head(status: &str, kind: &str, length: Option<usize>, policy: &str) -> String {
    let length = length.map_or(String::new(), |it| format!("Content-Length: {it}\r\n"));
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}Connection: close\r\n\
         Cache-Control: no-store\r\nContent-Security-Policy: {policy}\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
}

fn send(stream: &mut TcpStream, status: &str, page: &Page, head_only: bool) -> io::Result<()> {
    let head = head(status, page.kind, Some(page.body.len()), page.policy);
    stream.write_all(head.as_bytes())?;
    if !head_only {
        stream.write_all(&page.body)?;
    }
    stream.flush()
}

fn refuse(stream: &mut TcpStream, no: &No) -> io::Result<()> {
    let body = format!("{}\n", no.1).into_bytes();
    let page = Page::new("text/plain; charset=utf-8", body);
    send(stream, no.0, &page, false)?;
    // What was sent and not read would take the answer with it.
    stream.shutdown(std::net::Shutdown::Write)?;
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = stream.read(&mut [0; 1_024]);
    Ok(())
}
