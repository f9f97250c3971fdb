//! A tap, asked for its key: what the reader's task makes of a card before the machine hears of it.
//!
//! | the card | becomes |
//! | --- | --- |
//! | makes a new number each time | [`Tap::RandomNumber`] |
//! | speaks no ISO/IEC 14443-4, or nobody expects a key of it, or the pile has no site key | a card that announced its number |
//! | proves the key of this site | a card that proved itself |
//! | has no application of ours | a card that announced its number |
//! | has another key, pretends, or is slowed down or locked by failures before | [`Tap::WrongKey`] |
//! | failed lately, so that it has to wait ([`Backoff`]) | [`Tap::Waits`]: it is not touched |
//! | is taken away in the middle, or has not answered everything within [`LIMIT`] | [`Tap::Gone`] |
//!
//! A card is asked once a presentation. The reader is busy meanwhile, and nothing else is: meters,
//! relays, buttons and the ledger have tasks of their own.

use super::{Clock, Random};
use card_auth::{
    AliasKey, Backoff, Card, CardReader, CardWatch, MayTry, NotProven, SiteKey, authenticate,
};
use embassy_futures::select::{Either, select};
use pile_units::{CardAlias, Duration, Strength};

/// What a card has for all its answers together. An NTAG 424 DNA takes about a tenth of a second;
/// one that asks for more time again and again (S(WTX), ISO/IEC 14443-4 clause 7.3) could hold the
/// reader for ever.
const LIMIT: Duration = Duration::from_seconds(3);
/// Cards whose failures are remembered.
const REMEMBERED: usize = 16;

/// What a tap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tap {
    Card(CardAlias, Strength),
    WrongKey(CardAlias),
    Waits,
    RandomNumber,
    Gone,
}

/// Whether a card is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    No,
    Yes,
    /// The landlord stands there: whatever it failed before is forgotten.
    Anew,
}

/// Asks cards for their key.
pub(super) struct Prover<'a, R> {
    aliases: &'a AliasKey,
    site: Option<&'a SiteKey>,
    random: R,
    failures: Backoff<REMEMBERED>,
}

impl<'a, R: Random> Prover<'a, R> {
    pub const fn new(aliases: &'a AliasKey, site: Option<&'a SiteKey>, random: R) -> Self {
        Self {
            aliases,
            site,
            random,
            failures: Backoff::new(),
        }
    }

    /// Asks the card that was just presented, if `ask` says so of its alias.
    ///
    /// # Cancellation safety
    /// A dropped future leaves the card in the middle of an authentication; the next look ends it.
    pub async fn tap<C: CardReader>(
        &mut self,
        watch: &mut CardWatch<C>,
        card: &Card,
        clock: &impl Clock,
        ask: impl FnOnce(CardAlias) -> Ask,
    ) -> Tap {
        if card.uid.is_random() {
            return Tap::RandomNumber;
        }
        let alias = self.aliases.alias(&card.uid);
        let announced = Tap::Card(alias, card.strength);
        let Some(site) = self.site.filter(|_| card.iso14443_4) else {
            return announced;
        };
        match ask(alias) {
            Ask::No => return announced,
            Ask::Yes => {}
            Ask::Anew => self.failures.clear(alias),
        }
        let now = clock.now();
        if self.failures.may_try(alias, now) != MayTry::Yes {
            return Tap::Waits;
        }
        let mut challenge = [0; 16];
        self.random.fill(&mut challenge);
        let asked = authenticate(watch.channel(), &card.uid, site, challenge);
        let answered = match select(asked, clock.sleep_until(now.after(LIMIT))).await {
            Either::First(answered) => answered,
            Either::Second(()) => return Tap::Gone,
        };
        match answered {
            Ok(proof) => {
                self.failures.clear(alias);
                Tap::Card(alias, proof.strength())
            }
            Err(why) if why.is_refusal() => {
                self.failures.failed(alias, now);
                Tap::WrongKey(alias)
            }
            Err(NotProven::Gone(_)) => Tap::Gone,
            Err(NotProven::RandomUid) => Tap::RandomNumber,
            Err(_) => announced,
        }
    }
}
