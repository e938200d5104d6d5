//! Runs that are interrupted: whatever the moment, the input and the output, a run that goes on ends
//! with the same bytes as one that was never interrupted.

use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use citesift::job::{Checkpoint, Sample, Watch, run_from};
use citesift::journal::{self, Kind};
use citesift::stats::Stats;
use citesift::{Config, Dedup, Form, Input};

mod untimed;
mod world;
use untimed::without_times;
use world::{crawl, dumps};

/// All that a run gives.
#[derive(Clone, Debug, Default, PartialEq)]
struct Given {
    records: Vec<u8>,
    rejects: Vec<String>,
    duplicates: Vec<u8>,
    stats: Stats,
    faults: Vec<String>,
}

/// A run with what it gave, what its memory noted, and its checkpoints.
struct Watched {
    given: Given,
    noted: Vec<u8>,
    checkpoints: Vec<Reached>,
}

/// A checkpoint with how much had been given and noted by then.
struct Reached {
    checkpoint: Checkpoint,
    records: usize,
    rejects: usize,
    duplicates: usize,
    noted: usize,
}

impl Watched {
    /// Goes on from a checkpoint, behind what had been given and noted by then.
    fn goes_on(&self, config: &Config, reached: &Reached) -> Given {
        let before = Given {
            records: self.given.records[..reached.records].to_vec(),
            rejects: self.given.rejects[..reached.rejects].to_vec(),
            duplicates: self.given.duplicates[..reached.duplicates].to_vec(),
            ..Given::default()
        };
        let noted = &self.noted[..reached.noted];
        run(config, &reached.checkpoint, before, noted).given
    }
}

fn config(input: &Path, dedup: Dedup) -> Config {
    let mut config = Config::new(vec![Input::Path(input.to_owned())]);
    config.dedup = dedup;
    config.tells_duplicates = true;
    config.threads = NonZeroUsize::new(2).unwrap();
    config.batch = NonZeroUsize::new(3000).unwrap();
    config.max_page = NonZeroUsize::new(20_000).unwrap();
    config.checkpoints = Some(Duration::ZERO);
    config
}

fn whole_run(config: &Config) -> Watched {
    run(config, &Checkpoint::default(), Given::default(), &[])
}

/// Runs from a checkpoint on, behind what was given before it.
fn run(config: &Config, start: &Checkpoint, mut given: Given, news: &[u8]) -> Watched {
    let mut memory = config.memory();
    memory.replay(news).unwrap();
    memory.count_as_new(start.new);
    memory.note_news();
    let mut noted = news.to_vec();
    let mut checkpoints = Vec::new();
    let summary = run_from(config, start, &mut memory, &Watch::default(), |output| {
        given.records.extend_from_slice(output.records);
        let rejects = output.rejects.iter();
        given
            .rejects
            .extend(rejects.map(|reject| serde_json::to_string(reject).unwrap()));
        given.duplicates.extend_from_slice(output.duplicates);
        noted.extend_from_slice(output.news);
        if let Some(checkpoint) = &output.checkpoint {
            // As the journal holds it.
            let text = serde_json::to_string(checkpoint).unwrap();
            checkpoints.push(Reached {
                checkpoint: serde_json::from_str(&text).unwrap(),
                records: given.records.len(),
                rejects: given.rejects.len(),
                duplicates: given.duplicates.len(),
                noted: noted.len(),
            });
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    given.stats = summary.stats;
    given.faults = summary.faults.iter().map(ToString::to_string).collect();
    Watched {
        given,
        noted,
        checkpoints,
    }
}

fn goes_on_anywhere(name: &str, config: &Config) -> usize {
    let whole = whole_run(config);
    let most = whole.checkpoints.len();
    assert!(!whole.given.records.is_empty(), "{name}");
    assert!(whole.given.stats.drift.unrecognized() > 0, "{name}");
    // All of a few, some of many.
    for number in (0..most).step_by(most / 8 + 1) {
        let reached = &whole.checkpoints[number];
        let mut config = config.clone();
        config.batch = NonZeroUsize::new(2000 + 977 * (number % 5)).unwrap();
        assert!(
            whole.goes_on(&config, reached) == whole.given,
            "{name}, {:?}: checkpoint {number} of {most}, {:?}",
            config.dedup,
            reached.checkpoint.border
        );
    }
    most
}

#[test]
fn a_run_goes_on_from_any_checkpoint_of_any_input() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in dumps(folder.path()) {
        let checkpoints = goes_on_anywhere(&name, &config(&path, Dedup::Run));
        assert!(checkpoints > 2, "{name}: {checkpoints}");
        if name == "all kinds" {
            goes_on_anywhere(&name, &config(&path, Dedup::Page));
        }
    }
}

/// A page that the splitter cuts at its header, in which the grammar sees none: nothing else on it
/// is a report's.
fn oddly_headed(bytes: usize) -> String {
    let header = "DOI: https://a.example/10.5555/odd\n|Cite\n|\n\n";
    header.to_owned() + &other_text(bytes)
}

fn other_text(bytes: usize) -> String {
    let line = "A line of another site's text.\n";
    line.repeat(bytes / line.len())
}

/// A page of which only what is known of its beginning says that it is one page.
#[test]
fn a_run_that_goes_on_before_a_page_cuts_it_as_one_that_did_not_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd");
    let pages = crawl(0..20, 6);
    for (max_page, length, rejects) in [(20_000, 150_000, 3), (4 << 20, 1_500_000, 0)] {
        let text = format!("{pages}{}{pages}", oddly_headed(length));
        fs::write(&path, &text).unwrap();
        let mut config = config(&path, Dedup::Page);
        config.max_page = NonZeroUsize::new(max_page).unwrap();
        let whole = whole_run(&config);
        let mut places = whole.checkpoints.iter().map(|it| it.checkpoint.border.at);
        assert!(places.any(|at| at == pages.len() as u64), "{max_page}");
        assert_eq!(whole.given.rejects.len(), rejects, "{max_page}");
        assert!(goes_on_anywhere("odd header", &config) > 1);
    }
}

/// Such text is ended in stretches, and no page begins there.
#[test]
fn a_run_goes_on_in_text_in_which_no_page_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    let headless = "Help me understand this report\n";
    for behind in [crawl(0..20, 6), headless.to_owned() + &other_text(90_000)] {
        fs::write(&path, other_text(300_000) + &behind + &crawl(0..20, 6)).unwrap();
        assert!(goes_on_anywhere("other text", &config(&path, Dedup::Page)) > 4);
    }
}

