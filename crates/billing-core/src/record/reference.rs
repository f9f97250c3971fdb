//! A landlord's note on a payment.

use serde::{Deserialize, Serialize};

/// The most bytes of a [`Reference`].
pub const MAX_REFERENCE: usize = 24;

/// A payment's reference as the landlord wrote it: up to 24 bytes of UTF-8.
///
/// ```
/// use billing_core::record::Reference;
/// let reference: Reference = "cash 12 March".parse()?;
/// assert_eq!(reference.as_str(), "cash 12 March");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(heapless::String<MAX_REFERENCE>);

impl Reference {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for Reference {
    type Err = pile_units::OutOfRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        heapless::String::try_from(text)
            .map(Self)
            .map_err(|_| pile_units::OutOfRange)
    }
}
