//! Where the pages stand of which something was kept, for those who ask what a repeat repeats.
//!
//! A page's place is a few dozen bytes of JSON, too much to hold for millions of pages, so
//! places go to a file, which is a log: each has its length and a check sum before it, of 4
//! bytes both, and is known by where it begins. A file that is kept goes on from run to run.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use crate::durable::{named, step};

/// A log of places.
#[derive(Debug)]
pub struct Places {
    /// Made when it is first needed, and without a name, unless it is kept.
    file: Option<File>,
    /// The file, or the folder that it is in.
    path: PathBuf,
    /// What is not yet in the file.
    tail: Vec<u8>,
    /// Bytes in the file.
    written: u64,
    /// Where the places of each run begin.
    runs: Vec<u64>,
}

/// Where a page stands, or one of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    /// The page's place as it was added.
    pub page: Vec<u8>,
    /// The block's number on the page.
    pub block: usize,
    /// The number of an earlier run that found it, from 1.
    pub run: Option<u64>,
}

/// Bytes that are gathered before they are written.
const TAIL: usize = 1 << 20;

/// Bits of a place that hold a block's number; the others hold the page's beginning in the log.
const BLOCK_BITS: u32 = 24;

/// Length and check sum.
const HEAD: usize = 8;

impl Places {
    /// A log for this run alone.
    pub fn temporary() -> Self {
        Self {
            file: None,
            path: env::temp_dir(),
            tail: Vec::new(),
            written: 0,
            runs: vec![0],
        }
    }

