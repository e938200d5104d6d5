//! The part of the map that is in memory: a hash table that is nearly in order.
//!
//! Places are in the order of the keys (linear probing), but within a cluster keys stand as
//! they came. So what is spilled needs no more sorting than that of each cluster, and a shard
//! grows where it is: there is never a second table. Shards grow one by one, by a quarter. An
//! allocator that cannot extend a block needs a second one for the shard meanwhile, 3 % of all.
//!
//! Each slot has a tag, a byte of its key, in an array of its own. A search looks at tags, eight at
//! once, and at those keys whose tags match: to add a key, one or two cache lines of tags are
//! read and one of keys is written. Clusters that are always sorted need no tags, but a new
//! key then moves a dozen others, which are in half a dozen cache lines.
//!
//! hashbrown takes up to 66 bytes for each key and more while it doubles, and would have to be
//! sorted as a whole.

use std::iter;
use std::mem;

/// A key and its value; 24 bytes, where a tuple with a `u128` takes 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    upper: u64,
    lower: u64,
    pub(super) value: u64,
}

impl Entry {
    pub(super) const SIZE: usize = 24;

    pub(super) fn new(key: u128, value: u64) -> Self {
        let [upper, lower] = halves(key);
        Self {
            upper,
            lower,
            value,
        }
    }

    #[inline]
    pub(super) fn key(&self) -> u128 {
        u128::from(self.upper) << 64 | u128::from(self.lower)
    }
}

/// The two halves of a key.
type Halves = [u64; 2];

/// Where an absent key belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacancy {
    shard: usize,
    slot: usize,
}

/// Memory allows no more keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

/// Keys in memory.
pub(super) struct Table {
    shards: Vec<Shard>,
    len: usize,
    slots: usize,
    most_slots: usize,
    has_values: bool,
}

/// What grows in one step is a 32nd of the table. Shards below 128 KiB leave holes in glibc's
/// heap when they grow: 3 MiB with 64 shards, 2 MiB with these.
const MOST_SHARDS: usize = 32;

/// With less than this a shard's fill differs too much from the others'.
const SMALLEST_SHARD: usize = 16 * 1024;

impl Table {
    /// A table that may grow to so many bytes. Without values all of them are 0.
    pub(super) fn new(bytes: usize, has_values: bool) -> Self {
        let shards = (bytes / SMALLEST_SHARD).clamp(1, MOST_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            len: 0,
            slots: 0,
            most_slots: bytes / slot_size(has_values),
            has_values,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots * slot_size(self.has_values)
    }

    /// The key's value, or where to put it.
    #[inline]
    pub(super) fn find(&self, key: u128) -> Result<u64, Vacancy> {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let found = self.shards[shard].find(key, rest);
        found.map_err(|slot| Vacancy { shard, slot })
    }

    /// Brings the tags at the key's home into the cache.
    #[inline]
    pub(super) fn touch(&self, key: u128) -> u64 {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let shard = &self.shards[shard];
        shard.tags(shard.home(rest))
    }

    /// Where the key may be or would be put, by its tags alone.
    #[inline]
    pub(super) fn candidate(&self, key: u128) -> Vacancy {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let slot = self.shards[shard].candidate(key, rest);
        Vacancy { shard, slot }
    }

    /// Brings what is there into the cache.
    #[inline]
    pub(super) fn touch_key(&self, at: Vacancy) -> u64 {
        let key = self.shards[at.shard].keys.get(at.slot);
        key.map_or(0, |key| key[0])
    }

    /// Where to put a key that is absent.
    pub(super) fn vacancy(&self, key: u128) -> Vacancy {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let slot = self.shards[shard].find(key, rest).err().unwrap_or_default();
        Vacancy { shard, slot }
    }

    /// Adds a key where `find` has just said that it belongs.
    pub(super) fn insert(&mut self, at: Vacancy, entry: Entry) -> Result<(), Full> {
        let mut slot = at.slot;
        while !self.shards[at.shard].insert(slot, entry) {
            self.grow(at.shard)?;
            slot = self.vacancy(entry.key()).slot;
        }
        self.len += 1;
        Ok(())
    }

    fn grow(&mut self, number: usize) -> Result<(), Full> {
        let shards = self.shards.len();
        let growth = growth(self.has_values);
        let shard = &mut self.shards[number];
        let more = match shard.keys.len() {
            0 => FIRST_SLOTS + FIRST_SLOTS * number / shards / growth,
            slots => slots / growth,
        };
        if self.slots + more > self.most_slots {
            return Err(Full);
        }
        self.slots += more;
        shard.grow(more, shards, self.has_values);
        Ok(())
    }

    /// All keys, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let clusters = self.shards.iter().flat_map(Shard::clusters);
        clusters.flat_map(|mut cluster| {
            cluster.sort_unstable_by_key(Entry::key);
            cluster
        })
    }

