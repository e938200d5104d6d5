//! The pipeline's own files, over channels and threads whose steps shuttle puts in order.
//!
//! What is tried is how the pipeline uses its channels and threads. That crossbeam's and the
//! standard library's do what shuttle's do is taken for granted: both hold so many items as
//! they are made for, block who sends to a full one, give out what they hold after the last
//! sender is gone, and refuse what is sent after the receiver is gone.

#[path = "../../src"]
mod source {
    pub mod pipeline;
}

pub use source::pipeline;

/// No thread can be started after so many more; none is no limit.
pub fn allow_threads(most: Option<usize>) {
    ALLOWED.set(most);
}

thread_local! {
    /// One thread of the system runs all of shuttle's.
    static ALLOWED: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

fn start_is_allowed() -> bool {
    let allowed = ALLOWED.get();
    ALLOWED.set(allowed.map(|most| most.saturating_sub(1)));
    allowed != Some(0)
}
