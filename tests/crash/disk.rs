//! A disk that keeps what was synced, and of everything else what it likes.
//!
//! The model is that of `SQLite`'s crash tests, with names treated as contents are. A write, or a change
//! of length, that no sync of its file covers is kept, lost or garbage; a name that is made,
//! changed or removed, and that no sync of its folder covers, is so or not. Two things hang
//! together: what is done to a name needs what was done to it before, and a rename is one step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::trace::Step;

/// The disk as programs see it, and what of it is safe.
#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<Content>,
    names: Names,
    safe_names: Names,
    namings: Vec<(u64, Naming)>,
    open: HashMap<u32, Opened>,
    syncs: HashMap<usize, (Opened, u64)>,
    /// Counts steps.
    clock: u64,
}

/// What a name leads to: a file's number; none is a folder.
type Names = BTreeMap<PathBuf, Option<usize>>;

/// What is found on the disk: files with their number, and folders.
pub type Found = BTreeMap<PathBuf, Option<(usize, Vec<u8>)>>;

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    safe: Vec<u8>,
    changes: Vec<(u64, Change)>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone)]
enum Naming {
    Made(PathBuf, Option<usize>),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

#[derive(Clone)]
enum Opened {
    File {
        number: usize,
        offset: usize,
    },
    Folder(PathBuf),
    /// It is not on this disk.
    Other,
}

/// What becomes of a change that is not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Lost,
    /// The length is kept and the bytes are zeros.
    Zeros,
    /// The length is kept and the bytes are any.
    Garbage,
}

impl Disk {
    /// A disk on which this is safe.
    pub fn with(names: impl IntoIterator<Item = (PathBuf, Option<Vec<u8>>)>) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in names {
            let number = bytes.map(|bytes| {
                disk.files.push(Content {
                    now: bytes.clone(),
                    safe: bytes,
                    changes: Vec::new(),
                });
                disk.files.len() - 1
            });
            disk.names.insert(name, number);
        }
        disk.safe_names = disk.names.clone();
        disk
    }

    /// All that programs see.
    pub fn seen(&self) -> Found {
        self.found(&self.names, |content| content.now.clone())
    }

    /// What is found after a power cut. Asked for the fates of so many changes of one file, and of one
    /// change of a name, which knows only two.
    pub fn after_power_cut(
        &self,
        of_bytes: &mut dyn FnMut(usize) -> Vec<Fate>,
        of_names: &mut dyn FnMut() -> Fate,
    ) -> Found {
        let mut names = self.safe_names.clone();
        let mut lost = BTreeSet::new();
        for (_, naming) in &self.namings {
            let touched = naming.touched();
            let needs_lost = |path: &&Path| path.ancestors().any(|path| lost.contains(path));
            if of_names() == Fate::Lost || touched.iter().any(needs_lost) {
                lost.extend(touched.into_iter().map(Path::to_owned));
                continue;
            }
            naming.apply(&mut names);
        }
        self.found(&names, |content| {
            let mut bytes = content.safe.clone();
            let fates = of_bytes(content.changes.len());
            for ((_, change), fate) in content.changes.iter().zip(fates) {
                change.apply(&mut bytes, fate);
            }
            bytes
        })
    }

    fn found(&self, names: &Names, mut bytes: impl FnMut(&Content) -> Vec<u8>) -> Found {
        let names = names.iter().map(|(name, number)| {
            let file = number.map(|number| (number, bytes(&self.files[number])));
            (name.clone(), file)
        });
        names.collect()
    }

    /// A step of a program on this disk. Numbers of open files are those of one program at a time.
    pub fn apply(&mut self, step: &Step) {
        self.clock += 1;
        match step {
            Step::Open {
                fd,
                path,
                is_cut,
                is_made,
            } => self.open(*fd, path, *is_cut, *is_made),
            Step::Copied { from, to } => {
                let opened = self.opened(*from);
                self.open.insert(*to, opened);
            }
            Step::At { fd, offset } => self.seek(*fd, *offset as usize),
            Step::Write { fd, bytes } => self.write(*fd, bytes.clone()),
            Step::CopyRange { from, to, length } => {
                if let Opened::File { number, offset } = self.opened(*from) {
                    let end = offset + *length as usize;
                    let bytes = self.files[number].now[offset..end].to_vec();
                    self.seek(*from, end);
                    self.write(*to, bytes);
                }
            }
            Step::Length { fd, length } => {
                if let Opened::File { number, .. } = self.opened(*fd) {
                    self.change(number, Change::Length(*length as usize));
                }
            }
            Step::BeginSync { number, fd } => {
                let opened = self.opened(*fd);
                self.syncs.insert(*number, (opened, self.clock));
            }
            Step::EndSync { number } => self.end_sync(*number),
            Step::Rename { from, to } => self.name(Naming::Renamed(from.clone(), to.clone())),
            Step::Remove(path) => self.name(Naming::Removed(path.clone())),
            Step::MakeFolder(path) => self.name(Naming::Made(path.clone(), None)),
        }
    }

    fn opened(&self, fd: u32) -> Opened {
        self.open.get(&fd).cloned().unwrap_or(Opened::Other)
    }

    fn open(&mut self, fd: u32, path: &Path, is_cut: bool, is_made: bool) {
        if is_made && !self.names.contains_key(path) && self.is_within(path) {
            self.files.push(Content::default());
            let number = Some(self.files.len() - 1);
            self.name(Naming::Made(path.to_owned(), number));
        }
        let opened = match self.names.get(path) {
            Some(&Some(number)) => {
                if is_cut {
                    self.change(number, Change::Length(0));
                }
                Opened::File { number, offset: 0 }
            }
            Some(None) => Opened::Folder(path.to_owned()),
            None => Opened::Other,
        };
        self.open.insert(fd, opened);
    }

    fn is_within(&self, path: &Path) -> bool {
        let folder = path.parent().and_then(|folder| self.names.get(folder));
        folder == Some(&None)
    }

    fn seek(&mut self, fd: u32, at: usize) {
        if let Some(Opened::File { offset, .. }) = self.open.get_mut(&fd) {
            *offset = at;
        }
    }

    fn write(&mut self, fd: u32, bytes: Vec<u8>) {
        if let Opened::File { number, offset } = self.opened(fd) {
            self.seek(fd, offset + bytes.len());
            self.change(number, Change::Write { offset, bytes });
        }
    }

    fn change(&mut self, number: usize, change: Change) {
        let content = &mut self.files[number];
        change.apply(&mut content.now, Fate::Kept);
        content.changes.push((self.clock, change));
    }

    fn name(&mut self, naming: Naming) {
        let touched = naming.touched();
        if touched.iter().all(|path| self.is_within(path)) {
            naming.apply(&mut self.names);
            self.namings.push((self.clock, naming));
        }
    }

    fn end_sync(&mut self, number: usize) {
        match self.syncs.remove(&number) {
            Some((Opened::File { number, .. }, begun)) => {
                let content = &mut self.files[number];
                let covered = content.changes.partition_point(|&(at, _)| at < begun);
                for (_, change) in content.changes.drain(..covered) {
                    change.apply(&mut content.safe, Fate::Kept);
                }
            }
            Some((Opened::Folder(folder), begun)) => {
                let is_covered = |(at, naming): &mut (u64, Naming)| {
                    let path = naming.touched()[0];
                    *at < begun && path.parent() == Some(&folder)
                };
                let covered = self.namings.extract_if(.., is_covered);
                covered.for_each(|(_, naming)| naming.apply(&mut self.safe_names));
            }
            Some((Opened::Other, _)) | None => {}
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>, fate: Fate) {
        match (self, fate) {
            (_, Fate::Lost) => {}
            (Self::Length(length), _) => content.resize(*length, 0),
            (Self::Write { offset, bytes }, _) => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                let written = &mut content[*offset..end];
                match fate {
                    Fate::Zeros => written.fill(0),
                    Fate::Garbage => garble(written),
                    _ => written.copy_from_slice(bytes),
                }
            }
        }
    }
}

