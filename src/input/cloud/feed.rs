//! An object as it flows in: its first range alone, for most objects are small and some are only
//! looked at, and then a few ranges ahead of the reader, in order.
//!
//! At most seven ranges are held at once: four under way, one that waits to be passed on, one that
//! waits to be read, and the one that is read. Where a server knows no ranges, or does not tell
//! one version of an object from another, it is read in one answer.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::fetch::{Failure, FailureKind, Tries, Version, Wanted, cut};
use super::network::{Network, Task};

/// The first range.
const FIRST: u64 = 256 << 10;
/// Ranges double up to this: it takes longer to come than to be asked for.
const LARGEST: u64 = 2 << 20;
/// Ranges under way.
const AHEAD: usize = 4;

/// What comes of an object, in this order.
enum Piece {
    Begun(Version),
    Bytes(Bytes),
    End,
}

/// An object that is being read.
pub struct Feed {
    network: Arc<Network>,
    pieces: Receiver<io::Result<Piece>>,
    version: Option<Version>,
    _task: Task<()>,
}

impl Feed {
    /// Begins to read an object from there on.
    pub fn begin(network: &Arc<Network>, wanted: Wanted, from: u64) -> Self {
        let (sender, pieces) = channel(1);
        let feeding = async move {
            let outcome = Feeding {
                wanted,
                sender: &sender,
            }
            .feed(from)
            .await;
            let last = match outcome {
                Ok(()) => Ok(Piece::End),
                Err(failure) => Err(failure.error),
            };
            // Nobody may want it any longer.
            let _ = sender.send(last).await;
        };
        Self {
            network: Arc::clone(network),
            pieces,
            version: None,
            _task: network.spawn(feeding),
        }
    }

    /// Waits for what the object is.
    ///
    /// # Errors
    /// It is not there, may not be read, or cannot be reached.
    pub fn version(&mut self) -> io::Result<Version> {
        if let Some(version) = &self.version {
            return Ok(version.clone());
        }
        match self.next()? {
            Piece::Begun(version) => {
                self.version = Some(version.clone());
                Ok(version)
            }
            Piece::Bytes(_) | Piece::End => Err(io::Error::other("bytes before they were begun")),
        }
    }

    /// Waits for the object's beginning.
    ///
    /// # Errors
    /// Those of [`version`](Self::version).
    pub fn wait(mut self) -> io::Result<Begun> {
        let version = self.version()?;
        let incoming = Incoming {
            feed: self,
            piece: Bytes::new(),
            is_at_end: false,
        };
        Ok(Begun { version, incoming })
    }

    fn next(&mut self) -> io::Result<Piece> {
        let piece = self.network.wait(self.pieces.recv())?;
        // Its end is said: one that is silent is no end.
        piece.unwrap_or_else(|| Err(io::Error::other("the thread of the network has ended")))
    }
}

/// An object whose beginning is there.
pub struct Begun {
    pub version: Version,
    pub incoming: Incoming,
}

/// Its bytes.
pub struct Incoming {
    feed: Feed,
    piece: Bytes,
    is_at_end: bool,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_at_end {
            match self.feed.next() {
                Ok(Piece::Bytes(bytes)) => self.piece = bytes,
                Ok(Piece::End) => self.is_at_end = true,
                Ok(Piece::Begun(_)) => {}
                Err(error) => {
                    self.is_at_end = true;
                    return Err(error);
                }
            }
        }
        let read = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..read]);
        if self.piece.is_empty() {
            // A range that is read is not held while the next one is waited for.
            self.piece = Bytes::new();
        }
        Ok(read)
    }
}

/// The thread's side.
struct Feeding<'s> {
    wanted: Wanted,
    sender: &'s Sender<io::Result<Piece>>,
}

