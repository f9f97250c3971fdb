//! Names for accounts.

use std::collections::BTreeMap;
use std::path::Path;

use billing_core::book::Book;
use pile_units::AccountId;
use serde::Deserialize;

use crate::answer::{self, Refusal};

/// What the landlord calls each account.
pub(super) type Names = BTreeMap<AccountId, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    account: AccountId,
    name: String,
}

/// Reads a CSV file with the columns `account` and `name`.
pub(super) fn read(path: &Path) -> Result<Names, Refusal> {
    let bytes = answer::read(path)?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes.as_slice());
    let mut names = Names::new();
    let file = path.display();
    for (row, line) in reader.deserialize::<Row>().zip(2_usize..) {
        let row = row.map_err(|_| {
            Refusal::new(
                format!("{file}:{line}: not an account and its name"),
                "write the columns account,name, such as 3,Flat 4",
            )
        })?;
        let id = row.account;
        if row.name.chars().any(char::is_control) {
            let what = format!("{file}:{line}: a name with control characters");
            return Err(Refusal::new(what, "write a plain name"));
        }
        if names.insert(id, row.name).is_some() {
            let what = format!("{file}:{line}: account {id} has a name already");
            return Err(Refusal::new(what, "give each account one line"));
        }
    }
    Ok(names)
}

/// The account that a name stands for, in the file of `--names` or on the pile, or a number.
pub(super) fn find(names: &Names, book: &Book, text: &str) -> Result<AccountId, Refusal> {
    let is_called = |id: &AccountId| match names.get(id) {
        Some(name) => name.as_str() == text,
        None => book.name(*id).is_some_and(|name| name.as_str() == text),
    };
    let accounts = book.accounts().iter().map(|account| account.id);
    let so_called: Vec<_> = accounts.filter(is_called).collect();
    let numbered = text.parse().ok().map(AccountId::new);
    let there = |id: AccountId| book.account(id).is_some();
    match (so_called.as_slice(), numbered) {
        ([], Some(id)) => Ok(id),
        ([id], number) if number.is_none_or(|number| !there(number)) => Ok(*id),
        ([id], Some(number)) if *id == number => Ok(number),
        ([], None) => Err(Refusal::new(
            format!("no account is called {text}"),
            "give its number, or its name on the pile or in the file of --names",
        )),
        ([id], Some(number)) => Err(Refusal::new(
            format!("account {id} is called {text}, and there is a number {number}, too"),
            "give the other account's number, or name them so that no name is a number",
        )),
        (_, _) => Err(Refusal::new(
            format!("several accounts are called {text}"),
            "give the number",
        )),
    }
}
