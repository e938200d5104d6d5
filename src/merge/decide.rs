//! In the order of the parts, which records and statements stay. The rules and the memory are those
//! of a run; what is added is that the parts have to suit each other.

use std::env;
use std::sync::Arc;

use super::lines::Fault;
use super::record::{Piece, Prepared, Record};
use super::suits::Suits;
use super::{Merged, Settings};
use crate::dedup::{Kept, Memory, RunDedup, Seen, Verdict};
use crate::error::{Error, ReadError};
use crate::model::Emit;
use crate::place::Place;
use crate::sink::ndjson;

/// What stays of a batch.
pub struct Decided {
    pub records: Vec<u8>,
    pub merged: Merged,
    /// Why nothing comes behind that.
    pub fault: Option<Error>,
    /// The batch's buffer, to be used again.
    pub emptied: Vec<u8>,
}

/// The decider's state over all parts.
pub struct Decider {
    dedup: RunDedup,
    memory: Memory,
    suits: Suits,
    /// The part under way, and its lines that were decided on.
    part: Option<Arc<str>>,
    lines: u64,
    kept: Vec<Kept>,
}

/// Records that are made ready together, as in a run.
const READY: usize = 16;

impl Decider {
    pub fn new(settings: &Settings) -> Self {
        let (suits, memory) = Suits::new(settings);
        Self {
            dedup: RunDedup::new(settings.dedup),
            memory: Memory::of_run(memory, env::temp_dir(), false),
            suits,
            part: None,
            lines: 0,
            kept: Vec::new(),
        }
    }

    /// Decides on a batch, and writes what stays to `out`.
    pub fn decide(&mut self, mut prepared: Prepared, out: Vec<u8>) -> Decided {
        self.enter(&prepared.batch.part);
        let mut decided = Decided {
            records: out,
            merged: Merged::default(),
            fault: None,
            emptied: Vec::new(),
        };
        let fault = prepared.batch.fault.take();
        decided.fault = self
            .records(&prepared, &mut decided)
            .and_then(|end| self.end(&prepared, end, fault))
            .err();
        decided.merged.bytes.written = decided.records.len() as u64;
        decided.emptied = prepared.batch.text;
        decided
    }

    fn enter(&mut self, part: &Arc<str>) {
        let goes_on = |current| Arc::ptr_eq(current, part);
        if !self.part.as_ref().is_some_and(goes_on) {
            self.part = Some(Arc::clone(part));
            self.lines = 0;
            self.suits.begin_part();
        }
    }

    /// Returns where the records end in the batch.
    fn records(&mut self, prepared: &Prepared, decided: &mut Decided) -> Result<usize, Error> {
        let mut end = 0;
        for next in prepared.records.chunks(READY) {
            let ready = next
                .iter()
                .map(|record| (prepared.seen_of(record), record.identity));
            self.dedup.expect(&mut self.memory, ready);
            for record in next {
                let suits = self.suits.check(record, prepared);
                if let Some(misfit) = suits.map_err(Error::Remember)? {
                    return Err(self.error(prepared, record.line.start, misfit));
                }
                let verdict = self
                    .verdict(prepared.seen_of(record), record)
                    .map_err(Error::Remember)?;
                if !self.repeats_are_printed_once(prepared.pieces_of(record)) {
                    let what = "a statement stands in it twice, and one counts several of them";
                    return Err(self.error(prepared, record.line.start, what));
                }
                self.count(record, verdict, &mut decided.merged);
                if !verdict.is_repeated {
                    self.write(record, prepared, &mut decided.records);
                }
                self.lines += 1;
                end = record.line.end;
            }
        }
        Ok(end)
    }

    fn verdict(&mut self, seen: &[Seen], record: &Record) -> std::io::Result<Verdict> {
        self.kept.clear();
        let mut verdict = self.dedup.decide(
            &mut self.memory,
            seen,
            Some(record.identity),
            |_| 0,
            &mut self.kept,
        )?;
        verdict.is_repeated |= record.emit == Emit::Statements && verdict.kept == 0;
        Ok(verdict)
    }

    /// Of a part in which all blocks stayed, each counts itself alone.
    fn repeats_are_printed_once(&self, pieces: &[Piece]) -> bool {
        let mut repeats = self.dedup.in_page().iter();
        repeats.all(|removed| {
            let both = [removed.block, removed.first].map(|block| pieces[block].occurrences);
            both == [1, 1]
        })
    }

    fn count(&self, record: &Record, verdict: Verdict, merged: &mut Merged) {
        let seen = record.statements.len() as u64;
        let kept = self.kept.len() as u64;
        let in_page = verdict.repeated_in_page as u64;
        merged.bytes.read += record.line.len() as u64;
        merged.records.read += 1;
        merged.records.repeated += u64::from(verdict.is_repeated);
        merged.records.written += u64::from(!verdict.is_repeated);
        merged.statements.read += seen;
        merged.statements.kept += kept;
        merged.statements.repeated_in_page += in_page;
        merged.statements.repeated_in_run += seen - kept - in_page;
    }

    fn write(&self, record: &Record, prepared: &Prepared, out: &mut Vec<u8>) {
        let text = &prepared.batch.text;
        if self.kept.len() == record.statements.len() {
            return out.extend_from_slice(&text[record.line.clone()]);
        }
        let pieces = prepared.pieces_of(record);
        let statements = self.kept.iter().map(|kept| ndjson::Decided {
            piece: pieces[kept.block].text.clone(),
            see_more: kept.see_more,
            // More than one was counted here only where each piece counts itself alone.
            occurrences: kept.occurrences.max(pieces[kept.block].occurrences),
        });
        let removed = record.statements.len() - self.kept.len();
        ndjson::assemble(
            out,
            record.emit,
            text,
            record.beginning.clone(),
            statements,
            record.removed + removed as u64,
            record.ending.clone(),
        );
    }

    /// What stands behind the records.
    fn end(&self, prepared: &Prepared, at: usize, fault: Option<Fault>) -> Result<(), Error> {
        if let Some(damage) = &prepared.damage {
            return Err(self.error(prepared, at, damage));
        }
        match fault {
            None => Ok(()),
            Some(Fault::TooLong) => {
                let what = "it is longer than a record of any page within --max-page";
                Err(self.error(prepared, at, what))
            }
            Some(Fault::Unread(offset, source)) => Err(Error::Part(ReadError {
                input: 0,
                path: prepared.batch.part.to_string(),
                record: None,
                offset: (offset > 0).then_some(offset),
                source,
            })),
        }
    }

    /// What is wrong with the next line, which stands there in the batch.
    fn error(&self, prepared: &Prepared, at: usize, what: &str) -> Error {
        Error::Record {
            place: Place {
                path: Arc::clone(&prepared.batch.part),
                offset: prepared.batch.offset + at as u64,
                line: Some(self.lines + 1),
                record: None,
            },
            what: what.to_owned(),
        }
    }
}
