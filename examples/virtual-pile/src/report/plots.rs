//! The three pictures, as SVG text. Colours are marks that the style sheet replaces by its own for
//! light and dark; the text of an axis is real text, in the reader's font.
//!
//! Floating point is used for the places of ink only.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use core::ops::Range;

use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::curve::SessionCurve;
use super::load::{BUCKET_S, WeekLoad};
use crate::output::SegmentRow;
use crate::wall;
use pile_units::{Currency, UtcOffset};

/// Why a picture could not be drawn.
pub type PlotError = Box<dyn core::error::Error>;

/// Ink of text and axes.
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// Grid lines.
const GRID: RGBColor = RGBColor(0xE2, 0xE2, 0xE2);
/// What the picture lies on; separates the parts of a bar.
const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFE);
/// The background of every second band of the tariff.
const SHADE: RGBColor = RGBColor(0xEE, 0xF1, 0xF6);
/// Everyone who has no colour of their own.
pub const OTHERS: RGBColor = RGBColor(0x9A, 0x9A, 0x9A);
/// Okabe and Ito's palette, told apart with every kind of colour vision.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0xF0, 0xE4, 0x42),
];
const POWER: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const COST: RGBColor = RGBColor(0xD5, 0x5E, 0x00);

const WIDTH: u32 = 960;
const FONT: f64 = 18.0;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws on a sheet of the usual width, and makes the text fit for a page.
fn sheet(
    height: u32,
    label: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(&canvas)?;
        canvas.present()?;
    }
    // The backend writes a fixed size; the page decides, and a screen reader wants a name.
    let fixed = format!("<svg width=\"{WIDTH}\" height=\"{height}\" ");
    let fluid = format!("<svg role=\"img\" aria-label=\"{}\" ", super::escape(label));
    Ok(svg
        .replacen(&fixed, &fluid, 1)
        .replace("font-family=\"sans-serif\"", ""))
}

fn text() -> TextStyle<'static> {
    ("sans-serif", FONT).into_font().color(&INK)
}

/// The colour of a tenant's place in the order of energy.
pub fn tenant_colour(place: usize) -> RGBColor {
    PALETTE.get(place).copied().unwrap_or(OTHERS)
}

/// A month's column: its name (`Jan`, or `Jan 2020` where the year begins) and, for each tenant of
/// the legend, the watt-hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// What stands under the column.
    pub label: String,
    /// Watt-hours, in the order of the legend.
    pub watt_hours: Vec<u64>,
}

/// Stacked columns: energy by tenant and month.
pub fn months(months: &[Month]) -> Result<String, PlotError> {
    let highest = months
        .iter()
        .map(|month| month.watt_hours.iter().sum::<u64>())
        .max();
    let top = nice_top(highest.unwrap_or(0) as f64 / 1000.0);
    let count = i32::try_from(months.len())?;
    sheet(
        340,
        "Energy by tenant and month, in kilowatt-hours",
        |canvas| {
            let mut chart = ChartBuilder::on(canvas)
                .margin(10)
                .margin_top(34)
                .x_label_area_size(34)
                .y_label_area_size(58)
                .build_cartesian_2d((0..(count - 1).max(1)).into_segmented(), 0.0..top)?;
            let name = |value: &SegmentValue<i32>| match value {
                SegmentValue::CenterOf(place) => usize::try_from(*place)
                    .ok()
                    .and_then(|place| months.get(place))
                    .map(|month| month.label.clone())
                    .unwrap_or_default(),
                _ => String::new(),
            };
            chart
                .configure_mesh()
                .disable_x_mesh()
                .bold_line_style(GRID)
                .light_line_style(TRANSPARENT)
                .axis_style(GRID)
                .label_style(text())
                .x_labels(months.len())
                .x_label_formatter(&name)
                .y_labels(6)
                .y_label_formatter(&|kwh| short(*kwh))
                .draw()?;
            unit(canvas, "kWh", (10, 10), HPos::Left)?;
            for (place, month) in (0i32..).zip(months) {
                let mut below = 0.0;
                for (tenant, &watt_hours) in month.watt_hours.iter().enumerate() {
                    let above = below + watt_hours as f64 / 1000.0;
                    let last = tenant + 1 == month.watt_hours.len();
                    let colour = if last { OTHERS } else { tenant_colour(tenant) };
                    let corners = [
                        (SegmentValue::Exact(place), below),
                        (SegmentValue::Exact(place + 1), above),
                    ];
                    if watt_hours > 0 {
                        for style in [colour.filled(), PAPER.stroke_width(1)] {
                            let mut part = Rectangle::new(corners.clone(), style);
                            part.set_margin(0, 0, 8, 8);
                            chart.draw_series([part])?;
                        }
                    }
                    below = above;
                }
            }
            Ok(())
        },
    )
}

