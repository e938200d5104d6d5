//! The main job: a run with its outputs, its journal and its store, from the first check to the exit code.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::args::{Args, When, is_more, refuse_unseekable};
use super::outputs::{NamedFile, Outputs};
use super::report::Report;
use super::resume::{self, Found, Interrupted, Keeper, Settings};
use super::{DONE, FAILED, GATE_FAILED, refuse};
use crate::dedup::{Dedup, Memory, Store};
use crate::durable::FileState;
use crate::error::{Error, StoreError};
use crate::job::{Checkpoint, Config, Summary, Watch, run_from};
use crate::model::{Reject, RejectReason};
use crate::place::{Place, Printable};
use crate::progress::{Progress, say};
use crate::summary;

/// Carries the run through, and returns the exit code.
pub fn run(args: &Args, mut config: Config) -> Result<u8, Error> {
    let started = Instant::now();
    let store = known_store(args, &mut config)?;
    let settings = args.settings(&config, store.as_ref());
    let interrupted = match interrupted(args, &config, &settings)? {
        Ok(interrupted) => interrupted,
        Err(Ended(code)) => return Ok(code),
    };
    let (store, mut memory) = remembered(args, &config, store)?;
    if let Some(interrupted) = &interrupted {
        interrupted.replay(&mut memory)?;
    }
    let mut outputs = Outputs::open(
        args.output.as_deref(),
        args.rejects.as_deref(),
        args.duplicates.as_deref(),
    )?;
    if let Some(interrupted) = &interrupted {
        outputs = outputs.go_on(interrupted.outputs())?;
    }
    let stats_file = args.stats.as_deref().map(NamedFile::create).transpose()?;
    let mut report = Report::asked_for(args, started, interrupted.as_deref())?;
    let progress = progress(args, &config, interrupted.as_deref());
    let watch = Watch {
        on_fault: &|fault| progress.say(&format!("citesift: {fault}")),
        ..Watch::default()
    };
    let signal = match config.checkpoints {
        Some(_) => take_signals(&watch),
        None => Arc::default(),
    };
    let (mut keeper, start) = begin(args, &config, &settings, interrupted, &mut outputs)?;
    if keeper.is_some() {
        memory.note_news();
    }
    let mut reader_left = false;
    let mut damage = Damage::told_in(args.rejects.as_deref());
    let summary = run_from(&config, &start, &mut memory, &watch, |batch| {
        progress.update(&watch);
        if let Some(report) = &mut report {
            report.note(&watch);
        }
        batch
            .rejects
            .iter()
            .for_each(|reject| damage.say(reject, &progress));
        let flow = outputs.write(batch)?;
        if let Some(keeper) = &mut keeper {
            keeper.note(batch, &mut outputs)?;
        }
        reader_left = flow.is_break();
        Ok(flow)
    });
    progress.clear();
    let summary = match summary {
        Ok(summary) if !summary.interrupted => summary,
        ended => {
            let left = keeper.map_or(Ok(()), Keeper::leave);
            let summary = ended?;
            left?;
            say(summary::interrupted(&summary).trim_end());
            return Ok(128 + signal.load(Ordering::Relaxed) as u8);
        }
    };
    let elapsed = started.elapsed();
    // Named before the run is done for those who look for its records: nobody could make them up later.
    let mut besides = Vec::new();
    if let Some(mut file) = stats_file {
        file.json_line(&summary.figures(elapsed))?;
        besides.push(file);
    }
    let (code, verdict) = verdict(args, &summary);
    if let (Some(report), Some(content)) = (report, &summary.content) {
        let verdict = (code, verdict.as_deref());
        besides.push(report.written(&config, (&summary, content), elapsed, verdict)?);
    }
    let seen = store.map(|store| (store, memory));
    finish(args, (outputs, besides), seen, |output| match &mut keeper {
        Some(keeper) => keeper.done(output, code),
        None => Ok(()),
    })?;
    keeper.map_or(Ok(()), Keeper::remove)?;

    if !args.quiet && !reader_left {
        let before = start.stats.bytes.read;
        say(summary::text(&summary, elapsed, before, args.rejects.is_some()).trim_end());
    }
    if let Some(verdict) = verdict {
        say(&verdict);
    }
    Ok(code)
}

