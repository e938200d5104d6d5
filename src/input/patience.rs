//! How long is waited for what comes over a network: until the run is asked to stop. A server
//! that does not answer must not keep a run from its last checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether to go on waiting.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    is_asked: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Patience {
    /// Until this is set.
    pub fn until(is_asked: &Arc<AtomicBool>) -> Self {
        Self {
            is_asked: Arc::clone(is_asked),
            is_over: Arc::default(),
        }
    }

    /// Something was not waited for: what was read behind it is no part of its source.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Gives up if that is asked for, and says whether it has.
    pub fn gives_up(&self) -> bool {
        let is_asked = self.is_asked.load(Ordering::Relaxed);
        self.is_over.fetch_or(is_asked, Ordering::Relaxed) || is_asked
    }
}
