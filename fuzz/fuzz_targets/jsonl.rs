//! Any bytes, read as JSON Lines in pieces that end where the first byte says.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../containers.rs"]
mod containers;

fuzz_target!(|input: &[u8]| containers::jsonl(input));
