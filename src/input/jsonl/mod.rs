//! JSON Lines: one object on each line, the text in a field of it.
//!
//! The reader only looks for line ends. Taking a line apart is the parsers' work, and done
//! only where the line may hold a report page: on other lines nothing but the braces at
//! the two ends is looked at.

mod object;
mod string;

use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::{memchr, memrchr};
use serde_json::error::Category;

use self::object::Found;
pub use self::object::Paths;
use super::batch::{Taking, too_large};
use super::pack::{Inflow, Packer, Stretch};
use super::{Before, Behind, Content, Entry, Origin, Part, Records, Refused};
use crate::grammar::json_may_hold_report;
use crate::model::RejectReason;
use crate::split::{BYTE_ORDER_MARK, feeds_in};

/// Characters at the beginning of a message, and at its end, that are never cut.
const MESSAGE_END: usize = 80;

/// One source under way.
struct Reading<'a> {
    stretch: Stretch,
    /// Number of the stretch's first line.
    number: u64,
    /// Start in the batch's text of the line whose end is searched, and how far it was searched.
    line: usize,
    searched: usize,
    inflow: Inflow<'a>,
}

/// Reads lines to the source's end, or until the run is over. A fault ends it; whole lines
/// before it are read, and a line that it cuts is not.
pub fn read(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    before: Before,
    inflow: Inflow,
) -> ControlFlow<()> {
    let mut reading = Reading {
        stretch: Stretch::new(packer, Arc::clone(origin), before.at),
        number: before.lines + 1,
        line: packer.filled(),
        searched: packer.filled(),
        inflow,
    };
    while !reading.inflow.at_end {
        packer.fill(&mut reading.inflow, reading.line);
        reading.find_lines(packer);
        if packer.filled() - reading.line - reading.mark(packer) > packer.limits.page {
            reading.skip_long_line(packer);
        }
        if packer.is_full() && reading.line > 0 {
            reading.close(packer, None);
            packer.mark(Before {
                at: reading.stretch.offset,
                lines: reading.number - 1,
                ..Before::default()
            });
            packer.pass_on(reading.line)?;
            (reading.stretch.start, reading.line) = (0, 0);
            reading.searched = packer.filled();
        }
    }
    let fault = reading.inflow.fault.take();
    match fault {
        Some(_) => packer.batch.text.truncate(reading.line),
        None => reading.line = packer.filled(),
    }
    reading.close(packer, None);
    if let Some(error) = fault {
        packer.fault(origin, Some(reading.stretch.offset), error);
    }
    ControlFlow::Continue(())
}

impl Reading<'_> {
    fn find_lines(&mut self, packer: &Packer) {
        let text = &packer.batch.text;
        if let Some(feed) = memrchr(b'\n', &text[self.searched..]) {
            self.line = self.searched + feed + 1;
        }
        self.searched = text.len();
    }

    /// Bytes of the mark before the unfinished line, of which it is no part.
    fn mark(&self, packer: &Packer) -> usize {
        let is_first = self.number == 1 && self.line == self.stretch.start;
        match is_first && packer.batch.text[self.line..].starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len(),
            false => 0,
        }
    }

    /// Ends the stretch at the unfinished line.
    fn close(&mut self, packer: &mut Packer, refused: Option<Refused>) {
        let stretch = &mut self.stretch;
        let text = stretch.start..self.line;
        let feeds = feeds_in(&packer.batch.text[text.clone()]);
        let behind = refused.as_ref().map_or(0, |refused| refused.length);
        packer.close(Part {
            origin: Arc::clone(&stretch.origin),
            offset: stretch.offset,
            text,
            content: Content::Records(Records::JsonLines { first: self.number }),
            behind: refused.map(|refused| Behind::Refused(Box::new(refused))),
        });
        stretch.offset += (self.line - stretch.start) as u64 + behind;
        stretch.start = self.line;
        self.number += feeds;
    }

    /// Reads on to the end of a line over the limit, and keeps none of it.
    fn skip_long_line(&mut self, packer: &mut Packer) {
        self.line += self.mark(packer);
        self.close(packer, None);
        let text = &mut packer.batch.text;
        let (reason, offset) = (RejectReason::PageTooLarge, self.stretch.offset);
        let mut refused = refused(reason, &text[self.line..], offset, self.number);
        refused.length = 0;
        loop {
            let end = memchr(b'\n', &text[self.line..]).map(|feed| self.line + feed + 1);
            let dropped = self.line..end.unwrap_or(text.len());
            refused.length += dropped.len() as u64;
            text.drain(dropped);
            if end.is_some() || self.inflow.at_end {
                break;
            }
            text.shrink_to(self.line + packer.limits.batch);
            self.inflow.read_on(packer.limits.batch, text);
        }
        refused.message = too_large(refused.length, packer.limits.page);
        self.close(packer, Some(refused));
        self.number += 1;
        self.searched = self.line;
        self.find_lines(packer);
    }
}

