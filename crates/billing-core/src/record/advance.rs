//! Energy that passed the meters, and whose it is.

use pile_units::{Energy, MAX_PORTS, PortId};
use serde::{Deserialize, Serialize};

/// Where measured energy belongs: to the session open on a port, or to nobody.
///
/// ```
/// use billing_core::record::Advance;
/// use pile_units::{Energy, PortId};
/// let port = PortId::from_number(3)?;
/// let drawn = Advance::of_session(port, Energy::from_watt_hours(1));
/// assert!(drawn.is_session());
/// assert_eq!(drawn.port(), port);
/// assert!(!Advance::unattributed(port, Energy::from_watt_hours(1)).is_session());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Advance {
    port: PortId,
    session: bool,
    energy: Energy,
}

/// As the bytes say it: the port's index, the top bit set where nobody pays.
#[derive(Serialize, Deserialize)]
struct Raw {
    channel: u8,
    energy: Energy,
}

const UNATTRIBUTED: u8 = 0x80;

impl From<Advance> for Raw {
    fn from(advance: Advance) -> Self {
        let index = advance.port.number() - 1;
        Self {
            channel: if advance.session {
                index
            } else {
                index | UNATTRIBUTED
            },
            energy: advance.energy,
        }
    }
}

impl TryFrom<Raw> for Advance {
    type Error = pile_units::OutOfRange;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        if raw.energy > Self::MAX_ENERGY {
            return Err(pile_units::OutOfRange);
        }
        Ok(Self {
            port: PortId::from_index(usize::from(raw.channel & !UNATTRIBUTED))?,
            session: raw.channel & UNATTRIBUTED == 0,
            energy: raw.energy,
        })
    }
}

impl Advance {
    /// The most energy of one advance, 4,398 megawatt-hours: with it every [`Advances`] fits a record.
    pub const MAX_ENERGY: Energy = Energy::from_milliwatt_hours((1 << 42) - 1);

    /// Energy that the session open on `port` drew.
    pub const fn of_session(port: PortId, energy: Energy) -> Self {
        Self {
            port,
            session: true,
            energy,
        }
    }

    /// Energy that passed the meter of `port` outside any session, or in its first counter step.
    pub const fn unattributed(port: PortId, energy: Energy) -> Self {
        Self {
            port,
            session: false,
            energy,
        }
    }

    /// The port.
    pub const fn port(self) -> PortId {
        self.port
    }

    /// True if the energy belongs to the session open on the port.
    pub const fn is_session(self) -> bool {
        self.session
    }

    /// The energy.
    pub const fn energy(self) -> Energy {
        self.energy
    }
}

/// The advances of all ports since the last progress record: at most two a port.
///
/// ```
/// use billing_core::record::{Advance, Advances};
/// use pile_units::{Energy, PortId};
/// let mut advances = Advances::default();
/// assert!(advances.push(Advance::of_session(PortId::from_number(1)?, Energy::from_watt_hours(1))));
/// assert_eq!(advances.iter().count(), 1);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Advances(heapless::Vec<Advance, { 2 * MAX_PORTS }>);

impl Advances {
    /// Adds one; false if there is no room, which cannot happen with two a port, or if it is more
    /// than [`Advance::MAX_ENERGY`].
    #[must_use]
    pub fn push(&mut self, advance: Advance) -> bool {
        advance.energy <= Advance::MAX_ENERGY && self.0.push(advance).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Advance> + '_ {
        self.0.iter().copied()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
