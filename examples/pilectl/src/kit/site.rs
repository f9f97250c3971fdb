//! The site file: every secret of a house, in one file that only its owner can read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use card_auth::personalise::Plan;
use card_auth::{
    CardCode, CardRole, MAX_CARD_CODE, RECOVERY_CODE, RecoveryCode, SiteKey, Uid, binding_secret,
    recovery_secret,
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::files;
use super::uids::ChipUid;
use crate::answer::Refusal;

const FILE: &str = "site.toml";
const VERSION: u32 = 2;
/// It held a random binding secret a card, which no pile can know.
const RANDOM_SECRETS: u32 = 1;
/// Recovery codes of a kit: 0, 1 and 2.
const RECOVERIES: u8 = 3;
const HEAD: &str = "\
# The secrets of a house with an openpile. Whoever has this file can make cards for it and read the
# codes on them: keep it, keep a copy of it, and give it to nobody. Written by `pilectl kit`.

";

/// Bytes that stand in the file as hexadecimal digits, and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Drop for Hex<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(hex(&self.0)))
    }
}

impl<'a, const N: usize> Deserialize<'a> for Hex<N> {
    fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        let bytes: Option<Vec<u8>> = digits.map(|digits| {
            let pairs = digits.chunks(2);
            pairs
                .filter_map(|pair| {
                    u8::try_from(pair.iter().fold(0, |byte, digit| byte << 4 | digit)).ok()
                })
                .collect()
        });
        let right = bytes
            .filter(|_| text.len() == 2 * N)
            .and_then(|bytes| bytes.try_into().ok());
        right.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("{} hexadecimal digits are wanted", 2 * N))
        })
    }
}

/// Upper-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

/// Where a card's UID comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// It was drawn: only a virtual tag has it.
    Drawn,
    /// It was on the list.
    Given,
    /// The chip with it has its keys.
    Personalised,
}

/// A card of the kit.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KitCard {
    /// 0 for the landlord's, then 1, 2, 3, ... as printed.
    pub number: u16,
    pub uid: Hex<7>,
    pub stage: Stage,
    /// Of a file of version 1; read, and never written.
    #[serde(default, rename = "binding_secret", skip_serializing)]
    random_secret: Option<Hex<16>>,
}

impl KitCard {
    pub const fn role(&self) -> CardRole {
        if self.number == 0 {
            CardRole::Privilege
        } else {
            CardRole::Charging
        }
    }

    pub fn name(&self) -> String {
        match self.role() {
            CardRole::Privilege => "landlord's card".to_owned(),
            CardRole::Charging => format!("card {}", self.number),
        }
    }

    pub fn uid(&self) -> Uid {
        Uid::from(self.uid.0)
    }

    /// Its name in a sentence.
    pub fn said(&self) -> String {
        match self.role() {
            CardRole::Privilege => format!("the {}", self.name()),
            CardRole::Charging => self.name(),
        }
    }

    /// What is printed on it in the house with this key.
    pub fn code(&self, site: &SiteKey) -> Zeroizing<String> {
        let uid = self.uid();
        let code = CardCode {
            role: self.role(),
            secret: binding_secret(site, &uid),
            uid,
        };
        let mut buffer = Zeroizing::new([0; MAX_CARD_CODE]);
        Zeroizing::new(code.write(&mut buffer).to_owned())
    }
}

/// A house's secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    version: u32,
    /// As printed on the cards.
    pub house: String,
    /// What a phone opens that taps a card, without `https://`.
    pub address: String,
    /// What every card's keys are derived from (AN10922).
    #[serde(rename = "site_key")]
    pub secret: Hex<16>,
    #[serde(rename = "card")]
    pub cards: Vec<KitCard>,
}

impl Site {
    /// A house with the landlord's card first and the charging cards behind it.
    pub fn new(
        (house, address): (&str, &str),
        site_key: [u8; 16],
        (stage, uids): (Stage, Vec<ChipUid>),
    ) -> Self {
        let cards = uids.into_iter().zip(0..).map(|(uid, number)| KitCard {
            number,
            uid: Hex(uid),
            stage,
            random_secret: None,
        });
        Self {
            version: VERSION,
            house: house.to_owned(),
            address: address.to_owned(),
            secret: Hex(site_key),
            cards: cards.collect(),
        }
    }

    /// Reads the site file of a kit.
    ///
    /// # Errors
    /// [`Refusal`] if there is none, or one that this version did not write.
    pub fn read(kit: &Path) -> Result<Self, Refusal> {
        let path = kit.join(FILE);
        let name = path.display();
        let text = fs::read_to_string(&path)
            .map(Zeroizing::new)
            .map_err(|error| {
                let remedy = if error.kind() == ErrorKind::NotFound {
                    "name the folder that `pilectl kit new` made"
                } else {
                    "check the file and its permissions"
                };
                Refusal::new(format!("{name}: cannot be read: {error}"), remedy)
            })?;
        files::warn_if_open_to_others(&path);
        let mut site: Self = toml::from_str(&text).map_err(|error| {
            // The library's own text quotes what stands there, which may be a secret.
            let at = error.span().map_or(0, |span| span.start);
            let line = text
                .get(..at)
                .map_or(1, |before| before.matches('\n').count() + 1);
            Refusal::new(
                format!("{name}:{line}: is not as pilectl wrote it"),
                "take the copy that you kept of it",
            )
        })?;
        site.check().map_err(|why| {
            Refusal::new(
                format!("{name}: {why}"),
                "take the copy that you kept of it",
            )
        })?;
        if site.version == RANDOM_SECRETS {
            site.forget_random_secrets();
            eprintln!(
                "warning: {name}: written by an older pilectl: the codes it printed bind no phone; \
                 pilectl kit sheet {} makes the sheet anew, to be printed again",
                kit.display()
            );
        }
        Ok(site)
    }

