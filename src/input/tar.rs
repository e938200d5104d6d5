//! Tar archives: every member is read as a file would be, and none is unpacked to disk.
//!
//! A damaged header is said, and the next one searched for. Archives behind each other are
//! read as one. Damage within a member is the member's own affair.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::ops::{ControlFlow, Range};

use tar::{Archive, Entry, EntryType};

use super::pack::Packer;
use super::{Origin, Stream, member};

/// The unit of an archive, also a header's size.
const BLOCK: usize = 512;

/// A block that shows no end of an archive.
const NO_END: [u8; BLOCK] = [1; BLOCK];

/// Bytes that may stand before a member's own header and belong to it: long names and other
/// extensions. The library would hold as many as a hostile header asks for.
const MOST_EXTENSIONS: u64 = 1 << 20;

/// The holes of a few bytes can have any size.
const SPARSE: &str = "a sparse member is not read";

/// Reads the members in their order.
///
/// So many of them were read before. `position` counts the bytes.
pub fn read(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    stream: Stream,
    position: &Cell<u64>,
    depth: usize,
) -> ControlFlow<()> {
    let state = State::new(position);
    packer.is_silent = before > 0;
    let mut archive = Guarded(stream, &state);
    let mut header = Vec::new();
    loop {
        let stream = Cursor::new(header).chain(&mut archive);
        let Err(error) = members(packer, origin, before, stream, &state, depth)? else {
            break;
        };
        if is_label(&state.block.replace(NO_END)) {
            header = Vec::new();
            continue;
        }
        if state.has_failed.get() {
            // No border is behind a failure, so this one was not said before.
            packer.is_silent = false;
        }
        packer.fault(origin, Some(state.position.get()), error);
        match next_header(&mut archive) {
            Some(found) => header = found,
            None => break,
        }
    }
    packer.is_silent = false;
    ControlFlow::Continue(())
}

/// Reads members up to the archive's end, to what is no header, or to a failure, which is an error
/// unless a member has said it.
fn members(
    packer: &mut Packer,
    origin: &Origin,
    before: u64,
    stream: impl Read,
    state: &State,
    depth: usize,
) -> ControlFlow<(), io::Result<()>> {
    let mut archive = Archive::new(stream);
    archive.set_ignore_zeros(true);
    let mut entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return ControlFlow::Continue(Err(error)),
    };
    // Bytes of the last member, which the library passes over.
    let mut unread = 0;
    loop {
        let extensions = MOST_EXTENSIONS.saturating_add(unread);
        state.extensions.set(Some(extensions));
        let entry = entries.next();
        state.extensions.set(None);
        match entry {
            None => {
                // No border is behind the end, so this was not said before.
                packer.is_silent = false;
                return ControlFlow::Continue(state.end());
            }
            Some(Err(error)) => return ControlFlow::Continue(Err(error)),
            Some(Ok(mut entry)) => {
                state.block.set(NO_END);
                let done = state.members.get() + 1;
                state.members.set(done);
                if done > before {
                    read_entry(packer, origin, &mut entry, depth)?;
                    if state.has_failed.get() {
                        return ControlFlow::Continue(Ok(()));
                    }
                }
                let left = pass_over(&mut entry);
                if state.has_failed.get() {
                    return ControlFlow::Continue(left.map(drop));
                }
                unread = left.unwrap_or(0);
                if done >= before {
                    packer.is_silent = false;
                    packer.border(done)?;
                }
            }
        }
    }
}

/// Passes over what a member's reader left, and returns how much of it is still to come: to read the
/// holes of a sparse member takes as long as they are large.
fn pass_over<R: Read>(entry: &mut Entry<R>) -> io::Result<u64> {
    match entry.header().entry_type() {
        EntryType::GNUSparse => entry.header().entry_size(),
        _ => io::copy(entry, &mut io::sink()).map(|_| 0),
    }
}

