//! `pilectl ledger verify --head` and `--against`: is this ledger the continuation of what was
//! known of it before?
//!
//! A chain proves that nothing in it was altered, unless all of it was computed anew. What was
//! noted or exported earlier, and kept where the file did not come from, shows that too.

use std::collections::BTreeMap;

use billing_core::journal::{Chain, Head};

use super::log::{Entry, Log};
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{counted, grouped, hex, unhex};

/// The first record in which two logs of one pile differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The number of the frame.
    pub number: u64,
    /// True if the frames from there on are the same and what went before them was not: that is
    /// in neither file any more.
    pub before: bool,
    /// What the one holds there.
    pub one: Option<Entry>,
    /// What the other holds there.
    pub other: Option<Entry>,
}

/// The chain at each number: before the first frame, and after each.
fn heads(log: &Log) -> BTreeMap<u64, Head> {
    let start = (log.origin.seq, log.origin.head);
    let mut chain = log.origin;
    let after = log.frames.iter().map(move |frame| {
        chain = chain.after(frame.kind, &frame.payload);
        (chain.seq, chain.head)
    });
    std::iter::once(start).chain(after).collect()
}

/// Where two logs differ, in frames that both hold or in records that both keep. `None` where they
/// do not, also because they hold nothing in common.
pub fn first_difference(one: &Log, other: &Log) -> Option<Difference> {
    let at = |log: &Log, number: u64| {
        let entry = log.entries.iter().find(|entry| entry.number == number);
        entry.cloned()
    };
    let of = |number, before| Difference {
        number,
        before,
        one: at(one, number),
        other: at(other, number),
    };
    // A record that was carried on stands under its own number, older than the chains.
    let known: BTreeMap<_, _> = other.entries.iter().map(|it| (it.number, it)).collect();
    let mut kept = one.entries.iter();
    let kept = kept.find(|it| known.get(&it.number).is_some_and(|other| other != it));
    let kept = kept.map(|entry| of(entry.number, false));
    let (a, b) = (heads(one), heads(other));
    let first = one.origin.seq.max(other.origin.seq);
    let mut chains = a.iter();
    let chains = chains.find(|(seq, head)| b.get(seq).is_some_and(|it| it != *head));
    // The head of a number is the one before its frame.
    let chains = chains.map(|(seq, _)| of(seq.saturating_sub(1), *seq == first));
    match (kept, chains) {
        (Some(kept), Some(chains)) if chains.number < kept.number => Some(chains),
        (Some(kept), _) => Some(kept),
        (None, chains) => chains,
    }
}

fn wrong(log: &Log, title: &str, told: &str) -> Answer {
    Answer::wrong(format!("{}: {title}\n\n{told}\n", log.name))
}

/// Does a ledger go through the head that was noted, and how far does it go on from there?
///
/// # Errors
/// [`Refusal`] if `noted` is no head.
pub fn with_head(log: &Log, noted: &str) -> Result<Result<String, Answer>, Refusal> {
    let digits: String = noted.split_whitespace().collect::<String>().to_lowercase();
    let head = unhex(&digits).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(head) = head.map(Head::new) else {
        return Err(Refusal::new(
            format!("{noted:?} is no head"),
            "give all 64 digits, as `ledger verify` and `ledger export` print them",
        ));
    };
    let found = heads(log).into_iter().find(|(_, it)| *it == head);
    let last = log.end.seq.saturating_sub(1);
    Ok(match found {
        Some((seq, _)) if seq == log.end.seq => {
            Ok("It ends in the head you noted: nothing was written since.\n".to_owned())
        }
        Some((seq, _)) => Ok(format!(
            "It goes on from the head you noted, which stands after record {}: {} since.\n",
            grouped(seq.saturating_sub(1)),
            counted(log.end.seq - seq, "frame"),
        )),
        None => {
            let first = grouped(log.origin.seq);
            let told = format!(
                "  noted      {head}\n  ends in    {}\n\n\
                 None of its chain, {first} to {}, goes through that head. Either this is not the\n\
                 ledger that the head was noted of, or it was computed anew, or the pile has given\n\
                 back the pages of before {first} since then.\n\n\
                 What to do: compare it with an export of that time, `--against EXPORT`.",
                log.end.head,
                grouped(last)
            );
            Err(wrong(log, "NOT FROM THE HEAD YOU NOTED", &told))
        }
    })
}

