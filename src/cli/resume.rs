//! Runs that are interrupted: a journal beside the output says where they can go on.
//!
//! The journal grows as the run does: sources that were opened, what was new to the memory,
//! and every few seconds a checkpoint. A checkpoint is written when all that it tells of is
//! safely on disk; a thread of its own waits for that, and the run goes on meanwhile. So a run
//! that ends at any moment, and for any reason, can go on from the last one.

use std::fs;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

use super::outputs::Outputs;
use crate::dedup::Memory;
use crate::durable::{FileState, step, sync_folder_of};
use crate::error::Error;
use crate::input::{Input, Opened, as_opened};
use crate::job::{Checkpoint, Fault, Output};
use crate::journal::{self, Journal, Kind, Mark};
use crate::place::Printable;
use crate::sink::{FileMark, OutputMark, target_of};

/// What must be the same when a run goes on, by the flags' names.
pub type Settings = Vec<(String, String)>;

/// The setting that tells how many runs the store knows: a run that is done is one of them.
pub const STORE_RUNS: &str = "the number of runs in --seen";

/// Where the journal of a run with this output is.
pub fn journal_of(output: &Path) -> io::Result<PathBuf> {
    Ok(journal_beside(&target_of(output)?))
}

/// The journal beside an output that is no link.
pub fn journal_beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".journal");
    name.into()
}

/// What is to be done with an output's journal.
pub enum Found {
    /// There is none, or no checkpoint in it.
    Nothing,
    /// The run was done, but for removing it: the exit code.
    Whole(u8),
    /// The run can go on.
    Interrupted(Box<Interrupted>),
}

/// Where a run stopped.
pub struct Interrupted {
    journal: PathBuf,
    saved: Saved,
    tails: Vec<Vec<u8>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    /// Up to where the journal tells of what was before the checkpoint.
    mark: Mark,
    /// The outputs' beginnings; none of those that are written in place.
    outputs: Vec<Option<FileMark>>,
    run: Checkpoint,
}

/// What a journal says, but for the news.
#[derive(Default)]
struct Noted {
    settings: Settings,
    /// Sources that were opened, and where that stands.
    opened: Vec<(u64, Opened)>,
    /// The last checkpoint, with what was not yet in the outputs, and its faults.
    checkpoint: Option<(Saved, Vec<Vec<u8>>)>,
    done: Option<Done>,
}

/// A run that has only to give its output the name.
#[derive(Serialize, Deserialize)]
struct Done {
    output: FileState,
    code: u8,
}

/// Looks for where a run with this output stopped.
///
/// # Errors
/// The sentence that says what to change, or a journal that cannot be read.
pub fn find(
    output: &Path,
    settings: &Settings,
    inputs: &[Input],
) -> Result<Result<Found, String>, Error> {
    let path = journal_of(output).map_err(Error::Journal)?;
    let Some(noted) = noted(&path).map_err(Error::Journal)? else {
        return Ok(Ok(Found::Nothing));
    };
    if let Some(done) = &noted.done
        && Some(done.output) == FileState::at(output).map_err(Error::Journal)?
    {
        let is_same = |(name, _): &&(String, String)| name != STORE_RUNS;
        let [before, now] =
            [&noted.settings, settings].map(|all| all.iter().filter(is_same).cloned().collect());
        let refusal =
            changed(&before, &now).or_else(|| changed_input(&noted.opened, u64::MAX, inputs));
        return Ok(refusal.map_or(Ok(Found::Whole(done.code)), Err));
    }
    let Some((mut saved, mut tails)) = noted.checkpoint else {
        return Ok(Ok(Found::Nothing));
    };
    saved.run.faults = faults_of(&tails.pop().unwrap_or_default()).map_err(Error::Journal)?;
    let refusal = changed(&noted.settings, settings)
        .or_else(|| changed_input(&noted.opened, saved.mark.offset, inputs));
    let interrupted = || Interrupted {
        journal: path,
        saved,
        tails,
    };
    Ok(match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Found::Interrupted(Box::new(interrupted()))),
    })
}

