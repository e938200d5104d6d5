//! Output files: written beside their name, and named when they are whole.
//!
//! A run that fails leaves an existing file as it was and the unfinished one as
//! `FILE.part`, which is locked as long as the run goes on: a second run with the same output
//! is refused. Where `FILE` is a link, all this is about what it leads to. What is no regular
//! file (a device, a pipe) is written in place. The last flush and the sync are checked, not
//! left to a drop.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::durable::{FileState, part_of, rename, step};

/// A file under way.
pub struct OutputFile {
    file: File,
    /// Where it is written and what it will be called; none when written in place.
    rename: Option<(PathBuf, PathBuf)>,
    /// Bytes in it, and their hash.
    length: u64,
    hash: XxHash3_128,
}

/// Where the beginning of a file was found again.
pub struct Beginning {
    length: u64,
    hash: XxHash3_128,
    /// The file has its name already.
    is_named: bool,
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Bytes.
    pub length: u64,
    /// Their XXH3-128, in hexadecimal digits.
    pub xxh3: String,
}

/// Bytes that are read at once when a file is looked at again.
const LOOK: usize = 1 << 20;

impl OutputFile {
    /// Opens `path`, or `path.part` beside it; what is there stays there until it is begun.
    ///
    /// # Errors
    /// Those of the file system, for instance a folder that is missing or read-only, and another
    /// run that writes this file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let in_place = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        let (file, rename) = if in_place {
            (OpenOptions::new().write(true).open(path)?, None)
        } else {
            let path = target_of(path)?;
            let part = part_of(&path);
            (claimed(&part)?, Some((part, path)))
        };
        Ok(Self {
            file,
            rename,
            length: 0,
            hash: XxHash3_128::new(),
        })
    }

    /// Begins with nothing.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&mut self) -> io::Result<()> {
        match self.rename {
            Some(_) => step("empty output").and_then(|()| self.file.set_len(0)),
            None => Ok(()),
        }
    }

    /// Looks for what was written before; none where the file does not begin as it did. A file that
    /// is written in place cannot be looked at.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn look(&self, mark: &FileMark) -> io::Result<Option<Beginning>> {
        let Some((part, path)) = &self.rename else {
            return Ok(None);
        };
        for (candidate, is_named) in [(part, false), (path, true)] {
            if let Some(hash) = hash_of(candidate, mark)? {
                return Ok(Some(Beginning {
                    length: mark.length,
                    hash,
                    is_named,
                }));
            }
        }
        Ok(None)
    }

    /// Goes on behind what was written before; what is behind it is cut off. A file that has its
    /// name already is copied.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn go_on(&mut self, beginning: Beginning) -> io::Result<()> {
        let Some((_, path)) = &self.rename else {
            return Ok(());
        };
        let Beginning { length, hash, .. } = beginning;
        if beginning.is_named {
            step("copy output")?;
            self.file.set_len(0)?;
            io::copy(&mut File::open(path)?.take(length), &mut self.file)?;
        }
        step("cut output")?;
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::End(0))?;
        (self.length, self.hash) = (length, hash);
        Ok(())
    }

    /// Takes away what was opened and is not begun, if nothing is in it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn leave(self) -> io::Result<()> {
        match &self.rename {
            Some((part, _)) if self.file.metadata()?.len() == 0 => fs::remove_file(part),
            _ => Ok(()),
        }
    }

    /// What is in the file so far; none where it is written in place.
    pub fn mark(&self) -> Option<FileMark> {
        self.rename.as_ref().map(|_| FileMark {
            length: self.length,
            xxh3: format!("{:032x}", self.hash.finish_128()),
        })
    }

    /// Where it is until it has its name; none where it is written in place.
    pub fn part(&self) -> Option<&Path> {
        self.rename.as_ref().map(|(part, _)| &**part)
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The file itself, for those who sync it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Makes sure that the file is on disk. What was written in place cannot be synced.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(self) -> io::Result<SyncedFile> {
        if self.rename.is_some() {
            step("sync output")?;
            self.file.sync_all()?;
        }
        Ok(SyncedFile(self))
    }
}

/// A file that is whole and on disk, and waits for its name.
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
        step("write output")?;
        let written = self.file.write(bytes)?;
        self.hash.write(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
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
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => return Ok(path),
        }
        let target = fs::read_link(&path)?;
        // `/dev/fd` is a link there.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        if folder.is_some_and(|folder| folder.starts_with("/proc")) {
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

/// Opens and locks a file. The run that had it before may have given it its name in between; then
/// it is no longer this one's.
fn claimed(part: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        step("open output")?;
        let file = options.open(part)?;
        step("lock output")?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = "another run is writing it";
                return Err(io::Error::new(ErrorKind::ResourceBusy, message));
            }
            // Some network file systems have no locks, and must do without.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        if is_at(&file, part)? {
            return Ok(file);
        }
    }
}

/// The hash of a file's beginning, if that is what it was.
fn hash_of(path: &Path, mark: &FileMark) -> io::Result<Option<XxHash3_128>> {
    let mut hash = XxHash3_128::new();
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?.take(mark.length),
    };
    let (mut bytes, mut length) = (vec![0; LOOK], 0);
    loop {
        match file.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => {
                hash.write(&bytes[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let is_same = length == mark.length && format!("{:032x}", hash.finish_128()) == mark.xxh3;
    Ok(is_same.then_some(hash))
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

    fn created(path: &Path) -> io::Result<OutputFile> {
        let mut output = OutputFile::open(path)?;
        output.begin().map(|()| output)
    }

    #[test]
    fn a_file_takes_its_name_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        fs::write(&path, "old").unwrap();
        let mut output = created(&path).unwrap();
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
        let mut first = created(&path).unwrap();
        first.write_all(b"first").unwrap();
        let refused = created(&path).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        first.sync().unwrap().name().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        created(&path).unwrap();
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
                        if let Ok(mut output) = created(&path) {
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
        drop(created(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_file_is_gone_on_with_where_it_was_marked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        let mut output = created(&path).unwrap();
        output.write_all(b"kept").unwrap();
        let mark = output.mark().unwrap();
        output.write_all(b"lost").unwrap();
        drop(output);
        let mut output = OutputFile::open(&path).unwrap();
        let beginning = output.look(&mark).unwrap().unwrap();
        output.go_on(beginning).unwrap();
        output.write_all(b", and more").unwrap();
        let whole = output.mark().unwrap();
        output.sync().unwrap().name().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept, and more");
        // Also when it has its name by now.
        for mark in [mark, whole] {
            let mut output = OutputFile::open(&path).unwrap();
            let beginning = output.look(&mark).unwrap().unwrap();
            output.go_on(beginning).unwrap();
            assert_eq!(output.mark().unwrap(), mark);
            drop(output);
            fs::remove_file(part_of(&path)).unwrap();
        }
        let output = OutputFile::open(&path).unwrap();
        let other = FileMark {
            length: 4,
            xxh3: "0".repeat(32),
        };
        assert!(output.look(&other).unwrap().is_none());
        output.leave().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
