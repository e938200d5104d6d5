//! `citesift merge PART…`: the outputs of several runs as the output of one.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::collision::{self, Named};
use super::form::ToArg;
use super::outputs::{NamedFile, Outputs};
use super::resume::forget;
use super::shaping::{DedupArg, input, size, threads};
use super::standard::{Closed, STANDARD_OUTPUT, bad_descriptor};
use super::{DONE, FAILED, places, refuse};
use crate::error::Error;
use crate::input::Input;
use crate::job::{Config, Output};
use crate::merge::{Merged, Settings, merge};
use crate::model::Emit;
use crate::place::Printable;
use crate::progress::say;
use crate::sink::Form;
use crate::summary::{number, size as shown_size};

/// Put the outputs of several runs together, as one run over all their inputs would have.
///
/// Give the outputs in the order of their inputs: the bytes are those of `citesift --dedup SCOPE`
/// over these inputs in this order, with the other flags of the runs. All parts are NDJSON of one
/// `--emit`. A damaged or altered record ends the work with a message that says where it stands.
#[derive(Debug, Args)]
#[command(max_term_width = 100, after_help = TABLES)]
pub struct MergeArgs {
    /// Outputs of runs, in the order of their inputs, compressed or not; `-` is standard input.
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,

    /// Write records to FILE instead of standard output. It gets its name when it is whole, and is
    /// compressed where that ends in .gz or .zst.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,

    /// Write the summary to FILE, as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    stats: Option<PathBuf>,

    /// Remove statements that are repeated, as the one run would: none of them, those within a page,
    /// also those of an earlier page on the same paper (and pages that bring nothing new), or
    /// those of any earlier page.
    #[arg(long, value_enum, default_value_t = DedupArg::Run, help_heading = "Work")]
    dedup: DedupArg,

    /// Memory for what was seen, with `--dedup run` and `text`; what is more goes to temporary
    /// files [default: a quarter of the machine's].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Work")]
    memory: Option<NonZeroUsize>,

    /// Threads that look at records; the output is the same for any number [default: the number of
    /// cores].
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Work")]
    threads: Option<NonZeroUsize>,

    /// The largest page of the runs, as `--max-page` gave it to them: a line that is longer than any
    /// record of such a page is refused.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Work")]
    max_page: NonZeroUsize,

    /// No summary; errors are still said.
    #[arg(short, long, help_heading = "Messages")]
    quiet: bool,
}

const TABLES: &str = "\
Parts that give the same bytes as one run:
  --dedup off   parts made with --dedup off
  --dedup page  with page; of --emit reports also off
  --dedup run   with page or run; of --emit reports also off
  --dedup text  with page, run or text; of --emit reports also off

Exit codes:
  0  done; a reader of standard output that stops early counts as done
  1  a part could not be read whole, is damaged or does not suit, or an output could not be written
  2  wrong usage, nothing was done";

/// Merges, and returns the exit code.
pub fn run(args: &MergeArgs, closed: Closed) -> Result<u8, Error> {
    let started = Instant::now();
    let parts = args.parts.iter().map(|path| input(path));
    let parts: Vec<_> = match parts.collect() {
        Ok(parts) => parts,
        Err(message) => return Ok(refuse(&message)),
    };
    if let Err(message) = args.refuse(&parts) {
        return Ok(refuse(&message));
    }
    if let Some(stream) = args.closed_stream(closed, &parts) {
        say(&format!("citesift: {stream}: {}", bad_descriptor()));
        return Ok(FAILED);
    }
    if let Some(missing) = missing(&parts) {
        say(&missing);
        return Ok(FAILED);
    }
    let mut outputs = Outputs::open(args.output.as_deref(), None, None)?;
    let mut stats = args.stats.as_deref().map(NamedFile::create).transpose()?;
    if let Some(output) = &args.output {
        forget(output)?;
    }
    outputs.begin()?;
    let mut reader_left = false;
    let merged = merge(&parts, &args.settings(), |records| {
        let flow = outputs.write(&Output::of_records(records))?;
        reader_left = flow.is_break();
        Ok(flow)
    })?;
    let elapsed = started.elapsed();
    if let Some(file) = &mut stats {
        write_stats(file, &merged, parts.len(), reader_left, elapsed)?;
    }
    outputs.finish(stats.into_iter().collect(), |_| Ok(()))?;
    if !args.quiet && !reader_left {
        say(text(&merged, parts.len(), elapsed).trim_end());
    }
    Ok(DONE)
}

