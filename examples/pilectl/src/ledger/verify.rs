//! `pilectl ledger verify`: is the ledger what the pile wrote?

use pile_units::{Currency, Energy};

use super::log::{Finding, Log, Meaning};
use super::words;
use crate::figures::{Zone, counted, grouped, hex, kwh};

/// What is said of a ledger that is as it was written.
pub fn well(log: &Log) -> String {
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
            "{}, the oldest is {}",
            grouped(log.entries.len() as u64),
            grouped(oldest)
        ),
    );
    if book.exported() > 0 {
        line(
            "exported",
            format!("up to record {}", grouped(book.exported())),
        );
    }
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
    text.push_str(
        "\nVerified. Someone who can rewrite the flash can rewrite the chain too: compare the head\n\
         with one that was noted earlier, and the sessions with the tenants' signed receipts.\n",
    );
    text
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
    match &finding.before {
        Some(entry) => {
            let when = words::time(&entry.record).map(|at| Zone::default().second(at) + " UTC, ");
            let told = words::of(&entry.record, Zone::default(), Currency::CNY);
            let good = counted(finding.good as u64, "frame");
            line(
                "before it",
                &format!("{good} as written; the last record is {}:", entry.number),
            );
            line("", &format!("{}{told}", when.unwrap_or_default()));
        }
        None => line("before it", "nothing that could be verified"),
    }
    let (means, to_do) = match finding.meaning {
        Meaning::Altered => (
            "The bytes changed after the pile had written them: someone altered this file, or the\n\
             flash or the copying failed there. Nothing from that record on can be relied on.",
            "Keep this file as it is. Read the flash once more and compare. For bills up to this\n\
             record use an export that verifies, and the tenants' signed receipts.",
        ),
        Meaning::CutShort => (
            "The end of the ledger is missing. What stands before it is genuine, but the youngest\n\
             records may be among what is missing, so no bill can be made of it.",
            "Copy the whole flash once more, or export again.",
        ),
        Meaning::Contradiction => (
            "The chain verifies, but what the record says contradicts the records before it. No\n\
             pile writes that: whoever made this file computed the chain anew.",
            "Keep this file. Compare it with an earlier export and with the signed receipts.",
        ),
        Meaning::Younger => (
            "The chain verifies. A newer firmware wrote a kind of record that is not known here.",
            "Use the pilectl that belongs to the pile's firmware.",
        ),
    };
    text += &format!("\n{means}\n\nWhat to do: {to_do}\n");
    text
}
