//! What each line of the inputs was taken for, to see why a page was read as it was.
//!
//! The reader, the cutting into pages, the grammar and the fingerprints are those of a run. It is the
//! grammar that says what a line is; nothing is found out here a second time. One thread does it
//! all, line by line, for the answer is read by people.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::{memchr, memmem};

use super::blocks::fingerprint;
use super::checkpoint::Checkpoint;
use super::read::Reading;
use super::{Config, Watch};
use crate::buffers::Buffers;
use crate::dedup::{Dedup, Fingerprinter, PageDedup, Seen};
use crate::error::{Error, ReadError};
use crate::grammar::{LineRole, Page, Why, line_roles, may_be_report, report_id};
use crate::input::{
    Batch, Behind, Content, Entry, Origin, Part, Paths, Refused, Taking, Text, too_large,
};
use crate::model::{Reject, Role};
use crate::split::{BYTE_ORDER_MARK, pages};
use crate::stats::{ByName, Stats};

/// A line of the input, or what stands in its place.
#[derive(Debug)]
pub struct Line<'a> {
    /// Bytes before it, counted as in a record's `source`.
    pub offset: u64,
    /// Its bytes, with its end; of what was refused, all of them.
    pub length: u64,
    /// Its number in a text or an archive's member, from 1; none in other containers.
    pub line: Option<u64>,
    /// The container's own name of the record that holds it.
    pub record: Option<&'a str>,
    /// The number of its report page in the inputs, from 1.
    pub page: Option<u64>,
    pub role: Role,
    /// The number of its block among the page's printed blocks, from 1.
    pub block: Option<usize>,
    /// The number of the block that this one repeats.
    pub repeat_of: Option<usize>,
    /// Why it was refused, or claimed by no part of the page.
    pub reason: Option<&'a str>,
    /// Without its end; of what was refused, its beginning.
    pub text: &'a [u8],
}

/// How much of the inputs has each role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    bytes: [u64; Role::ALL.len()],
    lines: [u64; Role::ALL.len()],
    /// Records that hold no text to read, by why; their bytes are the container's.
    pub not_read: ByName,
}

impl Totals {
    /// Bytes and lines by role, in the order of the roles. What a container puts around its texts, and
    /// its records that are passed over unseen, have bytes and no lines.
    pub fn by_role(&self) -> impl Iterator<Item = (Role, u64, u64)> {
        let numbers = self.bytes.iter().zip(&self.lines);
        let roles = Role::ALL.into_iter().zip(numbers);
        roles.map(|(role, (&bytes, &lines))| (role, bytes, lines))
    }

    /// All bytes: those of the decompressed source; of archives and Parquet files those of the
    /// texts in them, of encoded HTTP bodies the decoded ones.
    pub fn bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    fn add(&mut self, role: Role, bytes: u64, lines: u64) {
        self.bytes[role as usize] += bytes;
        self.lines[role as usize] += lines;
    }
}

/// Hands out the lines of the inputs in their order, until they end or `each` breaks. Returns the
/// totals, and the sources that could not be read, or not to their end.
///
/// # Errors
/// What `each` returns.
pub fn annotate(
    config: &Config,
    watch: &Watch,
    each: impl FnMut(&Line) -> Result<ControlFlow<()>, Error>,
) -> Result<(Totals, Vec<ReadError>), Error> {
    let buffers = Buffers::new(1);
    let taking = Taking {
        paths: Paths::new(&config.fields),
        max_page: config.max_page.get(),
    };
    let mut annotator = Annotator {
        config,
        taking: &taking,
        each,
        ended: None,
        origin: None,
        feeds: 0,
        pages: 0,
        totals: Totals::default(),
    };
    let reading = Reading::new(config, &Checkpoint::default(), watch, &buffers);
    let mut faults = Vec::new();
    let mut passage = |mut batch: Batch| {
        let met = faults.len();
        faults.extend(batch.faults.rest());
        faults[met..].iter().for_each(watch.on_fault);
        annotator.batch(batch, &buffers)
    };
    let _ = (reading.sections()).try_for_each(|section| reading.read(section, &mut passage));
    match annotator.ended {
        Some(Err(error)) => Err(error),
        _ => Ok((annotator.totals, faults)),
    }
}

struct Annotator<'a, F> {
    config: &'a Config,
    taking: &'a Taking,
    each: F,
    /// What `each` said when it wanted no more.
    ended: Option<Result<(), Error>>,
    /// The text under way, and the line feeds passed in it.
    origin: Option<Arc<Origin>>,
    feeds: u64,
    /// Report pages so far.
    pages: u64,
    totals: Totals,
}

