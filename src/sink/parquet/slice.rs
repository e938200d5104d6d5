//! Rows on their way into pages. The ordered writer does no more for each than to copy what is
//! unique and to look up what is not; all else is done for many rows at once, elsewhere.

use std::hash::{BuildHasher, RandomState};
use std::iter;

use hashbrown::HashTable;
use twox_hash::XxHash3_64;

use super::columns::{COLUMNS, UNIQUE};
use super::encode::Encoded;

/// Columns with a dictionary.
pub const LOOKED_UP: usize = COLUMNS - UNIQUE;

/// Rows of which each column becomes one page, and behind that the pages.
#[derive(Default)]
pub struct Slice {
    pub rows: u32,
    /// The values of the first columns.
    pub unique: [Vec<u8>; UNIQUE],
    /// Those of the others by their places in the dictionaries.
    pub looked_up: [Runs; LOOKED_UP],
    /// The row group ends here: its dictionaries.
    pub dictionaries: Option<Dictionaries>,
    pub encoded: Encoded,
}

impl Slice {
    /// Bytes of the unique values.
    pub fn bytes(&self) -> usize {
        self.unique.iter().map(Vec::len).sum()
    }

    /// Keeps the memory alone.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.unique.iter_mut().for_each(Vec::clear);
        self.looked_up.iter_mut().for_each(Runs::clear);
        self.dictionaries = None;
        self.encoded.clear();
    }
}

/// A number, and how many times in a row.
#[derive(Clone, Copy)]
pub struct Run {
    pub number: u32,
    pub times: u32,
}

/// Numbers of which many are the same as the one before.
#[derive(Default)]
pub struct Runs(Vec<Run>);

impl Runs {
    /// The number of no value.
    pub const NULL: u32 = u32::MAX;

    #[inline]
    pub fn push(&mut self, number: u32, times: u32) {
        match self.0.last_mut() {
            Some(last) if last.number == number => last.times += times,
            _ => self.0.push(Run { number, times }),
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn runs(&self) -> &[Run] {
        &self.0
    }
}

/// The dictionaries of a row group.
pub struct Dictionaries(Vec<Dictionary>);

impl Dictionaries {
    /// Empty ones.
    pub fn new() -> Self {
        // Nobody shall write values that all have one hash.
        let seed = RandomState::new().hash_one(0);
        let dictionary = || Dictionary {
            values: Vec::new(),
            ends: Vec::new(),
            known: HashTable::new(),
            recent: [0; RECENT],
            seed,
        };
        Self(iter::repeat_with(dictionary).take(LOOKED_UP).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Dictionary> {
        self.0.iter()
    }

    /// The one of a column, which is counted without the unique ones.
    pub fn of(&mut self, column: usize) -> &mut Dictionary {
        &mut self.0[column]
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        self.iter().map(|dictionary| dictionary.values.len()).sum()
    }
}

const RECENT: usize = 64;

/// The different values of a column, each found by what it is.
pub struct Dictionary {
    values: Vec<u8>,
    ends: Vec<usize>,
    known: HashTable<u32>,
    /// Places of values that are found without hashing: nearly all are of a few.
    recent: [u32; RECENT],
    seed: u64,
}

impl Dictionary {
    /// A value's place in it, or that of none.
    #[inline]
    pub fn place_of(&mut self, value: Option<&[u8]>) -> u32 {
        let Some(value) = value else {
            return Runs::NULL;
        };
        let slot = slot_of(value);
        let recent = self.recent[slot];
        if self.ends.is_empty() || at(&self.values, &self.ends, recent) != value {
            self.recent[slot] = self.find(value);
        }
        self.recent[slot]
    }

    fn find(&mut self, value: &[u8]) -> u32 {
        let Self {
            values,
            ends,
            known,
            seed,
            ..
        } = self;
        let hash_of = |value: &[u8]| XxHash3_64::oneshot_with_seed(*seed, value);
        let hash = hash_of(value);
        if let Some(&place) = known.find(hash, |&place| at(values, ends, place) == value) {
            return place;
        }
        let place = ends.len() as u32;
        values.extend_from_slice(value);
        ends.push(values.len());
        known.insert_unique(hash, place, |&place| hash_of(at(values, ends, place)));
        place
    }

    /// All values, one behind the other, and how many there are.
    pub fn values(&self) -> (&[u8], u32) {
        (&self.values, self.ends.len() as u32)
    }
}

/// A number for a value's ends, and so for a number or for a text with its length.
#[inline]
fn slot_of(value: &[u8]) -> usize {
    let end = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let first = end(value.first_chunk());
    let last = end(value.last_chunk());
    // The factor of Fibonacci hashing, which spreads to the high bits.
    let mixed = (first ^ last.rotate_left(16)).wrapping_mul(0x9E37_79B9);
    (mixed >> 26) as usize
}

#[inline]
fn at<'a>(values: &'a [u8], ends: &[usize], place: u32) -> &'a [u8] {
    let place = place as usize;
    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
    &values[start..ends[place]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_place_also_among_values_with_the_same_ends() {
        let mut dictionaries = Dictionaries::new();
        let dictionary = dictionaries.of(0);
        let values: Vec<_> = (0..300).map(|n| format!("same {n:03} ends")).collect();
        for _ in 0..2 {
            for (place, value) in (0..).zip(&values) {
                assert_eq!(dictionary.place_of(Some(value.as_bytes())), place);
            }
        }
        assert_eq!(dictionary.place_of(None), Runs::NULL);
        assert_eq!(dictionary.place_of(Some(b"")), 300);
        assert_eq!(dictionary.values(), (values.concat().as_bytes(), 301));
    }

    #[test]
    fn numbers_that_follow_each_other_are_one_run() {
        let mut runs = Runs::default();
        for number in [1, 1, Runs::NULL, 1] {
            runs.push(number, 2);
        }
        let runs: Vec<_> = runs.runs().iter().map(|r| (r.number, r.times)).collect();
        assert_eq!(runs, [(1, 4), (Runs::NULL, 2), (1, 2)]);
    }
}
