//! Charts as SVG, for a page that is looked at on screens of any width and on paper.
//!
//! They hold numbers and labels of our own, and never a stranger's text. Each is drawn twice, for
//! wide and for narrow screens, since a drawing that is only shrunk has text that nobody
//! can read; style sheets show one of them.

use std::fmt::Write;

/// Columns over labelled steps, or a course over time, with what is to be told of it.
pub struct Chart<'a> {
    /// What is shown, and in a sentence what it shows.
    pub title: &'a str,
    pub description: &'a str,
    /// What stands on the axes, with units.
    pub across: &'a str,
    pub up: &'a str,
}

/// One column.
pub struct Column {
    /// What it is for, and the number that stands below it; none at an open end.
    pub label: String,
    pub number: Option<u64>,
    pub value: u64,
}

/// A stretch of time at one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Seconds since the run's beginning.
    pub from: f64,
    pub to: f64,
    pub rate: f64,
}

/// The size of a drawing, and what fits into it.
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    /// Labels across.
    labels: usize,
}

const FRAMES: [Frame; 2] = [
    Frame {
        class: "wide",
        width: 860.0,
        height: 240.0,
        labels: 12,
    },
    Frame {
        class: "narrow",
        width: 340.0,
        height: 210.0,
        labels: 5,
    },
];

/// Around the columns: room for the labels on the left, the unit above and two lines below.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 6.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 46.0;

impl Chart<'_> {
    /// A column for each step.
    pub fn columns(&self, columns: &[Column]) -> String {
        let most = columns.iter().map(|column| column.value).max();
        let scale = Scale::to(most.unwrap_or(0) as f64, 1.0);
        self.drawn(&scale, |frame, out| {
            let step = (frame.width - LEFT - RIGHT) / columns.len() as f64;
            let gap = (step * 0.2).min(4.0);
            for (number, Column { label, value, .. }) in columns.iter().enumerate() {
                if *value == 0 {
                    continue;
                }
                let height = (frame.up(&scale) * *value as f64).max(1.0);
                let _ = write!(
                    out,
                    r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}"><title>{label}: {}</title></rect>"#,
                    LEFT + step * number as f64 + gap / 2.0,
                    frame.bottom() - height,
                    step - gap,
                    super::number(*value),
                );
            }
            let middle = |column: usize| LEFT + step * (column as f64 + 0.5);
            let ends = [0, columns.len() - 1];
            let ends = ends.into_iter().filter(|&end| columns[end].number.is_none());
            let ends: Vec<_> = ends.collect();
            for &end in &ends {
                frame.label_below(out, middle(end), &columns[end].label);
            }
            for (column, label) in round_numbers(columns, frame.labels) {
                let is_near = |&end: &usize| (middle(end) - middle(column)).abs() < 55.0;
                if !ends.iter().any(is_near) {
                    frame.label_below(out, middle(column), &label.to_string());
                }
            }
        })
    }

    /// A line through the stretches, over a scale that begins at 0, with the mean, as it is
    /// shown.
    pub fn course(&self, steps: &[Step], mean: f64, shown: &str) -> String {
        let most = steps.iter().map(|step| step.rate).fold(0.0, f64::max);
        let scale = Scale::to(most, 0.0);
        let end = steps.last().map_or(0.0, |step| step.to);
        self.drawn(&scale, |frame, out| {
            let across = |seconds: f64| LEFT + (frame.width - LEFT - RIGHT) * seconds / end;
            let up = |rate: f64| frame.bottom() - frame.up(&scale) * rate;
            let mut line = String::new();
            for Step { from, to, rate } in steps {
                let (from, to, rate) = (across(*from), across(*to), up(*rate));
                let _ = write!(line, " L{from:.1} {rate:.1} L{to:.1} {rate:.1}");
            }
            let line = line.trim_start_matches(" L");
            let (left, right, bottom) = (across(0.0), across(end), frame.bottom());
            let _ = write!(
                out,
                r#"<path class="area" d="M{left:.1} {bottom:.1} L{line} L{right:.1} {bottom:.1} Z"/><path class="line" d="M{line}"/>"#
            );
            let height = up(mean);
            let _ = write!(
                out,
                r#"<line class="mean" x1="{left:.1}" x2="{right:.1}" y1="{height:.1}" y2="{height:.1}"/><text class="mean" x="{right:.1}" y="{:.1}" text-anchor="end">mean {shown}</text>"#,
                height - 5.0
            );
            let ticks = Scale::of(end, frame.labels, 0.0);
            for tick in ticks.ticks() {
                frame.label_below(out, across(tick), &ticks.shown(tick));
            }
        })
    }

    /// Both drawings, with the axes.
    fn drawn(&self, scale: &Scale, draw: impl Fn(&Frame, &mut String)) -> String {
        let mut out = String::new();
        for frame in &FRAMES {
            let (width, height, bottom) = (frame.width, frame.height, frame.bottom());
            let _ = write!(
                out,
                r#"<svg class="chart {}" viewBox="0 0 {width} {height}" role="img" aria-label="{}. {}">"#,
                frame.class, self.title, self.description
            );
            for tick in scale.ticks() {
                let y = bottom - frame.up(scale) * tick;
                let _ = write!(
                    out,
                    r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                    width - RIGHT,
                    LEFT - 7.0,
                    y + 4.0,
                    scale.shown(tick)
                );
            }
            draw(frame, &mut out);
            let _ = write!(
                out,
                r#"<line class="base" x1="{LEFT}" x2="{:.1}" y1="{bottom:.1}" y2="{bottom:.1}"/><text class="axis" x="0" y="12">{}</text><text class="axis" x="{:.1}" y="{:.1}" text-anchor="end">{}</text></svg>"#,
                width - RIGHT,
                self.up,
                width - RIGHT,
                height - 4.0,
                self.across
            );
        }
        out
    }
}

