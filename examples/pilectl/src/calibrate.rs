//! `pilectl calibrate`: what a reference meter says of two loads, made into a channel's correction.

use clap::Args;
use metering::{Load, TwoPointError, TwoPoints};
use pile_units::{Current, MeterTrim, Power, Voltage};

use crate::answer::{Answer, Refusal};
use crate::figures::grouped;

/// Options of `calibrate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
A pair is REFERENCE:PILE, what the reference meter says and what the pile says at the same moment, up
to three decimals. The second load is at least twice the first: a lamp, then a heater. Voltage is the
same with every load, so one reading is enough. A BL0937 or HLW8012 (CSE7759) may be 25 % off its datasheet
before its first calibration: say --pulses.

Examples:
  pilectl calibrate --low 60.0:59.2 --high 1000:987
  pilectl calibrate --low 60.0:60.0 --high 1000:1001.5 --in-force 13171,0,0
  pilectl calibrate --low 60.0:59.2 --high 1000:987 --volts 230.4:229.9 --low-amperes 0.261:0.259 \\
                    --high-amperes 4.34:4.31
  pilectl calibrate --low 60.0:51.1 --high 1000:851.4 --pulses

Exit code 0: the correction is printed; 2: none can be made of these readings, and what to do.")]
pub struct Options {
    /// The smaller load in watts, such as 60.0:59.2.
    #[arg(long, value_name = "REFERENCE:PILE")]
    pub low: String,
    /// The larger load in watts.
    #[arg(long, value_name = "REFERENCE:PILE")]
    pub high: String,
    /// The mains in volts.
    #[arg(long, value_name = "REFERENCE:PILE")]
    pub volts: Option<String>,
    /// The smaller load in amperes.
    #[arg(long, value_name = "REFERENCE:PILE", requires = "high_amperes")]
    pub low_amperes: Option<String>,
    /// The larger load in amperes.
    #[arg(long, value_name = "REFERENCE:PILE", requires = "low_amperes")]
    pub high_amperes: Option<String>,
    /// The correction in force while the pile was read: parts per million of power, voltage, current.
    #[arg(
        long,
        value_name = "POWER,VOLTAGE,CURRENT",
        allow_hyphen_values = true,
        default_value = "0,0,0"
    )]
    pub in_force: String,
    /// The channel's chip is a BL0937 or HLW8012: a correction of up to 25 % in place of 10 %.
    #[arg(long)]
    pub pulses: bool,
}

/// Works the correction out.
///
/// # Errors
/// [`Refusal`] if these readings make none.
pub fn run(options: &Options) -> Result<Answer, Refusal> {
    let in_force = in_force(&options.in_force)?;
    let most = if options.pulses {
        MeterTrim::MAX_PPM
    } else {
        Load::MOST_PPM
    };
    let parts = [
        in_force.power_ppm(),
        in_force.voltage_ppm(),
        in_force.current_ppm(),
    ];
    if parts.iter().any(|part| !(-most..=most).contains(part)) {
        return Err(no_correction(&options.in_force));
    }
    let mut text = String::new();
    let of_chip = |load: Load| {
        if options.pulses {
            load.by_pulses()
        } else {
            load
        }
    };

    let watts = |option, pair: &str| {
        let it = Pair::read(option, pair, "W")?;
        let (reference, pile) = (it.reference, it.pile);
        let milliwatts = Power::from_milliwatts;
        let load = of_chip(Load::of_power(milliwatts(reference), milliwatts(pile)));
        Ok((it, load))
    };
    let (low, high) = (
        watts("--low", &options.low)?,
        watts("--high", &options.high)?,
    );
    let power = two_points("power", low, high, in_force.power_ppm(), &mut text)?;

    let mut current = in_force.current_ppm();
    if let (Some(low), Some(high)) = (&options.low_amperes, &options.high_amperes) {
        let amperes = |option, pair: &str| {
            let it = Pair::read(option, pair, "A")?;
            let (reference, pile) = (it.reference, it.pile);
            let milliamperes = Current::from_milliamperes;
            let load = of_chip(Load::of_current(
                milliamperes(reference),
                milliamperes(pile),
            ));
            Ok((it, load))
        };
        let (low, high) = (
            amperes("--low-amperes", low)?,
            amperes("--high-amperes", high)?,
        );
        current = two_points("current", low, high, current, &mut text)?;
    }

    let mut voltage = in_force.voltage_ppm();
    if let Some(volts) = &options.volts {
        let it = Pair::read("--volts", volts, "V")?;
        let millivolts = Voltage::from_millivolts;
        let load = of_chip(Load::of_voltage(
            millivolts(it.reference),
            millivolts(it.pile),
        ));
        let ppm = load.ppm(voltage).map_err(|error| it.refusal(error))?;
        text.push_str(&format!("voltage\n{}", it.line("mains", voltage, ppm)));
        voltage = ppm;
    }

    let trim = MeterTrim::from_ppm(power, voltage, current)
        .map_err(|_| Refusal::new("the correction is beyond 25 %", BEYOND))?;
    // A correction of nothing would leave the chip uncalibrated: see `metering::Trimmed`.
    let trim = if options.pulses && trim == MeterTrim::NONE {
        text.push_str("\nExactly as its datasheet says: one part per million less is set, so that it counts as calibrated.\n");
        MeterTrim::from_ppm(-1, 0, 0).unwrap_or(trim)
    } else {
        trim
    };
    text.push_str(&format!(
        "\ntrim = {{ power_ppm = {}, voltage_ppm = {}, current_ppm = {} }}\n",
        trim.power_ppm(),
        trim.voltage_ppm(),
        trim.current_ppm()
    ));
    Ok(Answer::well(text))
}

