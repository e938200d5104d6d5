//! `citesift annotate`: what it prints of the samples, of hostile text and of what it cannot read.
//!
//! `CITESIFT_BLESS=1` rewrites the expected files; read the difference before you keep it. That the
//! roles are those of a run, and that they add up for any text, is in `properties.rs`.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

mod samples;
use samples::{FEWEST_CASES, arguments, cases, copy, program};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("annotate").args(args).stdin(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn annotated(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn of_text(text: &[u8], args: &[&str]) -> Output {
    let mut child = command(args)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|threads| {
        threads.spawn(move || stdin.write_all(text));
        child.wait_with_output().unwrap()
    })
}

fn printed(output: &Output) -> String {
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Vec<Value> {
    let lines = printed(output);
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Samples whose annotation is kept, with their input and the flags of their run.
const KEPT: [(&str, &str, &[&str]); 8] = [
    ("complete-page", "input.txt", &[]),
    ("confidence-out-of-form", "input.txt", &[]),
    ("container-jsonl", "input.jsonl", &[]),
    ("footer-lines", "input.txt", &[]),
    ("glue-year-after-confidence", "input.txt", &[]),
    ("invalid-utf8", "input.txt", &[]),
    ("option-max-page", "input.txt", &["--max-page", "2KiB"]),
    ("other-page-before-a-report-page", "input.txt", &[]),
];

#[test]
fn samples_are_annotated_as_expected() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut wrong = Vec::new();
    for (name, input, flags) in KEPT {
        let input = samples.join(name).join(input);
        for (ending, more) in [("txt", &[][..]), ("ndjson", &["--json"])] {
            let args = [flags, more, &[input.to_str().unwrap()]].concat();
            let found = printed(&annotated(&args));
            let file = samples.join(name).join(format!("annotated.{ending}"));
            if std::env::var_os("CITESIFT_BLESS").is_some() {
                fs::write(&file, &found).unwrap();
            }
            let expected = fs::read_to_string(&file).unwrap_or_default();
            if expected != found {
                wrong.push(format!("{}:\n{found}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_records_text_of_another_site_is_skipped_whatever_its_size() {
    let text = "Some other site's text. ".repeat(40);
    let head = "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: ";
    let record = format!("{head}{}\r\n\r\n{text}\r\n\r\n", text.len());
    let lines = json(&of_text(
        record.as_bytes(),
        &["--json", "--max-page", "300"],
    ));
    let roles: Vec<_> = lines.iter().map(|line| &line["role"]).collect();
    assert_eq!((roles[0], lines.len()), (&Value::from("skipped"), 2));
}

#[test]
fn the_roles_of_every_sample_add_up_to_its_text() {
    let mut texts = 0;
    for case in cases() {
        let input = case.join("input.txt");
        let Ok(bytes) = fs::read(&input) else {
            continue;
        };
        let lines = json(&annotated(&["--json", input.to_str().unwrap()]));
        let (totals, lines) = lines.split_last().unwrap();
        let mut at = 0;
        for line in lines {
            assert_eq!(line["offset"], at, "{}: {line}", case.display());
            at += line["length"].as_u64().unwrap();
        }
        assert_eq!((at, &totals["bytes"]), (bytes.len() as u64, &at.into()));
        let roles = totals["roles"].as_array().unwrap();
        let sum: u64 = roles.iter().filter_map(|role| role["bytes"].as_u64()).sum();
        assert_eq!(totals["bytes"], sum);
        texts += 1;
    }
    assert!(texts >= FEWEST_CASES, "{texts}");
}

#[test]
fn every_sample_adds_up_to_what_a_run_reads() {
    const SHAPING: [&str; 4] = ["--format", "--max-page", "--text-field", "--url-field"];
    let mut samples = 0;
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        copy(&case, folder.path());
        let args = arguments(&case);
        let inputs = args.iter().filter(|arg| folder.path().join(arg).is_file());
        let pairs = args.windows(2).filter(|pair| SHAPING.contains(&&*pair[0]));
        let flags: Vec<_> = pairs.flatten().map(String::as_str).collect();
        for input in inputs.map(String::as_str) {
            let ran = Command::new(program())
                .args(["-q", input, "--stats", "stats"])
                .args(&flags)
                .current_dir(&folder)
                .output()
                .unwrap();
            assert!(ran.status.success());
            let stats = fs::read(folder.path().join("stats")).unwrap();
            let stats: Value = serde_json::from_slice(&stats).unwrap();
            let mut command = command(&["--json", input]);
            let lines = json(&command.args(&flags).current_dir(&folder).output().unwrap());
            let (totals, lines) = lines.split_last().unwrap();
            let name = case.display();
            assert_eq!(totals["bytes"], stats["bytes"]["read"], "{name}");
            let pages = lines.iter().filter_map(|line| line["page"].as_u64()).max();
            assert_eq!(pages.unwrap_or(0), stats["pages"]["emitted"], "{name}");
            let of_role = |role| lines.iter().filter(move |line| line["role"] == role);
            let unrecognized = of_role("unrecognized").count();
            assert_eq!(unrecognized, stats["unrecognized_lines"], "{name}");
            let rejected = of_role("rejected").count();
            assert_eq!(rejected, stats["pages"]["rejected"], "{name}");
            samples += 1;
        }
    }
    assert!(samples >= 70, "{samples}");
}

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    citations\nCited by 1 publication\n(1 citation statement)\nOrder By: Relevance\n\
    “…One.…”\nSection: Resultsmentioning\nconfidence: 99%";

#[test]
fn nothing_that_steers_a_terminal_is_printed() {
    let hostile =
        "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{7f}\u{85}\u{b}\0\u{202e}\u{2066}\u{feff}\u{2028}\r\t";
    let page = PAGE
        .replace("Title", &format!("Title {hostile}"))
        .replace("One.", &format!("{hostile}One."))
        + &format!("\n{hostile} footer\n");
    let steering = |text: &str| {
        let mut chars = text.chars().filter(|&c| c != '\n');
        chars.find(|&c| {
            c.is_control()
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
    };
    for args in [
        &["--color", "never"][..],
        &["--json"],
        &["--json", "--color", "always"],
    ] {
        let shown = printed(&of_text(page.as_bytes(), args));
        assert_eq!(steering(&shown), None, "{shown}");
        assert!(shown.contains("unrecognized"));
    }
    let json = json(&of_text(page.as_bytes(), &["--json"]));
    assert_eq!(json[5]["text"], format!("Title {hostile}"));
    // With colours, the only escapes are those of the colours.
    let coloured = printed(&of_text(page.as_bytes(), &["--color", "always"]));
    let mut rest = coloured.as_str();
    let mut colours = 0;
    while let Some((_, behind)) = rest.split_once('\u{1b}') {
        let end = behind.find('m').unwrap();
        let code = behind[..end].strip_prefix('[').unwrap();
        assert!(
            code.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{code}"
        );
        rest = &behind[end..];
        colours += 1;
    }
    assert!(colours > 10);
    assert_eq!(steering(&coloured.replace('\u{1b}', "")), None);
}

#[test]
fn there_are_colours_only_where_they_are_wanted() {
    let is_coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(args);
        command.arg("samples/complete-page/input.txt");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.envs(variables.iter().copied()).output();
        printed(&output.unwrap()).contains('\u{1b}')
    };
    // As if standard output were a terminal.
    let terminal = ("CLICOLOR_FORCE", "1");
    let no_colour = ("NO_COLOR", "1");
    assert!(!is_coloured(&[], &[]));
    assert!(is_coloured(&[], &[terminal]));
    assert!(!is_coloured(&[], &[terminal, no_colour]));
    assert!(is_coloured(&["--color", "always"], &[no_colour]));
    assert!(!is_coloured(&["--color", "never"], &[terminal]));
}

#[test]
fn what_cannot_be_read_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("array.json"), "[{\"text\": \"a\"}]").unwrap();
    fs::write(folder.path().join("cut.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    for (args, said) in [
        (&["no-such-file"][..], "name a file that can"),
        (&["."], "is a folder; name one of the files in it"),
        (&["array.json"], "jq -c '.[]'"),
        (&["cut.gz"], "cut.gz"),
        (&["array.json", "cut.gz"], "unexpected argument"),
        (&[], "<FILE>"),
        (&["cut.gz", "--max-page", "0"], "must be above zero"),
    ] {
        let output = command(args).current_dir(&folder).output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{args:?}"
        );
        assert!(messages.contains(said), "{args:?}: {messages}");
    }
}

#[test]
fn records_without_a_text_are_said() {
    let output = of_text(b"{\"body\": \"DOI: 10.5555/x\"}\n", &["--json"]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        messages.contains("1 record NOT read: no text (--text-field"),
        "{messages}"
    );
    assert_eq!(json(&output).len(), 1);
}

#[test]
fn what_comes_before_damage_is_shown() {
    let page = format!("{PAGE}\n").repeat(300);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(page.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let output = of_text(&bytes[..bytes.len() - 1000], &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("  in all\n") && !output.stderr.is_empty());
}

#[test]
fn a_reader_that_stops_early_is_success_and_quiet() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("dump"),
        format!("{PAGE}\n").repeat(20_000),
    )
    .unwrap();
    let mut child = command(&["dump"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
