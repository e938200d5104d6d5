//! Files that are whole or not there, also after a crash: synced, and named in one step.
//!
//! What is written is safe when the file is synced; that it has its name, when the folder is.

#[cfg(feature = "failpoints")]
mod failpoints;

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// What a file looks like from outside. It stays the same when the file is renamed, and differs
/// once it is written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Its length, in bytes.
    pub length: u64,
    /// When it was last written; since the beginning of 1970.
    pub modified: Duration,
}

impl FileState {
    /// The state of what has this name; none where that is nothing.
    ///
    /// # Errors
    /// Those of the file system. The error names the file.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path).and_then(|metadata| Self::of(&metadata)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            state => state.map(Some).map_err(|error| named(path, &error)),
        }
    }

    /// The state of an open file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn of(metadata: &Metadata) -> io::Result<Self> {
        let modified = metadata.modified()?;
        Ok(Self {
            length: metadata.len(),
            modified: modified
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        })
    }
}

/// Where a file is written before it has its name.
pub fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

/// Gives a file that is synced its name, in place of what had it.
///
/// # Errors
/// Those of the file system.
pub fn rename(part: &Path, path: &Path) -> io::Result<()> {
    step("rename")?;
    fs::rename(part, path)?;
    sync_folder_of(path)
}

/// Puts a file of these bytes in place of what has its name.
///
/// # Errors
/// Those of the file system. The error names the file.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = part_of(path);
    let write = || {
        step("write replacement")?;
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        step("sync replacement")?;
        file.sync_all()?;
        rename(&part, path)
    };
    write().map_err(|error| named(path, &error))
}

/// Makes sure that what was named or removed in a file's folder stays so. Where the folder may not be
/// opened, or the file system syncs none, that is left to the system.
///
/// # Errors
/// Those of the file system.
#[cfg(unix)]
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    step("sync folder")?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let opened = File::open(folder.unwrap_or(Path::new(".")));
    match opened.and_then(|folder| folder.sync_all()) {
        Err(error) if UNSYNCED.contains(&error.kind()) => Ok(()),
        synced => synced,
    }
}

#[cfg(unix)]
const UNSYNCED: [ErrorKind; 3] = [
    ErrorKind::PermissionDenied,
    ErrorKind::InvalidInput,
    ErrorKind::Unsupported,
];

/// Other systems cannot open a folder to sync it.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Stands before each step on the way to disk, so that tests can make a run fail there.
///
/// # Errors
/// None.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn step(_name: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(feature = "failpoints")]
pub use failpoints::step;

/// An error that says which file it is about.
pub fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [&b"old"[..], b"", b"new"] {
            replace(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = replace(&folder.path().join("not/there"), b"").unwrap_err();
        assert!(error.to_string().contains("not/there"), "{error}");
    }

    #[test]
    fn a_file_looks_the_same_under_another_name_and_not_when_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        replace(&one, b"text").unwrap();
        let state = |path: &Path| FileState::of(&fs::metadata(path).unwrap()).unwrap();
        let before = state(&one);
        rename(&one, &other).unwrap();
        assert_eq!(state(&other), before);
        std::thread::sleep(Duration::from_millis(20));
        replace(&other, b"TEXT").unwrap();
        assert_ne!(state(&other), before);
    }
}
