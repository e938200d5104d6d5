//! Reports as a table: a row for each page, its lists and groups nested as in the record.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use citesift::job::Span;
use citesift::sink::ndjson::At;

use crate::columns::{
    Finished, Ints, Lists, Longs, Nulls, Texts, count, list_of, numbers, optional, required,
    signed, structure,
};
use crate::outcomes::Outcomes;
use crate::parts::{PageKeyColumns, Sources, Statements, key};

/// The table under construction.
#[derive(Default)]
pub struct Reports {
    row: Longs,
    page: Longs,
    doi: Texts,
    year: Ints,
    title: Texts,
    abstract_text: Texts,
    url: Texts,
    report_id: Texts,
    tallies: Counts<6>,
    references: Counts<2>,
    citing_years: Counts<2>,
    facets: Facets,
    statements: Statements,
    statement_lists: Lists,
    duplicates_removed: Longs,
    warnings: ListOfTexts,
    sources: Sources,
    meta: Texts,
    keys: Option<Keys>,
    outcomes: Option<Outcomes>,
    /// Rows that hold a record, where others stand too.
    has_record: Nulls,
    pub rows: usize,
}

pub const TALLIES: [&str; 6] = [
    "total",
    "supporting",
    "mentioning",
    "contrasting",
    "unclassified",
    "citing_publications",
];
pub const REFERENCES: [&str; 2] = ["publications", "statements"];
pub const CITING_YEARS: [&str; 2] = ["min", "max"];
pub const COUNT_LISTS: [&str; 3] = ["paper_sections", "publication_types", "relationship"];
pub const NAME_LISTS: [&str; 2] = ["authors", "journals"];

/// Bytes of a row's numbers and of where its lists end, at most: with keys and outcomes.
const NUMBERS: usize = 208;

/// The columns, in the order of the record's keys; `with_keys` and `with_outcomes` add theirs.
pub fn schema(with_keys: bool, with_outcomes: bool) -> Schema {
    let mut fields = vec![
        optional("doi", DataType::Utf8),
        optional("year", DataType::Int32),
        optional("title", DataType::Utf8),
        optional("abstract", DataType::Utf8),
        optional("url", DataType::Utf8),
        optional("report_id", DataType::Utf8),
        required("tallies", group(&TALLIES)),
        required("references", group(&REFERENCES)),
        required("citing_years", group(&CITING_YEARS)),
        required("facets", DataType::Struct(Facets::fields())),
        required(
            "statements",
            list_of(DataType::Struct(Statements::fields())),
        ),
        required("duplicates_removed", DataType::Int64),
        required("warnings", list_of(DataType::Utf8)),
        required("source", DataType::Struct(Sources::fields())),
        optional("meta", DataType::Utf8),
    ];
    let mut ordinals = vec![
        required("row", DataType::Int64),
        required("page", DataType::Int64),
    ];
    if with_keys {
        fields.extend(PageKeyColumns::fields());
        fields.push(optional("statement_keys", list_of(DataType::Binary)));
    }
    if with_outcomes {
        let may_be_null = |field: Field| field.with_nullable(true);
        fields = fields.into_iter().map(may_be_null).collect();
        ordinals = ordinals.into_iter().map(may_be_null).collect();
        fields.extend(Outcomes::fields());
    }
    ordinals.extend(fields);
    Schema::new(ordinals)
}

fn group(names: &[&str]) -> DataType {
    DataType::Struct(counts_of(names))
}

fn counts_of(names: &[&str]) -> Fields {
    let fields = names.iter().map(|name| optional(name, DataType::Int64));
    fields.collect()
}

impl Reports {
    pub fn new(with_keys: bool, with_outcomes: bool) -> Self {
        Self {
            keys: with_keys.then(Keys::default),
            outcomes: with_outcomes.then(Outcomes::default),
            ..Self::default()
        }
    }