/// The pile's power over a week, by the ten minutes.
pub fn week(load: &WeekLoad, utc_offset: UtcOffset) -> Result<String, PlotError> {
    const DAY_MIN: i32 = 1440;
    let step = i32::try_from(BUCKET_S / 60)?;
    let top = nice_top(f64::from(load.peak_watts()) / 1000.0);
    sheet(
        320,
        "Power of the whole pile in its busiest week, in kilowatts",
        |canvas| {
            let noons = (0..7).map(|day| day * DAY_MIN + DAY_MIN / 2).collect();
            let mut chart = ChartBuilder::on(canvas)
                .margin(10)
                .margin_top(34)
                .x_label_area_size(34)
                .y_label_area_size(58)
                .build_cartesian_2d((0..7 * DAY_MIN).with_key_points(noons), 0.0..top)?;
            let day = |minute: &i32| {
                let seconds = u32::try_from(*minute).unwrap_or(0) * 60;
                let date = wall::local(load.monday.plus(seconds), utc_offset).date();
                let weekday = date.weekday().to_string();
                let weekday = weekday.get(..3).unwrap_or_default();
                format!("{weekday} {}", wall::day_and_month(date))
            };
            chart
                .configure_mesh()
                .disable_x_mesh()
                .bold_line_style(GRID)
                .light_line_style(TRANSPARENT)
                .axis_style(GRID)
                .label_style(text())
                .x_label_formatter(&day)
                .y_labels(6)
                .y_label_formatter(&|kilowatts| short(*kilowatts))
                .draw()?;
            unit(canvas, "kW", (10, 10), HPos::Left)?;
            chart.draw_series((1..7).map(|day| {
                PathElement::new(vec![(day * DAY_MIN, 0.0), (day * DAY_MIN, top)], GRID)
            }))?;
            let kilowatts = load.watts.iter().map(|&watts| f64::from(watts) / 1000.0);
            let steps = (0i32..).zip(kilowatts).flat_map(|(bucket, kilowatts)| {
                [(bucket * step, kilowatts), ((bucket + 1) * step, kilowatts)]
            });
            let area =
                AreaSeries::new(steps, 0.0, POWER.mix(0.25)).border_style(POWER.stroke_width(2));
            chart.draw_series(area)?;
            Ok(())
        },
    )
}

/// One session: its power to the left, its cost so far to the right, the bands behind.
pub fn session(
    curve: &SessionCurve,
    segments: &[&SegmentRow],
    currency: Currency,
    utc_offset: UtcOffset,
) -> Result<String, PlotError> {
    let last = curve.points.last().map_or(0, |&(second, _)| second).max(60);
    let end = i32::try_from(last)?;
    let peak = curve
        .points
        .iter()
        .map(|&(_, watts)| watts)
        .max()
        .unwrap_or(0);
    let top = nice_top(f64::from(peak));
    let cost = cost_so_far(curve, segments);
    let most = nice_top(cost.last().map_or(0.0, |&(_, units)| units));
    let title = format!("Power and cost of session {}", curve.session);
    sheet(380, &title, |canvas| {
        let keys = hours(curve, end, utc_offset);
        let mut chart = ChartBuilder::on(canvas)
            .margin(10)
            .margin_top(34)
            .x_label_area_size(34)
            .y_label_area_size(58)
            .right_y_label_area_size(66)
            .build_cartesian_2d((0..end).with_key_points(keys.clone()), 0.0..top)?
            .set_secondary_coord((0..end).with_key_points(keys), 0.0..most);
        bands(&mut chart, curve, segments, end, top)?;
        let clock = |second: &i32| {
            let at = curve.started.plus(u32::try_from(*second).unwrap_or(0));
            wall::hour_and_minute(wall::local(at, utc_offset))
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GRID)
            .label_style(text())
            .x_label_formatter(&clock)
            .y_labels(6)
            .y_label_formatter(&|watts| short(*watts))
            .draw()?;
        chart
            .configure_secondary_axes()
            .axis_style(GRID)
            .label_style(text())
            .y_labels(6)
            .y_label_formatter(&|units| short(*units))
            .draw()?;
        let right = i32::try_from(WIDTH)? - 10;
        unit(canvas, "W", (10, 10), HPos::Left)?;
        unit(canvas, currency.code(), (right, 10), HPos::Right)?;
        let mut steps = Vec::with_capacity(curve.points.len() * 2);
        let mut before = None;
        for &(second, watts) in &curve.points {
            let second = i32::try_from(second)?;
            let watts = f64::from(watts);
            steps.extend(before.map(|before| (second, before)));
            steps.push((second, watts));
            before = Some(watts);
        }
        steps.dedup();
        chart.draw_series(
            AreaSeries::new(steps, 0.0, POWER.mix(0.2)).border_style(POWER.stroke_width(2)),
        )?;
        chart.draw_secondary_series(LineSeries::new(cost, COST.stroke_width(3)))?;
        Ok(())
    })
}

