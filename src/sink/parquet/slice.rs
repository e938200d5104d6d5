//! Rows on their way into pages. The ordered writer does no more for each than to copy what is
//! unique and to look up what is not; all else is done for many rows at once, elsewhere.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::iter;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use twox_hash::XxHash3_64;

use super::columns::{COLUMNS, UNIQUE};
use super::encode::Encoded;
use super::piece::fits;

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
            recent: [Recent::NONE; RECENT],
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

    /// Keeps the memory alone.
    pub fn clear(&mut self) {
        for dictionary in &mut self.0 {
            dictionary.values.clear();
            dictionary.ends.clear();
            dictionary.known.clear();
            dictionary.recent = [Recent::NONE; RECENT];
        }
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
    /// Values that are found without hashing: nearly all are of a few.
    recent: [Recent; RECENT],
    seed: u64,
}

impl Dictionary {
    /// A value's place in it, or that of none.
    ///
    /// # Errors
    /// A value that is too large for the format.
    #[inline]
    pub fn place_of(&mut self, value: Option<&[u8]>) -> io::Result<u32> {
        let Some(value) = value else {
            return Ok(Runs::NULL);
        };
        let key = Key::of(value);
        let slot = key.slot();
        let recent = &self.recent[slot];
        if recent.key == key
            && (value.len() <= size_of::<Key>()
                || at(&self.values, &self.ends, recent.place) == value)
        {
            return Ok(recent.place);
        }
        let place = self.find(value)?;
        self.recent[slot] = Recent { key, place };
        Ok(place)
    }

    fn find(&mut self, value: &[u8]) -> io::Result<u32> {
        fits(value)?;
        let Self {
            values,
            ends,
            known,
            seed,
            ..
        } = self;
        let hash_of = |value: &[u8]| XxHash3_64::oneshot_with_seed(*seed, value);
        let found = known.entry(
            hash_of(value),
            |&place| at(values, ends, place) == value,
            |&place| hash_of(at(values, ends, place)),
        );
        match found {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(vacant) => {
                let place = ends.len() as u32;
                vacant.insert(place);
                values.extend_from_slice(value);
                ends.push(values.len());
                Ok(place)
            }
        }
    }

    /// All values, one behind the other, and how many there are.
    pub fn values(&self) -> (&[u8], u32) {
        (&self.values, self.ends.len() as u32)
    }
}

#[derive(Clone, Copy)]
struct Recent {
    key: Key,
    place: u32,
}

impl Recent {
    /// With the key of no value: no text is so long, and a number's two halves of a key are the same.
    const NONE: Self = Self {
        key: Key {
            first: u64::MAX,
            last: 0,
        },
        place: 0,
    };
}

/// A value's first and last bytes. In a text its length is among them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
}

impl Key {
    #[inline]
    fn of(value: &[u8]) -> Self {
        let (first, last) = match (value.first_chunk(), value.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (
                value
                    .iter()
                    .rfold(0, |all, &byte| all << 8 | u64::from(byte)),
                0,
            ),
        };
        Self { first, last }
    }

    #[inline]
    fn slot(self) -> usize {
        // The factor of Fibonacci hashing, which spreads to the high bits.
        let mixed = (self.first ^ self.last.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 58) as usize
    }
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
        let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let mut values = vec![
            text(""),
            text("a"),
            text("ab"),
            text("\0"),
            text("\0\0\0\0"),
        ];
        values.extend((0..300).map(|n| text(&format!("the very same {n:03} ends of text"))));
        values.extend((0..300).map(|n| text(&format!("is {n:03}"))));
        let mut dictionaries = Dictionaries::new();
        for _ in 0..2 {
            let dictionary = dictionaries.of(0);
            for _ in 0..2 {
                for (place, value) in (0..).zip(&values) {
                    assert_eq!(dictionary.place_of(Some(value)).unwrap(), place);
                }
            }
            assert_eq!(dictionary.place_of(None).unwrap(), Runs::NULL);
            let number = values.len() as u32;
            assert_eq!(dictionary.values(), (values.concat().as_slice(), number));
            dictionaries.clear();
            assert_eq!(dictionaries.of(0).values(), (&[][..], 0));
        }
    }

    #[test]
    fn a_number_has_one_place_also_the_largest() {
        let mut dictionaries = Dictionaries::new();
        let dictionary = dictionaries.of(0);
        for (place, number) in (0..).zip([u64::MAX, 0, 1, u64::MAX >> 1, 1 << 63]) {
            let value = number.to_le_bytes();
            assert_eq!(dictionary.place_of(Some(&value)).unwrap(), place);
            assert_eq!(dictionary.place_of(Some(&value)).unwrap(), place);
        }
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
