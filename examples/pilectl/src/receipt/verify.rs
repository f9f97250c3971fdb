//! `pilectl receipt verify`: what is genuine, what is not, and what is missing.

use billing_core::receipt::{PublicKey, VerifyError, possible_signers, verify};

use super::file::Found;
use super::key;
use super::pages;
use super::payload::{Payload, Reading, printable};
use super::problem::{ASK_AGAIN, ASK_FOR_ALL, Problem};
use super::summary;
use crate::answer::{Answer, Refusal};
use crate::figures::grouped;

/// A record, and what its signature is worth.
pub struct Checked<'a> {
    pub found: &'a Found,
    /// What it says, if that can be read at all.
    pub payload: Option<Payload>,
    /// Whether it is the signer's, unaltered.
    pub signature: Result<(), VerifyError>,
}

impl Checked<'_> {
    /// Its place and page, for a sentence.
    pub fn name(&self) -> String {
        let place = &self.found.place;
        let page = self.payload.as_ref().and_then(|it| it.text("PG"));
        page.map_or_else(|| place.clone(), |page| format!("{place}, page {page}"))
    }
}

/// How receipts are checked, and how much is said of them.
#[derive(Debug, Clone, Copy)]
pub struct How {
    part: bool,
    verbose: bool,
}

impl How {
    /// `part`: pages that are not in the file are not missed; `verbose`: every record is told.
    pub const fn new(part: bool, verbose: bool) -> Self {
        Self { part, verbose }
    }
}

/// How many things that are wrong are told one by one, unless all are asked for.
const TOLD: usize = 20;

/// Checks all records of a file.
pub fn run(found: &[Found], given: Option<PublicKey>, how: How) -> Result<Answer, Refusal> {
    let mut checked = Vec::new();
    for it in found {
        let key = given.or(it.key).ok_or_else(|| {
            Refusal::new(
                format!("{}: brings no key to check it with", it.place),
                "give the pile's public key with --key",
            )
        })?;
        checked.push(Checked {
            found: it,
            payload: Payload::of(&it.record),
            signature: verify(&it.record, &key).map(drop),
        });
    }

    let mut problems = foreign_keys(&checked, given);
    problems.extend(signatures(&checked, given));
    for it in &checked {
        // What an unsigned record says is nobody's word.
        if it.signature.is_ok() {
            problems.extend(content(it));
        }
    }
    problems.extend(pages::transactions(&checked));
    problems.extend(pages::pages(&checked, how.part));

    let mut text = summary::verdict(&checked, problems.len());
    if how.verbose || checked.len() == 1 {
        for it in &checked {
            text += &summary::line(it);
        }
    }
    let told = if how.verbose { problems.len() } else { TOLD };
    for problem in problems.iter().take(told) {
        text += &format!("WRONG: {}.\n", printable(&problem.to_string()));
    }
    let rest = problems.len().saturating_sub(told);
    if rest > 0 {
        let rest = grouped(rest as u64);
        text += &format!("WRONG: {rest} more; --verbose tells them all.\n");
    }
    text += &summary::sums(&checked);
    for note in notes(&checked, given) {
        text += &format!("Note: {note}.\n");
    }
    Ok(if problems.is_empty() {
        Answer::well(text)
    } else {
        Answer::wrong(text)
    })
}

