//! A run's outcome as a page to look at: one HTML file that needs nothing else.
//!
//! It loads nothing and runs nothing, and says so to the browser. Titles, headings, paths and
//! excerpts are strangers' text: they go through [`text::shown`], which cuts them and escapes what
//! steers a reader, and through the template, which escapes markup. What the template is told
//! to take as it is holds only numbers and words of our own.

mod account;
mod chart;
mod course;
mod findings;
mod kept;
mod text;

use std::io;
use std::time::{Duration, SystemTime};

use askama::Template;

use self::account::Account;
use self::course::Course;
use self::findings::Findings;
use self::kept::Kept;
use self::text::{Count, Grouped, count, shown};
use crate::job::{Config, Summary};
use crate::model::SCHEMA_VERSION;
use crate::progress::Point;
use crate::stats::{Content, Stats};
use crate::summary::{self, number, size};

/// What a report is made of.
pub struct Run<'a> {
    pub summary: &'a Summary,
    pub content: &'a Content,
    pub config: &'a Config,
    /// What another run had counted, with which this one went on.
    pub before: Option<&'a Stats>,
    pub points: Vec<Point>,
    pub began: SystemTime,
    pub elapsed: Duration,
    /// The words of the command line.
    pub command: Vec<String>,
    /// The exit code, and what is to be said of a gate that does not hold.
    pub code: u8,
    pub verdict: Option<&'a str>,
}

/// The page.
///
/// # Errors
/// What the template says, which knows of none.
pub fn html(run: &Run) -> io::Result<String> {
    let page = Page::of(run).render().map_err(io::Error::other)?;
    Ok(page + "\n")
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    outcome: Outcome,
    began: String,
    lead: String,
    tiles: Vec<Tile>,
    went_on: Option<String>,
    accounts: Vec<Account>,
    records: Count,
    written: Count,
    course: Course,
    stages: Vec<course::Stage>,
    kept: Kept,
    shown_pages: String,
    shown_statements: String,
    findings: Findings,
    facts: Vec<(&'static str, String)>,
    command: String,
}

/// How the run ended, in a word with a class, and in a sentence.
struct Outcome {
    class: &'static str,
    word: &'static str,
    sentence: String,
}

/// A number that is seen first.
struct Tile {
    what: &'static str,
    shown: String,
    note: String,
}

impl Page {
    fn of(run: &Run) -> Self {
        let (stats, course) = (&run.summary.stats, Course::of(run));
        Self {
            outcome: Outcome::of(run),
            began: humantime::format_rfc3339_seconds(run.began)
                .to_string()
                .replace('T', " ")
                .replace('Z', " UTC"),
            lead: lead(run),
            tiles: tiles(run, &course),
            went_on: run.before.map(went_on),
            accounts: account::accounts(stats),
            records: count("records", stats.records),
            written: count("written", stats.written),
            shown_pages: text::counted(stats.pages.emitted, "report page"),
            shown_statements: text::counted(stats.blocks.kept, "statement"),
            stages: course::stages(&run.summary.stages),
            kept: Kept::of(run.content),
            findings: Findings::of(run),
            facts: facts(run.config),
            command: command(&run.command),
            course,
        }
    }
}

impl Outcome {
    fn of(run: &Run) -> Self {
        let (class, word) = match run.code {
            0 => ("good", "Done"),
            3 => ("bad", "A gate does not hold"),
            _ => ("bad", "Not all could be read"),
        };
        let sentence = |said: &str| format!("{}.", said.trim_start_matches("citesift: "));
        let mut sentences = Vec::from_iter(run.verdict.map(sentence));
        if run.code == 1 {
            let unread = summary::unread(&run.summary.faults);
            let damaged = run.summary.stats.damaged();
            sentences.push(format!(
                "{} could not be read whole, and {} damaged. What could be read came out.",
                text::counted(unread, "input"),
                match damaged {
                    1 => "1 record is".to_owned(),
                    _ => format!("{} records are", number(damaged)),
                },
            ));
        }
        if run.summary.stopped {
            sentences.push(
                "The run ended before its input: --limit was reached, or nobody read on."
                    .to_owned(),
            );
        }
        Self {
            class,
            word,
            sentence: sentences.join(" "),
        }
    }
}

fn lead(run: &Run) -> String {
    let stats = &run.summary.stats;
    let removed = stats.blocks.seen - stats.blocks.kept;
    format!(
        "{} became {} with {}; {} removed as {}.",
        text::counted(stats.pages.emitted, "report page"),
        text::counted(stats.records, "record"),
        text::counted(stats.blocks.kept, "statement"),
        match removed {
            1 => "1 block was".to_owned(),
            _ => format!("{} blocks were", number(removed)),
        },
        match removed {
            1 => "a repeat",
            _ => "repeats",
        },
    )
}

fn tiles(run: &Run, course: &Course) -> Vec<Tile> {
    let stats = &run.summary.stats;
    let removed = stats.blocks.seen - stats.blocks.kept;
    let warned: u64 = stats.warnings.values().sum();
    let tile = |what, shown: String, note: String| Tile { what, shown, note };
    vec![
        tile(
            "report pages",
            number(stats.pages.emitted),
            format!("of {} seen", text::counted(stats.pages.seen, "page")),
        ),
        tile(
            "statements kept",
            number(stats.blocks.kept),
            format!("of {} printed", text::counted(stats.blocks.seen, "block")),
        ),
        tile(
            "repeats removed",
            text::share(removed, stats.blocks.seen),
            text::counted(removed, "block"),
        ),
        tile(
            "rejected",
            number(stats.pages.rejected),
            match warned {
                0 => "no warnings".to_owned(),
                _ => text::counted(warned, "warning"),
            },
        ),
        tile(
            "read",
            size(stats.bytes.read),
            format!("{} written", size(stats.written)),
        ),
        tile(
            "mean speed",
            format!("{}/s", size(course.mean as u64)),
            format!("in {}", text::seconds(run.elapsed.as_secs_f64())),
        ),
    ]
}

fn went_on(before: &Stats) -> String {
    format!(
        "It went on where another run had stopped, behind {} (--resume). Counts are those of both; \
         times and speeds are those of this run alone.",
        size(before.bytes.read)
    )
}

fn facts(config: &Config) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Program", format!("citesift {}", env!("CARGO_PKG_VERSION"))),
        ("Record schema", SCHEMA_VERSION.to_owned()),
        (
            "System",
            format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        ("Parser threads", config.threads.to_string()),
        ("Written", config.form.described().to_owned()),
        (
            "Repeats removed",
            format!("--dedup {}", config.dedup.as_str()),
        ),
    ];
    if let Some(limit) = config.limit {
        facts.push(("Limit", text::counted(limit, "report page")));
    }
    facts
}

/// Words of a command line that are shown.
const WORDS: usize = 200;

/// The command line as it can be typed again, unless it is very long.
fn command(words: &[String]) -> String {
    let mut quoted: Vec<_> = words.iter().take(WORDS).map(|word| quoted(word)).collect();
    if let more @ 1.. = words.len().saturating_sub(WORDS) {
        quoted.push(format!("… and {} more words", number(more as u64)));
    }
    quoted.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    let word = shown(word, 400);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
