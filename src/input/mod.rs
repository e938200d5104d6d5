//! Sources in, batches of whole pages out.
//!
//! A source is opened, freed of its compression, cut into pages and packed into batches.
//! A batch is one stretch of memory that holds text of one or more sources, in the
//! order of the run, cut into pages. Reading never looks into a page.

mod batch;
mod decode;
mod text;
mod walk;

pub use batch::{Batch, Oversized, Part};
pub use decode::{Decoded, Stream, decoded};
pub use text::{Limits, TextReader};
pub use walk::{Input, Source, WalkError, sources};
