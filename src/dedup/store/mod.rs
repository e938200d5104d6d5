//! What was seen, from run to run: a folder that one run at a time adds to.
//!
//! | file       | holds                                                                    |
//! |------------|--------------------------------------------------------------------------|
//! | `manifest` | what the store consists of: its scope, its runs, its files               |
//! | `keys-N`   | keys that the N-th run added, and those of files that it merged them with |
//! | `places`   | where pages stand of which something was kept, of all runs               |
//! | `pending`  | the next manifest, while the output that it belongs to gets its name     |
//! | `lock`     | nothing; the run that adds to the store holds a lock on it               |
//!
//! A store begins with a manifest of no runs, so that one that has lost its manifest is told from one
//! whose first run was broken off.
//! Nothing that the manifest names is changed, except that `places` grows behind what is named.
//! A run adds what it saw in this order, and syncs each step:
//!
//! 1. its output is whole, under a name of its own;
//! 2. keys and places are written;
//! 3. `pending` is, with the output's length and time;
//! 4. the output gets its name;
//! 5. the manifest is replaced, and `pending` removed.
//!
//! A run that is broken off before the fourth step has added nothing, and its output has no
//! name; after it, it has added all. Which of these holds is settled when the store is opened again.

mod manifest;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

use self::manifest::{Manifest, Pending, PendingOutput};
use super::{Counts, Dedup, KeyFile, Keys, Memory, Places};
use crate::durable::{FileState, named, part_of, step, sync_folder_of};
use crate::error::StoreError;

pub use self::manifest::{StoredRun, VERSION};

/// A store that is open for a run.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    manifest: Manifest,
    /// Locked until it is closed.
    _lock: File,
}

/// A store that waits for its run's output to get its name.
#[derive(Debug)]
pub struct Prepared {
    store: Store,
    next: Manifest,
}

const MANIFEST: &str = "manifest";
const PENDING: &str = "pending";
const PLACES: &str = "places";
const LOCK: &str = "lock";
const TEMPORARY: &str = "temporary";
const KEYS: &str = "keys-";

impl Store {
    /// Opens a store, or begins one in a folder that is missing or empty, and settles what a
    /// run left that was broken off. Without a scope it keeps the one it has, or [`Dedup::Run`].
    ///
    /// # Errors
    /// The store is another run's, or not made for this; or it is damaged or cannot be read or written.
    pub fn open(folder: &Path, scope: Option<Dedup>) -> Result<Self, StoreError> {
        is_there(folder)?;
        let made = step("make store").and_then(|()| make(folder));
        made.map_err(|error| named(folder, &error))?;
        refuse_other_files(folder)?;
        let lock = locked(folder)?;
        let manifest = manifest_in(folder)?;
        if manifest.is_none() {
            // By the lock's name the folder is known for a store, so it must be there before the others.
            sync_folder_of(&folder.join(LOCK)).map_err(|error| named(folder, &error))?;
        }
        let manifest = manifest.unwrap_or_else(|| new_manifest(scope));
        let mut store = Self {
            folder: folder.to_owned(),
            manifest,
            _lock: lock,
        };
        store.settle()?;
        refuse_other_scope(folder, &store.manifest, scope)?;
        if store.runs() == 0 {
            store.replace(new_manifest(scope))?;
        }
        store.sweep()?;
        Ok(store)
    }

