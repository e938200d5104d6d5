//! The program as its users meet it: pipes, files, exit codes, messages, faults.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use memory::most_held_by;

#[cfg(target_os = "linux")]
mod memory;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    citations\nCited by 1 publication\n(1 citation statement)\nOrder By: Relevance\n\
    “…One.…”\nSection: Resultsmentioning\nconfidence: 99%";

fn citesift(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str], folder: &Path) -> Output {
    citesift(args).current_dir(folder).output().unwrap()
}

fn with_input(args: &[&str], input: &[u8]) -> Output {
    let mut command = citesift(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|threads| {
        threads.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

fn lines(output: &[u8]) -> usize {
    output.split(|&byte| byte == b'\n').count() - 1
}

fn messages(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn standard_input_is_read_without_a_path_and_with_a_dash() {
    for args in [&["-q"][..], &["-q", "-"]] {
        let output = with_input(args, PAGE.as_bytes());
        assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 1));
        assert!(output.stderr.is_empty());
        assert!(String::from_utf8_lossy(&output.stdout).contains(r#""path":"-","offset":0"#));
    }
}

#[test]
fn nothing_but_records_goes_to_standard_output() {
    let output = with_input(&["--progress", "always"], PAGE.as_bytes());
    assert_eq!(lines(&output.stdout), 1);
    assert!(messages(&output).contains("1 report page became 1 record: 1 statement kept"));
}

#[test]
fn no_progress_where_standard_error_is_no_terminal() {
    let output = with_input(&[], PAGE.as_bytes());
    assert!(!messages(&output).contains('\u{1b}') && !messages(&output).contains('\r'));
}

/// As in the log of a batch job.
#[test]
fn progress_is_a_line_now_and_then_where_that_is_asked_for_and_is_no_terminal() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(["--progress", "always"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(PAGE.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    stdin.write_all(PAGE.as_bytes()).unwrap();
    drop(stdin);
    let messages = messages(&child.wait_with_output().unwrap());
    let line = messages.lines().next().unwrap();
    assert!(line.starts_with("citesift: "), "{messages}");
    assert!(line.contains(" B read in "), "{messages}");
    assert!(line.ends_with(" pages"), "{messages}");
}

#[test]
fn help_promises_no_line_of_progress_while_the_input_stalls() {
    let help = String::from_utf8(with_input(&["--help"], b"").stdout).unwrap();
    let words: Vec<_> = help.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("while the input stalls there is none")
    );
}

#[test]
fn a_missing_file_is_named_and_the_others_are_read() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    let output = run(&["no-such-file", "a.txt"], folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(1), 1));
    assert!(messages(&output).starts_with("citesift: no-such-file: No such file"));
}

#[cfg(unix)]
#[test]
fn a_name_made_to_steer_the_terminal_is_shown_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["no\u{1b}[31m\u{202e}such\nfile"], folder.path());
    assert!(messages(&output).starts_with("citesift: no\\u{1b}[31m\\u{202e}such\\nfile: "));
}

#[test]
fn a_reader_that_stops_early_is_success_and_quiet() {
    let folder = folder_with(&[]);
    let dump = format!("{PAGE}\n").repeat(20_000);
    fs::write(folder.path().join("dump.txt"), dump).unwrap();
    let mut child = citesift(&["dump.txt"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), messages(&output).as_str()),
        (Some(0), "")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stalls_stops_the_reading() {
    let mut child = citesift(&["-q", "--threads", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let page = format!("{PAGE}\n").repeat(1000);
    // Nobody reads the output: at most the batches in flight and the pipes' own buffers go in.
    let (sender, written) = std::sync::mpsc::channel();
    let feeder = std::thread::spawn(move || {
        let mut bytes = 0;
        while bytes < (64 << 20) && stdin.write_all(page.as_bytes()).is_ok() {
            bytes += page.len();
            let _ = sender.send(bytes);
        }
    });
    let mut last = written.recv().unwrap();
    while let Ok(bytes) = written.recv_timeout(Duration::from_secs(2)) {
        last = bytes;
    }
    assert!(last > 0 && last < 12 << 20, "{last} bytes were taken in");
    child.kill().unwrap();
    child.wait().unwrap();
    feeder.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_at_once_and_not_a_hang() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    let started = Instant::now();
    for args in [
        &["a.txt", "-o", "/dev/full"][..],
        &["a.txt", "--stats", "/dev/full"],
    ] {
        let output = run(args, folder.path());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            messages(&output).contains("citesift: /dev/full: No space left"),
            "{args:?}"
        );
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = citesift(&["a.txt"])
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(messages(&output).starts_with("citesift: standard output: No space left"));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
#[cfg(unix)]
fn what_nobody_wants_may_be_two_outputs() {
    let folder = folder_with(&[("a.txt", "")]);
    let args = ["a.txt", "-o", "/dev/null", "--stats", "/dev/null"];
    let output = run(&args, folder.path());
    assert!(output.status.success(), "{}", messages(&output));
}

#[test]
fn an_output_file_appears_whole_or_not_at_all() {
    let folder = folder_with(&[("a.txt", PAGE), ("old.ndjson", "old")]);
    let output = run(&["a.txt", "-o", "new.ndjson"], folder.path());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert_eq!(
        lines(&fs::read(folder.path().join("new.ndjson")).unwrap()),
        1
    );
    assert!(!folder.path().join("new.ndjson.part").exists());

    let output = run(
        &["a.txt", "-o", "old.ndjson", "--rejects", "no/folder"],
        folder.path(),
    );
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: --rejects: there is no folder `no`; make it, or choose another place\n";
    assert!(messages(&output).starts_with(expected));
    assert_eq!(fs::read(folder.path().join("old.ndjson")).unwrap(), b"old");

    let mut command = citesift(&["-q", "-o", "old.ndjson"]);
    let command = command.current_dir(folder.path()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds, so that the run has begun when it is taken.
    stdin.write_all(PAGE.repeat(1000).as_bytes()).unwrap();
    assert_eq!(fs::read(folder.path().join("old.ndjson")).unwrap(), b"old");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(folder.path().join("old.ndjson")).unwrap(), b"old");
}

#[test]
fn folders_files_and_limit() {
    let folder = folder_with(&[
        ("p/b.txt", PAGE),
        ("p/a/x.txt", PAGE),
        ("p/a-b.txt", PAGE),
        ("p/other", "text"),
    ]);
    let output = run(&["-q", "p"], folder.path());
    let found = String::from_utf8(output.stdout).unwrap();
    let paths: Vec<_> = found
        .lines()
        .map(|line| {
            line.split(r#""path":""#)
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(paths, ["p/a-b.txt", "p/a/x.txt", "p/b.txt"]);
    let output = run(&["p", "--limit", "2"], folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 2));
    assert!(messages(&output).contains("Stopped before the input's end."));
    let output = run(&["p", "--limit", "0"], folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 0));
}

#[test]
fn rejects_stats_and_gates() {
    let large = format!("{PAGE}\n{}", "line\n".repeat(1000));
    let folder = folder_with(&[
        ("a.txt", PAGE),
        ("large.txt", &large),
        ("other.txt", "other text"),
    ]);
    let inputs = ["a.txt", "large.txt", "other.txt", "--max-page", "2K"];
    let with = |more: &[&str]| run(&[&inputs[..], more].concat(), folder.path());

    let output = with(&["--rejects", "r.ndjson", "--stats", "s.json"]);
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 1));
    assert!(messages(&output).contains("1 page rejected: page_too_large 1."));
    let reject = fs::read_to_string(folder.path().join("r.ndjson")).unwrap();
    assert!(
        reject.starts_with(r#"{"reason":"page_too_large","message":"the page has "#),
        "{reject}"
    );
    let stats: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("s.json")).unwrap()).unwrap();
    let number = |pointer: &str| {
        stats
            .pointer(pointer)
            .and_then(serde_json::Value::as_u64)
            .unwrap()
    };
    assert_eq!(number("/pages/seen"), 3);
    assert_eq!(
        number("/pages/emitted") + number("/pages/rejected") + number("/pages/skipped"),
        3
    );
    assert_eq!(
        number("/bytes/read"),
        (PAGE.len() + large.len() + "other text".len()) as u64
    );
    assert_eq!(
        number("/bytes/read"),
        number("/bytes/pages") + number("/bytes/between_pages") + number("/bytes/skipped")
    );
    assert_eq!(
        number("/blocks/seen"),
        number("/blocks/kept") + number("/blocks/repeated_in_page")
    );

    assert_eq!(with(&[]).status.code(), Some(0));
    for gate in [
        &["--strict"][..],
        &["--max-rejects", "0"],
        &["--max-rejects", "49%"],
    ] {
        let output = with(gate);
        assert_eq!(
            (output.status.code(), lines(&output.stdout)),
            (Some(3), 1),
            "{gate:?}"
        );
        assert!(messages(&output).contains(&format!("{} does not hold", gate[0])));
    }
    for gate in [&["--max-rejects", "1"][..], &["--max-rejects", "50%"]] {
        assert_eq!(with(gate).status.code(), Some(0), "{gate:?}");
    }
    assert_eq!(
        run(&["a.txt", "--strict"], folder.path()).status.code(),
        Some(0)
    );
}

#[test]
fn what_was_seen_goes_to_temporary_files_when_memory_is_scarce_and_leaves_none() {
    let page = |number: usize| {
        let page = PAGE.replace("10.5555/x", &format!("10.5555/{}", number % 50));
        page.replace("One.", &format!("Statement {}.", number % 6000)) + "\n"
    };
    let dump: String = (0..9000).map(page).collect();
    let folder = folder_with(&[("dump.txt", &dump), ("scratch/.keep", "")]);
    let scratch = folder.path().join("scratch");
    let with = |memory: &str, scratch: &Path| {
        let mut command = citesift(&["--dedup", "run", "dump.txt", "--memory", memory]);
        let command = command
            .args(["--duplicates", "d.ndjson"])
            .env("TMPDIR", scratch);
        let output = command.current_dir(folder.path()).output().unwrap();
        let told = fs::read(folder.path().join("d.ndjson")).unwrap_or_default();
        (output, told)
    };
    let (usual, usual_told) = with("1G", &scratch);
    assert_eq!(lines(&usual.stdout), 6000);
    // A line for each repeated page and each of its blocks.
    assert_eq!(lines(&usual_told), 6000);
    let (scarce, scarce_told) = with("1", &scratch);
    assert!(scarce.stdout == usual.stdout && scarce_told == usual_told);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);

    let (failed, _) = with("1", &folder.path().join("dump.txt"));
    assert_eq!(failed.status.code(), Some(1));
    let messages = messages(&failed);
    assert!(
        messages.contains("cannot remember what was seen: "),
        "{messages}"
    );
}

fn json_line(text: &str) -> String {
    serde_json::json!({ "text": text }).to_string() + "\n"
}

#[test]
fn damage_is_exit_code_1_whatever_a_gate_takes_and_hides_no_gate() {
    let good = json_line(PAGE).repeat(39);
    let bad = "{\"text\": \"DOI: \n";
    let folder = folder_with(&[("d.jsonl", &format!("{good}{bad}"))]);
    let rejected = "citesift: --max-rejects does not hold: 1 of 40 report pages were rejected\n";
    for (gate, said) in [
        (&["--max-rejects", "5%"][..], None),
        (&["--max-rejects", "1"], None),
        (&["--max-rejects", "0"], Some(rejected)),
        (&["--max-rejects", "2%"], Some(rejected)),
        (&["--strict"], Some("citesift: --strict does not hold: ")),
    ] {
        let output = run(&[&["-q", "d.jsonl"], gate].concat(), folder.path());
        let messages = messages(&output);
        assert_eq!((output.status.code(), lines(&output.stdout)), (Some(1), 39));
        let holds = !messages.contains("does not hold");
        assert_eq!(holds, said.is_none(), "{gate:?}: {messages}");
        assert!(messages.contains(said.unwrap_or_default()), "{messages}");
    }
}

#[test]
fn what_is_damaged_is_said_with_its_place_ten_times_and_is_exit_code_1() {
    let good = json_line(PAGE);
    let bad = "{\"text\": \"\u{1b}[31mDOI: \n".repeat(15);
    let folder = folder_with(&[("d.jsonl", &format!("{good}{bad}{good}"))]);
    let output = run(&["d.jsonl", "--stats", "s.json"], folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(1), 2));
    let messages = messages(&output);
    let said: Vec<_> = messages
        .lines()
        .filter(|line| line.contains("no valid JSON"))
        .collect();
    assert_eq!(said.len(), 10, "{messages}");
    let first = format!(
        "citesift: d.jsonl: byte {}, line 2, record 2: no valid JSON: ",
        good.len()
    );
    assert!(said[0].starts_with(&first), "{}", said[0]);
    assert!(messages.contains("citesift: more is damaged; --rejects FILE tells all of it\n"));
    assert!(messages.contains("15 pages rejected: invalid_json 15"));
    let stats = fs::read(folder.path().join("s.json")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    let bytes = |name: &str| stats["bytes"][name].as_u64().unwrap();
    let columns = ["pages", "between_pages", "skipped", "container"];
    assert_eq!(bytes("read"), columns.map(bytes).iter().sum::<u64>());
    assert_eq!(bytes("read"), (2 * good.len() + bad.len()) as u64);
}

#[test]
fn where_rejects_are_written_the_last_word_on_damage_names_their_file() {
    let folder = folder_with(&[("d.jsonl", &"{\"text\": \n".repeat(15))]);
    let output = run(&["d.jsonl", "--rejects", "rejects"], folder.path());
    let messages = messages(&output);
    assert!(messages.contains("citesift: more is damaged; rejects tells all of it\n"));
    assert!(!messages.contains("--rejects FILE"), "{messages}");
}

/// As the README says.
#[test]
fn long_text_of_another_site_counts_for_each_stretch_and_a_line_once() {
    let text = "Text of another site, a line of it.\n".repeat((4 << 20) / 36);
    let warc = format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {}\r\n\r\n{text}\r\n\r\n",
        text.len()
    );
    for (input, skipped) in [
        (&text, "5 pages"),
        (&warc, "5 pages"),
        (&json_line(&text), "1 page"),
    ] {
        let messages = messages(&with_input(&[], input.as_bytes()));
        let expected = format!("citesift: {skipped} skipped: no report");
        assert!(messages.contains(&expected), "{messages}");
    }
}

#[test]
fn html_is_named_in_the_summary_so_that_nobody_believes_it_was_read() {
    let http = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>";
    let record = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n{http}\r\n\r\n",
        http.len()
    );
    let output = with_input(&[], record.repeat(3).as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let messages = messages(&output);
    assert!(messages.contains("3 records NOT read: HTML"), "{messages}");
}

#[test]
fn what_must_be_sought_is_refused_from_a_pipe_and_the_rest_is_read() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    let mut command = citesift(&["-", "a.txt"]);
    let zip = folder.path().join("x.zip");
    fs::write(&zip, b"PK\x05\x06").unwrap();
    let output = command
        .current_dir(folder.path())
        .stdin(fs::File::open(zip).unwrap())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(1), 1));
    let messages = messages(&output);
    assert!(
        messages.starts_with("citesift: -: zip and Parquet are read from a file"),
        "{messages}"
    );
}

