//! What holds for a run.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::Sample;
use crate::dedup::{Dedup, Memory};
use crate::input::{Fields, Format, Input, Limits};
use crate::pipeline::in_flight;
use crate::sink::Form;

/// A run's settings. Every combination that can be written down is valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is read, in this order.
    pub inputs: Vec<Input>,
    /// What the inputs hold below their compression; None tells it by their content.
    pub format: Option<Format>,
    /// Where records in rows (JSON Lines, Parquet) hold their text and their address.
    pub fields: Fields,
    /// The form of the records.
    pub form: Form,
    /// Which repeats are removed.
    pub dedup: Dedup,
    /// From how many thousandths on of shared sequences of words two statements of a page are told to be alike.
    pub near: Option<u16>,
    /// Bytes of memory for what was seen on other pages; what is more goes to temporary files.
    pub memory: usize,
    /// Whether it is told what is removed as a repeat.
    pub tells_duplicates: bool,
    /// Whether it is counted what the kept pages and statements are.
    pub tells_content: bool,
    /// Parser threads; the output does not depend on it.
    pub threads: NonZeroUsize,
    /// The largest page, in bytes; larger ones are rejected.
    pub max_page: NonZeroUsize,
    /// The only pages that are looked into; None is all.
    pub sample: Option<Sample>,
    /// Report pages of these that are passed over, the first ones.
    pub skip: u64,
    /// Stops after so many emitted pages.
    pub limit: Option<u64>,
    /// Bytes in a batch; the output does not depend on it.
    pub batch: NonZeroUsize,
    /// How often it is told where the run can go on if it is interrupted. None is never.
    pub checkpoints: Option<Duration>,
}

/// Bytes of text under way in all stages together, at most and when pages are of the usual size. On
/// one core batches of which a second-level cache holds some are faster by 4 %; on several, batches
/// that small take less time than waking a thread, and are slower by up to 40 %.
const UNDER_WAY_ON_ONE_CORE: usize = 13 << 18;
const UNDER_WAY: usize = 11 << 20;

/// What is taken for the machine's memory where it does not say.
const USUAL_MEMORY: usize = 4 << 30;

/// A quarter of the machine's memory, in bytes.
fn quarter_of_memory() -> usize {
    let kilobytes = || {
        let text = fs::read_to_string("/proc/meminfo").ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<usize>().ok()
    };
    kilobytes().map_or(USUAL_MEMORY, |kilobytes| kilobytes.saturating_mul(1024)) / 4
}

impl Config {
    /// The default settings for these inputs.
    pub fn new(inputs: Vec<Input>) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            inputs,
            format: None,
            fields: Fields::default(),
            form: Form::default(),
            dedup: Dedup::default(),
            near: None,
            memory: quarter_of_memory(),
            tells_duplicates: false,
            tells_content: false,
            threads,
            max_page: NonZeroUsize::MIN
                .saturating_mul(const { NonZeroUsize::new(64 << 20).unwrap() }),
            sample: None,
            skip: 0,
            limit: None,
            batch: Self::batch_for(threads),
            checkpoints: None,
        }
    }

    /// The batch size with which so many threads share a fixed amount of memory.
    pub fn batch_for(threads: NonZeroUsize) -> NonZeroUsize {
        let under_way = match threads.get() {
            1 => UNDER_WAY_ON_ONE_CORE,
            _ => UNDER_WAY,
        };
        let bytes = (under_way / in_flight(threads)).clamp(128 << 10, 1 << 20);
        NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MIN)
    }

    /// The memory of a run that knows of no other.
    pub fn memory(&self) -> Memory {
        Memory::of_run(self.memory, env::temp_dir(), self.tells_duplicates)
    }

    /// Bytes of a buffer that is still used again. What grows beyond as much is handed on in parts.
    pub(super) fn largest_buffer(&self) -> usize {
        4 * self.batch.get()
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            batch: self.batch.get(),
            page: self.max_page.get(),
            decoders: self.threads.get(),
        }
    }
}
