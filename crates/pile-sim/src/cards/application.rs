//! What answers commands on a card, above the radio.

/// The application on a virtual card: a plain state machine of APDUs (ISO/IEC 7816-4).
///
/// ```
/// use pile_sim::cards::Application;
/// /// Says "instruction not supported" to everything.
/// struct Dull;
/// impl Application for Dull {
///     fn power_up(&mut self) {}
///     fn command(&mut self, _: &[u8]) -> Vec<u8> {
///         vec![0x6d, 0x00]
///     }
/// }
/// assert_eq!(Dull.command(&[0x90, 0x60, 0, 0, 0]), [0x6d, 0x00]);
/// ```
pub trait Application {
    /// The card comes into a field, or is selected anew: what is volatile is forgotten (an open
    /// authentication, the selected file), what is stored stays.
    fn power_up(&mut self);

    /// Carries out one command and answers, the two bytes of the status last. A card that is taken
    /// away before its answer is read has carried the command out all the same.
    fn command(&mut self, apdu: &[u8]) -> Vec<u8>;
}

impl<A: Application> Application for &mut A {
    fn power_up(&mut self) {
        A::power_up(self);
    }

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        A::command(self, apdu)
    }
}