#[test]
fn a_format_can_be_forced() {
    let text = "{\"text\": broken\nand no JSON at all\n";
    let folder = folder_with(&[("a", text)]);
    assert_eq!(run(&["a"], folder.path()).status.code(), Some(1));
    let forced = run(&["a", "--format", "text"], folder.path());
    assert_eq!(forced.status.code(), Some(0), "{}", messages(&forced));
}

#[cfg(target_os = "linux")]
#[test]
fn a_bomb_meets_bounded_memory() {
    // What is read as text takes its time.
    const TIMES: usize = 40;
    const TIMES_OF_TEXT: usize = 12;
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let zeros = |times| frame(&vec![0; 4 << 20]).repeat(times);
    let letters = frame(&vec![b'a'; 4 << 20]).repeat(TIMES);
    let header = |kind: &str, times: usize| {
        let length = times * (4 << 20);
        let header = format!(
            "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        frame(header.as_bytes())
    };
    let good = json_line(PAGE).into_bytes();
    for (name, bytes, records, most) in [
        ("text", zeros(TIMES_OF_TEXT), 0, 28 << 10),
        (
            "long line",
            [
                frame(b"{\"text\":\"DOI: "),
                letters.clone(),
                frame(b"\"}\n"),
                frame(&good),
            ]
            .concat(),
            1,
            116 << 10,
        ),
        (
            "text record",
            [header("text/plain", TIMES_OF_TEXT), zeros(TIMES_OF_TEXT)].concat(),
            0,
            28 << 10,
        ),
        (
            "other record",
            [header("image/png", TIMES), zeros(TIMES)].concat(),
            0,
            28 << 10,
        ),
        (
            "header",
            [frame(b"WARC/1.0\r\nX: "), letters].concat(),
            0,
            116 << 10,
        ),
    ] {
        let (_, found, peak) = measured(&["bomb"], &bytes);
        assert_eq!(found, records, "{name}");
        assert!((1..most).contains(&peak), "{name}: {peak} kB");
    }
}

/// Bytes and lines that come out where the file `bomb` holds this, and the largest memory in kB.
#[cfg(target_os = "linux")]
fn measured(args: &[&str], bomb: &[u8]) -> (usize, usize, u64) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bomb"), bomb).unwrap();
    let mut command = citesift(args);
    let mut child = command
        .arg("--quiet")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let read = std::thread::spawn(move || {
        let (mut bytes, mut lines, mut buffer) = (0, 0, vec![0; 1 << 16]);
        while let read @ 1.. = stdout.read(&mut buffer).unwrap() {
            bytes += read;
            lines += memchr::memchr_iter(b'\n', &buffer[..read]).count();
        }
        (bytes, lines)
    });
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(most_held_by(&child));
        std::thread::sleep(Duration::from_millis(1));
    }
    let (bytes, lines) = read.join().unwrap();
    (bytes, lines, peak)
}

