//! The row groups of a file: the pages of one as they come back from the threads that encoded them,
//! and of those before it what the file's end says.
//!
//! The crate's writer of files is not used: it takes a column's pages in one piece, and copies them
//! three times more, which was a twentieth of the processor time of a run.

use std::mem;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, EncodingMask, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::WriterVersion;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};

use super::columns::{COLUMNS, UNIQUE};
use super::encode::Encoded;
use super::slice::{Dictionaries, Dictionary, Runs, Slice};

/// What a file begins with.
const MAGIC: &[u8] = b"PAR1";

const CREATED_BY: &str = concat!("citesift ", env!("CARGO_PKG_VERSION"));

/// A file under way.
pub struct RowGroups {
    described: SchemaDescPtr,
    /// Bytes of the file so far.
    written: u64,
    whole: Vec<RowGroupMetaData>,
    rows: u64,
    nulls: [u64; COLUMNS],
    /// The pages of the next row group, in the order of its rows.
    pages: Vec<Encoded>,
    /// Memory of pages that were written.
    spare: Vec<Encoded>,
}

impl RowGroups {
    pub fn new(described: SchemaDescPtr) -> Self {
        Self {
            described,
            written: 0,
            whole: Vec::new(),
            rows: 0,
            nulls: [0; COLUMNS],
            pages: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Adds the pages of a slice, which is left without them. They are written when a row group ends
    /// with them.
    ///
    /// # Errors
    /// None that is known.
    pub fn add(&mut self, out: &mut Vec<u8>, slice: &mut Slice) -> Result<(), ParquetError> {
        self.rows += u64::from(slice.rows);
        for (nulls, runs) in self.nulls[UNIQUE..].iter_mut().zip(&slice.looked_up) {
            *nulls += nulls_in(runs);
        }
        let next = self.spare.pop().unwrap_or_default();
        self.pages.push(mem::replace(&mut slice.encoded, next));
        match &slice.dictionaries {
            Some(dictionaries) => self.write(out, dictionaries),
            None => Ok(()),
        }
    }

    /// Writes the end of the file.
    ///
    /// # Errors
    /// None that is known.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ParquetError> {
        self.begin(out);
        let whole = mem::take(&mut self.whole);
        let rows = whole.iter().map(RowGroupMetaData::num_rows).sum();
        let file = FileMetaData::new(
            WriterVersion::PARQUET_1_0.as_num(),
            rows,
            Some(CREATED_BY.to_owned()),
            None,
            Arc::clone(&self.described),
            None,
        );
        ParquetMetaDataWriter::new(out, &ParquetMetaData::new(file, whole)).finish()
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.written == 0 {
            out.extend_from_slice(MAGIC);
            self.written += MAGIC.len() as u64;
        }
    }

    /// Writes the row group; the dictionaries came with its last pages.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        dictionaries: &Dictionaries,
    ) -> Result<(), ParquetError> {
        self.begin(out);
        let start = self.written;
        let mut pages = mem::take(&mut self.pages);
        let columns = self.write_columns(out, &pages, dictionaries)?;
        pages.iter_mut().for_each(Encoded::clear);
        self.spare.append(&mut pages);
        let uncompressed = columns.iter().map(ColumnChunkMetaData::uncompressed_size);
        let group = RowGroupMetaData::builder(Arc::clone(&self.described))
            .set_total_byte_size(uncompressed.sum())
            .set_column_metadata(columns)
            .set_num_rows(mem::take(&mut self.rows).cast_signed())
            .set_file_offset(start.cast_signed());
        self.whole.push(group.build()?);
        self.nulls = [0; COLUMNS];
        Ok(())
    }

    fn write_columns(
        &mut self,
        out: &mut Vec<u8>,
        pages: &[Encoded],
        dictionaries: &Dictionaries,
    ) -> Result<Vec<ColumnChunkMetaData>, ParquetError> {
        let in_last = pages.last().into_iter().flat_map(Encoded::dictionaries);
        let mut dictionaries = dictionaries.iter().zip(in_last);
        let mut columns = Vec::with_capacity(COLUMNS);
        for (number, column) in self.described.columns().iter().enumerate() {
            let mut chunk = Chunk {
                start: self.written,
                ..Chunk::default()
            };
            let dictionary = match number < UNIQUE {
                true => None,
                false => dictionaries.next(),
            };
            let dictionary = dictionary.map(|(values, (page, uncompressed))| {
                chunk.push(out, page, uncompressed);
                (values, chunk.bytes)
            });
            for pages in pages {
                if let Some((page, uncompressed)) = pages.data().nth(number) {
                    chunk.push(out, page, uncompressed);
                }
            }
            self.written += chunk.bytes;
            columns.push(chunk.described(column, self.rows, self.nulls[number], dictionary)?);
        }
        Ok(columns)
    }
}

/// A column's pages in a row group.
#[derive(Default)]
struct Chunk {
    start: u64,
    bytes: u64,
    uncompressed: u64,
}

impl Chunk {
    fn push(&mut self, out: &mut Vec<u8>, page: &[u8], uncompressed: usize) {
        out.extend_from_slice(page);
        self.bytes += page.len() as u64;
        self.uncompressed += uncompressed as u64;
    }

    /// What the file's end says of it. A dictionary stands before the other pages, with so many bytes.
    fn described(
        &self,
        column: &ColumnDescPtr,
        rows: u64,
        nulls: u64,
        dictionary: Option<(&Dictionary, u64)>,
    ) -> Result<ColumnChunkMetaData, ParquetError> {
        let encodings: &[_] = match dictionary {
            Some(_) => &[Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY],
            None => &[Encoding::PLAIN, Encoding::RLE],
        };
        let data = self.start + dictionary.map_or(0, |(_, bytes)| bytes);
        let mut described = ColumnChunkMetaData::builder(Arc::clone(column))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_num_values(rows.cast_signed())
            .set_total_compressed_size(self.bytes.cast_signed())
            .set_total_uncompressed_size(self.uncompressed.cast_signed())
            .set_data_page_offset(data.cast_signed())
            .set_dictionary_page_offset(dictionary.map(|_| self.start.cast_signed()));
        if let Some(statistics) =
            dictionary.and_then(|(values, _)| statistics(column, values, nulls))
        {
            described = described.set_statistics(statistics);
        }
        described.build()
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
            let statistics = ValueStatistics::new(least, most, None, Some(nulls), false);
            Some(Statistics::Double(statistics.with_nan_count(Some(0))))
        }
        _ => None,
    }
}

fn nulls_in(runs: &Runs) -> u64 {
    let nulls = runs.runs().iter().filter(|run| run.number == Runs::NULL);
    nulls.map(|run| u64::from(run.times)).sum()
}
