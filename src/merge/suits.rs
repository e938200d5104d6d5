//! Whether a record suits the scope and the records before it: what its part lacks must be what the
//! one run would have removed. Where that shows in the record's counts, it is refused here.
//!
//! What does not show: a whole page that a part has dropped, and rows that it lacks. Rows with a
//! statement a second time may be those of one page, in a part of `off`, or those of two pages with
//! all in common that a row says of its page. A part that counts several occurrences in one row is
//! none of `off`; before the first such row the two look alike, and both are refused.
//!
//! The messages name the flag of the run that made the part.

use std::collections::HashSet;
use std::env;
use std::io;

use super::Settings;
use super::record::{Prepared, Record};
use crate::dedup::{Dedup, Key, Keys};
use crate::model::Emit;

/// What is known of the records so far.
pub struct Suits {
    scope: Dedup,
    emit: Option<Emit>,
    /// Papers of all parts, where they tell that a part lacks something.
    papers: Option<Keys>,
    page: PageOfRows,
}

/// Rows of one part that follow each other and are of one page, with their keys.
#[derive(Default)]
struct PageOfRows {
    page: Option<Key>,
    keys: HashSet<u128>,
    /// A row of the part counts several occurrences.
    are_counted: bool,
}

/// The share of the memory that is for papers: of each there are several statements.
const FOR_PAPERS: usize = 8;

const OTHER_EMIT: &str = "it is of another --emit than the records before it; \
    merge parts that were made with one";
const NOT_OFF: &str =
    "repeats were removed from it; for --dedup off, make the part with --dedup off";
const NOT_PAGE: &str = "statements were removed from it that stand on other pages; \
    for --dedup page, make the part with --dedup page";
const NOT_RUN: &str = "statements were removed from it that stand on other papers' pages, or on \
    pages that are not here; for --dedup run, make the part with --dedup page or run, and without --seen";
const ROW_TWICE: &str = "the statement stands a second time on its page, or on two pages with the \
    same place and title, which rows do not tell apart; make the part with --dedup page or run, and \
    of inputs that have places of their own, or merge records of --emit reports";

impl Suits {
    /// Also returns the memory that is left for what was seen.
    pub fn new(settings: &Settings) -> (Self, usize) {
        let for_papers = match settings.dedup {
            Dedup::Run => settings.memory / FOR_PAPERS,
            _ => 0,
        };
        let papers = (settings.dedup == Dedup::Run)
            .then(|| Keys::new(for_papers, env::temp_dir()).without_values());
        let suits = Self {
            scope: settings.dedup,
            emit: None,
            papers,
            page: PageOfRows::default(),
        };
        (suits, settings.memory - for_papers)
    }

    /// What begins has no page in common with what came before.
    pub fn begin_part(&mut self) {
        self.page = PageOfRows::default();
    }

    /// What to change, if the next record does not suit.
    ///
    /// # Errors
    /// Temporary files cannot be written or read.
    pub fn check(
        &mut self,
        record: &Record,
        prepared: &Prepared,
    ) -> io::Result<Option<&'static str>> {
        if *self.emit.get_or_insert(record.emit) != record.emit {
            return Ok(Some(OTHER_EMIT));
        }
        let mut pieces = prepared.pieces_of(record).iter();
        let lacks_repeats = record.removed > 0 || pieces.any(|piece| piece.occurrences > 1);
        let is_across = record.removed_across > 0;
        Ok(match self.scope {
            Dedup::Off => lacks_repeats.then_some(NOT_OFF),
            _ if record.emit == Emit::Statements => {
                self.page.are_counted |= lacks_repeats;
                let seen = prepared.seen_of(record).iter();
                let are_new = self.page.add(record.page, seen.map(|seen| seen.key));
                (!are_new).then_some(ROW_TWICE)
            }
            Dedup::Page => is_across.then_some(NOT_PAGE),
            Dedup::Run => {
                let is_first = self.is_first_on_its_paper(record)?;
                (is_across && is_first).then_some(NOT_RUN)
            }
            Dedup::Text => None,
        })
    }

    /// A page that names no paper is compared with none.
    fn is_first_on_its_paper(&mut self, record: &Record) -> io::Result<bool> {
        match (&mut self.papers, record.identity.paper) {
            (Some(papers), Some(paper)) => Ok(papers.insert(paper.0, 0)?.is_none()),
            _ => Ok(true),
        }
    }
}

impl PageOfRows {
    /// Whether the page may have had none of these.
    fn add(&mut self, page: Key, keys: impl Iterator<Item = Key>) -> bool {
        if self.are_counted {
            return true;
        }
        if self.page.replace(page) != Some(page) {
            // A page of very many would leave its room to all others.
            self.keys = HashSet::new();
        }
        let mut keys = keys;
        keys.all(|key| self.keys.insert(key.0))
    }
}