    /// A log that is kept, with places of earlier runs in its first bytes: where those of each
    /// begin, and where those of this one will. What is behind them is cut off.
    ///
    /// # Errors
    /// The file cannot be opened or is too short. The error names the file.
    pub fn open(path: &Path, runs: Vec<u64>) -> io::Result<Self> {
        let written = runs.last().copied().unwrap_or_default();
        let open = || {
            let mut options = File::options();
            let file = options.read(true).write(true).create(true).open(path)?;
            if file.metadata()?.len() < written {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is shorter than it was",
                ));
            }
            step("cut places")?;
            file.set_len(written)?;
            (&file).seek(SeekFrom::End(0))?;
            Ok(file)
        };
        Ok(Self {
            file: Some(open().map_err(|error| named(path, &error))?),
            path: path.to_owned(),
            tail: Vec::new(),
            written,
            runs,
        })
    }

    /// Adds a page's place, and returns the number by which its first block is known.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, page: &[u8]) -> io::Result<u64> {
        if self.tail.len() > TAIL {
            self.flush()?;
        }
        let start = self.size();
        let (length, sum) = (page.len() as u32, XxHash3_64::oneshot(page) as u32);
        self.tail.extend_from_slice(&length.to_le_bytes());
        self.tail.extend_from_slice(&sum.to_le_bytes());
        self.tail.extend_from_slice(page);
        Ok(start << BLOCK_BITS)
    }

    /// Takes back the page that was added last.
    pub fn take_back(&mut self, page: u64) {
        let start = (page >> BLOCK_BITS) - self.written;
        self.tail.truncate(start as usize);
    }

    /// The number of another block of the page; of a page of more than 16 million blocks, the last ones share one.
    pub fn of_block(page: u64, block: usize) -> u64 {
        page + (block as u64).min((1 << BLOCK_BITS) - 1)
    }

    /// What has this number.
    ///
    /// # Errors
    /// The file cannot be read, or is not as it was written.
    pub fn get(&mut self, number: u64) -> io::Result<KnownPlace> {
        let (start, block) = (number >> BLOCK_BITS, number & ((1 << BLOCK_BITS) - 1));
        let read = || -> io::Result<_> {
            let mut head = [0; HEAD];
            self.read(start, &mut head)?;
            let [length, sum] = [0, 4].map(|at| {
                let bytes = [0, 1, 2, 3].map(|byte| head[at + byte]);
                u32::from_le_bytes(bytes)
            });
            let mut page = Vec::new();
            if u64::from(length) < self.size() - start {
                page.resize(length as usize, 0);
                self.read(start + HEAD as u64, &mut page)?;
            }
            match XxHash3_64::oneshot(&page) as u32 == sum {
                true => Ok(page),
                false => Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("byte {start} is not as it was written"),
                )),
            }
        };
        let page = read().map_err(|error| named(&self.path, &error))?;
        let run = self.runs.partition_point(|&first| first <= start);
        Ok(KnownPlace {
            page,
            block: block as usize,
            run: (run < self.runs.len()).then_some(run as u64),
        })
    }

    /// Bytes in the log.
    pub fn size(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    /// Writes and syncs a log that is kept.
    ///
    /// # Errors
    /// Those of the file system. The error names the file.
    pub fn save(mut self) -> io::Result<()> {
        self.flush()?;
        let synced =
            step("sync places").and_then(|()| self.file.as_ref().map_or(Ok(()), File::sync_all));
        synced.map_err(|error| named(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut write = || {
            let file = match self.file.take() {
                Some(file) => file,
                None => tempfile::tempfile()?,
            };
            let file = self.file.insert(file);
            step("write places")?;
            file.write_all(&self.tail)
        };
        write().map_err(|error| named(&self.path, &error))?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }

    fn read(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        if let Some(start) = start.checked_sub(self.written) {
            let start = start as usize;
            let read = self.tail.get(start..start + bytes.len());
            bytes.copy_from_slice(read.ok_or(io::ErrorKind::UnexpectedEof)?);
            return Ok(());
        }
        let mut file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(bytes)?;
        file.seek(SeekFrom::End(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_again_in_memory_and_in_the_file() {
        let mut places = Places::temporary();
        let page =
            |number: usize| format!("{{\"path\":\"{}\"}}", "x".repeat(number % 700)).into_bytes();
        let numbers: Vec<_> = (0..9000)
            .map(|number| places.add(&page(number)).unwrap())
            .collect();
        assert!(places.written > 0 && !places.tail.is_empty());
        for (number, &at) in numbers.iter().enumerate().rev().step_by(7) {
            assert_eq!(places.get(at).unwrap(), known(&page(number), 0, None));
            let block = Places::of_block(at, number);
            assert_eq!(
                places.get(block).unwrap(),
                known(&page(number), number, None)
            );
        }
        let at = places.add(b"last").unwrap();
        assert_eq!(places.get(at).unwrap(), known(b"last", 0, None));
    }

    fn known(page: &[u8], block: usize, run: Option<u64>) -> KnownPlace {
        let page = page.to_owned();
        KnownPlace { page, block, run }
    }

    #[test]
    fn a_kept_log_goes_on_from_run_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places");
        let (mut runs, mut numbers) = (vec![0], Vec::new());
        for run in [1, 2, 3] {
            // Left by a run that was broken off.
            let mut lost = Places::open(&path, runs.clone()).unwrap();
            lost.add(b"lost").unwrap();
            lost.save().unwrap();
            let mut places = Places::open(&path, runs.clone()).unwrap();
            let taken_back = places.add(b"old").unwrap();
            places.take_back(taken_back);
            numbers.push(places.add(format!("page {run}").as_bytes()).unwrap());
            if run != 2 {
                runs.push(places.size());
                places.save().unwrap();
            }
        }
        // The second run did not save, so the third one wrote over it.
        assert_eq!(numbers[1], numbers[2]);
        let mut places = Places::open(&path, runs).unwrap();
        for (number, run) in [(numbers[0], 1), (numbers[2], 2)] {
            let expected = format!("page {}", [1, 3][run - 1]);
            let expected = known(expected.as_bytes(), 5, Some(run as u64));
            assert_eq!(places.get(Places::of_block(number, 5)).unwrap(), expected);
        }
        let new = places.add(b"new").unwrap();
        assert_eq!(places.get(new).unwrap(), known(b"new", 0, None));
    }

    #[test]
    fn a_damaged_log_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places");
        let mut places = Places::open(&path, vec![0]).unwrap();
        let number = places.add(b"a place").unwrap();
        let length = places.size();
        places.save().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x81;
            std::fs::write(&path, damaged).unwrap();
            let mut places = Places::open(&path, vec![0, length]).unwrap();
            let error = places.get(number).unwrap_err();
            assert!(error.to_string().contains("places"), "{error}");
        }
        std::fs::write(&path, &whole[1..]).unwrap();
        assert!(Places::open(&path, vec![0, length]).is_err());
    }
}
