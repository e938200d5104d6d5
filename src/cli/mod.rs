//! The command line: the only floor that knows flags and exit codes.

mod args;
mod collision;
mod outputs;
mod seen;
mod standard;

use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;

use self::args::{Args, Command, When};
use self::outputs::{NamedFile, Outputs, STANDARD_OUTPUT};
pub use self::standard::Closed;
use crate::dedup::Store;
use crate::error::Error;
use crate::input::Input;
use crate::job::{Config, Summary, Watch, run_with};
use crate::model::{Reject, RejectReason};
use crate::place::{Place, Printable};
use crate::progress::{Progress, say, total_bytes};
use crate::stats::Stats;
use crate::summary;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const GATE_FAILED: u8 = 3;

/// Parses the command line, runs the job, says what came of it.
pub fn main(closed: Closed) -> ExitCode {
    leave_panics_to_the_run();
    // Where the signal cannot be taken, it ends the program as it always does.
    let _ = outputs::take_signal_of_full_files();
    let args = Args::parse();
    let code = match &args.command {
        Some(Command::Seen { folder }) => seen::print(folder),
        None => match args.config() {
            Ok(config) => match closed_stream(closed, &args, &config) {
                Some(stream) => {
                    say(&format!(
                        "citesift: {stream}: {}",
                        standard::bad_descriptor()
                    ));
                    Ok(FAILED)
                }
                None => job(&args, config),
            },
            Err(message) => {
                say(&format!(
                    "error: {message}\n\nFor more information, try '--help'."
                ));
                Ok(WRONG_USAGE)
            }
        },
    };
    ExitCode::from(code.unwrap_or_else(|error| complain(&error)))
}

/// What a run needs and was closed before its start; then nothing is done.
fn closed_stream(closed: Closed, args: &Args, config: &Config) -> Option<&'static str> {
    match closed {
        Closed { input: true, .. } if config.inputs.contains(&Input::Stdin) => Some("-"),
        Closed { output: true, .. } if args.output.is_none() => Some(STANDARD_OUTPUT),
        _ => None,
    }
}

fn job(args: &Args, mut config: Config) -> Result<u8, Error> {
    let started = Instant::now();
    let store = match &args.seen {
        Some(folder) => Some(Store::open(folder, args.scope())?),
        None => None,
    };
    let mut memory = match &store {
        Some(store) => {
            config.dedup = store.scope();
            store.memory(config.memory).map_err(Error::Remember)?
        }
        None => config.memory(),
    };
    let config = &config;
    let mut outputs = Outputs::open(
        args.output.as_deref(),
        args.rejects.as_deref(),
        args.duplicates.as_deref(),
    )?;
    let stats_file = args.stats.as_deref().map(NamedFile::create).transpose()?;
    let progress = progress(args, config);

    let watch = Watch {
        on_fault: &|fault| progress.say(&format!("citesift: {fault}")),
        ..Watch::default()
    };
    let mut reader_left = false;
    let mut damage = Damage::default();
    let summary = run_with(config, &mut memory, &watch, |batch| {
        progress.update(&watch);
        batch
            .rejects
            .iter()
            .for_each(|reject| damage.say(reject, &progress));
        let flow = outputs.write(batch)?;
        reader_left = flow.is_break();
        Ok(flow)
    });
    progress.clear();
    let summary = summary?;
    let prepared = outputs.finish(|state| match (store, &args.output) {
        (Some(store), Some(output)) => {
            let prepared = store.prepare(memory, output, state);
            prepared.map(Some).map_err(remembering)
        }
        _ => Ok(None),
    })?;
    if let Some(prepared) = prepared.flatten() {
        prepared.commit().map_err(remembering)?;
    }

    let elapsed = started.elapsed();
    if let Some(file) = stats_file {
        write_stats(file, &summary, elapsed)?;
    }
    if !args.quiet && !reader_left {
        say(summary::text(&summary, elapsed, args.rejects.is_some()).trim_end());
    }
    Ok(exit_code(args, &summary))
}

