//! A run's outcome: in a few sentences, for people, and as figures, for programs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::error::ReadError;
use crate::job::Summary;
use crate::place::Place;
use crate::stats::{ByName, Stages, Stats};

/// Reasons of refusal that are named, and shapes of unrecognized lines.
const REASONS: usize = 3;
const SHAPES: usize = 3;

/// A run's figures, as `--stats` writes them.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    version: &'static str,
    #[serde(flatten)]
    stats: &'a Stats,
    read_errors: Vec<UnreadSource<'a>>,
    /// The run ended before its input: by `--limit`, or because nobody read on.
    stopped: bool,
    /// Of this run alone, also where it goes on with another.
    elapsed_seconds: f64,
    stages: &'a Stages,
    /// The stage that the others waited for.
    limit: &'static str,
}

#[derive(Debug, Serialize)]
struct UnreadSource<'a> {
    path: &'a str,
    record: Option<&'a str>,
    message: String,
}

impl Summary {
    /// The figures of a run that took so long, for who writes them down.
    pub fn figures(&self, elapsed: Duration) -> impl Serialize {
        let read_errors = self.faults.iter().map(|fault| UnreadSource {
            path: &fault.path,
            record: fault.record.as_deref(),
            message: fault.source.to_string(),
        });
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            stats: &self.stats,
            read_errors: read_errors.collect(),
            stopped: self.stopped,
            elapsed_seconds: elapsed.as_secs_f64(),
            stages: &self.stages,
            limit: self.stages.limit(),
        }
    }
}

/// The summary for standard error. Of the bytes read, so many were read before this run, which went
/// on from there. `rejects_written` says that the rejects went to a file.
pub fn text(summary: &Summary, elapsed: Duration, before: u64, rejects_written: bool) -> String {
    let stats = &summary.stats;
    let mut lines = vec![
        format!(
            "{} became {}: {} kept, {} removed as repeats.",
            counted(stats.pages.emitted, "report page"),
            counted(stats.records, "record"),
            counted(stats.blocks.kept, "statement"),
            number(stats.blocks.seen - stats.blocks.kept),
        ),
        read(stats, elapsed, before),
        time(&summary.stages),
    ];
    lines.extend(not_emitted(stats, rejects_written));
    if !stats.warnings.is_empty() {
        lines.push(format!(
            "Pages with warnings: {}.",
            commonest(&stats.warnings, stats.warnings.len())
        ));
    }
    lines.extend(drift(stats));
    if !summary.faults.is_empty() {
        lines.push(format!(
            "{} could not be read whole.",
            counted(unread(&summary.faults), "input")
        ));
    }
    if summary.stopped {
        lines.push("Stopped before the input's end.".to_owned());
    }
    format!("citesift: {}\n", lines.join("\ncitesift: "))
}

/// How much was read and written, and how fast.
fn read(stats: &Stats, elapsed: Duration, before: u64) -> String {
    let bytes = &stats.bytes;
    let mut columns = vec![
        format!("{} in pages", size(bytes.pages)),
        format!("{} between them", size(bytes.between_pages)),
        format!("{} skipped", size(bytes.skipped)),
    ];
    if bytes.left_out > 0 {
        columns.push(format!("{} left out", size(bytes.left_out)));
    }
    if bytes.container > 0 {
        columns.push(format!("{} of containers", size(bytes.container)));
    }
    let of_run = bytes.read - before;
    let read = match before {
        0 => format!("{} read", size(of_run)),
        before => format!(
            "{} read, {} before this run and {}",
            size(bytes.read),
            size(before),
            size(of_run)
        ),
    };
    let seconds = elapsed.as_secs_f64();
    format!(
        "{read} in {seconds:.2} s ({}/s): {}; {} written.",
        size((of_run as f64 / seconds.max(1e-9)) as u64),
        columns.join(", "),
        size(stats.written),
    )
}

/// What became of the pages that are no record.
fn not_emitted(stats: &Stats, rejects_written: bool) -> Vec<String> {
    let pages = &stats.pages;
    let mut lines = Vec::new();
    for (number, what, why) in [
        (
            pages.repeated,
            "page",
            "repeated: seen before, with nothing new",
        ),
        (
            pages.skipped,
            "page",
            "skipped: no report, but some other text",
        ),
        (pages.passed_over, "report page", "passed over: --skip"),
        (
            pages.unsampled,
            "page",
            "not looked into: not in the --sample",
        ),
    ] {
        if number > 0 {
            lines.push(format!("{} {why}.", counted(number, what)));
        }
    }
    lines.extend(not_read(&stats.not_read));
    if pages.rejected > 0 {
        let hint = match rejects_written {
            true => "",
            false => " (--rejects FILE keeps them)",
        };
        lines.push(format!(
            "{} rejected: {}{hint}.",
            counted(pages.rejected, "page"),
            commonest(&stats.rejects, REASONS)
        ));
    }
    lines
}

