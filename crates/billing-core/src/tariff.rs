//! What a kilowatt-hour costs at which time of day.
//!
//! A **tariff** has one to eight **bands**, each with a price for electricity and one for
//! service, and says for each of the 48 half hours of the local day which band is in force. A
//! pile whose clock is not known charges by the **unknown-time band**.
//!
//! A [`Tariff`] can only hold a legal table: it is checked where it is made and again where it is
//! deserialised. It is a record of the ledger, so its bytes are held still by a test.
//!
//! # Serialised form
//!
//! postcard, at most [`Tariff::MAX_ENCODED`] bytes:
//!
//! | field | bytes |
//! | --- | --- |
//! | currency, three letters | 3 |
//! | UTC offset in minutes, zigzag varint | 1..2 |
//! | number of bands, then each: name (length, ASCII), energy price, service price (varints, micro-units a kWh) | 1 + 8 x 23 at most |
//! | unknown-time band | 1 |
//! | the half hours: two a byte, the earlier in the low four bits | 24 |

mod band;
mod codec;

pub use band::{Band, BandIndex, BandName, HalfHour, MAX_NAME, Span};

use pile_units::{Currency, UnixSeconds, UtcOffset, WallTime};

/// The most bands a tariff has.
pub const MAX_BANDS: usize = 8;
/// The half hours of a day.
pub const SLOTS: usize = 48;

/// A legal tariff.
///
/// ```
/// use billing_core::tariff::{Band, Span, Tariff};
/// use pile_units::{ClockQuality, Currency, UnixSeconds, WallTime};
///
/// let day = Band { name: "day".parse()?, energy: "0.568".parse()?, service: "0.20".parse()? };
/// let night = Band { name: "night".parse()?, energy: "0.288".parse()?, service: "0.20".parse()? };
/// let tariff = Tariff::from_spans(
///     Currency::CNY,
///     "+08:00".parse()?,
///     day.name,
///     &[
///         Span { band: day, from: "08:00".parse()?, to: "22:00".parse()? },
///         Span { band: night, from: "22:00".parse()?, to: "08:00".parse()? },
///     ],
/// )?;
///
/// // 1970-01-01T00:00Z is 08:00 in Beijing.
/// let at = WallTime { unix: UnixSeconds::new(0), quality: ClockQuality::Synchronised };
/// assert_eq!(tariff.band_at(at).1.name.as_str(), "day");
/// assert_eq!(tariff.seconds_to_next_change(at.unix), Some(14 * 3600));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    currency: Currency,
    utc_offset: UtcOffset,
    // Those past `count` repeat the first, so that equal tariffs are equal values.
    bands: [Band; MAX_BANDS],
    count: u8,
    unknown_time_band: BandIndex,
    slots: [BandIndex; SLOTS],
}

/// Error returned by [`Tariff::new`] and [`Tariff::from_spans`]. Numbers count the bands, or the
/// spans, of the argument from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TariffError {
    /// There is no band.
    NoBands,
    /// There are more than [`MAX_BANDS`] bands.
    TooManyBands,
    /// Two bands have the same name.
    DuplicateName {
        /// The earlier band.
        first: usize,
        /// The later band.
        second: usize,
    },
    /// A half hour, or the time of an unknown clock, refers to a band that is not listed.
    NoSuchBand,
    /// A band is never in force.
    UnusedBand {
        /// The band.
        band: usize,
    },
    /// No span has the name of the unknown-time band.
    NoSuchUnknownTimeBand,
    /// A span begins at 24:00, which is the end of a day.
    BeginsAtDayEnd {
        /// The span.
        span: usize,
    },
    /// A span ends where it begins. A band for the whole day is 00:00 to 24:00.
    EmptySpan {
        /// The span.
        span: usize,
    },
    /// Two spans of the same name have different prices.
    PricesDiffer {
        /// The earlier span.
        first: usize,
        /// The later span.
        second: usize,
    },
    /// Two spans cover the same half hours.
    Overlap {
        /// The earlier span.
        first: usize,
        /// The later span.
        second: usize,
        /// Where the overlap begins.
        from: HalfHour,
        /// Where it ends.
        to: HalfHour,
    },
    /// Half hours are covered by no span.
    Gap {
        /// Where the gap begins.
        from: HalfHour,
        /// Where it ends.
        to: HalfHour,
    },
}

