//! One page in memory, without a pipeline.

use std::borrow::Cow;
use std::ops::Range;

use super::blocks::Blocks;
use crate::dedup::{Dedup, Kept};
use crate::grammar::{self, Page, report_id};
use crate::model::{Facets, Reject, RejectPlace, RejectReason, Report, Source, Statement, Warning};
use crate::split::{feeds_in, pages};

/// Parses a text with one report page, repeats removed. The record is the one a run gives for a
/// source of this text alone, under the empty path: text of other sites may stand around the page.
///
/// ```
/// let page = "DOI: 10.5555/x\n|\nA title\nHelp me understand this report\n\
///             “…It was cited.…”\nSection: Resultsmentioning\nconfidence: 99%";
/// let report = citesift::parse(page.as_bytes())?;
/// assert_eq!(report.title.as_deref(), Some("A title"));
/// assert_eq!(report.statements[0].text, "It was cited.");
/// # Ok::<(), citesift::model::Reject>(())
/// ```
///
/// # Errors
/// A [`Reject`] for text without a report page, and for text with several, with the place of the
/// second one. [`records`](super::records) and [`Spans`](super::Spans) give each of them.
pub fn parse(text: &[u8]) -> Result<Report, Reject> {
    only_report(text, false)
}

/// As [`parse`], for a page whose address is known. The record has it, and a text without any
/// sign of a report is taken for the report's abstract where the address is a report's.
///
/// # Errors
/// As [`parse`].
pub fn parse_at(text: &[u8], url: &str) -> Result<Report, Reject> {
    let id = report_id(url.as_bytes());
    let mut report = only_report(text, id.is_some())?;
    report.url = Some(url.to_owned());
    report.report_id = id.map(string);
    Ok(report)
}

/// The report in a text that holds one.
fn only_report(text: &[u8], is_at_report: bool) -> Result<Report, Reject> {
    let pages = pages(text);
    let alone = Alone {
        at_address: is_at_report && pages.len() == 1,
        ..Alone::default()
    };
    let mut only = None;
    for page in &pages {
        let Some(mut report) = alone.report(&text[page.clone()]) else {
            continue;
        };
        if only.is_some() {
            return Err(second_report(text, page.clone()));
        }
        report.source.offset = page.start as u64;
        only = Some(report);
    }
    only.ok_or_else(|| not_a_report(&text[pages.first().cloned().unwrap_or_default()]))
}

/// How a page in memory is parsed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alone {
    /// It is all that stands at a report's address.
    pub at_address: bool,
    pub scope: Dedup,
    /// From how many thousandths on statements are told to be alike.
    pub near: Option<u16>,
}

impl Alone {
    /// The report of a page that was cut out, under the empty path; none of what is no report
    /// page. Repeats of other pages stay.
    pub fn report(self, text: &[u8]) -> Option<Report> {
        let text_of_page = String::from_utf8_lossy(text);
        let mut page = Page::default();
        match self.at_address {
            true => grammar::parse_at_address(text_of_page.as_bytes(), &mut page),
            false => grammar::parse(text_of_page.as_bytes(), &mut page),
        }
        if !page.is_report {
            return None;
        }
        let source = Source {
            path: String::new(),
            offset: 0,
            length: text.len() as u64,
            record: None,
            date: None,
        };
        page.warnings
            .add_if(text_of_page.as_bytes() != text, Warning::InvalidUtf8);
        Some(report_of(&page, source, self))
    }
}

fn not_a_report(text: &[u8]) -> Reject {
    let message = "nothing in the text is found on report pages only";
    reject(RejectReason::NotAReport, message.to_owned(), 0, 1, text)
}

fn second_report(text: &[u8], page: Range<usize>) -> Reject {
    let start = page.start;
    let message = format!("a second report page begins at byte {start}, and one alone is needed");
    let line = feeds_in(&text[..start]) + 1;
    let reason = RejectReason::SeveralReports;
    reject(reason, message, start as u64, line, &text[page])
}

fn reject(reason: RejectReason, message: String, offset: u64, line: u64, page: &[u8]) -> Reject {
    Reject {
        reason,
        message,
        source: RejectPlace {
            path: String::new(),
            offset,
            line: Some(line),
            record: None,
        },
        excerpt: Reject::excerpt_of(page),
    }
}

fn report_of(page: &Page, source: Source, alone: Alone) -> Report {
    let statements = statements_of(page, alone);
    Report {
        doi: page.doi.map(|doi| string(doi).to_ascii_lowercase()),
        year: page.year,
        title: joined(&page.title),
        abstract_text: joined(&page.abstract_lines),
        url: None,
        report_id: None,
        tallies: page.tallies,
        references: page.references,
        citing_years: page.citing_years,
        facets: Facets {
            paper_sections: page.paper_sections.clone(),
            publication_types: page.publication_types.clone(),
            relationship: page.relationship.clone(),
            authors: page.authors.iter().copied().map(string).collect(),
            journals: page.journals.iter().copied().map(string).collect(),
        },
        duplicates_removed: (page.blocks.len() - statements.len()) as u64,
        statements,
        warnings: page.warnings.iter().collect(),
        source,
        meta: None,
    }
}

fn statements_of(page: &Page, alone: Alone) -> Vec<Statement> {
    let mut blocks = Blocks::new(alone.scope, alone.near);
    blocks.decide(&page.blocks);
    let statement = |kept: &Kept| {
        let block = &page.blocks[kept.block];
        let similar = blocks.similar[kept.block];
        Statement {
            id: format!("{:032x}", blocks.fingerprints[kept.block].id),
            text: string(&block.text),
            section: block.section.map(string),
            statement_type: block.statement_type,
            confidence: block.confidence,
            similar_to: similar.map(|similar| format!("{:032x}", similar.id)),
            similarity: similar.map(|similar| f64::from(similar.similarity) / 1000.0),
            see_more: kept.see_more,
            occurrences: kept.occurrences,
        }
    };
    blocks.kept.iter().map(statement).collect()
}

fn joined(lines: &[&[u8]]) -> Option<String> {
    (!lines.is_empty()).then(|| string(&lines.join(&b' ')))
}

/// The grammar cuts only at whole characters, so nothing is replaced here.
pub(super) fn string(text: &[u8]) -> String {
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}
