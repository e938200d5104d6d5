//! Compressed sources, told by their first bytes and never by their name.
//!
//! Layers come off one by one as they are found, so what was compressed twice is read like
//! any other. Members, frames and streams that follow each other are one text: the first
//! is not the whole file. A source that ends within one is a fault.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::mem;

use lz4_flex::frame::FrameDecoder;

use super::format::BEGINNING;
use super::gzip::Members;
use super::stepwise::{Bzip2, Stepwise, Xz, Zstd};
use crate::meter::Meter;

/// A source's bytes.
pub type Stream<'a> = Box<dyn Read + 'a>;

/// A source without its compression.
pub struct Decoded<'a> {
    pub stream: Stream<'a>,
    /// The first bytes of what it holds.
    pub beginning: Vec<u8>,
    /// The layers that were taken off, the outermost first.
    pub codecs: Vec<Codec>,
}

/// Layers that are taken off; more is an attack and no archive.
const MOST_LAYERS: usize = 8;

/// Compressed bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// A kind of compression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Codec {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
}

/// Takes off every layer of compression, with so many `threads` where that gains something;
/// tells `meter`, if there is one, of the compressed bytes as they are read.
///
/// # Errors
/// Those of the source, a damaged beginning, and more than eight layers.
pub fn decoded<'a>(
    mut stream: Stream<'a>,
    meter: Option<&'a Meter>,
    threads: usize,
) -> io::Result<Decoded<'a>> {
    let mut codecs = Vec::new();
    while codecs.len() <= MOST_LAYERS {
        let of_source = meter.filter(|_| codecs.is_empty());
        let (beginning, rest) = match of_source {
            Some(meter) => meter.timed(|| with_beginning(stream)),
            None => with_beginning(stream),
        };
        stream = rest;
        let Some(mut codec) = Codec::of(&beginning) else {
            return Ok(Decoded {
                stream,
                beginning,
                codecs,
            });
        };
        let threads = of_source.map_or(1, |_| threads);
        if let Some(meter) = of_source {
            stream = Box::new(Counted(stream, meter));
        }
        if skippable_length(&beginning).is_some() {
            (codec, stream) = behind_skippable(stream)?;
        }
        stream = codec.decoder(stream, threads)?;
        codecs.push(codec);
    }
    Err(io::Error::other(format!(
        "more than {MOST_LAYERS} layers of compression"
    )))
}

/// The first bytes, also when they come one by one, and the stream as if they had not been read.
fn with_beginning(mut stream: Stream) -> (Vec<u8>, Stream) {
    let mut beginning = Vec::with_capacity(BEGINNING);
    let outcome = stream
        .by_ref()
        .take(BEGINNING as u64)
        .read_to_end(&mut beginning);
    let read = Cursor::new(beginning.clone());
    match outcome {
        Ok(_) => (beginning, Box::new(read.chain(stream))),
        Err(error) => (beginning, Box::new(read.chain(Failed(Some(error))))),
    }
}

/// A stream that has failed: what came before is read first.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl Codec {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        }
    }

    fn of(beginning: &[u8]) -> Option<Self> {
        match beginning {
            [0x1F, 0x8B, 0x08, ..] => Some(Self::Gzip),
            // The latter may be lz4, too: [`behind_skippable`] tells.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Some(Self::Bzip2),
            [0x04, 0x22, 0x4D, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    fn decoder(self, stream: Stream, threads: usize) -> io::Result<Stream> {
        let buffered = |stream| BufReader::with_capacity(BUFFER, stream);
        Ok(match self {
            Self::Gzip => Box::new(Members::new(stream, threads)),
            Self::Zstd => Box::new(Stepwise::new(buffered(stream), Zstd::new()?)),
            Self::Xz => Box::new(Stepwise::new(buffered(stream), Xz::new()?)),
            Self::Bzip2 => Box::new(Stepwise::new(buffered(stream), Bzip2::new())),
            Self::Lz4 => Box::new(Lz4Frames::new(buffered(stream))),
        })
    }
}

/// Reads the frames to be skipped, which lz4 and zstd have alike, for what is behind them tells which
/// of the two it is.
fn behind_skippable(stream: Stream) -> io::Result<(Codec, Stream)> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut header = Vec::new();
        stream.by_ref().take(8).read_to_end(&mut header)?;
        let Some(length) = skippable_length(&header) else {
            let codec = match Codec::of(&header) {
                Some(Codec::Lz4) => Codec::Lz4,
                _ => Codec::Zstd,
            };
            return Ok((codec, Box::new(Cursor::new(header).chain(stream))));
        };
        if io::copy(&mut stream.by_ref().take(length), &mut io::sink())? < length {
            return Err(incomplete_frame());
        }
    }
}

