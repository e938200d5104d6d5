//! What a stage's thread spends its time with.

use std::ops::Add;
use std::time::{Duration, Instant};

/// Where the time of one stage's threads went, all of them together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// In the stage's own work.
    pub busy: Duration,
    /// For an item of the stage before, or for room before the stage behind.
    pub waiting: Duration,
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            busy: self.busy + other.busy,
            waiting: self.waiting + other.waiting,
        }
    }
}

/// Tells a thread's work from its waiting; begins with work.
pub struct Clock {
    started: Instant,
    waiting: Duration,
    lent: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            waiting: Duration::ZERO,
            lent: Duration::ZERO,
        }
    }
}

impl Clock {
    /// Does what is no work of the thread.
    pub fn waits<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let end = wait();
        self.waiting += since.elapsed();
        end
    }

    /// Does what is another stage's, whose time it is.
    pub fn lends<T>(&mut self, time: &mut Duration, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let done = work();
        let lent = since.elapsed();
        self.lent += lent;
        *time += lent;
        done
    }

    /// So much was another stage's.
    pub fn lend(&mut self, time: Duration) {
        self.lent += time;
    }

    /// All up to now.
    pub fn stop(self) -> Spent {
        Spent {
            busy: (self.started.elapsed()).saturating_sub(self.waiting + self.lent),
            waiting: self.waiting,
        }
    }
}
