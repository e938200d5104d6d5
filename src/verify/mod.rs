//! Holds an output against the inputs that it was made from.
//!
//! Every page of the inputs is parsed again by itself, in order, and gives the lines that the
//! output must have next, byte for byte. They are written by `serde_json` from the types of
//! [`model`](crate::model), which a run does not do, and which blocks and pages are repeats is
//! decided anew. So an output that holds says what its pages say: it is not the same program run
//! twice. What both share is the reader, the grammar, the ids of statements and their similarity;
//! what these get wrong is not found.
//!
//! A page is looked for only so far ahead in the output (see `lines`); what is found there leaves
//! out the lines before it, which are then findings.

mod difference;
mod finding;
mod lines;
mod repeats;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;

use serde::Serialize;

use self::difference::difference;
pub use self::finding::Finding;
use self::lines::{Head, Line, Lines};
use self::repeats::{Earlier, Repeats, values_of};
use crate::error::{Error, ReadError};
use crate::input::Stream;
use crate::job::{Config, Single, Watch, singly};
use crate::model::{Emit, Report};

/// What came of it.
#[derive(Debug, Default)]
pub struct Verified {
    /// Lines of the output, and those that are as they must be.
    pub lines: u64,
    pub held: u64,
    pub pages: Pages,
    /// Statements that are not in the output because a store is said to have known them.
    pub believed_statements: u64,
    pub findings: u64,
    /// Inputs that could not be read, or not to their end.
    pub faults: Vec<ReadError>,
}

/// Pages of the inputs; each is in one column.
#[derive(Debug, Default)]
pub struct Pages {
    /// All that it gives is in the output, and as it must be.
    pub emitted: u64,
    /// Something of it is in the output, and not as it must be.
    pub changed: u64,
    pub missing: u64,
    /// It repeats earlier pages of the inputs, and is rightly not in the output.
    pub repeated: u64,
    /// It is not in the output, which is right if the store knew it or, in rows, if it has none.
    pub believed: u64,
    /// Other sites' pages.
    pub skipped: u64,
    /// Pages that a run rejects.
    pub rejected: u64,
    /// Report pages before the first one that was asked for.
    pub passed_over: u64,
    /// Pages that are not in the sample that was asked for.
    pub unsampled: u64,
}

impl Pages {
    /// All of them.
    pub fn seen(&self) -> u64 {
        self.emitted
            + self.changed
            + self.missing
            + self.repeated
            + self.believed
            + self.skipped
            + self.rejected
            + self.passed_over
            + self.unsampled
    }
}

/// Holds the output against what `config` says it was made from, and of what. `has_store` says
/// that the run knew what earlier runs had seen. Every finding is told as it is found.
///
/// # Errors
/// A thread that did not start; temporary files that cannot be written; a bug.
pub fn verify(
    config: &Config,
    has_store: bool,
    output: Stream,
    watch: &Watch,
    on_finding: &mut dyn FnMut(&Finding),
) -> Result<Verified, Error> {
    let mut check = Check {
        emit: config.form.emit(),
        has_store,
        skip: config.skip,
        limit: config.limit.unwrap_or(u64::MAX),
        counted: 0,
        perhaps_counted: 0,
        lines: Lines::new(output, config.max_page.get()),
        repeats: Repeats::new(config.dedup, config.memory),
        last: Vec::new(),
        strays: HashMap::new(),
        verified: Verified::default(),
        on_finding,
    };
    let faults = match check.limit {
        0 => Vec::new(),
        _ => singly(config, watch, |single| check.single(single))?,
    };
    while let Some(line) = check.lines.take() {
        check.stray(&line);
    }
    check.tell_fault();
    Ok(Verified {
        lines: check.lines.read(),
        faults,
        ..check.verified
    })
}

