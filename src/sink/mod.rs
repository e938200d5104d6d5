//! What a run writes: records as NDJSON, and the files they go to.

mod file;
mod json;
pub mod ndjson;

pub use file::OutputFile;