impl core::fmt::Display for TariffError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoBands => f.write_str("there is no band"),
            Self::TooManyBands => write!(f, "there are more than {MAX_BANDS} bands"),
            Self::DuplicateName { first, second } => {
                write!(f, "bands {first} and {second} have the same name")
            }
            Self::NoSuchBand => f.write_str("a band is referred to that is not listed"),
            Self::UnusedBand { band } => write!(f, "band {band} is never in force"),
            Self::NoSuchUnknownTimeBand => f.write_str("the unknown-time band is not listed"),
            Self::BeginsAtDayEnd { span } => write!(f, "span {span} begins at 24:00"),
            Self::EmptySpan { span } => write!(f, "span {span} ends where it begins"),
            Self::PricesDiffer { first, second } => {
                write!(f, "spans {first} and {second} give one band two prices")
            }
            Self::Overlap {
                first,
                second,
                from,
                to,
            } => write!(f, "spans {first} and {second} overlap from {from} to {to}"),
            Self::Gap { from, to } => write!(f, "no span covers {from} to {to}"),
        }
    }
}

impl core::error::Error for TariffError {}

impl Tariff {
    /// The most bytes a tariff serialises to.
    pub const MAX_ENCODED: usize = 3 + 2 + 1 + MAX_BANDS * (1 + MAX_NAME + 5 + 5) + 1 + SLOTS / 2;

    /// Makes a tariff from its bands and, for each half hour of the local day, the band in force.
    ///
    /// # Errors
    /// [`TariffError`]: no band or more than eight, a name twice, a reference to a band that is
    /// not listed, a band that is never in force.
    pub fn new(
        currency: Currency,
        utc_offset: UtcOffset,
        bands: &[Band],
        slots: [BandIndex; SLOTS],
        unknown_time_band: BandIndex,
    ) -> Result<Self, TariffError> {
        let Some(first) = bands.first() else {
            return Err(TariffError::NoBands);
        };
        let mut table = [*first; MAX_BANDS];
        table
            .get_mut(..bands.len())
            .ok_or(TariffError::TooManyBands)?
            .copy_from_slice(bands);
        for (second, band) in bands.iter().enumerate() {
            let same = bands.iter().take(second).position(|b| b.name == band.name);
            if let Some(first) = same {
                return Err(TariffError::DuplicateName { first, second });
            }
            if !slots.iter().any(|slot| slot.get() == second) {
                return Err(TariffError::UnusedBand { band: second });
            }
        }
        let listed = |index: &BandIndex| index.get() < bands.len();
        if !slots.iter().all(listed) || !listed(&unknown_time_band) {
            return Err(TariffError::NoSuchBand);
        }
        Ok(Self {
            currency,
            utc_offset,
            bands: table,
            count: u8::try_from(bands.len()).map_err(|_| TariffError::TooManyBands)?,
            unknown_time_band,
            slots,
        })
    }