impl Frame {
    fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    /// The height of one unit.
    fn up(&self, scale: &Scale) -> f64 {
        (self.bottom() - TOP) / scale.most
    }

    fn label_below(&self, out: &mut String, at: f64, label: &str) {
        let reach = 3.5 * label.chars().count() as f64;
        let at = at.min(self.width - reach);
        let _ = write!(
            out,
            r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            self.bottom() + 20.0
        );
    }
}

/// The columns whose numbers are round, at most so many.
fn round_numbers(columns: &[Column], most: usize) -> impl Iterator<Item = (usize, u64)> {
    let numbers = columns.iter().enumerate();
    let numbers = numbers.filter_map(|(column, Column { number, .. })| Some((column, (*number)?)));
    let mut first = numbers.clone().map(|(_, number)| number);
    let distance = match (first.next(), first.next()) {
        (Some(first), Some(second)) => second - first,
        _ => 1,
    };
    let fits = |every: &u64| columns.len() as u64 <= every * most as u64;
    let every = [1, 2, 5, 10, 20, 50].into_iter().find(fits).unwrap_or(100);
    numbers.filter(move |(_, number)| number % (every * distance) == 0)
}

/// From 0 to a number that is not smaller than any, by steps of 1, 2 or 5 and zeros.
struct Scale {
    step: f64,
    most: f64,
}

impl Scale {
    /// `finest` is the smallest step that makes sense: whole things are not divided.
    fn to(most: f64, finest: f64) -> Self {
        let scale = Self::of(most, 4, finest);
        Self {
            most: scale.step * (most / scale.step).ceil().max(1.0),
            ..scale
        }
    }

    /// Up to exactly this number, with at most so many steps.
    fn of(most: f64, steps: usize, finest: f64) -> Self {
        let rough = (most / steps as f64).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf(rough.log10().floor());
        let fits = |factor: &f64| factor * power >= rough * (1.0 - 1e-9);
        let factor = [1.0, 2.0, 5.0].into_iter().find(fits);
        Self {
            step: (factor.unwrap_or(10.0) * power).max(finest),
            most,
        }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = (self.most / self.step * (1.0 + 1e-9)).floor() as u64;
        (0..=count).map(|number| self.step * number as f64)
    }

    /// At most four digits, with the decimals that the steps need.
    fn shown(&self, tick: f64) -> String {
        for (unit, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
            // Up to 9999 the number itself is as short.
            if self.most >= unit * if unit < 1e4 { 10.0 } else { 1.0 } {
                return match tick {
                    0.0 => "0".to_owned(),
                    _ => format!("{}{letter}", decimal(tick / unit, self.step / unit)),
                };
            }
        }
        decimal(tick, self.step)
    }
}

fn decimal(number: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{number:.decimals$}")
}

