//! What a source holds, for those who want to know before it is read: told by its first bytes,
//! as it is for a run. What cannot be looked at without taking something from it is left alone.

use std::fs::{self, File};
use std::io;

use super::decode::{Codec, Decoded, Stream, decoded};
use super::{Format, Source, format_of, unsought};

/// A regular file or an object at a look.
#[derive(Debug, PartialEq)]
pub struct Looked {
    /// Its size as it is stored.
    pub bytes: u64,
    /// What it holds below its compression.
    pub format: Format,
    /// Its layers of compression, the outermost first.
    pub codecs: Vec<Codec>,
}

/// Looks at a source; none for standard input, pipes and devices. `format` is what it is said to hold.
///
/// # Errors
/// Those that a run would tell when it begins to read the source.
pub fn look(source: &Source, format: Option<Format>) -> io::Result<Option<Looked>> {
    let (stream, bytes): (Stream, _) = match source {
        Source::Stdin => return Ok(None),
        Source::File(path) => {
            let metadata = fs::metadata(path)?;
            if !metadata.is_file() {
                return Ok(None);
            }
            (Box::new(File::open(path)?), metadata.len())
        }
        Source::Object(object) => object.open(0)?,
    };
    let Decoded {
        beginning, codecs, ..
    } = decoded(stream, None, 1)?;
    let path = match source {
        Source::File(path) => Some(path.as_path()),
        _ => None,
    };
    let format = format_of(&beginning, format, path)?;
    match format {
        Format::Zip | Format::Parquet if !codecs.is_empty() => Err(unsought()),
        _ => Ok(Some(Looked {
            bytes,
            format,
            codecs,
        })),
    }
}
