//! Packs what is read into batches and passes them on.
//!
//! A source is read straight into the batch under construction; what is unfinished when
//! the batch is full moves to the next one. Many small sources share a batch.

use std::cell::Cell;
use std::io::{self, Read};
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Batch, Before, Border, Fields, Origin, Part, Stream};
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::meter::Meter;

/// How much is held at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A batch is passed on when it holds so many bytes and a whole page or record.
    pub batch: usize,
    /// Bytes from a page's start to the next one's, at most.
    pub page: usize,
    /// Threads that decompress ahead of the reader.
    pub decoders: usize,
}

/// The least that is asked of a source at once.
const SMALLEST_READ: usize = 64 * 1024;

/// The batch under construction, and where batches and faults go.
pub struct Packer<'p> {
    pub limits: Limits,
    pub fields: &'p Fields,
    /// Bytes of all sources so far, for those who watch.
    pub meter: &'p Meter,
    pub batch: Batch,
    /// Sources that were read before this one.
    pub source: u64,
    /// How many archives, or records of a container, are around what is read.
    pub nesting: usize,
    /// What was read before is passed over, and its faults are not told again.
    pub is_silent: bool,
    /// Says whether a batch is to tell where reading can go on behind it. None never is.
    pub is_due: Option<&'p mut dyn FnMut() -> bool>,
    buffers: &'p Buffers,
    pass: &'p mut dyn FnMut(Batch) -> ControlFlow<()>,
    on_fault: &'p mut dyn FnMut(ReadError),
}

impl<'p> Packer<'p> {
    pub fn new(
        limits: Limits,
        fields: &'p Fields,
        meter: &'p Meter,
        buffers: &'p Buffers,
        pass: &'p mut dyn FnMut(Batch) -> ControlFlow<()>,
        on_fault: &'p mut dyn FnMut(ReadError),
    ) -> Self {
        Self {
            limits,
            fields,
            meter,
            batch: Batch {
                text: buffers.take(),
                ..Batch::default()
            },
            source: 0,
            nesting: 0,
            is_silent: false,
            is_due: None,
            buffers,
            pass,
            on_fault,
        }
    }

    /// Tells of a source, or a member of one, that cannot be read, or not to its end.
    pub fn fault(&mut self, origin: &Origin, offset: Option<u64>, source: io::Error) {
        if self.is_silent {
            return;
        }
        (self.on_fault)(ReadError {
            path: origin.path.clone(),
            record: origin.record.clone(),
            offset,
            source,
        });
    }

    /// Bytes in the batch under construction.
    pub fn filled(&self) -> usize {
        self.batch.text.len()
    }

    pub fn is_full(&self) -> bool {
        self.filled() >= self.limits.batch
    }

    /// Reads up to a batch's size; at least doubles an unfinished page or record that is
    /// larger, and begins at `unfinished`.
    pub fn fill(&mut self, inflow: &mut Inflow, unfinished: usize) {
        let text = &mut self.batch.text;
        let room = self.limits.batch.saturating_sub(text.len());
        let wanted = room.max(SMALLEST_READ).max(text.len() - unfinished);
        let wanted = wanted.min(self.limits.page + SMALLEST_READ);
        text.reserve_exact(wanted);
        inflow.read_on(wanted, text);
    }

    /// Bytes that the batch's buffer needs not to grow while it is filled.
    pub fn usual_capacity(&self) -> usize {
        self.limits.batch + SMALLEST_READ
    }

    /// Ends a part; an empty one is none.
    pub fn close(&mut self, part: Part) {
        if !part.text.is_empty() || part.behind.is_some() {
            self.batch.parts.push(part);
        }
    }

    /// Passes the batch on; its text from `unfinished` on moves to the beginning of the next one.
    pub fn pass_on(&mut self, unfinished: usize) -> ControlFlow<()> {
        let mut next = Batch {
            text: self.buffers.take(),
            ..Batch::default()
        };
        next.text.reserve_exact(self.usual_capacity());
        next.text.extend_from_slice(&self.batch.text[unfinished..]);
        self.batch.text.truncate(unfinished);
        (self.pass)(mem::replace(&mut self.batch, next))
    }

    /// Says that the batch, which is about to be passed on, ends so far into the source.
    pub fn mark(&mut self, before: Before) {
        if self.is_due() {
            self.batch.border = Some(Border {
                source: self.source,
                at: before.at,
                lines: before.lines,
                is_report: before.is_report,
                is_within: true,
            });
        }
    }

    /// Passes the batch on, if it is due, where nothing is unfinished so far into the source.
    pub fn border(&mut self, at: u64) -> ControlFlow<()> {
        if !self.is_due() {
            return ControlFlow::Continue(());
        }
        self.batch.border = Some(Border {
            source: self.source,
            at,
            lines: 0,
            is_report: false,
            is_within: false,
        });
        self.pass_on(self.filled())
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.is_due.as_mut();
        self.nesting == 0 && is_due.is_some_and(|is_due| is_due())
    }

    /// Passes on what is left after the last source.
    pub fn finish(mut self) {
        if self.batch.is_empty() {
            return self.buffers.give(self.batch.text);
        }
        // The run ends here either way.
        let _ = (self.pass)(mem::take(&mut self.batch));
    }
}

/// Who is told how much is read.
#[derive(Clone, Copy)]
pub struct Count<'a> {
    pub meter: &'a Meter,
    /// Of this source alone.
    pub read: &'a Cell<u64>,
}

/// A source, or a record in one, as it flows in.
pub struct Inflow<'a> {
    pub stream: Stream<'a>,
    /// Counts what is read, where the stream itself does not.
    count: Option<Count<'a>>,
    pub at_end: bool,
    /// Why it ended, when that was no good end.
    pub fault: Option<io::Error>,
}

impl<'a> Inflow<'a> {
    pub fn new(stream: Stream<'a>, count: Option<Count<'a>>) -> Self {
        Self {
            stream,
            count,
            at_end: false,
            fault: None,
        }
    }

    /// Appends up to `wanted` bytes, and sees whether the source has ended, be it in a fault.
    pub fn read_on(&mut self, wanted: usize, text: &mut Vec<u8>) {
        if self.at_end {
            return;
        }
        let before = text.len();
        let mut read_on = || self.stream.by_ref().take(wanted as u64).read_to_end(text);
        let outcome = match &self.count {
            Some(count) => count.meter.timed(read_on),
            None => read_on(),
        };
        let read = text.len() - before;
        self.at_end = read < wanted;
        if let Some(Count {
            meter,
            read: so_far,
        }) = &self.count
        {
            meter.add(read as u64);
            so_far.set(so_far.get() + read as u64);
        }
        self.fault = outcome.err();
    }
}

/// A stretch of one source in the batch under construction that no part holds yet.
pub struct Stretch {
    pub origin: Arc<Origin>,
    /// Its start in the batch's text.
    pub start: usize,
    /// Bytes of the source before it.
    pub offset: u64,
}

impl Stretch {
    /// What comes next in the batch.
    pub fn new(packer: &Packer, origin: Arc<Origin>, offset: u64) -> Self {
        Self {
            origin,
            start: packer.filled(),
            offset,
        }
    }
}