struct Check<'a> {
    emit: Emit,
    has_store: bool,
    skip: u64,
    limit: u64,
    /// Pages that the run counted towards the limit, and those of which the store alone can tell.
    counted: u64,
    perhaps_counted: u64,
    lines: Lines<'a>,
    repeats: Repeats,
    /// The last line that was expected and found.
    last: Vec<u8>,
    /// Where lines stand that no page gave, as long as they are few.
    strays: HashMap<u128, u64>,
    verified: Verified,
    on_finding: &'a mut dyn FnMut(&Finding),
}

/// Lines out of place that are known by their number.
const MOST_STRAYS: usize = 100_000;

/// What became of one expected line.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Held,
    Changed,
    Missing,
    /// It is not there, and the store may know why.
    Believed,
}

impl Check<'_> {
    fn single(&mut self, single: Single) -> Result<ControlFlow<()>, Error> {
        let pages = &mut self.verified.pages;
        match single {
            Single::NotRead => {}
            Single::Skipped => pages.skipped += 1,
            Single::Unsampled => pages.unsampled += 1,
            Single::Refused => pages.rejected += 1,
            Single::Report(_) if pages.passed_over < self.skip => pages.passed_over += 1,
            Single::Report(report) => self.report(*report).map_err(Error::Remember)?,
        }
        self.tell_fault();
        Ok(match self.has_ended() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    /// Whether the run ended here, by its limit. Where it may have, no more lines say that it did.
    fn has_ended(&mut self) -> bool {
        let most = self.counted + self.perhaps_counted;
        self.counted >= self.limit || (most >= self.limit && self.lines.are_all_taken())
    }

    fn report(&mut self, mut report: Report) -> io::Result<()> {
        let earlier = self.repeats.of(&mut report)?;
        let is_believed = self.has_store && earlier.is_compared;
        let pages = &mut self.verified.pages;
        if earlier.is_repeated {
            pages.repeated += 1;
            return Ok(());
        }
        let is_blank = report.statements.is_empty();
        let found = match self.emit {
            Emit::Reports if is_believed => self.part_of_record(report, earlier),
            Emit::Reports => {
                let head = Head::of(&report.source, None);
                self.line(written(&report), &head, false)
            }
            Emit::Statements if is_blank && is_believed && earlier.may_be_dropped => {
                Found::Believed
            }
            Emit::Statements => self.rows(&report, is_believed),
        };
        let has_lines = match self.emit {
            Emit::Reports => found != Found::Believed,
            Emit::Statements => found != Found::Believed && !is_blank,
        };
        self.count(has_lines, earlier);
        let pages = &mut self.verified.pages;
        *match found {
            Found::Held => &mut pages.emitted,
            Found::Changed => &mut pages.changed,
            Found::Missing => &mut pages.missing,
            Found::Believed => &mut pages.believed,
        } += 1;
        Ok(())
    }

    /// Counts a page towards the limit. One without lines counts unless it was dropped, as a page
    /// is that brings nothing new under a known header.
    fn count(&mut self, has_lines: bool, earlier: Earlier) {
        match (self.emit, earlier) {
            _ if has_lines => self.counted += 1,
            (Emit::Reports, _) => {}
            (_, earlier) if !earlier.may_be_dropped => self.counted += 1,
            (_, earlier) if earlier.is_header_known => {}
            _ if self.has_store => self.perhaps_counted += 1,
            _ => self.counted += 1,
        }
    }

    /// One row for each statement; the page is what most is wrong of it.
    fn rows(&mut self, report: &Report, is_believed: bool) -> Found {
        let mut found = Vec::new();
        for row in report.rows() {
            let head = Head::of(&row.source, Some(&row.id));
            found.push(self.line(written(&row), &head, is_believed));
        }
        let are_all = |one| !found.is_empty() && found.iter().all(|&found| found == one);
        let believed = found.iter().filter(|&&found| found == Found::Believed);
        self.verified.believed_statements += believed.count() as u64;
        match () {
            () if are_all(Found::Missing) => Found::Missing,
            () if are_all(Found::Believed) => Found::Believed,
            () if found.contains(&Found::Missing) => Found::Changed,
            () if found.contains(&Found::Changed) => Found::Changed,
            () => Found::Held,
        }
    }

    /// A record from which a store may have held back statements.
    fn part_of_record(&mut self, mut report: Report, earlier: Earlier) -> Found {
        let head = Head::of(&report.source, None);
        let expected = written(&report);
        if self.lines.next_is(&expected) {
            return self.held(expected);
        }
        let Some(line) = self.line_of(&head) else {
            if !earlier.may_be_dropped {
                return self.missing(&head);
            }
            self.verified.believed_statements += report.statements.len() as u64;
            return Found::Believed;
        };
        if let Ok(found) = serde_json::from_slice::<Report>(&line.bytes) {
            let before = report.statements.len();
            let there: HashSet<_> = found.statements.iter().map(values_of).collect();
            report
                .statements
                .retain(|statement| there.contains(&values_of(statement)));
            let removed = (before - report.statements.len()) as u64;
            report.duplicates_removed += removed;
            self.verified.believed_statements += removed;
        }
        if report.statements.is_empty() && earlier.is_header_known && earlier.may_be_dropped {
            let what = "the page brings nothing new, and its header was seen on an earlier page";
            self.tell(&Finding::new(Some(line.number), Some(head.place), what));
            return Found::Changed;
        }
        self.compare(written(&report), line)
    }

    /// Looks for an expected line.
    fn line(&mut self, expected: Vec<u8>, head: &Head, is_believed: bool) -> Found {
        if self.lines.next_is(&expected) {
            return self.held(expected);
        }
        match self.line_of(head) {
            Some(line) => self.compare(expected, line),
            None if is_believed => Found::Believed,
            None => self.missing(head),
        }
    }

    /// The line of this page; those before it are findings.
    fn line_of(&mut self, head: &Head) -> Option<Line> {
        let before = self.lines.find(head.key)?;
        for _ in 0..before {
            if let Some(stray) = self.lines.take() {
                self.stray(&stray);
            }
        }
        self.lines.take()
    }

    fn held(&mut self, line: Vec<u8>) -> Found {
        self.verified.held += 1;
        self.last = line;
        Found::Held
    }

    fn compare(&mut self, expected: Vec<u8>, line: Line) -> Found {
        if line.bytes == expected {
            return self.held(expected);
        }
        let what = difference(&line.bytes, &expected);
        let place = line.head.map(|head| head.place);
        self.tell(&Finding::new(Some(line.number), place, what));
        self.last = line.bytes;
        Found::Changed
    }

    fn missing(&mut self, head: &Head) -> Found {
        let what = match self.strays.get(&head.key) {
            Some(number) => format!("what it gives is out of order, in line {number}"),
            None => "what it gives is missing".to_owned(),
        };
        self.tell(&Finding::new(None, Some(head.place.clone()), what));
        Found::Missing
    }

    /// A line that no page gives where it stands.
    fn stray(&mut self, line: &Line) {
        let what = match &line.head {
            _ if line.is_too_long => "it is longer than any record of such pages",
            None => "it is no record of a run",
            Some(_) if line.bytes == self.last => "it is there twice",
            Some(head) => {
                if self.strays.len() < MOST_STRAYS {
                    self.strays.insert(head.key, line.number);
                }
                "no page of the inputs gives it here"
            }
        };
        let place = line.head.as_ref().map(|head| head.place.clone());
        self.tell(&Finding::new(Some(line.number), place, what));
    }

    fn tell_fault(&mut self) {
        if let Some(fault) = self.lines.fault() {
            let what = format!("the output cannot be read on: {fault}");
            self.tell(&Finding::new(None, None, what));
        }
    }

    fn tell(&mut self, finding: &Finding) {
        self.verified.findings += 1;
        (self.on_finding)(finding);
    }
}

/// The line that a value must have.
fn written(value: &impl Serialize) -> Vec<u8> {
    // These types have no key that is no string, and writing to memory does not fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
