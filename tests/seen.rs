//! `--seen`: from run to run, nothing is lost and nothing is given twice, also when a run is killed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with crawls, outputs and a store.
struct World {
    folder: TempDir,
}

/// A paper's DOI and a statement's id.
type Known = (String, String);

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command.args(args).current_dir(&self.folder);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdout(Stdio::piped()).output().unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said when nothing is done.
    fn refusal(&self, args: &[&str]) -> String {
        let before = self.names();
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(self.names(), before, "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// A crawl of pages of these papers, with statements of these numbers on each.
    fn crawl(&self, name: &str, papers: Range<u32>, statements: Range<u32>) {
        let mut text = String::new();
        for paper in papers {
            write!(
                text,
                "2012\nDOI: 10.5555/paper.{paper}\n|View full text |Cite\n|\n\nPaper {paper}\n\n"
            )
            .unwrap();
            text.push_str("Help me understand this report\n\nOrder By: Relevance\n");
            for number in statements.clone() {
                write!(
                    text,
                    "“…Statement {number} on some matter.…”\nSection: Results"
                )
                .unwrap();
                write!(text, "mentioning\nconfidence: {}%\n", number % 100).unwrap();
            }
        }
        fs::write(self.path(name), text).unwrap();
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn statements(&self, name: &str) -> Vec<Known> {
        let pages = self.lines(name);
        let of_page = |page: &Value| {
            let doi = page["doi"].as_str().unwrap().to_owned();
            let statements = page["statements"].as_array().unwrap().clone();
            let ids = statements.into_iter();
            ids.map(move |one| (doi.clone(), one["id"].as_str().unwrap().to_owned()))
                .collect::<Vec<_>>()
        };
        pages.iter().flat_map(of_page).collect()
    }

    /// All files of the store.
    fn store(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = paths
            .map(|path| (name(&path), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

/// Crawls that overlap: each day has pages and statements of the days before, and new ones.
fn crawl_of(world: &World, day: u32, papers: u32, statements: u32) -> String {
    let name = format!("crawl-{day}.txt");
    let papers = day * papers / 2..day * papers / 2 + papers;
    world.crawl(&name, papers, day..day + statements);
    name
}

#[test]
fn what_several_runs_give_is_what_one_run_gives() {
    let world = World::new();
    let crawls: Vec<_> = (0..9).map(|day| crawl_of(&world, day, 12, 6)).collect();
    let mut all = vec!["-q", "--dedup", "run", "-o", "all.ndjson"];
    all.extend(crawls.iter().map(String::as_str));
    world.done(&all);
    let mut given = Vec::new();
    for (day, crawl) in crawls.iter().enumerate() {
        let output = format!("{day}.ndjson");
        world.done(&["-q", "--seen", "seen", crawl, "-o", &output]);
        given.extend(world.statements(&output));
    }
    assert_eq!(given, world.statements("all.ndjson"));
    assert!(given.len() > 12 * 6);
    // Once more, under another name: nothing is new.
    world.done(&["-q", "--seen", "seen", &crawls[3], "-o", "again.ndjson"]);
    assert_eq!(world.lines("again.ndjson"), [] as [Value; 0]);

    let told = world.done(&["seen", "seen"]);
    let papers = world
        .lines("all.ndjson")
        .iter()
        .map(|page| page["doi"].to_string())
        .collect::<BTreeSet<_>>();
    for line in [
        "rules   --dedup run: ".to_owned(),
        format!("\nblocks  {}\n", given.len()),
        format!("\npapers  {}\n", papers.len()),
        "\nruns    10\n".to_owned(),
        "\nrun 10  0 blocks and 0 pages new, in again.ndjson\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line:?} in {told}");
    }
    let size: usize = world
        .store("seen")
        .iter()
        .map(|(name, bytes)| match name.as_str() {
            "manifest" => 0,
            _ => bytes.len(),
        })
        .sum();
    assert!(
        told.contains(&format!("size    {:.1} kB", size as f64 / 1000.0)),
        "{told}"
    );
}

#[test]
fn a_store_does_not_depend_on_threads_and_memory() {
    let world = World::new();
    let crawls = [0, 1].map(|day| crawl_of(&world, day, 300, 12));
    let stores = [("1", "1GiB"), ("2", "1"), ("7", "100kB")].map(|(threads, memory)| {
        let folder = format!("{threads}.seen");
        let args = [
            "-q",
            "--threads",
            threads,
            "--memory",
            memory,
            "--seen",
            &folder,
        ];
        for crawl in &crawls {
            let output = format!("{crawl}.ndjson");
            world.done(&[&args[..], &[crawl, "-o", &output]].concat());
            fs::rename(
                world.path(&output),
                world.path(&format!("{threads}.{output}")),
            )
            .unwrap();
        }
        let outputs = crawls
            .each_ref()
            .map(|crawl| fs::read(world.path(&format!("{threads}.{crawl}.ndjson"))).unwrap());
        (world.store(&folder), outputs)
    });
    assert!(stores[0] == stores[1] && stores[1] == stores[2]);
}

#[test]
fn repeats_of_earlier_runs_are_told_with_their_run_and_place() {
    let world = World::new();
    let mut seen = 0;
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    // The last crawl is one that was there before.
    let crawls = [0, 1, 2, 1].map(|day| crawl_of(&world, day, 8, 5));
    for (day, crawl) in crawls.iter().enumerate() {
        let (output, duplicates) = (format!("{day}.ndjson"), format!("{day}.duplicates"));
        world.done(&[
            "-q",
            "--seen",
            "seen",
            crawl,
            "-o",
            &output,
            "--duplicates",
            &duplicates,
            "--stats",
            "stats",
        ]);
        kept.extend(world.statements(&output));
        removed.extend(world.lines(&duplicates));
        let stats = &world.lines("stats")[0];
        seen += stats["blocks"]["seen"].as_u64().unwrap();
    }
    let blocks: Vec<_> = removed
        .iter()
        .filter(|line| line["kind"] == "block")
        .collect();
    assert_eq!((kept.len() + blocks.len()) as u64, seen);
    assert!(
        removed.len() > blocks.len(),
        "some pages are dropped as a whole"
    );
    for line in removed {
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let run = number(&line["kept"]["run"]);
        let place = &line["kept"]["source"];
        assert_eq!(place["path"], crawls[run - 1].as_str());
        // The copy is where the line says: cut out, it is the same block.
        let cut = |place: &Value, block: &Value| {
            let bytes = fs::read(world.path(place["path"].as_str().unwrap())).unwrap();
            let page = &bytes[number(&place["offset"])..][..number(&place["length"])];
            fs::write(world.path("page"), page).unwrap();
            let page = world.done(&["-q", "--dedup", "off", "page"]);
            let page: Value = serde_json::from_str(&page).unwrap();
            match block.as_u64() {
                Some(block) => page["statements"][block as usize - 1]["id"].clone(),
                None => page["title"].clone(),
            }
        };
        assert_eq!(
            cut(place, &line["kept"]["block"]),
            cut(&line["source"], &line["block"])
        );
    }
}

#[test]
fn wrong_uses_are_refused_before_anything_is_done() {
    let world = World::new();
    world.crawl("crawl", 0..1, 0..1);
    let refused = |args: &[&str], expected: &str| {
        let said = world.refusal(args);
        assert!(said.contains(expected), "{args:?}: {said}");
    };
    refused(&["--seen", "seen", "crawl"], "--output");
    refused(
        &["--seen", "seen", "crawl", "-o", "o", "--dedup", "page"],
        "--dedup run or text",
    );
    refused(
        &["--seen", "seen", "crawl", "-o", "/dev/null"],
        "needs a new one",
    );
    refused(
        &["--seen", "seen", ".", "-o", "../o"],
        "--seen: `seen` is in a folder that is read",
    );
    refused(
        &["--seen", "s3://bucket/seen", "crawl", "-o", "o"],
        "--seen: `s3://bucket/seen` is an address",
    );
    assert!(!world.path("s3:").exists());
    refused(&["seen", "seen"], "seen is no store");
    world.done(&["--seen", "seen", "crawl", "-o", "one", "--dedup", "text"]);
    refused(&["--seen", "seen", "crawl", "-o", "one"], "needs a new one");
    let resume = ["--seen", "new", "--resume", "-o", "one"];
    refused(&[&resume[..], &["crawl"]].concat(), "needs a new one");
    refused(&[&resume[..], &["-"]].concat(), "standard input is no file");
    refused(
        &["--seen", "seen", "crawl", "-o", "seen/o"],
        "--output is in `seen`, which --seen keeps for itself",
    );
    refused(
        &["--seen", "seen", "crawl", "-o", "two", "--dedup", "run"],
        "give --dedup text",
    );
    let lock = File::open(world.path("seen/lock")).unwrap();
    lock.lock().unwrap();
    refused(
        &["--seen", "seen", "crawl", "-o", "two"],
        "in use by another run",
    );
    drop(lock);
    // The scope is the store's own where none is typed.
    world.done(&["--seen", "seen", "crawl", "-o", "two"]);
    assert!(world.lines("two").is_empty());
}

#[test]
fn a_limit_counts_no_page_that_is_dropped() {
    let world = World::new();
    world.crawl("one", 0..3, 0..3);
    world.crawl("two", 0..6, 0..3);
    for (emit, lines) in [("reports", 5), ("statements", 15)] {
        let args = ["-q", "--dedup", "run", "--limit", "5", "--emit", emit];
        world.done(&[&args[..], &["one", "two", "-o", emit]].concat());
        assert_eq!(world.lines(emit).len(), lines);
    }
}

#[test]
fn what_a_limit_leaves_out_is_not_seen() {
    let world = World::new();
    world.crawl("crawl", 0..50, 0..3);
    world.done(&[
        "-q", "--seen", "seen", "--limit", "20", "crawl", "-o", "one",
    ]);
    world.done(&["-q", "--seen", "seen", "crawl", "-o", "two"]);
    assert_eq!(
        (world.lines("one").len(), world.lines("two").len()),
        (20, 30)
    );
}

#[test]
fn a_run_that_fails_adds_nothing() {
    let world = World::new();
    world.crawl("crawl", 0..50, 0..3);
    let failed = world.run(&[
        "-q",
        "--seen",
        "seen",
        "crawl",
        "-o",
        "one",
        "--rejects",
        "/dev/full",
        "not-there",
    ]);
    assert_eq!(failed.status.code(), Some(1));
    // An input that cannot be read is no reason to forget what was written of the others.
    assert_eq!(world.lines("one").len(), 50);
    let full = world.run(&[
        "-q",
        "--seen",
        "seen",
        "crawl",
        "-o",
        "two",
        "--duplicates",
        "/dev/full",
    ]);
    assert_eq!(full.status.code(), Some(1));
    assert!(!world.exists("two"));
    world.crawl("crawl", 0..60, 0..3);
    world.done(&["-q", "--seen", "seen", "crawl", "-o", "three"]);
    assert_eq!(world.lines("three").len(), 10);
}

/// When a run is killed.
#[derive(Debug)]
enum Moment {
    After(Duration),
    /// As soon as this file is there.
    When(String),
}

impl World {
    /// Kills a run at some moment, if it has not ended by then.
    fn kill(&self, args: &[&str], moment: &Moment) {
        let mut child = self.command(args).stdout(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        let is_due = || match moment {
            Moment::After(time) => start.elapsed() >= *time,
            Moment::When(file) => self.exists(file),
        };
        while !is_due() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_loses_nothing_and_gives_nothing_twice() {
    let world = World::new();
    let start = Instant::now();
    let crawls: Vec<_> = (0..12).map(|day| crawl_of(&world, day, 300, 8)).collect();
    let mut all = vec!["-q", "--dedup", "run", "-o", "all.ndjson"];
    all.extend(crawls.iter().map(String::as_str));
    world.done(&all);
    world.done(&[
        "-q",
        "--seen",
        "measured",
        &crawls[0],
        "-o",
        "measured.ndjson",
    ]);
    let (mut given, mut killed, mut whole) = (Vec::new(), 0, 0);
    for (day, crawl) in crawls.iter().enumerate() {
        let output = format!("{day}.ndjson");
        // Little memory, so that there are temporary files too.
        let args = [
            "-q", "--seen", "seen", "--memory", "1", crawl, "-o", &output,
        ];
        let begun = Instant::now();
        world.done(&[
            "-q",
            "--seen",
            "measured",
            crawl,
            "-o",
            &format!("measured-{day}"),
        ]);
        let usual = begun.elapsed();
        let files = [
            "seen/lock",
            "seen/temporary",
            "seen/pending.part",
            "seen/pending",
            "seen/manifest.part",
        ];
        let mut moments: Vec<_> = files
            .iter()
            .map(|file| Moment::When((*file).to_owned()))
            .collect();
        moments.push(Moment::When(format!("{output}.part")));
        moments.push(Moment::When(format!("seen/keys-{}", day + 1)));
        moments.push(Moment::When(output.clone()));
        moments.extend((1..=10).map(|tenths| Moment::After(usual * tenths / 10)));
        let most = moments.len();
        moments.rotate_left(day * 5 % most);
        for moment in moments {
            // A name that is taken is refused, so the output of a killed run is not written over.
            if world.exists(&output) {
                assert_eq!(world.run(&args).status.code(), Some(2));
                whole += 1;
                break;
            }
            world.kill(&args, &moment);
            killed += 1;
        }
        if !world.exists(&output) {
            world.done(&args);
        }
        given.extend(world.statements(&output));
    }
    assert_eq!(given, world.statements("all.ndjson"));
    println!(
        "{killed} runs killed, {whole} of them when their output had its name, in {:?}",
        start.elapsed()
    );
    assert!(killed >= 20);
}