/// Begins the outputs, and the journal where one is kept; or goes on with an interrupted run's, with
/// whose outputs it was gone on.
fn begin(
    args: &Args,
    config: &Config,
    settings: &Settings,
    interrupted: Option<Box<Interrupted>>,
    outputs: &mut Outputs,
) -> Result<(Option<Keeper>, Checkpoint), Error> {
    if let Some(interrupted) = interrupted {
        let keeper = Keeper::go_on(&interrupted)?;
        return Ok((Some(keeper), interrupted.checkpoint().clone()));
    }
    let keeps_journal = config.checkpoints.is_some();
    if let Some(output) = args.output.as_ref().filter(|_| !keeps_journal) {
        resume::forget(output)?;
    }
    outputs.begin()?;
    let output = args.output.as_ref().filter(|_| keeps_journal);
    let keeper = output.map(|output| Keeper::begin(output, settings));
    Ok((keeper.transpose()?, Checkpoint::default()))
}

/// The store, whose scope then holds for this run too. Where there is none yet, none is made
/// before it is sure that the run is not refused.
fn known_store(args: &Args, config: &mut Config) -> Result<Option<Store>, Error> {
    let Some(folder) = &args.seen else {
        return Ok(None);
    };
    config.dedup = args.scope().unwrap_or(Dedup::Run);
    if !Store::look(folder, args.scope())? {
        return Ok(None);
    }
    let store = Store::open(folder, args.scope())?;
    config.dedup = store.scope();
    Ok(Some(store))
}

/// What earlier runs saw.
fn remembered(
    args: &Args,
    config: &Config,
    known: Option<Store>,
) -> Result<(Option<Store>, Memory), Error> {
    let Some(folder) = &args.seen else {
        return Ok((None, config.memory()));
    };
    let store = match known {
        Some(store) => store,
        None => new_store(folder, args.scope())?,
    };
    let memory = store.memory(config.memory).map_err(Error::Remember)?;
    Ok((Some(store), memory))
}

fn new_store(folder: &Path, scope: Option<Dedup>) -> Result<Store, StoreError> {
    let store = Store::open(folder, scope)?;
    match store.runs() {
        0 => Ok(store),
        // It was not there when it was looked for.
        _ => Err(StoreError::Locked(folder.to_owned())),
    }
}

/// There is nothing to do, or it is not done: the exit code.
struct Ended(u8);

/// The run to go on with; none is to be begun.
fn interrupted(
    args: &Args,
    config: &Config,
    settings: &Settings,
) -> Result<Result<Option<Box<Interrupted>>, Ended>, Error> {
    let (Some(output), true) = (&args.output, args.resume) else {
        return Ok(Ok(None));
    };
    let ended = |message: String| Ok(Err(Ended(refuse(&message))));
    if let Err(message) = refuse_unseekable(&config.inputs) {
        return ended(message);
    }
    match resume::find(output, settings, &config.inputs)? {
        Err(message) => ended(message),
        Ok(Found::Whole(code)) => {
            resume::remove_journal(output)?;
            tell(args, output, "is whole: there is nothing to resume");
            Ok(Err(Ended(code)))
        }
        Ok(Found::Nothing) => {
            if let Err(message) = args.refuse_replacing() {
                return ended(message);
            }
            tell(args, output, "has no checkpoint: the run begins anew");
            Ok(Ok(None))
        }
        Ok(Found::Interrupted(found)) => Ok(Ok(Some(found))),
    }
}

fn tell(args: &Args, output: &Path, what: &str) {
    if !args.quiet {
        say(&format!(
            "citesift: {} {what}",
            Printable(&output.to_string_lossy())
        ));
    }
}

/// The first signal stops the run at its next checkpoint, the second one at once. Where signals
/// cannot be taken, the first one does. Returns which it was.
#[cfg(unix)]
fn take_signals(watch: &Watch) -> Arc<AtomicUsize> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    let taken = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        let interrupted = || Arc::clone(&watch.interrupted);
        let number = usize::try_from(signal).unwrap_or_default();
        let _ = flag::register_conditional_shutdown(signal, 128 + signal, interrupted())
            .and_then(|_| flag::register_usize(signal, Arc::clone(&taken), number))
            .and_then(|_| flag::register(signal, interrupted()));
    }
    taken
}

