//! The threads that read and work. Each does both, and two batons go round them.
//!
//! What is to be read comes in sections. Who has the *course* takes the next one, and hands the
//! course on as soon as the next thread may take the one behind it. Who has the *lead* reads the
//! oldest section under way, and it alone passes items on: to a thread that has room, and else it
//! does their work itself. A section that is read without the lead has its items' work done on
//! the spot and kept, up to a bound. Between them the thread does what the lead deals to it, if they
//! come so quickly that the lead need not wait: so what is kept lasts until the next section has the
//! lead, and eight zstd files on two cores take 0.93 of the time.
//! At a section's end the lead goes on to the thread that has the next one.
//!
//! So a reader whose others are all busy does not wait but works, on the core that has just read
//! the item and still has it in its cache, and so many threads less need to be woken: with two
//! threads on two cores a run takes a fifth less time than with two beside a reader. And sources
//! that are slow to decompress are decompressed side by side, as far as is kept of them.

use std::any::Any;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::clock::{Clock, Spent};
use super::threads::{Receiver, Sender, TryRecvError, bounded, yield_now};
use super::{CHANNEL, DONE, kept, pass};

/// Time in which a thread is likely to look into its inbox again.
const SOON: Duration = Duration::from_millis(5);

/// Where a section's items go.
pub trait Passage<A> {
    /// Sees to it that an item's work is done; breaks when nobody wants it.
    fn pass(&mut self, item: A) -> ControlFlow<()>;

    /// Whether all before this section has been passed on, and what it passes goes on at once.
    fn leads(&self) -> bool;

    /// Waits for the lead; breaks when it will never come.
    fn wait_for_lead(&mut self) -> ControlFlow<()>;

    /// Lets another thread take the next section. Else it does so at the end of this one.
    fn hand_on_course(&mut self);
}

/// Of one thread alone: it always leads.
impl<A, F: FnMut(A) -> ControlFlow<()>> Passage<A> for F {
    fn pass(&mut self, item: A) -> ControlFlow<()> {
        self(item)
    }

    fn leads(&self) -> bool {
        true
    }

    fn wait_for_lead(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn hand_on_course(&mut self) {}
}

/// Where the decider finds the next item; in the order in which items were read.
pub enum Turn<B> {
    /// It is what this thread gives back next.
    Of(usize),
    /// Its work is done. Of one that is handed out in parts, this is one of them.
    Done(B),
}

/// What a thread gives back of an item that it was dealt.
pub struct Given<B> {
    pub done: B,
    /// No more of the same item will follow.
    pub is_last: bool,
}

/// What comes into a thread's inbox.
enum Message<A, B, S> {
    Item(A),
    Course(S),
    Lead(Lead<A, B, S>),
}

/// The right to pass on.
struct Lead<A, B, S> {
    /// All threads.
    others: Vec<Other<A, B, S>>,
    /// The thread that is asked first.
    next: usize,
    turns: Sender<Turn<B>>,
}

impl<A, B, S> Lead<A, B, S> {
    /// Gives an item to a thread that has room, which is the result, or back.
    fn deal(&mut self, item: A, leading: usize) -> Result<Option<usize>, A> {
        for _ in 0..self.others.len() {
            let number = self.next;
            self.next = (number + 1) % self.others.len();
            let Other { inbox, is_free } = &self.others[number];
            // Nobody else sends items there, so the room is still there when this one is sent.
            if number != leading && is_free.load(Relaxed) && inbox.len() < CHANNEL {
                let sent = inbox.send(Message::Item(item));
                return Ok(sent.is_ok().then_some(number));
            }
        }
        Err(item)
    }
}

/// A thread as the others see it.
struct Other<A, B, S> {
    inbox: Sender<Message<A, B, S>>,
    /// It waits for items, or will look for some soon. One that is dealt to it when it no longer does
    /// is late and not lost.
    is_free: Arc<AtomicBool>,
}

/// One of the threads.
pub struct Member<'w, A, B, S, Q> {
    number: usize,
    inbox: Receiver<Message<A, B, S>>,
    /// The inbox of the next in the ring.
    after: Sender<Message<A, B, S>>,
    results: Sender<Given<B>>,
    worker: &'w (dyn Fn() -> Q + Sync),
    /// Those of its workers that have nothing to do; boxed, for they may be large.
    idle: Vec<Box<Q>>,
    /// Of which it has not yet taken a section.
    course: Option<S>,
    /// Of which it has, and which it has not yet handed on.
    taken: Option<S>,
    lead: Option<Lead<A, B, S>>,
    kept: VecDeque<B>,
    most_kept: usize,
    is_free: Arc<AtomicBool>,
    /// When it last looked into its inbox or began to read.
    looked: Instant,
    clock: Clock,
    did: Did,
}

