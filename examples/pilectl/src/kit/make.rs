//! `kit new`, `kit show` and `kit sheet`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use card_auth::SiteKey;
use card_auth::personalise::Plan;
use clap::Args;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::files::make_folder;
use super::site::{self, Site, Stage};
use super::{apdus, sheet, uids};
use crate::answer::{Answer, Refusal};

/// Cards that a pile's roster holds at most, the landlord's among them.
const MOST_CARDS: u16 = 255;

/// Options of `kit new`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many charging cards, beside the landlord's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_CARDS)))]
    cards: u16,
    /// The kit's folder; it is made.
    #[arg(long)]
    out: PathBuf,
    /// The house's name or address, as printed on the cards.
    #[arg(long, default_value = "openpile")]
    house: String,
    /// What a phone opens that taps a card, by https: the card adds who it is, encrypted and
    /// signed. The default is nobody's.
    #[arg(long, default_value = "pile.example/c")]
    address: String,
    /// A file with the chips' UIDs, one a line, the landlord's card first. Without it UIDs are drawn,
    /// and a real chip's is taken over when its card is personalised.
    #[arg(long, value_name = "FILE")]
    uids: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<Answer, Refusal> {
    let wanted = usize::from(options.cards) + 1;
    if options.house.chars().any(char::is_control) || options.house.chars().count() > 40 {
        return Err(Refusal::new(
            "--house: too long, or not plain text",
            "give a name of at most 40 characters",
        ));
    }
    if options.house.trim().is_empty() {
        return Err(Refusal::new(
            "--house: it is empty",
            "give the name that the cards are to carry",
        ));
    }
    // As it is copied out of a browser.
    let address = options.address.strip_prefix("https://");
    let address = address.unwrap_or(&options.address);
    if address.contains("://") {
        return Err(Refusal::new(
            format!("--address: {address}: a card opens pages of https only"),
            "write it as pile.example/c",
        ));
    }
    let probe = card_auth::Uid::from([4, 0, 0, 0, 0, 0, 0]);
    if let Err(error) = Plan::ntag424(&SiteKey::new([0; 16]), &probe, address) {
        return Err(Refusal::new(
            format!("--address: {error}"),
            "write it as pile.example/c",
        ));
    }
    refuse_what_is_there(&options.out)?;
    let known = match &options.uids {
        Some(list) => (Stage::Given, uids::read(list, wanted)?),
        None => (Stage::Drawn, uids::draw(wanted, random)?),
    };
    let key: Zeroizing<[u8; 16]> = Zeroizing::new(random()?);
    let names = (options.house.as_str(), address);
    let kit = Site::new(names, *key, known);
    make_folder(&options.out)?;
    kit.create(&options.out)?;
    write_papers(&kit, &options.out)?;
    let folder = options.out.display();
    Ok(Answer::well(format!(
        "A kit of the landlord's card and {} charging cards:\n\n  \
         {}  the secrets of the house: keep it, keep a copy, give it to nobody\n  \
         {folder}/sheet.html  the cards to print and cut, and recovery codes for you alone\n  \
         {folder}/apdus/      what each chip is to be told\n\n\
         Next: lay a blank NTAG 424 DNA on a card reader and put card 0 on it, the landlord's:\n  \
         pilectl kit personalise {folder} --card 0\n\
         or try it without a chip: pilectl kit personalise {folder} --card 0 --virtual\n{}",
        options.cards,
        site::file(&options.out).display(),
        if options.uids.is_some() {
            ""
        } else {
            "\nThe UIDs are drawn; print the sheet once the cards are personalised, as each takes\n\
             the UID of its chip then.\n"
        }
    )))
}

pub(super) fn show(folder: &Path) -> Result<Answer, Refusal> {
    let kit = Site::read(folder)?;
    let mut text = format!("{}: {} cards\n\n", kit.house, kit.cards.len());
    for card in &kit.cards {
        let stage = match card.stage {
            Stage::Drawn => "waits for a chip",
            Stage::Given => "its chip is known, its keys are not on it yet",
            Stage::Personalised => "ready",
        };
        text += &format!("  {:16} {stage}\n", card.name());
    }
    let ready = kit
        .cards
        .iter()
        .filter(|card| card.stage == Stage::Personalised)
        .count();
    text += &format!("\n{ready} of {} are ready.\n", kit.cards.len());
    Ok(Answer::well(text))
}

pub(super) fn print(folder: &Path) -> Result<Answer, Refusal> {
    let kit = Site::read(folder)?;
    // One that an older pilectl wrote is as this one writes it from here on.
    kit.replace(folder)?;
    write_papers(&kit, folder)?;
    Ok(Answer::well(format!(
        "{0}/sheet.html and {0}/apdus/ are as the site file says.\n",
        folder.display()
    )))
}

/// Writes what is made of the site file and can be made again.
pub(super) fn write_papers(kit: &Site, folder: &Path) -> Result<(), Refusal> {
    sheet::write(kit, folder)?;
    apdus::write(kit, folder)
}

/// A kit is made in a folder of its own, so that no file of anybody's is in its way.
fn refuse_what_is_there(folder: &Path) -> Result<(), Refusal> {
    if site::file(folder).exists() {
        return Err(site::exists(folder));
    }
    match std::fs::read_dir(folder).map(Iterator::count) {
        Ok(1..) => Err(Refusal::new(
            format!("{}: is not empty", folder.display()),
            "name a new folder",
        )),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Refusal::new(
            format!("{}: cannot be a kit's folder: {error}", folder.display()),
            "name a new folder",
        )),
        _ => Ok(()),
    }
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Refusal::new(
            format!("the operating system gives no random numbers: {error}"),
            "try again when it has started up",
        )
    })?;
    Ok(bytes)
}

/// Fresh random numbers without end, of one seed of the operating system: SHA-256 over the seed and
/// a count, so that a draw in the middle of a card's transaction cannot fail.
pub(super) struct Draws {
    seed: Zeroizing<[u8; 32]>,
    count: u64,
}

impl Draws {
    /// Seeds it.
    ///
    /// # Errors
    /// [`Refusal`] if the operating system gives no random numbers.
    pub fn new() -> Result<Self, Refusal> {
        Ok(Self {
            seed: Zeroizing::new(random()?),
            count: 0,
        })
    }

    /// Sixteen bytes nobody has seen.
    pub fn draw(&mut self) -> [u8; 16] {
        self.count += 1;
        let mut hash = Sha256::new();
        hash.update(*self.seed);
        hash.update(self.count.to_be_bytes());
        let mut bytes = [0; 16];
        let drawn = hash.finalize();
        bytes
            .iter_mut()
            .zip(drawn)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}
