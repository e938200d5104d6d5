//! WARC and WET files, record by record.
//!
//! The reader jumps from record to record by their lengths; a record that fits into a batch
//! is taken apart by the parsers, a larger one is read as a text of its own, or passed over.
//! A record that does not end where its length says is damaged: it is refused, and the
//! next record is searched for. What stands behind the line ends of one that does, and is no
//! record, is refused by itself.

mod body;
mod record;

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use self::body::{After, BOUNDARY, Body, next_record};
pub use self::record::entries;
use self::record::{FoundText, text_in, unread_body};
use super::pack::{Inflow, Packer, Stretch};
use super::{Before, Behind, Content, Origin, Part, Records, Refused, text};
use crate::grammar::{NoHeader, WARC_MAGIC, WarcHeader, warc_header};
use crate::model::{NotRead, Reject, RejectReason};
use crate::split::BYTE_ORDER_MARK;

/// A longer header is none.
const LONGEST_HEADER: usize = 64 * 1024;

/// Behind each record, whatever comes next.
const RECORD_END: &[u8] = b"\r\n\r\n";

/// More line ends behind a record are not waited out: they need not be held until the next one comes.
const MOST_LINE_ENDS: usize = LONGEST_HEADER;

/// A larger block is not held. It is no batch's size, so that what is made of a damaged
/// record does not depend on the number of threads.
const LARGE: u64 = 1 << 20;

/// One source under way.
struct Reading<'a> {
    stretch: Stretch,
    /// Start in the batch's text of the record whose end is searched.
    record: usize,
    /// The source ends within a large record.
    is_cut: bool,
    inflow: Inflow<'a>,
}

/// What stands at the beginning of a text.
enum Frame {
    /// A record of so many bytes, with the line ends behind it.
    Whole(usize),
    /// A record that is not held.
    Large,
    NeedsMore,
    Damaged(String),
}

/// Reads records to the source's end, or until the run is over.
pub fn read(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    offset: u64,
    inflow: Inflow,
) -> ControlFlow<()> {
    let mut reading = Reading {
        stretch: Stretch::new(packer, Arc::clone(origin), offset),
        record: packer.filled(),
        is_cut: false,
        inflow,
    };
    reading.pass_over_mark(packer);
    loop {
        let text = &packer.batch.text[reading.record..];
        match frame(text, reading.inflow.at_end) {
            Frame::Whole(length) => reading.record += length,
            Frame::Large => reading.large(packer)?,
            Frame::Damaged(message) => {
                reading.resynchronise(packer, message);
                reading.pass_on_if_full(packer)?;
            }
            Frame::NeedsMore if reading.inflow.at_end => break,
            Frame::NeedsMore => {
                reading.pass_on_if_full(packer)?;
                packer.fill(&mut reading.inflow, reading.record);
            }
        }
    }
    reading.finish(packer);
    ControlFlow::Continue(())
}

/// Whether the text begins with a whole record and line ends, behind which the next one begins.
fn frame(text: &[u8], at_end: bool) -> Frame {
    let start = line_ends(text);
    if start == text.len() {
        return match start > MOST_LINE_ENDS {
            true => Frame::Whole(start),
            false => Frame::NeedsMore,
        };
    }
    let header = match header_of(&text[start..]) {
        Ok(header) => header,
        Err(NoHeader::Incomplete) if text.len() - start < LONGEST_HEADER => {
            return Frame::NeedsMore;
        }
        Err(NoHeader::Incomplete) => {
            return Frame::Damaged("a header of more than 64 KiB".to_owned());
        }
        Err(NoHeader::NoVersion) => return Frame::Damaged("no WARC record begins here".to_owned()),
        Err(NoHeader::NoEnd) => {
            return Frame::Damaged("another record begins within the header".to_owned());
        }
        Err(NoHeader::NoLength) => {
            return Frame::Damaged("the record has no valid Content-Length".to_owned());
        }
    };
    if header.content_length > LARGE {
        return Frame::Large;
    }
    let end = start + header.length + header.content_length as usize;
    let Some(behind) = text.get(end..) else {
        return Frame::NeedsMore;
    };
    let next = line_ends(behind);
    if next > MOST_LINE_ENDS {
        return Frame::Whole(end + next);
    }
    let begins = &behind[next..behind.len().min(next + WARC_MAGIC.len())];
    match WARC_MAGIC.starts_with(begins) {
        true if begins.len() == WARC_MAGIC.len() || at_end => Frame::Whole(end + next),
        true => Frame::NeedsMore,
        // Other line ends stand in texts, too, where a wrong length may end.
        false if behind.starts_with(RECORD_END) => Frame::Whole(end + next),
        false => Frame::Damaged(wrong_length(&header)),
    }
}

