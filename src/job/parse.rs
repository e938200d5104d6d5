//! The second stage: parses a batch's pages, takes fingerprints, prepares the output.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr_iter;

use super::Sample;
use super::blocks::{fingerprint, fingerprint_of_last};
use super::content::Teller;
use super::parsed::{Outcome, Parsed, ParsedPage, ParsedPart, ShapeOnPage};
use super::stand::{self, InRecord};
use crate::buffers::Buffers;
use crate::dedup::{Dedup, Fingerprinter, Kept, Key, Near, PageIdentity, Seen, fingerprint_of};
use crate::grammar::{self, Block, Page, may_be_report, offset_in, shape};
use crate::input::{
    Batch, Behind, Content, Entry, Part, RecordName, Refused, Taking, Text, too_large,
};
use crate::model::{Emit, RejectReason, Warning, Warnings};
use crate::sink::ndjson::{self, At};
use crate::sink::{Form, Pieces};
use crate::split::{feeds_in, pages};
use crate::stats::ON_PAGE;

/// Blocks at a page's beginning that later ones are compared with. With 8, nearly every batch of a
/// dump had a page whose draft did not hold, and was copied.
const SEARCHED: usize = 16;

/// Memory that a page takes beside its output, rather much: a refused one has its message too.
const PAGE: usize = size_of::<ParsedPage>() + 2 * size_of::<Refused>();

/// Parses a batch. With a teller it is told what the pages and blocks are. Where much becomes of it,
/// because all its pages repeat something long or are very short, parts of that are handed out before
/// the last one.
pub fn parse_batch(
    mut batch: Batch,
    wanted: Wanted,
    teller: Option<&mut Teller>,
    taking: &Taking,
    buffers: &Buffers,
    hand_out: &mut dyn FnMut(Parsed),
) -> Parsed {
    let mut stage = ParseStage {
        wanted,
        near: wanted.near.map(Near::new),
        header: Vec::new(),
        copies: Vec::new(),
        max_page: taking.max_page,
        fingerprinter: Fingerprinter::default(),
        page: Page::default(),
        teller,
        parsed: Parsed {
            output: buffers.take(),
            opened: mem::take(&mut batch.opened),
            faults: mem::take(&mut batch.faults),
            ..Parsed::default()
        },
        first_page: 0,
        handed_out: 0,
        buffers,
        hand_out,
    };
    stage.parsed.reserve(&batch);
    for part in mem::take(&mut batch.parts) {
        stage.part(&batch, part, taking);
    }
    buffers.give(batch.text);
    stage.parsed.border = batch.border;
    stage.parsed.told = stage.teller.map(Teller::told);
    stage.parsed
}

/// What the output is to hold.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub form: Form,
    pub scope: Dedup,
    /// From how many thousandths on statements are told to be alike.
    pub near: Option<u16>,
    pub sample: Option<Sample>,
}

struct ParseStage<'a, 't> {
    wanted: Wanted,
    near: Option<Near>,
    /// A page's header as text, while its fingerprint is taken, where the record's own will not do.
    header: Vec<u8>,
    /// For each of the page's blocks the number of the one that it repeats.
    copies: Vec<Option<usize>>,
    max_page: usize,
    fingerprinter: Fingerprinter,
    /// The lists of the last record's page, for the next one's.
    page: Page<'static>,
    teller: Option<&'a mut Teller<'t>>,
    parsed: Parsed,
    /// The first page in `parsed` of the part under way, and bytes of that part's pages before it.
    first_page: usize,
    handed_out: u64,
    buffers: &'a Buffers,
    hand_out: &'a mut dyn FnMut(Parsed),
}

