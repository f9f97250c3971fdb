//! Brings a card to its plan.

use super::plan::{Plan, Step};
use crate::authenticate::{begin, exchange, same_uid};
use crate::command::{ANSWER_BYTES, parse};
use crate::ev2::{CommMode, OpenError, Session};
use crate::ntag424::{GET_FILE_SETTINGS, GET_KEY_VERSION, READ_DATA};
use crate::profile::{DESFIRE_AID, NTAG424_DF_NAME};
use crate::{ApduChannel, CardKey, Command, Family, KeySlot, NotProven, PROFILE_VERSION, Status};

/// `CreateApplication`, and its settings: key 0 changes keys and files, two AES keys.
const CREATE_APPLICATION: u8 = 0xca;
const APPLICATION_SETTINGS: [u8; 2] = [0x0b, 0x82];

/// The card is what its plan says.
///
/// ```
/// use card_auth::personalise::Done;
/// assert_eq!(Done { changed: 0 }, Done::default(), "it was before");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// How many steps had to be done in this run.
    pub changed: usize,
}

/// Error returned by [`run`]: the card is not finished. A second run goes on where this one ended,
/// except where the card is another's.
///
/// ```
/// use card_auth::personalise::Unfinished;
/// assert!(Unfinished::<()>::OtherCard.to_string().contains("another"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished<E> {
    /// It does not open: [`NotProven::WrongKey`] for neither the factory's key nor ours,
    /// [`NotProven::Gone`] for a card that was taken away.
    Card(NotProven<E>),
    /// It is another card than the plan's. Nothing was changed.
    OtherCard,
    /// The key of this number is neither the factory's nor ours. Nothing was changed.
    ForeignKey(u8),
    /// It refuses a step with this status.
    Refused(Status),
}

impl<E> core::fmt::Display for Unfinished<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Card(error) => error.fmt(f),
            Self::OtherCard => f.write_str("this is another card"),
            Self::ForeignKey(number) => write!(f, "key {number} is somebody else's"),
            Self::Refused(status) => write!(f, "the card refuses with {status}"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for Unfinished<E> {}

impl<E> From<NotProven<E>> for Unfinished<E> {
    fn from(error: NotProven<E>) -> Self {
        Self::Card(error)
    }
}

/// Personalises the card in the field. `draw` gives sixteen fresh random bytes each time.
///
/// # Errors
/// [`Unfinished`].
///
/// # Cancellation safety
/// As if the card had been taken away: a second run finishes.
pub async fn run<C: ApduChannel>(
    channel: &mut C,
    plan: &Plan,
    draw: impl FnMut() -> [u8; 16],
) -> Result<Done, Unfinished<C::Error>> {
    run_told(channel, plan, draw, |_, _| {}).await
}

/// [`run`], for somebody who watches: `told` hears of each step once it is done, with true if this
/// run changed the card and false if it was so before.
///
/// # Errors
/// [`Unfinished`]. Where `told` heard of no step and the card neither went silent nor garbled its
/// answer, nothing on it was changed.
///
/// # Cancellation safety
/// As for [`run`].
pub async fn run_told<C: ApduChannel>(
    channel: &mut C,
    plan: &Plan,
    mut draw: impl FnMut() -> [u8; 16],
    mut told: impl FnMut(Step, bool),
) -> Result<Done, Unfinished<C::Error>> {
    let mut card = Card {
        channel,
        answer: [0; ANSWER_BYTES],
    };
    let mut done = Done::default();
    if card.open_application(plan.family()).await? {
        done.changed += 1;
    }
    let (mut session, ours) = card.open_with_key_0(plan, &mut draw).await?;
    if !same_uid(card.channel, &mut card.answer, &mut session, plan.uid()).await? {
        return Err(Unfinished::OtherCard);
    }
    let marked = card.marked_keys(&mut session, plan).await?;
    let has = |slot: KeySlot| marked.get(usize::from(slot.number())) == Some(&true);
    if !ours && KeySlot::ALL.into_iter().any(has) {
        // Another site marks its keys as we do. Once key 0 is changed, only who knows all can help.
        for slot in KeySlot::ALL.into_iter().filter(|slot| has(*slot)) {
            card.prove(plan, slot, draw()).await?;
        }
        let number = KeySlot::Master.number();
        let key = &CardKey::FACTORY;
        session = begin(card.channel, &mut card.answer, number, key, draw()).await?;
        if !same_uid(card.channel, &mut card.answer, &mut session, plan.uid()).await? {
            return Err(Unfinished::OtherCard);
        }
    }
    for step in plan.steps() {
        let finished = match step {
            Step::Key(KeySlot::Master) => ours,
            Step::Key(slot) => has(slot),
            step => card.is_done(&mut session, plan, step).await?,
        };
        if !finished {
            card.carry_out(&mut session, plan, step).await?;
            done.changed += 1;
        }
        told(step, !finished);
    }
    // As a pile will.
    card.open_application(plan.family()).await?;
    let number = KeySlot::Pile.number();
    let key = plan.key(KeySlot::Pile);
    let mut session = begin(card.channel, &mut card.answer, number, key, draw()).await?;
    if !same_uid(card.channel, &mut card.answer, &mut session, plan.uid()).await? {
        return Err(Unfinished::OtherCard);
    }
    Ok(done)
}

struct Card<'a, C> {
    channel: &'a mut C,
    answer: [u8; ANSWER_BYTES],
}

