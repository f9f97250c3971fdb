//! What several receipts say of each other: that none is missing, moved, doubled or slipped in.

use std::collections::BTreeMap;

use billing_core::receipt::ReceiptHash;

use super::payload::Payload;
use super::problem::{ASK_AGAIN, ASK_FOR_ALL, Problem};
use super::verify::Checked;

/// One of our receipts, with what it says.
struct Page<'a> {
    at: &'a Checked<'a>,
    payload: &'a Payload,
    number: u32,
}

impl Page<'_> {
    fn text(&self, key: &str) -> String {
        self.payload.text(key).unwrap_or_default()
    }
}

fn ours<'a>(checked: &'a [Checked<'a>]) -> Vec<Page<'a>> {
    let page = |at: &'a Checked<'a>| {
        let payload = at.payload.as_ref().filter(|it| it.is_ours())?;
        let number = payload.page()?;
        Some(Page {
            at,
            payload,
            number,
        })
    };
    checked.iter().filter_map(page).collect()
}

/// A word on the pages that are there: later ones no one can miss.
pub fn first(checked: &[Checked<'_>]) -> Option<String> {
    let pages = ours(checked);
    let first = pages.iter().map(|page| page.number).min()?;
    let last = pages.iter().map(|page| page.number).max()?;
    Some(match first {
        1 => format!("pages 1 to {last}; whether later ones exist only the pile can tell"),
        _ => format!(
            "pages {first} to {last}; earlier ones are not in this file, and whether later ones \
             exist only the pile can tell"
        ),
    })
}

/// Checks the pages of our receipts against each other. Of a part no page is missed.
pub fn pages(checked: &[Checked<'_>], is_part: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut pages = Vec::new();
    let mut pile = None;
    for page in ours(checked) {
        let own = page.text("GS");
        let pile: &String = pile.get_or_insert_with(|| own.clone());
        let port = page.text("MS");
        if own != *pile {
            problems.push(Problem::new(
                page.at.name(),
                format!("it is of another pile, {own}, than those before it, {pile}"),
                "check each pile's receipts by themselves, with its own key",
            ));
            continue;
        }
        if !port.starts_with(&format!("{pile}-")) {
            problems.push(Problem::new(
                page.at.name(),
                format!("its meter, {port}, is not one of the pile {pile}"),
                ASK_AGAIN,
            ));
        }
        pages.push(page);
    }
    problems.extend(order(&pages));
    if !is_part {
        problems.extend(missing(&pages));
    }
    problems.extend(chain(&pages));
    problems.extend(meters(&pages));
    problems
}

/// Doubled, moved and missing pages.
fn order(pages: &[Page<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<u32, &Page<'_>> = BTreeMap::new();
    let mut sessions: BTreeMap<String, &Page<'_>> = BTreeMap::new();
    let mut before: Option<&Page<'_>> = None;
    for page in pages {
        let number = page.number;
        if let Some(first) = seen.get(&number) {
            let same = first.at.found.record == page.at.found.record;
            let how = if same { "" } else { ", with another content" };
            problems.push(Problem::new(
                page.at.name(),
                format!(
                    "page {number} is there twice: first at {}{how}",
                    first.at.found.place
                ),
                "count it once, and ask why the file holds it twice",
            ));
            continue;
        }
        seen.insert(number, page);
        if let Some(other) = sessions.insert(page.text("U"), page) {
            problems.push(Problem::new(
                page.at.name(),
                format!(
                    "session {} has two receipts, pages {} and {number}",
                    page.text("U"),
                    other.number
                ),
                ASK_AGAIN,
            ));
        }
        if let Some(before) = before.filter(|before| before.number > number) {
            problems.push(Problem::new(
                page.at.name(),
                format!(
                    "page {number} stands after page {}: the pages are not in order",
                    before.number
                ),
                "put the pages back in the order of their numbers",
            ));
        }
        before = Some(page);
    }
    problems
}

/// Pages that should stand before those that are there, or between them: a pile counts them from 1.
fn missing(pages: &[Page<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let seen: BTreeMap<_, _> = pages.iter().map(|page| (page.number, page)).collect();
    if let Some(first) = seen.values().next().filter(|first| first.number > 1) {
        let missing = match first.number {
            2 => "page 1 is missing".to_owned(),
            number => format!("pages 1 to {} are missing", number - 1),
        };
        let named = match first.payload.text("Z") {
            Some(_) => ", and it names the one before it",
            None => "",
        };
        problems.push(Problem::new(
            format!("before {}", first.at.name()),
            format!("{missing}{named}"),
            ASK_FOR_ALL,
        ));
    }
    for (page, next) in seen.values().zip(seen.values().skip(1)) {
        let missing = match next.number - page.number {
            0 | 1 => continue,
            2 => format!("page {} is missing", page.number + 1),
            _ => format!(
                "pages {} to {} are missing",
                page.number + 1,
                next.number - 1
            ),
        };
        problems.push(Problem::new(
            format!("between {} and {}", page.at.name(), next.at.name()),
            missing,
            ASK_FOR_ALL,
        ));
    }
    problems
}

/// Each page carries the hash of the one before it (`Z`).
fn chain(pages: &[Page<'_>]) -> Vec<Problem> {
    let by_number: BTreeMap<_, _> = pages.iter().map(|page| (page.number, page)).collect();
    let mut problems = Vec::new();
    for (page, next) in by_number.values().zip(by_number.values().skip(1)) {
        // An altered page breaks the chain too, but that is already said of it.
        let genuine = page.at.signature.is_ok() && next.at.signature.is_ok();
        let follows = next.text("Z") == ReceiptHash::of(&page.at.found.record).to_string();
        if next.number - page.number == 1 && genuine && !follows {
            problems.push(Problem::new(
                next.at.name(),
                format!(
                    "it was written after another page {} than the one in this file",
                    page.number
                ),
                ASK_AGAIN,
            ));
        }
    }
    problems
}

/// A port's meter never runs back from one receipt to the next.
fn meters(pages: &[Page<'_>]) -> Vec<Problem> {
    let by_number: BTreeMap<_, _> = pages.iter().map(|page| (page.number, page)).collect();
    let mut last: BTreeMap<String, (_, &Page<'_>)> = BTreeMap::new();
    let mut problems = Vec::new();
    for page in by_number.values().filter(|page| page.at.signature.is_ok()) {
        let register = |reading: Option<&super::payload::Reading>| reading?.register;
        let (Some(start), Some(stop)) = (
            register(page.payload.start()),
            register(page.payload.stop()),
        ) else {
            continue;
        };
        let meter = page.text("MS");
        if let Some((end, before)) = last.insert(meter.clone(), (stop, page))
            && start < end
        {
            problems.push(Problem::new(
                page.at.name(),
                format!(
                    "the meter {meter} starts at {start}, below {end}, where page {} left it",
                    before.number
                ),
                "do not settle by it, and ask the maker of the pile",
            ));
        }
    }
    problems
}

/// Checks that a start and a stop that share a number (`transactionId`) are of one charge.
pub fn transactions(checked: &[Checked<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, it) in checked.iter().enumerate() {
        let same = |other: &&Checked<'_>| {
            it.found.transaction.is_some() && other.found.transaction == it.found.transaction
        };
        let Some(first) = checked.iter().take(at).find(same) else {
            continue;
        };
        let (Some(one), Some(other)) = (&first.payload, &it.payload) else {
            continue;
        };
        for (key, what) in [("GS", "piles"), ("MS", "meters"), ("ID", "cards")] {
            if one.text(key) != other.text(key) {
                problems.push(Problem::new(
                    it.name(),
                    format!(
                        "the start and the stop are of different {what}: {} and {}",
                        one.text(key).unwrap_or_default(),
                        other.text(key).unwrap_or_default()
                    ),
                    "they are not of one charge; ask for the file as the pile wrote it",
                ));
            }
        }
        if let (Some(start), Some(stop)) = (
            one.start().and_then(|it| it.register),
            other.stop().and_then(|it| it.register),
        ) && stop < start
        {
            problems.push(Problem::new(
                it.name(),
                format!("the stop reads {stop}, below the start, {start}"),
                ASK_AGAIN,
            ));
        }
    }
    problems
}
