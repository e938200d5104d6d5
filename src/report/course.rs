//! Throughput over time, and where the time went.

use super::Run;
use super::chart::{Chart, Step, bar};
use super::text::seconds;
use crate::progress::Point;
use crate::stats::{Share, Stages};
use crate::summary::{number, size};

/// A run with fewer stretches has no course to draw: it was short, or its text came in few pieces, for a
/// point is taken only when a batch has come through. One with more has at most so many, for single
/// batches make the short ones jump.
const FEWEST: usize = 4;
const STRETCHES: usize = 60;

/// Rows of the table beside the drawing.
const ROWS: usize = 12;

pub struct Course {
    /// Bytes per second over this run.
    pub mean: f64,
    /// Drawings of bytes and of pages; none of a run that was seen at too few moments.
    pub charts: Vec<(String, String)>,
    pub rows: Vec<Row>,
    pub elapsed: String,
}

/// What can be the limit of a run.
pub struct Stage {
    pub name: &'static str,
    pub meaning: &'static str,
    /// Of one of its threads.
    pub seconds: String,
    pub threads: usize,
    pub is_limit: bool,
    pub bar: String,
}

/// The stages in their order; the longest bar is the limit.
pub fn stages(stages: &Stages) -> Vec<Stage> {
    let limit = stages.limit();
    let each = stages.each();
    let milliseconds = |seconds: f64| (seconds * 1e3) as u64;
    let longest = each.iter().map(|share| milliseconds(share.seconds)).max();
    let stage = |share: Share| {
        let name = share.name;
        let is_limit = name == limit;
        let class = if is_limit { "one" } else { "two" };
        Stage {
            name,
            meaning: match name {
                "source" => "reads bytes from files or standard input",
                "reader" => "decompresses, and cuts text into pages",
                "parsers" => "parse pages and prepare records",
                "deduplicator" => "decides what is a repeat",
                "writer" => "puts records together",
                _ => "compresses and writes them",
            },
            seconds: seconds(share.seconds),
            threads: share.threads,
            is_limit,
            bar: bar(
                &[(class, milliseconds(share.seconds))],
                longest.unwrap_or(0),
            ),
        }
    };
    each.into_iter().map(stage).collect()
}

/// A part of the time.
pub struct Row {
    pub from: String,
    pub to: String,
    pub bytes: String,
    pub pages: String,
}

impl Course {
    pub fn of(run: &Run) -> Self {
        let points = &spread(&run.points, STRETCHES);
        let whole = rate(points.first(), points.last(), bytes);
        let mut course = Self {
            mean: whole,
            charts: Vec::new(),
            rows: Vec::new(),
            elapsed: seconds(run.elapsed.as_secs_f64()),
        };
        if points.len() <= FEWEST {
            return course;
        }
        let (divisor, unit) = match steps(points, bytes)
            .map(|step| step.rate)
            .fold(0.0, f64::max)
        {
            1e9.. => (1e9, "GB/s"),
            1e6.. => (1e6, "MB/s"),
            _ => (1e3, "kB/s"),
        };
        let pages_mean = rate(points.first(), points.last(), pages);
        course.charts = vec![
            (
                "Text read".to_owned(),
                drawn("Text read", unit, points, whole / divisor, |point| {
                    bytes(point) / divisor
                }),
            ),
            (
                "Pages".to_owned(),
                drawn("Pages", "pages/s", points, pages_mean, pages),
            ),
        ];
        course.rows = rows(points);
        course
    }
}

/// The points at the ends of at most so many stretches of nearly the same length.
fn spread(points: &[Point], most: usize) -> Vec<Point> {
    let end = points.last().map_or(0.0, |point| point.seconds);
    let mut spread: Vec<Point> = Vec::new();
    for point in points {
        let is_far = |last: &Point| point.seconds - last.seconds >= end / most as f64;
        if spread.last().is_none_or(is_far) {
            spread.push(*point);
        }
    }
    match (points.last(), spread.last_mut()) {
        // What is left over belongs to the last stretch.
        (Some(end), Some(last)) if last.seconds > 0.0 => *last = *end,
        (Some(end), _) => spread.push(*end),
        _ => {}
    }
    spread
}

fn bytes(point: &Point) -> f64 {
    point.bytes as f64
}

fn pages(point: &Point) -> f64 {
    point.pages as f64
}

fn rate(from: Option<&Point>, to: Option<&Point>, of: impl Fn(&Point) -> f64) -> f64 {
    match (from, to) {
        (Some(from), Some(to)) => (of(to) - of(from)) / (to.seconds - from.seconds).max(1e-9),
        _ => 0.0,
    }
}

fn steps(points: &[Point], of: impl Fn(&Point) -> f64) -> impl Iterator<Item = Step> {
    points.windows(2).map(move |two| Step {
        from: two[0].seconds,
        to: two[1].seconds,
        rate: rate(two.first(), two.last(), &of),
    })
}

fn drawn(
    title: &str,
    unit: &str,
    points: &[Point],
    mean: f64,
    of: impl Fn(&Point) -> f64,
) -> String {
    let steps: Vec<_> = steps(points, of).collect();
    let rates = || steps.iter().map(|step| step.rate);
    let (least, most) = (
        rates().fold(f64::MAX, f64::min),
        rates().fold(0.0, f64::max),
    );
    let chart = Chart {
        title: &format!("{title} over time"),
        description: &format!(
            "Mean {} {unit}, between {} and {} {unit}",
            short(mean),
            short(least),
            short(most)
        ),
        across: "seconds since the beginning",
        up: unit,
    };
    chart.course(&steps, mean, &short(mean))
}

/// With a decimal where it has few digits before it.
fn short(rate: f64) -> String {
    match rate {
        ..100.0 => format!("{rate:.1}"),
        _ => number(rate as u64),
    }
}

fn rows(points: &[Point]) -> Vec<Row> {
    let points = spread(points, ROWS);
    let row = |two: &[Point]| Row {
        from: seconds(two[0].seconds),
        to: seconds(two[1].seconds),
        bytes: format!("{}/s", size(rate(two.first(), two.last(), bytes) as u64)),
        pages: number(rate(two.first(), two.last(), pages) as u64),
    };
    points.windows(2).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_few_and_of_one_length_and_nothing_is_left_out() {
        let points = (0..=1007).map(|number| Point {
            seconds: f64::from(number),
            bytes: 10 * number as u64,
            pages: 0,
        });
        let points: Vec<_> = points.collect();
        let spread = spread(&points, STRETCHES);
        assert!((STRETCHES / 2..=STRETCHES + 1).contains(&spread.len()));
        assert_eq!((spread[0], spread.last()), (points[0], points.last()));
        assert!(steps(&spread, bytes).all(|step| (step.rate - 10.0).abs() < 1e-9));
        let (first, last) = (points[0], points[1]);
        assert_eq!(super::spread(&[first, last], 3), [first, last]);
    }
}