    /// Makes a tariff from spans as people write them. Bands keep the order of their first span.
    ///
    /// # Errors
    /// [`TariffError`]: no span, more than eight names, one name at two prices, a span that ends
    /// where it begins, an overlap, a gap, an unknown-time band that no span has.
    pub fn from_spans(
        currency: Currency,
        utc_offset: UtcOffset,
        unknown_time_band: BandName,
        spans: &[Span],
    ) -> Result<Self, TariffError> {
        let mut bands = heapless::Vec::<Band, MAX_BANDS>::new();
        let mut owners = [None::<usize>; SLOTS];
        let mut slots = [BandIndex::default(); SLOTS];
        for (number, span) in spans.iter().enumerate() {
            if span.from == HalfHour::DAY_END {
                return Err(TariffError::BeginsAtDayEnd { span: number });
            }
            if span.from == span.to {
                return Err(TariffError::EmptySpan { span: number });
            }
            let known = bands.iter().position(|band| band.name == span.band.name);
            if known
                .and_then(|at| bands.get(at))
                .is_some_and(|b| *b != span.band)
            {
                let same = |earlier: &Span| earlier.band.name == span.band.name;
                let first = spans.iter().position(same).unwrap_or_default();
                return Err(TariffError::PricesDiffer {
                    first,
                    second: number,
                });
            }
            let place = known.unwrap_or(bands.len());
            if known.is_none() {
                bands
                    .push(span.band)
                    .map_err(|_| TariffError::TooManyBands)?;
            }
            let index = u8::try_from(place)
                .ok()
                .and_then(|place| BandIndex::new(place).ok())
                .ok_or(TariffError::TooManyBands)?;
            claim(&mut owners, number, span)?;
            for slot in span.slots() {
                if let Some(band) = slots.get_mut(usize::from(slot)) {
                    *band = index;
                }
            }
        }
        if spans.is_empty() {
            return Err(TariffError::NoBands);
        }
        if let Some((from, to)) = first_gap(&owners) {
            return Err(TariffError::Gap { from, to });
        }
        let unknown = bands
            .iter()
            .position(|band| band.name == unknown_time_band)
            .and_then(|at| u8::try_from(at).ok())
            .and_then(|at| BandIndex::new(at).ok())
            .ok_or(TariffError::NoSuchUnknownTimeBand)?;
        Self::new(currency, utc_offset, &bands, slots, unknown)
    }

    /// Makes a tariff of one band for the whole day.
    ///
    /// ```
    /// use billing_core::tariff::{Band, Tariff};
    /// use pile_units::{Currency, UtcOffset};
    /// let band = Band { name: "flat".parse()?, energy: "0.50".parse()?, service: "0".parse()? };
    /// let tariff = Tariff::flat(Currency::CNY, UtcOffset::UTC, band);
    /// assert_eq!(tariff.bands(), [band]);
    /// # Ok::<(), pile_units::OutOfRange>(())
    /// ```
    pub const fn flat(currency: Currency, utc_offset: UtcOffset, band: Band) -> Self {
        Self {
            currency,
            utc_offset,
            bands: [band; MAX_BANDS],
            count: 1,
            unknown_time_band: BandIndex::FIRST,
            slots: [BandIndex::FIRST; SLOTS],
        }
    }

    /// The currency of every price.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Where the local day stands.
    pub const fn utc_offset(&self) -> UtcOffset {
        self.utc_offset
    }

    /// The bands, one to eight.
    pub fn bands(&self) -> &[Band] {
        self.bands
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }

    /// A band by its place, or `None` where this tariff has fewer.
    pub fn band(&self, index: BandIndex) -> Option<&Band> {
        self.bands().get(index.get())
    }

    /// The band of a pile whose clock is not known.
    pub const fn unknown_time_band(&self) -> BandIndex {
        self.unknown_time_band
    }

    /// For each half hour of the local day, the band in force.
    pub const fn slots(&self) -> &[BandIndex; SLOTS] {
        &self.slots
    }

