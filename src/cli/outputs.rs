//! The places a run writes to, opened before it reads anything.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::Arc;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::standard::{self, STANDARD_OUTPUT};
use crate::durable::FileState;
use crate::error::Error;
use crate::job::Output;
use crate::place::steers_terminal;
use crate::sink::{Beginning, CompressedFile, FileMark, OutputMark, SyncedFile};

/// Records, rejects and duplicates.
pub struct Outputs {
    records: Records,
    rejects: Option<NamedFile>,
    duplicates: Option<NamedFile>,
}

enum Records {
    File(Box<NamedFile>),
    Standard(Box<dyn Write + Send>),
}

/// A file with the name to use in messages.
pub struct NamedFile {
    name: String,
    file: BufWriter<CompressedFile>,
}

/// Where a file may not grow (`ulimit -f`), the system ends the program in mid-write without a word,
/// unless it takes the signal: then the write fails like any other.
#[cfg(unix)]
pub fn take_signal_of_full_files() -> io::Result<()> {
    use signal_hook::{consts::SIGXFSZ, flag};
    flag::register(SIGXFSZ, Arc::default()).map(|_| ())
}

#[cfg(not(unix))]
pub fn take_signal_of_full_files() -> io::Result<()> {
    Ok(())
}

impl Outputs {
    /// Opens them; records go to standard output when no file is named. What is in a file stays
    /// there until it is begun, or gone on with.
    pub fn open(
        output: Option<&Path>,
        rejects: Option<&Path>,
        duplicates: Option<&Path>,
    ) -> Result<Self, Error> {
        let records = match output {
            Some(path) => Records::File(Box::new(NamedFile::open(path)?)),
            None => Records::Standard(Box::new(
                standard::output().map_err(error_at(STANDARD_OUTPUT))?,
            )),
        };
        Ok(Self {
            records,
            rejects: rejects.map(NamedFile::open).transpose()?,
            duplicates: duplicates.map(NamedFile::open).transpose()?,
        })
    }

    /// Begins every file with nothing.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.files().try_for_each(NamedFile::begin)
    }

    /// Goes on with every file where it was marked, or with none: where one does not begin as it was
    /// written, all are left as they were.
    pub fn go_on(mut self, marks: Vec<OutputMark>) -> Result<Self, Error> {
        let files = self.files().zip(&marks);
        let found: Result<Vec<_>, _> = files
            .map(|(file, mark)| file.look(mark.file.as_ref()))
            .collect();
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.leave().and(Err(error)),
        };
        for (file, (beginning, mark)) in self.files().zip(found.into_iter().zip(marks)) {
            let gone_on = file.file.get_mut().go_on(beginning, mark.tail);
            gone_on.map_err(error_at(&file.name))?;
        }
        Ok(self)
    }

    fn leave(self) -> Result<(), Error> {
        let records = match self.records {
            Records::File(file) => Some(*file),
            Records::Standard(_) => None,
        };
        let mut files = records
            .into_iter()
            .chain(self.rejects)
            .chain(self.duplicates);
        files.try_for_each(NamedFile::leave)
    }

    /// Where each file can be gone on with, and what is to be synced before that holds.
    pub fn marks(&mut self) -> Result<Vec<(OutputMark, File)>, Error> {
        let mark = |file: &mut NamedFile| {
            let marked = file.file.flush().and_then(|()| {
                let file = file.file.get_ref();
                Ok((file.mark(), file.file()?))
            });
            marked.map_err(error_at(&file.name))
        };
        self.files().map(mark).collect()
    }

    /// Where the files are until they have their names.
    pub fn parts(&mut self) -> Vec<PathBuf> {
        let parts = self.files().filter_map(|file| file.file.get_ref().part());
        parts.map(Path::to_owned).collect()
    }

    fn files(&mut self) -> impl Iterator<Item = &mut NamedFile> {
        let records = match &mut self.records {
            Records::File(file) => Some(&mut **file),
            Records::Standard(_) => None,
        };
        let others = [self.rejects.as_mut(), self.duplicates.as_mut()];
        records.into_iter().chain(others.into_iter().flatten())
    }

    /// Writes a batch; breaks when standard output is closed, which is no error.
    pub fn write(&mut self, batch: &Output) -> Result<ControlFlow<()>, Error> {
        if let Some(file) = &mut self.rejects {
            for reject in batch.rejects {
                file.json_line(reject)?;
            }
        }
        if let Some(file) = &mut self.duplicates {
            file.write(batch.duplicates)?;
        }
        let stdout = match &mut self.records {
            Records::File(file) => {
                file.write(batch.records)?;
                return Ok(ControlFlow::Continue(()));
            }
            Records::Standard(stdout) => stdout,
        };
        let written = stdout
            .write_all(batch.records)
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            written => written
                .map(ControlFlow::Continue)
                .map_err(error_at(STANDARD_OUTPUT)),
        }
    }

    /// Gives every file its name, also those written `besides`, and the one with the records last.
    /// None gets it before all are safely on disk, for a run that breaks off leaves older files as
    /// they were. Between the two, `prepare` is called with the state of the one with the records.
    pub fn finish<T>(
        self,
        besides: Vec<NamedFile>,
        prepare: impl FnOnce(FileState) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let others = [self.rejects, self.duplicates].into_iter().flatten();
        let others = others.chain(besides).map(NamedFile::sync);
        let mut synced = others.collect::<Result<Vec<_>, _>>()?;
        let mut prepared = None;
        if let Records::File(records) = self.records {
            let (name, file) = records.sync()?;
            prepared = Some(prepare(file.state().map_err(error_at(&name))?)?);
            synced.push((name, file));
        }
        for (name, file) in synced {
            file.name().map_err(error_at(&name))?;
        }
        Ok(prepared)
    }
}

