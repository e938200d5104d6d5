//! Kills at each call: whatever call is the last one, the next run ends with the same bytes.
//!
//! `strace` counts calls thread by thread. So it first follows the main thread alone, which begins
//! and finishes all files, and then all threads, for what the writer's thread does to the outputs
//! and the journal. Two things are left out. A call of the writer is never the last one where the main
//! thread comes to that number first: so it is with the first four to the journal. And each
//! checkpoint is synced by a thread of its own, of which only the first is killed: what
//! the next run finds is the same before and after a sync.

use super::place::{
    Files, MONDAY, NAMING, Place, TUESDAY, WRITING, can_trace, is_killed, resuming, said,
};

/// Far more than there are of any kind.
const MOST_CALLS: u32 = 10_000;

const CALLS: [&str; 10] = [
    // Right behind the making of a file that is locked; of others the first write or cut is.
    "flock",
    "write",
    "ftruncate",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "rename",
    "unlink",
    "unlinkat",
    "mkdir",
];

/// Kills at all calls of this kind, one run for each. Returns how many were killed.
fn kill_at_each(call: &str, options: &[&str], goes_on: &mut dyn FnMut(&[&str]) -> bool) -> usize {
    (1..MOST_CALLS)
        .take_while(|number| {
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let trace = format!("trace={call}");
            goes_on(&[options, &["-e", &trace, "-e", &inject]].concat())
        })
        .count()
}

/// What is written while the run goes on, as open files are known.
fn written_by_others(place: &Place, ending: &str) -> Vec<String> {
    let names = ["output", "rejects", "duplicates"].map(|name| format!("o/{name}{ending}.part"));
    let journal = format!("o/output{ending}.journal");
    let path = |name: &String| place.path(name).to_str().unwrap().to_owned();
    let names = names.iter().chain([&journal]);
    names.map(path).collect()
}

/// Kills the run at every call, each time from this beginning, and lets the next one end.
fn killed_anywhere(
    place: &Place,
    start: &Files,
    inputs: &[&str],
    ending: &str,
    more: &[&str],
) -> usize {
    let args = resuming(inputs, ending, more);
    place.put(start);
    let whole = place.run(&args);
    let (expected, code) = (place.given(), whole.status.code());
    let output = expected.bytes(&format!("o/output{ending}"));
    assert!(output.is_some(), "{}", said(&whole));
    let mut goes_on = |options: &[&str]| {
        place.put(start);
        let killed = place.traced(options, &args);
        if !is_killed(&killed) {
            assert_eq!(killed.status.code(), code, "{options:?}: {}", said(&killed));
            return false;
        }
        // All is done but to say so: then the output is one that is there.
        let is_over = place.given() == expected;
        let resumed = place.run(&args);
        let said = said(&resumed);
        let differs = place.given().differs_from(&expected);
        assert!(differs.is_empty(), "{options:?}: {differs:?}: {said}");
        let is_refused = is_over && resumed.status.code() == Some(2);
        let is_right = resumed.status.code() == code || is_refused;
        assert!(is_right, "{options:?}: {said}");
        true
    };
    let mut kills = 0;
    for call in CALLS {
        kills += kill_at_each(call, &[], &mut goes_on);
    }
    for path in written_by_others(place, ending) {
        for call in ["write", "fdatasync"] {
            kills += kill_at_each(call, &["-f", "-P", &path], &mut goes_on);
        }
    }
    kills
}

const RUN: &[&str] = &["--dedup", "run"];
const SEEN: &[&str] = &["--seen", "s/seen"];

#[test]
fn a_run_may_be_killed_at_any_call() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let kills = killed_anywhere(&place, &Files::new(), MONDAY, "", RUN);
    eprintln!("{kills} runs killed");
    assert!(kills > 50, "{kills}");
}

#[test]
fn a_run_that_goes_on_may_be_killed_at_any_call() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut kills = 0;
    for call in [WRITING, NAMING] {
        place.put(&Files::new());
        place.broken_off(&resuming(TUESDAY, ".gz", RUN), call);
        kills += killed_anywhere(&place, &place.files(), TUESDAY, ".gz", RUN);
    }
    eprintln!("{kills} runs killed");
    assert!(kills > 100, "{kills}");
}

#[test]
fn a_run_that_adds_to_a_store_may_be_killed_at_any_call() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut kills = killed_anywhere(&place, &Files::new(), MONDAY, "", SEEN);
    place.put(&Files::new());
    place.run(&Place::args(MONDAY, ".gz", SEEN));
    kills += killed_anywhere(&place, &place.files(), TUESDAY, ".zst", SEEN);
    eprintln!("{kills} runs killed");
    assert!(kills > 100, "{kills}");
}
