//! What pages and blocks are, for a run's [`Content`]: told by the parsers for all that is printed,
//! and counted by the writer for what is kept.
//!
//! The parsers give every different heading of a batch a number, so that the writer, of which
//! there is one, looks up a heading once for a batch and not once for a statement.

use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use hashbrown::HashTable;
use twox_hash::XxHash3_64;

use super::parsed::{ParsedPage, ParsedPart};
use crate::dedup::Kept;
use crate::grammar::{Block, Page};
use crate::model::{Reject, RejectPlace, StatementType, Warning, Warnings};
use crate::sink::ndjson::At;
use crate::stats::{Content, EXAMPLES, Emitted, HEADINGS, Warned};

/// What the pages and blocks of a batch are.
#[derive(Debug, Default)]
pub struct Told {
    /// Every printed block.
    blocks: Vec<Kind>,
    headings: Headings,
    /// Report pages with a warning of which more are wanted, in their order.
    warned: Vec<Heading>,
}

/// Every heading, as a range of `text`, with its hash.
#[derive(Debug, Default)]
struct Headings {
    places: Vec<(Range<usize>, u64)>,
    text: Vec<u8>,
}

/// The numbers of no heading, of all that are not told apart, and of a batch's first one.
const NONE: u32 = 0;
const FURTHER: u32 = 1;
const FIRST: u32 = 2;

impl Headings {
    fn text(&self, number: u32) -> &[u8] {
        &self.text[self.places[(number - FIRST) as usize].0.clone()]
    }

    fn hash(&self, number: u32) -> u64 {
        self.places[(number - FIRST) as usize].1
    }

    fn last(&self) -> u32 {
        FIRST + self.places.len() as u32 - 1
    }
}

/// What the parsers of a run and its writer have in common.
pub struct Telling {
    /// The seed of headings' hashes: nobody shall write headings that all have one hash.
    seed: u64,
    /// Warnings, by their bits, of which enough pages are counted: no more need be told of, for to
    /// keep what a page is shown with takes as long as to parse a tenth of it.
    shown: AtomicU8,
    /// The run's headings, once there are as many as are told apart: where each page has headings of
    /// its own, that is 8 % of what the report costs.
    full: OnceLock<HashTable<String>>,
}

impl Telling {
    pub fn new() -> Self {
        Self {
            seed: RandomState::new().hash_one(0),
            shown: AtomicU8::new(0),
            full: OnceLock::new(),
        }
    }

    fn hash_of(&self, heading: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, heading)
    }

    /// Whether a heading is none of the run's, to which no more come.
    fn is_further(&self, hash: u64, heading: &[u8]) -> bool {
        let full = self.full.get();
        full.is_some_and(|known| {
            let found = known.find(hash, |known| known.as_bytes() == heading);
            found.is_none()
        })
    }
}

/// Numbers, for the writer has one thread, and shall only add.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// The heading's times the number of [`TYPES`], and the type's.
    section_and_type: u32,
    confidence: u8,
}

/// Types by their numbers; the last ones are none.
const TYPES: [Option<StatementType>; 8] = [
    Some(StatementType::Supporting),
    Some(StatementType::Mentioning),
    Some(StatementType::Contrasting),
    Some(StatementType::Unclassified),
    None,
    None,
    None,
    None,
];

/// The number of no confidence.
const NO_CONFIDENCE: u8 = u8::MAX;

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
const RECENT: usize = 256;

/// Headings of a batch for which there is room at once, and bytes of text for each block: memory that
/// grows step by step took a third of the time.
const ROOM: usize = 64;
const BLOCK: usize = 512;

/// Tells what a batch's pages and blocks are.
pub struct Teller<'a> {
    told: Told,
    /// The numbers of the headings.
    known: HashTable<u32>,
    recent: [u32; RECENT],
    telling: &'a Telling,
}

impl<'a> Teller<'a> {
    /// For a batch of so many bytes.
    pub fn new(telling: &'a Telling, bytes: usize) -> Self {
        let headings = Headings {
            places: Vec::with_capacity(ROOM),
            text: Vec::with_capacity(32 * ROOM),
        };
        Self {
            told: Told {
                blocks: Vec::with_capacity(bytes / BLOCK),
                headings,
                warned: Vec::new(),
            },
            known: HashTable::with_capacity(ROOM),
            recent: [0; RECENT],
            telling,
        }
    }

