//! Four stages on named threads, joined by bounded channels. Knows no text.
//!
//! *Compute in parallel, decide in order*: the reader deals its items to the workers, does the
//! work itself while all of them are busy, and tells the decider where the next item is to be
//! found. So the order is kept without a buffer to sort in, and the number of items under way has
//! one exact bound ([`in_flight`]).
//!
//! A stage that ends drops its channel ends, and its neighbours see that: there is no
//! flag to poll and nothing to time out. A panic ends a stage like any return, and is
//! told apart when the threads are joined.
//!
//! `interleavings` runs this file and [`Ahead`] in many orders of their steps.

mod ahead;
mod clock;
mod deal;
#[cfg_attr(shuttle, path = "../interleavings/src/threads.rs")]
mod threads;

use std::any::Any;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

pub use ahead::{Ahead, Work};
use clock::Clock;
pub use clock::Spent;
use deal::{Dealer, Dealt, Turn};
use threads::{Builder, Receiver, Scope, ScopedJoinHandle, Sender, bounded, scope};

/// Items in each worker's input and output channel, and between decider and writer. Two
/// instead of one make two cores 5 % faster; four gain nothing more.
const CHANNEL: usize = 2;

/// Items that were dealt and not yet collected: for each worker what a full channel before it, its
/// hand and a full channel behind it hold, whether they are there or the reader has done them.
const fn turns(workers: NonZeroUsize) -> usize {
    workers.get() * (2 * CHANNEL + 1)
}

/// Items that exist at most while the writer is stalled: one for each turn; one each in the
/// reader's, the decider's and the writer's hands; and a full channel between the last two.
pub const fn in_flight(workers: NonZeroUsize) -> usize {
    turns(workers) + 3 + CHANNEL
}

/// Where the time of a run went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub reader: Spent,
    pub workers: Spent,
    pub decider: Spent,
    pub writer: Spent,
}

/// Why a run came to no good end.
#[derive(Debug)]
pub enum Failure<E> {
    /// The writer gave up.
    Writer(E),
    /// A stage panicked: a bug.
    Panic { stage: String, message: String },
    /// A thread could not be started.
    Spawn(io::Error),
}

/// The four stages. `read` is handed the function that passes an item on; a stage that breaks ends the
/// run in good order, after what it returned with the break has been passed on.
pub struct Stages<R, P, D, W> {
    pub read: R,
    /// Called once for each worker, of which the reader is one.
    pub worker: P,
    pub decide: D,
    pub write: W,
}

