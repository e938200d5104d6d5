//! Every format that is read gives the same records for the same pages: in every codec, written
//! by our own hand and by other programs, whole and damaged, in any chunks.
//!
//! A new format joins with one line in [`CONTAINERS`], and with one function in
//! `containers.py`, which runs where `CITESIFT_PYTHON` names a Python with warcio and pyarrow.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;

use citesift::input::{Fields, Format};
use citesift::model::{Reject, RejectReason, Report, Source};
use citesift::{Config, Input, Summary, parse, run};
use serde_json::Value;

/// A way to write pages into one file, and to cut a page out of the decompressed file again.
struct Container {
    name: &'static str,
    write: fn(&[Page]) -> Vec<u8>,
    cut: fn(&[u8], &Source) -> Vec<u8>,
    has_urls: bool,
    is_compressible: bool,
}

const CONTAINERS: &[Container] = &[
    Container {
        name: "text",
        write: text,
        cut: cut_source,
        has_urls: false,
        is_compressible: true,
    },
    Container {
        name: "jsonl",
        write: jsonl,
        cut: cut_line,
        has_urls: true,
        is_compressible: true,
    },
    Container {
        name: "warc",
        write: warc,
        cut: cut_source,
        has_urls: true,
        is_compressible: true,
    },
    Container {
        name: "tar",
        write: tar,
        cut: cut_tar,
        has_urls: false,
        is_compressible: true,
    },
    Container {
        name: "zip",
        write: zip,
        cut: cut_zip,
        has_urls: false,
        is_compressible: false,
    },
    #[cfg(feature = "parquet")]
    Container {
        name: "parquet",
        write: parquet,
        cut: cut_row,
        has_urls: true,
        is_compressible: false,
    },
];

type Encode = fn(&[u8]) -> Vec<u8>;

const CODECS: &[(&str, Encode)] = &[
    ("plain", <[u8]>::to_vec),
    ("gzip", gzip),
    ("zstd", zstd),
    ("xz", xz),
    ("bzip2", bzip2),
    ("lz4", lz4),
];

struct Page {
    text: String,
    url: String,
}

/// Samples that are one report page with a header, each, and pages of other sites between them.
fn pages() -> Vec<Page> {
    const NAMES: [&str; 7] = [
        "complete-page",
        "crlf",
        "odd-characters-inside-text",
        "statement-with-newlines-and-quotes",
        "tabs-on-one-line",
        "type-words",
        "abstract-with-lookalike-lines",
    ];
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut pages = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        pages.push(Page {
            text: fs::read_to_string(samples.join(name).join("input.txt")).unwrap(),
            url: format!("https://scite.ai/reports/invented-{number}-Ab{number}Z"),
        });
    }
    pages
}

fn other_site(number: usize) -> Page {
    Page {
        text: format!("A shop\nthat sells {number} things. “Good” ones.\n"),
        url: format!("https://example.org/{number}"),
    }
}

struct Done {
    reports: Vec<Report>,
    records: Vec<u8>,
    rejects: Vec<Reject>,
    summary: Summary,
}

fn done(file: &Path, set: impl FnOnce(&mut Config)) -> Done {
    let mut config = Config::new(vec![Input::Path(file.to_owned())]);
    set(&mut config);
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    let summary = run(&config, |batch| {
        records.extend_from_slice(batch.records);
        rejects.extend_from_slice(batch.rejects);
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let lines = serde_json::Deserializer::from_slice(&records).into_iter();
    Done {
        reports: lines.map(Result::unwrap).collect(),
        records,
        rejects,
        summary,
    }
}

fn done_with(bytes: &[u8], set: impl FnOnce(&mut Config)) -> Done {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    done(file.path(), set)
}

fn usual(_: &mut Config) {}

/// What a container must give: the page's own record, with the address where it is known.
fn expected(page: &Page, has_url: bool) -> Report {
    let mut report = parse(page.text.as_bytes()).unwrap();
    if has_url {
        report.report_id = page.url.rsplit('-').next().map(str::to_owned);
        report.url = Some(page.url.clone());
    }
    report
}

fn less_source(report: &Report) -> Report {
    let mut report = report.clone();
    report.source = parse(b"DOI: 10.5555/x").unwrap().source;
    report
}

#[test]
fn the_same_pages_give_the_same_records_in_every_container_and_codec() {
    let pages = pages();
    for container in CONTAINERS {
        let file = (container.write)(&pages);
        let expected: Vec<_> = pages
            .iter()
            .map(|page| less_source(&expected(page, container.has_urls)))
            .collect();
        for (codec, encode) in CODECS {
            if !container.is_compressible && *codec != "plain" {
                continue;
            }
            let name = format!("{} in {codec}", container.name);
            let done = done_with(&encode(&file), usual);
            assert!(
                done.summary.faults.is_empty(),
                "{name}: {:?}",
                done.summary.faults
            );
            assert!(done.rejects.is_empty(), "{name}");
            let found: Vec<_> = done.reports.iter().map(less_source).collect();
            assert_eq!(found, expected, "{name}");
            for report in &done.reports {
                let page = (container.cut)(&file, &report.source);
                let mut again = parse(&page).unwrap();
                (again.url, again.report_id) = (report.url.clone(), report.report_id.clone());
                again.source = report.source.clone();
                assert_eq!(&again, report, "{name}");
            }
        }
    }
}

#[test]
fn pages_of_other_sites_are_skipped_and_counted_in_every_container() {
    let mut all: Vec<Page> = (0..50).map(other_site).collect();
    all.insert(20, pages().remove(0));
    for container in CONTAINERS {
        let done = done_with(&(container.write)(&all), usual);
        assert_eq!(done.reports.len(), 1, "{}", container.name);
        let skipped = done.summary.stats.pages.skipped;
        // Plain text does not tell where one of them ends, and what follows a page belongs to it.
        let least = if container.name == "text" { 1 } else { 50 };
        assert_eq!(skipped, least, "{}", container.name);
    }
}

#[test]
fn any_chunks_threads_and_page_limits_give_the_same_bytes() {
    let mut all = pages();
    all.insert(3, other_site(1));
    all.insert(
        5,
        Page {
            text: "x".repeat(5000),
            ..other_site(2)
        },
    );
    for container in CONTAINERS {
        let file = (container.write)(&all);
        for max_page in [700, 64 << 20] {
            let limited =
                |config: &mut Config| config.max_page = NonZeroUsize::new(max_page).unwrap();
            let usual = done_with(&file, limited);
            let from = usual
                .reports
                .first()
                .map(|report| report.source.path.clone());
            for (batch, threads) in [(1, 1), (100, 3), (777, 2), (5000, 4)] {
                let other = done_with(&file, |config| {
                    limited(config);
                    config.batch = NonZeroUsize::new(batch).unwrap();
                    config.threads = NonZeroUsize::new(threads).unwrap();
                });
                let name = format!(
                    "{} in batches of {batch}, pages of {max_page}",
                    container.name
                );
                let rename = |done: &Done| {
                    let to = done
                        .reports
                        .first()
                        .map(|report| report.source.path.clone());
                    let text = String::from_utf8(done.records.clone()).unwrap();
                    text.replace(&to.unwrap_or_default(), from.as_deref().unwrap_or_default())
                };
                assert_eq!(rename(&usual), rename(&other), "{name}");
                assert_eq!(places(&usual.rejects), places(&other.rejects), "{name}");
                let numbers = |done: &Done| {
                    let mut stats = done.summary.stats.clone();
                    let shapes = stats.drift.shapes.iter_mut();
                    shapes.for_each(|shape| shape.first.path.clear());
                    stats
                };
                assert_eq!(numbers(&usual), numbers(&other), "{name}");
            }
        }
    }
}

#[test]
fn what_is_shown_of_a_damaged_record_does_not_depend_on_where_a_piece_of_the_source_ends() {
    const FIRST_READ: usize = 64 << 10;
    let container = CONTAINERS.iter().find(|it| it.name == "warc").unwrap();
    let whole = (container.write)(&pages());
    for held in [1, 24, 25, 79, 80, 319, 320] {
        let mut file = b"\n".repeat(FIRST_READ - held);
        file.extend(b"no record\n".repeat(60));
        file.extend(&whole);
        let [in_pieces, usual] = [1, 1 << 20].map(|batch| {
            done_with(&file, |config| {
                config.batch = NonZeroUsize::new(batch).unwrap();
                config.format = Some(Format::Warc);
            })
        });
        assert_eq!(places(&in_pieces.rejects), places(&usual.rejects), "{held}");
        assert_eq!(usual.rejects[0].excerpt.len(), 80);
        assert_eq!(in_pieces.reports.len(), usual.reports.len());
    }
}

/// Rejects without the name of the file they came from.
fn places(rejects: &[Reject]) -> Vec<Reject> {
    let nameless = |reject: &Reject| {
        let mut reject = reject.clone();
        reject.source.path.clear();
        reject
    };
    rejects.iter().map(nameless).collect()
}

#[test]
fn cut_anywhere_a_container_gives_what_came_before_and_says_so() {
    let pages = pages();
    for container in CONTAINERS {
        let file = (container.write)(&pages);
        let whole = done_with(&file, usual).reports;
        let step = (file.len() / 40).max(1);
        // What is shorter than that cannot be told from text.
        for cut in (300..file.len()).step_by(step) {
            let done = done_with(&file[..cut], usual);
            let name = format!("{} cut at {cut} of {}", container.name, file.len());
            let found: Vec<_> = done.reports.iter().map(less_source).collect();
            let expected: Vec<_> = whole.iter().map(less_source).collect();
            let all_but_last = &found[..found.len().saturating_sub(1)];
            assert!(expected.starts_with(all_but_last), "{name}");
            let is_said = !done.summary.faults.is_empty() || !done.rejects.is_empty();
            let lines_may_end_anywhere = matches!(container.name, "text" | "jsonl");
            assert!(
                is_said || lines_may_end_anywhere || found == expected,
                "{name}"
            );
        }
    }
}

#[test]
fn flipped_bits_neither_hang_nor_break_the_run() {
    let pages = pages();
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    for container in CONTAINERS {
        let file = (container.write)(&pages);
        for _ in 0..60 {
            let mut damaged = file.clone();
            let at = next() % damaged.len();
            damaged[at] ^= 1 << (next() % 8);
            let done = done_with(&damaged, usual);
            assert!(
                done.reports.len() <= pages.len() + 1,
                "{} at {at}",
                container.name
            );
            assert_eq!(done.summary.stats.check(), Ok(()));
        }
    }
}

/// Nothing of what was decoded before the damage is lost for how much was asked for at once.
#[test]
fn damage_costs_the_same_however_the_source_is_read() {
    let number =
        |n: usize| move |page: Page| page.text.replace("10.5555/", &format!("10.5555/{n}-"));
    let texts = (0..60).flat_map(|n| pages().into_iter().map(number(n)));
    let pages = [Page {
        text: texts.collect::<Vec<_>>().join("\n"),
        url: String::new(),
    }];
    let compressed = CODECS
        .iter()
        .map(|(codec, encode)| (*codec, encode(&text(&pages))));
    for (codec, whole) in compressed.chain([("zip", zip(&pages))]) {
        for tenth in 1..10 {
            let mut damaged = whole.clone();
            let at = damaged.len() * tenth / 10;
            damaged[at] ^= 0x10;
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), damaged).unwrap();
            let with = |batch, threads| {
                let done = done(file.path(), |config| {
                    config.batch = NonZeroUsize::new(batch).unwrap();
                    config.threads = NonZeroUsize::new(threads).unwrap();
                });
                let faults = done.summary.faults.iter().map(ToString::to_string);
                let faults: Vec<_> = faults.collect();
                (done.reports, format!("{:?}", done.rejects), faults)
            };
            let expected = with(1 << 20, 1);
            for (batch, threads) in [(1000, 1), (70_000, 2), (1 << 20, 3)] {
                let found = with(batch, threads);
                assert!(found == expected, "{codec} at {at}: {batch}, {threads}");
            }
        }
    }
}

