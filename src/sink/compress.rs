//! Compressed output, chosen by the file's name: `.gz` and `.zst`, everything else is plain.
//!
//! The same records give the same bytes: no time and no name goes into a header, and every
//! 4 MiB of text become a member or frame of their own, wherever the text was cut when it was
//! written. So a file can be gone on with behind each of them.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Beginning, FileMark, OutputFile, SyncedFile};

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of text in a member or frame; only the last one has less.
const FRAME: usize = 4 << 20;

/// An output file with or without compression.
pub struct CompressedFile {
    file: OutputFile,
    codec: Option<Codec>,
    /// Text that is not yet in the file.
    tail: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Codec {
    Gzip,
    Zstd,
}

/// A place in a file at which it can be gone on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputMark {
    /// What is in the file; none where it is written in place.
    pub file: Option<FileMark>,
    /// Text that will go into the file behind that.
    pub tail: Vec<u8>,
}

impl CompressedFile {
    /// Opens `path` as [`OutputFile::open`] does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: OutputFile::open(path)?,
            codec: Codec::promised_by(path),
            tail: Vec::new(),
        })
    }

    /// Begins the file, as [`OutputFile::begin`] does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&mut self) -> io::Result<()> {
        self.file.begin()
    }

    /// Looks for what was written before, as [`OutputFile::look`] does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn look(&self, mark: &FileMark) -> io::Result<Option<Beginning>> {
        self.file.look(mark)
    }

    /// Goes on behind what was written before, as [`OutputFile::go_on`] does, with text that waits
    /// to be compressed. There is no beginning of a file that is written in place.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn go_on(&mut self, beginning: Option<Beginning>, tail: Vec<u8>) -> io::Result<()> {
        self.tail = tail;
        beginning.map_or(Ok(()), |beginning| self.file.go_on(beginning))
    }

    /// Takes away what was opened and is not begun, as [`OutputFile::leave`] does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn leave(self) -> io::Result<()> {
        self.file.leave()
    }

    /// Where the file can be gone on with when what was written so far is safe.
    pub fn mark(&self) -> OutputMark {
        OutputMark {
            file: self.file.mark(),
            tail: self.tail.clone(),
        }
    }

    /// The file itself, for those who sync it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn file(&self) -> io::Result<std::fs::File> {
        self.file.file()
    }

    /// Where the file is until it has its name; none where it is written in place.
    pub fn part(&self) -> Option<&Path> {
        self.file.part()
    }

    /// Ends the last frame and syncs the file as [`OutputFile::sync`] does.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(mut self) -> io::Result<SyncedFile> {
        if let Some(codec) = self.codec
            && (!self.tail.is_empty() || self.file.is_empty())
        {
            self.file.write_all(&codec.compressed(&self.tail)?)?;
        }
        self.file.sync()
    }
}

impl Write for CompressedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(codec) = self.codec else {
            return self.file.write(bytes);
        };
        let taken = bytes.len().min(FRAME - self.tail.len());
        self.tail.extend_from_slice(&bytes[..taken]);
        if self.tail.len() == FRAME {
            self.file.write_all(&codec.compressed(&self.tail)?)?;
            self.tail.clear();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether an output of this name is compressed.
pub fn promises_compression(path: &Path) -> bool {
    Codec::promised_by(path).is_some()
}

impl Codec {
    fn promised_by(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_ascii_lowercase();
        match ending.to_str()? {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn compressed(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(text)?;
                encoder.finish()
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.write_all(text)?;
                encoder.finish()
            }
        }
    }
}
