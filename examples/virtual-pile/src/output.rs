//! What a replay leaves behind, as values, and the text of each file.
//!
//! The names, columns and units are a contract that outsiders recompute bills from. Every text is
//! a function of its values: the same run gives the same bytes, on every machine. Only
//! `wall_seconds` in `summary.json` tells two runs apart.

use pile_units::{AccountId, Currency, Energy, Money, PortId, Price, UnixSeconds, UtcOffset};

use crate::wall;

/// A session: one charge, from the tap to the closed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The id in the file of sessions, so that the two can be joined.
    pub session: u32,
    /// The tenant.
    pub account: String,
    /// The outlet.
    pub port: PortId,
    /// When the session was opened.
    pub started: UnixSeconds,
    /// When it was closed.
    pub ended: UnixSeconds,
    /// Why it was closed, in `snake_case`.
    pub stop_reason: String,
    /// What is billed.
    pub energy: Energy,
    /// The electricity, rounded down to the minor unit.
    pub energy_fee: Money,
    /// The rest of the total: the service.
    pub service_fee: Money,
    /// The whole session, rounded down once.
    pub total: Money,
    /// What the virtual wire gave.
    pub delivered: Energy,
}

/// A stretch of a session in one band of the tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The id in the file of sessions.
    pub session: u32,
    /// Counted from 1 in each session.
    pub segment: u32,
    /// When the stretch began.
    pub from: UnixSeconds,
    /// When it ended.
    pub to: UnixSeconds,
    /// The band's name.
    pub band: String,
    /// What flowed.
    pub energy: Energy,
    /// The price of electricity in force.
    pub energy_price: Price,
    /// The price of service in force.
    pub service_price: Price,
    /// The electricity in micro-units: the running sum's floor, less what earlier segments had.
    pub energy_fee: Money,
    /// The service in micro-units, likewise.
    pub service_fee: Money,
}

/// A tenant's sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The account's number in the ledger.
    pub number: AccountId,
    /// The tenant.
    pub account: String,
    /// How many sessions.
    pub sessions: u32,
    /// What is billed.
    pub energy: Energy,
    /// The electricity.
    pub energy_fee: Money,
    /// The service.
    pub service_fee: Money,
    /// What the tenant owes.
    pub total: Money,
}

/// The run in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Sessions in the ledger.
    pub sessions: u32,
    /// What the virtual wires gave.
    pub delivered: Energy,
    /// What the accounts are billed.
    pub billed: Energy,
    /// Metered, on no account.
    pub unattributed: Energy,
    /// Delivered, neither billed nor unattributed: what power cuts and counter steps took.
    pub lost: Energy,
    /// The most that one port lost in one power cut.
    pub max_lost_per_port_per_cut: Energy,
    /// Power cuts.
    pub power_cuts: u32,
    /// Bytes programmed into the flash.
    pub flash_bytes_programmed: u64,
    /// Erases of the most worn page.
    pub max_page_erases: u32,
    /// How long the virtual pile ran, in seconds.
    pub simulated_seconds: u64,
    /// How long that took, in seconds, rounded up.
    pub wall_seconds: u64,
}

/// Everything a replay writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The currency of every fee.
    pub currency: Currency,
    /// The offset that times are written with.
    pub utc_offset: UtcOffset,
    /// `sessions.csv`.
    pub sessions: Vec<SessionRow>,
    /// `segments.csv`.
    pub segments: Vec<SegmentRow>,
    /// `accounts.csv` and `names.csv`.
    pub accounts: Vec<AccountRow>,
    /// `summary.json`.
    pub summary: Summary,
    /// `receipts.ocmf`: signed records, one a line, without line ends.
    pub receipts: Vec<String>,
    /// `public-key.pem`.
    pub public_key_pem: String,
    /// `ledger.bin`: the flash image.
    pub ledger: Vec<u8>,
    /// `report.html`.
    pub report: String,
}

/// The names of the files, `summary.json` last.
pub const FILES: [&str; 9] = [
    "sessions.csv",
    "segments.csv",
    "accounts.csv",
    "names.csv",
    "receipts.ocmf",
    "public-key.pem",
    "ledger.bin",
    "report.html",
    "summary.json",
];