#[cfg(not(unix))]
fn take_signals(_watch: &Watch) -> Arc<AtomicUsize> {
    Arc::default()
}

/// Gives the outputs their names, and the store what the run has seen. When all but the output's name
/// is safe, `note` is told the output's state.
fn finish(
    args: &Args,
    (outputs, besides): (Outputs, Vec<NamedFile>),
    seen: Option<(Store, Memory)>,
    note: impl FnOnce(FileState) -> Result<(), Error>,
) -> Result<(), Error> {
    let remembering = |error: io::Error| Error::Store(error.into());
    let prepared = outputs.finish(besides, |state| {
        let prepared = match (seen, &args.output) {
            (Some((store, memory)), Some(output)) => {
                let prepared = store.prepare(memory, output, state);
                Some(prepared.map_err(remembering)?)
            }
            _ => None,
        };
        note(state).map(|()| prepared)
    })?;
    match prepared.flatten() {
        Some(prepared) => prepared.commit().map_err(remembering),
        None => Ok(()),
    }
}

/// Says what is damaged, record by record, but not without end.
struct Damage<'a> {
    said: usize,
    /// The file of the rejects, where there is one.
    rejects: Option<&'a Path>,
}

impl<'a> Damage<'a> {
    const MOST: usize = 10;

    fn told_in(rejects: Option<&'a Path>) -> Self {
        Self { said: 0, rejects }
    }

    fn say(&mut self, reject: &Reject, progress: &Progress) {
        if !RejectReason::DAMAGE.contains(&reject.reason) || self.said > Self::MOST {
            return;
        }
        self.said += 1;
        if self.said > Self::MOST {
            let file = self.rejects.map(|file| file.to_string_lossy());
            let file = Printable(file.as_deref().unwrap_or("--rejects FILE"));
            progress.say(&format!(
                "citesift: more is damaged; {file} tells all of it"
            ));
            return;
        }
        let place = Place::from(&reject.source);
        let message = Printable(&reject.message);
        progress.say(&format!("citesift: {place}: {message}"));
    }
}

fn progress(args: &Args, config: &Config, interrupted: Option<&Interrupted>) -> Progress {
    use std::io::IsTerminal;
    let shown = match args.progress {
        _ if args.quiet => false,
        When::Always => true,
        When::Never => false,
        When::Auto => io::stderr().is_terminal(),
    };
    match shown {
        true => {
            let beginning = Checkpoint::default();
            let start = interrupted.map_or(&beginning, Interrupted::checkpoint);
            Progress::shown(&config.inputs, start)
        }
        false => Progress::hidden(),
    }
}

/// The exit code, and what is to be said of a gate that does not hold. Damage is a failure whatever
/// a gate takes, and hides none.
fn verdict(args: &Args, summary: &Summary) -> (u8, Option<String>) {
    let broken = broken_gate(args, summary);
    if !summary.faults.is_empty() || summary.stats.damaged() > 0 {
        return (FAILED, broken);
    }
    match broken {
        Some(_) => (GATE_FAILED, broken),
        None => (DONE, None),
    }
}

/// What is to be said of the first gate that does not hold.
fn broken_gate(args: &Args, summary: &Summary) -> Option<String> {
    let pages = &summary.stats.pages;
    if args.strict && (pages.rejected > 0 || !summary.stats.warnings.is_empty()) {
        let message = "citesift: --strict does not hold: there are rejected pages or warnings";
        return Some(message.to_owned());
    }
    let reports = pages.seen - pages.skipped;
    if let Some(most) = args.max_rejects
        && most.is_exceeded(pages.rejected, reports)
    {
        return Some(format!(
            "citesift: --max-rejects does not hold: {} of {reports} report pages were rejected",
            pages.rejected
        ));
    }
    let (unrecognized, lines) = (summary.stats.unrecognized_lines, summary.stats.drift.lines);
    if let Some(most) = args.fail_on_drift
        && is_more(unrecognized, lines, most)
    {
        return Some(format!(
            "citesift: --fail-on-drift does not hold: {unrecognized} of {lines} lines were unrecognized"
        ));
    }
    None
}
