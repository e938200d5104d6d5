//! Headings of sections by their numbers, so that what is under them can be counted by adding.

use std::mem;

use hashbrown::HashTable;

use super::Telling;
use crate::grammar::offset_in;

/// The numbers of no heading, of all that are not told apart, and of the first one.
pub const NONE: u32 = 0;
pub const FURTHER: u32 = 1;
pub const FIRST: u32 = 2;

/// Headings that are found without hashing: nearly all statements stand under a few.
const RECENT: usize = 256;

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
    /// For what ends are spread to, the first heading of which they tell all, counted from 1; 0 for none.
    first: [u8; FIRSTS],
    /// The ends of these, behind those of none.
    ends: [Ends; MOST_FIRST + 1],
    /// A bit for each of the others, by what its ends are spread to.
    others: [u64; WORDS],
}

/// Numbers that ends are spread to, for the first headings and for the others.
const FIRSTS: usize = 512;
const WORDS: usize = 64;

/// Headings that may be the first with what their ends are spread to.
const MOST_FIRST: usize = u8::MAX as usize;

impl Full {
    pub fn of(headings: &Dictionary) -> Self {
        let mut full = Self {
            headings: headings.clone(),
            first: [0; FIRSTS],
            ends: [Ends::NONE; MOST_FIRST + 1],
            others: [0; WORDS],
        };
        for at in 0..headings.len() {
            let Some(ends) = Ends::of_heading(headings.text(at)) else {
                continue;
            };
            let first = &mut full.first[ends.spread::<FIRSTS>()];
            match u8::try_from(at + 1) {
                Ok(place) if *first == 0 && ends.are_all() => {
                    *first = place;
                    full.ends[at + 1] = ends;
                }
                _ => full.others[ends.spread::<WORDS>()] |= ends.bit(),
            }
        }
        full
    }

    /// A heading's number. `text` is that which it is a part of. A processor cannot guess which
    /// heading comes next, so whether this one is known decides over no jump.
    #[inline]
    pub fn number_of(&self, text: &[u8], heading: &[u8], telling: &Telling) -> u32 {
        const { assert!(FIRST - 1 == FURTHER) }
        let Some(ends) = Ends::of(text, heading) else {
            return self.look_up(heading, telling);
        };
        let first = self.first[ends.spread::<FIRSTS>()];
        let is_first = u32::from(self.ends[usize::from(first)] == ends);
        let others = self.others[ends.spread::<WORDS>()] & ends.bit();
        if u32::from(others != 0) > is_first {
            return self.look_up(heading, telling);
        }
        FURTHER + u32::from(first) * is_first
    }

    #[inline(never)]
    fn look_up(&self, heading: &[u8], telling: &Telling) -> u32 {
        let found = self.headings.find(telling.hash_of(heading), heading);
        found.map_or(FURTHER, |at| FIRST + at as u32)
    }
}

/// A parser's headings by their numbers.
#[derive(Debug)]
pub struct Headings {
    /// The batch's own, unless the numbers are those of the run's, to which no more come.
    own: Dictionary,
    are_runs: bool,
    recent: [Recent; RECENT],
}

impl Headings {
    pub fn new(telling: &Telling) -> Self {
        Self {
            own: Dictionary::default(),
            are_runs: telling.full().is_some(),
            recent: [Recent::NONE; RECENT],
        }
    }

    /// At a batch's end: its own headings, if the numbers are theirs.
    pub fn take_own(&mut self, telling: &Telling) -> Option<Dictionary> {
        if self.are_runs {
            return None;
        }
        self.recent.fill(Recent::NONE);
        self.are_runs = telling.full().is_some();
        Some(mem::take(&mut self.own))
    }

