//! The file that makes this computer a phone of a pile.

use std::io::ErrorKind;
use std::path::Path;

use ble_protocol::message::Bound;
use ble_protocol::{LinkKey, Pass};
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::answer::{self, Refusal};
use crate::figures::{hex, unhex};
use crate::kit::files;

/// The version of the file.
const VERSION: u32 = 1;

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Written {
    openpile_phone: u32,
    pile: String,
    phone: u16,
    key: String,
}

/// Refuses a file that is there: it may be the only key of another pile.
///
/// # Errors
/// [`Refusal`] if it is.
pub fn is_free(path: &Path) -> Result<(), Refusal> {
    match path.symlink_metadata() {
        Ok(_) => Err(in_the_way(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(files::unwritable(path, &error)),
    }
}

fn in_the_way(path: &Path) -> Refusal {
    let what = format!("{}: is there already", path.display());
    Refusal::new(what, "name a new file: --phone NEW.toml")
}

/// Writes the file, which only its owner can read: whole or not at all, and never over another.
///
/// # Errors
/// [`Refusal`] if it cannot be written.
pub fn write(path: &Path, bound: &Bound) -> Result<(), Refusal> {
    let key = Zeroizing::new(hex(bound.key.expose()));
    let text = Zeroizing::new(format!(
        "# Whoever has this file is this phone at the pile: keep it secret.\n\
         openpile_phone = {VERSION}\npile = \"{}\"\nphone = {}\nkey = \"{}\"\n",
        bound.pile, bound.phone, *key
    ));
    files::create(path, text.as_bytes()).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            in_the_way(path)
        } else {
            files::unwritable(path, &error)
        }
    })
}

/// Reads the phone's pass.
///
/// # Errors
/// [`Refusal`] where there is no such file, or it is another.
pub fn read(path: &Path) -> Result<Pass, Refusal> {
    let name = path.display();
    if matches!(path.try_exists(), Ok(false)) {
        let what = format!("{name}: this computer is no phone of a pile yet");
        return Err(Refusal::new(
            what,
            "bind it: pilectl phone bind CODE --pile ADDR:PORT; or name its file: --phone FILE",
        ));
    }
    let bytes = Zeroizing::new(answer::read(path)?);
    files::warn_if_open_to_others(path);
    let wrong = |what: &str| {
        let remedy = "give a file that `pilectl phone bind` wrote";
        Refusal::new(format!("{name}: {what}"), remedy)
    };
    let text = str::from_utf8(&bytes).map_err(|_| wrong("not a phone's file"))?;
    let written: Written = toml::from_str(text).map_err(|_| wrong("not a phone's file"))?;
    if written.openpile_phone != VERSION {
        return Err(wrong("of another version"));
    }
    let key = Zeroizing::new(unhex(&written.key).unwrap_or_default());
    let key: [u8; 32] = key
        .as_slice()
        .try_into()
        .map_err(|_| wrong("its key is not one"))?;
    Ok(Pass::phone(LinkKey::new(key)))
}