fn read_entry<R: Read>(
    packer: &mut Packer,
    origin: &Origin,
    mut entry: &mut Entry<R>,
    depth: usize,
) -> ControlFlow<()> {
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            if let Some(name) = name_of_sparse(entry) {
                not_read(packer, origin, &name, SPARSE);
            } else {
                let name = entry.path_bytes().into_owned();
                member(packer, origin, &name, Box::new(&mut entry), depth)?;
            }
        }
        EntryType::GNUSparse => not_read(packer, origin, &entry.path_bytes(), SPARSE),
        kind => {
            // Links, devices, folders, pipes, headers for all members, and a folder's list of files.
            let has_text = !matches!(kind.as_byte(), b'1'..=b'6' | b'g' | b'D');
            if has_text && entry.size() > 0 {
                let why = format!(
                    "a member of the kind `{}` is not read",
                    kind.as_byte().escape_ascii()
                );
                not_read(packer, origin, &entry.path_bytes(), &why);
            }
        }
    }
    ControlFlow::Continue(())
}

/// The name of a file that POSIX headers say is sparse. Its header may have a name made up, so that
/// who does not know of holes overwrites no file.
fn name_of_sparse<R: Read>(file: &mut Entry<R>) -> Option<Vec<u8>> {
    let mut name = file.path_bytes().into_owned();
    let mut is_sparse = false;
    for extension in file.pax_extensions().ok()??.flatten() {
        let key = extension.key_bytes();
        is_sparse |= key.starts_with(b"GNU.sparse.");
        if key == b"GNU.sparse.name" {
            name = extension.value_bytes().to_vec();
        }
    }
    is_sparse.then_some(name)
}

fn not_read(packer: &mut Packer, origin: &Origin, name: &[u8], why: &str) {
    packer.fault(&origin.of_member(name), None, io::Error::other(why));
}

/// What the stream below an archive has seen.
struct State<'a> {
    position: &'a Cell<u64>,
    /// The last block between members, as far as it was read since the last of them.
    block: Cell<[u8; BLOCK]>,
    /// Members that began.
    members: Cell<u64>,
    /// Between members, the bytes that may come before the next one's own header.
    extensions: Cell<Option<u64>>,
    has_failed: Cell<bool>,
}

impl<'a> State<'a> {
    fn new(position: &'a Cell<u64>) -> Self {
        Self {
            position,
            block: Cell::new(NO_END),
            members: Cell::default(),
            extensions: Cell::default(),
            has_failed: Cell::default(),
        }
    }

    /// Notes what was read.
    fn pass(&self, bytes: &[u8]) {
        let position = self.position.get();
        self.position.set(position + bytes.len() as u64);
        if self.extensions.get().is_some() {
            let mut block = self.block.get();
            let passed = bytes.len().saturating_sub(BLOCK);
            for (place, &byte) in (position + passed as u64..).zip(&bytes[passed..]) {
                block[place as usize % BLOCK] = byte;
            }
            self.block.set(block);
        }
    }

    /// An archive that has anything ends with two blocks of zeros; one will do, as for other programs.
    fn end(&self) -> io::Result<()> {
        match self.position.get() == 0 || self.block.get() == [0; BLOCK] {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it is cut off: no block of zeros is at its end",
            )),
        }
    }
}

struct Guarded<'a>(Stream<'a>, &'a State<'a>);

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self(stream, state) = self;
        if state.has_failed.get() {
            return Ok(0);
        }
        let read = uninterrupted(stream, buffer).inspect_err(|_| state.has_failed.set(true))?;
        state.pass(&buffer[..read]);
        // Headers are asked for by the block, zeros behind the archive's end too.
        if let Some(allowed) = state.extensions.get()
            && buffer.len() != BLOCK
        {
            let Some(left) = allowed.checked_sub(read as u64) else {
                return Err(io::Error::other("more than 1 MiB between two members"));
            };
            state.extensions.set(Some(left));
        }
        Ok(read)
    }
}

