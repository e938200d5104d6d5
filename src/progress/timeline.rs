//! How far a run was, and when: a few points, however long it goes on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::job::Watch;

/// Points that are kept at most; half of them go when there are so many.
const MOST: usize = 200;

/// The distance of points at a run's beginning.
const FIRST_DISTANCE: Duration = Duration::from_millis(10);

/// The course of a run.
pub struct Timeline {
    started: Instant,
    distance: Duration,
    points: Vec<Point>,
}

/// What had gone through all stages at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Since the beginning.
    pub seconds: f64,
    /// Of decompressed text.
    pub bytes: u64,
    pub pages: u64,
}

impl Timeline {
    /// Begins where a run begins, or goes on behind so many bytes and pages.
    pub fn begin(started: Instant, bytes: u64, pages: u64) -> Self {
        Self {
            started,
            distance: FIRST_DISTANCE,
            points: vec![Point {
                seconds: 0.0,
                bytes,
                pages,
            }],
        }
    }

    /// Takes a point, if it is time for one.
    pub fn note(&mut self, watch: &Watch) {
        let elapsed = self.started.elapsed();
        let (bytes, pages) = (&watch.bytes, &watch.pages);
        self.note_at(
            elapsed,
            bytes.load(Ordering::Relaxed),
            pages.load(Ordering::Relaxed),
        );
    }

    fn note_at(&mut self, elapsed: Duration, bytes: u64, pages: u64) {
        let seconds = elapsed.as_secs_f64();
        let last = self.points.last().map_or(0.0, |point| point.seconds);
        if seconds - last < self.distance.as_secs_f64() {
            return;
        }
        if self.points.len() == MOST {
            self.distance *= 2;
            let mut stays = false;
            self.points.retain(|_| {
                stays = !stays;
                stays
            });
        }
        self.points.push(Point {
            seconds,
            bytes,
            pages,
        });
    }

    /// The points, and a last one where the run has ended, in whose place none is shortly before.
    pub fn end(mut self, elapsed: Duration, bytes: u64, pages: u64) -> Vec<Point> {
        let is_near = |point: &mut Point| {
            let distance = elapsed.as_secs_f64() - point.seconds;
            point.seconds > 0.0 && distance < self.distance.as_secs_f64() / 2.0
        };
        self.points.pop_if(is_near);
        self.points.push(Point {
            seconds: elapsed.as_secs_f64(),
            bytes,
            pages,
        });
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_few_points_that_are_spread_evenly() {
        let mut timeline = Timeline::begin(Instant::now(), 5, 0);
        for number in 1..1_000_000 {
            timeline.note_at(Duration::from_millis(number), number * 1000, number);
        }
        let points = timeline.end(Duration::from_secs(1000), 1_000_000_000, 1_000_000);
        assert!((MOST / 2..=MOST + 1).contains(&points.len()));
        assert_eq!((points[0].bytes, points[0].pages), (5, 0));
        let distances = points.windows(2).map(|two| two[1].seconds - two[0].seconds);
        let distances: Vec<_> = distances.collect();
        let (last, others) = distances.split_last().unwrap();
        let longest = others.iter().copied().fold(0.0, f64::max);
        assert!(others.iter().all(|&distance| distance > longest * 0.6));
        // The point before it may have been too near to the end to stay.
        assert!(*last <= longest * 1.5);
    }
}
