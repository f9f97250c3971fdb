//! A virtual MIFARE DESFire EV2: applications of AES keys, without files.
//!
//! A card from the factory lets everybody make an application; making one is all that happens at
//! its own level here (the card's master key, a DES key, is not modelled).

use super::Application;
use super::engine::{Engine, sw};
use super::ntag424::body;

/// A DESFire EV2, or EV3: the commands here are the same.
///
/// ```
/// use pile_sim::cards::{Application, Desfire};
/// let mut card = Desfire::new(&[4, 1, 2, 3, 4, 5, 6]);
/// card.power_up();
/// let select = [0x90, 0x5a, 0, 0, 3, 0x4f, 0x50, 0x31, 0];
/// assert_eq!(card.command(&select), [0x91, 0xa0], "no such application yet");
/// let create = [0x90, 0xca, 0, 0, 5, 0x4f, 0x50, 0x31, 0x0b, 0x82, 0];
/// assert_eq!(card.command(&create), [0x91, 0x00]);
/// assert_eq!(card.command(&select), [0x91, 0x00]);
/// ```
#[derive(Clone)]
pub struct Desfire {
    uid: Vec<u8>,
    applications: Vec<([u8; 3], Engine)>,
    selected: Option<usize>,
}

impl Desfire {
    /// A card from the factory, without applications.
    pub fn new(uid: &[u8]) -> Self {
        Self {
            uid: uid.to_vec(),
            applications: Vec::new(),
            selected: None,
        }
    }

    /// The failed authentications with a key of the first application: in a row, and in all.
    pub fn failures(&self, key: usize) -> (u32, u32) {
        let first = self.applications.first();
        let key = first.and_then(|(_, engine)| engine.keys.get(key));
        key.map_or((0, 0), |key| (key.in_a_row, key.in_all))
    }

    /// A key of the first application and its version.
    pub fn key(&self, number: usize) -> Option<([u8; 16], u8)> {
        let (_, engine) = self.applications.first()?;
        let key = engine.keys.get(number)?;
        Some((key.value, key.version))
    }

    fn card_level(&mut self, instruction: u8, body: &[u8]) -> Result<(), u8> {
        match (instruction, body) {
            (0x5a, [a, b, c]) => {
                let aid = [*a, *b, *c];
                self.power_up();
                self.selected = self.applications.iter().position(|(id, _)| *id == aid);
                self.selected.map(|_| ()).ok_or(sw::NO_SUCH_APPLICATION)
            }
            (0xca, [a, b, c, _settings, keys]) if self.selected.is_none() => {
                let aid = [*a, *b, *c];
                if !matches!(keys, 0x81..=0x8e) || aid == [0; 3] {
                    return Err(sw::PARAMETER);
                }
                if self.applications.iter().any(|(id, _)| *id == aid) {
                    return Err(sw::DUPLICATE);
                }
                let engine = Engine::new(&self.uid, usize::from(keys & 0x0f));
                self.applications.push((aid, engine));
                Ok(())
            }
            (0x5a | 0xca, _) => Err(sw::LENGTH),
            _ => Err(sw::ILLEGAL_COMMAND),
        }
    }
}

impl Application for Desfire {
    fn power_up(&mut self) {
        self.selected = None;
        let engines = self.applications.iter_mut();
        engines.for_each(|(_, engine)| engine.close());
    }

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        let [0x90, instruction, 0x00, 0x00, ref rest @ ..] = *apdu else {
            return vec![0x6a, 0x82];
        };
        let Some(body) = body(rest) else {
            return vec![0x91, sw::LENGTH];
        };
        let selected = self.selected.and_then(|at| self.applications.get_mut(at));
        if let Some((_, engine)) = selected
            && let Some(answer) = engine.command(instruction, body)
        {
            return answer;
        }
        let code = self.card_level(instruction, body).err().unwrap_or(sw::OK);
        vec![0x91, code]
    }
}

impl core::fmt::Debug for Desfire {
    /// Shows nothing of the UID and the keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Desfire(..)")
    }
}
