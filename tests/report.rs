//! `--report`: the numbers of the page are those of `--stats`, no text of the input is markup in it,
//! and it is written where the run's other outputs are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

#[expect(dead_code, reason = "other tests use more of it")]
mod world;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    Order By: Relevance\n“…One.…”\nSection: Resultsmentioning\nconfidence: 99%\n\
    “…Two.…”\nSection: Methodssupporting\nconfidence: 94%\n";

struct Place(TempDir);

impl Place {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command.args(args.split_whitespace());
        command.current_dir(&self.0).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    fn report(&self) -> String {
        fs::read_to_string(self.path("run.html")).unwrap()
    }

    fn stats(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("stats.json")).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The numbers of a page that are in the accounting, by their names there.
fn numbers(report: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    for element in report.split("<data ").skip(1) {
        let element = element.split("</data>").next().unwrap();
        let parts: Vec<_> = element.split(['"', '<', '>']).collect();
        let ["value=", value, " data-key=", key, "", shown] = parts[..] else {
            panic!("{element}");
        };
        assert_eq!(shown.replace(',', ""), value, "{element}");
        assert_eq!(
            numbers.insert(key.to_owned(), value.parse().unwrap()),
            None,
            "{key}"
        );
    }
    numbers
}

/// The numbers in a line of `--stats` that a page shows.
fn counted(stats: &Value) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for (name, value) in stats.as_object().unwrap() {
        if let Some(number) = value.as_u64() {
            counted.insert(name.clone(), number);
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            if let Some(number) = value.as_u64().filter(|_| name != "stages") {
                counted.insert(format!("{name}.{key}"), number);
            }
        }
    }
    // Where all lines are recognized there is no drift to show.
    if counted["unrecognized_lines"] == 0 {
        counted.retain(|name, _| !name.starts_with("drift.") && name != "unrecognized_lines");
    }
    counted
}

/// One section of a page.
fn section<'a>(report: &'a str, name: &str) -> &'a str {
    let begin = format!("<section id=\"{name}\">");
    let rest = report
        .split(&begin)
        .nth(1)
        .unwrap_or_else(|| panic!("no {name}"));
    rest.split("</section>").next().unwrap()
}

/// What does not depend on time.
fn lasting(report: &str) -> Vec<&str> {
    let names = ["accounting", "kept", "warnings", "rejects", "drift"];
    names.map(|name| section(report, name)).to_vec()
}

/// Inputs of which everything can be told.
fn all_kinds() -> Place {
    some_of_all_kinds(100)
}

fn some_of_all_kinds(papers: u32) -> Place {
    let place = Place::with(&[
        ("a.txt", world::crawl(0..2 * papers, 6).as_bytes()),
        ("b.jsonl", world::json_lines(0..3 * papers).as_bytes()),
        ("c.txt", world::crawl(papers..2 * papers + 9, 6).as_bytes()),
    ]);
    let body = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>";
    let wet = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n\
         Content-Length: {}\r\n\r\n{body}\r\n\r\n",
        body.len()
    );
    fs::write(place.path("d.warc"), wet).unwrap();
    place
}

const ALL_KINDS: &str = "a.txt b.jsonl c.txt d.warc missing.txt --max-page 20000 --dedup run -q \
    -o out.ndjson --stats stats.json --report run.html";

#[test]
fn the_numbers_are_those_of_the_statistics() {
    let place = all_kinds();
    let output = place.run(ALL_KINDS);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let (report, stats) = (place.report(), place.stats());
    let (shown, expected) = (numbers(&report), counted(&stats));
    assert_eq!(shown, expected);
    for key in [
        "rejects.page_too_large",
        "rejects.invalid_json",
        "warnings.unrecognized_lines",
        "blocks.repeated_in_run",
        "pages.repeated",
        "bytes.container",
        "not_read.html",
    ] {
        assert!(expected.get(key).is_some_and(|&number| number > 0), "{key}");
    }
    assert!(report.contains("Not all could be read"));
    assert!(section(&report, "rejects").contains("missing.txt"));
    let first = &stats["drift"]["shapes"][0];
    assert!(section(&report, "drift").contains(first["shape"].as_str().unwrap()));
}

