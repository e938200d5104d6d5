//! Headings of sections by their numbers, so that what is under them can be counted by adding.

use std::mem;

use hashbrown::HashTable;
use twox_hash::XxHash3_64;

use crate::grammar::offset_in;

/// The numbers of no heading, of all that are not told apart, and of the first one.
pub const NONE: u32 = 0;
pub const FURTHER: u32 = 1;
pub const FIRST: u32 = 2;

/// Headings that are found without hashing: nearly all statements stand under a few.
const RECENT: usize = 256;

pub fn hash(seed: u64, heading: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, heading)
}

/// Different headings in the order in which they came, found by their hashes.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    /// Where each of them ends in `text`, and its hash.
    places: Vec<(usize, u64)>,
    text: Vec<u8>,
    known: HashTable<usize>,
}

impl Dictionary {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn text(&self, at: usize) -> &[u8] {
        let start = match at {
            0 => 0,
            at => self.places[at - 1].0,
        };
        &self.text[start..self.places[at].0]
    }

    pub fn hash(&self, at: usize) -> u64 {
        self.places[at].1
    }

    pub fn find(&self, hash: u64, heading: &[u8]) -> Option<usize> {
        let known = self.known.find(hash, |&at| self.text(at) == heading);
        known.copied()
    }

    /// Adds a heading that is not there yet.
    pub fn add(&mut self, hash: u64, heading: &[u8]) -> usize {
        let at = self.len();
        self.text.extend_from_slice(heading);
        self.places.push((self.text.len(), hash));
        let places = &self.places;
        self.known.insert_unique(hash, at, |&at| places[at].1);
        at
    }
}

/// The run's headings, once there are as many as are told apart. The usual ones are found by their
/// ends, without hashing, and most others are seen not to be there. What is looked at for that fits in
/// few lines of a core's first cache, from which a statement's text displaces what is not used again
/// at once.
#[derive(Debug)]
pub struct Full {
    headings: Dictionary,
    /// That of their hashes.
    seed: u64,
    /// By what ends are spread to: in the high byte the first heading of which they tell all, counted
    /// from 1, or 0 for none, and in the low one bits for the others.
    slots: [u16; SLOTS],
    /// The ends of the first ones, behind those of none.
    ends: [Ends; MOST_FIRST + 1],
}

/// Numbers that ends are spread to.
const SLOTS: usize = 1024;

/// Headings that may be the first of a slot.
const MOST_FIRST: usize = u8::MAX as usize;

impl Full {
    pub fn of(headings: &Dictionary, seed: u64) -> Self {
        let mut full = Self {
            headings: headings.clone(),
            seed,
            slots: [0; SLOTS],
            ends: [Ends::NONE; MOST_FIRST + 1],
        };
        for at in 0..headings.len() {
            let ends = Ends::of_heading(headings.text(at));
            let (slot, bit) = ends.spread::<SLOTS>();
            match u8::try_from(at + 1) {
                Ok(place) if full.slots[slot] >> u8::BITS == 0 && ends.are_all() => {
                    full.slots[slot] |= u16::from(place) << u8::BITS;
                    full.ends[at + 1] = ends;
                }
                _ => full.slots[slot] |= 1 << bit,
            }
        }
        full
    }

    /// A heading's number, if its end tells it. `text` is that which it is a part of. A processor cannot
    /// guess which heading comes next, so whether this one is known decides over no jump.
    #[inline]
    pub fn by_end(&self, text: &[u8], heading: &[u8]) -> Option<u32> {
        const { assert!(FIRST - 1 == FURTHER) }
        let ends = Ends::of(text, heading)?;
        let (slot, bit) = ends.spread::<SLOTS>();
        let slot = u32::from(self.slots[slot]);
        let first = slot >> u8::BITS;
        let is_first = u32::from(self.ends[first as usize].are(ends));
        let may_be_other = slot >> bit & 1;
        (may_be_other <= is_first).then_some(FURTHER + first * is_first)
    }

    /// A heading's number.
    pub fn look_up(&self, heading: &[u8]) -> u32 {
        let found = self.headings.find(hash(self.seed, heading), heading);
        found.map_or(FURTHER, |at| FIRST + at as u32)
    }
}

/// A batch's own headings by their numbers.
#[derive(Debug)]
pub struct Headings {
    own: Dictionary,
    recent: [Recent; RECENT],
}

impl Default for Headings {
    fn default() -> Self {
        Self {
            own: Dictionary::default(),
            recent: [Recent::NONE; RECENT],
        }
    }
}

impl Headings {
    /// At a batch's end.
    pub fn take_own(&mut self) -> Dictionary {
        self.recent.fill(Recent::NONE);
        mem::take(&mut self.own)
    }

    /// A heading's number. `text` is that which it is a part of.
    pub fn number_of(&mut self, text: &[u8], heading: &[u8], seed: u64) -> u32 {
        let ends = Ends::of(text, heading);
        if let Some(ends) = ends {
            let recent = self.recent[ends.spread::<RECENT>().0];
            if recent.ends.are(ends)
                && (ends.are_all() || self.own.text((recent.number - FIRST) as usize) == heading)
            {
                return recent.number;
            }
        }
        let number = FIRST + self.find_own(heading, seed) as u32;
        if let Some(ends) = ends {
            self.recent[ends.spread::<RECENT>().0] = Recent { ends, number };
        }
        number
    }

    fn find_own(&mut self, heading: &[u8], seed: u64) -> usize {
        let hash = hash(seed, heading);
        let found = self.own.find(hash, heading);
        found.unwrap_or_else(|| self.own.add(hash, heading))
    }
}

