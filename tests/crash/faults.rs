//! Each call fails: a run says so, or is as it would have been; an older output is never damaged; and the
//! next run ends with the same bytes.
//!
//! Only calls on files and folders of the run fail (`strace -P`), and none of those by which the
//! system starts a program. `strace` counts calls thread by thread: first the calls of the main
//! thread fail, one in each run, and then, in each run, the one of that number in every thread.

use std::path::Path;
use std::process::Output;

use super::place::{Files, Given, NAMING, Place, can_trace, resuming, said};

/// Calls, and what they may fail with.
const CALLS: [(&str, &[&str]); 15] = [
    ("openat", &["EMFILE", "EIO", "ENOSPC"]),
    ("read", &["EIO"]),
    ("pread64", &["EIO"]),
    ("write", &["ENOSPC", "EIO"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("ftruncate", &["EIO", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO", "EACCES"]),
    ("mkdir", &["ENOSPC", "EACCES"]),
    ("statx", &["EIO", "EACCES"]),
    ("lseek", &["EIO"]),
    ("getdents64", &["EIO"]),
    ("flock", &["ENOLCK"]),
    ("readlink", &["EIO"]),
];

/// Calls of other threads than the main one.
const OF_OTHERS: [&str; 5] = ["openat", "read", "write", "fdatasync", "statx"];

/// Calls that the system may interrupt.
const INTERRUPTED: [&str; 6] = ["openat", "read", "write", "fsync", "fdatasync", "ftruncate"];

/// A run whose calls fail, and what it gives when none does.
struct Faults<'p> {
    place: &'p Place,
    start: &'p Files,
    args: Vec<String>,
    /// Where it reads and writes, as `strace` is told of it: files and folders.
    files: Vec<String>,
    folders: Vec<String>,
    older: Given,
    expected: Given,
}

const INPUTS: [&str; 2] = ["in/1.txt", "in/2.txt"];

impl<'p> Faults<'p> {
    /// Of a run that begins with this, with faults in what is done to these, beside its outputs.
    fn new(
        place: &'p Place,
        start: &'p Files,
        more: &[&str],
        files: &[String],
        folders: &[&str],
    ) -> Self {
        let args = resuming(&INPUTS, "", more);
        place.put(start);
        let older = place.given();
        let whole = place.run(&args);
        assert!(whole.status.success(), "{}", said(&whole));
        let outputs = ["output", "rejects", "duplicates", "stats"];
        let endings = ["", ".part", ".journal"];
        let outputs = outputs
            .iter()
            .flat_map(|name| endings.map(|end| format!("o/{name}{end}")));
        // As they are typed, and as open files are known.
        let both = |name: String| [place.path(&name).to_str().unwrap().to_owned(), name];
        let options = |name| {
            both(name)
                .into_iter()
                .flat_map(|path| ["-P".to_owned(), path])
        };
        let folders = folders.iter().map(|&name| name.to_owned());
        Self {
            place,
            start,
            args,
            files: outputs
                .chain(files.iter().cloned())
                .flat_map(options)
                .collect(),
            folders: folders.flat_map(options).collect(),
            older,
            expected: place.given(),
        }
    }

    /// Runs with this fault; none where nothing failed.
    fn run(&self, options: &[&str], call: &str, fault: &str) -> Option<Output> {
        self.place.put(self.start);
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}"));
        let files = self.files.iter().map(String::as_str);
        let options = options.iter().copied().chain(files);
        let options: Vec<_> = options.chain(["-e", &trace, "-e", &inject]).collect();
        let ended = self.place.traced(&options, &self.args);
        self.place.trace().contains("(INJECTED)").then_some(ended)
    }

    /// Makes every call fail once, and goes on each time. Returns how many runs had a fault.
    fn everywhere(&self) -> usize {
        let mut faults = 0;
        let folders: Vec<_> = self.folders.iter().map(String::as_str).collect();
        let followed = [&["-f"], &folders[..]].concat();
        let by_main = CALLS.iter().map(|(call, errors)| (&folders, call, errors));
        let by_any = CALLS.iter().filter(|(call, _)| OF_OTHERS.contains(call));
        let by_any = by_any.map(|(call, errors)| (&followed, call, errors));
        for (options, call, errors) in by_main.chain(by_any) {
            for (number, error) in (1..).zip(errors.iter().cycle()) {
                let fault = format!("error={error}:when={number}");
                let Some(ended) = self.run(options, call, &fault) else {
                    break;
                };
                self.check(&ended, &format!("{call}: {fault}"));
                faults += 1;
            }
        }
        faults
    }

    fn check(&self, ended: &Output, what: &str) {
        let said = said(ended);
        let given = self.place.given();
        match ended.status.code() {
            Some(0) => {
                let differs = given.differs_from(&self.expected);
                assert!(differs.is_empty(), "{what}: done, and {differs:?}: {said}");
                return;
            }
            Some(1 | 2) => self.check_failed(&given, &said, what),
            code => panic!("{what}: {code:?}: {said}"),
        }
        let resumed = self.place.run(&self.args);
        let said = format!("{said}then: {}", super::place::said(&resumed));
        let differs = self.place.given().differs_from(&self.expected);
        assert!(differs.is_empty(), "{what}: then {differs:?}: {said}");
        assert!(resumed.status.success(), "{what}: {said}");
    }

    /// It has said why, and what has a name is the older file or a whole one, unless it is of an
    /// input that could not be read whole.
    fn check_failed(&self, given: &Given, said: &str, what: &str) {
        let is_said = said.starts_with("citesift: ") || said.starts_with("error: ");
        let why = ["os error", "is not what it was"];
        let is_said = is_said && why.iter().any(|why| said.contains(why));
        assert!(is_said && !said.contains("bug"), "{what}: {said}");
        if INPUTS
            .iter()
            .any(|input| said.contains(&format!("citesift: {input}: ")))
        {
            return;
        }
        for name in ["o/output", "o/rejects", "o/duplicates"] {
            let bytes = given.bytes(name);
            let is_whole = bytes == self.older.bytes(name) || bytes == self.expected.bytes(name);
            assert!(is_whole, "{what}: {name} is damaged: {said}");
        }
    }

    /// Interrupts every other call, but not the opening of folders: the standard library does not
    /// try that again, and the message says so.
    fn interrupted(&self) {
        for call in INTERRUPTED {
            for first in [1, 2] {
                let fault = format!("error=EINTR:when={first}+2");
                let ended = self.run(&["-f"], call, &fault);
                let ended = ended.unwrap_or_else(|| panic!("{call} is not called twice"));
                assert!(ended.status.success(), "{call}: {fault}: {}", said(&ended));
                let differs = self.place.given().differs_from(&self.expected);
                assert!(differs.is_empty(), "{call}: {fault}: {differs:?}");
            }
        }
    }
}

#[test]
fn a_call_may_fail_in_a_run_that_replaces_older_outputs() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    place.run(&Place::args(&["in/4.txt"], "", &[]));
    let start = place.files();
    let more = ["--dedup", "run"];
    let faults = Faults::new(&place, &start, &more, &INPUTS.map(str::to_owned), &["o"]);
    faults.interrupted();
    let faults = faults.everywhere();
    eprintln!("{faults} runs with a fault");
    assert!(faults > 50, "{faults}");
}

#[test]
fn a_call_may_fail_in_a_run_that_goes_on() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    place.run(&Place::args(&["in/4.txt"], "", &[]));
    let more = ["--dedup", "run"];
    place.broken_off(&resuming(&INPUTS, "", &more), NAMING);
    let start = place.files();
    let faults = Faults::new(&place, &start, &more, &INPUTS.map(str::to_owned), &["o"]);
    let faults = faults.everywhere();
    eprintln!("{faults} runs with a fault");
    assert!(faults > 50, "{faults}");
}

