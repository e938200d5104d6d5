//! Keys from process to process: runs that are read when a map is made, and written when it is done with.
//!
//! Such a run is in an order without a secret, and there is one for all keys of a process,
//! whatever its memory was: the same keys in the same order make the same files. As with
//! the runs of one process, eight of one size are merged into one.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::block::{self, Header};
use super::filter::Filter;
use super::merge::{buffered, merge};
use super::mix::Mix;
use super::run::Run;
use super::table::{Entry, Table};
use super::write::Writer;
use super::{BUFFERS, Keys, due, table_size};
use crate::durable::{named, step};

/// A run that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    /// Its name in the folder.
    pub name: String,
    /// How many keys it has.
    pub keys: u64,
    /// How often they were merged.
    pub tier: u32,
}

impl KeyFile {
    /// Its size, in bytes.
    pub fn size(&self) -> u64 {
        block::blocks(self.keys) * block::SIZE as u64
    }
}

impl Keys {
    /// A map that has the keys of these files already. All of them are read, and checked.
    ///
    /// # Errors
    /// A file cannot be read, or is not as it was written. The error names the file.
    pub fn open(
        memory: usize,
        folder: &Path,
        files: &[KeyFile],
        temporary: PathBuf,
    ) -> io::Result<Self> {
        let mut keys = Self::new(memory, temporary);
        for file in files {
            let filter = Filter::new(file.keys, keys.fit_filters(file.keys));
            let blocks = buffered(keys.memory / BUFFERS, 1);
            let run = Run::open(folder.join(&file.name), filter, blocks)?;
            if run.header != KeyFile::header(file.keys) {
                return Err(run.damaged(0));
            }
            keys.stored.push(Run {
                tier: file.tier,
                ..run
            });
        }
        let runs = keys.stored.iter().map(Run::bytes).sum();
        keys.table = Table::new(table_size(keys.memory, runs), true);
        Ok(keys)
    }

    /// Writes the keys that were inserted to the folder, in a file of this name, and syncs
    /// it. Returns the files that the map now consists of; others of the folder are merged
    /// into the new one and no longer needed.
    ///
    /// # Errors
    /// A file cannot be written or read. The error names the file.
    pub fn save(self, folder: &Path, name: &str) -> io::Result<Vec<KeyFile>> {
        if self.len == 0 {
            return Ok(self.stored.iter().map(Run::as_file).collect());
        }
        let memory = self.memory;
        let Sorted {
            entries,
            runs,
            mut stored,
        } = self.sorted()?;
        let (start, tier) = due(&stored);
        let mut merged = stored.split_off(start);
        merged.extend(runs);
        let len = entries.len() as u64 + merged.iter().map(Run::len).sum::<u64>();
        let blocks = buffered(memory / BUFFERS, merged.len() + 1);
        step("write keys")?;
        let mut writer = Writer::named(folder.join(name), KeyFile::header(len), blocks)?;
        merge(entries.into_iter(), &merged, blocks, |entry| {
            writer.push(entry)
        })?;
        let run = writer.finish(tier)?;
        let synced = step("sync keys").and_then(|()| run.file.sync_all());
        synced.map_err(|error| named(&run.path, &error))?;
        stored.push(run);
        Ok(stored.iter().map(Run::as_file).collect())
    }

    fn sorted(mut self) -> io::Result<Sorted> {
        if self.table.bytes() > self.memory / 2 {
            self.spill()?;
            self.table = Table::new(0, true);
        }
        self.runs.iter_mut().for_each(Run::release);
        self.stored.iter_mut().for_each(Run::release);
        let most = self.memory / 2 / Entry::SIZE;
        let blocks = buffered(self.memory / BUFFERS, self.runs.len() + 1);
        let mut entries = Vec::with_capacity(most.min(self.len as usize));
        let mut runs = Vec::new();
        merge(self.table.entries(), &self.runs, blocks, |entry| {
            if entries.len() == most {
                runs.push(written(&mut entries, &self.folder, blocks)?);
            }
            let key = Mix::PUBLIC.apply(self.mix.undo(entry.key()));
            entries.push(Entry::new(key, entry.value));
            Ok(())
        })?;
        entries.sort_unstable_by_key(Entry::key);
        Ok(Sorted {
            entries,
            runs,
            stored: self.stored,
        })
    }
}

/// A map's keys in the order of files that are kept.
struct Sorted {
    /// The last of those that were inserted.
    entries: Vec<Entry>,
    /// More of them, in temporary files of half of the memory each.
    runs: Vec<Run>,
    /// Those that were there before.
    stored: Vec<Run>,
}

impl KeyFile {
    fn header(entries: u64) -> Header {
        let mix = Mix::PUBLIC;
        Header { entries, mix }
    }
}

impl Run {
    fn as_file(&self) -> KeyFile {
        let name = self.path.file_name().unwrap_or_default();
        KeyFile {
            name: name.to_string_lossy().into_owned(),
            keys: self.len(),
            tier: self.tier,
        }
    }
}

/// Sorts these entries and moves them to a run.
fn written(entries: &mut Vec<Entry>, folder: &Path, blocks: usize) -> io::Result<Run> {
    entries.sort_unstable_by_key(Entry::key);
    let header = KeyFile::header(entries.len() as u64);
    let mut writer = Writer::temporary(folder, header, Filter::none(), blocks)?;
    entries.drain(..).try_for_each(|entry| writer.push(entry))?;
    writer.finish(0)
}
