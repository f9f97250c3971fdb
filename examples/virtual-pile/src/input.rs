//! The file of sessions: who was plugged in, from when to when, and what they drew.
//!
//! Everything that could be wrong with a file is found here, before the first virtual second
//! runs: behind this door there are only rows the pile can serve.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use csv::ByteRecord;
use pile_units::{PortId, UnixSeconds, UtcOffset};

use crate::plan;
use crate::refusal::Refusal;
use crate::wall;

/// The columns, in the order of the file.
pub const COLUMNS: [&str; 5] = ["session", "account", "plug_in", "plug_out", "energy_wh"];

/// The most tenants one pile serves in a replay.
pub const MAX_ACCOUNTS: usize = 120;

/// The most energy of one row, in watt-hours: a dozen e-bike batteries.
pub const MAX_ENERGY_WH: u32 = 20_000;

/// The shortest stay at the plug, in seconds.
pub const MIN_STAY_S: i64 = 60;

/// How long a port stays taken after the plug is pulled, in seconds: the pile needs 120 s to see
/// that a bike is gone (the default of "unplugged"), and a minute to write it down.
pub const CLEARANCE_S: u32 = 180;

/// The longest account name, in characters.
const MAX_ACCOUNT_CHARS: usize = 64;

/// One row: a bike's stay at the pile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line in the file, from 1.
    pub line: u64,
    /// The file's id of the session.
    pub session: u32,
    /// The tenant.
    pub account: String,
    /// When the bike is plugged in and the card tapped.
    pub plug_in: UnixSeconds,
    /// When the bike is taken away; at least [`MIN_STAY_S`] after `plug_in`.
    pub plug_out: UnixSeconds,
    /// What the charger draws in between, 1..=[`MAX_ENERGY_WH`] watt-hours.
    pub energy_wh: u32,
    /// The outlet: the lowest-numbered one free at `plug_in`, counting [`CLEARANCE_S`].
    pub port: PortId,
}

impl Row {
    /// The stay at the plug in seconds.
    pub fn stay_s(&self) -> u32 {
        self.plug_out.since(self.plug_in)
    }
}

/// A file's rows, by time of arrival (equal times in the file's order), each on a free port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// The rows, none without a port.
    pub rows: Vec<Row>,
    /// The tenants, in the order of their first arrival.
    pub accounts: Vec<String>,
    /// The zone that the file's local times were read in.
    pub utc_offset: UtcOffset,
}

impl Sessions {
    /// From the first arrival to the last departure; `None` for no rows.
    pub fn span(&self) -> Option<(UnixSeconds, UnixSeconds)> {
        let first = self.rows.first()?.plug_in;
        let last = self.rows.iter().map(|row| row.plug_out).max()?;
        Some((first, last))
    }
}

/// Reads and checks a file of sessions for a pile of `ports` outlets.
///
/// # Errors
/// [`Refusal`] with the file, the line, what is wrong and what to do.
pub fn read(path: &Path, ports: usize, utc_offset: UtcOffset) -> Result<Sessions, Refusal> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        Refusal::new(&file, format!("cannot be read ({error})"), "check the path")
    })?;
    parse(&file, &bytes, ports, utc_offset)
}

