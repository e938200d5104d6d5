//! Zip archives: every member is read as a file would be, and none is unpacked to disk.
//!
//! The list of members stands at an archive's end, so it must be a file. Members come
//! in the order of that list.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::iter;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use flate2::Crc;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::pack::Packer;
use super::stepwise::{Bzip2, Deflate64, Inflating, Stepwise, Xz, Zstd};
use super::{Origin, Stream};

/// Bytes that are read at once, at most.
const BUFFER: u64 = 64 * 1024;

/// An archive that is read as if its file ended with it.
type Archive<'f> = ZipArchive<BufReader<Beginning<'f>>>;

/// Reads the members in their order; one that is damaged or encrypted is said and passed over.
/// So many of them were read before. Archives in a row are one.
pub fn read(packer: &mut Packer, origin: &Origin, before: u64, file: &File) -> ControlFlow<()> {
    let (mut archive, mut behind) = match first_archive(packer, origin, before, file) {
        Ok(first) => first,
        Err(error) => {
            fault(packer, origin, before, io_error(error));
            return read_in_a_row(packer, origin, before, file);
        }
    };
    let mut earlier = 0;
    loop {
        let members = archive.len() as u64;
        read_listed(packer, origin, before, earlier, archive)?;
        earlier += members;
        let Some(end) = behind.pop() else {
            return ControlFlow::Continue(());
        };
        archive = match open(file, end) {
            Ok(archive) => archive,
            Err(error) => {
                packer.fault(origin, None, io_error(error));
                return ControlFlow::Continue(());
            }
        };
    }
}

/// Opens the first of a file's archives, which are found from behind, and returns with it where the
/// others end, the last one first. What is not read of any of them is told.
fn first_archive<'f>(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    mut file: &'f File,
) -> Result<(Archive<'f>, Vec<u64>), ZipError> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut archive = open(file, end)?;
    let mut behind = Vec::new();
    loop {
        let list = start_of_list(&archive, file);
        let (hidden, end_of_list) = hidden_in(&archive, file, list);
        for (hidden, why) in hidden {
            if hidden > 0 {
                let message = format!("{hidden} of its members are not read: {why}");
                fault(packer, origin, before, io::Error::other(message));
            }
        }
        if let Some(at) = end_behind(end_of_list, file)
            && holds_something(file, at..end)
        {
            let why = match begins_archive(file, at) {
                true => "an archive without its index",
                false => "no archive begins there",
            };
            fault(packer, origin, before, unread(at..end, why));
        }
        // As the archive counts places itself.
        let in_archive = archive.central_directory_start() - archive.offset();
        let start = list.saturating_sub(in_archive);
        if start == 0 {
            return Ok((archive, behind));
        }
        match open(file, start) {
            Ok(earlier) => {
                behind.push(end);
                (archive, end) = (earlier, start);
            }
            Err(error) => {
                // Other bytes are a program that unpacks the archive.
                if begins_archive(file, 0) {
                    let message = format!("its first {start} bytes are not read: {error}");
                    fault(packer, origin, before, io::Error::other(message));
                }
                return Ok((archive, behind));
            }
        }
    }
}

/// Opens the last archive before `end`.
fn open(file: &File, end: u64) -> Result<Archive<'_>, ZipError> {
    ZipArchive::new(BufReader::new(Beginning { file, at: 0, end }))
}

/// Whether a file that begins as something else is an archive by its name and by its end.
pub fn ends_as_archive(path: &Path) -> bool {
    let is_named = (path.extension()).is_some_and(|end| end.eq_ignore_ascii_case("zip"));
    let archive = || ZipArchive::new(BufReader::new(File::open(path)?));
    is_named && archive().is_ok_and(|archive| !archive.is_empty())
}

fn unread(bytes: Range<u64>, why: impl Display) -> io::Error {
    let (length, at) = (bytes.end - bytes.start, bytes.start);
    io::Error::other(format!("{length} bytes at byte {at} are not read: {why}"))
}

/// Whether there is more than the zeros that fill a block.
fn holds_something(file: &File, bytes: Range<u64>) -> bool {
    let (at, end) = (bytes.start, bytes.end);
    let mut bytes = BufReader::new(Beginning { file, at, end }).bytes();
    bytes.any(|byte| !byte.is_ok_and(|byte| byte == 0))
}

fn begins_archive(file: &File, at: u64) -> bool {
    bytes_at(file, at).is_ok_and(|beginning| beginning == *b"PK\x03\x04")
}

fn bytes_at<const N: usize>(mut file: &File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes).map(|()| bytes)
}

/// A file up to here, as if nothing stood behind. It keeps its place itself, for others read the file
/// in between.
struct Beginning<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl Read for Beginning<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.seek(SeekFrom::Start(self.at))?;
        let left = self.end.saturating_sub(self.at);
        let read = self.file.take(left).read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Beginning<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Tells of the whole archive, unless that was done before.
