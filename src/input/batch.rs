//! What travels from the reader to the parsers.

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{jsonl, warc};
use crate::durable::FileState;
use crate::error::ReadError;
use crate::model::{NotRead, Reject, RejectPlace, RejectReason};

/// Text of one or more sources.
#[derive(Debug, Default)]
pub struct Batch {
    pub text: Vec<u8>,
    /// The sources' stretches, in order.
    pub parts: Vec<Part>,
    /// Every page of plain text, as a range of `text`.
    pub pages: Vec<Range<usize>>,
    /// Every row of a Parquet file.
    pub rows: Vec<Row>,
    /// Sources that were opened for this batch.
    pub opened: Vec<Opened>,
    /// Where reading can go on behind this batch, when that was asked for.
    pub border: Option<Border>,
    pub faults: Faults,
}

/// Sources that could not be read, or not to their end, each behind so many of a batch's parts.
#[derive(Debug, Default)]
pub struct Faults(Vec<(usize, ReadError)>);

impl Faults {
    pub fn add(&mut self, parts: usize, fault: ReadError) {
        self.0.push((parts, fault));
    }

    /// Takes those before the part of this number.
    pub fn before(&mut self, part: usize) -> impl Iterator<Item = ReadError> {
        let met = self.0.partition_point(|(parts, _)| *parts <= part);
        self.0.drain(..met).map(|(_, fault)| fault)
    }

    /// Takes all that are left.
    pub fn rest(&mut self) -> impl Iterator<Item = ReadError> {
        self.before(usize::MAX)
    }

    /// Splits off those behind the part of this number, which is to be the first one.
    #[must_use]
    pub fn split_off(&mut self, part: usize) -> Self {
        let met = self.0.partition_point(|(parts, _)| *parts <= part);
        let rest = self.0.drain(met..);
        Self(rest.map(|(parts, fault)| (parts - part, fault)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A place between two pages or records at which reading can begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Border {
    /// Sources before it.
    pub source: u64,
    /// What lies before it in the source: decompressed bytes of plain text, JSON Lines and WARC, members
    /// of tar and zip, rows of Parquet.
    pub at: u64,
    /// Lines of JSON Lines before it in the source.
    pub lines: u64,
    /// What follows is known to be a report's page. Without that it may be other text, which is ended
    /// in stretches, at places where no page begins.
    #[serde(default)]
    pub is_report: bool,
    /// It is within a text, whose lines are counted from its beginning.
    pub is_within: bool,
}

/// What a source looked like when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub path: OsString,
    /// None of what is no regular file, or is not there.
    pub state: Option<FileState>,
    /// What a store says of an object; empty where it could not be told from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Where a stretch of text comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The source as it was named or found.
    pub path: String,
    /// The container's own name of the record that holds the text.
    pub record: Option<String>,
    /// Bytes of the source before the text.
    pub offset: u64,
    /// The text's address and the time of its capture, where the container says them.
    pub url: Option<String>,
    pub date: Option<String>,
}

/// A stretch of one source.
#[derive(Debug)]
pub struct Part {
    pub origin: Arc<Origin>,
    /// Bytes of the source before the stretch.
    pub offset: u64,
    /// The stretch, as a range of the batch's text.
    pub text: Range<usize>,
    pub content: Content,
    /// What came right behind it and is not held.
    pub behind: Option<Behind>,
}

/// What a stretch is made of.
#[derive(Debug)]
pub enum Content {
    /// Plain text, cut into pages: a range of the batch's list. What lies between them is between pages.
    Pages(Range<usize>),
    /// Whole records of a container.
    Records(Records),
}

/// The containers whose records the parsers take apart.
#[derive(Debug)]
pub enum Records {
    /// The number of the first line, from 1.
    JsonLines {
        first: u64,
    },
    Warc,
    /// A range of the batch's list.
    Rows(Range<usize>),
}

/// A row of a Parquet file, as ranges of the batch's text.
#[derive(Debug)]
pub struct Row {
    /// Counted from 0.
    pub number: u64,
    pub url: Option<Range<usize>>,
    pub text: Option<Range<usize>>,
}

/// Bytes of a source that no batch holds.
#[derive(Debug)]
pub enum Behind {
    Refused(Box<Refused>),
    /// A large record that is no text, or what a container puts around its records.
    Passed {
        bytes: u64,
        not_read: Option<NotRead>,
    },
}

/// What is left of a page or a record that cannot become one: enough to say what and where it was.
#[derive(Debug)]
pub struct Refused {
    pub reason: RejectReason,
    pub message: String,
    /// Bytes of the source before it.
    pub offset: u64,
    /// Its bytes, and the line feeds in them where lines are counted.
    pub length: u64,
    pub feeds: u64,
    /// The line it begins in, from 1; none in plain text, where only the writer knows.
    pub line: Option<u64>,
    /// The container's own name of it, within the one of the origin.
    pub record: Option<String>,
    pub excerpt: String,
}

/// One record of a container, taken apart.
pub enum Entry<'a> {
    Text(Text<'a>),
    /// Bytes of a record that is surely no report, which was seen without taking it apart.
    Skipped(u64),
    NotRead(NotRead),
    Refused(Box<Refused>),
}

impl Entry<'_> {
    /// Bytes of an encoded text as it is stored, and decoded; 0 of what is stored as it is.
    pub fn stored_and_decoded(&self) -> (u64, u64) {
        match self {
            Self::Text(text) => text
                .stored
                .map_or((0, 0), |stored| (stored, text.text.len() as u64)),
            _ => (0, 0),
        }
    }
}

/// A record's text, and what its container says of it.
pub struct Text<'a> {
    pub text: Cow<'a, [u8]>,
    /// It is known to be UTF-8, and not looked at again.
    pub is_utf8: bool,
    /// Bytes that it takes in the part's text, where it is stored compressed or in chunks.
    pub stored: Option<u64>,
    /// Bytes before it in the source; 0 where they are counted from the text's own beginning.
    pub offset: u64,
    pub record: RecordName<'a>,
    pub url: Option<Cow<'a, [u8]>>,
    pub date: Option<&'a [u8]>,
    /// A JSON object.
    pub meta: Option<String>,
}

/// A container's own name of a record.
#[derive(Clone, Copy)]
pub enum RecordName<'a> {
    None,
    Number(u64),
    Id(&'a [u8]),
}

/// Where records in a row hold their text and their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The field that holds the text; a name with dots leads into nested objects.
    pub text: String,
    /// The field that holds the address. None is `url`, which may then be missing.
    pub url: Option<String>,
    /// Fields that are carried into the record.
    pub keep: Vec<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            text: "text".to_owned(),
            url: None,
            keep: Vec::new(),
        }
    }
}