/// A checkpoint may stand where a source has ended or has not yet begun.
#[test]
fn lines_are_counted_from_each_source_s_beginning_behind_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.txt", "2.txt", "3.txt"] {
        fs::write(folder.path().join(name), crawl(0..60, 6)).unwrap();
    }
    let config = config(folder.path(), Dedup::Page);
    let mut whole = whole_run(&config);
    assert!(whole.given.rejects.len() >= 3);
    let mut before_a_source = 0;
    for mut reached in std::mem::take(&mut whole.checkpoints) {
        let border = &mut reached.checkpoint.border;
        // As it is when sources before this one are in the batch, which was passed on within it.
        if border.at == 0 {
            border.is_within = true;
            before_a_source += 1;
        }
        let border = *border;
        let resumed = whole.goes_on(&config, &reached);
        assert!(resumed == whole.given, "{border:?}");
    }
    assert!(before_a_source > 1);
}

/// Compressed files, of which one is damaged and some are larger than what is read in one go, among
/// others that are not.
fn packed(folder: &Path) {
    for number in 0..12 {
        let pages = crawl(
            40 * number..40 * number + if number % 5 == 0 { 600 } else { 40 },
            6,
        );
        // Stored, so that they are large.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(pages.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let (name, bytes) = match number {
            3 => ("gz", &packed[..packed.len() / 2]),
            7 => ("txt", pages.as_bytes()),
            8 => ("gz", &b"no gzip"[..]),
            _ => ("gz", &packed[..]),
        };
        fs::write(folder.join(format!("{number:02}.{name}")), bytes).unwrap();
    }
}

#[test]
fn files_that_are_read_side_by_side_come_out_as_if_they_were_not() {
    let folder = tempfile::tempdir().unwrap();
    packed(folder.path());
    let mut config = config(folder.path(), Dedup::Run);
    config.checkpoints = None;
    config.max_page = NonZeroUsize::new(1 << 20).unwrap();
    let given = |config: &Config| whole_run(config).given;
    config.threads = NonZeroUsize::MIN;
    let alone = given(&config);
    assert_eq!(alone.faults.len(), 1);
    for threads in [2, 3, 8] {
        config.threads = NonZeroUsize::new(threads).unwrap();
        for batch in [3000, 200_000] {
            config.batch = NonZeroUsize::new(batch).unwrap();
            assert!(given(&config) == alone, "{threads} threads, {batch} bytes");
        }
    }
}