    /// How often the band changes in the longest session there is, twelve hours, at most.
    ///
    /// ```
    /// use billing_core::tariff::{Band, Tariff};
    /// # use pile_units::{Currency, UtcOffset};
    /// let band = Band { name: "flat".parse()?, energy: "0.568".parse()?, service: "0.20".parse()? };
    /// assert_eq!(Tariff::flat(Currency::CNY, UtcOffset::UTC, band).most_changes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn most_changes(&self) -> u32 {
        // Half hours, the first and the last cut short.
        const MOST: u32 = 2 * 12 + 1;
        let mut before = self.slots.last();
        let mut changes = 0;
        for slot in &self.slots {
            changes += u32::from(before.replace(slot) != Some(slot));
        }
        changes.min(MOST)
    }

    /// The band in force, and its place. Where the clock does not tell the time of day (unknown
    /// or relative), the unknown-time band.
    pub fn band_at(&self, at: WallTime) -> (BandIndex, &Band) {
        let index = if at.quality.tells_time_of_day() {
            let slot = usize::from(self.utc_offset.minute_of_day(at.unix) / 30);
            self.slots
                .get(slot)
                .copied()
                .unwrap_or(self.unknown_time_band)
        } else {
            self.unknown_time_band
        };
        let [first, ..] = &self.bands;
        (index, self.band(index).unwrap_or(first))
    }

    /// Seconds from `at` until another band comes into force, 1..=86,400, by a clock that tells
    /// the time of day; `None` if one band lasts all day.
    pub fn seconds_to_next_change(&self, at: UnixSeconds) -> Option<u32> {
        let second = self.utc_offset.local_seconds(at).rem_euclid(86_400);
        let second = u32::try_from(second).ok()?;
        let slot = usize::try_from(second / 1800).ok()?;
        let now = self.slots.get(slot)?;
        let later = self.slots.iter().cycle().skip(slot + 1).take(SLOTS - 1);
        let same = later.take_while(|band| *band == now).count();
        if same == SLOTS - 1 {
            return None;
        }
        let same = u32::try_from(same).ok()?;
        Some((same + 1) * 1800 - second % 1800)
    }

    /// The day as spans, band by band in their order, each band's spans by the time they begin:
    /// what [`from_spans`](Self::from_spans) makes this tariff of.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.bands()
            .iter()
            .enumerate()
            .flat_map(move |(place, band)| {
                let whole_day = self.count == 1;
                (0u8..48).filter_map(move |slot| {
                    let covers = |slot: u8| {
                        let index = self.slots.get(usize::from(slot % 48));
                        index.is_some_and(|index| index.get() == place)
                    };
                    let begins = covers(slot) && !covers(slot + 47);
                    let from = if whole_day { slot == 0 } else { begins };
                    if !from {
                        return None;
                    }
                    let length = (1..48).take_while(|ahead| covers(slot + ahead)).count();
                    Some(Span {
                        band: *band,
                        from: boundary(slot, 0),
                        to: boundary(slot, length + 1),
                    })
                })
            })
    }
}

/// Marks the half hours of `span` as its own.
fn claim(
    owners: &mut [Option<usize>; SLOTS],
    number: usize,
    span: &Span,
) -> Result<(), TariffError> {
    for slot in span.slots() {
        let Some(owner) = owners.get_mut(usize::from(slot)) else {
            continue;
        };
        if let Some(first) = *owner {
            let shared = |slot: &u8| owners.get(usize::from(*slot)) == Some(&Some(first));
            let run = span.slots().skip_while(|other| *other != slot);
            let length = run.take_while(shared).count();
            return Err(TariffError::Overlap {
                first,
                second: number,
                from: boundary(slot, 0),
                to: boundary(slot, length),
            });
        }
        *owner = Some(number);
    }
    Ok(())
}

/// The first run of half hours that belong to no span, over midnight if need be. Some do belong.
fn first_gap(owners: &[Option<usize>; SLOTS]) -> Option<(HalfHour, HalfHour)> {
    let free = |slot: u8| owners.get(usize::from(slot % 48)) == Some(&None);
    let from = (0u8..48).find(|slot| free(*slot) && !free(slot + 47))?;
    let length = (from..from + 48).take_while(|slot| free(*slot)).count();
    Some((boundary(from, 0), boundary(from, length)))
}

/// The boundary `length` half hours after the one that begins `slot`: 24:00 rather than 00:00
/// where it ends a day.
fn boundary(slot: u8, length: usize) -> HalfHour {
    let end = usize::from(slot) + length;
    let end = if end > SLOTS { end - SLOTS } else { end };
    u8::try_from(end)
        .ok()
        .and_then(|end| HalfHour::from_slot(end).ok())
        .unwrap_or(HalfHour::DAY_END)
}

#[cfg(test)]
mod tests;
