//! Four stages on named threads, joined by bounded channels. Knows no text.
//!
//! *Compute in parallel, decide in order*: the threads that read do the work too, and tell the
//! decider where the next item is to be found (`ring`). So the order is kept without a buffer to
//! sort in, and the number of items under way has one exact bound ([`in_flight`]).
//!
//! A stage that ends drops its channel ends, and its neighbours see that: there is no
//! flag to poll and nothing to time out. A panic ends a stage like any return, and is
//! told apart when the threads are joined.
//!
//! `interleavings` runs this file and [`Ahead`] in many orders of their steps.

mod ahead;
mod clock;
mod ring;
#[cfg_attr(shuttle, path = "../interleavings/src/threads.rs")]
mod threads;

use std::any::Any;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

pub use ahead::{Ahead, Work};
use clock::Clock;
pub use clock::Spent;
pub use ring::Passage;
use ring::{Did, Given, Ring, Turn, ring};
use threads::{Builder, Receiver, Scope, ScopedJoinHandle, Sender, bounded, scope};

/// Items that wait at each worker. Two instead of one make two cores 5 % faster; four gain nothing
/// more.
const CHANNEL: usize = 2;

/// Items that are done and wait behind each worker, and before the writer. Where all cores are busy,
/// decider and writer get one at the next tick of the system's scheduler only, some milliseconds
/// later: with room for two items, two cores take a twentieth more time.
const DONE: usize = 8;

/// Items that were dealt and not yet collected: for each worker what waits at it, what it has in its
/// hands and as many that are done, wherever they are.
const fn turns(workers: NonZeroUsize) -> usize {
    workers.get() * (2 * CHANNEL + 1)
}

/// Items that exist at most while the writer is stalled and one section is read: one for each turn;
/// one each in the reader's, the decider's and the writer's hands; and a full channel between the
/// last two.
pub const fn in_flight(workers: NonZeroUsize) -> usize {
    turns(workers) + 3 + DONE
}

/// Items that exist at most besides, when more sections are read at the same time: what all other
/// threads keep, and one in the hands of each.
pub const fn ahead(workers: NonZeroUsize) -> usize {
    (workers.get() - 1) * (kept(workers) + 1)
}

/// Parts that exist at most besides, when what comes of items is handed out in parts: a full channel
/// behind each worker and one in its hands, beside the item; and of the last worker that the decider
/// collects from, that item.
pub const fn in_parts(workers: NonZeroUsize) -> usize {
    workers.get() * (DONE + 2) + 1
}

/// Items of one section that are kept, done, while another one has the lead: for all threads
/// together half as many again as those of the oldest section, however many threads there are. Half
/// of that gains two thirds of it on two cores.
const fn kept(workers: NonZeroUsize) -> usize {
    match workers.get() - 1 {
        0 => 0,
        others => 3 * in_flight(workers) / (2 * others),
    }
}

/// Where the time of a run went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Of all threads that read.
    pub reader: Spent,
    pub readers: usize,
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

/// The four stages. `read` is handed a section, and where its items are passed on; a stage that
/// breaks ends the run in good order, after what it returned with the break has been passed on.
pub struct Stages<S, R, P, D, W> {
    pub sections: S,
    pub read: R,
    /// Makes a worker: one for each thread, and one more for a thread that works on an item while it
    /// waits for room for what came of another. A worker gives back what came of an item, and may hand
    /// out parts of it before, if that is much: they wait where what is done waits.
    pub worker: P,
    pub decide: D,
    pub write: W,
}

