//! The four stages under many orders of their steps: order, completeness, the bound on what is
//! under way, and every way to end. See `explore` for what is tried, and why it is enough.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::panic::resume_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use citesift_interleavings::allow_threads;
use citesift_interleavings::pipeline::{Failure, Passage, Stages, ahead, in_flight, in_parts};
use explore::{Count, Item, explore, explore_all, pause, up_to};

mod explore;

const WORKERS: [NonZeroUsize; 3] = [
    NonZeroUsize::MIN,
    NonZeroUsize::new(2).unwrap(),
    NonZeroUsize::new(3).unwrap(),
];

/// Items beyond those that fill everything: then all have to wait, and all go on.
const MORE: usize = 3;

/// What goes wrong, and at which item.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// The stage whose name begins like this panics.
    panic: Option<(&'static str, usize)>,
    breaks: Option<usize>,
    fails: Option<usize>,
    /// Steps for which the writer is stalled at its first item.
    stall: usize,
    /// What comes of this item is handed out in so many parts besides the last, and what comes of the
    /// others in up to two.
    parts: Option<(usize, usize)>,
    /// So many threads can be started.
    threads: Option<usize>,
}

/// A run of so many items in one section: how it ended, and what was written.
fn run(
    workers: NonZeroUsize,
    items: usize,
    fate: Fate,
    count: &Arc<Count>,
) -> (Result<usize, Failure<usize>>, Vec<usize>) {
    let outcome = run_in_sections(workers, items, usize::MAX, fate, count);
    assert!(count.most.load(SeqCst) <= in_flight(workers), "the bound");
    outcome
}

/// As `run`, in sections of so many items. All but every third may be read ahead.
fn run_in_sections(
    workers: NonZeroUsize,
    items: usize,
    section: usize,
    fate: Fate,
    count: &Arc<Count>,
) -> (Result<usize, Failure<usize>>, Vec<usize>) {
    let read = AtomicUsize::new(0);
    let (mut decided, mut written) = ((0, 0), Vec::new());
    let last_part = |number| last_part(number, fate);
    let meet = |stage: &'static str, number: usize| {
        count.met.lock().unwrap().push((stage, number));
        if fate.panic == Some((stage, number)) {
            // As a panic, but without its message on standard error.
            resume_unwind(Box::new(stage.to_owned()));
        }
    };
    allow_threads(fate.threads);
    let starts = (0..items).step_by(section);
    let stages = Stages {
        sections: starts.map(|start| start..start.saturating_add(section).min(items)),
        read: |section: Range<usize>, passage: &mut dyn Passage<Item>| {
            match section.start % 3 {
                0 => passage.wait_for_lead()?,
                _ => passage.hand_on_course(),
            }
            for number in section {
                meet("reader", number);
                passage.pass(count.item(number))?;
                read.fetch_add(1, SeqCst);
            }
            ControlFlow::Continue(())
        },
        worker: || {
            |mut item: Item, hand_out: &mut dyn FnMut(Item)| {
                let last = last_part(item.number);
                for part in 0..last {
                    hand_out(item.another(part));
                }
                meet("parser", item.number);
                item.part = last;
                item
            }
        },
        decide: |item: Item| {
            meet("deduplicator", item.number);
            assert_eq!((item.number, item.part), decided, "decided in order");
            decided = match item.part == last_part(item.number) {
                true => (item.number + 1, 0),
                false => (item.number, item.part + 1),
            };
            item
        },
        write: |item: Item| {
            for _ in 0..1 + fate.stall * usize::from(item.number == 0) {
                pause();
            }
            meet("writer", item.number);
            if fate.fails == Some(item.number) {
                return Err(item.number);
            }
            if item.part == last_part(item.number) {
                written.push(item.number);
            }
            Ok(match fate.breaks == Some(item.number) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        },
    };
    let outcome = stages.run(workers);
    allow_threads(None);
    assert_eq!(count.now.load(SeqCst), 0, "all items are gone");
    let besides = match fate.parts {
        None => 0,
        Some(_) => in_parts(workers),
    };
    let most = in_flight(workers) + ahead(workers) + besides;
    assert!(count.most.load(SeqCst) <= most, "the bound");
    (outcome.map(|_| read.into_inner()), written)
}

/// The number of the last part of what comes of an item.
fn last_part(item: usize, fate: Fate) -> usize {
    match fate.parts {
        Some((many, parts)) if many == item => parts,
        Some(_) => item % 3,
        None => 0,
    }
}

/// Numbers of items that were written are these, in this order.
fn assert_written(written: &[usize], most: usize) {
    assert!(
        written.iter().copied().eq(0..most),
        "{written:?}, not {most}"
    );
}

#[test]
fn every_item_is_written_once_in_order_and_no_more_than_the_bound_are_under_way() {
    for workers in WORKERS {
        let reached = explore(move |reached| {
            let (count, items) = (Count::new(), up_to(in_flight(workers) + MORE));
            let fate = Fate {
                stall: 50 * up_to(10),
                ..Fate::default()
            };
            let (outcome, written) = run(workers, items, fate, &count);
            assert_eq!(outcome.expect("a good end"), items);
            assert_written(&written, items);
            reached.fetch_max(count.most.load(SeqCst), SeqCst);
        });
        // Else the bound might be far too large.
        assert_eq!(reached, in_flight(workers), "{workers} workers");
    }
}

#[test]
fn sections_are_written_in_order_whoever_reads_them_and_when() {
    for workers in WORKERS {
        for section in [1, 2, 2 + ahead(workers)] {
            explore(move |_| {
                let (count, items) = (Count::new(), up_to(3 * section + MORE));
                let fate = Fate::default();
                let (outcome, written) = run_in_sections(workers, items, section, fate, &count);
                assert_eq!(outcome.expect("a good end"), items);
                assert_written(&written, items);
            });
        }
    }
}