impl<R, P, D, W> Stages<R, P, D, W> {
    /// Runs to the end and returns what `read` returned, and where the time went.
    ///
    /// # Errors
    /// The writer's error; else the first stage that panicked; else a thread that did not start.
    pub fn run<A, B, C, T, Q, E>(self, workers: NonZeroUsize) -> Result<(T, Times), Failure<E>>
    where
        R: FnOnce(&mut dyn FnMut(A) -> ControlFlow<()>) -> T + Send,
        P: Fn() -> Q,
        Q: FnMut(A) -> B + Send,
        D: FnMut(B) -> C + Send,
        W: FnMut(C) -> Result<ControlFlow<()>, E> + Send,
        A: Send,
        B: Send,
        C: Send,
        T: Send,
        E: Send,
    {
        let Self {
            read,
            worker,
            mut decide,
            mut write,
        } = self;
        scope(|threads| {
            let others = workers.get() - 1;
            let (to_workers, from_workers, handles) =
                start_workers(threads, others, &worker).map_err(Failure::Spawn)?;
            let (to_decider, turns) = bounded(turns(workers));
            let (to_writer, to_write) = bounded(CHANNEL);

            let work = worker();
            let reader = spawn(threads, "reader", move || {
                let mut dealer = Dealer::new(to_workers, to_decider, work);
                let read = read(&mut |item| dealer.deal(item));
                (read, dealer.end())
            });
            let decider = spawn(threads, "deduplicator", move || {
                let mut clock = Clock::default();
                while let Some(item) = clock.waits(|| collect(&turns, &from_workers)) {
                    let decided = decide(item);
                    if clock.waits(|| pass(&to_writer, decided)).is_break() {
                        break;
                    }
                }
                clock.stop()
            });
            let writer = spawn(threads, "writer", move || {
                let mut clock = Clock::default();
                while let Ok(item) = clock.waits(|| to_write.recv()) {
                    if write(item)?.is_break() {
                        break;
                    }
                }
                Ok(clock.stop())
            });

            // A thread that did not start has dropped its closure and with it its channel
            // ends, so the others end too and can be joined.
            let written = writer.map_err(Failure::Spawn).and_then(join);
            let workers: Vec<_> = handles
                .into_iter()
                .map(|handle| handle.map_err(Failure::Spawn).and_then(join))
                .collect();
            let decider = decider.map_err(Failure::Spawn).and_then(join);
            let read = reader.map_err(Failure::Spawn).and_then(join);
            let writer = written?.map_err(Failure::Writer)?;
            let workers = (workers.into_iter()).try_fold(Spent::default(), |sum, spent| {
                spent.map(|spent| sum + spent)
            })?;
            let decider = decider?;
            let (read, dealt) = read?;
            let Dealt {
                reader,
                worked,
                panic,
            } = dealt;
            if let Some(panic) = panic {
                return Err(panicked(format!("parser-{others}"), panic.as_ref()));
            }
            let times = Times {
                reader,
                workers: workers + worked,
                decider,
                writer,
            };
            Ok((read, times))
        })
    }
}

type Handle<'scope, T> = io::Result<ScopedJoinHandle<'scope, T>>;
type Workers<'scope, A, B> = (Vec<Sender<A>>, Vec<Receiver<B>>, Vec<Handle<'scope, Spent>>);

fn start_workers<'scope, A, B, Q>(
    threads: &'scope Scope<'scope, '_>,
    workers: usize,
    worker: &impl Fn() -> Q,
) -> io::Result<Workers<'scope, A, B>>
where
    Q: FnMut(A) -> B + Send + 'scope,
    A: Send + 'scope,
    B: Send + 'scope,
{
    let (mut inputs, mut outputs, mut handles) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..workers {
        let (input, items) = bounded(CHANNEL);
        let (results, output) = bounded(CHANNEL);
        let mut work = worker();
        handles.push(Ok(spawn(
            threads,
            &format!("parser-{number}"),
            move || {
                let mut clock = Clock::default();
                while let Ok(item) = clock.waits(|| items.recv()) {
                    let done = work(item);
                    if clock.waits(|| pass(&results, done)).is_break() {
                        break;
                    }
                }
                clock.stop()
            },
        )?));
        inputs.push(input);
        outputs.push(output);
    }
    Ok((inputs, outputs, handles))
}

fn spawn<'scope, T: Send + 'scope>(
    threads: &'scope Scope<'scope, '_>,
    name: &str,
    stage: impl FnOnce() -> T + Send + 'scope,
) -> Handle<'scope, T> {
    Builder::new()
        .name(name.to_owned())
        .spawn_scoped(threads, stage)
}

fn collect<B>(turns: &Receiver<Turn<B>>, workers: &[Receiver<B>]) -> Option<B> {
    match turns.recv().ok()? {
        Turn::Of(worker) => workers[worker].recv().ok(),
        Turn::Done(item) => Some(item),
    }
}

