//! The report: one HTML page with everything a landlord needs and nothing from the network.
//!
//! [`html`] is a function of [`ReportData`]: the same run gives the same bytes.

pub mod curve;
pub mod load;
mod plots;
mod tables;

use billing_core::tariff::Tariff;
use pile_units::{Energy, UnixSeconds, UtcOffset};

use crate::figures::{amount, counted, kwh};
use crate::output::{AccountRow, SegmentRow, SessionRow, Summary};
use crate::wall;
use curve::SessionCurve;
use load::WeekLoad;
pub use plots::PlotError;
use plots::{Month, OTHERS, PALETTE};

const PAGE: &str = include_str!("../assets/report.html");
const STYLE: &str = include_str!("../assets/report.css");

/// A power cut, as the report tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerCut {
    /// When the supply went away.
    pub at: UnixSeconds,
    /// How many ports were charging.
    pub charging: u32,
    /// True if it struck inside a flash operation.
    pub in_flash_operation: bool,
    /// What the accounts lost by it.
    pub lost: Energy,
}

/// What the report is made of.
#[derive(Debug, Clone)]
pub struct ReportData<'a> {
    /// The name of the file of sessions.
    pub source: &'a str,
    /// Whose data that is, if it must be said.
    pub attribution: Option<&'a str>,
    /// The outlets of the pile.
    pub ports: usize,
    /// The zone of the times.
    pub utc_offset: UtcOffset,
    /// The prices.
    pub tariff: &'a Tariff,
    /// The sessions.
    pub sessions: &'a [SessionRow],
    /// Their segments.
    pub segments: &'a [SegmentRow],
    /// The tenants' sums.
    pub accounts: &'a [AccountRow],
    /// The run in numbers; `wall_seconds` is not told.
    pub summary: &'a Summary,
    /// The busiest week, if anything was drawn.
    pub week: Option<&'a WeekLoad>,
    /// One session's course.
    pub curve: Option<&'a SessionCurve>,
    /// The power cuts in the order of time, where they are known one by one.
    pub cuts: &'a [PowerCut],
}

/// Makes the page.
///
/// # Errors
/// [`PlotError`] from the plotting library.
pub fn html(data: &ReportData<'_>) -> Result<String, PlotError> {
    let parts = [
        ("{{style}}", STYLE.to_owned()),
        ("{{palette}}", palette()),
        ("{{period}}", period(data)),
        ("{{source}}", escape(data.source)),
        ("{{tiles}}", tiles(data)),
        ("{{bills}}", tables::bills(data)),
        ("{{months}}", months(data)?),
        ("{{week}}", week(data)?),
        ("{{session}}", session(data)?),
        ("{{reconciliation}}", tables::reconciliation(data)),
        ("{{cuts}}", tables::cuts(data)),
        ("{{tariff}}", tables::tariff(data)),
        (
            "{{attribution}}",
            data.attribution.map(paragraph).unwrap_or_default(),
        ),
    ];
    // In one pass, so that no tenant's name is taken for a place to fill.
    let mut page = String::new();
    let mut rest = PAGE;
    while let Some((place, name, text)) = parts
        .iter()
        .filter_map(|(name, text)| rest.find(name).map(|place| (place, name, text)))
        .min_by_key(|(place, ..)| *place)
    {
        page.push_str(rest.get(..place).unwrap_or_default());
        page.push_str(text);
        rest = rest.get(place + name.len()..).unwrap_or_default();
    }
    page.push_str(rest);
    Ok(page)
}

/// Makes text safe inside an element or a quoted attribute.
fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut safe, c| {
            match c {
                '&' => safe.push_str("&amp;"),
                '<' => safe.push_str("&lt;"),
                '>' => safe.push_str("&gt;"),
                '"' => safe.push_str("&quot;"),
                '\'' => safe.push_str("&#39;"),
                c => safe.push(c),
            }
            safe
        })
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escape(text))
}

/// The style sheet's rules that give the marks of the pictures their colours.
fn palette() -> String {
    let mut rules = String::new();
    for (number, colour) in PALETTE.iter().chain([&OTHERS]).enumerate() {
        let hex = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
        rules += &format!(
            "svg [fill=\"{hex}\"]{{fill:var(--c{number})}}\
             svg [stroke=\"{hex}\"]{{stroke:var(--c{number})}}\
             .key.k{number}{{background:var(--c{number})}}\n"
        );
    }
    rules
}

fn period(data: &ReportData<'_>) -> String {
    let first = data.sessions.iter().map(|session| session.started).min();
    let last = data.sessions.iter().map(|session| session.ended).max();
    match (first, last) {
        (Some(first), Some(last)) => format!(
            "{} to {}",
            wall::long_date(first, data.utc_offset),
            wall::long_date(last, data.utc_offset)
        ),
        _ => "no sessions".to_owned(),
    }
}