#[test]
fn a_line_that_is_no_json_is_said_once_with_its_place_and_the_next_goes_on() {
    let pages = pages();
    let lines = String::from_utf8(jsonl(&pages)).unwrap();
    let mut lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    lines.insert(1, "{\"text\": \"DOI: 10.5555/cut".to_owned());
    lines.insert(3, "no JSON".to_owned());
    lines.insert(4, "{\"text\": 5, \"note\": \"DOI: \"}".to_owned());
    lines.insert(5, String::new());
    let done = done_with(lines.join("\n").as_bytes(), usual);
    assert_eq!(done.reports.len(), pages.len());
    let offset = |line: usize| {
        lines[..line]
            .iter()
            .map(|line| line.len() as u64 + 1)
            .sum::<u64>()
    };
    let expected = [
        (RejectReason::InvalidJson, offset(1), 2),
        (RejectReason::InvalidJson, offset(3), 4),
        (RejectReason::WrongType, offset(4), 5),
    ];
    let found = done.rejects.iter().map(|reject| {
        let source = &reject.source;
        assert_eq!(source.record, source.line.map(|line| line.to_string()));
        (reject.reason, source.offset, source.line.unwrap())
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_warc_record_with_a_wrong_length_is_said_once_and_the_next_goes_on() {
    let pages = pages();
    let file = String::from_utf8(warc(&pages)).unwrap();
    let starts: Vec<_> = file
        .match_indices("WARC/1.1\r\n")
        .map(|(at, _)| at)
        .collect();
    let length = pages[2].text.len().to_string();
    for wrong in ["7", "999", "99999999", "18446744073709551615", "", "x"] {
        let (before, damaged) = file.split_at(starts[3]);
        let damaged = damaged.replacen(
            &format!("Content-Length: {length}"),
            &format!("Content-Length: {wrong}"),
            1,
        );
        let done = done_with(&[before, &damaged].concat().into_bytes(), usual);
        let places: Vec<_> = done
            .rejects
            .iter()
            .map(|reject| (reject.reason, reject.source.offset))
            .collect();
        assert_eq!(places.len(), 1, "{wrong}: {:?}", done.rejects);
        assert_eq!(places[0].0, RejectReason::DamagedRecord, "{wrong}");
        let dois: Vec<_> = done
            .reports
            .iter()
            .filter_map(|report| report.doi.clone())
            .collect();
        for (number, page) in pages.iter().enumerate().filter(|(number, _)| *number != 2) {
            let doi = parse(page.text.as_bytes()).unwrap().doi.unwrap();
            assert!(dois.contains(&doi), "{wrong}: page {number} of {dois:?}");
        }
    }
}

#[test]
fn damage_behind_a_warc_record_costs_neither_it_nor_the_next() {
    let pages = pages();
    let in_record = |page: &Page| record("conversion", &page.url, "text/plain", &page.text);
    let [first, second, third] = [0, 1, 2].map(|number| in_record(&pages[number]));
    let flipped = second.replacen("WARC/1.1", "WBRC/1.1", 1);
    let zeros = "\0".repeat(100);
    for (damage, behind, found) in [
        ("junk\r\n", &*second, &[0, 1][..]),
        ("WARC/2.0\r\n\r\n", &second, &[0, 1]),
        (&flipped, &third, &[0, 2]),
        (&zeros, "", &[0]),
    ] {
        let file = [&first, damage, behind].concat();
        let done = done_with(file.as_bytes(), usual);
        let found = found.iter().map(|&number| &pages[number]);
        let expected = found.map(|page| less_source(&expected(page, true)));
        let reports = done.reports.iter().map(less_source);
        assert_eq!(reports.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(done.rejects.len(), 1, "{damage:?}: {:?}", done.rejects);
        let Reject { reason, source, .. } = &done.rejects[0];
        assert_eq!(*reason, RejectReason::DamagedRecord);
        let place = (source.offset, source.record.as_deref());
        assert_eq!(place, (first.len() as u64, None));
        assert_eq!(done.summary.stats.bytes.read, file.len() as u64);
    }
}

#[test]
fn a_wrong_length_that_ends_at_a_blank_line_of_the_text_is_no_end() {
    let page = &pages()[0];
    let whole = record("conversion", &page.url, "text/plain", &page.text);
    let line = page.text.find("\n\n").unwrap();
    let length = |bytes: usize| format!("Content-Length: {bytes}\r\n");
    let wrong = whole.replacen(&length(page.text.len()), &length(line), 1);
    let done = done_with(wrong.as_bytes(), usual);
    assert_eq!((done.reports.len(), done.rejects.len()), (0, 1));
    assert_eq!(done.rejects[0].source.offset, 0);
}

#[test]
fn a_damaged_tar_header_is_said_once_and_the_next_member_goes_on() {
    let pages = pages();
    let mut file = tar(&pages);
    let third = file.windows(7).position(|name| name == b"2/x.txt").unwrap();
    file[third] ^= 1;
    let done = done_with(&file, usual);
    assert_eq!(done.summary.faults.len(), 1);
    assert_eq!(done.reports.len(), pages.len() - 1);
}

#[test]
fn a_tar_that_ends_between_two_members_is_cut_off_unless_a_block_of_zeros_is_there() {
    let pages = pages();
    let (file, block) = (tar(&pages), [0; 512]);
    let members = file.len() - 2 * block.len();
    let third = file.windows(7).position(|name| name == b"2/x.txt").unwrap();
    for cut in [third, members] {
        let done = done_with(&file[..cut], usual);
        assert_eq!(
            told(&done),
            ["it is cut off: no block of zeros is at its end"]
        );
        assert_eq!(done.summary.faults[0].offset, Some(cut as u64));
        let ended = done_with(&[&file[..cut], &block].concat(), usual);
        assert_eq!(told(&ended), [""; 0]);
        assert_eq!(done.reports.len(), ended.reports.len());
    }
    let behind = done_with(&[&file[..third], &file].concat(), usual);
    assert_eq!(told(&behind), [""; 0]);
    assert_eq!(behind.reports.len(), 2 + pages.len());

    let mut zeros = tar::Builder::new(Vec::new());
    append(&mut zeros, "zeros", &block);
    let zeros = zeros.into_inner().unwrap();
    let cut = done_with(&zeros[..2 * block.len()], usual);
    assert_eq!(told(&cut).len(), 1);
    for empty in [&[][..], &block, &tar(&[])] {
        let as_tar = |config: &mut Config| config.format = Some(Format::Tar);
        assert_eq!(told(&done_with(empty, as_tar)), [""; 0]);
    }
}

#[test]
fn tar_of_before_its_mark_and_with_a_label_is_read_like_any_other() {
    let pages = pages();
    let mut builder = tar::Builder::new(Vec::new());
    for (number, page) in pages.iter().enumerate() {
        let mut header = tar::Header::new_old();
        header.set_size(page.text.len() as u64);
        let name = format!("{number}/x.txt");
        builder
            .append_data(&mut header, name, page.text.as_bytes())
            .unwrap();
    }
    let old = builder.into_inner().unwrap();
    let mut label = tar::Header::new_old();
    label.set_path("crawl").unwrap();
    label.set_entry_type(tar::EntryType::new(b'V'));
    label.set_cksum();
    let label = label.as_bytes();
    let labelled = [label, &tar(&pages)[..]].concat();
    let expected = done_with(&tar(&pages), usual);
    for archives in [
        vec![&old],
        vec![&labelled],
        vec![&labelled, &old, &labelled],
    ] {
        let file = archives.iter().copied().flatten().copied();
        let done = done_with(&file.collect::<Vec<_>>(), usual);
        assert_eq!(told(&done), [""; 0]);
        let found: Vec<_> = done.reports.iter().map(less_source).collect();
        let once: Vec<_> = expected.reports.iter().map(less_source).collect();
        assert_eq!(found, vec![once; archives.len()].concat());
    }
    let label_alone = done_with(label, usual);
    assert_eq!(
        told(&label_alone),
        ["it is cut off: no block of zeros is at its end"]
    );
    assert_eq!(
        told(&done_with(&[&label[..], &[0; 512]].concat(), usual)),
        [""; 0]
    );

    let mut damaged = old;
    let third = damaged
        .windows(7)
        .position(|name| name == b"2/x.txt")
        .unwrap();
    damaged[third] ^= 1;
    let done = done_with(&damaged, usual);
    assert_eq!(done.summary.faults.len(), 1);
    assert_eq!(done.reports.len(), pages.len() - 1);
}

#[test]
fn sparse_members_of_tar_are_told_by_their_own_names_and_not_read() {
    let pages = pages();
    let text = pages[0].text.as_bytes();
    let at_once = [("GNU.sparse.name", &b"own"[..]), ("GNU.sparse.map", b"0,1")];
    let within = [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.name", b"own")];
    let unnamed = [("GNU.sparse.size", &b"9999"[..])];
    for (extensions, name) in [
        (&at_once[..], "own"),
        (&within, "own"),
        (&unnamed, "made/up"),
    ] {
        let mut builder = tar::Builder::new(Vec::new());
        let pax = extensions.iter().copied();
        builder.append_pax_extensions(pax).unwrap();
        append(&mut builder, "made/up", text);
        append(&mut builder, "whole", text);
        let done = done_with(&builder.into_inner().unwrap(), usual);
        assert_eq!(told(&done), ["a sparse member is not read"]);
        assert_eq!(done.summary.faults[0].record.as_deref(), Some(name));
        assert_eq!(done.reports.len(), 1);
        assert_eq!(done.reports[0].source.record.as_deref(), Some("whole"));
    }
}

#[test]
fn the_holes_of_a_sparse_member_are_not_read() {
    const HOLE: u64 = 1 << 60;
    const STORED: u64 = 3 << 20;
    let text = &pages()[0].text;
    let number = |number: u64| {
        let mut field = [0; 12];
        field[0] = 0x80;
        field[4..].copy_from_slice(&number.to_be_bytes());
        field
    };
    let mut header = tar::Header::new_gnu();
    header.set_path("sparse").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(STORED);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.sparse[0].offset = number(HOLE);
    gnu.sparse[0].numbytes = number(STORED);
    gnu.realsize = number(HOLE + STORED);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append(&header, std::io::repeat(b'x').take(STORED))
        .unwrap();
    append(&mut builder, "whole", text.as_bytes());
    let done = done_with(&builder.into_inner().unwrap(), usual);
    assert_eq!(told(&done), ["a sparse member is not read"]);
    assert_eq!(done.reports.len(), 1);
}

#[test]
fn members_of_tar_of_other_kinds_are_told_where_they_hold_something() {
    let text = &pages()[0].text;
    for (kind, text, message) in [
        (b'M', text.as_str(), "a member of the kind `M` is not read"),
        (0xFF, text, "a member of the kind `\\xff` is not read"),
        (b'M', "", ""),
        (b'D', "Yx.txt\0", ""),
        (b'1', text, ""),
    ] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(text.len() as u64);
        builder
            .append_data(&mut header, "of a kind", text.as_bytes())
            .unwrap();
        let done = done_with(&builder.into_inner().unwrap(), usual);
        assert_eq!(told(&done).concat(), message);
        assert_eq!(done.reports.len(), 0);
    }
}

#[test]
fn fields_and_kept_values_are_found_in_nested_objects() {
    let page = &pages()[0];
    let line = serde_json::json!({
        "id": 7, "content": {"body": page.text, "lang": "en"}, "address": page.url,
        "scores": [1.50, null], "text": null, "url": 3,
    });
    let done = done_with(line.to_string().as_bytes(), |config| {
        config.fields = Fields {
            text: "content.body".to_owned(),
            url: Some("address".to_owned()),
            keep: ["content.lang", "scores", "missing", "content.x"]
                .map(str::to_owned)
                .to_vec(),
        };
    });
    let report = &done.reports[0];
    let meta = report.meta.as_ref().unwrap().0.get();
    assert_eq!(
        meta,
        r#"{"content":{"lang":"en","x":null},"scores":[1.5,null],"missing":null}"#
    );
    assert_eq!(report.url.as_deref(), Some(page.url.as_str()));
}

#[test]
fn a_page_known_by_its_address_alone_is_an_abstract() {
    let page = Page {
        text: "Abstract: It is said\n\nthat 3 of 4 agree.\n".to_owned(),
        url: "https://staging.scite.ai/reports/said-Ab1".to_owned(),
    };
    for container in CONTAINERS {
        let done = done_with(&(container.write)(slice::from_ref(&page)), usual);
        let found = done
            .reports
            .first()
            .and_then(|report| report.abstract_text.as_deref());
        let expected = container
            .has_urls
            .then_some("It is said that 3 of 4 agree.");
        assert_eq!(found, expected, "{}", container.name);
    }
}

#[test]
fn a_blank_text_at_a_reports_address_is_a_page_that_is_skipped() {
    for container in CONTAINERS.iter().filter(|container| container.has_urls) {
        let page = Page {
            text: " \n".to_owned(),
            url: "https://scite.ai/reports/said-Ab1".to_owned(),
        };
        let done = done_with(&(container.write)(&[page]), usual);
        let stats = &done.summary.stats;
        assert_eq!(stats.pages.skipped, 1, "{}", container.name);
        assert_eq!(stats.bytes.skipped, 2, "{}", container.name);
    }
}

#[test]
fn records_that_are_no_text_are_counted_by_kind() {
    let page = &pages()[0];
    let http = |media: &str, more: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{more}\r\n{}",
            page.text
        )
    };
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{}",
        "<p>".repeat(1 << 20)
    );
    let records = [
        record("warcinfo", "", "application/warc-fields", "software: x"),
        record(
            "request",
            &page.url,
            "application/http",
            "GET / HTTP/1.1\r\n\r\n",
        ),
        record(
            "response",
            &page.url,
            "application/http",
            &http("text/html; charset=utf-8", ""),
        ),
        record("response", &page.url, "application/http", &large),
        record(
            "response",
            &page.url,
            "application/http",
            &http("text/plain", "Content-Encoding: br\r\n"),
        ),
        record(
            "response",
            &page.url,
            "application/http",
            &http("image/png", ""),
        ),
        record(
            "response",
            &page.url,
            "application/http",
            &http("text/plain;x", ""),
        ),
        record("resource", &page.url, "text/plain", &page.text),
        record(
            "revisit",
            &page.url,
            "application/http",
            &http("text/plain", ""),
        ),
    ];
    let done = done_with(records.concat().as_bytes(), usual);
    assert!(done.rejects.is_empty() && done.summary.faults.is_empty());
    assert_eq!(done.reports.len(), 2);
    let counts = done.summary.stats.not_read.iter();
    let counts: Vec<_> = counts.map(|(name, count)| (&**name, *count)).collect();
    assert_eq!(counts, [("encoded", 1), ("html", 2), ("other_type", 1)]);
}

#[test]
fn records_without_text_are_counted_in_any_batches_and_threads() {
    type Write<'w> = &'w dyn Fn(&[Option<&str>]) -> Vec<u8>;

    let page = &pages()[0];
    let line = |text: Option<&str>| serde_json::json!({"doi": "DOI: 10.5555/x", "text": text});
    let lines = |texts: &[Option<&str>]| -> Vec<u8> {
        let lines = texts.iter().map(|&text| line(text).to_string() + "\n");
        lines.collect::<String>().into_bytes()
    };
    let in_tar = |texts: &[Option<&str>]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (number, text) in texts.iter().enumerate() {
            append(&mut builder, &format!("{number}.jsonl"), &lines(&[*text]));
        }
        builder.into_inner().unwrap()
    };
    let in_warc = |texts: &[Option<&str>]| {
        let records = texts.iter().map(|text| match text {
            Some(text) => record("conversion", "http://a.org", "text/plain", text),
            None => record("conversion", "http://a.org", "image/png", ""),
        });
        records.collect::<String>().into_bytes()
    };
    let containers: &[(&str, &str, Write)] = &[
        ("jsonl", "no_text", &lines),
        ("tar", "no_text", &in_tar),
        ("warc", "other_type", &in_warc),
        #[cfg(feature = "parquet")]
        ("parquet", "no_text", &rows),
    ];
    let text = Some(&page.text[..]);
    let no_texts = |texts: usize| [vec![text; texts], vec![None; 5], vec![Some(""); 3]].concat();
    for (name, kind, write) in containers {
        for texts in [0, 2] {
            let file = write(&no_texts(texts));
            for (batch, threads) in [(1, 1), (700, 2), (5000, 16), (1 << 20, 1), (1 << 20, 16)] {
                let stats = done_with(&file, |config| {
                    config.batch = NonZeroUsize::new(batch).unwrap();
                    config.threads = NonZeroUsize::new(threads).unwrap();
                })
                .summary
                .stats;
                let name = format!("{texts} texts in {name} in batches of {batch}");
                assert_eq!(stats.not_read.get(*kind), Some(&5), "{name}");
                assert_eq!(stats.pages.skipped, 3, "{name}");
                assert_eq!(stats.pages.emitted, texts as u64, "{name}");
            }
        }
    }
}

