//! What did not add up: warnings, rejects, what was not read, and drift.

use std::cmp::Reverse;

use super::Run;
use super::text::{Count, count, share, shown};
use crate::model::{Reject, RejectPlace, RejectReason, Warning};
use crate::place::Place;
use crate::stats::{Shape, Stats, Warned};
use crate::summary::{self, number};

/// Faults that are named, and shapes of lines.
const UNREAD: usize = 20;
const SHAPES: usize = 12;

/// Characters of a title or excerpt, and of a place.
const TEXT: usize = 160;
const PLACE: usize = 200;

pub struct Findings {
    pub warnings: Vec<Finding>,
    pub rejects: Vec<Finding>,
    /// What could not be read whole, each with why, and how many are not named.
    pub unread: Vec<(String, String)>,
    pub more_unread: String,
    pub not_read: Vec<(Count, String)>,
    pub drift: Option<Drift>,
}

/// A kind of warning or reject.
pub struct Finding {
    pub name: String,
    pub meaning: &'static str,
    pub count: Count,
    /// What is counted, and their share.
    pub share: String,
    pub examples: Vec<Example>,
}

pub struct Example {
    pub text: String,
    pub note: String,
    pub place: String,
}

pub struct Drift {
    pub unrecognized: Count,
    pub lines: Count,
    pub other: Count,
    pub share: String,
    pub shapes: Vec<ShapeRow>,
    /// Shapes without a row.
    pub more: String,
}

pub struct ShapeRow {
    pub shape: String,
    pub lines: u64,
    pub place: String,
}

impl Findings {
    pub fn of(run: &Run) -> Self {
        let (stats, content) = (&run.summary.stats, run.content);
        let warnings = Warning::ALL.into_iter().filter_map(|warning| {
            let examples = content.warned.get(&warning).into_iter().flatten();
            let pages = *stats.warnings.get(warning.as_str())?;
            Some(Finding {
                name: warning.as_str().to_owned(),
                meaning: meaning(warning),
                count: count(format!("warnings.{}", warning.as_str()), pages),
                share: format!(
                    "{}, {}",
                    page_or_pages(pages),
                    share(pages, stats.pages.emitted)
                ),
                examples: examples.map(warned).collect(),
            })
        });
        let rejects = stats.rejects.iter().map(|(name, &pages)| {
            let refused = content.refused.values().flatten();
            let refused = refused.filter(|reject| reject.reason.as_str() == name);
            Finding {
                name: name.clone().into_owned(),
                meaning: refused
                    .clone()
                    .next()
                    .map_or("", |reject| why(reject.reason)),
                count: count(format!("rejects.{name}"), pages),
                share: format!(
                    "{}, {}",
                    page_or_pages(pages),
                    share(pages, stats.pages.seen)
                ),
                examples: refused.map(rejected).collect(),
            }
        });
        let (mut warnings, mut rejects): (Vec<_>, Vec<_>) = (warnings.collect(), rejects.collect());
        for findings in [&mut warnings, &mut rejects] {
            findings.sort_by_key(|finding| Reverse(finding.count.value));
        }
        let faults = &run.summary.faults;
        let unread = faults.iter().take(UNREAD).map(|fault| {
            let path = shown(&fault.path, PLACE);
            let record = fault.record.as_deref().map(|record| shown(record, PLACE));
            let record = record.map(|record| format!(", record {record}"));
            let why = shown(&fault.source.to_string(), TEXT);
            (path + &record.unwrap_or_default(), why)
        });
        Self {
            warnings,
            rejects,
            unread: unread.collect(),
            more_unread: more(faults.len(), UNREAD),
            not_read: not_read(stats),
            drift: (stats.unrecognized_lines > 0).then(|| Drift::of(stats)),
        }
    }
}

impl Drift {
    fn of(stats: &Stats) -> Self {
        let drift = &stats.drift;
        let row = |shape: &Shape| ShapeRow {
            shape: shown(&shape.shape, TEXT),
            lines: shape.lines,
            place: place(&shape.first),
        };
        Self {
            unrecognized: count("unrecognized_lines", stats.unrecognized_lines),
            lines: count("drift.lines", drift.lines),
            other: count("drift.other", drift.other),
            share: share(stats.unrecognized_lines, drift.lines),
            shapes: drift.shapes.iter().take(SHAPES).map(row).collect(),
            more: more(drift.shapes.len(), SHAPES),
        }
    }
}

fn page_or_pages(count: u64) -> &'static str {
    match count {
        1 => "page",
        _ => "pages",
    }
}

fn more(all: usize, named: usize) -> String {
    match all.saturating_sub(named) as u64 {
        0 => String::new(),
        rest => number(rest),
    }
}

fn not_read(stats: &Stats) -> Vec<(Count, String)> {
    let counts = stats.not_read.iter();
    let counts = counts.map(|(why, &records)| count(format!("not_read.{why}"), records));
    counts.zip(summary::not_read(&stats.not_read)).collect()
}

/// Of a long path or name the end tells most.
fn place(place: &RejectPlace) -> String {
    let end = |text: &str| match text.char_indices().nth_back(PLACE) {
        Some((before, first)) => format!("…{}", &text[before + first.len_utf8()..]),
        None => text.to_owned(),
    };
    let shown = RejectPlace {
        path: end(&place.path),
        record: place.record.as_deref().map(end),
        ..place.clone()
    };
    Place::from(&shown).to_string()
}

fn warned(page: &Warned) -> Example {
    let text = page.title.as_deref().unwrap_or("no title");
    Example {
        text: shown(text, TEXT),
        note: page
            .doi
            .as_deref()
            .map_or(String::new(), |doi| shown(doi, TEXT)),
        place: place(&page.place),
    }
}

fn rejected(reject: &Reject) -> Example {
    Example {
        text: shown(&words(&reject.excerpt), TEXT),
        note: shown(&reject.message, TEXT),
        place: place(&reject.source),
    }
}

/// On one line.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn meaning(warning: Warning) -> &'static str {
    match warning {
        Warning::TallySumMismatch => "The counts by type do not add up to the total.",
        Warning::TallyRepeatMismatch => "The counts differ where the page prints them again.",
        Warning::YearRangeDisorder => "The numbers under Year Published are not in order.",
        Warning::TruncatedPage => "The page ends before its statements.",
        Warning::TruncatedStatement => {
            "A statement has no closing quotation mark, section line or type."
        }
        Warning::NoHeader => "The page has no DOI line at its top.",
        Warning::InvalidUtf8 => "Bytes that are no UTF-8 were replaced.",
        Warning::UnrecognizedLines => "No part of the page claims some of its lines.",
    }
}

fn why(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::PageTooLarge => {
            "The page, or what holds it, is larger than --max-page lets it be."
        }
        RejectReason::NotAReport => "The text is some other site's page.",
        RejectReason::SeveralReports => "The text holds more report pages than one.",
        RejectReason::InvalidJson => "A line that should hold a JSON object does not.",
        RejectReason::WrongType => "A line's JSON is no object, or its text is no string.",
        RejectReason::DamagedRecord => "A WARC record is not where, or not what, the file says.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_hides_no_place() {
        let path = format!("{}/ä/part-1.txt", "folder/".repeat(40));
        let shown = place(&RejectPlace {
            path: path.clone(),
            offset: 104,
            line: Some(8),
            record: None,
        });
        assert!(
            shown.starts_with('…') && shown.chars().count() < 240,
            "{shown}"
        );
        assert!(
            shown.ends_with("/ä/part-1.txt: byte 104, line 8"),
            "{shown}"
        );
    }
}
