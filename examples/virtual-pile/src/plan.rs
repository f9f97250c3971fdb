//! The charger of a row: how much power it draws, for how long.
//!
//! A lithium charger holds its current while the pack's voltage rises (the power climbs a little),
//! then holds its voltage while the current dies away, and floats. The pieces here are whole
//! milliwatts for whole milliseconds, so their sum is the row's energy to the microjoule.
//!
//! - The charge ends [`slack_s`] before the bike is taken away, and within six hours.
//! - The float lies below the 15 W at which the pile counts a bike as full. It lasts 59 min and
//!   then the charger sleeps: the row's energy has flowed when the pile, after 60 min below 15 W,
//!   opens the relay for "full", and the 120 s of "unplugged" have not passed yet.
//! - Where the stay is too short for a float it is left out, then the tail, then the power is
//!   flat. A float or a tail is also left out where it would be most of the energy.

/// The most power a charger draws, in milliwatts.
pub const MAX_POWER_MW: u32 = 800_000;

/// The longest charge, in seconds.
pub const MAX_CHARGE_S: u32 = 6 * 3600;

/// Microjoules (milliwatts x milliseconds) in a watt-hour.
pub const MICROJOULES_PER_WH: u64 = 3_600_000_000;

/// The float: below the pile's "full" of 15 W, well above its "unplugged" of 3 W.
const FLOAT_MW: u32 = 10_000;
/// One minute short of the pile's 60 min, so that nothing is left to draw when it opens.
const FLOAT_MS: u64 = 59 * 60_000;
/// The tail ends above "full", so that only the float counts as such.
const TAIL_END_MW: u32 = 20_000;
const TAIL_STEPS: u32 = 14;
const MAX_TAIL_STEP_MS: u64 = 5 * 60_000;
/// What a charger draws without a tail when there is time, in milliwatts.
const GENTLE_MW: u32 = 60_000;
/// Below these energies the tail (the float) would be most of the charge.
const TAIL_FROM_WH: u32 = 20;
const FLOAT_FROM_WH: u32 = 60;
/// Chargers tried in turn, from the usual one to the strongest.
const CHARGERS_MW: [u32; 7] = [
    300_000, 350_000, 400_000, 450_000, 500_000, 550_000, 600_000,
];
/// The power while the current is held, in thousandths of its end: the pack's voltage rises.
const RISE_PERMILLE: [u32; 3] = [910, 945, 975];

/// A stretch of constant power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// How long, in milliseconds; never 0.
    pub duration_ms: u64,
    /// How much, in milliwatts; never 0, at most [`MAX_POWER_MW`].
    pub power_mw: u32,
}

impl Piece {
    /// Power times time in microjoules.
    pub fn microjoules(self) -> u64 {
        u64::from(self.power_mw) * self.duration_ms
    }
}

/// A charger's whole course, from the closing of the relay. Afterwards it draws nothing.
///
/// ```
/// use virtual_pile::plan::{MICROJOULES_PER_WH, Plan};
/// // A night at the plug, 700 Wh: current held, voltage held, float.
/// let plan = Plan::for_stay(10 * 3600, 700);
/// let energy: u64 = plan.pieces().iter().map(|piece| piece.microjoules()).sum();
/// assert_eq!(energy, 700 * MICROJOULES_PER_WH);
/// assert_eq!(plan.power_mw(0), 273_000);
/// assert_eq!(plan.power_mw(plan.duration_ms() - 1), 10_000);
/// assert_eq!(plan.power_mw(plan.duration_ms()), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pieces: Vec<Piece>,
}

impl Plan {
    /// The charger for a bike that stays `stay_s` seconds and draws `energy_wh` watt-hours.
    ///
    /// Where [`is_possible`] is false the plan ends at what [`MAX_POWER_MW`] gives in the time.
    pub fn for_stay(stay_s: u32, energy_wh: u32) -> Self {
        let time_ms = usable_ms(stay_s);
        let energy = u64::from(energy_wh) * MICROJOULES_PER_WH;
        let energy = energy.min(u64::from(MAX_POWER_MW) * time_ms);
        let curved = CHARGERS_MW.iter().find_map(|&charger| {
            let float = energy_wh >= FLOAT_FROM_WH;
            let with_float = float
                .then(|| curve(charger, energy, true, time_ms))
                .flatten();
            with_float.or_else(|| curve(charger, energy, false, time_ms))
        });
        let pieces = match curved {
            Some(pieces) if energy_wh >= TAIL_FROM_WH => pieces,
            _ => {
                let gentle_ms = energy.div_ceil(u64::from(GENTLE_MW));
                spread(energy, time_ms.min(gentle_ms))
            }
        };
        Self { pieces }
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How long the charger draws, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.duration_ms).sum()
    }

    /// The power `after_ms` milliseconds from the start, in milliwatts; 0 past the end.
    pub fn power_mw(&self, after_ms: u64) -> u32 {
        let mut left = after_ms;
        for piece in &self.pieces {
            match left.checked_sub(piece.duration_ms) {
                Some(rest) => left = rest,
                None => return piece.power_mw,
            }
        }
        0
    }
}