fn fault(packer: &mut Packer, origin: &Origin, before: u64, error: io::Error) {
    if before == 0 {
        packer.fault(origin, None, error);
    }
}

/// How many members of the list that begins here the library does not know, and why: of those with one
/// name it knows the last, and none behind as many as the archive's end counts. And where the list ends.
fn hidden_in(archive: &Archive, file: &File, start: u64) -> ([(usize, &'static str); 2], u64) {
    let known = (0..archive.len()).filter_map(|number| archive.by_index_data(number).ok());
    let last = known.map(|member| member.central_header_start()).max();
    let (mut counted, mut uncounted) = (0_usize, 0);
    let mut end = start;
    for place in places(file, start) {
        end = place.end;
        match Some(place.start) <= last {
            true => counted += 1,
            false => uncounted += 1,
        }
    }
    let same_name = counted.saturating_sub(archive.len());
    let hidden = [
        (same_name, "others have their names"),
        (uncounted, "its end counts fewer than it lists"),
    ];
    (hidden, end)
}

/// Where the list begins. For an archive whose end counts none the library names that end, and the
/// list stands before it.
fn start_of_list(archive: &Archive, file: &File) -> u64 {
    let start = archive.central_directory_start();
    match bytes_at::<22>(file, start) {
        Ok(end) if end.starts_with(b"PK\x05\x06") => {
            let size = u32::from_le_bytes([end[12], end[13], end[14], end[15]]);
            start.saturating_sub(size.into())
        }
        _ => start,
    }
}

/// Where an archive ends, if its end stands behind its list, which ends here.
fn end_behind(mut at: u64, file: &File) -> Option<u64> {
    loop {
        let record: [u8; 20] = bytes_at(file, at).ok()?;
        let length = match &record[..4] {
            // Of zip64: the end, whose length it tells, and where that is.
            b"PK\x06\x06" => u64::from_le_bytes(*record[4..].first_chunk()?).checked_add(12)?,
            b"PK\x06\x07" => 20,
            b"PK\x05\x06" => {
                let comment = u16::from_le_bytes(bytes_at(file, at + 20).ok()?);
                return Some(at + 22 + u64::from(comment));
            }
            _ => return None,
        };
        at = at.checked_add(length)?;
    }
}

/// Where the list's members stand in it, as far as they follow each other.
fn places(file: &File, start: u64) -> impl Iterator<Item = Range<u64>> {
    let mut list = BufReader::new(file);
    let mut next = list.seek(SeekFrom::Start(start)).ok();
    iter::from_fn(move || {
        let place = next?;
        let mut header = [0; 46];
        list.read_exact(&mut header).ok()?;
        let length = |at| u32::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let texts = length(28) + length(30) + length(32);
        list.seek_relative(texts.into()).ok()?;
        let end = place + header.len() as u64 + u64::from(texts);
        next = Some(end);
        header.starts_with(b"PK\x01\x02").then_some(place..end)
    })
}

/// Reads the members behind so many of the file that were read before. So many are in earlier archives.
fn read_listed(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    earlier: u64,
    mut archive: Archive,
) -> ControlFlow<()> {
    let before = archive.len().min(before.saturating_sub(earlier) as usize);
    for number in 0..before {
        if let Ok(file) = archive.by_index_data(number) {
            packer.meter.pass_over(file.compressed_size());
        }
    }
    for number in before..archive.len() {
        let listed = archive.name_for_index(number).and_then(Result::ok);
        let listed = listed.map_or_else(|| number.to_string(), Cow::into_owned);
        match open_member(&mut archive, number) {
            Ok((member, stored)) => read_member(packer, origin, &member, stored)?,
            Err(error) => {
                packer.fault(&origin.of_member(listed.as_bytes()), None, io_error(error));
            }
        }
        packer.border(earlier + number as u64 + 1)?;
    }
    ControlFlow::Continue(())
}

/// A member and its bytes as they are stored, which the library hands out also where they are encrypted.
fn open_member<'a>(
    archive: &'a mut Archive,
    number: usize,
) -> Result<(Member, impl Read + 'a), ZipError> {
    let stored = archive.by_index_raw(number)?;
    match stored.encrypted() {
        true => Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)),
        false => Ok((Member::of(&stored), stored)),
    }
}

/// Without the list, as in an archive that is cut off: member after member, as far as that goes.
fn read_in_a_row(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    file: &File,
) -> ControlFlow<()> {
    let (mut at, mut done) = (0, 0);
    loop {
        let (member, start) = match member_at(file, at) {
            Ok(Some(found)) => found,
            // The list begins, and lacks its end.
            Ok(None) => return ControlFlow::Continue(()),
            Err(error) => {
                let end = file.metadata().map_or(at, |file| file.len());
                if holds_something(file, at..end) {
                    packer.fault(origin, None, unread(at..end, io_error(error)));
                }
                return ControlFlow::Continue(());
            }
        };
        at = start.saturating_add(member.compressed_size);
        done += 1;
        if done > before {
            let stored = Beginning {
                file,
                at: start,
                end: at,
            };
            read_member(packer, origin, &member, stored)?;
        } else {
            packer.meter.pass_over(member.compressed_size);
        }
        if done >= before {
            packer.border(done)?;
        }
    }
}

