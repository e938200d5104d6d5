//! The third stage: in input order, which blocks and pages stay. It sees fingerprints, not text.

use std::io;
use std::ops::Range;

use super::parse::{Parsed, ParsedPage};
use crate::dedup::{Earlier, Kept, Places, Removed, RunDedup, Verdict};
use crate::sink::ndjson::{self, Copied, hexadecimal};

/// A batch with the deduplicator's word on it.
#[derive(Debug)]
pub struct Decided {
    pub parsed: Parsed,
    pub kept: Vec<Kept>,
    pub pages: Vec<DecidedPage>,
    /// Lines that tell what was removed.
    pub duplicates: Vec<u8>,
}

/// The word on one page.
#[derive(Debug)]
pub struct DecidedPage {
    /// Its range of `kept`.
    pub kept: Range<usize>,
    pub verdict: Verdict,
    /// Its range of `duplicates`.
    pub duplicates: Range<usize>,
}

/// The deduplicator's state over a run.
pub struct DecideStage {
    dedup: RunDedup,
    /// Where pages stand, when it is to be told what stays for what is removed.
    places: Option<Places>,
}

impl DecideStage {
    pub fn new(dedup: RunDedup, tells_duplicates: bool) -> Self {
        Self {
            dedup,
            places: tells_duplicates.then(Places::default),
        }
    }

    /// Decides a batch's pages.
    ///
    /// # Errors
    /// Those of temporary files.
    pub fn decide(&mut self, parsed: Parsed) -> io::Result<Decided> {
        let mut kept = Vec::with_capacity(parsed.blocks.len());
        let mut pages = Vec::with_capacity(parsed.pages.len());
        let mut duplicates = Vec::new();
        for page in &parsed.pages {
            let (start, first_line) = (kept.len(), duplicates.len());
            let source = &parsed.output[page.source.clone()];
            let place = match &mut self.places {
                Some(places) if page.identity.is_some() => places.add(source)?,
                _ => 0,
            };
            let blocks = &parsed.blocks[page.blocks.clone()];
            let number = |block: Option<usize>| Places::of_block(place, block.unwrap_or(0));
            let verdict = self
                .dedup
                .decide(blocks, page.identity, number, &mut kept)?;
            if self.places.is_some() {
                self.tell(&parsed, page, &mut duplicates)?;
            }
            pages.push(DecidedPage {
                kept: start..kept.len(),
                verdict,
                duplicates: first_line..duplicates.len(),
            });
        }
        Ok(Decided {
            parsed,
            kept,
            pages,
            duplicates,
        })
    }

    /// Writes what was removed from a page: the page itself, what repeats earlier pages, and
    /// what repeats the page's own blocks.
    fn tell(&mut self, parsed: &Parsed, page: &ParsedPage, out: &mut Vec<u8>) -> io::Result<()> {
        let source = &parsed.output[page.source.clone()];
        let Some(places) = &mut self.places else {
            return Ok(());
        };
        let id = |block: usize| {
            let piece = parsed.pieces[page.blocks.start + block].clone();
            ndjson::id_in(&parsed.output[piece])
        };
        let earlier = self.dedup.earlier();
        for &Earlier { block, first } in earlier {
            let (kept, kept_block) = places.get(first)?;
            let (removed, kept) = (
                copied(block, source),
                copied(block.map(|_| kept_block), &kept),
            );
            match (block, page.identity) {
                (Some(block), _) => ndjson::duplicate(out, id(block), removed, kept),
                (None, Some(identity)) => {
                    ndjson::duplicate(out, &hexadecimal(identity.header.0), removed, kept);
                }
                (None, None) => {}
            }
        }
        for &Removed { block, first } in self.dedup.in_page() {
            let removed = copied(Some(block), source);
            // The page's own first copy may itself have had to go.
            match earlier.binary_search_by_key(&Some(first), |earlier| earlier.block) {
                Ok(at) => {
                    let (kept, kept_block) = places.get(earlier[at].first)?;
                    ndjson::duplicate(out, id(block), removed, copied(Some(kept_block), &kept));
                }
                Err(_) => ndjson::duplicate(out, id(block), removed, copied(Some(first), source)),
            }
        }
        Ok(())
    }
}

fn copied(block: Option<usize>, source: &[u8]) -> Copied<'_> {
    Copied { block, source }
}