#[test]
fn a_run_goes_on_among_files_that_are_read_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    packed(folder.path());
    let mut config = config(folder.path(), Dedup::Run);
    for threads in [2, 3] {
        config.threads = NonZeroUsize::new(threads).unwrap();
        let checkpoints = goes_on_anywhere("packed", &config);
        assert!(checkpoints > 20, "{checkpoints}");
    }
}

/// Journals that were begun before `is_report` was told have none.
#[test]
fn a_checkpoint_that_does_not_say_what_page_it_is_before_is_read() {
    let mut checkpoint = Checkpoint::default();
    checkpoint.border.at = 7;
    let mut told = serde_json::to_value(&checkpoint).unwrap();
    let border = told["border"].as_object_mut().unwrap();
    assert_eq!(border.remove("is_report"), Some(Value::Bool(false)));
    let read: Checkpoint = serde_json::from_value(told).unwrap();
    assert_eq!(read.border, checkpoint.border);
}

#[test]
fn a_run_on_a_part_of_the_pages_goes_on_from_any_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, world::json_lines(0..400)).unwrap();
    let mut config = config(&path, Dedup::Run);
    (config.skip, config.sample) = (100, Some(Sample::new(70.0, 1)));
    assert!(goes_on_anywhere("a part", &config) > 4);
}

#[test]
fn a_run_of_any_form_goes_on_from_any_checkpoint_or_tells_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, world::json_lines(0..400)).unwrap();
    let mut config = config(&path, Dedup::Run);
    for form in [Form::Csv, Form::Cito] {
        config.form = form;
        assert!(goes_on_anywhere("a form", &config) > 4);
    }
    #[cfg(feature = "parquet")]
    {
        config.form = Form::Parquet;
        let run = whole_run(&config);
        assert!(run.given.records.ends_with(b"PAR1") && run.checkpoints.is_empty());
    }
}

#[test]
fn checkpoints_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("crawl.txt");
    fs::write(&path, crawl(0..60, 6)).unwrap();
    let mut config = config(&path, Dedup::Run);
    let with = whole_run(&config);
    config.checkpoints = None;
    let without = whole_run(&config);
    assert!(with.given == without.given);
    assert!(without.checkpoints.is_empty());
}

/// A folder with an input, and runs of the program in it.
struct Place {
    folder: TempDir,
}

