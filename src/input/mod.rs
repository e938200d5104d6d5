//! Sources in, batches out.
//!
//! A source is opened, freed of its compression and read by the file of its format, which
//! packs it into batches: text cut into pages, or whole records of a container. Reading
//! never looks into a page. A container's records are taken apart by the parsers, through
//! [`Batch::entries`], in the same file that reads it.

mod address;
mod batch;
#[cfg(feature = "cloud")]
mod cloud;
#[cfg(not(feature = "cloud"))]
#[path = "no_cloud.rs"]
mod cloud;
mod decode;
mod format;
mod gzip;
mod jsonl;
mod look;
mod pack;
#[cfg(feature = "parquet")]
mod parquet;
mod patience;
mod share;
mod stepwise;
mod tar;
mod text;
mod walk;
mod warc;
mod zip;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use address::{scheme_of, without_user};
pub use batch::{
    Batch, Behind, Border, Content, Entry, Faults, Fields, Opened, Origin, Part, RecordName,
    Records, Refused, Row, Taking, Text, too_large,
};
pub use cloud::{Address, Object};
pub use decode::{Codec, Stream};
use decode::{Counted, decoded};
pub use format::Format;
use format::{unread, wide_encoding};
pub use jsonl::Paths;
pub use look::{Looked, look};
use pack::{Count, Inflow};
pub use pack::{Limits, Packer};
pub use patience::Patience;
pub use share::{Share, read_share, share_in};
pub use walk::{Input, Source, WalkError, as_opened, opened, sources, sources_to_read};

use crate::meter::Meter;

/// Archives within archives that are opened.
const DEEPEST: usize = 8;

/// What of a source was read before, as of a [`Border`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    pub at: u64,
    pub lines: u64,
    pub is_report: bool,
}

/// Reads a source, behind what was read before, to its end, or until the run is over. Faults
/// go to the packer. `name` is what it is called there and in records, and `format` what it
/// holds below its compression, where that is not to be found out.
pub fn read(
    packer: &mut Packer,
    name: String,
    source: &Source,
    before: Before,
    format: Option<Format>,
) -> ControlFlow<()> {
    let opened: io::Result<(Stream, _)> = match source {
        Source::Stdin => standard_input().map(|stream| (stream, None)),
        Source::File(path) => File::open(path).map(|file| {
            let opened = SourceFile::of(path, &file).map(Sought::File);
            (Box::new(file) as Stream, opened)
        }),
        Source::Object(object) => packer
            .meter
            .timed(|| object.open(0))
            .map(|(stream, _)| (stream, Some(Sought::Object(object)))),
    };
    let origin = Origin::of_source(name);
    match opened {
        Ok((stream, file)) => {
            let within = Within::Source(file, before);
            read_within(packer, origin, stream, format, within)
        }
        Err(error) => {
            packer.fault(&origin, None, error);
            ControlFlow::Continue(())
        }
    }
}

/// Standard input as a file: the standard library takes one that is not open for reading for one
/// that has ended.
#[cfg(unix)]
fn standard_input() -> io::Result<Stream<'static>> {
    use std::os::fd::AsFd;
    let copy = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(Box::new(File::from(copy)))
}

#[cfg(not(unix))]
fn standard_input() -> io::Result<Stream<'static>> {
    Ok(Box::new(io::stdin().lock()))
}

