//! The second stage: parses a batch's pages, takes fingerprints, prepares the output.

use std::ops::Range;
use std::sync::Arc;

use crate::buffers::Buffers;
use crate::dedup::{Fingerprinter, Seen};
use crate::grammar::{self, Block, Page};
use crate::input::{Batch, Oversized};
use crate::model::{Emit, Warning, Warnings};
use crate::sink::ndjson;
use crate::split::feeds_in;

/// A batch without its text: all that the ordered stages need.
#[derive(Debug, Default)]
pub struct Parsed {
    pub parts: Vec<ParsedPart>,
    pub pages: Vec<ParsedPage>,
    /// What the deduplicator knows of every printed block.
    pub blocks: Vec<Seen>,
    /// Every block's piece of output, as a range of `output`.
    pub pieces: Vec<Range<usize>>,
    pub output: Vec<u8>,
}

/// A stretch of one source.
#[derive(Debug)]
pub struct ParsedPart {
    pub path: Arc<str>,
    /// Bytes of the source before it, its own, and the line feeds in it.
    pub offset: u64,
    pub bytes: u64,
    pub feeds: u64,
    pub pages: Range<usize>,
    pub oversized: Option<Oversized>,
}

/// One page.
#[derive(Debug)]
pub struct ParsedPage {
    pub bytes: u64,
    /// False for another site's page: it is counted, and has no output.
    pub is_report: bool,
    pub unrecognized: u64,
    pub warnings: Warnings,
    pub blocks: Range<usize>,
    /// Pieces of `output` before and behind the statements.
    pub beginning: Range<usize>,
    pub ending: Range<usize>,
}

/// Blocks at a page's beginning that later ones are compared with.
const SEARCHED: usize = 8;

/// Parses a batch.
pub fn parse_batch(batch: Batch, emit: Emit, buffers: &Buffers) -> Parsed {
    let mut stage = ParseStage {
        emit,
        fingerprinter: Fingerprinter::default(),
        parsed: Parsed {
            output: buffers.take(),
            ..Parsed::default()
        },
    };
    stage.parsed.output.reserve(batch.text.len());
    for part in batch.parts {
        let text = &batch.text[part.text.clone()];
        let pages = &batch.pages[part.pages.clone()];
        // Once for the whole stretch; only a stretch that fails is looked at page by page.
        let is_valid = simdutf8::basic::from_utf8(text).is_ok();
        let mut between = part.text.start;
        let mut feeds = 0;
        {
            let mut page = Page::default();
            for range in pages {
                let source = PageSource {
                    path: &part.path,
                    offset: part.offset + (range.start - part.text.start) as u64,
                    is_valid,
                };
                feeds += stage.page(&batch.text[range.clone()], &source, &mut page);
                feeds += feeds_in(&batch.text[between..range.start]);
                between = range.end;
            }
        }
        feeds += feeds_in(&batch.text[between..part.text.end]);
        stage.parsed.parts.push(ParsedPart {
            path: part.path,
            offset: part.offset,
            bytes: part.text.len() as u64,
            feeds,
            pages: part.pages,
            oversized: part.oversized,
        });
    }
    buffers.give(batch.text);
    stage.parsed
}

struct PageSource<'a> {
    path: &'a str,
    offset: u64,
    is_valid: bool,
}

struct ParseStage {
    emit: Emit,
    fingerprinter: Fingerprinter,
    parsed: Parsed,
}

impl ParseStage {
    /// Parses one page and returns its line feeds.
    fn page<'a>(&mut self, text: &'a [u8], source: &PageSource, page: &mut Page<'a>) -> u64 {
        let length = text.len() as u64;
        if source.is_valid {
            grammar::parse(text, page);
            self.add(page, page.warnings, source, length);
            return page.feeds;
        }
        let repaired = String::from_utf8_lossy(text);
        let mut page = Page::default();
        grammar::parse(repaired.as_bytes(), &mut page);
        let mut warnings = page.warnings;
        warnings.add_if(repaired.as_bytes() != text, Warning::InvalidUtf8);
        self.add(&page, warnings, source, length);
        page.feeds
    }

    fn add(&mut self, page: &Page, warnings: Warnings, source: &PageSource, bytes: u64) {
        let first_block = self.parsed.blocks.len();
        let (mut beginning, mut ending) = (0..0, 0..0);
        if page.is_report {
            beginning = self.piece(|out, emit| ndjson::beginning(out, emit, page));
            for block in &page.blocks {
                self.block(block, &page.blocks, first_block);
            }
            let at = ndjson::At {
                path: source.path,
                offset: source.offset,
                length: bytes,
            };
            ending = self.piece(|out, emit| ndjson::ending(out, emit, page, warnings, &at));
        }
        self.parsed.pages.push(ParsedPage {
            bytes,
            is_report: page.is_report,
            unrecognized: page.unrecognized,
            warnings,
            blocks: first_block..self.parsed.blocks.len(),
            beginning,
            ending,
        });
    }

    /// Adds a block; a repeat of one of the page's first blocks shares its fingerprint and
    /// its piece, which spares a quarter of the blocks the hashing and the escaping.
    fn block(&mut self, block: &Block, page: &[Block], first_block: usize) {
        let before = &page[..self.parsed.blocks.len() - first_block];
        let mut searched = before.iter().take(SEARCHED);
        let repeated = searched.position(|earlier| earlier.is_repeated_by(block));
        let (key, piece) = if let Some(number) = repeated {
            let first = first_block + number;
            (
                self.parsed.blocks[first].key,
                self.parsed.pieces[first].clone(),
            )
        } else {
            let fingerprint = self.fingerprinter.of(
                &block.text,
                block.section,
                block.statement_type,
                block.confidence,
            );
            let piece = self.piece(|out, _| ndjson::block(out, block, fingerprint.id));
            (fingerprint.key, piece)
        };
        self.parsed.pieces.push(piece);
        self.parsed.blocks.push(Seen {
            key,
            see_more: block.see_more,
        });
    }

    fn piece(&mut self, write: impl FnOnce(&mut Vec<u8>, Emit)) -> Range<usize> {
        let output = &mut self.parsed.output;
        let start = output.len();
        write(output, self.emit);
        start..output.len()
    }
}
