//! The first stage: reads the sources and passes on batches.
//!
//! Sources are read one after another, but for compressed files: several are read at the same
//! time, and what comes of them is passed on in order. They come in sections, of which one is
//! read by one thread. Where a section has the lead, it is as if there were no others; until then
//! no batch has a border. Faults go the way of what is read, and whoever takes that tells them: of
//! what is read behind a run's stop nobody hears.

use std::cell::RefCell;
use std::fs;
use std::iter::{self, Peekable};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::checkpoint::Checkpoint;
use super::{Config, Watch};
use crate::buffers::Buffers;
use crate::input::{
    self, Batch, Before, Border, Origin, Packer, Patience, Source, WalkError, sources_to_read,
};
use crate::pipeline::Passage;

/// Compressed bytes in one section, which may be more in one of one file: what comes of so many is
/// mostly kept as a whole while another section has the lead.
const SECTION: u64 = 512 << 10;

/// Compressed bytes of a large file.
const LARGE: u64 = 16 << 20;

/// Endings of names of files that are likely to be compressed. What a file is, is told by its
/// content; only when it is read depends on its name.
const PACKED: [&str; 6] = ["gz", "tgz", "zst", "xz", "bz2", "lz4"];

type Numbered = (Result<Source, WalkError>, u64);

/// What is read in one go.
pub enum Section {
    /// Sources that are read by who leads, up to one that may be read ahead.
    InOrder,
    /// Compressed files of so many bytes together, read at any time.
    Ahead(Vec<Numbered>, u64),
}

/// A run's reading, which its threads share.
pub struct Reading<'r> {
    config: &'r Config,
    watch: &'r Watch<'r>,
    buffers: &'r Buffers,
    border: Border,
    patience: Patience,
    sources: Mutex<Peekable<Box<dyn Iterator<Item = Numbered> + Send + 'r>>>,
    so_far: Mutex<SoFar>,
}

/// What is known where the lead is.
struct SoFar {
    /// It stopped at a border, because that was asked for.
    is_interrupted: bool,
    /// When a batch was last told to have a border.
    last_border: Instant,
}

impl<'r> Reading<'r> {
    /// Of every source from the checkpoint on.
    pub fn new(
        config: &'r Config,
        start: &Checkpoint,
        watch: &'r Watch,
        buffers: &'r Buffers,
    ) -> Self {
        let patience = Patience::until(&watch.interrupted);
        let border = start.border;
        let sources = sources_to_read(&config.inputs, &patience)
            .zip(0..)
            .skip(border.source as usize);
        let sources: Box<dyn Iterator<Item = Numbered> + Send> = Box::new(sources);
        Self {
            config,
            watch,
            buffers,
            border,
            patience,
            sources: Mutex::new(sources.peekable()),
            so_far: Mutex::new(SoFar {
                is_interrupted: false,
                last_border: Instant::now(),
            }),
        }
    }

