//! Steps at which a test makes a run fail: only with the cargo feature `failpoints`, which no
//! program that is released has.
//!
//! `CITESIFT_FAILPOINTS` lists what happens at which passage of a step, such as
//! `abort 1 sync output,error 3 rename`. An abort ends the program there as `kill -9` does, and an
//! error is one of the system. `CITESIFT_FAILPOINTS_PASSED` names a file that gets a line for each
//! step that is passed.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Point {
    aborts: bool,
    passage: u64,
    step: String,
    passed: AtomicU64,
}

static POINTS: LazyLock<Vec<Point>> = LazyLock::new(|| {
    let points = env::var("CITESIFT_FAILPOINTS").unwrap_or_default();
    let points = points.split_terminator(',').map(|point| {
        let mut words = point.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        Point {
            aborts: match word() {
                "abort" => true,
                "error" => false,
                other => panic!("{other:?} is neither abort nor error"),
            },
            passage: word().parse().expect("the number of a passage"),
            step: word().to_owned(),
            passed: AtomicU64::new(0),
        }
    });
    points.collect()
});

/// Stands before a step on the way to disk, and fails where that is asked for.
///
/// # Errors
/// Those that are asked for.
///
/// # Panics
/// What is asked for makes no sense.
pub fn step(name: &str) -> io::Result<()> {
    if let Some(path) = env::var_os("CITESIFT_FAILPOINTS_PASSED") {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(format!("{name}\n").as_bytes())?;
    }
    for point in POINTS.iter().filter(|point| point.step == name) {
        if point.passed.fetch_add(1, Ordering::Relaxed) + 1 == point.passage {
            match point.aborts {
                true => process::abort(),
                false => return Err(io::Error::other(format!("injected at {name:?}"))),
            }
        }
    }
    Ok(())
}
