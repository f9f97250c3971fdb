//! The machine of a pile whose ledger is refused: nothing charges, and nothing is forgotten.
//!
//! The damaged bytes are evidence, and the only thing that says who owes what. So a new ledger is
//! begun only when somebody has shown that the bytes are safe, and the landlord asks for it:
//!
//! | step | who | what |
//! | --- | --- | --- |
//! | 1 | whoever exported the flash | [`Command::ConfirmEvidence`] with the [`Fingerprint`] of its bytes, which only they know who have read them |
//! | 2 | the landlord | the privilege card, a press of any button, the privilege card again, each within 30 s of the one before |
//!
//! The privilege card is the one that the damaged ledger still names in a frame that verifies. Where
//! none does, no card begins a new ledger: the flash must be erased at the bench.

use crate::{Command, Outcome, Refusal, Signal};
use core::fmt;
use pile_units::{CardAlias, Credential, Duration, Instant, Strength};

/// How long each step waits for the next.
const STEP: Duration = Duration::from_seconds(30);
/// How often the pile says what is wrong.
const SAY_EVERY: Duration = Duration::from_seconds(60);

/// What proves that somebody has the bytes of a flash: the first eight of their SHA-256.
///
/// ```
/// use pile_controller::Fingerprint;
/// // sha256sum ledger.bin | cut -c -16
/// let shown: Fingerprint = "9f86d081884c7d65".parse()?;
/// assert_eq!(shown, Fingerprint::new([0x9f, 0x86, 0xd0, 0x81, 0x88, 0x4c, 0x7d, 0x65]));
/// assert_eq!(shown.to_string(), "9f86d081884c7d65");
/// # Ok::<(), pile_units::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// Makes one from its bytes.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The fingerprint of what has this SHA-256.
    pub fn of(digest: &[u8; 32]) -> Self {
        let (first, _) = digest.as_chunks();
        Self(first.first().copied().unwrap_or_default())
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::str::FromStr for Fingerprint {
    type Err = pile_units::OutOfRange;

    /// Sixteen hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        let number = number.ok_or(pile_units::OutOfRange)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// How far the landlord has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Idle,
    /// The privilege card was tapped.
    Tapped(Instant),
    /// And a button pressed.
    Pressed(Instant),
}

/// What a refused pile does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing,
    Say(Signal),
    /// Everything is said: begin a new ledger, with this card's landlord as its first record.
    BeginAnew,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    privilege: Option<Credential>,
    evidence: Fingerprint,
    confirmed: bool,
    step: Step,
    said: Instant,
}

impl Refused {
    /// A pile whose damaged ledger last knew this privilege card, and whose flash has this
    /// fingerprint.
    pub const fn new(now: Instant, privilege: Option<Credential>, evidence: Fingerprint) -> Self {
        Self {
            privilege,
            evidence,
            confirmed: false,
            step: Step::Idle,
            said: now,
        }
    }

    /// True for the landlord's card, if it has a key.
    pub fn asks_for_key(&self, alias: CardAlias) -> bool {
        self.privilege
            .is_some_and(|card| card.alias == alias && card.strength > Strength::UidOnly)
    }

    /// A card was tapped.
    pub fn card(&mut self, now: Instant, alias: CardAlias, strength: Strength) -> Reply {
        self.expire(now);
        let landlord = self.privilege.is_some_and(|card| {
            // A card that proved itself once is not copied by one that only says its number.
            let strong = card.strength == Strength::UidOnly || strength == card.strength;
            card.alias == alias && strong
        });
        if !landlord {
            return Reply::Say(Signal::LedgerRefused);
        }
        if !self.confirmed {
            return Reply::Say(Signal::Refused(Refusal::EvidenceFirst));
        }
        match self.step {
            Step::Pressed(_) => Reply::BeginAnew,
            Step::Idle | Step::Tapped(_) => {
                self.step = Step::Tapped(now);
                Reply::Say(Signal::PressToBeginAnew)
            }
        }
    }

    /// A button was pressed.
    pub fn button(&mut self, now: Instant) -> Reply {
        self.expire(now);
        match self.step {
            Step::Tapped(_) => {
                self.step = Step::Pressed(now);
                Reply::Say(Signal::TapToBeginAnew)
            }
            Step::Idle | Step::Pressed(_) => Reply::Say(Signal::LedgerRefused),
        }
    }

    /// A command came.
    pub fn command(&mut self, command: &Command) -> Outcome {
        match command {
            Command::ConfirmEvidence(evidence) if *evidence == self.evidence => {
                self.confirmed = true;
                Outcome::Done
            }
            Command::ConfirmEvidence(_) => Outcome::Refused(Refusal::NoSuchThing),
            _ => Outcome::Refused(Refusal::LedgerRefused),
        }
    }

    /// Time passed.
    pub fn tick(&mut self, now: Instant) -> Reply {
        self.expire(now);
        if now.since(self.said) < SAY_EVERY {
            return Reply::Nothing;
        }
        self.said = now;
        match self.step {
            Step::Idle => Reply::Say(Signal::LedgerRefused),
            // The landlord is at it.
            Step::Tapped(_) | Step::Pressed(_) => Reply::Nothing,
        }
    }

