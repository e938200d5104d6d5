//! Progress on standard error: bytes, pages per second, and the time left when the total is known.

mod timeline;

use std::fs;
use std::io::{self, Write};
use std::sync::atomic::Ordering;

pub use timeline::{Point, Timeline};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::input::{Input, Source, sources};
use crate::job::Watch;

/// A bar, or nothing.
pub struct Progress {
    bar: ProgressBar,
    is_shown: bool,
}

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            is_shown: false,
        }
    }

    /// Shows a bar, also where standard error is no terminal.
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
            bar,
            is_shown: true,
        }
    }

    /// Takes over how far the run is.
    pub fn update(&self, watch: &Watch) {
        if !self.is_shown {
            return;
        }
        let pages = watch.pages.load(Ordering::Relaxed);
        let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
        self.bar
            .set_message(format!("{pages} pages, {:.0}/s", pages as f64 / seconds));
        self.bar.set_position(watch.meter.bytes());
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
