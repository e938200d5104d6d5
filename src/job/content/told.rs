//! What the parsers tell of a batch.

use std::mem;
use std::sync::atomic::Ordering;

use super::headings::{Dictionary, Full, Headings, NONE};
use super::{NO_CONFIDENCE, TYPES, Telling, bit};
use crate::grammar::{Block, Page};
use crate::model::Warnings;
use crate::sink::ndjson::At;

/// What a batch's pages and blocks are.
#[derive(Debug, Default)]
pub struct Told {
    /// Every block that most likely stays.
    pub kinds: Vec<Kind>,
    /// The headings, unless their numbers are those of the run's.
    pub headings: Option<Dictionary>,
    /// Report pages with a warning of which more are wanted, in their order.
    pub warned: Vec<Heading>,
}

/// Numbers, for the writer has one thread, and shall only add.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The heading's times the number of [`TYPES`], and the type's.
    pub section_and_type: u32,
    pub confidence: u8,
}

impl Kind {
    #[inline]
    fn of(heading: u32, block: &Block) -> Self {
        let statement_type = block
            .statement_type
            .map_or(TYPES.len() - 1, |it| it as usize);
        Self {
            section_and_type: heading * TYPES.len() as u32 + statement_type as u32,
            confidence: block.confidence.unwrap_or(NO_CONFIDENCE),
        }
    }
}

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

/// Tells what the pages and blocks of batch after batch are.
pub struct Teller<'a> {
    told: Told,
    headings: Headings,
    /// The run's headings, if this batch's numbers are theirs.
    full: Option<&'a Full>,
    telling: &'a Telling,
}

impl<'a> Teller<'a> {
    pub fn new(telling: &'a Telling) -> Self {
        Self {
            told: Told::default(),
            headings: Headings::default(),
            full: telling.full(),
            telling,
        }
    }

    /// What was told of the last batch.
    pub fn told(&mut self) -> Told {
        self.told.headings = self.full.is_none().then(|| self.headings.take_own());
        self.full = self.telling.full();
        let next = self.telling.spare().pop().unwrap_or_default();
        mem::replace(&mut self.told, next)
    }

    /// Tells a block of a page with this text that most likely stays.
    #[inline]
    pub fn block(&mut self, text: &[u8], block: &Block) {
        match self.full {
            Some(full) => tell_by_end(&mut self.told.kinds, full, text, block),
            None => self.tell_own(text, block),
        }
    }

    /// Tells a block by the batch's own headings, while the run's are not known.
    #[inline(never)]
    fn tell_own(&mut self, text: &[u8], block: &Block) {
        let number = block.section.map_or(NONE, |heading| {
            self.headings.number_of(text, heading, self.telling.seed)
        });
        self.told.kinds.push(Kind::of(number, block));
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

/// Tells a block by the run's headings. What is seldom done is apart, for a function that calls no other
/// wants no stack.
#[inline(never)]
fn tell_by_end(kinds: &mut Vec<Kind>, full: &Full, text: &[u8], block: &Block) {
    let number = match block.section {
        Some(heading) => full.by_end(text, heading),
        None => Some(NONE),
    };
    match number {
        Some(number) if kinds.len() < kinds.capacity() => kinds.push(Kind::of(number, block)),
        _ => tell_by_hash(kinds, full, block),
    }
}

#[inline(never)]
fn tell_by_hash(kinds: &mut Vec<Kind>, full: &Full, block: &Block) {
    let number = (block.section).map_or(NONE, |heading| full.look_up(heading));
    kinds.push(Kind::of(number, block));
}

/// The first characters of UTF-8.
fn beginning(text: &[u8]) -> String {
    let begins_character = |&end: &usize| text.get(end).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (0..=text.len().min(SHOWN)).rev().find(begins_character);
    String::from_utf8_lossy(&text[..end.unwrap_or(0)]).into_owned()
}
