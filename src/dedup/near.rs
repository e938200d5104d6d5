//! Statements that share most of their words with an earlier one on the same page: told, never removed.
//!
//! *Words* are runs of letters and digits, lower-cased, without those of digits alone: so the
//! numbers of citations and years do not count. A text's *shingles* are its sequences of
//! three words in a row, or all its words where these are fewer. The *similarity* of two texts is the
//! share of the shorter one's different shingles that the other has too, in steps of a
//! thousandth: 1 where one text contains the other's sentences, with other citation marks
//! or not.
//!
//! A statement is compared with the last 64 that came new on its page before it, so that the time
//! is linear in the length of a page.

use std::collections::{HashMap, VecDeque};

use twox_hash::XxHash3_64;

use super::{Fingerprint, Key};

/// Statements that one is compared with.
const COMPARED: usize = 64;

/// Words in a shingle.
const WORDS: usize = 3;

/// The earlier statement that one is most like; of equally like ones, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Similar {
    pub id: u128,
    /// In thousandths.
    pub similarity: u16,
}

/// Compares the statements of one page after the other.
pub struct Near {
    /// In thousandths.
    least: u16,
    before: VecDeque<Compared>,
    /// What each statement of the page is like.
    told: HashMap<Key, Option<Similar>>,
}

struct Compared {
    id: u128,
    /// Fingerprints of the shingles, in order and each once.
    shingles: Vec<u64>,
}

impl Near {
    /// Tells of similarities from so many thousandths on.
    pub fn new(least: u16) -> Self {
        Self {
            least,
            before: VecDeque::new(),
            told: HashMap::new(),
        }
    }

    /// Forgets the last page.
    pub fn next_page(&mut self) {
        self.before.clear();
        // Not cleared: after one large page that would take as long for each that follows.
        self.told = HashMap::new();
    }

    /// The statement that this one is like, if there is one. An exact repeat is like what its
    /// first copy is like.
    pub fn similar(&mut self, fingerprint: Fingerprint, text: &[u8]) -> Option<Similar> {
        let Fingerprint { id, key } = fingerprint;
        if let Some(similar) = self.told.get(&key) {
            return *similar;
        }
        let shingles = shingles(text);
        let similarities = self.before.iter().map(|other| Similar {
            id: other.id,
            similarity: similarity(&shingles, &other.shingles),
        });
        // The last of equal ones in reverse is the first.
        let most = similarities.rev().max_by_key(|similar| similar.similarity);
        let similar = most.filter(|similar| similar.similarity >= self.least);
        if self.before.len() == COMPARED {
            self.before.pop_front();
        }
        self.before.push_back(Compared { id, shingles });
        self.told.insert(key, similar);
        similar
    }
}

/// What the shorter one shares, in thousandths; nothing is like a text without words.
fn similarity(one: &[u64], other: &[u64]) -> u16 {
    let (mut at, mut shared) = (0, 0);
    for shingle in one {
        at += other[at..].partition_point(|other| other < shingle);
        shared += usize::from(other.get(at) == Some(shingle));
    }
    let shorter = one.len().min(other.len()).max(1);
    (shared * 1000 / shorter) as u16
}

fn shingles(text: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let words: Vec<u64> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.chars().all(char::is_numeric))
        .map(|word| XxHash3_64::oneshot(word.as_bytes()))
        .collect();
    let mut shingles: Vec<_> = match words.len() {
        0 => Vec::new(),
        few if few < WORDS => vec![shingle(&words)],
        _ => words.windows(WORDS).map(shingle).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

fn shingle(words: &[u64]) -> u64 {
    let mut bytes = [0; size_of::<u64>() * WORDS];
    for (eight, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *eight = word.to_le_bytes();
    }
    XxHash3_64::oneshot(&bytes[..size_of_val(words)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn similarities(texts: &[&str], least: u16) -> Vec<Option<(u128, u16)>> {
        let mut near = Near::new(least);
        let similar = |(number, text): (usize, &&str)| {
            let fingerprint = Fingerprint {
                id: number as u128,
                key: Key(XxHash3_64::oneshot(text.as_bytes()).into()),
            };
            let similar = near.similar(fingerprint, text.as_bytes())?;
            Some((similar.id, similar.similarity))
        };
        texts.iter().enumerate().map(similar).collect()
    }

    #[test]
    fn one_that_contains_another_with_other_citation_marks_is_like_it() {
        let short = "Workers enter both worlds and bridge gaps (Simpson et al . , Watson ).";
        let long = "They hold knowledge. Workers enter both worlds and bridge gaps (Simpson et al 2017, Watson 2017).";
        assert_eq!(similarities(&[short, long], 800), [None, Some((0, 1000))]);
        assert_eq!(similarities(&[long, short], 1000), [None, Some((0, 1000))]);
    }

    #[test]
    fn the_share_of_the_shorter_one_counts_and_the_first_of_equals_is_told() {
        // Shingles abc bcd cde; abc bcd cdx.
        let texts = ["a b c d e", "x y z", "A, b: c d x", "a b c d y"];
        assert_eq!(
            similarities(&texts, 600),
            [None, None, Some((0, 666)), Some((0, 666))]
        );
        assert_eq!(similarities(&texts, 667), [None; 4]);
    }

    #[test]
    fn repeats_texts_without_words_and_short_ones() {
        assert_eq!(similarities(&["a b", "a b", "1 2", "3", ""], 1), [None; 5]);
        assert_eq!(
            similarities(&["a b", "a, b!"], 1000),
            [None, Some((0, 1000))]
        );
        assert_eq!(similarities(&["a b", "a b c"], 1), [None; 2]);
    }

    #[test]
    fn a_repeat_is_like_what_its_first_copy_is_like_however_far_away_that_is() {
        let fillers: Vec<_> = (0..COMPARED)
            .map(|at| format!("f{at}x g{at}x h{at}x"))
            .collect();
        let mut texts = vec!["a b c d e", "a b c d f"];
        texts.extend(fillers.iter().map(String::as_str));
        texts.extend(["a b c d f", "a b c d g"]);
        let similar = similarities(&texts, 500);
        assert_eq!(similar[1], Some((0, 666)));
        assert_eq!(similar[2 + COMPARED..], [Some((0, 666)), None]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_of_two_comes_first(
            one in prop::collection::vec("[abc1]", 0..12), other in prop::collection::vec("[abc1]", 0..12),
        ) {
            let (one, other) = (shingles(one.join(" ").as_bytes()), shingles(other.join(" ").as_bytes()));
            let found = similarity(&one, &other);
            prop_assert_eq!(found, similarity(&other, &one));
            prop_assert!(found <= 1000);
            prop_assert!(one.is_empty() || similarity(&one, &one) == 1000);
        }
    }
}
