//! The outputs of several runs, put together into what one run over all their inputs would have
//! given, byte for byte.
//!
//! A record tells all that a run asks of a page before it decides what repeats what: the cited
//! paper, what stands above the statements, and of every statement the values that make it the
//! same as another. So records take the way of pages: read in order, looked at in parallel, and
//! decided in order, by the very code of a run and in the same bounded memory. What stays is
//! copied; only the list of statements and the count of what was removed can change.
//!
//! That is exact as long as no part lacks what the one run would have kept:
//!
//! | parts made with       | `off` | `page` | `run` | `text` |
//! |-----------------------|-------|--------|-------|--------|
//! | `off`, reports        | yes   | yes    | yes   | yes    |
//! | `off`, statements     | yes   | no     | no    | no     |
//! | `page`                | no    | yes    | yes   | yes    |
//! | `run`                 | no    | no     | yes   | yes    |
//! | `text`                | no    | no     | no    | yes    |
//!
//! A scope to the right removes what one to the left removes, and what is removed for a repeat
//! within a part is one among all parts too: its first copy stayed, so all that was seen can be
//! learnt from what stayed. A page that a part has dropped would be dropped by the one run for the
//! same reason. A row of `off` says nothing of how often its page prints the block, and no row
//! where its page ends, so rows of `off` cannot be counted together. Two pages in a row that have
//! one place, one paper and one title look like one of `off`, as long as no row of the part counts
//! several occurrences: rows that give a statement a second time are then refused (`suits`).
//!
//! A record does not say what its run was told, but what was removed shows in its counts, and
//! then unsuitable parts are refused (`suits`). It does not show where a whole page is missing,
//! nor in rows: nobody can tell these from parts that never held them.

mod decide;
mod lines;
mod record;
mod suits;

use std::iter;
use std::num::NonZeroUsize;
use std::ops::{AddAssign, ControlFlow};

use serde::Serialize;

use self::decide::{Decided, Decider};
use self::lines::{BATCH, read_all};
use self::record::Preparer;
use crate::buffers::Buffers;
use crate::dedup::Dedup;
use crate::error::Error;
use crate::input::Input;
use crate::job::error_of;
use crate::pipeline::{Passage, Stages};

/// How parts are merged.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which repeats the one run would have removed.
    pub dedup: Dedup,
    /// Bytes of memory for what was seen; what is more goes to temporary files.
    pub memory: usize,
    /// Threads that look at records; the output does not depend on it.
    pub threads: NonZeroUsize,
    /// The largest page of the runs, in bytes; it bounds a record's length.
    pub max_page: usize,
}

/// What came of it. Each record and each statement is in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Bytes of records, in and out.
    pub bytes: Bytes,
    /// Lines.
    pub records: Records,
    /// Statements in them.
    pub statements: Statements,
}

/// Bytes of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    pub read: u64,
    pub written: u64,
}

/// Records of the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Records {
    pub read: u64,
    pub written: u64,
    /// They bring nothing new.
    pub repeated: u64,
}

/// Statements of the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statements {
    pub read: u64,
    pub kept: u64,
    /// Of a part in which repeats within a page had stayed.
    pub repeated_in_page: u64,
    pub repeated_in_run: u64,
}

/// Merges the parts in this order. `on_records` gets whole lines, and may break it off; then what
/// it was given counts.
///
/// # Errors
/// A part cannot be read to its end, is damaged, or does not suit the others or the scope; what
/// comes before that was handed out. What `on_records` returns; a thread that did not start;
/// temporary files that cannot be written.
pub fn merge<F>(parts: &[Input], settings: &Settings, mut on_records: F) -> Result<Merged, Error>
where
    F: FnMut(&[u8]) -> Result<ControlFlow<()>, Error> + Send,
{
    let buffers = Buffers::new(4 * BATCH);
    let mut decider = Decider::new(settings);
    let mut merged = Merged::default();
    let stages = Stages {
        sections: iter::once(parts),
        read: |parts, passage: &mut dyn Passage<_>| {
            read_all(parts, settings.max_page, &buffers, &mut |batch| {
                passage.pass(batch)
            })
        },
        worker: || {
            let mut preparer = Preparer::new(settings.dedup);
            move |batch, _: &mut dyn FnMut(_)| preparer.prepare(batch)
        },
        decide: |prepared| decider.decide(prepared, buffers.take()),
        write: |decided: Decided| {
            merged += decided.merged;
            let flow = on_records(&decided.records)?;
            buffers.give(decided.records);
            buffers.give(decided.emptied);
            decided.fault.map_or(Ok(flow), Err)
        },
    };
    stages.run(settings.threads).map_err(error_of)?;
    merged.check().map_err(Error::Accounting)?;
    Ok(merged)
}

impl Merged {
    fn check(&self) -> Result<(), String> {
        let (records, statements) = (&self.records, &self.statements);
        let repeated = statements.repeated_in_page + statements.repeated_in_run;
        let holds = records.read == records.written + records.repeated
            && statements.read == statements.kept + repeated;
        holds.then_some(()).ok_or_else(|| format!("{self:?}"))
    }
}

impl AddAssign for Merged {
    fn add_assign(&mut self, other: Self) {
        self.bytes.read += other.bytes.read;
        self.bytes.written += other.bytes.written;
        self.records.read += other.records.read;
        self.records.written += other.records.written;
        self.records.repeated += other.records.repeated;
        self.statements.read += other.statements.read;
        self.statements.kept += other.statements.kept;
        self.statements.repeated_in_page += other.statements.repeated_in_page;
        self.statements.repeated_in_run += other.statements.repeated_in_run;
    }
}
