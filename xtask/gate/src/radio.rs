//! `ble-gatt`: a radio that is silent, and what its host asks of it first.

use core::cell::Cell;
use core::convert::Infallible;
use core::task::Waker;

use ble_gatt::{Exchange, RadioAddress};
use ble_protocol::Pipe;
use ble_protocol::advert::{Advert, Name};
use bt_hci::controller::ExternalController;
use bt_hci::transport::SerialTransport;
use embassy_futures::poll_once;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_io_async::{ErrorType, Read, Write};

/// `HCI_Reset` (Core Specification, vol. 4 part E, 7.3.2), as an H4 command.
const RESET: [u8; 4] = [0x01, 0x03, 0x0C, 0x00];

/// Nothing waits here, so nothing is woken; and there is one thread.
struct NoClock;

impl embassy_time_driver::Driver for NoClock {
    fn now(&self) -> u64 {
        0
    }

    fn schedule_wake(&self, _: u64, _: &Waker) {}
}

embassy_time_driver::time_driver_impl!(static CLOCK: NoClock = NoClock);

struct OneThread;
critical_section::set_impl!(OneThread);

// SAFETY: this program has one thread and no interrupts.
unsafe impl critical_section::Impl for OneThread {
    unsafe fn acquire() -> critical_section::RawRestoreState {}

    unsafe fn release((): critical_section::RawRestoreState) {}
}

/// Tells whether the host resets its radio first, then waits, and the pipe waits for a phone.
pub fn holds() -> bool {
    let exchange = Exchange::new(Advert {
        name: Name::PLAIN,
        version: 1,
        free_ports: 4,
    });
    let wire = SerialTransport::<NoopRawMutex, _, _>::new(Wire(&HEARD), Wire(&HEARD));
    let radio = ble_gatt::run(
        ExternalController::<_, 1>::new(wire),
        RadioAddress::from_random([7; 6]),
        &exchange,
    );
    let waits = poll_once(radio).is_pending();
    let mut pipe = exchange.pipe();
    waits && HEARD.bytes.get() == RESET && poll_once(pipe.connected()).is_pending()
}

/// A wire that says nothing and keeps the first bytes that it hears.
struct Wire(&'static Heard);

struct Heard {
    bytes: Cell<[u8; 4]>,
    count: Cell<usize>,
}

// SAFETY: this program has one thread.
unsafe impl Sync for Heard {}

static HEARD: Heard = Heard {
    bytes: Cell::new([0; 4]),
    count: Cell::new(0),
};

impl ErrorType for Wire {
    type Error = Infallible;
}

impl Read for Wire {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        core::future::pending().await
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let mut kept = self.0.bytes.get();
        for byte in bytes {
            if let Some(place) = kept.get_mut(self.0.count.get()) {
                *place = *byte;
                self.0.count.set(self.0.count.get() + 1);
            }
        }
        self.0.bytes.set(kept);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