/// The header that a text begins with. No more of it is looked at than a header may have, so
/// that what is made of a longer one does not depend on how much is held.
fn header_of(text: &[u8]) -> Result<WarcHeader<'_>, NoHeader> {
    warc_header(&text[..text.len().min(LONGEST_HEADER)])
}

fn wrong_length(header: &WarcHeader) -> String {
    let length = header.content_length;
    format!("the record does not end after the {length} bytes of its Content-Length")
}

fn line_ends(text: &[u8]) -> usize {
    let filled = text.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    filled.unwrap_or(text.len())
}

impl Reading<'_> {
    /// A mark before the source's first record is in a part of its own, for it begins none.
    fn pass_over_mark(&mut self, packer: &mut Packer) {
        if self.stretch.offset > 0 {
            return;
        }
        packer.fill(&mut self.inflow, self.record);
        if packer.batch.text[self.record..].starts_with(BYTE_ORDER_MARK) {
            self.record += BYTE_ORDER_MARK.len();
            self.close(packer, None);
        }
    }

    fn pass_on_if_full(&mut self, packer: &mut Packer) -> ControlFlow<()> {
        if packer.is_full() && self.record > 0 {
            self.close(packer, None);
            packer.mark(Before {
                at: self.stretch.offset,
                ..Before::default()
            });
            packer.pass_on(self.record)?;
            (self.stretch.start, self.record) = (0, 0);
        }
        ControlFlow::Continue(())
    }

    /// Ends the stretch before the unfinished record.
    fn close(&mut self, packer: &mut Packer, behind: Option<Behind>) {
        close(&mut self.stretch, packer, self.record, behind);
    }

    /// What is left is nothing, or the beginning of a record that the source's end cuts off.
    fn finish(mut self, packer: &mut Packer) {
        let rest = &packer.batch.text[self.record..];
        let is_cut = self.is_cut || line_ends(rest) < rest.len();
        self.record = packer.filled();
        self.close(packer, None);
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a record");
        let fault = self.inflow.fault.take().or_else(|| is_cut.then(cut));
        if let Some(error) = fault {
            packer.fault(&self.stretch.origin, Some(self.stretch.offset), error);
        }
    }

    /// Passes over everything up to the next record, and says so.
    ///
    /// What is held in front of that record stays in the batch and is in no part: moving what
    /// stands behind it took 600 ms for each megabyte of short damaged records.
    fn resynchronise(&mut self, packer: &mut Packer, message: String) {
        self.record += line_ends(&packer.batch.text[self.record..]);
        self.close(packer, None);
        // What is shown of it must not depend on how much is held.
        if packer.filled() - self.record < Reject::EXCERPT_BYTES {
            packer.fill(&mut self.inflow, self.record);
        }
        let text = &packer.batch.text[self.record..];
        let mut refused = damaged(text, message, self.stretch.offset);
        loop {
            let text = &mut packer.batch.text;
            if let Some(at) = next_record(&text[self.record..], After::AnyLine) {
                refused.length += at as u64;
                self.record += at;
                self.stretch.start = self.record;
                break;
            }
            let kept = match self.inflow.at_end {
                true => 0,
                false => BOUNDARY.min(text.len() - self.record),
            };
            let dropped = self.record..text.len() - kept;
            refused.length += dropped.len() as u64;
            text.drain(dropped);
            if self.inflow.at_end {
                break;
            }
            packer.fill(&mut self.inflow, self.record);
        }
        self.close(packer, Some(Behind::Refused(Box::new(refused))));
    }

    /// Reads a record that is not held as a text of its own, or passes over it.
    fn large(&mut self, packer: &mut Packer) -> ControlFlow<()> {
        self.record += line_ends(&packer.batch.text[self.record..]);
        self.close(packer, None);
        if packer.filled() - self.record < 2 * LONGEST_HEADER {
            packer.fill(&mut self.inflow, self.record);
        }
        let mut bytes = packer.batch.text.split_off(self.record);
        let record = LargeRecord::of(&bytes, &self.stretch);
        bytes.drain(..record.text_start);

        let mut body = Body::new(bytes, record.text_length, &mut self.inflow);
        // The body has no error of its own: its source's is said at the end.
        let mut pass_over = || io::copy(&mut body, &mut io::sink()).unwrap_or(0);
        let mut passed = record.text_start as u64;
        let mut refused = record.refused;
        match &mut refused {
            Some(refused) => refused.length = pass_over(),
            None if !record.is_read => passed += pass_over(),
            None => {}
        }
        let behind = Behind::Passed {
            bytes: passed,
            not_read: record.not_read,
        };
        let refused = refused.map(|refused| Behind::Refused(Box::new(refused)));
        let end = self.stretch.start;
        for behind in [Some(behind), refused].into_iter().flatten() {
            close(&mut self.stretch, packer, end, Some(behind));
        }
        if record.is_read {
            let (offset, inflow) = (self.stretch.offset, Inflow::new(Box::new(&mut body), None));
            packer.nesting += 1;
            text::read(packer, &Arc::new(record.origin), offset, false, inflow)?;
            packer.nesting -= 1;
            self.stretch.offset += record.text_length - body.left;
        }
        let meets_record = body.meets_record();
        self.is_cut = body.left > 0 && !meets_record;
        let mut rest = body.rest();
        (self.record, self.stretch.start) = (packer.filled(), packer.filled());
        packer.batch.text.append(&mut rest);
        if meets_record {
            self.close(packer, Some(Behind::Refused(Box::new(record.too_long))));
        }
        ControlFlow::Continue(())
    }
}

