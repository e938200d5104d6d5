//! What ends a run early. Input that is refused is no error but a [`Reject`](crate::model::Reject),
//! and a source that cannot be read is a [`ReadError`]: both are counted, and the run goes on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::place::{Place, Printable};

/// A run that could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An output could not be opened, so nothing was done.
    #[error("{}: {source}{}", Printable(.path), advice(source))]
    Open {
        /// The output as it was named.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// An output could not be written or finished, or another run writes it.
    #[error("{}: {source}", Printable(.path))]
    Write {
        /// The output as it was named.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// An output is not what an interrupted run has left, so nothing was done.
    #[error(
        "--resume: the output `{}` does not begin as it was written; leave --resume out to start \
         again",
        Printable(.0)
    )]
    Changed(String),
    /// The records could not be put into their form.
    #[error("cannot write the records in this form: {0}")]
    Encode(io::Error),
    /// What was seen does not fit into memory, and could not be written to temporary files or read there.
    #[error("cannot remember what was seen: {0}")]
    Remember(io::Error),
    /// A part that is to be merged cannot be read to its end.
    #[error(transparent)]
    Part(ReadError),
    /// A line of it is damaged, or does not suit the others.
    #[error("{place}: {}", Printable(.what))]
    Record {
        /// Where the line stands.
        place: Place,
        /// What is wrong with it, in a sentence.
        what: String,
    },
    /// The store of what was seen is not used, or was not brought up to date.
    #[error("--seen: {0}")]
    Store(#[from] StoreError),
    /// What an interrupted run is to go on with cannot be written or read.
    #[error("cannot keep the journal: {}", Printable(&.0.to_string()))]
    Journal(io::Error),
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

/// Why a store of what was seen is not used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another run adds to it.
    #[error("{} is in use by another run; wait for its end, or give another folder", Shown(.0))]
    Locked(PathBuf),
    /// It is a file, or in one.
    #[error("{} is no folder; give another place", Shown(.0))]
    NoFolder(PathBuf),
    /// The folder holds other files.
    #[error("{} is not empty, and no store of what was seen; give a new folder", Shown(.0))]
    NotAStore(PathBuf),
    /// The folder holds no store.
    #[error("{} is no store of what was seen", Shown(.0))]
    NoStore(PathBuf),
    /// It was made by another version of the program.
    #[error(
        "the store is of version {found}, and this program knows version {known}; use the \
         program that made it, or begin a new store in another folder"
    )]
    OtherVersion {
        /// The store's version.
        found: u64,
        /// The program's.
        known: u64,
    },
    /// It was made with another scope.
    #[error(
        "{} was made with --dedup {found}; give --dedup {found}, or another folder",
        Shown(.folder)
    )]
    OtherScope {
        /// The store.
        folder: PathBuf,
        /// The store's scope.
        found: &'static str,
    },
    /// A run was broken off while its output got its name, and the output is gone.
    #[error(
        "the last run was broken off while {} got its name, and that file is not there now as it \
         was written. Put it back if you have it; if it is lost, remove {}, and what was in it is \
         given again",
        Shown(.output),
        Shown(.pending)
    )]
    Unsettled {
        /// What waits for the output.
        pending: PathBuf,
        /// The output.
        output: PathBuf,
    },
    /// What names its other files is gone.
    #[error(
        "{} is missing, without which the store's other files say nothing. Put it back if you have \
         it; if it is lost, give a new folder, and what earlier runs wrote is given again",
        Shown(.0)
    )]
    NoManifest(PathBuf),
    /// A file of it cannot be read or written, or is damaged.
    #[error("{}", Printable(&.0.to_string()))]
    Io(#[from] io::Error),
}

impl StoreError {
    /// Whether something else is to be typed, and nothing is wrong with the store.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::NoManifest(_) | Self::Io(_))
    }
}

struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        Printable(&self.0.to_string_lossy()).fmt(f)
    }
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
    /// Sources that the run reads before this one; 0 for a part that is merged.
    pub input: u64,
    /// The source as it was named or found.
    pub path: String,
    /// The container's own number or id of the record that it is in.
    pub record: Option<String>,
    /// Bytes of (decompressed) text that came before the fault; none when it could not be opened.
    pub offset: Option<u64>,
    /// What the system says.
    pub source: io::Error,
}

/// What to change, where the error does not say it.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::InvalidInput => "",
        _ => "; choose another place",
    }
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
