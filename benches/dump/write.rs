//! Writes a dump with nothing but the compiler: `packaging/guided` needs one on machines that are
//! to build no benches, and within a second.
//!
//! `rustc --edition 2024 -O benches/dump/write.rs && ./write BYTES FILE`
//!
//! Its seed is not that of the dumps which are measured on: what is trained on those pages is to
//! be as fast on others.

#[allow(dead_code)] // It can hold a dump.
#[path = "mod.rs"]
mod dump;

use std::fs::File;
use std::io::{self, BufWriter, Write};

const SEED: u64 = 3;

fn main() -> io::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [bytes, file] = &args[..] else {
        return Err(io::Error::other("usage: write BYTES FILE"));
    };
    let bytes = bytes.parse().map_err(io::Error::other)?;
    let mut out = BufWriter::new(File::create(file)?);
    dump::write(SEED, bytes, &mut out)?;
    out.flush()
}