fn tiles(data: &ReportData<'_>) -> String {
    let currency = data.tariff.currency();
    let owed = data.accounts.iter().map(|account| account.total).sum();
    let summary = data.summary;
    let tile = |value: String, unit: &str, name: String| {
        format!("<div class=\"tile\"><b>{value}<small>{unit}</small></b><span>{name}</span></div>")
    };
    [
        tile(
            amount(currency, owed),
            currency.code(),
            "owed by all tenants".into(),
        ),
        tile(kwh(summary.billed), "kWh", "billed".into()),
        tile(
            crate::figures::grouped(summary.sessions.into()),
            "",
            format!(
                "sessions of {}",
                counted(data.accounts.len() as u64, "tenant")
            ),
        ),
        tile(
            crate::figures::grouped(summary.power_cuts.into()),
            "",
            "power cuts survived".into(),
        ),
    ]
    .concat()
}

/// The picture of months, with its legend: the seven largest tenants and everyone else.
fn months(data: &ReportData<'_>) -> Result<String, PlotError> {
    let mut by_energy: Vec<_> = data.accounts.iter().collect();
    by_energy.sort_by_key(|account| core::cmp::Reverse(account.energy));
    let named: Vec<_> = by_energy.iter().take(PALETTE.len()).collect();
    let mut columns: Vec<((i32, u8), Month)> = Vec::new();
    let mut sessions: Vec<_> = data.sessions.iter().collect();
    sessions.sort_by_key(|session| session.started);
    for session in sessions {
        let begun = wall::local(session.started, data.utc_offset);
        let month = (begun.year(), u8::from(begun.month()));
        while columns.last().is_none_or(|(last, _)| *last != month) {
            let next = match columns.last() {
                Some((last, _)) => following(*last),
                None => month,
            };
            let label = month_label(next, columns.is_empty());
            let watt_hours = vec![0; named.len() + 1];
            columns.push((next, Month { label, watt_hours }));
        }
        let place = named
            .iter()
            .position(|account| account.account == session.account);
        if let Some((_, column)) = columns.last_mut()
            && let Some(sum) = column.watt_hours.get_mut(place.unwrap_or(named.len()))
        {
            // Milliwatt-hours until the sum is complete.
            *sum += session.energy.milliwatt_hours();
        }
    }
    let mut columns: Vec<Month> = columns.into_iter().map(|(_, month)| month).collect();
    for column in &mut columns {
        column.watt_hours.iter_mut().for_each(|sum| *sum /= 1000);
    }
    if columns.is_empty() {
        return Ok(paragraph("Nothing was charged."));
    }
    let picture = plots::months(&columns)?;
    let rest = by_energy.len().saturating_sub(named.len());
    let mut legend: Vec<(usize, String)> = named
        .iter()
        .map(|account| account.account.clone())
        .enumerate()
        .collect();
    if rest > 0 {
        legend.push((PALETTE.len(), counted(rest as u64, "other tenant")));
    }
    let legend: String = legend
        .iter()
        .map(|(number, name)| format!("<li><i class=\"key k{number}\"></i>{}</li>", escape(name)))
        .collect();
    Ok(format!(
        "{}<ul class=\"legend\">{legend}</ul>",
        figure(&picture)
    ))
}

fn following((year, month): (i32, u8)) -> (i32, u8) {
    if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    }
}

fn month_label((year, month): (i32, u8), first: bool) -> String {
    let name = time::Month::try_from(month).map_or_else(|_| String::new(), |m| m.to_string());
    let short = name.get(..3).unwrap_or_default();
    if first || month == 1 {
        format!("{short} {year}")
    } else {
        short.to_owned()
    }
}

fn week(data: &ReportData<'_>) -> Result<String, PlotError> {
    let Some(load) = data.week else {
        return Ok(paragraph("Nothing was charged."));
    };
    let picture = plots::week(load, data.utc_offset)?;
    let told = format!(
        "The week from {}, the one with the most energy. The highest ten minutes drew {} W \
         in all.",
        wall::long_date(load.monday, data.utc_offset),
        crate::figures::grouped(load.peak_watts().into())
    );
    Ok(paragraph(&told) + &figure(&picture))
}

fn session(data: &ReportData<'_>) -> Result<String, PlotError> {
    let Some(curve) = data.curve else {
        return Ok(paragraph("No session was watched."));
    };
    let segments: Vec<_> = data
        .segments
        .iter()
        .filter(|segment| segment.session == curve.session)
        .collect();
    let currency = data.tariff.currency();
    let picture = plots::session(curve, &segments, currency, data.utc_offset)?;
    let row = data
        .sessions
        .iter()
        .find(|row| row.session == curve.session);
    let bill = row.map_or_else(String::new, |row| {
        format!(
            ": {} kWh for {} {}, stopped because: {}",
            kwh(row.energy),
            amount(currency, row.total),
            currency.code(),
            tables::reason(&row.stop_reason),
        )
    });
    let told = format!(
        "Session {} of {} at port {}, {}{bill}.",
        curve.session,
        curve.account,
        curve.port,
        wall::plain(curve.started, data.utc_offset)
    );
    let legend = "<ul class=\"legend\"><li><i class=\"key k0\"></i>power</li>\
                  <li><i class=\"key k5\"></i>cost so far</li></ul>";
    Ok(paragraph(&told) + &figure(&picture) + legend + &tables::segments(&segments, data))
}

fn figure(svg: &str) -> String {
    format!("<div class=\"figure\" tabindex=\"0\">{svg}</div>")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
