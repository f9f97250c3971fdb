//! The TOML of a script, key by key.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::words::At;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    pub(super) title: String,
    #[serde(default)]
    pub(super) pile: Option<Spanned<RawPile>>,
    #[serde(default)]
    pub(super) cards: BTreeMap<String, Spanned<RawCard>>,
    #[serde(default)]
    pub(super) event: Vec<Spanned<RawEvent>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<RawExpect>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPile {
    pub(super) ports: Option<u8>,
    pub(super) seed: Option<u64>,
    pub(super) flash_kib: Option<u16>,
    pub(super) clock: Option<String>,
    pub(super) tariff: Option<String>,
    pub(super) owner: Option<String>,
    #[serde(default)]
    pub(super) tenants: Vec<String>,
    pub(super) uid_only: Option<String>,
    #[serde(default)]
    pub(super) limits: RawLimits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) port_power_w: Option<u32>,
    pub(super) pile_power_w: Option<u32>,
    pub(super) overload_after_s: Option<u32>,
    pub(super) no_load_after_s: Option<u32>,
    pub(super) unplugged_power_w: Option<u32>,
    pub(super) unplugged_after_s: Option<u32>,
    pub(super) full_power_w: Option<u32>,
    pub(super) full_after_s: Option<u32>,
    pub(super) longest_session_s: Option<u32>,
    pub(super) warn_celsius: Option<i8>,
    pub(super) cut_celsius: Option<i8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCard {
    pub(super) uid: String,
    #[serde(default)]
    pub(super) privilege: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvent {
    pub(super) at: At,
    pub(super) tap: Option<String>,
    pub(super) press: Option<u8>,
    pub(super) plug: Option<RawBike>,
    pub(super) unplug: Option<u8>,
    pub(super) load: Option<RawLoad>,
    pub(super) cut: Option<RawCut>,
    pub(super) restore: Option<Yes>,
    pub(super) set_clock: Option<String>,
    pub(super) tariff: Option<String>,
    pub(super) heat: Option<i8>,
    pub(super) trip: Option<RawTrip>,
    pub(super) weld: Option<u8>,
    pub(super) unweld: Option<u8>,
    pub(super) meter_dead: Option<u8>,
    pub(super) meter_back: Option<u8>,
    pub(super) reader_hang: Option<Yes>,
    pub(super) reader_dead: Option<Yes>,
    pub(super) reader_back: Option<Yes>,
    pub(super) damage_ledger: Option<Yes>,
    pub(super) command: Option<RawCommand>,
}

/// `true`; anything else is an event that does not happen.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
pub(super) struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(yes: bool) -> Result<Self, Self::Error> {
        if yes {
            Ok(Self)
        } else {
            Err("write true, or leave the event out")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBike {
    pub(super) port: u8,
    pub(super) watts: u32,
    pub(super) wh: u32,
    #[serde(default)]
    pub(super) float_watts: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLoad {
    pub(super) port: u8,
    pub(super) watts: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrip {
    pub(super) port: u8,
    pub(super) fault: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCut {
    Sudden,
    Warned,
    InFlash,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCommand {
    Authorise,
    ConfirmExport,
    ConfirmEvidence,
    Replace(String),
    ReportLost(String),
    Revoke(String),
    Deregister(String),
    Settle(String),
    MarkPaid(String),
    AllowUidOnly(String),
    List(String),
    Unlist(String),
    AuthoriseListed,
    Calibrate(RawTrim),
    SetLimits(RawLimits),
    SetTariff(RawTariff),
    PlanTariff(RawPlanned),
    AssignPlan(RawPlan),
    ClearFault(u8),
    Stop(u8),
    Disable(u8),
    Enable(u8),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrim {
    pub(super) port: u8,
    #[serde(default)]
    pub(super) power_ppm: i32,
    #[serde(default)]
    pub(super) voltage_ppm: i32,
    #[serde(default)]
    pub(super) current_ppm: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTried {
    pub(super) card: String,
    pub(super) count: u32,
    pub(super) last: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTariff {
    #[serde(default)]
    pub(super) plan: u8,
    pub(super) tariff: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlanned {
    #[serde(default)]
    pub(super) plan: u8,
    pub(super) from: String,
    pub(super) tariff: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub(super) card: String,
    pub(super) plan: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    pub(super) at: At,
    pub(super) port: Option<u8>,
    pub(super) account: Option<String>,
    pub(super) state: Option<String>,
    pub(super) relay: Option<RawRelay>,
    pub(super) fault: Option<String>,
    pub(super) indicator: Option<String>,
    pub(super) watts: Option<u32>,
    pub(super) sessions: Option<u32>,
    pub(super) open: Option<u32>,
    pub(super) stop_reason: Option<String>,
    pub(super) energy_wh: Option<[String; 2]>,
    pub(super) total: Option<String>,
    pub(super) unpaid: Option<String>,
    pub(super) refused: Option<String>,
    pub(super) signal: Option<String>,
    pub(super) answer: Option<String>,
    pub(super) tried: Option<RawTried>,
    pub(super) receipt: Option<String>,
    pub(super) conserved: Option<Yes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawRelay {
    Open,
    Closed,
}