/// How long before the bike is taken away the charge ends, in seconds: a sixth of the stay,
/// between 10 s and 5 min. It also covers the seconds from the plug to the closed relay.
pub fn slack_s(stay_s: u32) -> u32 {
    (stay_s / 6).clamp(10, 300)
}

/// True if `energy_wh` fits into a stay at no more than [`MAX_POWER_MW`].
pub fn is_possible(stay_s: u32, energy_wh: u32) -> bool {
    let most = u64::from(MAX_POWER_MW) * usable_ms(stay_s);
    u64::from(energy_wh) * MICROJOULES_PER_WH <= most
}

fn usable_ms(stay_s: u32) -> u64 {
    let seconds = stay_s.saturating_sub(slack_s(stay_s)).min(MAX_CHARGE_S);
    u64::from(seconds) * 1000
}

/// Current held, voltage held, and the float if asked for; `None` if it takes longer than
/// `time_ms` or leaves nothing for the first part.
fn curve(charger_mw: u32, energy: u64, with_float: bool, time_ms: u64) -> Option<Vec<Piece>> {
    let float = Piece {
        duration_ms: FLOAT_MS,
        power_mw: FLOAT_MW,
    };
    let float_energy = if with_float { float.microjoules() } else { 0 };
    let energy = energy.checked_sub(float_energy)?;

    // The tail takes about a fifth of the charge, as a lithium pack does.
    let powers = tail_powers(charger_mw);
    let a_millisecond_each: u64 = powers.iter().map(|&power| u64::from(power)).sum();
    let step_ms = (energy / 5 / a_millisecond_each).min(MAX_TAIL_STEP_MS);
    let held = energy.checked_sub(step_ms * a_millisecond_each)?;

    let mut pieces = rise(charger_mw, held)?;
    if step_ms > 0 {
        pieces.extend(powers.iter().map(|&power_mw| Piece {
            duration_ms: step_ms,
            power_mw,
        }));
    }
    if with_float {
        pieces.push(float);
    }
    let total: u64 = pieces.iter().map(|piece| piece.duration_ms).sum();
    (total <= time_ms).then_some(pieces)
}

/// The geometric steps from the charger's power down to [`TAIL_END_MW`].
fn tail_powers(charger_mw: u32) -> Vec<u32> {
    let steps = |permille: u64| {
        (0..TAIL_STEPS).scan(u64::from(charger_mw), move |power, _| {
            *power = *power * permille / 1000;
            u32::try_from(*power).ok()
        })
    };
    // The steepest fall that still ends at or above the limit; the strongest charger's is 0.785.
    let permille = (700..1000).find(|&p| steps(p).last() >= Some(TAIL_END_MW));
    steps(permille.unwrap_or(999)).collect()
}

/// `energy` at the power of a pack whose voltage rises, in four pieces of about the same length.
fn rise(charger_mw: u32, energy: u64) -> Option<Vec<Piece>> {
    let permille: u64 = RISE_PERMILLE.iter().map(|&p| u64::from(p)).sum::<u64>() + 1000;
    let quarter_ms = energy * 1000 / (u64::from(charger_mw) * permille);
    if quarter_ms == 0 {
        return None;
    }
    let mut pieces: Vec<Piece> = RISE_PERMILLE
        .iter()
        .map(|&permille| Piece {
            duration_ms: quarter_ms,
            power_mw: charger_mw / 1000 * permille,
        })
        .collect();
    let drawn: u64 = pieces.iter().map(|piece| piece.microjoules()).sum();
    let rest = energy.checked_sub(drawn)?;
    pieces.extend(spread(rest, rest.div_ceil(u64::from(charger_mw))));
    Some(pieces)
}

/// `energy` microjoules over exactly `duration_ms`: two powers one milliwatt apart, so that the
/// sum is exact.
fn spread(energy: u64, duration_ms: u64) -> Vec<Piece> {
    let (Some(low), Some(high_ms)) = (
        energy.checked_div(duration_ms),
        energy.checked_rem(duration_ms),
    ) else {
        return Vec::new();
    };
    let Ok(low) = u32::try_from(low) else {
        return Vec::new();
    };
    let pieces = [
        (high_ms, low.saturating_add(1)),
        (duration_ms - high_ms, low),
    ];
    let drawing = pieces.into_iter().filter(|&(ms, mw)| ms > 0 && mw > 0);
    drawing
        .map(|(duration_ms, power_mw)| Piece {
            duration_ms,
            power_mw,
        })
        .collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