impl NamedFile {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.to_string_lossy().into_owned();
        let file = CompressedFile::open(path).map_err(|source| match source.kind() {
            ErrorKind::ResourceBusy => error_at(&name)(source),
            _ => Error::Open {
                path: name.clone(),
                source,
            },
        })?;
        Ok(Self {
            name,
            file: BufWriter::new(file),
        })
    }

    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut file = Self::open(path)?;
        file.begin().map(|()| file)
    }

    fn begin(&mut self) -> Result<(), Error> {
        let begun = self.file.get_mut().begin();
        begun.map_err(error_at(&self.name))
    }

    /// The beginning that was marked; none of a file that is written in place.
    fn look(&self, mark: Option<&FileMark>) -> Result<Option<Beginning>, Error> {
        let Some(mark) = mark else { return Ok(None) };
        let found = self.file.get_ref().look(mark);
        match found.map_err(error_at(&self.name))? {
            Some(beginning) => Ok(Some(beginning)),
            None => Err(Error::Changed(self.name.clone())),
        }
    }

    fn leave(self) -> Result<(), Error> {
        let (file, _) = self.file.into_parts();
        file.leave().map_err(error_at(&self.name))
    }

    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let line = line_for_terminals(value).map_err(|error| self.error(error))?;
        self.write(&line)
    }

    fn sync(self) -> Result<(String, SyncedFile), Error> {
        let Self { name, file } = self;
        let file = file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(CompressedFile::sync)
            .map_err(error_at(&name))?;
        Ok((name, file))
    }

    /// Writes a page.
    pub fn text(&mut self, text: io::Result<String>) -> Result<(), Error> {
        let text = text.map_err(|error| self.error(error))?;
        self.write(text.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(bytes)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> Error {
        error_at(&self.name)(source)
    }
}

/// A line of JSON that people can look at.
pub fn line_for_terminals(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut line, ForTerminals))?;
    line.push(b'\n');
    Ok(line)
}

/// JSON in which every character that steers a terminal is escaped: rejects and numbers are
/// looked at by people. What is read back from it is the same.
struct ForTerminals;

impl Formatter for ForTerminals {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| steers_terminal(c)) {
            to.write_all(&rest.as_bytes()[..at])?;
            // All of them are below U+10000.
            write!(to, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        to.write_all(rest.as_bytes())
    }
}

fn error_at(path: &str) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write {
        path: path.clone(),
        source,
    }
}