/// What a thread did.
#[derive(Default)]
pub struct Did {
    pub reader: Spent,
    pub worked: Spent,
    /// It has taken a section.
    pub is_reader: bool,
    /// The stage that panicked in it.
    pub panic: Option<(String, Box<dyn Any + Send>)>,
}

/// The threads, of which the first has both batons, and where each gives back what it was dealt.
pub struct Ring<'w, A, B, S, Q> {
    pub members: Vec<Member<'w, A, B, S, Q>>,
    pub results: Vec<Receiver<Given<B>>>,
}

/// A ring of so many threads.
pub fn ring<A, B, S, Q>(
    threads: NonZeroUsize,
    course: S,
    to_decider: Sender<Turn<B>>,
    worker: &(dyn Fn() -> Q + Sync),
) -> Ring<'_, A, B, S, Q> {
    let (most_kept, threads) = (kept(threads), threads.get());
    // Besides items an inbox holds both batons.
    let inboxes = (0..threads).map(|_| bounded(CHANNEL + 2));
    let (to, inboxes): (Vec<_>, Vec<_>) = inboxes.unzip();
    let (results, given_back): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded(DONE)).unzip();
    let are_free: Vec<_> = (0..threads)
        .map(|_| Arc::new(AtomicBool::new(true)))
        .collect();
    let mut batons = Some((course, to_decider));
    let members = inboxes.into_iter().zip(results).enumerate();
    let members = members.map(|(number, (inbox, results))| {
        let (course, turns) = batons.take().unzip();
        Member {
            number,
            inbox,
            after: to[(number + 1) % threads].clone(),
            results,
            worker,
            idle: Vec::new(),
            course,
            taken: None,
            lead: turns.map(|turns| {
                let others = to.iter().zip(&are_free);
                Lead {
                    others: (others.map(|(inbox, is_free)| Other {
                        inbox: inbox.clone(),
                        is_free: Arc::clone(is_free),
                    }))
                    .collect(),
                    next: 0,
                    turns,
                }
            }),
            kept: VecDeque::new(),
            most_kept,
            is_free: Arc::clone(&are_free[number]),
            looked: Instant::now(),
            clock: Clock::default(),
            did: Did::default(),
        }
    });
    Ring {
        members: members.collect(),
        results: given_back,
    }
}

