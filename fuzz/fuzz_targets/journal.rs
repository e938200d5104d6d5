//! Any bytes, read as a journal.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../journals.rs"]
mod journals;

fuzz_target!(|input: &[u8]| journals::journal(input));