impl ParseStage<'_, '_> {
    fn part(&mut self, batch: &Batch, mut part: Part, taking: &Taking) {
        let behind = part.behind.take();
        (self.first_page, self.handed_out) = (self.parsed.pages.len(), 0);
        let mut bytes = part.text.len() as u64;
        let mut feeds = 0;
        match &part.content {
            Content::Pages(pages) => feeds = self.pages(batch, &part, pages.clone()),
            Content::Records(records) => {
                batch.entries(&part, records, taking, &mut |entry| {
                    let (stored, decoded) = entry.stored_and_decoded();
                    bytes = bytes + decoded - stored;
                    self.entry(entry, &part);
                });
            }
        }
        self.close(&part, bytes - self.handed_out, feeds, behind);
    }

    /// Ends the part under way, or what is handed out of it.
    fn close(&mut self, part: &Part, bytes: u64, feeds: u64, behind: Option<Behind>) {
        self.parsed.parts.push(ParsedPart {
            bytes,
            is_container: matches!(part.content, Content::Records(_)),
            origin: Arc::clone(&part.origin),
            feeds,
            pages: self.first_page..self.parsed.pages.len(),
            behind,
        });
    }

    /// Hands out what there is, between two pages of a part, if it is half as much as a buffer may have
    /// that is used again: then it has so many line feeds of the part, and true is returned.
    fn hand_out_if_much(&mut self, part: &Part, feeds: u64) -> bool {
        let pages = &self.parsed.pages;
        if self.parsed.output.len() + pages.len() * PAGE < self.buffers.largest() / 2 {
            return false;
        }
        let bytes = pages[self.first_page..].iter().map(|page| page.bytes).sum();
        let faults = self.parsed.faults.split_off(self.parsed.parts.len());
        self.close(part, bytes, feeds, None);
        let next = Parsed {
            output: self.buffers.take(),
            faults,
            ..Parsed::default()
        };
        let mut parsed = mem::replace(&mut self.parsed, next);
        parsed.told = self.teller.as_mut().map(|teller| teller.told());
        (self.hand_out)(parsed);
        self.first_page = 0;
        self.handed_out += bytes;
        true
    }

    /// Parses plain text and returns its line feeds, but for those of what is handed out before.
    fn pages(&mut self, batch: &Batch, part: &Part, pages: Range<usize>) -> u64 {
        // Once for the whole stretch; only a stretch that fails is looked at page by page.
        let is_valid = simdutf8::basic::from_utf8(&batch.text[part.text.clone()]).is_ok();
        let (mut between, mut feeds) = (part.text.start, 0);
        let mut page = Page::default();
        for range in &batch.pages[pages] {
            let text = &batch.text[range.clone()];
            let at = stand::in_text(part, range, between == part.text.start);
            feeds += feeds_in(&batch.text[between..range.start]);
            if !may_be_report(text) {
                self.push(at.length, Outcome::Skipped);
                feeds += feeds_in(text);
            } else if self.leaves_out(text) {
                self.push(at.length, Outcome::Unsampled);
                feeds += feeds_in(text);
            } else {
                self.page(
                    text,
                    &at,
                    Known {
                        is_valid,
                        at_address: false,
                        feeds: Some(feeds),
                    },
                    &mut page,
                );
                feeds += page.feeds;
            }
            between = range.end;
            if self.hand_out_if_much(part, feeds) {
                feeds = 0;
            }
        }
        feeds + feeds_in(&batch.text[between..part.text.end])
    }

    fn entry(&mut self, entry: Entry, part: &Part) {
        match entry {
            Entry::Text(text) => self.text(&text, part),
            Entry::Skipped(bytes) => self.push(bytes, Outcome::Skipped),
            Entry::NotRead(why) => self.push(0, Outcome::NotRead(why)),
            Entry::Refused(refused) => self.push(refused.length, Outcome::Refused(refused)),
        }
        self.hand_out_if_much(part, 0);
    }