impl<C: ApduChannel> Card<'_, C> {
    /// Sends an unprotected command: data and status.
    async fn plain(&mut self, command: &Command) -> Result<(&[u8], Status), NotProven<C::Error>> {
        let answer = exchange(self.channel, &mut self.answer, command).await?;
        parse(answer).ok_or(NotProven::Garbled)
    }

    /// Selects the application; true if it had to be made.
    async fn open_application(&mut self, family: Family) -> Result<bool, NotProven<C::Error>> {
        if family == Family::Ntag424 {
            let (_, status) = self.plain(&Command::select(&NTAG424_DF_NAME)?).await?;
            return (status == Status::ISO_OK)
                .then_some(false)
                .ok_or(NotProven::Plain);
        }
        let select = Command::native(0x5a, &[&DESFIRE_AID])?;
        if self.plain(&select).await?.1 == Status::OK {
            return Ok(false);
        }
        let parts: [&[u8]; 2] = [&DESFIRE_AID, &APPLICATION_SETTINGS];
        let create = Command::native(CREATE_APPLICATION, &parts)?;
        let made = self.plain(&create).await?.1 == Status::OK;
        let selected = made && self.plain(&select).await?.1 == Status::OK;
        selected.then_some(true).ok_or(NotProven::Plain)
    }

    /// Authenticates with key 0: the one its version speaks for, else the other. True for ours.
    async fn open_with_key_0(
        &mut self,
        plan: &Plan,
        draw: &mut impl FnMut() -> [u8; 16],
    ) -> Result<(Session, bool), NotProven<C::Error>> {
        let number = KeySlot::Master.number();
        // A hint only: nothing protects it.
        let ask = Command::native(GET_KEY_VERSION, &[&[number]])?;
        let likely = self.plain(&ask).await? == (&[PROFILE_VERSION], Status::OK);
        let mut refused = NotProven::WrongKey;
        for ours in [likely, !likely] {
            let key = if ours {
                plan.key(KeySlot::Master)
            } else {
                &CardKey::FACTORY
            };
            match begin(self.channel, &mut self.answer, number, key, draw()).await {
                Ok(session) => return Ok((session, ours)),
                Err(NotProven::WrongKey) => refused = NotProven::WrongKey,
                Err(other) => return Err(other),
            }
        }
        Err(refused)
    }

    /// Sends a protected command and returns the data of its answer.
    async fn tell(
        &mut self,
        session: &mut Session,
        mode: CommMode,
        code: u8,
        [header, data]: [&[u8]; 2],
    ) -> Result<&[u8], Unfinished<C::Error>> {
        let command = session
            .seal(mode, code, header, data)
            .map_err(|_| NotProven::Garbled)?;
        let answer = exchange(self.channel, &mut self.answer, &command).await?;
        session.open(mode, answer).map_err(|error| match error {
            OpenError::Refused(status) => Unfinished::Refused(status),
            other => Unfinished::Card(other.into()),
        })
    }

    /// Which keys but key 0, by their numbers, have the version of this profile.
    async fn marked_keys(
        &mut self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<[bool; 5], Unfinished<C::Error>> {
        let mut marked = [false; 5];
        for (number, marked) in (0..plan.family().keys()).zip(&mut marked).skip(1) {
            let ask = [&[number][..], &[]];
            let version = self
                .tell(session, CommMode::Mac, GET_KEY_VERSION, ask)
                .await?;
            *marked = match *version {
                [0] => false,
                [PROFILE_VERSION] => true,
                _ => return Err(Unfinished::ForeignKey(number)),
            };
        }
        Ok(marked)
    }

    /// Makes sure that a key is ours, with one attempt. Ends the session.
    async fn prove(
        &mut self,
        plan: &Plan,
        slot: KeySlot,
        rnd_a: [u8; 16],
    ) -> Result<(), Unfinished<C::Error>> {
        let (number, key) = (slot.number(), plan.key(slot));
        match begin(self.channel, &mut self.answer, number, key, rnd_a).await {
            Ok(_) => Ok(()),
            Err(NotProven::WrongKey) => Err(Unfinished::ForeignKey(number)),
            Err(other) => Err(other.into()),
        }
    }

    /// Asks the card whether a step other than a key is done.
    async fn is_done(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        step: Step,
    ) -> Result<bool, Unfinished<C::Error>> {
        let wanted = plan.instruction(step);
        let file = wanted.header().get(..1).unwrap_or_default();
        match step {
            // What its version says was read before.
            Step::Key(_) => Ok(false),
            Step::Protect | Step::Mirror => {
                let ask = [file, &[]];
                let now = self
                    .tell(session, CommMode::Mac, GET_FILE_SETTINGS, ask)
                    .await?;
                // File type, option and rights, size (3), what follows.
                let settings = now.get(1..4).into_iter().chain(now.get(7..)).flatten();
                Ok(settings.eq(wanted.data()))
            }
            Step::Label | Step::AddressHead | Step::AddressTail => {
                let ask = [wanted.header(), &[]];
                let now = self.tell(session, wanted.mode(), READ_DATA, ask).await?;
                Ok(now == wanted.data())
            }
        }
    }

    async fn carry_out(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        step: Step,
    ) -> Result<(), Unfinished<C::Error>> {
        let wanted = plan.instruction(step);
        let parts = [wanted.header(), wanted.data()];
        if step == Step::Key(KeySlot::Master) {
            // The session's key goes: the answer has no MAC (NT4H2421Gx clause 10.6.1).
            let command = session
                .seal(wanted.mode(), wanted.code(), wanted.header(), wanted.data())
                .map_err(|_| NotProven::Garbled)?;
            let (_, status) = self.plain(&command).await?;
            return (status == Status::OK)
                .then_some(())
                .ok_or(Unfinished::Refused(status));
        }
        self.tell(session, wanted.mode(), wanted.code(), parts)
            .await?;
        Ok(())
    }
}