/// Ends a stretch at `end`, with what comes right behind it and is not held.
fn close(stretch: &mut Stretch, packer: &mut Packer, end: usize, behind: Option<Behind>) {
    let length = behind.as_ref().map_or(0, Behind::bytes);
    packer.close(Part {
        origin: Arc::clone(&stretch.origin),
        offset: stretch.offset,
        text: stretch.start..end,
        content: Content::Records(Records::Warc),
        behind,
    });
    stretch.offset += (end - stretch.start) as u64 + length;
    stretch.start = end;
}

/// What is told of a large record by its beginning.
struct LargeRecord {
    origin: Origin,
    /// Bytes before its text, or before the block when that is not read, and the bytes behind them.
    text_start: usize,
    text_length: u64,
    is_read: bool,
    /// Why not, if it is no record about others.
    not_read: Option<NotRead>,
    /// The text, if it is refused.
    refused: Option<Refused>,
    /// What to say when another record begins in it.
    too_long: Refused,
}

impl LargeRecord {
    fn of(bytes: &[u8], stretch: &Stretch) -> Self {
        let header = header_of(bytes).unwrap_or_default();
        let block = &bytes[header.length..];
        // Not worth the memory: a text of more than a million bytes is no report page.
        let is_encoded = |found: &FoundText| found.http.is_some_and(|http| http.is_encoded());
        let (start, is_read, not_read) =
            match text_in(&header, &block[..block.len().min(LONGEST_HEADER)]) {
                Ok(found) if is_encoded(&found) => (0, false, Some(NotRead::Encoded)),
                Ok(found) => (found.start, true, None),
                Err(not_read) => (0, false, not_read),
            };
        let text_start = header.length + start;
        let text = &bytes[text_start..];
        let mut origin = stretch.origin.of_record(&header);
        origin.offset = stretch.offset + text_start as u64;
        let unread = unread_body(&header, text).filter(|_| is_read);
        let refused = unread.map(|message| Refused {
            record: header.record_id.map(lossy),
            ..damaged(text, message, origin.offset)
        });
        Self {
            origin,
            text_start,
            text_length: header.content_length - start as u64,
            is_read: is_read && refused.is_none(),
            not_read,
            refused,
            too_long: damaged(bytes, wrong_length(&header), stretch.offset),
        }
    }
}

/// A damaged record that begins like this; its length is not known yet.
fn damaged(bytes: &[u8], message: String, offset: u64) -> Refused {
    let header = header_of(bytes).unwrap_or_default();
    Refused {
        record: header.record_id.map(lossy),
        ..Refused::of(RejectReason::DamagedRecord, message, offset, bytes)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Origin {
    fn of_record(&self, header: &WarcHeader) -> Self {
        Self {
            path: self.path.clone(),
            record: self.name_of(header.record_id.into()).map(Cow::into_owned),
            url: header.target_uri.map(lossy),
            date: header.date.map(lossy),
            offset: 0,
        }
    }
}
