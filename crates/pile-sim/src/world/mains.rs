//! The wires: relays, bikes with their chargers, and the meter chips between them.

use crate::bl0942::{Load, VirtualBus, VirtualChip};
use metering::bl0942::{Circuit, MAX_CHIPS};
use pile_units::{Energy, MAX_PORTS, PortId, Power, Voltage};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Four chips a bus reach all ports.
pub(super) const BUSES: usize = MAX_PORTS.div_ceil(MAX_CHIPS);
const VOLTAGE: Voltage = Voltage::from_millivolts(230_000);

/// A stretch of a charger's curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// How long, in milliseconds of being powered.
    pub millis: u64,
    /// What it draws.
    pub power: Power,
}

/// A bike with its charger: a curve of stretches that runs while the port is powered, then nothing.
///
/// ```
/// use pile_sim::world::{Bike, Stretch};
/// use pile_units::Power;
/// let bike = Bike::new(vec![Stretch { millis: 3_600_000, power: Power::from_watts(250) }]);
/// assert_eq!(bike.power(), Power::from_watts(250));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bike {
    curve: Vec<Stretch>,
    place: usize,
    left: u64,
}

impl Bike {
    /// A bike at the start of its charge.
    pub fn new(curve: Vec<Stretch>) -> Self {
        let left = curve.first().map_or(0, |first| first.millis);
        let mut bike = Self {
            curve,
            place: 0,
            left,
        };
        bike.skip_empty();
        bike
    }

    /// Draws the same for ever.
    pub fn constant(power: Power) -> Self {
        Self::new(vec![Stretch {
            millis: u64::MAX,
            power,
        }])
    }

    /// A charger that holds its current until most of the energy is in, then tails off in steps
    /// of a tenth of its power to the float of 10 W, which lasts until it is pulled.
    pub fn charger(power: Power, energy: Energy) -> Self {
        let milliwatts = u64::from(power.milliwatts()).max(1);
        // mWh x 3,600,000 ms/h / mW; four fifths at full power, the rest in the tail.
        let total = energy.milliwatt_hours().saturating_mul(3_600_000);
        let mut curve = vec![Stretch {
            millis: total / 5 * 4 / milliwatts,
            power,
        }];
        for tenth in (1..10u64).rev() {
            let step = milliwatts * tenth / 10;
            let step_power = Power::from_milliwatts(u32::try_from(step).unwrap_or(u32::MAX));
            curve.push(Stretch {
                millis: total / 45 / step.max(1),
                power: step_power,
            });
        }
        curve.push(Stretch {
            millis: u64::MAX,
            power: Power::from_watts(10),
        });
        Self::new(curve)
    }

    /// What it draws now, if it is powered.
    pub fn power(&self) -> Power {
        self.curve
            .get(self.place)
            .map_or(Power::ZERO, |stretch| stretch.power)
    }

    fn skip_empty(&mut self) {
        while self.left == 0 && self.place < self.curve.len() {
            self.place += 1;
            self.left = self
                .curve
                .get(self.place)
                .map_or(u64::MAX, |next| next.millis);
        }
    }

    fn powered_for(&mut self, mut millis: u64) {
        while millis > 0 && self.place < self.curve.len() {
            let step = millis.min(self.left);
            millis -= step;
            if self.left != u64::MAX {
                self.left -= step;
            }
            self.skip_empty();
            if self.left == u64::MAX {
                break;
            }
        }
    }
}

#[derive(Debug)]
struct Outlet {
    relay: bool,
    welded: bool,
    bike: Option<Bike>,
    chip: VirtualChip,
    since: u64,
    power: Power,
}

/// How much went through a relay while it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The port.
    pub port: PortId,
    /// When it closed, milliseconds since the world began.
    pub closed: u64,
    /// When it opened.
    pub opened: u64,
    /// What the wire gave, in microjoules (mW x ms).
    pub microjoules: u64,
}

/// The wires of a pile.
#[derive(Debug)]
pub(super) struct Mains {
    clock: Rc<Cell<u64>>,
    outlets: Vec<Outlet>,
    supply: bool,
    closed: Vec<Option<(u64, u64)>>,
    pub deliveries: Vec<Delivery>,
    /// (milliseconds, milliwatts of the whole pile) at every change.
    pub load: Vec<(u64, u64)>,
}

pub(super) type SharedMains = Rc<RefCell<Mains>>;