/// The same garbage for the same length.
fn garble(bytes: &mut [u8]) {
    let mut random = Random(bytes.len() as u64);
    bytes.fill_with(|| random.next() as u8);
}

/// Numbers that look like any, and are the same for the same seed (`SplitMix64`).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Naming {
    fn touched(&self) -> Vec<&Path> {
        match self {
            Self::Made(path, _) | Self::Removed(path) => vec![path],
            Self::Renamed(from, to) => vec![from, to],
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Made(path, number) => {
                names.insert(path.clone(), *number);
            }
            Self::Renamed(from, to) => {
                assert_eq!(from.parent(), to.parent(), "a rename within a folder");
                let number = names.remove(from).unwrap();
                names.insert(to.clone(), number);
            }
            Self::Removed(path) => {
                names.remove(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/f";

    fn path(name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }

    fn disk(steps: &[Step]) -> Disk {
        let old = (path("old"), Some(b"old".to_vec()));
        let mut disk = Disk::with([(FOLDER.into(), None), old]);
        for step in steps {
            disk.apply(step);
        }
        disk
    }

    fn cut(disk: &Disk, of_bytes: Fate, of_names: Fate) -> Vec<(String, Vec<u8>)> {
        let found = disk.after_power_cut(&mut |count| vec![of_bytes; count], &mut || of_names);
        let files = found.into_iter().filter_map(|(name, file)| {
            let name = name.strip_prefix(FOLDER).unwrap().display().to_string();
            Some((name, file?.1))
        });
        files.collect()
    }

    fn files(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        let files = files.iter();
        files
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect()
    }

    fn open(fd: u32, name: &str) -> Step {
        Step::Open {
            fd,
            path: path(name),
            is_cut: false,
            is_made: true,
        }
    }

    fn write(fd: u32, bytes: &[u8]) -> Step {
        let bytes = bytes.to_vec();
        Step::Write { fd, bytes }
    }

    fn sync(fd: u32) -> [Step; 2] {
        let number = 1;
        [Step::BeginSync { number, fd }, Step::EndSync { number }]
    }

    fn sync_folder() -> Vec<Step> {
        let opened = Step::Open {
            fd: 9,
            path: FOLDER.into(),
            is_cut: false,
            is_made: false,
        };
        [&[opened][..], &sync(9)].concat()
    }

    #[test]
    fn what_is_not_synced_meets_its_fate() {
        let disk = disk(&[&[open(3, "new"), write(3, b"ab")][..], &sync_folder()].concat());
        let found = |fate| cut(&disk, fate, Fate::Lost);
        assert_eq!(found(Fate::Kept), files(&[("new", b"ab"), ("old", b"old")]));
        assert_eq!(found(Fate::Lost), files(&[("new", b""), ("old", b"old")]));
        assert_eq!(
            found(Fate::Zeros),
            files(&[("new", b"\0\0"), ("old", b"old")])
        );
        let garbage = found(Fate::Garbage);
        assert_eq!(garbage, found(Fate::Garbage));
        assert!(garbage[0].1.len() == 2 && garbage[0].1 != b"ab");
    }

    #[test]
    fn what_is_synced_is_safe_and_what_comes_after_is_not() {
        let steps = [
            &[open(3, "old"), write(3, b"NEW")][..],
            &sync(3),
            &[write(3, b"er")],
        ]
        .concat();
        assert_eq!(
            cut(&disk(&steps), Fate::Lost, Fate::Lost),
            files(&[("old", b"NEW")])
        );
        assert_eq!(
            cut(&disk(&steps), Fate::Kept, Fate::Lost),
            files(&[("old", b"NEWer")])
        );
    }

    #[test]
    fn a_sync_covers_what_was_done_when_it_began() {
        let (number, fd) = (7, 4);
        let steps = [
            open(3, "old"),
            Step::Copied { from: 3, to: fd },
            write(3, b"N"),
            Step::BeginSync { number, fd },
            write(3, b"E"),
            Step::EndSync { number },
        ];
        assert_eq!(
            cut(&disk(&steps[..5]), Fate::Lost, Fate::Lost),
            files(&[("old", b"old")])
        );
        assert_eq!(
            cut(&disk(&steps), Fate::Lost, Fate::Lost),
            files(&[("old", b"Nld")])
        );
    }

    #[test]
    fn names_are_safe_when_their_folder_is_synced() {
        let rename = Step::Rename {
            from: path("new"),
            to: path("old"),
        };
        let steps = [&[open(3, "new"), write(3, b"new")][..], &sync(3), &[rename]].concat();
        let found = |steps: &[Step], of_names| cut(&disk(steps), Fate::Lost, of_names);
        assert_eq!(found(&steps, Fate::Lost), files(&[("old", b"old")]));
        assert_eq!(found(&steps, Fate::Kept), files(&[("old", b"new")]));
        let steps = [&steps[..], &sync_folder()].concat();
        assert_eq!(found(&steps, Fate::Lost), files(&[("old", b"new")]));
        // What is done to a name needs what was done to it before.
        let mut fates = [Fate::Lost, Fate::Kept].into_iter();
        let found = disk(&steps[..5])
            .after_power_cut(&mut |count| vec![Fate::Kept; count], &mut || {
                fates.next().unwrap()
            });
        assert_eq!(found[&path("old")].as_ref().unwrap().1, b"old");
        assert!(!found.contains_key(&path("new")));
        let removed = [&steps[..], &[Step::Remove(path("old"))]].concat();
        assert_eq!(
            cut(&disk(&removed), Fate::Kept, Fate::Lost),
            files(&[("old", b"new")])
        );
        assert_eq!(cut(&disk(&removed), Fate::Kept, Fate::Kept), files(&[]));
    }

    #[test]
    fn bytes_go_where_the_file_is() {
        let steps = [
            open(3, "old"),
            Step::At { fd: 3, offset: 2 },
            write(3, b"D!"),
            Step::Length { fd: 3, length: 3 },
            open(4, "copy"),
            Step::At { fd: 3, offset: 1 },
            Step::CopyRange {
                from: 3,
                to: 4,
                length: 2,
            },
            write(4, b"."),
            write(5, b"elsewhere"),
        ];
        let seen = cut(&disk(&steps), Fate::Kept, Fate::Kept);
        assert_eq!(seen, files(&[("copy", b"lD."), ("old", b"olD")]));
    }
}
