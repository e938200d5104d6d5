//! What the parsers pass on of a batch: all that the ordered stages need, and none of its text.

use std::ops::Range;
use std::sync::Arc;

use super::content::Told;
use crate::dedup::{Kept, PageIdentity, Seen};
use crate::input::{Batch, Behind, Border, Faults, Opened, Origin, Refused};
use crate::model::{NotRead, Warnings};

/// A batch without its text.
#[derive(Debug, Default)]
pub struct Parsed {
    pub parts: Vec<ParsedPart>,
    pub pages: Vec<ParsedPage>,
    /// Of every page, the shapes of lines that no part of it claims.
    pub shapes: Vec<ShapeOnPage>,
    /// What the deduplicator knows of every printed block.
    pub blocks: Vec<Seen>,
    /// Every block's piece of output, as a range of `output`.
    pub pieces: Vec<Range<usize>>,
    /// What most likely stays of every page.
    pub likely: Vec<Kept>,
    pub output: Vec<u8>,
    /// What the pages and blocks are, where that is asked for.
    pub told: Option<Told>,
    /// What the reader says of the batch as a whole.
    pub opened: Vec<Opened>,
    pub border: Option<Border>,
    pub faults: Faults,
}

/// A stretch of one source.
#[derive(Debug)]
pub struct ParsedPart {
    pub origin: Arc<Origin>,
    /// Its bytes, those of encoded texts decoded; and the line feeds in them where lines are counted.
    pub bytes: u64,
    pub feeds: u64,
    /// Its bytes that are in no page are a container's, and not between pages.
    pub is_container: bool,
    pub pages: Range<usize>,
    pub behind: Option<Behind>,
}

/// One page, or what stands in its place.
#[derive(Debug)]
pub struct ParsedPage {
    pub bytes: u64,
    pub outcome: Outcome,
    pub year: Option<u16>,
    /// Its lines, and how many of them no part claims.
    pub lines: u64,
    pub unrecognized: u64,
    /// The first shapes of the latter, as a range of the batch's.
    pub shapes: Range<usize>,
    pub warnings: Warnings,
    pub blocks: Range<usize>,
    /// Pieces of `output` before and behind the statements, and in the latter the page's place.
    pub beginning: Range<usize>,
    pub ending: Range<usize>,
    pub source: Range<usize>,
    /// What most likely stays, as a range of the batch's `likely`: each block that does not repeat
    /// one of the page's first ones.
    pub likely: Range<usize>,
    /// The record as it is then, as a range of `output`. The pieces lie where they belong, and
    /// nobody has to put them together.
    pub draft: Option<Range<usize>>,
    /// What it is known by to other pages, where that matters.
    pub identity: Option<PageIdentity>,
}

/// Lines of a page that no part claims and that have one shape.
#[derive(Debug)]
pub struct ShapeOnPage {
    pub shape: String,
    pub lines: u64,
    /// Where the first of them stands, as a record's `source` says it; and the line feeds of its
    /// part before it, where lines are counted.
    pub offset: u64,
    pub feeds: Option<u64>,
    pub record: Option<String>,
}

/// What became of a page.
#[derive(Debug)]
pub enum Outcome {
    Report,
    /// Another site's page: it is counted, and has no output.
    Skipped,
    /// A page that may be a report, and is not in the sample.
    Unsampled,
    /// A container's record without a page.
    NotRead(NotRead),
    Refused(Box<Refused>),
}

/// Bytes of text for a block, rather few: a page prints one in about 700.
const BLOCK: usize = 512;

impl Parsed {
    /// Makes room, most likely enough; growing step by step took 2 % of the instructions.
    pub fn reserve(&mut self, batch: &Batch) {
        self.output.reserve(batch.text.len());
        self.pages.reserve(batch.pages.len());
        let blocks = match batch.pages.len() {
            0 => 0,
            _ => batch.text.len() / BLOCK,
        };
        self.blocks.reserve(blocks);
        self.pieces.reserve(blocks);
        self.likely.reserve(blocks);
    }
}
