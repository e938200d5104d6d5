//! Which blocks stay: decided on fingerprints alone, in input order.
//!
//! Nothing here sees text. Two blocks are the same block when their [`Key`]s are equal.

mod fingerprint;
mod page;

pub use fingerprint::{Fingerprint, Fingerprinter, Key};
pub use page::{PageDedup, Seen};

/// Which repeats are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedup {
    /// None: every printed block stays.
    Off,
    /// Those within one page.
    #[default]
    Page,
}

/// A block that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number among the page's printed blocks.
    pub block: usize,
    /// How often it stands on the page.
    pub occurrences: u64,
    /// What its last occurrence says of hidden statements: the first one's number
    /// announces statements that the list then prints.
    pub see_more: Option<u64>,
}
