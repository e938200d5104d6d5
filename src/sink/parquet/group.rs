//! A row group while its pages come back from the threads that encoded them.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, Type, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};

use super::columns::{COLUMNS, UNIQUE};
use super::slice::{Dictionaries, Dictionary, Runs, Slice};

/// The columns' pages so far.
pub struct RowGroup {
    described: SchemaDescPtr,
    rows: u64,
    chunks: [Chunk; COLUMNS],
}

#[derive(Default)]
struct Chunk {
    /// Its pages without the dictionary.
    bytes: Vec<u8>,
    uncompressed: u64,
    nulls: u64,
}

impl RowGroup {
    pub fn new(described: SchemaDescPtr) -> Self {
        Self {
            described,
            rows: 0,
            chunks: Default::default(),
        }
    }

    /// Adds the pages of a slice.
    pub fn add(&mut self, slice: &Slice) {
        self.rows += u64::from(slice.rows);
        for (chunk, (page, uncompressed)) in self.chunks.iter_mut().zip(slice.encoded.data()) {
            chunk.bytes.extend_from_slice(page);
            chunk.uncompressed += uncompressed as u64;
        }
        for (chunk, runs) in self.chunks[UNIQUE..].iter_mut().zip(&slice.looked_up) {
            chunk.nulls += nulls_in(runs);
        }
    }

    /// Adds it to a file, with the dictionaries that came with its last slice, and is empty again.
    ///
    /// # Errors
    /// None that is known.
    pub fn put_into(
        &mut self,
        file: &mut SerializedFileWriter<Vec<u8>>,
        last: &Slice,
    ) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        let rows = mem::take(&mut self.rows);
        let mut columns = self.described.columns().iter().zip(&mut self.chunks);
        for (column, chunk) in columns.by_ref().take(UNIQUE) {
            let closed = chunk.closed(column, rows, None)?;
            let bytes = Bytes::from(mem::take(&mut chunk.bytes));
            group.append_column(&bytes, closed)?;
            // Nothing else holds a part of it.
            chunk.bytes = bytes.into();
            chunk.clear();
        }
        let dictionaries = last.dictionaries.iter().flat_map(Dictionaries::iter);
        let encoded = last.encoded.dictionaries().zip(dictionaries);
        for ((column, chunk), ((page, uncompressed), dictionary)) in columns.zip(encoded) {
            chunk.uncompressed += uncompressed as u64;
            let closed = chunk.closed(column, rows, Some((page.len(), dictionary)))?;
            group.append_column(&Bytes::from([page, &chunk.bytes].concat()), closed)?;
            chunk.clear();
        }
        group.close().map(|_| ())
    }
}

impl Chunk {
    fn clear(&mut self) {
        self.bytes.clear();
        self.uncompressed = 0;
        self.nulls = 0;
    }

    /// What the file's end says of it; with a dictionary, its bytes stand behind that.
    fn closed(
        &self,
        column: &ColumnDescPtr,
        rows: u64,
        dictionary: Option<(usize, &Dictionary)>,
    ) -> Result<ColumnCloseResult, ParquetError> {
        let before = dictionary.map_or(0, |(bytes, _)| bytes as u64);
        let bytes = before + self.bytes.len() as u64;
        let encodings: &[_] = match dictionary {
            Some(_) => &[Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY],
            None => &[Encoding::PLAIN, Encoding::RLE],
        };
        let mut metadata = ColumnChunkMetaData::builder(Arc::clone(column))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_num_values(rows.cast_signed())
            .set_total_compressed_size(bytes.cast_signed())
            .set_total_uncompressed_size(self.uncompressed.cast_signed())
            .set_data_page_offset(before.cast_signed())
            .set_dictionary_page_offset(dictionary.map(|_| 0));
        if let Some(statistics) =
            dictionary.and_then(|(_, values)| statistics(column, values, self.nulls))
        {
            metadata = metadata.set_statistics(statistics);
        }
        Ok(ColumnCloseResult {
            bytes_written: bytes,
            rows_written: rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        })
    }
}

/// The smallest and the largest number. Texts have none: rows stand in the order of the input, so it
/// would help no search.
fn statistics(column: &ColumnDescPtr, values: &Dictionary, nulls: u64) -> Option<Statistics> {
    let (values, _) = values.values();
    let (values, _) = values.as_chunks();
    match column.physical_type() {
        Type::INT64 => {
            let numbers = || values.iter().map(|bytes| i64::from_le_bytes(*bytes));
            let (least, most) = (numbers().min(), numbers().max());
            Some(Statistics::int64(least, most, None, Some(nulls), false))
        }
        Type::DOUBLE => {
            let numbers = || values.iter().map(|bytes| f64::from_le_bytes(*bytes));
            let (least, most) = (numbers().reduce(f64::min), numbers().reduce(f64::max));
            Some(Statistics::double(least, most, None, Some(nulls), false))
        }
        _ => None,
    }
}

fn nulls_in(runs: &Runs) -> u64 {
    let nulls = runs.runs().iter().filter(|run| run.number == Runs::NULL);
    nulls.map(|run| u64::from(run.times)).sum()
}