    /// When `tick` is due.
    pub const fn deadline(&self) -> Instant {
        self.said.after(SAY_EVERY)
    }

    fn expire(&mut self, now: Instant) {
        if let Step::Tapped(since) | Step::Pressed(since) = self.step
            && now.since(since) > STEP
        {
            self.step = Step::Idle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pile_units::{CredentialId, Role};

    const EVIDENCE: Fingerprint = Fingerprint::new([7; 8]);
    const LANDLORD: CardAlias = CardAlias::new([1; 8]);
    const WEAK: Strength = Strength::UidOnly;

    fn refused(strength: Strength) -> Refused {
        let privilege = Credential {
            id: CredentialId::default(),
            role: Role::Privilege,
            strength,
            alias: LANDLORD,
            revoked: false,
        };
        Refused::new(Instant::START, Some(privilege), EVIDENCE)
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn only_the_privilege_card_begins_anew_and_only_once_the_evidence_is_safe() {
        let mut pile = refused(WEAK);
        let first = Reply::Say(Signal::Refused(Refusal::EvidenceFirst));
        assert_eq!(pile.card(at(1), LANDLORD, WEAK), first);
        let wrong = Command::ConfirmEvidence(Fingerprint::new([8; 8]));
        let refusal = Outcome::Refused(Refusal::NoSuchThing);
        assert_eq!(pile.command(&wrong), refusal);
        assert_eq!(pile.card(at(2), LANDLORD, WEAK), first);
        let right = Command::ConfirmEvidence(EVIDENCE);
        assert_eq!(pile.command(&right), Outcome::Done);
        let stranger = pile.card(at(3), CardAlias::new([2; 8]), WEAK);
        assert_eq!(stranger, Reply::Say(Signal::LedgerRefused));
        let press = Reply::Say(Signal::PressToBeginAnew);
        assert_eq!(pile.card(at(4), LANDLORD, WEAK), press);
        assert_eq!(pile.card(at(5), LANDLORD, WEAK), press, "a tap is no press");
        assert_eq!(pile.button(at(6)), Reply::Say(Signal::TapToBeginAnew));
        let stranger = pile.card(at(7), CardAlias::new([2; 8]), WEAK);
        assert_eq!(stranger, Reply::Say(Signal::LedgerRefused));
        assert_eq!(pile.card(at(8), LANDLORD, WEAK), Reply::BeginAnew);
    }

    #[test]
    fn a_step_that_comes_late_is_the_first_again() {
        let mut pile = refused(WEAK);
        pile.command(&Command::ConfirmEvidence(EVIDENCE));
        pile.card(at(1), LANDLORD, WEAK);
        assert_eq!(pile.button(at(32)), Reply::Say(Signal::LedgerRefused));
        pile.card(at(40), LANDLORD, WEAK);
        pile.button(at(41));
        let press = Reply::Say(Signal::PressToBeginAnew);
        assert_eq!(pile.card(at(72), LANDLORD, WEAK), press);
    }

    #[test]
    fn a_copy_of_a_card_that_proved_itself_begins_nothing() {
        let mut pile = refused(Strength::MutualAes);
        pile.command(&Command::ConfirmEvidence(EVIDENCE));
        let refused = Reply::Say(Signal::LedgerRefused);
        assert!(pile.asks_for_key(LANDLORD) && !pile.asks_for_key(CardAlias::new([2; 8])));
        assert_eq!(pile.card(at(1), LANDLORD, WEAK), refused);
        let strong = pile.card(at(1), LANDLORD, Strength::MutualAes);
        assert_eq!(strong, Reply::Say(Signal::PressToBeginAnew));
    }

    #[test]
    fn without_a_card_that_can_be_read_there_is_only_the_bench() {
        let mut pile = Refused::new(Instant::START, None, EVIDENCE);
        pile.command(&Command::ConfirmEvidence(EVIDENCE));
        let refused = Reply::Say(Signal::LedgerRefused);
        assert_eq!(pile.card(at(1), LANDLORD, WEAK), refused);
    }

    #[test]
    fn it_says_so_once_a_minute_and_obeys_no_other_command() {
        let mut pile = refused(WEAK);
        assert_eq!(pile.tick(at(59)), Reply::Nothing);
        assert_eq!(pile.deadline(), at(60));
        assert_eq!(pile.tick(at(60)), Reply::Say(Signal::LedgerRefused));
        assert_eq!(pile.tick(at(61)), Reply::Nothing);
        let refused = Outcome::Refused(Refusal::LedgerRefused);
        assert_eq!(pile.command(&Command::Authorise), refused);
        pile.command(&Command::ConfirmEvidence(EVIDENCE));
        pile.card(at(119), LANDLORD, WEAK);
        assert_eq!(
            pile.tick(at(120)),
            Reply::Nothing,
            "not into the landlord's steps"
        );
    }

    #[test]
    fn a_fingerprint_is_sixteen_digits() {
        for wrong in [
            "",
            "9f86d081884c7d6",
            "+f86d081884c7d65",
            "9f86d081884c7d655",
        ] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
