//! The fourth stage: puts lines together, counts, and hands them out batch by batch.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Fault};
use super::content::{Counting, EmittedPage, Telling};
use super::decide::Decided;
use super::parsed::{Outcome, ParsedPart, ShapeOnPage};
use super::written::Written;
use super::{Config, Output, Summary, Watch};
use crate::dedup::Counts;
use crate::error::{Error, ReadError};
use crate::input::{Behind, Border, Faults, Opened, Origin, Refused};
use crate::model::{Emit, Reject, RejectPlace};
use crate::sink::{Assembly, Form, PagePieces, ndjson};
use crate::stats::{Drift, Stages, Stats};

/// The writer's state over a run.
pub struct WriteStage<'a, F> {
    form: Form,
    assembly: Assembly,
    /// What stands before the first record is written.
    is_begun: bool,
    limit: u64,
    watch: &'a Watch<'a>,
    on_batch: F,
    written: Written,
    rejects: Vec<Reject>,
    duplicates: Vec<u8>,
    opened: Vec<Opened>,
    news: Vec<u8>,
    /// Bytes of copied lines from which on they are handed out before their batch is at its end.
    much: usize,
    stats: Stats,
    /// Sources up to here that could not be read, or not to their end.
    faults: Vec<ReadError>,
    /// What is kept, where that is asked for.
    counting: Option<Counting<'a>>,
    /// The source under way, and the line feeds passed in it.
    origin: Option<Arc<Origin>>,
    feeds: u64,
    /// The first source goes on where another run stopped.
    goes_on: bool,
    stopped: bool,
    handing_out: Duration,
    /// Nobody wants more.
    is_left: bool,
}

