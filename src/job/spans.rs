//! The pages of a file or of what is in memory, each as spans of its text with its place and the
//! word on its blocks, for those who build something else of them than lines: the columns of a table.
//!
//! No thread and no pipeline. A page is decided by itself; where the scope is the run, it gets the
//! keys by which others can decide across pages.

use std::mem;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;

use super::Config;
use super::blocks::Blocks;
use super::parse::{Known, identity_of, too_large_page};
use super::stand::{self, InRecord};
use crate::buffers::Buffers;
use crate::dedup::{Dedup, Fingerprint, Kept, Key, PageIdentity, Similar};
use crate::error::ReadError;
use crate::grammar::{Page, may_be_report};
use crate::input::{
    self, Batch, Before, Behind, Content, Entry, Origin, Packer, Part, Paths, Records, Refused,
    Share, Source, Taking, Text, read_share, read_stream,
};
use crate::meter::Meter;
use crate::model::{Emit, NotRead, Reject, Warning, Warnings};
use crate::sink::ndjson::{self, At};
use crate::split::{feeds_in, pages};

/// What stands in one place.
pub enum Found<'a> {
    Report(Span<'a>),
    /// Another site's page, of so many bytes.
    Skipped(u64),
    /// A container's record without a page.
    NotRead(NotRead),
    /// A page or record of so many bytes that a run rejects.
    Refused(u64, Box<Reject>),
    /// So many bytes of plain text in which no page stands.
    Between(u64),
    /// So many bytes of a container in which no page stands.
    Container(u64),
}

impl Found<'_> {
    /// The bytes that it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Report(span) => span.at.length,
            Self::NotRead(_) => 0,
            Self::Skipped(bytes)
            | Self::Refused(bytes, _)
            | Self::Between(bytes)
            | Self::Container(bytes) => *bytes,
        }
    }
}

/// A report page.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    pub page: &'a Page<'a>,
    pub at: &'a At<'a>,
    /// The page's own and those of its bytes.
    pub warnings: Warnings,
    /// Of each printed block.
    pub fingerprints: &'a [Fingerprint],
    pub similar: &'a [Option<Similar>],
    /// The blocks that stay, in their order.
    pub kept: &'a [Kept],
    /// None where pages are not compared with each other.
    pub keys: Option<PageKeys>,
}

impl Span<'_> {
    /// Its keys, if it is compared with other pages.
    pub fn compared(&self) -> Option<PageKeys> {
        self.keys.filter(|keys| keys.page().is_some())
    }
}

/// What a page is known by to other pages.
#[derive(Clone, Copy, Debug)]
pub struct PageKeys {
    scope: Dedup,
    identity: PageIdentity,
}

impl PageKeys {
    /// The cited paper's, where the page names one. Only such a page can repeat another as a whole.
    pub fn paper(&self) -> Option<Key> {
        self.identity.paper
    }

    /// The page's, under its paper; none of a page that is compared with no other.
    pub fn page(&self) -> Option<Key> {
        let is_compared = self.identity.is_compared(self.scope);
        is_compared.then(|| self.identity.header_across_pages())
    }

    /// One of its blocks'.
    pub fn block(&self, fingerprint: &Fingerprint) -> Key {
        self.identity
            .block_across_pages(self.scope, fingerprint.key)
    }
}

/// Where what is found goes.
pub trait Take {
    fn take(&mut self, found: Found);

    /// Comes now and then between two pages of a file; a break ends the reading.
    fn go_on(&mut self) -> ControlFlow<()>;
}

/// Finds pages, in buffers that it uses again.
pub struct Spans {
    scope: Dedup,
    max_page: usize,
    blocks: Blocks,
    header: Vec<u8>,
    /// The lists of the last record's page, for the next one's.
    page: Page<'static>,
    /// The source under way, and the line feeds passed in it.
    origin: Option<Arc<Origin>>,
    feeds: u64,
    /// Line feeds before what is read of the next source.
    feeds_before: u64,
}

impl Spans {
    /// Of the settings the scope, `near` and the largest page matter.
    pub fn new(config: &Config) -> Self {
        Self {
            scope: config.dedup,
            max_page: config.max_page.get(),
            blocks: Blocks::new(config.dedup, config.near),
            header: Vec::new(),
            page: Page::default(),
            origin: None,
            feeds: 0,
            feeds_before: 0,
        }
    }

