//! Output files: written beside their name, and named when they are whole.
//!
//! A run that fails leaves an existing file as it was and the unfinished one as
//! `FILE.part`, which is locked as long as the run goes on: a second run with the same output
//! is refused. Where `FILE` is a link, all this is about what it leads to. What is no regular
//! file (a device, a pipe) is written in place. The last flush and the sync are checked, not
//! left to a drop.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::durable::{FileState, part_of, rename};

/// A file under way.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    /// Where it is written and what it will be called; none when written in place.
    rename: Option<(PathBuf, PathBuf)>,
}

impl OutputFile {
    /// Opens `path`, or `path.part` beside it.
    ///
    /// # Errors
    /// Those of the file system, for instance a folder that is missing or read-only, and another
    /// run that writes this file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let in_place = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        if in_place {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { file, rename: None });
        }
        let path = target_of(path)?;
        let part = part_of(&path);
        Ok(Self {
            file: claimed(&part)?,
            rename: Some((part, path)),
        })
    }

    /// Makes sure that the file is on disk. What was written in place cannot be synced.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(self) -> io::Result<SyncedFile> {
        if self.rename.is_some() {
            self.file.sync_all()?;
        }
        Ok(SyncedFile(self))
    }
}

/// A file that is whole and on disk, and waits for its name.
#[derive(Debug)]
pub struct SyncedFile(OutputFile);

impl SyncedFile {
    /// What the file looks like, before and after it has its name.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn state(&self) -> io::Result<FileState> {
        FileState::of(&self.0.file.metadata()?)
    }

    /// Gives the file its name and syncs the folder.
    ///
    /// # Errors
    /// Those of the file system; the file then still has its `.part` name.
    pub fn name(self) -> io::Result<()> {
        match self.0.rename {
            Some((part, path)) => rename(&part, &path),
            None => Ok(()),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What a link leads to, also when that is not there yet. The link itself stays.
///
/// # Errors
/// Those of the file system, and a link to a file that someone has open.
pub fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            return Ok(path);
        };
        if path.starts_with("/proc") {
            let message = "it leads to an open file; name that file, or redirect to it";
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        path.pop();
        path.push(target);
    }
    // The system's own words for a loop.
    fs::metadata(&path).map(|_| path)
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

/// Opens and locks a file, and only then empties it. The run that had it before may have given it
/// its name in between; then it is no longer this one's.
fn claimed(part: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(part)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = "another run is writing it";
                return Err(io::Error::new(ErrorKind::ResourceBusy, message));
            }
            // Some network file systems have no locks, and must do without.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if is_at(&file, part)? {
            file.set_len(0)?;
            return Ok(file);
        }
    }
}

/// Whether a file still has its name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Other systems do not rename a file that is open elsewhere.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_its_name_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        fs::write(&path, "old").unwrap();
        let mut output = OutputFile::create(&path).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.sync().unwrap().name().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_being_written_is_refused_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        let mut first = OutputFile::create(&path).unwrap();
        first.write_all(b"first").unwrap();
        let refused = OutputFile::create(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        first.sync().unwrap().name().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        OutputFile::create(&path).unwrap();
    }

    /// Many runs at once, each of which opens the file while another one renames it.
    #[test]
    fn whoever_is_not_refused_writes_a_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        fs::write(&path, "whole").unwrap();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..100 {
                        if let Ok(mut output) = OutputFile::create(&path) {
                            output.write_all(b"whole").unwrap();
                            output.sync().unwrap().name().unwrap();
                        }
                        assert_eq!(fs::read(&path).unwrap(), b"whole");
                    }
                });
            }
        });
    }

    #[test]
    fn an_abandoned_file_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
