//! Progress on standard error: bytes, pages per second, and the time left when the total is known. A
//! terminal has a bar, and what is none, such as the log of a batch job, a line now and then.

mod timeline;

use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

pub use timeline::{Point, Timeline};

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::input::{Input, Source, sources};
use crate::job::{Checkpoint, Watch};

/// A bar, lines, or nothing.
pub struct Progress {
    /// Where there are lines, it is hidden.
    bar: ProgressBar,
    /// Seconds after which the next line is due, where there are lines.
    next_line: Option<AtomicU64>,
    /// Bytes that are to be read, where that is known.
    total: Option<u64>,
    /// Pages that a run before this one has read, which goes on.
    pages_before: u64,
}

/// How far a run is. All of it is of this run alone, as its time is.
struct Reached {
    bytes: u64,
    total: Option<u64>,
    pages: u64,
}

/// After 1, 2, 4, … seconds there is a line, and then each minute, with the next batch that comes through.
const MOST_BETWEEN_LINES: u64 = 60;

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            next_line: None,
            total: None,
            pages_before: 0,
        }
    }

    /// Shows a bar on a terminal, and lines elsewhere, for a run that begins at this checkpoint.
    pub fn shown(inputs: &[Input], start: &Checkpoint) -> Self {
        let total = total_bytes(inputs, start.border.source);
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {msg}, {eta} left",
            None => "{spinner} {bytes} {bytes_per_sec}, {msg}, {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            next_line: bar.is_hidden().then(|| AtomicU64::new(1)),
            bar,
            total,
            pages_before: start.stats.pages.seen,
        }
    }

    /// Takes over how far the run is.
    pub fn update(&self, watch: &Watch) {
        let reached = self.reached(watch);
        if let Some(next) = &self.next_line {
            self.say_when_due(next, &reached);
        } else if !self.bar.is_hidden() {
            let (pages, seconds) = (reached.pages, self.bar.elapsed().as_secs_f64().max(1e-3));
            self.bar
                .set_message(format!("{pages} pages, {:.0}/s", pages as f64 / seconds));
            if let Some(total) = reached.total {
                self.bar.set_length(total);
            }
            self.bar.set_position(reached.bytes);
        }
    }

    fn reached(&self, watch: &Watch) -> Reached {
        let (meter, pages) = (&watch.meter, watch.pages.load(Ordering::Relaxed));
        Reached {
            bytes: meter.bytes(),
            total: self
                .total
                .map(|total| total.saturating_sub(meter.passed_over())),
            pages: pages.saturating_sub(self.pages_before),
        }
    }

    fn say_when_due(&self, next: &AtomicU64, reached: &Reached) {
        let elapsed = self.bar.elapsed();
        let due = next.load(Ordering::Relaxed);
        if elapsed.as_secs() < due {
            return;
        }
        let (mut due_next, passed) = (due, elapsed.as_secs());
        while due_next <= passed {
            due_next += due_next.min(MOST_BETWEEN_LINES);
        }
        next.store(due_next, Ordering::Relaxed);
        let total = reached.total.map(DecimalBytes);
        let total = total.map_or_else(String::new, |total| format!(" of {total}"));
        let bytes = reached.bytes;
        say(&format!(
            "citesift: {} read{total} in {passed} s ({}/s), {} pages",
            DecimalBytes(bytes),
            DecimalBytes((bytes as f64 / elapsed.as_secs_f64()) as u64),
            HumanCount(reached.pages),
        ));
    }

    /// Prints a line without disturbing the bar.
    pub fn say(&self, message: &str) {
        self.bar.suspend(|| say(message));
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Prints a line on standard error. Where that fails nobody reads it, and the run and its exit
/// code are the same; `eprintln!` would panic.
pub fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Bytes of all inputs but the first so many sources, when every one is a regular file, a folder of
/// them or a listed object.
fn total_bytes(inputs: &[Input], before: u64) -> Option<u64> {
    sources(inputs)
        .skip(before as usize)
        .filter_map(Result::ok)
        .map(|source| match source {
            Source::Stdin => None,
            Source::Object(object) => object.length(),
            Source::File(path) => match fs::metadata(path) {
                Ok(metadata) => metadata.is_file().then_some(metadata.len()),
                // It will be reported when it is read.
                Err(_) => Some(0),
            },
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use super::*;
    use crate::job::{Config, run_from};

    const PAGE: &str = "2012\nDOI: 10.5555/x\n|Cite\n|\n\nTitle\n\nOrder By: Relevance\n";

    /// How far a run from the checkpoint on is at its end, and the checkpoints that it tells.
    fn reached(config: &Config, start: &Checkpoint) -> (Reached, Vec<Checkpoint>) {
        let (watch, mut checkpoints) = (Watch::default(), Vec::new());
        run_from(config, start, &mut config.memory(), &watch, |output| {
            checkpoints.extend(output.checkpoint.clone());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        let progress = Progress::shown(&config.inputs, start);
        (progress.reached(&watch), checkpoints)
    }

    #[test]
    fn a_run_that_goes_on_reaches_its_total_and_counts_its_own_pages() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["1.txt", "2.txt"] {
            fs::write(folder.path().join(name), PAGE.repeat(3000)).unwrap();
        }
        let mut config = Config::new(vec![Input::Path(folder.path().to_owned())]);
        config.batch = 500.try_into().unwrap();
        config.checkpoints = Some(Duration::ZERO);
        let (whole, checkpoints) = reached(&config, &Checkpoint::default());
        assert_eq!(whole.pages, 6000);
        assert_eq!(whole.bytes, 6000 * PAGE.len() as u64);
        assert_eq!(whole.total, Some(whole.bytes));
        assert!(checkpoints.iter().any(|it| it.border.at > 0));
        assert!(checkpoints.iter().any(|it| it.border.source == 1));
        for start in &checkpoints {
            let (resumed, _) = reached(&config, start);
            let rest = whole.bytes - start.stats.bytes.read;
            assert_eq!((resumed.bytes, resumed.total), (rest, Some(rest)));
            assert_eq!(resumed.pages, whole.pages - start.stats.pages.seen);
        }
    }
}
