//! Settings: a file of them holds where the command line says nothing, every flag can be set or is
//! known not to be, and what is wrong is told with its line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    Order By: Relevance\n“…One.…”\nSection: Resultsmentioning\nconfidence: 99%\n\
    “…Two.…”\nSection: Resultsmentioning\nconfidence: 99%";

/// Flags that are only typed, as `--help` names them.
const TYPED: [&str; 16] = [
    "output",
    "rejects",
    "duplicates",
    "stats",
    "report",
    "seen",
    "skip",
    "sample",
    "seed",
    "limit",
    "resume",
    "dry-run",
    "config",
    "print-config",
    "help",
    "version",
];

struct World(TempDir);

impl World {
    fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), PAGE).unwrap();
        fs::write(folder.path().join("citesift.toml"), settings).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command.args(args.split_whitespace());
        command.current_dir(&self.0).stdin(Stdio::null());
        command.output().unwrap()
    }

    fn done(&self, args: &str) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refusal(&self, args: &str) -> String {
        let before = fs::read_dir(&self.0).unwrap().count();
        let output = self.run(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert_eq!(fs::read_dir(&self.0).unwrap().count(), before);
        said(&output)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

/// The long flags of a run, by its help.
fn flags() -> BTreeSet<String> {
    let help = World::with("").done("--help");
    let flags = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = match line.as_bytes() {
            [b'-', letter, b',', b' ', ..] if *letter != b'-' => &line[4..],
            _ => line,
        };
        let name = line.strip_prefix("--")?;
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        Some(name[..end.unwrap_or(name.len())].to_owned())
    });
    flags.collect()
}

#[test]
fn every_flag_can_be_set_or_is_known_to_be_typed() {
    let samples = [
        ("format", "'text'"),
        ("text-field", "'body'"),
        ("url-field", "'address'"),
        ("keep", "['id', 'lang']"),
        ("emit", "'statements'"),
        ("to", "'ndjson'"),
        ("dedup", "'run'"),
        ("near", "0.8"),
        ("memory", "'100M'"),
        ("threads", "1"),
        ("max-page", "'2MiB'"),
        ("checkpoint", "2.5"),
        ("strict", "true"),
        ("max-rejects", "'1%'"),
        ("fail-on-drift", "'0.1%'"),
        ("progress", "'never'"),
        ("color", "'never'"),
        ("quiet", "true"),
    ];
    let mut expected: BTreeSet<_> = samples.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.extend(TYPED.map(str::to_owned));
    assert_eq!(
        flags(),
        expected,
        "a flag is settable, or in the list of those that are typed"
    );
    for (name, value) in samples {
        let world = World::with(&format!("# a comment\n\n{name} = {value}\n"));
        let shown = world.done("--print-config");
        let line = shown
            .lines()
            .find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.unwrap_or_else(|| panic!("{name}: {shown}"));
        assert!(line.ends_with("# citesift.toml:3"), "{line}");
        assert!(
            line.contains(&value.replace('\'', "\""))
                || line.contains("\"0.8\"")
                || line.contains("\"2.5\""),
            "{line}"
        );
    }
    for name in TYPED {
        let world = World::with(&format!("{name} = 'x'\n"));
        let said = world.refusal("a.txt");
        assert!(
            said.starts_with(&format!("error: citesift.toml:1: `{name}` is no setting")),
            "{said}"
        );
        assert!(said.contains(&format!("type --{name}")), "{said}");
    }
}

#[test]
fn a_setting_holds_and_the_command_line_wins() {
    let world = World::with("emit = 'statements'\nstrict = true\nthreads = 1\nquiet = true\n");
    assert_eq!(lines(&world.done("a.txt")), 2);
    assert_eq!(lines(&world.done("a.txt --emit reports")), 1);
    let truncated = "2012\nDOI: 10.5555/y\n|\n\nTitle\n";
    fs::write(world.path().join("b.txt"), truncated).unwrap();
    assert_eq!(world.run("b.txt").status.code(), Some(3));
    assert_eq!(world.run("b.txt --strict=false").status.code(), Some(0));
    let quiet = said(&world.run("a.txt"));
    assert_eq!(
        quiet,
        "citesift: citesift.toml sets emit, quiet, strict, threads\n"
    );
    for typed in ["-q", "--quiet", "--quiet=true"] {
        assert_eq!(said(&world.run(&format!("a.txt {typed}"))), "");
    }
    let loud = said(&world.run("a.txt --quiet=false"));
    assert!(
        loud.starts_with("citesift: citesift.toml sets emit, quiet, strict, threads\n"),
        "{loud}"
    );

    fs::write(world.path().join("other.toml"), "keep = ['a']\n").unwrap();
    assert_eq!(lines(&world.done("--config other.toml a.txt")), 1);
    assert_eq!(lines(&world.done("a.txt --config /dev/null")), 1);
    // Switches still stand together with other short flags.
    world.done("a.txt -qo out.ndjson");
    assert!(world.path().join("out.ndjson").exists());
}

