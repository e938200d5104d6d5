//! The third stage: in input order, which blocks stay. It sees fingerprints, not text.

use std::ops::Range;

use super::parse::Parsed;
use crate::dedup::{Kept, PageDedup};

/// A batch with the deduplicator's word on it.
#[derive(Debug)]
pub struct Decided {
    pub parsed: Parsed,
    pub kept: Vec<Kept>,
    /// For every page its range of `kept`.
    pub pages: Vec<Range<usize>>,
}

/// Decides a batch's blocks.
pub fn decide_batch(dedup: &mut PageDedup, parsed: Parsed) -> Decided {
    let mut kept = Vec::with_capacity(parsed.blocks.len());
    let pages = parsed
        .pages
        .iter()
        .map(|page| {
            let start = kept.len();
            start..start + dedup.decide(&parsed.blocks[page.blocks.clone()], &mut kept)
        })
        .collect();
    Decided {
        parsed,
        kept,
        pages,
    }
}
