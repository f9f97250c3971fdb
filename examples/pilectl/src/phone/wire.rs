//! What carries the bytes to a pile and back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::answer::Refusal;

/// A connection to a pile: bytes, in whatever portions.
pub trait Wire {
    /// Reads what comes within this time; 0 if nothing did.
    ///
    /// # Errors
    /// The connection's, also where the pile has ended it.
    fn read(&mut self, bytes: &mut [u8], within: Duration) -> io::Result<usize>;

    /// Writes all of it.
    ///
    /// # Errors
    /// The connection's.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Where a pile is.
///
/// ```
/// use pilectl::phone::wire::Place;
/// let place = Place::Tcp("127.0.0.1:7700".to_owned());
/// assert_eq!(place.to_string(), "127.0.0.1:7700");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Behind a TCP port: a virtual pile, or a bridge to a real one.
    Tcp(String),
    /// Near, by Bluetooth, under the name that it advertises.
    #[cfg(feature = "ble")]
    Ble(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(name) => f.write_str(name),
            #[cfg(feature = "ble")]
            Self::Ble(name) => f.write_str(name),
        }
    }
}

impl Place {
    /// Connects.
    ///
    /// # Errors
    /// [`Refusal`] if nobody answers there.
    pub fn dial(&self) -> Result<Box<dyn Wire>, Refusal> {
        match self {
            Self::Tcp(name) => Tcp::dial(name).map(|tcp| Box::new(tcp) as Box<dyn Wire>),
            #[cfg(feature = "ble")]
            Self::Ble(name) => super::ble::dial(name),
        }
    }
}

/// How long a connection may take to come about.
const DIAL: Duration = Duration::from_secs(10);

struct Tcp(TcpStream);

impl Tcp {
    fn dial(name: &str) -> Result<Self, Refusal> {
        let remedy = "give the address and port of the pile, such as --pile 127.0.0.1:7700";
        let places = name
            .to_socket_addrs()
            .map_err(|error| Refusal::new(format!("{name}: no such address: {error}"), remedy))?;
        let mut last = None;
        for place in places {
            let stream = TcpStream::connect_timeout(&place, DIAL)
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
            match stream {
                Ok(stream) => return Ok(Self(stream)),
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or_else(|| "no address".to_owned(), |error| error.to_string());
        let remedy = "start the pile or the bridge, and compare the port";
        Err(Refusal::new(
            format!("{name}: no pile there: {why}"),
            remedy,
        ))
    }
}

impl Wire for Tcp {
    fn read(&mut self, bytes: &mut [u8], within: Duration) -> io::Result<usize> {
        // Zero means for ever here.
        let within = within.max(Duration::from_millis(1));
        self.0.set_read_timeout(Some(within))?;
        match self.0.read(bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if passing(error.kind()) => Ok(0),
            read => read,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

const fn passing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
