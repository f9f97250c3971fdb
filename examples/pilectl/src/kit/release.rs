//! `kit release`: a card whose chip broke, was lost or was refused waits for another.

use std::path::PathBuf;

use clap::Args;

use super::make::{random, write_papers};
use super::site::{Site, Stage};
use super::uids::{self, ChipUid};
use crate::answer::{Answer, Refusal};

/// Options of `kit release`.
#[derive(Debug, Args)]
pub struct Options {
    /// The kit's folder.
    kit: PathBuf,
    /// Which card: 0 is the landlord's, 1, 2, 3, ... the tenants'.
    #[arg(long, value_name = "N")]
    card: u16,
}

pub(super) fn run(options: &Options) -> Result<Answer, Refusal> {
    let mut kit = Site::read(&options.kit)?;
    let card = kit.card(options.card)?;
    let (name, stage) = (card.said(), card.stage);
    if stage == Stage::Drawn {
        return Err(Refusal::new(
            format!("{name} has no chip"),
            "personalise it with any blank one",
        ));
    }
    let uid = loop {
        let drawn = uids::draw(1, random)?;
        let new = |uid: &&ChipUid| kit.cards.iter().all(|card| card.uid.0 != **uid);
        if let Some(uid) = drawn.first().filter(new) {
            break *uid;
        }
    };
    kit.release(&options.kit, options.card, uid)?;
    write_papers(&kit, &options.kit)?;
    let mut text = format!(
        "Done: {name} waits for another chip. Its code is a new one: personalise it, then print the \
         sheet again.\n"
    );
    if stage == Stage::Personalised {
        text +=
            "The chip of before still opens a pile that knows it: report that card lost there.\n";
    }
    Ok(Answer::well(text))
}