impl Feeding<'_> {
    async fn feed(&self, from: u64) -> Result<(), Failure> {
        let first = self.wanted.range(from..from + FIRST, None).await;
        match first {
            Ok((bytes, version)) => self.ranges(from, bytes, version).await,
            Err(failure) => match failure.kind {
                FailureKind::NoRanges => self.whole(from).await,
                FailureKind::Beyond => self.nothing(from, failure).await,
                _ => Err(failure),
            },
        }
    }

    /// A range behind the end is all that can be asked of an empty object.
    async fn nothing(&self, from: u64, failure: Failure) -> Result<(), Failure> {
        match self.wanted.length().await? {
            length if length == from => self.whole(from).await,
            _ => Err(failure),
        }
    }

    async fn ranges(&self, from: u64, first: Bytes, version: Version) -> Result<(), Failure> {
        let reached = from + first.len() as u64;
        self.pass(Piece::Begun(version.clone())).await?;
        self.pass(Piece::Bytes(first)).await?;
        // Is taken when the first range has been read to its end, and no earlier: whoever only
        // looks at an object asks for no more.
        self.pass(Piece::Bytes(Bytes::new())).await?;
        let version = Arc::new(version);
        let mut ranges = Ranges::of(reached..version.length);
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < AHEAD
                && let Some(range) = ranges.next()
            {
                let (wanted, version) = (self.wanted.clone(), Arc::clone(&version));
                under_way.push_back(Task::beside(async move {
                    wanted.range(range, Some(&version)).await
                }));
            }
            let Some(next) = under_way.pop_front() else {
                return Ok(());
            };
            let outcome = next.outcome().await.map_err(Failure::from)?;
            self.pass(Piece::Bytes(outcome?.0)).await?;
        }
    }

    /// In one answer, as far as that goes; what was read before is passed over.
    async fn whole(&self, from: u64) -> Result<(), Failure> {
        let mut reached = from;
        let mut version: Option<Version> = None;
        let mut tries = Tries::new();
        loop {
            let failure = match self.wanted.get(None, version.as_ref()).await {
                Ok(result) => {
                    let found = Version::of(&result.meta);
                    if version.is_none() {
                        self.pass(Piece::Begun(found.clone())).await?;
                        version = Some(found.clone());
                    }
                    let mut skipped = reached;
                    let mut pieces = result.into_stream();
                    loop {
                        match pieces.next().await {
                            None if reached == found.length => return Ok(()),
                            None => break Failure::passing("the answer ends before the object"),
                            Some(Err(error)) => break Failure::passing(cut(&error)),
                            Some(Ok(mut piece)) => {
                                let before = skipped.min(piece.len() as u64);
                                skipped -= before;
                                piece.advance(before as usize);
                                reached += piece.len() as u64;
                                if !piece.is_empty() {
                                    tries.came_on();
                                    self.pass(Piece::Bytes(piece)).await?;
                                }
                            }
                        }
                    }
                }
                Err(failure) => failure,
            };
            if version.as_ref().is_some_and(|version| !version.is_told()) {
                let error = io::Error::other(format!(
                    "{}, and the server does not tell one version from another, so it is not gone \
                     on with",
                    failure.error
                ));
                return Err(Failure::from(error));
            }
            tries.again(failure, &self.wanted.store).await?;
        }
    }

    async fn pass(&self, piece: Piece) -> Result<(), Failure> {
        let passed = self.sender.send(Ok(piece)).await;
        passed.map_err(|_| Failure::from(io::Error::other("nobody reads it")))
    }
}

/// Nothing to try again.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            kind: FailureKind::Lasting,
            error,
        }
    }
}

/// The ranges that an object is read in.
struct Ranges {
    rest: Range<u64>,
    size: u64,
}

impl Ranges {
    fn of(rest: Range<u64>) -> Self {
        Self {
            rest,
            size: 2 * FIRST,
        }
    }
}

impl Iterator for Ranges {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        if self.rest.is_empty() {
            return None;
        }
        let larger = (2 * self.size).min(LARGEST);
        let size = mem::replace(&mut self.size, larger);
        let end = self.rest.end.min(self.rest.start + size);
        let start = mem::replace(&mut self.rest.start, end);
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_and_leave_nothing_out() {
        let ranges: Vec<_> = Ranges::of(7..20 << 20).collect();
        assert_eq!((ranges[0].start, ranges.last().unwrap().end), (7, 20 << 20));
        assert!(ranges.windows(2).all(|two| two[0].end == two[1].start));
        let sizes: Vec<_> = ranges.iter().map(|range| range.end - range.start).collect();
        assert_eq!(sizes[..4], [512 << 10, 1 << 20, LARGEST, LARGEST]);
        assert!(sizes.iter().all(|&size| size > 0 && size <= LARGEST));
        assert_eq!(Ranges::of(7..7).count(), 0);
    }
}
