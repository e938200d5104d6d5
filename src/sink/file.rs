//! Output files: written beside their name, and named when they are whole.
//!
//! A run that fails leaves an existing file as it was and the unfinished one as
//! `FILE.part`. What is no regular file (a device, a pipe) is written in place. The last
//! flush and the sync are checked, not left to a drop.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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
    /// Those of the file system, for instance a folder that is missing or read-only.
    pub fn create(path: &Path) -> io::Result<Self> {
        let in_place = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        if in_place {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { file, rename: None });
        }
        let part = part_of(path);
        Ok(Self {
            file: File::create(&part)?,
            rename: Some((part, path.to_owned())),
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
    fn an_abandoned_file_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
