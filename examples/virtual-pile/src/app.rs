//! From a command line to files: reads and checks everything, lets the engine run, writes the set.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use billing_core::tariff::Tariff;
use pile_units::UtcOffset;

use crate::bills;
use crate::cli;
use crate::input::{self, Sessions};
use crate::output::{AccountRow, Outputs, SegmentRow, SessionRow, Summary};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::report::curve::{SessionCurve, picture_session};
use crate::report::load::LoadSeries;
use crate::report::{self, PowerCut, ReportData};
use crate::target::Target;

/// The demo's sessions, compiled in.
const DEMO_SESSIONS: &str = include_str!("../data/residential-sessions-bl2.csv");
/// The demo's prices, compiled in.
const DEMO_TARIFF: &str = include_str!("../data/tariff.toml");
/// Whose data the demo shows.
const ATTRIBUTION: &str = "Sessions: \u{c5}. L. S\u{f8}rensen, K. B. Lindberg, I. Sartori and \
    I. Andresen, \u{201c}Residential electric vehicle charging datasets from apartment \
    buildings\u{201d}, Data in Brief 36 (2021) 107105, doi:10.17632/jbks2rcwyj, CC BY 4.0; energy \
    divided by 20.";

/// What the engine is given: everything is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The name of the file of sessions.
    pub source: String,
    /// Who is plugged in when, and where.
    pub sessions: Sessions,
    /// The prices.
    pub tariff: Tariff,
    /// The outlets, 1..=16.
    pub ports: usize,
    /// For every chance.
    pub seed: u64,
    /// How often the supply is cut.
    pub power_cuts: u32,
}

/// What the engine gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The sessions, in the order they are to be written.
    pub sessions: Vec<SessionRow>,
    /// Their segments, likewise.
    pub segments: Vec<SegmentRow>,
    /// The tenants' sums, likewise.
    pub accounts: Vec<AccountRow>,
    /// The run in numbers; `wall_seconds` is filled in here.
    pub summary: Summary,
    /// Signed records.
    pub receipts: Vec<String>,
    /// The key they verify with.
    pub public_key_pem: String,
    /// The flash image.
    pub ledger: Vec<u8>,
    /// The pile's power over the run.
    pub load: LoadSeries,
    /// The power cuts, in the order of time.
    pub cuts: Vec<PowerCut>,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The user's input or output folder: exit code 2.
    Refused(Refusal),
    /// The engine or the report: exit code 1.
    Broken(String),
}

