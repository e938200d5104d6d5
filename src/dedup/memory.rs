//! What is remembered of the pages that passed: the keys of what was seen and, where somebody
//! asks, the places where it was seen first.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Key, Keys, PageIdentity, Places, fingerprint_of};

/// A run's memory. It grows page by page, in the order of the input.
pub struct Memory {
    pub(super) keys: Keys,
    /// Where pages stand, when it is to be told what stays for what is removed.
    pub places: Option<Places>,
    /// Of what was new: blocks, headers of pages, and papers where these are asked for.
    pub(super) counts: Counts,
    pub(super) counts_papers: bool,
}

/// How much was new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Different cited papers that were named.
    pub papers: u64,
    /// Pages that were different above their statements.
    pub pages: u64,
    /// Different blocks.
    pub blocks: u64,
}

impl Memory {
    /// The memory of a single run, in so many bytes; what is more goes to temporary files in a
    /// folder within this one.
    pub fn of_run(bytes: usize, temporary: PathBuf, has_places: bool) -> Self {
        Self {
            keys: Keys::new(bytes, temporary),
            places: has_places.then(Places::temporary),
            counts: Counts::default(),
            counts_papers: false,
        }
    }

    /// The key of a page's paper, where papers are counted.
    pub(super) fn paper(&self, identity: &PageIdentity) -> Option<Key> {
        let paper = identity.paper.filter(|_| self.counts_papers)?;
        Some(fingerprint_of("paper", &paper.0.to_le_bytes()))
    }

    /// How many keys were new.
    pub fn len(&self) -> u64 {
        self.keys.len()
    }

    /// Whether nothing was new.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
