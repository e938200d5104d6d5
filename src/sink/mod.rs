//! What a run writes: records as NDJSON, and the files they go to.

mod compress;
mod file;
mod json;
pub mod ndjson;

pub use compress::{CompressedFile, OutputMark};
pub use file::{FileMark, OutputFile, SyncedFile, target_of};