    /// Finds what stands in a file, in its order; `name` is what it is called in records. Returns
    /// what could not be read. Of the settings the format, the fields, the size of a batch and the
    /// number of threads, which may unpack ahead, matter too.
    pub fn file(
        &mut self,
        config: &Config,
        name: String,
        file: PathBuf,
        taker: &mut impl Take,
    ) -> Vec<ReadError> {
        let file = Source::File(file);
        self.source(config, taker, |packer| {
            input::read(packer, name, &file, Before::default(), config.format)
        })
    }

    /// As [`Self::file`], for a share of it.
    pub fn share(
        &mut self,
        config: &Config,
        name: String,
        file: PathBuf,
        share: &Share,
        taker: &mut impl Take,
    ) -> Vec<ReadError> {
        self.feeds_before = share.feeds;
        self.source(config, taker, |packer| {
            read_share(packer, name, file, share, config.format)
        })
    }

    /// As [`Self::file`], for one of this content.
    pub fn content(
        &mut self,
        config: &Config,
        name: String,
        content: &[u8],
        taker: &mut impl Take,
    ) -> Vec<ReadError> {
        self.source(config, taker, |packer| {
            read_stream(packer, name, Box::new(content), config.format)
        })
    }

    fn source(
        &mut self,
        config: &Config,
        taker: &mut impl Take,
        read: impl FnOnce(&mut Packer) -> ControlFlow<()>,
    ) -> Vec<ReadError> {
        let (buffers, meter) = (Buffers::new(config.largest_buffer()), Meter::default());
        let taking = Taking {
            paths: Paths::new(&config.fields),
            max_page: self.max_page,
        };
        let mut faults = Vec::new();
        let mut pass = |mut batch: Batch| {
            self.batch(&batch, &taking, taker);
            faults.extend(batch.faults.rest());
            buffers.give(batch.text);
            taker.go_on()
        };
        let (limits, fields) = (config.limits(), &config.fields);
        let mut packer = Packer::new(limits, fields, &meter, &buffers, &mut pass);
        if read(&mut packer).is_continue() {
            packer.finish();
        }
        faults
    }

    fn batch(&mut self, batch: &Batch, taking: &Taking, taker: &mut impl Take) {
        for part in &batch.parts {
            let is_same = |origin| Arc::ptr_eq(origin, &part.origin);
            if !self.origin.as_ref().is_some_and(is_same) {
                self.origin = Some(Arc::clone(&part.origin));
                self.feeds = mem::take(&mut self.feeds_before);
            }
            match &part.content {
                Content::Pages(pages) => self.pages(batch, part, pages.clone(), taker),
                Content::Records(records) => self.records(batch, part, records, taking, taker),
            }
            match &part.behind {
                Some(Behind::Refused(refused)) => self.refused(refused, part, taker),
                Some(Behind::Passed { bytes, not_read }) => {
                    taker.take(Found::Container(*bytes));
                    if let Some(why) = not_read {
                        taker.take(Found::NotRead(*why));
                    }
                }
                None => {}
            }
        }
    }

    fn pages(&mut self, batch: &Batch, part: &Part, pages: Range<usize>, taker: &mut impl Take) {
        let stretch = &batch.text[part.text.clone()];
        let known = Known {
            is_valid: simdutf8::basic::from_utf8(stretch).is_ok(),
            at_address: false,
            feeds: None,
        };
        let mut in_pages = 0;
        let mut page = Page::default();
        for (number, range) in batch.pages[pages].iter().enumerate() {
            let text = &batch.text[range.clone()];
            in_pages += text.len();
            let at = stand::in_text(part, range, number == 0);
            match may_be_report(text) {
                true => drop(self.page(text, &at, known, &mut page, taker)),
                false => taker.take(Found::Skipped(at.length)),
            }
        }
        self.feeds += feeds_in(stretch);
        taker.take(Found::Between((stretch.len() - in_pages) as u64));
    }

