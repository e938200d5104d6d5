//! The columns that both forms of a record have: a statement's, and those of its place.

use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Fields};
use citesift::dedup::{Kept, Key};
use citesift::job::{PageKeys, Span};
use citesift::sink::ndjson::{At, hexadecimal};

use crate::columns::{
    Doubles, Finished, Ints, Longs, Texts, count, numbers, optional, required, signed, structure,
};
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

/// Statements; the row of a table, or what a list holds.
#[derive(Default)]
pub struct Statements {
    id: Texts,
    text: Texts,
    section: Texts,
    statement_type: Texts,
    confidence: Ints,
    similar_to: Texts,
    similarity: Doubles,
    see_more: Longs,
    occurrences: Longs,
    /// So many of them.
    pub rows: usize,
}

impl Statements {
    pub fn fields() -> Fields {
        Fields::from(vec![
            required("id", DataType::Utf8),
            required("text", DataType::Utf8),
            optional("section", DataType::Utf8),
            optional("type", DataType::Utf8),
            optional("confidence", DataType::Int32),
            optional("similar_to", DataType::Utf8),
            optional("similarity", DataType::Float64),
            optional("see_more", DataType::Int64),
            required("occurrences", DataType::Int64),
        ])
    }

    pub fn push(&mut self, span: &Span, kept: &Kept) {
        let block = &span.page.blocks[kept.block];
        let similar = span.similar[kept.block];
        self.id.push(&hexadecimal(span.fingerprints[kept.block].id));
        self.text.push(&block.text);
        self.section.option(block.section);
        let name = block.statement_type.map(|kind| kind.as_str().as_bytes());
        self.statement_type.option(name);
        self.confidence
            .append_option(block.confidence.map(i32::from));
        let similar_to = similar.map(|similar| hexadecimal(similar.id));
        self.similar_to
            .option(similar_to.as_ref().map(<[u8; 32]>::as_slice));
        let similarity = similar.map(|similar| f64::from(similar.similarity) / 1000.0);
        self.similarity.append_option(similarity);
        count(&mut self.see_more, kept.see_more);
        count(&mut self.occurrences, Some(kept.occurrences));
        self.rows += 1;
    }

    /// Makes room for what so many bytes of pages hold: their statements' texts are most of it.
    pub fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes / 2);
    }

    pub fn bytes(&self) -> usize {
        let texts = [
            &self.id,
            &self.text,
            &self.section,
            &self.statement_type,
            &self.similar_to,
        ];
        self.rows * NUMBERS + texts.map(Texts::bytes).iter().sum::<usize>()
    }

    pub fn columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            self.id.finish()?,
            self.text.finish()?,
            self.section.finish()?,
            self.statement_type.finish()?,
            numbers(self.confidence),
            self.similar_to.finish()?,
            numbers(self.similarity),
            numbers(self.see_more),
            numbers(self.occurrences),
        ])
    }
}

/// Bytes of a statement's numbers, at most.
const NUMBERS: usize = 32;

/// Where pages stand.
#[derive(Default)]
pub struct Sources {
    path: Texts,
    offset: Longs,
    length: Longs,
    record: Texts,
    date: Texts,
}

impl Sources {
    pub fn fields() -> Fields {
        Fields::from(vec![
            required("path", DataType::Utf8),
            required("offset", DataType::Int64),
            required("length", DataType::Int64),
            optional("record", DataType::Utf8),
            optional("date", DataType::Utf8),
        ])
    }

    pub fn push(&mut self, at: &At) {
        self.path.push(at.path.as_bytes());
        self.offset.append_value(signed(at.offset));
        self.length.append_value(signed(at.length));
        self.record.option(at.record.as_deref().map(str::as_bytes));
        self.date.option(at.date.as_deref().map(str::as_bytes));
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.path.bytes() + self.record.bytes() + self.date.bytes()
    }

    /// `nulls` are the rows without a record.
    pub fn finish(self, nulls: Option<NullBuffer>) -> Finished {
        let columns = vec![
            self.path.finish()?,
            numbers(self.offset),
            numbers(self.length),
            self.record.finish()?,
            self.date.finish()?,
        ];
        structure(Self::fields(), columns, nulls)
    }
}

/// What pages are known by across all of them.
#[derive(Default)]
pub struct PageKeyColumns {
    paper: Texts,
    page: Texts,
}

impl PageKeyColumns {
    pub fn fields() -> [arrow_schema::Field; 2] {
        [
            optional("paper_key", DataType::Binary),
            optional("page_key", DataType::Binary),
        ]
    }

    pub fn push(&mut self, span: Option<&Span>) {
        let keys = span.and_then(|span| span.keys.as_ref());
        key(&mut self.paper, keys.and_then(PageKeys::paper));
        key(&mut self.page, keys.and_then(PageKeys::page));
    }

    pub fn bytes(&self) -> usize {
        self.paper.bytes() + self.page.bytes()
    }

    pub fn columns(self) -> Result<[ArrayRef; 2], ArrowError> {
        Ok([self.paper.finish_keys()?, self.page.finish_keys()?])
    }
}

/// Adds a key, the most significant byte first, as an id's digits.
pub fn key(column: &mut Texts, key: Option<Key>) {
    let bytes = key.map(|key| key.0.to_be_bytes());
    column.option(bytes.as_ref().map(<[u8; 16]>::as_slice));
}
