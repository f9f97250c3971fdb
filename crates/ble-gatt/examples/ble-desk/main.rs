//! A pile's GATT service on a desk, over a Bluetooth controller behind a socket.
//!
//! ```text
//! ble-desk HCI echo                 sends back what a phone says
//! ble-desk HCI forward ADDRESS      lets a phone talk to a virtual pile at a TCP address
//! ```
//!
//! `HCI` is the address of a controller that speaks H4, for instance of
//! `xtask/peer/bumble_phone.py`, which offers one and a phone besides.

#![allow(clippy::indexing_slicing, reason = "a program of the desk")]

mod desk;

use ble_gatt::{Exchange, RadioAddress};
use ble_protocol::advert::{Advert, Name};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exchange = Exchange::new(Advert {
        name: Name::with("desk").map_err(std::io::Error::other)?,
        version: 1,
        free_ports: 10,
    });
    let address = RadioAddress::from_random(*b"desk00");
    runtime.block_on(async {
        match arguments.as_slice() {
            [hci, "echo"] => tokio::select! {
                ended = desk::radio(hci, address, &exchange) => ended,
                ended = desk::echo(exchange.pipe()) => ended,
            },
            [hci, "forward", pile] => tokio::select! {
                ended = desk::radio(hci, address, &exchange) => ended,
                ended = desk::forward(exchange.pipe(), pile) => ended,
            },
            _ => {
                eprintln!("usage: ble-desk HCI echo | ble-desk HCI forward ADDRESS");
                std::process::exit(2);
            }
        }
    })
}