/// [`read`] for bytes already in memory; `file` is the name that refusals carry.
///
/// ```
/// let text = "session,account,plug_in,plug_out,energy_wh\n\
///             15,Anna,2019-01-02T19:59:00,2019-01-03T00:52:00,732\n";
/// let sessions = virtual_pile::input::parse("s.csv", text.as_bytes(), 10, "+01:00".parse()?)?;
/// assert_eq!(sessions.rows[0].session, 15);
///
/// let text = text.replace("732", "-1");
/// let no = virtual_pile::input::parse("s.csv", text.as_bytes(), 10, "+01:00".parse()?);
/// assert!(no.unwrap_err().to_string().starts_with("s.csv:2: energy_wh is \"-1\""));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read`].
pub fn parse(
    file: &str,
    bytes: &[u8],
    ports: usize,
    utc_offset: UtcOffset,
) -> Result<Sessions, Refusal> {
    let header = COLUMNS.join(",");
    let Some(first_port) = PortId::first(ports).next() else {
        return Err(Refusal::new(
            file,
            "a pile without ports serves nobody",
            "use --ports 1 or more",
        ));
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        reader.read_byte_record(record).map_err(|error| {
            let refusal = Refusal::new(file, error.to_string(), "write plain CSV");
            match error.position() {
                Some(position) => refusal.at_line(position.line()),
                None => refusal,
            }
        })
    };

    if !next(&mut record)? {
        return Err(Refusal::new(
            file,
            "the file is empty",
            format!("begin with the header \"{header}\""),
        )
        .at_line(1));
    }
    if record.iter().ne(COLUMNS.iter().map(|name| name.as_bytes())) {
        let found: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        return Err(Refusal::new(
            file,
            format!("the header is \"{}\"", shorten(&found.join(","))),
            format!("write exactly \"{header}\""),
        )
        .at_line(1));
    }

    let mut rows = Vec::new();
    let mut lines_of_sessions = HashMap::new();
    while next(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row = parse_row(&record, line, utc_offset, first_port)
            .map_err(|wrong| wrong.of(file, line))?;
        if let Some(earlier) = lines_of_sessions.insert(row.session, line) {
            return Err(Refusal::new(
                file,
                format!("session {} is already on line {earlier}", row.session),
                "give each row an id of its own",
            )
            .at_line(line));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Refusal::new(
            file,
            "there is a header but no session",
            "add a row a session",
        )
        .at_line(1));
    }

    let mut seen = HashSet::new();
    for row in &rows {
        if seen.insert(row.account.as_str()) && seen.len() > MAX_ACCOUNTS {
            return Err(Refusal::new(
                file,
                format!("\"{}\" is tenant number {}", row.account, seen.len()),
                format!("a pile serves {MAX_ACCOUNTS}: split the file"),
            )
            .at_line(row.line));
        }
    }

    rows.sort_by_key(|row| row.plug_in);
    place(&mut rows, file, ports, utc_offset)?;

    let mut known = HashSet::new();
    let accounts = rows.iter().map(|row| row.account.clone());
    let accounts = accounts.filter(|name| known.insert(name.clone())).collect();
    Ok(Sessions {
        rows,
        accounts,
        utc_offset,
    })
}

/// What is wrong with a row, and what to do, before the file is known.
struct Wrong(String, String);

impl Wrong {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(what.into(), remedy.into())
    }

    fn of(self, file: &str, line: u64) -> Refusal {
        Refusal::new(file, self.0, self.1).at_line(line)
    }
}

fn parse_row(
    record: &ByteRecord,
    line: u64,
    utc_offset: UtcOffset,
    port: PortId,
) -> Result<Row, Wrong> {
    let mut fields = [""; 5];
    if record.len() != fields.len() {
        return Err(Wrong::new(
            format!("there are {} columns instead of 5", record.len()),
            format!("write {}", COLUMNS.join(",")),
        ));
    }
    for ((field, bytes), name) in fields.iter_mut().zip(record).zip(COLUMNS) {
        *field = core::str::from_utf8(bytes)
            .map_err(|_| Wrong::new(format!("{name} is not UTF-8"), "save the file as UTF-8"))?;
    }
    let [session, account, plug_in, plug_out, energy_wh] = fields;

    let session = whole_number(session).ok_or_else(|| {
        Wrong::new(
            format!("session is \"{}\"", shorten(session)),
            "write a whole number up to 4294967295",
        )
    })?;
    check_account(account)?;
    let (arrival, plug_in) = moment("plug_in", plug_in, utc_offset)?;
    let (departure, plug_out) = moment("plug_out", plug_out, utc_offset)?;
    if departure <= arrival {
        return Err(Wrong::new(
            "plug_out is not after plug_in",
            "check the two times",
        ));
    }
    if departure - arrival < MIN_STAY_S {
        return Err(Wrong::new(
            format!("the stay of {} s is too short", departure - arrival),
            format!("leave out rows under {MIN_STAY_S} s"),
        ));
    }
    let energy_wh = whole_number(energy_wh)
        .filter(|wh| (1..=MAX_ENERGY_WH).contains(wh))
        .ok_or_else(|| {
            Wrong::new(
                format!("energy_wh is \"{}\"", shorten(energy_wh)),
                format!("write whole watt-hours, 1 to {MAX_ENERGY_WH}"),
            )
        })?;
    let stay_s = plug_out.since(plug_in);
    if !plan::is_possible(stay_s, energy_wh) {
        return Err(Wrong::new(
            format!("{energy_wh} Wh in a stay of {stay_s} s needs more than 800 W"),
            "correct the energy or the times",
        ));
    }
    Ok(Row {
        line,
        session,
        account: account.to_owned(),
        plug_in,
        plug_out,
        energy_wh,
        port,
    })
}

