#![cfg(unix)]
//! Runs that fail at each step on the way to disk: killed there, or given an error. Whatever the
//! step, what has its name is whole, and the same command again ends with the bytes of a run that
//! never failed.
//!
//! Steps are named in the source by `durable::step`; this needs the cargo feature `failpoints`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod untimed;
#[expect(dead_code, reason = "other tests use more of it")]
mod world;
use untimed::without_times;
use world::pages;

const STEPS: [&str; 27] = [
    "append to journal",
    "begin journal",
    "copy output",
    "cut journal",
    "cut output",
    "cut places",
    "empty output",
    "end record of journal",
    "lock output",
    "lock store",
    "make store",
    "open output",
    "remove from store",
    "remove journal",
    "remove temporary files",
    "rename",
    "sync folder",
    "sync for checkpoint",
    "sync journal",
    "sync keys",
    "sync output",
    "sync places",
    "sync replacement",
    "write keys",
    "write output",
    "write places",
    "write replacement",
];

/// What needs room on the disk. Until all of that is done, every older file is there.
const NEED_ROOM: [&str; 5] = [
    "append to journal",
    "sync output",
    "write keys",
    "write output",
    "write places",
];

/// A command that is made to fail.
#[derive(Clone, Copy)]
struct Way {
    output: &'static str,
    more: &'static [&'static str],
    /// How the run before this one failed.
    before: &'static str,
    /// How this one fails in any case.
    beside: &'static str,
}

const FILE: Way = Way {
    output: "out.ndjson",
    more: &["--dedup", "run"],
    before: "",
    beside: "",
};

const RESUMED: Way = Way {
    output: "out.ndjson.gz",
    more: &["--dedup", "text", "--resume"],
    ..FILE
};

const SEEN: Way = Way {
    more: &["--seen", "seen"],
    ..FILE
};

const SEEN_RESUMED: Way = Way {
    output: "out.ndjson.zst",
    more: &["--seen", "seen", "--resume"],
    ..FILE
};

/// In the middle of the third input.
const MIDWAY: &str = "abort 20 append to journal";

const WAYS: [Way; 9] = [
    FILE,
    RESUMED,
    Way {
        before: MIDWAY,
        ..RESUMED
    },
    // Rejects, duplicates and numbers have their names, and the records do not.
    Way {
        before: "abort 4 rename",
        ..RESUMED
    },
    Way {
        beside: "error 3 write output",
        ..RESUMED
    },
    SEEN,
    SEEN_RESUMED,
    Way {
        before: MIDWAY,
        ..SEEN_RESUMED
    },
    // The records have their name, and the store does not know it yet.
    Way {
        before: "abort 6 rename",
        ..SEEN_RESUMED
    },
];

#[test]
fn the_list_names_every_step_in_the_source() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut named = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split("step(").skip(1).map(str::trim_start);
            let steps = calls.filter_map(|call| call.strip_prefix('"'));
            named.extend(steps.map(|step| step.split('"').next().unwrap().to_owned()));
        }
    }
    assert_eq!(named, STEPS.map(str::to_owned).into());
}

#[test]
fn every_step_is_passed() {
    let passed: BTreeSet<_> = WAYS
        .iter()
        .flat_map(|way| Place::new(way).passed().into_keys())
        .collect();
    assert_eq!(passed, STEPS.map(str::to_owned).into());
}

#[test]
fn a_file() {
    fails_anywhere(&WAYS[0]);
}

#[test]
fn a_file_with_a_journal() {
    fails_anywhere(&WAYS[1]);
}

#[test]
fn a_run_that_goes_on() {
    fails_anywhere(&WAYS[2]);
}

#[test]
fn a_run_that_goes_on_when_some_outputs_have_their_names() {
    fails_anywhere(&WAYS[3]);
}

#[test]
fn a_run_that_has_failed_already() {
    fails_anywhere(&WAYS[4]);
}

#[test]
fn a_store() {
    fails_anywhere(&WAYS[5]);
}

#[test]
fn a_store_with_a_journal() {
    fails_anywhere(&WAYS[6]);
}

#[test]
fn a_run_with_a_store_that_goes_on() {
    fails_anywhere(&WAYS[7]);
}

#[test]
fn a_store_that_does_not_know_that_its_run_was_done() {
    fails_anywhere(&WAYS[8]);
}

