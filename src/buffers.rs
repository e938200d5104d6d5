//! Buffers that are used again: the last one given back is the first one taken, while it
//! is still in a processor's cache. Without this a third of a run's time went to the
//! allocator and to memory that had to be fetched anew.

use std::sync::{Mutex, PoisonError};

/// Buffers that are kept. Where batches end long before what was read does, more are given back than taken.
const MOST: usize = 16;

/// A stack of byte buffers, shared by the stages.
#[derive(Debug)]
pub struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
    largest: usize,
}

impl Buffers {
    /// Keeps buffers of at most `largest` bytes; larger ones are freed when given back.
    pub fn new(largest: usize) -> Self {
        Self {
            free: Mutex::default(),
            largest,
        }
    }

    /// Bytes of the largest that is kept.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// An empty buffer.
    pub fn take(&self) -> Vec<u8> {
        let mut buffer = self.take_used();
        buffer.clear();
        buffer
    }

    /// A buffer with what was in it, for a reader that writes over that: what it appends to an empty
    /// buffer has to be zeroed first, by all readers but the operating system's.
    pub fn take_used(&self) -> Vec<u8> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    /// Gives a buffer back, whatever is in it.
    pub fn give(&self, buffer: Vec<u8>) {
        if (1..=self.largest).contains(&buffer.capacity()) {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < MOST {
                free.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_buffer_given_is_taken_first_and_a_large_one_is_not_kept() {
        let buffers = Buffers::new(100);
        for capacity in [10, 20, 1000, 0] {
            buffers.give(Vec::with_capacity(capacity));
        }
        let taken = [(); 3].map(|()| buffers.take().capacity());
        assert_eq!(taken, [20, 10, 0]);
    }
}
