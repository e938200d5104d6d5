//! The third stage: in input order, which blocks and pages stay. It sees fingerprints, not text.

use std::io;
use std::ops::Range;

use super::Config;
use super::checkpoint::Checkpoint;
use super::parsed::{Outcome, Parsed, ParsedPage};
use crate::dedup::{Counts, Earlier, Kept, KnownPlace, Memory, Places, Removed, RunDedup, Verdict};
use crate::sink::Form;
use crate::sink::ndjson::{self, Copied, hexadecimal};

/// A batch with the deduplicator's word on it.
#[derive(Debug)]
pub struct Decided {
    pub parsed: Parsed,
    pub kept: Vec<Kept>,
    pub pages: Vec<DecidedPage>,
    /// Whether all reports stay as was most likely.
    pub is_as_likely: bool,
    /// Lines that tell what was removed.
    pub duplicates: Vec<u8>,
    /// What was new, for a memory that is to become like this one, and how much in all.
    pub news: Vec<u8>,
    pub new: Counts,
}

/// The word on one page.
#[derive(Debug)]
pub struct DecidedPage {
    /// Its range of `kept`.
    pub kept: Range<usize>,
    pub verdict: Verdict,
    /// It is emitted, and what was most likely stays of it.
    pub is_as_likely: bool,
    /// Its range of `duplicates`.
    pub duplicates: Range<usize>,
    /// It is one of the first, which are passed over. The other fields say nothing then.
    pub is_passed_over: bool,
}

/// Pages that are made ready at the same time: with six blocks each, what they need fits
/// in half of a core's first cache.
const READY: usize = 16;

/// The deduplicator's state over a run.
pub struct DecideStage<'a> {
    dedup: RunDedup,
    memory: &'a mut Memory,
    form: Form,
    tells_duplicates: bool,
    /// Report pages that are still to be passed over. Those are not remembered.
    ahead: u64,
    /// Pages that may still be emitted. What the writer will not write is not remembered.
    left: u64,
}

impl<'a> DecideStage<'a> {
    pub fn new(config: &Config, start: &Checkpoint, memory: &'a mut Memory) -> Self {
        Self {
            dedup: RunDedup::new(config.dedup),
            memory,
            form: config.form,
            tells_duplicates: config.tells_duplicates,
            ahead: config.skip.saturating_sub(start.stats.pages.passed_over),
            left: config
                .limit
                .unwrap_or(u64::MAX)
                .saturating_sub(start.stats.pages.emitted),
        }
    }

    /// Decides a batch's pages.
    ///
    /// # Errors
    /// Those of the memory's files.
    pub fn decide(&mut self, parsed: Parsed) -> io::Result<Decided> {
        let mut kept = Vec::with_capacity(parsed.blocks.len());
        let mut pages = Vec::with_capacity(parsed.pages.len());
        let mut duplicates = Vec::new();
        let mut all_as_likely = true;
        for next in parsed.pages.chunks(READY) {
            let ready = next.iter().filter_map(|page| {
                let blocks = &parsed.blocks[page.blocks.clone()];
                Some((blocks, page.identity?))
            });
            self.dedup.expect(self.memory, ready);
            for page in next {
                let (start, first_line) = (kept.len(), duplicates.len());
                let is_report = matches!(page.outcome, Outcome::Report);
                let is_passed_over = is_report && self.ahead > 0;
                self.ahead -= u64::from(is_passed_over);
                let verdict = match self.left {
                    0 => Verdict::default(),
                    _ if is_passed_over => Verdict::default(),
                    _ => self.page(&parsed, page, &mut kept, &mut duplicates)?,
                };
                let is_emitted =
                    is_report && self.left > 0 && !is_passed_over && !verdict.is_repeated;
                self.left -= u64::from(is_emitted);
                let is_as_likely =
                    is_emitted && kept[start..] == parsed.likely[page.likely.clone()];
                all_as_likely &= is_as_likely || !is_report;
                pages.push(DecidedPage {
                    kept: start..kept.len(),
                    verdict,
                    is_as_likely,
                    duplicates: first_line..duplicates.len(),
                    is_passed_over,
                });
            }
        }
        Ok(Decided {
            parsed,
            kept,
            pages,
            is_as_likely: all_as_likely,
            duplicates,
            news: self.memory.take_news(),
            new: self.memory.new_counts(),
        })
    }

    fn page(
        &mut self,
        parsed: &Parsed,
        page: &ParsedPage,
        kept: &mut Vec<Kept>,
        duplicates: &mut Vec<u8>,
    ) -> io::Result<Verdict> {
        let known = self.memory.len();
        let source = &parsed.output[page.source.clone()];
        let place = match self.memory.places {
            Some(_) if page.identity.is_some() => Some(self.memory.add_place(source)?),
            _ => None,
        };
        let blocks = &parsed.blocks[page.blocks.clone()];
        let number = |block: Option<usize>| {
            place.map_or(0, |place| Places::of_block(place, block.unwrap_or(0)))
        };
        let verdict = self
            .dedup
            .decide(self.memory, blocks, page.identity, number, kept)?;
        if let Some(place) = place.filter(|_| self.memory.len() == known) {
            self.memory.take_back_place(place, source);
        }
        if self.tells_duplicates {
            self.tell(parsed, page, duplicates)?;
        }
        Ok(verdict)
    }

    /// Writes what was removed from a page: the page itself, what repeats earlier pages, and
    /// what repeats the page's own blocks.
    fn tell(&mut self, parsed: &Parsed, page: &ParsedPage, out: &mut Vec<u8>) -> io::Result<()> {
        let source = &parsed.output[page.source.clone()];
        let Some(places) = &mut self.memory.places else {
            return Ok(());
        };
        let id = |block: usize| {
            let piece = parsed.pieces[page.blocks.start + block].clone();
            self.form.id_in(&parsed.output[piece])
        };
        let earlier = self.dedup.earlier();
        for &Earlier { block, first } in earlier {
            let first = places.get(first)?;
            let removed = copied(block, source);
            let kept = Copied {
                block: block.map(|_| first.block),
                ..of_known(&first)
            };
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
                    let first = places.get(earlier[at].first)?;
                    ndjson::duplicate(out, id(block), removed, of_known(&first));
                }
                Err(_) => ndjson::duplicate(out, id(block), removed, copied(Some(first), source)),
            }
        }
        Ok(())
    }
}

fn copied(block: Option<usize>, source: &[u8]) -> Copied<'_> {
    Copied {
        block,
        source,
        run: None,
    }
}

fn of_known(place: &KnownPlace) -> Copied<'_> {
    Copied {
        block: Some(place.block),
        source: &place.page,
        run: place.run,
    }
}
