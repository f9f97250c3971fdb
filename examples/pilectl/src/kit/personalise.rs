//! `kit personalise`: a chip becomes a card of the kit.
//!
//! The site file is written before the card: a chip whose keys are changed is always one that the
//! kit knows. A chip that turns out to be unfit before anything on it was changed leaves the kit as
//! it was; one that breaks later is taken from its card by `kit release`.

use std::path::{Path, PathBuf};

use card_auth::personalise::{Done, Step, Unfinished, run_told};
use card_auth::{ApduChannel, NotProven};
use clap::Args;
use embassy_futures::block_on;

use super::make::Draws;
use super::prove::{Disproven, prove};
use super::site::Site;
use super::tag::{Silent, VirtualTag};
use crate::answer::{Answer, Refusal};

/// Options of `kit personalise`.
#[derive(Debug, Args)]
pub struct Options {
    /// The kit's folder.
    kit: PathBuf,
    /// Which card: 0 is the landlord's, 1, 2, 3, ... the tenants'.
    #[arg(long, value_name = "N")]
    card: u16,
    /// On a virtual tag, kept in the kit's folder. Tries the kit out, and leaves its site file as it
    /// is.
    #[arg(long = "virtual")]
    on_virtual: bool,
    /// The reader, by a part of its name. Without it, whichever a card lies on.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(conflicts_with = "on_virtual")]
    reader: String,
    /// Takes the virtual tag away after so many commands, to see what becomes of it.
    #[arg(long, value_name = "COMMANDS", requires = "on_virtual")]
    take_away_after: Option<u32>,
    /// The last of those commands is carried out, and its answer not heard.
    #[arg(long, requires = "take_away_after")]
    answer_lost: bool,
}

pub(super) fn run(options: &Options) -> Result<Answer, Refusal> {
    let kit = Site::read(&options.kit)?;
    kit.card(options.card)?;
    if options.on_virtual {
        on_virtual(&kit, options)
    } else {
        on_reader(kit, &options.kit, options.card, &options.reader)
    }
}

fn on_virtual(kit: &Site, options: &Options) -> Result<Answer, Refusal> {
    let hand = (options.take_away_after, options.answer_lost);
    let mut tag = VirtualTag::enter(&options.kit, kit.card(options.card)?, hand)?;
    let mut draws = Draws::new()?;
    let outcome = block_on(bring(&mut tag, kit, options.card, &mut draws)).and_then(|done| {
        Ok((
            done,
            block_on(shown(&mut tag, kit, options.card, &mut draws))?,
        ))
    });
    let (done, proven) = outcome.map_err(|stop| stop.refusal)?;
    Ok(Answer::well(format!(
        "{}Proven on the virtual tag:\n{proven}",
        report(kit, options.card, done)?
    )))
}

#[cfg(not(feature = "pcsc"))]
fn on_reader(_: Site, _: &Path, _: u16, _: &str) -> Result<Answer, Refusal> {
    Err(Refusal::new(
        "this pilectl was built without card readers",
        "build it with them: cargo install --path examples/pilectl --features pcsc (on Debian it \
         needs apt-get install libpcsclite-dev pkg-config pcscd); or try --virtual",
    ))
}

#[cfg(feature = "pcsc")]
fn on_reader(mut kit: Site, folder: &Path, number: u16, reader: &str) -> Result<Answer, Refusal> {
    use super::make::write_papers;
    use super::pcsc::RealCard;
    use super::site::Stage;

    let mut chip = RealCard::wait(reader)?;
    let uid = chip.uid()?;
    let before = (kit.card(number)?.uid.0, kit.card(number)?.stage);
    take_over(&mut kit, folder, number, uid)?;
    let mut draws = Draws::new()?;
    let done = match block_on(bring(&mut chip, &kit, number, &mut draws)) {
        Ok(done) => done,
        Err(stop) => {
            if stop.untouched {
                kit.note(folder, number, before)?;
            }
            write_papers(&kit, folder)?;
            return Err(stop.refusal);
        }
    };
    kit.note(folder, number, (uid, Stage::Personalised))?;
    write_papers(&kit, folder)?;
    let proven =
        block_on(shown(&mut chip, &kit, number, &mut draws)).map_err(|stop| stop.refusal)?;
    Ok(Answer::well(format!(
        "{}Proven on the card:\n{proven}The sheet and the list have its UID now.\n",
        report(&kit, number, done)?
    )))
}

