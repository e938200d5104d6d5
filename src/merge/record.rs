//! A line of a part, made ready to be decided on. It must be what a run writes, byte for byte: a part
//! that was damaged or altered is refused, and never merged into wrong data.
//!
//! The line is read into the record's own types, written again and compared; that also tells
//! where its pieces stand. Ids are computed again from the values.

use std::mem;
use std::ops::Range;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::lines::Batch;
use crate::dedup::{Dedup, Fingerprint, Fingerprinter, Key, PageIdentity, Seen, fingerprint_of};
use crate::model::{Emit, Report, Statement, StatementRow, StatementType};
use crate::sink::json;
use crate::sink::ndjson::hexadecimal;

/// A batch whose lines were looked at.
pub struct Prepared {
    pub batch: Batch,
    /// Its lines, up to the first one that is no record.
    pub records: Vec<Record>,
    /// What is known of every statement.
    pub seen: Vec<Seen>,
    pub pieces: Vec<Piece>,
    /// What is wrong with the line behind the records.
    pub damage: Option<String>,
}

/// A line that is a record. Its ranges are of the batch's text.
pub struct Record {
    pub emit: Emit,
    pub line: Range<usize>,
    /// Its statements, by their numbers.
    pub statements: Range<usize>,
    pub identity: PageIdentity,
    /// Of a report, what stands up to the statements, and behind the count of what was removed.
    pub beginning: Range<usize>,
    pub ending: Range<usize>,
    /// Of a report, blocks that were removed from its page, and those of them that were not
    /// removed as repeats of the statements that stayed.
    pub removed: u64,
    pub removed_across: u64,
    /// Of a row, all that it says of its page.
    pub page: Key,
}

/// A statement.
pub struct Piece {
    /// Up to the value of `see_more`.
    pub text: Range<usize>,
    pub occurrences: u64,
}

impl Prepared {
    pub fn seen_of(&self, record: &Record) -> &[Seen] {
        &self.seen[record.statements.clone()]
    }

    pub fn pieces_of(&self, record: &Record) -> &[Piece] {
        &self.pieces[record.statements.clone()]
    }
}

/// Looks at lines, in buffers of its own.
pub struct Preparer {
    scope: Dedup,
    fingerprinter: Fingerprinter,
    written: Vec<u8>,
    statement: Vec<u8>,
    text: Vec<u8>,
}

const NO_FIT: &str = "duplicates_removed and the statements' occurrences do not fit each other";
const OTHER_BYTES: &str = "it says the same in other bytes than a run writes";
const BEFORE_TEXT: &[u8] = b"\"text\":\"";
const BEFORE_STATEMENTS: &[u8] = b",\"statements\":[";
const BEHIND_COUNT: &[u8] = b",\"warnings\":";
const BEFORE_SEE_MORE: &[u8] = b"\"see_more\":";