    /// Adds a page, which is so many-th of a row.
    pub fn push(&mut self, row: u64, number: u64, span: &Span) {
        let (page, at) = (span.page, span.at);
        self.begin(Some(row), Some(number), true);
        self.doi.lower_case(page.doi);
        self.year.append_option(page.year.map(i32::from));
        self.title.lines(&page.title);
        self.abstract_text.lines(&page.abstract_lines);
        self.url.option(at.url.as_deref().map(str::as_bytes));
        self.report_id.option(at.report_id);
        let tallies = &page.tallies;
        self.tallies.push([
            tallies.total,
            tallies.supporting,
            tallies.mentioning,
            tallies.contrasting,
            tallies.unclassified,
            tallies.citing_publications,
        ]);
        let references = &page.references;
        self.references
            .push([references.publications, references.statements]);
        self.citing_years
            .push([page.citing_years.min, page.citing_years.max]);
        self.facets.push(
            [
                &page.paper_sections,
                &page.publication_types,
                &page.relationship,
            ],
            [&page.authors, &page.journals],
        );
        for kept in span.kept {
            self.statements.push(span, kept);
        }
        self.statement_lists.end(self.statements.rows);
        let removed = page.blocks.len() - span.kept.len();
        self.duplicates_removed.append_value(signed(removed as u64));
        let warnings = span.warnings.iter();
        self.warnings
            .push(warnings.map(|warning| warning.as_str().as_bytes()));
        self.sources.push(at);
        self.meta.option(at.meta.map(str::as_bytes));
        if let Some(keys) = &mut self.keys {
            keys.push(Some(span));
        }
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.report(span);
        }
    }

    /// Adds a row without a record, where it is told what became of what has none.
    pub fn push_other(
        &mut self,
        row: Option<u64>,
        number: Option<u64>,
        tell: impl FnOnce(&mut Outcomes),
    ) {
        let Some(outcomes) = &mut self.outcomes else {
            return;
        };
        tell(outcomes);
        self.begin(row, number, false);
        for texts in [
            &mut self.doi,
            &mut self.title,
            &mut self.abstract_text,
            &mut self.url,
            &mut self.report_id,
            &mut self.meta,
        ] {
            texts.null();
        }
        self.year.append_null();
        self.tallies.push([None; 6]);
        self.references.push([None; 2]);
        self.citing_years.push([None; 2]);
        self.facets.push([&[]; 3], [&[]; 2]);
        self.statement_lists.end(self.statements.rows);
        self.duplicates_removed.append_null();
        self.warnings.push([].into_iter());
        self.sources.push(&At::default());
        if let Some(keys) = &mut self.keys {
            keys.push(None);
        }
    }

    /// Makes room for what so many bytes of pages hold.
    pub fn reserve(&mut self, bytes: usize) {
        self.statements.reserve(bytes);
        self.abstract_text.reserve(bytes / 4);
    }

    /// Bytes in it.
    pub fn bytes(&self) -> usize {
        let texts = [
            &self.doi,
            &self.title,
            &self.abstract_text,
            &self.url,
            &self.report_id,
            &self.meta,
        ];
        self.rows * NUMBERS
            + texts.map(Texts::bytes).iter().sum::<usize>()
            + self.facets.bytes()
            + self.statements.bytes()
            + self.warnings.bytes()
            + self.sources.bytes()
            + self.keys.as_ref().map_or(0, Keys::bytes)
            + self.outcomes.as_ref().map_or(0, Outcomes::bytes)
    }

    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        let schema = schema(self.keys.is_some(), self.outcomes.is_some());
        let nulls = self.has_record.finish();
        let statements = structure(Statements::fields(), self.statements.columns()?, None)?;
        let mut columns = vec![
            numbers(self.row),
            numbers(self.page),
            self.doi.finish()?,
            numbers(self.year),
            self.title.finish()?,
            self.abstract_text.finish()?,
            self.url.finish()?,
            self.report_id.finish()?,
            self.tallies.finish(&TALLIES, nulls.clone())?,
            self.references.finish(&REFERENCES, nulls.clone())?,
            self.citing_years.finish(&CITING_YEARS, nulls.clone())?,
            self.facets.finish(nulls.clone())?,
            self.statement_lists.finish(statements, nulls.clone())?,
            numbers(self.duplicates_removed),
            self.warnings.finish(nulls.clone())?,
            self.sources.finish(nulls)?,
            self.meta.finish()?,
        ];
        if let Some(keys) = self.keys {
            columns.extend(keys.columns()?);
        }
        if let Some(outcomes) = self.outcomes {
            columns.extend(outcomes.columns()?);
        }
        RecordBatch::try_new(schema.into(), columns)
    }

    fn begin(&mut self, row: Option<u64>, number: Option<u64>, has_record: bool) {
        count(&mut self.row, row);
        count(&mut self.page, number);
        self.has_record.push(has_record);
        self.rows += 1;
    }
}

