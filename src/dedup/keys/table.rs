//! The part of the map that is in memory: a hash table that is also in order.
//!
//! Places are in the order of the keys (linear probing, with each cluster sorted). So a
//! search for an absent key ends at the first greater one, and what is spilled needs no
//! sorting and no second copy.
//!
//! There is never a second table either: shards grow one by one, by a quarter, in place. An
//! allocator that cannot extend a block needs a second one for the shard meanwhile, 3 % of all.
//!
//! hashbrown inserts twice as many keys a second, but takes up to 66 bytes for each and more
//! while it doubles, and would have to be sorted.

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
        Self {
            upper: (key >> 64) as u64,
            lower: key as u64,
            value,
        }
    }

    #[inline]
    pub(super) fn key(&self) -> u128 {
        u128::from(self.upper) << 64 | u128::from(self.lower)
    }
}

/// The key of an empty slot: greater than all others, so that every search ends there.
const NO_KEY: u128 = u128::MAX;

const EMPTY: Entry = Entry {
    upper: u64::MAX,
    lower: u64::MAX,
    value: 0,
};

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
    /// The value of the one key that looks like an empty slot.
    last: Option<u64>,
    len: usize,
    slots: usize,
    most_slots: usize,
}

/// What grows in one step is a 32nd of the table. Shards below 128 KiB leave holes in glibc's
/// heap when they grow: 3 MiB with 64 shards, 2 MiB with these.
const MOST_SHARDS: usize = 32;

/// With less than this a shard's fill differs too much from the others'.
const SMALLEST_SHARD: usize = 16 * 1024;

impl Table {
    /// A table that may grow to so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let shards = (bytes / SMALLEST_SHARD).clamp(1, MOST_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            last: None,
            len: 0,
            slots: 0,
            most_slots: bytes / Entry::SIZE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots * Entry::SIZE
    }

    /// The key's value, or where to put it.
    #[inline]
    pub(super) fn find(&self, key: u128) -> Result<u64, Vacancy> {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        match self.shards[shard].find(key, rest) {
            _ if key == NO_KEY => self.last.ok_or(Vacancy { shard, slot: 0 }),
            Ok(value) => Ok(value),
            Err(slot) => Err(Vacancy { shard, slot }),
        }
    }

    /// Brings the key's home into the cache.
    #[inline]
    pub(super) fn touch(&self, key: u128) -> u64 {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let shard = &self.shards[shard];
        let home = shard.home(rest);
        shard.slots.get(home).map_or(0, |slot| slot.lower)
    }

    /// Where to put a key that is absent.
    pub(super) fn vacancy(&self, key: u128) -> Vacancy {
        let (shard, rest) = scaled((key >> 64) as u64, self.shards.len());
        let slot = self.shards[shard].find(key, rest).err().unwrap_or_default();
        Vacancy { shard, slot }
    }

    /// Adds a key where `find` has just said that it belongs.
    pub(super) fn insert(&mut self, at: Vacancy, entry: Entry) -> Result<(), Full> {
        if entry.key() == NO_KEY {
            self.last = Some(entry.value);
            self.len += 1;
            return Ok(());
        }
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
        let shard = &mut self.shards[number];
        let more = match shard.slots.len() {
            0 => FIRST_SLOTS + FIRST_SLOTS * number / shards / GROWTH,
            slots => slots / GROWTH,
        };
        if self.slots + more > self.most_slots {
            return Err(Full);
        }
        self.slots -= shard.slots.len();
        shard.grow(more, shards);
        self.slots += shard.slots.len();
        Ok(())
    }

    /// All keys, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let last = self.last.map(|value| Entry::new(NO_KEY, value));
        let slots = self.shards.iter().flat_map(|shard| &shard.slots);
        slots.filter(|slot| !slot.is_empty()).copied().chain(last)
    }

    /// Forgets all keys and takes its full size at once: it will be filled again.
    pub(super) fn restart(&mut self, bytes: usize) {
        let slots = bytes / Entry::SIZE / self.shards.len();
        for shard in &mut self.shards {
            shard.restart(slots);
        }
        self.slots = slots * self.shards.len();
        (self.most_slots, self.len, self.last) = (self.slots, 0, None);
    }
}

