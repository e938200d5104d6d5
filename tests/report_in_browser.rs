//! `--report` in a real browser, where `CITESIFT_CHROMIUM` names a Chromium: what it shows, that it
//! asks for nothing, and that no text of the input comes to life.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

const INSPECT: &str = include_str!("report_in_browser/inspect.html");

/// A browser that loads pages from a folder, and whose every other request goes to us.
struct Browser {
    program: OsString,
    profile: TempDir,
    proxy: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What came of a page.
struct Loaded {
    dom: String,
    /// What it said on the console.
    console: Vec<String>,
    /// The addresses that it asked for.
    asked: Vec<String>,
}

impl Browser {
    fn find() -> Option<Self> {
        let Some(program) = std::env::var_os("CITESIFT_CHROMIUM") else {
            eprintln!("CITESIFT_CHROMIUM is not set: the report was NOT looked at in a browser");
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = listener.local_addr().unwrap().port();
        let asked = Arc::default();
        let noted = Arc::clone(&asked);
        // It ends with the test.
        thread::spawn(move || note_requests(&listener, &noted));
        Some(Self {
            program,
            profile: tempfile::tempdir().unwrap(),
            proxy,
            asked,
        })
    }

    fn load(&self, page: &Path, more: &[&str]) -> Loaded {
        self.asked.lock().unwrap().clear();
        let output = Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args([
                "--disable-component-update",
                "--disable-sync",
                "--disable-extensions",
            ])
            .args(["--allow-file-access-from-files", "--enable-logging=stderr"])
            .args(["--virtual-time-budget=20000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .arg(format!("--proxy-server=http://127.0.0.1:{}", self.proxy))
            .arg("--proxy-bypass-list=<-loopback>")
            .args(more)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{messages}");
        let said = messages.lines().filter(|line| line.contains(":CONSOLE"));
        Loaded {
            dom: String::from_utf8(output.stdout).unwrap(),
            console: said.map(str::to_owned).collect(),
            asked: self.asked.lock().unwrap().clone(),
        }
    }

    /// What a reader of the report in a folder sees, at several widths.
    fn inspect(&self, folder: &Path, more: &[&str]) -> Vec<Value> {
        let page = folder.join("inspect.html");
        fs::write(&page, INSPECT).unwrap();
        let loaded = self.load(&page, more);
        assert_eq!(loaded.console, [""; 0]);
        assert_eq!(loaded.asked, [""; 0]);
        let found = loaded.dom.split("<pre id=\"found\">").nth(1).unwrap();
        let found = found.split("</pre>").next().unwrap();
        let found = found.replace("&lt;", "<").replace("&gt;", ">");
        let found = found.replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
        serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"))
    }
}

/// Whom the browser itself asks, whatever it shows. What a page asks of them, its own list tells.
const ITS_OWN: [&str; 3] = [".google.com", ".googleapis.com", ".gvt1.com"];

fn is_its_own(host: &str) -> bool {
    ITS_OWN.iter().any(|domain| host.ends_with(domain))
}

fn note_requests(listener: &TcpListener, asked: &Mutex<Vec<String>>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 2000];
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let length = stream.read(&mut request).unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..length]);
        let line = request.lines().next().unwrap_or_default();
        let address = line.split(' ').nth(1).unwrap_or_default();
        let host = address
            .trim_start_matches("http://")
            .split(['/', ':'])
            .next();
        // Connections are also made in advance, and then nothing is asked.
        if !line.is_empty() && !host.is_some_and(is_its_own) {
            asked.lock().unwrap().push(line.to_owned());
        }
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
}

const HOSTILE: [&str; 9] = [
    "<script>document.title='live'</script>",
    "\"onload=alert(1) x=\"",
    "' onmouseover='alert(1)",
    "</title></style></svg></bdi></section><h2>Forged</h2>",
    "<img src=http://leak.test/title onerror=alert(1)>",
    "<!-- <![CDATA[ x",
    "&lt;b&gt;&#60;i&#62;&amp;amp;",
    "עברית مرحبا abc",
    "<style>@import 'http://leak.test/style'; * { display: none }</style>",
];

/// Report pages with such titles and headings, which carry warnings, and lines that are refused.
fn hostile(texts: &[&str]) -> String {
    let mut lines = String::new();
    for (copy, (number, text)) in (0..40).flat_map(|copy| {
        let texts = texts.iter().enumerate();
        texts.map(move |text| (copy, text))
    }) {
        // The long ones once.
        if copy > 0 && text.len() > 1000 {
            continue;
        }
        let (year, confidence) = (1950 + 7 * number + copy, 60 + copy);
        let page = format!(
            "{year}\nDOI: 10.5555/{number}.{copy}\n|Cite\n|\n\n{text}\n\nHelp me understand this report\n\n\
             Order By: Relevance\n“…One {copy}.…”\nSection: {text}supporting\nconfidence: {confidence}%\n\
             {text}\n“…Two {copy}.…”\nSection: Resultscontrasting\nconfidence: 51%\n“…Cut off",
        );
        let page = serde_json::json!({ "text": page });
        writeln!(lines, "{page}\n{}", serde_json::json!([text])).unwrap();
    }
    lines
}

/// A folder with a report, and its statistics.
fn reported(texts: &[&str], more: &[&str]) -> (TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jsonl"), hostile(texts)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .args([
            "a.jsonl",
            "--report",
            "run.html",
            "--stats",
            "stats.json",
            "-q",
        ])
        .args(["-o", "out.ndjson"])
        .args(more)
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stats = fs::read(folder.path().join("stats.json")).unwrap();
    (folder, serde_json::from_slice(&stats).unwrap())
}

