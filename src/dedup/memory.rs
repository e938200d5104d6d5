//! What is remembered of the pages that passed: the keys of what was seen and, where somebody
//! asks, the places where it was seen first.
//!
//! All that is added can be noted down, as *news*, so that another memory becomes like this
//! one. News are a row of these, with numbers in little-endian order:
//!
//! | bytes  | a key  | a page's place |
//! |--------|--------|----------------|
//! | 0      | 0      | 1              |
//! | 1..17  | key    | 1..5: length   |
//! | 17..25 | value  | place          |

use std::io::{self, ErrorKind};
use std::mem;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Key, Keys, PageIdentity, Places, fingerprint_of};

/// A run's memory. It grows page by page, in the order of the input.
pub struct Memory {
    pub(super) keys: Keys,
    /// Where pages stand, when it is to be told what stays for what is removed.
    pub places: Option<Places>,
    pub(super) counts: Counts,
    pub(super) counts_papers: bool,
    /// What was added since somebody asked, where that is noted down.
    news: Option<Vec<u8>>,
}

/// How much was new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Different cited papers that were named, where these are counted.
    pub papers: u64,
    /// Pages that were different above their statements.
    pub pages: u64,
    /// Different blocks.
    pub blocks: u64,
}

const KEY: u8 = 0;
const PLACE: u8 = 1;

impl Memory {
    /// The memory of a single run, in so many bytes; what is more goes to temporary files in a
    /// folder within this one.
    pub fn of_run(bytes: usize, temporary: PathBuf, has_places: bool) -> Self {
        let keys = Keys::new(bytes, temporary);
        match has_places {
            true => Self::new(keys, Some(Places::temporary()), false),
            false => Self::new(keys.without_values(), None, false),
        }
    }

    pub(super) fn new(keys: Keys, places: Option<Places>, counts_papers: bool) -> Self {
        Self {
            keys,
            places,
            counts: Counts::default(),
            counts_papers,
            news: None,
        }
    }

    /// The key of a page's paper, where papers are counted.
    pub(super) fn paper(&self, identity: &PageIdentity) -> Option<Key> {
        let paper = identity.paper.filter(|_| self.counts_papers)?;
        Some(fingerprint_of("paper", &paper.0.to_le_bytes()))
    }

    /// How many keys were new.
    pub fn len(&self) -> u64 {
        self.keys.len()
    }

    /// Whether nothing was new.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How much was new.
    pub fn new_counts(&self) -> Counts {
        self.counts
    }

    /// Notes down from now on what is added.
    pub fn note_news(&mut self) {
        self.news = Some(Vec::new());
    }

    /// What was added since this was last asked; nothing where it is not noted down.
    pub fn take_news(&mut self) -> Vec<u8> {
        self.news.as_mut().map(mem::take).unwrap_or_default()
    }

    /// Adds what another memory noted down.
    ///
    /// # Errors
    /// They are no news, or the memory's files cannot be written or read.
    pub fn replay(&mut self, mut news: &[u8]) -> io::Result<()> {
        while let Some(kind) = news.split_off_first() {
            match *kind {
                KEY => {
                    let key = u128::from_le_bytes(taken(&mut news)?);
                    let value = u64::from_le_bytes(taken(&mut news)?);
                    self.keys.insert(key, value)?;
                }
                PLACE => {
                    let length = u32::from_le_bytes(taken(&mut news)?) as usize;
                    let place = news.split_off(..length).ok_or_else(no_news)?;
                    if let Some(places) = &mut self.places {
                        places.add(place)?;
                    }
                }
                _ => return Err(no_news()),
            }
        }
        Ok(())
    }

    /// Sets what was counted as new, for a memory that has replayed it.
    pub fn count_as_new(&mut self, counts: Counts) {
        self.counts = counts;
    }

    pub(super) fn insert(&mut self, key: u128, value: u64) -> io::Result<Option<u64>> {
        let first = self.keys.insert(key, value)?;
        if let (None, Some(news)) = (first, &mut self.news) {
            news.push(KEY);
            news.extend_from_slice(&key.to_le_bytes());
            news.extend_from_slice(&value.to_le_bytes());
        }
        Ok(first)
    }

    /// Adds a page's place as [`Places::add`] does; 0 where no places are known.
    ///
    /// # Errors
    /// Those of [`Places::add`].
    pub fn add_place(&mut self, page: &[u8]) -> io::Result<u64> {
        let Some(places) = &mut self.places else {
            return Ok(0);
        };
        if let Some(news) = &mut self.news {
            news.push(PLACE);
            news.extend_from_slice(&(page.len() as u32).to_le_bytes());
            news.extend_from_slice(page);
        }
        places.add(page)
    }

    /// Takes back the place that was added last, behind which no key was.
    pub fn take_back_place(&mut self, number: u64, page: &[u8]) {
        if let Some(news) = &mut self.news {
            news.truncate(news.len() - page.len() - 5);
        }
        if let Some(places) = &mut self.places {
            places.take_back(number);
        }
    }
}

fn taken<const N: usize>(news: &mut &[u8]) -> io::Result<[u8; N]> {
    let (first, rest) = news.split_first_chunk().ok_or_else(no_news)?;
    *news = rest;
    Ok(*first)
}

fn no_news() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "what was remembered is damaged")
}
