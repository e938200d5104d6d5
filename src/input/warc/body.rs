//! The block of a large WARC record, as a stream, and where another record begins.

use std::io::{self, Read};
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::super::pack::Inflow;
use super::LONGEST_HEADER;

/// The block of a large record, as a stream. It ends early where another record begins in it, so
/// that a length which is too large by damage does not swallow the rest of the file.
pub(super) struct Body<'b, 'a> {
    bytes: Vec<u8>,
    at: usize,
    /// Where another record begins in the bytes.
    next: Option<usize>,
    /// Bytes of the block to come.
    pub(super) left: u64,
    inflow: &'b mut Inflow<'a>,
}

impl<'b, 'a> Body<'b, 'a> {
    pub(super) fn new(bytes: Vec<u8>, left: u64, inflow: &'b mut Inflow<'a>) -> Self {
        let next = next_record(&bytes, After::BlankLine);
        Self {
            bytes,
            at: 0,
            next,
            left,
            inflow,
        }
    }

    /// Whether the block was ended by the beginning of another record.
    pub(super) fn meets_record(&self) -> bool {
        self.left > 0 && self.next == Some(self.at)
    }

    /// What was read of the source behind the block.
    pub(super) fn rest(mut self) -> Vec<u8> {
        self.bytes.split_off(self.at)
    }
}

impl Read for Body<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.len() - self.at <= BOUNDARY && !self.inflow.at_end && self.next.is_none() {
            self.bytes.drain(..self.at);
            self.at = 0;
            self.inflow.read_on(LONGEST_HEADER, &mut self.bytes);
            self.next = next_record(&self.bytes, After::BlankLine);
        }
        let kept = if self.inflow.at_end { 0 } else { BOUNDARY };
        let end = self
            .next
            .unwrap_or(self.bytes.len().saturating_sub(kept).max(self.at));
        let there = (end - self.at).min(buffer.len());
        let length = self.left.min(there as u64) as usize;
        buffer[..length].copy_from_slice(&self.bytes[self.at..][..length]);
        (self.at, self.left) = (self.at + length, self.left - length as u64);
        Ok(length)
    }
}

/// Bytes that tell a record's beginning behind another one's block.
pub(super) const BOUNDARY: usize = 24;

static NEXT: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\nWARC/1."));

/// What stands before a record.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum After {
    /// Where one must be found, any line.
    AnyLine,
    /// Where there should be none, what always stands between two, for a text may speak of them.
    BlankLine,
}

/// Where the next record begins behind the first byte: a version line, and then a field.
pub(super) fn next_record(text: &[u8], after: After) -> Option<usize> {
    let begins = |&at: &usize| {
        let Some([b'0' | b'1', line_end @ ..]) = text.get(at + NEXT.needle().len()..) else {
            return false;
        };
        let line_end = line_end.strip_prefix(b"\r").unwrap_or(line_end);
        let field = line_end.strip_prefix(b"\n").unwrap_or_default();
        let line_before = text[..at].strip_suffix(b"\r").unwrap_or(&text[..at]);
        field.first().is_some_and(u8::is_ascii_alphabetic)
            && (after == After::AnyLine || line_before.ends_with(b"\n"))
    };
    NEXT.find_iter(text).find(begins).map(|at| at + 1)
}