    pub fn told(self) -> Told {
        self.told
    }

    /// Tells the next printed block.
    pub fn block(&mut self, block: &Block) {
        let section = block.section.map(|section| self.number_of(section));
        let statement_type = match block.statement_type {
            Some(StatementType::Supporting) => 0,
            Some(StatementType::Mentioning) => 1,
            Some(StatementType::Contrasting) => 2,
            Some(StatementType::Unclassified) => 3,
            None => 4,
        };
        self.told.blocks.push(Kind {
            section_and_type: section.unwrap_or(NONE) * TYPES.len() as u32 + statement_type,
            confidence: block.confidence.unwrap_or(NO_CONFIDENCE),
        });
    }

    /// Tells that the next printed block repeats this one of the batch.
    pub fn repeat(&mut self, first: usize) {
        self.told.blocks.push(self.told.blocks[first]);
    }

    /// The heading's number.
    #[inline]
    fn number_of(&mut self, heading: &[u8]) -> u32 {
        let slot = slot_of(heading);
        let recent = self.recent[slot];
        let headings = &self.told.headings;
        if recent > 0 && headings.text(recent) == heading {
            return recent;
        }
        let number = self.find(heading);
        if number != FURTHER {
            self.recent[slot] = number;
        }
        number
    }

    fn find(&mut self, heading: &[u8]) -> u32 {
        let headings = &mut self.told.headings;
        let hash = self.telling.hash_of(heading);
        let is_same = |&number: &u32| headings.text(number) == heading;
        if let Some(&number) = self.known.find(hash, is_same) {
            return number;
        }
        if self.telling.is_further(hash, heading) {
            return FURTHER;
        }
        let start = headings.text.len();
        headings.text.extend_from_slice(heading);
        headings.places.push((start..headings.text.len(), hash));
        let number = headings.last();
        let hash_of = |&number: &u32| headings.hash(number);
        self.known.insert_unique(hash, number, hash_of);
        number
    }