#[test]
fn a_large_record_may_speak_of_records_and_a_length_too_large_swallows_none() {
    let after = Page {
        text: pages()[1].text.clone(),
        url: pages()[1].url.clone(),
    };
    let talk = "In it stands\nWARC/1.0\r\nWARC-Type: x\r\nand more.\n".repeat(100_000);
    let large = record("resource", "http://a.org", "text/plain", &talk);
    let next = String::from_utf8(warc(slice::from_ref(&after))).unwrap();
    let done = done_with(format!("{large}{next}").as_bytes(), usual);
    assert_eq!((done.reports.len(), done.rejects.len()), (1, 0));

    let length = format!("Content-Length: {}", talk.len());
    let wrong = large.replace(&length, "Content-Length: 99999999999");
    let done = done_with(format!("{wrong}{next}").as_bytes(), usual);
    assert_eq!((done.reports.len(), done.rejects.len()), (1, 1));
    assert_eq!(done.rejects[0].source.offset, 0);
    assert!(done.summary.faults.is_empty());
}

#[test]
fn an_encoded_body_is_counted_as_it_was_sent() {
    let page = &pages()[0];
    let body = gzip(page.text.repeat(30).as_bytes());
    let http = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n";
    let block = [&http[..], &body].concat();
    let mut file = format!(
        "WARC/1.1\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n",
        block.len()
    )
    .into_bytes();
    file.extend(block);
    let done = done_with(&file, usual);
    assert_eq!(done.reports.len(), 30);
    assert_eq!(
        done.reports[29].source.length,
        page.text.trim_end().len() as u64
    );
    let bytes = &done.summary.stats.bytes;
    assert_eq!(
        bytes.read as usize,
        file.len() - body.len() + 30 * page.text.len()
    );
    assert!(bytes.container < 300, "{bytes:?}");
}

