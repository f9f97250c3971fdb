//! The module against the published answer, and the driver against the module.

use super::*;
use embassy_futures::block_on;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};
use metering::pzem004t::{Address, Config, Error, Pzem004t};
use metering::{EnergyMeter, Sample};
use pile_units::{Current, Energy, Instant, Voltage};
use proptest::prelude::*;

const MAINS: Voltage = Voltage::from_millivolts(230_000);
const WATT_HOUR_UJ: u64 = 3_600_000_000;

/// A delay in virtual time: it ends at once and moves the clock.
struct VirtualDelay(Rc<Cell<u64>>);

impl DelayNs for VirtualDelay {
    async fn delay_ns(&mut self, nanoseconds: u32) {
        self.0
            .set(self.0.get() + u64::from(nanoseconds.div_ceil(1_000_000)));
    }
}

struct Bench {
    clock: Rc<Cell<u64>>,
    bus: VirtualPzemBus,
    meter: Pzem004t<VirtualPzemUart, VirtualDelay, 2>,
}

impl Bench {
    /// Two modules with their baselines, the first at so many watts and its register there.
    fn at(watts: u32, register: u32) -> Self {
        let clock = Rc::new(Cell::new(0));
        let bus = VirtualPzemBus::new(Rc::clone(&clock), &[1, 2]);
        bus.set_watt_hours(0, register);
        let addresses = [1, 2].map(|address| Address::new(address).unwrap());
        let delay = VirtualDelay(Rc::clone(&clock));
        let meter = Pzem004t::new(bus.uart(), delay, addresses, Config::default());
        let mut bench = Self { clock, bus, meter };
        for channel in [0, 1] {
            assert_eq!(bench.sample(channel).unwrap().energy, Energy::ZERO);
        }
        bench.bus.set_load(0, load(watts));
        bench
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.set(self.clock.get() + milliseconds);
    }

    fn sample(&mut self, channel: usize) -> Result<Sample, Error<core::convert::Infallible>> {
        let now = Instant::from_millis(self.clock.get());
        block_on(self.meter.sample(channel, now))
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.pass(1_000);
            let _ = self.sample(0);
        }
    }

    /// What flowed and is not billed; never less than nothing.
    fn short(&mut self) -> u64 {
        let billed = self.sample(0).unwrap().energy.milliwatt_hours() * 3_600_000;
        self.bus
            .delivered_microjoules(0)
            .checked_sub(billed)
            .unwrap()
    }
}

fn load(watts: u32) -> Load {
    Load::resistive(Power::from_watts(watts), MAINS)
}

/// What a line answers to raw bytes.
fn answer(bus: &VirtualPzemBus, request: &[u8]) -> Vec<u8> {
    let mut uart = bus.uart();
    block_on(uart.write_all(request)).unwrap();
    let mut bytes = [0; 64];
    match embassy_futures::poll_once(uart.read(&mut bytes)) {
        std::task::Poll::Ready(read) => bytes[..read.unwrap()].to_vec(),
        std::task::Poll::Pending => Vec::new(),
    }
}

/// Published by driver projects: 225.7 V, 0.108 A, 24.4 W, 38 Wh, 50.0 Hz, power factor 1.00.
#[test]
fn at_the_published_load_the_published_answer_comes() {
    let bus = VirtualPzemBus::new(Rc::default(), &[1]);
    bus.set_watt_hours(0, 38);
    bus.set_load(
        0,
        Load {
            power: Power::from_milliwatts(24_400),
            voltage: Voltage::from_millivolts(225_700),
            current: Current::from_milliamperes(108),
        },
    );
    let read = [0x01, 0x04, 0x00, 0x00, 0x00, 0x0A, 0x70, 0x0D];
    let published = [
        0x01, 0x04, 0x14, 0x08, 0xD1, 0x00, 0x6C, 0x00, 0x00, 0x00, 0xF4, 0x00, 0x00, 0x00, 0x26,
        0x00, 0x00, 0x01, 0xF4, 0x00, 0x64, 0x00, 0x00, 0x51, 0x34,
    ];
    assert_eq!(answer(&bus, &read), published);
}

#[test]
fn a_request_that_is_none_is_passed_over_or_refused() {
    let clock = Rc::new(Cell::new(0));
    let bus = VirtualPzemBus::new(Rc::clone(&clock), &[1, 2]);
    let ask = |bytes: &[u8]| {
        clock.set(clock.get() + 10);
        answer(&bus, bytes)
    };
    let with_crc = |body: &[u8]| [body, &line::crc(body)].concat();
    // A wrong CRC, nobody's address, the general one where there are two, a part.
    assert_eq!(ask(&[1, 4, 0, 0, 0, 10, 0x70, 0x0C]), []);
    assert_eq!(ask(&with_crc(&[3, 4, 0, 0, 0, 10])), []);
    assert_eq!(ask(&with_crc(&[0xF8, 4, 0, 0, 0, 10])), []);
    assert_eq!(ask(&[1, 4, 0]), []);
    // Silence forgot that part.
    assert_eq!(ask(&[1, 4, 0, 0, 0, 10, 0x70, 0x0D]).len(), 25);
    assert_eq!(ask(&with_crc(&[1, 4, 0, 5, 0, 6])), with_crc(&[1, 0x84, 2]));
    assert_eq!(ask(&with_crc(&[1, 3, 0, 0, 0, 1])), with_crc(&[1, 0x83, 1]));
    // One register alone.
    assert_eq!(
        ask(&with_crc(&[1, 4, 0, 0, 0, 1])),
        with_crc(&[1, 4, 2, 0x08, 0xFC])
    );
}

