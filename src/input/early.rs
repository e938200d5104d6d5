//! The next source, freed of its compression while the one before is still being read.
//!
//! A compressed stream is mostly unpacked by one thread, which is then what a run waits for.
//! Where several such files follow each other, the next one is begun on a thread of its own, as
//! far as a few chunks hold, and that thread goes on in the file's turn. So at most two sources are
//! unpacked at a time. Their order stays what it is, and so do faults: text, and what is wrong with it, are
//! handed out in the source's turn.
//!
//! Only regular files are begun early: opening a pipe may wait for who writes to it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek};
use std::mem;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::decode::{Codec, Decoded, Stream, decoded};
use super::format::BEGINNING;
use super::{Opened, Source};
use crate::meter::Meter;

/// Bytes of text that are handed over together, and how many of these wait at most.
const CHUNK: usize = 512 << 10;
const CHUNKS: usize = 16;

/// Bytes of a file from which on starting a thread for it takes no time to speak of.
const LARGE: u64 = 256 << 10;

/// A source that was begun before its turn. Its thread ends with it.
pub struct Early {
    /// What the file looked like.
    pub opened: Opened,
    messages: Option<Receiver<Message>>,
    used: Sender<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Begun {
        beginning: Vec<u8>,
        codecs: Vec<Codec>,
    },
    Text(Chunk),
    End(io::Result<()>),
}

/// Text, in the first bytes of its buffer, and what was read of the file for it.
#[derive(Default)]
struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
    read: u64,
    time: Duration,
}

impl Early {
    /// Begins a source if it is a large file that is compressed; what is wrong with it is then told
    /// in its turn.
    pub fn begin(source: &Source, threads: NonZeroUsize) -> Option<Self> {
        let Source::File(path) = source else {
            return None;
        };
        let metadata = fs::metadata(path).ok()?;
        match metadata.is_file() && metadata.len() >= LARGE {
            true => Self::of(source, path, threads),
            false => None,
        }
    }

    fn of(source: &Source, path: &Path, threads: NonZeroUsize) -> Option<Self> {
        let opened = source.opened();
        let mut file = File::open(path).ok()?;
        let mut beginning = Vec::new();
        let first = &mut Read::by_ref(&mut file).take(BEGINNING as u64);
        first.read_to_end(&mut beginning).ok()?;
        Codec::of(&beginning)?;
        file.rewind().ok()?;

        let (to, messages) = sync_channel(CHUNKS);
        let (used, free) = channel();
        let unpack = move || {
            let outcome = unpack(Box::new(file), threads, &to, &free);
            // When the run has ended nobody is there.
            let _ = to.send(Message::End(outcome));
        };
        let named = Builder::new().name("early".to_owned());
        Some(Self {
            opened,
            messages: Some(messages),
            used,
            thread: Some(named.spawn(unpack).ok()?),
        })
    }