/// A response whose body is sent so.
fn response(encoding: &str, body: &[u8]) -> Vec<u8> {
    let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{encoding}\r\n");
    let length = http.len() + body.len();
    let header = format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{length}>\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [header.as_bytes(), http.as_bytes(), body, b"\r\n\r\n"].concat()
}

/// A chunk of a body; the last has no bytes.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn the_page_limit_is_one_of_pages_and_not_of_encoded_bodies() {
    let (first, second) = (&pages()[0].text, &pages()[1].text);
    let large = format!("{first}{}", "x".repeat(first.len() + second.len()));
    let body = [&first[..], second, &large, first].concat();
    let limit = first.len().max(second.len());
    let limited = |config: &mut Config| config.max_page = NonZeroUsize::new(limit).unwrap();
    let plain = done_with(&response("", body.as_bytes()), limited);
    assert_eq!((plain.reports.len(), plain.rejects.len()), (3, 1));
    let chunked = |body: &[u8]| [chunk(body), chunk(b"")].concat();
    for (encoding, sent) in [
        ("Content-Encoding: gzip\r\n", gzip(body.as_bytes())),
        ("Content-Encoding: zstd\r\n", zstd(body.as_bytes())),
        ("Transfer-Encoding: chunked\r\n", chunked(body.as_bytes())),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            chunked(&gzip(body.as_bytes())),
        ),
    ] {
        let done = done_with(&response(encoding, &sent), limited);
        let found = done.reports.iter().map(less_source);
        let expected = plain.reports.iter().map(less_source);
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(done.rejects.len(), 1, "{encoding}");
        assert_eq!(done.rejects[0].message, plain.rejects[0].message);
    }
}

