//! Which orders of steps are tried, and items that are counted.

#![allow(dead_code, reason = "each test includes the file for some of it")]

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Runs of each kind in each test and for each number of workers.
const RUNS: usize = 5000;

/// One more than the changes of priority in a run of the second kind.
const DEPTH: usize = 3;

/// Tries a check in 10,000 orders of steps, and returns the largest number that it left behind.
///
/// Half of the orders are random: at each step any thread that can go on is as likely as any
/// other. These meet what often goes wrong, but hardly ever starve a thread for long. The other
/// half gives every thread a priority by chance and changes one at two random steps (PCT;
/// Burckhardt and others, 2010): a thread may then wait until all others are blocked, as a full
/// pipeline needs it.
///
/// Why so many: where a fault needs two steps in the wrong order after another, one run of n
/// threads and k steps meets it at least once in n·k. Three workers make 7 threads, and all full
/// some 300 steps, so that 5,000 runs find it with 9 in 10, in each test that shows it. Where
/// more must come together the bound is no help, but in a pipeline hardly anything needs one
/// order alone: 18 faults put into the four stages by hand, one at a time, were all found.
/// Of four put into `Ahead` two were; channels that hold less make it wait, and no outcome tells.
///
/// Why so small: a stage knows its neighbours and its turn. With three workers the turn passes
/// one that is neither the last nor the next, and with a few items more than fill everything,
/// all wait and all go on. More of either repeat what was there.
///
/// The runs are the same each time, for their seeds are fixed. A run that fails prints its
/// schedule, which `shuttle::replay` takes.
pub fn explore(check: impl Fn(&AtomicUsize) + Send + Sync + 'static) -> usize {
    let (check, left) = (Arc::new(check), Arc::new(AtomicUsize::new(0)));
    let try_in = |scheduler: Box<dyn Scheduler + Send>| {
        let (check, left) = (Arc::clone(&check), Arc::clone(&left));
        let runs = Runner::new(scheduler, config()).run(move || check(&left));
        assert_eq!(runs, RUNS);
    };
    try_in(Box::new(RandomScheduler::new_from_seed(1, RUNS)));
    try_in(Box::new(PctScheduler::new_from_seed(1, DEPTH, RUNS)));
    left.load(SeqCst)
}

/// Tries a check in all orders of steps there are.
pub fn explore_all(check: impl Fn() + Send + Sync + 'static) {
    let scheduler = DfsScheduler::new(None, false);
    let runs = Runner::new(scheduler, config()).run(check);
    println!("{runs} orders, which are all");
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 16;
    config
}

/// A number from 0 to this one, part of the schedule.
pub fn up_to(most: usize) -> usize {
    thread_rng().gen_range(0..=most)
}

/// A step at which others may go on, as a stage has many in its work.
pub fn pause() {
    shuttle::thread::sleep(Duration::ZERO);
}

/// Items that are under way. Counting them is no step.
pub struct Count {
    pub now: AtomicUsize,
    pub most: AtomicUsize,
    /// What met which item, in this order.
    pub met: Mutex<Vec<(&'static str, usize)>>,
}

impl Count {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            met: Mutex::default(),
        })
    }

    pub fn item(self: &Arc<Self>, number: usize) -> Item {
        self.part(number, 0)
    }

    fn part(self: &Arc<Self>, number: usize, part: usize) -> Item {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        Item {
            number,
            part,
            count: Arc::clone(self),
        }
    }
}

pub struct Item {
    pub number: usize,
    pub part: usize,
    count: Arc<Count>,
}

impl Item {
    /// Another part of it.
    pub fn another(&self, part: usize) -> Self {
        self.count.part(self.number, part)
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.count.now.fetch_sub(1, SeqCst);
    }
}
