//! A landlord's note on a payment.

use serde::{Deserialize, Serialize};

/// The most bytes of a [`Reference`].
pub const MAX_REFERENCE: usize = 24;

/// A payment's reference as the landlord wrote it: up to 24 bytes of UTF-8 without control
/// characters, which no terminal or printer is to be told by a bill. (Nor can a frame of the journal
/// stand in it: the length of one that fits would be a control character.)
///
/// ```
/// use billing_core::record::Reference;
/// let reference: Reference = "cash 12 March".parse()?;
/// assert_eq!(reference.as_str(), "cash 12 March");
/// assert!("cash\n12 March".parse::<Reference>().is_err());
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Reference(Text);

type Text = heapless::String<MAX_REFERENCE>;

impl TryFrom<Text> for Reference {
    type Error = pile_units::OutOfRange;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        if text.chars().any(char::is_control) {
            return Err(pile_units::OutOfRange);
        }
        Ok(Self(text))
    }
}

impl From<Reference> for Text {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}

impl Reference {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for Reference {
    type Err = pile_units::OutOfRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = Text::try_from(text).map_err(|_| pile_units::OutOfRange)?;
        Self::try_from(text)
    }
}
