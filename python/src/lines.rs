//! Records in columns as the program's lines. A row is laid out as the page that it came from, and
//! goes through the program's own writer: keys, their order and what is escaped stand there alone.

use std::borrow::Cow;
use std::cmp::Ordering;

use arrow_array::{Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use citesift::Emit;
use citesift::grammar::{Block, Page};
use citesift::model::{CitingYears, References, Tallies, Warning, Warnings};
use citesift::sink::ndjson::{self, At};
use serde::de::IgnoredAny;

use crate::columns::{Texts, required};
use crate::given::{Bytes, Column, Group, Lists, Presence};
use crate::reports::{CITING_YEARS, COUNT_LISTS, NAME_LISTS, REFERENCES, TALLIES};

/// The lines of all records, in order, without their line feeds.
///
/// # Errors
/// The sentence that says which column does not suit, and in which row.
pub fn lines_of(batches: &[RecordBatch]) -> Result<RecordBatch, String> {
    let mut lines = Texts::default();
    let mut rows = 0;
    for batch in batches {
        add(batch, rows, &mut lines)?;
        rows += batch.num_rows();
    }
    let lines = lines.finish().map_err(|error| error.to_string())?;
    let schema = Schema::new(vec![required("value", DataType::Utf8)]);
    RecordBatch::try_new(schema.into(), vec![lines]).map_err(|error| error.to_string())
}

/// Adds the lines of a batch, which so many rows are before.
fn add(batch: &RecordBatch, before: usize, lines: &mut Texts) -> Result<(), String> {
    let columns = Group::of_table(batch);
    let form = Form::of(&columns)?;
    let outcomes = columns.has("outcome").then(|| columns.texts("outcome"));
    let outcomes = outcomes.transpose()?;
    let mut page = Page::default();
    for row in 0..batch.num_rows() {
        // Among the outcomes there are rows without a record.
        let outcome = outcomes.as_ref().map(|outcomes| outcomes.get(row));
        if outcome.is_some_and(|outcome| outcome != Some(b"report")) {
            continue;
        }
        let written = lines.write(|out| form.write(row, &mut page, out));
        written.map_err(|wrong: String| format!("row {}, {wrong}", before + row))?;
    }
    Ok(())
}

enum Form {
    Reports(Box<Reports>),
    Statements(Box<Rows>),
}

impl Form {
    fn of(columns: &Group) -> Result<Self, String> {
        Ok(match columns.has("statements") {
            true => Self::Reports(Box::new(Reports::of(columns)?)),
            false => Self::Statements(Box::new(Rows::of(columns)?)),
        })
    }

    fn write<'a>(
        &'a self,
        row: usize,
        page: &mut Page<'a>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        match self {
            Self::Reports(reports) => reports.write(row, page, out)?,
            Self::Statements(rows) => rows.write(row, page, out)?,
        }
        // The writer ends a line, and an array's texts end by themselves.
        out.pop();
        Ok(())
    }
}

/// The columns of reports.
struct Reports {
    header: Header,
    abstract_text: Column<Bytes>,
    url: Column<Bytes>,
    tallies: Counts<6>,
    references: Counts<2>,
    citing_years: Counts<2>,
    facets: Facets,
    statements: Statements,
    lists: Column<Lists>,
    duplicates_removed: Column<Int64Array>,
    warnings: (Column<Lists>, Column<Bytes>),
}

impl Reports {
    fn of(columns: &Group) -> Result<Self, String> {
        let (lists, statements) = columns.lists("statements")?;
        let (warnings, names) = columns.lists("warnings")?;
        Ok(Self {
            header: Header::of(columns)?,
            abstract_text: columns.texts("abstract")?,
            url: columns.texts("url")?,
            tallies: Counts::of(columns, "tallies", &TALLIES)?,
            references: Counts::of(columns, "references", &REFERENCES)?,
            citing_years: Counts::of(columns, "citing_years", &CITING_YEARS)?,
            facets: Facets::of(columns)?,
            statements: Statements::of(&statements.group()?)?,
            lists,
            duplicates_removed: columns.integers("duplicates_removed")?,
            warnings: (warnings, names.texts()?),
        })
    }

