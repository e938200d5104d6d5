//! Repeats within one page: the first stays, counts all, and takes the last one's `see_more`.

use std::collections::HashMap;

use super::{Dedup, Kept, Key};

/// What the deduplicator knows of a printed block.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub key: Key,
    pub see_more: Option<u64>,
}

/// A block that does not stay, and the number of the page's block that stays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    pub block: usize,
    pub first: usize,
}

/// Decides page after page; holds no more than one page's keys.
#[derive(Default)]
pub struct PageDedup {
    scope: Dedup,
    /// What was removed from the last page.
    removed: Vec<Removed>,
    /// Hashed with a secret although keys are hashes, for those can be made to collide.
    first: HashMap<Key, usize>,
}

/// Up to so many kept blocks are searched one by one; real pages have about five.
const SEARCHED: usize = 32;

impl PageDedup {
    /// A deduplicator of the given scope.
    pub fn new(scope: Dedup) -> Self {
        Self {
            scope,
            ..Self::default()
        }
    }

    /// Appends what stays of one page's blocks, in their order, and returns how many that are.
    pub fn decide(&mut self, blocks: &[Seen], kept: &mut Vec<Kept>) -> usize {
        let start = kept.len();
        self.removed.clear();
        // Of its own for each large page: clearing costs the capacity, not the content.
        self.first = HashMap::default();
        for (block, seen) in blocks.iter().enumerate() {
            if let Some(first) = self.earlier(seen.key, blocks, &kept[start..]) {
                kept[start + first].occurrences += 1;
                kept[start + first].see_more = seen.see_more;
                let first = kept[start + first].block;
                self.removed.push(Removed { block, first });
            } else {
                self.remember(seen.key, kept.len() - start);
                kept.push(Kept {
                    block,
                    occurrences: 1,
                    see_more: seen.see_more,
                });
            }
        }
        kept.len() - start
    }

    /// What was removed from the last page, in its order.
    pub fn removed(&self) -> &[Removed] {
        &self.removed
    }

    fn earlier(&self, key: Key, blocks: &[Seen], kept: &[Kept]) -> Option<usize> {
        if self.scope == Dedup::Off {
            return None;
        }
        let searched = &kept[..kept.len().min(SEARCHED)];
        searched
            .iter()
            .position(|kept| blocks[kept.block].key == key)
            .or_else(|| self.first.get(&key).copied())
    }

    fn remember(&mut self, key: Key, number: usize) {
        if self.scope != Dedup::Off && number >= SEARCHED {
            self.first.insert(key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn decide(scope: Dedup, blocks: &[(u128, Option<u64>)]) -> Vec<Kept> {
        let seen: Vec<_> = blocks
            .iter()
            .map(|&(key, see_more)| Seen {
                key: Key(key),
                see_more,
            })
            .collect();
        let mut kept = Vec::new();
        assert_eq!(PageDedup::new(scope).decide(&seen, &mut kept), kept.len());
        kept
    }

    /// The rule written down without any speed in mind.
    fn model(blocks: &[(u128, Option<u64>)]) -> Vec<Kept> {
        let first = |key| blocks.iter().position(|&(other, _)| other == key).unwrap();
        let same = |key| blocks.iter().filter(move |&&(other, _)| other == key);
        (0..blocks.len())
            .filter(|&block| first(blocks[block].0) == block)
            .map(|block| Kept {
                block,
                occurrences: same(blocks[block].0).count() as u64,
                see_more: same(blocks[block].0).next_back().unwrap().1,
            })
            .collect()
    }

    #[test]
    fn keys_made_to_collide_are_not_slow() {
        // Both halves are equal; so many took minutes when their sum was taken for the hash.
        let blocks: Vec<_> = (0..100_000u128).map(|n| (n << 64 | n, None)).collect();
        let began = Instant::now();
        assert_eq!(decide(Dedup::Page, &blocks).len(), blocks.len());
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    proptest! {
        #[test]
        fn decides_as_the_model_does(
            blocks in prop::collection::vec((0u128..90, prop::option::of(0u64..3)), 0..200)
        ) {
            prop_assert_eq!(decide(Dedup::Page, &blocks), model(&blocks));
        }

        #[test]
        fn twice_is_once(blocks in prop::collection::vec((0u128..90, Just(None)), 0..200)) {
            let kept = decide(Dedup::Page, &blocks);
            let again: Vec<_> = kept.iter().map(|kept| blocks[kept.block]).collect();
            prop_assert_eq!(decide(Dedup::Page, &again).len(), kept.len());
        }

        #[test]
        fn off_keeps_all(blocks in prop::collection::vec((0u128..9, prop::option::of(0u64..3)), 0..80)) {
            let kept = decide(Dedup::Off, &blocks);
            prop_assert_eq!(kept.len(), blocks.len());
            prop_assert!(kept.iter().all(|kept| kept.occurrences == 1));
        }
    }
}
