//! The columns, which are those of [`StatementRow`](crate::model::StatementRow) in its order.
//!
//! Numbers are signed, for differences of unsigned ones wrap around in some tools. The grammar takes
//! no count that has no place in them.

use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};

const SCHEMA: &str = "message statements {
    required binary id (STRING);
    required binary text (STRING);
    optional binary section (STRING);
    optional binary type (STRING);
    optional int64 confidence;
    optional binary similar_to (STRING);
    optional double similarity;
    optional int64 see_more;
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

/// How many there are.
pub const COLUMNS: usize = 19;

/// The first ones, of a block, whose values are hardly ever the same: `id` and `text`.
pub const UNIQUE: usize = 2;

/// The first one of what a page says for all its rows.
pub const OF_PAGE: usize = 9;

/// The columns of every file.
///
/// # Errors
/// None that is known.
pub fn columns() -> Result<SchemaDescPtr, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    Ok(Arc::new(SchemaDescriptor::new(schema)))
}
