//! The messages at the pile: requests read and judged, answers and notices written.

#![no_std]
#![no_main]

use ble_protocol::message::{Asked, MAX_MESSAGE, Told};
use ble_protocol::permission::{Role, allows};
use emulated::{console, flash, uart};

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let mut bytes = [0; MAX_MESSAGE];
    uart::fill(&mut bytes);
    if let Ok(asked) = Asked::decode(&bytes) {
        uart::write(&[u8::from(allows(Role::Tenant, &asked.request))]);
    }
    // A value that could be any: of bytes that nobody foresees.
    if let Ok(told) = Told::decode(&bytes) {
        uart::write(told.encode(&mut [0; MAX_MESSAGE]));
    }
    console::row(c"flash: with the messages, read and written", flash::size());
    true
}
