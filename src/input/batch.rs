//! What travels from the reader to the parsers.

use std::ops::Range;
use std::sync::Arc;

/// Text of one or more sources, cut into pages.
#[derive(Debug, Default)]
pub struct Batch {
    pub text: Vec<u8>,
    /// The sources' stretches, in order and without gaps between them.
    pub parts: Vec<Part>,
    /// Every page, as a range of `text`.
    pub pages: Vec<Range<usize>>,
}

/// A stretch of one source.
#[derive(Debug)]
pub struct Part {
    /// The source as it was named or found.
    pub path: Arc<str>,
    /// Bytes of the source before the stretch.
    pub offset: u64,
    /// The stretch, as a range of the batch's text. What lies between its pages is between pages.
    pub text: Range<usize>,
    /// Its pages, as a range of the batch's list.
    pub pages: Range<usize>,
    /// A page too large to be held, right behind the stretch.
    pub oversized: Option<Oversized>,
}

/// What is left of a report page larger than the limit: its size, and enough to say what it was.
#[derive(Debug)]
pub struct Oversized {
    /// Bytes up to the next page's start or the source's end.
    pub length: u64,
    /// Line feeds in it.
    pub feeds: u64,
    pub excerpt: String,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}