/// Takes whole lines apart. `offset` and `first` say where they stand.
pub fn entries<'a>(
    mut lines: &'a [u8],
    mut offset: u64,
    first: u64,
    taking: &Taking,
    each: &mut dyn FnMut(Entry<'a>),
) {
    let mut number = first;
    if number == 1 {
        let marked = lines.strip_prefix(BYTE_ORDER_MARK).unwrap_or(lines);
        offset += (lines.len() - marked.len()) as u64;
        lines = marked;
    }
    while !lines.is_empty() {
        let length = memchr(b'\n', lines).map_or(lines.len(), |feed| feed + 1);
        let (line, rest) = lines.split_at(length);
        if line.strip_suffix(b"\n").unwrap_or(line).len() > taking.max_page {
            let mut refused = refused(RejectReason::PageTooLarge, line, offset, number);
            refused.message = too_large(refused.length, taking.max_page);
            each(Entry::Refused(Box::new(refused)));
        } else if let Some(entry) = entry(line.trim_ascii(), offset, number, &taking.paths) {
            each(entry);
        }
        (lines, offset, number) = (rest, offset + length as u64, number + 1);
    }
}

fn entry<'a>(json: &'a [u8], offset: u64, number: u64, paths: &Paths) -> Option<Entry<'a>> {
    if json.is_empty() {
        return None;
    }
    if !json_may_hold_report(json) && json.starts_with(b"{") && json.ends_with(b"}") {
        return Some(Entry::Skipped(json.len() as u64));
    }
    Some(match Found::of(json, paths) {
        Ok(found) => found.entry(number, paths),
        Err(error) => {
            let reason = match error.classify() {
                Category::Data => RejectReason::WrongType,
                _ => RejectReason::InvalidJson,
            };
            let mut refused = refused(reason, json, offset, number);
            let why = shortened(error.to_string()).replace(" at line 1 column", ", at column");
            refused.message = match reason {
                RejectReason::InvalidJson => format!("no valid JSON: {why}"),
                _ => why,
            };
            Entry::Refused(Box::new(refused))
        }
    })
}

/// What is longer without its middle: an error may quote the whole line.
fn shortened(message: String) -> String {
    let head = message.char_indices().nth(MESSAGE_END);
    let tail = message.char_indices().nth_back(MESSAGE_END - 1);
    match (head, tail) {
        (Some((head, _)), Some((tail, _))) if head < tail => {
            format!("{}…{}", &message[..head], &message[tail..])
        }
        _ => message,
    }
}

/// A line that begins like this; it stays to be said why.
fn refused(reason: RejectReason, line: &[u8], offset: u64, number: u64) -> Refused {
    Refused {
        length: line.len() as u64,
        line: Some(number),
        record: Some(number.to_string()),
        ..Refused::of(reason, String::new(), offset, line)
    }
}
