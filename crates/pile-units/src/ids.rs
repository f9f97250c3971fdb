//! Identities: a port, an account, a session, a credential, a phone, a tariff plan and version, a pile.

use crate::OutOfRange;

/// The most outlets one pile can have.
pub const MAX_PORTS: usize = 16;

/// One outlet of the pile. People count from 1, the array from 0; the type keeps them apart.
///
/// ```
/// use pile_units::PortId;
/// let port = PortId::from_number(3)?;
/// assert_eq!((port.index(), port.to_string().as_str()), (2, "3"));
/// assert!(PortId::from_number(0).is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct PortId(u8);

impl PortId {
    /// Makes a port from the number printed on it, 1..=[`MAX_PORTS`].
    ///
    /// # Errors
    /// [`OutOfRange`] outside that range.
    pub const fn from_number(number: u8) -> Result<Self, OutOfRange> {
        // Widening; `usize::from` is not const.
        if number >= 1 && number as usize <= MAX_PORTS {
            Ok(Self(number - 1))
        } else {
            Err(OutOfRange)
        }
    }

    /// Makes a port from its index, 0..[`MAX_PORTS`].
    ///
    /// # Errors
    /// [`OutOfRange`] outside that range.
    pub fn from_index(index: usize) -> Result<Self, OutOfRange> {
        if index < MAX_PORTS {
            u8::try_from(index).map(Self).map_err(|_| OutOfRange)
        } else {
            Err(OutOfRange)
        }
    }

    /// The place in an array, 0..[`MAX_PORTS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number printed on it, from 1.
    pub const fn number(self) -> u8 {
        self.0 + 1
    }

    /// The first `count` ports of a pile, in order; at most [`MAX_PORTS`].
    pub fn first(count: usize) -> impl Iterator<Item = Self> + Clone {
        let count = u8::try_from(count).map_or(16, |count| count.min(16));
        (0..count).map(Self)
    }
}

const _: () = assert!(MAX_PORTS == 16, "PortId::first counts to sixteen");

impl core::fmt::Display for PortId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.number())
    }
}

impl<'de> serde::Deserialize<'de> for PortId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = u8::deserialize(deserializer)?;
        Self::from_index(usize::from(index)).map_err(serde::de::Error::custom)
    }
}

/// The most tariff plans one pile can have, the standard one included.
pub const MAX_PLANS: usize = 4;

/// A tariff plan: which of the pile's price tables an account is charged by.
///
/// Everyone is on the [standard plan](Self::STANDARD) until told otherwise. It has number 0, the
/// others 1..[`MAX_PLANS`].
///
/// ```
/// use pile_units::PlanId;
/// let own_price = PlanId::new(1)?;
/// assert_ne!(own_price, PlanId::STANDARD);
/// assert_eq!(PlanId::default(), PlanId::STANDARD);
/// assert!(PlanId::new(4).is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct PlanId(u8);

impl PlanId {
    /// The plan of every account that was assigned to no other.
    pub const STANDARD: Self = Self(0);

    /// Makes a plan from its number, 0..[`MAX_PLANS`].
    ///
    /// # Errors
    /// [`OutOfRange`] outside that range.
    pub const fn new(number: u8) -> Result<Self, OutOfRange> {
        // Widening; `usize::from` is not const.
        if (number as usize) < MAX_PLANS {
            Ok(Self(number))
        } else {
            Err(OutOfRange)
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The place in an array, 0..[`MAX_PLANS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All plans, the standard one first.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0u8..).take(MAX_PLANS).map(Self)
    }
}

impl core::fmt::Display for PlanId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> serde::Deserialize<'de> for PlanId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The most phones one pile keeps, revoked ones among them: of a full pile the phone that was revoked
/// and bound the longest ago is forgotten for a new one.
pub const MAX_PHONES: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            /// Makes an identity from its number.
            pub const fn new(number: $int) -> Self {
                Self(number)
            }

            /// Returns the number.
            pub const fn get(self) -> $int {
                self.0
            }

            /// The identity after this one, or `None` when the numbers are used up.
            pub const fn next(self) -> Option<Self> {
                match self.0.checked_add(1) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A tenant's account: what a card draws on, and what the landlord settles.
    ///
    /// ```
    /// use pile_units::AccountId;
    /// assert_eq!(AccountId::new(7).next(), Some(AccountId::new(8)));
    /// ```
    AccountId(u16)
);
id!(
    /// One charge, from an open relay to a closed record. Unique for a pile's life.
    ///
    /// ```
    /// use pile_units::SessionId;
    /// assert_eq!(SessionId::new(15).to_string(), "15");
    /// ```
    SessionId(u32)
);
id!(
    /// A card the pile knows. Never reused, so a revoked one stays revoked.
    ///
    /// ```
    /// use pile_units::CredentialId;
    /// assert_eq!(CredentialId::new(2).get(), 2);
    /// ```
    CredentialId(u16)
);
id!(
    /// A phone that was bound to a card: the first is 1, and no number is given twice.
    ///
    /// ```
    /// use pile_units::PhoneId;
    /// assert_eq!(PhoneId::new(3).to_string(), "3");
    /// ```
    PhoneId(u16)
);
id!(
    /// A tariff as it was set: the first is 1, each change adds one, whichever plan it is for.
    ///
    /// ```
    /// use pile_units::TariffVersion;
    /// assert!(TariffVersion::new(2) > TariffVersion::new(1));
    /// ```
    TariffVersion(u16)
);

/// The pile's own random identity, made when it is commissioned.
///
/// ```
/// use pile_units::PileId;
/// assert_eq!(PileId::new([0x0a, 0xff, 0, 0, 0, 0, 0, 1]).to_string(), "0aff000000000001");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct PileId([u8; 8]);

impl PileId {
    /// Makes an identity from its bytes.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl core::fmt::Display for PileId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
