//! What pages and blocks are, for a run's [`Content`]: told by the parsers in numbers for all that most
//! likely stays, and counted by the writer for what does.

mod headings;
mod told;

use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use self::headings::{Dictionary, FIRST, FURTHER, Full, hash};
use self::told::Kind;
pub use self::told::{Teller, Told};
use super::parsed::{ParsedPage, ParsedPart};
use crate::dedup::Kept;
use crate::model::{Reject, RejectPlace, StatementType, Warning, Warnings};
use crate::stats::{ByType, Content, EXAMPLES, Emitted, HEADING_BYTES, HEADINGS, Section, Warned};

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

/// As many as a byte can tell apart, so that none need be looked at before it is counted.
const CONFIDENCES: usize = u8::MAX as usize + 1;

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
    /// Examples; all that is counted stands below.
    content: Content,
    /// Pages without a year, and behind those all others by their years.
    years: Vec<Emitted>,
    statements: Statements<'a>,
    telling: &'a Telling,
    /// The batch under way.
    told: Option<Told>,
    /// Of all its reports stays what was most likely.
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
    /// What was most likely to stay of all pages of its batch.
    pub likely: &'a [Kept],
    pub kept: &'a [Kept],
}

impl<'a> Counting<'a> {
    /// Goes on with what was counted.
    pub fn go_on(content: Content, telling: &'a Telling) -> Self {
        let mut counting = Self {
            years: Vec::new(),
            statements: Statements::go_on(&content, telling),
            content,
            telling,
            told: None,
            is_as_likely: true,
        };
        *counting.year(None) = counting.content.no_year;
        for (year, emitted) in mem::take(&mut counting.content.years) {
            *counting.year(Some(year)) = emitted;
        }
        counting
    }

    #[inline]
    fn year(&mut self, year: Option<u16>) -> &mut Emitted {
        let at = year.map_or(0, |year| usize::from(year) + 1);
        if at >= self.years.len() {
            self.years.resize(at + 1, Emitted::default());
        }
        &mut self.years[at]
    }

    /// What was counted up to the last batch.
    pub fn content(&self) -> Content {
        let mut years = self.years.iter().copied();
        let mut content = Content {
            no_year: years.next().unwrap_or_default(),
            years: ((0..=u16::MAX).zip(years))
                .filter(|(_, emitted)| *emitted != Emitted::default())
                .collect(),
            ..self.content.clone()
        };
        self.statements.tell(&mut content);
        content
    }

    /// The next batch begins, of whose reports all stay as was most likely, or not.
    pub fn begin(&mut self, told: Told, is_as_likely: bool) {
        self.told = Some(told);
        self.is_as_likely = is_as_likely;
    }

    /// A page is emitted.
    #[inline]
    pub fn page(&mut self, page: &ParsedPage, statements: usize) {
        let counted = self.year(page.year);
        counted.pages += 1;
        counted.statements += statements as u64;
    }

    /// Whether more is to be looked at, by [`Self::note`].
    #[inline]
    pub fn is_of_note(&self, page: &ParsedPage) -> bool {
        !self.is_as_likely || page.warnings != Warnings::default()
    }

    /// Looks at what [`Self::page`] does not.
    pub fn note(&mut self, emitted: &EmittedPage) {
        if !self.is_as_likely {
            self.kept(emitted);
        }
        if emitted.page.warnings != Warnings::default() {
            self.warned(emitted);
        }
    }