    fn write<'a>(
        &'a self,
        row: usize,
        page: &mut Page<'a>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut at = self.header.read(row, page)?;
        at.url = self.url.text(row)?.map(Cow::Borrowed);
        page.abstract_lines.clear();
        page.abstract_lines.extend(self.abstract_text.utf8(row)?);
        let counts = self.tallies.get(row)?;
        let [
            total,
            supporting,
            mentioning,
            contrasting,
            unclassified,
            citing_publications,
        ] = counts;
        page.tallies = Tallies {
            total,
            supporting,
            mentioning,
            contrasting,
            unclassified,
            citing_publications,
        };
        let [publications, statements] = self.references.get(row)?;
        page.references = References {
            publications,
            statements,
        };
        let [min, max] = self.citing_years.get(row)?;
        page.citing_years = CitingYears { min, max };
        self.facets.read(row, page)?;
        let warnings = self.warnings(row)?;
        ndjson::beginning(out, Emit::Reports, page, &at);
        for (number, item) in self.lists.get(row)?.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            self.statements.write(item, out)?;
            out.push(b'}');
        }
        let removed = &self.duplicates_removed;
        ndjson::behind_statements(out, removed.needed(removed.get(row)?)?);
        ndjson::ending(out, Emit::Reports, page, warnings, &at);
        Ok(())
    }

    fn warnings(&self, row: usize) -> Result<Warnings, String> {
        let (lists, names) = &self.warnings;
        let (mut warnings, mut last) = (Warnings::default(), None);
        for item in lists.get(row)? {
            let warning: Warning = names.needed(names.word(item)?)?;
            if last >= Some(warning) {
                return Err(names.wrong("each warning is needed once, in the schema's order"));
            }
            last = Some(warning);
            warnings.add(warning);
        }
        Ok(warnings)
    }
}

/// The columns of statements as rows.
struct Rows {
    header: Header,
    statements: Statements,
}

impl Rows {
    fn of(columns: &Group) -> Result<Self, String> {
        Ok(Self {
            header: Header::of(columns)?,
            statements: Statements::of(columns)?,
        })
    }

    fn write<'a>(
        &'a self,
        row: usize,
        page: &mut Page<'a>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let at = self.header.read(row, page)?;
        self.statements.write(row, out)?;
        ndjson::ending(out, Emit::Statements, page, Warnings::default(), &at);
        Ok(())
    }
}

/// What both forms say of the page.
struct Header {
    doi: Column<Bytes>,
    year: Column<Int64Array>,
    title: Column<Bytes>,
    report_id: Column<Bytes>,
    presence: Column<Presence>,
    path: Column<Bytes>,
    offset: Column<Int64Array>,
    length: Column<Int64Array>,
    record: Column<Bytes>,
    date: Column<Bytes>,
    meta: Column<Bytes>,
}

impl Header {
    fn of(columns: &Group) -> Result<Self, String> {
        let source = columns.group("source")?;
        Ok(Self {
            doi: columns.texts("doi")?,
            year: columns.integers("year")?,
            title: columns.texts("title")?,
            report_id: columns.texts("report_id")?,
            presence: source.presence(),
            path: source.texts("path")?,
            offset: source.integers("offset")?,
            length: source.integers("length")?,
            record: source.texts("record")?,
            date: source.texts("date")?,
            meta: columns.texts("meta")?,
        })
    }

