//! What ends a run early. Input that is refused is no error but a [`Reject`](crate::model::Reject),
//! and a source that cannot be read is a [`ReadError`]: both are counted, and the run goes on.

use std::io;

use crate::place::Printable;

/// A run that could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An output could not be opened, written or finished.
    #[error("{}: {source}", Printable(.path))]
    Write {
        /// The output as it was named.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// What was seen does not fit into memory, and could not be written to temporary files or read there.
    #[error("cannot remember what was seen: {0}")]
    Remember(io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Threads(io::Error),
    /// A stage panicked.
    #[error("bug in stage {stage}: {}", Printable(.message))]
    Panic {
        /// The stage's thread.
        stage: String,
        /// What it said.
        message: String,
    },
    /// The columns of the accounting do not add up.
    #[error("bug: the accounting does not add up: {0}")]
    Accounting(String),
}

/// A source that could not be read, or not to its end. What came before the fault was used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {}{}{}",
    Printable(.path),
    within(.record.as_deref()),
    after(*.offset),
    Printable(&.source.to_string())
)]
pub struct ReadError {
    /// The source as it was named or found.
    pub path: String,
    /// The container's own number or id of the record that it is in.
    pub record: Option<String>,
    /// Bytes of (decompressed) text that came before the fault; none when it could not be opened.
    pub offset: Option<u64>,
    /// What the system says.
    pub source: io::Error,
}

fn within(record: Option<&str>) -> String {
    record.map_or_else(String::new, |record| {
        format!("record {}: ", Printable(record))
    })
}

fn after(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |bytes| {
        format!("after {bytes} bytes of text: ")
    })
}