/// The files of a store.
fn store() -> Vec<String> {
    let names = [
        "lock",
        "manifest",
        "manifest.part",
        "pending",
        "pending.part",
        "places",
    ];
    let names = names.iter().chain(&["keys-1", "keys-2"]);
    names.map(|name| format!("s/seen/{name}")).collect()
}

#[test]
fn a_call_may_fail_in_a_run_that_adds_to_a_store() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let seen = ["--seen", "s/seen"];
    place.run(&Place::args(&["in/4.txt"], ".gz", &seen));
    let start = place.files();
    // Not the inputs: what could not be read of one is for another run.
    let faults = Faults::new(&place, &start, &seen, &store(), &["o", "s", "s/seen"]);
    faults.interrupted();
    let faults = faults.everywhere();
    eprintln!("{faults} runs with a fault");
    assert!(faults > 50, "{faults}");
}

/// The last run was broken off when its output had its name, and the store did not say so yet.
#[test]
fn a_call_may_fail_in_a_run_that_settles_a_store() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let seen = ["--seen", "s/seen"];
    place.broken_off(
        &Place::args(&["in/4.txt"], ".gz", &seen),
        (&[], "rename", 7),
    );
    let start = place.files();
    assert!(start.contains_key(Path::new("s/seen/pending")));
    assert!(start.contains_key(Path::new("o/output.gz")));
    let earlier = ["o/output.gz", "o/output.gz.part"].map(str::to_owned);
    let files = [&store()[..], &earlier].concat();
    let faults = Faults::new(&place, &start, &seen, &files, &["o", "s", "s/seen"]);
    let faults = faults.everywhere();
    eprintln!("{faults} runs with a fault");
    assert!(faults > 50, "{faults}");
}

/// With `--seen` an earlier output is not replaced, also when nobody can say whether it is there.
#[test]
fn an_earlier_output_stays_whatever_call_fails() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let seen = ["--seen", "s/seen"];
    place.run(&Place::args(&INPUTS, "", &seen));
    let earlier = place.given();
    let path = place.path("o/output");
    let of_output = [
        "-P",
        "o/output",
        "-P",
        path.to_str().unwrap(),
        "-e",
        "trace=statx",
    ];
    let mut faults = 0;
    for more in [&seen[..], &["--seen", "s/seen", "--resume"]] {
        let args = Place::args(&["in/4.txt"], "", more);
        for number in 1.. {
            let fault = format!("inject=statx:error=EIO:when={number}");
            let ended = place.traced(&[&of_output[..], &["-e", &fault]].concat(), &args);
            let said = said(&ended);
            assert!(
                matches!(ended.status.code(), Some(1 | 2)),
                "{fault}: {said}"
            );
            let differs = place.given().differs_from(&earlier);
            assert!(differs.is_empty(), "{fault}: {differs:?}: {said}");
            if !place.trace().contains("(INJECTED)") {
                break;
            }
            faults += 1;
        }
    }
    assert!(faults > 1, "{faults}");
}
