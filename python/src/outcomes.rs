//! What became of every place of the input, as columns beside the records: with them every byte,
//! page and block is accounted for by whoever adds the rows up.

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use citesift::ReadError;
use citesift::job::Span;
use citesift::model::Reject;

use crate::columns::{
    Finished, Longs, Nulls, Texts, count, numbers, optional, required, structure,
};

#[derive(Default)]
pub struct Outcomes {
    outcome: Texts,
    bytes: Longs,
    blocks: Longs,
    lines: Longs,
    unrecognized: Longs,
    reason: Texts,
    rejects: Rejects,
}

impl Outcomes {
    pub fn fields() -> Vec<Field> {
        vec![
            required("outcome", DataType::Utf8),
            required("bytes", DataType::Int64),
            optional("blocks", DataType::Int64),
            optional("lines", DataType::Int64),
            optional("unrecognized_lines", DataType::Int64),
            optional("reason", DataType::Utf8),
            optional("reject", DataType::Struct(Rejects::fields())),
        ]
    }

    pub fn report(&mut self, span: &Span) {
        let page = span.page;
        let blocks = page.blocks.len() as u64;
        let unrecognized = page.unrecognized.len() as u64;
        let counts = Some([blocks, page.feeds + 1, unrecognized]);
        self.add("report", span.at.length, counts, None, None);
    }

    /// What is neither page nor reject.
    pub fn other(&mut self, outcome: &str, bytes: u64, reason: Option<&str>) {
        self.add(outcome, bytes, None, reason, None);
    }

    pub fn rejected(&mut self, bytes: u64, reject: &Reject) {
        let reason = reject.reason.as_str();
        let source = &reject.source;
        let told = Told {
            reason,
            message: &reject.message,
            path: &source.path,
            offset: Some(source.offset),
            line: source.line,
            record: source.record.as_deref(),
            excerpt: Some(&reject.excerpt),
        };
        self.add("rejected", bytes, None, Some(reason), Some(&told));
    }

    /// A source that could not be read, or not to its end.
    pub fn fault(&mut self, fault: &ReadError) {
        let message = fault.source.to_string();
        let told = Told {
            reason: UNREADABLE,
            message: &message,
            path: &fault.path,
            offset: fault.offset,
            line: None,
            record: fault.record.as_deref(),
            excerpt: None,
        };
        self.add("fault", 0, None, Some(UNREADABLE), Some(&told));
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.outcome.bytes() + self.reason.bytes() + self.rejects.bytes()
    }

    pub fn columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            self.outcome.finish()?,
            numbers(self.bytes),
            numbers(self.blocks),
            numbers(self.lines),
            numbers(self.unrecognized),
            self.reason.finish()?,
            self.rejects.finish()?,
        ])
    }

    fn add(
        &mut self,
        outcome: &str,
        bytes: u64,
        counts: Option<[u64; 3]>,
        reason: Option<&str>,
        told: Option<&Told>,
    ) {
        self.outcome.push(outcome.as_bytes());
        count(&mut self.bytes, Some(bytes));
        let columns = [&mut self.blocks, &mut self.lines, &mut self.unrecognized];
        for (number, column) in columns.into_iter().enumerate() {
            count(column, counts.map(|counts| counts[number]));
        }
        self.reason.option(reason.map(str::as_bytes));
        self.rejects.push(told);
    }
}

const UNREADABLE: &str = "unreadable";

/// What is told of something refused.
struct Told<'a> {
    reason: &'a str,
    message: &'a str,
    path: &'a str,
    offset: Option<u64>,
    line: Option<u64>,
    record: Option<&'a str>,
    excerpt: Option<&'a str>,
}

/// The lines of `--rejects`.
#[derive(Default)]
struct Rejects {
    reason: Texts,
    message: Texts,
    path: Texts,
    offset: Longs,
    line: Longs,
    record: Texts,
    excerpt: Texts,
    is_told: Nulls,
}

impl Rejects {
    fn fields() -> Fields {
        Fields::from(vec![
            optional("reason", DataType::Utf8),
            optional("message", DataType::Utf8),
            optional("source", DataType::Struct(Self::source_fields())),
            optional("excerpt", DataType::Utf8),
        ])
    }

    fn source_fields() -> Fields {
        Fields::from(vec![
            optional("path", DataType::Utf8),
            optional("offset", DataType::Int64),
            optional("line", DataType::Int64),
            optional("record", DataType::Utf8),
        ])
    }

    fn push(&mut self, told: Option<&Told>) {
        self.reason.option(told.map(|told| told.reason.as_bytes()));
        self.message
            .option(told.map(|told| told.message.as_bytes()));
        self.path.option(told.map(|told| told.path.as_bytes()));
        count(&mut self.offset, told.and_then(|told| told.offset));
        count(&mut self.line, told.and_then(|told| told.line));
        let record = told.and_then(|told| told.record);
        self.record.option(record.map(str::as_bytes));
        let excerpt = told.and_then(|told| told.excerpt);
        self.excerpt.option(excerpt.map(str::as_bytes));
        self.is_told.push(told.is_some());
    }

    fn bytes(&self) -> usize {
        let texts = [
            &self.reason,
            &self.message,
            &self.path,
            &self.record,
            &self.excerpt,
        ];
        texts.map(Texts::bytes).iter().sum()
    }

    fn finish(self) -> Finished {
        let nulls = self.is_told.finish();
        let source = vec![
            self.path.finish()?,
            numbers(self.offset),
            numbers(self.line),
            self.record.finish()?,
        ];
        let columns = vec![
            self.reason.finish()?,
            self.message.finish()?,
            structure(Self::source_fields(), source, nulls.clone())?,
            self.excerpt.finish()?,
        ];
        structure(Self::fields(), columns, nulls)
    }
}
