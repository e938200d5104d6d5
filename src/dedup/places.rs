//! Where the pages stand of which something was kept, for those who ask what a repeat repeats.
//!
//! A page's place is a few dozen bytes of JSON, too much to hold for millions of pages, so
//! places go to an unnamed temporary file, and a number of 8 bytes is held for each.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A log of places.
#[derive(Default)]
pub struct Places {
    /// Made when it is first needed.
    file: Option<File>,
    /// What is not yet in the file.
    tail: Vec<u8>,
    /// Bytes in the file.
    written: u64,
}

/// Bytes that are gathered before they are written.
const TAIL: usize = 1 << 20;

/// Bits of a place that hold a block's number; the others hold the page's beginning in the log.
const BLOCK_BITS: u32 = 24;

impl Places {
    /// Adds a page's place, and returns the number by which its first block is known.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, page: &[u8]) -> io::Result<u64> {
        if self.tail.len() > TAIL {
            let file = match self.file.take() {
                Some(file) => file,
                None => tempfile::tempfile().map_err(|error| in_temporary_folder(&error))?,
            };
            self.file.insert(file).write_all(&self.tail)?;
            self.written += self.tail.len() as u64;
            self.tail.clear();
        }
        let start = self.written + self.tail.len() as u64;
        self.tail
            .extend_from_slice(&(page.len() as u32).to_le_bytes());
        self.tail.extend_from_slice(page);
        Ok(start << BLOCK_BITS)
    }

    /// The number of another block of the page; of a page of more than 16 million blocks, the last ones share one.
    pub fn of_block(page: u64, block: usize) -> u64 {
        page + (block as u64).min((1 << BLOCK_BITS) - 1)
    }

    /// The page's place as it was added, and the block's number.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn get(&mut self, number: u64) -> io::Result<(Vec<u8>, usize)> {
        let (start, block) = (number >> BLOCK_BITS, number & ((1 << BLOCK_BITS) - 1));
        let mut length = [0; 4];
        self.read(start, &mut length)?;
        let mut page = vec![0; u32::from_le_bytes(length) as usize];
        self.read(start + 4, &mut page)?;
        Ok((page, block as usize))
    }

    fn read(&mut self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        if let Some(start) = start.checked_sub(self.written) {
            let start = start as usize;
            bytes.copy_from_slice(&self.tail[start..start + bytes.len()]);
            return Ok(());
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(bytes)?;
        file.seek(SeekFrom::End(0)).map(drop)
    }
}

fn in_temporary_folder(error: &io::Error) -> io::Error {
    let folder = env::temp_dir();
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_again_in_memory_and_in_the_file() {
        let mut places = Places::default();
        let page =
            |number: usize| format!("{{\"path\":\"{}\"}}", "x".repeat(number % 700)).into_bytes();
        let numbers: Vec<_> = (0..9000)
            .map(|number| places.add(&page(number)).unwrap())
            .collect();
        assert!(places.written > 0 && !places.tail.is_empty());
        for (number, &at) in numbers.iter().enumerate().rev().step_by(7) {
            assert_eq!(places.get(at).unwrap(), (page(number), 0));
            let block = Places::of_block(at, number);
            assert_eq!(places.get(block).unwrap(), (page(number), number));
        }
        let at = places.add(b"last").unwrap();
        assert_eq!(places.get(at).unwrap().0, b"last");
    }
}
