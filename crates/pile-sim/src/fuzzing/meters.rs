//! What meter chips may say: `meter_bytes`.

mod feed;
mod lines;
mod pulses;
mod spi;

use core::task::Poll;

use embassy_futures::poll_once;
use metering::{
    Calibration, EnergyMeter, Sample, bl0910, bl0942, hlw8032, pulses as pulse, pzem004t,
};
use pile_units::{Current, Instant, Power};

use feed::Feed;
use lines::{Line, Speaks};
use pulses::{Counter, Sel};
use spi::Spi;

/// The most samples of one run.
const SAMPLES: usize = 200;
/// How long a call may take of the line's time: a BL0942 that is set up anew over a bad line, each
/// exchange asked twice, drained and out of time.
const LONGEST_CALL_MS: u64 = 2_000;
/// What passes between two calls, ms: up to 40 days, in which a counter turns over unseen.
const PAUSES_MS: [u64; 8] = [
    0,
    50,
    1_000,
    10_000,
    60_000,
    600_000,
    8 * 3_600_000,
    40 * 86_400_000,
];

/// Whatever a meter's wires say. The first byte, modulo 6, is the driver: BL0942 (two chips),
/// HLW8032, PZEM-004T (two modules), BL0910, BL0937 (counters of 16 bits), HLW8012 (of 32). Then, in
/// turns, a byte for each call - the channel in the low half, the pause before it, and in the top
/// bit that the call is dropped where it first waits - and what the wires say meanwhile: whole and
/// sealed answers, sealed ones with any contents, any bytes, errors, silence, bytes without end,
/// restarts of the chip.
///
/// - Nothing panics, and each call ends: in an answer or an error, within two seconds of the line's
///   time.
/// - The total never goes back.
/// - The total is never more than the wire's maximum power since the first call, and at each call two
///   steps of the counter and what the driver says of its own delay.
///
/// # Panics
/// Where one of these is broken.
pub fn meter_bytes(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let feed = Feed::new(rest);
    match first % 6 {
        0 => bl0942(&feed, first / 6 % 2 == 1),
        1 => hlw8032(&feed),
        2 => pzem004t(&feed),
        3 => bl0910(&feed),
        4 => pulses::<16>(&feed, pulse::Chip::Bl0937),
        _ => pulses::<32>(&feed, pulse::Chip::Hlw8012),
    }
}

fn bl0942(feed: &Feed, watched: bool) {
    let figures = bl0942::Circuit::OUTLET.calibration().expect("a circuit");
    let config = bl0942::Config {
        over_current: watched.then_some(Current::from_milliamperes(16_000)),
        ..bl0942::Config::default()
    };
    let line = Line::new(feed, Speaks::bl0942());
    let meter = bl0942::Bl0942::new(line, feed.delay(), [figures; 2], config);
    run(feed, meter, config.max_power, 0, |_| step_of(&figures));
}

fn hlw8032(feed: &Feed) {
    let config = hlw8032::Config::default();
    let circuit = hlw8032::Circuit::REFERENCE;
    let line = Line::new(feed, Speaks::hlw8032());
    let meter = hlw8032::Hlw8032::new(line, feed.delay(), circuit, config);
    // The chip says itself what a step is.
    let step = |sample: &Sample| (sample.resolution.milliwatt_hours() - 1) * 3_600_000;
    let latency = u64::from(hlw8032::LISTEN_MS);
    run(feed, meter, config.max_power, latency, step);
}

fn pzem004t(feed: &Feed) {
    let config = pzem004t::Config::default();
    let addresses = [1, 0xF7].map(|it| pzem004t::Address::new(it).expect("an address"));
    let line = Line::new(feed, Speaks::pzem004t());
    let meter = pzem004t::Pzem004t::new(line, feed.delay(), addresses, config);
    run(feed, meter, config.max_power, 0, |_| 3_600_000_000);
}

fn bl0910(feed: &Feed) {
    let figures = bl0910::Circuit::OUTLET.calibration().expect("a circuit");
    let config = bl0910::Config::default();
    let meter = bl0910::Bl0910::new(Spi::new(feed), [figures; 10], config);
    run(feed, meter, config.max_power, 0, |_| step_of(&figures));
}

fn pulses<const BITS: u32>(feed: &Feed, chip: pulse::Chip) {
    let figures = crate::pulses::bench_calibration(
        chip,
        &pulse::Circuit::REFERENCE,
        crate::pulses::Tolerance::default(),
    )
    .expect("a chip like any other");
    let config = pulse::Config::default();
    let meter = pulse::PulseMeter::new(
        Counter::<BITS>::new(feed),
        Counter::<BITS>::new(feed),
        Sel::new(feed),
        figures,
        config,
    );
    let step = (figures.picowatt_hours_per_pulse() * 9).div_ceil(2_500);
    run(feed, meter, config.max_power, 0, |_| step);
}

/// Microjoules of a step, rounded up.
fn step_of(figures: &Calibration) -> u64 {
    (figures.energy.picowatt_hours() * 9).div_ceil(2_500)
}

/// What a channel was asked, and has shown.
#[derive(Clone, Copy)]
struct Shown {
    since: Instant,
    calls: u64,
    total: u64,
}

/// Calls the driver for as long as there is something to say, and holds it to its promises.
fn run<M: EnergyMeter>(
    feed: &Feed,
    mut meter: M,
    max_power: Power,
    latency_ms: u64,
    step_microjoules: impl Fn(&Sample) -> u64,
) {
    let mut channels: Vec<Option<Shown>> = vec![None; meter.channels()];
    for _ in 0..SAMPLES {
        let Some(call) = feed.byte() else { break };
        let pause = usize::from(call >> 4 & 7);
        let dropped = call & 0x80 != 0;
        feed.pass(PAUSES_MS.get(pause).copied().unwrap_or(0));
        feed.begin(dropped);
        let now = Instant::from_millis(feed.now());
        let channel = usize::from(call & 0x0F) % channels.len();
        if pause == 1 {
            let over = poll_once(meter.over_current(channel));
            assert!(dropped || over.is_ready(), "a look that never ends");
        }
        let answer = poll_once(meter.sample(channel, now));
        assert!(dropped || answer.is_ready(), "a call that never ends");
        let took = feed.now() - now.millis();
        assert!(took <= LONGEST_CALL_MS, "a call of {took} ms");
        let Some(shown) = channels.get_mut(channel) else {
            continue;
        };
        let shown = shown.get_or_insert(Shown {
            since: now,
            calls: 0,
            total: 0,
        });
        shown.calls += 1;
        let Poll::Ready(Ok(sample)) = answer else {
            continue;
        };
        let total = sample.energy.milliwatt_hours();
        assert!(shown.total <= total, "{} went back to {total}", shown.total);
        shown.total = total;
        // Milliwatts times milliseconds.
        let millis = now.since(shown.since).millis() + shown.calls * latency_ms;
        let carried = u128::from(max_power.milliwatts()) * u128::from(millis);
        let slack = u128::from(shown.calls) * 2 * u128::from(step_microjoules(&sample));
        let billed = u128::from(total) * 3_600_000;
        assert!(
            billed <= carried + slack,
            "{billed} uJ over a wire that carries {carried} and {slack}"
        );
    }
    feed.begin(false);
    let beyond = meter.sample(channels.len(), Instant::from_millis(feed.now()));
    assert!(
        matches!(poll_once(beyond), Poll::Ready(Err(_))),
        "a channel that is not there"
    );
}
