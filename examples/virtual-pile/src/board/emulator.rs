//! The emulator: a program with a wire to each part, ended whenever the supply is cut.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The wires, by their names on the emulator's command line.
pub(super) const WIRES: [&str; 5] = ["people", "radio", "reader", "meters1", "meters2"];
/// An emulator calls all its parts within this.
const STARTS: Duration = Duration::from_secs(20);

/// A wire's end here.
struct Socket {
    stream: TcpStream,
    /// What it did not take yet.
    rest: Vec<u8>,
}

/// A running emulator. It is killed when it is dropped.
pub(super) struct Emulator {
    child: Child,
    sockets: Vec<Socket>,
}

impl Emulator {
    /// Starts it in a folder, and waits until it has called every part.
    pub(super) fn start(command: &[String], folder: &Path) -> io::Result<Self> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "no emulator"));
        };
        let mut emulator = Command::new(program);
        emulator.args(arguments).current_dir(folder);
        let mut listeners = Vec::new();
        for wire in WIRES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            let socket = format!("socket,id={wire},host=127.0.0.1,port={port},nodelay=on");
            emulator.args(["-chardev", &socket]);
            listeners.push(listener);
        }
        emulator.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = emulator.spawn()?;
        match wired(&listeners, &mut child) {
            Ok(sockets) => Ok(Self { child, sockets }),
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// What came on a wire.
    pub(super) fn hear(&mut self, wire: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let Some(socket) = self.sockets.get_mut(wire) else {
            return all;
        };
        let mut bytes = [0; 1024];
        // Whoever has ended says nothing more.
        while let Ok(count @ 1..) = socket.stream.read(&mut bytes) {
            all.extend(bytes.get(..count).unwrap_or_default());
        }
        all
    }

    /// Sends on a wire; what it does not take at once, later.
    pub(super) fn say(&mut self, wire: usize, bytes: &[u8]) {
        let Some(socket) = self.sockets.get_mut(wire) else {
            return;
        };
        socket.rest.extend(bytes);
        while !socket.rest.is_empty() {
            match socket.stream.write(&socket.rest) {
                Ok(count) => drop(socket.rest.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(_) => break,
            }
        }
    }

    /// How it ended, if it did by itself.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }
}

impl Drop for Emulator {
    /// SIGKILL: it is not asked, as no supply asks.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes the calls, in the wires' order.
fn wired(listeners: &[TcpListener], child: &mut Child) -> io::Result<Vec<Socket>> {
    let until = Instant::now() + STARTS;
    let mut sockets = Vec::new();
    for (listener, wire) in listeners.iter().zip(WIRES) {
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let why = match child.try_wait()? {
                Some(status) => format!("the emulator ended ({status}) before it was wired"),
                None if Instant::now() > until => format!("the emulator does not call \"{wire}\""),
                None => {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
            };
            return Err(io::Error::other(why));
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        sockets.push(Socket {
            stream,
            rest: Vec::new(),
        });
    }
    Ok(sockets)
}