#[test]
fn the_numbers_are_the_same_for_any_number_of_threads() {
    let place = all_kinds();
    let mut first = None;
    for threads in [1, 2, 5] {
        place.run(&format!("{ALL_KINDS} --threads {threads}"));
        let report = place.report();
        let first = first.get_or_insert_with(|| report.clone());
        assert_eq!(lasting(first), lasting(&report), "{threads} threads");
    }
}

#[test]
fn what_came_out_is_what_the_records_say() {
    let other = PAGE
        .replace("2012", "2014")
        .replace("10.5555/x", "10.5555/y");
    let again = PAGE.replace("Two.", "Three.").replace("94%", "51%");
    let place = Place::with(&[("a.txt", [PAGE, &other, PAGE, &again].concat().as_bytes())]);
    let output = place.run("a.txt --dedup run -o out.ndjson --report run.html");
    assert!(output.status.success(), "{}", said(&output));
    let report = place.report();
    let kept = section(&report, "kept");
    for expected in [
        "3 report pages with 5 statements",
        "<th scope=\"row\">2012</th><td class=\"number\">2</td><td class=\"number\">3</td>",
        "<th scope=\"row\">2014</th><td class=\"number\">1</td><td class=\"number\">2</td>",
        "<bdi class=\"text\">Methods</bdi>",
        "<th scope=\"row\">99 %</th><td class=\"number\">2</td><td class=\"share\">40.0 %</td>",
        "<th scope=\"row\">51 %</th><td class=\"number\">1</td><td class=\"share\">20.0 %</td>",
    ] {
        assert!(kept.contains(expected), "{expected}: {kept}");
    }
    assert!(kept.contains("<title>2012: 2</title>"));
    assert!(!kept.contains("<title>2013: "));
}

#[test]
fn what_came_out_is_the_same_in_every_form() {
    let place = some_of_all_kinds(20);
    let mut first = None;
    for form in [
        "-o x.ndjson",
        "-o x.ndjson --emit statements",
        "-o x.csv --emit statements",
    ] {
        let rest = "a.txt b.jsonl c.txt -q --stats stats.json --report run.html";
        let output = place.run(&format!("{rest} {form}"));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let report = place.report();
        assert_eq!(numbers(&report), counted(&place.stats()), "{form}");
        let kept = section(&report, "kept").to_owned();
        assert_eq!(*first.get_or_insert_with(|| kept.clone()), kept, "{form}");
    }
}

/// Texts that would be markup, or steer what is around them.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"onload=alert(1) x=\"",
    "' onmouseover='alert(1)",
    "</title></style></svg></bdi></section>",
    "<img src=x onerror=alert(1)>",
    "<!-- --><![CDATA[ x ]]>",
    "&lt;script&gt;&#60;&amp;amp;",
    "{{ command }}{% include \"report.css\" %}",
    "\u{202e}gnp.exe\u{2066}\u{200f}שלום مرحبا",
    "a\u{0}b\u{1b}[31m\u{2028}\u{feff}",
];

fn hostile_page(number: usize, text: &str) -> String {
    format!(
        "2012\nDOI: 10.5555/{number}\n|Cite\n|\n\n{text}\n\nHelp me understand this report\n\n\
         Order By: Relevance\n“…One {number}.…”\nSection: {text}mentioning\nconfidence: 99%\n{text}\n\
         “…Cut off"
    )
}