#[test]
fn parts_of_an_item_stay_together_and_in_order_whoever_works_on_it() {
    for workers in WORKERS {
        explore(move |_| {
            let (count, items) = (Count::new(), 5 + up_to(MORE));
            // More than a thread keeps: if it has not the lead then it does what it is dealt in between.
            let fate = Fate {
                stall: 50 * up_to(10),
                parts: Some((up_to(items), up_to(MORE + ahead(workers)))),
                ..Fate::default()
            };
            let (outcome, written) = run_in_sections(workers, items, 2, fate, &count);
            assert_eq!(outcome.expect("a good end"), items);
            assert_written(&written, items);
        });
    }
}

#[test]
fn sections_end_where_the_writer_breaks_or_a_stage_panics() {
    for workers in WORKERS {
        for stage in ["reader", "parser", "deduplicator", "writer", ""] {
            explore(move |_| {
                let items = 1 + up_to(4 * MORE);
                let at = up_to(items - 1);
                let fate = Fate {
                    panic: Some((stage, at)),
                    breaks: Some(at).filter(|_| stage.is_empty()),
                    parts: Some((at, up_to(2))),
                    ..Fate::default()
                };
                let count = Count::new();
                let (outcome, written) = run_in_sections(workers, items, 2, fate, &count);
                match outcome {
                    Err(Failure::Panic { message, .. }) => assert_eq!(message, stage),
                    Ok(_) => assert!(stage.is_empty()),
                    other => panic!("{other:?}"),
                }
                match stage {
                    // In any of the parts that come of it.
                    "" => assert_written(&written, at + usize::from(last_part(at, fate) == 0)),
                    "deduplicator" | "writer" => assert_written(&written, at),
                    // It may have been ahead of others, which end with it.
                    _ => assert_written(&written, written.len().min(at)),
                }
            });
        }
    }
}

#[test]
fn nothing_to_do_ends_in_every_order_of_the_steps() {
    explore_all(|| {
        let (outcome, written) = run(NonZeroUsize::MIN, 0, Fate::default(), &Count::new());
        assert_eq!(outcome.expect("a good end"), 0);
        assert_written(&written, 0);
    });
}

#[test]
fn a_writer_that_breaks_ends_the_run_behind_what_it_took() {
    for workers in WORKERS {
        explore(move |_| {
            let items = 4 * in_flight(workers);
            let last = up_to(in_flight(workers));
            let fate = Fate {
                breaks: Some(last),
                ..Fate::default()
            };
            let (outcome, written) = run(workers, items, fate, &Count::new());
            let read = outcome.expect("a good end");
            assert!(
                last < read && read <= last + in_flight(workers) + 2,
                "{read}, not {last}"
            );
            assert_written(&written, last + 1);
        });
    }
}

#[test]
fn an_error_of_the_writer_is_what_comes_of_the_run_also_beside_a_panic() {
    for workers in WORKERS {
        explore(move |_| {
            let items = 1 + up_to(in_flight(workers) + MORE);
            let (fails, panics) = (up_to(items - 1), up_to(items));
            let fate = Fate {
                fails: Some(fails),
                panic: Some(("parser", panics)),
                ..Fate::default()
            };
            let (outcome, written) = run(workers, items, fate, &Count::new());
            assert_written(&written, fails.min(panics));
            match outcome {
                Err(Failure::Writer(number)) => assert!(number == fails && fails < panics),
                Err(Failure::Panic { .. }) => assert!(panics <= fails),
                other => panic!("{other:?}"),
            }
        });
    }
}

#[test]
fn a_panic_in_any_stage_ends_the_run_behind_what_came_before_it() {
    for workers in WORKERS {
        for stage in ["reader", "parser", "deduplicator", "writer"] {
            explore(move |_| {
                let items = 1 + up_to(in_flight(workers) + MORE);
                let at = up_to(items - 1);
                let fate = Fate {
                    panic: Some((stage, at)),
                    ..Fate::default()
                };
                let (outcome, written) = run(workers, items, fate, &Count::new());
                match outcome {
                    Err(Failure::Panic {
                        stage: named,
                        message,
                    }) => {
                        // Which parser it was depends on which had room.
                        let is_named = match named.strip_prefix("parser-") {
                            Some(number) => {
                                stage == "parser"
                                    && number.parse::<usize>().unwrap() < workers.get()
                            }
                            None => named == stage,
                        };
                        assert!(is_named && message == stage, "{named}: {message}");
                    }
                    other => panic!("{other:?}"),
                }
                assert_written(&written, at);
            });
        }
    }
}

#[test]
fn a_thread_that_does_not_start_ends_the_run() {
    for workers in WORKERS {
        explore(move |_| {
            let fate = Fate {
                // One for each worker, and two stages.
                threads: Some(up_to(workers.get() + 1)),
                ..Fate::default()
            };
            let items = up_to(in_flight(workers) + MORE);
            let (outcome, written) = run(workers, items, fate, &Count::new());
            assert!(matches!(outcome, Err(Failure::Spawn(io::Error { .. }))));
            assert_written(&written, 0);
        });
    }
}

#[test]
fn hardly_two_runs_are_alike() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let orders = Arc::clone(&seen);
    explore(move |_| {
        let count = Count::new();
        let (_, written) = run(WORKERS[1], 10, Fate::default(), &count);
        assert_written(&written, 10);
        orders
            .lock()
            .unwrap()
            .insert(mem::take(&mut *count.met.lock().unwrap()));
    });
    let orders = seen.lock().unwrap().len();
    println!("{orders} orders");
    assert!(orders > 5000, "{orders}");
}
