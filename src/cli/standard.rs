//! The standard streams, without the standard library's leniency: there a stream that is closed
//! ends at once or takes everything, and records would vanish in silence.

use std::io::{self, ErrorKind, Write};

use crate::error::Error;

/// How standard output is called in messages.
pub const STANDARD_OUTPUT: &str = "standard output";

/// Which standard streams were closed when the program started.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub input: bool,
    pub output: bool,
}

impl Closed {
    pub const NONE: Self = Self {
        input: false,
        output: false,
    };

    /// For what has nothing to do but to print.
    pub fn refuse_output(self) -> Result<(), Error> {
        match self.output {
            true => printed(Err(bad_descriptor())),
            false => Ok(()),
        }
    }

    /// As it is now; the standard library's own start changes it.
    #[cfg(unix)]
    pub fn now() -> Self {
        use std::os::fd::{AsFd, BorrowedFd};
        let is_closed = |stream: BorrowedFd| {
            let copy = stream.try_clone_to_owned();
            copy.is_err_and(|error| error.raw_os_error() == Some(EBADF))
        };
        Self {
            input: is_closed(io::stdin().as_fd()),
            output: is_closed(io::stdout().as_fd()),
        }
    }
}

/// The same number on every Unix.
const EBADF: i32 = 9;

/// What the system says of a closed stream.
pub fn bad_descriptor() -> io::Error {
    io::Error::from_raw_os_error(EBADF)
}

/// Writes to standard output; a reader that leaves is no error.
pub fn print(text: &str) -> Result<(), Error> {
    printed(output().and_then(|mut output| output.write_all(text.as_bytes())))
}

/// What came of writing to standard output, where a reader that leaves is no error.
pub fn printed(printed: io::Result<()>) -> Result<(), Error> {
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Write {
            path: STANDARD_OUTPUT.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Standard output as a file, whose errors are all told.
#[cfg(unix)]
pub fn output() -> io::Result<impl Write + Send> {
    use std::os::fd::AsFd;
    let copy = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(std::fs::File::from(copy))
}

#[cfg(not(unix))]
pub fn output() -> io::Result<impl Write + Send> {
    Ok(io::stdout())
}