/// The crate takes an interruption for the stream's failure.
fn uninterrupted(stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Reads on, block by block, to one that is surely a header, and returns it.
fn next_header(archive: &mut Guarded) -> Option<Vec<u8>> {
    let past_block = archive.1.position.get() % BLOCK as u64;
    let to_next_block = (BLOCK as u64 - past_block) % BLOCK as u64;
    io::copy(&mut archive.by_ref().take(to_next_block), &mut io::sink()).ok()?;
    let mut block = [0; BLOCK];
    loop {
        archive.read_exact(&mut block).ok()?;
        if is_header(&block) && !is_label(&block) {
            return Some(block.to_vec());
        }
    }
}

/// Whether a block is surely a header: its check sum fits, and it has the mark of one or, as those of
/// v7 and labels do, a name and nothing but numbers where they belong.
pub fn is_header(block: &[u8; BLOCK]) -> bool {
    let header = tar::Header::from_byte_slice(block);
    // The check sum counts its own eight bytes as blanks.
    let sum = block.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    let own = block[148..156]
        .iter()
        .map(|&byte| u32::from(byte))
        .sum::<u32>();
    let is_marked = block[257..].starts_with(b"ustar");
    header
        .cksum()
        .is_ok_and(|found| found == sum - own + 8 * 32)
        && (is_marked || has_name_and_numbers(block))
}

/// Text has none of the zeros that end a check sum.
fn has_name_and_numbers(block: &[u8; BLOCK]) -> bool {
    // Mode, two owners, size, time and check sum.
    let numbers = [100..108, 108..116, 116..124, 124..136, 136..148, 148..156];
    let is_number = |field: Range<usize>| {
        let digits = block[field].iter().skip_while(|&&byte| byte == b' ');
        let mut end = digits.skip_while(|byte| matches!(byte, b'0'..=b'7'));
        end.all(|byte| matches!(byte, 0 | b' '))
    };
    block[0] != 0 && block[148..156].contains(&0) && numbers.into_iter().all(is_number)
}

/// A name of the archive, which GNU tar writes without a size. The library reads no such header.
fn is_label(block: &[u8; BLOCK]) -> bool {
    block[156] == b'V' && is_header(block)
}

#[cfg(test)]
mod tests {
    use super::super::pack::Limits;
    use super::super::{Batch, Fields};
    use super::*;
    use crate::buffers::Buffers;
    use crate::error::ReadError;
    use crate::meter::Meter;

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the stream fails"))
        }
    }

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind) in [
            ("a", EntryType::Regular),
            ("b", EntryType::Fifo),
            ("c", EntryType::Regular),
        ] {
            let text = [name.as_bytes()[0]; 1000];
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_entry_type(kind);
            archive.append_data(&mut header, name, &text[..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    /// The faults that are told when this many members were read before, and then whether more are.
    fn told(stream: Stream, before: u64) -> (Vec<ReadError>, bool) {
        let limits = Limits {
            batch: 1 << 20,
            page: 1 << 20,
            decoders: 1,
        };
        let (fields, meter, buffers) = (Fields::default(), Meter::default(), Buffers::new(0));
        let mut faults = Vec::new();
        let mut pass = |mut batch: Batch| {
            faults.extend(batch.faults.rest());
            ControlFlow::Continue(())
        };
        let mut packer = Packer::new(limits, &fields, &meter, &buffers, &mut pass);
        let origin = Origin::of_source("x.tar".to_owned());
        let position = Cell::default();
        let read = read(&mut packer, &origin, before, stream, &position, 0);
        assert_eq!(read, ControlFlow::Continue(()));
        let is_silent = packer.is_silent;
        packer.finish();
        (faults, is_silent)
    }

    #[test]
    fn a_stream_that_fails_anywhere_is_told_once_also_where_members_are_passed_over() {
        let archive = archive();
        for before in 0..=3 {
            for length in 0..archive.len() {
                let stream = archive[..length].chain(Failing);
                let (faults, is_silent) = told(Box::new(stream), before);
                let told = (faults.len(), is_silent);
                assert_eq!(told, (1, false), "{before} {length} {faults:?}");
            }
        }
    }

    #[test]
    fn an_archive_that_ends_among_members_read_before_leaves_nobody_silent() {
        let archive = archive();
        let (faults, is_silent) = told(Box::new(&archive[..600]), 3);
        assert!(!is_silent, "{faults:?}");
    }
}