    /// The run's headings, if the numbers are theirs.
    #[inline]
    pub fn full<'t>(&self, telling: &'t Telling) -> Option<&'t Full> {
        telling.full().filter(|_| self.are_runs)
    }

    /// A heading's number among the batch's own. `text` is that which it is a part of.
    pub fn number_of(&mut self, text: &[u8], heading: &[u8], telling: &Telling) -> u32 {
        let ends = Ends::of(text, heading);
        if let Some(ends) = ends {
            let recent = self.recent[ends.spread::<RECENT>()];
            if recent.ends == ends
                && (ends.are_all() || self.own.text((recent.number - FIRST) as usize) == heading)
            {
                return recent.number;
            }
        }
        let number = FIRST + self.find_own(heading, telling) as u32;
        if let Some(ends) = ends {
            self.recent[ends.spread::<RECENT>()] = Recent { ends, number };
        }
        number
    }

    fn find_own(&mut self, heading: &[u8], telling: &Telling) -> usize {
        let hash = telling.hash_of(heading);
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

/// A heading's length, and bytes that it begins and ends with: all that it has, for most. They are
/// read without a look at the length, for that is different each time, and a processor that guesses
/// wrong loses more than all else takes.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// The blank before it, in which the length is hidden up to a bound, and seven bytes.
    first: u64,
    last: [u64; 2],
}

impl Ends {
    /// What nearly always stands before a heading.
    const BEFORE: &[u8; 9] = b"Section: ";

    /// Those of no heading: no UTF-8 has such bytes.
    const NONE: Self = Self {
        first: u64::MAX,
        last: [u64::MAX; 2],
    };

    /// Those of a heading in a text, unless it is short or something else stands before it.
    #[inline]
    fn of(text: &[u8], heading: &[u8]) -> Option<Self> {
        let start = offset_in(text, heading);
        let line = text.get(start.checked_sub(Self::BEFORE.len())?..start + heading.len())?;
        let (before, behind) = line.split_first_chunk::<8>()?;
        let first = u64::from_le_bytes(*behind.first_chunk()?);
        let (before_last, last) = line.split_last_chunk()?;
        let is_usual = before == b"Section:" && first as u8 == b' ';
        is_usual.then_some(Self {
            first: first ^ heading.len().min(u8::MAX.into()) as u64,
            last: [
                u64::from_le_bytes(*before_last.last_chunk()?),
                u64::from_le_bytes(*last),
            ],
        })
    }

    /// Those of a heading by itself.
    fn of_heading(heading: &[u8]) -> Option<Self> {
        let line = [Self::BEFORE, heading].concat();
        Self::of(&line, &line[Self::BEFORE.len()..])
    }

    fn are_all(self) -> bool {
        let length = self.first as u8 ^ b' ';
        usize::from(length) < size_of::<Self>()
    }

    fn product(self) -> u64 {
        let [before_last, last] = self.last;
        // The golden ratio's, and parts apart that are often the same.
        (self.first ^ before_last.rotate_left(21) ^ last.rotate_left(42))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// A number below this power of two, evenly spread.
    #[inline]
    fn spread<const BELOW: usize>(self) -> usize {
        (self.product() >> (u64::BITS - BELOW.ilog2())) as usize
    }

    /// One bit, evenly spread among the ends with the same number.
    #[inline]
    fn bit(self) -> u64 {
        1 << (self.product() >> (u64::BITS / 2) & 63)
    }
}

impl PartialEq for Ends {
    /// All at once, without a jump behind each part.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let last = (self.last[0] ^ other.last[0]) | (self.last[1] ^ other.last[1]);
        (self.first ^ other.first) | last == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_heading_keeps_the_number_that_it_got() {
        let telling = Telling::new();
        let mut headings = Headings::new(&telling);
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
                let found = headings.number_of(text.as_bytes(), heading, &telling);
                assert_eq!(found, number, "{text}");
                assert_eq!(headings.own.text((number - FIRST) as usize), heading);
            }
        }
        assert_eq!(headings.own.len(), texts.len());
    }

    #[test]
    fn the_runs_headings_are_found_and_no_others() {
        let telling = Telling::new();
        let lengths = (0..64).map(|length| "x".repeat(length));
        let middles = (0..64).map(|at| format!("{}y{}", "x".repeat(at), "x".repeat(63 - at)));
        let numbers = (0..128).map(|number| format!("Heading {number}"));
        let texts: Vec<_> = lengths.chain(middles).chain(numbers).collect();
        let mut known = Dictionary::default();
        for text in &texts {
            known.add(telling.hash_of(text.as_bytes()), text.as_bytes());
        }
        let full = Full::of(&known);
        let number_of = |before: &str, heading: &str| {
            let text = format!("{before}{heading}mentioning");
            let found = &text.as_bytes()[before.len()..][..heading.len()];
            full.number_of(text.as_bytes(), found, &telling)
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
