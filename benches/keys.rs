//! The deduplicator's memory at scale: how fast keys pass, and in how much memory.
//!
//!     cargo bench --bench keys -- 50000000 256
//!
//! inserts so many different keys, in groups of six as a page brings them, under so many MiB, first alone and
//! then with 27 % repeats between them, half of these recent and half of any age. Keys
//! that do not fit go to the folder for temporary files. Then how long it takes to save them as a
//! store does, and to open what was saved. Without numbers it does next to
//! nothing, so that all benches can be run at once.

use std::env;
use std::fs;
use std::process;
use std::time::Instant;

use citesift::dedup::{KeyFile, Keys};

/// Blocks on a page, about.
const GROUP: u64 = 6;

/// Repeats in a thousand keys, in a dump like the real pages.
const REPEATS: u64 = 270;

fn main() {
    let numbers: Vec<u64> = env::args().filter_map(|arg| arg.parse().ok()).collect();
    let [unique, mebibytes] = numbers[..] else {
        return println!("keys: give a number of keys and of MiB");
    };
    for repeats in [0, REPEATS] {
        pass(unique, mebibytes as usize, repeats);
    }
}

fn pass(unique: u64, mebibytes: usize, repeats: u64) {
    let mut keys = Keys::new(mebibytes << 20, env::temp_dir());
    let (mut random, mut passed, start) = (1, 0_u64, Instant::now());
    while keys.len() < unique {
        let mut next = keys.len();
        let group = [(); GROUP as usize].map(|()| {
            random = mixed(random);
            let number = match random % 1000 < repeats && next > 0 {
                true => next - 1 - earlier(random, next),
                false => next,
            };
            next += u64::from(number == next);
            number
        });
        keys.expect(group.map(key));
        for number in group {
            let first = keys
                .insert(key(number), number)
                .expect("a temporary folder");
            assert!(first.is_none_or(|first| first == number));
            passed += 1;
        }
    }
    let passed_in = start.elapsed();
    println!(
        "{} keys, {repeats} repeats in 1000, {mebibytes} MiB: {:.2} million a second, {:.1} bytes a key in memory, \
         {} MiB on disk, peak so far {} MiB",
        keys.len(),
        passed as f64 / passed_in.as_secs_f64() / 1e6,
        keys.resident() as f64 / keys.len() as f64,
        keys.spilled() >> 20,
        peak_mebibytes(),
    );
    let folder = env::temp_dir().join(format!("citesift-keys-bench-{}", process::id()));
    fs::create_dir(&folder).expect("a temporary folder");
    let start = Instant::now();
    let files = keys.save(&folder, "keys").expect("a temporary folder");
    let saved_in = start.elapsed();
    let start = Instant::now();
    Keys::open(mebibytes << 20, &folder, &files, folder.clone()).expect("what was saved");
    let opened_in = start.elapsed();
    fs::remove_dir_all(&folder).expect("a temporary folder");
    println!(
        "  kept: saved in {:.1} s, {:.1} bytes a key, opened in {:.1} s, peak so far {} MiB",
        saved_in.as_secs_f64(),
        files.iter().map(KeyFile::size).sum::<u64>() as f64 / unique as f64,
        opened_in.as_secs_f64(),
        peak_mebibytes(),
    );
}

/// How far back a repeat lies: half of them within the last hundred thousand keys.
fn earlier(random: u64, keys: u64) -> u64 {
    let within = match random & 1 << 40 {
        0 => keys.min(100_000),
        _ => keys,
    };
    mixed(!random) % within
}

fn key(number: u64) -> u128 {
    u128::from(mixed(number)) << 64 | u128::from(mixed(!number))
}

/// The finalizer of `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The process's largest resident set; 0 where the system does not say.
fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0) >> 10
}
