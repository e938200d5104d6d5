//! Decoders that hand out all that a damaged stream still gives, or one whose source fails.
//!
//! Those that the libraries offer as readers throw away what they have decoded in the call that meets
//! the damage, and what they hold where the source fails. How much that is depends on how much is asked
//! for at once, and so on threads and on what was read before.

use std::io::{self, BufRead, ErrorKind, Read};

use deflate64::InflaterManaged;
use flate2::bufread::DeflateDecoder;
use liblzma::stream::{Action, CONCATENATED, Status, Stream};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// The largest window a zstd frame may ask for, as a power of two: all that `zstd --long=31` writes.
const ZSTD_WINDOW_LOG: u32 = 31;

/// A decoder that is fed by hand.
pub trait Step {
    /// Decodes some of the next bytes, of which there are none at the source's end; says how many it
    /// has taken and how many it gives, also when it fails. At the source's end it gives none when all is
    /// given, and fails when something is lacking.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, io::Result<()>);
}

/// Reads what a decoder gives.
pub struct Stepwise<R, D> {
    source: UpToFault<R>,
    decoder: D,
    /// The damage, until all that came before it has been handed out.
    fault: Option<io::Error>,
}

impl<R, D> Stepwise<R, D> {
    pub fn new(source: R, decoder: D) -> Self {
        Self {
            source: UpToFault::new(source),
            decoder,
            fault: None,
        }
    }
}

impl<R: BufRead, D: Step> Read for Stepwise<R, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        loop {
            let input = self.source.fill_buf()?;
            let is_at_end = input.is_empty();
            let (taken, given, outcome) = self.decoder.step(input, buffer);
            self.source.consume(taken);
            if given > 0 {
                self.fault = outcome.err();
                return Ok(given);
            }
            if is_at_end || outcome.is_err() {
                return self.source.told(outcome.map(|()| 0));
            }
        }
    }
}

/// A source that seems to end where it fails, so that a decoder gives all that it holds.
struct UpToFault<R> {
    source: R,
    fault: Option<io::Error>,
}

impl<R> UpToFault<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            fault: None,
        }
    }

    /// What is to be told of an end: the source's failure, and not that something is lacking.
    fn told(&mut self, outcome: io::Result<usize>) -> io::Result<usize> {
        let is_damage = |error: &io::Error| error.kind() != ErrorKind::UnexpectedEof;
        match self.fault.take() {
            Some(fault) if !outcome.as_ref().is_err_and(is_damage) => Err(fault),
            _ => outcome,
        }
    }
}

impl<R: BufRead> Read for UpToFault<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for UpToFault<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.fault.is_some() {
            return Ok(&[]);
        }
        match self.source.fill_buf() {
            Err(fault) if fault.kind() != ErrorKind::Interrupted => {
                self.fault = Some(fault);
                Ok(&[])
            }
            filled => filled,
        }
    }

    fn consume(&mut self, length: usize) {
        self.source.consume(length);
    }
}

/// xz streams in a row, or one file in the format before xz.
pub struct Xz(Stream);

impl Xz {
    /// # Errors
    /// None that is known.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Stream::new_auto_decoder(u64::MAX, CONCATENATED)?))
    }

    /// One file of `xz --format=lzma`. Bytes behind it are passed over, as behind Deflate.
    ///
    /// # Errors
    /// None that is known.
    pub fn lzma() -> io::Result<Self> {
        Ok(Self(Stream::new_lzma_decoder(u64::MAX)?))
    }
}

impl Step for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, io::Result<()>) {
        let Self(stream) = self;
        let before = (stream.total_in(), stream.total_out());
        let action = match input.is_empty() {
            true => Action::Finish,
            false => Action::Run,
        };
        let status = stream.process(input, output, action);
        let taken = (stream.total_in() - before.0) as usize;
        let given = (stream.total_out() - before.1) as usize;
        let outcome = match status {
            Err(error) => Err(error.into()),
            // What stands behind LZMA is passed over; xz ends where its source does.
            Ok(Status::StreamEnd) => return (input.len(), given, Ok(())),
            Ok(_) if taken + given > 0 => Ok(()),
            Ok(_) if input.is_empty() => Err(incomplete("premature eof")),
            Ok(_) => Err(io::Error::new(ErrorKind::InvalidData, "corrupt xz stream")),
        };
        (taken, given, outcome)
    }
}

/// bzip2 streams in a row.
pub struct Bzip2 {
    stream: bzip2::Decompress,
    is_between: bool,
}

impl Bzip2 {
    pub fn new() -> Self {
        Self {
            stream: bzip2::Decompress::new(false),
            is_between: false,
        }
    }
}

impl Step for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, io::Result<()>) {
        if self.is_between {
            if input.is_empty() {
                return (0, 0, Ok(()));
            }
            *self = Self::new();
        }
        let stream = &mut self.stream;
        let before = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, output);
        let taken = (stream.total_in() - before.0) as usize;
        let given = (stream.total_out() - before.1) as usize;
        self.is_between = matches!(status, Ok(bzip2::Status::StreamEnd));
        let outcome = bzip2_outcome(status, !input.is_empty(), taken + given > 0);
        (taken, given, outcome)
    }
}