    /// Parses a record's text.
    fn text(&mut self, record: &Text, part: &Part) {
        let text = &record.text[..];
        let mut stand = InRecord::of(record, &part.origin);
        if !stand.is_at_report() && !may_be_report(text) {
            return self.push(text.len() as u64, Outcome::Skipped);
        }
        let pages = pages(text);
        if pages.is_empty() {
            return self.push(text.len() as u64, Outcome::Skipped);
        }
        let is_single = pages.len() == 1;
        let known = Known {
            is_valid: record.is_utf8 || simdutf8::basic::from_utf8(text).is_ok(),
            at_address: stand.is_at_report() && is_single,
            feeds: None,
        };
        let mut page = mem::take(&mut self.page);
        for range in pages {
            let at = stand.at(&range);
            let text = &text[range];
            if text.len() > self.max_page {
                let refused = too_large_page(text, &at, record.record, self.max_page);
                self.push(at.length, Outcome::Refused(Box::new(refused)));
            } else if self.leaves_out(text) {
                // Whose address it is does not depend on the sample.
                if stand.has_address() && !is_single && known.is_report(text) {
                    stand.give_address();
                }
                self.push(at.length, Outcome::Unsampled);
            } else if self.page(text, &at, known, &mut page) {
                stand.give_address();
            }
            self.hand_out_if_much(part, 0);
        }
        self.page = page.emptied();
    }

