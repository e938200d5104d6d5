//! Where runs are: a folder of this map's own, made when it is first needed and removed
//! with all that is in it. After a crash it stays behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::durable::named;

/// A folder that this map made.
pub(super) struct Folder {
    path: PathBuf,
    files: u64,
}

impl Folder {
    /// Makes a folder in this one, which is made too if it is missing.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent).map_err(|error| named(parent, &error))?;
        let mut number = 0u32;
        loop {
            let path = parent.join(format!("citesift-keys-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, files: 0 }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(named(&path, &error)),
            }
        }
    }

    /// This folder, made now if it is not there.
    pub(super) fn at<'f>(folder: &'f mut Option<Self>, parent: &Path) -> io::Result<&'f mut Self> {
        match folder {
            Some(folder) => Ok(folder),
            none => Ok(none.insert(Self::new(parent)?)),
        }
    }

    /// A path that was not given before.
    pub(super) fn next(&mut self) -> PathBuf {
        self.files += 1;
        self.path.join(format!("run-{}", self.files))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to tell; the folder's name says what it was.
        let _ = fs::remove_dir_all(&self.path);
    }
}
