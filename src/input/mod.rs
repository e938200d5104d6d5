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

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

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
            let sought = path.is_file().then_some(path.as_path());
            (Box::new(file) as Stream, sought)
        }),
    };
    let origin = Origin::of_source(name);
    match opened {
        Ok((stream, path)) => read_within(packer, origin, stream, format, Within::Source(path)),
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
    /// The source itself, which can be sought when it has a path.
    Source(Option<&'a Path>),
    /// An archive, in so many others.
    Archive(usize),
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
        Within::Source(path) => (is_plain.then_some(progress), 0, path.filter(|_| is_plain)),
        Within::Archive(depth) => (None, depth, None),
    };
    if format.is_none() && begins_array(&beginning) {
        let error = "it is one JSON array and not JSON Lines; `jq -c '.[]'` makes lines of it";
        packer.fault(&origin, None, io::Error::other(error));
        return ControlFlow::Continue(());
    }
    match format.unwrap_or_else(|| Format::of(&beginning)) {
        Format::Text => text::read(packer, &origin, 0, Inflow::new(stream, uncounted)),
        Format::Jsonl => jsonl::read(packer, &origin, Inflow::new(stream, uncounted)),
        Format::Warc => warc::read(packer, &origin, Inflow::new(stream, uncounted)),
        Format::Tar if depth < DEEPEST => {
            let stream = match uncounted {
                Some(progress) => Box::new(Counted(stream, progress)),
                None => stream,
            };
            tar::read(packer, &origin, stream, depth)
        }
        Format::Tar => {
            let error = io::Error::other("more than 8 archives within each other");
            packer.fault(&origin, None, error);
            ControlFlow::Continue(())
        }
        format @ (Format::Zip | Format::Parquet) => {
            drop(stream);
            read_file(packer, &origin, file, format)
        }
    }
}

/// Reads a format whose index stands at its end.
fn read_file(
    packer: &mut Packer,
    origin: &Arc<Origin>,
    path: Option<&Path>,
    format: Format,
) -> ControlFlow<()> {
    let unsought = || {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "zip and Parquet are read from a file that is neither piped, compressed nor in an archive",
        )
    };
    let file = path.ok_or_else(unsought).and_then(File::open);
    match (file, format) {
        (Ok(file), Format::Zip) => zip::read(packer, origin, file),
        (Ok(file), _) => parquet::read(packer, origin, file),
        (Err(error), _) => {
            packer.fault(origin, None, error);
            ControlFlow::Continue(())
        }
    }
}
