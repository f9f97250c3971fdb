//! `pilectl ledger verify`: is the ledger what the pile wrote?

use pile_units::{Currency, Energy};

use super::compare;
use super::log::{Entry, Finding, Log, Meaning};
use super::words;
use crate::answer::Answer;
use crate::figures::{Zone, counted, grouped, hex, kwh};

/// What is said of a ledger that verifies. `known`: what a comparison with earlier knowledge of it
/// showed.
pub fn read(log: &Log, known: &str) -> Answer {
    let (book, balance) = (&log.book, log.book.balance());
    let (first, last) = (log.origin.seq, log.end.seq.saturating_sub(1));
    let mut text = format!("{}: {}\n\n", log.name, log.form);
    let mut line = |name: &str, told: String| text += format!("  {name:<11}{told}\n").as_str();
    line(
        "pile",
        match book.pile() {
            Some(pile) => format!("{pile}, journal {}", hex(&log.identity.bytes())),
            None => format!("not commissioned, journal {}", hex(&log.identity.bytes())),
        },
    );
    line(
        "chain",
        format!(
            "{}, {} to {}: every one as it was written",
            counted(log.frames.len() as u64, "frame"),
            grouped(first),
            grouped(last)
        ),
    );
    line("head", log.end.head.to_string());
    let oldest = log.entries.first().map_or(0, |entry| entry.number);
    line(
        "records",
        format!(
            "{}, the oldest is {}, the newest {}",
            grouped(log.entries.len() as u64),
            grouped(oldest),
            grouped(log.confirm())
        ),
    );
    if book.exported() > 0 {
        line(
            "exported",
            format!("up to record {}", grouped(book.exported())),
        );
    }
    line(
        "export",
        format!("of this, {}", compare::confirm(log.confirm())),
    );
    line("accounts", counted(book.accounts().len() as u64, "account"));
    line(
        "energy",
        format!("{:>16} kWh on accounts", kwh(balance.accounts)),
    );
    let mut more = |energy: Energy, told: &str| line("", format!("{:>16} kWh {told}", kwh(energy)));
    more(balance.open, "in sessions that are open");
    more(balance.unattributed, "that belongs to nobody");
    more(balance.metered, "in all, as the meters count it");
    if let Some(mended) = &log.mended {
        line("mended", mended.clone());
    }
    if let Some(torn) = &log.torn {
        text += &format!(
            "\nRECORD {}, THE LAST, IS NOT AS IT WAS WRITTEN. Its bytes now say:\n  {}\n\
             A power loss that cut its write, and someone who altered it, look the same. It is left\n\
             out of everything. Compare with an earlier export, and with the tenant's receipt.\n",
            grouped(torn.number),
            words::of(&torn.record, log.zone(), log.book.currency())
        );
        return Answer::wrong(text);
    }
    if known.is_empty() {
        text.push_str(
            "\nVerified. Someone who can rewrite the flash can rewrite the chain too: compare it with\n\
             what you noted or exported earlier (--head, --against), and the sessions with the\n\
             tenants' signed receipts.\n",
        );
    } else {
        text += &format!("\nVerified. {known}");
    }
    Answer::well(text)
}

/// What is said of one that is not.
pub fn found(name: &str, finding: &Finding) -> String {
    let number = grouped(finding.number);
    let title = match finding.meaning {
        Meaning::Altered => format!("RECORD {number} IS NOT WHAT WAS WRITTEN"),
        Meaning::CutShort => format!("CUT SHORT BEFORE RECORD {number}"),
        Meaning::Contradiction => format!("RECORD {number} CANNOT BE TRUE"),
        Meaning::Younger => format!("RECORD {number} IS YOUNGER THAN THIS PROGRAM"),
    };
    let mut text = format!("{name}: {title}\n\n");
    let mut line = |name: &str, told: &str| text += format!("  {name:<11}{told}\n").as_str();
    line("what", &finding.what);
    line("where", &finding.place);
    let told = |entry: &Entry| {
        let when = words::time(&entry.record).map(|at| Zone::default().second(at) + " UTC, ");
        let said = words::of(&entry.record, Zone::default(), Currency::CNY);
        let number = grouped(entry.number);
        format!("record {number}: {}{said}", when.unwrap_or_default())
    };
    if let Some(now) = &finding.now {
        line("says now", &told(now));
    }
    match &finding.before {
        Some(entry) => {
            let good = counted(finding.good as u64, "frame");
            line(
                "before it",
                &format!("{good} as written, the last record among them:"),
            );
            line("", &told(entry));
        }
        None => line("before it", "nothing that could be verified"),
    }
    let (means, to_do) = match finding.meaning {
        Meaning::Altered => (
            "The bytes changed after the pile had written them: someone altered this file, or the\n\
             flash or the copying failed there. Nothing from that record on can be relied on.",
            "keep this file as it is. Read the flash once more and compare. Make bills\n\
             from an export that verifies, and compare them with the tenants' signed receipts.",
        ),
        Meaning::CutShort => (
            "The end of the ledger is missing. What stands before it is genuine, but the youngest\n\
             records may be among what is missing, so no bill can be made of it.",
            "copy the whole flash once more, or export again.",
        ),
        Meaning::Contradiction => (
            "The chain verifies, but what the record says contradicts the records before it. No\n\
             pile writes that: whoever made this file computed the chain anew.",
            "keep this file. Compare it with an earlier export and with the signed receipts.",
        ),
        Meaning::Younger => (
            "The chain verifies. A newer firmware wrote a kind of record that is not known here.",
            "use the pilectl that belongs to the pile's firmware.",
        ),
    };
    text += &format!("\n{means}\n\nWhat to do: {to_do}\n");
    text
}
