//! The blocks a run file is made of: 4 KiB each, with a check sum.
//!
//! All numbers are little-endian. Block 0 is the header, the others hold entries in
//! ascending order of their keys:
//!
//! | bytes         | header                      | entries                            |
//! |---------------|-----------------------------|------------------------------------|
//! | 0..8          | magic                       | key's lower half, key's upper half |
//! | 8..16         | version                     | and value, 24 bytes together,      |
//! | 16..24        | number of entries           | up to 170 times                    |
//! | 24..56        | secret of the permutation   | …                                  |
//! | up to 4080    | zeros                       | zeros                              |
//! | 4080..4088    | 0                           | entries in this block              |
//! | 4088..4096    | XXH3 of all before, with the block's number as its seed          ||
//!
//! Every block but the last is full, so that a place in the order tells the block.
//! The header is written last: an unfinished file has none.

use twox_hash::XxHash3_64;

use super::mix::Mix;
use super::table::Entry;

pub(super) const SIZE: usize = 4096;
const COUNT: usize = SIZE - 16;
const SUM: usize = SIZE - 8;

/// Entries in a full block.
pub(super) const ENTRIES: usize = COUNT / Entry::SIZE;

const MAGIC: u64 = u64::from_le_bytes(*b"CSKEYS\r\n");
const VERSION: u64 = 1;

/// A block's bytes.
pub(super) type Bytes = [u8; SIZE];

/// What a file says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) entries: u64,
    pub(super) mix: Mix,
}

impl Header {
    pub(super) fn write(&self, block: &mut Bytes) {
        block.fill(0);
        let words = [MAGIC, VERSION, self.entries];
        for (number, word) in words.into_iter().chain(self.mix.0).enumerate() {
            put(block, 8 * number, word);
        }
        seal(block, 0, 0);
    }

    /// A header that is whole, and of this version.
    pub(super) fn read(block: &Bytes) -> Option<Self> {
        let header = Self {
            entries: get(block, 16),
            mix: Mix([24, 32, 40, 48].map(|at| get(block, at))),
        };
        let known = get(block, 0) == MAGIC && get(block, 8) == VERSION;
        (known && is_whole(block, 0)).then_some(header)
    }
}

/// How many blocks so many entries take, with the header.
pub(super) fn blocks(entries: u64) -> u64 {
    1 + entries.div_ceil(ENTRIES as u64)
}

pub(super) fn put_entry(block: &mut Bytes, number: usize, entry: Entry) {
    let at = number * Entry::SIZE;
    block[at..at + 16].copy_from_slice(&entry.key().to_le_bytes());
    put(block, at + 16, entry.value);
}

pub(super) fn entry(block: &Bytes, number: usize) -> Entry {
    let at = number * Entry::SIZE;
    Entry::new(key(block, number), get(block, at + 16))
}

fn key(block: &Bytes, number: usize) -> u128 {
    let at = number * Entry::SIZE;
    u128::from(get(block, at + 8)) << 64 | u128::from(get(block, at))
}

/// Completes a block of so many entries.
pub(super) fn seal(block: &mut Bytes, number: u64, entries: usize) {
    if number > 0 {
        block[entries * Entry::SIZE..COUNT].fill(0);
    }
    put(block, COUNT, entries as u64);
    put(
        block,
        SUM,
        XxHash3_64::oneshot_with_seed(number, &block[..SUM]),
    );
}

/// How many entries a block has, if it is whole and the one with this number.
pub(super) fn entries(block: &Bytes, number: u64) -> Option<usize> {
    let entries = get(block, COUNT) as usize;
    (is_whole(block, number) && (1..=ENTRIES).contains(&entries)).then_some(entries)
}

fn is_whole(block: &Bytes, number: u64) -> bool {
    get(block, SUM) == XxHash3_64::oneshot_with_seed(number, &block[..SUM])
}

/// What a block knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Value(u64),
    Absent,
    /// All its keys are greater.
    Earlier,
}

/// Looks for a key among so many entries.
pub(super) fn find(block: &Bytes, entries: usize, wanted: u128) -> Found {
    let (mut low, mut high) = (0, entries);
    while low < high {
        let middle = usize::midpoint(low, high);
        if key(block, middle) <= wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    match low.checked_sub(1) {
        None => Found::Earlier,
        Some(last) if key(block, last) == wanted => Found::Value(entry(block, last).value),
        Some(_) => Found::Absent,
    }
}

fn put(block: &mut Bytes, at: usize, number: u64) {
    block[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[inline]
fn get(block: &Bytes, at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&block[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_written_and_not_otherwise() {
        let header = Header {
            entries: 5,
            mix: Mix([1, 2, 3, u64::MAX]),
        };
        let mut block = [0; SIZE];
        assert_eq!(Header::read(&block), None);
        header.write(&mut block);
        assert_eq!(Header::read(&block), Some(header));
        for at in 0..SIZE {
            block[at] ^= 1;
            assert_eq!(Header::read(&block), None);
            block[at] ^= 1;
        }
    }

    #[test]
    fn a_block_finds_its_keys() {
        let mut block = [7; SIZE];
        for number in 0..3 {
            put_entry(&mut block, number, Entry::new(10 + 2 * number as u128, 5));
        }
        seal(&mut block, 4, 3);
        assert_eq!(entries(&block, 4), Some(3));
        assert_eq!(entries(&block, 3), None);
        let found = [9, 10, 11, 14, 15].map(|key| find(&block, 3, key));
        let (value, absent) = (Found::Value(5), Found::Absent);
        assert_eq!(found, [Found::Earlier, value, absent, value, absent]);
    }
}
