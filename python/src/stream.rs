//! What a thread of its own hands over piece by piece, for a Python thread that waits for it: the
//! interpreter's lock is released meanwhile, and a signal is obeyed.

use std::mem;
use std::ops::ControlFlow;
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long a signal may wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a thread that is not wanted any more is waited for. What it has at hand takes a fraction
/// of a second, and an input that says nothing takes for ever.
const GRACE: Duration = Duration::from_secs(2);

/// Pieces, and what came of it all in the end.
pub struct Stream<T, E> {
    state: Mutex<State<T, E>>,
    /// Where the thread is. A process that is forked from there has a copy of all but the thread,
    /// and of locks that nobody opens.
    process: u32,
}

struct State<T, E> {
    /// None once no more are wanted.
    pieces: Option<(Receiver<T>, Arc<Wanted>)>,
    /// Nothing ever comes; its other end is gone when the thread has done its work.
    done: Receiver<()>,
    thread: Option<JoinHandle<E>>,
}

/// Is there as long as pieces are wanted.
struct Wanted;

/// The end into which the thread puts its pieces.
pub struct Pieces<T> {
    pieces: SyncSender<T>,
    wanted: Weak<Wanted>,
}

impl<T> Pieces<T> {
    /// Waits until there is room; breaks when no more are wanted.
    pub fn hand_over(&self, piece: T) -> ControlFlow<()> {
        match self.pieces.send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Breaks when no more are wanted.
    pub fn go_on(&self) -> ControlFlow<()> {
        match self.wanted.strong_count() {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Stream<T, E> {
    /// Starts a thread, which is to end when no more of its pieces are wanted.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(name: &str, run: impl FnOnce(Pieces<T>) -> E + Send + 'static) -> PyResult<Self> {
        // One piece waits while another is looked at.
        let (pieces_in, pieces) = sync_channel(1);
        let wanted = Arc::new(Wanted);
        let pieces_in = Pieces {
            pieces: pieces_in,
            wanted: Arc::downgrade(&wanted),
        };
        let (working, done) = sync_channel(0);
        let thread = thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            let _working: SyncSender<()> = working;
            run(pieces_in)
        })?;
        let state = State {
            pieces: Some((pieces, wanted)),
            done,
            thread: Some(thread),
        };
        Ok(Self {
            state: Mutex::new(state),
            process: process::id(),
        })
    }

    /// The next piece; none when all were taken, or nobody wants more.
    ///
    /// # Errors
    /// What a signal's handler raises, and the thread is then left to its end; another process.
    pub fn next(&self, py: Python) -> PyResult<Option<T>> {
        self.look_where()?;
        loop {
            let piece = py.detach(|| match &self.lock().pieces {
                Some((pieces, _)) => pieces.recv_timeout(PATIENCE),
                None => Err(RecvTimeoutError::Disconnected),
            });
            match piece {
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.obey(py)?,
            }
        }
    }

    /// Takes no more pieces, waits for the thread's end, and returns what it gives the first time
    /// that it is asked.
    ///
    /// # Errors
    /// What a signal's handler raises, and the thread is then left to its end; its panic; another
    /// process.
    pub fn end(&self, py: Python) -> PyResult<Option<E>> {
        self.look_where()?;
        self.end_until(py, None)
    }

    /// As `end`, but gives nothing and leaves the thread to its end when that does not come soon, and
    /// in another process.
    ///
    /// # Errors
    /// Else those of `end`.
    pub fn close(&self, py: Python) -> PyResult<Option<E>> {
        if !self.is_here() {
            return Ok(None);
        }
        self.end_until(py, Some(Instant::now() + GRACE))
    }

    fn end_until(&self, py: Python, latest: Option<Instant>) -> PyResult<Option<E>> {
        loop {
            let is_late = latest.is_some_and(|latest| Instant::now() >= latest);
            let ended = py.detach(|| self.lock().try_end(is_late));
            match ended {
                ControlFlow::Break(None) => return Ok(None),
                ControlFlow::Break(Some(Ok(end))) => return Ok(Some(end)),
                ControlFlow::Break(Some(Err(_))) => {
                    return Err(crate::failed("bug: a thread panicked".to_owned()));
                }
                ControlFlow::Continue(()) => self.obey(py)?,
            }
        }
    }

    fn obey(&self, py: Python) -> PyResult<()> {
        py.check_signals().inspect_err(|_| {
            py.detach(|| self.lock().leave());
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> Stream<T, E> {
    fn is_here(&self) -> bool {
        process::id() == self.process
    }

    fn look_where(&self) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        let message = "this was begun in another process; begin anew";
        Err(crate::failed(message.to_owned()))
    }
}

impl<T, E> Drop for Stream<T, E> {
    /// In another process nothing is closed, for that may wait for the thread.
    fn drop(&mut self) {
        if !self.is_here() {
            let state = self.state.get_mut();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            mem::forget((state.pieces.take(), state.thread.take()));
        }
    }
}

impl<T, E> State<T, E> {
    /// Breaks when no more patience is needed, with what the thread gave, if it was not left or asked before.
    fn try_end(&mut self, is_late: bool) -> ControlFlow<Option<thread::Result<E>>> {
        self.pieces = None;
        if self.thread.is_none() {
            return ControlFlow::Break(None);
        }
        match self.done.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) if is_late => self.leave(),
            Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
            _ => {}
        }
        ControlFlow::Break(self.thread.take().map(JoinHandle::join))
    }

    /// Takes no more pieces, and leaves the thread to its end.
    fn leave(&mut self) {
        self.pieces = None;
        self.thread = None;
    }
}
