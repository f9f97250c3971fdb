//! One question to the card in the field: are you who you say you are?

use crate::command::{ANSWER_BYTES, parse};
use crate::ev2::{CommMode, HandshakeError, OpenError, Session, Start};
use crate::profile::{DESFIRE_AID, NTAG424_DF_NAME};
use crate::{ApduChannel, CardKey, Command, CommandTooLong, Family, KeySlot, SiteKey, Status, Uid};
use pile_units::Strength;

/// A card has shown that it holds the key that the site key makes of its UID. Only
/// [`authenticate`] makes one.
///
/// ```no_run
/// # async fn f(mut channel: impl card_auth::ApduChannel) {
/// use card_auth::{SiteKey, Uid, authenticate};
/// use pile_units::Strength;
/// let uid = Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6]).unwrap();
/// let fresh_random = [0x5a; 16];
/// let proof = authenticate(&mut channel, &uid, &SiteKey::new([7; 16]), fresh_random).await.unwrap();
/// assert_eq!(proof.strength(), Strength::MutualAes);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Proof {
    family: Family,
}

impl Proof {
    /// What kind of card it is.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// What the proof is worth: [`Strength::MutualAes`].
    pub const fn strength(&self) -> Strength {
        Strength::MutualAes
    }
}

/// Error returned by [`authenticate`]: the card has proven nothing.
///
/// ```
/// use card_auth::NotProven;
/// assert!(NotProven::<()>::WrongKey.is_refusal());
/// assert!(!NotProven::<()>::Plain.is_refusal());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProven<E> {
    /// It has no application of ours, or not this key: an ordinary card. Nothing was tried on it.
    Plain,
    /// It makes a new number each time ([`Uid::is_random`]). Nothing was tried on it.
    RandomUid,
    /// It has another key: another site's card, or a copy of a card of ours. Counted by the card.
    WrongKey,
    /// It said yes without having the key, or its application has another UID than the one it
    /// announced: a copy made on purpose.
    Impostor,
    /// It has seen too many failures and makes its readers wait. Nothing was tried.
    Delayed,
    /// The key is locked for good by its failures, or not enabled. Nothing was tried.
    Locked,
    /// It, or the reader, went silent in the middle. It may be presented again.
    Gone(E),
    /// It answered what no such card answers.
    Garbled,
}

impl<E> NotProven<E> {
    /// True if the card was there and failed: what belongs in [`Backoff::failed`], and what the
    /// landlord is shown. False for a card that only is of another kind, or went away.
    ///
    /// [`Backoff::failed`]: crate::Backoff::failed
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::WrongKey | Self::Impostor | Self::Delayed | Self::Locked
        )
    }
}

impl<E> core::fmt::Display for NotProven<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Plain => "the card does not speak AuthenticateEV2First for this pile",
            Self::RandomUid => "the card makes a new number each time",
            Self::WrongKey => "the card has another key",
            Self::Impostor => "the card pretends",
            Self::Delayed => "the card makes its reader wait after too many failures",
            Self::Locked => "the card's key is locked",
            Self::Gone(_) => "the card was taken away too soon",
            Self::Garbled => "the card's answer is none",
        })
    }
}

impl<E: core::fmt::Debug> core::error::Error for NotProven<E> {}

impl<E> From<CommandTooLong> for NotProven<E> {
    fn from(_: CommandTooLong) -> Self {
        Self::Garbled
    }
}

impl<E> From<HandshakeError> for NotProven<E> {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Refused(Status::AUTHENTICATION_ERROR) => Self::WrongKey,
            HandshakeError::Refused(Status::AUTHENTICATION_DELAY) => Self::Delayed,
            HandshakeError::Refused(Status::PERMISSION_DENIED) => Self::Locked,
            HandshakeError::Impostor => Self::Impostor,
            HandshakeError::Refused(_) | HandshakeError::Garbled => Self::Garbled,
        }
    }
}

impl<E> From<OpenError> for NotProven<E> {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Forged => Self::Impostor,
            OpenError::Refused(_) | OpenError::Garbled | OpenError::Closed => Self::Garbled,
        }
    }
}