/// The member whose header stands here, and where its bytes begin; none where the list begins.
fn member_at(file: &File, at: u64) -> Result<Option<(Member, u64)>, ZipError> {
    let lengths: [u8; 4] = bytes_at(file, at.saturating_add(26))?;
    let length = |of| u64::from(u16::from_le_bytes([lengths[of], lengths[of + 1]]));
    let end = at + 30 + length(0) + length(2);
    let mut header = BufReader::new(Beginning { file, at, end });
    let member = read_zipfile_from_stream(&mut header)?;
    Ok(member.map(|member| (Member::of(&member), end)))
}

fn read_member<'a>(
    packer: &mut Packer,
    origin: &Origin,
    member: &Member,
    stored: impl Read + 'a,
) -> ControlFlow<()> {
    if member.is_file {
        match member.text(stored) {
            Ok(text) => super::member(packer, origin, &member.name, text, 0)?,
            Err(error) => packer.fault(&origin.of_member(&member.name), None, error),
        }
        packer.meter.add(member.compressed_size);
    }
    ControlFlow::Continue(())
}

/// What an archive says of a member.
struct Member {
    name: Vec<u8>,
    is_file: bool,
    method: CompressionMethod,
    compressed_size: u64,
    size: u64,
    crc: u32,
}

impl Member {
    fn of<R: Read>(file: &ZipFile<R>) -> Self {
        Self {
            name: name_of(file),
            is_file: file.is_file(),
            method: file.compression(),
            compressed_size: file.compressed_size(),
            size: file.size(),
            crc: file.crc32(),
        }
    }

    /// The library throws away what it has inflated in the call that meets damage, so it is asked for
    /// the bytes as they are stored.
    fn text<'a>(&self, stored: impl Read + 'a) -> io::Result<Stream<'a>> {
        let at_once = self.compressed_size.min(BUFFER) as usize;
        let stored = BufReader::with_capacity(at_once, stored);
        let text: Stream = match self.method {
            CompressionMethod::STORE => Box::new(stored),
            CompressionMethod::DEFLATE => {
                // A small member is inflated in one call: each that ends before it copies the window.
                let at_once = self.size.min(BUFFER) as usize + 1;
                Box::new(BufReader::with_capacity(at_once, Inflating::new(stored)))
            }
            CompressionMethod::DEFLATE64 => Box::new(Stepwise::new(stored, Deflate64::new())),
            CompressionMethod::BZIP2 => Box::new(Stepwise::new(stored, Bzip2::new())),
            CompressionMethod::LZMA => {
                Box::new(Stepwise::new(lzma_file(stored, self.size)?, Xz::lzma()?))
            }
            CompressionMethod::XZ => Box::new(Stepwise::new(stored, Xz::new()?)),
            CompressionMethod::ZSTD => Box::new(Stepwise::new(stored, Zstd::new()?)),
            other => {
                let message = format!("compression method not supported: {other}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        Ok(Box::new(Checked {
            text,
            length: 0,
            crc: Crc::new(),
            declared: (self.size, self.crc),
        }))
    }
}

/// A member in LZMA as the file that it would be, whose header tells its length too.
fn lzma_file(mut stored: impl BufRead, size: u64) -> io::Result<impl BufRead> {
    let mut header = [0; 9];
    stored.read_exact(&mut header)?;
    // Behind the version of what has written it.
    let [_, _, 5, 0, properties @ ..] = header else {
        let message = "corrupt LZMA header";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    let header = [&properties[..], &size.to_le_bytes()].concat();
    Ok(Cursor::new(header).chain(stored))
}

/// Many programs write names in UTF-8 without the flag that says so.
fn name_of<R: Read>(file: &ZipFile<R>) -> Vec<u8> {
    let raw = file.name_raw();
    match (str::from_utf8(raw), file.name()) {
        (Err(_), Ok(decoded)) => decoded.into_owned().into_bytes(),
        _ => raw.to_vec(),
    }
}

/// A member's text, which ends in an error where it is not what the archive says.
struct Checked<'a> {
    text: Stream<'a>,
    length: u64,
    crc: Crc,
    declared: (u64, u32),
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        self.length += read as u64;
        self.crc.update(&buffer[..read]);
        let (length, crc) = self.declared;
        let fault = match self.length.cmp(&length) {
            _ if read > 0 || buffer.is_empty() => return Ok(read),
            Ordering::Greater => "File is larger than its declared uncompressed size",
            _ if self.crc.sum() != crc => "Invalid checksum",
            Ordering::Less => "File is smaller than its declared uncompressed size",
            Ordering::Equal => return Ok(0),
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
