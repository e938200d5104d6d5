//! Statements as a table: a row for each, with what identifies its page.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Schema};
use citesift::job::Span;

use crate::columns::{Ints, Longs, Texts, count, numbers, optional, required};
use crate::parts::{PageKeyColumns, Sources, Statements, key};

/// Bytes of a row's numbers beside the statement's, at most.
const NUMBERS: usize = 40;

/// The table under construction.
#[derive(Default)]
pub struct Rows {
    row: Longs,
    page: Longs,
    statements: Statements,
    doi: Texts,
    year: Ints,
    title: Texts,
    report_id: Texts,
    sources: Sources,
    meta: Texts,
    keys: Option<Keys>,
}

#[derive(Default)]
struct Keys {
    of_page: PageKeyColumns,
    of_statement: Texts,
}

/// The columns, in the order of the record's keys; `with_keys` adds theirs.
pub fn schema(with_keys: bool) -> Schema {
    let mut fields = vec![
        required("row", DataType::Int64),
        required("page", DataType::Int64),
    ];
    let statement = Statements::fields();
    fields.extend(statement.iter().map(|field| field.as_ref().clone()));
    fields.extend([
        optional("doi", DataType::Utf8),
        optional("year", DataType::Int32),
        optional("title", DataType::Utf8),
        optional("report_id", DataType::Utf8),
        required("source", DataType::Struct(Sources::fields())),
        optional("meta", DataType::Utf8),
    ]);
    if with_keys {
        fields.extend(PageKeyColumns::fields());
        fields.push(optional("statement_key", DataType::Binary));
    }
    Schema::new(fields)
}

impl Rows {
    pub fn new(with_keys: bool) -> Self {
        Self {
            keys: with_keys.then(Keys::default),
            ..Self::default()
        }
    }

    /// Adds the statements of a page, which is so many-th of a row.
    pub fn push(&mut self, row: u64, page_number: u64, span: &Span) {
        let (page, at) = (span.page, span.at);
        for (number, kept) in span.kept.iter().enumerate() {
            count(&mut self.row, Some(row));
            count(&mut self.page, Some(page_number));
            self.statements.push(span, kept);
            self.year.append_option(page.year.map(i32::from));
            self.sources.push(at);
            if number == 0 {
                self.doi.lower_case(page.doi);
                self.title.lines(&page.title);
                self.report_id.option(at.report_id);
                self.meta.option(at.meta.map(str::as_bytes));
            } else {
                let texts = [&mut self.doi, &mut self.title];
                let others = [&mut self.report_id, &mut self.meta];
                texts.into_iter().chain(others).for_each(Texts::again);
            }
            if let Some(keys) = &mut self.keys {
                keys.of_page.push(Some(span));
                let compared = span.compared();
                let fingerprint = &span.fingerprints[kept.block];
                key(
                    &mut keys.of_statement,
                    compared.map(|keys| keys.block(fingerprint)),
                );
            }
        }
    }

    /// Makes room for what so many bytes of pages hold.
    pub fn reserve(&mut self, bytes: usize) {
        self.statements.reserve(bytes);
    }

    pub fn rows(&self) -> usize {
        self.statements.rows
    }

    /// Bytes in it.
    pub fn bytes(&self) -> usize {
        let texts = [&self.doi, &self.title, &self.report_id, &self.meta];
        let keys = self.keys.as_ref();
        self.rows() * NUMBERS
            + self.statements.bytes()
            + texts.map(Texts::bytes).iter().sum::<usize>()
            + self.sources.bytes()
            + keys.map_or(0, |keys| keys.of_page.bytes() + keys.of_statement.bytes())
    }

    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        let schema = schema(self.keys.is_some());
        let mut columns = vec![numbers(self.row), numbers(self.page)];
        columns.extend(self.statements.columns()?);
        columns.extend([
            self.doi.finish()?,
            numbers(self.year),
            self.title.finish()?,
            self.report_id.finish()?,
            self.sources.finish(None)?,
            self.meta.finish()?,
        ]);
        if let Some(keys) = self.keys {
            columns.extend(keys.of_page.columns()?);
            columns.push(keys.of_statement.finish_keys()?);
        }
        RecordBatch::try_new(schema.into(), columns)
    }
}
