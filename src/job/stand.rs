//! Where pages stand, and which of them has the address that their container tells.

use std::borrow::Cow;
use std::ops::Range;

use crate::grammar::report_id;
use crate::input::{Origin, Part, Text};
use crate::sink::ndjson::At;

/// A page of plain text, `range` of the batch's. A text's address is that of a page at its very
/// beginning.
pub fn in_text<'a>(part: &'a Part, range: &Range<usize>, is_first: bool) -> At<'a> {
    let origin = &*part.origin;
    let at_start = is_first && part.offset == origin.offset;
    let url = origin.url.as_deref().filter(|_| at_start);
    At {
        path: &origin.path,
        offset: part.offset + (range.start - part.text.start) as u64,
        length: range.len() as u64,
        record: origin.record.as_deref().map(Cow::Borrowed),
        date: origin.date.as_deref().map(Cow::Borrowed),
        url: url.map(Cow::Borrowed),
        report_id: url.and_then(|url| report_id(url.as_bytes())),
        meta: None,
    }
}

/// Where a container's record stands. Its address is that of the first report in it.
pub struct InRecord<'a> {
    record: &'a Text<'a>,
    origin: &'a Origin,
    url: Option<Cow<'a, str>>,
    report_id: Option<&'a [u8]>,
}

impl<'a> InRecord<'a> {
    pub fn of(record: &'a Text<'a>, origin: &'a Origin) -> Self {
        Self {
            record,
            origin,
            url: record.url.as_deref().map(String::from_utf8_lossy),
            report_id: record.url.as_deref().and_then(report_id),
        }
    }

    /// The next report gets the record's address, and it is a report's.
    pub fn is_at_report(&self) -> bool {
        self.report_id.is_some()
    }

    /// The next report gets the record's address.
    pub fn has_address(&self) -> bool {
        self.url.is_some()
    }

    /// One of its pages, a range of its text.
    pub fn at(&self, range: &Range<usize>) -> At<'a> {
        At {
            path: &self.origin.path,
            offset: self.record.offset + range.start as u64,
            length: range.len() as u64,
            record: self.origin.name_of(self.record.record),
            date: self.record.date.map(String::from_utf8_lossy),
            url: self.url.clone(),
            report_id: self.report_id,
            meta: self.record.meta.as_deref(),
        }
    }

    /// A report has got the address.
    pub fn give_address(&mut self) {
        (self.url, self.report_id) = (None, None);
    }
}