/// What all rows of a page or all records of a source repeat is in each of them, and not in memory.
#[cfg(target_os = "linux")]
#[test]
fn an_output_much_larger_than_its_input_meets_bounded_memory() {
    const TIMES: usize = 1000;
    let long = "long ".repeat(20_000);
    let block = |number: usize| {
        format!("“…Block {number}.…”\nSection: Resultsmentioning\nconfidence: 99%\n")
    };
    let blocks: Vec<_> = (0..TIMES).map(block).collect();
    let blocks = blocks.concat();
    let (header, _) = PAGE.split_once('“').unwrap();
    let many_blocks = format!("{}{blocks}", header.replace("Title", &long));
    let long_doi = format!(
        "{}{blocks}",
        header.replace("10.5555/x", &format!("10.5555/{}", long.replace(' ', "-")))
    );
    let page = json_line(&format!("{PAGE}\n").repeat(TIMES));
    let many_pages = page.replace("{\"text\"", &format!("{{\"kept\":\"{long}\",\"text\""));
    assert!(
        many_pages.len() > page.len() + long.len(),
        "{}",
        &page[..100]
    );
    let damaged = "{\n".repeat(400 * TIMES);
    let all = TIMES * long.len();
    for (args, input, bytes, lines) in [
        (&["--emit", "statements"][..], &many_blocks, all, TIMES),
        (
            &["--to", "csv", "--emit", "statements"],
            &many_blocks,
            all,
            1 + TIMES,
        ),
        (&["--keep", "kept"], &many_pages, all, TIMES),
        (
            &["--keep", "kept", "--emit", "statements"],
            &many_pages,
            all,
            TIMES,
        ),
        (&["--emit", "cito"], &long_doi, 1_000 * TIMES, 10 * TIMES),
        (&["--format", "jsonl"], &damaged, 0, 0),
    ] {
        let (given, found, peak) = measured(&[args, &["bomb"]].concat(), input.as_bytes());
        assert!(
            given >= bytes && found >= lines,
            "{args:?}: {given} {found}"
        );
        assert!((1..52 << 10).contains(&peak), "{args:?}: {peak} kB");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_does_nothing() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    for (args, expected) in [
        (&["--outptu", "x"][..], "--output"),
        (
            &["-q", "merge", "a.txt", "-o", "x"],
            "`merge` is a command, and stands before all options",
        ),
        (&["a.txt", "--max-page", "0"], "above zero"),
        (&["a.txt", "--max-page", "1X"], "unknown unit"),
        (&["a.txt", "--threads", "0"], "--threads"),
        (&["a.txt", "--max-rejects", "200%"], "0.5%"),
        (&["a.txt", "--emit", "csv"], "statements"),
        (&["a.txt", "--format", "csv"], "jsonl"),
        (&["a.txt", "--near", "80%"], "such as 0.8"),
        (
            &["a.txt", "--rejects", "x", "--duplicates", "x"],
            "--rejects and --duplicates name the same file",
        ),
        (
            &["a.txt", "--keep", "b,a.b,a"],
            "--keep: `a.b` is already in `a`; name one of them",
        ),
        (
            &["a.txt", "--keep", "a..b"],
            "--keep: `a..b` is no field's name",
        ),
        (
            &["a.txt", "--text-field", "a..b"],
            "--text-field: `a..b` is no field's name",
        ),
        (
            &["a.txt", "--url-field="],
            "--url-field: `` is no field's name",
        ),
        (
            &["a.txt", "-o", "x", "--stats", "x"],
            "--output and --stats name the same file",
        ),
        (
            &["a.txt", "--threads", "1025"],
            "--threads <N>': expected a number from 1 to 1024",
        ),
        (
            &["a.txt", "-o", "no/x"],
            "--output: there is no folder `no`; make it, or choose another place",
        ),
        (
            &["a.txt", "-o", ".."],
            "--output: `..` is a folder; name a file in it",
        ),
        (
            &["a.txt", "-o", "-"],
            "--output: leave it out to write to standard output; a file of the name `-` is `./-`",
        ),
        (
            &["a.txt", "--stats", "-"],
            "--stats: standard output is for records; name a file, or `./-` for",
        ),
        (
            &["merge", "a.txt", "-o", "-"],
            "--output: leave it out to write to standard output",
        ),
        (&["a.txt", "--sample", "0.1"], "such as 0.5%"),
        (&["a.txt", "--skip", "x"], "--skip"),
        (&["a.txt", "--resume", "--dry-run"], "--dry-run"),
        (
            &["a.txt", "-o", "./a.txt"],
            "--output names an input; choose another file",
        ),
    ] {
        refuses(args, expected, folder.path());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_ending_that_promises_another_form_is_wrong_usage() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    for (args, expected) in [
        (
            &["a.txt", "-o", "x.tsv"][..],
            "--output: `x.tsv` promises tsv, and NDJSON is written; name it `x.ndjson`, or",
        ),
        (
            &["a.txt", "-o", "x.ndjson.xz"],
            "--output: `x.ndjson.xz` promises xz, and NDJSON is written; name it `x.ndjson`, or \
             `x.ndjson.gz` or",
        ),
        (
            &["a.txt", "--rejects", "x.jsonl.bz2"],
            "promises bz2, and NDJSON is written; name it `x.jsonl`, or",
        ),
        (
            &["a.txt", "--stats", "x.json.lz4"],
            "promises lz4, and JSON is written; name it `x.json`, or",
        ),
        (
            &["a.txt", "--stats", "x.yaml"],
            "--stats: `x.yaml` promises yaml, and JSON is written; name it `x.json`",
        ),
        (
            &["a.txt", "-o", "x.tsv.gz"],
            "--output: `x.tsv.gz` promises tsv, and NDJSON is written; name it `x.ndjson`, or",
        ),
        (
            &["a.txt", "-o", "x.xlsx.ZST"],
            "promises xlsx, and NDJSON is written; name it `x.ndjson`, or",
        ),
        (
            &["a.txt", "-o", "x.xz.gz"],
            "promises xz, and NDJSON is written; name it `x.ndjson`, or",
        ),
        (
            &["a.txt", "-o", "x.v1.xz"],
            "promises xz, and NDJSON is written; name it `x.v1.ndjson`, or",
        ),
        (
            &["a.txt", "--stats", "x.csv.gz"],
            "--stats: `x.csv.gz` promises csv, and JSON is written; name it `x.json`, or",
        ),
        (
            &["a.txt", "--rejects", "x.csv.xz"],
            "promises xz, and NDJSON is written; name it `x.ndjson`, or",
        ),
        (
            &["a.txt", "--report", "x.pdf.gz"],
            "--report: `x.pdf.gz` promises pdf, and HTML is written; name it `x.html`, or",
        ),
        (
            &["merge", "a.ndjson", "-o", "x.tsv.gz"],
            "--output: `x.tsv.gz` promises tsv, and NDJSON is written",
        ),
    ] {
        refuses(args, expected, folder.path());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn refuses(args: &[&str], expected: &str, folder: &Path) {
    let output = run(args, folder);
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(2), 0),
        "{args:?}"
    );
    let messages = messages(&output);
    assert!(messages.contains(expected), "{args:?}: {messages}");
}

#[test]
fn help_names_every_flag_with_examples_and_exit_codes() {
    let output = run(&["--help"], Path::new("."));
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "--format",
        "--text-field",
        "--url-field",
        "--keep",
        "--output",
        "--emit",
        "--rejects",
        "--stats",
        "--dedup",
        "--memory",
        "--duplicates",
        "--near",
        "--threads",
        "--limit",
        "--max-page",
        "--strict",
        "--max-rejects",
        "--progress",
        "--quiet",
        "jq -r .doi",
        "Exit codes:",
        "64MiB",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn a_run_of_many_batches_is_the_same_for_any_threads() {
    let folder = folder_with(&[]);
    let dump: String = (0..20_000)
        .map(|n| PAGE.replace("10.5555/x", &format!("10.5555/{n}")) + "\n")
        .collect();
    fs::write(folder.path().join("dump.txt"), dump).unwrap();
    let outputs = ["1", "2", "8"]
        .map(|threads| run(&["-q", "--threads", threads, "dump.txt"], folder.path()).stdout);
    assert_eq!(lines(&outputs[0]), 20_000);
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

#[test]
fn an_output_named_so_is_compressed_and_reads_back_as_the_same_records() {
    let folder = folder_with(&[("a.txt", PAGE)]);
    let plain = run(&["-q", "a.txt"], folder.path()).stdout;
    for (name, magic) in [
        ("out.ndjson.gz", &[0x1F, 0x8B][..]),
        ("OUT.NDJSON.GZ", &[0x1F, 0x8B]),
        ("out.ndjson.zst", &[0x28, 0xB5, 0x2F, 0xFD]),
    ] {
        let output = run(&["-q", "a.txt", "-o", name], folder.path());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
        let written = fs::read(folder.path().join(name)).unwrap();
        assert!(written.starts_with(magic));
        let mut found = Vec::new();
        let decoded = match magic[0] == 0x1F {
            true => flate2::read::MultiGzDecoder::new(&written[..]).read_to_end(&mut found),
            false => {
                zstd::Decoder::new(&written[..]).and_then(|mut zstd| zstd.read_to_end(&mut found))
            }
        };
        assert!(decoded.is_ok() && found == plain, "{name}");
    }
}

#[test]
fn a_cut_off_archive_gives_what_it_has_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    // Numbers that no compressor foretells, so that the cut falls into the pages.
    let pages = (0..2000u64).map(|n| {
        let noise = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        PAGE.replace(
            "10.5555/x",
            &format!("10.5555/{noise:x}{}", noise.rotate_left(17)),
        ) + "\n"
    });
    let mut archive = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    archive
        .write_all(pages.collect::<String>().as_bytes())
        .unwrap();
    let whole = archive.finish().unwrap();
    fs::write(folder.path().join("cut.gz"), &whole[..whole.len() / 2]).unwrap();
    let output = run(&["cut.gz"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        (500..1500).contains(&lines(&output.stdout)),
        "{}",
        lines(&output.stdout)
    );
    let stats = messages(&output);
    assert!(
        stats.starts_with("citesift: cut.gz: after ") && stats.contains(" bytes of text: "),
        "{stats}"
    );
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let folder = folder_with(&[("page.txt", PAGE)]);
    let address = "https://me:secret@example.org/x";
    for args in [
        &[address][..],
        &["merge", address],
        &["annotate", address],
        &["verify", "page.txt", address],
        &["page.txt", "-o", address],
        &["page.txt", "-o", "s3://KEY:sec/secret@example.org/x"],
        &["page.txt", "--config", address],
        &["page.txt", "-o", "out", "--seen", address],
        &["page.txt", "--rejects", address],
        &["page.txt", "--duplicates", address],
        &["page.txt", "--stats", address],
        &["page.txt", "--report", address],
        &["merge", "page.txt", "-o", address],
    ] {
        let output = run(args, folder.path());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = messages(&output);
        assert!(
            said.contains("address") || said.contains("://…@example.org/x"),
            "{said}"
        );
        assert!(!said.contains("secret"), "{args:?}: {said}");
    }
}

#[test]
fn a_file_with_the_name_of_an_address_is_read_as_a_path() {
    let folder = folder_with(&[("s3:/bucket/page.txt", PAGE)]);
    let output = run(&["-q", "./s3://bucket/page.txt"], folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 1));
}