    /// Forgets all keys and takes its full size at once: it will be filled again.
    pub(super) fn restart(&mut self, bytes: usize) {
        let slots = bytes / slot_size(self.has_values) / self.shards.len();
        for shard in &mut self.shards {
            shard.restart(slots, self.has_values);
        }
        self.slots = slots * self.shards.len();
        (self.most_slots, self.len) = (self.slots, 0);
    }
}

/// Which of so many equal parts of the range a number is in, and where in the part.
#[inline]
pub(super) fn scaled(number: u64, parts: usize) -> (usize, u64) {
    let wide = u128::from(number) * parts as u128;
    ((wide >> 64) as usize, wide as u64)
}

/// One part of the range of keys.
///
/// An entry is at its home, or behind it with no empty slot between.
#[derive(Default)]
struct Shard {
    /// Of each slot, then [`WORD`] more, which are always empty.
    tags: Vec<u8>,
    keys: Vec<Halves>,
    /// Of each slot, or none.
    values: Vec<u64>,
    len: usize,
}

/// The bytes of a slot: a key, its tag and, where it has one, its value.
fn slot_size(has_values: bool) -> usize {
    size_of::<Halves>() + size_of::<u8>() + if has_values { size_of::<u64>() } else { 0 }
}

/// A shard grows by one part in so many: with values from 75 to 94 % full, without them from 47 %.
/// First sizes are spread over the same range, so that shards never grow all at once and the
/// table is 84 or 68 % full at any time.
///
/// When all grew together, by an eighth, keys were moved so often that inserting was a fifth
/// slower. Growing by a third, a key takes too nearly the 32 bytes that are the limit.
fn growth(has_values: bool) -> usize {
    if has_values { 4 } else { 1 }
}

/// The least first size.
const FIRST_SLOTS: usize = 96;

/// Slots behind the last home, for the cluster at the end.
const MOST_MARGIN: usize = 64;

/// What new slots hold until they are used.
const BLANK: Halves = [0; 2];

/// Tags that are looked at together.
const WORD: usize = size_of::<u64>();

/// The tag of an empty slot.
const EMPTY: u8 = 0;

/// Both halves of the key are needed, as in the filter.
#[inline]
fn tag(key: u128) -> u8 {
    ((key >> 64 ^ key) as u8).max(EMPTY + 1)
}

#[inline]
fn halves(key: u128) -> Halves {
    [(key >> 64) as u64, key as u64]
}

/// Marks the bytes of a word that are zero, with 0x80 in their places; above one that is, also
/// others may be marked.
#[inline]
fn zeros(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; WORD]);
    word.wrapping_sub(ONES) & !word & ONES << 7
}

/// The number of the first byte that is marked.
#[inline]
fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

impl Shard {
    /// At 15 in 16 a search for an absent key looks at 128 tags on average, at 9 in 10 at 50.
    fn is_full(&self) -> bool {
        self.len >= self.keys.len() - self.keys.len() / 16
    }

    #[inline]
    fn home(&self, rest: u64) -> usize {
        let slots = self.keys.len();
        scaled(rest, slots - (slots / 32).min(MOST_MARGIN)).0
    }

    /// The tags from a slot on, the first in the lowest byte.
    #[inline]
    fn tags(&self, slot: usize) -> u64 {
        let tags = self.tags.get(slot..).and_then(<[u8]>::first_chunk);
        tags.map_or(0, |&tags| u64::from_le_bytes(tags))
    }

    /// The key's value, or the first empty slot behind its home; that is none of the shard's
    /// own where the last cluster has no room.
    #[inline]
    fn find(&self, key: u128, rest: u64) -> Result<u64, usize> {
        let wanted = u64::from_ne_bytes([tag(key); WORD]);
        let mut slot = self.home(rest);
        loop {
            let tags = self.tags(slot);
            let empty = zeros(tags);
            let before_empty = empty.wrapping_sub(1) & !empty;
            let mut same = zeros(tags ^ wanted) & before_empty;
            while same != 0 {
                let slot = slot + first(same);
                if self.keys[slot] == halves(key) {
                    return Ok(self.values.get(slot).copied().unwrap_or_default());
                }
                same &= same - 1;
            }
            if empty != 0 {
                return Err(slot + first(empty));
            }
            slot += WORD;
        }
    }

