//! Plain text: read in large chunks, cut into pages, packed into batches.
//!
//! The pages of many small sources share a batch; a page larger than a batch gets one
//! of its own. A page larger than the limit is not held: its beginning is looked at, its
//! end is searched for in bounded memory, and the page behind it comes out whole.

use std::io::{self, Read};
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memrchr;

use super::{Batch, Decoded, Oversized, Part, Stream};
use crate::buffers::Buffers;
use crate::grammar::{self, Page};
use crate::model::Reject;
use crate::split::{Splitter, feeds_in, page_within};

/// How much is held at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A batch is passed on when it holds so many bytes and a whole page.
    pub batch: usize,
    /// Bytes from a page's start to the next one's, at most.
    pub page: usize,
}

/// Text without a header is looked at in stretches of so many bytes; one that shows no
/// report is ended there.
const OTHER_TEXT: usize = 1 << 20;

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
struct Reading<'a> {
    path: Arc<str>,
    splitter: Splitter,
    /// Start in the batch's text of what no part holds yet, and the source's bytes before it.
    part: usize,
    offset: u64,
    /// Start in the batch's text of the page whose end is searched.
    page: usize,
    /// The page has shown that it is a report's; one that starts with a header always has.
    is_report: bool,
    stream: Stream<'a>,
    /// Counts what is read, where the stream itself does not.
    progress: Option<&'a AtomicU64>,
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
    /// Those of the source, with the bytes of text that came before. These are read as if the source ended there.
    pub fn read(
        &mut self,
        path: &str,
        source: Decoded,
    ) -> (ControlFlow<()>, Result<(), (u64, io::Error)>) {
        let mut reading = Reading {
            path: path.into(),
            splitter: Splitter::default(),
            part: self.batch.text.len(),
            offset: 0,
            page: self.batch.text.len(),
            is_report: false,
            stream: source.stream,
            progress: source.is_plain.then_some(self.progress),
            at_end: false,
        };
        let mut outcome = Ok(());
        while !reading.at_end {
            outcome = self.fill(&mut reading);
            self.cut(&mut reading);
            if self.step(&mut reading).is_break() {
                return (ControlFlow::Break(()), Ok(()));
            }
            if reading.splitter.settled() > self.limits.page && reading.is_report && !reading.at_end
            {
                outcome = self.skip_oversized(&mut reading);
            }
        }
        let outcome = outcome.map_err(|error| (reading.offset, error));
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
    fn fill(&mut self, reading: &mut Reading) -> io::Result<()> {
        let text = &mut self.batch.text;
        let room = self.limits.batch.saturating_sub(text.len());
        let wanted = room.max(SMALLEST_READ).max(text.len() - reading.page);
        let wanted = wanted.min(self.limits.page + SMALLEST_READ);
        text.reserve_exact(wanted);
        reading.read_on(wanted, text)
    }

    /// Lists the pages whose end is known.
    fn cut(&mut self, reading: &mut Reading) {
        loop {
            let text = &self.batch.text[reading.page..];
            let Some(start) = reading.splitter.next_start(text, reading.at_end) else {
                break;
            };
            reading.splitter.consume(start.at);
            let end = reading.page + start.previous_end;
            let next = reading.page + start.at;
            self.end_page(reading, end, next);
            reading.is_report = true;
        }
        if reading.at_end {
            let end = self.batch.text.len();
            self.end_page(reading, end, end);
            self.close_part(reading, end, None);
        } else {
            let dropped = self.end_other_text(reading, reading.page + reading.splitter.settled());
            reading.splitter.consume(dropped);
        }
    }

    /// Ends, stretch by stretch, text that shows no report, as far as no page starts in it:
    /// a dump of other text is not held to its end. Returns how many bytes that were.
    fn end_other_text(&mut self, reading: &mut Reading, settled: usize) -> usize {
        let from = reading.page;
        let most = OTHER_TEXT.min(self.limits.page);
        while !reading.is_report && settled.saturating_sub(reading.page) > most {
            let stretch = &self.batch.text[reading.page..][..most];
            if shows_report(stretch) {
                reading.is_report = true;
            } else {
                let end = reading.page + memrchr(b'\n', stretch).map_or(most, |feed| feed + 1);
                self.batch
                    .pages
                    .extend(page_within(&self.batch.text, reading.page..end));
                reading.page = end;
            }
        }
        reading.page - from
    }

    fn end_page(&mut self, reading: &mut Reading, end: usize, next: usize) {
        self.end_other_text(reading, next);
        if next - reading.page > self.limits.page {
            let text = &self.batch.text[reading.page..next];
            let oversized = Oversized {
                length: text.len() as u64,
                feeds: feeds_in(text),
                excerpt: Reject::excerpt_of(text),
            };
            self.close_part(reading, reading.page, Some(oversized));
            reading.offset += (next - reading.part) as u64;
            reading.part = next;
        } else {
            self.batch
                .pages
                .extend(page_within(&self.batch.text, reading.page..end));
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
    fn skip_oversized(&mut self, reading: &mut Reading) -> io::Result<()> {
        self.close_part(reading, reading.page, None);
        let beginning = &self.batch.text[reading.page..][..self.limits.page];
        let mut oversized = Oversized {
            length: 0,
            feeds: 0,
            excerpt: Reject::excerpt_of(beginning),
        };
        let mut text = match reading.page {
            0 => mem::take(&mut self.batch.text),
            page => self.batch.text.split_off(page),
        };
        let outcome = loop {
            oversized.drop_beginning(&mut text, reading.splitter.settled());
            reading.splitter.consume(reading.splitter.settled());
            text.shrink_to(self.limits.batch + SMALLEST_READ);

            let outcome = reading.read_on(self.limits.batch, &mut text);
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

impl Reading<'_> {
    /// Appends up to `wanted` bytes, and sees whether the source has ended, be it in a fault.
    fn read_on(&mut self, wanted: usize, text: &mut Vec<u8>) -> io::Result<()> {
        let before = text.len();
        let outcome = self.stream.by_ref().take(wanted as u64).read_to_end(text);
        let read = text.len() - before;
        self.at_end = read < wanted;
        if let Some(progress) = self.progress {
            progress.fetch_add(read as u64, Ordering::Relaxed);
        }
        outcome.map(drop)
    }
}

impl Oversized {
    fn drop_beginning(&mut self, text: &mut Vec<u8>, bytes: usize) {
        self.length += bytes as u64;
        self.feeds += feeds_in(&text[..bytes]);
        text.drain(..bytes);
    }
}

/// Whether something in the text is found on report pages only.
fn shows_report(text: &[u8]) -> bool {
    let mut page = Page::default();
    grammar::parse(text, &mut page);
    page.is_report
}