#[test]
fn no_text_of_the_input_is_markup() {
    let place = Place::with(&[]);
    let lines = HOSTILE.iter().enumerate().map(|(number, text)| {
        let page = hostile_page(number, text);
        let damaged = format!("[\"{}\"]", text.replace(['"', '\0', '\u{1b}'], ""));
        format!("{}\n{damaged}\n", serde_json::json!({ "text": page }))
    });
    let hostile = "<b onclick='x'>&quot;.jsonl";
    fs::write(place.path(hostile), lines.collect::<String>()).unwrap();
    let harmless = HOSTILE.iter().enumerate().map(|(number, _)| {
        let page = hostile_page(number, &format!("Harmless {number}"));
        format!("{}\n[\"Harmless\"]\n", serde_json::json!({ "text": page }))
    });
    fs::write(place.path("harmless.jsonl"), harmless.collect::<String>()).unwrap();
    let mut shapes = Vec::new();
    for input in [hostile, "harmless.jsonl"] {
        let mut command = place.command("-o out.ndjson --report run.html -q");
        let output = command
            .args(["--format", "jsonl", input, "</pre><script>"])
            .output();
        assert_eq!(output.unwrap().status.code(), Some(1));
        let report = place.report();
        assert!(!report.contains("<script"));
        assert!(!report.chars().any(|c| c.is_control() && c != '\n'));
        assert!(!report.contains(['\u{202e}', '\u{2066}', '\u{200f}', '\u{2028}', '\u{feff}']));
        // Tags with all their attributes: those of a page about harmless text.
        let tags = report
            .split('<')
            .skip(1)
            .map(|tag| tag.split('>').next().unwrap());
        let mut tags: Vec<_> = tags
            .filter(|tag| {
                !["data ", "rect ", "line ", "path ", "text "]
                    .iter()
                    .any(|own| tag.starts_with(own))
            })
            .map(|tag| tag.split(" aria-label").next().unwrap().to_owned())
            .collect();
        tags.sort();
        tags.dedup();
        shapes.push(tags);
    }
    assert_eq!(shapes[0], shapes[1]);
    assert!(shapes[0].len() > 30, "{:?}", shapes[0]);
}

#[test]
fn a_page_about_endless_texts_is_short() {
    let mut pages = String::new();
    for number in 0..40 {
        let long = format!("{number} {}", "Endless text ".repeat(80_000 / (number + 1)));
        pages += &hostile_page(number, &long);
        pages += "\n";
    }
    for number in 0..3000 {
        let (year, heading, line) = (number * 3, "H".repeat(150), "x".repeat(number));
        write!(
            pages,
            "{year}\nDOI: 10.5555/y{number}\n|\n\nT\n\nHelp me understand this report\n\nOrder By: \
             Relevance\n“…A.…”\nSection: {heading}{number}supporting\nLine {line}\n"
        )
        .unwrap();
    }
    let place = Place::with(&[("a.txt", pages.as_bytes())]);
    let output = place.run("a.txt -o out.ndjson --stats stats.json --report run.html -q");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(numbers(&place.report()), counted(&place.stats()));
    let length = place.report().len();
    assert!(length < 200_000, "{length}");
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let place = all_kinds();
    place.run(ALL_KINDS);
    let report = place.report();
    assert!(report.contains("Content-Security-Policy\" content=\"default-src 'none';"));
    for fetched in [
        "<script",
        "src=",
        "http://",
        "https://",
        "url(",
        "@import",
        "<iframe",
        "<link rel=\"style",
    ] {
        assert!(!report.contains(fetched), "{fetched}");
    }
}

#[test]
fn every_drawing_has_words_and_a_table() {
    let place = all_kinds();
    place.run(ALL_KINDS);
    let report = place.report();
    let drawings: Vec<_> = report.split("<svg ").skip(1).collect();
    for drawing in &drawings {
        let is_chart = drawing.contains("role=\"img\" aria-label=\"");
        assert!(
            is_chart || drawing.contains("aria-hidden=\"true\""),
            "{drawing}"
        );
        if is_chart {
            assert_eq!(drawing.matches("class=\"axis\"").count(), 2, "{drawing}");
        }
    }
    assert!(drawings.len() > 10);
    for name in ["accounting", "kept", "drift"] {
        assert!(section(&report, name).contains("<table>"), "{name}");
    }
}