impl Failure {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Broken(_) => 1,
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// `replay`: reads the files, runs `engine`, writes the folder; returns what to print.
///
/// # Errors
/// [`Failure`]; nothing is written then.
pub fn replay<E>(options: &cli::Replay, engine: E) -> Result<String, Failure>
where
    E: FnOnce(&Job, &mut Progress) -> Result<Ran, String>,
{
    let target = Target::at(&options.out)?;
    let mut tariff = read_tariff(&options.tariff)?;
    if let Some(utc_offset) = options.utc_offset {
        tariff = moved(&tariff, utc_offset)?;
    }
    let utc_offset = tariff.utc_offset();
    let sessions = input::read(&options.sessions, options.ports, utc_offset)?;
    let source = options
        .sessions
        .file_name()
        .unwrap_or_default()
        .display()
        .to_string();
    let job = Job {
        source,
        sessions,
        tariff,
        ports: options.ports,
        seed: options.seed,
        power_cuts: options.power_cuts,
    };
    finish(&job, &target, engine)
}

/// `demo`: as [`replay`], with the larger data file and its prices.
///
/// # Errors
/// [`Failure`]; nothing is written then.
pub fn demo<E>(options: &cli::Demo, engine: E) -> Result<String, Failure>
where
    E: FnOnce(&Job, &mut Progress) -> Result<Ran, String>,
{
    let target = Target::at(&options.out)?;
    let tariff = demo_tariff()?;
    let source = "residential-sessions-bl2.csv".to_owned();
    let ports = 10;
    let sessions = input::parse(
        &source,
        DEMO_SESSIONS.as_bytes(),
        ports,
        tariff.utc_offset(),
    )?;
    let job = Job {
        source,
        sessions,
        tariff,
        ports,
        seed: options.seed,
        power_cuts: options.power_cuts,
    };
    finish(&job, &target, engine)
}

/// The demo's prices.
pub(crate) fn demo_tariff() -> Result<Tariff, Failure> {
    tariff_file::parse(DEMO_TARIFF)
        .map_err(|error| Failure::Broken(format!("the demo's tariff: {error}")))
}

/// The tariff in another zone: a pile has one local time, that of its bands and of the file.
fn moved(tariff: &Tariff, utc_offset: UtcOffset) -> Result<Tariff, Failure> {
    let (bands, slots) = (tariff.bands(), *tariff.slots());
    Tariff::new(
        tariff.currency(),
        utc_offset,
        bands,
        slots,
        tariff.unknown_time_band(),
    )
    .map_err(|error| Failure::Broken(error.to_string()))
}

fn read_tariff(path: &Path) -> Result<Tariff, Refusal> {
    tariff_file::read(path).map_err(|error| match error {
        tariff_file::ReadError::Unreadable { path, reason } => Refusal::new(
            path.display().to_string(),
            format!("cannot be read ({reason})"),
            "check the path",
        ),
        tariff_file::ReadError::Malformed { path, error } => {
            Refusal::new(path.display().to_string(), error.message, error.hint)
                .at_line(error.line as u64)
        }
    })
}

fn finish<E>(job: &Job, target: &Target, engine: E) -> Result<String, Failure>
where
    E: FnOnce(&Job, &mut Progress) -> Result<Ran, String>,
{
    let span = job.sessions.span();
    let total = span.map_or(0, |(first, last)| u64::from(last.since(first)));
    let mut progress = Progress::new(total);
    let begun = Instant::now();
    let ran = engine(job, &mut progress).map_err(Failure::Broken)?;
    let wall = begun.elapsed();
    progress.finish();
    let outputs = outputs(job, ran, wall)?;
    target.write(&outputs)?;
    let report = report_path(target.dir());
    Ok(bills::text(&outputs, wall, &report))
}

fn report_path(dir: &Path) -> PathBuf {
    let path = dir.join("report.html");
    // Shorter to read where it lies below the working folder.
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    short.unwrap_or(path)
}

/// Makes the report and joins everything.
fn outputs(job: &Job, ran: Ran, wall: Duration) -> Result<Outputs, Failure> {
    let utc_offset = job.sessions.utc_offset;
    let mut summary = ran.summary;
    summary.wall_seconds = wall.as_secs() + u64::from(wall.subsec_nanos() > 0);
    let week = ran.load.busiest_week();
    let curve = picture_session(&ran.sessions, &ran.segments).and_then(|session| {
        let row = job
            .sessions
            .rows
            .iter()
            .find(|row| row.session == session.session)?;
        let plan = Plan::for_stay(row.stay_s(), row.energy_wh);
        Some(SessionCurve::of_plan(session, &plan))
    });
    let ours = job.source.starts_with("residential-sessions-");
    let report = report::html(&ReportData {
        source: &job.source,
        attribution: ours.then_some(ATTRIBUTION),
        ports: job.ports,
        utc_offset,
        tariff: &job.tariff,
        sessions: &ran.sessions,
        segments: &ran.segments,
        accounts: &ran.accounts,
        summary: &summary,
        week: week.as_ref(),
        curve: curve.as_ref(),
        cuts: &ran.cuts,
    })
    .map_err(|error| Failure::Broken(format!("the report could not be drawn: {error}")))?;
    Ok(Outputs {
        currency: job.tariff.currency(),
        utc_offset,
        sessions: ran.sessions,
        segments: ran.segments,
        accounts: ran.accounts,
        summary,
        receipts: ran.receipts,
        public_key_pem: ran.public_key_pem,
        ledger: ran.ledger,
        report,
    })
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
