//! A journal: a file that only grows, and of which every beginning that is whole can be read back.
//!
//! It begins with a magic number, and then consists of records:
//!
//! | bytes        | holds                                                                  |
//! |--------------|------------------------------------------------------------------------|
//! | 1            | kind                                                                   |
//! | 8            | length, little-endian                                                  |
//! | length       | payload                                                                |
//! | 8            | XXH3 of all three, with the check sum of the record before as its seed |
//!
//! So a record that is torn, flipped or another journal's ends what can be read, and what was
//! before it holds.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::durable::{named, step};

/// What a record is about; what is in it is the writer's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What holds for the whole run.
    Run,
    /// Sources that were opened.
    Opened,
    /// What was new to the memory.
    News,
    /// What of an output is not yet in its file at the next checkpoint, and behind those of all
    /// outputs the faults.
    Tail,
    /// Where a run can go on.
    Checkpoint,
    /// That the run is done, but for the output's name.
    Done,
    /// What came to the tail that the checkpoint before has in the same place.
    MoreTail,
}

impl Kind {
    /// By their numbers in the file.
    pub const ALL: [Self; 7] = [
        Self::Run,
        Self::Opened,
        Self::News,
        Self::Tail,
        Self::Checkpoint,
        Self::Done,
        Self::MoreTail,
    ];
}

const MAGIC: &[u8; 8] = b"CSJRNL2\n";

/// Kind and length.
const HEAD: usize = 9;

/// A place between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bytes before it.
    pub offset: u64,
    /// The check sum of the record before it.
    pub sum: u64,
}

/// A journal that is open to be written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    end: Mark,
}

