//! Progress on standard error: bytes, pages per second, and the time left when the total is known. A
//! terminal has a bar, and what is none, such as the log of a batch job, a line now and then.

mod timeline;

use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

pub use timeline::{Point, Timeline};

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::input::{Input, Source, sources};
use crate::job::Watch;

/// A bar, lines, or nothing.
pub struct Progress {
    /// Where there are lines, it is hidden.
    bar: ProgressBar,
    /// Seconds after which the next line is due, where there are lines.
    next_line: Option<AtomicU64>,
}

/// After 1, 2, 4, … seconds there is a line, and then each minute.
const MOST_BETWEEN_LINES: u64 = 60;

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            next_line: None,
        }
    }

    /// Shows a bar on a terminal, and lines elsewhere.
    pub fn shown(total: Option<u64>) -> Self {
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
        }
    }

    /// Takes over how far the run is.
    pub fn update(&self, watch: &Watch) {
        let (bytes, pages) = (watch.meter.bytes(), watch.pages.load(Ordering::Relaxed));
        if let Some(next) = &self.next_line {
            self.say_when_due(next, bytes, pages);
        } else if !self.bar.is_hidden() {
            let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
            self.bar
                .set_message(format!("{pages} pages, {:.0}/s", pages as f64 / seconds));
            self.bar.set_position(bytes);
        }
    }

    fn say_when_due(&self, next: &AtomicU64, bytes: u64, pages: u64) {
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
        let total = self.bar.length().map(DecimalBytes);
        let total = total.map_or_else(String::new, |total| format!(" of {total}"));
        say(&format!(
            "citesift: {} read{total} in {passed} s ({}/s), {} pages",
            DecimalBytes(bytes),
            DecimalBytes((bytes as f64 / elapsed.as_secs_f64()) as u64),
            HumanCount(pages),
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

/// Bytes of all inputs, when every one is a regular file, a folder of them or a listed object.
pub fn total_bytes(inputs: &[Input]) -> Option<u64> {
    sources(inputs)
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