#[test]
fn chunks_that_end_too_soon_are_damage_and_give_no_page() {
    let page = &pages()[0].text;
    let (half, rest) = page.as_bytes().split_at(page.len() / 2);
    let open = [chunk(half), chunk(rest)].concat();
    let whole = [&open[..], &chunk(b"")].concat();
    for (body, reports) in [(&open[..], 0), (&whole, 1), (page.as_bytes(), 1)] {
        let done = done_with(&response("Transfer-Encoding: chunked\r\n", body), usual);
        let found = (done.reports.len(), done.rejects.len());
        assert_eq!(found, (reports, 1 - reports));
    }
}

#[test]
fn an_encoded_body_that_is_too_large_is_refused_whole_with_its_place() {
    let page = &pages()[0].text;
    let sent = gzip(page.repeat((17 << 20) / page.len()).as_bytes());
    let bomb = response("Content-Encoding: gzip\r\n", &sent);
    let file = [&bomb[..], &response("", page.as_bytes())].concat();
    let done = done_with(&file, |config| {
        config.max_page = NonZeroUsize::new(1 << 20).unwrap();
    });
    assert_eq!((done.reports.len(), done.rejects.len()), (1, 1));
    let reject = &done.rejects[0];
    assert_eq!(reject.reason, RejectReason::PageTooLarge);
    let (offset, record) = (bomb.len() - sent.len() - 4, reject.source.record.as_deref());
    assert_eq!(reject.source.offset as usize, offset);
    assert!(record.is_some_and(|record| record.starts_with("<urn:uuid:")));
    assert!(page.starts_with(&reject.excerpt[..20]), "{reject:?}");
    let message =
        "the decoded body has more than 16777216 bytes; a larger --max-page lets it have more";
    assert_eq!(reject.message, message);
    assert_eq!(done.summary.stats.bytes.read as usize, file.len());
}

#[test]
fn members_of_a_zip_archive_that_others_hide_are_told() {
    let pages = pages();
    let archive = zip(&pages);
    let hidden = String::from_utf8_lossy(&archive).matches("1/x.txt").count();
    assert!(hidden >= 2);
    let mut same_name = archive.clone();
    for at in memchr::memmem::find_iter(&archive, "1/x.txt") {
        same_name[at] = b'0';
    }
    let behind = [&same_name[..], &[0; 4]].concat();
    for same_name in [same_name, behind] {
        let done = done_with(&same_name, usual);
        assert_eq!(done.reports.len(), pages.len() - 1);
        assert_eq!(
            told(&done),
            ["1 of its members are not read: others have their names"]
        );
    }
    assert!(done_with(&archive, usual).summary.faults.is_empty());
}

#[test]
fn zip_archives_in_a_row_are_read_as_one() {
    let pages = pages();
    let archives: Vec<_> = pages
        .iter()
        .map(|page| zip(slice::from_ref(page)))
        .collect();
    let expected = |pages: &[Page]| {
        let all = pages.iter().map(|page| less_source(&expected(page, false)));
        all.collect::<Vec<_>>()
    };
    let found = |done: &Done| done.reports.iter().map(less_source).collect::<Vec<_>>();
    let empty = zip(&[]);
    let program = b"#!/bin/sh\nexit\n";
    for in_a_row in [
        archives.concat(),
        [&empty[..], &archives.concat(), &empty].concat(),
        archives.join(&[0; 512][..]),
        [&program[..], &archives.concat()].concat(),
    ] {
        let done = done_with(&in_a_row, |config| config.format = Some(Format::Zip));
        assert_eq!(found(&done), expected(&pages));
        assert_eq!(told(&done), [""; 0]);
    }
    // Of one size, so that the places in the list of the second are right in the first, too.
    let stored = |text: &str| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        let stored = options.compression_method(zip::CompressionMethod::Stored);
        writer.start_file("x.txt", stored).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let text = &pages[0].text;
    let done = done_with(
        &[stored(text), stored(&text.replace('2', "3"))].concat(),
        usual,
    );
    assert_eq!(done.reports.len(), 2);
    assert_ne!(less_source(&done.reports[0]), less_source(&done.reports[1]));
}

#[test]
fn what_begins_like_an_archive_before_another_one_and_cannot_be_read_is_told() {
    let pages = pages();
    let first = zip(&pages[..1]);
    let cut = &first[..first.len() - 10];
    let done = done_with(&[cut, &zip(&pages[1..])].concat(), usual);
    assert_eq!(done.reports.len(), pages.len() - 1);
    let [told] = &told(&done)[..] else { panic!() };
    let begins = format!("its first {} bytes are not read: ", cut.len());
    assert!(told.starts_with(&begins), "{told}");

    let mut large = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    large.start_file("x.txt", options).unwrap();
    large.write_all(pages[1].text.as_bytes()).unwrap();
    large.set_comment("a comment").unwrap();
    for before in [zip(&pages[1..2]), large.finish().unwrap().into_inner()] {
        for behind in [vec![], zip(&pages[2..3])] {
            let done = done_with(&[&before, cut, &behind].concat(), usual);
            assert_eq!(done.reports.len(), if behind.is_empty() { 1 } else { 2 });
            let [told] = &self::told(&done)[..] else {
                panic!()
            };
            let begins = format!(
                "{} bytes at byte {} are not read: ",
                cut.len(),
                before.len()
            );
            assert!(told.starts_with(&begins), "{told}");
        }
    }
}

#[test]
fn members_that_the_end_of_a_zip_archive_does_not_count_are_told() {
    let pages = pages();
    let archive = zip(&pages);
    let end = archive.len() - 22;
    for counted in [0, 1, pages.len() as u8 - 1] {
        let mut archive = archive.clone();
        (archive[end + 8], archive[end + 10]) = (counted, counted);
        let done = done_with(&archive, usual);
        assert_eq!(done.reports.len(), usize::from(counted));
        let message = format!(
            "{} of its members are not read: its end counts fewer than it lists",
            pages.len() - usize::from(counted)
        );
        assert_eq!(told(&done), [message]);
    }
}

#[test]
fn members_of_a_large_zip_archive_that_others_hide_are_told() {
    let pages = pages();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for number in 0..=u16::MAX {
        writer.start_file(number.to_string(), options).unwrap();
    }
    for (name, page) in ["page-1", "page-2"].iter().zip(&pages) {
        writer.start_file(*name, options).unwrap();
        writer.write_all(page.text.as_bytes()).unwrap();
    }
    let mut archive = writer.finish().unwrap().into_inner();
    let done = done_with(&archive, usual);
    assert_eq!((done.reports.len(), told(&done).len()), (2, 0));
    let second = memchr::memmem::rfind(&archive, b"page-2").unwrap();
    archive[second + 5] = b'1';
    assert_eq!(
        told(&done_with(&archive, usual)),
        ["1 of its members are not read: others have their names"]
    );
}

#[test]
fn other_bytes_behind_an_archive_of_zip_are_told() {
    let pages = pages();
    let (first, second) = (zip(&pages[..1]), zip(&pages[1..2]));
    let other = pages[2].text.as_bytes();
    for behind in [vec![], second] {
        let done = done_with(&[&first, other, &behind].concat(), usual);
        assert_eq!(done.reports.len(), if behind.is_empty() { 1 } else { 2 });
        let (length, at) = (other.len(), first.len());
        let expected = format!("{length} bytes at byte {at} are not read: no archive begins there");
        assert_eq!(told(&done), [expected]);
    }
}

