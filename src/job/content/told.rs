//! What the parsers tell of a batch.

use std::mem;
use std::sync::atomic::Ordering;

use super::headings::{Dictionary, Headings, NONE};
use super::{CONFIDENCES, NO_CONFIDENCE, TYPES, Telling, bit};
use crate::grammar::{Block, Page};
use crate::model::Warnings;
use crate::sink::ndjson::At;

/// What a batch's pages and blocks are.
#[derive(Debug, Default)]
pub struct Told {
    /// Every printed block.
    pub blocks: Vec<Kind>,
    /// The statements, if of each report what is most likely stays.
    pub counts: Counts,
    /// The headings, unless their numbers are those of the run's.
    pub headings: Option<Dictionary>,
    /// Report pages with a warning of which more are wanted, in their order.
    pub warned: Vec<Heading>,
}

/// Numbers, for the writer has one thread, and shall only add.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The heading's times the number of [`TYPES`], and the type's.
    section_and_type: u32,
    confidence: u8,
}

/// Statements of a batch.
#[derive(Debug, Default)]
pub struct Counts {
    /// By section and type, in the order of the first of each.
    pub kinds: Vec<(u32, u64)>,
    /// By their numbers.
    pub confidences: Vec<u64>,
}

/// Counts statements. It stays where it is from batch to batch, in the cache.
#[derive(Debug)]
pub struct Counter {
    /// By section and type.
    kinds: Vec<u64>,
    /// The sections and types that occur, in the order of their first statements.
    order: Vec<u32>,
    /// By their numbers.
    confidences: [u64; CONFIDENCES],
}

/// Sections and types for which there is room made at once.
const ROOM: usize = 64 * TYPES.len();

/// What a page with a warning is shown with.
#[derive(Debug)]
pub struct Heading {
    /// Its number in the batch.
    pub page: usize,
    pub doi: Option<String>,
    pub title: Option<String>,
    pub offset: u64,
    /// Line feeds of its part before it, where lines are counted.
    pub feeds: Option<u64>,
    pub record: Option<String>,
}

/// Bytes of a DOI or title that are shown.
const SHOWN: usize = 400;

impl Default for Counter {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            order: Vec::new(),
            confidences: [0; CONFIDENCES],
        }
    }
}

impl Counter {
    pub fn add(&mut self, kind: Kind) {
        let at = kind.section_and_type as usize;
        match self.kinds.get_mut(at) {
            Some(counted) if *counted > 0 => *counted += 1,
            _ => self.add_first(kind),
        }
        self.confidences[usize::from(kind.confidence)] += 1;
    }

    #[cold]
    fn add_first(&mut self, kind: Kind) {
        let at = kind.section_and_type as usize;
        if at >= self.kinds.len() {
            self.kinds.resize(at + ROOM, 0);
        }
        self.kinds[at] = 1;
        self.order.push(kind.section_and_type);
    }

    /// Replaces these by what was counted since this was last called.
    pub fn take(&mut self, counts: &mut Counts) {
        let kinds = self.order.drain(..);
        let kinds = kinds.map(|kind| (kind, mem::take(&mut self.kinds[kind as usize])));
        counts.kinds.clear();
        counts.kinds.extend(kinds);
        counts.confidences.clear();
        counts.confidences.extend(self.confidences);
        self.confidences.fill(0);
    }
}

/// Tells what the pages and blocks of batch after batch are.
pub struct Teller<'a> {
    blocks: Vec<Kind>,
    counter: Counter,
    headings: Headings,
    warned: Vec<Heading>,
    telling: &'a Telling,
}

impl<'a> Teller<'a> {
    pub fn new(telling: &'a Telling) -> Self {
        Self {
            blocks: Vec::new(),
            counter: Counter::default(),
            headings: Headings::new(telling),
            warned: Vec::new(),
            telling,
        }
    }

    /// What was told of the last batch.
    pub fn told(&mut self) -> Told {
        let mut told = self.telling.spare().pop().unwrap_or_default();
        self.counter.take(&mut told.counts);
        told.headings = self.headings.take_own(self.telling);
        mem::swap(&mut told.blocks, &mut self.blocks);
        mem::swap(&mut told.warned, &mut self.warned);
        self.blocks.clear();
        self.warned.clear();
        told
    }

    /// Tells the next printed block, which most likely stays, of a page with this text. As a part of
    /// what calls it, it would take that the registers, and a run without a report pays too.
    #[inline(never)]
    pub fn block(&mut self, text: &[u8], block: &Block) {
        let heading = match block.section {
            Some(heading) => self.headings.number_of(text, heading, self.telling),
            None => NONE,
        };
        let statement_type = block
            .statement_type
            .map_or(TYPES.len() - 1, |it| it as usize);
        let kind = Kind {
            section_and_type: heading * TYPES.len() as u32 + statement_type as u32,
            confidence: block.confidence.unwrap_or(NO_CONFIDENCE).min(NO_CONFIDENCE),
        };
        self.counter.add(kind);
        self.blocks.push(kind);
    }

    /// Tells that the next printed block repeats this one of the batch.
    pub fn repeat(&mut self, first: usize) {
        self.blocks.push(self.blocks[first]);
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
        self.warned.push(Heading {
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