/// What a run writes with all its outputs.
const OUTPUTS: [&str; 3] = ["out", "rejects", "duplicates"];

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let page = "{\"text\": broken\n";
        let lines = world::json_lines(0..1500);
        fs::write(folder.path().join("1.txt"), crawl(0..1500, 6)).unwrap();
        fs::write(folder.path().join("2.jsonl"), lines + page).unwrap();
        fs::write(folder.path().join("3.txt"), crawl(1200..1800, 6)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    /// A run that writes everything, under names that begin like this.
    fn command(&self, names: &str, ending: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command
            .current_dir(&self.folder)
            .args(["1.txt", "2.jsonl", "3.txt"]);
        command.args(["--max-page", "20000", "--threads", "2", "--checkpoint", "0"]);
        for (flag, output) in ["-o", "--rejects", "--duplicates"].iter().zip(OUTPUTS) {
            command.arg(flag).arg(format!("{names}-{output}{ending}"));
        }
        command.arg("--stats").arg(format!("{names}-stats"));
        command.args(more).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// What a run has left behind when it is done, and what it has counted.
    fn given(&self, names: &str, ending: &str) -> (Vec<Vec<u8>>, Value) {
        let outputs = OUTPUTS.map(|output| self.bytes(&format!("{names}-{output}{ending}")));
        let mut stats: Value =
            serde_json::from_slice(&self.bytes(&format!("{names}-stats"))).unwrap();
        without_times(stats.as_object_mut().unwrap());
        let left = fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let endings = [".part", ".journal"];
        let is_left = |name: &str| endings.iter().any(|ending| name.ends_with(ending));
        let left: Vec<_> = left
            .filter(|name| is_left(&name.to_string_lossy()))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        (outputs.to_vec(), stats)
    }
}

const MOST_KILLS: u32 = 25;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Kills at most so many runs, each after another time, and lets the next one end. Returns how many
/// were killed.
fn killed(place: &Place, names: &str, ending: &str, more: &[&str], step: Duration) -> u32 {
    let resuming = [more, &["--resume", "-q"]].concat();
    for killed in 0.. {
        // A new file of statements that are known is refused, also if the last run was killed when
        // all was done.
        let path = |what| place.path(&format!("{names}-out{ending}{what}"));
        let was_done = killed > 0 && path("").exists() && !path(".journal").exists();
        let mut child = place.command(names, ending, &resuming).spawn().unwrap();
        let start = Instant::now();
        let most = match killed {
            MOST_KILLS => Duration::MAX,
            _ => step * (killed % 17 + 1),
        };
        while start.elapsed() < most && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        child.kill().unwrap();
        let ended = child.wait_with_output().unwrap();
        if let Some(code) = ended.status.code() {
            // There are lines that are no JSON.
            let is_right = code == 1 || code == 0 || code == 2 && was_done;
            assert!(is_right, "{}", said(&ended));
            assert!(!said(&ended).contains("cannot"), "{}", said(&ended));
            return killed;
        }
    }
    unreachable!()
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let place = Place::new();
    let mut kills = 0;
    for (ending, more) in [
        ("", &["--dedup", "run"][..]),
        (".gz", &[]),
        (".zst", &["--dedup", "text"]),
        ("", &["--emit", "statements", "--near", "0.5"]),
    ] {
        let begun = Instant::now();
        let whole = place.command("whole", ending, more).output().unwrap();
        assert_eq!(whole.status.code(), Some(1), "{}", said(&whole));
        let usual = begun.elapsed();
        let expected = place.given("whole", ending);
        for divisor in [15, 60] {
            kills += killed(&place, "killed", ending, more, usual / divisor);
            assert!(
                place.given("killed", ending) == expected,
                "{ending} {more:?}"
            );
        }
    }
    println!("{kills} runs killed");
    assert!(kills > 50, "{kills}");
}

#[test]
fn a_store_is_the_same_after_kills() {
    let place = Place::new();
    let more = |folder| ["--seen", folder, "--memory", "100kB"];
    let begun = Instant::now();
    place.command("whole", "", &more("one")).output().unwrap();
    let usual = begun.elapsed();
    killed(&place, "killed", "", &more("two"), usual / 50);
    assert!(place.given("whole", "") == place.given("killed", ""));
    let names = |folder: &str| {
        let entries = fs::read_dir(place.path(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("one"), names("two"));
    for name in names("one") {
        let [one, two] =
            ["one", "two"].map(|folder| fs::read(place.path(folder).join(&name)).unwrap());
        match &*name {
            // It names the output, and has a check sum of that.
            "manifest" => {
                let [one, two] = [one, two].map(|text| String::from_utf8(text).unwrap());
                let line = |text: &str| text.lines().next().unwrap().to_owned();
                assert_eq!(line(&one), line(&two).replace("killed-out", "whole-out"));
            }
            _ => assert!(one == two, "{name}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_first_signal_stops_a_run_where_it_can_go_on() {
    let place = Place::new();
    let whole = place
        .command("whole", "", &["--dedup", "run"])
        .output()
        .unwrap();
    assert_eq!(whole.status.code(), Some(1));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut stopped = 0;
        loop {
            let more = ["--dedup", "run", "--resume"];
            let journal = place.path("stopped-out.journal");
            let written = || journal.metadata().and_then(|it| it.modified()).ok();
            let before = written();
            let mut child = place.command("stopped", "", &more).spawn().unwrap();
            while written() == before && child.try_wait().unwrap().is_none() {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(5));
            let kill = format!("kill -{signal} {}", child.id());
            Command::new("sh")
                .args(["-c", &kill])
                .stderr(Stdio::null())
                .status()
                .unwrap();
            let ended = child.wait_with_output().unwrap();
            if ended.status.code() != Some(code) {
                assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
                break;
            }
            assert!(
                said(&ended).contains("--resume goes on there"),
                "{}",
                said(&ended)
            );
            stopped += 1;
        }
        assert!(stopped > 0, "{signal}");
        assert!(place.given("whole", "") == place.given("stopped", ""));
    }
}

#[cfg(unix)]
#[test]
fn a_run_whose_disk_was_full_goes_on_when_there_is_room() {
    let place = Place::new();
    place
        .command("whole", "", &["--dedup", "run"])
        .output()
        .unwrap();
    let command = place.command("full", "", &["--dedup", "run", "--resume"]);
    let program = env!("CARGO_BIN_EXE_citesift");
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_str().unwrap())
        .collect();
    for blocks in [100, 1000, 1500, 2000] {
        let script = format!("ulimit -f {blocks}; exec {program} {}", args.join(" "));
        let mut limited = Command::new("bash");
        limited.args(["-c", &script]).current_dir(&place.folder);
        let ended = limited.output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(said(&ended).contains("File too large"), "{}", said(&ended));
    }
    let ended = place
        .command("full", "", &["--dedup", "run", "--resume"])
        .output()
        .unwrap();
    assert!(!said(&ended).contains("begins anew"), "{}", said(&ended));
    assert!(place.given("whole", "") == place.given("full", ""));
}

/// A run that was killed when it had at least one checkpoint.
fn broken_off(place: &Place, more: &[&str]) {
    let mut child = place.command("broken", "", more).spawn().unwrap();
    let has_checkpoint = || {
        let mut found = false;
        let read = journal::read(&place.path("broken-out.journal"), &mut |_, kind, _| {
            found = kind == Kind::Checkpoint;
            Ok(!found)
        });
        read.is_ok() && found
    };
    while !has_checkpoint() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_not_as_it_was_is_refused_by_its_name() {
    let place = Place::new();
    broken_off(&place, &[]);
    let refused = |more: &[&str], expected: &str| {
        let part = place.bytes("broken-out.part");
        let ended = place
            .command("broken", "", &[more, &["--resume"]].concat())
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
        assert!(said(&ended).contains(expected), "{}", said(&ended));
        assert_eq!(place.bytes("broken-out.part"), part);
    };
    refused(
        &["--emit", "statements"],
        "--emit was `reports` and is `statements`",
    );
    refused(&["--dedup", "run"], "--dedup was `page` and is `run`");
    refused(&["--near", "0.5"], "--near was not given and is `0.5`");
    refused(
        &["4.txt"],
        "PATH was `1.txt 2.jsonl 3.txt` and is `1.txt 2.jsonl 3.txt 4.txt`",
    );
    let text = place.bytes("1.txt");
    fs::write(place.path("1.txt"), [&text[..], b"more"].concat()).unwrap();
    refused(&[], "the input `1.txt` is not what it was");
    fs::remove_file(place.path("1.txt")).unwrap();
    refused(&[], "the input `1.txt` is not what it was");
}

/// Nothing is done, and nothing is left.
#[test]
fn an_output_that_is_not_what_it_was_is_refused_as_it_is() {
    let place = Place::new();
    broken_off(&place, &[]);
    let part = b"another ".repeat(place.bytes("broken-out.part").len());
    fs::write(place.path("broken-out.part"), &part).unwrap();
    fs::remove_file(place.path("broken-rejects.part")).unwrap();
    fs::remove_file(place.path("broken-stats.part")).unwrap();
    let names = || {
        let entries = fs::read_dir(&place.folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let ended = place.command("broken", "", &["--resume"]).output().unwrap();
    let message = said(&ended);
    assert_eq!(ended.status.code(), Some(2), "{message}");
    let expected = "--resume: the output `broken-out` does not begin as it was written";
    assert!(message.contains(expected), "{message}");
    assert!(place.bytes("broken-out.part") == part);
    let left: Vec<_> = names().difference(&before).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Else the next run with `--resume` would find a journal of another one.
#[test]
fn a_run_without_a_journal_leaves_no_earlier_one() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_citesift");
    let resuming = format!("{program} -q --resume 1.txt -o broken-out");
    for line in [
        format!("{program} -q - -o broken-out < 1.txt && {resuming}"),
        format!(
            "{program} -q 1.txt -o part.ndjson && {program} merge -q part.ndjson -o broken-out \
             && {resuming}"
        ),
    ] {
        broken_off(&place, &[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(&place.folder);
        let ended = shell.output().unwrap();
        assert!(ended.status.success(), "{line}: {}", said(&ended));
        assert!(!place.path("broken-out.journal").exists(), "{line}");
    }
}

/// What a run leaves that is killed between naming its output and removing its journal: the journal
/// is kept from that run by a second name.
#[cfg(unix)]
#[test]
fn a_run_that_was_done_is_told_from_another_one() {
    let place = Place::new();
    let journal = place.path("done-out.journal");
    let mut child = place.command("done", "", &[]).spawn().unwrap();
    while fs::hard_link(&journal, place.path("kept")).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        thread::yield_now();
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    fs::rename(place.path("kept"), &journal).unwrap();
    let given = || OUTPUTS.map(|output| place.bytes(&format!("done-{output}")));
    let expected = given();
    let resumed = |more: &[&str]| {
        let kept = fs::read(&journal).unwrap();
        let resuming = [more, &["--resume"]].concat();
        let ended = place.command("done", "", &resuming).output().unwrap();
        assert!(given() == expected, "{}", said(&ended));
        let left = fs::read(&journal).ok();
        assert!(left.is_none_or(|left| left == kept), "{}", said(&ended));
        (ended.status.code(), said(&ended))
    };
    let (code, message) = resumed(&["--emit", "statements"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("--emit was `reports`"), "{message}");

    let text = place.bytes("3.txt");
    let times = fs::metadata(place.path("3.txt"))
        .unwrap()
        .modified()
        .unwrap();
    fs::write(place.path("3.txt"), b"another").unwrap();
    let (code, message) = resumed(&[]);
    assert_eq!(code, Some(2));
    let expected = "the input `3.txt` is not what it was";
    assert!(message.contains(expected), "{message}");

    fs::write(place.path("3.txt"), text).unwrap();
    let input = fs::File::options().write(true).open(place.path("3.txt"));
    input.unwrap().set_modified(times).unwrap();
    // An input is damaged, and that is still so.
    let (code, message) = resumed(&[]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("is whole"), "{message}");
    assert!(!journal.exists());
}

#[test]
fn inputs_that_cannot_be_sought_are_refused_before_any_work() {
    let place = Place::new();
    for (args, expected) in [
        (&["--resume", "1.txt"][..], "--output"),
        (&["--resume", "-o", "out"], "standard input is no file"),
        (
            &["--resume", "-o", "out", "1.txt", "-"],
            "standard input is no file",
        ),
        (
            &["--resume", "-o", "out", "/dev/zero"],
            "`/dev/zero` is no file",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command
            .args(args)
            .current_dir(&place.folder)
            .stdin(Stdio::null());
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{args:?}");
        assert!(
            said(&ended).contains(expected),
            "{args:?}: {}",
            said(&ended)
        );
        assert!(!place.path("out.part").exists());
    }
}

#[test]
fn a_damaged_journal_or_output_never_gives_a_wrong_result() {
    let place = Place::new();
    place.command("whole", "", &[]).output().unwrap();
    let expected = place.given("whole", "");
    broken_off(&place, &[]);
    let names = [
        "broken-out.journal",
        "broken-out.part",
        "broken-rejects.part",
        "broken-duplicates.part",
    ];
    let saved = names.map(|name| place.bytes(name));
    let journal = &saved[0];
    let mut damages: Vec<(&str, Vec<u8>)> = Vec::new();
    for at in (0..journal.len()).step_by(journal.len() / 12) {
        let mut flipped = journal.clone();
        flipped[at] ^= 0x20;
        damages.push((names[0], flipped));
        damages.push((names[0], journal[..at].to_vec()));
    }
    damages.push((names[0], b"{\"not\": \"a journal\"}".to_vec()));
    // So a power cut may leave what was never synced.
    damages.push((names[0], vec![0; journal.len()]));
    for (name, bytes) in names.iter().zip(&saved).skip(1) {
        damages.push((name, Vec::new()));
        damages.push((name, b"x".repeat(bytes.len())));
    }
    let (mut refused, mut done) = (0, 0);
    for (damaged, bytes) in damages {
        for (name, bytes) in names.iter().zip(&saved) {
            fs::write(place.path(name), bytes).unwrap();
        }
        fs::write(place.path(damaged), bytes).unwrap();
        let ended = place.command("broken", "", &["--resume"]).output().unwrap();
        if place.path("broken-out").exists() {
            assert!(place.given("broken", "") == expected, "{damaged}");
            fs::remove_file(place.path("broken-out")).unwrap();
            done += 1;
        } else {
            assert_eq!(ended.status.code(), Some(2), "{damaged}: {}", said(&ended));
            let file = damaged.trim_end_matches(".part");
            assert!(said(&ended).contains(file), "{damaged}: {}", said(&ended));
            assert_ne!(damaged, names[0], "{}", said(&ended));
            refused += 1;
        }
    }
    assert!(refused > 1 && done > 10, "{refused} refused, {done} done");
}