    /// What it holds, as it comes; `meter` is told what was read for it.
    ///
    /// # Errors
    /// As [`decoded`].
    pub fn decoded(mut self, meter: &Meter) -> io::Result<Decoded<'_>> {
        match self.next()? {
            Message::Begun { beginning, codecs } => Ok(Decoded {
                stream: Box::new(Unpacked {
                    early: self,
                    meter,
                    chunk: Chunk::default(),
                    at: 0,
                    is_at_end: false,
                }),
                beginning,
                codecs,
            }),
            Message::End(Err(error)) => Err(error),
            Message::Text(_) | Message::End(Ok(())) => Err(panicked()),
        }
    }

    fn next(&mut self) -> io::Result<Message> {
        let next = self.messages.as_ref().map(Receiver::recv);
        next.and_then(Result::ok).ok_or_else(panicked)
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        // It may be waiting for room.
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn panicked() -> io::Error {
    io::Error::other("the thread that unpacks it panicked")
}

/// Sends all that a stream holds, and what it was read for.
fn unpack(
    stream: Stream<'static>,
    threads: NonZeroUsize,
    to: &SyncSender<Message>,
    free: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let meter = Meter::default();
    let Decoded {
        mut stream,
        beginning,
        codecs,
    } = decoded(stream, Some(&meter), threads)?;
    let mut is_wanted = to.send(Message::Begun { beginning, codecs }).is_ok();
    let (mut read, mut time) = (0, Duration::ZERO);
    while is_wanted {
        let mut buffer = free.try_recv().unwrap_or_default();
        buffer.resize(CHUNK, 0);
        let (filled, outcome) = fill(&mut stream, &mut buffer);
        let chunk = Chunk {
            buffer,
            filled,
            read: meter.bytes() - read,
            time: meter.time().saturating_sub(time),
        };
        (read, time) = (read + chunk.read, time + chunk.time);
        is_wanted = to.send(Message::Text(chunk)).is_ok();
        outcome?;
        if filled < CHUNK {
            break;
        }
    }
    Ok(())
}

/// Reads until the buffer is full, the stream has ended or failed.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// The text of a source that was begun early.
struct Unpacked<'a> {
    early: Early,
    meter: &'a Meter,
    chunk: Chunk,
    /// Bytes of the chunk that were handed out.
    at: usize,
    is_at_end: bool,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.filled && !self.is_at_end {
            match self.early.next()? {
                Message::Text(chunk) => self.take(chunk),
                Message::End(outcome) => {
                    self.is_at_end = true;
                    outcome?;
                }
                Message::Begun { .. } => {}
            }
        }
        let rest = &self.chunk.buffer[self.at..self.chunk.filled];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

impl Unpacked<'_> {
    fn take(&mut self, chunk: Chunk) {
        self.meter.add(chunk.read);
        self.meter.add_time(chunk.time);
        let used = mem::replace(&mut self.chunk, chunk);
        self.at = 0;
        // After the last chunk nobody is there.
        let _ = self.early.used.send(used.buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    fn file(bytes: &[u8]) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        fs::write(&path, bytes).unwrap();
        (folder, Source::File(path))
    }

    fn begun(source: &Source) -> Option<Early> {
        match source {
            Source::Stdin => None,
            Source::File(path) => Early::of(source, path, TWO),
        }
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that do not pack well.
    fn text(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn all_comes_in_order_and_what_was_read_is_told() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK * CHUNKS] {
            let (text, meter) = (text(length), Meter::default());
            let (_folder, source) = file(&packed(&text));
            let early = begun(&source).unwrap();
            let Decoded {
                mut stream, codecs, ..
            } = early.decoded(&meter).unwrap();
            let mut found = Vec::new();
            stream.read_to_end(&mut found).unwrap();
            assert!(found == text, "{length}");
            assert_eq!(codecs, [Codec::Zstd]);
            assert_eq!(meter.bytes(), packed(&text).len() as u64);
        }
    }

    #[test]
    fn damage_comes_behind_the_text_before_it() {
        let text = text(3 * CHUNK);
        let mut bytes = packed(&text);
        bytes.truncate(bytes.len() * 2 / 3);
        let (_folder, source) = file(&bytes);
        let early = begun(&source).unwrap();
        let meter = Meter::default();
        let mut stream = early.decoded(&meter).unwrap().stream;
        let mut found = Vec::new();
        assert!(stream.read_to_end(&mut found).is_err());
        assert!(found.len() > CHUNK && text.starts_with(&found));
        // As any stream, it has ended then.
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn nothing_but_large_compressed_files_is_begun() {
        let (_folder, large) = file(&packed(&text(1 << 20)));
        assert!(Early::begin(&large, TWO).is_some());
        let (_folder, small) = file(&packed(b"2021\nDOI: 10.5555/x\n"));
        assert!(begun(&small).is_some() && Early::begin(&small, TWO).is_none());
        let (folder, plain) = file(&text(1 << 20));
        assert!(Early::begin(&plain, TWO).is_none());
        assert!(Early::begin(&Source::Stdin, TWO).is_none());
        for path in [folder.path().to_owned(), folder.path().join("missing")] {
            assert!(Early::begin(&Source::File(path), TWO).is_none());
        }
    }

    #[test]
    fn one_that_is_not_read_ends_when_it_is_dropped() {
        let (_folder, source) = file(&packed(&text(2 * CHUNK * CHUNKS)));
        drop(begun(&source).unwrap());
        let meter = Meter::default();
        let mut stream = begun(&source).unwrap().decoded(&meter).unwrap().stream;
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 9);
    }
}
