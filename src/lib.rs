#[doc(hidden)]
pub mod cli;
pub mod dedup;
pub mod error;
pub mod grammar;
pub mod input;
pub mod job;
pub mod model;
pub mod pipeline;
pub mod place;
mod progress;
pub mod sink;
pub mod split;
pub mod stats;
mod summary;

pub use dedup::Dedup;
pub use error::{Error, ReadError};
pub use input::Input;
pub use job::{Config, Output, Records, Summary, parse, records, run};
pub use model::Emit;
