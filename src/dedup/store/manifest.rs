//! What a store says of itself: a line of JSON, and a line with its check sum.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::dedup::{Counts, Dedup, KeyFile};
use crate::durable::{self, FileState, named};
use crate::error::StoreError;

/// Of the files' layout, and of what keys are made of: who changes either raises this.
pub const VERSION: u64 = 1;

/// What is in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u64,
    /// Which repeats are removed with it.
    pub scope: Dedup,
    /// Runs that added to it, the oldest first.
    pub runs: Vec<StoredRun>,
    /// Files of keys, those with keys that were merged more often first.
    pub keys: Vec<KeyFile>,
    /// Bytes in the log of places.
    pub places: u64,
}

/// What a run added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRun {
    /// Its output, as it was named.
    pub output: String,
    #[serde(flatten)]
    pub new: Counts,
    /// Where its places begin in their log.
    pub places: u64,
}

/// What will be in a store once an output has its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The version of the manifest, where one looks for it.
    pub version: u64,
    pub output: PendingOutput,
    pub manifest: Manifest,
}

/// An output under way: whole and synced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingOutput {
    /// What it will be called.
    pub path: std::ffi::OsString,
    pub state: FileState,
}

impl Manifest {
    /// An empty store.
    pub fn new(scope: Dedup) -> Self {
        Self {
            version: VERSION,
            scope,
            runs: Vec::new(),
            keys: Vec::new(),
            places: 0,
        }
    }

    /// The number and size of all that its runs found new.
    pub fn total(&self) -> Counts {
        let runs = self.runs.iter().map(|run| run.new);
        runs.fold(Counts::default(), |one, other| Counts {
            papers: one.papers + other.papers,
            pages: one.pages + other.pages,
            blocks: one.blocks + other.blocks,
        })
    }

    /// Where the places of each run begin, and where those of the next one will.
    pub fn starts(&self) -> Vec<u64> {
        let runs = self.runs.iter().map(|run| run.places);
        runs.chain([self.places]).collect()
    }
}

/// Puts a value into a file, in place of what is there.
pub fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value)?;
    let sum = XxHash3_64::oneshot(line.as_bytes());
    durable::replace(path, format!("{line}\n{sum:016x}\n").as_bytes())
}

/// The value in a file; none where there is no file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| named(path, &error))?,
    };
    let damaged = || {
        let error = io::Error::new(ErrorKind::InvalidData, "it is not as it was written");
        StoreError::Io(named(path, &error))
    };
    let (line, sum) = text.split_once('\n').ok_or_else(damaged)?;
    let version = serde_json::from_str::<Versioned>(line).map(|value| value.version);
    match version {
        Ok(VERSION) => {}
        Ok(found) => {
            return Err(StoreError::OtherVersion {
                found,
                known: VERSION,
            });
        }
        Err(_) => return Err(damaged()),
    }
    if sum != format!("{:016x}\n", XxHash3_64::oneshot(line.as_bytes())) {
        return Err(damaged());
    }
    serde_json::from_str(line).map(Some).map_err(|_| damaged())
}