/// Where a member ends is told by the index alone, if its header came before its size was known.
#[test]
fn where_a_zip_archive_without_its_index_cannot_be_read_on_is_told() {
    let pages = pages();
    let whole = zip(&pages[..1]);
    let archive = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
    let list = archive.central_directory_start() as usize;
    let mut streamed = zip::ZipWriter::new_stream(Vec::new());
    let options = zip::write::SimpleFileOptions::default();
    streamed.start_file("x.txt", options).unwrap();
    streamed.write_all(pages[1].text.as_bytes()).unwrap();
    let streamed = streamed.finish().unwrap().into_inner();
    for other in [
        &streamed[..streamed.len() - 30],
        b"No member's header begins with this.",
    ] {
        let done = done_with(&[&whole[..list], other].concat(), usual);
        assert_eq!(done.reports.len(), 1);
        let [index, rest] = &told(&done)[..] else {
            panic!("{:?}", told(&done))
        };
        assert!(index.contains("EOCD"), "{index}");
        let expected = format!("{} bytes at byte {list} are not read: ", other.len());
        assert!(rest.starts_with(&expected), "{rest}");
    }
}

/// A zip archive with one member of this text, where its bytes begin and how many they are, and where
/// the list of members begins.
fn zip_of_one(text: &str, method: zip::CompressionMethod) -> (Vec<u8>, usize, usize, usize) {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let options = options.compression_method(method);
    writer.start_file("x.txt", options).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let list = archive.central_directory_start() as usize;
    let member = archive.by_index(0).unwrap();
    let start = member.data_start().unwrap() as usize;
    let length = member.compressed_size() as usize;
    drop(member);
    (bytes, start, length, list)
}

#[test]
fn damage_in_a_member_of_zip_costs_what_it_costs_in_gzip() {
    let text = text(&pages()).repeat(20);
    let text = String::from_utf8(text).unwrap();
    let (archive, start, length, list) = zip_of_one(&text, zip::CompressionMethod::Deflated);
    let sums = [
        &archive[list + 16..list + 20],
        &archive[list + 24..list + 28],
    ]
    .concat();
    let gzip = |deflated: &[u8]| [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", deflated, &sums].concat();
    assert_eq!(gzip(&archive[start..start + length]).len(), length + 18);
    let outcome = |bytes: &[u8]| {
        let done = done_with(bytes, usual);
        let reports: Vec<_> = done.reports.iter().map(less_source).collect();
        (done.summary.stats.bytes.read, reports, told(&done))
    };
    for place in (start..start + length).step_by(length / 16) {
        let mut archive = archive.clone();
        archive[place] ^= 0x55;
        let mut expected = outcome(&gzip(&archive[start..start + length]));
        let found = outcome(&archive);
        // What was inflated to other text is told by its length or its check sum alone.
        if expected.2[0].ends_with("checksum") {
            let why = match expected.0 > text.len() as u64 {
                true => "File is larger than its declared uncompressed size",
                false => "Invalid checksum",
            };
            expected.2[0] = why.to_owned();
        }
        assert_eq!(found, expected, "{place}");
        let (read, reports, messages) = outcome(&archive[..list]);
        assert_eq!((read, reports), (expected.0, expected.1), "{place}");
        assert_eq!(messages[1..], expected.2, "{place}");
        let expected = outcome(&gzip(&archive[start..place])[..10 + place - start]);
        let found = outcome(&archive[..place]);
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{place}");
        assert_eq!(found.2[1..], expected.2, "{place}");
    }
}

#[test]
fn a_member_of_zip_is_held_against_its_check_sum_and_its_size() {
    let text = text(&pages()).repeat(3);
    let text = String::from_utf8(text).unwrap();
    let size = text.len() as u64;
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
        zip::CompressionMethod::Zstd,
    ] {
        let (archive, _, _, list) = zip_of_one(&text, method);
        // In the member's own header and in the list.
        let changed = |at: usize, number: u32| {
            let mut archive = archive.clone();
            for at in [at, list + at + 2] {
                archive[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            archive
        };
        let larger = "File is larger than its declared uncompressed size";
        let smaller = "File is smaller than its declared uncompressed size";
        for (archive, read, message) in [
            (changed(14, 7), size, "Invalid checksum"),
            (changed(22, 0), size, larger),
            (changed(22, 4_000), size, larger),
            (changed(22, size as u32 - 1), size, larger),
            (changed(22, size as u32 + 1), size, smaller),
        ] {
            let done = done_with(&archive, usual);
            assert_eq!(told(&done), [message], "{method:?}");
            assert_eq!(done.summary.stats.bytes.read, read, "{method:?} {message}");
            let done = done_with(&archive[..list], usual);
            assert_eq!(told(&done)[1..], [message], "{method:?}");
            assert_eq!(done.summary.stats.bytes.read, read, "{method:?} {message}");
        }
        let (empty, ..) = zip_of_one("", method);
        let done = done_with(&empty, usual);
        assert_eq!(told(&done), [""; 0]);
        let mut other = archive.clone();
        (other[8], other[list + 10]) = (98, 98);
        let message = "compression method not supported: Ppmd";
        assert_eq!(told(&done_with(&other, usual)), [message]);
        assert_eq!(told(&done_with(&other[..list], usual))[1..], [message]);
        let mut encrypted = archive.clone();
        encrypted[6] |= 1;
        encrypted[list + 8] |= 1;
        let done = done_with(&encrypted, usual);
        let message = "unsupported Zip archive: Password required to decrypt file";
        assert_eq!(told(&done), [message]);
        assert_eq!(done.summary.stats.bytes.read, 0);
    }
}

/// Those that the library which finds the members does not know.
#[test]
fn damage_in_a_member_of_zip_costs_no_other_whatever_its_compression() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let path = samples.join("container-zip-other-compressions/input.zip");
    let whole = fs::read(path).unwrap();
    let reports = |done: &Done| -> Vec<_> {
        let sources = done.reports.iter().map(|report| &report.source);
        sources.map(|source| source.record.clone()).collect()
    };
    let all = reports(&done_with(&whole, usual));
    assert_eq!(all.len(), 4);
    let mut archive = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
    for member in 0..4 {
        let file = archive.by_index_raw(member).unwrap();
        let start = file.data_start().unwrap() as usize;
        for place in start..start + file.compressed_size() as usize {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x40;
            let done = done_with(&damaged, usual);
            let (found, faults) = (reports(&done), told(&done));
            let mut others = all.clone();
            others.remove(member);
            match &faults[..] {
                // A bit that no decoder looks at.
                [] => assert_eq!(found, all, "{place}"),
                [_] => assert!(others.iter().all(|other| found.contains(other)), "{place}"),
                more => panic!("{place}: {more:?}"),
            }
        }
    }
}

/// What is said of sources that cannot be read whole, without their names.
fn told(done: &Done) -> Vec<String> {
    let faults = done.summary.faults.iter();
    faults.map(|fault| fault.source.to_string()).collect()
}

#[test]
fn a_mark_is_no_part_of_the_first_line_wherever_a_piece_of_the_source_ends() {
    const PIECE: usize = 128 << 10;
    let pages = pages();
    let unpadded = serde_json::json!({"text": pages[0].text, "x": ""}).to_string();
    let padding = format!("\"x\":\"{}", "x".repeat(PIECE - 1 - unpadded.len()));
    let line = unpadded.replace("\"x\":\"", &padding);
    let next = String::from_utf8(jsonl(&pages[1..2])).unwrap();
    for (line_end, next) in [("\n", &*next), ("\r\n", &*next), ("\r", "")] {
        let file = format!("\u{feff}{line}{line_end}{next}");
        let length = line.len() + line_end.trim_end_matches('\n').len();
        for most in length - 1..length + 4 {
            let [in_pieces, whole] = [1, 4 << 20].map(|batch| {
                done_with(file.as_bytes(), |config| {
                    config.batch = NonZeroUsize::new(batch).unwrap();
                    config.max_page = NonZeroUsize::new(most).unwrap();
                })
            });
            let name = format!("{length} bytes with {line_end:?}, {most} at most");
            let is_too_large = most < length;
            assert_eq!(whole.rejects.len(), usize::from(is_too_large), "{name}");
            assert_eq!(places(&in_pieces.rejects), places(&whole.rejects), "{name}");
            let found = |done: &Done| done.reports.iter().map(less_source).collect::<Vec<_>>();
            assert_eq!(found(&in_pieces), found(&whole), "{name}");
            assert_eq!(in_pieces.summary.stats.bytes, whole.summary.stats.bytes);
        }
    }
}

#[test]
fn any_page_may_be_as_large_as_a_number_can_say() {
    let pages = pages();
    let unlimited = |config: &mut Config| config.max_page = NonZeroUsize::MAX;
    for container in CONTAINERS {
        let done = done_with(&(container.write)(&pages), unlimited);
        assert_eq!(done.reports.len(), pages.len(), "{}", container.name);
    }
    let sent = gzip(pages[0].text.as_bytes());
    let file = response("Content-Encoding: gzip\r\n", &sent);
    assert_eq!(done_with(&file, unlimited).reports.len(), 1);
}

#[test]
fn what_is_not_read_is_said_with_what_makes_lines_or_text_of_it_and_not_skipped() {
    let array = "[{\"text\": \"DOI: 10.5555/x\"}]";
    // As `lz4 -l` and `xz --format=lzma` write them.
    let legacy = b"\x02\x21\x4c\x18\x05\0\0\0\x40text";
    let lzma = b"]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x19\x0c\x2c";
    for (bytes, tool) in [
        (array.as_bytes(), "`jq -c '.[]'`"),
        (format!("\u{feff}{array}").as_bytes(), "`jq -c '.[]'`"),
        (b"[\"DOI: 10.5555/x\"]", "`jq -c '.[] | {text: .}'`"),
        (legacy, "`lz4 -d`"),
        (lzma, "`xz -d`"),
        (&zlib(array.as_bytes()), "`pigz -d`"),
        (b"\x1f\x9d\x90D\x9e\xbc", "`gzip -d`"),
        (b"LZIP\x01\x0c\0", "`lzip -d`"),
        (b"\x89LZO\0\r\n\x1a\n\x10", "`lzop -d`"),
        (b"\xff\x06\0\0sNaPpY\x01", "`snzip -d`"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "`7z x`"),
        (b"Rar!\x1a\x07\x01\0", "`unrar x`"),
        (b"Obj\x01\x04\x14avro.codec", "Avro"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "Arrow"),
    ] {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let done = done_with(&bytes, usual);
            assert_eq!(done.summary.faults.len(), 1, "{tool}");
            let fault = done.summary.faults[0].to_string();
            assert!(fault.contains(tool), "{fault}");
            let forced = done_with(&bytes, |config| config.format = Some(Format::Text));
            assert!(forced.summary.faults.is_empty(), "{tool}");
        }
    }
}

