//! A virtual chip of a kit, kept in a file, with a hand that takes it away.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use card_auth::ApduChannel;
use pile_sim::cards::{Application, Ntag424};
use zeroize::Zeroizing;

use super::files::{make_folder, rewrite};
use super::site::KitCard;
use crate::answer::{self, Refusal};

/// Why a [`VirtualTag`] does not answer.
#[derive(Debug)]
pub(super) enum Silent {
    /// It was taken away.
    Taken,
    /// What it learnt could not be kept.
    Unkept(Refusal),
}

/// A virtual chip: what a command changes is in its file before the answer is heard.
pub(super) struct VirtualTag {
    chip: Ntag424,
    file: PathBuf,
    /// Commands until it is taken away.
    left: Option<u32>,
    /// True if the last of them is carried out and its answer lost.
    answer_lost: bool,
}

impl VirtualTag {
    /// Brings the card's chip into the field: the one of its file, else one from the factory.
    ///
    /// # Errors
    /// [`Refusal`] if its file is none.
    pub fn enter(
        kit: &Path,
        card: &KitCard,
        (left, answer_lost): (Option<u32>, bool),
    ) -> Result<Self, Refusal> {
        let folder = kit.join("tags");
        let file = folder.join(format!("card-{:02}.tag", card.number));
        let kept = match std::fs::metadata(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            _ => Some(Zeroizing::new(answer::read(&file)?)),
        };
        let mut chip = match kept {
            None => Ntag424::new(card.uid.0),
            Some(bytes) => Ntag424::from_memory(&bytes).ok_or_else(|| {
                let what = format!("{}: is not the memory of a virtual tag", file.display());
                Refusal::new(what, "remove it; the next run makes a new tag")
            })?,
        };
        if chip.uid() != Some(card.uid.0) {
            eprintln!("The virtual tag of before has another UID: a new one takes its place.");
            chip = Ntag424::new(card.uid.0);
        }
        make_folder(&folder)?;
        chip.power_up();
        Ok(Self {
            chip,
            file,
            left,
            answer_lost,
        })
    }
}

impl ApduChannel for VirtualTag {
    type Error = Silent;

    async fn exchange(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Silent> {
        if self.left == Some(0) {
            return Err(Silent::Taken);
        }
        self.left = self.left.map(|left| left - 1);
        let reply = self.chip.command(command);
        let memory = Zeroizing::new(self.chip.memory());
        rewrite(&self.file, &memory).map_err(Silent::Unkept)?;
        if self.left == Some(0) && self.answer_lost {
            return Err(Silent::Taken);
        }
        let room = answer.get_mut(..reply.len()).ok_or(Silent::Taken)?;
        room.copy_from_slice(&reply);
        Ok(reply.len())
    }
}
