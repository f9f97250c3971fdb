//! What a bench is made of: cards, ports, prices, meters, readings.

use billing_core::record::Fault;
use billing_core::tariff::{Band, BandIndex, Tariff};
use metering::Sample;
use pile_units::{
    ClockQuality, Currency, Current, Energy, PortId, Power, Temperature, UnixSeconds, Voltage,
    WallTime,
};

/// One milliwatt-hour in milliwatt-milliseconds.
pub const MWH: u128 = 3_600_000;
/// One step of the meters' counters, mWh.
pub const STEP: u64 = 94;
/// By how much a difference of two readings may exceed what flowed.
pub const RESOLUTION: u64 = STEP + 1;

/// The landlord's card, and a tenant's.
pub const LANDLORD: u8 = 0xff;

pub fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

/// Noon of a day in 2024.
pub fn noon() -> WallTime {
    WallTime {
        unix: UnixSeconds::new(1_719_835_200),
        quality: ClockQuality::Synchronised,
    }
}

/// Two bands that change every half hour, so that a session meets many.
pub fn tariff(energy: u32, service: u32) -> Tariff {
    let price = |micros| pile_units::Price::from_micros_per_kilowatt_hour(micros).unwrap();
    let band = |name: &str, times| Band {
        name: name.parse().unwrap(),
        energy: price(energy * times),
        service: price(service),
    };
    let mut slots = [BandIndex::FIRST; 48];
    for slot in slots.iter_mut().step_by(2) {
        *slot = BandIndex::new(1).unwrap();
    }
    let bands = [band("low", 1), band("high", 2)];
    Tariff::new(
        Currency::CNY,
        "+00:00".parse().unwrap(),
        &bands,
        slots,
        BandIndex::FIRST,
    )
    .unwrap()
}

/// A tariff's second band, all day long.
pub fn flat(tariff: &Tariff) -> Tariff {
    Tariff::flat(tariff.currency(), tariff.utc_offset(), tariff.bands()[1])
}

/// A meter: what passed its wire since it was switched on, and where its counter stood then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    pub wire: u128,
    pub phase: u128,
    pub dead: bool,
    /// The last reading that the machine saw.
    pub(super) seen: Option<u64>,
}

impl Meter {
    pub(super) fn energy(&self) -> u64 {
        let step = u128::from(STEP) * MWH;
        u64::try_from((self.wire + self.phase) / step).unwrap() * STEP
    }
}

/// What a run has seen: a test that meets nothing tests nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub sessions: u32,
    pub with_energy: u32,
    pub segments: u32,
    pub faults: u32,
    pub cleared: u32,
    pub revoked: u32,
    pub power_lost: u32,
    pub settled: u32,
    pub refused: u32,
    pub tariffs: u32,
    pub cuts: u32,
    pub deregistered: u32,
    /// Sessions that phones opened, and phones revoked by themselves.
    pub by_phone: u32,
    pub phones_revoked: u32,
}

/// A reading.
pub fn sample(energy: u64, milliwatts: u32) -> Sample {
    Sample {
        energy: Energy::from_milliwatt_hours(energy),
        resolution: Energy::from_milliwatt_hours(RESOLUTION),
        power: Power::from_milliwatts(milliwatts),
        voltage: Voltage::from_millivolts(230_000),
        current: Current::from_milliamperes(milliwatts / 230),
        over_current: false,
        temperature: Some(Temperature::from_celsius(30)),
    }
}

/// Faults that come as lines of the hardware.
pub const TRIPS: [Fault; 3] = [Fault::Leakage, Fault::FuseBlown, Fault::OverTemperature];
