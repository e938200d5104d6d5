//! Parquet: the columns of the text and the address, row group by row group, as text corpora
//! are shared today. No other column is read.
//!
//! The library decodes pages and levels; what it would believe of a damaged file is checked
//! here before it is asked. It sizes buffers by what headers say (a flipped bit in
//! `num_children` asks for 16 GB and ends the process), and it panics on some contradictions.
//! So the footer's schema, every page's sizes and every stated count are looked at first, and
//! each call is fenced against panics, which needs `panic = "unwind"`.
//!
//! One row is asked for at a time: it costs some 50 ns, and what lies before a fault comes out
//! to the last row. A fault costs the rest of its row group; the next group is read. Lists are refused.

mod footer;
mod pages;
mod thrift;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::schema::types::SchemaDescriptor;

use self::footer::read_footer;
use self::pages::CheckedPages;
use super::pack::{Packer, Stretch};
use super::{Before, Content, Fields, Origin, Part, Records, Row};

/// Damage: the first row that is lost, and why.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    row: u64,
    message: String,
}

/// Reads the rows in their order. So many of them were read before.
pub fn read(packer: &mut Packer, origin: &Arc<Origin>, before: u64, file: File) -> ControlFlow<()> {
    let damaged = |message| io::Error::new(io::ErrorKind::InvalidData, message);
    let (file, metadata, columns) = match open(file, packer.fields) {
        Ok(opened) => opened,
        Err(message) => {
            packer.fault(origin, None, damaged(message));
            return ControlFlow::Continue(());
        }
    };
    let mut reading = Reading {
        stretch: Stretch::new(packer, Arc::clone(origin), 0),
        first_row: packer.batch.rows.len(),
    };
    let mut first = 0_u64;
    for group in metadata.row_groups() {
        let rows = first..first.saturating_add(group.num_rows().try_into().unwrap_or(0));
        first = rows.end;
        let compressed = u64::try_from(group.compressed_size()).unwrap_or(0);
        if rows.end <= before {
            packer.meter.pass_over(compressed);
            continue;
        }
        let each = &mut |number, url: Option<&[u8]>, text: Option<&[u8]>| match number < before {
            true => ControlFlow::Continue(()),
            false => reading.add(packer, number, url, text),
        };
        match read_group(&file, group, columns, rows.start, each) {
            Ok(flow) => flow?,
            Err(Fault { row, message }) => {
                reading.close(packer);
                let row = origin.of_member(row.to_string().as_bytes());
                packer.fault(&row, None, damaged(message));
            }
        }
        packer.meter.add(compressed);
    }
    reading.close(packer);
    ControlFlow::Continue(())
}

/// A file under way.
struct Reading {
    stretch: Stretch,
    /// The stretch's first row in the batch's list.
    first_row: usize,
}

impl Reading {
    fn add(
        &mut self,
        packer: &mut Packer,
        number: u64,
        url: Option<&[u8]>,
        text: Option<&[u8]>,
    ) -> ControlFlow<()> {
        let mut append = |bytes: &[u8]| packer.append(bytes);
        let row = Row {
            number,
            url: url.map(&mut append),
            text: text.map(append),
        };
        packer.batch.rows.push(row);
        if packer.is_full() {
            self.close(packer);
            packer.mark(Before {
                at: number + 1,
                ..Before::default()
            });
            packer.pass_on(packer.filled())?;
            (self.stretch.start, self.first_row) = (0, 0);
        }
        ControlFlow::Continue(())
    }

    fn close(&mut self, packer: &mut Packer) {
        let rows = self.first_row..packer.batch.rows.len();
        packer.close(Part {
            origin: Arc::clone(&self.stretch.origin),
            offset: 0,
            text: self.stretch.start..packer.filled(),
            content: Content::Records(Records::Rows(rows)),
            behind: None,
        });
        (self.stretch.start, self.first_row) = (packer.filled(), packer.batch.rows.len());
    }
}

