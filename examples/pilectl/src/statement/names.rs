//! Names for accounts.

use std::collections::BTreeMap;
use std::path::Path;

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

/// The account that a number or a name stands for.
pub(super) fn find(names: &Names, text: &str) -> Result<AccountId, Refusal> {
    if let Ok(number) = text.parse() {
        return Ok(AccountId::new(number));
    }
    let mut so_called = names.iter().filter(|(_, name)| name.as_str() == text);
    match (so_called.next(), so_called.next()) {
        (Some((id, _)), None) => Ok(*id),
        (Some(_), Some(_)) => Err(Refusal::new(
            format!("several accounts are called {text}"),
            "give the number",
        )),
        (None, _) => Err(Refusal::new(
            format!("no account is called {text}"),
            "give its number, or its name as it stands in the file of --names",
        )),
    }
}
