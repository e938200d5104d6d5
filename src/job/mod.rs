//! One run, wired: a [`Config`] in, the four stages over the pipeline, a [`Summary`] out.

mod annotate;
mod blocks;
mod checkpoint;
mod config;
mod content;
mod decide;
mod page;
mod parse;
mod parsed;
mod read;
mod records;
mod sample;
mod singly;
mod spans;
mod stand;
mod write;
mod written;

use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

pub use annotate::{Line, Totals, annotate};
pub use checkpoint::{Checkpoint, Fault};
pub use config::Config;
pub use page::{parse, parse_at};
pub use records::{Records, records};
pub use sample::Sample;
pub use singly::{Single, singly};
pub use spans::{Found, PageKeys, Span, Spans, Take};

use crate::buffers::Buffers;
use crate::dedup::Memory;
use crate::error::{Error, ReadError};
use crate::input::{Opened, Paths, Taking};
use crate::meter::Meter;
use crate::model::Reject;
use crate::pipeline::{self, Failure, Passage, Spent, Times};
use crate::stats::{Content, Stage, Stages, Stats};
use read::Reading;

/// What the writer hands out at once: a batch, or a piece of its records. What is told besides is in the
/// first piece that is handed out behind it, and the checkpoint in the last one of a batch.
#[derive(Debug)]
pub struct Output<'a> {
    /// The next bytes of the records in their form: whole lines, but of Parquet.
    pub records: &'a [u8],
    /// Pages that could not become a record.
    pub rejects: &'a [Reject],
    /// Whole lines of NDJSON that tell what was removed as a repeat, where that is asked for.
    pub duplicates: &'a [u8],
    /// Sources that were opened for it.
    pub opened: &'a [Opened],
    /// What was new in it, for [`Memory::replay`].
    pub news: &'a [u8],
    /// Where the run can go on when all up to here is safe; told as often as [`Config::checkpoints`]
    /// says, if a part of the form [can be gone on with](crate::sink::Form::goes_on).
    pub checkpoint: Option<Checkpoint>,
}

impl<'a> Output<'a> {
    /// Records, and nothing besides.
    pub fn of_records(records: &'a [u8]) -> Self {
        Self {
            records,
            rejects: &[],
            duplicates: &[],
            opened: &[],
            news: &[],
            checkpoint: None,
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// The accounting, which adds up.
    pub stats: Stats,
    /// Where the time went since it was begun, or gone on with.
    pub stages: Stages,
    /// What the kept pages and statements are, where [`Config::tells_content`] asks for it.
    pub content: Option<Content>,
    /// Sources before its end that could not be read, or not to their end.
    pub faults: Vec<ReadError>,
    /// The run ended before its input: the limit was reached, or `on_batch` broke it off.
    pub stopped: bool,
    /// The run stopped at its last checkpoint, because that was asked for.
    pub interrupted: bool,
}

/// A run seen from outside while it goes on.
pub struct Watch<'a> {
    /// What has been read so far.
    pub meter: Meter,
    /// Bytes of text that have gone through all stages, and pages.
    pub bytes: AtomicU64,
    pub pages: AtomicU64,
    /// Set by those who want the run to stop at its next checkpoint.
    pub interrupted: Arc<AtomicBool>,
    /// Told of each source that fails, in the input's order, when what is before it has come to the writer.
    pub on_fault: &'a (dyn Fn(&ReadError) + Sync),
}

impl Default for Watch<'_> {
    fn default() -> Self {
        Self {
            meter: Meter::default(),
            bytes: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            interrupted: Arc::default(),
            on_fault: &|_| {},
        }
    }
}

/// Runs a whole job. `on_batch` is called in the input's order, and may break the run off.
///
/// # Errors
/// What `on_batch` returns; a thread that did not start; a panic in a stage.
pub fn run<F>(config: &Config, on_batch: F) -> Result<Summary, Error>
where
    F: FnMut(&Output) -> Result<ControlFlow<()>, Error> + Send,
{
    let mut memory = config.memory();
    let start = Checkpoint::default();
    run_from(config, &start, &mut memory, &Watch::default(), on_batch)
}

/// As [`run`], from a checkpoint on and with what was seen before, for someone who wants to see how
/// far it is.
///
/// # Errors
/// Those of [`run`].
pub fn run_from<F>(
    config: &Config,
    start: &Checkpoint,
    memory: &mut Memory,
    watch: &Watch,
    on_batch: F,
) -> Result<Summary, Error>
where
    F: FnMut(&Output) -> Result<ControlFlow<()>, Error> + Send,
{
    let telling = &config.tells_content.then(content::Telling::new);
    let telling = telling.as_ref();
    let mut writer = write::WriteStage::new(config, start, watch, telling, on_batch)?;
    let buffers = Buffers::new(config.largest_buffer());
    let taking = Taking {
        paths: Paths::new(&config.fields),
        max_page: config.max_page.get(),
    };
    let mut decider = decide::DecideStage::new(config, start, memory);
    let wanted = parse::Wanted {
        form: config.form,
        scope: config.dedup,
        near: config.near,
        sample: config.sample,
    };
    let reading = Reading::new(config, start, watch, &buffers);
    let stages = pipeline::Stages {
        sections: reading.sections(),
        read: |section, passage: &mut dyn Passage<_>| reading.read(section, passage),
        worker: || {
            let mut teller = telling.map(content::Teller::new);
            let (taking, buffers) = (&taking, &buffers);
            move |batch, hand_out: &mut dyn FnMut(_)| {
                parse::parse_batch(batch, wanted, teller.as_mut(), taking, buffers, hand_out)
            }
        },
        decide: |parsed| decider.decide(parsed),
        write: |decided: io::Result<_>| {
            let (flow, emptied) = writer.write(decided.map_err(Error::Remember)?)?;
            buffers.give(emptied);
            Ok(flow)
        },
    };
    let times = stages.run(config.threads).map_err(error_of)?;
    let interrupted = reading.is_interrupted();
    if !interrupted {
        writer.end()?;
    }
    let stages = stages_of(
        &times,
        config.threads,
        watch.meter.time(),
        writer.handing_out(),
    );
    let summary = writer.finish(stages, interrupted);
    let Summary { stats, content, .. } = &summary;
    stats.check().map_err(Error::Accounting)?;
    if let Some(content) = content {
        content.check(stats).map_err(Error::Accounting)?;
    }
    Ok(summary)
}

fn stages_of(times: &Times, parsers: NonZeroUsize, source: Duration, output: Duration) -> Stages {
    let stage = |threads, spent: Spent, for_others| {
        Stage::new(threads, spent.busy, for_others, spent.waiting)
    };
    Stages {
        source_seconds: source.as_secs_f64(),
        reader: stage(times.readers, times.reader, source),
        parsers: stage(parsers.get(), times.workers, Duration::ZERO),
        deduplicator: stage(1, times.decider, Duration::ZERO),
        writer: stage(1, times.writer, output),
        output_seconds: output.as_secs_f64(),
    }
}

pub(crate) fn error_of(failure: Failure<Error>) -> Error {
    match failure {
        Failure::Writer(error) => error,
        Failure::Panic { stage, message } => Error::Panic { stage, message },
        Failure::Spawn(error) => Error::Threads(error),
    }
}