fn notes(checked: &[Checked<'_>], given: Option<PublicKey>) -> Vec<String> {
    let mut notes = Vec::new();
    if given.is_none() {
        notes.push(
            "the key came with the receipts, so it shows that they are unaltered and not who \
             signed them: compare it with the pile's, or give that with --key"
                .to_owned(),
        );
    }
    notes.extend(pages::first(checked));
    notes
}

/// Keys in the file that are not the key that was given, each told once.
fn foreign_keys(checked: &[Checked<'_>], given: Option<PublicKey>) -> Vec<Problem> {
    let Some(given) = given else {
        return Vec::new();
    };
    let mut foreign: Vec<(PublicKey, String, u64)> = Vec::new();
    for it in checked {
        let Some(own) = it.found.key.filter(|own| *own != given) else {
            continue;
        };
        match foreign.iter_mut().find(|(key, ..)| *key == own) {
            Some((_, _, more)) => *more += 1,
            None => foreign.push((own, it.name(), 0)),
        }
    }
    let told = |(own, place, more): (PublicKey, String, u64)| {
        let place = match more {
            0 => place,
            more => format!("{place}, and {} more", grouped(more)),
        };
        Problem::new(
            place,
            format!(
                "the file brings {}, and you gave {}",
                key::mark(&own),
                key::mark(&given)
            ),
            "believe the one you have from the pile itself",
        )
    };
    foreign.into_iter().map(told).collect()
}

/// Every signature that is not good, and why. Which key may have made a signature can be told from
/// it; an altered record has keys of its own, and records of one other signer share one.
fn signatures(checked: &[Checked<'_>], given: Option<PublicKey>) -> Vec<Problem> {
    let forged: Vec<_> = checked
        .iter()
        .filter(|it| it.signature == Err(VerifyError::Forged))
        .map(|it| {
            let signers = possible_signers(&it.found.record);
            let mut signers: Vec<_> = signers.into_iter().flatten().collect();
            signers.dedup();
            (it, signers)
        })
        .collect();
    let mut problems = Vec::new();
    for it in checked {
        let (what, remedy) = match it.signature {
            Ok(()) => continue,
            Err(VerifyError::Forged) => {
                let own = forged.iter().find(|(other, _)| std::ptr::eq(*other, it));
                let signers = own.map_or(&[][..], |(_, signers)| signers);
                let shared = signers.iter().find(|signer| {
                    // A copy of the same record would share its keys, and prove nothing.
                    let others = forged
                        .iter()
                        .filter(|(other, _)| other.found.record != it.found.record);
                    it.found.key == Some(**signer)
                        || others
                            .into_iter()
                            .any(|(_, others)| others.contains(signer))
                });
                forged_for(shared, given, checked.len() == 1)
            }
            Err(VerifyError::NotOcmf) => (
                "this is not a whole OCMF record, it may have been cut off".to_owned(),
                ASK_FOR_ALL,
            ),
            Err(error @ VerifyError::Algorithm) => (
                format!("{error}, which is all that pilectl checks"),
                "check it with the S.A.F.E. transparency software",
            ),
            Err(error) => (error.to_string(), ASK_AGAIN),
        };
        problems.push(Problem::new(it.name(), what, remedy));
    }
    problems
}

/// What to say of a signature that is not the key's. `shared`: the key that signed this record and
/// another one.
fn forged_for(
    shared: Option<&PublicKey>,
    given: Option<PublicKey>,
    alone: bool,
) -> (String, &'static str) {
    match shared {
        Some(signer) => {
            let yours = given.map_or_else(String::new, |key| {
                format!(", not with yours, {}", key::mark(&key))
            });
            (
                format!(
                    "the key is another: this was signed with {}{yours}",
                    key::mark(signer)
                ),
                "find out which pile has that key; if none of yours, the receipt is not yours",
            )
        }
        None if alone => (
            "this was altered after it was signed, or signed with another key; one record cannot \
             tell which"
                .to_owned(),
            "check that the key is this pile's; if it is, ask for the file as the pile wrote it",
        ),
        None => (
            "this is not what the pile signed: it was altered afterwards, by a digit or more, or \
             made by someone else"
                .to_owned(),
            ASK_AGAIN,
        ),
    }
}

/// What a genuine record says that makes it no receipt.
fn content(it: &Checked<'_>) -> Vec<Problem> {
    let name = it.name();
    let Some(payload) = &it.payload else {
        let what = "it holds no readings";
        return vec![Problem::new(name, what, "ask the maker of the pile")];
    };
    let mut problems = Vec::new();
    let mut say = |what: String| {
        let remedy = "do not settle by it, and ask the maker of the pile";
        problems.push(Problem::new(name.clone(), what, remedy));
    };
    let registers = payload.readings.iter().filter_map(|it| it.register);
    let (mut sorted, in_order): (Vec<_>, Vec<_>) =
        (registers.clone().collect(), registers.collect());
    sorted.sort();
    if sorted != in_order {
        say("the meter ran backwards between its readings".to_owned());
    }
    for reading in &payload.readings {
        if reading.doubts.contains('E') {
            say(format!(
                "the meter itself doubts its reading of {}",
                reading.time_text
            ));
        }
        if !matches!(reading.status.as_str(), "G" | "") {
            say(format!(
                "the meter was not well at {}: status {}",
                reading.time_text, reading.status
            ));
        }
    }
    if let Some(level) = payload.text("IL")
        && matches!(
            level.as_str(),
            "MISMATCH" | "INVALID" | "OUTDATED" | "UNKNOWN"
        )
    {
        say(format!("who charged was not established: {level}"));
    }
    if !payload.is_ours() {
        return problems;
    }
    let letters: Vec<_> = payload
        .readings
        .iter()
        .map(|it| it.letter.as_str())
        .collect();
    let stops = payload.readings.iter().filter(|it| it.is_stop()).count();
    let ends = payload.readings.last().is_some_and(Reading::is_stop);
    if letters.first() != Some(&"B") || stops != 1 || !ends {
        say(format!(
            "its readings are {}, not a start, changes of price, and one stop",
            letters.join(" ")
        ));
    }
    if let Some(arithmetic) = payload.arithmetic()
        && !payload.states(&arithmetic.bill())
    {
        say("the fees do not follow from its readings and prices".to_owned());
    }
    problems
}