impl<A, B, S, Q> Member<'_, A, B, S, Q>
where
    S: Iterator,
    Q: FnMut(A, &mut dyn FnMut(B)) -> B,
{
    /// Its thread's name.
    pub fn name(&self) -> String {
        format!("parser-{}", self.number)
    }

    /// Reads and works until there is nothing to read any more, or nobody wants it.
    pub fn run(mut self, read: &impl Fn(S::Item, &mut dyn Passage<A>) -> ControlFlow<()>) -> Did {
        let went = catch_unwind(AssertUnwindSafe(|| self.rounds(read)));
        if let Err(panic) = went {
            self.did.panic = Some(("reader".to_owned(), panic));
        }
        let Self {
            inbox,
            after,
            results,
            course,
            taken,
            lead,
            kept,
            clock,
            mut did,
            ..
        } = self;
        did.reader = clock.stop();
        drop((after, results, course, taken, lead, kept));
        // A baton may be on its way here, and holds the ends of channels for which others wait.
        while inbox.recv().is_ok() {}
        did
    }

    fn rounds(
        &mut self,
        read: &impl Fn(S::Item, &mut dyn Passage<A>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        loop {
            while self.course.is_none() {
                self.attend()?;
            }
            self.taken = self.course.take();
            let Some(section) = self.taken.as_mut().and_then(Iterator::next) else {
                self.taken = None;
                // Others may still read.
                return self.wait_for_lead();
            };
            self.did.is_reader = true;
            self.is_free.store(false, Relaxed);
            self.looked = Instant::now();
            read(section, self)?;
            self.hand_on_course();
            self.wait_for_lead()?;
            if let Some(lead) = self.lead.take() {
                pass(&self.after, Message::Lead(lead))?;
            }
        }
    }

    /// Waits for what comes next, and does it.
    fn attend(&mut self) -> ControlFlow<()> {
        self.is_free.store(true, Relaxed);
        let waiting = &mut self.did.worked.waiting;
        match self.clock.lends(waiting, || self.inbox.recv()) {
            Ok(message) => self.take(message),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Does what has come.
    fn catch_up(&mut self) -> ControlFlow<()> {
        loop {
            match self.inbox.try_recv() {
                Ok(message) => self.take(message)?,
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
            }
        }
    }

    fn take(&mut self, message: Message<A, B, S>) -> ControlFlow<()> {
        match message {
            Message::Item(item) => self.do_work(item, Self::give_back),
            Message::Course(course) => {
                self.course = Some(course);
                ControlFlow::Continue(())
            }
            Message::Lead(lead) => {
                self.lead = Some(lead);
                while let Some(done) = self.kept.pop_front() {
                    self.pass_on(Turn::Done(done))?;
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Does an item's work and gives what comes of it to where it belongs, with whether it is the last.
    fn do_work(
        &mut self,
        item: A,
        give: impl Fn(&mut Self, B, bool) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let idle = self.idle.pop();
        let mut work = idle.unwrap_or_else(|| Box::new((self.worker)()));
        let (mut flow, mut giving) = (ControlFlow::Continue(()), Duration::ZERO);
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| {
            work(item, &mut |part| {
                let since = Instant::now();
                if flow.is_continue() {
                    flow = give(self, part, false);
                }
                giving += since.elapsed();
            })
        }));
        let busy = began.elapsed().saturating_sub(giving);
        self.did.worked.busy += busy;
        self.clock.lend(busy);
        // Decider and writer wait for a core, when this thread and its like have all of them.
        yield_now();
        match done {
            Ok(done) => {
                self.idle.push(work);
                flow?;
                give(self, done, true)
            }
            Err(panic) => {
                self.did.panic = Some((format!("parser-{}", self.number), panic));
                ControlFlow::Break(())
            }
        }
    }

    /// Gives back what comes of an item that it was dealt.
    fn give_back(&mut self, done: B, is_last: bool) -> ControlFlow<()> {
        let waiting = &mut self.did.worked.waiting;
        self.clock
            .lends(waiting, || pass(&self.results, Given { done, is_last }))
    }

    /// Passes on what comes of an item that it read, or keeps it until it has the lead.
    fn keep(&mut self, done: B, _: bool) -> ControlFlow<()> {
        self.wait_for_room()?;
        if self.lead.is_some() {
            return self.pass_on(Turn::Done(done));
        }
        self.kept.push_back(done);
        ControlFlow::Continue(())
    }

    fn wait_for_room(&mut self) -> ControlFlow<()> {
        while self.lead.is_none() && self.kept.len() == self.most_kept {
            self.attend()?;
        }
        ControlFlow::Continue(())
    }

    fn pass_on(&mut self, turn: Turn<B>) -> ControlFlow<()> {
        match &self.lead {
            Some(lead) => self.clock.waits(|| pass(&lead.turns, turn)),
            None => ControlFlow::Break(()),
        }
    }
}

impl<A, B, S, Q> Passage<A> for Member<'_, A, B, S, Q>
where
    S: Iterator,
    Q: FnMut(A, &mut dyn FnMut(B)) -> B,
{
    fn pass(&mut self, item: A) -> ControlFlow<()> {
        if self.lead.is_none() {
            self.is_free.store(self.looked.elapsed() < SOON, Relaxed);
            self.catch_up()?;
            self.looked = Instant::now();
        }
        self.wait_for_room()?;
        let Some(lead) = &mut self.lead else {
            return self.do_work(item, Self::keep);
        };
        match lead.deal(item, self.number) {
            Ok(Some(number)) => self.pass_on(Turn::Of(number)),
            Ok(None) => ControlFlow::Break(()),
            Err(item) => self.do_work(item, Self::keep),
        }
    }

    fn leads(&self) -> bool {
        self.lead.is_some()
    }

    fn wait_for_lead(&mut self) -> ControlFlow<()> {
        while self.lead.is_none() {
            self.attend()?;
        }
        ControlFlow::Continue(())
    }

    fn hand_on_course(&mut self) {
        if let Some(course) = self.taken.take() {
            // If the next one is gone, so is soon the run.
            let _ = self.after.send(Message::Course(course));
        }
    }
}