    /// A file of version 1 as one of now: keys and UIDs are the same, so the chips stay as they are.
    fn forget_random_secrets(&mut self) {
        self.version = VERSION;
        for card in &mut self.cards {
            card.random_secret = None;
        }
    }

    fn check(&self) -> Result<(), String> {
        let secrets = match self.version {
            VERSION => false,
            RANDOM_SECRETS => true,
            other => {
                return Err(format!(
                    "is of version {other}, and this pilectl knows {VERSION}"
                ));
            }
        };
        for (card, number) in self.cards.iter().zip(0..) {
            if card.number != number {
                return Err(format!(
                    "card {} stands where card {number} belongs",
                    card.number
                ));
            }
            if card.random_secret.is_some() != secrets {
                return Err(format!(
                    "card {number} is not as version {} has it",
                    self.version
                ));
            }
            if self
                .cards
                .iter()
                .any(|other| other.number < number && other.uid == card.uid)
            {
                return Err(format!("card {number} has the UID of another card"));
            }
        }
        if self.cards.is_empty() {
            return Err("has no card".to_owned());
        }
        Ok(())
    }

    /// Writes the site file of a new kit.
    ///
    /// # Errors
    /// [`Refusal`] if there is one already: it may be the only copy of a house's keys.
    pub fn create(&self, kit: &Path) -> Result<(), Refusal> {
        let path = kit.join(FILE);
        files::create(&path, &self.text()?).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(kit),
            _ => files::unwritable(&path, &error),
        })
    }

    /// Writes the site file in place of the one before: whole, or not at all.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot be written; the one before is then as it was.
    pub fn replace(&self, kit: &Path) -> Result<(), Refusal> {
        files::replace(&kit.join(FILE), &self.text()?)
    }

    fn text(&self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let body = toml::to_string(self).map(Zeroizing::new);
        let body =
            body.map_err(|error| Refusal::new(format!("the site file: {error}"), "report it"))?;
        Ok(Zeroizing::new([HEAD.as_bytes(), body.as_bytes()].concat()))
    }

    /// The key of the site, for what derives keys from it.
    pub fn key(&self) -> SiteKey {
        SiteKey::new(self.secret.0)
    }

    /// What a card's chip shall be.
    ///
    /// # Errors
    /// [`Refusal`] if the site file's address is none.
    pub fn plan(&self, card: &KitCard) -> Result<Plan, Refusal> {
        Plan::ntag424(&self.key(), &card.uid(), &self.address)
            .map_err(|error| Refusal::new(format!("the kit's address: {error}"), "name another"))
    }

    /// The card with this number.
    ///
    /// # Errors
    /// [`Refusal`] if the kit has none.
    pub fn card(&self, number: u16) -> Result<&KitCard, Refusal> {
        let last = self.cards.len().saturating_sub(1);
        self.cards.get(usize::from(number)).ok_or_else(|| {
            Refusal::new(
                format!("the kit has no card {number}"),
                format!("its cards are 0, the landlord's, to {last}"),
            )
        })
    }

    /// Notes what became of a card, in the file too.
    ///
    /// # Errors
    /// [`Refusal`] if the file cannot be written; it and the kit are then as they were.
    pub fn note(
        &mut self,
        kit: &Path,
        number: u16,
        (uid, stage): (ChipUid, Stage),
    ) -> Result<(), Refusal> {
        let mut next = self.clone();
        if let Some(card) = next.cards.get_mut(usize::from(number)) {
            (card.uid, card.stage) = (Hex(uid), stage);
        }
        next.replace(kit)?;
        *self = next;
        Ok(())
    }

    /// Takes a card's chip from it, in the file too: it waits for another, under a drawn UID, and so with
    /// a new binding secret: the code of before binds no phone to the card of now.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub fn release(&mut self, kit: &Path, number: u16, uid: ChipUid) -> Result<(), Refusal> {
        self.note(kit, number, (uid, Stage::Drawn))
    }

    /// The codes by which the landlord names a new card when card 0 is lost, the first one first.
    pub fn recovery_codes(&self) -> impl Iterator<Item = (u8, Zeroizing<String>)> {
        let key = self.key();
        (0..RECOVERIES).map(move |number| {
            let secret = recovery_secret(&key, number);
            let mut buffer = Zeroizing::new([0; RECOVERY_CODE]);
            let code = RecoveryCode { number, secret };
            (number, Zeroizing::new(code.write(&mut buffer).to_owned()))
        })
    }
}

/// Why no second kit is made in a folder.
pub(super) fn exists(kit: &Path) -> Refusal {
    Refusal::new(
        format!("{}: there is a kit already", kit.display()),
        "name a new folder; a kit's keys are never overwritten",
    )
}

/// The file, for what is said of it.
pub(super) fn file(kit: &Path) -> PathBuf {
    kit.join(FILE)
}
