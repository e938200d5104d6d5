//! How much of a run's sources has been read, and how long that took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Told by the reader, and asked by others while it goes on.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    passed_over: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Meter {
    /// Bytes read so far, as they stand in the sources: of compressed ones before decompression.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds bytes that were read.
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were not read, for a run before this one has read them, as they stand in the sources.
    pub fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }

    /// Adds bytes that were passed over.
    pub fn pass_over(&self, bytes: u64) {
        self.passed_over.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The time that reading took.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    /// Reads, and adds the time that it takes.
    pub fn timed<T>(&self, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let outcome = read();
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        outcome
    }
}
