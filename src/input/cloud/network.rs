//! The thread that speaks to servers, and waiting for it: the rest of the program blocks, as it
//! does for files, but for as long only as the run has patience.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::address::StoreName;
use super::store::Store;
use crate::input::Patience;

/// How often a wait asks whether the run is to stop.
const TICK: Duration = Duration::from_millis(50);

/// What arrives so soon is taken, so that a run stops at a checkpoint of its own.
const GRACE: Duration = Duration::from_secs(1);

/// One thread, and the stores that were reached through it.
pub struct Network {
    /// None once it is dropped.
    runtime: Option<Runtime>,
    patience: Patience,
    stores: Mutex<HashMap<StoreName, Arc<Store>>>,
}

impl Network {
    pub fn new(patience: &Patience) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).max_blocking_threads(4);
        Ok(Self {
            runtime: Some(builder.enable_all().thread_name("network").build()?),
            patience: patience.clone(),
            stores: Mutex::default(),
        })
    }

    /// The store of this name.
    ///
    /// # Errors
    /// What the environment says of it does not fit together.
    pub fn store(&self, name: &StoreName) -> io::Result<Arc<Store>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(name) {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::open(name)?);
        stores.insert(name.clone(), Arc::clone(&store));
        Ok(store)
    }

    /// Has the thread do this, whoever waits for it.
    pub fn spawn<F>(&self, work: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Task(self.runtime().spawn(work))
    }

    /// Waits for what the thread does.
    ///
    /// # Errors
    /// The run is to stop, and this takes too long.
    pub fn wait<F: Future>(&self, awaited: F) -> io::Result<F::Output> {
        self.runtime().block_on(async {
            let (mut awaited, began) = (pin!(awaited), Instant::now());
            loop {
                match timeout(TICK, &mut awaited).await {
                    Ok(outcome) => return Ok(outcome),
                    Err(_) if began.elapsed() > GRACE && self.patience.gives_up() => {
                        return Err(io::Error::other("the run is to stop"));
                    }
                    Err(_) => {}
                }
            }
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Network {
    /// Waits for nothing: a name that is looked up may take a minute.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Work of the thread, which ends with who wants its outcome.
pub struct Task<T>(tokio::task::JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    /// Has the thread do this too; for what it is doing itself.
    pub fn beside(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    pub async fn outcome(mut self) -> io::Result<T> {
        (&mut self.0).await.map_err(io::Error::other)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
