//! The shell of a pile whose ledger is refused.

use super::phones::Dice;
use super::prover::{Ask, Prover, Tap};
use super::{Buttons, CardPace, Clock, Hardware, Link, Panel, Relays};
use crate::refused::{Refused, Reply};
use crate::{Fingerprint, Indicator, Refusal, Signal};
use billing_core::journal::Identity;
use billing_core::ledger::Ledger;
use billing_core::record::Record;
use card_auth::{CardEvent, CardWatch};
use core::cell::RefCell;
use embassy_futures::select::{Either4, select4};
use embedded_storage_async::nor_flash::{ErrorType, NorFlash};
use pile_units::{CardAlias, Credential, CredentialId, PileId, PortId, Role, Strength, WallTime};
use sha2::{Digest, Sha256};

type Error<H> = <<H as Hardware>::Flash as ErrorType>::Error;

/// What a refused pile has at hand.
pub(super) struct Front<'a, 'k, H: Hardware> {
    pub ports: usize,
    pub clock: &'a H::Clock,
    pub relays: &'a mut H::Relays,
    pub panel: &'a mut H::Panel,
    pub watch: &'a mut CardWatch<H::Cards>,
    pub card_pace: &'a mut H::CardPace,
    pub buttons: &'a mut H::Buttons,
    pub link: &'a H::Link,
    pub prover: &'a mut Prover<'k, Dice<'k, H::Random>>,
}

/// What is to become of a refused flash.
pub(super) struct Anew {
    /// The card that claims the new ledger.
    pub alias: CardAlias,
    /// How it proved itself.
    pub strength: Strength,
    /// The new journal's name.
    pub identity: Identity,
}

impl Anew {
    /// The new ledger's first record: its landlord is the old one's from then on, so no cut leaves a
    /// pile that somebody else could claim.
    pub const fn commissioned(&self, pile: PileId, at: WallTime) -> Record {
        let privilege = Credential {
            id: CredentialId::new(0),
            role: Role::Privilege,
            strength: self.strength,
            alias: self.alias,
            revoked: false,
        };
        Record::Commissioned {
            pile,
            privilege,
            at,
        }
    }
}

/// Stands with every relay open until the landlord has a new ledger begun.
///
/// # Errors
/// The flash's own: then nothing can be done here.
pub(super) async fn stand<H: Hardware>(
    front: Front<'_, '_, H>,
    flash: &mut H::Flash,
    own: Identity,
) -> Result<Anew, Error<H>> {
    for port in PortId::first(front.ports) {
        front.relays.set(port, false);
        front.panel.indicate(port, Indicator::Fault);
    }
    front.panel.signal(Signal::LedgerRefused);
    let privilege = Ledger::salvage_privilege(flash).await?;
    let evidence = digest(flash).await?;
    let fingerprint = Fingerprint::of(&evidence);
    let machine = RefCell::new(Refused::new(front.clock.now(), privilege, fingerprint));
    let panel = RefCell::new(front.panel);
    let say = |reply: Reply| {
        if let Reply::Say(signal) = reply {
            panel.borrow_mut().signal(signal);
        }
    };
    let now = || front.clock.now();
    let time = async {
        loop {
            let due = machine.borrow().deadline();
            front.clock.sleep_until(due).await;
            say(machine.borrow_mut().tick(now()));
        }
    };
    let buttons = async {
        loop {
            front.buttons.pressed().await;
            say(machine.borrow_mut().button(now()));
        }
    };
    let link = async {
        loop {
            let (id, command) = front.link.next().await;
            let outcome = machine.borrow_mut().command(&command);
            front.link.answer(id, outcome);
        }
    };
    let cards = async {
        loop {
            front.watch.refresh(now()).await;
            if let Some(CardEvent::Presented(card)) = front.watch.poll().await {
                let ask = |alias| {
                    if machine.borrow().asks_for_key(alias) {
                        Ask::Yes
                    } else {
                        Ask::No
                    }
                };
                let refuse = |why| Reply::Say(Signal::Refused(why));
                let tap = front.prover.tap(front.watch, &card, front.clock, ask).await;
                let reply = match tap {
                    Tap::Card(alias, strength) => {
                        let reply = machine.borrow_mut().card(now(), alias, strength);
                        if reply == Reply::BeginAnew {
                            return (alias, strength);
                        }
                        reply
                    }
                    Tap::WrongKey(_) => refuse(Refusal::WrongKey),
                    Tap::Waits => refuse(Refusal::CardWaits),
                    Tap::RandomNumber => Reply::Say(Signal::LedgerRefused),
                    Tap::Gone => refuse(Refusal::HoldStill),
                };
                say(reply);
            }
            front.card_pace.next().await;
        }
    };
    let (alias, strength) = match select4(cards, time, buttons, link).await {
        Either4::First(card) => card,
        Either4::Second(never) | Either4::Third(never) | Either4::Fourth(never) => never,
    };
    let identity = anew(own, &evidence);
    Ok(Anew {
        alias,
        strength,
        identity,
    })
}

/// SHA-256 of the whole flash.
async fn digest<F: NorFlash>(flash: &mut F) -> Result<[u8; 32], F::Error> {
    let mut hash = Sha256::new();
    // Whatever a flash reads at once divides this.
    let mut chunk = [0; 256];
    let bytes = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
    for address in (0..bytes).step_by(chunk.len()) {
        flash.read(address, &mut chunk).await?;
        hash.update(chunk);
    }
    Ok(hash.finalize().into())
}

/// The new journal's name: it follows from the hardware's and from what stood there before, so that
/// the two ledgers of a pile are never taken for each other.
fn anew(own: Identity, evidence: &[u8; 32]) -> Identity {
    let mut hash = Sha256::new();
    hash.update(own.bytes());
    hash.update(evidence);
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Identity::new(name)
}