/// What is in a journal; none where there is no journal.
fn noted(path: &Path) -> io::Result<Option<Noted>> {
    let (mut noted, mut tails) = (Noted::default(), Vec::new());
    let read = journal::read(path, &mut |mark, kind, payload| {
        match kind {
            Kind::Run => noted.settings = serde_json::from_slice(payload)?,
            Kind::Opened => {
                let opened = serde_json::from_slice::<Vec<_>>(payload)?.into_iter();
                noted
                    .opened
                    .extend(opened.map(|opened| (mark.offset, opened)));
            }
            Kind::News => {}
            Kind::Tail | Kind::MoreTail => tails.push((kind, payload.to_vec())),
            Kind::Checkpoint => {
                let saved = serde_json::from_slice(payload)?;
                let before = noted.checkpoint.take();
                let before = before.map_or_else(Vec::new, |(_, before)| before);
                noted.checkpoint = Some((saved, whole(before, &mut tails)));
            }
            Kind::Done => noted.done = Some(serde_json::from_slice(payload)?),
        }
        Ok(true)
    });
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(|()| Some(noted)),
    }
}

/// A checkpoint's tails, from those of the one before it and what is noted of each.
fn whole(before: Vec<Vec<u8>>, noted: &mut Vec<(Kind, Vec<u8>)>) -> Vec<Vec<u8>> {
    let mut before = before.into_iter();
    let tails = noted.drain(..).map(|(kind, noted)| {
        let mut tail = before.next().unwrap_or_default();
        if kind == Kind::Tail {
            tail.clear();
        }
        tail.extend(noted);
        tail
    });
    tails.collect()
}

