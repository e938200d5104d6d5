//! Writes a run: one pass over the file, then the header.
//!
//! Nothing is synced: check sums tell what did not arrive.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use super::block::{self, Header};
use super::filter::Filter;
use super::run::Run;
use super::table::Entry;
use crate::durable::named;

/// A run being written.
pub(super) struct Writer {
    run: Run,
    /// Some blocks, and how many of them are complete.
    buffer: Vec<block::Bytes>,
    complete: usize,
    /// The block being filled, and how many entries it has.
    number: u64,
    entries: usize,
    written: u64,
}

impl Writer {
    /// Begins a run of exactly so many entries, in a file that has no name and is in this folder, which
    /// is made if it is missing. So many blocks are written at a time.
    pub(super) fn temporary(
        folder: &Path,
        header: Header,
        filter: Filter,
        blocks: usize,
    ) -> io::Result<Self> {
        let file = fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        Self::new(file, folder.to_owned(), header, filter, blocks)
    }

    /// Begins a run of so many entries in a file of this name, which will not be searched by this
    /// process.
    pub(super) fn named(path: PathBuf, header: Header, blocks: usize) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        Self::new(file, path, header, Filter::none(), blocks)
    }

    fn new(
        file: io::Result<File>,
        path: PathBuf,
        header: Header,
        filter: Filter,
        blocks: usize,
    ) -> io::Result<Self> {
        let run = Run {
            file: file.map_err(|error| named(&path, &error))?,
            path,
            header,
            index: Vec::with_capacity(Run::index_size(header.entries) / 8),
            filter,
            tier: 0,
        };
        Ok(Self {
            run,
            buffer: vec![[0; block::SIZE]; blocks],
            // The place of the header.
            complete: 1,
            number: 0,
            entries: block::ENTRIES,
            written: 0,
        })
    }

    /// Adds the next entry in order.
    pub(super) fn push(&mut self, entry: Entry) -> io::Result<()> {
        if self.entries == block::ENTRIES {
            self.next_block()?;
            self.run.index.push((entry.key() >> 64) as u64);
        }
        block::put_entry(&mut self.buffer[self.complete], self.entries, entry);
        self.entries += 1;
        self.written += 1;
        self.run.filter.insert(entry.key());
        Ok(())
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.seal();
        if self.complete == self.buffer.len() {
            self.flush()?;
        }
        self.number += 1;
        self.entries = 0;
        Ok(())
    }

    fn seal(&mut self) {
        if self.number > 0 {
            block::seal(&mut self.buffer[self.complete], self.number, self.entries);
            self.complete += 1;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.buffer[..self.complete].as_flattened();
        self.complete = 0;
        (&self.run.file)
            .write_all(bytes)
            .map_err(|error| named(&self.run.path, &error))
    }

    /// Completes the run, whose keys were merged so often.
    pub(super) fn finish(mut self, tier: u32) -> io::Result<Run> {
        assert_eq!(
            self.written,
            self.run.len(),
            "a run is as long as announced"
        );
        self.seal();
        self.flush()?;
        self.run.header.write(&mut self.buffer[0]);
        self.complete = 1;
        let rewound = (&self.run.file).rewind();
        rewound.map_err(|error| named(&self.run.path, &error))?;
        self.flush()?;
        self.run.tier = tier;
        Ok(self.run)
    }
}
