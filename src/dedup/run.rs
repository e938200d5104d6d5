//! Repeats across the pages of a run: the first in input order stays.
//!
//! A block is known by the cited paper and its own fingerprint, so the same sentence on two
//! papers' pages is two statements; for a corpus of text the paper can be left out. A page
//! whose statements were all seen, under a header that was seen on a page of that paper, is a
//! re-crawl and is dropped as a whole. A page that names no paper is compared with no other, unless the
//! paper does not matter: nothing says that two such pages are on the same one.
//!
//! Fingerprints are 128 bits; see [`Key`] for the odds that two are equal by chance.

use std::io;
use std::mem;

use super::{Dedup, Kept, Key, Memory, PageDedup, Seen};

/// What a page is known by across the run.
#[derive(Clone, Copy, Debug)]
pub struct PageIdentity {
    /// The cited paper: its DOI, or the report's id where there is none.
    pub paper: Option<Key>,
    /// All that the page shows above its statements.
    pub header: Key,
}

/// What was removed because of an earlier page, and where the copy stands that stayed: the
/// number that was given for its page or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The number of the page's block; none is the page itself.
    pub block: Option<usize>,
    pub first: u64,
}

/// The word on one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Blocks that stay, and blocks that repeat others of the page.
    pub kept: usize,
    pub repeated_in_page: usize,
    /// Everything on the page was seen before.
    pub is_repeated: bool,
}

/// Decides page after page, in input order.
pub struct RunDedup {
    scope: Dedup,
    page: PageDedup,
    /// Those of the next pages, while they are made ready.
    expected: Vec<u128>,
    /// What was removed from the last page because of earlier ones.
    earlier: Vec<Earlier>,
}

impl RunDedup {
    /// A deduplicator of the given scope.
    pub fn new(scope: Dedup) -> Self {
        Self {
            scope,
            page: PageDedup::new(scope),
            expected: Vec::new(),
            earlier: Vec::new(),
        }
    }

    /// Makes the next few pages ready to be decided, all at the same time. Nothing depends on
    /// it but speed: most of the time that a key takes is that of fetching its place in memory.
    pub fn expect<'a>(
        &mut self,
        memory: &mut Memory,
        pages: impl Iterator<Item = (&'a [Seen], PageIdentity)>,
    ) {
        let mut expected = mem::take(&mut self.expected);
        expected.clear();
        for (blocks, identity) in pages.filter(|(_, identity)| self.matters(identity)) {
            let keys = blocks.iter().map(|seen| seen.key).enumerate();
            // A page's repeats mostly stand right behind what they repeat.
            let keys = keys.filter(|&(at, key)| at == 0 || blocks[at - 1].key != key);
            expected.extend(keys.map(|(_, block)| self.across_pages(&identity, block).0));
            expected.push(identity.header_across_pages().0);
            expected.extend(memory.paper(&identity).map(|paper| paper.0));
        }
        memory.keys.expect(expected.iter().copied());
        self.expected = expected;
    }

    /// Appends what stays of one page's blocks, in their order, and adds to the memory what
    /// is new. `place` gives a block's number for those who ask later where it stands, and
    /// the page's for none.
    ///
    /// # Errors
    /// Keys that do not fit into memory cannot be written or read.
    pub fn decide(
        &mut self,
        memory: &mut Memory,
        blocks: &[Seen],
        identity: Option<PageIdentity>,
        place: impl Fn(Option<usize>) -> u64,
        kept: &mut Vec<Kept>,
    ) -> io::Result<Verdict> {
        let start = kept.len();
        self.earlier.clear();
        let in_page = self.page.decide(blocks, kept);
        let mut verdict = Verdict {
            kept: in_page,
            repeated_in_page: blocks.len() - in_page,
            is_repeated: false,
        };
        let Some(identity) = identity.filter(|identity| self.matters(identity)) else {
            return Ok(verdict);
        };
        let mut stays = start;
        for at in start..kept.len() {
            let block = kept[at].block;
            let key = self.across_pages(&identity, blocks[block].key);
            if let Some(first) = memory.insert(key.0, place(Some(block)))? {
                let block = Some(block);
                self.earlier.push(Earlier { block, first });
            } else {
                kept[stays] = kept[at];
                stays += 1;
            }
        }
        kept.truncate(stays);
        verdict.kept = stays - start;
        let header = identity.header_across_pages();
        let first = memory.insert(header.0, place(None))?;
        memory.counts.pages += u64::from(first.is_none());
        memory.counts.blocks += verdict.kept as u64;
        if let Some(paper) = memory.paper(&identity) {
            let known = memory.insert(paper.0, place(None))?;
            memory.counts.papers += u64::from(known.is_none());
        }
        if let Some(first) = first.filter(|_| verdict.kept == 0 && identity.paper.is_some()) {
            verdict.is_repeated = true;
            self.earlier.insert(0, Earlier { block: None, first });
        }
        Ok(verdict)
    }

    /// What was removed from the last page because of earlier ones: first the page, if that
    /// was, then its blocks.
    pub fn earlier(&self) -> &[Earlier] {
        &self.earlier
    }

    /// What was removed from the last page because of itself.
    pub fn in_page(&self) -> &[super::Removed] {
        self.page.removed()
    }

    fn matters(&self, identity: &PageIdentity) -> bool {
        identity.is_compared(self.scope)
    }

    fn across_pages(&self, identity: &PageIdentity, block: Key) -> Key {
        identity.block_across_pages(self.scope, block)
    }
}

