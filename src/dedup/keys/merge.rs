//! Merges what is in memory with runs, in one sequential pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

use super::block;
use super::run::Run;
use super::scan::Scan;
use super::table::Entry;

/// The least entry of a source that was not written yet. No two sources have the same key.
type Head = Reverse<(u128, u64, usize)>;

/// Passes on all these entries, which are in order, and those of the runs, in order.
pub(super) fn merge(
    mut entries: impl Iterator<Item = Entry>,
    runs: &[Run],
    blocks: usize,
    mut pass: impl FnMut(Entry) -> io::Result<()>,
) -> io::Result<()> {
    let scans = runs.iter().map(|run| Scan::new(run, blocks));
    let mut scans = scans.collect::<io::Result<Vec<_>>>()?;
    let mut next = |source: usize| match scans.get_mut(source) {
        Some(scan) => scan.next(),
        None => Ok(entries.next()),
    };
    let mut heads = BinaryHeap::new();
    for source in 0..=runs.len() {
        heads.extend(next(source)?.map(|entry| head(entry, source)));
    }
    while let Some(mut least) = heads.peek_mut() {
        let Reverse((key, value, source)) = *least;
        pass(Entry::new(key, value))?;
        match next(source)? {
            Some(entry) => *least = head(entry, source),
            None => drop(PeekMut::pop(least)),
        }
    }
    Ok(())
}

fn head(entry: Entry, source: usize) -> Head {
    Reverse((entry.key(), entry.value, source))
}

/// How many blocks each of so many sources, and the writer, may buffer in these bytes.
pub(super) fn buffered(bytes: usize, sources: usize) -> usize {
    const MOST: usize = (1 << 20) / block::SIZE;
    (bytes / block::SIZE / (sources + 1)).clamp(1, MOST)
}
