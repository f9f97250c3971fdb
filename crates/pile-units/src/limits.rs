//! What a port may do, and for how long: the configurable limits with their ranges.

use crate::{Duration, OutOfRange, Power, Temperature};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident, $with:ident: $type:ty = $default:expr, $low:expr, $high:expr;)*) => {
        /// The limits of a pile and its ports. Every field lies in its range: a value of this type
        /// cannot be wrong. Defaults and ranges are those of products and guidelines, listed in the
        /// crate's README.
        ///
        /// ```
        /// use pile_units::{Limits, Power};
        /// let limits = Limits::default().with_port_power(Power::from_watts(800))?;
        /// assert_eq!(limits.port_power(), Power::from_watts(800));
        /// assert!(limits.with_port_power(Power::from_watts(5_000)).is_err());
        /// # Ok::<(), pile_units::OutOfRange>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "Raw")]
        pub struct Limits { $($name: $type,)* }

        #[derive(serde::Deserialize)]
        struct Raw { $($name: $type,)* }

        impl Limits {
            $(
                $(#[$doc])*
                pub const fn $name(&self) -> $type {
                    self.$name
                }

                #[doc = concat!("Replaces [`Self::", stringify!($name), "`].")]
                ///
                /// # Errors
                /// [`OutOfRange`] outside the documented range.
                pub fn $with(mut self, value: $type) -> Result<Self, OutOfRange> {
                    self.$name = value;
                    self.checked()
                }
            )*

            fn checked(self) -> Result<Self, OutOfRange> {
                let each = true $(&& ($low..=$high).contains(&self.$name))*;
                let ordered = self.unplugged_power < self.full_power
                    && self.warn_temperature <= self.cut_temperature;
                if each && ordered { Ok(self) } else { Err(OutOfRange) }
            }
        }

        impl TryFrom<Raw> for Limits {
            type Error = OutOfRange;

            fn try_from(raw: Raw) -> Result<Self, OutOfRange> {
                Self { $($name: raw.$name,)* }.checked()
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }
    };
}

limits! {
    /// The most a port may draw: 100..=2500 W, 1000 W unless set. It trips above 110 % of it.
    port_power, with_port_power: Power =
        Power::from_watts(1000), Power::from_watts(100), Power::from_watts(2500);
    /// The most the whole pile may draw: 500..=22000 W, 6600 W unless set.
    pile_power, with_pile_power: Power =
        Power::from_watts(6600), Power::from_watts(500), Power::from_watts(22_000);
    /// How long an overload may last: 1..=30 s, 5 s unless set.
    overload_after, with_overload_after: Duration =
        Duration::from_seconds(5), Duration::from_seconds(1), Duration::from_seconds(30);
    /// How long a started port waits for a load of 10 W: 10..=600 s, 120 s unless set.
    no_load_after, with_no_load_after: Duration =
        Duration::from_seconds(120), Duration::from_seconds(10), Duration::from_seconds(600);
    /// Below this the bike counts as unplugged: 1..=50 W, 3 W unless set; below `full_power`.
    unplugged_power, with_unplugged_power: Power =
        Power::from_watts(3), Power::from_watts(1), Power::from_watts(50);
    /// For how long it must stay below: 5..=3600 s, 120 s unless set.
    unplugged_after, with_unplugged_after: Duration =
        Duration::from_seconds(120), Duration::from_seconds(5), Duration::from_seconds(3600);
    /// Below this the battery counts as full: 5..=250 W, 15 W unless set.
    full_power, with_full_power: Power =
        Power::from_watts(15), Power::from_watts(5), Power::from_watts(250);
    /// For how long it must stay below: 2..=240 min, 60 min unless set.
    full_after, with_full_after: Duration =
        Duration::from_minutes(60), Duration::from_minutes(2), Duration::from_minutes(240);
    /// The longest session: 1..=12 h, 8 h unless set.
    longest_session, with_longest_session: Duration =
        Duration::from_hours(8), Duration::from_hours(1), Duration::from_hours(12);
    /// The pile warns at this temperature: 50..=100 degrees Celsius, 75 unless set.
    warn_temperature, with_warn_temperature: Temperature =
        Temperature::from_celsius(75), Temperature::from_celsius(50), Temperature::from_celsius(100);
    /// A port is cut at this temperature: 50..=100 degrees Celsius, 90 unless set.
    cut_temperature, with_cut_temperature: Temperature =
        Temperature::from_celsius(90), Temperature::from_celsius(50), Temperature::from_celsius(100);
}

impl Limits {
    /// Below this a started port has no load. Fixed: 10 W.
    pub const NO_LOAD_POWER: Power = Power::from_watts(10);
    /// An overload is more than this part of [`Self::port_power`]. Fixed: 110 %.
    pub const OVERLOAD_PERCENT: u32 = 110;
    /// More than this part of [`Self::port_power`] trips at the first sample. Fixed: 150 %.
    pub const FAST_OVERLOAD_PERCENT: u32 = 150;
}