impl Preparer {
    pub fn new(scope: Dedup) -> Self {
        Self {
            scope,
            fingerprinter: Fingerprinter::default(),
            written: Vec::new(),
            statement: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Looks at all lines, up to the first one that is no record.
    pub fn prepare(&mut self, mut batch: Batch) -> Prepared {
        let text = mem::take(&mut batch.text);
        let mut prepared = Prepared {
            batch,
            records: Vec::new(),
            seen: Vec::new(),
            pieces: Vec::new(),
            damage: None,
        };
        let mut start = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let looked_at = match line.strip_suffix(b"\n") {
                None => Err("its end is missing".to_owned()),
                Some(row) if row.starts_with(b"{\"id\":") => self.row(row, start, &mut prepared),
                Some(report) => self.report(report, start, &mut prepared),
            };
            match looked_at {
                Ok(record) => prepared.records.push(record),
                Err(damage) => {
                    prepared.damage = Some(damage);
                    break;
                }
            }
            start += line.len();
        }
        prepared.batch.text = text;
        prepared
    }

    fn report(
        &mut self,
        line: &[u8],
        start: usize,
        prepared: &mut Prepared,
    ) -> Result<Record, String> {
        let mut report: Report = read(line)?;
        let statements = mem::take(&mut report.statements);
        let first = prepared.seen.len();
        let list = self.write_without_statements(&report)?;
        let mut walk = Walk { line, at: 0 };
        walk.pass(&self.written[..list])?;
        for (number, statement) in statements.into_iter().enumerate() {
            if number > 0 {
                walk.pass(b",")?;
            }
            self.statement(statement, number, start, &mut walk, prepared)?;
        }
        let behind = &self.written[list..];
        let count = memmem::find(behind, BEHIND_COUNT).ok_or(OTHER_BYTES)?;
        let ending = start + walk.at + count;
        walk.pass(behind)?;
        walk.end()?;
        let removed = report.duplicates_removed;
        let removed_across = removed_across(removed, &prepared.pieces[first..]).ok_or(NO_FIT)?;
        Ok(Record {
            emit: Emit::Reports,
            line: start..start + line.len() + 1,
            statements: first..prepared.seen.len(),
            identity: self.identity(report, list)?,
            beginning: start..start + list,
            ending: ending..start + line.len() + 1,
            removed,
            removed_across,
            page: Key(0),
        })
    }

    /// Passes a statement of a report, and tells where its piece stands.
    fn statement(
        &mut self,
        mut statement: Statement,
        number: usize,
        start: usize,
        walk: &mut Walk,
        prepared: &mut Prepared,
    ) -> Result<(), String> {
        let text = mem::take(&mut statement.text);
        let values = (&*text, statement.section.as_deref());
        let kind = (statement.statement_type, statement.confidence);
        let key = self.key(&statement.id, values, kind).ok_or_else(|| {
            format!(
                "the id of statement {} is not that of its values",
                number + 1
            )
        })?;
        prepared.seen.push(Seen {
            key,
            see_more: statement.see_more,
        });
        write(&mut self.statement, &statement)?;
        // Behind it are numbers, and within strings its quotation marks would be escaped.
        let see_more = memmem::rfind(&self.statement, BEFORE_SEE_MORE).ok_or(OTHER_BYTES)?;
        let behind = self.statement.len() - see_more - BEFORE_SEE_MORE.len();
        let from = start + walk.at;
        walk.pass_with(&self.statement, &text, &mut self.text)?;
        prepared.pieces.push(Piece {
            text: from..start + walk.at - behind,
            occurrences: statement.occurrences,
        });
        Ok(())
    }

    fn row(
        &mut self,
        line: &[u8],
        start: usize,
        prepared: &mut Prepared,
    ) -> Result<Record, String> {
        let mut row: StatementRow = read(line)?;
        let text = mem::take(&mut row.text);
        write(&mut self.written, &row)?;
        let mut walk = Walk { line, at: 0 };
        walk.pass_with(&self.written, &text, &mut self.text)?;
        walk.end()?;
        let values = (&*text, row.section.as_deref());
        let key = self
            .key(&row.id, values, (row.statement_type, row.confidence))
            .ok_or("the id is not that of the statement's values")?;
        let header = (&row.doi, row.year, &row.title, &row.report_id);
        write(&mut self.written, &(header, &row.source, &row.meta))?;
        let first = prepared.seen.len();
        prepared.seen.push(Seen {
            key,
            see_more: row.see_more,
        });
        prepared.pieces.push(Piece {
            text: 0..0,
            occurrences: row.occurrences,
        });
        Ok(Record {
            emit: Emit::Statements,
            line: start..start + line.len() + 1,
            statements: first..first + 1,
            identity: PageIdentity {
                paper: paper(row.doi.as_deref(), row.report_id.as_deref()),
                // What does not matter to rows: those of a page are gone when all of them are.
                header: fingerprint_of("row", b""),
            },
            beginning: 0..0,
            ending: 0..0,
            removed: 0,
            removed_across: 0,
            page: fingerprint_of("page of row", &self.written),
        })
    }

    /// The key of a statement, if the id is its own.
    fn key(
        &mut self,
        id: &str,
        (text, section): (&str, Option<&str>),
        (statement_type, confidence): (Option<StatementType>, Option<u8>),
    ) -> Option<Key> {
        let section = section.map(str::as_bytes);
        let own = self
            .fingerprinter
            .of(text.as_bytes(), section, statement_type, confidence);
        let Fingerprint { id: own, key } = own;
        (id.as_bytes() == hexadecimal(own)).then_some(key)
    }

    /// As a run tells pages apart: the header is all above the statements but the address. The report
    /// stands in `written`, up to its list of statements.
    fn identity(&mut self, mut report: Report, list: usize) -> Result<PageIdentity, String> {
        let paper = paper(report.doi.as_deref(), report.report_id.as_deref());
        let mut header = Key(0);
        if self.scope.is_across_pages() {
            let mut list = list;
            if report.url.take().is_some() | report.report_id.take().is_some() {
                list = self.write_without_statements(&report)?;
            }
            header = fingerprint_of("page", &self.written[..list]);
        }
        Ok(PageIdentity { paper, header })
    }

    /// Writes a report whose statements were taken out, and returns where they stood.
    fn write_without_statements(&mut self, report: &Report) -> Result<usize, String> {
        write(&mut self.written, report)?;
        // The first one: `references.statements` is no list, and in strings the marks are escaped.
        let before = memmem::find(&self.written, BEFORE_STATEMENTS).ok_or(OTHER_BYTES)?;
        Ok(before + BEFORE_STATEMENTS.len())
    }
}

/// The cited paper, by its DOI or else its report.
fn paper(doi: Option<&str>, report_id: Option<&str>) -> Option<Key> {
    let doi = doi.map(|doi| fingerprint_of("doi", doi.as_bytes()));
    doi.or_else(|| report_id.map(|id| fingerprint_of("report", id.as_bytes())))
}

/// Blocks that were not removed as repeats of these statements; none where that cannot be.
fn removed_across(removed: u64, statements: &[Piece]) -> Option<u64> {
    removed.checked_add(statements.len() as u64)?;
    statements.iter().try_fold(removed, |left, statement| {
        left.checked_sub(statement.occurrences.checked_sub(1)?)
    })
}

/// A line that is compared with what is written, piece by piece.
struct Walk<'a> {
    line: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn pass(&mut self, piece: &[u8]) -> Result<(), String> {
        if !self.line[self.at..].starts_with(piece) {
            return Err(OTHER_BYTES.to_owned());
        }
        self.at += piece.len();
        Ok(())
    }

    /// Passes a statement that was written without its text. That is written by a run's own code,
    /// which spares a tenth of all instructions.
    fn pass_with(&mut self, written: &[u8], text: &str, out: &mut Vec<u8>) -> Result<(), String> {
        let at = memmem::find(written, BEFORE_TEXT).ok_or(OTHER_BYTES)? + BEFORE_TEXT.len();
        self.pass(&written[..at])?;
        out.clear();
        json::escaped(out, text.as_bytes());
        self.pass(out)?;
        self.pass(&written[at..])
    }

    fn end(&self) -> Result<(), String> {
        match self.at == self.line.len() {
            true => Ok(()),
            false => Err(OTHER_BYTES.to_owned()),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| format!("it is no record of a run: {error}"))
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), String> {
    out.clear();
    serde_json::to_writer(out, value).map_err(|error| error.to_string())
}