/// What to do about a correction that is none.
const BEYOND: &str = "check that both meters saw the same load, and the resistors of the channel";

/// One reading of both meters, in thousandths of the unit.
#[derive(Debug, Clone)]
struct Pair {
    option: &'static str,
    unit: &'static str,
    text: String,
    reference: u32,
    pile: u32,
}

impl Pair {
    fn read(option: &'static str, text: &str, unit: &'static str) -> Result<Self, Refusal> {
        let read = || {
            let (reference, pile) = text.split_once(':')?;
            Some((thousandths(reference)?, thousandths(pile)?))
        };
        let Some((reference, pile)) = read() else {
            return Err(Refusal::new(
                format!("{option} {text}: is no pair of readings"),
                "write what the reference says and what the pile says, as 60.0:59.2, with up to three \
                 decimals",
            ));
        };
        Ok(Self {
            option,
            unit,
            text: text.into(),
            reference,
            pile,
        })
    }

    /// The arithmetic of one load.
    fn line(&self, name: &str, in_force: i32, ppm: i32) -> String {
        let factor = u64::try_from(1_000_000 + i64::from(in_force)).unwrap_or_default();
        let product = factor * u64::from(self.reference);
        let pile = u64::from(self.pile.max(1));
        // Five decimals of the quotient, cut off: enough to see why it is rounded as it is.
        let whole = product / pile;
        let part = u128::from(product % pile) * 100_000 / u128::from(pile);
        let unit = self.unit;
        format!(
            "  {name:<6}{} x {} {unit} / {} {unit} = {}.{part:05}, rounded down, less one million: {} ppm\n",
            grouped(factor),
            decimal(self.reference),
            decimal(self.pile),
            grouped(whole),
            signed(ppm)
        )
    }

    fn refusal(&self, error: TwoPointError) -> Refusal {
        let what = format!("{} {}: {error}", self.option, self.text);
        Refusal::new(what, remedy(error))
    }
}

fn two_points(
    name: &str,
    (low, low_load): (Pair, Load),
    (high, high_load): (Pair, Load),
    in_force: i32,
    text: &mut String,
) -> Result<i32, Refusal> {
    // Each alone first, so that a refusal names the one that is wrong.
    for (pair, load) in [(&low, low_load), (&high, high_load)] {
        load.ppm(in_force).map_err(|error| pair.refusal(error))?;
    }
    let found = TwoPoints::of(low_load, high_load, in_force).map_err(|error| {
        let what = format!("{} {}, {} {}", low.option, low.text, high.option, high.text);
        let apart = match (low_load.ppm(in_force), high_load.ppm(in_force)) {
            (Ok(low), Ok(high)) if error == TwoPointError::NotStraight => {
                format!(" ({} and {} ppm)", signed(low), signed(high))
            }
            _ => String::new(),
        };
        Refusal::new(format!("{what}: {error}{apart}"), remedy(error))
    })?;
    text.push_str(&format!("{name}\n"));
    text.push_str(&low.line("low", in_force, found.low_ppm()));
    text.push_str(&high.line("high", in_force, found.high_ppm()));
    text.push_str(&format!(
        "  set   {} ppm, the lower: at neither load does the pile say more than the reference\n",
        signed(found.ppm())
    ));
    Ok(found.ppm())
}

fn remedy(error: TwoPointError) -> &'static str {
    match error {
        TwoPointError::Zero => "read both meters while the load is on",
        TwoPointError::TooClose => {
            "give the smaller load as --low, and take a larger one for --high: at least twice as much"
        }
        TwoPointError::TooFar => BEYOND,
        TwoPointError::NotStraight => {
            "read both loads again once they are warm; if it stays so, the channel's chip or shunt is \
             to be changed"
        }
        TwoPointError::InForce => IN_FORCE,
    }
}

const IN_FORCE: &str = "write what the pile has for this channel as 13171,0,0: parts per million of \
                        power, voltage, current, within 100000 (250000 with --pulses)";

fn in_force(text: &str) -> Result<MeterTrim, Refusal> {
    let parts: Option<Vec<i32>> = text.split(',').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some(&[power, voltage, current]) => MeterTrim::from_ppm(power, voltage, current).ok(),
        _ => None,
    }
    .ok_or_else(|| no_correction(text))
}

fn no_correction(text: &str) -> Refusal {
    Refusal::new(format!("--in-force {text}: is no correction"), IN_FORCE)
}

/// Reads an unsigned decimal of up to three places as thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(part)
}

fn decimal(thousandths: u32) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

fn signed(ppm: i32) -> String {
    let sign = if ppm < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(u64::from(ppm.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_decimals_of_up_to_three_places() {
        for (text, read) in [
            ("60", Some(60_000)),
            ("60.0", Some(60_000)),
            ("0.261", Some(261)),
            ("4.3", Some(4_300)),
            ("4294967.295", Some(u32::MAX)),
            ("4294967.296", None),
            ("4294968", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("1.2345", None),
            ("+5", None),
            ("-5", None),
            ("1e3", None),
            ("1,5", None),
        ] {
            assert_eq!(thousandths(text), read, "{text}");
        }
    }
}