/// Names an axis at its end, where no label is turned on its side.
fn unit(canvas: &Canvas<'_>, name: &str, at: (i32, i32), side: HPos) -> Result<(), PlotError> {
    let style = text().pos(Pos::new(side, VPos::Top));
    canvas.draw(&Text::new(name.to_owned(), at, style))?;
    Ok(())
}

/// Shades every second band of the tariff and writes its name at the top.
fn bands<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    curve: &SessionCurve,
    segments: &[&SegmentRow],
    end: i32,
    top: f64,
) -> Result<(), PlotError>
where
    X: Ranged<ValueType = i32>,
    Y: Ranged<ValueType = f64>,
{
    for (number, segment) in segments.iter().enumerate() {
        let from = i32::try_from(segment.from.since(curve.started))?.min(end);
        let to = i32::try_from(segment.to.since(curve.started))?.min(end);
        if number % 2 == 1 {
            let shade = Rectangle::new([(from, 0.0), (to, top)], SHADE.filled());
            chart.draw_series([shade])?;
        }
        // The name, where the stretch is long enough to hold it.
        if (to - from) > end / 10 {
            let style = text().pos(Pos::new(HPos::Left, VPos::Top));
            let name = Text::new(format!(" {}", segment.band), (from, top * 0.985), style);
            chart.draw_series([name])?;
        }
    }
    Ok(())
}

/// The whole clock hours in a session, at most eight of them.
fn hours(curve: &SessionCurve, end: i32, utc_offset: UtcOffset) -> Vec<i32> {
    let spacing = [5, 10, 15, 30, 60, 120, 180, 240, 360, 720]
        .into_iter()
        .map(|minutes| minutes * 60)
        .find(|&spacing| end / spacing <= 8)
        .unwrap_or(end.max(1));
    let local = utc_offset.local_seconds(curve.started);
    let into = local.rem_euclid(i64::from(spacing));
    let first = (i64::from(spacing) - into) % i64::from(spacing);
    let first = usize::try_from(first).unwrap_or(0);
    let spacing = usize::try_from(spacing).unwrap_or(1);
    (0..=end).skip(first).step_by(spacing).collect()
}

/// What the session has cost so far, in units of the currency: the energy of its curve shared out
/// so that each segment ends at what it was billed.
fn cost_so_far(curve: &SessionCurve, segments: &[&SegmentRow]) -> Vec<(i32, f64)> {
    let until = |second: u32| curve.points.iter().position(|&(at, _)| at >= second);
    let mut line = vec![(0, 0.0)];
    let mut billed = 0.0;
    for segment in segments {
        let from = segment.from.since(curve.started);
        let to = segment.to.since(curve.started);
        let last = until(to).unwrap_or(curve.points.len());
        let range: Range<usize> = until(from).unwrap_or(0).min(last)..last;
        let points = curve.points.get(range).unwrap_or_default();
        let micros = segment.energy_fee.micros() + segment.service_fee.micros();
        let fee = micros as f64 / 1e6;
        let drawn: f64 = points.iter().map(|&(_, watts)| f64::from(watts)).sum();
        let mut so_far = 0.0;
        for &(second, watts) in points {
            so_far += f64::from(watts);
            let part = if drawn > 0.0 { so_far / drawn } else { 1.0 };
            line.push((
                i32::try_from(second).unwrap_or(i32::MAX),
                billed + fee * part,
            ));
        }
        billed += fee;
        line.push((i32::try_from(to).unwrap_or(i32::MAX), billed));
    }
    line
}

/// The top of an axis: a round number just above the highest value.
fn nice_top(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let decades = core::iter::successors(Some(1e-6), |decade| Some(decade * 10.0));
    decades
        .take(20)
        .flat_map(|decade| [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0].map(|step| step * decade))
        .find(|&top| top >= highest * 1.02)
        .unwrap_or(highest)
}

/// A number on an axis: no more decimals than it needs.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_the_highest_value() {
        let tops = [0.0, 0.03, 97.0, 99.0, 290.0].map(nice_top).map(short);
        assert_eq!(tops, ["1", "0.04", "100", "150", "300"]);
    }

    #[test]
    fn axis_numbers_are_short() {
        assert_eq!(
            [0.0, 0.5, 20.0, 0.25, 100.0].map(short),
            ["0", "0.5", "20", "0.25", "100"]
        );
    }
}
