//! A column's pages: their sizes are looked at before they are read, their counts before they
//! are decoded.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};

use super::thrift::{INT, Thrift};

/// Bytes of a page, packed or not. Most writers aim at 1 MB, `DuckDB` goes up to 100 MB.
const LARGEST_PAGE: u64 = 100 << 20;
/// Bytes that surely hold what a page says before its values, unless its statistics are huge.
const PAGE_HEADER: usize = 8 << 10;
/// Pages whose stated counts fit what they hold.
pub(super) struct CheckedPages {
    pages: SerializedPageReader<Source>,
    is_required: bool,
    values_left: i64,
}

impl CheckedPages {
    pub(super) fn open(
        file: Arc<File>,
        group: &RowGroupMetaData,
        index: usize,
    ) -> ParquetResult<Self> {
        let chunk = group.column(index);
        expect(
            chunk.num_values() == group.num_rows(),
            "the footer contradicts itself on its rows",
        )?;
        let source = Arc::new(Source::new(file, chunk.compression())?);
        let rows = usize::try_from(group.num_rows())?;
        Ok(Self {
            pages: SerializedPageReader::new(source, chunk, rows, None)?,
            is_required: chunk.column_descr().max_def_level() == 0,
            values_left: group.num_rows(),
        })
    }

    fn check(&mut self, page: &Page) -> ParquetResult<()> {
        let count = i64::from(page.num_values());
        match page {
            // The crate makes room for so many values of 32 bytes before it reads the first.
            Page::DictionaryPage { buf, .. } => {
                return expect(
                    count * 4 <= buf.len().try_into().unwrap_or(i64::MAX),
                    "a dictionary shorter than its count",
                );
            }
            Page::DataPage { buf, encoding, .. } if is_delta(*encoding) => {
                let mut data = Thrift(buf);
                if !self.is_required {
                    let levels = data.take(4).map(|bytes| {
                        bytes
                            .iter()
                            .rev()
                            .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
                    });
                    levels
                        .and_then(|length| data.take(length))
                        .ok_or_else(|| damaged("levels cut short"))?;
                }
                check_deltas(data, *encoding, count)?;
            }
            Page::DataPageV2 {
                buf,
                encoding,
                def_levels_byte_len,
                ..
            } if is_delta(*encoding) => {
                let mut data = Thrift(buf);
                data.take(u64::from(*def_levels_byte_len))
                    .ok_or_else(|| damaged("levels cut short"))?;
                check_deltas(data, *encoding, count)?;
            }
            _ => {}
        }
        self.values_left -= count;
        expect(
            self.values_left >= 0,
            "more values than the row group has rows",
        )
    }
}

impl Iterator for CheckedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        while let Some(page) = self.pages.get_next_page()? {
            self.check(&page)?;
            // The crate takes a page without values for the column's end.
            if page.is_dictionary_page() || page.num_values() > 0 {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.skip_next_page()
    }
}

/// The file as the crate asks for it: page headers where they begin, then their bytes.
struct Source {
    file: Arc<File>,
    length: u64,
    /// Bytes that one packed byte can become.
    swell: u64,
}