fn strings(value: &Value) -> Vec<&str> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}

/// What must hold of any report at any width.
fn check(found: &Value, stats: &Value) {
    let width = &found["width"];
    assert!(
        found["wide"].as_u64() <= width.as_u64(),
        "{}",
        found["wide"]
    );
    for nothing in ["live", "handlers", "fetched", "illegible", "clipped"] {
        assert_eq!(found[nothing], Value::Array(vec![]), "{nothing} at {width}");
    }
    assert!(
        found["title"]
            .as_str()
            .unwrap()
            .starts_with("citesift: report of a run, ")
    );
    let (charts, figures) = (
        strings(&found["charts"]),
        found["figures"].as_u64().unwrap(),
    );
    assert_eq!(charts.len() as u64, figures, "one drawing of each is shown");
    assert!(charts.iter().all(|words| words.len() > 30), "{charts:?}");
    for contrast in found["contrasts"].as_array().unwrap() {
        assert!(contrast.as_f64().unwrap() >= 4.5, "{}", found["contrasts"]);
    }
    let mut checked = 0;
    for (key, number) in found["numbers"].as_object().unwrap() {
        let (value, shown) = (number[0].as_str().unwrap(), number[1].as_str().unwrap());
        assert_eq!(shown.replace(',', ""), value, "{key}");
        let expected = key.split('.').fold(stats, |value, part| &value[part]);
        assert_eq!(expected.to_string(), value, "{key}");
        checked += 1;
    }
    assert!(checked >= 20, "{checked} numbers");
}

#[test]
fn a_report_is_shown_whole_and_asks_for_nothing() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let (folder, stats) = reported(&["A title", "Another one"], &[]);
    let mut papers = BTreeSet::new();
    for more in [&[][..], &["--blink-settings=preferredColorScheme=0"]] {
        let found = browser.inspect(folder.path(), more);
        assert_eq!(found.len(), 3);
        for found in &found {
            check(found, &stats);
            let headings = strings(&found["headings"]);
            for heading in [
                "Where everything went",
                "What came out",
                "Warnings",
                "Rejects",
                "The run",
            ] {
                assert!(headings.contains(&heading), "{headings:?}");
            }
            papers.insert(found["paper"].to_string());
        }
    }
    assert_eq!(papers.len(), 2, "light and dark: {papers:?}");
}

#[test]
fn no_text_of_the_input_comes_to_life() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let long = "x".repeat(1 << 20);
    let words = "A title without an end ".repeat(50_000);
    let texts: Vec<&str> = HOSTILE.into_iter().chain([&*long, &*words]).collect();
    let mut shown = BTreeSet::new();
    // Of each kind the first three are shown.
    for texts in texts.chunks(3) {
        let word = "</pre><script>";
        let (folder, stats) = reported(texts, &["--text-field", "text", word]);
        for found in browser.inspect(folder.path(), &[]) {
            check(&found, &stats);
            assert!(!strings(&found["headings"]).contains(&"Forged"));
            assert!(found["command"].as_str().unwrap().contains(word));
            let titles = strings(&found["texts"]).into_iter();
            let sections = strings(&found["sections"]);
            for text in texts.iter().filter(|text| text.len() < 1000) {
                assert!(
                    titles.clone().any(|title| title == *text),
                    "no title {text}"
                );
                assert!(sections.contains(text), "no heading {text}: {sections:?}");
            }
            shown.extend(titles.chain(sections).map(str::to_owned));
        }
    }
    let longest = shown.iter().map(String::len).max().unwrap();
    assert!(longest < 500, "{longest}");
}

/// What the other tests rely on: a page that is not quiet is noticed.
#[test]
fn what_runs_or_asks_for_something_would_be_noticed() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("loud.html");
    fs::write(
        &page,
        "<img src='http://leak.test/x'><script>console.error('loud')</script>",
    )
    .unwrap();
    let loaded = browser.load(&page, &[]);
    assert!(
        loaded.console.iter().any(|said| said.contains("\"loud\"")),
        "{:?}",
        loaded.console
    );
    let is_leak = |asked: &String| asked.contains("http://leak.test/x");
    assert!(loaded.asked.iter().any(is_leak), "{:?}", loaded.asked);
    // And what a report's own rules would stop is said on the console.
    let rules = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">";
    fs::write(&page, format!("{rules}<img src='http://leak.test/x'>")).unwrap();
    let loaded = browser.load(&page, &[]);
    assert!(
        loaded
            .console
            .iter()
            .any(|said| said.contains("Content Security Policy"))
    );
    assert!(!loaded.asked.iter().any(is_leak), "{:?}", loaded.asked);
}
