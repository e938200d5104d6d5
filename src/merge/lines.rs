//! Parts, read into batches of whole lines. A line that does not end within what a page can give is
//! refused before it is held, so that memory is bounded whatever is named as a part.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memrchr;

use crate::buffers::Buffers;
use crate::input::{Input, Stream, text_of};
use crate::sink::ndjson::longest_line;
use crate::sink::promises_compression;

/// Bytes in a batch, with less than a line more. Larger ones leave the second cache.
pub const BATCH: usize = 512 << 10;

/// Lines of one part that follow each other.
pub struct Batch {
    /// The part's name; each part has one of its own.
    pub part: Arc<str>,
    /// Bytes of the part before them.
    pub offset: u64,
    /// Whole lines, but for the end of a part that is torn.
    pub text: Vec<u8>,
    /// Why nothing comes behind them.
    pub fault: Option<Fault>,
}

/// Why a part is not read on.
pub enum Fault {
    /// After so many bytes.
    Unread(u64, io::Error),
    TooLong,
}

/// Reads all parts in their order, up to the first fault.
pub fn read_all(
    parts: &[Input],
    max_page: usize,
    buffers: &Buffers,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let longest = longest_line(max_page);
    let mut parts = parts.iter();
    parts.try_for_each(|part| read_part(part, longest, buffers, pass))
}

fn read_part(
    part: &Input,
    longest: u64,
    buffers: &Buffers,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut batch = Batch {
        part: name_of(part).into(),
        offset: 0,
        text: buffers.take(),
        fault: None,
    };
    let mut stream = match open(part) {
        Ok(stream) => stream,
        Err(error) => return batch.ended_by(Fault::Unread(0, error), pass),
    };
    loop {
        let held = batch.text.len();
        batch.text.reserve(BATCH);
        let limit = BATCH as u64;
        match stream.by_ref().take(limit).read_to_end(&mut batch.text) {
            Ok(0) if batch.text.is_empty() => return ControlFlow::Continue(()),
            Ok(0) => return pass(batch),
            Ok(_) => {}
            Err(error) => {
                let read = batch.offset + batch.text.len() as u64;
                return batch.ended_by(Fault::Unread(read, error), pass);
            }
        }
        let Some(end) = memrchr(b'\n', &batch.text[held..]) else {
            if batch.text.len() as u64 > longest {
                return batch.ended_by(Fault::TooLong, pass);
            }
            continue;
        };
        let next = batch.split(held + end + 1, buffers);
        pass(mem::replace(&mut batch, next))?;
    }
}

impl Batch {
    /// Passes on the whole lines, and nothing behind them.
    fn ended_by(
        mut self,
        fault: Fault,
        pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let end = memrchr(b'\n', &self.text).map_or(0, |end| end + 1);
        self.text.truncate(end);
        self.fault = Some(fault);
        pass(self)?;
        ControlFlow::Break(())
    }

    /// Cuts off what is behind the last whole line, for the next batch.
    fn split(&mut self, end: usize, buffers: &Buffers) -> Self {
        let mut text = buffers.take();
        text.extend_from_slice(&self.text[end..]);
        self.text.truncate(end);
        Self {
            part: Arc::clone(&self.part),
            offset: self.offset + end as u64,
            text,
            fault: None,
        }
    }
}

fn name_of(part: &Input) -> String {
    match part {
        Input::Stdin => "-".to_owned(),
        Input::Path(path) => path.to_string_lossy().into_owned(),
        Input::Address(address) => address.as_str().to_owned(),
    }
}

fn open(part: &Input) -> io::Result<Stream<'static>> {
    let path = match part {
        Input::Stdin => return text_of(None),
        Input::Path(path) => path,
        Input::Address(_) => return Err(io::Error::other("parts are read from files")),
    };
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() == 0 && promises_compression(path) {
        let message = "it is empty, and a compressed file never is";
        return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
    }
    text_of(Some(Box::new(file)))
}
