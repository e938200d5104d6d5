//! A run: keys in order in a file, with a filter and an index in memory.
//!
//! A key that the filter lets through costs one read of 4 KiB. A block that is not as it was
//! written is an error, not an answer.
//!
//! The last block read is not kept: keys are spread evenly, so the next one is elsewhere.

use std::fs::File;
use std::io;
use std::mem;
use std::path::PathBuf;

use super::block::{self, Found, Header};
use super::filter::Filter;
use super::scan::Scan;
use crate::durable::named;

/// A file of keys, complete.
pub(super) struct Run {
    pub(super) file: File,
    /// Its path, or of a temporary file the folder's.
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// The upper half of the first key of each block: 0.4 bits a key.
    pub(super) index: Vec<u64>,
    pub(super) filter: Filter,
    /// How many times its keys were merged.
    pub(super) tier: u32,
}

impl Run {
    /// Opens a run that is on disk, and reads all of it: so many blocks at a time, into this filter.
    pub(super) fn open(path: PathBuf, filter: Filter, blocks: usize) -> io::Result<Self> {
        let file = File::open(&path).map_err(|error| named(&path, &error))?;
        let mut run = Self {
            file,
            path,
            header: Header::default(),
            index: Vec::new(),
            filter,
            tier: 0,
        };
        let mut first = [0; block::SIZE];
        run.read(0, &mut first)?;
        run.header = Header::read(&first).ok_or_else(|| run.damaged(0))?;
        let mut index = Vec::with_capacity(Self::index_size(run.len()) / 8);
        let mut filter = mem::replace(&mut run.filter, Filter::none());
        let mut scan = Scan::new(&run, blocks)?;
        for number in 0..run.len() {
            let entry = scan.next()?.ok_or_else(|| run.damaged(0))?;
            if number % block::ENTRIES as u64 == 0 {
                index.push((entry.key() >> 64) as u64);
            }
            filter.insert(entry.key());
        }
        (run.index, run.filter) = (index, filter);
        Ok(run)
    }

    pub(super) fn len(&self) -> u64 {
        self.header.entries
    }

    /// The size of the file.
    pub(super) fn size(&self) -> u64 {
        block::blocks(self.len()) * block::SIZE as u64
    }

    /// Memory for the index.
    pub(super) fn index_size(keys: u64) -> usize {
        (block::blocks(keys) as usize) * 8
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.capacity() * 8 + self.filter.bytes()
    }

    /// The value of a key, if the run has it.
    #[inline]
    pub(super) fn find(&self, key: u128, block: &mut block::Bytes) -> io::Result<Option<u64>> {
        match self.filter.may_have(key) {
            true => self.search(key, block),
            false => Ok(None),
        }
    }

    /// One block in all but one of 2⁶⁴ cases: that the halves of two keys are equal.
    fn search(&self, key: u128, block: &mut block::Bytes) -> io::Result<Option<u64>> {
        let upper = (key >> 64) as u64;
        let mut number = self.index.partition_point(|&first| first <= upper) as u64;
        while number > 0 {
            self.read(number, block)?;
            let entries = block::entries(block, number).ok_or_else(|| self.damaged(number))?;
            match block::find(block, entries, key) {
                Found::Value(value) => return Ok(Some(value)),
                Found::Absent => return Ok(None),
                Found::Earlier => number -= 1,
            }
        }
        Ok(None)
    }

    /// Reads blocks from this one on.
    pub(super) fn read(&self, number: u64, bytes: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, bytes, number * block::SIZE as u64)
            .map_err(|error| named(&self.path, &error))
    }

    pub(super) fn damaged(&self, number: u64) -> io::Error {
        let problem = format!("block {number} of a file of keys is not as it was written");
        let error = io::Error::new(io::ErrorKind::InvalidData, problem);
        named(&self.path, &error)
    }

    /// Gives back the memory of a run that is about to be merged. It can only be read in order then.
    pub(super) fn release(&mut self) {
        self.index = Vec::new();
        self.filter = Filter::none();
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