    /// Parses one page; true when it is a report.
    fn page<'p>(&mut self, text: &'p [u8], at: &At, known: Known, page: &mut Page<'p>) -> bool {
        if known.is_valid {
            known.parse(text, page);
            self.add(text, page, page.warnings, at, known);
            self.count_shapes(page, text, text, at, known);
            return page.is_report;
        }
        let repaired = String::from_utf8_lossy(text);
        let mut repaired_page = Page::default();
        known.parse(repaired.as_bytes(), &mut repaired_page);
        let mut warnings = repaired_page.warnings;
        warnings.add_if(repaired.as_bytes() != text, Warning::InvalidUtf8);
        self.add(repaired.as_bytes(), &repaired_page, warnings, at, known);
        self.count_shapes(&repaired_page, repaired.as_bytes(), text, at, known);
        page.feeds = repaired_page.feeds;
        repaired_page.is_report
    }

    fn leaves_out(&self, page: &[u8]) -> bool {
        self.wanted.sample.is_some_and(|sample| !sample.has(page))
    }

    /// Adds a page, which was parsed from this text.
    fn add(&mut self, text: &[u8], page: &Page, warnings: Warnings, at: &At, known: Known) {
        if !page.is_report {
            return self.push(at.length, Outcome::Skipped);
        }
        let first_block = self.parsed.blocks.len();
        if let Some(near) = &mut self.near {
            near.next_page();
        }
        let pieces = self.wanted.form.pieces(page, at);
        let start = self.parsed.output.len();
        let beginning = self.piece(|out| pieces.beginning(out));
        let is_drafted = self.wanted.form.is_drafted() && self.wanted.scope != Dedup::Off;
        let likely = self.find_copies(&page.blocks);
        let mut kept = likely.clone();
        for (number, block) in page.blocks.iter().enumerate() {
            let copy = self.copies[number];
            if copy.is_none() || self.wanted.scope == Dedup::Off {
                self.tell(text, block);
            }
            if let Some(copy) = copy {
                self.copy(first_block + copy, block);
                continue;
            }
            if is_drafted && kept.start > likely.start {
                self.parsed.output.push(b',');
            }
            self.block(block, &pieces);
            if let (true, Some(kept)) = (is_drafted, kept.next()) {
                let kept = self.parsed.likely[kept];
                ndjson::behind_block(&mut self.parsed.output, kept.see_more, kept.occurrences);
                self.parsed.output.push(b'}');
            }
        }
        if is_drafted {
            let removed = page.blocks.len() - likely.len();
            ndjson::behind_statements(&mut self.parsed.output, removed as u64);
        }
        let (ending, source) = pieces.ending(&mut self.parsed.output, warnings);
        let draft = is_drafted.then_some(start..ending.end);
        let identity = self
            .wanted
            .scope
            .is_across_pages()
            .then(|| self.identity(page, at, beginning.clone()));
        if let Some(teller) = &mut self.teller
            && warnings != Warnings::default()
        {
            let number = self.parsed.pages.len();
            teller.warned(number, warnings, page, at, known.feeds);
        }
        self.parsed.pages.push(ParsedPage {
            bytes: at.length,
            outcome: Outcome::Report,
            year: page.year,
            lines: page.feeds + 1,
            unrecognized: page.unrecognized.len() as u64,
            shapes: 0..0,
            warnings,
            blocks: first_block..self.parsed.blocks.len(),
            beginning,
            ending,
            source,
            likely,
            draft,
            identity,
        });
    }

    fn identity(&mut self, page: &Page, at: &At, beginning: Range<usize>) -> PageIdentity {
        let is_report = self.wanted.form == Form::Ndjson(Emit::Reports);
        let header = if is_report && at.url.is_none() {
            &self.parsed.output[beginning]
        } else {
            self.header.clear();
            ndjson::beginning(&mut self.header, Emit::Reports, page, &At::default());
            &self.header
        };
        identity_of(page, at, header)
    }

    /// Counts the shapes of the last page's lines that no part claims. `parsed` is the page's text
    /// as it was parsed, `text` as it stands in the source; both have the same lines.
    fn count_shapes(&mut self, page: &Page, parsed: &[u8], text: &[u8], at: &At, known: Known) {
        if page.unrecognized.is_empty() || !page.is_report {
            return;
        }
        let before = self.parsed.shapes.len();
        let shapes = &mut self.parsed.shapes;
        let (mut until, mut feeds) = (0, 0);
        for unrecognized in &page.unrecognized {
            let shape = shape(unrecognized.line);
            let mut counted = shapes[before..].iter_mut();
            if let Some(same) = counted.find(|counted| counted.shape == shape) {
                same.lines += 1;
            } else if shapes.len() - before < ON_PAGE {
                let offset = offset_in(parsed, unrecognized.line);
                feeds += feeds_in(&parsed[until..offset]);
                until = offset;
                shapes.push(ShapeOnPage {
                    shape,
                    lines: 1,
                    offset: at.offset + in_source(offset, feeds, parsed, text) as u64,
                    feeds: known.feeds.map(|before| before + feeds),
                    record: at.record.as_deref().map(str::to_owned),
                });
            }
        }
        if let Some(page) = self.parsed.pages.last_mut() {
            page.shapes = before..self.parsed.shapes.len();
        }
    }

    /// What has no output.
    fn push(&mut self, bytes: u64, outcome: Outcome) {
        let blocks = self.parsed.blocks.len();
        self.parsed.pages.push(ParsedPage {
            bytes,
            outcome,
            year: None,
            lines: 0,
            unrecognized: 0,
            shapes: 0..0,
            warnings: Warnings::default(),
            blocks: blocks..blocks,
            beginning: 0..0,
            ending: 0..0,
            source: 0..0,
            likely: 0..0,
            draft: None,
            identity: None,
        });
    }

    /// Finds which blocks repeat one of the page's first, and adds what most likely stays.
    fn find_copies(&mut self, page: &[Block]) -> Range<usize> {
        let (likely, copies) = (&mut self.parsed.likely, &mut self.copies);
        let stays = self.wanted.scope == Dedup::Off;
        let start = likely.len();
        copies.clear();
        for (number, block) in page.iter().enumerate() {
            let copy = copied_by(page, number);
            copies.push(copy);
            let kept = copy
                .filter(|_| !stays)
                .and_then(|copy| likely[start..].iter_mut().find(|kept| kept.block == copy));
            if let Some(kept) = kept {
                kept.occurrences += 1;
                kept.see_more = block.see_more;
                continue;
            }
            likely.push(Kept {
                block: number,
                occurrences: 1,
                see_more: block.see_more,
            });
        }
        start..likely.len()
    }

    /// Tells a block that most likely stays.
    #[inline]
    fn tell(&mut self, text: &[u8], block: &Block) {
        if let Some(teller) = &mut self.teller {
            teller.block(text, block);
        }
    }

    /// Adds a block that repeats another one of the batch and shares its fingerprint and its
    /// piece, which spares a quarter of the blocks the hashing and the escaping.
    fn copy(&mut self, first: usize, block: &Block) {
        let (key, piece) = (
            self.parsed.blocks[first].key,
            self.parsed.pieces[first].clone(),
        );
        self.push_block(key, block, piece);
    }

    fn block(&mut self, block: &Block, pieces: &Pieces) {
        let out = &mut self.parsed.output;
        let start = out.len();
        let fingerprint = match pieces.block_text(out, block) {
            Some(text) => fingerprint_of_last(out, text, block),
            None => fingerprint(&mut self.fingerprinter, block),
        };
        let near = self.near.as_mut();
        let similar = near.and_then(|near| near.similar(fingerprint, &block.text));
        let similar = similar.map(|similar| (similar.id, similar.similarity));
        pieces.block(out, start, block, fingerprint.id, similar);
        let piece = start..out.len();
        self.push_block(fingerprint.key, block, piece);
    }

    fn push_block(&mut self, key: Key, block: &Block, piece: Range<usize>) {
        self.parsed.pieces.push(piece);
        self.parsed.blocks.push(Seen {
            key,
            see_more: block.see_more,
        });
    }

    fn piece(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let output = &mut self.parsed.output;
        let start = output.len();
        write(output);
        start..output.len()
    }
}

