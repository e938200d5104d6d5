//! A folder with inputs, runs in it, and all that they leave behind.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use super::untimed::without_times;

/// Inputs are in `in`, outputs in `o`, and stores in `s`.
pub struct Place {
    _folder: TempDir,
    /// As the system tells it.
    root: PathBuf,
}

/// What is in the folders that runs write to; a folder is none.
pub type Files = BTreeMap<PathBuf, Option<Held>>;

#[derive(Clone, Debug)]
pub struct Held {
    pub bytes: Vec<u8>,
    pub modified: SystemTime,
}

/// What a run gives that is to be the same, whatever happened on the way.
#[derive(Debug, PartialEq)]
pub struct Given {
    files: BTreeMap<PathBuf, Vec<u8>>,
    stats: Value,
}

/// The folders that runs write to.
pub const WRITTEN: [&str; 2] = ["o", "s"];

/// A day's crawl; the second one has pages of the first, and new ones.
pub const MONDAY: &[&str] = &["in/1.txt", "in/2.txt", "in/3.jsonl"];
pub const TUESDAY: &[&str] = &["in/2.txt", "in/4.txt", "in/5.jsonl", "in/6.txt"];

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("in")).unwrap();
        let place = Self {
            _folder: folder,
            root,
        };
        let texts = [
            ("in/1.txt", text(0..6)),
            ("in/2.txt", text(3..9)),
            ("in/3.jsonl", lines(8..11)),
            ("in/4.txt", text(7..13)),
            ("in/5.jsonl", lines(12..15)),
            ("in/6.txt", text(13..19)),
        ];
        for (name, text) in texts {
            fs::write(place.path(name), text).unwrap();
        }
        place.put(&Files::new());
        place
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// What `strace` said of the last run.
    pub fn trace(&self) -> String {
        fs::read_to_string(self.path("trace")).unwrap()
    }

    /// A run on these inputs that writes everything, with a checkpoint behind every input.
    pub fn args(inputs: &[&str], ending: &str, more: &[&str]) -> Vec<String> {
        let mut args: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
        for flag in ["output", "rejects", "duplicates"] {
            args.push(format!("--{flag}"));
            args.push(format!("o/{flag}{ending}"));
        }
        let others = "--stats o/stats --max-page 2000 --threads 1 --checkpoint 0 --quiet";
        args.extend(others.split(' ').map(str::to_owned));
        args.extend(more.iter().map(|&more| more.to_owned()));
        args
    }

    pub fn run(&self, args: &[String]) -> Output {
        self.ended(Command::new(PROGRAM).args(args))
    }

    /// Runs with `strace`, which is to do this; what it says goes to `trace`.
    pub fn traced(&self, options: &[&str], args: &[String]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["60", "strace", "--quiet=all", "-o", "trace"]);
        self.ended(command.args(options).arg(PROGRAM).args(args))
    }

    /// Kills a run right before this call.
    pub fn broken_off(&self, args: &[String], (thread, call, number): BreakingCall) {
        let inject = format!("inject={call}:signal=KILL:when={number}");
        let trace = format!("trace={call}");
        let options = [thread, &["-e", &trace, "-e", &inject]].concat();
        let killed = self.traced(&options, args);
        assert!(is_killed(&killed), "{}", said(&killed));
    }

    fn ended(&self, command: &mut Command) -> Output {
        let command = command.current_dir(&self.root).stdin(Stdio::null());
        command.env("RUST_BACKTRACE", "0").output().unwrap()
    }

    /// All that runs have left behind.
    pub fn files(&self) -> Files {
        let mut files = Files::new();
        for folder in WRITTEN {
            self.gather(Path::new(folder), &mut files);
        }
        files
    }

    fn gather(&self, folder: &Path, files: &mut Files) {
        for entry in fs::read_dir(self.path(folder)).unwrap() {
            let name = folder.join(entry.unwrap().file_name());
            let path = self.path(&name);
            if path.is_dir() {
                files.insert(name.clone(), None);
                self.gather(&name, files);
                continue;
            }
            let held = Held {
                bytes: fs::read(&path).unwrap(),
                modified: fs::metadata(&path).unwrap().modified().unwrap(),
            };
            files.insert(name, Some(held));
        }
    }

    /// Puts this in the place of all that runs have left behind.
    pub fn put(&self, files: &Files) {
        for folder in WRITTEN {
            let folder = self.path(folder);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(folder).unwrap();
        }
        for (name, held) in files {
            let path = self.path(name);
            let Some(held) = held else {
                fs::create_dir(path).unwrap();
                continue;
            };
            fs::write(&path, &held.bytes).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(held.modified).unwrap();
        }
    }

    /// What is there, with nothing else beside it.
    pub fn given(&self) -> Given {
        let files = self.files().into_iter();
        let mut files: BTreeMap<_, _> = files
            .filter_map(|(name, held)| Some((name, held?.bytes)))
            .filter(|(name, _)| name.file_name() != Some(OsStr::new("lock")))
            .collect();
        let stats = files.remove(Path::new("o/stats")).unwrap_or_default();
        let mut stats: Value = serde_json::from_slice(&stats).unwrap_or_default();
        if let Some(stats) = stats.as_object_mut() {
            without_times(stats);
        }
        Given { files, stats }
    }
}

