//! Headings of sections by their numbers, so that what is under them can be counted by adding.

use std::mem;

use hashbrown::HashTable;

use super::Telling;
use crate::grammar::offset_in;
use crate::stats::HEADINGS;

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

/// The run's headings, once there are as many as are told apart.
#[derive(Debug)]
pub struct Full {
    headings: Dictionary,
    /// Which heading has ends that are spread to this number. So most need not be hashed, nor the
    /// rare ones be looked for.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    None,
    One(u16),
    Several,
}

/// Numbers that ends are spread to there.
const SPREAD: usize = 8 * HEADINGS;

impl Full {
    pub fn of(headings: &Dictionary) -> Self {
        let mut slots = vec![Slot::None; SPREAD];
        for at in 0..headings.len() {
            if let Some(ends) = Ends::of_heading(headings.text(at)) {
                let slot = &mut slots[ends.spread(SPREAD)];
                *slot = match *slot {
                    Slot::None => Slot::One(at as u16),
                    _ => Slot::Several,
                };
            }
        }
        Self {
            headings: headings.clone(),
            slots,
        }
    }

    fn find(&self, heading: &[u8], ends: Option<Ends>, telling: &Telling) -> Option<usize> {
        match ends.map(|ends| self.slots[ends.spread(SPREAD)]) {
            Some(Slot::None) => None,
            Some(Slot::One(at)) => {
                let at = usize::from(at);
                (self.headings.text(at) == heading).then_some(at)
            }
            Some(Slot::Several) | None => self.headings.find(telling.hash_of(heading), heading),
        }
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

    /// A heading's number. `text` is that which it is a part of.
    #[inline]
    pub fn number_of(&mut self, text: &[u8], heading: &[u8], telling: &Telling) -> u32 {
        let ends = Ends::of(text, heading);
        let full = telling.full().filter(|_| self.are_runs);
        if let Some(ends) = ends {
            let recent = self.recent[ends.spread(RECENT)];
            if recent.ends == ends {
                let all = full.map_or(&self.own, |full| &full.headings);
                if ends.are_all() || all.text((recent.number - FIRST) as usize) == heading {
                    return recent.number;
                }
            }
        }
        let found = match full {
            Some(full) => full.find(heading, ends, telling),
            None => Some(self.find_own(heading, telling)),
        };
        let Some(at) = found else {
            return FURTHER;
        };
        let number = FIRST + at as u32;
        if let Some(ends) = ends {
            self.recent[ends.spread(RECENT)] = Recent { ends, number };
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
        ends: Ends {
            length: usize::MAX,
            first: 0,
            last: 0,
        },
        number: FURTHER,
    };
}

/// A heading's length, and bytes that it begins and ends with: all that it has, for most. They are
/// read without a look at the length, for that is different each time, and a processor that guesses
/// wrong loses more than all else takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    length: usize,
    first: u64,
    last: u128,
}

impl Ends {
    /// What nearly always stands before a heading.
    const BEFORE: &[u8; 9] = b"Section: ";

    /// Those of a heading in a text, unless it is short or something else stands before it.
    #[inline]
    fn of(text: &[u8], heading: &[u8]) -> Option<Self> {
        let start = offset_in(text, heading);
        let line = text.get(start.checked_sub(Self::BEFORE.len())?..start + heading.len())?;
        if !line.starts_with(Self::BEFORE) {
            return None;
        }
        Some(Self {
            length: heading.len(),
            first: u64::from_le_bytes(*line[Self::BEFORE.len() - 1..].first_chunk()?),
            last: u128::from_le_bytes(*line.last_chunk()?),
        })
    }

    /// Those of a heading by itself.
    fn of_heading(heading: &[u8]) -> Option<Self> {
        let line = [Self::BEFORE, heading].concat();
        Self::of(&line, &line[Self::BEFORE.len()..])
    }

    fn are_all(self) -> bool {
        self.length < size_of_val(&self.first) + size_of_val(&self.last)
    }

    /// A number below this power of two, evenly spread.
    fn spread(self, below: usize) -> usize {
        // Both halves of a product, for either alone depends on few of the bytes. The number is the
        // golden ratio's.
        let (one, other) = (self.first ^ self.last as u64, (self.last >> 64) as u64);
        let other = other ^ self.length as u64 ^ 0x9E37_79B9_7F4A_7C15;
        let product = u128::from(one) * u128::from(other);
        ((product as u64 ^ (product >> 64) as u64) >> (u64::BITS - below.ilog2())) as usize
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
}