#[test]
fn wrong_places_are_wrong_usage_and_nothing_is_written() {
    let place = Place::with(&[("a.txt", PAGE.as_bytes())]);
    fs::create_dir(place.path("folder")).unwrap();
    for (args, expected) in [
        (
            "--report run.json",
            "--report: `run.json` promises json, and HTML is written; name it `run.html`",
        ),
        (
            "--report run.pdf",
            "--report: `run.pdf` promises pdf, and HTML is written",
        ),
        (
            "-o run.html",
            "--output: `run.html` promises html, and NDJSON is written",
        ),
        (
            "--report no/run.html",
            "--report: there is no folder `no`; make it, or choose another place",
        ),
        (
            "--report folder",
            "--report: `folder` is a folder; name a file in it",
        ),
        (
            "--report ./a.txt",
            "--report names an input; choose another file",
        ),
        (
            "-o x --report x",
            "--output and --report name the same file",
        ),
        (
            "--stats x --report ./x",
            "--stats and --report name the same file",
        ),
        (
            "-o x --report x.part",
            "--output has `x.part` beside it until it is whole, and --report names that",
        ),
    ] {
        let before = place.names();
        let output = place.run(&format!("a.txt {args}"));
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{args}"
        );
        assert!(
            said(&output).contains(expected),
            "{args}: {}",
            said(&output)
        );
        assert_eq!(place.names(), before, "{args}");
    }
    let output = place.run("folder --report folder/run.html");
    let expected = "--report is in `folder`, which is read; choose a place outside that folder";
    assert!(said(&output).contains(expected), "{}", said(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_ends_the_run_with_its_name() {
    let place = Place::with(&[("a.txt", PAGE.as_bytes())]);
    let output = place.run("a.txt -o out --report /dev/full");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).starts_with("citesift: /dev/full: No space left on device"));
    assert!(!place.path("out").exists());
    let output = place.run("a.txt -o out --report /proc/run.html");
    assert_eq!(output.status.code(), Some(2));
    assert!(!place.path("out").exists());
}

#[test]
fn an_older_report_is_replaced_and_a_link_is_followed() {
    let place = Place::with(&[("a.txt", PAGE.as_bytes()), ("run.html", b"older")]);
    assert!(place.run("a.txt -q --report run.html").status.success());
    assert!(place.report().starts_with("<!DOCTYPE html>"));
    assert!(place.report().ends_with("</html>\n"));
    assert!(place.run("a.txt -q --report RUN.HTM").status.success());
    assert!(place.run("a.txt -q --report run").status.success());
    let names = ["RUN.HTM", "a.txt", "run", "run.html"];
    assert_eq!(place.names(), names);
}

#[test]
fn a_plan_names_it() {
    let place = Place::with(&[("a.txt", PAGE.as_bytes())]);
    let output = place.run("a.txt --dry-run --report run.html");
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(
        plan.contains("  run.html: a page about the run; new\n"),
        "{plan}"
    );
}

#[test]
fn a_run_that_ends_early_has_its_report() {
    let place = Place::with(&[("a.txt", PAGE.repeat(30).as_bytes())]);
    let output = place.run("a.txt -o out --limit 2 --stats stats.json --report run.html");
    assert!(output.status.success());
    assert!(place.report().contains("2 report pages became 2 records"));
    assert!(place.report().contains("The run ended before its input"));
    assert_eq!(numbers(&place.report()), counted(&place.stats()));

    let damaged = format!("{PAGE}\nlost\n");
    fs::write(place.path("b.txt"), damaged).unwrap();
    let output = place.run("b.txt -o out --strict --report run.html");
    assert_eq!(output.status.code(), Some(3));
    assert!(place.report().contains("--strict does not hold"));
    let output = place.run("b.txt a.txt -o out --limit 1 --strict --report run.html");
    assert_eq!(output.status.code(), Some(3));
    let sentences = "there are rejected pages or warnings. The run ended before its input";
    assert!(place.report().contains(sentences));
    // No text at all.
    fs::write(place.path("b.txt"), "").unwrap();
    assert!(place.run("b.txt -o out --report run.html").status.success());
    assert!(place.report().contains("No page became a record."));
}

