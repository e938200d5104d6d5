//! What must hold for any bytes whatever that are read as a container of records: panics where
//! it does not.
//!
//! Shared by the fuzz targets and by the test that replays their corpus. The reader and the
//! parsers are called here on one thread; whole runs, which take ten times as long, are made
//! for some inputs only.

#![allow(dead_code, reason = "each fuzz target includes the file for one check")]

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use citesift::buffers::Buffers;
use citesift::input::{
    Batch, Behind, Content, Entry, Fields, Format, Input, Limits, Packer, Part, Paths, Refused,
    Taking, read_stream,
};
use citesift::meter::Meter;
use citesift::model::{Reject, Report};
use citesift::stats::Stats;
use citesift::{Config, parse, run};
use serde_json::value::RawValue;

/// The reader asks a source for no less at once: with batches of one byte, the first piece
/// that is read ends here.
const FIRST_READ: usize = 64 << 10;

/// Larger than any input.
const WHOLE: usize = 4 << 20;

/// `--max-page` where the first byte is odd. No line of [`lines_of`] is longer.
const SMALL_PAGE: usize = 2048;

/// Bytes of a line in front of the input.
const LINE: usize = 512;

/// The rest of the input, read as JSON Lines.
pub fn jsonl(input: &[u8]) {
    check(input, Format::Jsonl, lines_of);
}

/// The rest of the input, read as WARC.
pub fn warc(input: &[u8]) {
    check(input, Format::Warc, record_of);
}

/// What is made of an input does not depend on where the reader's pieces end. The first byte
/// says where the first one does, in 256ths of the rest; zero is behind it.
fn check(input: &[u8], format: Format, in_front: fn(usize) -> Vec<u8>) {
    let Some((&place, rest)) = input.split_first() else {
        return;
    };
    let before_end = (rest.len() * usize::from(place) / 256).min(FIRST_READ / 2);
    let mut source = match place {
        0 => Vec::new(),
        _ => in_front(FIRST_READ - before_end),
    };
    source.extend_from_slice(rest);

    let reading = Reading {
        format,
        fields: Fields {
            keep: vec!["id".to_owned(), "crawl.depth".to_owned()],
            ..Fields::default()
        },
        max_page: if place % 2 == 1 { SMALL_PAGE } else { WHOLE },
    };
    let in_pieces = reading.read(&source, 1);
    let whole = reading.read(&source, WHOLE);
    assert_eq!(in_pieces, whole, "pieces");
    // What begins like a compressed file is decompressed.
    if place > 0 {
        assert_eq!(
            whole.bytes,
            source.len() as u64,
            "every byte is in one part"
        );
    }
    if place % 32 == 31 {
        let in_pieces = reading.run(&source, 1);
        let whole = reading.run(&source, WHOLE);
        assert_eq!(in_pieces, whole, "runs in pieces");
        whole.check_lines();
    }
}

/// So many bytes of lines that hold no page.
fn lines_of(bytes: usize) -> Vec<u8> {
    let line = |bytes: usize| format!("{{\"in\":\"{}\"}}\n", "-".repeat(bytes - 10));
    let lines = bytes / LINE - 1;
    (line(LINE).repeat(lines) + &line(bytes - lines * LINE)).into_bytes()
}

/// So many bytes of a record that is about others.
fn record_of(bytes: usize) -> Vec<u8> {
    let header =
        |block| format!("WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: {block}\r\n\r\n");
    let end = "\r\n\r\n";
    let block = bytes - header(bytes).len() - end.len();
    let record = header(block) + &"-".repeat(block) + end;
    assert_eq!(record.len(), bytes, "a length of as many digits");
    record.into_bytes()
}

/// How a source is read.
struct Reading {
    format: Format,
    fields: Fields,
    max_page: usize,
}

/// What was read.
#[derive(Debug, Default, PartialEq)]
struct Found {
    /// In all parts, and behind them.
    bytes: u64,
    /// What the parts hold, in order.
    things: Vec<String>,
    faults: Vec<String>,
}

impl Reading {
    fn read(&self, source: &[u8], batch: usize) -> Found {
        let limits = Limits {
            batch,
            page: self.max_page,
            decoders: 1,
        };
        let taking = Taking {
            paths: Paths::new(&self.fields),
            max_page: self.max_page,
        };
        let (mut found, mut faults) = (Found::default(), Vec::new());
        let (meter, buffers) = (Meter::default(), Buffers::new(WHOLE));
        let mut pass = |mut batch: Batch| {
            for part in &batch.parts {
                found.add(&batch, part, &taking);
            }
            faults.extend(batch.faults.rest().map(|fault| format!("{fault}")));
            buffers.give(batch.text);
            ControlFlow::Continue(())
        };
        let mut packer = Packer::new(limits, &self.fields, &meter, &buffers, &mut pass);
        let stream = Box::new(source);
        let flow = read_stream(&mut packer, "-".to_owned(), stream, Some(self.format));
        assert!(flow.is_continue());
        packer.finish();
        found.faults = faults;
        found
    }

