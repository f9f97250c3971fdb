//! The pipe's end.

use core::future::poll_fn;

use ble_protocol::{Gone, Pipe};

use crate::Exchange;

/// The pipe of bytes to the phone that is connected and listens.
///
/// ```no_run
/// use ble_gatt::GattPipe;
/// use ble_protocol::Pipe;
///
/// /// Greets every phone.
/// async fn greet(mut pipe: GattPipe<'_>) {
///     loop {
///         pipe.connected().await;
///         let _ = pipe.write(b"good morning").await;
///         pipe.disconnect().await;
///     }
/// }
/// ```
pub struct GattPipe<'a> {
    exchange: &'a Exchange,
    /// The connection that [`Pipe::connected`] last told of.
    connection: u32,
}

impl<'a> GattPipe<'a> {
    pub(crate) const fn new(exchange: &'a Exchange) -> Self {
        Self {
            exchange,
            connection: 0,
        }
    }
}

impl Pipe for GattPipe<'_> {
    async fn connected(&mut self) {
        self.connection = poll_fn(|context| self.exchange.poll_connected(context)).await;
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone> {
        poll_fn(|context| self.exchange.poll_read(self.connection, bytes, context))
            .await
            .ok_or(Gone)
    }

    /// Returns when the radio's queue holds the bytes; [`Pipe::disconnect`] lets them out first.
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let written =
                poll_fn(|context| self.exchange.poll_write(self.connection, bytes, context))
                    .await
                    .ok_or(Gone)?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn portion(&self) -> usize {
        self.exchange.portion()
    }

    async fn disconnect(&mut self) {
        self.exchange.leave(self.connection);
        poll_fn(|context| self.exchange.poll_over(self.connection, context)).await;
    }

    fn advertise(&mut self, free_ports: u8) {
        self.exchange.set_free_ports(free_ports);
    }
}