/// A tar archive of these members, each of which is a page in gzip that is cut off.
fn archive_of_cut_members(names: &[&str]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(PAGE.as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    let cut = &whole[..whole.len() - 20];
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(cut.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, name, cut).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn an_input_with_several_faults_is_one_input() {
    let archive = archive_of_cut_members(&["1.gz", "2.gz", "3.gz"]);
    let place = Place::with(&[("a.tar", &archive)]);
    let output = place.run("a.tar -o out --stats stats.json --report run.html");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(place.stats()["read_errors"].as_array().unwrap().len(), 3);
    let sentence = "1 input could not be read whole";
    assert!(said(&output).contains(&format!("citesift: {sentence}.\n")));
    assert!(place.report().contains(&format!("{sentence}, and ")));

    // What is named twice is read twice.
    let output = place.run("a.tar missing a.tar missing -o out --report run.html");
    let sentence = "4 inputs could not be read whole";
    assert!(said(&output).contains(sentence), "{}", said(&output));
    assert!(place.report().contains(sentence));
}

#[test]
fn a_reader_that_leaves_is_told_in_the_report() {
    let place = Place::with(&[("a.txt", PAGE.repeat(20_000).as_bytes())]);
    let mut command = place.command("a.txt -q --report run.html");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(place.report().contains("The run ended before its input"));
}

/// However long it took: its text has come in one piece.
#[test]
fn a_run_that_was_seen_at_few_moments_is_not_called_too_short() {
    let place = Place::with(&[]);
    let mut command = place.command("- -q --report run.html");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stdin.write_all(PAGE.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let report = place.report();
    let course = section(&report, "course");
    assert!(course.contains("too few moments"), "{course}");
    assert!(!course.contains("too short"), "{course}");
}

/// Runs until a checkpoint was written and kills that, until a run ends; how many were killed.
fn killed(place: &Place, args: &str) -> usize {
    let journal = place.path("out.ndjson.journal");
    let length = || fs::metadata(&journal).map_or(0, |metadata| metadata.len());
    for kills in 0.. {
        let before = length();
        let mut child = place.command(&format!("{args} --resume")).spawn().unwrap();
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            if length() > before + 100_000 {
                std::thread::sleep(Duration::from_millis(2));
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            std::thread::yield_now();
        };
        if ended.code().is_some() {
            return kills;
        }
    }
    unreachable!()
}

#[test]
fn a_run_that_was_resumed_reports_all_of_it_and_says_so() {
    let place = some_of_all_kinds(2000);
    let args = format!("{ALL_KINDS} --checkpoint 0");
    place.run(&args);
    let whole = place.report();
    assert!(!whole.contains("It went on where another run had stopped"));
    fs::remove_file(place.path("run.html")).unwrap();
    let kills = killed(&place, &args);
    assert!(kills > 0);
    let resumed = place.report();
    assert_eq!(lasting(&whole), lasting(&resumed), "{kills} kills");
    assert!(resumed.contains("It went on where another run had stopped, behind "));
    assert_eq!(numbers(&resumed), counted(&place.stats()));
}

#[test]
fn what_was_not_counted_before_an_interruption_is_not_made_up_behind_it() {
    let place = some_of_all_kinds(2000);
    let journal = place.path("out.ndjson.journal");
    let without = "a.txt b.jsonl c.txt -o out.ndjson --checkpoint 0 -q";
    let mut child = place.command(without).spawn().unwrap();
    let length = || fs::metadata(&journal).map_or(0, |metadata| metadata.len());
    while length() < 100_000 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(journal.exists());
    let output = place.run(&format!("{without} --resume --report run.html"));
    assert_eq!(output.status.code(), Some(2));
    let expected = "--resume: --report was not given and is `run.html`; give what the interrupted run was given";
    assert!(said(&output).contains(expected), "{}", said(&output));
    assert!(!place.path("run.html").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_an_older_report_as_it_was() {
    let place = Place::with(&[("run.html", b"older")]);
    let mut command = place.command("-q --report run.html -");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(PAGE.as_bytes()).unwrap();
    while !place.path("run.html.part").exists() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);
    assert_eq!(place.report(), "older");
}

#[test]
fn help_and_the_manual_name_it() {
    for args in ["--help", "man"] {
        let output = Place::with(&[]).run(args);
        let text = String::from_utf8(output.stdout)
            .unwrap()
            .replace("\\-", "-");
        assert!(text.contains("--report"), "{args}");
    }
}