fn check_account(account: &str) -> Result<(), Wrong> {
    if account.trim().is_empty() {
        return Err(Wrong::new("the account is empty", "name the tenant"));
    }
    if account.trim() != account || account.chars().any(char::is_control) {
        return Err(Wrong::new(
            format!("the account \"{}\" holds stray spaces", shorten(account)),
            "write the name alone",
        ));
    }
    if account.chars().count() > MAX_ACCOUNT_CHARS {
        return Err(Wrong::new(
            format!("the account \"{}\" is too long", shorten(account)),
            format!("use up to {MAX_ACCOUNT_CHARS} characters"),
        ));
    }
    Ok(())
}

fn moment(column: &str, text: &str, offset: UtcOffset) -> Result<(i64, UnixSeconds), Wrong> {
    let local = wall::parse_local(text).ok_or_else(|| {
        Wrong::new(
            format!("{column} is \"{}\"", shorten(text)),
            "write a local time like 2019-01-02T19:59:00",
        )
    })?;
    let unix = wall::to_unix(local, offset).ok_or_else(|| {
        Wrong::new(
            format!("{column} is \"{text}\", outside the clock's range"),
            "use a time between 1970 and 2106",
        )
    })?;
    Ok((local, unix))
}

/// Digits only: `parse` alone would take a plus sign.
fn whole_number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Quotes at most 60 characters of what was found, control characters made visible.
fn shorten(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    short.escape_debug().to_string()
}

/// Gives each row the lowest free port. In order of arrival this never needs more ports than are
/// taken at once.
fn place(rows: &mut [Row], file: &str, ports: usize, utc_offset: UtcOffset) -> Result<(), Refusal> {
    let mut free_from: Vec<(PortId, Option<UnixSeconds>)> =
        PortId::first(ports).map(|port| (port, None)).collect();
    let pile = free_from.len();
    for index in 0..rows.len() {
        let Some(row) = rows.get(index) else { break };
        let (arrival, line) = (row.plug_in, row.line);
        let until = row.plug_out.plus(CLEARANCE_S);
        let free = free_from
            .iter_mut()
            .find(|(_, taken)| taken.is_none_or(|until| until <= arrival));
        let Some((port, taken)) = free else {
            let needed = most_at_once(rows);
            return Err(Refusal::new(
                file,
                format!(
                    "all {pile} ports are taken at {}",
                    wall::plain(arrival, utc_offset)
                ),
                format!(
                    "the file needs {needed} ports: use --ports {needed} (at most {})",
                    pile_units::MAX_PORTS
                ),
            )
            .at_line(line));
        };
        *taken = Some(until);
        let port = *port;
        if let Some(row) = rows.get_mut(index) {
            row.port = port;
        }
    }
    Ok(())
}

/// The most ports taken at one time, the clearance included.
fn most_at_once(rows: &[Row]) -> usize {
    let mut ends: Vec<_> = rows.iter().map(|r| r.plug_out.plus(CLEARANCE_S)).collect();
    ends.sort_unstable();
    let mut gone = ends.iter().peekable();
    let (mut now, mut most) = (0usize, 0usize);
    for row in rows {
        while gone.next_if(|&&end| end <= row.plug_in).is_some() {
            now -= 1;
        }
        now += 1;
        most = most.max(now);
    }
    most
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