/// Which of a page's first blocks the one of this number repeats.
#[inline]
pub(super) fn copied_by(page: &[Block], number: usize) -> Option<usize> {
    let mut searched = page[..number].iter().take(SEARCHED);
    searched.position(|earlier| earlier.is_repeated_by(&page[number]))
}

/// The paper by its DOI or else its report; the header by all that a record shows of it but
/// the address, for the same page is crawled at two.
pub(super) fn identity_of(page: &Page, at: &At, header: &[u8]) -> PageIdentity {
    let doi = page.doi.map(<[u8]>::to_ascii_lowercase);
    PageIdentity {
        paper: doi
            .map(|doi| fingerprint_of("doi", &doi))
            .or_else(|| at.report_id.map(|id| fingerprint_of("report", id))),
        header: fingerprint_of("page", header),
    }
}

/// What is known of a page before it is parsed.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// It is UTF-8.
    pub is_valid: bool,
    /// It is all that stands at a report's address.
    pub at_address: bool,
    /// Line feeds of its part before it, where lines are counted.
    pub feeds: Option<u64>,
}

impl Known {
    pub fn parse<'a>(self, text: &'a [u8], page: &mut Page<'a>) {
        match self.at_address {
            true => grammar::parse_at_address(text, page),
            false => grammar::parse(text, page),
        }
    }

    fn is_report(self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        let mut page = Page::default();
        self.parse(text.as_bytes(), &mut page);
        page.is_report
    }
}

pub(super) fn too_large_page(text: &[u8], at: &At, record: RecordName, most: usize) -> Refused {
    let message = too_large(at.length, most);
    Refused {
        length: at.length,
        record: record.own().map(Cow::into_owned),
        ..Refused::of(RejectReason::PageTooLarge, message, at.offset, text)
    }
}

/// Where a line's first filled place stands in a page's own text, when it stands at `offset`, behind
/// so many line feeds, in a text whose invalid bytes were replaced.
fn in_source(offset: usize, feeds: u64, repaired: &[u8], text: &[u8]) -> usize {
    if repaired.len() == text.len() {
        return offset;
    }
    let line_start = |text: &[u8]| match feeds {
        0 => 0,
        feeds => memchr_iter(b'\n', text)
            .nth(feeds as usize - 1)
            .map_or(text.len(), |feed| feed + 1),
    };
    line_start(text) + (offset - line_start(repaired))
}