    /// Tells of a page with warnings, if more such pages are wanted: its number in the batch, where
    /// it stands, and how many line feeds of its part are before it.
    pub fn warned(
        &mut self,
        page: usize,
        warnings: Warnings,
        parsed: &Page,
        at: &At,
        feeds: Option<u64>,
    ) {
        let shown = self.telling.shown.load(Ordering::Relaxed);
        if warnings.iter().all(|warning| shown & bit(warning) != 0) {
            return;
        }
        // None of the lines behind so many is shown.
        let title = &parsed.title[..parsed.title.len().min(SHOWN)];
        let title = (!title.is_empty()).then(|| beginning(&title.join(&b' ')));
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

/// A number for a heading's length and ends.
#[inline]
fn slot_of(heading: &[u8]) -> usize {
    let ends = match (heading.first_chunk::<4>(), heading.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => u64::from(heading.first().copied().unwrap_or(0)),
    };
    // The factor of Fibonacci hashing, which spreads to the high bits.
    let mixed = (ends ^ heading.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as usize
}

fn bit(warning: Warning) -> u8 {
    1 << warning as u8
}

/// The first characters of UTF-8.
fn beginning(text: &[u8]) -> String {
    let begins_character = |&end: &usize| text.get(end).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (0..=text.len().min(SHOWN)).rev().find(begins_character);
    String::from_utf8_lossy(&text[..end.unwrap_or(0)]).into_owned()
}

/// Counts what is kept.
pub struct Counting<'a> {
    /// Up to the last batch; years and confidences are those before this run.
    content: Content,
    years: Vec<Emitted>,
    /// By their numbers.
    confidences: [u64; 256],
    /// The numbers of the run's headings, which have room for all at once.
    known: HashTable<usize>,
    telling: &'a Telling,
    /// The batch's kept statements by section and type, and the order in which each had its first one.
    of_batch: Vec<u64>,
    order: Vec<u32>,
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

impl<'a> Counting<'a> {
    /// Goes on with what was counted.
    pub fn go_on(content: Content, telling: &'a Telling) -> Self {
        let hash_of = |number: usize| {
            let heading = &content.sections[number].heading;
            telling.hash_of(heading.as_bytes())
        };
        let mut known = HashTable::with_capacity(HEADINGS);
        for number in 0..content.sections.len() {
            known.insert_unique(hash_of(number), number, |&other| hash_of(other));
        }
        let counting = Self {
            known,
            telling,
            content,
            years: Vec::new(),
            confidences: [0; 256],
            of_batch: Vec::new(),
            order: Vec::new(),
        };
        counting.tell_when_full();
        counting
    }

    /// Tells the parsers when no more headings are told apart.
    fn tell_when_full(&self) {
        if self.content.sections.len() < HEADINGS {
            return;
        }
        let hash_of = |heading: &String| self.telling.hash_of(heading.as_bytes());
        let mut full = HashTable::with_capacity(HEADINGS);
        for section in &self.content.sections {
            let heading = section.heading.clone();
            full.insert_unique(hash_of(&heading), heading, hash_of);
        }
        // It is told once.
        let _ = self.telling.full.set(full);
    }

    /// What was counted up to the last batch.
    pub fn content(&self) -> Content {
        let mut content = self.content.clone();
        for (year, emitted) in (0..=u16::MAX).zip(&self.years) {
            if *emitted != Emitted::default() {
                content.year(year, *emitted);
            }
        }
        for (percent, &statements) in (0..=u8::MAX).zip(&self.confidences) {
            let percent = (percent != NO_CONFIDENCE).then_some(percent);
            content.confidence(percent, statements);
        }
        content
    }

    /// The next batch begins.
    pub fn begin(&mut self, told: &Told) {
        self.of_batch.clear();
        self.of_batch
            .resize((told.headings.last() + 1) as usize * TYPES.len(), 0);
    }

    pub fn page(&mut self, told: &Told, emitted: &EmittedPage) {
        let EmittedPage { page, kept, .. } = *emitted;
        let counted = match page.year.map(usize::from) {
            Some(year) => {
                if year >= self.years.len() {
                    self.years.resize(year + 1, Emitted::default());
                }
                &mut self.years[year]
            }
            None => &mut self.content.no_year,
        };
        counted.pages += 1;
        counted.statements += kept.len() as u64;
        let kinds = &told.blocks[page.blocks.clone()];
        // Without names of their own the two would be fetched anew for each statement.
        let (of_batch, confidences) = (&mut self.of_batch[..], &mut self.confidences);
        for kept in kept {
            let kind = kinds[kept.block];
            confidences[usize::from(kind.confidence)] += 1;
            let counted = &mut of_batch[kind.section_and_type as usize];
            if *counted == 0 {
                self.order.push(kind.section_and_type);
            }
            *counted += 1;
        }
        if page.warnings != Warnings::default() {
            self.warned(told, emitted);
        }
    }

    fn warned(&mut self, told: &Told, emitted: &EmittedPage) {
        for warning in emitted.page.warnings.iter() {
            let examples = self.content.warned(warning, || warned(told, emitted));
            if examples == EXAMPLES {
                self.telling.shown.fetch_or(bit(warning), Ordering::Relaxed);
            }
        }
    }

    /// The batch has ended: its headings are those of the run.
    pub fn end(&mut self, told: &Told) {
        for number in mem::take(&mut self.order) {
            let (heading, statement_type) =
                (number / TYPES.len() as u32, number as usize % TYPES.len());
            let counted = match heading {
                NONE => &mut self.content.no_section,
                FURTHER => &mut self.content.other_sections,
                heading => match self.find(&told.headings, heading) {
                    Some(section) => &mut self.content.sections[section].statements,
                    None => &mut self.content.other_sections,
                },
            };
            counted.add(TYPES[statement_type], self.of_batch[number as usize]);
        }
    }

    fn find(&mut self, headings: &Headings, number: u32) -> Option<usize> {
        let (heading, hash) = (headings.text(number), headings.hash(number));
        let sections = &self.content.sections;
        let is_same = |&section: &usize| sections[section].heading.as_bytes() == heading;
        if let Some(&section) = self.known.find(hash, is_same) {
            return Some(section);
        }
        let section = self.content.new_section(heading)?;
        let (sections, telling) = (&self.content.sections, self.telling);
        let hash_of = |&other: &usize| telling.hash_of(sections[other].heading.as_bytes());
        self.known.insert_unique(hash, section, hash_of);
        self.tell_when_full();
        Some(section)
    }

    pub fn refused(&mut self, reject: &Reject) {
        self.content.refused(reject);
    }
}

/// Every page with a warning was told, as long as more such pages were wanted.
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
