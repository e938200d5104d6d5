//! Where a run can go on that was interrupted: what its stages know when everything up to one
//! border of the input has passed.

use std::io;

use serde::{Deserialize, Serialize};

use crate::dedup::Counts;
use crate::error::ReadError;
use crate::input::Border;
use crate::stats::{Content, Stats};

/// The state of a run between two batches. What was remembered to this point is not in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    pub border: Border,
    pub stats: Stats,
    /// Line feeds of the source before the border, in plain text.
    pub feeds: u64,
    /// What the memory has counted as new.
    pub new: Counts,
    /// What was kept, where that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Sources that could not be read, or not to their end.
    pub faults: Vec<Fault>,
}

/// A [`ReadError`] as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(default)]
    input: u64,
    path: String,
    record: Option<String>,
    offset: Option<u64>,
    message: String,
}

impl From<&ReadError> for Fault {
    fn from(error: &ReadError) -> Self {
        Self {
            input: error.input,
            path: error.path.clone(),
            record: error.record.clone(),
            offset: error.offset,
            message: error.source.to_string(),
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self {
            input: fault.input,
            path: fault.path,
            record: fault.record,
            offset: fault.offset,
            source: io::Error::other(fault.message),
        }
    }
}
