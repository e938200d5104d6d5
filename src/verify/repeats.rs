//! Which statements and pages repeat earlier ones, as the README says it.
//!
//! A run decides this on the fingerprints that its parsers take. Here the values of a page's
//! statements are compared, and across pages the JSON of them, in keys of this file's own; only the
//! bounded memory is the same.

use std::collections::HashMap;
use std::env;
use std::io;

use serde::Serialize;

use crate::dedup::{Dedup, Keys, fingerprint_of};
use crate::model::{Report, Statement, StatementType};

/// What was seen on earlier pages.
pub struct Repeats {
    scope: Dedup,
    keys: Keys,
}

/// What earlier pages say of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Earlier {
    /// It is compared with other pages at all.
    pub is_compared: bool,
    /// It may be dropped, if all on it was seen.
    pub may_be_dropped: bool,
    /// A page on its paper had the same header.
    pub is_header_known: bool,
    /// All on it was seen, and it is to be dropped.
    pub is_repeated: bool,
}

impl Repeats {
    /// In so many bytes of memory; what is more goes to temporary files.
    pub fn new(scope: Dedup, memory: usize) -> Self {
        Self {
            scope,
            keys: Keys::new(memory, env::temp_dir()),
        }
    }

    /// Removes from a page, of which every block is there, what repeats its own blocks or earlier
    /// pages, and remembers the rest.
    ///
    /// # Errors
    /// A temporary file cannot be written or read.
    pub fn of(&mut self, report: &mut Report) -> io::Result<Earlier> {
        if self.scope != Dedup::Off {
            remove_repeats_within(report);
        }
        let paper = match (&report.doi, &report.report_id) {
            (Some(doi), _) => Some(("doi", doi.clone())),
            (None, Some(id)) => Some(("report", id.clone())),
            (None, None) => None,
        };
        let is_compared = match self.scope {
            Dedup::Off | Dedup::Page => false,
            Dedup::Run => paper.is_some(),
            Dedup::Text => true,
        };
        if !is_compared {
            return Ok(Earlier::default());
        }
        let within = paper.as_ref().filter(|_| self.scope == Dedup::Run);
        let mut new = Vec::new();
        for statement in report.statements.drain(..) {
            let values = values_of(&statement);
            if self.is_known("statement", &(within, values))? {
                report.duplicates_removed += 1;
            } else {
                new.push(statement);
            }
        }
        report.statements = new;
        let header = (
            (&report.doi, report.year, &report.title),
            (&report.abstract_text, report.tallies, report.references),
            (report.citing_years, &report.facets),
        );
        let is_header_known = self.is_known("header", &(&paper, header))?;
        let may_be_dropped = paper.is_some();
        Ok(Earlier {
            is_compared,
            may_be_dropped,
            is_header_known,
            is_repeated: may_be_dropped && is_header_known && report.statements.is_empty(),
        })
    }

    fn is_known(&mut self, kind: &str, what: &impl Serialize) -> io::Result<bool> {
        let key = fingerprint_of(kind, &serde_json::to_vec(what)?);
        Ok(self.keys.insert(key.0, 0)?.is_some())
    }
}

/// The first of the same stays, with the count of all and what the last one says of hidden ones.
fn remove_repeats_within(report: &mut Report) {
    let mut first = HashMap::new();
    let mut kept: Vec<Statement> = Vec::new();
    for statement in &report.statements {
        let number = *first.entry(values_of(statement)).or_insert(kept.len());
        match kept.get_mut(number) {
            Some(same) => {
                same.occurrences += 1;
                same.see_more = statement.see_more;
                report.duplicates_removed += 1;
            }
            None => kept.push(statement.clone()),
        }
    }
    drop(first);
    report.statements = kept;
}

/// What makes two statements the same.
pub type Values<'a> = (&'a str, Option<&'a str>, Option<StatementType>, Option<u8>);

/// A statement's.
pub fn values_of(statement: &Statement) -> Values<'_> {
    (
        &statement.text,
        statement.section.as_deref(),
        statement.statement_type,
        statement.confidence,
    )
}