/// A group of counts.
struct Counts<const N: usize>([Longs; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Longs::default()))
    }
}

impl<const N: usize> Counts<N> {
    fn push(&mut self, counts: [Option<u64>; N]) {
        for (column, value) in self.0.iter_mut().zip(counts) {
            count(column, value);
        }
    }

    fn finish(self, names: &[&str; N], nulls: Option<NullBuffer>) -> Finished {
        let columns = self.0.into_iter().map(numbers);
        structure(counts_of(names), columns.collect(), nulls)
    }
}

/// The filter lists.
#[derive(Default)]
struct Facets {
    counts: [ListOfCounts; 3],
    names: [ListOfTexts; 2],
}

impl Facets {
    fn fields() -> Fields {
        let counts = COUNT_LISTS.map(|name| required(name, list_of(DataType::Int64)));
        let names = NAME_LISTS.map(|name| required(name, list_of(DataType::Utf8)));
        counts.into_iter().chain(names).collect()
    }

    fn push(&mut self, counts: [&[u64]; 3], names: [&[&[u8]]; 2]) {
        for (column, counts) in self.counts.iter_mut().zip(counts) {
            column.push(counts);
        }
        for (column, names) in self.names.iter_mut().zip(names) {
            column.push(names.iter().copied());
        }
    }

    fn bytes(&self) -> usize {
        let counts = self.counts.iter().map(ListOfCounts::bytes);
        let names = self.names.iter().map(ListOfTexts::bytes);
        counts.chain(names).sum()
    }

    fn finish(self, nulls: Option<NullBuffer>) -> Finished {
        let counts = self.counts.into_iter().map(ListOfCounts::finish);
        let names = self.names.into_iter().map(|names| names.finish(None));
        let columns = counts.chain(names).collect::<Result<_, _>>()?;
        structure(Self::fields(), columns, nulls)
    }
}

#[derive(Default)]
struct ListOfCounts {
    lists: Lists,
    counts: Longs,
    values: usize,
}

impl ListOfCounts {
    fn push(&mut self, counts: &[u64]) {
        for &value in counts {
            count(&mut self.counts, Some(value));
        }
        self.values += counts.len();
        self.lists.end(self.values);
    }

    fn bytes(&self) -> usize {
        self.values * size_of::<i64>()
    }

    fn finish(self) -> Finished {
        self.lists.finish(numbers(self.counts), None)
    }
}

#[derive(Default)]
struct ListOfTexts {
    lists: Lists,
    texts: Texts,
    values: usize,
}

impl ListOfTexts {
    fn push<'a>(&mut self, texts: impl Iterator<Item = &'a [u8]>) {
        for text in texts {
            self.texts.push(text);
            self.values += 1;
        }
        self.lists.end(self.values);
    }

    fn bytes(&self) -> usize {
        self.texts.bytes()
    }

    fn finish(self, nulls: Option<NullBuffer>) -> Finished {
        self.lists.finish(self.texts.finish()?, nulls)
    }
}

/// What pages and their statements are known by across all pages.
#[derive(Default)]
struct Keys {
    of_page: PageKeyColumns,
    lists: Lists,
    of_statements: Texts,
    values: usize,
    is_compared: Nulls,
}

impl Keys {
    fn push(&mut self, span: Option<&Span>) {
        self.of_page.push(span);
        let keys = span.and_then(|span| Some((span, span.compared()?)));
        if let Some((span, keys)) = keys {
            for kept in span.kept {
                let fingerprint = &span.fingerprints[kept.block];
                key(&mut self.of_statements, Some(keys.block(fingerprint)));
            }
            self.values += span.kept.len();
        }
        self.lists.end(self.values);
        self.is_compared.push(keys.is_some());
    }

    fn bytes(&self) -> usize {
        self.of_page.bytes() + self.of_statements.bytes()
    }

    fn columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns = self.of_page.columns()?.to_vec();
        let keys = self.of_statements.finish_keys()?;
        columns.push(self.lists.finish(keys, self.is_compared.finish())?);
        Ok(columns)
    }
}
