//! What each chip is told, as a list that somebody else's card writer can be fed with.

use std::fmt::Write as _;
use std::path::Path;

use card_auth::ev2::CommMode;
use card_auth::personalise::Instruction;
use zeroize::Zeroizing;

use super::files::{make_folder, rewrite};
use super::site::{KitCard, Site, hex};
use crate::answer::Refusal;

/// Writes `apdus/card-00.txt` and so on, readable by their owner only: some lines hold keys.
pub(super) fn write(kit: &Site, folder: &Path) -> Result<(), Refusal> {
    let lists = folder.join("apdus");
    make_folder(&lists)?;
    for card in &kit.cards {
        let list = list(kit, card)?;
        let name = format!("card-{:02}.txt", card.number);
        rewrite(&lists.join(name), list.as_bytes())?;
    }
    Ok(())
}

fn list(kit: &Site, card: &KitCard) -> Result<Zeroizing<String>, Refusal> {
    let plan = kit.plan(card)?;
    let mut text = Zeroizing::new(format!(
        "# openpile, card profile 1, NTAG 424 DNA: {} of {}. SECRET: it holds the card's keys.\n\
         # For the chip with the UID {} and no other, as it comes from the factory.\n\
         # First, as they stand: 00A4040007D276000085010100 selects the application, then\n\
         # AuthenticateEV2First (9071) with key 0, sixteen bytes of zeros.\n\
         # Then these, each through secure messaging in the mode of its last column.\n\
         # step | instruction | header | data | mode\n",
        card.name(),
        kit.house,
        hex(&card.uid.0),
    ));
    // Room for all of it: a string that grows leaves copies behind.
    text.reserve(2048);
    for told in plan.instructions() {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{} | {:02X} | {} | {} | {}",
            told.step(),
            told.code(),
            *Zeroizing::new(hex(told.header())),
            *Zeroizing::new(hex(told.data())),
            mode(&told)
        );
    }
    Ok(text)
}

const fn mode(told: &Instruction) -> &'static str {
    match told.mode() {
        CommMode::Plain => "plain",
        CommMode::Mac => "mac",
        CommMode::Full => "full",
    }
}
