#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod credential;
mod electric;
mod ids;
mod limits;
mod money;
mod name;
mod time;
mod trim;

pub use credential::{CardAlias, Credential, Role, Strength, UidOnly};
pub use electric::{Current, Energy, Power, Temperature, Voltage};
pub use ids::{
    AccountId, CredentialId, MAX_PHONES, MAX_PLANS, MAX_PORTS, PhoneId, PileId, PlanId, PortId,
    SessionId, TariffVersion,
};
pub use limits::Limits;
pub use money::{Amount, Currency, Fee, Money, Price};
pub use name::AccountName;
pub use time::{ClockQuality, Duration, Instant, UnixSeconds, UtcOffset, WallTime};
pub use trim::MeterTrim;

/// Error returned by the checked constructors of this crate: the value lies outside the type's
/// documented range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl core::fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the value is outside the range of its type")
    }
}

impl core::error::Error for OutOfRange {}

/// Makes an unsigned quantity: a private integer, constructor and getter named by the unit,
/// checked and saturating arithmetic.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($int:ty), $from:ident, $get:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The largest value the type holds.
            pub const MAX: Self = Self(<$int>::MAX);

            #[doc = concat!("Makes a value from an integer number of ", $unit, ".")]
            pub const fn $from(value: $int) -> Self {
                Self(value)
            }

            #[doc = concat!("Returns the integer number of ", $unit, ".")]
            pub const fn $get(self) -> $int {
                self.0
            }

            /// Adds, or returns `None` on overflow.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// Subtracts, or returns `None` where the result would be negative.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }

            /// Adds, stopping at the largest value.
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Subtracts, stopping at zero.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// True for zero.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }

        impl core::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Self::saturating_add)
            }
        }
    };
}
pub(crate) use quantity;

#[cfg(test)]
mod tests;