#[test]
fn other_encodings_are_said_with_a_mark_and_without_one_whatever_is_forced() {
    let page = &pages()[0].text;
    let marked = format!("\u{feff}{page}");
    let utf32 = |text: &str| {
        let units = text.chars().map(|c| u32::from(c).to_le_bytes());
        units.collect::<Vec<_>>().concat()
    };
    for (bytes, encoding) in [
        (utf16(&marked, u16::to_le_bytes), "UTF-16"),
        (utf16(&marked, u16::to_be_bytes), "UTF-16"),
        (utf16(page, u16::to_le_bytes), "UTF-16LE"),
        (utf16(page, u16::to_be_bytes), "UTF-16BE"),
        (utf32(&marked), "UTF-32"),
        (utf32(page), "UTF-32LE"),
    ] {
        let mut archive = tar::Builder::new(Vec::new());
        append(&mut archive, "x.txt", &bytes);
        for format in [None, Some(Format::Text), Some(Format::Jsonl)] {
            let done = done_with(&gzip(&bytes), |config| config.format = format);
            let message = format!(
                "it is {encoding} and not UTF-8; `iconv -f {encoding} -t UTF-8` makes UTF-8 of it"
            );
            assert_eq!(told(&done), [message]);
        }
        let archive = archive.into_inner().unwrap();
        assert_eq!(told(&done_with(&archive, usual)).len(), 1, "{encoding}");
    }
}

#[test]
fn a_body_in_another_encoding_at_a_reports_address_is_refused_with_its_place() {
    let page = &pages()[0].text;
    let marked = format!("\u{feff}{page}");
    let large = page.repeat((1 << 20) / page.len());
    for (text, encoding) in [
        (page, "UTF-16LE"),
        (&marked, "UTF-16"),
        (&large, "UTF-16LE"),
    ] {
        let body = utf16(text, u16::to_le_bytes);
        for (address, is_said) in [
            (
                "WARC-Target-URI: https://scite.ai/reports/salt-Ab1\r\n",
                true,
            ),
            (
                "WARC-Target-URI: https://example.org/reports/salt-Ab1\r\n",
                false,
            ),
            ("", true),
        ] {
            let header = format!(
                "WARC/1.1\r\nWARC-Type: conversion\r\n{address}WARC-Record-ID: <urn:1>\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            let next = warc(&pages()[1..2]);
            let file = [header.as_bytes(), &body, b"\r\n\r\n", &next].concat();
            let done = done_with(&file, usual);
            assert_eq!(done.reports.len(), 1, "{address}");
            assert_eq!(done.rejects.len(), usize::from(is_said), "{address}");
            for reject in &done.rejects {
                let message = format!("the body is {encoding} and not UTF-8");
                assert_eq!(reject.message, message);
                assert_eq!(reject.reason, RejectReason::DamagedRecord);
                assert_eq!(reject.source.offset, header.len() as u64);
                assert_eq!(reject.source.record.as_deref(), Some("<urn:1>"));
            }
            assert_eq!(done.summary.stats.bytes.read, file.len() as u64);
        }
    }
    let sent = gzip(&utf16(page, u16::to_be_bytes));
    let done = done_with(&response("Content-Encoding: gzip\r\n", &sent), usual);
    assert_eq!(
        done.rejects[0].message,
        "the body is UTF-16BE and not UTF-8"
    );
    assert!(done.reports.is_empty());
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn warc_is_found_behind_line_ends_and_a_mark() {
    let file = String::from_utf8(warc(&pages())).unwrap();
    for before in ["\r\n", "\n\n", "\u{feff}", "\u{feff}\r\n"] {
        let file = format!("{before}{file}");
        let done = done_with(file.as_bytes(), usual);
        let found = done.reports.iter().map(less_source).collect::<Vec<_>>();
        let expected = pages()
            .iter()
            .map(|page| less_source(&expected(page, true)))
            .collect::<Vec<_>>();
        assert_eq!(found, expected, "{before:?}");
        assert!(done.rejects.is_empty() && done.summary.faults.is_empty());
        let page = cut_source(file.as_bytes(), &done.reports[0].source);
        assert_eq!(parse(&page).unwrap().statements, done.reports[0].statements);
        assert_eq!(done.summary.stats.bytes.read, file.len() as u64);
    }
}

#[test]
fn a_large_text_record_is_read_as_a_text_of_its_own() {
    let page = &pages()[0];
    let text = format!("{}{}", page.text, "\nmore of it".repeat(200_000));
    let after = &pages()[1];
    let file = warc(&[
        Page {
            text,
            url: page.url.clone(),
        },
        Page {
            text: after.text.clone(),
            url: after.url.clone(),
        },
    ]);
    let reports = done_with(&file, usual).reports;
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].report_id, expected(page, true).report_id);
    assert!(reports[0].source.record.is_some() && reports[0].source.date.is_some());
    let cut = cut_source(&file, &reports[0].source);
    assert_eq!(parse(&cut).unwrap().statements, reports[0].statements);
    assert_eq!(
        less_source(&reports[1]),
        less_source(&expected(after, true))
    );
}