impl Source {
    fn new(file: Arc<File>, codec: Compression) -> io::Result<Self> {
        let swell = match codec {
            Compression::SNAPPY => 32,
            Compression::LZ4 | Compression::LZ4_RAW => 256,
            Compression::GZIP(_) => 1100,
            _ => u64::MAX,
        };
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            length,
            swell,
        })
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Source {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        let mut beginning = Vec::with_capacity(PAGE_HEADER);
        // As often as it takes: a single read may be cut short or interrupted.
        Read::by_ref(&mut file)
            .take(PAGE_HEADER as u64)
            .read_to_end(&mut beginning)?;
        file.seek(SeekFrom::Start(start))?;
        let (unpacked, packed) =
            page_sizes(Thrift(&beginning)).ok_or_else(|| damaged("no page where one should be"))?;
        let largest = packed
            .saturating_add(64)
            .saturating_mul(self.swell)
            .min(LARGEST_PAGE);
        expect(
            unpacked <= largest,
            &format!("a page of {unpacked} bytes in {packed}"),
        )?;
        Ok(BufReader::new(file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let left = self.length.saturating_sub(start).min(LARGEST_PAGE);
        expect(
            length as u64 <= left,
            &format!("a page of {length} bytes where {left} can be"),
        )?;
        read_at(&self.file, start, length)
            .map(Bytes::from)
            .map_err(ParquetError::from)
    }
}

/// Sizes unpacked and packed, the second and third field of each page's header.
fn page_sizes(mut header: Thrift) -> Option<(u64, u64)> {
    let (mut id, mut unpacked) = (0, None);
    loop {
        match (header.field(&mut id)?, id) {
            (INT, 2) => unpacked = Some(header.count()?),
            (INT, 3) => return Some((unpacked?, header.count()?)),
            (0, _) | (_, 2..) => return None,
            (kind, _) => header.skip(kind, 1)?,
        }
    }
}

fn is_delta(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
    )
}

/// A page's lengths: one run of deltas, or two with the second right behind the first.
fn check_deltas(mut data: Thrift, encoding: Encoding, values: i64) -> ParquetResult<()> {
    let runs = if encoding == Encoding::DELTA_BYTE_ARRAY {
        2
    } else {
        1
    };
    for _ in 0..runs {
        let count = skip_deltas(&mut data).ok_or_else(|| damaged("lengths cut short"))?;
        expect(
            count <= values as u64 && count <= LARGEST_PAGE / 4,
            "more lengths than values",
        )?;
    }
    Ok(())
}

/// `block:varint minis:varint count:varint first:varint (least:varint width{minis} packed*)*`
fn skip_deltas(data: &mut Thrift) -> Option<u64> {
    let (block, minis, count) = (data.varint()?, data.varint()?, data.varint()?);
    data.varint()?;
    let mini = block.checked_div(minis)?.max(1);
    let mut left = count.saturating_sub(1);
    while left > 0 {
        data.varint()?;
        for &width in data.take(minis)? {
            if left > 0 {
                data.take(mini.checked_mul(width.into())? / 8)?;
                left = left.saturating_sub(mini);
            }
        }
    }
    Some(count)
}

pub(super) fn read_at(mut file: &File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

fn expect(holds: bool, otherwise: &str) -> ParquetResult<()> {
    holds.then_some(()).ok_or_else(|| damaged(otherwise))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_header() {
        assert_eq!(
            page_sizes(Thrift(&[0x15, 0, 0x15, 8, 0x15, 6, 0])),
            Some((4, 3))
        );
        assert_eq!(page_sizes(Thrift(&[0x15, 0, 0x15, 7, 0x15, 6, 0])), None);
        assert_eq!(page_sizes(Thrift(&[0x15, 0, 0x15])), None);
    }

    #[test]
    fn lengths_are_counted() {
        // Blocks of 128 in 4 runs; 3 values; the first 5; least delta 0, widths 2, 0, 0, 0.
        let mut run = vec![128, 1, 4, 3, 10, 0, 2, 0, 0, 0];
        run.extend([0; 8]);
        let mut data = Thrift(&run);
        assert_eq!(skip_deltas(&mut data), Some(3));
        assert!(data.0.is_empty());
        let length = Encoding::DELTA_LENGTH_BYTE_ARRAY;
        assert!(check_deltas(Thrift(&run), length, 3).is_ok());
        assert!(check_deltas(Thrift(&run), length, 2).is_err());
        assert!(check_deltas(Thrift(&run), Encoding::DELTA_BYTE_ARRAY, 3).is_err());
    }

    #[test]
    fn a_run_that_needs_no_bytes_is_refused() {
        // 2^28 lengths of 0 in twelve bytes, in one block.
        let run = [
            0x80, 0x80, 0x80, 0x80, 1, 1, 0x80, 0x80, 0x80, 0x80, 1, 0, 0, 0,
        ];
        assert!(check_deltas(Thrift(&run), Encoding::DELTA_LENGTH_BYTE_ARRAY, 1 << 28).is_err());
    }
}
