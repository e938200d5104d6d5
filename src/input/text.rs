//! Plain text: read in large chunks, cut into pages, packed into batches.
//!
//! The pages of many small sources share a batch; a page larger than a batch gets one
//! of its own. A page larger than the limit is not held: its beginning is looked at, its
//! end is searched for in bounded memory, and the page behind it comes out whole.

use std::io::{self, Read};
use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr_iter;

use super::{Batch, Oversized, Part};
use crate::buffers::Buffers;
use crate::grammar::{self, Page};
use crate::model::Reject;
use crate::split::{Splitter, page_within};

/// How much is held at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A batch is passed on when it holds so many bytes and a whole page.
    pub batch: usize,
    /// Bytes from a page's start to the next one's, at most.
    pub page: usize,
}

/// The least that is asked of a source at once.
const SMALLEST_READ: usize = 64 * 1024;

/// Packs sources into batches and passes them on.
pub struct TextReader<'p> {
    limits: Limits,
    /// Bytes of all sources so far, for those who watch.
    progress: &'p AtomicU64,
    buffers: &'p Buffers,
    pass: &'p mut dyn FnMut(Batch) -> ControlFlow<()>,
    batch: Batch,
}

/// One source under way.
struct Reading {
    path: Arc<str>,
    splitter: Splitter,
    /// Start in the batch's text of what no part holds yet, and the source's bytes before it.
    part: usize,
    offset: u64,
    /// Start in the batch's text of the page whose end is searched.
    page: usize,
    at_end: bool,
}

impl<'p> TextReader<'p> {
    pub fn new(
        limits: Limits,
        progress: &'p AtomicU64,
        buffers: &'p Buffers,
        pass: &'p mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Self {
        Self {
            limits,
            progress,
            buffers,
            pass,
            batch: Batch {
                text: buffers.take(),
                ..Batch::default()
            },
        }
    }

    /// Reads a source to its end, or until the run is over.
    ///
    /// # Errors
    /// Those of the source. What came before the fault is read as if the source ended there.
    pub fn read(&mut self, path: &str, source: &mut dyn Read) -> (ControlFlow<()>, io::Result<()>) {
        let mut reading = Reading {
            path: path.into(),
            splitter: Splitter::default(),
            part: self.batch.text.len(),
            offset: 0,
            page: self.batch.text.len(),
            at_end: false,
        };
        let mut outcome = Ok(());
        while !reading.at_end {
            outcome = self.fill(&mut reading, source);
            self.cut(&mut reading);
            if self.step(&mut reading).is_break() {
                return (ControlFlow::Break(()), Ok(()));
            }
            if reading.splitter.settled() > self.limits.page && !reading.at_end {
                outcome = self.skip_oversized(&mut reading, source);
            }
        }
        (ControlFlow::Continue(()), outcome)
    }

    /// Passes on what is left after the last source.
    pub fn finish(mut self) {
        if !self.batch.is_empty() {
            // The run ends here either way.
            let _ = (self.pass)(mem::take(&mut self.batch));
        }
    }

    /// Reads up to a batch's size; at least doubles a page that is larger.
    fn fill(&mut self, reading: &mut Reading, source: &mut dyn Read) -> io::Result<()> {
        let text = &mut self.batch.text;
        let room = self.limits.batch.saturating_sub(text.len());
        let wanted = room.max(SMALLEST_READ).max(text.len() - reading.page);
        let wanted = wanted.min(self.limits.page + SMALLEST_READ);
        let (at_end, outcome) = read_on(source, wanted, text, self.progress);
        reading.at_end = at_end;
        outcome
    }

    /// Lists the pages whose end is known.
    fn cut(&mut self, reading: &mut Reading) {
        loop {
            let text = &self.batch.text[reading.page..];
            let Some(start) = reading.splitter.next_start(text, reading.at_end) else {
                break;
            };
            reading.splitter.consume(start.at);
            let stretch = reading.page..reading.page + start.previous_end;
            let next = reading.page + start.at;
            self.end_page(reading, stretch, next);
        }
        if reading.at_end {
            let end = self.batch.text.len();
            self.end_page(reading, reading.page..end, end);
            self.close_part(reading, end, None);
        }
    }

