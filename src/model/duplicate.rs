//! What was removed as a repeat: a line for each block and each page.

use serde::{Deserialize, Serialize};

use super::Source;

/// A removed block or page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// A block, or a whole page; the page's blocks have lines of their own.
    pub kind: DuplicateKind,
    /// A block's `id`, or the fingerprint of the page's header, in hexadecimal digits.
    pub key: String,
    /// Number of the block among the page's printed blocks, from 1; null for a page.
    pub block: Option<u64>,
    /// Where the page stands.
    pub source: Source,
    /// The copy that stayed.
    pub kept: KeptCopy,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// One block.
    Block,
    /// A page without anything new.
    Page,
}

/// The copy that stayed for a removed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCopy {
    /// Number of the earlier run that wrote it, in its store, from 1; null for this run.
    pub run: Option<u64>,
    /// Number of the block among its page's printed blocks, from 1; null for a page.
    pub block: Option<u64>,
    /// Where its page stands.
    pub source: Source,
}