/// Fails at many passages of every step that this way passes, and tries again each time.
fn fails_anywhere(way: &Way) {
    let place = Place::new(way);
    let expected = place.expected();
    let mut failed = 0;
    for (step, passages) in place.passed() {
        for passage in picked(passages) {
            for action in ["abort", "error"] {
                // A run that is done does not wait for its last checkpoint, for which folders are synced,
                // too; but then all must be there.
                let may_succeed = match &*step {
                    "sync for checkpoint" => passage == passages,
                    step => step == "sync folder",
                };
                place.fails(
                    &format!("{action} {passage} {step}"),
                    may_succeed,
                    &expected,
                );
                failed += 1;
            }
        }
    }
    println!("{failed} runs failed");
    assert!(failed > 20, "{failed}");
}

/// All of a few, some of many.
fn picked(passages: usize) -> BTreeSet<usize> {
    match passages {
        0..7 => (1..=passages).collect(),
        _ => [1, 2, passages / 2, passages].into(),
    }
}

/// What a run leaves behind, by its name; numbers without the time.
type Left = BTreeMap<PathBuf, Vec<u8>>;

/// A folder in which runs of one way fail. It is the same one for all of them, for a store knows
/// where its outputs are.
struct Place {
    way: Way,
    folder: TempDir,
}

const OLDER: &[u8] = b"older";

impl Place {
    /// What is there before the run that fails is kept in the folder `before`.
    fn new(way: &Way) -> Self {
        let place = Self {
            way: *way,
            folder: tempfile::tempdir().unwrap(),
        };
        let work = place.work();
        fs::create_dir_all(work.join("in")).unwrap();
        for number in 0..4 {
            let mut text = pages(number * 3..number * 3 + 4, 5).concat();
            text.push_str("2011\nDOI: 10.5555/large\n|Cite\n|\n\nLarge\n\n");
            text.push_str(&"A line of an abstract that does not end.\n".repeat(30));
            fs::write(work.join(format!("in/{number}.txt")), text).unwrap();
        }
        for output in ["rejects", "duplicates", "stats"] {
            fs::write(work.join(output), OLDER).unwrap();
        }
        match place.has_store() {
            true => place.begin_store(),
            false => fs::write(work.join(way.output), OLDER).unwrap(),
        }
        copy(&work, &place.kept("clean"));
        if !way.before.is_empty() {
            let ended = place.run(way.before);
            assert_eq!(ended.status.signal(), Some(SIGABRT), "{}", said(&ended));
        }
        copy(&work, &place.kept("before"));
        place
    }