/// Faults as lines of JSON, so that what is told of more of them begins alike.
fn lines_of(faults: &[Fault]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for fault in faults {
        serde_json::to_writer(&mut lines, fault)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn faults_of(lines: &[u8]) -> io::Result<Vec<Fault>> {
    let faults = serde_json::Deserializer::from_slice(lines).into_iter();
    Ok(faults.collect::<Result<_, _>>()?)
}

/// The sentence that names a source that is not what it was; of those that were opened before this
/// place in the journal.
fn changed_input(opened: &[(u64, Opened)], end: u64, inputs: &[Input]) -> Option<String> {
    let opened = opened.iter().take_while(|(at, _)| *at < end);
    let untold = |(_, opened): &&(u64, Opened)| opened.version.as_deref() == Some("");
    if let Some((_, untold)) = opened.clone().find(untold) {
        return Some(format!(
            "--resume: the server of `{}` does not say whether it is what it was; leave --resume \
             out to start again",
            Printable(&untold.path.to_string_lossy())
        ));
    }
    let now = as_opened(inputs)
        .map(Some)
        .chain([None].into_iter().cycle());
    let mut both = opened.map(|(_, opened)| opened).zip(now);
    let (before, _) = both.find(|(before, now)| now.as_ref() != Some(before))?;
    Some(format!(
        "--resume: the input `{}` is not what it was; leave --resume out to start again",
        Printable(&before.path.to_string_lossy())
    ))
}

/// Removes the journal of a run that was done.
///
/// # Errors
/// Those of the file system.
pub fn remove_journal(output: &Path) -> Result<(), Error> {
    let removed = step("remove journal").and_then(|()| fs::remove_file(journal_of(output)?));
    removed.map_err(Error::Journal)
}

/// Removes the journal of an earlier run, if there is one: its output is written anew, by a run that
/// keeps none.
///
/// # Errors
/// Those of the file system.
pub fn forget(output: &Path) -> Result<(), Error> {
    if output.metadata().is_ok_and(|output| !output.is_file()) {
        return Ok(());
    }
    match remove_journal(output) {
        Err(Error::Journal(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The sentence that names what is not as it was.
fn changed(before: &Settings, now: &Settings) -> Option<String> {
    let value = |settings: &Settings, name: &str| {
        let found = settings.iter().find(|(other, _)| other == name);
        found.map_or_else(|| "unknown".to_owned(), |(_, value)| value.clone())
    };
    let names = before.iter().chain(now).map(|(name, _)| name);
    names
        .map(|name| (name, value(before, name), value(now, name)))
        .find(|(_, before, now)| before != now)
        .map(|(name, before, now)| {
            let (before, now) = (shown(&before), shown(&now));
            format!(
                "--resume: {name} was {before} and is {now}; give what the interrupted run \
                 was given, or leave --resume out to start again"
            )
        })
}

fn shown(value: &str) -> String {
    match value {
        "" => "not given".to_owned(),
        _ => format!("`{}`", Printable(value)),
    }
}

impl Interrupted {
    /// Fills the memory with what the run had seen.
    ///
    /// # Errors
    /// A journal or memory that cannot be read.
    pub fn replay(&self, memory: &mut Memory) -> Result<(), Error> {
        let end = self.saved.mark.offset;
        journal::read(&self.journal, &mut |mark, kind, payload| {
            let is_before = mark.offset < end;
            if is_before && kind == Kind::News {
                memory.replay(payload)?;
            }
            Ok(is_before)
        })
        .map_err(Error::Journal)?;
        memory.count_as_new(self.saved.run.new);
        Ok(())
    }

    /// Where the outputs can be gone on with.
    pub fn outputs(&self) -> Vec<OutputMark> {
        let marks = self
            .saved
            .outputs
            .iter()
            .cloned()
            .zip(self.tails.iter().cloned());
        marks
            .map(|(file, tail)| OutputMark { file, tail })
            .collect()
    }

    /// Where the run can go on.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.saved.run
    }
}

/// The journal of a run that goes on.
pub struct Keeper {
    journal: Journal,
    path: PathBuf,
    /// The names of the journal and the outputs are safe, or will be with the next checkpoint.
    is_named: bool,
    /// The next checkpoint, while what it tells of is being synced.
    next: Option<Next>,
    /// What the last checkpoint has of the outputs, and its faults.
    tails: Vec<Vec<u8>>,
}

struct Next {
    saved: Saved,
    tails: Vec<Vec<u8>>,
    synced: JoinHandle<io::Result<()>>,
}

impl Keeper {
    fn of(journal: Journal, path: PathBuf) -> Self {
        Self {
            journal,
            path,
            is_named: false,
            next: None,
            tails: Vec::new(),
        }
    }

    /// Begins a journal.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(output: &Path, settings: &Settings) -> Result<Self, Error> {
        let begin = || {
            let path = journal_of(output)?;
            let mut journal = Journal::create(&path)?;
            journal.append(Kind::Run, &serde_json::to_vec(settings)?)?;
            Ok(Self::of(journal, path))
        };
        begin().map_err(Error::Journal)
    }

    /// Goes on with the journal of a run that was interrupted.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn go_on(interrupted: &Interrupted) -> Result<Self, Error> {
        let go_on = || {
            let path = interrupted.journal.clone();
            let journal = Journal::go_on(&path, interrupted.saved.mark)?;
            let mut keeper = Self::of(journal, path);
            keeper.append(interrupted.saved.clone(), interrupted.tails.clone())?;
            Ok(keeper)
        };
        go_on().map_err(Error::Journal)
    }

    /// Notes down what is in a batch, which the outputs have taken.
    ///
    /// # Errors
    /// The journal or an output cannot be written.
    pub fn note(&mut self, batch: &Output, outputs: &mut Outputs) -> Result<(), Error> {
        if !batch.opened.is_empty() {
            let opened = serde_json::to_vec(batch.opened).map_err(io::Error::from);
            let opened = opened.and_then(|opened| self.journal.append(Kind::Opened, &opened));
            opened.map_err(Error::Journal)?;
        }
        if !batch.news.is_empty() {
            let noted = self.journal.append(Kind::News, batch.news);
            noted.map_err(Error::Journal)?;
        }
        if self
            .next
            .as_ref()
            .is_some_and(|next| next.synced.is_finished())
        {
            self.write_checkpoint()?;
        }
        if let Some(checkpoint) = &batch.checkpoint {
            self.write_checkpoint()?;
            self.begin_checkpoint(checkpoint, outputs)?;
        }
        Ok(())
    }

    fn begin_checkpoint(&mut self, run: &Checkpoint, outputs: &mut Outputs) -> Result<(), Error> {
        let (mut marks, mut tails) = (Vec::new(), Vec::new());
        let mut files = vec![self.journal.file().map_err(Error::Journal)?];
        for (mark, file) in outputs.marks()? {
            files.extend(mark.file.is_some().then_some(file));
            marks.push(mark.file);
            tails.push(mark.tail);
        }
        let named = match mem::replace(&mut self.is_named, true) {
            false => [outputs.parts(), vec![self.path.clone()]].concat(),
            true => Vec::new(),
        };
        let sync = move || {
            step("sync for checkpoint")?;
            files.iter().try_for_each(fs::File::sync_data)?;
            named.iter().try_for_each(|path| sync_folder_of(path))
        };
        let thread = thread::Builder::new().name("checkpoint".to_owned());
        self.next = Some(Next {
            saved: Saved {
                mark: self.journal.end(),
                outputs: marks,
                run: run.clone(),
            },
            tails,
            synced: thread.spawn(sync).map_err(Error::Threads)?,
        });
        Ok(())
    }

    /// Writes the checkpoint that was begun, when what it tells of is safe.
    ///
    /// # Errors
    /// Something cannot be synced, or the journal not be written.
    pub fn write_checkpoint(&mut self) -> Result<(), Error> {
        let Some(next) = self.next.take() else {
            return Ok(());
        };
        let synced = next.synced.join();
        let synced =
            synced.unwrap_or_else(|_| Err(io::Error::other("the thread that syncs panicked")));
        synced
            .and_then(|()| self.append(next.saved, next.tails))
            .map_err(Error::Journal)
    }

    fn append(&mut self, mut saved: Saved, mut tails: Vec<Vec<u8>>) -> io::Result<()> {
        tails.push(lines_of(&mem::take(&mut saved.run.faults))?);
        for (number, tail) in tails.iter().enumerate() {
            let before = self.tails.get(number);
            let (kind, payload) = match before.and_then(|before| tail.strip_prefix(&before[..])) {
                Some(more) => (Kind::MoreTail, more),
                None => (Kind::Tail, &tail[..]),
            };
            self.journal.append(kind, payload)?;
        }
        self.tails = tails;
        self.journal
            .append(Kind::Checkpoint, &serde_json::to_vec(&saved)?)
    }

    /// Leaves the journal for another run to go on with.
    ///
    /// # Errors
    /// Those of [`write_checkpoint`](Self::write_checkpoint).
    pub fn leave(mut self) -> Result<(), Error> {
        self.write_checkpoint()?;
        let synced = step("sync journal").and_then(|()| self.journal.file()?.sync_data());
        synced.map_err(Error::Journal)
    }

    /// Notes down for good that the run is done with this exit code, and its output in this state
    /// waits for its name.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn done(&mut self, output: FileState, code: u8) -> Result<(), Error> {
        let done = serde_json::to_vec(&Done { output, code }).map_err(io::Error::from);
        let noted = done.and_then(|done| self.journal.append(Kind::Done, &done));
        let synced = noted.and_then(|()| self.journal.file()?.sync_data());
        synced.map_err(Error::Journal)
    }

    /// Removes the journal: the run is done.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(self) -> Result<(), Error> {
        drop(self.journal);
        let removed = step("remove journal").and_then(|()| fs::remove_file(&self.path));
        removed.map_err(Error::Journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ReadError;

    #[test]
    fn what_grows_from_checkpoint_to_checkpoint_is_noted_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.zst");
        let settings = Settings::new();
        let tail = |bytes| vec![b'x'; bytes];
        let mut keeper = Keeper::begin(&output, &settings).unwrap();
        let mut saved = Saved {
            mark: keeper.journal.end(),
            outputs: Vec::new(),
            run: Checkpoint::default(),
        };
        let mut tails = Vec::new();
        for number in 0..100 {
            // The second begins anew when it is full.
            tails = vec![tail(100_000 + number), vec![number as u8; number % 10]];
            let error = ReadError {
                input: number as u64,
                path: "x".repeat(1000),
                record: None,
                offset: Some(number as u64),
                source: ErrorKind::NotFound.into(),
            };
            saved.run.faults.push(Fault::from(&error));
            keeper.append(saved.clone(), tails.clone()).unwrap();
        }
        let length = keeper.journal.end().offset;
        assert!(length < 400_000, "{length}");

        for _ in 0..2 {
            let Found::Interrupted(found) = find(&output, &settings, &[]).unwrap().unwrap() else {
                panic!()
            };
            assert_eq!(found.tails, tails);
            assert_eq!(found.checkpoint().faults, saved.run.faults);
            tails[0].push(b'y');
            keeper = Keeper::go_on(&found).unwrap();
            keeper.append(saved.clone(), tails.clone()).unwrap();
        }
    }
}