    /// What is to be read, in order.
    pub fn sections(&self) -> impl Iterator<Item = Section> + Send + '_ {
        iter::from_fn(|| {
            let mut sources = locked(&self.sources);
            let Some(mut bytes) = self.packed(sources.peek()?) else {
                return Some(Section::InOrder);
            };
            let mut section = Vec::from_iter(sources.next());
            while let Some(more) = sources.peek().and_then(|next| self.packed(next))
                && bytes + more <= SECTION
            {
                bytes += more;
                section.extend(sources.next());
            }
            Some(Section::Ahead(section, bytes))
        })
    }

    /// Reads a section.
    pub fn read(&self, section: Section, passage: &mut dyn Passage<Batch>) -> ControlFlow<()> {
        match section {
            Section::InOrder => passage.wait_for_lead()?,
            Section::Ahead(..) => passage.hand_on_course(),
        }
        let had_lead = passage.leads();
        let passage = RefCell::new(passage);
        let opened = RefCell::default();
        let mut pass_on = |mut batch: Batch| {
            // What is read now lacks what was not waited for: the run goes on from its last checkpoint.
            if self.patience.is_over() {
                return self.interrupt();
            }
            batch.opened = opened.take();
            let is_last = batch.border.is_some() && self.is_asked_to_stop();
            passage.borrow_mut().pass(batch)?;
            match is_last {
                true => self.interrupt(),
                false => ControlFlow::Continue(()),
            }
        };
        let mut is_due = || passage.borrow().leads() && self.is_border_due();
        let mut packer = Packer::new(
            self.config.limits(),
            &self.config.fields,
            &self.watch.meter,
            self.buffers,
            &mut pass_on,
        );
        packer.is_due = Some(&mut is_due);
        let (sources, is_small): (Box<dyn Iterator<Item = Numbered>>, _) = match section {
            Section::InOrder => (Box::new(iter::from_fn(|| self.next_in_order())), false),
            Section::Ahead(sources, bytes) => (Box::new(sources.into_iter()), bytes <= LARGE),
        };
        for (source, number) in sources {
            // The one in whose middle it begins was told before.
            let before = self.before(number);
            if self.config.checkpoints.is_some() && before.at == 0 {
                opened.borrow_mut().push(input::opened(&source));
            }
            packer.source = number;
            // Ahead of others it needs no threads beside this one, for these have enough to do. A large
            // file will not have been read to its end before it has the lead.
            packer.limits.decoders = match is_small && !passage.borrow().leads() {
                true => 0,
                false => self.config.threads.get(),
            };
            self.source(&mut packer, source, before)?;
            packer.source = number + 1;
            packer.border(0)?;
        }
        if !packer.batch.is_empty() {
            packer.pass_on(packer.filled())?;
        }
        if !had_lead {
            passage.borrow_mut().wait_for_lead()?;
            packer.border(0)?;
        }
        if !opened.borrow().is_empty() {
            packer.pass_on(0)?;
        }
        packer.finish();
        ControlFlow::Continue(())
    }

    fn source(
        &self,
        packer: &mut Packer,
        source: Result<Source, WalkError>,
        before: Before,
    ) -> ControlFlow<()> {
        match source {
            Ok(source) => input::read(packer, source.name(), &source, before, self.config.format),
            Err(error) => {
                packer.fault(&Origin::of_source(error.path), None, error.error);
                ControlFlow::Continue(())
            }
        }
    }

    fn before(&self, number: u64) -> Before {
        match number == self.border.source {
            true => Before {
                at: self.border.at,
                lines: self.border.lines,
                is_report: self.border.is_report,
            },
            false => Before::default(),
        }
    }

    fn next_in_order(&self) -> Option<Numbered> {
        locked(&self.sources).next_if(|source| self.packed(source).is_none())
    }

    /// The bytes of what may be read ahead.
    fn packed(&self, (source, _): &Numbered) -> Option<u64> {
        let Ok(Source::File(path)) = source else {
            return None;
        };
        let ending = path.extension()?.to_str()?;
        if self.config.threads.get() == 1
            || !PACKED.iter().any(|it| it.eq_ignore_ascii_case(ending))
        {
            return None;
        }
        // A pipe or a device is waited for when its turn comes.
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn is_asked_to_stop(&self) -> bool {
        self.watch.interrupted.load(Ordering::Relaxed)
    }

    fn interrupt(&self) -> ControlFlow<()> {
        locked(&self.so_far).is_interrupted = true;
        ControlFlow::Break(())
    }

    fn is_border_due(&self) -> bool {
        let Some(interval) = self.config.checkpoints else {
            return false;
        };
        let last = &mut locked(&self.so_far).last_border;
        let is_due = last.elapsed() >= interval || self.is_asked_to_stop();
        if is_due {
            *last = Instant::now();
        }
        is_due
    }

    /// Whether it stopped at a border, because that was asked for.
    pub fn is_interrupted(&self) -> bool {
        locked(&self.so_far).is_interrupted
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