    fn run(&self, source: &[u8], batch: usize) -> Written {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), source).expect("a file that can be written");
        let mut config = Config::new(vec![Input::Path(file.path().to_owned())]);
        config.format = Some(self.format);
        config.fields = self.fields.clone();
        config.threads = NonZeroUsize::MIN;
        config.memory = 1 << 20;
        config.max_page = NonZeroUsize::new(self.max_page).expect("above zero");
        config.batch = NonZeroUsize::new(batch).expect("above zero");

        let mut written = Written::default();
        let summary = run(&config, |output| {
            let records = std::str::from_utf8(output.records).expect("lines of UTF-8");
            written.records.push_str(records);
            written.rejects.extend_from_slice(output.rejects);
            Ok(ControlFlow::Continue(()))
        });
        // A run adds up its columns itself, and fails where they do not.
        let summary = summary.expect("a run over one file ends well");
        written.stats = summary.stats;
        // Each run has a file of its own.
        for reject in &mut written.rejects {
            reject.source.path.clear();
        }
        let path = file.path().to_str().expect("a path of UTF-8");
        written.records = written.records.replace(path, "-");
        written
    }
}

impl Found {
    fn add(&mut self, batch: &Batch, part: &Part, taking: &Taking) {
        assert_eq!(
            part.offset, self.bytes,
            "a part follows on the one before it"
        );
        self.bytes += part.text.len() as u64;
        match &part.content {
            Content::Records(records) => {
                batch.entries(part, records, taking, &mut |entry| self.entry(entry));
            }
            Content::Pages(pages) => {
                for page in &batch.pages[pages.clone()] {
                    assert!(part.text.start <= page.start && page.end <= part.text.end);
                    let at = part.offset + (page.start - part.text.start) as u64;
                    self.text(&batch.text[page.clone()], &format!("page at {at}"));
                }
            }
        }
        match &part.behind {
            Some(Behind::Refused(refused)) => self.refused(refused),
            Some(behind) => self.things.push(format!("{behind:?}")),
            None => {}
        }
        self.bytes += part.behind.as_ref().map_or(0, Behind::bytes);
    }

    fn entry(&mut self, entry: Entry) {
        match entry {
            Entry::Text(text) => {
                if let Some(meta) = &text.meta {
                    // As it is written: what is in it may be more than a `Value` takes.
                    let read: &RawValue = serde_json::from_str(meta).expect("JSON");
                    assert!(
                        read.get().starts_with('{') && !meta.contains('\n'),
                        "{meta}"
                    );
                }
                let about = format!(
                    "text at {} in {:?}, {:?}, {:?}, {:?}, {:?}",
                    text.offset,
                    text.record.own(),
                    text.url,
                    text.date,
                    text.meta,
                    text.stored,
                );
                self.text(&text.text, &about);
            }
            Entry::Skipped(bytes) => self.things.push(format!("skipped {bytes}")),
            Entry::NotRead(why) => self.things.push(format!("not read: {why:?}")),
            Entry::Refused(refused) => self.refused(&refused),
        }
    }

    fn text(&mut self, text: &[u8], about: &str) {
        if let Ok(report) = parse(text) {
            let json = serde_json::to_string(&report).expect("a report can be written");
            let read: Report = serde_json::from_str(&json).expect("a written report can be read");
            assert_eq!(read, report);
        }
        let text = String::from_utf8_lossy(text);
        self.things.push(format!("{about}: {text}"));
    }

    fn refused(&mut self, refused: &Refused) {
        assert!(refused.excerpt.chars().count() <= 80);
        self.things.push(format!("{refused:?}"));
    }
}

/// What came of a run.
#[derive(Debug, Default, PartialEq)]
struct Written {
    records: String,
    rejects: Vec<Reject>,
    stats: Stats,
}

impl Written {
    fn check_lines(&self) {
        let lines = self.records.split_inclusive('\n');
        for line in lines.clone() {
            assert!(line.ends_with('\n'), "a line that does not end");
            serde_json::from_str::<Report>(line).expect("a line that is a report");
        }
        assert_eq!(lines.count() as u64, self.stats.records, "lines");
        let refused: u64 = self.stats.rejects.values().sum();
        assert_eq!(self.rejects.len() as u64, refused, "rejects");
        for reject in &self.rejects {
            let json = serde_json::to_string(reject).expect("a reject can be written");
            let read: Reject = serde_json::from_str(&json).expect("a written reject can be read");
            assert_eq!(read, *reject);
        }
    }
}