#[test]
fn archives_hold_files_of_any_kind() {
    let pages = pages();
    let mut builder = tar::Builder::new(Vec::new());
    let inner = tar(&pages);
    for (name, bytes) in [
        ("a.jsonl.gz", gzip(&jsonl(&pages))),
        ("b.warc", warc(&pages)),
        ("c.tar.zst", zstd(&inner)),
        ("d.zip", zip(&pages)),
    ] {
        append(&mut builder, name, &bytes);
    }
    let done = done_with(&builder.into_inner().unwrap(), usual);
    assert_eq!(done.reports.len(), 3 * pages.len());
    let records = done
        .reports
        .iter()
        .filter_map(|report| report.source.record.as_deref());
    let records: Vec<_> = records.collect();
    assert_eq!(records[0], "a.jsonl.gz#1");
    assert!(records[pages.len()].starts_with("b.warc#<urn:"));
    assert_eq!(records[2 * pages.len()], "c.tar.zst#0/x.txt");
    let fault = done.summary.faults[0].to_string();
    assert!(
        fault.contains("record d.zip: zip and Parquet are read from a file"),
        "{fault}"
    );
}

fn text(pages: &[Page]) -> Vec<u8> {
    let texts: Vec<_> = pages.iter().map(|page| page.text.trim_end()).collect();
    texts.join("\n").into_bytes()
}

fn jsonl(pages: &[Page]) -> Vec<u8> {
    let line =
        |page: &Page| serde_json::json!({"url": page.url, "text": page.text}).to_string() + "\n";
    pages.iter().map(line).collect::<String>().into_bytes()
}

fn record(kind: &str, url: &str, media: &str, block: &str) -> String {
    format!(
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-06T07:08:09Z\r\n\
         WARC-Record-ID: <urn:uuid:{}>\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{block}\r\n\r\n",
        url.len(),
        block.len(),
    )
}

fn warc(pages: &[Page]) -> Vec<u8> {
    let info = record("warcinfo", "", "application/warc-fields", "software: none");
    let pages = pages
        .iter()
        .map(|page| record("conversion", &page.url, "text/plain", &page.text));
    std::iter::once(info)
        .chain(pages)
        .collect::<String>()
        .into_bytes()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, name, bytes).unwrap();
}

fn tar(pages: &[Page]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (number, page) in pages.iter().enumerate() {
        append(
            &mut builder,
            &format!("{number}/x.txt"),
            page.text.as_bytes(),
        );
    }
    builder.into_inner().unwrap()
}

fn zip(pages: &[Page]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, page) in pages.iter().enumerate() {
        let options = zip::write::SimpleFileOptions::default();
        writer
            .start_file(format!("{number}/x.txt"), options)
            .unwrap();
        writer.write_all(page.text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[cfg(feature = "parquet")]
fn parquet(pages: &[Page]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
    let schema = "message m { required binary text (STRING); optional binary url (STRING); }";
    let schema = parquet::schema::parser::parse_message_type(schema).unwrap();
    let properties = WriterProperties::builder().build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, schema.into(), properties.into()).unwrap();
    for pages in pages.chunks(3) {
        let mut group = writer.next_row_group().unwrap();
        let texts: Vec<_> = pages
            .iter()
            .map(|page| ByteArray::from(page.text.as_str()))
            .collect();
        let urls: Vec<_> = pages
            .iter()
            .map(|page| ByteArray::from(page.url.as_str()))
            .collect();
        for (values, levels) in [(texts, None), (urls, Some(vec![1; pages.len()]))] {
            let mut column = group.next_column().unwrap().unwrap();
            let strings = column.typed::<ByteArrayType>();
            strings
                .write_batch(&values, levels.as_deref(), None)
                .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// Rows of a text alone.
#[cfg(feature = "parquet")]
fn rows(texts: &[Option<&str>]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
    let schema = "message m { optional binary text (STRING); }";
    let schema = parquet::schema::parser::parse_message_type(schema).unwrap();
    let properties = WriterProperties::default();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, schema.into(), properties.into()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<_> = texts
        .iter()
        .flatten()
        .copied()
        .map(ByteArray::from)
        .collect();
    let levels: Vec<_> = texts.iter().map(|text| i16::from(text.is_some())).collect();
    let strings = column.typed::<ByteArrayType>();
    strings.write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

#[cfg(feature = "parquet")]
fn cut_row(file: &[u8], source: &Source) -> Vec<u8> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).unwrap();
    let number: usize = source.record.as_ref().unwrap().parse().unwrap();
    let row = reader
        .get_row_iter(None)
        .unwrap()
        .nth(number)
        .unwrap()
        .unwrap();
    row.get_string(0).unwrap().as_bytes()[range(source)].to_vec()
}

fn range(source: &Source) -> std::ops::Range<usize> {
    source.offset as usize..(source.offset + source.length) as usize
}

fn cut_source(file: &[u8], source: &Source) -> Vec<u8> {
    file[range(source)].to_vec()
}

fn cut_line(file: &[u8], source: &Source) -> Vec<u8> {
    let number: usize = source.record.as_ref().unwrap().parse().unwrap();
    let line = file.split(|&byte| byte == b'\n').nth(number - 1).unwrap();
    let line: Value = serde_json::from_slice(line).unwrap();
    line["text"].as_str().unwrap().as_bytes()[range(source)].to_vec()
}

fn cut_tar(file: &[u8], source: &Source) -> Vec<u8> {
    let mut archive = tar::Archive::new(file);
    let named =
        |entry: &tar::Entry<_>| entry.path_bytes() == source.record.as_ref().unwrap().as_bytes();
    let mut entry = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(named)
        .unwrap();
    let mut text = Vec::new();
    entry.read_to_end(&mut text).unwrap();
    text[range(source)].to_vec()
}

fn cut_zip(file: &[u8], source: &Source) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut text = Vec::new();
    let mut member = archive.by_name(source.record.as_ref().unwrap()).unwrap();
    member.read_to_end(&mut text).unwrap();
    text[range(source)].to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 6)
        .read_to_end(&mut out)
        .unwrap();
    out
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = bzip2::read::BzEncoder::new(bytes, bzip2::Compression::default());
    encoder.read_to_end(&mut out).unwrap();
    out
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A container of `containers.py`'s list.
#[derive(serde::Deserialize)]
struct Written {
    file: String,
    args: Vec<String>,
    writer: String,
    pages: Vec<WrittenPage>,
}

#[derive(serde::Deserialize)]
struct WrittenPage {
    name: String,
    url: Option<String>,
}

#[test]
fn what_other_programs_write_gives_the_same_records() {
    let Some(python) = std::env::var_os("CITESIFT_PYTHON") else {
        eprintln!("CITESIFT_PYTHON is not set: containers by other programs were NOT checked");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (texts, containers) = (
        folder.path().join("pages"),
        folder.path().join("containers"),
    );
    fs::create_dir(&texts).unwrap();
    for (number, page) in pages().iter().enumerate() {
        fs::write(texts.join(format!("{number}.txt")), &page.text).unwrap();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/containers.py");
    let written = Command::new(python)
        .arg(script)
        .args([&texts, &containers])
        .output()
        .unwrap();
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );

    let list = fs::read(containers.join("manifest.json")).unwrap();
    let list: Vec<Written> = serde_json::from_slice(&list).unwrap();
    assert!(list.len() >= 30, "{} containers", list.len());
    for written in list {
        if cfg!(not(feature = "parquet")) && written.file.ends_with(".parquet") {
            continue;
        }
        let output = Command::new(env!("CARGO_BIN_EXE_citesift"))
            .arg("--quiet")
            .args(&written.args)
            .arg(containers.join(&written.file))
            .output()
            .unwrap();
        let name = format!("{} by {}", written.file, written.writer);
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let found: Vec<Report> = serde_json::Deserializer::from_slice(&output.stdout)
            .into_iter()
            .map(|report| less_source(&report.unwrap()))
            .collect();
        let expected = written.pages.iter().map(|page| {
            let text = fs::read_to_string(texts.join(&page.name)).unwrap();
            let url = page.url.clone().unwrap_or_default();
            less_source(&expected(&Page { text, url }, page.url.is_some()))
        });
        assert_eq!(found, expected.collect::<Vec<_>>(), "{name}");
    }
}
