//! A large file, shared among several who read it at the same time.
//!
//! Only what has no compression and is plain text or JSON Lines is shared; of other files one
//! reads all. A share begins at a line or a page that everybody finds alone: it is decided by the
//! bytes around it, so nothing is read twice or by nobody, and pages and places are those of who
//! reads the whole file.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memchr;

use super::pack::{Count, Inflow};
use super::{
    Before, Format, Origin, Packer, Source, SourceFile, decoded, format_of, jsonl, read, text,
};
use crate::split::{Splitter, feeds_in};

/// Bytes that are looked at once.
const BLOCK: usize = 1 << 20;

/// Bytes before a page's start that its beginning there may depend on, and more.
const BEFORE: u64 = 1024;

/// What one of them reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub bytes: Range<u64>,
    /// Line feeds of the file before it.
    pub feeds: u64,
}

/// The bytes of the share that begins in this cell of a file, and the line feeds in them; none
/// begins in some. All cells of a file are of one size, and the first begins at 0.
///
/// # Errors
/// Those of the file.
pub fn share_in(
    path: &Path,
    format: Option<Format>,
    cell: Range<u64>,
) -> io::Result<Option<(Range<u64>, u64)>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let Some(format) = shared_as(&file, path, format)? else {
        return Ok((cell.start == 0).then_some((0..length, 0)));
    };
    let mut first = |cell: &Range<u64>| match format {
        Format::Jsonl => first_line(&mut file, cell),
        _ => first_page(&mut file, cell),
    };
    let start = match cell.start {
        0 => Some(0),
        _ => first(&cell)?,
    };
    let Some(start) = start else {
        return Ok(None);
    };
    let size = cell.end - cell.start;
    let (mut next, mut end) = (cell, None);
    while end.is_none() && next.end < length {
        next = next.end..next.end + size;
        end = first(&next)?;
    }
    let bytes = start..end.unwrap_or(length);
    let feeds = feeds_within(&mut file, &bytes)?;
    Ok(Some((bytes, feeds)))
}

/// Reads a share, as [`read`](super::read) reads all of a file.
pub fn read_share(
    packer: &mut Packer,
    name: String,
    path: PathBuf,
    share: &Share,
    format: Option<Format>,
) -> ControlFlow<()> {
    let Range { start, end } = share.bytes;
    let opened = File::open(&path).and_then(|mut file| {
        let shared = shared_as(&file, &path, format)?;
        file.seek(SeekFrom::Start(start))?;
        match shared {
            None if start > 0 => Err(io::Error::other("it has changed since it was shared")),
            shared => Ok((file, shared)),
        }
    });
    let origin = Arc::new(Origin::of_source(name));
    let (file, format) = match opened {
        Ok((file, Some(format))) => (file, format),
        Ok((_, None)) => {
            let (name, file) = (origin.path.clone(), Source::File(path));
            return read(packer, name, &file, Before::default(), format);
        }
        Err(error) => {
            packer.fault(&origin, None, error);
            return ControlFlow::Continue(());
        }
    };
    let so_far = Cell::new(start);
    let count = Count {
        meter: packer.meter,
        read: &so_far,
    };
    let inflow = Inflow::new(Box::new(file.take(end - start)), Some(count));
    match format {
        Format::Jsonl => {
            let before = Before {
                at: start,
                lines: share.feeds,
                ..Before::default()
            };
            jsonl::read(packer, &origin, before, inflow)?;
        }
        _ => text::read(packer, &origin, start, start > 0, inflow)?,
    }
    let read = so_far.get();
    let shared = SourceFile {
        path: &path,
        length: end,
    };
    if shared.was_cut(read) {
        let message = format!("it was cut while it was read, and had {end} bytes");
        packer.fault(&origin, Some(read), io::Error::other(message));
    }
    ControlFlow::Continue(())
}

/// The format of a file that can be shared. What is wrong with another is told by who reads it.
fn shared_as(mut file: &File, path: &Path, format: Option<Format>) -> io::Result<Option<Format>> {
    file.rewind()?;
    let Ok(decoded) = decoded(Box::new(file), None, 1) else {
        return Ok(None);
    };
    let format = format_of(&decoded.beginning, format, Some(path)).ok();
    let is_plain = decoded.codecs.is_empty();
    Ok(format.filter(|format| is_plain && matches!(format, Format::Text | Format::Jsonl)))
}

/// Where the first line in a cell begins.
fn first_line(file: &mut File, cell: &Range<u64>) -> io::Result<Option<u64>> {
    // A feed there ends the line before the cell.
    let mut at = cell.start - 1;
    file.seek(SeekFrom::Start(at))?;
    let mut block = Vec::with_capacity(BLOCK);
    while at + 1 < cell.end {
        block.clear();
        let wanted = (cell.end - 1 - at).min(BLOCK as u64);
        let read = file.by_ref().take(wanted).read_to_end(&mut block)? as u64;
        if let Some(feed) = memchr(b'\n', &block) {
            return Ok(Some(at + feed as u64 + 1));
        }
        if read < wanted {
            break;
        }
        at += read;
    }
    Ok(None)
}

/// Where the first page in a cell begins that has a line's beginning for its own. Other starts,
/// glued to what stands before, or behind a byte order mark, are left to who reads across them.
fn first_page(file: &mut File, cell: &Range<u64>) -> io::Result<Option<u64>> {
    let mut at = cell.start.saturating_sub(BEFORE);
    file.seek(SeekFrom::Start(at))?;
    let (mut splitter, mut text) = (Splitter::default(), Vec::new());
    loop {
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut text)?;
        let at_end = read < BLOCK;
        while let Some(start) = splitter.next_start(&text, at_end) {
            let place = at + start.at as u64;
            if place >= cell.end {
                return Ok(None);
            }
            let is_line = text[..start.at].ends_with(b"\n") && start.previous_end == start.at;
            if place >= cell.start && is_line {
                return Ok(Some(place));
            }
        }
        let settled = splitter.settled();
        if at_end || at + settled as u64 >= cell.end {
            return Ok(None);
        }
        text.drain(..settled);
        splitter.consume(settled);
        at += settled as u64;
    }
}

fn feeds_within(file: &mut File, bytes: &Range<u64>) -> io::Result<u64> {
    file.seek(SeekFrom::Start(bytes.start))?;
    let mut rest = file.take(bytes.end - bytes.start);
    let (mut block, mut feeds) = (vec![0; BLOCK], 0);
    loop {
        match rest.read(&mut block) {
            Ok(0) => return Ok(feeds),
            Ok(read) => feeds += feeds_in(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
