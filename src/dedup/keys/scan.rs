//! Reads a run from its first entry to its last, and believes nothing that it has not checked.

use std::io;

use super::block::{self, Header};
use super::run::Run;
use super::table::Entry;

/// The entries of a run, in order.
pub(super) struct Scan<'r> {
    run: &'r Run,
    /// Some blocks; the first has this number.
    buffer: Vec<block::Bytes>,
    first: u64,
    /// The block being read, how many entries it has and how many were taken.
    number: u64,
    entries: usize,
    taken: usize,
}

impl<'r> Scan<'r> {
    /// Reads so many blocks at a time.
    pub(super) fn new(run: &'r Run, blocks: usize) -> io::Result<Self> {
        let mut scan = Self {
            run,
            buffer: vec![[0; block::SIZE]; blocks],
            first: 0,
            number: 0,
            entries: 0,
            taken: 0,
        };
        scan.fill()?;
        match Header::read(&scan.buffer[0]) == Some(run.header) {
            true => Ok(scan),
            false => Err(run.damaged(0)),
        }
    }

    /// The next entry.
    #[inline]
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.taken == self.entries && !self.next_block()? {
            return Ok(None);
        }
        let block = &self.buffer[(self.number - self.first) as usize];
        self.taken += 1;
        Ok(Some(block::entry(block, self.taken - 1)))
    }

    /// Goes on to the next block, if there is one.
    fn next_block(&mut self) -> io::Result<bool> {
        if self.number + 1 == block::blocks(self.run.len()) {
            return Ok(false);
        }
        self.number += 1;
        if self.number - self.first == self.buffer.len() as u64 {
            self.first = self.number;
            self.fill()?;
        }
        let block = &self.buffer[(self.number - self.first) as usize];
        let before = (self.number - 1) * block::ENTRIES as u64;
        let expected = (self.run.len() - before).min(block::ENTRIES as u64) as usize;
        if block::entries(block, self.number) != Some(expected) {
            return Err(self.run.damaged(self.number));
        }
        (self.entries, self.taken) = (expected, 0);
        Ok(true)
    }

    fn fill(&mut self) -> io::Result<()> {
        let left = block::blocks(self.run.len()) - self.first;
        let blocks = left.min(self.buffer.len() as u64) as usize;
        let bytes = self.buffer[..blocks].as_flattened_mut();
        self.run.read(self.first, bytes)
    }
}