/// Is a ledger the continuation of another file of it?
///
/// # Errors
/// The [`Answer`] that says where they part.
pub fn with_file(log: &Log, known: &Log) -> Result<String, Answer> {
    let name = &known.name;
    if log.identity != known.identity {
        let told = format!(
            "  it         journal {}\n  {name}: journal {}\n\n\
             What to do: find out which file is of which pile. A pile whose ledger was begun anew\n\
             has a new journal.",
            hex(&log.identity.bytes()),
            hex(&known.identity.bytes())
        );
        return Err(wrong(log, "ANOTHER LEDGER", &told));
    }
    if let Some(differ) = first_difference(known, log) {
        return Err(differs(log, known, &differ));
    }
    let (end, since) = (known.end, log.end.seq.saturating_sub(known.end.seq));
    let last = grouped(end.seq.saturating_sub(1));
    if log.end.seq < end.seq {
        let told = format!(
            "  it ends    after record {}\n  {name}: after record {last}\n\n\
             What it holds is the same, but {} of {name} are not in it. It is an older copy, or\n\
             the flash was set back to an older state.\n\n\
             What to do: read the flash once more, and make bills from the newer file.",
            grouped(log.end.seq.saturating_sub(1)),
            counted(end.seq - log.end.seq, "frame"),
        );
        return Err(wrong(log, "OLDER THAN WHAT IT IS COMPARED WITH", &told));
    }
    if log.origin.seq > end.seq {
        let numbers: std::collections::BTreeSet<_> =
            known.entries.iter().map(|it| it.number).collect();
        let both = log.entries.iter().filter(|it| numbers.contains(&it.number));
        let told = format!(
            "  {name}: ends after record {last}\n  it         begins at {}\n\n\
             The pile has given back the pages between, so no chain leads from the one to the other.\n\
             {} stand in both, and are the same.\n\n\
             What to do: compare with a younger export.",
            grouped(log.origin.seq),
            counted(both.count() as u64, "record"),
        );
        return Err(wrong(log, "NOTHING LEADS FROM THE ONE TO THE OTHER", &told));
    }
    Ok(match since {
        0 => format!("It ends where {name} does, in the same head.\n"),
        _ => format!(
            "It continues {name}, which ends after record {last}: {} since.\n",
            counted(since, "frame")
        ),
    })
}

fn differs(log: &Log, known: &Log, differ: &Difference) -> Answer {
    let number = grouped(differ.number);
    let says = |log: &Log, entry: Option<&Entry>| {
        let told = entry.map(|it| words::of(&it.record, log.zone(), log.book.currency()));
        told.unwrap_or_else(|| "no record of its own, a part of a snapshot".to_owned())
    };
    if differ.before {
        let told = format!(
            "The chains of both meet at record {number} and are not the same there: what was written\n\
             up to it differs, and is in neither file any more.\n\n\
             What to do: keep both. One of them is not a copy of this pile's ledger."
        );
        let title = format!("NOT THE SAME UP TO RECORD {number}");
        return wrong(log, &title, &told);
    }
    let told = format!(
        "  it says    {}\n  {} says\n             {}\n\n\
         Each file's own chain may verify: whoever changed one computed its chain anew.\n\n\
         What to do: keep both. Believe the one that was in hands that cannot gain by it, and\n\
         compare the sessions with the tenants' signed receipts.",
        says(log, differ.other.as_ref()),
        known.name,
        says(known, differ.one.as_ref()),
    );
    wrong(log, &format!("RECORD {number} IS NOT WHAT IT WAS"), &told)
}

/// The line that says by which number an export is confirmed.
pub fn confirm(number: u64) -> String {
    match number {
        0 => "confirm with: nothing, there is no record yet".to_owned(),
        number => format!("confirm with: {number}"),
    }
}

/// The end of a chain, in two lines.
pub fn ends(end: Chain, number: u64) -> String {
    format!(
        "The newest record is {number}, the chain ends at {}, head\n{}\n",
        end.seq.saturating_sub(1),
        end.head
    )
}
