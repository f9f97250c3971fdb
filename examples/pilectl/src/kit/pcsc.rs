//! A real card on a real reader, by way of PC/SC (`pcscd` on Linux, built in on Windows and macOS).

use std::ffi::CString;
use std::time::{Duration, Instant};

use card_auth::ApduChannel;
use pcsc::{Card, Context, Error, Protocols, ReaderState, Scope, ShareMode, State};

use super::uids::ChipUid;
use crate::answer::Refusal;

/// How long a card is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// PC/SC part 3, clause 3.2.2.1.3: the reader itself answers with the UID of the card on it.
const GET_UID: [u8; 5] = [0xff, 0xca, 0x00, 0x00, 0x00];

/// A card on a reader, to ourselves until it is dropped.
pub(super) struct RealCard(Card);

impl RealCard {
    /// Waits for a card on the readers whose names hold `wanted`: many a reader has slots for other
    /// cards too, which count as readers of their own.
    ///
    /// # Errors
    /// [`Refusal`]: no PC/SC service, no such reader, a card on several, or none in half a minute.
    pub fn wait(wanted: &str) -> Result<Self, Refusal> {
        let context = Context::establish(Scope::User).map_err(|error| {
            Refusal::new(
                format!("no card service: {error}"),
                "start it; on Debian: apt-get install pcscd && systemctl start pcscd",
            )
        })?;
        let readers = fitting(&context, wanted)?;
        let names = shown(&readers);
        eprintln!("{names}: waiting for a card ...");
        let state = |reader: CString| ReaderState::new(reader, State::UNAWARE);
        let mut states: Vec<ReaderState> = readers.into_iter().map(state).collect();
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match context.get_status_change(left, &mut states) {
                Ok(()) => {}
                Err(Error::Timeout) => {
                    let what = format!("{names}: no card in {} s", PATIENCE.as_secs());
                    let remedy = "lay the card on the reader and try again";
                    return Err(Refusal::new(what, remedy));
                }
                Err(error) => return Err(lost(&names, error)),
            }
            let present = |state: &&ReaderState| state.event_state().contains(State::PRESENT);
            let mut laid = states.iter().filter(present).map(ReaderState::name);
            match (laid.next(), laid.next()) {
                (Some(reader), None) => {
                    let card = context.connect(reader, ShareMode::Exclusive, Protocols::ANY);
                    return card.map(Self).map_err(|error| lost(&names, error));
                }
                (Some(_), Some(_)) => {
                    return Err(Refusal::new(
                        format!("{names}: cards on several"),
                        "leave one, or say which reader with --reader and a part of its name",
                    ));
                }
                (None, _) => states.iter_mut().for_each(ReaderState::sync_current_state),
            }
        }
    }

    /// The UID of the card, as the reader says it.
    ///
    /// # Errors
    /// [`Refusal`] if it does not, or says one that no NTAG 424 DNA has.
    pub fn uid(&self) -> Result<ChipUid, Refusal> {
        let mut buffer = [0; 258];
        let answer = self.0.transmit(&GET_UID, &mut buffer);
        let answer = answer.map_err(|error| lost("the reader", error))?;
        answer
            .strip_suffix(&[0x90, 0x00])
            .and_then(|uid| uid.try_into().ok())
            .ok_or_else(|| {
                Refusal::new(
                    "the card has no UID of seven bytes",
                    "lay an NTAG 424 DNA on the reader",
                )
            })
    }
}

impl ApduChannel for RealCard {
    type Error = Error;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Error> {
        match self.0.transmit(command, answer)?.len() {
            // Some drivers have nothing to say of a card that was taken away.
            0 | 1 => Err(Error::RemovedCard),
            length => Ok(length),
        }
    }
}

/// The readers whose names hold `wanted`, at least one.
fn fitting(context: &Context, wanted: &str) -> Result<Vec<CString>, Refusal> {
    let readers = match context.list_readers_owned() {
        Ok(readers) => readers,
        Err(Error::NoReadersAvailable) => Vec::new(),
        Err(error) => return Err(lost("the card service", error)),
    };
    if readers.is_empty() {
        return Err(Refusal::new(
            "no card reader",
            "plug one in that reads contactless cards",
        ));
    }
    let all = shown(&readers);
    let fits = |reader: &CString| reader.to_string_lossy().contains(wanted);
    let fitting: Vec<CString> = readers.into_iter().filter(fits).collect();
    if fitting.is_empty() {
        return Err(Refusal::new(
            format!("no reader of that name; there is {all}"),
            "say which with --reader and a part of its name",
        ));
    }
    Ok(fitting)
}

fn shown(readers: &[CString]) -> String {
    let names: Vec<_> = readers
        .iter()
        .map(|reader| reader.to_string_lossy())
        .collect();
    names.join("; ")
}

fn lost(who: &str, error: Error) -> Refusal {
    Refusal::new(
        format!("{who}: {error}"),
        "lay the card flat on the reader and try again",
    )
}