impl Given {
    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.files.get(Path::new(name)).map(|bytes| &bytes[..])
    }

    /// The names of what is not the same.
    pub fn differs_from(&self, other: &Self) -> Vec<String> {
        let names = self.files.keys().chain(other.files.keys());
        let mut names: Vec<_> = names
            .filter(|&name| self.files.get(name) != other.files.get(name))
            .map(|name| name.display().to_string())
            .collect();
        if self.stats != other.stats {
            names.push(format!("stats: {} and {}", self.stats, other.stats));
        }
        names
    }
}

/// How threads are followed, which call it is, and its number.
pub type BreakingCall = (&'static [&'static str], &'static str, u32);

/// There are checkpoints by then.
pub const WRITING: BreakingCall = (&["-f"], "write", 40);

/// Rejects and duplicates have their names, and the output has none.
pub const NAMING: BreakingCall = (&[], "rename", 4);

/// A run that goes on where it can, on these inputs.
pub fn resuming(inputs: &[&str], ending: &str, more: &[&str]) -> Vec<String> {
    Place::args(inputs, ending, &[more, &["--resume"]].concat())
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_citesift");

pub fn is_killed(output: &Output) -> bool {
    output.status.signal() == Some(9)
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether `strace` can be used. Who has real pages, or runs all that must hold, has to have it.
pub fn can_trace() -> bool {
    let mut tried = Command::new("strace");
    let tried = tried.args(["-qq", "-o", "/dev/null", "true"]).output();
    let works = tried.is_ok_and(|tried| tried.status.success());
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(
        works || !(is_set("CI") || is_set("CITESIFT_REAL_PAGES")),
        "strace is missing or not allowed to trace"
    );
    if !works {
        eprintln!("WARNING: NOT checked: strace is missing or not allowed to trace");
    }
    works
}

fn text(papers: std::ops::Range<u32>) -> String {
    let large = "2011\nDOI: 10.5555/large\n|Cite\n|\n\nA page that is too large\n\n";
    let large = large.to_owned() + &"A line of an abstract that does not end.\n".repeat(60);
    let pages: String = papers.map(page).collect();
    pages + &large
}

/// One of them is damaged.
fn lines(papers: std::ops::Range<u32>) -> String {
    let lines = papers.map(|paper| format!("{}\n", serde_json::json!({ "text": page(paper) })));
    lines.collect::<String>() + "{\"text\": broken\n"
}

fn page(paper: u32) -> String {
    let mut text = format!(
        "2012\nDOI: 10.5555/paper.{paper}\n|View full text |Cite\n|\n\nPaper {paper}\n\n\
         Help me understand this report\n\nOrder By: Relevance\n"
    );
    for number in [0, 1, paper % 3] {
        let _ = write!(
            text,
            "“…Statement {number} on some matter.…”\nSection: Resultsmentioning\nconfidence: 9{number}%\n"
        );
    }
    text
}
