//! A pile's radio on a desk: a Bluetooth controller behind a socket that speaks HCI (H4).

use std::io;

use ble_gatt::{Exchange, RadioAddress};
use ble_protocol::Pipe;
use bt_hci::controller::ExternalController;
use bt_hci::transport::SerialTransport;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_io_adapters::tokio_1::FromTokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// HCI commands that may be under way at once.
const COMMANDS: usize = 4;

/// Runs the radio for as long as its controller lasts.
pub async fn radio(hci: &str, address: RadioAddress, exchange: &Exchange) -> io::Result<()> {
    let stream = TcpStream::connect(hci).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let wire =
        SerialTransport::<NoopRawMutex, _, _>::new(FromTokio::new(reader), FromTokio::new(writer));
    let controller = ExternalController::<_, COMMANDS>::new(wire);
    Err(io::Error::other(
        ble_gatt::run(controller, address, exchange)
            .await
            .to_string(),
    ))
}

/// Sends back what each phone says, for ever.
pub async fn echo(mut pipe: impl Pipe) -> io::Result<()> {
    let mut bytes = [0; 512];
    loop {
        pipe.connected().await;
        while let Ok(read) = pipe.read(&mut bytes).await {
            if pipe.write(&bytes[..read]).await.is_err() {
                break;
            }
        }
    }
}

/// Lets each phone talk to whatever takes connections at `address`: a virtual pile, for instance.
pub async fn forward(mut pipe: impl Pipe, address: &str) -> io::Result<()> {
    let (mut from_phone, mut from_pile) = ([0; 512], [0; 512]);
    loop {
        pipe.connected().await;
        let mut socket = TcpStream::connect(address).await?;
        loop {
            let portion = pipe.portion().min(from_pile.len());
            tokio::select! {
                read = pipe.read(&mut from_phone) => match read {
                    Ok(read) => socket.write_all(&from_phone[..read]).await?,
                    Err(_) => break,
                },
                read = socket.read(&mut from_pile[..portion]) => {
                    let read = read?;
                    if read == 0 {
                        pipe.disconnect().await;
                        break;
                    }
                    if pipe.write(&from_pile[..read]).await.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