type EachRow<'e> = dyn FnMut(u64, Option<&[u8]>, Option<&[u8]>) -> ControlFlow<()> + 'e;

/// Where text and address are among the columns.
#[derive(Clone, Copy)]
struct Columns {
    text: usize,
    url: Option<usize>,
}

fn open(file: File, fields: &Fields) -> Result<(Arc<File>, ParquetMetaData, Columns), String> {
    let metadata = read_footer(&file)?;
    let schema = metadata.file_metadata().schema_descr();
    let text = string_column(schema, &fields.text)?;
    let url = match &fields.url {
        Some(name) => Some(string_column(schema, name)?),
        None => string_column(schema, fields.url()).ok(),
    };
    Ok((Arc::new(file), metadata, Columns { text, url }))
}

fn read_group(
    file: &Arc<File>,
    group: &RowGroupMetaData,
    columns: Columns,
    first: u64,
    each: &mut EachRow,
) -> Result<ControlFlow<()>, Fault> {
    let at = |row| move |message| Fault { row, message };
    let rows = u64::try_from(group.num_rows())
        .map_err(|_| at(first)("a row group of less than no rows".into()))?;
    if rows == 0 {
        return Ok(ControlFlow::Continue(()));
    }
    let mut text = Column::open(file, group, columns.text).map_err(at(first))?;
    let url = columns.url.map(|url| Column::open(file, group, url));
    let mut url = url.transpose().map_err(at(first))?;
    let end = first.saturating_add(rows);
    for number in first..end {
        text.advance().map_err(at(number))?;
        if let Some(url) = &mut url {
            url.advance().map_err(at(number))?;
        }
        let url = url.as_ref().and_then(Column::value);
        if each(number, url, text.value()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    text.close().map_err(at(end))?;
    url.map_or(Ok(()), |mut url| url.close()).map_err(at(end))?;
    Ok(ControlFlow::Continue(()))
}

fn string_column(schema: &SchemaDescriptor, name: &str) -> Result<usize, String> {
    let columns = schema.columns();
    let Some(index) = columns
        .iter()
        .position(|column| column.path().string() == name)
    else {
        return Err(no_column(schema, name));
    };
    let (column, kind) = (&columns[index], columns[index].physical_type());
    if column.max_rep_level() > 0 {
        return Err(format!("column `{name}` is a list, expected a string"));
    }
    if kind != Type::BYTE_ARRAY {
        return Err(format!("column `{name}` is {kind}, expected a string"));
    }
    Ok(index)
}

/// Says what there is instead: the column's own parts, or the first ten columns.
fn no_column(schema: &SchemaDescriptor, name: &str) -> String {
    let all = || schema.columns().iter();
    let list = |parts: Vec<String>| match parts.len() {
        0 => "none".to_owned(),
        1..=10 => parts.join(", "),
        more => format!("{} and {} more", parts[..10].join(", "), more - 10),
    };
    let quoted = |path: String| format!("`{path}`");
    let within = format!("{name}.");
    let parts: Vec<_> = all()
        .filter(|column| column.path().string().starts_with(&within))
        .collect();
    if parts.is_empty() {
        let there = all().map(|column| quoted(column.path().string())).collect();
        return format!("no column `{name}`; there are {}", list(there));
    }
    if parts.iter().all(|column| column.max_rep_level() > 0) {
        return format!("column `{name}` is a list, expected a string");
    }
    let there = parts
        .iter()
        .map(|column| quoted(column.path().string()))
        .collect();
    format!(
        "column `{name}` is a struct, expected a string; in it are {}",
        list(there)
    )
}

/// A column of a row group, one value at a time.
struct Column {
    name: String,
    reader: ColumnReaderImpl<ByteArrayType>,
    levels: Vec<i16>,
    values: Vec<ByteArray>,
}

impl Column {
    fn open(file: &Arc<File>, group: &RowGroupMetaData, index: usize) -> Result<Self, String> {
        let column = group.column(index).column_descr_ptr();
        let name = column.path().string();
        let pages = fenced(|| CheckedPages::open(Arc::clone(file), group, index))
            .map_err(|error| format!("column `{name}`: {error}"))?;
        Ok(Self {
            name,
            reader: ColumnReaderImpl::new(column, Box::new(pages)),
            levels: Vec::new(),
            values: Vec::new(),
        })
    }

    fn value(&self) -> Option<&[u8]> {
        self.values.first().map(ByteArray::data)
    }

    fn advance(&mut self) -> Result<(), String> {
        match self.read()? {
            true => Ok(()),
            false => Err(format!(
                "column `{}` ends before its row group does",
                self.name
            )),
        }
    }

    /// Looks behind the last row, where nothing should be.
    fn close(&mut self) -> Result<(), String> {
        match self.read()? {
            true => Err(format!(
                "column `{}` goes on behind its row group",
                self.name
            )),
            false => Ok(()),
        }
    }

    fn read(&mut self) -> Result<bool, String> {
        self.levels.clear();
        self.values.clear();
        let (reader, levels, values) = (&mut self.reader, &mut self.levels, &mut self.values);
        fenced(|| reader.read_records(1, Some(levels), None, values))
            .map(|(records, ..)| records == 1)
            .map_err(|error| format!("column `{}`: {error}", self.name))
    }
}

/// Calls the library; its panic becomes an error.
fn fenced<T>(call: impl FnOnce() -> ParquetResult<T>) -> Result<T, String> {
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("damaged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::meter::Meter;
    use std::io::{Seek, SeekFrom, Write};
    use std::ops::Range;

    use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataWriter};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::buffers::Buffers;
    use crate::error::ReadError;
    use crate::input::{Batch, Limits};

    type Given = (u64, Option<String>, Option<String>);
    type Told = (Option<String>, String);

    const SCHEMA: &str = "message m { required int64 id; optional binary text (STRING);
        optional group meta { optional binary url (STRING); } repeated binary tags (STRING); }";

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    /// Row groups of three rows: a text, none, an empty one; no address, `meta` without one, one.
    fn written(groups: usize, properties: WriterProperties) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut bytes = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        for group in 0..groups {
            let mut columns = writer.next_row_group().unwrap();
            let texts = [format!("text {group}"), String::new()].map(|text| text.as_str().into());
            let url = [ByteArray::from("https://a.org")];
            let mut column = columns.next_column().unwrap().unwrap();
            let ids = column.typed::<parquet::data_type::Int64Type>();
            ids.write_batch(&[1, 2, 3], None, None).unwrap();
            column.close().unwrap();
            for (values, levels, repeats) in [
                (&texts[..], &[1, 0, 1], None),
                (&url[..], &[0, 1, 2], None),
                (&[], &[0, 0, 0], Some(&[0, 0, 0][..])),
            ] {
                let mut column = columns.next_column().unwrap().unwrap();
                let strings = column.typed::<ByteArrayType>();
                strings.write_batch(values, Some(levels), repeats).unwrap();
                column.close().unwrap();
            }
            columns.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    /// So many rows whose text is null.
    fn nulls(rows: usize) -> Vec<u8> {
        let schema = Arc::new(parse_message_type("message m { optional binary text; }").unwrap());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
        let mut columns = writer.next_row_group().unwrap();
        let mut column = columns.next_column().unwrap().unwrap();
        let strings = column.typed::<ByteArrayType>();
        strings
            .write_batch(&[], Some(&vec![0; rows]), None)
            .unwrap();
        column.close().unwrap();
        columns.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    /// All rows, and the faults with the rows they name.
    fn read(bytes: &[u8], text: &str, url: Option<&str>) -> (Vec<Given>, Vec<Told>) {
        let mut given = Vec::new();
        let faults = read_in_batches(bytes, text, url, 40, |batch| {
            for row in &batch.rows {
                let own = |range: &Option<Range<usize>>| {
                    let text = &batch.text[range.clone()?];
                    Some(String::from_utf8_lossy(text).into_owned())
                };
                given.push((row.number, own(&row.url), own(&row.text)));
            }
        });
        (given, faults)
    }

    /// The faults, with the rows they name.
    fn read_in_batches(
        bytes: &[u8],
        text: &str,
        url: Option<&str>,
        batch: usize,
        mut each: impl FnMut(&Batch),
    ) -> Vec<Told> {
        let mut faults = Vec::new();
        let fields = Fields {
            text: text.to_owned(),
            url: url.map(str::to_owned),
            keep: Vec::new(),
        };
        let limits = Limits {
            batch,
            page: 1 << 20,
            decoders: 1,
        };
        let (meter, buffers) = (Meter::default(), Buffers::new(1 << 20));
        let mut pass = |mut batch: Batch| {
            each(&batch);
            let told = |fault: ReadError| (fault.record, fault.source.to_string());
            faults.extend(batch.faults.rest().map(told));
            ControlFlow::Continue(())
        };
        let mut packer = Packer::new(limits, &fields, &meter, &buffers, &mut pass);
        let flow = super::read(&mut packer, &Arc::default(), 0, file(bytes));
        packer.finish();
        assert!(flow.is_continue());
        faults
    }

    fn expected(groups: u64) -> Vec<Given> {
        let rows = |group: u64| {
            [
                (group * 3, None, Some(format!("text {group}"))),
                (group * 3 + 1, None, None),
                (
                    group * 3 + 2,
                    Some("https://a.org".into()),
                    Some(String::new()),
                ),
            ]
        };
        (0..groups).flat_map(rows).collect()
    }

    fn fault(bytes: &[u8], text: &str, url: Option<&str>) -> String {
        let (given, faults) = read(bytes, text, url);
        assert!(given.is_empty());
        faults[0].1.clone()
    }

    const URL: Option<&str> = Some("meta.url");

    #[test]
    fn two_columns_in_step() {
        use parquet::basic::{Compression, Encoding};
        use parquet::file::properties::WriterVersion;
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for encoding in [
                None,
                Some(Encoding::PLAIN),
                Some(Encoding::DELTA_BYTE_ARRAY),
                Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            ] {
                let mut properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_compression(Compression::SNAPPY)
                    .set_dictionary_enabled(encoding.is_none());
                if let Some(encoding) = encoding {
                    properties = properties.set_column_encoding("text".into(), encoding);
                }
                let bytes = written(3, properties.build());
                let (given, faults) = read(&bytes, "text", URL);
                assert_eq!((given, faults), (expected(3), vec![]), "{encoding:?}");
            }
        }
    }

    #[test]
    fn no_rows() {
        let bytes = written(0, WriterProperties::default());
        assert_eq!(read(&bytes, "text", URL), (vec![], vec![]));
    }

    #[test]
    fn rows_without_text_fill_a_batch_and_are_in_a_part() {
        let (rows, limit) = (10_000, 8192);
        let mut in_parts = 0;
        let faults = read_in_batches(&nulls(rows), "text", None, limit, |batch| {
            assert!(size_of_val(&batch.rows[..]) < limit + size_of::<Row>());
            for part in &batch.parts {
                let Content::Records(Records::Rows(rows)) = &part.content else {
                    panic!("{part:?}");
                };
                in_parts += rows.len();
            }
        });
        assert_eq!((in_parts, faults), (rows, vec![]));
    }

    #[test]
    fn the_usual_address_may_be_missing() {
        let bytes = written(1, WriterProperties::default());
        let (given, faults) = read(&bytes, "text", None);
        assert!(faults.is_empty() && given.iter().all(|row| row.1.is_none()));
        let message = "no column `url`; there are `id`, `text`, `meta.url`, `tags`";
        assert_eq!(fault(&bytes, "text", Some("url")), message);
    }

    #[test]
    fn other_columns_are_refused() {
        let bytes = written(1, WriterProperties::default());
        for (column, message) in [
            ("id", "column `id` is INT64, expected a string"),
            ("tags", "column `tags` is a list, expected a string"),
            (
                "meta",
                "column `meta` is a struct, expected a string; in it are `meta.url`",
            ),
        ] {
            assert_eq!(fault(&bytes, column, URL), message);
        }
    }

    #[test]
    fn a_damaged_row_group_costs_itself_only() {
        let whole = written(3, WriterProperties::default());
        let mut bytes = whole.clone();
        let place = bytes.windows(6).position(|part| part == b"text 1").unwrap();
        // The page's header lies before its dictionary's only values.
        bytes[place - 30..place].fill(0xff);
        let (given, faults) = read(&bytes, "text", URL);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].0.as_deref(), Some("3"));
        let rest: Vec<_> = expected(3)
            .into_iter()
            .filter(|row| row.0 / 3 != 1)
            .collect();
        assert_eq!(given, rest);
    }

    #[test]
    fn no_parquet() {
        let whole = written(1, WriterProperties::default());
        assert_eq!(fault(b"", "text", URL), "not a Parquet file");
        assert_eq!(
            fault(b"hello, hello, hello", "text", URL),
            "not a Parquet file"
        );
        let cut = &whole[..whole.len() - 9];
        assert_eq!(
            fault(cut, "text", URL),
            "a Parquet file cut short: no footer at its end"
        );
    }

    #[test]
    fn an_encrypted_footer_is_said() {
        let mut bytes = written(1, WriterProperties::default());
        let end = bytes.len() - 4;
        for magic in [0, end] {
            bytes[magic..magic + 4].copy_from_slice(b"PARE");
        }
        assert_eq!(fault(&bytes, "text", URL), "the file is encrypted");
        let message = "a Parquet file cut short: no footer at its end";
        assert_eq!(fault(&bytes[..end], "text", URL), message);
    }

    #[test]
    fn a_summary_of_other_files_has_no_rows() {
        let whole = written(2, WriterProperties::default());
        let metadata = read_footer(&file(&whole)).unwrap();
        let elsewhere = |group: &RowGroupMetaData| {
            let column = |column: &ColumnChunkMetaData| {
                let column = column.clone().into_builder();
                column.set_file_path("part-0.parquet".into()).build()
            };
            let columns: ParquetResult<_> = group.columns().iter().map(column).collect();
            let group = group.clone().into_builder();
            group.set_column_metadata(columns.unwrap()).build().unwrap()
        };
        let groups = metadata.row_groups().iter().map(elsewhere).collect();
        let others = metadata.clone().into_builder().set_row_groups(groups);
        let others = others.build();
        let with_footer = |before: &[u8], metadata: &ParquetMetaData| {
            let mut bytes = before.to_vec();
            let writer = ParquetMetaDataWriter::new(&mut bytes, metadata);
            writer.finish().unwrap();
            bytes
        };
        let summary = with_footer(b"PAR1", &others);
        assert_eq!(read(&summary, "text", URL), (vec![], vec![]));
        // Where no other file is named, or there are pages, it is none.
        let lost = with_footer(b"PAR1", &metadata);
        assert_eq!(read(&lost, "text", URL).1.len(), 2);
        let named = with_footer(&whole, &others);
        assert_eq!(read(&named, "text", URL), (expected(2), vec![]));
    }

    /// No bit and no cut makes it panic, and a fault is told of at most once per row group.
    #[test]
    fn every_byte_damaged() {
        let whole = written(2, WriterProperties::default());
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            assert!(read(&bytes, "text", URL).1.len() <= 2);
        }
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end], "text", URL).1.len(), 1);
        }
    }

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(fenced::<()>(|| panic!("no")), Err("damaged".into()));
    }
}