impl Mains {
    pub fn new(clock: Rc<Cell<u64>>) -> (Self, [VirtualBus; BUSES]) {
        let buses =
            [(); BUSES].map(|()| VirtualBus::new(Rc::clone(&clock), &[Circuit::OUTLET; MAX_CHIPS]));
        let chips = buses
            .iter()
            .flat_map(|bus| (0..MAX_CHIPS).filter_map(|at| bus.chip(at)));
        let outlets: Vec<_> = chips
            .map(|chip| {
                chip.set_powered(false);
                let since = clock.get();
                Outlet {
                    relay: false,
                    welded: false,
                    bike: None,
                    chip,
                    since,
                    power: Power::ZERO,
                }
            })
            .collect();
        let closed = vec![None; outlets.len()];
        let (deliveries, load) = (Vec::new(), Vec::new());
        (
            Self {
                clock,
                outlets,
                supply: false,
                closed,
                deliveries,
                load,
            },
            buses,
        )
    }

    pub fn set_supply(&mut self, on: bool) {
        if !on {
            for port in PortId::first(self.outlets.len()) {
                self.set_relay(port, false);
            }
        }
        self.supply = on;
        for outlet in &self.outlets {
            outlet.chip.set_powered(on);
        }
        self.refresh();
    }

    pub fn set_relay(&mut self, port: PortId, closed: bool) {
        let now = self.clock.get();
        self.change(port, |outlet| outlet.relay = closed);
        let Some(outlet) = self.outlets.get(port.index()) else {
            return;
        };
        let delivered = outlet.chip.delivered_microjoules();
        let Some(before) = self.closed.get_mut(port.index()) else {
            return;
        };
        match (*before, closed) {
            (None, true) => *before = Some((now, delivered)),
            (Some((since, at_start)), false) => {
                *before = None;
                self.deliveries.push(Delivery {
                    port,
                    closed: since,
                    opened: now,
                    microjoules: delivered - at_start,
                });
            }
            _ => {}
        }
    }

    pub fn relay(&self, port: PortId) -> bool {
        self.outlets
            .get(port.index())
            .is_some_and(|outlet| outlet.relay)
    }

    /// What went through the relay since it closed; `None` while it is open.
    pub fn flowing(&self, port: PortId) -> Option<u64> {
        let (_, before) = (*self.closed.get(port.index())?)?;
        let chip = self.chip(port)?;
        Some(chip.delivered_microjoules().saturating_sub(before))
    }

    pub fn power(&self, port: PortId) -> Power {
        self.outlets
            .get(port.index())
            .map_or(Power::ZERO, |outlet| outlet.power)
    }

    pub fn weld(&mut self, port: PortId, welded: bool) {
        self.change(port, |outlet| outlet.welded = welded);
    }

    pub fn plug(&mut self, port: PortId, bike: Option<Bike>) {
        self.change(port, |outlet| outlet.bike = bike);
    }

    pub fn bike(&self, port: PortId) -> Option<&Bike> {
        self.outlets
            .get(port.index())
            .and_then(|outlet| outlet.bike.as_ref())
    }

    pub fn chip(&self, port: PortId) -> Option<&VirtualChip> {
        self.outlets.get(port.index()).map(|outlet| &outlet.chip)
    }

    /// When the next charger changes its power.
    pub fn next_change(&self) -> u64 {
        let powered = self
            .outlets
            .iter()
            .filter(|it| self.supply && (it.relay || it.welded));
        powered
            .filter_map(|outlet| {
                outlet
                    .bike
                    .as_ref()
                    .map(|bike| outlet.since.saturating_add(bike.left))
            })
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Brings every charger up to now.
    pub fn refresh(&mut self) {
        for port in PortId::first(self.outlets.len()) {
            self.change(port, |_| ());
        }
    }

    fn change(&mut self, port: PortId, change: impl FnOnce(&mut Outlet)) {
        let (now, supply) = (self.clock.get(), self.supply);
        let Some(outlet) = self.outlets.get_mut(port.index()) else {
            return;
        };
        if supply
            && (outlet.relay || outlet.welded)
            && let Some(bike) = &mut outlet.bike
        {
            bike.powered_for(now - outlet.since);
        }
        outlet.since = now;
        change(outlet);
        let flows = supply && (outlet.relay || outlet.welded);
        let bike = outlet.bike.as_ref().filter(|_| flows);
        let power = bike.map_or(Power::ZERO, Bike::power);
        if power != outlet.power {
            outlet.power = power;
            outlet.chip.set_load(Load::resistive(power, VOLTAGE));
            let total = self
                .outlets
                .iter()
                .map(|it| u64::from(it.power.milliwatts()))
                .sum();
            self.load.push((now, total));
        }
    }
}
