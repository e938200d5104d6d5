//! A first look at a large input: which pages a sample holds.

use twox_hash::XxHash3_64;

/// A share of the pages. A page is in it when the XXH3-64 of its bytes, without blanks at both ends
/// and with the seed, is below that share of 2⁶⁴. So neither threads nor batches nor the container
/// matter, copies of a page are all in it or none of them is, and with one seed a smaller sample
/// is a part of a larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From here on hashes are not in it.
    end: u128,
    seed: u64,
}

impl Sample {
    /// So many percent of the pages, from 0 to 100.
    pub fn new(percent: f64, seed: u64) -> Self {
        let end = percent / 100.0 * 2f64.powi(64);
        Self {
            end: end as u128,
            seed,
        }
    }

    /// Whether it holds a page.
    pub fn has(self, page: &[u8]) -> bool {
        u128::from(XxHash3_64::oneshot_with_seed(self.seed, page.trim_ascii())) < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(percent: f64, seed: u64) -> Vec<u32> {
        let sample = Sample::new(percent, seed);
        (0..10_000)
            .filter(|page| sample.has(format!("\nPage {page}\r\n").as_bytes()))
            .collect()
    }

    #[test]
    fn a_sample_has_its_share_and_depends_on_the_seed() {
        assert_eq!(sampled(0.0, 1).len(), 0);
        assert_eq!(sampled(100.0, 1).len(), 10_000);
        for seed in 0..20 {
            assert!((900..1100).contains(&sampled(10.0, seed).len()), "{seed}");
        }
        assert_ne!(sampled(10.0, 1), sampled(10.0, 2));
    }

    #[test]
    fn a_smaller_sample_is_a_part_of_a_larger_one() {
        let larger = sampled(20.0, 7);
        assert!(sampled(3.0, 7).iter().all(|page| larger.contains(page)));
    }

    #[test]
    fn blanks_around_a_page_do_not_matter() {
        let sample = Sample::new(50.0, 3);
        for page in 0..100 {
            let page = format!("Page {page}");
            let padded = format!("\n {page} \r\n");
            assert_eq!(sample.has(page.as_bytes()), sample.has(padded.as_bytes()));
        }
    }
}
