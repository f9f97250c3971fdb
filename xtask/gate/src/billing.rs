//! `billing-core`: a record that outlives its power, and a receipt that verifies.

use core::fmt::Write;

use billing_core::cost::Bill;
use billing_core::journal::{Identity, testing::RamFlash};
use billing_core::ledger::Ledger;
use billing_core::receipt::{Doubt, End, Reading, ReceiptData, SoftwareKey, verify, write_receipt};
use billing_core::record::Record;
use pile_units::{
    AccountId, CardAlias, Credential, CredentialId, Currency, Energy, PileId, PortId, Role,
    SessionId, Strength, UtcOffset, WallTime,
};

/// Tells whether the ledger comes back as it was, and the receipt verifies.
pub fn holds() -> bool {
    embassy_futures::block_on(remembers()) == Some(true) && signs() == Some(true)
}

async fn remembers() -> Option<bool> {
    let mut flash = RamFlash::<4, 4096, 65536>::new();
    let (mut ledger, mut book) = Ledger::format(&mut flash, Identity::new([7; 16]))
        .await
        .ok()?;
    let claimed = Record::Commissioned {
        pile: PileId::new([1; 8]),
        privilege: Credential {
            id: CredentialId::new(0),
            role: Role::Privilege,
            strength: Strength::UidOnly,
            alias: CardAlias::new([9; 8]),
            revoked: false,
        },
        at: WallTime::default(),
    };
    ledger.append(&book, &claimed).await.ok()?;
    book.apply(&claimed).ok()?;
    let (_, again) = Ledger::mount(&mut flash).await.ok()?;
    Some(again == book)
}

fn signs() -> Option<bool> {
    let reading = |watt_hours| Reading {
        at: WallTime::default(),
        register: Energy::from_watt_hours(watt_hours),
        doubt: Doubt::default(),
    };
    let data = ReceiptData {
        pile: PileId::new([1; 8]),
        firmware: "0.1.0",
        page: 1,
        port: PortId::from_number(3).ok()?,
        alias: CardAlias::new([0xab; 8]),
        strength: Strength::UidOnly,
        session: SessionId::new(15),
        account: AccountId::new(7),
        utc_offset: UtcOffset::UTC,
        begin: reading(259),
        changes: core::iter::empty(),
        end: reading(991),
        ended: End::Local,
        tariff_text: "0.568 + 0.20 CNY/kWh",
        currency: Currency::CNY,
        bill: Bill::default(),
        previous: None,
    };
    let key = SoftwareKey::from_bytes(&[7; 32]).ok()?;
    let mut record = Text::default();
    write_receipt(&data, &key, &mut record).ok()?;
    let seen = verify(record.as_str()?, &key.public_key()).ok()?;
    Some(seen.get("PG") == Some("\"T1\""))
}

/// Text in a buffer: there is no `String` here.
struct Text {
    bytes: [u8; 2048],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; 2048],
            length: 0,
        }
    }
}

impl Text {
    fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(self.bytes.get(..self.length)?).ok()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.length + text.len();
        let room = self
            .bytes
            .get_mut(self.length..end)
            .ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
