//! Which sources a run reads, and in which order.
//!
//! Inputs come in the order they were given. A folder is walked in the byte order of
//! its files' whole paths, the order of `LC_ALL=C sort`: `a-b.txt` stands before
//! `a/x.txt`, since `-` sorts before `/`. Links are followed. Every regular file counts;
//! what it holds is told by its content, not by its name.

use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::cloud::{Address, Object, Reach};
use super::{Opened, Patience};
use crate::durable::FileState;

/// What the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, or a folder to walk.
    Path(PathBuf),
    /// What is read over a network: an object, or those below a prefix.
    Address(Address),
}

/// One stream of bytes to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Stdin,
    File(PathBuf),
    Object(Object),
}

impl Source {
    fn opened(&self) -> Opened {
        let path = match self {
            Self::Stdin => return Opened::default(),
            Self::File(path) => path,
            Self::Object(object) => return object.opened(),
        };
        let metadata = fs::metadata(path).ok().filter(Metadata::is_file);
        Opened {
            path: path.clone().into_os_string(),
            version: None,
            state: metadata.and_then(|metadata| FileState::of(&metadata).ok()),
        }
    }

    /// The name it has in records and messages; what is no UTF-8 in it is shown as U+FFFD.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Object(object) => object.name().to_owned(),
        }
    }
}

/// Something under a named path that could not be walked.
#[derive(Debug)]
pub struct WalkError {
    pub path: String,
    pub error: io::Error,
}

/// What the sources of the inputs look like now, in the run's order.
pub fn as_opened(inputs: &[Input]) -> impl Iterator<Item = Opened> + '_ {
    sources(inputs).map(|source| opened(&source))
}

/// What a source looks like now.
pub fn opened(source: &Result<Source, WalkError>) -> Opened {
    match source {
        Ok(source) => source.opened(),
        Err(error) => Opened {
            path: error.path.clone().into(),
            ..Opened::default()
        },
    }
}

/// The sources of the inputs, in the run's order.
pub fn sources(inputs: &[Input]) -> impl Iterator<Item = Result<Source, WalkError>> + '_ {
    walked(inputs, Reach::new(&Patience::default(), false))
}

/// As [`sources`], for a run that reads every one of them and has so much patience.
pub fn sources_to_read<'i>(
    inputs: &'i [Input],
    patience: &Patience,
) -> impl Iterator<Item = Result<Source, WalkError>> + Send + use<'i> {
    walked(inputs, Reach::new(patience, true))
}

fn walked(
    inputs: &[Input],
    mut reach: Reach,
) -> impl Iterator<Item = Result<Source, WalkError>> + Send + '_ {
    inputs
        .iter()
        .flat_map(move |input| -> Box<dyn Iterator<Item = _> + Send> {
            match input {
                Input::Stdin => Box::new(std::iter::once(Ok(Source::Stdin))),
                // Anything but a folder is for the reader to open, also what does not exist.
                Input::Path(path) if !path.is_dir() => {
                    Box::new(std::iter::once(Ok(Source::File(path.clone()))))
                }
                Input::Path(folder) => Box::new(walk(folder)),
                Input::Address(address) => Box::new(
                    reach
                        .objects(address)
                        .map(|object| object.map(Source::Object)),
                ),
            }
        })
}

fn walk(folder: &Path) -> impl Iterator<Item = Result<Source, WalkError>> + Send + use<> {
    let root = folder.to_owned();
    WalkDir::new(folder)
        .follow_links(true)
        .sort_by(by_whole_path)
        .into_iter()
        .filter_map(move |entry| match entry {
            Ok(entry) if entry.file_type().is_file() => Some(Ok(Source::File(entry.into_path()))),
            Ok(_) => None,
            Err(error) => Some(Err(WalkError {
                path: error.path().unwrap_or(&root).to_string_lossy().into_owned(),
                error: said_plainly(error),
            })),
        })
}

/// What the system says, without the walk's own words around it, which name the path again.
fn said_plainly(error: walkdir::Error) -> io::Error {
    if let Some(ancestor) = error.loop_ancestor() {
        let message = format!("a link that leads back to {}", ancestor.display());
        return io::Error::other(message);
    }
    let words = error.to_string();
    error
        .into_io_error()
        .unwrap_or_else(|| io::Error::other(words))
}

/// Siblings as their whole paths sort: the path of a folder's files goes on with a slash. Only
/// for links is the system asked what they are: asked for every file in every comparison, it
/// took most of the time of a large folder.
fn by_whole_path(one: &DirEntry, other: &DirEntry) -> Ordering {
    fn key(entry: &DirEntry) -> impl Iterator<Item = &u8> {
        let kind = entry.file_type();
        let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        let slash: &[u8] = if is_folder { b"/" } else { b"" };
        entry.file_name().as_encoded_bytes().iter().chain(slash)
    }
    key(one).cmp(key(other))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn walked(folder: &Path) -> Vec<String> {
        sources(&[Input::Path(folder.to_owned())])
            .map(|source| match source {
                Ok(Source::File(path)) => path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn whole_paths_are_in_byte_order() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b", "a/x", "a-b", "a.txt", "a/B", "a0", "Z", "é"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = walked(folder.path());
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        assert_eq!(found, ["Z", "a-b", "a.txt", "a/B", "a/x", "a0", "b", "é"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_is_walked_and_a_loop_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (real, linked) = (folder.path().join("real"), folder.path().join("tree"));
        for path in [&real, &linked] {
            fs::create_dir(path).unwrap();
        }
        fs::write(real.join("page"), "").unwrap();
        fs::write(linked.join("a-b"), "").unwrap();
        std::os::unix::fs::symlink(&real, linked.join("a")).unwrap();
        assert_eq!(walked(&linked), ["a-b", "a/page"]);
        std::os::unix::fs::symlink(&linked, linked.join("b")).unwrap();
        let found = walked(&linked);
        assert_eq!(found.len(), 3);
        assert!(found[2].contains("WalkError"), "{found:?}");
    }
}
