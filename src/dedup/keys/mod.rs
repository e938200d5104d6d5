//! Which keys were seen before, and where first: exact, in bounded memory.
//!
//! Keys are in a table until memory is used up. Then they are written, in order, to a
//! run: a file with a filter and an index in memory. Eight runs of one size are merged
//! into one, in the pass that writes the table. So a new key rarely reads the disk, and an
//! old one reads 4 KiB of it.
//!
//! | memory per key | bytes                                                             |
//! |----------------|-------------------------------------------------------------------|
//! | in the table   | 30, at worst 32; 16 of them are the key, 8 its value, one its tag |
//! | without values | 26, at worst 32                                                   |
//! | in a run       | 1.55: 12 bits in the filter, 0.4 in the index                     |
//!
//! Filters and indexes take half of the memory at most: at 12.4 bits a key that is enough for
//! 86 million keys in 256 MiB. From there on filters are folded, the largest first. A filter
//! with 12 bits a key lets 0.45 % of the absent keys through, one with 6 lets 6.7 %, one with
//! 3 lets 42 %; each of those is a read for nothing. The indexes alone, which are never cut,
//! take half of the memory at 32 times as many keys.
//!
//! What spreads keys is a secret of each map, see `mix`; without it nobody can choose keys
//! that are slow. Answers do not depend on it.

mod block;
mod filter;
mod merge;
mod mix;
mod run;
mod save;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::hint;
use std::io;
use std::path::PathBuf;

use block::Header;
use filter::Filter;
use mix::Mix;
use run::Run;
use table::{Entry, Table, Vacancy};
use write::Writer;

pub use save::KeyFile;

/// A map from keys to the values they came with first.
pub struct Keys {
    mix: Mix,
    memory: usize,
    table: Table,
    /// Of earlier processes, in an order of their own; those of higher tiers first.
    stored: Vec<Run>,
    /// Of this process, those of higher tiers first.
    runs: Vec<Run>,
    /// Where the files of these are. They have no names, so that none is left when the process is killed.
    folder: PathBuf,
    block: Box<block::Bytes>,
    /// Where the next few keys are or will be: first found, then looked at, with so little between two
    /// looks that the processor makes many of them at once.
    expected: Vec<Vacancy>,
    len: u64,
    /// A spill has begun and did not end.
    is_broken: bool,
}

/// With less memory than this, this much is taken.
const LEAST_MEMORY: usize = 64 * 1024;

/// Runs of a tier, with the table, that are merged. Four is as fast and writes more; with 16,
/// old keys ask so many filters that it is an eighth slower (10 M keys in 16 MiB).
const MERGED: usize = 8;

impl Keys {
    /// A map in so much memory, with runs in temporary files in this folder when that is not enough.
    pub fn new(memory: usize, folder: PathBuf) -> Self {
        let memory = memory.max(LEAST_MEMORY);
        Self {
            mix: Mix::random(),
            memory,
            table: Table::new(table_size(memory, 0), true),
            stored: Vec::new(),
            runs: Vec::new(),
            folder,
            block: Box::new([0; block::SIZE]),
            expected: Vec::new(),
            len: 0,
            is_broken: false,
        }
    }

    /// The same, and empty, for someone who only asks whether a key was there: all values are 0.
    #[must_use]
    pub fn without_values(self) -> Self {
        let table = Table::new(table_size(self.memory, self.runs_resident()), false);
        Self { table, ..self }
    }

    /// The value of a key that was inserted before; else it is inserted with this one.
    ///
    /// # Errors
    ///
    /// A run cannot be written, read, or is damaged. The error names the file, or a temporary one's
    /// folder. After a failed write all keys that are not in memory are answered with an error.
    pub fn insert(&mut self, key: u128, value: u64) -> io::Result<Option<u64>> {
        let plain = key;
        let key = self.mix.apply(plain);
        let mut vacancy = match self.table.find(key) {
            Ok(value) => return Ok(Some(value)),
            Err(vacancy) => vacancy,
        };
        if let Some(value) = self.find_in_runs(key, plain)? {
            return Ok(Some(value));
        }
        while self.table.insert(vacancy, Entry::new(key, value)).is_err() {
            self.spill()?;
            vacancy = self.table.vacancy(key);
        }
        self.len += 1;
        Ok(None)
    }

    /// The value of a key that was inserted before.
    ///
    /// # Errors
    ///
    /// As of [`insert`](Self::insert).
    pub fn get(&mut self, key: u128) -> io::Result<Option<u64>> {
        let stored = self.mix.apply(key);
        match self.table.find(stored) {
            Ok(value) => Ok(Some(value)),
            Err(_) => self.find_in_runs(stored, key),
        }
    }