impl<'a, F> WriteStage<'a, F>
where
    F: FnMut(&Output) -> Result<ControlFlow<()>, Error>,
{
    /// With `telling` it is counted what is kept.
    ///
    /// # Errors
    /// Those of the form's encoder.
    pub fn new(
        config: &Config,
        start: &Checkpoint,
        watch: &'a Watch<'a>,
        telling: Option<&'a Telling>,
        on_batch: F,
    ) -> Result<Self, Error> {
        Ok(Self {
            form: config.form,
            assembly: Assembly::new(config.form, config.threads).map_err(Error::Encode)?,
            is_begun: start.stats.written > 0,
            limit: config.limit.unwrap_or(u64::MAX),
            watch,
            on_batch,
            written: Written::default(),
            rejects: Vec::new(),
            duplicates: Vec::new(),
            opened: Vec::new(),
            news: Vec::new(),
            much: config.largest_buffer(),
            stats: start.stats.clone(),
            faults: start.faults.iter().cloned().map(ReadError::from).collect(),
            counting: telling
                .map(|telling| Counting::go_on(start.content.clone().unwrap_or_default(), telling)),
            origin: None,
            feeds: start.feeds,
            // Before a source's first byte the feeds are still those of the one before it.
            goes_on: start.border.is_within && start.border.at > 0,
            stopped: false,
            handing_out: Duration::ZERO,
            is_left: false,
        })
    }

    /// Writes one batch and returns its buffer; breaks when the limit is reached or nobody wants more.
    pub fn write(&mut self, mut batch: Decided) -> Result<(ControlFlow<()>, Vec<u8>), Error> {
        self.begin();
        self.opened = mem::take(&mut batch.parsed.opened);
        self.news = mem::take(&mut batch.news);
        if let (Some(counting), Some(told)) = (&mut self.counting, batch.parsed.told.take()) {
            counting.begin(told, batch.is_as_likely);
        }
        let mut faults = mem::take(&mut batch.parsed.faults);
        let flow = self.parts(&batch, &mut faults)?;
        if let Some(counting) = &mut self.counting {
            counting.end();
        }
        self.watch
            .bytes
            .store(self.stats.bytes.read, Ordering::Relaxed);
        self.watch
            .pages
            .store(self.stats.pages.seen, Ordering::Relaxed);
        let border = batch.parsed.border.filter(|_| flow.is_continue());
        self.hand_out(
            &batch.parsed.output,
            border.map(|border| (border, batch.new)),
        )?;
        self.stopped = flow.is_break() || self.is_left;
        let flow = match self.stopped {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        Ok((flow, batch.parsed.output))
    }

    /// Hands out what there is of a batch, of which this is the output. Where it ends, the border behind
    /// it and what is new up to there go with that.
    fn hand_out(&mut self, output: &[u8], end: Option<(Border, Counts)>) -> Result<(), Error> {
        let pieces = self.written.pieces(output);
        let mut outputs: Vec<_> = pieces.into_iter().map(Output::of_records).collect();
        let bytes = outputs.iter().map(|output| output.records.len() as u64);
        if !self.is_left {
            self.stats.written += bytes.sum::<u64>();
        }
        if let Some(first) = outputs.first_mut() {
            first.rejects = &self.rejects;
            first.duplicates = &self.duplicates;
            first.opened = &self.opened;
            first.news = &self.news;
        }
        if let Some(last) = outputs.last_mut() {
            last.checkpoint = end.and_then(|(border, new)| self.checkpoint(border, new));
        }
        for output in &outputs {
            if self.is_left {
                break;
            }
            let began = Instant::now();
            self.is_left = (self.on_batch)(output)?.is_break();
            self.handing_out += began.elapsed();
        }
        self.written.clear();
        self.duplicates.clear();
        self.rejects.clear();
        self.opened.clear();
        self.news.clear();
        Ok(())
    }

    /// Hands out before a batch's end what would else be held without bound: rows that all have what
    /// belongs to their page.
    fn hand_out_if_much(&mut self, batch: &Decided) -> Result<(), Error> {
        match self.written.copied() + self.duplicates.len() < self.much {
            true => Ok(()),
            false => self.hand_out(&batch.parsed.output, None),
        }
    }

    /// How long handing out took so far.
    pub fn handing_out(&self) -> Duration {
        self.handing_out
    }

    /// Hands out what stands behind the last record, and what was not yet handed out.
    ///
    /// # Errors
    /// Those of the form's encoder, and of whoever takes it.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.is_left {
            return Ok(());
        }
        self.begin();
        let behind = self.written.assembled(&[]);
        self.assembly.end(behind).map_err(Error::Encode)?;
        if !behind.is_empty() {
            self.hand_out(&[], None)?;
            self.stopped |= self.is_left;
        }
        Ok(())
    }

    fn begin(&mut self) {
        if !mem::replace(&mut self.is_begun, true) {
            self.assembly.begin(self.written.assembled(&[]));
        }
    }

    /// What came of the run, whose time went into these stages.
    pub fn finish(mut self, stages: Stages, interrupted: bool) -> Summary {
        self.stats.drift.rank();
        Summary {
            stats: self.stats,
            stages,
            content: self.counting.as_ref().map(Counting::content),
            faults: self.faults,
            stopped: self.stopped,
            interrupted,
        }
    }

    fn checkpoint(&self, border: Border, new: Counts) -> Option<Checkpoint> {
        self.form.goes_on().then(|| Checkpoint {
            border,
            stats: self.stats.clone(),
            feeds: self.feeds,
            new,
            content: self.counting.as_ref().map(Counting::content),
            faults: self.faults.iter().map(Fault::from).collect(),
        })
    }

    /// Faults behind the stop are none of the run, which might not have come so far.
    fn parts(&mut self, batch: &Decided, faults: &mut Faults) -> Result<ControlFlow<()>, Error> {
        if self.limit == 0 {
            return Ok(ControlFlow::Break(()));
        }
        for (number, part) in batch.parsed.parts.iter().enumerate() {
            self.tell(faults.before(number));
            if self.part(batch, part)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.tell(faults.rest());
        Ok(ControlFlow::Continue(()))
    }

    fn tell(&mut self, faults: impl Iterator<Item = ReadError>) {
        for fault in faults {
            (self.watch.on_fault)(&fault);
            self.faults.push(fault);
        }
    }

    fn part(&mut self, batch: &Decided, part: &ParsedPart) -> Result<ControlFlow<()>, Error> {
        self.enter(part);
        let mut in_pages = 0;
        for number in part.pages.clone() {
            in_pages += batch.parsed.pages[number].bytes;
            self.page(batch, part, number)?;
            if self.stats.pages.emitted >= self.limit {
                // What stands behind the last page counts as not read.
                self.stats.bytes.read += in_pages;
                return Ok(ControlFlow::Break(()));
            }
        }
        self.stats.bytes.read += part.bytes;
        match part.is_container {
            true => self.stats.bytes.container += part.bytes - in_pages,
            false => self.stats.bytes.between_pages += part.bytes - in_pages,
        }
        self.feeds += part.feeds;
        if let Some(behind) = &part.behind {
            self.stats.bytes.read += behind.bytes();
            self.behind(part, behind);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Lines are counted from each source's beginning.
    fn enter(&mut self, part: &ParsedPart) {
        let goes_on = |origin| Arc::ptr_eq(origin, &part.origin);
        if !self.origin.as_ref().is_some_and(goes_on) {
            if !mem::take(&mut self.goes_on) {
                self.feeds = 0;
            }
            self.origin = Some(Arc::clone(&part.origin));
        }
    }

    fn page(&mut self, batch: &Decided, part: &ParsedPart, number: usize) -> Result<(), Error> {
        let page = &batch.parsed.pages[number];
        match &page.outcome {
            Outcome::Report => return self.report(batch, part, number),
            Outcome::Skipped => {
                self.stats.pages.seen += 1;
                self.stats.pages.skipped += 1;
                self.stats.bytes.skipped += page.bytes;
            }
            Outcome::Unsampled => {
                self.stats.pages.seen += 1;
                self.stats.pages.unsampled += 1;
                self.stats.bytes.left_out += page.bytes;
            }
            Outcome::NotRead(why) => Stats::count(&mut self.stats.not_read, why.as_str()),
            Outcome::Refused(refused) => self.refuse(part, refused),
        }
        Ok(())
    }

    fn report(&mut self, batch: &Decided, part: &ParsedPart, number: usize) -> Result<(), Error> {
        let (page, decided) = (&batch.parsed.pages[number], &batch.pages[number]);
        if decided.is_passed_over {
            self.stats.pages.seen += 1;
            self.stats.pages.passed_over += 1;
            self.stats.bytes.left_out += page.bytes;
            return Ok(());
        }
        let (verdict, kept) = (&decided.verdict, &batch.kept[decided.kept.clone()]);
        let lines = &batch.duplicates[decided.duplicates.clone()];
        self.duplicates.extend_from_slice(lines);

        let removed = (page.blocks.len() - kept.len()) as u64;
        let stats = &mut self.stats;
        stats.pages.seen += 1;
        stats.bytes.pages += page.bytes;
        stats.blocks.seen += page.blocks.len() as u64;
        stats.blocks.kept += kept.len() as u64;
        stats.blocks.repeated_in_page += verdict.repeated_in_page as u64;
        stats.blocks.repeated_in_run += removed - verdict.repeated_in_page as u64;
        if verdict.is_repeated {
            stats.pages.repeated += 1;
            return Ok(());
        }
        stats.pages.emitted += 1;
        stats.drift.lines += page.lines;
        if page.unrecognized > 0 {
            stats.unrecognized_lines += page.unrecognized;
            let shapes = &batch.parsed.shapes[page.shapes.clone()];
            let feeds = self.feeds;
            count_shapes(&mut stats.drift, page.unrecognized, shapes, part, feeds);
        }
        stats.records += match self.form.emit() {
            Emit::Reports => 1,
            Emit::Statements => kept.len() as u64,
        };
        for warning in page.warnings.iter() {
            Stats::count(&mut stats.warnings, warning.as_str());
        }
        if let Some(counting) = &mut self.counting {
            counting.page(page, kept.len());
            if counting.is_of_note(page) {
                counting.note(&EmittedPage {
                    part,
                    feeds: self.feeds,
                    page,
                    number,
                    likely: &batch.parsed.likely,
                    kept,
                });
            }
        }
        let output = &batch.parsed.output;
        if let Some(draft) = &page.draft
            && decided.is_as_likely
        {
            self.written.draft(output, draft.clone());
            return Ok(());
        }
        let pieces = PagePieces {
            output,
            beginning: page.beginning.clone(),
            ending: page.ending.clone(),
        };
        let rows = match self.form.is_rows() {
            true => self.much / (1 + pieces.beginning.len() + pieces.ending.len()),
            false => kept.len(),
        };
        let mut left = kept;
        loop {
            let (next, rest) = left.split_at(rows.max(1).min(left.len()));
            let statements = next.iter().map(|kept| ndjson::Decided {
                piece: batch.parsed.pieces[page.blocks.start + kept.block].clone(),
                see_more: kept.see_more,
                occurrences: kept.occurrences,
            });
            self.assembly
                .page(self.written.assembled(output), &pieces, statements, removed)
                .map_err(Error::Encode)?;
            self.hand_out_if_much(batch)?;
            if rest.is_empty() {
                return Ok(());
            }
            left = rest;
        }
    }

    fn behind(&mut self, part: &ParsedPart, behind: &Behind) {
        match behind {
            Behind::Refused(refused) => self.refuse(part, refused),
            Behind::Passed { bytes, not_read } => {
                self.stats.bytes.container += bytes;
                if let Some(why) = not_read {
                    Stats::count(&mut self.stats.not_read, why.as_str());
                }
            }
        }
    }

    fn refuse(&mut self, part: &ParsedPart, refused: &Refused) {
        let stats = &mut self.stats;
        stats.pages.seen += 1;
        stats.pages.rejected += 1;
        stats.bytes.pages += refused.length;
        Stats::count(&mut stats.rejects, refused.reason.as_str());
        let in_text = (!part.is_container).then_some(self.feeds + 1);
        let reject = refused.reject(&part.origin, in_text);
        if let Some(counting) = &mut self.counting {
            counting.refused(&reject);
        }
        self.rejects.push(reject);
        self.feeds += refused.feeds;
    }
}

/// `feeds` are those of the source before the part.
fn count_shapes(
    drift: &mut Drift,
    unrecognized: u64,
    shapes: &[ShapeOnPage],
    part: &ParsedPart,
    feeds: u64,
) {
    for shape in shapes {
        drift.add(&shape.shape, shape.lines, || RejectPlace {
            path: part.origin.path.clone(),
            offset: shape.offset,
            line: shape.feeds.map(|before| feeds + before + 1),
            record: shape.record.clone(),
        });
    }
    drift.other += unrecognized - shapes.iter().map(|shape| shape.lines).sum::<u64>();
}