#[test]
fn eight_hours_are_short_by_a_watt_hour_at_most_at_any_power_factor() {
    for (watts, milliamperes) in [(5, 217), (60, 1_300), (800, 3_478), (2_500, 15_900)] {
        let mut bench = Bench::at(0, 0);
        let load = Load {
            power: Power::from_watts(watts),
            voltage: MAINS,
            current: Current::from_milliamperes(milliamperes),
        };
        bench.bus.set_load(0, load);
        bench.run(8 * 3_600);
        let sample = bench.sample(0).unwrap();
        assert_eq!(sample.power, load.power);
        assert_eq!(sample.current, load.current);
        assert!(bench.short() <= WATT_HOUR_UJ, "{watts}");
    }
}

#[test]
fn a_day_of_noise_below_the_starting_power_bills_nothing() {
    let mut bench = Bench::at(0, 0);
    bench.bus.set_noise(0, Power::from_milliwatts(399), 5);
    bench.run(24 * 3_600);
    assert_eq!(bench.sample(0).unwrap().energy, Energy::ZERO);
}

#[test]
fn one_bad_answer_of_any_kind_costs_no_energy() {
    for fault in [
        Fault::Garbage,
        Fault::Crc,
        Fault::Dropped,
        Fault::Spike { watt_hours: 9_000 },
        Fault::Spike {
            watt_hours: 9_999_999,
        },
    ] {
        let mut bench = Bench::at(2_000, 500);
        for _ in 0..300 {
            bench.pass(1_000);
            bench.bus.inject(fault, 1);
            let sample = bench.sample(0).unwrap();
            assert_eq!(sample.power, Power::from_watts(2_000), "{fault:?}");
        }
        assert!(bench.short() <= WATT_HOUR_UJ, "{fault:?}");
        assert_eq!(bench.meter.incidents(0).unwrap().restarts, 0, "{fault:?}");
    }
}

#[test]
fn a_fault_that_stays_is_an_error_within_its_time_and_its_energy_comes_later() {
    for fault in [
        Fault::Dead,
        Fault::Garbage,
        Fault::Crc,
        Fault::Dropped,
        Fault::Exception(4),
    ] {
        let mut bench = Bench::at(2_000, 0);
        bench.bus.inject(fault, u32::MAX);
        bench.pass(1_000);
        let before = bench.clock.get();
        assert!(bench.sample(0).is_err(), "{fault:?}");
        assert!(bench.clock.get() - before <= 350, "{fault:?}");
        bench.run(600);
        bench.bus.inject(fault, 0);
        assert!(bench.short() <= WATT_HOUR_UJ, "{fault:?}");
    }
}

#[test]
fn without_mains_the_register_is_kept_and_at_most_a_watt_hour_is_lost() {
    let mut bench = Bench::at(1_000, 70_000);
    bench.run(100);
    bench.bus.set_load(0, Load::NONE);
    bench.bus.set_powered(0, false);
    bench.pass(1_000);
    assert_eq!(bench.sample(0), Err(Error::Timeout));
    assert!(bench.sample(1).is_ok(), "its neighbour answers");
    bench.bus.set_powered(0, true);
    bench.bus.set_load(0, load(1_000));
    bench.run(100);
    assert!(bench.short() <= 2 * WATT_HOUR_UJ);
    assert_eq!(bench.meter.incidents(0).unwrap().restarts, 0);
}

/// Another master resets the register, or it reaches its end.
#[test]
fn a_register_that_starts_again_never_adds() {
    for register in [0, 1, 70_000, 9_999_990, 9_999_999] {
        let mut bench = Bench::at(2_000, register);
        bench.run(30);
        bench.bus.set_watt_hours(0, 0);
        bench.run(30);
        // What the register held and was not read yet, and a part on each side.
        assert!(bench.short() <= 3 * WATT_HOUR_UJ, "{register}");
    }
}

proptest! {
    /// One-sided over any life: loads, resets, faults, mains lost, pauses.
    #[test]
    fn any_life_bills_no_more_than_flowed(
        register in 0_u32..10_000_000,
        life in proptest::collection::vec((0_u8..9, 1_u32..2_500, 100_u64..20_000), 1..80),
    ) {
        let mut bench = Bench::at(0, register);
        for (act, watts, milliseconds) in life {
            match act {
                0 | 1 => bench.bus.set_load(0, load(watts)),
                2 => bench.bus.set_watt_hours(0, 0),
                3 => bench.bus.inject(Fault::Garbage, watts % 4),
                4 => bench.bus.inject(Fault::Dropped, watts % 4),
                5 => bench.bus.inject(Fault::Spike { watt_hours: watts * 4_000 }, watts % 3),
                6 => bench.bus.set_powered(0, watts % 2 == 0),
                _ => {}
            }
            bench.pass(milliseconds);
            if let Ok(sample) = bench.sample(0) {
                let delivered = bench.bus.delivered_microjoules(0);
                prop_assert!(sample.energy <= Energy::from_milliwatt_hours(delivered / 3_600_000));
            }
        }
    }
}