/// The text of a stream, or of standard input for none, without its compression.
///
/// # Errors
/// Those of its beginning, and of standard input.
pub fn text_of(stream: Option<Stream<'static>>) -> io::Result<Stream<'static>> {
    let stream = stream.map_or_else(standard_input, Ok)?;
    Ok(decoded(stream, None, 1)?.stream)
}

/// As [`read`], for bytes that come from anywhere and have an end.
pub fn read_stream(
    packer: &mut Packer,
    name: String,
    stream: Stream,
    format: Option<Format>,
) -> ControlFlow<()> {
    let origin = Origin::of_source(name);
    let within = Within::Source(Some(Sought::Bytes), Before::default());
    read_within(packer, origin, stream, format, within)
}

#[cfg(not(feature = "parquet"))]
mod parquet {
    use super::{Arc, ControlFlow, File, Origin, Packer, io};

    pub fn read(packer: &mut Packer, origin: &Arc<Origin>, _: u64, _: File) -> ControlFlow<()> {
        let error = io::Error::other("this build reads no Parquet (feature `parquet`)");
        packer.fault(origin, None, error);
        ControlFlow::Continue(())
    }
}

/// What a stream stands in.
#[derive(Clone, Copy)]
enum Within<'a> {
    /// The source itself, where it can be sought; so much was read before.
    Source(Option<Sought<'a>>, Before),
    /// An archive, in so many others.
    Archive(usize),
}

/// What can be read from anywhere in it, if need be when it was brought into a file.
#[derive(Clone, Copy)]
enum Sought<'a> {
    File(SourceFile<'a>),
    Object(&'a Object),
    Bytes,
}

/// A regular file.
#[derive(Clone, Copy)]
struct SourceFile<'a> {
    path: &'a Path,
    /// Its bytes when it was opened.
    length: u64,
}

impl<'a> SourceFile<'a> {
    fn of(path: &'a Path, file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        let length = metadata.len();
        metadata.is_file().then_some(Self { path, length })
    }

    /// Whether it had more than was `read` and has no longer: what is lost would be lost in
    /// silence. A file that states a length and has less from the beginning is none.
    fn was_cut(self, read: u64) -> bool {
        let has_less = |now: fs::Metadata| now.len() < self.length;
        read < self.length && fs::metadata(self.path).is_ok_and(has_less)
    }
}

/// Reads an archive's member.
fn member(
    packer: &mut Packer,
    archive: &Origin,
    name: &[u8],
    stream: Stream,
    depth: usize,
) -> ControlFlow<()> {
    packer.nesting += 1;
    let origin = archive.of_member(name);
    let flow = read_within(packer, origin, stream, None, Within::Archive(depth + 1));
    packer.nesting -= 1;
    flow
}

/// A stream whose format is known, decoded, and from where on it is to be read.
struct Inside<'a> {
    stream: Stream<'a>,
    format: Format,
    /// What counts the bytes of a source that nothing has counted yet.
    uncounted: Option<&'a Meter>,
    depth: usize,
    /// Where it can be looked at again, if it is stored as it is.
    file: Option<Sought<'a>>,
    before: Before,
}

impl<'a> Inside<'a> {
    fn of(
        stream: Stream<'a>,
        format: Option<Format>,
        within: Within<'a>,
        meter: &'a Meter,
        decoders: usize,
    ) -> io::Result<Self> {
        let is_source = matches!(within, Within::Source(..));
        let decoded = decoded(stream, is_source.then_some(meter), decoders)?;
        let is_plain = decoded.codecs.is_empty();
        let (uncounted, depth, file, before) = match within {
            Within::Source(file, before) => {
                let file = file.filter(|_| is_plain);
                (is_plain.then_some(meter), 0, file, before)
            }
            Within::Archive(depth) => (None, depth, None, Before::default()),
        };
        let path = match file {
            Some(Sought::File(file)) => Some(file.path),
            _ => None,
        };
        let format = format_of(&decoded.beginning, format, path)?;
        let stream = match format {
            Format::Text | Format::Jsonl | Format::Warc if before.at > 0 => {
                behind(decoded.stream, before.at, file, meter)?
            }
            _ => decoded.stream,
        };
        Ok(Self {
            stream,
            format,
            uncounted,
            depth,
            file,
            before,
        })
    }

    fn read(self, packer: &mut Packer, origin: &Arc<Origin>) -> ControlFlow<()> {
        let Before { at, is_report, .. } = self.before;
        let so_far = Cell::new(at);
        let count = self.uncounted.map(|meter| Count {
            meter,
            read: &so_far,
        });
        let flow = match self.format {
            Format::Text => text::read(
                packer,
                origin,
                at,
                is_report,
                Inflow::new(self.stream, count),
            ),
            Format::Jsonl => {
                let inflow = Inflow::new(self.stream, count);
                jsonl::read(packer, origin, self.before, inflow)
            }
            Format::Warc => warc::read(packer, origin, at, Inflow::new(self.stream, count)),
            Format::Tar if self.depth < DEEPEST => {
                let stream = match self.uncounted {
                    Some(meter) => Box::new(Counted(self.stream, meter)),
                    None => self.stream,
                };
                // What was read before is told in members.
                so_far.set(0);
                tar::read(packer, origin, at, stream, &so_far, self.depth)
            }
            Format::Tar => {
                let error = io::Error::other("more than 8 archives within each other");
                packer.fault(origin, None, error);
                return ControlFlow::Continue(());
            }
            // What has an index or an end mark tells by itself that it was cut.
            format @ (Format::Zip | Format::Parquet) => {
                return read_file(packer, origin, at, self.file, self.stream, format);
            }
        };
        let read = so_far.get();
        if let Some(Sought::File(file)) = self.file
            && flow.is_continue()
            && file.was_cut(read)
        {
            let message = format!(
                "it was cut while it was read, and had {} bytes",
                file.length
            );
            packer.fault(origin, Some(read), io::Error::other(message));
        }
        flow
    }
}