    fn records(
        &mut self,
        batch: &Batch,
        part: &Part,
        records: &Records,
        taking: &Taking,
        taker: &mut impl Take,
    ) {
        let mut bytes = part.text.len() as u64;
        let mut entries = Counted { taker, bytes: 0 };
        batch.entries(part, records, taking, &mut |entry| {
            let (stored, decoded) = entry.stored_and_decoded();
            bytes = bytes + decoded - stored;
            match &entry {
                Entry::Text(text) => self.record(text, &part.origin, &mut entries),
                Entry::Skipped(bytes) => entries.take(Found::Skipped(*bytes)),
                Entry::NotRead(why) => entries.take(Found::NotRead(*why)),
                Entry::Refused(refused) => self.refused(refused, part, &mut entries),
            }
        });
        let around = bytes - entries.bytes;
        taker.take(Found::Container(around));
    }

    /// Finds what stands in one record of a container, whose address is that of the first report in it.
    pub fn record(&mut self, record: &Text, origin: &Origin, taker: &mut impl Take) {
        let text = &record.text[..];
        let mut stand = InRecord::of(record, origin);
        if !stand.is_at_report() && !may_be_report(text) {
            return taker.take(Found::Skipped(text.len() as u64));
        }
        let pages = pages(text);
        if pages.is_empty() {
            return taker.take(Found::Skipped(text.len() as u64));
        }
        let known = Known {
            is_valid: record.is_utf8 || simdutf8::basic::from_utf8(text).is_ok(),
            at_address: stand.is_at_report() && pages.len() == 1,
            feeds: None,
        };
        let mut outside = text.len() as u64;
        let mut page = mem::take(&mut self.page);
        for range in pages {
            outside -= range.len() as u64;
            let at = stand.at(&range);
            let text = &text[range];
            if text.len() > self.max_page {
                let refused = too_large_page(text, &at, record.record, self.max_page);
                let reject = Box::new(refused.reject(origin, None));
                taker.take(Found::Refused(at.length, reject));
            } else if self.page(text, &at, known, &mut page, taker) {
                stand.give_address();
            }
        }
        self.page = page.emptied();
        taker.take(Found::Container(outside));
    }

    /// Parses one page; true when it is a report.
    fn page<'a>(
        &mut self,
        text: &'a [u8],
        at: &At,
        known: Known,
        page: &mut Page<'a>,
        taker: &mut impl Take,
    ) -> bool {
        if known.is_valid {
            known.parse(text, page);
            return self.parsed(page, page.warnings, at, taker);
        }
        let repaired = String::from_utf8_lossy(text);
        let mut page = Page::default();
        known.parse(repaired.as_bytes(), &mut page);
        let mut warnings = page.warnings;
        warnings.add_if(repaired.as_bytes() != text, Warning::InvalidUtf8);
        self.parsed(&page, warnings, at, taker)
    }

    fn parsed(&mut self, page: &Page, warnings: Warnings, at: &At, taker: &mut impl Take) -> bool {
        if !page.is_report {
            taker.take(Found::Skipped(at.length));
            return false;
        }
        self.blocks.decide(&page.blocks);
        let keys = self.keys(page, at);
        taker.take(Found::Report(Span {
            page,
            at,
            warnings,
            fingerprints: &self.blocks.fingerprints,
            similar: &self.blocks.similar,
            kept: &self.blocks.kept,
            keys,
        }));
        true
    }

    fn keys(&mut self, page: &Page, at: &At) -> Option<PageKeys> {
        if !self.scope.is_across_pages() {
            return None;
        }
        self.header.clear();
        ndjson::beginning(&mut self.header, Emit::Reports, page, &At::default());
        Some(PageKeys {
            scope: self.scope,
            identity: identity_of(page, at, &self.header),
        })
    }

    fn refused(&mut self, refused: &Refused, part: &Part, taker: &mut impl Take) {
        let is_text = matches!(part.content, Content::Pages(_));
        let line = is_text.then_some(self.feeds + 1);
        let reject = Box::new(refused.reject(&part.origin, line));
        taker.take(Found::Refused(refused.length, reject));
        self.feeds += refused.feeds;
    }
}

/// Counts the bytes of what passes by.
struct Counted<'a, T> {
    taker: &'a mut T,
    bytes: u64,
}

impl<T: Take> Take for Counted<'_, T> {
    fn take(&mut self, found: Found) {
        self.bytes += found.bytes();
        self.taker.take(found);
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        self.taker.go_on()
    }
}