    fn read<'a>(&'a self, row: usize, page: &mut Page<'a>) -> Result<At<'a>, String> {
        page.doi = self.doi(row)?;
        page.year = self.year.get(row)?;
        page.title.clear();
        page.title.extend(self.title.utf8(row)?);
        self.presence.check(row)?;
        Ok(At {
            path: self.path.needed(self.path.text(row)?)?,
            offset: self.offset.needed(self.offset.get(row)?)?,
            length: self.length.needed(self.length.get(row)?)?,
            record: self.record.text(row)?.map(Cow::Borrowed),
            date: self.date.text(row)?.map(Cow::Borrowed),
            url: None,
            report_id: self.report_id.utf8(row)?,
            meta: self.meta(row)?,
        })
    }

    /// The writer puts it into lower case.
    fn doi(&self, row: usize) -> Result<Option<&[u8]>, String> {
        let doi = self.doi.utf8(row)?;
        match doi.is_some_and(|doi| doi.iter().any(u8::is_ascii_uppercase)) {
            true => Err(self.doi.wrong("lower case is needed")),
            false => Ok(doi),
        }
    }

    /// It goes out as it is, so it is looked at here.
    fn meta(&self, row: usize) -> Result<Option<&str>, String> {
        let Some(meta) = self.meta.text(row)? else {
            return Ok(None);
        };
        let is_json = || serde_json::from_str::<IgnoredAny>(meta).is_ok();
        let is_one_line = meta.starts_with('{') && meta.ends_with('}') && !meta.contains('\n');
        if !is_one_line || !is_json() {
            return Err(self.meta.wrong("a JSON object in one line is needed"));
        }
        match has_half_a_pair(meta) {
            true => Err(self.meta.wrong("half of a surrogate pair is no text")),
            false => Ok(Some(meta)),
        }
    }
}

/// A group of counts.
struct Counts<const N: usize> {
    presence: Column<Presence>,
    columns: Vec<Column<Int64Array>>,
}

impl<const N: usize> Counts<N> {
    fn of(columns: &Group, name: &str, names: &[&str; N]) -> Result<Self, String> {
        let group = columns.group(name)?;
        let columns = names.iter().map(|name| group.integers(name));
        Ok(Self {
            presence: group.presence(),
            columns: columns.collect::<Result<_, _>>()?,
        })
    }

    fn get(&self, row: usize) -> Result<[Option<u64>; N], String> {
        self.presence.check(row)?;
        let mut counts = [None; N];
        for (count, column) in counts.iter_mut().zip(&self.columns) {
            *count = column.get(row)?;
        }
        Ok(counts)
    }
}

/// The filter lists.
struct Facets {
    presence: Column<Presence>,
    counts: Vec<(Column<Lists>, Column<Int64Array>)>,
    names: Vec<(Column<Lists>, Column<Bytes>)>,
}

impl Facets {
    fn of(columns: &Group) -> Result<Self, String> {
        let group = columns.group("facets")?;
        let counts = COUNT_LISTS.iter().map(|name| {
            let (lists, counts) = group.lists(name)?;
            Ok((lists, counts.integers()?))
        });
        let names = NAME_LISTS.iter().map(|name| {
            let (lists, names) = group.lists(name)?;
            Ok((lists, names.texts()?))
        });
        Ok(Self {
            presence: group.presence(),
            counts: counts.collect::<Result<_, String>>()?,
            names: names.collect::<Result<_, String>>()?,
        })
    }

    fn read<'a>(&'a self, row: usize, page: &mut Page<'a>) -> Result<(), String> {
        self.presence.check(row)?;
        let counts = [
            &mut page.paper_sections,
            &mut page.publication_types,
            &mut page.relationship,
        ];
        for (found, (lists, counts)) in counts.into_iter().zip(&self.counts) {
            found.clear();
            for item in lists.get(row)? {
                found.push(counts.needed(counts.get(item)?)?);
            }
        }
        let names = [&mut page.authors, &mut page.journals];
        for (found, (lists, names)) in names.into_iter().zip(&self.names) {
            found.clear();
            for item in lists.get(row)? {
                found.push(names.needed(names.utf8(item)?)?);
            }
        }
        Ok(())
    }
}