/// Asks the card in the field to prove that it is the card of `uid`, once.
///
/// Selects the application (a DESFire's, else an NTAG 424 DNA's), authenticates with
/// [`KeySlot::Pile`] and reads the card's UID through the session (`GetCardUID`). Three things must
/// agree: the UID it announced, the key that the site key makes of that UID, and the UID inside.
/// `rnd_a` is sixteen fresh random bytes; used twice, they let an old answer pass.
///
/// A wrong key is tried once and never again in the same presentation; ask
/// [`Backoff`](crate::Backoff) before.
///
/// # Errors
/// [`NotProven`].
///
/// # Cancellation safety
/// A dropped future leaves the card in the middle of an authentication, which it forgets with the
/// next command or the loss of the field.
pub async fn authenticate<C: ApduChannel>(
    channel: &mut C,
    uid: &Uid,
    site: &SiteKey,
    rnd_a: [u8; 16],
) -> Result<Proof, NotProven<C::Error>> {
    if uid.is_random() {
        return Err(NotProven::RandomUid);
    }
    let mut answer = [0; ANSWER_BYTES];
    let family = select(channel, &mut answer).await?;
    let key = site.card_key(family, KeySlot::Pile, uid);
    let mut session = begin(channel, &mut answer, KeySlot::Pile.number(), &key, rnd_a).await?;
    if same_uid(channel, &mut answer, &mut session, uid).await? {
        Ok(Proof { family })
    } else {
        Err(NotProven::Impostor)
    }
}

/// Sends a command; the answer without what is beyond its length.
pub(crate) async fn exchange<'a, C: ApduChannel>(
    channel: &mut C,
    answer: &'a mut [u8; ANSWER_BYTES],
    command: &Command,
) -> Result<&'a mut [u8], NotProven<C::Error>> {
    let length = channel
        .exchange(command.bytes(), answer)
        .await
        .map_err(NotProven::Gone)?;
    answer.get_mut(..length).ok_or(NotProven::Garbled)
}

/// Selects the application of the profile. The DESFire's comes first: a DESFire may hold somebody
/// else's NDEF application, whose DF name is the one of the NTAG 424 DNA.
pub(crate) async fn select<C: ApduChannel>(
    channel: &mut C,
    answer: &mut [u8; ANSWER_BYTES],
) -> Result<Family, NotProven<C::Error>> {
    let desfire = Command::native(0x5a, &[&DESFIRE_AID])?;
    if status(exchange(channel, answer, &desfire).await?)? == Status::OK {
        return Ok(Family::Desfire);
    }
    let ntag = Command::select(&NTAG424_DF_NAME)?;
    if status(exchange(channel, answer, &ntag).await?)? == Status::ISO_OK {
        return Ok(Family::Ntag424);
    }
    Err(NotProven::Plain)
}

fn status<E>(answer: &[u8]) -> Result<Status, NotProven<E>> {
    Ok(parse(answer).ok_or(NotProven::Garbled)?.1)
}

/// The authentication, once.
pub(crate) async fn begin<C: ApduChannel>(
    channel: &mut C,
    answer: &mut [u8; ANSWER_BYTES],
    number: u8,
    key: &CardKey,
    rnd_a: [u8; 16],
) -> Result<Session, NotProven<C::Error>> {
    let start = Start::new(number, key);
    let first = exchange(channel, answer, &start.command()?).await?;
    let challenged = match start.challenge(first, rnd_a) {
        // No such key, no such command, a random number instead of keys: not ours.
        Err(HandshakeError::Refused(status))
            if status != Status::AUTHENTICATION_DELAY && status != Status::PERMISSION_DENIED =>
        {
            return Err(NotProven::Plain);
        }
        challenged => challenged?,
    };
    let second = exchange(channel, answer, &challenged.command()?).await?;
    Ok(challenged.conclude(second)?)
}

/// Reads the UID through the session and compares it (`GetCardUID`, NT4H2421Gx clause 10.5.3).
pub(crate) async fn same_uid<C: ApduChannel>(
    channel: &mut C,
    answer: &mut [u8; ANSWER_BYTES],
    session: &mut Session,
    uid: &Uid,
) -> Result<bool, NotProven<C::Error>> {
    let command = session
        .seal(CommMode::Full, 0x51, &[], &[])
        .map_err(|_| NotProven::Garbled)?;
    let sealed = exchange(channel, answer, &command).await?;
    let inside = session.open(CommMode::Full, sealed)?;
    // A DESFire with a UID of 4 or 10 bytes writes a zero and the length before it.
    let inside = match inside {
        [0x00, length, rest @ ..] if usize::from(*length) == rest.len() => rest,
        seven => seven,
    };
    Ok(Uid::from_bytes(inside).is_ok_and(|inside| inside == *uid))
}