impl Outputs {
    /// Each file's name and bytes, in the order of [`FILES`].
    pub fn files(&self) -> [(&'static str, Vec<u8>); FILES.len()] {
        let receipts: String = self.receipts.iter().flat_map(|r| [r, "\n"]).collect();
        [
            ("sessions.csv", self.sessions_csv()),
            ("segments.csv", self.segments_csv()),
            ("accounts.csv", self.accounts_csv()),
            ("names.csv", self.names_csv()),
            ("receipts.ocmf", receipts.into_bytes()),
            ("public-key.pem", self.public_key_pem.clone().into_bytes()),
            ("ledger.bin", self.ledger.clone()),
            ("report.html", self.report.clone().into_bytes()),
            ("summary.json", self.summary.json()),
        ]
    }

    fn sessions_csv(&self) -> Vec<u8> {
        let header = [
            "session",
            "account",
            "port",
            "started",
            "ended",
            "stop_reason",
            "energy_mwh",
            "energy_fee",
            "service_fee",
            "total",
            "delivered_mwh",
        ];
        table(
            header,
            self.sessions.iter().map(|row| {
                [
                    row.session.to_string(),
                    row.account.clone(),
                    row.port.to_string(),
                    wall::iso(row.started, self.utc_offset),
                    wall::iso(row.ended, self.utc_offset),
                    row.stop_reason.clone(),
                    row.energy.milliwatt_hours().to_string(),
                    self.amount(row.energy_fee),
                    self.amount(row.service_fee),
                    self.amount(row.total),
                    row.delivered.milliwatt_hours().to_string(),
                ]
            }),
        )
    }

    fn segments_csv(&self) -> Vec<u8> {
        let header = [
            "session",
            "segment",
            "from",
            "to",
            "band",
            "energy_mwh",
            "energy_price",
            "service_price",
            "energy_fee_micro",
            "service_fee_micro",
        ];
        table(
            header,
            self.segments.iter().map(|row| {
                [
                    row.session.to_string(),
                    row.segment.to_string(),
                    wall::iso(row.from, self.utc_offset),
                    wall::iso(row.to, self.utc_offset),
                    row.band.clone(),
                    row.energy.milliwatt_hours().to_string(),
                    row.energy_price.to_string(),
                    row.service_price.to_string(),
                    row.energy_fee.micros().to_string(),
                    row.service_fee.micros().to_string(),
                ]
            }),
        )
    }

    fn accounts_csv(&self) -> Vec<u8> {
        let header = [
            "account",
            "sessions",
            "energy_mwh",
            "energy_fee",
            "service_fee",
            "total",
        ];
        table(
            header,
            self.accounts.iter().map(|row| {
                [
                    row.account.clone(),
                    row.sessions.to_string(),
                    row.energy.milliwatt_hours().to_string(),
                    self.amount(row.energy_fee),
                    self.amount(row.service_fee),
                    self.amount(row.total),
                ]
            }),
        )
    }

    /// The ledger knows accounts by number: this says whose each is, as `pilectl statement --names`
    /// reads it.
    fn names_csv(&self) -> Vec<u8> {
        let mut rows: Vec<_> = self.accounts.iter().collect();
        rows.sort_by_key(|row| row.number);
        table(
            ["account", "name"],
            rows.iter()
                .map(|row| [row.number.to_string(), row.account.clone()]),
        )
    }

    fn amount(&self, money: Money) -> String {
        self.currency.amount(money).to_string()
    }
}

impl Summary {
    fn json(&self) -> Vec<u8> {
        let fields: [(&str, u64); 11] = [
            ("sessions", self.sessions.into()),
            ("delivered_mwh", self.delivered.milliwatt_hours()),
            ("billed_mwh", self.billed.milliwatt_hours()),
            ("unattributed_mwh", self.unattributed.milliwatt_hours()),
            ("lost_mwh", self.lost.milliwatt_hours()),
            (
                "max_lost_mwh_per_port_per_cut",
                self.max_lost_per_port_per_cut.milliwatt_hours(),
            ),
            ("power_cuts", self.power_cuts.into()),
            ("flash_bytes_programmed", self.flash_bytes_programmed),
            ("max_page_erases", self.max_page_erases.into()),
            ("simulated_seconds", self.simulated_seconds),
            ("wall_seconds", self.wall_seconds),
        ];
        let lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("  \"{name}\": {value}"))
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n")).into_bytes()
    }
}

/// CSV with line feeds; fields are quoted where they must be.
fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory fails for records of unequal length only, and the array type rules them
    // out.
    let _ = writer.write_record(header);
    for row in rows {
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