    fn end_page(&mut self, reading: &mut Reading, stretch: Range<usize>, next: usize) {
        if next - reading.page > self.limits.page {
            let text = &self.batch.text[reading.page..next];
            let oversized = Oversized {
                length: text.len() as u64,
                feeds: feeds_in(text),
                is_report: shows_report(&text[..self.limits.page]),
                excerpt: Reject::excerpt_of(text),
            };
            self.close_part(reading, reading.page, Some(oversized));
            reading.offset += (next - reading.part) as u64;
            reading.part = next;
        } else if let Some(page) = page_within(&self.batch.text, stretch) {
            self.batch.pages.push(page);
        }
        reading.page = next;
    }

    /// Ends the source's part at `end`, and with it the pages listed since the last one.
    fn close_part(&mut self, reading: &mut Reading, end: usize, oversized: Option<Oversized>) {
        let first_page = self.batch.parts.last().map_or(0, |part| part.pages.end);
        if end == reading.part && oversized.is_none() {
            return;
        }
        self.batch.parts.push(Part {
            path: Arc::clone(&reading.path),
            offset: reading.offset,
            text: reading.part..end,
            pages: first_page..self.batch.pages.len(),
            oversized,
        });
        reading.offset += (end - reading.part) as u64;
        reading.part = end;
    }

    /// Passes a full batch on; the page under way moves to the next one.
    fn step(&mut self, reading: &mut Reading) -> ControlFlow<()> {
        let full = self.batch.text.len() >= self.limits.batch;
        if !full || reading.page == 0 {
            return ControlFlow::Continue(());
        }
        self.close_part(reading, reading.page, None);
        let mut next = Batch {
            text: self.buffers.take(),
            ..Batch::default()
        };
        next.text.reserve_exact(self.limits.batch + SMALLEST_READ);
        next.text
            .extend_from_slice(&self.batch.text[reading.page..]);
        self.batch.text.truncate(reading.page);
        (reading.part, reading.page) = (0, 0);
        (self.pass)(mem::replace(&mut self.batch, next))
    }

    /// Reads on to the end of a page that is surely over the limit, and keeps none of it.
    fn skip_oversized(&mut self, reading: &mut Reading, source: &mut dyn Read) -> io::Result<()> {
        self.close_part(reading, reading.page, None);
        let beginning = &self.batch.text[reading.page..][..self.limits.page];
        let mut oversized = Oversized {
            length: 0,
            feeds: 0,
            is_report: shows_report(beginning),
            excerpt: Reject::excerpt_of(beginning),
        };
        let mut text = self.batch.text.split_off(reading.page);
        let outcome = loop {
            oversized.drop_beginning(&mut text, reading.splitter.settled());
            reading.splitter.consume(reading.splitter.settled());
            text.shrink_to(self.limits.batch + SMALLEST_READ);

            let (at_end, outcome) = read_on(source, self.limits.batch, &mut text, self.progress);
            reading.at_end = at_end;
            let next = reading.splitter.next_start(&text, reading.at_end);
            if next.is_some() || reading.at_end {
                let end = next.map_or(text.len(), |start| start.at);
                oversized.drop_beginning(&mut text, end);
                reading.splitter.consume(end);
                break outcome;
            }
        };
        let length = oversized.length;
        self.close_part(reading, reading.page, Some(oversized));
        reading.offset += length;
        self.batch.text.append(&mut text);
        self.cut(reading);
        outcome
    }
}

/// Appends up to `wanted` bytes; says whether the source has ended, be it in a fault.
fn read_on(
    source: &mut dyn Read,
    wanted: usize,
    text: &mut Vec<u8>,
    progress: &AtomicU64,
) -> (bool, io::Result<()>) {
    let before = text.len();
    let outcome = source.take(wanted as u64).read_to_end(text);
    let read = text.len() - before;
    progress.fetch_add(read as u64, Ordering::Relaxed);
    (read < wanted, outcome.map(drop))
}

impl Oversized {
    fn drop_beginning(&mut self, text: &mut Vec<u8>, bytes: usize) {
        self.length += bytes as u64;
        self.feeds += feeds_in(&text[..bytes]);
        text.drain(..bytes);
    }
}

fn feeds_in(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

/// Whether the beginning of a page that is not parsed as a whole shows what it is.
fn shows_report(beginning: &[u8]) -> bool {
    let mut page = Page::default();
    grammar::parse(beginning, &mut page);
    page.is_report
}