/// Where a text stands.
#[derive(Clone, Copy)]
struct Stand<'a> {
    /// Bytes before it.
    offset: u64,
    record: Option<&'a str>,
    counts_lines: bool,
}

impl<F> Annotator<'_, F>
where
    F: FnMut(&Line) -> Result<ControlFlow<()>, Error>,
{
    fn batch(&mut self, batch: Batch, buffers: &Buffers) -> ControlFlow<()> {
        for part in &batch.parts {
            self.part(&batch, part);
        }
        buffers.give(batch.text);
        match self.ended {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn part(&mut self, batch: &Batch, part: &Part) {
        let goes_on = |origin| Arc::ptr_eq(origin, &part.origin);
        if !self.origin.as_ref().is_some_and(goes_on) {
            (self.origin, self.feeds) = (Some(Arc::clone(&part.origin)), 0);
        }
        match &part.content {
            Content::Pages(pages) => {
                let start = part.text.start;
                let relative = |page: &Range<usize>| page.start - start..page.end - start;
                let pages: Vec<_> = batch.pages[pages.clone()].iter().map(relative).collect();
                let stand = Stand {
                    offset: part.offset,
                    record: part.origin.record.as_deref(),
                    counts_lines: true,
                };
                self.text(&batch.text[part.text.clone()], &pages, stand, false);
            }
            Content::Records(records) => {
                let before = self.totals.bytes();
                let mut bytes = part.text.len() as u64;
                let taking = self.taking;
                batch.entries(part, records, taking, &mut |entry| {
                    let (stored, decoded) = entry.stored_and_decoded();
                    bytes = bytes + decoded - stored;
                    self.entry(entry, &part.origin);
                });
                let in_texts = self.totals.bytes() - before;
                self.totals.add(Role::Container, bytes - in_texts, 0);
            }
        }
        let counts_lines = matches!(part.content, Content::Pages(_));
        match &part.behind {
            Some(Behind::Refused(refused)) => self.refused(refused, &part.origin, counts_lines),
            Some(Behind::Passed { bytes, not_read }) => {
                self.totals.add(Role::Container, *bytes, 0);
                if let Some(why) = not_read {
                    Stats::count(&mut self.totals.not_read, why.as_str());
                }
            }
            None => {}
        }
    }

    fn entry(&mut self, entry: Entry, origin: &Origin) {
        match entry {
            Entry::Text(text) => self.record(&text, origin),
            Entry::Skipped(bytes) => self.totals.add(Role::Skipped, bytes, 0),
            Entry::NotRead(why) => Stats::count(&mut self.totals.not_read, why.as_str()),
            Entry::Refused(refused) => self.refused(&refused, origin, false),
        }
    }

    fn record(&mut self, text: &Text, origin: &Origin) {
        let record = origin.name_of(text.record);
        let pages = pages(&text.text);
        let has_report_id = text
            .url
            .as_deref()
            .is_some_and(|url| report_id(url).is_some());
        let stand = Stand {
            offset: text.offset,
            record: record.as_deref(),
            counts_lines: false,
        };
        let at_address = has_report_id && pages.len() == 1;
        self.text(&text.text, &pages, stand, at_address);
    }

    /// A text with its pages, and what is between them.
    fn text(&mut self, text: &[u8], pages: &[Range<usize>], stand: Stand, at_address: bool) {
        let mut at = 0;
        let stand_of = |at: usize| Stand {
            offset: stand.offset + at as u64,
            ..stand
        };
        for page in pages {
            self.between(&text[at..page.start], stand_of(at));
            at = page.end + line_end(&text[page.end..]);
            let most = self.config.max_page.get();
            let own = stand_of(page.start);
            // What is surely no report is of any size, as in a run.
            if page.len() > most && (at_address || may_be_report(text)) {
                let message = too_large(page.len() as u64, most);
                self.too_large(&text[page.start..at], &message, own);
            } else {
                self.page(&text[page.clone()], &text[page.start..at], own, at_address);
            }
        }
        self.between(&text[at..], stand_of(at));
    }

    /// A page, and its lines with the end of the last one.
    fn page(&mut self, text: &[u8], lines: &[u8], stand: Stand, at_address: bool) {
        let repaired = String::from_utf8_lossy(text);
        let mut page = Page::default();
        let roles = line_roles(repaired.as_bytes(), at_address, &mut page);
        let repeats = match page.is_report {
            true => repeats_in(&page, self.config.dedup),
            false => Vec::new(),
        };
        self.pages += u64::from(page.is_report);
        let number = page.is_report.then_some(self.pages);
        let (mut offset, mut last_block) = (stand.offset, None);
        for (text, role) in lines.split_inclusive(|&byte| byte == b'\n').zip(roles) {
            let length = text.len() as u64;
            let mut line = self.line_of(text, offset, stand);
            line.page = number;
            line.role = Role::Skipped;
            if page.is_report {
                let begins_block = role.block != last_block;
                last_block = role.block;
                let repeat_of = role.block.and_then(|block| repeats[block]);
                line.block = role.block.map(|block| block + 1);
                line.repeat_of = repeat_of.map(|block| block + 1);
                line.reason = role.why.map(Why::as_str);
                line.role = role_of(role, repeat_of);
                if begins_block && role.block.is_some_and(|block| page.blocks[block].truncated) {
                    line.reason = Some("cut off: no closing quotation mark, no section or no type");
                }
            }
            self.tell(&line);
            offset += length;
        }
    }

    /// Blank lines, line ends and byte order marks.
    fn between(&mut self, text: &[u8], stand: Stand) {
        let mut rest = text;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
            let (role, length) = match memmem::find(&rest[..end], BYTE_ORDER_MARK) {
                Some(0) => (Role::ByteOrderMark, BYTE_ORDER_MARK.len()),
                mark => (Role::Blank, mark.unwrap_or(end)),
            };
            let offset = stand.offset + (text.len() - rest.len()) as u64;
            let mut line = self.line_of(&rest[..length], offset, stand);
            line.role = role;
            self.tell(&line);
            rest = &rest[length..];
        }
    }

    /// What is left of a page that was never held, or of a damaged record.
    fn refused(&mut self, refused: &Refused, origin: &Origin, counts_lines: bool) {
        let own = refused.record.as_deref().map(str::as_bytes);
        let record = origin.name_of(own.into());
        let line = counts_lines.then_some(self.feeds + 1);
        self.feeds += refused.feeds;
        self.tell(&Line {
            offset: refused.offset,
            length: refused.length,
            line: refused.line.or(line),
            record: record.as_deref(),
            page: None,
            role: Role::Rejected,
            block: None,
            repeat_of: None,
            reason: Some(&refused.message),
            text: refused.excerpt.as_bytes(),
        });
    }

    /// A page of a record that is over the limit.
    fn too_large(&mut self, page: &[u8], message: &str, stand: Stand) {
        let excerpt = Reject::excerpt_of(page);
        let mut line = self.line_of(excerpt.as_bytes(), stand.offset, stand);
        (line.role, line.reason) = (Role::Rejected, Some(message));
        line.length = page.len() as u64;
        self.tell(&line);
    }

    /// A line of no role yet, and counts its end.
    fn line_of<'t>(&mut self, text: &'t [u8], offset: u64, stand: Stand<'t>) -> Line<'t> {
        let line = stand.counts_lines.then_some(self.feeds + 1);
        self.feeds += u64::from(text.ends_with(b"\n"));
        Line {
            offset,
            length: text.len() as u64,
            line,
            record: stand.record,
            page: None,
            role: Role::Blank,
            block: None,
            repeat_of: None,
            reason: None,
            text: &text[..text.len() - end_length(text)],
        }
    }

    fn tell(&mut self, line: &Line) {
        if self.ended.is_some() {
            return;
        }
        self.totals.add(line.role, line.length, 1);
        self.ended = match (self.each)(line) {
            Ok(ControlFlow::Continue(())) => None,
            Ok(ControlFlow::Break(())) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        };
    }
}

fn role_of(line: LineRole, repeat_of: Option<usize>) -> Role {
    match repeat_of {
        Some(_) if line.role != Role::Blank => Role::Repeat,
        _ => line.role,
    }
}

/// Of each block the number of the one that stays for it.
fn repeats_in(page: &Page, scope: Dedup) -> Vec<Option<usize>> {
    let mut fingerprinter = Fingerprinter::default();
    let seen = page.blocks.iter().map(|block| Seen {
        key: fingerprint(&mut fingerprinter, block).key,
        see_more: block.see_more,
    });
    let mut dedup = PageDedup::new(scope);
    dedup.decide(&seen.collect::<Vec<_>>(), &mut Vec::new());
    let mut repeats = vec![None; page.blocks.len()];
    for removed in dedup.removed() {
        repeats[removed.block] = Some(removed.first);
    }
    repeats
}

/// Bytes of the line end at the beginning of what stands behind a page.
fn line_end(behind: &[u8]) -> usize {
    match behind {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => 0,
    }
}

/// Bytes of the end of a line.
fn end_length(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}
