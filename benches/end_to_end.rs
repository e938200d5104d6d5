//! A whole run, from a file to lines of NDJSON in memory: what a user waits for, without
//! the program's start and without writing.
//!
//! Also the way to get a dump as a file, for measuring other programs on the same pages:
//! `cargo bench --bench end_to_end -- --write-dump BYTES FILE`.

mod dump;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use citesift::{Config, Dedup, Emit, Form, Input};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

const SEED: u64 = 1;
const BYTES: usize = 64 << 20;

/// Enough to see that everything runs, for `cargo test --benches`.
const BYTES_IN_TESTS: usize = 1 << 20;

fn main() -> io::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().position(|arg| arg == "--write-dump") {
        Some(flag) => write_dump(&args[flag + 1..]),
        None => measure(args.iter().any(|arg| arg == "--bench")),
    }
}

fn write_dump(args: &[String]) -> io::Result<()> {
    let [bytes, file, ..] = args else {
        return Err(io::Error::other("usage: --write-dump BYTES FILE"));
    };
    let bytes = bytes.parse().map_err(io::Error::other)?;
    let mut out = BufWriter::new(File::create(file)?);
    dump::write(SEED, bytes, &mut out)?;
    out.flush()
}

fn measure(in_earnest: bool) -> io::Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let text = dump::dump(SEED, if in_earnest { BYTES } else { BYTES_IN_TESTS });
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&text)?;
    runs(&mut criterion, file.path(), text.len() as u64);
    criterion.final_summary();
    Ok(())
}

fn runs(criterion: &mut Criterion, file: &Path, bytes: u64) {
    let mut group = criterion.benchmark_group("run");
    group.throughput(Throughput::Bytes(bytes));
    group.sampling_mode(SamplingMode::Flat);
    for (emit, emit_name) in [(Emit::Reports, "reports"), (Emit::Statements, "statements")] {
        for (dedup, dedup_name) in [(Dedup::Page, "page"), (Dedup::Off, "off")] {
            for threads in [1, 2] {
                let config = config(file, emit, dedup, threads);
                let name = format!("{emit_name}, dedup {dedup_name}");
                group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                    bencher.iter(|| written(&config));
                });
            }
        }
    }
    group.finish();
}

fn config(file: &Path, emit: Emit, dedup: Dedup, threads: usize) -> Config {
    let mut config = Config::new(vec![Input::Path(file.to_owned())]);
    config.form = Form::Ndjson(emit);
    config.dedup = dedup;
    config.threads = NonZeroUsize::new(threads).expect("above zero");
    config.batch = Config::batch_for(config.threads);
    config
}

/// Runs the job and returns how many bytes came out, so that none of the work can be left out.
fn written(config: &Config) -> usize {
    let mut written = 0;
    citesift::run(config, |output| {
        written += output.records.len();
        Ok(ControlFlow::Continue(()))
    })
    .expect("a run over well-formed pages");
    written
}