/// A bar of parts beside each other, as wide as `whole` would be at its full width.
pub fn bar(parts: &[(&str, u64)], whole: u64) -> String {
    let mut out =
        r#"<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">"#
            .to_owned();
    let mut start = 0.0;
    for &(class, value) in parts {
        if value == 0 {
            continue;
        }
        let width = 100.0 * value as f64 / whole.max(1) as f64;
        let _ = write!(
            out,
            r#"<rect class="{class}" x="{start:.3}" y="0" width="{:.3}" height="1"/>"#,
            // What is there is seen.
            width.max(0.3)
        );
        start += width;
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHART: Chart = Chart {
        title: "Title",
        description: "What it shows",
        across: "year",
        up: "pages",
    };

    fn ticks(scale: &Scale) -> Vec<String> {
        scale.ticks().map(|tick| scale.shown(tick)).collect()
    }

    #[test]
    fn scales_have_few_round_steps_and_reach_the_largest_number() {
        for (most, finest, expected) in [
            (0.0, 1.0, &["0", "1"][..]),
            (1.0, 1.0, &["0", "1"]),
            (3.0, 1.0, &["0", "1", "2", "3"]),
            (7.0, 1.0, &["0", "2", "4", "6", "8"]),
            (0.07, 0.0, &["0.00", "0.02", "0.04", "0.06", "0.08"]),
            (1234.0, 1.0, &["0", "500", "1000", "1500"]),
            (40_000.0, 1.0, &["0", "10k", "20k", "30k", "40k"]),
            (1_100_000.0, 1.0, &["0", "0.5M", "1.0M", "1.5M"]),
            (3e12, 1.0, &["0", "1T", "2T", "3T"]),
        ] {
            let scale = Scale::to(most, finest);
            assert!(scale.most >= most);
            assert_eq!(ticks(&scale), expected, "{most}");
        }
    }

    #[test]
    fn a_chart_says_what_it_is_and_has_both_axes() {
        let columns = [(2012, 7), (2013, 0), (2014, 3)].map(|(year, value)| Column {
            label: format!("in {year}"),
            number: Some(year),
            value,
        });
        let svg = CHART.columns(&columns);
        for part in [
            r#"role="img" aria-label="Title. What it shows""#,
            ">year<",
            ">pages<",
            "<title>in 2012: 7</title>",
            ">2013<",
        ] {
            assert_eq!(svg.matches(part).count(), 2, "{part}: {svg}");
        }
        assert_eq!(svg.matches("<rect").count(), 4, "{svg}");
    }

    #[test]
    fn the_numbers_below_columns_are_round_and_few_and_open_ends_are_told() {
        let column = |number: Option<u64>| Column {
            label: "open".to_owned(),
            number,
            value: 1,
        };
        let years = (1979..2025).map(Some);
        let columns: Vec<_> = [None].into_iter().chain(years).map(column).collect();
        let round: Vec<_> = round_numbers(&columns, 5).map(|(_, year)| year).collect();
        assert_eq!(round, [1980, 1990, 2000, 2010, 2020]);
        let round: Vec<_> = round_numbers(&columns, 12).map(|(_, year)| year).collect();
        assert_eq!(round.len(), 9);
        let svg = CHART.columns(&columns);
        assert_eq!(svg.matches(">open</text>").count(), 2, "{svg}");
        assert_eq!(svg.matches(">1980</text>").count(), 0, "{svg}");
        assert_eq!(svg.matches(">2020</text>").count(), 2, "{svg}");
    }

    #[test]
    fn a_course_stays_in_its_frame() {
        let rates = [5.0, 80.0, 0.0];
        let steps = (0..).zip(rates).map(|(second, rate)| Step {
            from: f64::from(second),
            to: f64::from(second + 1),
            rate,
        });
        let svg = CHART.course(&steps.collect::<Vec<_>>(), 28.0, "28");
        let line = svg.split(r#"class="line" d="M"#).nth(1).unwrap();
        let line = line.split('"').next().unwrap();
        let numbers = line.split([' ', 'L']).filter(|number| !number.is_empty());
        let numbers: Vec<f64> = numbers.map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 12, "{line}");
        for point in numbers.chunks(2) {
            assert!((LEFT..=860.0 - RIGHT).contains(&point[0]), "{line}");
            assert!((TOP..=240.0 - BOTTOM).contains(&point[1]), "{line}");
        }
    }

    #[test]
    fn the_parts_of_a_bar_fill_it() {
        let svg = bar(&[("a", 3), ("b", 0), ("c", 1)], 4);
        let expected = r#"<rect class="a" x="0.000" y="0" width="75.000" height="1"/><rect class="c" x="75.000" y="0" width="25.000" height="1"/></svg>"#;
        assert!(svg.ends_with(expected), "{svg}");
    }
}