fn bzip2_outcome(
    status: Result<bzip2::Status, bzip2::Error>,
    has_input: bool,
    has_moved: bool,
) -> io::Result<()> {
    match status {
        Err(error) => Err(io::Error::new(ErrorKind::InvalidInput, error)),
        Ok(bzip2::Status::MemNeeded) => Err(ErrorKind::OutOfMemory.into()),
        Ok(bzip2::Status::StreamEnd) => Ok(()),
        Ok(_) if has_moved => Ok(()),
        Ok(_) if has_input => Err(io::Error::new(
            ErrorKind::InvalidData,
            "corrupt bzip2 stream",
        )),
        Ok(_) => Err(incomplete("decompression not finished but EOF reached")),
    }
}

/// zstd frames in a row.
pub struct Zstd {
    decoder: Decoder<'static>,
    /// Whether there may be something decoded that was not given. The library tells nothing of what it
    /// has given in a call that fails, so what it decodes is asked for apart from the decoding.
    has_more: bool,
    is_within: bool,
}

impl Zstd {
    /// # Errors
    /// Too little memory.
    pub fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self {
            decoder,
            has_more: false,
            is_within: false,
        })
    }

    /// Bytes that were taken, bytes that were given, and how many more may be wanted: none where a frame
    /// ends.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<(usize, usize, usize)> {
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let wanted = self.decoder.run(&mut input, &mut output)?;
        Ok((input.pos(), output.pos(), wanted))
    }

    fn try_step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<(usize, usize)> {
        if self.has_more {
            let (_, given, _) = self.run(&[], output)?;
            self.has_more = given > 0;
            if self.has_more {
                return Ok((0, given));
            }
        }
        if input.is_empty() {
            return match self.is_within {
                true => Err(incomplete("incomplete frame")),
                false => Ok((0, 0)),
            };
        }
        let (taken, _, wanted) = self.run(input, &mut [])?;
        (self.has_more, self.is_within) = (true, wanted > 0);
        Ok((taken, 0))
    }
}

impl Step for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, io::Result<()>) {
        match self.try_step(input, output) {
            Ok((taken, given)) => (taken, given, Ok(())),
            Err(error) => (0, 0, Err(error)),
        }
    }
}

/// One text in Deflate64, which zip archives hold. Bytes behind it are passed over, as behind Deflate.
pub struct Deflate64(InflaterManaged);

impl Deflate64 {
    pub fn new() -> Self {
        Self(InflaterManaged::new())
    }
}

impl Step for Deflate64 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, io::Result<()>) {
        let Self(decoder) = self;
        if decoder.finished() && !decoder.errored() {
            return (input.len(), 0, Ok(()));
        }
        let mut inflated = decoder.inflate(input, output);
        let taken = inflated.bytes_consumed;
        // Damage is told before what was inflated up to it.
        if inflated.data_error && inflated.bytes_written == 0 {
            inflated = decoder.inflate(&[], output);
        }
        let given = inflated.bytes_written;
        let outcome = match (inflated.data_error, taken + given) {
            (false, 1..) => Ok(()),
            (true, _) if given > 0 => Ok(()),
            (false, 0) if input.is_empty() => Err(incomplete("deflate64 stream ended early")),
            _ => Err(io::Error::new(
                ErrorKind::InvalidData,
                "corrupt deflate64 stream",
            )),
        };
        (taken, given, outcome)
    }
}

/// Inflates one deflated text.
pub struct Inflating<R> {
    decoder: DeflateDecoder<UpToFault<R>>,
    /// As in [`Stepwise`].
    fault: Option<io::Error>,
}

impl<R: BufRead> Inflating<R> {
    pub fn new(source: R) -> Self {
        Self {
            decoder: DeflateDecoder::new(UpToFault::new(source)),
            fault: None,
        }
    }

    /// The source behind the text.
    pub fn into_inner(self) -> R {
        self.decoder.into_inner().source
    }
}

impl<R: BufRead> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let before = self.decoder.total_out();
        let read = self.decoder.read(buffer);
        let given = (self.decoder.total_out() - before) as usize;
        match read {
            Err(fault) if given > 0 => {
                self.fault = Some(fault);
                Ok(given)
            }
            read if given == 0 => self.decoder.get_mut().told(read),
            read => read,
        }
    }
}

fn incomplete(message: &str) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_memory_is_no_damage_of_bzip2_and_what_stands_still_ends() {
        use bzip2::Status::{MemNeeded, Ok as Going, StreamEnd};
        let told = |status, has_input, has_moved| {
            let outcome = bzip2_outcome(Ok(status), has_input, has_moved);
            outcome.map_err(|error| error.kind())
        };
        for (has_input, has_moved) in [(true, true), (true, false), (false, false)] {
            assert_eq!(told(StreamEnd, has_input, has_moved), Ok(()));
            let outcome = told(MemNeeded, has_input, has_moved);
            assert_eq!(outcome, Err(ErrorKind::OutOfMemory));
        }
        assert_eq!(told(Going, true, true), Ok(()));
        assert_eq!(told(Going, false, true), Ok(()));
        assert_eq!(told(Going, false, false), Err(ErrorKind::UnexpectedEof));
        assert_eq!(told(Going, true, false), Err(ErrorKind::InvalidData));
    }
}