/// Statements; the rows of a table, or what its lists hold.
struct Statements {
    presence: Column<Presence>,
    id: Column<Bytes>,
    text: Column<Bytes>,
    section: Column<Bytes>,
    statement_type: Column<Bytes>,
    confidence: Column<Int64Array>,
    similar_to: Column<Bytes>,
    similarity: Column<Float64Array>,
    see_more: Column<Int64Array>,
    occurrences: Column<Int64Array>,
}

impl Statements {
    fn of(columns: &Group) -> Result<Self, String> {
        Ok(Self {
            presence: columns.presence(),
            id: columns.texts("id")?,
            text: columns.texts("text")?,
            section: columns.texts("section")?,
            statement_type: columns.texts("type")?,
            confidence: columns.integers("confidence")?,
            similar_to: columns.texts("similar_to")?,
            similarity: columns.floats("similarity")?,
            see_more: columns.integers("see_more")?,
            occurrences: columns.integers("occurrences")?,
        })
    }

    /// Writes the object up to its end.
    fn write(&self, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.presence.check(at)?;
        let block = Block {
            text: Cow::Borrowed(self.text.needed(self.text.utf8(at)?)?),
            section: self.section.utf8(at)?,
            statement_type: self.statement_type.word(at)?,
            confidence: self.confidence.within(at, 0..=100)?,
            see_more: self.see_more.get(at)?,
            truncated: false,
            whole: true,
        };
        let id = self.id.needed(id_in(&self.id, at)?)?;
        let similar = match id_in(&self.similar_to, at)? {
            Some(similar) => Some((similar, self.thousandths(at)?)),
            None if self.similarity.get(at).is_some() => {
                return Err(self.similar_to.wrong("null, and there is a similarity"));
            }
            None => None,
        };
        let occurrences = self.occurrences.within(at, 1..=u64::MAX)?;
        let occurrences = self.occurrences.needed(occurrences)?;
        let (start, page) = (out.len(), b"");
        ndjson::block_text(out, page, &block);
        ndjson::block(out, start, page, &block, id, similar);
        ndjson::behind_block(out, block.see_more, occurrences);
        Ok(())
    }

    /// How much it is like another one, which is told in thousandths.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what does not fit is no thousandth, and is refused as these are"
    )]
    fn thousandths(&self, at: usize) -> Result<u16, String> {
        let share = self.similarity.needed(self.similarity.get(at))?;
        let thousandths = (share * 1000.0).round() as u16;
        match share.total_cmp(&(f64::from(thousandths) / 1000.0)) {
            Ordering::Equal if (1..=1000).contains(&thousandths) => Ok(thousandths),
            _ => Err(self.similarity.wrong(format_args!(
                "{share} is no number of thousandths from 0.001 to 1"
            ))),
        }
    }
}

/// An id, of its digits.
fn id_in(column: &Column<Bytes>, at: usize) -> Result<Option<u128>, String> {
    let Some(digits) = column.get(at) else {
        return Ok(None);
    };
    let id = digits.iter().try_fold(0, |id: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(id << 4 | u128::from(digit))
    });
    match id {
        Some(id) if digits.len() == 32 => Ok(Some(id)),
        _ => Err(column.wrong("32 lower-case hexadecimal digits are needed")),
    }
}

/// Whether an escape in valid JSON is half of a surrogate pair, on which readers of JSON stop.
fn has_half_a_pair(mut json: &str) -> bool {
    while let Some((_, escape)) = json.split_once('\\') {
        json = match unit_of(escape) {
            None => &escape[1..],
            Some(0xd800..=0xdbff) => match escape[5..].strip_prefix('\\').and_then(unit_of) {
                Some(0xdc00..=0xdfff) => &escape[11..],
                _ => return true,
            },
            Some(0xdc00..=0xdfff) => return true,
            Some(_) => &escape[5..],
        };
    }
    false
}

/// What an escape of four digits stands for.
fn unit_of(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}
