//! The pages of a slice of rows, encoded and compressed, apart from any file.
//!
//! The crate's column writers are not used: they look up every row's value anew, also where a page
//! says it once for all its rows, and copy each text four times on its way; that was half as
//! much work as the compression. Nor do they let its table be made smaller.

use std::mem;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::SchemaDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound};

use super::columns::{UNIQUE, columns};
use super::hybrid::{hybrid, width_of};
use super::slice::{Dictionaries, Dictionary, Run, Runs, Slice};

/// Level 1 with a smaller table (2^11 places), a longer stride where nothing repeats, and letters
/// in fewer bits all the same, which the library would leave out with such a stride. By the program
/// `zstd`, in pages of 1 MiB, synthetic statements are packed at 380 MB a second into 1/1.81, and
/// Perl's manuals at 450 into 1/2.08; with a stride of 10 at 320 into 1/1.91 and at 415 into 1/2.36,
/// where Parquet has not always half of NDJSON's throughput on two cores; by level 1 at 200 into
/// 1/2.92 and at 290 into 1/3.40. Level -5 is slower than this for about the same size, levels -1 to
/// -4 still more.
const ZSTD: [CParameter; 5] = [
    CParameter::CompressionLevel(1),
    CParameter::HashLog(11),
    CParameter::MinMatch(7),
    CParameter::TargetLength(24),
    CParameter::LiteralCompressionMode(ParamSwitch::Enable),
];

/// Pages one behind the other: those of all columns, then their dictionaries where a row group ends.
#[derive(Default)]
pub struct Encoded {
    bytes: Vec<u8>,
    data: Vec<EncodedPage>,
    dictionaries: Vec<EncodedPage>,
}

struct EncodedPage {
    place: Range<usize>,
    uncompressed: usize,
}

impl Encoded {
    /// The pages of all columns: their bytes, and how many there are before compression.
    pub fn data(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.pages(&self.data)
    }

    /// The dictionaries of those columns that have one.
    pub fn dictionaries(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.pages(&self.dictionaries)
    }

    fn pages<'a>(&'a self, of: &'a [EncodedPage]) -> impl Iterator<Item = (&'a [u8], usize)> {
        of.iter()
            .map(|page| (&self.bytes[page.place.clone()], page.uncompressed))
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.data.clear();
        self.dictionaries.clear();
    }
}

/// Encodes slice after slice with the same memory.
pub struct Encoder {
    described: SchemaDescPtr,
    compressor: Compressor<'static>,
    compressed: Vec<u8>,
    /// A page before compression.
    page: Vec<u8>,
    levels: Runs,
    present: Runs,
}

impl Encoder {
    /// # Errors
    /// None that is known.
    pub fn new() -> Result<Self, ParquetError> {
        let mut compressor = Compressor::default();
        for parameter in ZSTD {
            compressor.set_parameter(parameter)?;
        }
        Ok(Self {
            described: columns()?,
            compressor,
            compressed: Vec::new(),
            page: Vec::new(),
            levels: Runs::default(),
            present: Runs::default(),
        })
    }

    /// Encodes a slice into itself.
    ///
    /// # Errors
    /// A page that is too large for the format.
    pub fn encode(&mut self, slice: &mut Slice) -> Result<(), ParquetError> {
        let mut encoded = mem::take(&mut slice.encoded);
        let mut bytes = TrackedWrite::new(mem::take(&mut encoded.bytes));
        let mut file = SerializedPageWriter::new(&mut bytes);
        if slice.rows > 0 {
            for values in &slice.unique {
                let page = self.write(&mut file, values, |buf| {
                    data_page(buf, slice.rows, Encoding::PLAIN)
                })?;
                encoded.data.push(page);
            }
            for (number, runs) in slice.looked_up.iter().enumerate() {
                let page = self.looked_up(&mut file, number, runs, slice.rows)?;
                encoded.data.push(page);
            }
        }
        for dictionary in slice.dictionaries.iter().flat_map(Dictionaries::iter) {
            encoded
                .dictionaries
                .push(self.dictionary(&mut file, dictionary)?);
        }
        encoded.bytes = bytes.into_inner()?;
        slice.encoded = encoded;
        Ok(())
    }

    fn looked_up(
        &mut self,
        file: &mut dyn PageWriter,
        number: usize,
        runs: &Runs,
        rows: u32,
    ) -> Result<EncodedPage, ParquetError> {
        let mut page = mem::take(&mut self.page);
        page.clear();
        self.present.clear();
        self.levels.clear();
        for &Run { number, times } in runs.runs() {
            let is_present = number != Runs::NULL;
            self.levels.push(u32::from(is_present), times);
            if is_present {
                self.present.push(number, times);
            }
        }
        if self.described.column(UNIQUE + number).max_def_level() > 0 {
            let length = page.len();
            page.extend_from_slice(&[0; size_of::<u32>()]);
            let start = page.len();
            hybrid(&mut page, self.levels.runs(), 1);
            let levels = (page.len() - start) as u32;
            page[length..start].copy_from_slice(&levels.to_le_bytes());
        }
        let width = width_of(self.present.runs());
        page.push(width as u8);
        hybrid(&mut page, self.present.runs(), width);
        let written = self.write(file, &page, |buf| {
            data_page(buf, rows, Encoding::RLE_DICTIONARY)
        });
        self.page = page;
        written
    }

    fn dictionary(
        &mut self,
        file: &mut dyn PageWriter,
        dictionary: &Dictionary,
    ) -> Result<EncodedPage, ParquetError> {
        let (values, number) = dictionary.values();
        self.write(file, values, |buf| Page::DictionaryPage {
            buf,
            num_values: number,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })
    }

    fn write(
        &mut self,
        file: &mut dyn PageWriter,
        page: &[u8],
        of: impl FnOnce(Bytes) -> Page,
    ) -> Result<EncodedPage, ParquetError> {
        self.compressed.clear();
        self.compressed.reserve(compress_bound(page.len()));
        self.compressor
            .compress_to_buffer(page, &mut self.compressed)?;
        let compressed = Bytes::from(mem::take(&mut self.compressed));
        let written = file.write_page(CompressedPage::new(of(compressed.clone()), page.len()));
        // Nothing else holds a part of it.
        self.compressed = compressed.into();
        let written = written?;
        let start = written.offset as usize;
        Ok(EncodedPage {
            place: start..start + written.bytes_written as usize,
            uncompressed: written.uncompressed_size,
        })
    }
}

fn data_page(buf: Bytes, num_values: u32, encoding: Encoding) -> Page {
    Page::DataPage {
        buf,
        num_values,
        encoding,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    }
}