    /// Whether [`open`](Self::open) would find what a run has added, or what it would refuse, as far as
    /// that does not pass by itself: another run's lock is not asked for. Nothing is changed.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn look(folder: &Path, scope: Option<Dedup>) -> Result<bool, StoreError> {
        if !is_there(folder)? {
            return Ok(false);
        }
        refuse_other_files(folder)?;
        let manifest = manifest_in(folder)?;
        let pending = pending_in(folder)?;
        let is_there = manifest.is_some() || pending.is_some();
        let manifest = manifest.unwrap_or_else(|| new_manifest(scope));
        let settled = settled(folder, &manifest, pending)?.unwrap_or(manifest);
        refuse_other_scope(folder, &settled, scope)?;
        Ok(is_there)
    }

    /// Which repeats are removed with it.
    pub fn scope(&self) -> Dedup {
        self.manifest.scope
    }

    /// How many runs have added to it.
    pub fn runs(&self) -> usize {
        self.manifest.runs.len()
    }

    /// What the store remembers, held in so many bytes of memory; what does not fit stays on disk.
    ///
    /// # Errors
    /// A file cannot be read or is not as it was written. The error names it.
    pub fn memory(&self, bytes: usize) -> io::Result<Memory> {
        let temporary = self.folder.join(TEMPORARY);
        let keys = Keys::open(bytes, &self.folder, &self.manifest.keys, temporary)?;
        let places = Places::open(&self.folder.join(PLACES), self.manifest.starts())?;
        Ok(Memory::new(keys, Some(places), true))
    }

    /// Writes what a run has added to its memory. The run's output must be whole and synced, in
    /// this state, and must not have its name before this returns.
    ///
    /// # Errors
    /// A file cannot be written. The error names it; the store is as it was.
    pub fn prepare(self, memory: Memory, output: &Path, state: FileState) -> io::Result<Prepared> {
        let mut next = self.manifest.clone();
        let start = next.places;
        if let Some(places) = memory.places {
            next.places = places.size();
            places.save()?;
        }
        next.runs.push(StoredRun {
            output: output.to_string_lossy().into_owned(),
            new: memory.counts,
            places: start,
        });
        let name = format!("{KEYS}{}", next.runs.len());
        next.keys = memory.keys.save(&self.folder, &name)?;
        let path = path::absolute(output).map_err(|error| named(output, &error))?;
        let pending = Pending {
            version: VERSION,
            output: PendingOutput {
                path: path.into_os_string(),
                state,
            },
            manifest: next.clone(),
        };
        manifest::write(&self.folder.join(PENDING), &pending)?;
        Ok(Prepared { store: self, next })
    }

    /// Finds out whether the last run's output got its name, if that run did not say so.
    fn settle(&mut self) -> Result<(), StoreError> {
        let pending = pending_in(&self.folder)?;
        let is_pending = pending.is_some();
        if let Some(next) = settled(&self.folder, &self.manifest, pending)? {
            self.replace(next)?;
        }
        match is_pending {
            true => Ok(remove(&self.folder.join(PENDING))?),
            false => Ok(()),
        }
    }

    fn replace(&mut self, next: Manifest) -> io::Result<()> {
        manifest::write(&self.folder.join(MANIFEST), &next)?;
        self.manifest = next;
        Ok(())
    }

    /// Removes what the manifest does not name.
    fn sweep(&self) -> io::Result<()> {
        let temporary = self.folder.join(TEMPORARY);
        if temporary.exists() {
            let removed =
                step("remove temporary files").and_then(|()| fs::remove_dir_all(&temporary));
            removed.map_err(|error| named(&temporary, &error))?;
        }
        let unfinished = [MANIFEST, PENDING].map(|own| part_of(Path::new(own)));
        for name in names_in(&self.folder)? {
            let is_named = self.manifest.keys.iter().any(|file| file.name == name);
            let is_unfinished = unfinished.iter().any(|own| own == Path::new(&name));
            if is_unfinished || (name.starts_with(KEYS) && !is_named) {
                remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }
}

impl Prepared {
    /// Adds to the store what was prepared. The output must have its name.
    ///
    /// # Errors
    /// The manifest cannot be written. What was prepared is then added when the store is opened again.
    pub fn commit(mut self) -> io::Result<()> {
        self.store.replace(self.next)?;
        remove(&self.store.folder.join(PENDING))?;
        self.store.sweep()
    }
}

/// What a store holds.
#[derive(Debug)]
pub struct Contents {
    pub scope: Dedup,
    /// Runs that added to it, the oldest first.
    pub runs: Vec<StoredRun>,
    /// Of all runs together.
    pub total: Counts,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// A run was broken off while its output got its name.
    pub is_pending: bool,
}

impl Contents {
    /// Reads what a store says of itself; a run that adds to it meanwhile does not matter.
    ///
    /// # Errors
    /// There is no store in the folder, or it is of another version or damaged.
    pub fn of(folder: &Path) -> Result<Self, StoreError> {
        let manifest = manifest::read::<Manifest>(&folder.join(MANIFEST))?;
        let Some(manifest) = manifest else {
            if folder.is_dir() {
                refuse_orphans(folder)?;
            }
            return Err(StoreError::NoStore(folder.to_owned()));
        };
        Ok(Self {
            total: manifest.total(),
            bytes: manifest.places + manifest.keys.iter().map(KeyFile::size).sum::<u64>(),
            is_pending: folder.join(PENDING).exists(),
            scope: manifest.scope,
            runs: manifest.runs,
        })
    }
}

fn new_manifest(scope: Option<Dedup>) -> Manifest {
    Manifest::new(scope.unwrap_or(Dedup::Run))
}

/// None where no run has added anything: such a store is begun anew, with any scope.
fn manifest_in(folder: &Path) -> Result<Option<Manifest>, StoreError> {
    let manifest = manifest::read::<Manifest>(&folder.join(MANIFEST))?;
    Ok(manifest.filter(|manifest| !manifest.runs.is_empty()))
}

fn pending_in(folder: &Path) -> Result<Option<Pending>, StoreError> {
    manifest::read(&folder.join(PENDING))
}

/// What takes the place of the manifest, if the output of the run that was broken off got its name.
/// If not, there must be a manifest where a run has written anything.
fn settled(
    folder: &Path,
    manifest: &Manifest,
    pending: Option<Pending>,
) -> Result<Option<Manifest>, StoreError> {
    let next = pending.map(|pending| added(folder, manifest, pending));
    let next = next.transpose()?.flatten();
    if manifest.runs.is_empty() && next.is_none() {
        refuse_orphans(folder)?;
    }
    Ok(next)
}

/// Keys and places are written where a manifest is. That is looked for last, for a first run may begin
/// while this looks.
fn refuse_orphans(folder: &Path) -> Result<(), StoreError> {
    let manifest = folder.join(MANIFEST);
    let has_keys = names_in(folder)?.iter().any(|name| name.starts_with(KEYS));
    let places = FileState::at(&folder.join(PLACES))?;
    let is_written = has_keys || places.is_some_and(|places| places.length > 0);
    match is_written && FileState::at(&manifest)?.is_none() {
        true => Err(StoreError::NoManifest(manifest)),
        false => Ok(()),
    }
}

/// The manifest with what a run was about to add, if it came so far.
fn added(
    folder: &Path,
    manifest: &Manifest,
    pending: Pending,
) -> Result<Option<Manifest>, StoreError> {
    let output = PathBuf::from(pending.output.path);
    let is = |path: &Path| {
        let state = FileState::at(path)?;
        io::Result::Ok(state == Some(pending.output.state))
    };
    if pending.manifest == *manifest || is(&part_of(&output))? {
        // Either all steps are done, or the fourth is not.
        Ok(None)
    } else if is(&output)? {
        Ok(Some(pending.manifest))
    } else {
        Err(StoreError::Unsettled {
            pending: folder.join(PENDING),
            output,
        })
    }
}

fn refuse_other_scope(
    folder: &Path,
    manifest: &Manifest,
    scope: Option<Dedup>,
) -> Result<(), StoreError> {
    let found = manifest.scope;
    match scope.is_some_and(|scope| scope != found) {
        true => Err(StoreError::OtherScope {
            folder: folder.to_owned(),
            found: found.as_str(),
        }),
        false => Ok(()),
    }
}

/// Whether a folder is there, or can be made: below a folder alone.
fn is_there(folder: &Path) -> Result<bool, StoreError> {
    let places = folder.ancestors().filter(|place| *place != Path::new(""));
    for place in places {
        match fs::metadata(place) {
            Ok(found) if found.is_dir() => return Ok(place == folder),
            Ok(_) => return Err(StoreError::NoFolder(place.to_owned())),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(named(place, &error).into()),
        }
    }
    Ok(false)
}

/// Makes a folder, and those above it, for good: a store that is gone after a crash would have all
/// given again.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent();
    if let Some(above) = above.filter(|above| !above.as_os_str().is_empty()) {
        make(above)?;
    }
    match fs::create_dir(folder) {
        // Another run was faster.
        Err(_) if folder.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder_of(folder)),
    }
}

/// A folder with something else in it is somebody's mistake.
fn refuse_other_files(folder: &Path) -> Result<(), StoreError> {
    let names = names_in(folder)?;
    let is_store = names.iter().any(|name| name == LOCK || name == MANIFEST);
    match is_store || names.is_empty() {
        true => Ok(()),
        false => Err(StoreError::NotAStore(folder.to_owned())),
    }
}

fn locked(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let lock = step("lock store").and_then(|()| File::create(&path));
    let lock = lock.map_err(|error| named(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(named(&path, &error).into()),
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| named(folder, &error))?;
    let names = entries.iter().map(fs::DirEntry::file_name);
    Ok(names
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

/// Removes a file for good, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match step("remove from store").and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed.and_then(|()| sync_folder_of(path)),
    }
    .map_err(|error| named(path, &error))
}
