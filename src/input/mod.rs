//! Sources in, batches out.
//!
//! A source is opened, freed of its compression and read by the file of its format, which
//! packs it into batches: text cut into pages, or whole records of a container. Reading
//! never looks into a page. A container's records are taken apart by the parsers, through
//! [`Batch::entries`], in the same file that reads it.

mod batch;
mod decode;
mod format;
mod gzip;
mod jsonl;
mod pack;
#[cfg(feature = "parquet")]
mod parquet;
mod tar;
mod text;
mod walk;
mod warc;
mod zip;

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use batch::{
    Batch, Behind, Content, Entry, Fields, Origin, Part, RecordName, Records, Refused, Row, Taking,
    Text, too_large,
};
pub use decode::Stream;
use decode::{Counted, Decoded, decoded};
pub use format::Format;
use format::begins_array;
pub use jsonl::Paths;
use pack::Inflow;
pub use pack::{Limits, Packer};
pub use walk::{Input, Source, WalkError, sources};

/// Archives within archives that are opened.
const DEEPEST: usize = 8;

/// Reads a source to its end, or until the run is over. Faults go to the packer. `format`
/// is what the source holds below its compression, where that is not to be found out.
pub fn read(packer: &mut Packer, source: &Source, format: Option<Format>) -> ControlFlow<()> {
    let name = source.name();
    let opened: io::Result<(Stream, _)> = match source {
        Source::Stdin => standard_input().map(|stream| (stream, None)),
        Source::File(path) => File::open(path).map(|file| {
            let opened = Opened::of(path, &file);
            (Box::new(file) as Stream, opened)
        }),
    };
    let origin = Origin::of_source(name);
    match opened {
        Ok((stream, file)) => read_within(packer, origin, stream, format, Within::Source(file)),
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

/// As [`read`], for bytes that come from anywhere and cannot be sought.
pub fn read_stream(
    packer: &mut Packer,
    name: String,
    stream: Stream,
    format: Option<Format>,
) -> ControlFlow<()> {
    let origin = Origin::of_source(name);
    read_within(packer, origin, stream, format, Within::Source(None))
}

#[cfg(not(feature = "parquet"))]
mod parquet {
    use super::{Arc, ControlFlow, File, Origin, Packer, io};

    pub fn read(packer: &mut Packer, origin: &Arc<Origin>, _: File) -> ControlFlow<()> {
        let error = io::Error::other("this build reads no Parquet (feature `parquet`)");
        packer.fault(origin, None, error);
        ControlFlow::Continue(())
    }
}

/// What a stream stands in.
#[derive(Clone, Copy)]
enum Within<'a> {
    /// The source itself, which can be sought when it is a file.
    Source(Option<Opened<'a>>),
    /// An archive, in so many others.
    Archive(usize),
}

/// A regular file.
#[derive(Clone, Copy)]
struct Opened<'a> {
    path: &'a Path,
    /// Its bytes when it was opened.
    length: u64,
}

impl<'a> Opened<'a> {
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
    read_within(
        packer,
        archive.of_member(name),
        stream,
        None,
        Within::Archive(depth + 1),
    )
}

fn read_within(
    packer: &mut Packer,
    origin: Origin,
    stream: Stream,
    format: Option<Format>,
    within: Within,
) -> ControlFlow<()> {
    let progress = packer.progress;
    let is_source = matches!(within, Within::Source(_));
    let Decoded {
        stream,
        beginning,
        is_plain,
    } = match decoded(
        stream,
        is_source.then_some(progress),
        packer.limits.decoders,
    ) {
        Ok(decoded) => decoded,
        Err(error) => {
            packer.fault(&origin, None, error);
            return ControlFlow::Continue(());
        }
    };
    let origin = Arc::new(origin);
    let (uncounted, depth, file) = match within {
        Within::Source(file) => (is_plain.then_some(progress), 0, file.filter(|_| is_plain)),
        Within::Archive(depth) => (None, depth, None),
    };
    if format.is_none() && begins_array(&beginning) {
        let error = "it is one JSON array and not JSON Lines; `jq -c '.[]'` makes lines of it";
        packer.fault(&origin, None, io::Error::other(error));
        return ControlFlow::Continue(());
    }
    let before = progress.load(Ordering::Relaxed);
    let flow = match format.unwrap_or_else(|| Format::of(&beginning)) {
        Format::Text => text::read(packer, &origin, 0, Inflow::new(stream, uncounted)),
        Format::Jsonl => jsonl::read(packer, &origin, Inflow::new(stream, uncounted)),
        Format::Warc => warc::read(packer, &origin, Inflow::new(stream, uncounted)),
        Format::Tar if depth < DEEPEST => {
            let stream = match uncounted {
                Some(progress) => Box::new(Counted(stream, progress)),
                None => stream,
            };
            return tar::read(packer, &origin, stream, depth);
        }
        Format::Tar => {
            let error = io::Error::other("more than 8 archives within each other");
            packer.fault(&origin, None, error);
            return ControlFlow::Continue(());
        }
        // What has an index or an end mark tells by itself that it was cut.
        format @ (Format::Zip | Format::Parquet) => {
            drop(stream);
            return read_file(packer, &origin, file, format);
        }
    };
    let read = progress.load(Ordering::Relaxed) - before;
    if let Some(file) = file
        && flow.is_continue()
        && file.was_cut(read)
    {
        let message = format!(
            "it was cut while it was read, and had {} bytes",
            file.length
        );
        packer.fault(&origin, Some(read), io::Error::other(message));
    }
    flow
}

/// Reads a format whose index stands at its end.
fn read_file(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    file: Option<Opened>,
    format: Format,
) -> ControlFlow<()> {
    let unsought = || {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "zip and Parquet are read from a file that is neither piped, compressed nor in an archive",
        )
    };
    let file = file.ok_or_else(unsought);
    let file = file.and_then(|file| File::open(file.path));
    match (file, format) {
        (Ok(file), Format::Zip) => zip::read(packer, origin, file),
        (Ok(file), _) => parquet::read(packer, origin, file),
        (Err(error), _) => {
            packer.fault(origin, None, error);
            ControlFlow::Continue(())
        }
    }
}