    /// The first slot from the key's home on that is empty or has its tag.
    #[inline]
    fn candidate(&self, key: u128, rest: u64) -> usize {
        let wanted = u64::from_ne_bytes([tag(key); WORD]);
        let mut slot = self.home(rest);
        loop {
            let tags = self.tags(slot);
            let ends = zeros(tags) | zeros(tags ^ wanted);
            if ends != 0 {
                return slot + first(ends);
            }
            slot += WORD;
        }
    }

    /// Whether there was room.
    fn insert(&mut self, slot: usize, entry: Entry) -> bool {
        if self.is_full() || slot >= self.keys.len() {
            return false;
        }
        self.tags[slot] = tag(entry.key());
        self.keys[slot] = halves(entry.key());
        if let Some(value) = self.values.get_mut(slot) {
            *value = entry.value;
        }
        self.len += 1;
        true
    }

    /// Entries that stand together; all of one cluster are before all of the next.
    fn clusters(&self) -> impl Iterator<Item = Vec<Entry>> {
        let slots = 0..self.keys.len();
        let is_empty = |slot: &usize| self.tags[*slot] == EMPTY;
        let mut slots = slots.peekable();
        iter::from_fn(move || {
            while slots.next_if(is_empty).is_some() {}
            slots.peek()?;
            let taken = iter::from_fn(|| slots.next_if(|slot| !is_empty(slot)));
            Some(taken.map(|slot| self.entry(slot)).collect())
        })
    }

    fn entry(&self, slot: usize) -> Entry {
        let [upper, lower] = self.keys[slot];
        Entry {
            upper,
            lower,
            value: self.values.get(slot).copied().unwrap_or_default(),
        }
    }

    /// Grows where it is: a large block of memory is extended or moved by its pages. All slots go
    /// to the end, and then their entries to their places, which are never behind those they
    /// come from: no home moves by more than the shard grows.
    fn grow(&mut self, more: usize, shards: usize, has_values: bool) {
        let before = self.keys.len();
        let slots = before + more;
        self.keys.reserve_exact(more);
        self.keys.resize(slots, BLANK);
        self.keys.copy_within(..before, more);
        if has_values {
            self.values.reserve_exact(more);
            self.values.resize(slots, 0);
            self.values.copy_within(..before, more);
        }
        self.tags.reserve_exact(slots + WORD - self.tags.len());
        self.tags.resize(slots + WORD, EMPTY);
        self.tags.copy_within(..before, more);
        self.tags[..more].fill(EMPTY);
        let mut occupied = Occupied::new(slots);
        for from in more..slots {
            let tag = mem::replace(&mut self.tags[from], EMPTY);
            if tag == EMPTY {
                continue;
            }
            let key = self.keys[from];
            let slot = occupied.take(self.home(scaled(key[0], shards).1));
            self.tags[slot] = tag;
            self.keys[slot] = key;
            if has_values {
                self.values[slot] = self.values[from];
            }
        }
    }

    fn restart(&mut self, slots: usize, has_values: bool) {
        renew(&mut self.keys, slots, BLANK);
        renew(&mut self.values, if has_values { slots } else { 0 }, 0);
        renew(&mut self.tags, slots + WORD, EMPTY);
        self.len = 0;
    }
}

fn renew<T: Clone>(all: &mut Vec<T>, len: usize, blank: T) {
    all.clear();
    all.shrink_to(len);
    all.reserve_exact(len);
    all.resize(len, blank);
}

/// Which slots are taken while a shard grows: one bit each, so that the first free one is found
/// without a jump that cannot be predicted. With the tags instead, growing took twice as long.
struct Occupied(Vec<u64>);

impl Occupied {
    fn new(slots: usize) -> Self {
        Self(vec![0; slots / 64 + 1])
    }

    /// Takes the first free slot from this one on.
    #[inline]
    fn take(&mut self, slot: usize) -> usize {
        let mut word = slot / 64;
        let mut free = !self.0[word] & u64::MAX << (slot % 64);
        while free == 0 {
            word += 1;
            free = !self.0[word];
        }
        self.0[word] |= free & free.wrapping_neg();
        64 * word + free.trailing_zeros() as usize
    }
}
