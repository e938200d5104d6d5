//! Work that is done ahead, under many orders of its threads' steps: order, room, and every
//! way to end. See `explore` for what is tried, and why it is enough.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use citesift_interleavings::allow_threads;
use citesift_interleavings::pipeline::{Ahead, Work};
use explore::{Count, Item, explore, explore_all, up_to};

mod explore;

/// The number of the item at which a thread panics.
const BAD: usize = 1000;

/// Twice what three threads hold.
const MOST: usize = 12;

fn work() -> Work<Item> {
    Box::new(|item| {
        if item.number == BAD {
            resume_unwind(Box::new("bad"));
        }
        item
    })
}

fn ahead(threads: usize) -> Ahead<Item> {
    Ahead::new("work", threads, work)
}

/// Sends and receives as it comes until so many items are back, and checks their order.
fn carry(ahead: &mut Ahead<Item>, threads: usize, items: usize, count: &Arc<Count>) {
    let (mut sent, mut back) = (0, 0);
    while back < items {
        let room = ahead.has_room_beside(0);
        assert_eq!(room, sent - back < 2 * threads, "room for two a thread");
        if room && sent < items && up_to(2) > 0 {
            ahead.send(count.item(sent)).expect("a thread");
            sent += 1;
        } else if let Some(item) = ahead.receive().expect("a thread") {
            assert_eq!(item.number, back, "in order");
            back += 1;
        } else {
            assert_eq!(sent, back, "nothing under way");
        }
    }
    assert!(ahead.receive().expect("no thread is needed").is_none());
}

#[test]
fn items_come_back_once_in_order() {
    for threads in 1..=3 {
        explore(move |_| {
            let (count, items) = (Count::new(), up_to(MOST));
            let mut ahead = ahead(threads);
            carry(&mut ahead, threads, items, &count);
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}

/// In every order of the steps that there is.
#[test]
fn few_items_come_back_once_in_order_always() {
    for (threads, items) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        explore_all(move || {
            let (count, mut ahead) = (Count::new(), ahead(threads));
            for number in 0..items {
                ahead.send(count.item(number)).expect("a thread");
            }
            for number in 0..items {
                let item = ahead.receive().expect("a thread").expect("an item");
                assert_eq!(item.number, number);
            }
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}

#[test]
fn nothing_waits_to_send_while_there_is_room() {
    for threads in 1..=3 {
        explore(move |_| {
            let (count, mut ahead) = (Count::new(), ahead(threads));
            let mut sent = 0;
            // Nobody receives: one that waited would wait for ever.
            while ahead.has_room_beside(0) {
                ahead.send(count.item(sent)).expect("a thread");
                sent += 1;
            }
            assert_eq!(sent, 2 * threads);
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}

#[test]
fn dropped_at_any_time_it_ends_its_threads() {
    for threads in 1..=3 {
        explore(move |_| {
            let (count, mut ahead) = (Count::new(), ahead(threads));
            carry(&mut ahead, threads, up_to(MOST), &count);
            for number in 0..up_to(2 * threads) {
                ahead.send(count.item(number)).expect("a thread");
            }
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}

#[test]
fn a_panic_is_an_error_where_its_item_would_come_back() {
    for threads in 1..=3 {
        explore(move |_| {
            let (count, mut ahead) = (Count::new(), ahead(threads));
            let (items, bad) = (2 * threads, up_to(2 * threads - 1));
            let number = |at| if at == bad { BAD } else { at };
            // What is sent to a thread that panicked may be refused.
            let sent = (0..items).all(|at| ahead.send(count.item(number(at))).is_ok());
            assert!(sent || threads + bad < items);
            for at in 0..bad {
                let item = ahead.receive().expect("a thread").expect("an item");
                assert_eq!(item.number, at);
            }
            assert!(ahead.receive().is_err());
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}

#[test]
fn a_thread_that_does_not_start_is_an_error_and_the_others_end() {
    for threads in 2..=3 {
        explore(move |_| {
            let (count, mut ahead) = (Count::new(), ahead(threads));
            let allowed = 1 + up_to(threads - 2);
            allow_threads(Some(allowed));
            for number in 0..allowed {
                ahead.send(count.item(number)).expect("a thread");
            }
            assert!(ahead.send(count.item(allowed)).is_err());
            allow_threads(None);
            drop(ahead);
            assert_eq!(count.now.load(SeqCst), 0);
        });
    }
}
