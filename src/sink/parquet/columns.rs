//! The columns, which are those of [`StatementRow`](crate::model::StatementRow) in its order, and
//! where their values stand.
//!
//! Numbers are signed, for differences of unsigned ones wrap around in some tools. `see_more`
//! alone is not: a page may print any number.

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{Compression, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, TypePtr};

use super::Row;
use super::piece::{BLOCK, PAGE, number};

const SCHEMA: &str = "message statements {
    required binary id (STRING);
    required binary text (STRING);
    optional binary section (STRING);
    optional binary type (STRING);
    optional int64 confidence;
    optional binary similar_to (STRING);
    optional double similarity;
    optional int64 see_more (INTEGER(64,false));
    required int64 occurrences;
    optional binary doi (STRING);
    optional int64 year;
    optional binary title (STRING);
    optional binary report_id (STRING);
    required group source {
        required binary path (STRING);
        required int64 offset;
        required int64 length;
        optional binary record (STRING);
        optional binary date (STRING);
    }
    optional binary meta (STRING);
}";

/// Where the value of each column stands.
pub const VALUES: [Value; 19] = [
    Value::OfBlock(0),
    Value::OfBlock(1),
    Value::OfBlock(2),
    Value::OfBlock(3),
    Value::OfBlock(0),
    Value::OfBlock(4),
    Value::OfBlock(1),
    Value::SeeMore,
    Value::Occurrences,
    Value::OfPage(0),
    Value::OfPage(0),
    Value::OfPage(1),
    Value::OfPage(2),
    Value::OfPage(3),
    Value::OfPage(1),
    Value::OfPage(2),
    Value::OfPage(4),
    Value::OfPage(5),
    Value::OfPage(6),
];

/// In which piece of a row, and there which of its texts, or of its numbers.
#[derive(Clone, Copy)]
pub enum Value {
    OfBlock(usize),
    OfPage(usize),
    SeeMore,
    Occurrences,
}

impl Value {
    /// A row's number.
    pub fn number(self, pieces: &[u8], row: &Row) -> Option<u64> {
        match self {
            Self::OfBlock(at) => number(pieces, row.block, at),
            Self::OfPage(at) => number(pieces, row.page, at),
            Self::SeeMore => row.see_more,
            Self::Occurrences => Some(row.occurrences),
        }
    }

    /// Where a row's text stands.
    pub fn text(self, pieces: &[u8], row: &Row) -> Option<Range<usize>> {
        match self {
            Self::OfBlock(number) => BLOCK.text(pieces, row.block, number),
            Self::OfPage(number) => PAGE.text(pieces, row.page, number),
            Self::SeeMore | Self::Occurrences => None,
        }
    }
}

/// Columns whose values are hardly ever the same.
const UNIQUE: [&str; 2] = ["id", "text"];

/// The fastest: compression is more than a third of the work as it is.
const ZSTD_LEVEL: i32 = 1;

/// Columns, and how they are written.
pub struct Columns {
    pub schema: TypePtr,
    pub described: SchemaDescPtr,
    pub properties: WriterPropertiesPtr,
}

/// The columns of every file.
///
/// # Errors
/// None that is known.
pub fn columns() -> Result<Columns, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let described = Arc::new(SchemaDescriptor::new(Arc::clone(&schema)));
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("citesift ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (column, value) in described.columns().iter().zip(VALUES) {
        let path = column.path().clone();
        if column.physical_type() == Type::BYTE_ARRAY {
            // The smallest and the largest text of a row group would keep all of it in memory until
            // the end, and help no search: rows stand in the order of the input.
            let none = EnabledStatistics::None;
            properties = properties.set_column_statistics_enabled(path.clone(), none);
        }
        if UNIQUE.contains(&column.name()) {
            properties = properties.set_column_dictionary_enabled(path, false);
        } else if matches!(value, Value::OfPage(_)) {
            // However long a title is, its rows share it.
            properties = properties.set_column_dictionary_page_size_limit(path, usize::MAX);
        }
    }
    Ok(Columns {
        schema,
        described,
        properties: Arc::new(properties.build()),
    })
}