/// Makes a chip the one of a card, in the site file, before anything is done to it.
#[cfg_attr(
    not(feature = "pcsc"),
    allow(dead_code, reason = "a virtual tag has the UID of its card")
)]
fn take_over(
    kit: &mut Site,
    folder: &Path,
    number: u16,
    uid: super::uids::ChipUid,
) -> Result<(), Refusal> {
    use super::site::Stage;

    let mut cards = kit.cards.iter();
    if let Some(other) = cards.find(|card| card.uid.0 == uid && card.number != number) {
        return Err(Refusal::new(
            format!("this chip is the one of {}", other.said()),
            "lay another on the reader",
        ));
    }
    let card = kit.card(number)?;
    match card.stage {
        Stage::Drawn => kit.note(folder, number, (uid, Stage::Given)),
        _ if card.uid.0 == uid => Ok(()),
        Stage::Given | Stage::Personalised => Err(Refusal::new(
            format!("this is not the chip of {}", card.said()),
            "lay that one on the reader, or name the card that this chip is for; if that chip is broken \
             or lost, pilectl kit release takes it from the card",
        )),
    }
}

/// Why a chip is not finished, and whether it is as it was.
struct Stop {
    refusal: Refusal,
    #[cfg_attr(
        not(feature = "pcsc"),
        allow(dead_code, reason = "a virtual tag changes nothing in the site file")
    )]
    untouched: bool,
}

/// Why a channel falls silent, in words.
trait Reason {
    fn reason(&self) -> Refusal;
}

impl Reason for Silent {
    fn reason(&self) -> Refusal {
        match self {
            Self::Taken => gone("it was taken away"),
            Self::Unkept(refusal) => refusal.clone(),
        }
    }
}

#[cfg(feature = "pcsc")]
impl Reason for ::pcsc::Error {
    fn reason(&self) -> Refusal {
        gone(&self.to_string())
    }
}

fn gone(why: &str) -> Refusal {
    Refusal::new(
        format!("the card does not answer any more: {why}"),
        "run the same command again with the same card: what is done stays done, the rest is finished",
    )
}

/// Brings the chip to what the card's plan says, telling of each step.
async fn bring<C: ApduChannel<Error: Reason>>(
    chip: &mut C,
    kit: &Site,
    number: u16,
    draws: &mut Draws,
) -> Result<Done, Stop> {
    let stop = |refusal| Stop {
        refusal,
        untouched: false,
    };
    let plan = kit
        .card(number)
        .and_then(|card| kit.plan(card))
        .map_err(stop)?;
    let total = plan.steps().count();
    let mut heard = 0;
    let told = |step: Step, changed: bool| {
        heard += 1;
        let what = if changed { "done" } else { "was so before" };
        eprintln!("  {heard:2} of {total}  {step}: {what}");
    };
    let outcome = run_told(chip, &plan, || draws.draw(), told).await;
    outcome.map_err(|why| Stop {
        untouched: heard == 0 && is_refusal(&why),
        refusal: refusal(&why),
    })
}

/// True if the card was there and would not: had no step been told, nothing on it was changed.
const fn is_refusal<E>(why: &Unfinished<E>) -> bool {
    match why {
        Unfinished::OtherCard | Unfinished::ForeignKey(_) | Unfinished::Refused(_) => true,
        Unfinished::Card(why) => !matches!(
            why,
            NotProven::Gone(_) | NotProven::Garbled | NotProven::Impostor
        ),
    }
}

fn refusal<E: Reason>(why: &Unfinished<E>) -> Refusal {
    match why {
        Unfinished::Card(why) => unproven(why),
        Unfinished::OtherCard => Refusal::new(
            format!("{why}"),
            "take a blank NTAG 424 DNA; this one was left alone",
        ),
        Unfinished::ForeignKey(_) => Refusal::new(
            format!("{why}"),
            "take a blank NTAG 424 DNA; this one was left alone, and each try costs it one of the 1,000 \
             failures that lock a key for good",
        ),
        Unfinished::Refused(_) => Refusal::new(
            format!("{why}"),
            "take a blank NTAG 424 DNA as it comes from the factory",
        ),
    }
}

