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
    /// Waits for a card on the reader whose name holds `wanted`, or on the only one there is.
    ///
    /// # Errors
    /// [`Refusal`]: no PC/SC service, no such reader, several, or no card in half a minute.
    pub fn wait(wanted: &str) -> Result<Self, Refusal> {
        let context = Context::establish(Scope::User).map_err(|error| {
            Refusal::new(
                format!("no card service: {error}"),
                "start it; on Debian: apt-get install pcscd && systemctl start pcscd",
            )
        })?;
        let reader = choose(&context, wanted)?;
        let name = reader.to_string_lossy().into_owned();
        eprintln!("{name}: waiting for a card ...");
        let mut states = [ReaderState::new(reader.clone(), State::UNAWARE)];
        let until = Instant::now() + PATIENCE;
        while !states
            .iter()
            .any(|state| state.event_state().contains(State::PRESENT))
        {
            states.iter_mut().for_each(ReaderState::sync_current_state);
            let left = until.saturating_duration_since(Instant::now());
            match context.get_status_change(left, &mut states) {
                Ok(()) => {}
                Err(Error::Timeout) => {
                    let what = format!("{name}: no card in {} s", PATIENCE.as_secs());
                    return Err(Refusal::new(
                        what,
                        "lay the card on the reader and try again",
                    ));
                }
                Err(error) => return Err(lost(&name, error)),
            }
        }
        let card = context.connect(&reader, ShareMode::Exclusive, Protocols::ANY);
        card.map(Self).map_err(|error| lost(&name, error))
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
        self.0.transmit(command, answer).map(<[u8]>::len)
    }
}

fn choose(context: &Context, wanted: &str) -> Result<CString, Refusal> {
    let readers = match context.list_readers_owned() {
        Ok(readers) => readers,
        Err(Error::NoReadersAvailable) => Vec::new(),
        Err(error) => return Err(lost("the card service", error)),
    };
    let name = |reader: &CString| reader.to_string_lossy().into_owned();
    let all = readers.iter().map(name).collect::<Vec<_>>().join("; ");
    let mut fitting = readers
        .iter()
        .filter(|reader| name(reader).contains(wanted));
    let which = "say which with --reader and a part of its name";
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => Err(Refusal::new(format!("several readers: {all}"), which)),
        (None, _) if readers.is_empty() => Err(Refusal::new(
            "no card reader",
            "plug one in that reads contactless cards",
        )),
        (None, _) => {
            let what = format!("no reader of that name; there is {all}");
            Err(Refusal::new(what, which))
        }
    }
}

fn lost(who: &str, error: Error) -> Refusal {
    Refusal::new(
        format!("{who}: {error}"),
        "lay the card flat on the reader and try again",
    )
}
