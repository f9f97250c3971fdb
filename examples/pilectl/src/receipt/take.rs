//! `pilectl receipt take`: some receipts of a file, each as the pile signed it.

use std::path::Path;

use billing_core::receipt::{PublicKey, verify};

use super::file::Found;
use super::payload::{Payload, printable};
use crate::answer::{self, Answer, Refusal};
use crate::figures::counted;

/// Writes records one a line, unchanged, if every one of them is genuine.
pub fn run(found: &[Found], key: &PublicKey, out: &Path) -> Result<Answer, Refusal> {
    let mut wrong = String::new();
    let mut text = String::new();
    let mut pages = Vec::new();
    for it in found {
        if let Err(error) = verify(&it.record, key) {
            wrong += &format!("WRONG: {}: {error}.\n", printable(&it.place));
        }
        if it.record.contains('\n') {
            wrong += &format!(
                "WRONG: {}: a record in many lines, which cannot be one of a list.\n",
                printable(&it.place)
            );
        }
        text += &it.record;
        text.push('\n');
        pages.extend(Payload::of(&it.record).and_then(|it| it.page()));
    }
    if !wrong.is_empty() {
        let done = "Nothing was written. `receipt verify` tells more.\n";
        return Ok(Answer::wrong(wrong + done));
    }
    answer::write(out, text.as_bytes())?;
    let gaps = pages.windows(2).any(|pair| match pair {
        [a, b] => a.checked_add(1) != Some(*b),
        _ => false,
    });
    let part = if gaps || pages.first().is_some_and(|first| *first != 1) {
        " --part"
    } else {
        ""
    };
    let out = out.display();
    Ok(Answer::well(format!(
        "{out}: {}, each as it was signed.\nWho has the key checks them with: \
         pilectl receipt verify {out} --key KEY.pem{part}\n",
        counted(found.len() as u64, "receipt"),
    )))
}