impl<S, R, P, D, W> Stages<S, R, P, D, W> {
    /// Runs to the end and returns where the time went.
    ///
    /// # Errors
    /// The writer's error; else the first stage that panicked; else a thread that did not start.
    pub fn run<A, B, C, Q, E>(self, workers: NonZeroUsize) -> Result<Times, Failure<E>>
    where
        S: Iterator + Send,
        R: Fn(S::Item, &mut dyn Passage<A>) -> ControlFlow<()> + Sync,
        P: Fn() -> Q + Sync,
        Q: FnMut(A, &mut dyn FnMut(B)) -> B + Send,
        D: FnMut(B) -> C + Send,
        W: FnMut(C) -> Result<ControlFlow<()>, E> + Send,
        A: Send,
        B: Send,
        C: Send,
        E: Send,
    {
        let Self {
            sections,
            read,
            worker,
            mut decide,
            mut write,
        } = self;
        let read = &read;
        scope(|threads| {
            let (to_decider, turns) = bounded(turns(workers));
            let Ring { members, results } = ring(workers, sections, to_decider, &worker);
            let members = (members.into_iter().rev())
                .map(|member| spawn(threads, &member.name(), move || member.run(read)))
                .collect::<io::Result<Vec<_>>>()
                .map_err(Failure::Spawn)?;
            let (to_writer, to_write) = bounded(DONE);
            let decider = spawn(threads, "deduplicator", move || {
                let mut clock = Clock::default();
                let mut unfinished = None;
                while let Some(item) = clock.waits(|| collect(&turns, &results, &mut unfinished)) {
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
            let did: Vec<_> = members.into_iter().map(join).collect();
            let decider = decider.map_err(Failure::Spawn).and_then(join);
            let mut times = Times {
                writer: written?.map_err(Failure::Writer)?,
                ..Times::default()
            };
            for did in did {
                let Did {
                    reader,
                    worked,
                    is_reader,
                    panic,
                } = did?;
                if let Some((stage, panic)) = panic {
                    return Err(panicked(stage, panic.as_ref()));
                }
                times.reader = times.reader + reader;
                times.workers = times.workers + worked;
                times.readers += usize::from(is_reader);
            }
            times.decider = decider?;
            Ok(times)
        })
    }
}

fn spawn<'scope, T: Send + 'scope>(
    threads: &'scope Scope<'scope, '_>,
    name: &str,
    stage: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new()
        .name(name.to_owned())
        .spawn_scoped(threads, stage)
}

/// `unfinished` is the worker that has given a part of an item, and not yet all of it.
fn collect<B>(
    turns: &Receiver<Turn<B>>,
    workers: &[Receiver<Given<B>>],
    unfinished: &mut Option<usize>,
) -> Option<B> {
    let turn = match unfinished.take() {
        Some(worker) => Turn::Of(worker),
        None => turns.recv().ok()?,
    };
    match turn {
        Turn::Of(worker) => {
            let given = workers[worker].recv().ok()?;
            *unfinished = (!given.is_last).then_some(worker);
            Some(given.done)
        }
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
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    const GO_ON: Result<ControlFlow<()>, String> = Ok(ControlFlow::Continue(()));

    fn workers(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    /// Sections of ten numbers, up to this one. Every other one may be read ahead.
    fn sections(last: usize) -> impl Iterator<Item = Range<usize>> + Send {
        (0..last)
            .step_by(10)
            .map(move |start| start..(start + 10).min(last))
    }

    fn read(section: Range<usize>, passage: &mut dyn Passage<usize>) -> ControlFlow<()> {
        match section.start % 20 {
            0 => passage.wait_for_lead()?,
            _ => passage.hand_on_course(),
        }
        section.into_iter().try_for_each(|n| passage.pass(n))
    }

    #[test]
    fn order_is_kept_for_any_number_of_workers() {
        for number in [1, 2, 3, 8] {
            let mut seen = Vec::new();
            let stages = Stages {
                sections: sections(1000),
                read,
                worker: || |n: usize, _: &mut dyn FnMut(_)| n * 2,
                decide: |n| n + 1,
                write: |n| {
                    seen.push(n);
                    GO_ON
                },
            };
            stages.run(workers(number)).unwrap();
            assert_eq!(seen, (0..1000).map(|n| 2 * n + 1).collect::<Vec<_>>());
        }
    }

    /// While the writer is stalled, exactly so many items of these sections are read, and all when it
    /// goes on.
    fn check_stalled_at(bound: usize, number: usize, sections: usize, items: usize) {
        let (read, released) = (AtomicUsize::new(0), (Mutex::new(false), Condvar::new()));
        let stages = Stages {
            sections: (0..sections).map(|_| 0..items),
            read: |section: Range<usize>, passage: &mut dyn Passage<usize>| {
                passage.hand_on_course();
                section.into_iter().try_for_each(|n| {
                    read.fetch_add(1, Ordering::SeqCst);
                    passage.pass(n)
                })
            },
            worker: || |n: usize, _: &mut dyn FnMut(_)| n,
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
        assert_eq!(read.load(Ordering::SeqCst), sections * items);
    }

    #[test]
    fn a_stalled_writer_stops_the_reader_after_exactly_so_many_items() {
        for number in [1, 2, 5] {
            let bound = in_flight(workers(number));
            check_stalled_at(bound, number, 1, bound + 10);
        }
    }

    #[test]
    fn a_stalled_writer_stops_all_readers_after_exactly_so_many_items() {
        for number in [2, 3] {
            let bound = in_flight(workers(number)) + ahead(workers(number));
            check_stalled_at(bound, number, number, bound);
        }
    }

    #[test]
    fn parts_of_an_item_stay_together_for_any_number_of_workers() {
        for number in [1, 2, 3, 8] {
            let mut seen = Vec::new();
            let stages = Stages {
                sections: sections(1000),
                read,
                worker: || {
                    |n: usize, hand_out: &mut dyn FnMut(_)| {
                        (0..n % 50).for_each(|part| hand_out((n, part)));
                        (n, n % 50)
                    }
                },
                decide: |part| part,
                write: |part| {
                    seen.push(part);
                    GO_ON
                },
            };
            stages.run(workers(number)).unwrap();
            let expected = (0..1000).flat_map(|n| (0..=n % 50).map(move |part| (n, part)));
            assert!(seen.into_iter().eq(expected), "{number} workers");
        }
    }

    #[test]
    fn a_writer_that_breaks_ends_the_run_in_good_order() {
        let stages = Stages {
            sections: sections(usize::MAX),
            read,
            worker: || |n: usize, _: &mut dyn FnMut(_)| n,
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
            sections: sections(usize::MAX),
            read,
            worker: || |n: usize, _: &mut dyn FnMut(_)| n,
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
                sections: sections(usize::MAX),
                read: |section: Range<usize>, passage: &mut dyn Passage<usize>| {
                    let mut numbers = section.into_iter();
                    numbers.try_for_each(|n| passage.pass(burst("reader", n)))
                },
                worker: || |n, _: &mut dyn FnMut(_)| burst("parser", n),
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
