//! `pilectl receipt key`: a new key that receipts are signed with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use billing_core::receipt::SoftwareKey;
use zeroize::Zeroizing;

use super::key;
use crate::answer::{self, Answer, Refusal};
use crate::kit::{self, files};

/// Makes a key: the private one in a file of its owner only, the public one beside it.
///
/// # Errors
/// [`Refusal`] if a file is in the way, or cannot be written.
pub fn run(path: &Path) -> Result<Answer, Refusal> {
    let public_path = beside(path);
    let in_the_way = |path: &Path| {
        Refusal::new(
            format!("{}: is there already", path.display()),
            "name a new file: receipts signed with a lost key cannot be signed again",
        )
    };
    if public_path.exists() {
        return Err(in_the_way(&public_path));
    }
    let key = loop {
        // One draw in 2^32 is no key.
        let number = Zeroizing::new(kit::random::<32>()?);
        if let Ok(key) = SoftwareKey::from_bytes(&number) {
            break key;
        }
    };
    // Room for all of it, so that no copy is left behind by growing.
    let mut private = Zeroizing::new(String::with_capacity(512));
    let mut public = String::new();
    let written = key.write_pem(&mut *private);
    let written = written.and_then(|()| key.public_key().write_pem(&mut public));
    written.map_err(|_| Refusal::new("the key cannot be written as PEM", "report it"))?;
    files::create(path, private.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_the_way(path),
        _ => files::unwritable(path, &error),
    })?;
    answer::write(&public_path, public.as_bytes())?;
    Ok(Answer::well(format!(
        "{}: the private key. Who has it can sign as the pile: keep it, and a copy, where nobody \
         else can read it.\n{}: the public key, {}. Give it to every tenant.\n",
        path.display(),
        public_path.display(),
        key::mark(&key.public_key()),
    )))
}

/// `pile.pem` has its public key in `pile-public.pem`.
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-public.pem"))
}
