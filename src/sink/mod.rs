//! What a run writes: records in one of the forms, and the files they go to.

mod cito;
mod compress;
mod csv;
mod file;
mod form;
pub(crate) mod json;
pub mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;

pub use compress::{CompressedFile, OutputMark, promises_compression};
pub use file::{Beginning, FileMark, OutputFile, SyncedFile, target_of};
pub use form::{Assembly, Form, PagePieces, Pieces};