fn pass<T>(to: &Sender<T>, item: T) -> ControlFlow<()> {
    match to.send(item) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn join<T, E>(handle: ScopedJoinHandle<'_, T>) -> Result<T, Failure<E>> {
    let stage = handle.thread().name().unwrap_or("unnamed").to_owned();
    let joined = handle.join();
    joined.map_err(|payload| panicked(stage, payload.as_ref()))
}

fn panicked<E>(stage: String, payload: &(dyn Any + Send)) -> Failure<E> {
    Failure::Panic {
        stage,
        message: message_of(payload),
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    const GO_ON: Result<ControlFlow<()>, String> = Ok(ControlFlow::Continue(()));

    fn workers(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    fn count_to(last: usize) -> impl FnOnce(&mut dyn FnMut(usize) -> ControlFlow<()>) -> usize {
        move |pass| (0..last).take_while(|&n| pass(n).is_continue()).count()
    }

    #[test]
    fn order_is_kept_for_any_number_of_workers() {
        for number in [1, 2, 3, 8] {
            let mut seen = Vec::new();
            let stages = Stages {
                read: count_to(1000),
                worker: || |n: usize| n * 2,
                decide: |n| n + 1,
                write: |n| {
                    seen.push(n);
                    GO_ON
                },
            };
            assert_eq!(stages.run(workers(number)).unwrap().0, 1000);
            assert_eq!(seen, (0..1000).map(|n| 2 * n + 1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_stalled_writer_stops_the_reader_after_exactly_so_many_items() {
        for number in [1, 2, 5] {
            let bound = in_flight(workers(number));
            let (read, released) = (AtomicUsize::new(0), (Mutex::new(false), Condvar::new()));
            let stages = Stages {
                read: |pass: &mut dyn FnMut(usize) -> ControlFlow<()>| {
                    for n in 0..bound + 10 {
                        read.fetch_add(1, Ordering::SeqCst);
                        let _ = pass(n);
                    }
                },
                worker: || |n: usize| n,
                decide: |n| n,
                write: |_| {
                    let mut open = released.0.lock().unwrap();
                    while !*open {
                        open = released.1.wait(open).unwrap();
                    }
                    GO_ON
                },
            };
            scope(|threads| {
                let run = threads.spawn(|| stages.run(workers(number)));
                while read.load(Ordering::SeqCst) < bound {
                    std::thread::yield_now();
                }
                std::thread::sleep(Duration::from_millis(100));
                let stalled_at = read.load(Ordering::SeqCst);
                *released.0.lock().unwrap() = true;
                released.1.notify_all();
                run.join().unwrap().unwrap();
                assert_eq!(stalled_at, bound, "{number} workers");
            });
            assert_eq!(read.load(Ordering::SeqCst), bound + 10);
        }
    }

    #[test]
    fn a_writer_that_breaks_ends_the_run_in_good_order() {
        let stages = Stages {
            read: count_to(usize::MAX),
            worker: || |n: usize| n,
            decide: |n| n,
            write: |n| {
                Ok::<_, String>(match n {
                    5 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                })
            },
        };
        assert!(stages.run(workers(2)).is_ok());
    }

    #[test]
    fn an_error_of_the_writer_ends_the_run() {
        let stages = Stages {
            read: count_to(usize::MAX),
            worker: || |n: usize| n,
            decide: |n| n,
            write: |_| Err("full"),
        };
        assert!(matches!(
            stages.run(workers(2)),
            Err(Failure::Writer("full"))
        ));
    }

    #[test]
    fn a_panic_in_any_stage_ends_the_run_and_names_the_stage() {
        for broken in ["reader", "parser", "deduplicator", "writer"] {
            let burst = |stage: &str, n: usize| {
                assert!(stage != broken || n != 7, "burst at {n}");
                n
            };
            let stages = Stages {
                read: |pass: &mut dyn FnMut(usize) -> ControlFlow<()>| {
                    let mut n = 0;
                    while pass(burst("reader", n)).is_continue() {
                        n += 1;
                    }
                },
                worker: || |n| burst("parser", n),
                decide: |n| burst("deduplicator", n),
                write: |n| {
                    burst("writer", n);
                    GO_ON
                },
            };
            match stages.run(workers(3)) {
                Err(Failure::Panic { stage, message }) => {
                    assert!(stage.starts_with(broken), "{stage}");
                    assert_eq!(message, "burst at 7");
                }
                other => panic!("{broken}: {other:?}"),
            }
        }
    }
}