/// A part that is not there is told before hours of work on the others.
fn missing(parts: &[Input]) -> Option<String> {
    parts.iter().find_map(|part| {
        let Input::Path(path) = part else { return None };
        let error = fs::metadata(path).err()?;
        let name = path.to_string_lossy();
        Some(format!("citesift: {}: {error}", Printable(&name)))
    })
}

/// The summary as `--stats` writes it.
#[derive(Serialize)]
struct StatsFile<'a> {
    version: &'static str,
    parts: usize,
    #[serde(flatten)]
    merged: &'a Merged,
    /// Nobody read on.
    stopped: bool,
    elapsed_seconds: f64,
}

fn write_stats(
    file: &mut NamedFile,
    merged: &Merged,
    parts: usize,
    stopped: bool,
    elapsed: Duration,
) -> Result<(), Error> {
    file.json_line(&StatsFile {
        version: env!("CARGO_PKG_VERSION"),
        parts,
        merged,
        stopped,
        elapsed_seconds: elapsed.as_secs_f64(),
    })
}

fn text(merged: &Merged, parts: usize, elapsed: Duration) -> String {
    let (records, statements) = (&merged.records, &merged.statements);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "citesift: {} records of {} parts became {}: {} repeated.",
        number(records.read),
        number(parts as u64),
        number(records.written),
        number(records.repeated),
    );
    let _ = writeln!(
        text,
        "citesift: {} statements: {} kept, {} removed as repeats.",
        number(statements.read),
        number(statements.kept),
        number(statements.read - statements.kept),
    );
    let seconds = elapsed.as_secs_f64();
    let _ = writeln!(
        text,
        "citesift: {} read in {seconds:.2} s ({}/s); {} written.",
        shown_size(merged.bytes.read),
        shown_size((merged.bytes.read as f64 / seconds.max(1e-9)) as u64),
        shown_size(merged.bytes.written),
    );
    text
}

impl MergeArgs {
    fn settings(&self) -> Settings {
        let usual = Config::new(Vec::new());
        Settings {
            dedup: self.dedup.into(),
            memory: self.memory.map_or(usual.memory, NonZeroUsize::get),
            threads: self.threads.unwrap_or(usual.threads),
            max_page: self.max_page.get(),
        }
    }

    /// The sentence that says what to change.
    fn refuse(&self, parts: &[Input]) -> Result<(), String> {
        if parts.iter().filter(|&part| *part == Input::Stdin).count() > 1 {
            return Err("`-` is given twice, and there is one standard input".to_owned());
        }
        for part in parts {
            if let Input::Address(address) = part {
                let address = Printable(address.as_str());
                return Err(format!(
                    "PART: `{address}` is an address, and parts are read from files; copy it to one"
                ));
            }
        }
        for part in &self.parts {
            refuse_other_form("PART", part, "merged; let the runs write it")?;
        }
        if let Some(output) = &self.output {
            refuse_other_form("--output", output, "written; choose another name")?;
        }
        let outputs = self.outputs();
        collision::refuse(&outputs, parts)?;
        places::refuse(&outputs, Form::Ndjson(Emit::Reports))
    }

    fn outputs(&self) -> Vec<Named<'_>> {
        let outputs = [("--output", &self.output), ("--stats", &self.stats)];
        let named = outputs.into_iter().filter_map(|(flag, path)| {
            let path = path.as_deref()?;
            Some(Named { flag, path })
        });
        named.collect()
    }

    fn closed_stream(&self, closed: Closed, parts: &[Input]) -> Option<&'static str> {
        match closed {
            Closed { output: true, .. } if self.output.is_none() => Some(STANDARD_OUTPUT),
            Closed { input: true, .. } if parts.contains(&Input::Stdin) => Some("-"),
            _ => None,
        }
    }
}

fn refuse_other_form(what: &str, path: &Path, advice: &str) -> Result<(), String> {
    match ToArg::promised_by(path) {
        None | Some(ToArg::Ndjson) => Ok(()),
        Some(other) => Err(format!(
            "{what}: `{}` promises {}, and NDJSON alone is {advice}",
            Printable(&path.to_string_lossy()),
            other.name(),
        )),
    }
}
