//! What pages and blocks are, for a run's [`Content`]: told by the parsers for all that is printed,
//! and counted by the writer for what is kept.
//!
//! The parsers count too, as if of each report stayed what is most likely. For a batch where that is
//! so, the writer, of which there is one, only adds the sums.

mod headings;
mod told;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use twox_hash::XxHash3_64;

use self::headings::{Dictionary, FIRST, FURTHER, Full, NONE};
use self::told::Counter;
pub use self::told::{Teller, Told};
use super::parsed::{ParsedPage, ParsedPart};
use crate::dedup::Kept;
use crate::model::{Reject, RejectPlace, StatementType, Warning, Warnings};
use crate::stats::{Content, EXAMPLES, Emitted, HEADINGS, Warned};

/// Types by their numbers, and none.
const TYPES: [Option<StatementType>; 5] = [
    Some(StatementType::Supporting),
    Some(StatementType::Mentioning),
    Some(StatementType::Contrasting),
    Some(StatementType::Unclassified),
    None,
];

/// The number of no confidence, behind those of the percentages.
const NO_CONFIDENCE: u8 = 101;
const CONFIDENCES: usize = NO_CONFIDENCE as usize + 1;

/// What the parsers of a run and its writer have in common.
pub struct Telling {
    /// The seed of headings' hashes: nobody shall write headings that all have one hash.
    seed: u64,
    /// Warnings, by their bits, of which enough pages are counted: no more need be told of, for to
    /// keep what a page is shown with takes as long as to parse a tenth of it.
    shown: AtomicU8,
    /// The run's headings, once no more come.
    full: OnceLock<Full>,
    /// What was counted already, for its memory: to get that anew was a fifth of what the report cost.
    spare: Mutex<Vec<Told>>,
}

impl Telling {
    pub fn new() -> Self {
        Self {
            seed: RandomState::new().hash_one(0),
            shown: AtomicU8::new(0),
            full: OnceLock::new(),
            spare: Mutex::default(),
        }
    }

    fn hash_of(&self, heading: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, heading)
    }

    fn full(&self) -> Option<&Full> {
        self.full.get()
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Told>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bit(warning: Warning) -> u8 {
    1 << warning as u8
}

/// Counts what is kept.
pub struct Counting<'a> {
    /// Up to the last batch; years and confidences are those before this run.
    content: Content,
    years: Vec<Emitted>,
    /// By their numbers.
    confidences: [u64; CONFIDENCES],
    /// The headings of the content's sections.
    known: Dictionary,
    telling: &'a Telling,
    /// The batch under way.
    told: Option<Told>,
    /// Its statements, if not of all its reports stays what was most likely.
    counter: Counter,
    is_as_likely: bool,
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
        let mut known = Dictionary::default();
        for section in &content.sections {
            let heading = section.heading.as_bytes();
            known.add(telling.hash_of(heading), heading);
        }
        let counting = Self {
            known,
            telling,
            content,
            years: Vec::new(),
            confidences: [0; CONFIDENCES],
            told: None,
            counter: Counter::default(),
            is_as_likely: true,
        };
        counting.tell_when_full();
        counting
    }

    /// Tells the parsers when no more headings are told apart.
    fn tell_when_full(&self) {
        if self.known.len() >= HEADINGS {
            self.telling.full.get_or_init(|| Full::of(&self.known));
        }
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

    /// The next batch begins, of whose reports all stay as was most likely, or not.
    pub fn begin(&mut self, told: Told, is_as_likely: bool) {
        self.told = Some(told);
        self.is_as_likely = is_as_likely;
    }

    pub fn page(&mut self, emitted: &EmittedPage) {
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
        if let (false, Some(told)) = (self.is_as_likely, &self.told) {
            let kinds = &told.blocks[page.blocks.clone()];
            for kept in kept {
                self.counter.add(kinds[kept.block]);
            }
        }
        if page.warnings != Warnings::default() {
            self.warned(emitted);
        }
    }

    fn warned(&mut self, emitted: &EmittedPage) {
        let Some(told) = &self.told else { return };
        for warning in emitted.page.warnings.iter() {
            let examples = self.content.warned(warning, || warned(told, emitted));
            if examples == EXAMPLES {
                self.telling.shown.fetch_or(bit(warning), Ordering::Relaxed);
            }
        }
    }

    /// The batch has ended: its headings are those of the run.
    pub fn end(&mut self) {
        let Some(mut told) = self.told.take() else {
            return;
        };
        if !self.is_as_likely {
            self.counter.take(&mut told.counts);
        }
        let Told {
            counts, headings, ..
        } = &told;
        for (sum, statements) in self.confidences.iter_mut().zip(&counts.confidences) {
            *sum += statements;
        }
        for &(kind, statements) in &counts.kinds {
            let (heading, statement_type) =
                (kind / TYPES.len() as u32, kind as usize % TYPES.len());
            let counted = match heading {
                NONE => &mut self.content.no_section,
                FURTHER => &mut self.content.other_sections,
                heading => match self.section((heading - FIRST) as usize, headings.as_ref()) {
                    Some(section) => &mut self.content.sections[section].statements,
                    None => &mut self.content.other_sections,
                },
            };
            counted.add(TYPES[statement_type], statements);
        }
        self.telling.spare().push(told);
    }

    /// The run's section of a batch's heading, if it has one.
    fn section(&mut self, at: usize, headings: Option<&Dictionary>) -> Option<usize> {
        let Some(headings) = headings else {
            return Some(at);
        };
        let (heading, hash) = (headings.text(at), headings.hash(at));
        if let Some(section) = self.known.find(hash, heading) {
            return Some(section);
        }
        let section = self.content.new_section(heading)?;
        self.known.add(hash, heading);
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
