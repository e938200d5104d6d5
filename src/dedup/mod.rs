//! Which blocks stay: decided on fingerprints alone, in input order.
//!
//! Nothing here sees text. Two blocks are the same block when their [`Key`]s are equal.

mod fingerprint;
mod keys;
mod memory;
mod near;
mod page;
mod places;
mod run;
mod store;

pub use fingerprint::{Fingerprint, Fingerprinter, Key, fingerprint_of};
pub use keys::{KeyFile, Keys};
pub use memory::{Counts, Memory};
pub use near::{Near, Similar};
pub use page::{PageDedup, Removed, Seen};
pub use places::{KnownPlace, Places};
pub use run::{Earlier, PageIdentity, RunDedup, Verdict};
pub use store::{Contents, Prepared, Store, StoredRun, VERSION as STORE_VERSION};

use serde::{Deserialize, Serialize};

/// Which repeats are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dedup {
    /// None: every printed block stays.
    Off,
    /// Those within one page.
    #[default]
    Page,
    /// Also those of an earlier page on the same cited paper, and pages that bring nothing new.
    Run,
    /// Also those of any earlier page, whatever paper it is on.
    Text,
}

impl Dedup {
    /// Whether what was seen on one page matters to another.
    pub fn is_across_pages(self) -> bool {
        matches!(self, Self::Run | Self::Text)
    }

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Page => "page",
            Self::Run => "run",
            Self::Text => "text",
        }
    }
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
