//! Accounts, cards and phones.

use ble_protocol::message::{AccountView, Request, Response};
use pile_units::{AccountId, Credential, CredentialId, PhoneId, Role, Strength};

use super::bind::window;
use super::commands::UidOnly;
use super::table::{Cell, Table};
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::{amount, kwh};
use crate::ledger::words::plan;

/// Asks for something that is answered by nothing but that it is done.
///
/// # Errors
/// [`Refusal`] if it is not.
pub fn done(talk: &mut Talk, request: Request, said: String) -> Result<Answer, Refusal> {
    match talk.ask(request)? {
        Response::Done => Ok(Answer::well(said)),
        _ => Err(words::odd()),
    }
}

/// `accounts`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn accounts(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let mut all: Vec<AccountView> = Vec::new();
    let mut from = Some(AccountId::new(0));
    while let Some(first) = from {
        let Response::Accounts(page) = talk.ask(Request::Accounts { from: first })? else {
            return Err(words::odd());
        };
        all.extend(page.accounts.iter().copied());
        let last = page.accounts.iter().last();
        from = last
            .filter(|_| page.more)
            .and_then(|last| last.account.id.next());
    }
    Ok(Answer::well(
        account_table(talk, &all)?.shown(json, "No account yet."),
    ))
}

/// Accounts as a table.
pub(super) fn account_table(talk: &mut Talk, all: &[AccountView]) -> Result<Table, Refusal> {
    let (_, currency) = talk.local()?;
    let mut table = Table::new(&[
        ("account", "Account"),
        ("name", "Name"),
        ("sessions", "Sessions"),
        ("kwh", "kWh"),
        ("total", "Total"),
        ("owed", "Owed now"),
        ("running", "Running"),
        ("plan", "Plan"),
        ("listed", ""),
        ("closed", ""),
    ]);
    for view in all {
        let account = &view.account;
        let money = |it| Cell::text(amount(currency, it));
        table.row([
            Cell::of(account.id.get()),
            Cell::text(view.name.map_or_else(String::new, |name| name.to_string())),
            Cell::of(account.sessions),
            Cell::text(kwh(account.energy)),
            money(account.total()),
            money(account.owed()),
            Cell::of(view.running),
            Cell::new(plan(account.plan), account.plan.get()),
            Cell::flag(account.listed, "listed"),
            Cell::flag(!account.active, "closed"),
        ]);
    }
    Ok(table)
}

/// `cards`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn cards(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let mut table = Table::new(&[
        ("card", "Card"),
        ("account", "Of"),
        ("proves", "Known by"),
        ("alias", "Alias"),
        ("revoked", ""),
    ]);
    let mut from = Some(CredentialId::new(0));
    while let Some(first) = from {
        let Response::Cards(page) = talk.ask(Request::Cards { from: first })? else {
            return Err(words::odd());
        };
        for card in &page.cards {
            table.row(card_row(card));
        }
        let last = page.cards.iter().last();
        from = last.filter(|_| page.more).and_then(|last| last.id.next());
    }
    Ok(Answer::well(table.shown(json, "No card yet.")))
}

fn card_row(card: &Credential) -> [Cell; 5] {
    let whose = match card.role {
        Role::Privilege => Cell::new("the landlord", serde_json::Value::Null),
        Role::Charging(account) => Cell::new(format!("account {account}"), account.get()),
    };
    let (shown, key) = match card.strength {
        Strength::UidOnly => ("its number", "uid_only"),
        Strength::MutualAes => ("its key", "mutual_aes"),
    };
    [
        Cell::of(card.id.get()),
        whose,
        Cell::new(shown, key),
        Cell::text(card.alias.to_string()),
        Cell::flag(card.revoked, "revoked"),
    ]
}

/// `phones`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell.
pub fn phones(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let (zone, _) = talk.local()?;
    let landlord = talk.is_landlord();
    let mut table = Table::new(&[
        ("phone", "Phone"),
        ("card", "Card"),
        ("account", "Of"),
        ("bound", "Bound"),
        ("this", ""),
        ("revoked", ""),
    ]);
    let mut from = Some(PhoneId::new(0));
    while let Some(first) = from {
        let request = if landlord {
            Request::Phones { from: first }
        } else {
            Request::MyPhones { from: first }
        };
        let Response::Phones(page) = talk.ask(request)? else {
            return Err(words::odd());
        };
        for phone in &page.phones {
            let whose = match phone.account {
                None => Cell::new("the landlord", serde_json::Value::Null),
                Some(account) => Cell::new(format!("account {account}"), account.get()),
            };
            table.row([
                Cell::of(phone.phone.get()),
                Cell::of(phone.credential.get()),
                whose,
                Cell::new(zone.minute(phone.bound), zone.iso(phone.bound)),
                Cell::flag(phone.this, "this one"),
                Cell::flag(phone.revoked, "revoked"),
            ]);
        }
        let last = page.phones.iter().last();
        from = last
            .filter(|_| page.more)
            .and_then(|last| last.phone.next());
    }
    Ok(Answer::well(table.shown(json, "No phone yet.")))
}

/// `report-lost`.
///
/// # Errors
/// [`Refusal`] if it is not revoked.
pub fn report_lost(talk: &mut Talk, account: Option<u16>) -> Result<Answer, Refusal> {
    let Some(number) = account else {
        let said = "The card and its phones open nothing any more, this one too.\n\
                    The landlord gives the next card: pilectl phone replace\n";
        return done(talk, Request::ReportLost, said.to_owned());
    };
    let account = AccountId::new(number);
    let said = format!("The cards and phones of account {number} open nothing any more.\n");
    done(talk, Request::ReportLostOf { account }, said)
}

