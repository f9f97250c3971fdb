//! Counts what one receipt costs, in instructions of this machine, with valgrind:
//!
//! ```text
//! cargo run --release -p billing-core --example receipt_cost
//! ```
//!
//! It runs itself under `valgrind --tool=callgrind` with few receipts and with many: the
//! difference is theirs, without the start of the program. With a signer that answers at once the
//! same is the cost of hashing and writing alone; the rest is the signature.

use std::fmt::Write;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use billing_core::cost::SessionCost;
use billing_core::receipt::{
    Doubt, End, Reading, ReceiptData, ReceiptSigner, Signature, SoftwareKey, Stretch, TariffText,
    verify, write_receipt,
};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Currency, Energy, PileId, PortId, SessionId, Strength,
    UnixSeconds, UtcOffset, WallTime,
};

type Failure = Box<dyn std::error::Error>;

/// A signer whose answer is ready.
struct Ready(Signature);

impl ReceiptSigner for Ready {
    type Error = core::convert::Infallible;

    fn sign_digest(&self, _: &[u8; 32]) -> Result<Signature, Self::Error> {
        Ok(self.0.clone())
    }
}

/// Counts bytes and keeps none.
#[derive(Default)]
struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += black_box(text).len();
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *words {
        [] => measure(),
        [work, changes, times] => run(work, changes, times),
        _ => Err("usage: receipt_cost [signed|written|verified CHANGES TIMES]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Makes `times` receipts of `changes` changes of price each.
fn run(work: &str, changes: &str, times: &str) -> Result<(), Failure> {
    let (changes, times): (u8, u32) = (changes.parse()?, times.parse()?);
    let key = SoftwareKey::from_bytes(&[7; 32])?;
    let ready = Ready(key.sign_digest(&[1; 32])?);
    let mut record = String::new();
    write(changes, 1, &key, &mut record)?;
    for page in 1..=times {
        let mut counter = Counter::default();
        match work {
            "signed" => write(changes, page, &key, &mut counter)?,
            "written" => write(changes, page, &ready, &mut counter)?,
            "verified" => drop(black_box(verify(&record, &key.public_key())?)),
            _ => return Err("neither signed, written nor verified".into()),
        }
        black_box(counter.0);
    }
    Ok(())
}

fn write<S: ReceiptSigner>(
    changes: u8,
    page: u32,
    signer: &S,
    writer: &mut impl Write,
) -> Result<(), Failure>
where
    S::Error: std::error::Error + 'static,
{
    let day = Stretch {
        band: "day".parse()?,
        energy: Energy::from_milliwatt_hours(500_777),
        energy_price: "0.568".parse()?,
        service_price: "0.20".parse()?,
    };
    let night = Stretch {
        band: "night".parse()?,
        ..day
    };
    let stretches = (0..=changes).map(|n| if n % 2 == 0 { day } else { night });
    let mut cost = SessionCost::default();
    for stretch in stretches.clone() {
        cost.close_segment(stretch.energy, stretch.energy_price, stretch.service_price);
    }
    let reading = |n: u8| Reading {
        at: WallTime {
            unix: UnixSeconds::new(1_714_500_000 + u32::from(n) * 1800),
            quality: ClockQuality::Synchronised,
        },
        register: Energy::from_milliwatt_hours(u64::from(n) * 500_777),
        doubt: Doubt::default(),
    };
    let session = SessionId::new(page);
    let data = ReceiptData {
        pile: PileId::new([1; 8]),
        firmware: "0.1.0",
        page,
        port: PortId::from_number(3)?,
        alias: CardAlias::new([0xab; 8]),
        strength: Strength::UidOnly,
        session,
        account: AccountId::new(7),
        utc_offset: UtcOffset::UTC,
        begin: reading(0),
        changes: (1..=changes).map(reading),
        end: reading(changes + 1),
        ended: End::Local,
        tariff_text: TariffText::new(Currency::CNY, session, stretches),
        currency: Currency::CNY,
        bill: cost.total(Currency::CNY),
        previous: None,
    };
    write_receipt(&data, signer, writer)?;
    Ok(())
}

/// The difference between many and few receipts, a receipt.
fn measure() -> Result<(), Failure> {
    println!("| a receipt | instructions |");
    println!("| --- | ---: |");
    for (work, changes, label) in [
        ("written", "0", "hashed and written, one price"),
        (
            "written",
            "25",
            "hashed and written, 26 stretches in 12 hours",
        ),
        ("signed", "0", "hashed, signed and written, one price"),
        ("signed", "25", "hashed, signed and written, 26 stretches"),
        ("verified", "0", "verified, one price"),
    ] {
        let (few, many) = (count(work, changes, 1)?, count(work, changes, 11)?);
        println!("| {label} | {} |", (many - few) / 10);
    }
    Ok(())
}

/// The instructions of a whole run.
fn count(work: &str, changes: &str, times: u32) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([work, changes, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; install it (apt install valgrind)"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.split_once("Collected : ").map(|(_, rest)| rest);
    let digits = collected.and_then(|rest| rest.split_whitespace().next());
    let count = digits.and_then(|digits| digits.parse().ok());
    count.ok_or_else(|| format!("valgrind said no count:\n{text}").into())
}