/// Bytes in a frame to be skipped, behind its header.
fn skippable_length(header: &[u8]) -> Option<u64> {
    match header {
        [0x50..=0x5F, 0x2A, 0x4D, 0x18, a, b, c, d, ..] => {
            Some(u32::from_le_bytes([*a, *b, *c, *d]).into())
        }
        _ => None,
    }
}

/// Counts what is read of a compressed source. Plain text goes without: behind the wrapper, what is
/// appended to a buffer has to be zeroed first.
pub struct Counted<'a>(pub Stream<'a>, pub &'a Meter);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.1.timed(|| self.0.read(buffer))?;
        self.1.add(read as u64);
        Ok(read)
    }
}

/// Frame after frame. The decoder takes a source that ends between two blocks for a frame's end, and a
/// block that holds nothing, too, and panics on a second frame with larger blocks. So each frame has a
/// decoder of its own, and whether its end was really there is told by the source.
struct Lz4Frames<'a> {
    frame: Option<FrameDecoder<Lz4Source<'a>>>,
}

impl<'a> Lz4Frames<'a> {
    fn new(stream: BufReader<Stream<'a>>) -> Self {
        let source = Lz4Source {
            stream,
            is_seen: false,
            interrupts: false,
        };
        Self {
            frame: Some(FrameDecoder::new(source)),
        }
    }
}

impl Read for Lz4Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut frame) = self.frame.take() {
            let is_over = match frame.read(buffer) {
                Ok(0) => false,
                Ok(read) => {
                    self.frame = Some(frame);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => true,
                Err(error) => {
                    let bytes = skippable(&error).ok_or(error)?;
                    io::copy(&mut frame.get_mut().take(bytes), &mut io::sink())?;
                    true
                }
            };
            if frame.get_ref().is_seen {
                return Err(incomplete_frame());
            }
            if !is_over {
                frame.get_mut().interrupts = true;
                self.frame = Some(frame);
                continue;
            }
            let mut source = frame.into_inner();
            if !is_at_end(&mut source.stream)? {
                self.frame = Some(FrameDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// Bytes of a frame to be skipped, behind whose header an error has stopped.
fn skippable(error: &io::Error) -> Option<u64> {
    match error.get_ref()?.downcast_ref()? {
        lz4_flex::frame::Error::SkippableFrame(bytes) => Some(u64::from(*bytes)),
        _ => None,
    }
}

fn incomplete_frame() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "incomplete frame")
}

/// Whether there is nothing more to read, also after an interruption.
fn is_at_end(stream: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match stream.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            rest => return rest.map(<[u8]>::is_empty),
        }
    }
}

/// A source that knows whether its end has been read, and that can be told to interrupt the decoder
/// once. Between frames this stops it, for there it calls `read`; within one it calls `read_exact`,
/// which goes on. Nothing else interrupts it.
struct Lz4Source<'a> {
    stream: BufReader<Stream<'a>>,
    is_seen: bool,
    interrupts: bool,
}