/// A heading that was found.
#[derive(Clone, Copy, Debug)]
struct Recent {
    ends: Ends,
    number: u32,
}

impl Recent {
    const NONE: Self = Self {
        ends: Ends::NONE,
        number: FURTHER,
    };
}

/// The last bytes of a heading: all that it has, for most. They are read without a look at the
/// length, for that is different each time, and a processor that guesses wrong loses more than all
/// else takes.
#[derive(Clone, Copy, Debug)]
struct Ends([u64; ENDS / 8]);

/// Bytes that are looked at.
const ENDS: usize = 32;

/// A byte that stands for those before a heading, and in no UTF-8.
const BEFORE: u8 = u8::MAX;

/// What makes it of all bytes before a heading: as many of these, from the heading's length on.
const MASK: [[u8; ENDS]; 2] = [[BEFORE; ENDS], [0; ENDS]];

impl Ends {
    /// Those of no heading.
    const NONE: Self = Self([u64::MAX; _]);

    /// Those of a heading in a text, unless it is near the text's beginning.
    #[inline]
    fn of(text: &[u8], heading: &[u8]) -> Option<Self> {
        let end = offset_in(text, heading) + heading.len();
        let last = text.get(..end)?.last_chunk()?;
        Some(Self::of_last(last, heading.len()))
    }

    /// Those of a heading by itself.
    fn of_heading(heading: &[u8]) -> Self {
        let length = heading.len();
        let seen = length.min(ENDS);
        let mut last = [0; _];
        last[ENDS - seen..].copy_from_slice(&heading[length - seen..]);
        Self::of_last(&last, length)
    }

    /// Those of a heading of a length that ends with these bytes.
    #[inline]
    fn of_last(last: &[u8; ENDS], length: usize) -> Self {
        let (last, _) = last.as_chunks();
        let (before, _) = MASK.as_flattened()[length.min(ENDS)..][..ENDS].as_chunks();
        let word = |at: usize| u64::from_le_bytes(last[at]) | u64::from_le_bytes(before[at]);
        Self([word(0), word(1), word(2), word(3)])
    }

    /// Whether both are the same. Compared as what they are, they would be written to memory first.
    #[inline]
    fn are(self, other: Self) -> bool {
        let both = self.0.into_iter().zip(other.0);
        both.fold(0, |differing, (own, other)| differing | (own ^ other)) == 0
    }

    fn are_all(self) -> bool {
        self.0[0] as u8 == BEFORE
    }

    /// A number below this power of two, evenly spread, and that of a bit in a byte.
    #[inline]
    fn spread<const BELOW: usize>(self) -> (usize, u32) {
        let [.., before_last, last] = self.0;
        // The golden ratio's, and parts apart that are often the same.
        let ends = before_last.rotate_left(21) ^ last;
        let spread = ends.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let number = spread >> (u64::BITS - BELOW.ilog2());
        (number as usize, spread as u32 & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_heading_keeps_the_number_that_it_got() {
        let seed = 1;
        let mut headings = Headings::default();
        // Of all lengths around those of the ends; some differ in the middle alone.
        let texts: Vec<_> = (0..40)
            .flat_map(|length| ["a", "b"].map(|end| format!("{}{end}", "x".repeat(length))))
            .chain((0..40).map(|at| format!("{}y{}", "x".repeat(at), "x".repeat(39 - at))))
            .chain([String::new(), "\0".to_owned(), "\0\0".to_owned()])
            .collect();
        for before in [
            "",
            "x",
            "Section:",
            "Section: ",
            "”\nSection: ",
            "”\nSection:\t",
        ] {
            for (number, heading) in (FIRST..).zip(&texts) {
                let text = format!("{before}{heading}mentioning");
                let heading = &text.as_bytes()[before.len()..before.len() + heading.len()];
                let found = headings.number_of(text.as_bytes(), heading, seed);
                assert_eq!(found, number, "{text}");
                assert_eq!(headings.own.text((number - FIRST) as usize), heading);
            }
        }
        assert_eq!(headings.own.len(), texts.len());
    }

    #[test]
    fn the_runs_headings_are_found_and_no_others() {
        let seed = 1;
        let lengths = (0..64).map(|length| "x".repeat(length));
        let middles = (0..64).map(|at| format!("{}y{}", "x".repeat(at), "x".repeat(63 - at)));
        let numbers = (0..128).map(|number| format!("Heading {number}"));
        let texts: Vec<_> = lengths.chain(middles).chain(numbers).collect();
        let mut known = Dictionary::default();
        for text in &texts {
            known.add(hash(seed, text.as_bytes()), text.as_bytes());
        }
        let full = Full::of(&known, seed);
        let number_of = |before: &str, heading: &str| {
            let text = format!("{before}{heading}mentioning");
            let found = &text.as_bytes()[before.len()..][..heading.len()];
            let by_end = full.by_end(text.as_bytes(), found);
            let number = full.look_up(found);
            assert_eq!(by_end.unwrap_or(number), number, "{text}");
            number
        };
        for before in [
            "",
            "Section:",
            "”\nSection: ",
            "”\nSection:\t",
            "”\nSection:  ",
        ] {
            for (number, text) in (FIRST..).zip(&texts) {
                assert_eq!(number_of(before, text), number, "{before}{text}");
                for other in [
                    format!("{text}z"),
                    format!("z{text}"),
                    format!("{text}{text}x"),
                ] {
                    assert_eq!(texts.contains(&other), number_of(before, &other) != FURTHER);
                }
            }
        }
    }
}