    /// What stays is among what most likely does, in the same order.
    fn kept(&mut self, emitted: &EmittedPage) {
        let Some(told) = &self.told else { return };
        let likely = emitted.page.likely.clone();
        let kinds = &told.kinds[likely.clone()];
        let mut likely = emitted.likely[likely].iter().zip(kinds);
        for kept in emitted.kept {
            if let Some((_, kind)) = likely.find(|(likely, _)| likely.block == kept.block) {
                self.statements.add(*kind, told.headings.as_ref());
            }
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

    /// The batch has ended: what was most likely to stay is what stays, if it is.
    pub fn end(&mut self) {
        let Some(mut told) = self.told.take() else {
            return;
        };
        if self.is_as_likely {
            self.statements.add_all(&told);
        }
        told.kinds.clear();
        told.warned.clear();
        self.statements.batch.clear();
        self.telling.spare().push(told);
    }

    pub fn refused(&mut self, reject: &Reject) {
        self.content.refused(reject);
    }
}

/// Counts statements.
struct Statements<'a> {
    /// The run's headings.
    known: Dictionary,
    /// By the numbers of their sections and types.
    kinds: Vec<u64>,
    /// By the numbers of their confidences.
    confidences: [u64; CONFIDENCES],
    /// The run's numbers of the batch's headings, as far as they were asked for.
    batch: Vec<Option<u32>>,
    telling: &'a Telling,
}

impl<'a> Statements<'a> {
    fn go_on(content: &Content, telling: &'a Telling) -> Self {
        let mut counted = Self {
            known: Dictionary::default(),
            kinds: Vec::new(),
            confidences: [0; CONFIDENCES],
            batch: Vec::new(),
            telling,
        };
        let confidences = content.confidences.iter().chain([&content.no_confidence]);
        for (sum, &statements) in counted.confidences.iter_mut().zip(confidences) {
            *sum = statements;
        }
        counted.push(&content.no_section);
        counted.push(&content.other_sections);
        for section in &content.sections {
            let heading = section.heading.as_bytes();
            counted.known.add(hash(telling.seed, heading), heading);
            counted.push(&section.statements);
        }
        counted.tell_when_full();
        counted
    }

    /// Makes room for the next number.
    fn push(&mut self, statements: &ByType) {
        self.kinds.extend(TYPES.map(|it| statements.get(it)));
    }

    /// Tells the parsers when no more headings are told apart.
    fn tell_when_full(&self) {
        if self.known.len() >= HEADINGS {
            let seed = self.telling.seed;
            self.telling
                .full
                .get_or_init(|| Full::of(&self.known, seed));
        }
    }

    fn tell(&self, content: &mut Content) {
        let (confidences, none) = self.confidences.split_at(NO_CONFIDENCE.into());
        (content.confidences, content.no_confidence) = (confidences.to_vec(), none[0]);
        let mut counted = self.kinds.chunks(TYPES.len()).map(|kinds| {
            let mut statements = ByType::default();
            for (it, &kept) in TYPES.into_iter().zip(kinds) {
                statements.add(it, kept);
            }
            statements
        });
        content.no_section = counted.next().unwrap_or_default();
        content.other_sections = counted.next().unwrap_or_default();
        let headings = (0..self.known.len()).map(|at| self.known.text(at));
        let sections = headings.zip(counted).map(|(heading, statements)| Section {
            heading: String::from_utf8_lossy(heading).into_owned(),
            statements,
        });
        content.sections = sections.collect();
    }

    /// Adds a statement of a batch, with the batch's own headings if the numbers are theirs.
    #[inline]
    fn add(&mut self, kind: Kind, headings: Option<&Dictionary>) {
        self.confidences[usize::from(kind.confidence)] += 1;
        let kind = match headings {
            Some(headings) => self.kind(kind.section_and_type, headings),
            None => kind.section_and_type,
        };
        self.kinds[kind as usize] += 1;
    }

    /// Adds all statements of a batch.
    fn add_all(&mut self, told: &Told) {
        let headings = told.headings.as_ref();
        for kind in &told.kinds {
            self.add(*kind, headings);
        }
    }

    /// The run's number of a batch's section and type.
    #[inline(never)]
    fn kind(&mut self, kind: u32, headings: &Dictionary) -> u32 {
        let types = TYPES.len() as u32;
        match kind / types {
            number @ FIRST.. => self.number(number, headings) * types + kind % types,
            _ => kind,
        }
    }

    /// The run's number of a batch's heading.
    fn number(&mut self, number: u32, headings: &Dictionary) -> u32 {
        let at = (number - FIRST) as usize;
        if at >= self.batch.len() {
            self.batch.resize(headings.len(), None);
        }
        if let Some(number) = self.batch[at] {
            return number;
        }
        let (heading, hash) = (headings.text(at), headings.hash(at));
        let found = self.known.find(hash, heading);
        let known = found.or_else(|| self.new_section(hash, heading));
        let number = known.map_or(FURTHER, |at| FIRST + at as u32);
        self.batch[at] = Some(number);
        number
    }

    /// Takes in a new heading, unless it is too long, or one too many.
    fn new_section(&mut self, hash: u64, heading: &[u8]) -> Option<usize> {
        if self.known.len() >= HEADINGS || heading.len() > HEADING_BYTES {
            return None;
        }
        let at = self.known.add(hash, heading);
        self.push(&ByType::default());
        self.tell_when_full();
        Some(at)
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