impl Read for Lz4Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if mem::take(&mut self.interrupts) {
            return Err(ErrorKind::Interrupted.into());
        }
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.is_seen |= read == 0 && !buffer.is_empty();
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Hands out one byte at a time, as a slow pipe does.
    struct Trickle(Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    /// Is interrupted before every few bytes, as by a signal.
    struct Interrupted(Cursor<Vec<u8>>, bool);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let few = buffer.len().min(101);
            self.0.read(&mut buffer[..few])
        }
    }

    #[test]
    fn an_interruption_is_no_end() {
        let text = text();
        for codec in ALL {
            let bytes = encoded(codec, &text).repeat(2);
            let stream = Interrupted(Cursor::new(bytes), false);
            let mut found = Vec::new();
            let mut decoded = decoded(Box::new(stream), None, 1).unwrap();
            let read = decoded.stream.read_to_end(&mut found);
            assert!(read.is_ok(), "{codec:?}: {read:?}");
            assert!(found == text.repeat(2), "{codec:?}: {} bytes", found.len());
        }
    }

    fn text() -> Vec<u8> {
        (0..20_000u32)
            .flat_map(|n| format!("line {n}\n").into_bytes())
            .collect()
    }

    fn encoded(codec: Codec, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Codec::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
            Codec::Zstd => zstd::stream::copy_encode(text, &mut out, 3).unwrap(),
            Codec::Xz => {
                liblzma::read::XzEncoder::new(text, 6)
                    .read_to_end(&mut out)
                    .unwrap();
            }
            Codec::Bzip2 => {
                bzip2::read::BzEncoder::new(text, bzip2::Compression::default())
                    .read_to_end(&mut out)
                    .unwrap();
            }
            Codec::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
        }
        out
    }

    const ALL: [Codec; 5] = [
        Codec::Gzip,
        Codec::Zstd,
        Codec::Xz,
        Codec::Bzip2,
        Codec::Lz4,
    ];

    fn read(bytes: Vec<u8>) -> (Vec<u8>, io::Result<usize>) {
        let mut found = Vec::new();
        let read = decoded(Box::new(Cursor::new(bytes)), None, 1)
            .and_then(|decoded| decoded.stream.take(1 << 30).read_to_end(&mut found));
        (found, read)
    }

    #[test]
    fn members_and_frames_in_a_row_are_one_text_also_byte_by_byte() {
        let text = text();
        for codec in ALL {
            let (one, other) = text.split_at(70_001);
            let bytes = [
                encoded(codec, one),
                encoded(codec, b""),
                encoded(codec, other),
            ]
            .concat();
            let mut found = Vec::new();
            let (length, meter) = (bytes.len() as u64, Meter::default());
            let mut decoded =
                decoded(Box::new(Trickle(Cursor::new(bytes))), Some(&meter), 1).unwrap();
            decoded.stream.read_to_end(&mut found).unwrap();
            assert!(found == text && decoded.codecs == [codec], "{codec:?}");
            assert_eq!(meter.bytes(), length, "{codec:?}");
        }
    }

    #[test]
    fn layers_come_off_one_by_one_up_to_a_bound() {
        let text = b"text".to_vec();
        for outer in ALL {
            for inner in ALL {
                let (found, read) = read(encoded(outer, &encoded(inner, &text)));
                assert!(read.is_ok() && found == text, "{outer:?} {inner:?}");
            }
        }
        let nested = |layers| (0..layers).fold(text.clone(), |text, _| encoded(Codec::Gzip, &text));
        assert_eq!(read(nested(MOST_LAYERS)).0, text);
        let error = read(nested(MOST_LAYERS + 1)).1.unwrap_err();
        assert_eq!(error.to_string(), "more than 8 layers of compression");
    }

    #[test]
    fn what_ends_too_early_is_a_fault_and_what_came_before_is_there() {
        let text = text();
        for codec in ALL {
            let whole = encoded(codec, &text);
            for cut in [whole.len() - 1, whole.len() / 2, 7] {
                let (found, read) = read(whole[..cut].to_vec());
                assert!(read.is_err(), "{codec:?} cut at {cut} of {}", whole.len());
                assert!(text.starts_with(&found), "{codec:?}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_a_fault() {
        let text = text();
        for codec in ALL {
            let mut bytes = encoded(codec, &text);
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            let (found, read) = read(bytes);
            // lz4 as its encoder here writes it carries no check sum.
            assert!(
                read.is_err() || codec == Codec::Lz4 && found != text,
                "{codec:?}"
            );
        }
    }

    /// Hands out so many bytes at a time.
    struct Handing<'a>(&'a [u8], usize);

    impl Read for Handing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    /// Fails behind the bytes that it hands out.
    struct Failing<'a>(Handing<'a>);

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 if !buffer.is_empty() => Err(io::Error::other("lost")),
                read => Ok(read),
            }
        }
    }

    fn read_at_once(source: impl Read, most: usize) -> (Vec<u8>, Option<String>) {
        let mut found = Vec::new();
        let mut stream = decoded(Box::new(source), None, 1).unwrap().stream;
        let mut buffer = vec![0; most];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return (found, None),
                Ok(read) => found.extend_from_slice(&buffer[..read]),
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn damage_loses_nothing_of_what_came_before_however_it_is_read() {
        let text = text();
        for codec in ALL {
            let whole = encoded(codec, &text);
            for place in (8..whole.len()).step_by(whole.len() / 8) {
                let mut bytes = [&whole[..], &whole].concat();
                bytes[whole.len() + place] ^= 0x55;
                let read = |at_once, handed| read_at_once(Handing(&bytes, handed), at_once);
                let byte_by_byte = read(1, 1);
                for (at_once, handed) in [(1 << 20, 1 << 20), (1 << 20, 1), (1, 1 << 20), (999, 77)]
                {
                    let (found, error) = read(at_once, handed);
                    let context = format!("{codec:?}, {place}, {at_once} of {handed}");
                    assert_eq!(found.len(), byte_by_byte.0.len(), "{context}");
                    assert_eq!((found, error), byte_by_byte, "{context}");
                }
            }
        }
    }

    #[test]
    fn a_source_that_fails_gives_as_much_as_one_that_ends_there() {
        let text = &text()[..1_500];
        for codec in ALL {
            let whole = encoded(codec, text);
            let bytes = whole.repeat(2);
            for place in 8..=bytes.len() {
                let bytes = &bytes[..place];
                let (expected, _) = read_at_once(Handing(bytes, 1 << 20), 1 << 20);
                for (at_once, handed) in [(1 << 20, 1 << 20), (1, 1 << 20), (999, 77)] {
                    let source = Failing(Handing(bytes, handed));
                    let (found, error) = read_at_once(source, at_once);
                    let context = format!("{codec:?}, {place}, {at_once} of {handed}");
                    assert_eq!(found.len(), expected.len(), "{context}");
                    assert_eq!(error.as_deref(), Some("lost"), "{context}");
                    assert!(found == expected, "{context}");
                }
            }
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in [
            &b""[..],
            b"B",
            b"BZh9 is no archive",
            b"\x1f\x8b",
            b"2012\nDOI: 10.5555/x\n",
        ] {
            let (found, read) = read(text.to_vec());
            assert!(read.is_ok() && found == text);
        }
    }

    #[test]
    fn a_block_of_lz4_that_holds_nothing_is_no_end_of_its_frame() {
        let text = text();
        for checked in [false, true] {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_checksums(checked)
                .content_checksum(checked);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(&text).unwrap();
            let frame = encoder.finish().unwrap();
            let (header, blocks) = frame.split_at(7);
            let length = u32::from_le_bytes(*blocks.first_chunk().unwrap()) as usize;
            let (first, rest) = blocks.split_at(4 + length + 4 * usize::from(checked));
            // Stored, and compressed to one byte, with their check sums by xxHash.
            let mut stored = vec![0, 0, 0, 0x80];
            let mut compressed = vec![1, 0, 0, 0, 0];
            if checked {
                stored.extend(0x02CC_5D05_u32.to_le_bytes());
                compressed.extend(0xCF65_B03E_u32.to_le_bytes());
            }
            for empty in [&stored, &compressed] {
                let twice = empty.repeat(2);
                let bytes = [header, empty, first, &twice, rest].concat();
                let bytes = [&bytes[..], &encoded(Codec::Lz4, &text), &bytes].concat();
                let (found, outcome) = read(bytes.clone());
                assert!(outcome.is_ok(), "{checked}, {empty:?}: {outcome:?}");
                assert!(found == text.repeat(3), "{checked}, {empty:?}");
                let cut = header.len() + empty.len();
                let (found, outcome) = read(bytes[..cut].to_vec());
                assert!(outcome.is_err() && found.is_empty());
                let frames = [&bytes[..cut], &encoded(Codec::Lz4, &text)].concat();
                assert!(read(frames).1.is_err());
            }
        }
    }

    #[test]
    fn skippable_frames_are_skipped() {
        let skippable = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        for codec in [Codec::Zstd, Codec::Lz4] {
            let frame = encoded(codec, b"text");
            let bytes = [
                &skippable.repeat(2)[..],
                &frame,
                &skippable,
                &frame,
                &skippable,
            ]
            .concat();
            let (found, outcome) = read(bytes.clone());
            assert!(
                outcome.is_ok() && found == b"texttext",
                "{codec:?}: {outcome:?}"
            );
            let (found, outcome) = read(bytes[..bytes.len() - 1].to_vec());
            assert!(outcome.is_err() && found == b"texttext", "{codec:?}");
        }
    }

    #[test]
    fn what_is_behind_skippable_frames_of_any_length_tells_the_codec() {
        let skippable = |length: u32| {
            let header = [&[0x5A, 0x2A, 0x4D, 0x18][..], &length.to_le_bytes()].concat();
            [header, vec![7; length as usize]].concat()
        };
        for codec in [Codec::Zstd, Codec::Lz4] {
            let frame = encoded(codec, b"text");
            for before in [
                skippable(0).repeat(100_000),
                skippable(500),
                skippable(505),
                skippable(5_000).repeat(3),
                skippable(1_000_000),
            ] {
                let bytes = [&before[..], &frame].concat();
                let (length, meter) = (bytes.len() as u64, Meter::default());
                let mut decoded = decoded(Box::new(Cursor::new(bytes)), Some(&meter), 1).unwrap();
                let mut found = Vec::new();
                decoded.stream.read_to_end(&mut found).unwrap();
                assert_eq!((&found[..], decoded.codecs), (&b"text"[..], vec![codec]));
                assert_eq!(meter.bytes(), length);
                let (found, outcome) = read(before[..before.len() - 3].to_vec());
                assert_eq!(outcome.unwrap_err().to_string(), "incomplete frame");
                assert!(found.is_empty());
                assert_eq!(read(before.clone()).1.unwrap(), 0);
                assert!(read([&before[..], b"plain text"].concat()).1.is_err());
            }
        }
    }
}
