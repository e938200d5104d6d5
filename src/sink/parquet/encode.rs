//! One row group: its columns encoded and compressed, apart from any file.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};

use super::columns::{Columns, VALUES, Value};
use super::{Row, Rows};

/// Rows that all columns take before any takes more: what is said of them stays in a core's
/// second cache meanwhile.
const CHUNK: usize = 1024;

/// The columns of a row group that waits for its place in the file.
pub struct Encoded(Vec<(Bytes, ColumnCloseResult)>);

impl Encoded {
    /// Adds it to a file.
    ///
    /// # Errors
    /// None that is known.
    pub fn put_into(self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        for (bytes, column) in self.0 {
            group.append_column(&bytes, column)?;
        }
        group.close().map(|_| ())
    }
}

/// Encodes rows, and leaves their memory empty.
///
/// # Errors
/// A value that is too large for the format.
pub fn encode(rows: &mut Rows, columns: &Columns) -> Result<Encoded, ParquetError> {
    let pieces = Bytes::from(mem::take(&mut rows.pieces));
    let mut written: Vec<_> = VALUES.map(|_| TrackedWrite::new(Vec::new())).into();
    let described = columns.described.columns();
    let mut writers: Vec<_> = written
        .iter_mut()
        .zip(described)
        .map(|(written, column)| {
            let pages = Box::new(SerializedPageWriter::new(written));
            get_column_writer(Arc::clone(column), Arc::clone(&columns.properties), pages)
        })
        .collect();
    for chunk in rows.rows.chunks(CHUNK) {
        for ((writer, column), value) in writers.iter_mut().zip(described).zip(VALUES) {
            write(writer, value, &pieces, chunk, column.max_def_level() > 0)?;
        }
    }
    let closed: Result<Vec<_>, _> = writers.into_iter().map(ColumnWriter::close).collect();
    // Nothing else holds a part of it.
    rows.pieces = pieces.into();
    rows.clear();
    let columns = written.into_iter().zip(closed?);
    let encoded = columns.map(|(written, closed)| Ok((written.into_inner()?.into(), closed)));
    encoded.collect::<Result<_, _>>().map(Encoded)
}

fn write(
    writer: &mut ColumnWriter,
    value: Value,
    pieces: &Bytes,
    rows: &[Row],
    is_optional: bool,
) -> Result<(), ParquetError> {
    let numbers = || rows.iter().map(|row| value.number(pieces, row));
    match writer {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let text = |row| Some(ByteArray::from(pieces.slice(value.text(pieces, row)?)));
            let mut last: Option<(usize, Option<ByteArray>)> = None;
            let (texts, levels) = with_levels(rows.iter().map(|row| match (value, &last) {
                (Value::OfPage(_), Some((page, text))) if *page == row.page => text.clone(),
                (Value::OfPage(_), _) => last.insert((row.page, text(row))).1.clone(),
                _ => text(row),
            }));
            writer.write_batch(&texts, is_optional.then_some(&levels), None)
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let (numbers, levels) = with_levels(numbers().map(|n| n.map(u64::cast_signed)));
            writer.write_batch(&numbers, is_optional.then_some(&levels), None)
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            // The one share is in thousandths.
            let (shares, levels) = with_levels(numbers().map(|n| Some(n? as f64 / 1000.0)));
            writer.write_batch(&shares, is_optional.then_some(&levels), None)
        }
        _ => Err(ParquetError::NYI("a column of another type".to_owned())),
    }
    .map(|_| ())
}

/// The values that are there, and for each row whether it has one.
fn with_levels<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut there, mut levels) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    (there, levels)
}