#[test]
fn verify_has_the_settings_of_the_run() {
    let world = World::with("emit = 'statements'\nstrict = true\n");
    world.done("a.txt -o out.ndjson");
    assert!(
        world
            .done("verify out.ndjson a.txt")
            .contains("records 2 hold")
    );
    let output = world.run("verify --emit reports out.ndjson a.txt");
    assert_eq!(output.status.code(), Some(1));
    // What does not read inputs does not read settings.
    fs::write(world.path().join("citesift.toml"), "wrong").unwrap();
    world.done("schema");
}

#[test]
fn annotate_has_the_settings_of_the_run() {
    let world = World::with(
        "text-field = 'body'\nformat = 'jsonl'\nmax-page = '1KiB'\nstrict = true\nkeep = ['id']\n",
    );
    let line = serde_json::json!({"body": PAGE, "id": 7});
    let large = serde_json::json!({"body": format!("{PAGE}{}", "x".repeat(2000))});
    fs::write(world.path().join("a.jsonl"), format!("{line}\n{large}\n")).unwrap();
    let output = world.run("annotate a.jsonl");
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(shown.contains("  statement 1 "), "{shown}");
    assert!(shown.contains("  rejected "), "{shown}");
    let expected = "citesift: citesift.toml sets format, max-page, text-field\n";
    assert_eq!(said(&output), expected);

    fs::write(world.path().join("other.toml"), "text-field = 'other'\n").unwrap();
    for args in [
        "annotate --text-field text a.jsonl",
        "annotate --config other.toml a.jsonl",
        "annotate a.jsonl --config /dev/null",
    ] {
        let shown = world.done(args);
        assert!(!shown.contains("statement"), "{args}: {shown}");
    }
    fs::write(world.path().join("other.toml"), "text-feld = 'other'\n").unwrap();
    let refusal = world.refusal("annotate --config other.toml a.jsonl");
    assert!(refusal.contains("other.toml:1: unknown key"), "{refusal}");
}

#[test]
fn what_holds_is_shown_with_its_source_and_sets_the_same_again() {
    let world = World::with("max-page = '1M'\nkeep = 'id,lang'\n");
    let shown = world.done(
        "a.txt --print-config --emit statements --limit 3 -q -o out --text-field a\u{7f}\"\\ \
         --url-field 007 --seed 18446744073709551615",
    );
    for (line, source) in [
        ("max-page = \"1M\"", "citesift.toml:1"),
        ("keep = [\"id\", \"lang\"]", "citesift.toml:2"),
        ("emit = \"statements\"", "command line"),
        ("quiet = true", "command line"),
        (r#"text-field = "a\u007f\"\\""#, "command line"),
        ("url-field = \"007\"", "command line"),
        ("# limit = 3", "command line"),
        ("# output = \"out\"", "command line"),
        ("format = \"auto\"", "default"),
        ("strict = false", "default"),
        ("# near: not set", "default"),
        ("# threads: the number of cores", "default"),
    ] {
        let is_it = |shown: &&str| {
            let (value, from) = shown.rsplit_once(" # ").unwrap();
            value.trim_end() == line && from == source
        };
        assert!(
            shown.lines().any(|shown| is_it(&shown)),
            "{line} {source}: {shown}"
        );
    }
    assert!(!world.path().join("out").exists());
    fs::write(world.path().join("again.toml"), &shown).unwrap();
    let again = world.done("--config again.toml --print-config");
    let values = |shown: &str| {
        let lines = shown.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit_once(" # ").unwrap().0.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&shown));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line_and_what_to_change() {
    for (settings, expected) in [
        (
            "\nemit = 'reports'\ndedupe = 'run'\n",
            "citesift.toml:3: unknown key `dedupe`; did you mean `dedup`?",
        ),
        (
            "max_page = 1",
            "citesift.toml:1: unknown key `max_page`; did you mean `max-page`?",
        ),
        (
            "zzz = 1",
            "citesift.toml:1: unknown key `zzz`; the keys are format, text-field",
        ),
        (
            "emit = 'csv'",
            "citesift.toml:1: invalid value 'csv' for '--emit <EMIT>'\n  [possible values: reports, statements, cito]",
        ),
        (
            "threads = 0",
            "citesift.toml:1: invalid value '0' for '--threads <N>'",
        ),
        (
            "strict = 'maybe'",
            "citesift.toml:1: invalid value 'maybe' for '--strict[=<BOOL>]'",
        ),
        (
            "emit = ['reports']",
            "citesift.toml:1: it takes one value and no list",
        ),
        (
            "[emit]\nx = 1",
            "citesift.toml:1: it takes a string, a number, true or false",
        ),
        ("emit = 'reports'\nemit = 'reports'", "citesift.toml:2: "),
        ("emit =", "citesift.toml:1: "),
        (
            "\"\\u001b[31m\" = 1",
            "citesift.toml:1: unknown key `\\u{1b}[31m`",
        ),
    ] {
        let said = World::with(settings).refusal("a.txt -o out");
        assert!(
            said.starts_with(&format!("error: {expected}")),
            "{settings:?}: {said}"
        );
    }
    let world = World::with("");
    let said = world.refusal("a.txt --config no.toml");
    assert!(
        said.starts_with("error: no.toml: No such file or directory"),
        "{said}"
    );
    assert!(said.contains("--config"), "{said}");
    fs::write(world.path().join("citesift.toml"), b"\xff").unwrap();
    assert!(world.refusal("a.txt").starts_with("error: citesift.toml: "));
}