fn read_within(
    packer: &mut Packer,
    origin: Origin,
    stream: Stream,
    format: Option<Format>,
    within: Within,
) -> ControlFlow<()> {
    let origin = Arc::new(origin);
    match Inside::of(stream, format, within, packer.meter, packer.limits.decoders) {
        Ok(inside) => inside.read(packer, &origin),
        Err(error) => {
            packer.fault(&origin, None, error);
            ControlFlow::Continue(())
        }
    }
}

/// What begins so, where it is not said. No text is read in another encoding, whatever is said of it.
/// `path` is that of a file that holds it.
fn format_of(beginning: &[u8], said: Option<Format>, path: Option<&Path>) -> io::Result<Format> {
    let is_text = matches!(said, None | Some(Format::Text | Format::Jsonl));
    if let Some(encoding) = wide_encoding(beginning).filter(|_| is_text) {
        return Err(io::Error::other(format!(
            "it is {encoding} and not UTF-8; `iconv -f {encoding} -t UTF-8` makes UTF-8 of it"
        )));
    }
    match (said, unread(beginning)) {
        (Some(format), _) => Ok(format),
        (None, Some(message)) => Err(io::Error::other(message)),
        (None, None) => match Format::of(beginning) {
            Format::Text if path.is_some_and(zip::ends_as_archive) => Err(io::Error::other(
                "other bytes stand before its zip archive; `--format zip` passes over them, `--format text` \
                 reads them",
            )),
            format => Ok(format),
        },
    }
}

fn unsought() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "zip and Parquet are read from a file that is neither piped, compressed nor in an archive",
    )
}

/// What stands behind so many bytes of a stream: it is sought, where the stream is the source.
fn behind<'s>(
    mut stream: Stream<'s>,
    bytes: u64,
    sought: Option<Sought>,
    meter: &Meter,
) -> io::Result<Stream<'s>> {
    match sought {
        Some(Sought::File(file)) => {
            let mut file = File::open(file.path)?;
            file.seek(SeekFrom::Start(bytes))?;
            meter.pass_over(bytes);
            return Ok(Box::new(file));
        }
        Some(Sought::Object(object)) => {
            meter.pass_over(bytes);
            return object.open(bytes).map(|(stream, _)| stream);
        }
        Some(Sought::Bytes) | None => {}
    }
    match io::copy(&mut stream.by_ref().take(bytes), &mut io::sink())? == bytes {
        true => Ok(stream),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a format whose index stands at its end. What is no file is brought into one without a
/// name first: the readers of both formats go back and forth in it, by a few bytes.
fn read_file(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    before: u64,
    file: Option<Sought>,
    mut stream: Stream,
    format: Format,
) -> ControlFlow<()> {
    let file = match file {
        Some(Sought::File(file)) => File::open(file.path),
        Some(Sought::Object(_) | Sought::Bytes) => packer.meter.timed(|| in_a_file(&mut stream)),
        None => Err(unsought()),
    };
    drop(stream);
    match (file, format) {
        (Ok(file), Format::Zip) => zip::read(packer, origin, before, &file),
        (Ok(file), _) => parquet::read(packer, origin, before, file),
        (Err(error), _) => {
            packer.fault(origin, None, error);
            ControlFlow::Continue(())
        }
    }
}

fn in_a_file(stream: &mut Stream) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(stream, &mut file)?;
    file.rewind()?;
    Ok(file)
}
