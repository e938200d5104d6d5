//! Which keys a run may have: a Bloom filter in blocks of one cache line.
//!
//! Blocks are in the order of the keys, so that a run, which is written in order, fills its
//! filter from one end to the other.
//!
//! fastbloom 0.17 lets 0.37 % of absent keys through with as many bits (this: 0.45 %), asks
//! 8 M filters a second (this: 20 M, of the size for 10 M keys) and cannot be folded.

use super::table::scaled;

/// Bits a key: 0.45 % of absent keys are taken for present ones.
pub(super) const BITS: usize = 12;

/// Bits set for a key. Eight would be a little better while the filter is new,
/// but worse once it is folded.
const SET: u32 = 6;

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block([u64; 8]);

const BLOCK: usize = 64;

/// Blocks come in such numbers, so that a filter can be folded four times.
const STEP: usize = 16;

/// Keys that are absent for sure, and others.
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// The size of a filter for so many keys, folded so often.
    pub(super) fn size(keys: u64, folds: u32) -> usize {
        let blocks = (keys as usize * BITS).div_ceil(8 * BLOCK);
        (blocks.next_multiple_of(STEP).max(STEP) >> folds) * BLOCK
    }

    pub(super) const MOST_FOLDS: u32 = STEP.trailing_zeros();

    pub(super) fn new(keys: u64, folds: u32) -> Self {
        let blocks = Self::size(keys, folds) / BLOCK;
        Self {
            blocks: vec![Block([0; 8]); blocks],
        }
    }

    /// The smallest: for a run that is not searched.
    pub(super) fn none() -> Self {
        Self::new(0, Self::MOST_FOLDS)
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    pub(super) fn insert(&mut self, key: u128) {
        let (block, bits) = self.place(key);
        let block = &mut self.blocks[block].0;
        for (word, bit) in bits {
            block[word] |= bit;
        }
    }

    #[inline]
    pub(super) fn may_have(&self, key: u128) -> bool {
        let (block, mut bits) = self.place(key);
        let block = &self.blocks[block].0;
        bits.all(|(word, bit)| block[word] & bit != 0)
    }

    /// Brings the key's block into the cache.
    #[inline]
    pub(super) fn touch(&self, key: u128) -> u64 {
        self.blocks[scaled((key >> 64) as u64, self.blocks.len()).0].0[0]
    }

    /// Both halves of the key are needed: of the lower one alone, differences between keys
    /// can be chosen without the secret.
    #[inline]
    fn place(&self, key: u128) -> (usize, impl Iterator<Item = (usize, u64)> + use<>) {
        let (upper, lower) = ((key >> 64) as u64, key as u64);
        let bits = upper ^ lower;
        let bit = move |number: u32| {
            let bit = bits >> (9 * number);
            ((bit >> 6 & 7) as usize, 1u64 << (bit & 63))
        };
        (scaled(upper, self.blocks.len()).0, (0..SET).map(bit))
    }

    /// Halves the filter, if that is possible. It still has all its keys.
    pub(super) fn fold(&mut self) -> bool {
        let half = self.blocks.len() / 2;
        if half * 2 != self.blocks.len() {
            return false;
        }
        for block in 0..half {
            let (Block(one), Block(other)) = (self.blocks[2 * block], self.blocks[2 * block + 1]);
            self.blocks[block] = Block(std::array::from_fn(|word| one[word] | other[word]));
        }
        self.blocks.truncate(half);
        self.blocks.shrink_to_fit();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::Mix;
    use super::*;

    #[test]
    fn has_its_keys_and_few_others_folded_or_not() {
        let mix = Mix::random();
        let mut filter = Filter::new(100_000, 0);
        (0..100_000).for_each(|key| filter.insert(mix.apply(key)));
        for most in [0.008, 0.08, 0.5] {
            assert!((0..100_000).all(|key| filter.may_have(mix.apply(key))));
            let others = (100_000..200_000).map(|key| mix.apply(key));
            let wrong = others.filter(|&key| filter.may_have(key)).count();
            assert!((wrong as f64) < most * 100_000.0, "{wrong}");
            assert!(filter.fold());
        }
    }

    #[test]
    fn a_filter_made_small_is_a_folded_one() {
        for keys in [0, 1, 1000, 99_999] {
            let mut filter = Filter::new(keys, 0);
            for folds in 0..=Filter::MOST_FOLDS {
                assert_eq!(filter.bytes(), Filter::size(keys, folds));
                assert!(filter.fold() || folds == Filter::MOST_FOLDS);
            }
        }
    }
}
