//! What carries the bytes: a UART module, a GATT pair, a socket.

/// The phone is no longer there.
///
/// ```
/// use ble_protocol::Gone;
/// assert_eq!(Gone.to_string(), "the link is down");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl core::fmt::Display for Gone {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the link is down")
    }
}

impl core::error::Error for Gone {}

/// A pipe of bytes to one phone at a time. Bytes may come in any portions; what a pipe loses or
/// alters, the frames find out.
///
/// ```
/// use ble_protocol::{Gone, Pipe};
///
/// /// Sends back what comes until the phone has gone.
/// async fn echo(pipe: &mut impl Pipe) -> Gone {
///     pipe.connected().await;
///     let mut bytes = [0; 64];
///     loop {
///         let Ok(read) = pipe.read(&mut bytes).await else { return Gone };
///         let Ok(()) = pipe.write(bytes.get(..read).unwrap_or_default()).await else { return Gone };
///     }
/// }
/// ```
#[expect(
    async_fn_in_trait,
    reason = "an end of the link is run by whoever joins its tasks, and is sent nowhere"
)]
pub trait Pipe {
    /// Waits until a phone is connected; returns at once while one is.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    async fn connected(&mut self);

    /// Waits for bytes, and takes at least one and at most `bytes.len()` of them.
    ///
    /// # Errors
    /// [`Gone`] when the phone has disconnected. What came before is not read any more.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Gone>;

    /// Hands all of `bytes` over, no faster than the pipe takes them.
    ///
    /// # Errors
    /// [`Gone`] when the phone has disconnected; a part may have been sent.
    ///
    /// # Cancellation safety
    /// A part may have been sent: disconnect then.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone>;

    /// The most bytes that are best written at once: a GATT notification's, a module's buffer.
    /// At least 20.
    fn portion(&self) -> usize;

    /// Ends the connection from this side.
    async fn disconnect(&mut self);

    /// Says in the advertisement, where the pipe has one, how many ports are free. Takes effect when
    /// the pipe next advertises.
    fn advertise(&mut self, free_ports: u8) {
        let _ = free_ports;
    }
}
