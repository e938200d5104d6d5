//! Packs what is read into batches and passes them on.
//!
//! A source is read straight into the batch under construction; what is unfinished when
//! the batch is full moves to the next one. Many small sources share a batch.

use std::cell::Cell;
use std::io::{self, Read};
use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::{Batch, Before, Border, Fields, Origin, Part, Refused, Row, Stream};
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::meter::Meter;

/// How much is held at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A batch is passed on when its text and its rows take so many bytes and a whole page or record
    /// is in it.
    pub batch: usize,
    /// Bytes from a page's start to the next one's, at most.
    pub page: usize,
    /// Threads that decompress ahead of the reader.
    pub decoders: usize,
}

/// The least that is asked of a source at once.
const SMALLEST_READ: usize = 64 * 1024;

/// The batch under construction, and where batches go.
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
}

impl<'p> Packer<'p> {
    pub fn new(
        limits: Limits,
        fields: &'p Fields,
        meter: &'p Meter,
        buffers: &'p Buffers,
        pass: &'p mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Self {
        Self {
            limits,
            fields,
            meter,
            batch: Batch::default(),
            source: 0,
            nesting: 0,
            is_silent: false,
            is_due: None,
            buffers,
            pass,
        }
    }

    /// Tells of a source, or a member of one, that cannot be read, or not to its end. All that was
    /// read before is in a part.
    pub fn fault(&mut self, origin: &Origin, offset: Option<u64>, source: io::Error) {
        if self.is_silent {
            return;
        }
        let fault = ReadError {
            input: self.source,
            path: origin.path.clone(),
            record: origin.record.clone(),
            offset,
            source,
        };
        self.batch.faults.add(self.batch.parts.len(), fault);
    }

    /// Bytes in the batch under construction.
    pub fn filled(&self) -> usize {
        self.batch.text.len()
    }

    /// Rows and parts count too, for those without text would else be held to the end of the file.
    pub fn is_full(&self) -> bool {
        let rows = self.batch.rows.len() * size_of::<Row>();
        let parts = self.batch.parts.len() * (size_of::<Part>() + size_of::<Refused>());
        self.filled() + rows + parts >= self.limits.batch
    }

    /// Reads up to a batch's size; at least doubles an unfinished page or record that is
    /// larger, and begins at `unfinished`.
    pub fn fill(&mut self, inflow: &mut Inflow, unfinished: usize) {
        let usual = self.usual_capacity();
        let text = &mut self.batch.text;
        let held = text.len();
        let room = self.limits.batch.saturating_sub(held);
        let wanted = room.max(SMALLEST_READ).max(held - unfinished);
        let wanted = wanted.min(self.limits.page.saturating_add(SMALLEST_READ));
        if text.capacity() < usual {
            let mut used = self.buffers.take_used();
            used.reserve_exact(usual.saturating_sub(used.len()));
            // To read the little that is lacking for itself takes longer than to zero it.
            let ready = match used.len() + SMALLEST_READ < held + wanted {
                true => used.len().max(held),
                false => held + wanted,
            };
            used.resize(ready, 0);
            used[..held].copy_from_slice(text);
            *text = used;
        }
        text.reserve_exact((held + wanted).saturating_sub(text.len()));
        inflow.read_over(held, wanted, text);
    }

    /// Appends what is not read from a stream.
    pub fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let text = &mut self.batch.text;
        if text.capacity() == 0 {
            *text = self.buffers.take();
        }
        let start = text.len();
        text.extend_from_slice(bytes);
        start..text.len()
    }

    /// Bytes that the batch's buffer needs not to grow while it is filled.
    pub fn usual_capacity(&self) -> usize {
        self.limits.batch + SMALLEST_READ
    }

    /// Ends a part; one that holds nothing is none.
    pub fn close(&mut self, part: Part) {
        if !part.text.is_empty() || part.content.has_rows() || part.behind.is_some() {
            self.batch.parts.push(part);
        }
    }

    /// Passes the batch on; its text from `unfinished` on moves to the beginning of the next one.
    pub fn pass_on(&mut self, unfinished: usize) -> ControlFlow<()> {
        let next = Batch {
            text: self.batch.text.split_off(unfinished),
            ..Batch::default()
        };
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

    /// Passes the batch on, if it is due, where nothing is unfinished so far into the source; and if there
    /// are faults, which would else be told when it is full, and that may take hours.
    pub fn border(&mut self, at: u64) -> ControlFlow<()> {
        if self.is_due() {
            self.batch.border = Some(Border {
                source: self.source,
                at,
                lines: 0,
                is_report: false,
                is_within: false,
            });
        } else if self.batch.faults.is_empty() {
            return ControlFlow::Continue(());
        }
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
        self.read_over(text.len(), wanted, text);
    }

    /// Puts up to `wanted` bytes behind the first `held`, instead of what is there, of which there
    /// may not be more.
    fn read_over(&mut self, held: usize, wanted: usize, text: &mut Vec<u8>) {
        if self.at_end {
            return text.truncate(held);
        }
        let mut read_over = || {
            let (over, outcome) = read_full(&mut self.stream, &mut text[held..]);
            let is_full = held + over == text.len();
            text.truncate(held + over);
            outcome?;
            if is_full {
                let rest = (wanted - over) as u64;
                self.stream.by_ref().take(rest).read_to_end(text)?;
            }
            Ok(())
        };
        let outcome = match &self.count {
            Some(count) => count.meter.timed(read_over),
            None => read_over(),
        };
        let read = text.len() - held;
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

/// Reads until the buffer is full or the stream has ended, and returns how many bytes that were.
fn read_full(stream: &mut dyn Read, mut buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let wanted = buffer.len();
    while !buffer.is_empty() {
        match stream.read(buffer) {
            Ok(0) => break,
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (wanted - buffer.len(), Err(error)),
        }
    }
    (wanted - buffer.len(), Ok(()))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time, is interrupted in between, and fails at last if it is to.
    struct Halting {
        text: Vec<u8>,
        calls: usize,
        fails: bool,
    }

    impl Read for Halting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let read = buffer.len().min(self.text.len()).min(7);
            if read == 0 && self.fails {
                return Err(io::Error::other("it fails"));
            }
            buffer[..read].copy_from_slice(&self.text[..read]);
            self.text.drain(..read);
            Ok(read)
        }
    }

    proptest! {
        #[test]
        fn what_was_in_a_buffer_before_is_written_over_or_cut_off(
            used in 0usize..200, held in 0usize..100, wanted in 1usize..200, fails: bool,
        ) {
            let text: Vec<u8> = (0..100).collect();
            let mut buffer = vec![0xFF; used.clamp(held, held + wanted)];
            buffer[..held].copy_from_slice(&text[..held]);
            let stream = Halting { text: text[held..].to_vec(), calls: 0, fails };
            let mut inflow = Inflow::new(Box::new(stream), None);
            inflow.read_over(held, wanted, &mut buffer);
            let is_over = held + wanted > text.len();
            prop_assert_eq!(&buffer, &text[..text.len().min(held + wanted)]);
            prop_assert_eq!((inflow.at_end, inflow.fault.is_some()), (is_over, is_over && fails));
        }
    }
}
