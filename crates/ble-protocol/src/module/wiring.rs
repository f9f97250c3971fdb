//! How a module's connection is seen.

use core::future::pending;

use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal_async::digital::Wait;

/// How a module's connection is seen: by its words, or by its pins. Sealed: these three ways.
///
/// ```
/// use ble_protocol::module::{ByText, Wiring};
/// assert_eq!(ByText.is_connected(), None);
/// ```
#[expect(async_fn_in_trait, reason = "run by whoever joins its tasks")]
pub trait Wiring: sealed::Sealed {
    /// Is a phone connected? `None` where only the module's words tell.
    fn is_connected(&mut self) -> Option<bool>;

    /// Waits until a phone is connected, or is not; for ever where only words tell.
    async fn changes(&mut self, connected: bool);

    /// Makes a connected module take commands, or data again; false where that is not wired.
    fn command(&mut self, on: bool) -> bool;
}

mod sealed {
    pub trait Sealed {}
}

/// By the words `OK+CONN` and `OK+LOST`.
///
/// ```
/// use ble_protocol::module::ByText;
/// let wiring = ByText;
/// # let _ = wiring;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ByText;

impl sealed::Sealed for ByText {}

impl Wiring for ByText {
    fn is_connected(&mut self) -> Option<bool> {
        None
    }

    async fn changes(&mut self, _: bool) {
        pending::<()>().await;
    }

    fn command(&mut self, _: bool) -> bool {
        false
    }
}

/// By a pin that is high while a phone is connected: PIO1 of an HM-10, STAT of a JDY-16.
///
/// ```
/// use ble_protocol::module::ByPin;
/// # use embedded_hal_async::digital::Wait;
/// fn wired<P: Wait>(stat: P) -> ByPin<P> {
///     ByPin(stat)
/// }
/// ```
#[derive(Debug)]
pub struct ByPin<S>(pub S);

impl<S> sealed::Sealed for ByPin<S> {}

impl<S: InputPin + Wait> Wiring for ByPin<S> {
    fn is_connected(&mut self) -> Option<bool> {
        Some(self.0.is_high().unwrap_or(false))
    }

    async fn changes(&mut self, connected: bool) {
        let seen = if connected {
            self.0.wait_for_high().await
        } else {
            self.0.wait_for_low().await
        };
        // A pin that fails tells nothing: nobody is let in, and nobody is thrown out.
        if seen.is_err() {
            pending::<()>().await;
        }
    }

    fn command(&mut self, _: bool) -> bool {
        false
    }
}

/// By the pin STAT of a JDY-16, which also is told to disconnect by its pin PWRC: low makes a command
/// of what a connected module hears.
///
/// ```
/// use ble_protocol::module::ByPins;
/// fn wired<S, P>(stat: S, pwrc: P) -> ByPins<S, P> {
///     ByPins { stat, pwrc }
/// }
/// ```
#[derive(Debug)]
pub struct ByPins<S, P> {
    /// High while a phone is connected.
    pub stat: S,
    /// Low for commands; high at rest.
    pub pwrc: P,
}

impl<S, P> sealed::Sealed for ByPins<S, P> {}

impl<S: InputPin + Wait, P: OutputPin> Wiring for ByPins<S, P> {
    fn is_connected(&mut self) -> Option<bool> {
        Some(self.stat.is_high().unwrap_or(false))
    }

    async fn changes(&mut self, connected: bool) {
        let seen = if connected {
            self.stat.wait_for_high().await
        } else {
            self.stat.wait_for_low().await
        };
        if seen.is_err() {
            pending::<()>().await;
        }
    }

    fn command(&mut self, on: bool) -> bool {
        if on {
            self.pwrc.set_low().is_ok()
        } else {
            self.pwrc.set_high().is_ok()
        }
    }
}