/// Says what is damaged, record by record, but not without end.
#[derive(Default)]
struct Damage {
    said: usize,
}

impl Damage {
    const MOST: usize = 10;

    fn say(&mut self, reject: &Reject, progress: &Progress) {
        if !RejectReason::DAMAGE.contains(&reject.reason) || self.said > Self::MOST {
            return;
        }
        self.said += 1;
        if self.said > Self::MOST {
            progress.say("citesift: more is damaged; --rejects FILE tells all of it");
            return;
        }
        let source = reject.source.clone();
        let place = Place {
            path: source.path.into(),
            offset: source.offset,
            line: source.line,
            record: source.record.map(Into::into),
        };
        let message = Printable(&reject.message);
        progress.say(&format!("citesift: {place}: {message}"));
    }
}

fn progress(args: &Args, config: &Config) -> Progress {
    use std::io::IsTerminal;
    let shown = match args.progress {
        _ if args.quiet => false,
        When::Always => true,
        When::Never => false,
        When::Auto => io::stderr().is_terminal(),
    };
    match shown {
        true => Progress::shown(total_bytes(&config.inputs)),
        false => Progress::hidden(),
    }
}

/// The summary as `--stats` writes it.
#[derive(Serialize)]
struct StatsFile<'a> {
    version: &'static str,
    #[serde(flatten)]
    stats: &'a Stats,
    read_errors: Vec<StatsReadError<'a>>,
    /// The run ended before its input: by `--limit`, or because nobody read on.
    stopped: bool,
    elapsed_seconds: f64,
}

#[derive(Serialize)]
struct StatsReadError<'a> {
    path: &'a str,
    record: Option<&'a str>,
    message: String,
}

fn write_stats(mut file: NamedFile, summary: &Summary, elapsed: Duration) -> Result<(), Error> {
    let read_errors = summary.faults.iter().map(|fault| StatsReadError {
        path: &fault.path,
        record: fault.record.as_deref(),
        message: fault.source.to_string(),
    });
    file.json_line(&StatsFile {
        version: env!("CARGO_PKG_VERSION"),
        stats: &summary.stats,
        read_errors: read_errors.collect(),
        stopped: summary.stopped,
        elapsed_seconds: elapsed.as_secs_f64(),
    })?;
    file.finish()
}

fn exit_code(args: &Args, summary: &Summary) -> u8 {
    let pages = &summary.stats.pages;
    if !summary.faults.is_empty() || summary.stats.damaged() > 0 {
        return FAILED;
    }
    if args.strict && (pages.rejected > 0 || !summary.stats.warnings.is_empty()) {
        say("citesift: --strict does not hold: there are rejected pages or warnings");
        return GATE_FAILED;
    }
    let reports = pages.seen - pages.skipped;
    if let Some(most) = args.max_rejects
        && most.is_exceeded(pages.rejected, reports)
    {
        say(&format!(
            "citesift: --max-rejects does not hold: {} of {reports} report pages were rejected",
            pages.rejected
        ));
        return GATE_FAILED;
    }
    DONE
}

static PANICKED_AT: OnceLock<String> = OnceLock::new();

/// A panicking stage says nothing by itself: the run ends with one message, which [`complain`] gives.
fn leave_panics_to_the_run() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("main") {
            default(panic);
        } else if let Some(location) = panic.location() {
            PANICKED_AT.get_or_init(|| location.to_string());
        }
    }));
}

fn remembering(error: io::Error) -> Error {
    Error::Store(error.into())
}

/// Says what ended the run, and returns the exit code.
fn complain(error: &Error) -> u8 {
    match (error, PANICKED_AT.get()) {
        (Error::Panic { .. }, Some(location)) => say(&format!("citesift: {error} ({location})")),
        (Error::Store(store), _) if store.is_usage() => say(&format!("error: {error}")),
        _ => say(&format!("citesift: {error}")),
    }
    match error {
        Error::Store(store) if store.is_usage() => WRONG_USAGE,
        _ => FAILED,
    }
}