impl Refused {
    /// What begins like this and stands behind so many bytes of its source; its length is not known yet.
    pub fn of(reason: RejectReason, message: String, offset: u64, beginning: &[u8]) -> Self {
        Self {
            reason,
            message,
            offset,
            length: 0,
            feeds: 0,
            line: None,
            record: None,
            excerpt: Reject::excerpt_of(beginning),
        }
    }

    /// What is told of it. `in_text` is the line it begins in, where only the caller knows that.
    pub fn reject(&self, origin: &Origin, in_text: Option<u64>) -> Reject {
        let own = self.record.as_deref();
        let record = origin.name_of(own.map(str::as_bytes).into());
        Reject {
            reason: self.reason,
            message: self.message.clone(),
            source: RejectPlace {
                path: origin.path.clone(),
                offset: self.offset,
                line: self.line.or(in_text),
                record: record.map(Cow::into_owned),
            },
            excerpt: self.excerpt.clone(),
        }
    }
}

impl Row {
    fn entry<'a>(&self, batch: &'a [u8]) -> Entry<'a> {
        let Some(text) = self.text.clone() else {
            return Entry::NotRead(NotRead::NoText);
        };
        Entry::Text(Text {
            text: Cow::Borrowed(&batch[text]),
            is_utf8: false,
            stored: None,
            offset: 0,
            record: RecordName::Number(self.number),
            url: self.url.clone().map(|url| Cow::Borrowed(&batch[url])),
            date: None,
            meta: None,
        })
    }
}

impl Content {
    /// Rows may be all that there is of a stretch: one without text takes no bytes.
    pub fn has_rows(&self) -> bool {
        matches!(self, Self::Records(Records::Rows(rows)) if !rows.is_empty())
    }
}

impl Behind {
    /// Bytes of the source.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Refused(refused) => refused.length,
            Self::Passed { bytes, .. } => *bytes,
        }
    }
}

impl Origin {
    /// What is known of a source before it is read.
    pub fn of_source(path: String) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    /// As this, for a member of the archive that it is.
    #[must_use]
    pub fn of_member(&self, name: &[u8]) -> Self {
        Self {
            path: self.path.clone(),
            record: self.name_of(RecordName::Id(name)).map(Cow::into_owned),
            ..Self::default()
        }
    }

    /// A record's name, behind the one of the archive's member that holds it.
    pub fn name_of<'a>(&'a self, record: RecordName<'a>) -> Option<Cow<'a, str>> {
        match (&self.record, record.own()) {
            (Some(member), Some(own)) => Some(Cow::Owned(format!("{member}#{own}"))),
            (member, own) => own.or(member.as_deref().map(Cow::Borrowed)),
        }
    }
}

impl<'a> RecordName<'a> {
    pub fn own(self) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Id(id) => Some(String::from_utf8_lossy(id)),
        }
    }
}

impl<'a> From<Option<&'a [u8]>> for RecordName<'a> {
    fn from(id: Option<&'a [u8]>) -> Self {
        id.map_or(Self::None, Self::Id)
    }
}

impl Fields {
    /// The name of the field for the address.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("url")
    }
}

/// The message for a page, or a line that holds one, of so many bytes.
pub fn too_large(length: u64, most: usize) -> String {
    format!("the page has {length} bytes, more than the {most} of --max-page")
}

/// What the parsers need to know to take records apart.
pub struct Taking {
    pub paths: jsonl::Paths,
    /// The largest page, and line that holds one, in bytes.
    pub max_page: usize,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.faults.is_empty()
    }

    /// Takes the records of a part apart, in order.
    pub fn entries<'a>(
        &'a self,
        part: &'a Part,
        records: &Records,
        taking: &Taking,
        each: &mut dyn FnMut(Entry<'a>),
    ) {
        let text = &self.text[part.text.clone()];
        match records {
            Records::JsonLines { first } => {
                jsonl::entries(text, part.offset, *first, taking, each);
            }
            Records::Warc => warc::entries(text, part.offset, taking, each),
            Records::Rows(rows) => {
                let rows = self.rows[rows.clone()].iter();
                rows.for_each(|row| each(row.entry(&self.text)));
            }
        }
    }
}
