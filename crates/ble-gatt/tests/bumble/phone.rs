//! The other side: bumble's process, and a phone of it as a socket.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::NEEDS;

/// A line of what bumble tells.
pub struct Told(pub Value);

impl Told {
    /// A field that holds bytes.
    pub fn hex(&self, field: &str) -> Vec<u8> {
        let digits = self.0[field].as_str().expect("hexadecimal");
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }
}

/// The virtual air, with the pile's controller and a phone on it.
pub struct Air {
    process: Child,
    orders: ChildStdin,
    events: mpsc::UnboundedReceiver<Value>,
    /// Where the pile's host finds its controller.
    pub hci: String,
    bridge: String,
}

impl Drop for Air {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Air {
    pub async fn start() -> Self {
        let python = std::env::var_os("BLE_PEER_PYTHON").expect(NEEDS);
        let script = std::env::var_os("BLE_PEER_SCRIPT").expect(NEEDS);
        let mut process = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| json!({"line": line}));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let mut air = Self {
            process,
            orders,
            events,
            hci: String::new(),
            bridge: String::new(),
        };
        let Told(ready) = air.event("ready").await;
        air.hci = format!("127.0.0.1:{}", ready["hci"]);
        air.bridge = format!("127.0.0.1:{}", ready["bridge"]);
        air
    }

    fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// The next event of this kind; others, like a phone's going, are passed over.
    async fn event(&mut self, kind: &str) -> Told {
        loop {
            let event = self.events.recv().await.expect("bumble runs");
            assert!(
                kind == "failed" || event["event"] != "failed",
                "bumble failed: {event}"
            );
            if event["event"] == kind {
                return Told(event);
            }
        }
    }

    pub async fn scan(&mut self) -> Told {
        self.order(&json!({"do": "scan"}));
        self.event("seen").await
    }

    /// How the phones to come write.
    pub fn set(&mut self, mtu: Option<u16>, response: bool) {
        self.order(&json!({"do": "set", "mtu": mtu, "response": response}));
    }

    /// A phone that is connected and listens.
    pub async fn connect(&mut self) -> Phone {
        let socket = TcpStream::connect(&self.bridge).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let Told(connected) = self.event("connected").await;
        Phone {
            socket,
            mtu: connected["mtu"].as_u64().unwrap(),
        }
    }

    pub async fn gone(&mut self) {
        self.event("gone").await;
    }

    /// The phone goes.
    pub async fn leave(&mut self, phone: Phone) {
        drop(phone);
        self.gone().await;
    }
}

/// A phone: what is written to it goes over the air.
pub struct Phone {
    socket: TcpStream,
    pub mtu: u64,
}

impl Phone {
    pub async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.socket.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// What comes until the link is gone.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end too: the bridge closes with bytes unread.
        let _ = self.socket.read_to_end(&mut bytes).await;
        bytes
    }

    /// Talks until `drop`, then loses the link in the way that it tells; what was heard until the
    /// end.
    pub async fn talk_until(
        mut self,
        says: &[u8],
        drop: impl Future<Output = u8>,
        air: &mut Air,
    ) -> Vec<u8> {
        let (mut reader, mut writer) = self.socket.split();
        let mut heard = Vec::new();
        let talk = async {
            // Slower than the link, so that it drops in the middle.
            for part in says.chunks(97) {
                if writer.write_all(part).await.is_err() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            std::future::pending::<()>().await;
        };
        let hear = async {
            let mut bytes = [0; 512];
            while let Ok(read) = reader.read(&mut bytes).await {
                if read == 0 {
                    break;
                }
                heard.extend_from_slice(&bytes[..read]);
            }
        };
        let lose = async {
            let way = match drop.await {
                0 => "lose",
                _ => "leave",
            };
            air.order(&json!({"do": way}));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = talk => {}
            () = hear => {}
            () = lose => {}
        }
        heard
    }
}
