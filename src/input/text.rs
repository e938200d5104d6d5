//! Plain text: read in large chunks, cut into pages.
//!
//! A page larger than a batch gets one of its own. A page larger than the limit is not held:
//! its beginning is looked at, its end is searched for in bounded memory, and the page
//! behind it comes out whole.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memrchr;

use super::batch::too_large;
use super::pack::{Inflow, Packer, Stretch};
use super::{Before, Behind, Content, Origin, Part, Refused};
use crate::grammar::{self, Page, may_be_report};
use crate::model::RejectReason;
use crate::split::{Splitter, feeds_in, page_within};

/// Text without a header is looked at in stretches of so many bytes; one that shows no
/// report is ended there.
const OTHER_TEXT: usize = 1 << 20;

/// The part of a stretch at its end that begins the next one: a page without a header may have begun
/// there.
const LOOKED_AT_AGAIN: usize = 8;

/// One text under way.
struct Reading<'a> {
    splitter: Splitter,
    stretch: Stretch,
    /// The stretch's first page in the batch's list.
    first_page: usize,
    /// Start in the batch's text of the page whose end is searched.
    page: usize,
    /// The page has shown that it is a report's; one that starts with a header always has.
    is_report: bool,
    inflow: Inflow<'a>,
}

/// Reads a text to its end, or until the run is over. A fault ends it; what came before is
/// read as if the text ended there. `offset` is the number of bytes before it in its source;
/// `is_report` says that its first page is known to be a report's, as one with a header is.
pub fn read(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    offset: u64,
    is_report: bool,
    inflow: Inflow,
) -> ControlFlow<()> {
    let mut reading = Reading {
        splitter: Splitter::default(),
        stretch: Stretch::new(packer, Arc::clone(origin), offset),
        first_page: packer.batch.pages.len(),
        page: packer.filled(),
        is_report,
        inflow,
    };
    while !reading.inflow.at_end {
        packer.fill(&mut reading.inflow, reading.page);
        reading.cut(packer);
        reading.step(packer)?;
        if reading.splitter.settled() > packer.limits.page
            && reading.is_report
            && !reading.inflow.at_end
        {
            reading.skip_oversized(packer);
        }
    }
    if let Some(error) = reading.inflow.fault.take() {
        packer.fault(origin, Some(reading.stretch.offset), error);
    }
    ControlFlow::Continue(())
}

