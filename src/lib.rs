//! Turns dumps of scite report pages into clean, deduplicated records.
//!
//! A *report page* shows how one paper has been cited: by whom, how often, and in which
//! words. Crawls hold it as plain text, full of navigation, numbers without labels and
//! repeated blocks. This library reads such text, from one page to many gigabytes, and
//! gives one [`Report`](model::Report) per page. The program `citesift` is the library
//! with a command line.
//!
//! * [`parse`] takes one page in memory, [`parse_at`] one whose address is known.
//! * [`run`] carries out a whole job, described by a [`Config`], and hands out records, as NDJSON or in another [`Form`].
//! * [`records`] is the same job as an iterator of reports.
//! * [`job::Spans`] hands out the pages of what is in memory as spans, for who builds columns of them.
//!
//! # How it works
//!
//! Four stages on named threads, joined by bounded channels. Compute in parallel, decide
//! in order:
//!
//! ```text
//! reader ──batches──▶ parser × N ──parsed──▶ deduplicator ──decided──▶ writer
//! ```
//!
//! * The **reader** opens the sources in one fixed order, takes off compression, cuts text
//!   into whole pages and containers into whole records, and packs these into batches. It
//!   never looks into a page. Of several compressed files each may have a reader of its own.
//! * A **parser** takes records apart, passes over what is surely no report, and turns the
//!   rest into pieces of output and fingerprints. It holds spans into the batch, no copies. All that
//!   can be done in parallel is done here. A reader's thread is one of them, while all others are busy.
//! * The **deduplicator** sees batches in input order, so that "the first stays" has a
//!   meaning. It knows fingerprints, not text, and is the only place where a block or a page
//!   is removed. What it has seen is held in bounded memory, and then in temporary files; a
//!   [`Store`](dedup::Store) carries it from run to run.
//! * The **writer** puts the pieces together, counts, and hands lines out.
//!
//! A batch may end at a place where reading can begin again. What every stage knows there is a
//! [`Checkpoint`](job::Checkpoint), which travels with the batch; the program keeps it in a
//! [`journal`], so that a run that was interrupted can go on.
//!
//! The output is the same for any number of threads and any way the input was chunked.
//! Memory is bounded by the channels. A stage that ends, fails or panics drops its channel
//! ends, and the others end with it.
//!
//! # Floors
//!
//! A module names only modules on floors below its own; a test holds this.
//!
//! | floor | modules |
//! |---|---|
//! | 0 | [`place`] (where a byte came from), [`pipeline`] (threads and channels), [`buffers`] (memory used again), [`meter`] (what has been read), [`durable`] (files that are whole), `blank` (what does not count around a line) |
//! | 1 | [`error`], [`model`] (plain values), `doi` (its forms in a header) |
//! | 2 | [`grammar`] (a page's text, by nom), [`split`] (text into pages, no I/O) |
//! | 3 | [`input`] (walk, decompress, one file or folder for each format), [`dedup`], [`sink`] (what is written), [`journal`], [`stats`] |
//! | 4 | [`job`] (one run, wired) |
//! | 5 | `summary`, `progress`, [`verify`] (an output against its inputs), [`merge`](mod@merge) (outputs as one) |
//! | 6 | `report` (a run as a page to look at) |
//! | 7 | `cli` (what was typed, exit codes) |

mod blank;
pub mod buffers;
#[doc(hidden)]
pub mod cli;
pub mod dedup;
mod doi;
pub mod durable;
pub mod error;
pub mod grammar;
pub mod input;
pub mod job;
pub mod journal;
pub mod merge;
pub mod meter;
pub mod model;
pub mod pipeline;
pub mod place;
mod progress;
mod report;
pub mod sink;
pub mod split;
pub mod stats;
mod summary;
pub mod verify;

pub use dedup::Dedup;
pub use error::{Error, ReadError};
pub use input::Input;
pub use job::{Config, Output, Records, Summary, parse, parse_at, records, run};
pub use model::Emit;
pub use sink::Form;