impl Journal {
    /// Begins a journal, in place of what is there.
    ///
    /// # Errors
    /// Those of the file system. The error names the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let create = || {
            step("begin journal")?;
            let mut file = File::create(path)?;
            file.write_all(MAGIC)?;
            Ok(file)
        };
        Ok(Self {
            file: create().map_err(|error| named(path, &error))?,
            path: path.to_owned(),
            end: START,
        })
    }

    /// Goes on with a journal behind this mark; what is behind it is cut off.
    ///
    /// # Errors
    /// Those of the file system. The error names the file.
    pub fn go_on(path: &Path, mark: Mark) -> io::Result<Self> {
        let open = || {
            let mut file = File::options().write(true).open(path)?;
            step("cut journal")?;
            file.set_len(mark.offset)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        Ok(Self {
            file: open().map_err(|error| named(path, &error))?,
            path: path.to_owned(),
            end: mark,
        })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Those of the file system. The error names the file.
    pub fn append(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let head = head(kind, payload.len());
        let sum = sum(self.end.sum, &head, payload);
        let mut write = || {
            step("append to journal")?;
            self.file.write_all(&head)?;
            self.file.write_all(payload)?;
            step("end record of journal")?;
            self.file.write_all(&sum.to_le_bytes())
        };
        write().map_err(|error| named(&self.path, &error))?;
        let offset = self.end.offset + size(payload.len());
        self.end = Mark { offset, sum };
        Ok(())
    }

    /// Where the next record will be.
    pub fn end(&self) -> Mark {
        self.end
    }

    /// The file, for those who sync it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

const START: Mark = Mark {
    offset: MAGIC.len() as u64,
    sum: 0,
};

fn head(kind: Kind, length: usize) -> [u8; HEAD] {
    let mut head = [kind as u8; HEAD];
    head[1..].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

fn size(payload: usize) -> u64 {
    (HEAD + payload + size_of::<u64>()) as u64
}

fn sum(before: u64, head: &[u8], payload: &[u8]) -> u64 {
    let mut hash = XxHash3_64::with_seed(before);
    hash.write(head);
    hash.write(payload);
    hash.finish()
}

/// Is handed the mark before a record, its kind and its payload; false ends the reading.
pub type EachRecord<'e> = dyn FnMut(Mark, Kind, &[u8]) -> io::Result<bool> + 'e;

/// Reads the records that are whole, each with the mark before it, up to the one that is not, or until
/// `each` returns false. A file that does not begin as a journal has none: after a power cut, zeros may
/// stand in the place of what was never synced.
///
/// # Errors
/// The file cannot be opened, which names it; and those of `each`.
pub fn read(path: &Path, each: &mut EachRecord) -> io::Result<()> {
    let open = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::new(file);
        let mut magic = Vec::new();
        file.by_ref().take(START.offset).read_to_end(&mut magic)?;
        Ok((magic == MAGIC).then_some((file, length)))
    };
    let Some((mut file, length)) = open().map_err(|error| named(path, &error))? else {
        return Ok(());
    };
    let (mut mark, mut payload) = (START, Vec::new());
    while let Some((kind, next)) = next(&mut file, mark, length, &mut payload) {
        if !each(mark, kind, &payload)? {
            return Ok(());
        }
        mark = next;
    }
    Ok(())
}

/// The next record, if it is whole.
fn next(
    file: &mut impl Read,
    mark: Mark,
    length: u64,
    payload: &mut Vec<u8>,
) -> Option<(Kind, Mark)> {
    let mut head = [0; HEAD];
    file.read_exact(&mut head).ok()?;
    let kind = *Kind::ALL.get(usize::from(head[0]))?;
    let bytes = u64::from_le_bytes(*head.last_chunk()?);
    let offset = bytes.checked_add(mark.offset + size(0))?;
    if offset > length {
        return None;
    }
    payload.resize(bytes as usize, 0);
    file.read_exact(payload).ok()?;
    let mut stored = [0; size_of::<u64>()];
    file.read_exact(&mut stored).ok()?;
    let sum = sum(mark.sum, &head, payload);
    (u64::from_le_bytes(stored) == sum).then_some((kind, Mark { offset, sum }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    type Records = Vec<(Kind, Vec<u8>)>;

    fn written(path: &Path) -> Records {
        let records: Records = vec![
            (Kind::Run, b"run".to_vec()),
            (Kind::News, Vec::new()),
            (Kind::News, vec![7; 300]),
            (Kind::Checkpoint, b"{}".to_vec()),
        ];
        let mut journal = Journal::create(path).unwrap();
        for (kind, payload) in &records {
            journal.append(*kind, payload).unwrap();
        }
        records
    }

    fn records(path: &Path) -> io::Result<(Records, Vec<Mark>)> {
        let (mut records, mut marks) = (Vec::new(), Vec::new());
        read(path, &mut |mark, kind, payload| {
            records.push((kind, payload.to_vec()));
            marks.push(mark);
            Ok(true)
        })?;
        Ok((records, marks))
    }

    #[test]
    fn what_was_appended_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let expected = written(&path);
        assert_eq!(records(&path).unwrap().0, expected);
    }

    #[test]
    fn what_is_torn_or_flipped_ends_it_and_what_is_before_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let expected = written(&path);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x11;
            for damaged in [&whole[..at], &flipped] {
                fs::write(&path, damaged).unwrap();
                let (found, _) = records(&path).unwrap();
                let is_beginning = found.len() < expected.len() && expected.starts_with(&found);
                assert!(is_beginning, "{at}");
            }
        }
    }

    #[test]
    fn it_goes_on_behind_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let expected = written(&path);
        let mark = records(&path).unwrap().1[2];
        let mut journal = Journal::go_on(&path, mark).unwrap();
        assert_eq!(journal.end(), mark);
        journal.append(Kind::Tail, b"tail").unwrap();
        let found = records(&path).unwrap().0;
        assert_eq!(found[..2], expected[..2]);
        assert_eq!(found[2..], [(Kind::Tail, b"tail".to_vec())]);
    }

    #[test]
    fn another_journal_s_records_do_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        written(&one);
        let mut journal = Journal::create(&other).unwrap();
        journal.append(Kind::Run, b"RUN").unwrap();
        let mut mixed = fs::read(&other).unwrap();
        mixed.extend(&fs::read(&one).unwrap()[mixed.len()..]);
        fs::write(&one, mixed).unwrap();
        assert_eq!(records(&one).unwrap().0, [(Kind::Run, b"RUN".to_vec())]);
    }
}