/// Where the time went: of stages with several threads, that of one of them.
fn time(stages: &Stages) -> String {
    let each = stages
        .each()
        .map(|share| format!("{} {:.2} s", share.name, share.seconds));
    format!(
        "Time in {}; the limit: {}.",
        each.join(", "),
        stages.limit()
    )
}

/// The sentence for a run that stopped at a checkpoint.
pub fn interrupted(summary: &Summary) -> String {
    format!(
        "citesift: interrupted after {} and {}; the same command with --resume goes on there.\n",
        size(summary.stats.bytes.read),
        counted(summary.stats.pages.seen, "page"),
    )
}

/// Inputs that could not be read, or not to their end. In one there may be several faults, as in an archive.
pub fn unread(faults: &[ReadError]) -> u64 {
    let inputs: BTreeSet<_> = faults.iter().map(|fault| fault.input).collect();
    inputs.len() as u64
}

/// What nobody should believe was read.
pub fn not_read(counts: &ByName) -> impl Iterator<Item = String> {
    counts.iter().map(|(why, &count)| {
        let records = counted(count, "record");
        match &**why {
            "html" => format!("{records} NOT read: HTML, of which only extracted text is read."),
            "encoded" => format!("{records} NOT read: text that is stored encoded."),
            "no_text" => format!("{records} NOT read: no text (--text-field names the field)."),
            _ => format!("{records} not read: neither text nor HTML."),
        }
    })
}

/// How many lines no part of a page claims, and the commonest shapes of them with the first place of each.
fn drift(stats: &Stats) -> impl Iterator<Item = String> {
    let (unrecognized, lines) = (stats.unrecognized_lines, stats.drift.lines);
    let all = (unrecognized > 0).then(|| {
        format!(
            "{} of {} lines unrecognized ({:.3} %); the commonest:",
            number(unrecognized),
            number(lines),
            unrecognized as f64 * 100.0 / lines as f64,
        )
    });
    let shapes = stats.drift.shapes.iter().take(SHAPES).map(|shape| {
        let (count, place) = (number(shape.lines), Place::from(&shape.first));
        format!("  {count} like `{}`, first in {place}", shape.shape)
    });
    all.into_iter().chain(shapes)
}

/// `name count` pairs, the largest count first, equal ones by name.
fn commonest(counts: &ByName, most: usize) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let pairs = counts.iter().take(most);
    let pairs = pairs.map(|(name, count)| format!("{name} {}", number(**count)));
    pairs.collect::<Vec<_>>().join(", ")
}

fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(count))
}

/// With a comma between groups of three digits.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

/// Bytes in powers of 1000.
pub fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{ByName, Stats};

    #[test]
    fn numbers_and_sizes_are_easy_to_read() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(999_990), "1.0 MB");
    }

    fn of(stats: Stats) -> Summary {
        Summary {
            stats,
            stages: Stages::default(),
            content: None,
            faults: Vec::new(),
            stopped: true,
            interrupted: false,
        }
    }

    #[test]
    fn the_speed_is_that_of_this_run_also_when_it_went_on() {
        let mut stats = Stats::default();
        stats.bytes.read = 5_000_000;
        let summary = of(stats);
        let read = |before| text(&summary, Duration::from_secs(2), before, false);
        assert!(read(0).contains(": 5.0 MB read in 2.00 s (2.5 MB/s): "));
        assert!(
            read(4_000_000).contains(
                ": 5.0 MB read, 4.0 MB before this run and 1.0 MB in 2.00 s (500.0 kB/s): "
            )
        );
    }

    #[test]
    fn it_reads_like_a_sentence_and_fits_a_screen() {
        let mut stats = Stats::default();
        (stats.pages.emitted, stats.records) = (1, 1);
        (stats.blocks.seen, stats.blocks.kept) = (5, 4);
        stats.pages.rejected = 9;
        stats.rejects = ByName::from([("page_too_large".into(), 9)]);
        stats.warnings = ByName::from([("no_header".into(), 1), ("truncated_page".into(), 2)]);
        let text = text(&of(stats), Duration::from_secs(2), 0, false);
        assert!(text.starts_with(
            "citesift: 1 report page became 1 record: 4 statements kept, 1 removed as repeats.\n"
        ));
        assert!(text.contains("9 pages rejected: page_too_large 9 (--rejects FILE keeps them).\n"));
        assert!(text.contains("Pages with warnings: truncated_page 2, no_header 1.\n"));
        assert!(text.lines().count() < 20);
    }
}