impl PageIdentity {
    /// Whether the page is compared with others.
    pub fn is_compared(&self, scope: Dedup) -> bool {
        match scope {
            Dedup::Off | Dedup::Page => false,
            Dedup::Run => self.paper.is_some(),
            Dedup::Text => true,
        }
    }

    /// What the header is known by across the run.
    pub fn header_across_pages(&self) -> Key {
        joined(self.paper, self.header)
    }

    /// What one of the page's blocks is known by across the run.
    pub fn block_across_pages(&self, scope: Dedup, block: Key) -> Key {
        let paper = self.paper.filter(|_| scope == Dedup::Run);
        joined(paper, block)
    }
}

/// The fingerprint of what stands on a paper's page, or on any. Fingerprints of different
/// kinds have nothing in common, so their exclusive or is as good as another hash of both.
fn joined(paper: Option<Key>, what: Key) -> Key {
    Key(what.0 ^ paper.map_or(0, |paper| paper.0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::iter;

    use proptest::prelude::*;

    use super::super::fingerprint_of;
    use super::*;

    type Page = (Option<u128>, u128, Vec<u128>);

    fn key_of(kind: &str, number: u128) -> Key {
        fingerprint_of(kind, &number.to_le_bytes())
    }

    /// What stays of each page, and whether the page is dropped.
    fn decided(scope: Dedup, pages: &[Page], memory: usize) -> Vec<(Vec<usize>, bool)> {
        let folder = tempfile::tempdir().unwrap();
        let others = if memory < 1 << 20 { 200 } else { 0 };
        let mut memory = Memory::of_run(memory, folder.path().join("keys"), true);
        let mut dedup = RunDedup::new(scope);
        let mut decisions = Vec::new();
        for (number, (paper, header, blocks)) in pages.iter().enumerate() {
            let seen: Vec<_> = blocks
                .iter()
                .map(|&key| Seen {
                    key: key_of("block", key),
                    see_more: None,
                })
                .collect();
            let identity = PageIdentity {
                paper: paper.map(|paper| key_of("paper", paper)),
                header: key_of("header", *header),
            };
            let place =
                |block: Option<usize>| number as u64 * 1000 + block.map_or(999, |b| b as u64);
            let mut kept = Vec::new();
            if number % 3 > 0 {
                dedup.expect(&mut memory, iter::once((&seen[..], identity)));
            }
            let verdict = dedup
                .decide(&mut memory, &seen, Some(identity), place, &mut kept)
                .unwrap();
            let removed = dedup
                .earlier()
                .iter()
                .filter(|one| one.block.is_some())
                .count();
            assert_eq!(verdict.kept, kept.len());
            assert_eq!(
                kept.len() + verdict.repeated_in_page + removed,
                blocks.len()
            );
            for earlier in dedup.earlier() {
                let (page, block) = (
                    (earlier.first / 1000) as usize,
                    (earlier.first % 1000) as usize,
                );
                assert!(page < number);
                if let Some(mine) = earlier.block {
                    assert_eq!(pages[page].2[block], blocks[mine]);
                    assert!(scope == Dedup::Text || pages[page].0 == *paper);
                } else {
                    assert_eq!((pages[page].0, pages[page].1), (*paper, *header));
                }
            }
            decisions.push((
                kept.iter().map(|kept| kept.block).collect(),
                verdict.is_repeated,
            ));
            // So much else that scarce memory is used up, again and again.
            for other in 0..others {
                let key = key_of("other", (number * others + other) as u128);
                memory.insert(key.0, 0).unwrap();
            }
        }
        decisions
    }

    /// The rule written down without any bound in mind.
    fn model(scope: Dedup, pages: &[Page]) -> Vec<(Vec<usize>, bool)> {
        let (mut blocks_seen, mut headers_seen) = (HashSet::new(), HashSet::new());
        let decide = |(paper, header, blocks): &Page| {
            let is_compared = scope == Dedup::Text || (scope == Dedup::Run && paper.is_some());
            let first = |n: &usize| blocks[..*n].iter().all(|other| *other != blocks[*n]);
            let mut kept: Vec<_> = (0..blocks.len())
                .filter(|n| scope == Dedup::Off || first(n))
                .collect();
            if !is_compared {
                return (kept, false);
            }
            let is_new = headers_seen.insert((*paper, *header));
            let paper = paper.filter(|_| scope == Dedup::Run);
            kept.retain(|&n| blocks_seen.insert((paper, blocks[n])));
            (kept.clone(), !is_new && kept.is_empty())
        };
        let has_paper = |page: &Page| page.0.is_some();
        let mut decide = decide;
        pages
            .iter()
            .map(|page| {
                let (kept, dropped) = decide(page);
                (kept, dropped && has_paper(page))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn decides_as_the_model_does_also_when_memory_is_scarce(
            pages in prop::collection::vec(
                (prop::option::of(0u128..3), 0u128..4, prop::collection::vec(0u128..40, 0..8)), 0..60),
            scope in prop::sample::select(&[Dedup::Off, Dedup::Page, Dedup::Run, Dedup::Text][..]),
            memory in prop::sample::select(&[0usize, 5000, 1 << 30][..]),
        ) {
            prop_assert_eq!(decided(scope, &pages, memory), model(scope, &pages));
        }

        #[test]
        fn twice_is_once(pages in prop::collection::vec(
            (Just(Some(1u128)), 0u128..4, prop::collection::vec(0u128..40, 0..8)), 0..40)
        ) {
            let twice = [&pages[..], &pages].concat();
            let decisions = decided(Dedup::Run, &twice, 1 << 30);
            let again = &decisions[pages.len()..];
            prop_assert!(again.iter().all(|(kept, is_repeated)| kept.is_empty() && *is_repeated));
        }
    }
}
