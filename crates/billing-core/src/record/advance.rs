//! Energy that passed the meters, and whose it is.

use core::fmt;
use pile_units::{Energy, MAX_PORTS, OutOfRange, PortId};
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    port: PortId,
    session: bool,
    energy: Energy,
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

/// Ports, each with energy of its session and energy of nobody.
const CHANNELS: usize = 2 * MAX_PORTS;

const _: () = assert!(CHANNELS == u32::BITS as usize, "a bit for each channel");

/// The advances of all ports since the last progress record: of each port at most one of its
/// session and one of nobody.
///
/// ```
/// use billing_core::record::{Advance, Advances};
/// use pile_units::{Energy, PortId};
/// let mut advances = Advances::default();
/// let drawn = Advance::of_session(PortId::from_number(1)?, Energy::from_watt_hours(1));
/// assert!(advances.push(drawn));
/// assert!(!advances.push(drawn)); // one of a kind
/// assert_eq!(advances.iter().collect::<Vec<_>>(), [drawn]);
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
///
/// # Serialised form
/// A varint of 32 bits that says which advances there are (bit 0 is the session on port 1, bit 15
/// that on port 16, bit 16 what belongs to nobody on port 1, and so on), then their energies in the
/// order of the bits, a varint each. Ten charging ports take 2 bytes and their energies.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Advances {
    /// Which there are.
    mask: u32,
    // Zero where there is none, so that equal advances are equal arrays.
    energies: [Energy; CHANNELS],
}

impl Advances {
    /// Adds one; false if its port has one of that kind already, or if it is more than
    /// [`Advance::MAX_ENERGY`].
    #[must_use]
    pub fn push(&mut self, advance: Advance) -> bool {
        let side = if advance.session { 0 } else { MAX_PORTS };
        self.set(side + advance.port.index(), advance.energy)
            .is_ok()
    }

    /// All of them: those of sessions by port, then those of nobody by port.
    pub fn iter(&self) -> impl Iterator<Item = Advance> + '_ {
        channels(self.mask).filter_map(|channel| {
            let number = u8::try_from(channel % MAX_PORTS + 1).ok()?;
            Some(Advance {
                port: PortId::from_number(number).ok()?,
                session: channel < MAX_PORTS,
                energy: *self.energies.get(channel)?,
            })
        })
    }

    /// True without any.
    pub const fn is_empty(&self) -> bool {
        self.mask == 0
    }

    fn set(&mut self, channel: usize, energy: Energy) -> Result<(), OutOfRange> {
        let place = self.energies.get_mut(channel).ok_or(OutOfRange)?;
        let bit = 1u32 << channel;
        if energy > Advance::MAX_ENERGY || self.mask & bit != 0 {
            return Err(OutOfRange);
        }
        *place = energy;
        self.mask |= bit;
        Ok(())
    }
}

/// The channels whose bits are set, in order.
fn channels(mut mask: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let channel = mask.trailing_zeros();
        // The lowest bit is done; without any there is nothing to take from.
        mask &= mask.checked_sub(1)?;
        usize::try_from(channel).ok()
    })
}

impl fmt::Debug for Advances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Advances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A tuple, since a list would write its length, which the bits say already.
        let mut fields = serializer.serialize_tuple(1 + self.iter().count())?;
        fields.serialize_element(&self.mask)?;
        for advance in self.iter() {
            fields.serialize_element(&advance.energy)?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Advances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(1 + CHANNELS, Reader)
    }
}

/// Reads the bits, and then as many energies as there are bits.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Advances;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("which advances there are, and their energies")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Advances, A::Error> {
        let short = || A::Error::invalid_length(0, &"the advances");
        let mask = fields.next_element::<u32>()?.ok_or_else(short)?;
        let mut advances = Advances::default();
        for channel in channels(mask) {
            let energy = fields.next_element()?.ok_or_else(short)?;
            advances.set(channel, energy).map_err(A::Error::custom)?;
        }
        Ok(advances)
    }
}
