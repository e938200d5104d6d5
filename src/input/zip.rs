//! Zip archives: every member is read as a file would be, and none is unpacked to disk.
//!
//! The list of members stands at an archive's end, so it must be a file. Members come
//! in the order of that list.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::pack::Packer;
use super::{Origin, member};

/// Reads the members in their order; one that is damaged or encrypted is said and passed over.
/// So many of them were read before.
pub fn read(packer: &mut Packer, origin: &Origin, before: u64, file: File) -> ControlFlow<()> {
    match ZipArchive::new(BufReader::new(&file)) {
        Ok(archive) => {
            if let Some(hidden) = hidden_in(&archive, &file) {
                let message =
                    format!("{hidden} of its members are not read: others have their names");
                fault(packer, origin, before, io::Error::other(message));
            }
            read_listed(packer, origin, before, archive)
        }
        Err(error) => {
            fault(packer, origin, before, io_error(error));
            read_in_a_row(packer, origin, before, file)
        }
    }
}

/// Tells of the whole archive, unless that was done before.
fn fault(packer: &mut Packer, origin: &Origin, before: u64, error: io::Error) {
    if before == 0 {
        packer.fault(origin, None, error);
    }
}

/// How many members the list has more than there are names in it, of which the library knows the last;
/// none where it has no more.
fn hidden_in(archive: &ZipArchive<BufReader<&File>>, mut file: &File) -> Option<usize> {
    let mut end = [0; 22];
    let from_end = end.len() + archive.comment().len();
    file.seek(SeekFrom::End(-i64::try_from(from_end).ok()?))
        .ok()?;
    file.read_exact(&mut end).ok()?;
    let listed = usize::from(u16::from_le_bytes([end[10], end[11]]));
    // A larger archive says it elsewhere.
    let is_known = end.starts_with(b"PK\x05\x06") && listed < usize::from(u16::MAX);
    let hidden = listed.saturating_sub(archive.len());
    (is_known && hidden > 0).then_some(hidden)
}

fn read_listed(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    mut archive: ZipArchive<BufReader<&File>>,
) -> ControlFlow<()> {
    for number in before as usize..archive.len() {
        let listed = archive.name_for_index(number).and_then(Result::ok);
        let listed = listed.map_or_else(|| number.to_string(), Cow::into_owned);
        match archive.by_index(number) {
            Ok(file) => read_member(packer, origin, file)?,
            Err(error) => {
                packer.fault(&origin.of_member(listed.as_bytes()), None, io_error(error));
            }
        }
        packer.border(number as u64 + 1)?;
    }
    ControlFlow::Continue(())
}

/// Without the list, as in an archive that is cut off: member after member, as far as that goes.
fn read_in_a_row(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    mut file: File,
) -> ControlFlow<()> {
    if file.rewind().is_err() {
        return ControlFlow::Continue(());
    }
    let mut file = BufReader::new(file);
    let mut done = 0;
    while let Ok(Some(member)) = read_zipfile_from_stream(&mut file) {
        done += 1;
        if done > before {
            read_member(packer, origin, member)?;
        } else {
            drop(member);
        }
        if done >= before {
            packer.border(done)?;
        }
    }
    ControlFlow::Continue(())
}

fn read_member<R: Read>(packer: &mut Packer, origin: &Origin, file: ZipFile<R>) -> ControlFlow<()> {
    if file.is_file() {
        let compressed = file.compressed_size();
        let name = name_of(&file);
        member(packer, origin, &name, Box::new(file), 0)?;
        packer.meter.add(compressed);
    }
    ControlFlow::Continue(())
}

/// Many programs write names in UTF-8 without the flag that says so.
fn name_of<R: Read>(file: &ZipFile<R>) -> Vec<u8> {
    let raw = file.name_raw();
    match (str::from_utf8(raw), file.name()) {
        (Err(_), Ok(decoded)) => decoded.into_owned().into_bytes(),
        _ => raw.to_vec(),
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
