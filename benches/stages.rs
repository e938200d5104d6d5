//! Each stage by itself, on one thread, to see which of them a change made slower.
//!
//! Every throughput is in bytes of *page text*, also where a stage sees only what is left
//! of it (blocks, fingerprints), so that the numbers can be held against each other: the
//! stages that share a thread add up as reciprocals. The pipeline moves empty items, one
//! for each batch that a run would have.

mod dump;

use citesift::meter::Meter;
use std::hint::black_box;
use std::iter;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use citesift::buffers::Buffers;
use citesift::dedup::{Fingerprint, Fingerprinter, PageDedup, Seen};
use citesift::grammar::{self, Block, Page};
use citesift::input::{Batch, Limits, Packer, read_stream};
use citesift::pipeline::{Passage, Stages};
use citesift::sink::ndjson;
use citesift::split::{self, Splitter};
use citesift::{Config, Dedup};
use criterion::{BenchmarkId, Criterion, Throughput};

/// More than a second-level cache holds, and done in a few milliseconds.
const BYTES: usize = 8 << 20;

/// What the reader asks of a source at once, about.
const CHUNK: usize = 256 << 10;

/// Batches that go through the pipeline at a time.
const BATCHES: u64 = 4096;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let text = dump::dump(1, BYTES);
    let pages: Vec<_> = split::pages(&text)
        .into_iter()
        .map(|range| parsed(&text[range]))
        .collect();
    reading(&mut criterion, &text);
    splitting(&mut criterion, &text);
    parsing(&mut criterion, &text);
    fingerprinting(&mut criterion, &text, &pages);
    deduplicating(&mut criterion, &text, &pages);
    writing(&mut criterion, &text, &pages);
    passing(&mut criterion);
    criterion.final_summary();
}

/// A source in memory, packed into batches that nobody wants: cut into pages, or into records.
fn reading(criterion: &mut Criterion, text: &[u8]) {
    let config = Config::new(Vec::new());
    let limits = Limits {
        batch: config.batch.get(),
        page: config.max_page.get(),
        decoders: 1,
    };
    let mut group = criterion.benchmark_group("reader");
    group.throughput(throughput(text));
    for (name, source) in [
        ("plain text", text.to_vec()),
        ("JSON lines", json_lines(text)),
        ("WARC", warc(text)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (meter, buffers) = (Meter::default(), Buffers::new(4 * limits.batch));
                let mut parts = 0;
                let mut pass = |batch: Batch| {
                    assert!(batch.faults.is_empty(), "memory can be read");
                    parts += batch.parts.len();
                    buffers.give(batch.text);
                    ControlFlow::Continue(())
                };
                let fields = &config.fields;
                let mut packer = Packer::new(limits, fields, &meter, &buffers, &mut pass);
                let source = Box::new(black_box(&source[..]));
                let flow = read_stream(&mut packer, "-".to_owned(), source, None);
                assert!(flow.is_continue());
                packer.finish();
                parts
            });
        });
    }
    group.finish();
}

fn json_lines(text: &[u8]) -> Vec<u8> {
    let pages = split::pages(text).into_iter();
    pages
        .flat_map(|page| {
            let text = String::from_utf8_lossy(&text[page]);
            format!("{}\n", serde_json::json!({ "text": text })).into_bytes()
        })
        .collect()
}

fn warc(text: &[u8]) -> Vec<u8> {
    let pages = split::pages(text).into_iter();
    pages
        .flat_map(|page| {
            let header = format!(
                "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {}\r\n\r\n",
                page.len()
            );
            [header.as_bytes(), &text[page], b"\r\n\r\n"].concat()
        })
        .collect()
}

fn splitting(criterion: &mut Criterion, text: &[u8]) {
    let mut group = criterion.benchmark_group("split");
    group.throughput(throughput(text));
    group.bench_function("whole", |bencher| {
        bencher.iter(|| split::pages(black_box(text)).len());
    });
    group.bench_function("in chunks", |bencher| {
        bencher.iter(|| starts_in_chunks(black_box(text)));
    });
    group.finish();
}

/// The way the reader goes about it: the text grows at its end, and pages leave at its beginning.
fn starts_in_chunks(text: &[u8]) -> usize {
    let (mut splitter, mut page, mut starts) = (Splitter::default(), 0, 0);
    for end in (CHUNK..text.len()).step_by(CHUNK).chain([text.len()]) {
        while let Some(start) = splitter.next_start(&text[page..end], end == text.len()) {
            splitter.consume(start.at);
            page += start.at;
            starts += 1;
        }
    }
    starts
}

