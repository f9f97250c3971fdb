//! Receipts as a pile signs them.

use billing_core::cost::SessionCost;
use billing_core::receipt::{
    Doubt, End, Reading, ReceiptData, ReceiptHash, SoftwareKey, Stretch, TariffText, write_receipt,
};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Currency, Energy, PileId, PortId, SessionId, Strength,
    UnixSeconds, UtcOffset, WallTime,
};

/// The key that signs them.
pub fn key() -> SoftwareKey {
    SoftwareKey::from_bytes(&[7; 32]).unwrap()
}

fn at(unix: u32, quality: ClockQuality) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality,
    }
}

/// The receipts of a pile: each for one of accounts 7 to 9 in turn, of a session of two prices on port 3, each with the hash of the one
/// before it.
pub fn receipts(pages: std::ops::RangeInclusive<u32>, key: &SoftwareKey) -> Vec<String> {
    receipts_of(pages, key, Strength::UidOnly)
}

/// The same, with cards of a strength.
pub fn receipts_of(
    pages: std::ops::RangeInclusive<u32>,
    key: &SoftwareKey,
    strength: Strength,
) -> Vec<String> {
    let mut previous: Option<ReceiptHash> = None;
    let mut records = Vec::new();
    for page in pages {
        let stretch = |band: &str, mwh, price: &str| Stretch {
            band: band.parse().unwrap(),
            energy: Energy::from_milliwatt_hours(mwh),
            energy_price: price.parse().unwrap(),
            service_price: "0.20".parse().unwrap(),
        };
        let stretches = [
            stretch("day", 500_777, "0.568"),
            stretch("night", 300_333, "0.288"),
        ];
        let mut cost = SessionCost::default();
        for it in &stretches {
            cost.close_segment(it.energy, it.energy_price, it.service_price);
        }
        let start = u64::from(page) * 1_000_000;
        let reading = |after, register| Reading {
            at: at(
                1_714_500_000 + page * 10_000 + after,
                ClockQuality::Synchronised,
            ),
            register: Energy::from_milliwatt_hours(register),
            doubt: Doubt::default(),
        };
        let data = ReceiptData {
            pile: PileId::new([0x0a, 0xff, 0, 0, 0, 0, 0, 1]),
            firmware: "0.1.0",
            page,
            port: PortId::from_number(3).unwrap(),
            alias: CardAlias::new([0xab; 8]),
            strength,
            session: SessionId::new(page + 100),
            account: AccountId::new(7 + u16::try_from(page % 3).unwrap()),
            utc_offset: "+08:00".parse::<UtcOffset>().unwrap(),
            begin: reading(0, start),
            changes: [reading(3_600, start + 500_777)].into_iter(),
            end: reading(5_400, start + 801_110),
            ended: End::Local,
            tariff_text: TariffText::new(
                Currency::CNY,
                SessionId::new(page + 100),
                stretches.into_iter(),
            ),
            currency: Currency::CNY,
            bill: cost.total(Currency::CNY),
            previous,
        };
        let mut record = String::new();
        previous = Some(write_receipt(&data, key, &mut record).unwrap());
        records.push(record);
    }
    records
}
