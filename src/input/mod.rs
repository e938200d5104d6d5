//! Sources in, batches of whole pages out.
//!
//! A batch is one stretch of memory that holds text of one or more sources, in the
//! order of the run, cut into pages. Reading never looks into a page.

mod batch;
mod text;
mod walk;

pub use batch::{Batch, Oversized, Part};
pub use text::{Limits, TextReader};
pub use walk::{Input, Source, WalkError, sources};
