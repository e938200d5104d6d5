//! The blocks of a page that is decided by itself: their fingerprints, and which of them stay.

use super::parse::copied_by;
use crate::dedup::{Dedup, Fingerprint, Fingerprinter, Kept, Near, PageDedup, Seen, Similar};
use crate::grammar::Block;

/// Decides page after page, in buffers that it uses again.
pub(super) struct Blocks {
    fingerprinter: Fingerprinter,
    near: Option<Near>,
    dedup: PageDedup,
    seen: Vec<Seen>,
    /// Of every printed block of the last page.
    pub fingerprints: Vec<Fingerprint>,
    pub similar: Vec<Option<Similar>>,
    /// What stays of the last page.
    pub kept: Vec<Kept>,
}

impl Blocks {
    /// `near` is from how many thousandths on statements are told to be alike.
    pub fn new(scope: Dedup, near: Option<u16>) -> Self {
        Self {
            fingerprinter: Fingerprinter::default(),
            near: near.map(Near::new),
            dedup: PageDedup::new(scope),
            seen: Vec::new(),
            fingerprints: Vec::new(),
            similar: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Decides a page's blocks.
    pub fn decide(&mut self, blocks: &[Block]) {
        self.seen.clear();
        self.fingerprints.clear();
        self.similar.clear();
        self.kept.clear();
        if let Some(near) = &mut self.near {
            near.next_page();
        }
        for (number, block) in blocks.iter().enumerate() {
            // As a run, this does not compare again what repeats one of the first.
            match copied_by(blocks, number) {
                Some(first) => {
                    self.fingerprints.push(self.fingerprints[first]);
                    self.similar.push(self.similar[first]);
                }
                None => self.add(block),
            }
            self.seen.push(Seen {
                key: self.fingerprints[number].key,
                see_more: block.see_more,
            });
        }
        self.dedup.decide(&self.seen, &mut self.kept);
    }

    fn add(&mut self, block: &Block) {
        let fingerprint = fingerprint(&mut self.fingerprinter, block);
        let near = self.near.as_mut();
        self.fingerprints.push(fingerprint);
        self.similar
            .push(near.and_then(|near| near.similar(fingerprint, &block.text)));
    }
}

/// What a printed block is known by.
#[inline]
pub(super) fn fingerprint(fingerprinter: &mut Fingerprinter, block: &Block) -> Fingerprint {
    let (section, statement_type) = (block.section, block.statement_type);
    fingerprinter.of(&block.text, section, statement_type, block.confidence)
}

/// The same, for a block whose text stands last in a buffer, from `start` on.
#[inline]
pub(super) fn fingerprint_of_last(out: &mut Vec<u8>, start: usize, block: &Block) -> Fingerprint {
    let (section, statement_type) = (block.section, block.statement_type);
    Fingerprinter::of_last(out, start, section, statement_type, block.confidence)
}
