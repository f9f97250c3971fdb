//! What carries bytes between a phone and a pile, in virtual time.
//!
//! | room | what |
//! | --- | --- |
//! | [`Air`] | one connection at a time: latency, portions, a rate, connections that drop |
//! | [`Hand`], [`Middle`] | somebody who sits in the middle |
//! | [`Overheard`] | what somebody hears who only listens |
//! | [`Doorway`] | a pipe that a program on the desk feeds: a socket's server |
//!
//! Both sides of the air are a [`Pipe`](ble_protocol::Pipe). The phone's side can be used without
//! waiting, too: the world steps its phones itself.

mod air;
mod doorway;
mod middle;
mod side;

pub use air::{Air, Hand, Overheard, Pace, Passed, Way};
pub use doorway::{Door, Doorway};
pub use middle::{Attack, Middle};
pub use side::Side;
