//! Keys as they are stored: permuted with a secret of this run.
//!
//! Table, filters and run files take a key's leading bits for its place. XXH3 can be
//! inverted for short texts, so keys could be made to share those bits; after two Feistel
//! rounds with a random secret only somebody who knows the secret can do that. The
//! permutation is exact, so that equal keys, and only those, are equal afterwards.
//! It costs about 2 ns a key.

use std::hash::{BuildHasher, RandomState};

/// Turns keys into stored keys and stays the same for all files of one map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mix(pub(super) [u64; 4]);

impl Mix {
    /// Without a secret, for files that must be the same whenever they are written. Keys that were made to
    /// share bits slow such a file down by a read for each of them, and no more.
    pub(super) const PUBLIC: Self = Self([0; 4]);

    /// With a secret that differs from process to process and from map to map.
    pub(super) fn random() -> Self {
        let source = RandomState::new();
        Self([0u8, 1, 2, 3].map(|number| source.hash_one(number)))
    }

    /// The stored form of a key. Its upper half, which decides on places, depends on all of it.
    #[inline]
    pub(super) fn apply(self, key: u128) -> u128 {
        let [a, b, c, d] = self.0;
        let (upper, lower) = ((key >> 64) as u64, key as u64);
        let lower_after = upper ^ folded(lower ^ a, b);
        let upper_after = lower ^ folded(lower_after ^ c, d);
        u128::from(upper_after) << 64 | u128::from(lower_after)
    }

    /// The key of a stored form.
    pub(super) fn undo(self, stored: u128) -> u128 {
        let [a, b, c, d] = self.0;
        let (upper, lower) = ((stored >> 64) as u64, stored as u64);
        let lower_before = upper ^ folded(lower ^ c, d);
        let upper_before = lower ^ folded(lower_before ^ a, b);
        u128::from(upper_before) << 64 | u128::from(lower_before)
    }
}

/// Both halves of the product. Odd, so that no factor is zero.
#[inline]
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other | 1);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_stay_different() {
        for mix in [Mix([0; 4]), Mix::random()] {
            for key in [0, 1, u128::MAX, 1 << 64, 0x0123_4567_89AB_CDEF << 31] {
                assert_eq!(mix.undo(mix.apply(key)), key);
            }
        }
    }

    /// For one secret in 700 a given shift is spread badly, so a single one says nothing.
    #[test]
    fn keys_that_share_bits_are_spread_by_most_secrets() {
        let secrets = [(); 9].map(|()| Mix::random());
        for shift in 0..=112 {
            let spreads = |mix: &&Mix| {
                let mut hit = [false; 256];
                for number in 0..4096u128 {
                    hit[(mix.apply(number << shift) >> 120) as usize] = true;
                }
                hit.iter().filter(|&&hit| hit).count() > 64
            };
            assert!(secrets.iter().filter(spreads).count() >= 5, "{shift}");
        }
    }
}