impl Entry {
    #[inline]
    fn is_empty(&self) -> bool {
        self.key() == NO_KEY
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
/// An entry is at its home, or behind it with no empty slot between; entries are in order.
#[derive(Default)]
struct Shard {
    slots: Vec<Entry>,
    len: usize,
}

/// A shard grows by one part in so many, from 72 to 90 % full. First sizes are spread over the
/// same range, so that shards never grow all at once and the table is 80 % full at any time.
///
/// When all grew together, by an eighth, keys were moved so often that inserting was a fifth
/// slower. Growing by a third, a key takes 31.4 bytes at worst: too near to the limit of 32.
const GROWTH: usize = 4;

/// The least first size.
const FIRST_SLOTS: usize = 96;

/// Slots behind the last home, for the cluster at the end.
const MOST_MARGIN: usize = 64;

impl Shard {
    /// At nine in ten a new key moves 25 others on average, at 19 in 20 it is 60.
    fn is_full(&self) -> bool {
        self.len >= self.slots.len() - self.slots.len() / 10
    }

    fn home(&self, rest: u64) -> usize {
        let slots = self.slots.len();
        scaled(rest, slots - (slots / 32).min(MOST_MARGIN)).0
    }

    #[inline]
    fn find(&self, key: u128, rest: u64) -> Result<u64, usize> {
        let home = self.home(rest);
        for (slot, entry) in self.slots.iter().enumerate().skip(home) {
            let found = entry.key();
            if found >= key {
                return if found == key {
                    Ok(entry.value)
                } else {
                    Err(slot)
                };
            }
        }
        Err(self.slots.len())
    }

    /// Whether there was room.
    fn insert(&mut self, slot: usize, entry: Entry) -> bool {
        if self.is_full() {
            return false;
        }
        let Some(moved) = self.slots[slot..].iter().position(Entry::is_empty) else {
            return false;
        };
        self.slots.copy_within(slot..slot + moved, slot + 1);
        self.slots[slot] = entry;
        self.len += 1;
        true
    }

    /// Grows where it is: a large block of memory is extended or moved by its pages.
    fn grow(&mut self, more: usize, shards: usize) {
        let mut more = more;
        loop {
            self.slots.reserve_exact(more);
            self.slots.resize(self.slots.len() + more, EMPTY);
            let packed = self.pack();
            if self.spread(packed, shards) {
                return;
            }
            more = FIRST_SLOTS / 4;
        }
    }

    /// Moves all entries to the end and returns where they start.
    fn pack(&mut self) -> usize {
        let mut start = self.slots.len();
        for slot in (0..self.slots.len()).rev() {
            if !self.slots[slot].is_empty() {
                start -= 1;
                self.slots[start] = self.slots[slot];
            }
        }
        start
    }

    /// Moves packed entries to their places, and never behind those they come from. Whether
    /// all are where they belong: the last cluster may need more than the margin.
    fn spread(&mut self, packed: usize, shards: usize) -> bool {
        let (mut free, mut fits) = (0, true);
        for from in packed..self.slots.len() {
            let entry = self.slots[from];
            let slot = self.home(scaled(entry.upper, shards).1).max(free);
            fits &= slot <= from;
            let slot = slot.min(from);
            self.slots[free..slot].fill(EMPTY);
            self.slots[slot] = entry;
            free = slot + 1;
        }
        self.slots[free..].fill(EMPTY);
        fits
    }

    fn restart(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.shrink_to(slots);
        self.slots.reserve_exact(slots);
        self.slots.resize(slots, EMPTY);
        self.len = 0;
    }
}