    /// Brings into the cache what the next few keys will need, all at the same time. Nothing
    /// depends on it but speed.
    pub fn expect(&mut self, keys: impl IntoIterator<Item = u128> + Clone) {
        let tags = keys.clone().into_iter().fold(0, |touched, plain| {
            let key = self.mix.apply(plain);
            let stored = self.stored.iter();
            let stored = stored.map(|run| run.filter.touch(Mix::PUBLIC.apply(plain)));
            let runs = self.runs.iter().map(|run| run.filter.touch(key));
            let runs = runs.chain(stored);
            runs.fold(touched ^ self.table.touch(key), |all, one| all ^ one)
        });
        hint::black_box(tags);
        let keys = keys.into_iter().map(|plain| self.mix.apply(plain));
        self.expected.clear();
        self.expected
            .extend(keys.map(|key| self.table.candidate(key)));
        let keys = self.expected.iter().map(|&at| self.table.touch_key(at));
        hint::black_box(keys.fold(0, |touched, key| touched ^ key));
    }

    /// How many keys were inserted.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no key was inserted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in temporary files.
    pub fn spilled(&self) -> u64 {
        self.runs.iter().map(Run::size).sum()
    }

    /// Bytes in memory.
    pub fn resident(&self) -> usize {
        self.table.bytes() + self.runs_resident()
    }

    fn runs_resident(&self) -> usize {
        self.stored.iter().chain(&self.runs).map(Run::bytes).sum()
    }

    /// Large runs, which most keys are in, first.
    fn find_in_runs(&mut self, key: u128, plain: u128) -> io::Result<Option<u64>> {
        if self.is_broken {
            return Err(io::Error::other("keys were lost when writing them failed"));
        }
        for run in &self.runs {
            if let Some(value) = run.find(key, &mut self.block)? {
                return Ok(Some(value));
            }
        }
        for run in &self.stored {
            let key = Mix::PUBLIC.apply(plain);
            if let Some(value) = run.find(key, &mut self.block)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Writes the table to a run of its own, or together with runs of its size.
    fn spill(&mut self) -> io::Result<()> {
        self.is_broken = true;
        let (start, tier) = due(&self.runs);
        let mut merged = self.runs.split_off(start);
        merged.iter_mut().for_each(Run::release);
        let entries = self.table.len() as u64 + merged.iter().map(Run::len).sum::<u64>();
        let filter = Filter::new(entries, self.fit_filters(entries));
        let header = Header {
            entries,
            mix: self.mix,
        };
        let blocks = merge::buffered(self.memory / BUFFERS, merged.len() + 1);
        let mut writer = Writer::temporary(&self.folder, header, filter, blocks)?;
        merge::merge(self.table.entries(), &merged, blocks, |entry| {
            writer.push(entry)
        })?;
        self.runs.push(writer.finish(tier)?);
        self.table
            .restart(table_size(self.memory, self.runs_resident()));
        self.is_broken = false;
        Ok(())
    }

    /// Folds the largest filters until all, with a new one for so many keys, fit in half of
    /// the memory. How often the new one is folded from the beginning.
    fn fit_filters(&mut self, keys: u64) -> u32 {
        let mut folds = 0;
        loop {
            let new = Filter::size(keys, folds);
            if self.runs_resident() + new + Run::index_size(keys) <= self.memory / 2 {
                return folds;
            }
            let runs = self.stored.iter_mut().chain(&mut self.runs);
            let largest = runs.max_by_key(|run| run.filter.bytes());
            let folded = largest
                .filter(|run| run.filter.bytes() > new)
                .is_some_and(|run| run.filter.fold());
            if !folded && folds == Filter::MOST_FOLDS {
                return folds;
            }
            folds += u32::from(!folded);
        }
    }
}

/// From which run on all are merged with what is written next, and the tier of what comes of it.
fn due(runs: &[Run]) -> (usize, u32) {
    let (mut start, mut tier) = (runs.len(), 0);
    loop {
        let before = runs[..start].iter().rev();
        let same = before.take_while(|run| run.tier == tier).count();
        if same + 1 < MERGED {
            return (start, tier);
        }
        start -= same;
        tier += 1;
    }
}

/// What part of the memory buffers may take when runs are merged.
const BUFFERS: usize = 32;

/// What is left for the table. A sixteenth of that is the filter for its keys, which is
/// filled while the table is still there.
fn table_size(memory: usize, runs: usize) -> usize {
    let left = memory - memory / BUFFERS - runs.min(memory / 4 * 3);
    left / 17 * 16
}