/// Opens a window by this request and waits for its card.
fn next_card(talk: &mut Talk, request: Request) -> Result<Answer, Refusal> {
    let Response::Window { seconds } = talk.ask(request)? else {
        return Err(words::odd());
    };
    Ok(
        match window(talk, seconds, "tap the new card at the pile now")? {
            None => Answer::wrong("No card was tapped: nothing was authorised.\n"),
            Some(card) => {
                let whose = match card.account() {
                    Some(account) => format!("of account {account}"),
                    None => "of the landlord".to_owned(),
                };
                Answer::well(format!("Card {} {whose} is authorised.\n", card.id))
            }
        },
    )
}

/// `authorise`.
///
/// # Errors
/// [`Refusal`] if no window opens.
pub fn authorise(talk: &mut Talk, listed: bool) -> Result<Answer, Refusal> {
    let request = if listed {
        Request::AuthoriseListed
    } else {
        Request::Authorise
    };
    next_card(talk, request)
}

/// `replace ACCOUNT`.
///
/// # Errors
/// [`Refusal`] if no window opens.
pub fn replace(talk: &mut Talk, account: u16) -> Result<Answer, Refusal> {
    let account = AccountId::new(account);
    let card = card_of(talk, account)?;
    next_card(talk, Request::Replace { account, card })
}

/// The account's newest card.
fn card_of(talk: &mut Talk, account: AccountId) -> Result<CredentialId, Refusal> {
    let mut newest = None;
    let mut from = Some(CredentialId::new(0));
    while let Some(first) = from {
        let Response::Cards(page) = talk.ask(Request::Cards { from: first })? else {
            return Err(words::odd());
        };
        let mut own = page.cards.iter().rev();
        let own = own.find(|it| it.account() == Some(account));
        newest = own.map(|it| it.id).or(newest);
        let last = page.cards.iter().last();
        from = last.filter(|_| page.more).and_then(|last| last.id.next());
    }
    newest.ok_or_else(|| words::refused(ble_protocol::Refusal::NoSuchThing))
}

/// `revoke-card CARD`.
///
/// # Errors
/// [`Refusal`] if it is not revoked.
pub fn revoke_card(talk: &mut Talk, card: u16) -> Result<Answer, Refusal> {
    let credential = CredentialId::new(card);
    let said = format!("Card {card} and its phones open nothing any more.\n");
    done(talk, Request::RevokeCard { credential }, said)
}

/// `deregister ACCOUNT`.
///
/// # Errors
/// [`Refusal`] if it is not closed.
pub fn deregister(talk: &mut Talk, account: u16) -> Result<Answer, Refusal> {
    let (_, currency) = talk.local()?;
    let request = Request::Deregister {
        account: AccountId::new(account),
    };
    match talk.ask(request)? {
        Response::Settled(bill) => Ok(Answer::well(format!(
            "Account {account} is closed.\nThe final bill:\n{}",
            super::money::settlement(&bill, currency)
        ))),
        Response::Done => Ok(Answer::well(format!(
            "Account {account} is closed. Nothing was owed.\n"
        ))),
        _ => Err(words::odd()),
    }
}

/// `rename ACCOUNT NAME`.
///
/// # Errors
/// [`Refusal`] if it is not renamed.
pub fn rename(talk: &mut Talk, account: u16, name: &str) -> Result<Answer, Refusal> {
    let wrong = |_| {
        let remedy = "give 1 to 24 bytes without control characters";
        Refusal::new(format!("{name:?}: no name for an account"), remedy)
    };
    let request = Request::Rename {
        account: AccountId::new(account),
        name: name.parse().map_err(wrong)?,
    };
    done(
        talk,
        request,
        format!("Account {account} is {name:?} from now on.\n"),
    )
}

/// `policy`.
///
/// # Errors
/// [`Refusal`] if the pile does not tell, or take it.
pub fn policy(talk: &mut Talk, json: bool, set: Option<UidOnly>) -> Result<Answer, Refusal> {
    if let Some(set) = set {
        let uid_only = match set {
            UidOnly::Nobody => pile_units::UidOnly::Nobody,
            UidOnly::Listed => pile_units::UidOnly::Listed,
            UidOnly::All => pile_units::UidOnly::All,
        };
        let said = format!(
            "From now on cards may be known by their number: {}.\n",
            whose(uid_only)
        );
        return done(talk, Request::SetPolicy { uid_only }, said);
    }
    let Response::Policy(uid_only) = talk.ask(Request::Policy)? else {
        return Err(words::odd());
    };
    let whose = whose(uid_only);
    Ok(Answer::well(if json {
        super::table::pretty(&serde_json::json!({ "uid_only": whose }))
    } else {
        format!("Cards may be known by their number: {whose}.\n")
    }))
}

const fn whose(uid_only: pile_units::UidOnly) -> &'static str {
    match uid_only {
        pile_units::UidOnly::Nobody => "nobody's",
        pile_units::UidOnly::Listed => "those of listed accounts",
        pile_units::UidOnly::All => "all",
    }
}

/// `list-account ACCOUNT`.
///
/// # Errors
/// [`Refusal`] if it is not listed.
pub fn list_account(talk: &mut Talk, account: u16, listed: bool) -> Result<Answer, Refusal> {
    let how = if listed { "on" } else { "off" };
    let request = Request::ListAccount {
        account: AccountId::new(account),
        listed,
    };
    let said = format!("Account {account} is {how} the list of cards known by their number.\n");
    done(talk, request, said)
}