fn unproven<E: Reason>(why: &NotProven<E>) -> Refusal {
    let remedy = match why {
        NotProven::Gone(error) => return error.reason(),
        NotProven::Plain => "lay an NTAG 424 DNA on the reader",
        NotProven::WrongKey => {
            "it is another site's card, or the kit's copy is old: take a blank NTAG 424 DNA; no key \
             is tried twice, and each run costs this one two of the 1,000 failures that lock it for good"
        }
        NotProven::Delayed => "leave it on a reader for a while, or take another chip",
        NotProven::Garbled => "lay it flat on the reader and try again",
        NotProven::RandomUid | NotProven::Impostor | NotProven::Locked => "take another chip",
    };
    Refusal::new(format!("{why}"), remedy)
}

async fn shown<C: ApduChannel<Error: Reason>>(
    chip: &mut C,
    kit: &Site,
    number: u16,
    draws: &mut Draws,
) -> Result<String, Stop> {
    let untouched = false;
    let card = kit
        .card(number)
        .map_err(|refusal| Stop { refusal, untouched })?;
    let proven = prove(chip, kit, card, draws).await;
    proven.map_err(|why| Stop {
        refusal: match why {
            Disproven::Pile(why) => unproven(&why),
            Disproven::Phone(why) => Refusal::found(
                format!("{} has its keys, but {why}", card.said()),
                "keep it from being used and take another chip",
            ),
        },
        untouched,
    })
}

fn report(kit: &Site, number: u16, done: Done) -> Result<String, Refusal> {
    let name = kit.card(number)?.said();
    Ok(match done.changed {
        0 => format!("Done: {name} is personalised already; nothing was changed.\n"),
        1 => format!("Done: {name} is personalised: 1 step was left to do.\n"),
        steps => format!("Done: {name} is personalised: {steps} steps were to do.\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::site::Stage;
    use super::*;
    use pile_sim::cards::Ntag424;

    const UID: [u8; 7] = [4, 1, 2, 3, 4, 5, 6];

    /// Lays a chip on the reader for card 0: why it was refused, whether the kit lets it go, and the
    /// chip of afterwards.
    fn refused(chip: &Ntag424) -> (String, bool, Ntag424) {
        let folder = tempfile::tempdir().unwrap();
        let known = (Stage::Drawn, vec![UID]);
        let kit = Site::new(("house", "pile.example/c"), [7; 16], known);
        let file = folder.path().join("tags/card-00.tag");
        std::fs::create_dir(folder.path().join("tags")).unwrap();
        std::fs::write(&file, chip.memory()).unwrap();
        let mut tag =
            VirtualTag::enter(folder.path(), kit.card(0).unwrap(), (None, false)).unwrap();
        let done = block_on(bring(&mut tag, &kit, 0, &mut Draws::new().unwrap()));
        let stop = done.err().unwrap();
        let after = Ntag424::from_memory(&std::fs::read(file).unwrap()).unwrap();
        (stop.refusal.to_string(), stop.untouched, after)
    }

    fn keys(chip: &Ntag424) -> Vec<Option<([u8; 16], u8)>> {
        (0..5).map(|number| chip.key(number)).collect()
    }

    /// With a version that is not ours, and with ours, as a card that another kit left half done has.
    #[test]
    fn a_chip_with_somebody_elses_key_4_was_not_touched() {
        for version in [7, 1] {
            let mut chip = Ntag424::new(UID);
            chip.set_key(4, [9; 16], version);
            let (why, untouched, after) = refused(&chip);
            assert!(why.contains("key 4 is somebody else's"), "{why}");
            assert!(why.contains("1,000"), "{why}");
            assert!(untouched, "the kit would keep a chip that is no card of it");
            assert_eq!(keys(&after), keys(&chip));
        }
    }
}