fn parsing(criterion: &mut Criterion, text: &[u8]) {
    let ranges = split::pages(text);
    let mut group = criterion.benchmark_group("grammar");
    group.throughput(throughput(text));
    group.bench_function("pages", |bencher| {
        bencher.iter(|| blocks_of(black_box(text), &ranges));
    });
    group.finish();
}

/// Parses all pages into one [`Page`], as the stage does, and counts their blocks.
fn blocks_of(text: &[u8], ranges: &[Range<usize>]) -> usize {
    let mut page = Page::default();
    let mut blocks = 0;
    for range in ranges {
        grammar::parse(&text[range.clone()], &mut page);
        blocks += page.blocks.len();
    }
    blocks
}

fn fingerprinting(criterion: &mut Criterion, text: &[u8], pages: &[Page]) {
    let mut group = criterion.benchmark_group("fingerprint");
    group.throughput(throughput(text));
    group.bench_function("every block", |bencher| {
        let mut fingerprinter = Fingerprinter::default();
        bencher.iter(|| {
            for block in pages.iter().flat_map(|page| &page.blocks) {
                black_box(fingerprint(&mut fingerprinter, block));
            }
        });
    });
    group.finish();
}

fn deduplicating(criterion: &mut Criterion, text: &[u8], pages: &[Page]) {
    let mut fingerprinter = Fingerprinter::default();
    let mut seen_on = |page: &Page| -> Vec<Seen> {
        let seen = |block: &Block| Seen {
            key: fingerprint(&mut fingerprinter, block).key,
            see_more: block.see_more,
        };
        page.blocks.iter().map(seen).collect()
    };
    let pages: Vec<_> = pages.iter().map(&mut seen_on).collect();
    let mut group = criterion.benchmark_group("dedup");
    group.throughput(throughput(text));
    for (scope, name) in [(Dedup::Page, "page"), (Dedup::Off, "off")] {
        group.bench_function(name, |bencher| {
            let (mut dedup, mut kept) = (PageDedup::new(scope), Vec::new());
            bencher.iter(|| {
                kept.clear();
                for blocks in black_box(&pages) {
                    dedup.decide(blocks, &mut kept);
                }
                kept.len()
            });
        });
    }
    group.finish();
}

fn writing(criterion: &mut Criterion, text: &[u8], pages: &[Page]) {
    let mut group = criterion.benchmark_group("ndjson");
    group.throughput(throughput(text));
    group.bench_function("blocks", |bencher| {
        let mut out = Vec::with_capacity(2 * text.len());
        bencher.iter(|| {
            out.clear();
            for page in pages {
                for block in &page.blocks {
                    let start = out.len();
                    black_box(ndjson::block_text(&mut out, page.text, block));
                    ndjson::block(&mut out, start, page.text, block, 0, None);
                }
            }
            out.len()
        });
    });
    group.finish();
}

fn passing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).expect("above zero");
        let batch = Config::batch_for(threads).get() as u64;
        group.throughput(Throughput::Bytes(BATCHES * batch));
        group.bench_function(BenchmarkId::new("empty batches", threads), |bencher| {
            bencher.iter(|| batches_passed(threads));
        });
    }
    group.finish();
}

fn batches_passed(threads: NonZeroUsize) -> u64 {
    let mut passed = 0;
    let stages = Stages {
        sections: iter::once(0..BATCHES),
        read: |mut batches: Range<u64>, passage: &mut dyn Passage<u64>| {
            batches.try_for_each(|batch| passage.pass(batch))
        },
        worker: || |batch: u64, _: &mut dyn FnMut(u64)| batch,
        decide: |batch| batch,
        write: |_| {
            passed += 1;
            Ok::<_, ()>(ControlFlow::Continue(()))
        },
    };
    stages.run(threads).expect("stages that do nothing");
    passed
}

fn parsed(text: &[u8]) -> Page<'_> {
    let mut page = Page::default();
    grammar::parse(text, &mut page);
    page
}

fn fingerprint(fingerprinter: &mut Fingerprinter, block: &Block) -> Fingerprint {
    fingerprinter.of(
        &block.text,
        block.section,
        block.statement_type,
        block.confidence,
    )
}

fn throughput(text: &[u8]) -> Throughput {
    Throughput::Bytes(text.len() as u64)
}
