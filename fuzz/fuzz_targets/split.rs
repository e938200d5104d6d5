//! Any bytes, fed to the splitter in chunks whose size is the first byte.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks.rs"]
mod checks;

fuzz_target!(|input: &[u8]| checks::split(input));
