//! The tables that `wear` prints.

use std::fmt::{self, Display};

use super::{Appends, Measured, Worn};

/// Tenths as a decimal.
struct Tenths(u64);

impl Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.0 / 10, self.0 % 10))
    }
}

/// Hundredths as a decimal.
struct Hundredths(u64);

impl Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

/// Thousandths as a decimal.
struct Thousandths(u64);

impl Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1000, self.0 % 1000))
    }
}

/// All tables.
pub(super) fn tables(parts: &[Measured]) -> String {
    format!("{}\n{}\n{}", days(parts), mounts(parts), appends(parts))
}

/// What the days have done.
fn days(parts: &[Measured]) -> String {
    let mut out = format!("{:<44}", "");
    for part in parts {
        out += &format!("{:>14}{:>12}", part.part.name(), "");
    }
    out += &format!("\n{:<44}", "");
    for _ in parts {
        out += &format!("{:>14}{:>12}", "ten ports", "one port");
    }
    out.push('\n');
    let mut row = |name: &str, value: &dyn Fn(&Worn, &Measured) -> String| {
        out += &format!("{name:<44}");
        for part in parts {
            out += &format!(
                "{:>14}{:>12}",
                value(&part.ten, part),
                value(&part.one, part)
            );
        }
        out.push('\n');
    };
    row("pages", &|_, it| format!("{} x {}", it.pages, it.page));
    row("cycles a page stands", &|it, _| it.endurance.to_string());
    row("days measured", &|it, _| it.days.days.to_string());
    row("boots in them", &|it, _| it.days.boots.to_string());
    row("kWh delivered a day", &|it, _| {
        Tenths(it.days.watt_hours / it.days.days / 100).to_string()
    });
    row("records a day", &|it, _| {
        (it.days.records / it.days.days).to_string()
    });
    row("bytes programmed a kWh", &|it, _| {
        (it.days.programmed * 1000 / it.days.watt_hours).to_string()
    });
    row("bytes programmed a Wh", &|it, _| {
        Hundredths(it.days.programmed * 100 / it.days.watt_hours).to_string()
    });
    row("  of these progress", &|it, _| {
        Hundredths(it.days.frames * 100 / it.days.watt_hours).to_string()
    });
    row("bytes programmed for a byte of records", &|it, _| {
        Hundredths(it.days.programmed * 100 / it.days.payload).to_string()
    });
    row("a progress record, bytes of payload", &|it, _| {
        let (records, payload) = it.days.progress;
        Tenths(payload * 10 / records.max(1)).to_string()
    });
    row("its frame, bytes", &|it, _| {
        Tenths(it.days.frames * 10 / it.days.progress.0.max(1)).to_string()
    });
    row("its frame for a byte of its payload", &|it, _| {
        Hundredths(it.days.frames * 100 / it.days.progress.1.max(1)).to_string()
    });
    row("programs and erases for a record", &|it, _| {
        let done = it.days.programs + it.days.erases;
        Hundredths(done * 100 / it.days.records).to_string()
    });
    row("times round the flash", &|it, part| {
        Tenths(it.days.programmed * 10 / (part.pages * part.page as u64)).to_string()
    });
    row("erases of a page a day, all pages", &|it, _| {
        Tenths(it.days.erases * 10 / it.days.days).to_string()
    });
    row("erases of the most worn page, and of the mean", &|it, _| {
        let mean = Tenths(it.days.erases * 10 / it.pages);
        format!("{}, {mean}", it.days.most)
    });
    row("years until that page is worn out", &|it, _| {
        Tenths(it.years()).to_string()
    });
    out
}

/// What a mount reads.
fn mounts(parts: &[Measured]) -> String {
    let mut out = "A mount reads (bytes, operations)\n".to_owned();
    let states = ["empty", "typical: six days, not exported", "full"];
    for (state, index) in states.iter().zip(0..) {
        out += &format!("  {state:<42}");
        for part in parts {
            let mount = part.mounts.get(index);
            let text = mount.map(|it| format!("{}, {}", it.bytes, it.reads));
            out += &format!("{:>26}", text.unwrap_or_default());
        }
        out.push('\n');
    }
    out += &format!("  {:<42}", "sessions in the full one");
    for part in parts {
        out += &format!("{:>26}", part.full);
    }
    out.push('\n');
    out
}

/// What a record costs.
fn appends(parts: &[Measured]) -> String {
    let kinds = [
        "A record of 24 bytes alone, with page headers and erases",
        "A progress record of the ten ports above alone, with page headers and erases",
    ];
    let mut out = String::new();
    for (kind, index) in kinds.iter().zip(0..) {
        out += &format!("{kind}\n");
        let mut row = |name: &str, value: &dyn Fn(&Appends) -> String| {
            out += &format!("  {name:<42}");
            for part in parts {
                let text = part.appends.get(index).map(value);
                out += &format!("{:>26}", text.unwrap_or_default());
            }
            out.push('\n');
        };
        row("ours: bytes for a byte", &|it| {
            Thousandths(it.ours.ratio).to_string()
        });
        row("ours: programs and erases", &|it| {
            Hundredths(it.ours.operations).to_string()
        });
        row("sequential-storage 8.0: bytes for a byte", &|it| {
            Thousandths(it.theirs.ratio).to_string()
        });
        row("sequential-storage 8.0: programs and erases", &|it| {
            Hundredths(it.theirs.operations).to_string()
        });
    }
    out += "Ours has a hash chain beside the check sum; sequential-storage has a check sum.\n";
    out
}
