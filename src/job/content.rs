//! What pages and blocks are, for a run's [`Content`]: told by the parsers for all that is printed,
//! and counted by the writer for what is kept.
//!
//! The parsers give every different heading of a batch a number, so that the writer, of which
//! there is one, looks up a heading once for a batch and not once for a statement.

use std::collections::HashMap;
use std::ops::Range;

use super::parse::{ParsedPage, ParsedPart};
use crate::dedup::Kept;
use crate::grammar::{Block, Page};
use crate::model::{Reject, RejectPlace, StatementType};
use crate::sink::ndjson::At;
use crate::stats::{ByType, Content, Warned};

/// What the pages and blocks of a batch are.
#[derive(Debug, Default)]
pub struct Told {
    /// Every printed block.
    blocks: Vec<Kind>,
    /// Every heading, as a range of `text`.
    headings: Vec<Range<usize>>,
    text: Vec<u8>,
    /// Report pages with a warning, in their order.
    warned: Vec<Heading>,
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    /// The number of the heading; or none.
    section: Option<u32>,
    statement_type: Option<StatementType>,
    confidence: Option<u8>,
}

/// What a page with a warning is shown with.
#[derive(Debug)]
struct Heading {
    /// Its number in the batch.
    page: usize,
    doi: Option<String>,
    title: Option<String>,
    offset: u64,
    /// Line feeds of its part before it, where lines are counted.
    feeds: Option<u64>,
    record: Option<String>,
}

/// Bytes of a DOI or title that are shown.
const SHOWN: usize = 400;

/// Headings that are found without hashing: nearly all statements stand under a few.
const RECENT: usize = 64;

/// Tells what a batch's pages and blocks are.
pub struct Teller {
    told: Told,
    known: HashMap<Vec<u8>, u32>,
    /// The numbers of headings, by some of their bytes.
    recent: [u32; RECENT],
}

impl Teller {
    pub fn new() -> Self {
        Self {
            told: Told::default(),
            known: HashMap::new(),
            recent: [u32::MAX; RECENT],
        }
    }

    pub fn told(self) -> Told {
        self.told
    }

    /// Tells the next printed block.
    pub fn block(&mut self, block: &Block) {
        let kind = Kind {
            section: block.section.map(|section| self.number_of(section)),
            statement_type: block.statement_type,
            confidence: block.confidence,
        };
        self.told.blocks.push(kind);
    }

    fn number_of(&mut self, heading: &[u8]) -> u32 {
        let (first, last) = (heading.first(), heading.last());
        let ends = usize::from(*first.unwrap_or(&0)) + 4 * usize::from(*last.unwrap_or(&0));
        let recent = &mut self.recent[(heading.len() + ends) % RECENT];
        let told = &mut self.told;
        let same = told.headings.get(*recent as usize).cloned();
        if same.is_some_and(|same| &told.text[same] == heading) {
            return *recent;
        }
        if let Some(&known) = self.known.get(heading) {
            *recent = known;
            return known;
        }
        *recent = told.headings.len() as u32;
        let start = told.text.len();
        told.text.extend_from_slice(heading);
        told.headings.push(start..told.text.len());
        self.known.insert(heading.to_owned(), *recent);
        *recent
    }

    /// Tells of a page with a warning: its number in the batch, where it stands, and how many line
    /// feeds of its part are before it.
    pub fn warned(&mut self, page: usize, parsed: &Page, at: &At, feeds: Option<u64>) {
        let title = (!parsed.title.is_empty()).then(|| beginning(&parsed.title.join(&b' ')));
        self.told.warned.push(Heading {
            page,
            doi: parsed.doi.map(|doi| beginning(&doi.to_ascii_lowercase())),
            title,
            offset: at.offset,
            feeds,
            record: at.record.as_deref().map(str::to_owned),
        });
    }
}

/// The first characters of UTF-8.
fn beginning(text: &[u8]) -> String {
    let begins_character = |&end: &usize| text.get(end).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (0..=text.len().min(SHOWN)).rev().find(begins_character);
    String::from_utf8_lossy(&text[..end.unwrap_or(0)]).into_owned()
}

/// Counts what is kept.
#[derive(Default)]
pub struct Counting {
    content: Content,
    /// The numbers of the run's headings.
    known: HashMap<String, usize>,
    /// Where the statements under each of the batch's headings are counted.
    of_batch: Vec<Counted>,
}

#[derive(Clone, Copy)]
enum Counted {
    /// Nobody has asked yet.
    Unknown,
    Alone(usize),
    WithOthers,
}

/// A page that is emitted.
pub struct EmittedPage<'a> {
    pub part: &'a ParsedPart,
    /// Line feeds of the source before the part.
    pub feeds: u64,
    pub page: &'a ParsedPage,
    /// In its batch.
    pub number: usize,
    pub kept: &'a [Kept],
}

impl Counting {
    /// Goes on with what was counted.
    pub fn go_on(content: Content) -> Self {
        let headings = content.sections.iter().zip(0..);
        let known = headings.map(|(section, number)| (section.heading.clone(), number));
        Self {
            known: known.collect(),
            content,
            of_batch: Vec::new(),
        }
    }

    pub fn content(&self) -> &Content {
        &self.content
    }

    pub fn finish(self) -> Content {
        self.content
    }

    /// The next batch begins.
    pub fn begin(&mut self, told: &Told) {
        self.of_batch.clear();
        self.of_batch.resize(told.headings.len(), Counted::Unknown);
    }

    pub fn page(&mut self, told: &Told, emitted: &EmittedPage) {
        let EmittedPage { page, kept, .. } = *emitted;
        self.content.page(page.year, kept.len() as u64);
        for kept in kept {
            let kind = told.blocks[page.blocks.start + kept.block];
            self.content.confidence(kind.confidence);
            let counted = match kind.section {
                Some(section) => self.section(told, section as usize),
                None => &mut self.content.no_section,
            };
            counted.add(kind.statement_type);
        }
        for warning in page.warnings.iter() {
            self.content.warned(warning, || warned(told, emitted));
        }
    }

    fn section(&mut self, told: &Told, number: usize) -> &mut ByType {
        if let Counted::Unknown = self.of_batch[number] {
            let heading = &told.text[told.headings[number].clone()];
            self.of_batch[number] = self.find(&String::from_utf8_lossy(heading));
        }
        match self.of_batch[number] {
            Counted::Alone(section) => &mut self.content.sections[section].statements,
            _ => &mut self.content.other_sections,
        }
    }

    fn find(&mut self, heading: &str) -> Counted {
        if let Some(&section) = self.known.get(heading) {
            return Counted::Alone(section);
        }
        match self.content.new_section(heading) {
            Some(section) => {
                self.known.insert(heading.to_owned(), section);
                Counted::Alone(section)
            }
            None => Counted::WithOthers,
        }
    }

    pub fn refused(&mut self, reject: &Reject) {
        self.content.refused(reject);
    }
}

/// Every page with a warning was told.
fn warned(told: &Told, emitted: &EmittedPage) -> Warned {
    let at = told
        .warned
        .partition_point(|heading| heading.page < emitted.number);
    let heading = &told.warned[at];
    Warned {
        doi: heading.doi.clone(),
        title: heading.title.clone(),
        place: RejectPlace {
            path: emitted.part.origin.path.clone(),
            offset: heading.offset,
            line: heading.feeds.map(|before| emitted.feeds + before + 1),
            record: heading.record.clone(),
        },
    }
}
