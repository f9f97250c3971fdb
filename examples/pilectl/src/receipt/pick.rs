//! Some receipts of a file: one page, a range, those of a session or an account.

use std::path::Path;

use clap::Args;

use super::file::{self, Found};
use super::payload::Payload;
use crate::answer::Refusal;

/// Which receipts are wanted; all of them if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Pick {
    /// Only this page, or these: 32, or 32-40; the number behind the T of `PG`.
    #[arg(long, value_name = "N[-M]", value_parser = Pages::read)]
    pub page: Option<Pages>,
    /// Only the receipt of this session (ours).
    #[arg(long, value_name = "N")]
    pub session: Option<u32>,
    /// Only those of this account (ours).
    #[arg(long, value_name = "N")]
    pub account: Option<u16>,
}

/// Pages, first and last.
///
/// ```
/// use pilectl::receipt::pick::Pages;
/// assert_eq!(Pages::read("32"), Ok(Pages { first: 32, last: 32 }));
/// assert_eq!(Pages::read("3-7"), Ok(Pages { first: 3, last: 7 }));
/// assert!(Pages::read("7-3").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The first.
    pub first: u32,
    /// The last, not before the first.
    pub last: u32,
}

impl Pages {
    /// Reads `32` or `32-40`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |part: &str| {
            let part = part.trim().trim_start_matches('T');
            let number = part.parse();
            number.map_err(|_| format!("{text:?} is no page; write 32, or 32-40"))
        };
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!(
                "page {first} is after {last}; write the first before the last"
            ));
        }
        Ok(Self { first, last })
    }
}

impl Pick {
    /// True if all receipts are wanted.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    fn takes(&self, payload: &Payload) -> bool {
        let own = |key: &str, wanted: Option<u32>| {
            let own = || payload.text(key)?.parse::<u32>().ok();
            wanted.is_none_or(|wanted| payload.is_ours() && own() == Some(wanted))
        };
        let page = self.page.is_none_or(|it| {
            let page = payload.page();
            page.is_some_and(|page| (it.first..=it.last).contains(&page))
        });
        page && own("U", self.session) && own("V", self.account.map(u32::from))
    }

    /// The receipts of a file that are wanted.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot be read, or holds none of them.
    pub fn read(&self, path: &Path) -> Result<Vec<Found>, Refusal> {
        let mut found = file::read(path)?;
        if self.is_all() {
            return Ok(found);
        }
        let pages = found
            .iter()
            .filter_map(|it| Payload::of(&it.record)?.page());
        let (first, last) = (pages.clone().min(), pages.max());
        found.retain(|it| Payload::of(&it.record).is_some_and(|it| self.takes(&it)));
        if found.is_empty() {
            let there = match first.zip(last) {
                Some((first, last)) => format!("it holds pages {first} to {last}"),
                None => "none of its records has a page".to_owned(),
            };
            let what = format!("{}: holds no receipt of {}", path.display(), self.said());
            return Err(Refusal::new(what, there));
        }
        Ok(found)
    }

    fn said(&self) -> String {
        let page = self.page.map(|it| match it {
            Pages { first, last } if first == last => format!("page {first}"),
            Pages { first, last } => format!("pages {first} to {last}"),
        });
        let session = self.session.map(|it| format!("session {it}"));
        let account = self.account.map(|it| format!("account {it}"));
        let said: Vec<_> = [page, session, account].into_iter().flatten().collect();
        said.join(", ")
    }
}