impl Reading<'_> {
    /// Lists the pages whose end is known.
    fn cut(&mut self, packer: &mut Packer) {
        loop {
            let text = &packer.batch.text[self.page..];
            let Some(start) = self.splitter.next_start(text, self.inflow.at_end) else {
                break;
            };
            self.splitter.consume(start.at);
            let end = self.page + start.previous_end;
            let next = self.page + start.at;
            self.end_page(packer, end, next);
            self.is_report = true;
        }
        if self.inflow.at_end {
            let end = packer.filled();
            self.end_page(packer, end, end);
            self.close_part(packer, end, None);
        } else {
            let dropped = self.end_other_text(packer, self.page + self.splitter.settled());
            self.splitter.consume(dropped);
        }
    }

    /// Ends, stretch by stretch, text that shows no report, as far as no page starts in it:
    /// a dump of other text is not held to its end. Returns how many bytes that were.
    fn end_other_text(&mut self, packer: &mut Packer, settled: usize) -> usize {
        let from = self.page;
        let most = OTHER_TEXT.min(packer.limits.page);
        while !self.is_report && settled.saturating_sub(self.page) > most {
            let stretch = &packer.batch.text[self.page..][..most];
            if shows_report(stretch) {
                self.is_report = true;
            } else {
                let ended = &stretch[..most - most / LOOKED_AT_AGAIN];
                let end = self.page + memrchr(b'\n', ended).map_or(ended.len(), |feed| feed + 1);
                let other = page_within(&packer.batch.text, self.page..end);
                packer.batch.pages.extend(other);
                self.page = end;
            }
        }
        self.page - from
    }

    fn end_page(&mut self, packer: &mut Packer, end: usize, next: usize) {
        self.end_other_text(packer, next);
        let length = next - self.page;
        if length > packer.limits.page {
            let text = &packer.batch.text[self.page..next];
            let mut refused = self.too_large(text);
            (refused.length, refused.feeds) = (length as u64, feeds_in(text));
            refused.message = too_large(refused.length, packer.limits.page);
            self.close_part(packer, self.page, Some(refused));
            self.stretch.start = next;
        } else {
            let page = page_within(&packer.batch.text, self.page..end);
            packer.batch.pages.extend(page);
        }
        self.page = next;
    }

    /// Ends the stretch at `end`, and with it the pages listed since the last one.
    fn close_part(&mut self, packer: &mut Packer, end: usize, refused: Option<Refused>) {
        let stretch = &mut self.stretch;
        let length = refused.as_ref().map_or(0, |refused| refused.length);
        let pages = self.first_page..packer.batch.pages.len();
        self.first_page = pages.end;
        packer.close(Part {
            origin: Arc::clone(&stretch.origin),
            offset: stretch.offset,
            text: stretch.start..end,
            content: Content::Pages(pages),
            behind: refused.map(|refused| Behind::Refused(Box::new(refused))),
        });
        stretch.offset += (end - stretch.start) as u64 + length;
        stretch.start = end;
    }

    /// Passes a full batch on; the page under way moves to the next one.
    fn step(&mut self, packer: &mut Packer) -> ControlFlow<()> {
        if !packer.is_full() || self.page == 0 {
            return ControlFlow::Continue(());
        }
        self.close_part(packer, self.page, None);
        // Where the text has ended, the next checkpoint is the source's own: a run that went on here
        // would find nothing left of it, and count the next one's lines on from this one's.
        if !self.inflow.at_end {
            packer.mark(Before {
                at: self.stretch.offset,
                lines: 0,
                is_report: self.is_report,
            });
        }
        packer.pass_on(self.page)?;
        (self.stretch.start, self.page, self.first_page) = (0, 0, 0);
        ControlFlow::Continue(())
    }

    /// Reads on to the end of a page that is surely over the limit, and keeps none of it.
    fn skip_oversized(&mut self, packer: &mut Packer) {
        self.close_part(packer, self.page, None);
        let beginning = &packer.batch.text[self.page..][..packer.limits.page];
        let mut refused = self.too_large(beginning);
        let mut text = match self.page {
            0 => mem::take(&mut packer.batch.text),
            page => packer.batch.text.split_off(page),
        };
        loop {
            refused.drop_beginning(&mut text, self.splitter.settled());
            self.splitter.consume(self.splitter.settled());
            text.shrink_to(packer.usual_capacity());

            self.inflow.read_on(packer.limits.batch, &mut text);
            let next = self.splitter.next_start(&text, self.inflow.at_end);
            if next.is_some() || self.inflow.at_end {
                let end = next.map_or(text.len(), |start| start.at);
                refused.drop_beginning(&mut text, end);
                self.splitter.consume(end);
                break;
            }
        }
        refused.message = too_large(refused.length, packer.limits.page);
        self.close_part(packer, self.page, Some(refused));
        packer.batch.text.append(&mut text);
        self.cut(packer);
    }

    /// A page over the limit that begins like this; its length is not known yet.
    fn too_large(&self, beginning: &[u8]) -> Refused {
        let at = self.page - self.stretch.start;
        let offset = self.stretch.offset + at as u64;
        Refused::of(RejectReason::PageTooLarge, String::new(), offset, beginning)
    }
}

impl Refused {
    fn drop_beginning(&mut self, text: &mut Vec<u8>, bytes: usize) {
        self.length += bytes as u64;
        self.feeds += feeds_in(&text[..bytes]);
        text.drain(..bytes);
    }
}

/// Whether something in the text is found on report pages only.
fn shows_report(text: &[u8]) -> bool {
    let mut page = Page::default();
    may_be_report(text) && {
        grammar::parse(text, &mut page);
        page.is_report
    }
}