    /// A store of so many runs that the next one merges their files, in which one that was killed
    /// has left something.
    fn begin_store(&self) {
        for run in 0..7 {
            let (input, output) = (format!("{run}.txt"), format!("{run}.ndjson"));
            let text = pages(run * 2..run * 2 + 2, 2).concat();
            fs::write(self.work().join(&input), text).unwrap();
            self.done(&["-q", "--seen", "seen", &input, "-o", &output]);
        }
        fs::create_dir(self.work().join("seen/temporary")).unwrap();
        fs::write(self.work().join("seen/keys-9"), "lost").unwrap();
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin_from(&self, name: &str) {
        fs::remove_dir_all(self.work()).unwrap();
        copy(&self.kept(name), &self.work());
    }

    fn has_store(&self) -> bool {
        self.way.more.contains(&"--seen")
    }

    fn citesift(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command.args(args).current_dir(self.work());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// The run of this way.
    fn command(&self) -> Command {
        let mut command = self.citesift(&["in", "-o", self.way.output]);
        command.args(self.way.more);
        command.args(["--threads", "1", "--checkpoint", "0", "--max-page", "1000"]);
        for output in ["rejects", "duplicates", "stats"] {
            command.arg(format!("--{output}")).arg(output);
        }
        command
    }

    fn run(&self, failpoints: &str) -> Output {
        let mut command = self.command();
        command.env("CITESIFT_FAILPOINTS", failpoints);
        command.output().unwrap()
    }

    fn done(&self, args: &[&str]) {
        let ended = self.citesift(args).output().unwrap();
        assert!(ended.status.success(), "{args:?}: {}", said(&ended));
    }

    /// How often a run that does not fail otherwise passes each step.
    fn passed(&self) -> BTreeMap<String, usize> {
        self.begin_from("before");
        let list = self.kept("passed");
        let mut command = self.command();
        command.env("CITESIFT_FAILPOINTS", self.way.beside);
        command.env("CITESIFT_FAILPOINTS_PASSED", &list);
        command.output().unwrap();
        let mut passed = BTreeMap::new();
        for step in fs::read_to_string(list).unwrap().lines() {
            *passed.entry(step.to_owned()).or_default() += 1;
        }
        passed
    }

    /// What a run leaves behind that never fails, and one with the same store after it.
    fn expected(&self) -> (Left, Left) {
        self.begin_from("clean");
        let whole = self.run("");
        assert!(whole.status.success(), "{}", said(&whole));
        let left = self.left();
        for (name, length) in [
            (self.way.output, 100),
            ("rejects", 100),
            ("duplicates", 100),
        ] {
            assert!(left[Path::new(name)].len() > length, "{name}");
        }
        self.next_run();
        (left, self.left())
    }

    fn next_run(&self) {
        if self.has_store() {
            self.done(&["-q", "--seen", "seen", "0.txt", "in", "-o", "next.ndjson"]);
        }
    }

    fn fails(&self, failpoint: &str, may_succeed: bool, (expected, in_the_end): &(Left, Left)) {
        self.begin_from("before");
        let failed = self.run(&format!("{failpoint},{}", self.way.beside));
        let (ended, shown) = (failed.status, said(&failed));
        if ended.success() {
            assert!(may_succeed && self.left() == *expected, "{failpoint}");
        } else if failpoint.starts_with("abort") {
            assert_eq!(ended.signal(), Some(SIGABRT), "{failpoint}: {shown}");
        } else {
            // An output that cannot be opened is at a wrong place: nothing was done.
            let is_place = ["lock output", "open output"].map(|step| failpoint.ends_with(step));
            let code = if is_place.contains(&true) { 2 } else { 1 };
            assert_eq!(ended.code(), Some(code), "{failpoint}: {shown}");
            assert!(shown.contains("injected at"), "{failpoint}: {shown}");
            assert!(!shown.contains("bug"), "{failpoint}: {shown}");
        }
        let needs_room = NEED_ROOM.iter().any(|step| failpoint.ends_with(step));
        let must_be_older = needs_room && !self.way.before.ends_with("rename");
        for name in [self.way.output, "rejects", "duplicates", "stats"] {
            let there = self.left().remove(Path::new(name));
            let is_older = match name == self.way.output && self.has_store() {
                true => there.is_none(),
                false => there.as_deref() == Some(OLDER),
            };
            let is_whole = there.as_ref() == expected.get(Path::new(name));
            assert!(
                is_older || (is_whole && !must_be_older),
                "{failpoint}: {name}"
            );
        }
        let journal = self.work().join(format!("{}.journal", self.way.output));
        let is_done = self.has_store() && self.work().join(self.way.output).exists();
        let is_found_done = journal.exists() && self.way.more.contains(&"--resume");
        let again = self.run("");
        let shown = said(&again);
        if is_done && !is_found_done {
            assert_eq!(again.status.code(), Some(2), "{failpoint}: {shown}");
            // Only --resume finds that the run was done.
            let _ = fs::remove_file(journal);
        } else {
            assert!(again.status.success(), "{failpoint}: {shown}");
        }
        self.next_run();
        let left = self.left();
        let differ = in_the_end.keys().chain(left.keys());
        let differ: BTreeSet<_> = differ
            .filter(|name| left.get(*name) != in_the_end.get(*name))
            .collect();
        assert!(differ.is_empty(), "{failpoint}: {differ:?}");
    }

    /// All that is there but the inputs.
    fn left(&self) -> Left {
        let mut left = Left::new();
        for path in files(&self.work()) {
            let name = path.strip_prefix(self.work()).unwrap().to_owned();
            let mut bytes = fs::read(&path).unwrap();
            if name == Path::new("stats")
                && let Ok(Value::Object(mut numbers)) = serde_json::from_slice(&bytes)
            {
                without_times(&mut numbers);
                bytes = serde_json::to_vec(&numbers).unwrap();
            }
            if name.extension() != Some(OsStr::new("txt")) {
                left.insert(name, bytes);
            }
        }
        left
    }
}

const SIGABRT: i32 = 6;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files in a folder, however deep.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let of_path = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.flat_map(of_path).collect()
}

/// Copies a folder. The files keep their times, by which a run that goes on knows them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
            continue;
        }
        fs::copy(&path, &to).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let copied = File::options().write(true).open(&to).unwrap();
        copied.set_modified(modified).unwrap();
    }
}
