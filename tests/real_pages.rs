//! The real pages, which are other people's text and not in the repository: as files, as a
//! folder, glued by `cat` and joined by newlines they give the same records.
//!
//! They are read from the folder that `CITESIFT_REAL_PAGES` names. Without the variable
//! these tests say that they check nothing; with it, a missing folder is a failure.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use citesift::job::{Watch, annotate};
use citesift::model::{Report, Role, Statement, StatementType, Warning};
use citesift::{Config, Input, run};

fn folder(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CITESIFT_REAL_PAGES").filter(|name| !name.is_empty());
    let Some(root) = named else {
        // Not by `eprintln!`, which the test harness swallows.
        let _ = writeln!(
            std::io::stderr(),
            "NOT CHECKED: CITESIFT_REAL_PAGES names no folder of real pages"
        );
        return None;
    };
    let folder = Path::new(&root).join(name);
    assert!(folder.is_dir(), "{} is missing", folder.display());
    Some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    assert_eq!(files.len(), 3, "{}", folder.display());
    files
}

fn reports(inputs: Vec<Input>) -> Vec<Report> {
    let mut output = Vec::new();
    let summary = run(&Config::new(inputs), |batch| {
        output.extend_from_slice(batch.records);
        Ok(ControlFlow::Continue(()))
    });
    assert!(summary.unwrap().faults.is_empty());
    let lines = serde_json::Deserializer::from_slice(&output).into_iter();
    lines.map(Result::unwrap).collect()
}

fn from_text(text: &[u8]) -> Vec<Report> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    reports(vec![Input::Path(file.path().to_owned())])
}

/// Compares what is found on each of the three pages.
fn column(reports: &[Report], values: [&str; 3], found: fn(&Report) -> String) {
    assert_eq!(reports.iter().map(found).collect::<Vec<_>>(), values);
}

/// What the description of the format says of the three pages.
fn check(reports: &[Report]) {
    check_headers_and_counts(reports);
    check_statements(reports);
    for report in reports {
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }
}

fn check_headers_and_counts(reports: &[Report]) {
    let dois = [
        "10.1007/s10597-021-00859-w",
        "10.2975/35.4.2012.337.340",
        "10.1080/09638237.2017.1417559",
    ];
    column(reports, dois, |report| report.doi.clone().unwrap());
    column(
        reports,
        ["2021 false", "2012 true", "2017 true"],
        |report| {
            let has_abstract = report.abstract_text.is_some();
            format!("{} {has_abstract}", report.year.unwrap())
        },
    );
    let tallies = ["7 0 7 0 -", "137 8 126 0 3", "153 4 138 0 11"];
    column(reports, tallies, |report| {
        let tallies = report.tallies;
        let counts = [
            tallies.total,
            tallies.supporting,
            tallies.mentioning,
            tallies.contrasting,
            tallies.unclassified,
        ];
        let shown = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        counts.map(shown).join(" ")
    });
    column(reports, ["4 21", "124 10", "157 36"], |report| {
        let citing = report.tallies.citing_publications.unwrap();
        format!("{citing} {}", report.references.publications.unwrap())
    });
    let years = ["2022–2023", "2014–2022", "2018–2024"];
    column(reports, years, |report| {
        let years = report.citing_years;
        format!("{}–{}", years.min.unwrap(), years.max.unwrap())
    });
    let facets = [
        "[2, 2, 1] [4] [0, 4]",
        "[3, 1, 1] [7, 1] [0, 8]",
        "[4, 1] [8, 1] [0, 9]",
    ];
    column(reports, facets, |report| {
        let facets = &report.facets;
        let (sections, types) = (&facets.paper_sections, &facets.publication_types);
        format!("{sections:?} {types:?} {:?}", facets.relationship)
    });
}

fn check_statements(reports: &[Report]) {
    let evidence = "The Existing Evidence On Peer Worker Roles In Mental Health";
    let roles =
        format!("Introduction|{evidence}|{evidence}|Distinctiveness Of the Peer Worker Role");
    let sections = [
        "Results|Results|Discussion|Introduction",
        &roles,
        "Discussion|Discussion|Discussion|Editorial",
    ];
    column(reports, sections, |report| {
        each(report, |statement| statement.section.clone().unwrap()).join("|")
    });
    let confidences = ["99 99 99 99", "94 99 99 99", "99 99 99 99"];
    column(reports, confidences, |report| {
        each(report, |statement| {
            statement.confidence.unwrap().to_string()
        })
        .join(" ")
    });
    let hidden = [
        "None None None Some(1)",
        "None None Some(1) None",
        "None None None None",
    ];
    column(reports, hidden, |report| {
        each(report, |statement| format!("{:?}", statement.see_more)).join(" ")
    });
    column(reports, ["2 1 1 1; 1"; 3], |report| {
        let occurrences = each(report, |statement| statement.occurrences.to_string());
        format!("{}; {}", occurrences.join(" "), report.duplicates_removed)
    });
    for statement in reports.iter().flat_map(|report| &report.statements) {
        assert_eq!(statement.statement_type, Some(StatementType::Mentioning));
    }
}

fn each(report: &Report, shown: fn(&Statement) -> String) -> Vec<String> {
    report.statements.iter().map(shown).collect()
}

#[test]
fn as_files_and_as_a_folder() {
    let Some(seeds) = folder("seeds") else { return };
    check(&reports(
        files(&seeds).into_iter().map(Input::Path).collect(),
    ));
    check(&reports(vec![Input::Path(seeds)]));
}

#[test]
fn glued_by_cat_and_joined_by_newlines() {
    let Some(seeds) = folder("seeds") else { return };
    let pages: Vec<_> = files(&seeds)
        .iter()
        .map(|file| fs::read(file).unwrap())
        .collect();
    for joint in ["", "\n", "\n\n\n", "\r\n"] {
        let text = pages.join(joint.as_bytes());
        let found = from_text(&text);
        check(&found);
        for (report, page) in found.iter().zip(&pages) {
            let start = report.source.offset as usize;
            assert_eq!(&text[start..start + report.source.length as usize], page);
        }
    }
}

#[test]
fn partial_pages_give_what_they_have() {
    let Some(captures) = folder("captures") else {
        return;
    };
    let found = reports(vec![Input::Path(captures)]);
    assert_eq!(
        found.len(),
        2,
        "the third is a bare abstract, which nothing marks as a report"
    );
    for report in found {
        assert_eq!((report.doi, report.statements.len()), (None, 1));
        assert!(report.statements[0].text.len() > 400);
        assert_eq!(
            report.warnings,
            [Warning::TruncatedStatement, Warning::NoHeader]
        );
    }
}

/// As a crawl holds them: the address is known, and with it the abstract that nothing else marks.
#[test]
fn partial_pages_are_known_by_their_address() {
    let Some(captures) = folder("captures") else {
        return;
    };
    let mut lines = String::new();
    let mut texts = Vec::new();
    for file in files(&captures) {
        // capture-NN-HOST_reports_SLUG-ID.txt
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (host, page) = name[11..].split_once("_reports_").unwrap();
        let url = format!("https://{host}/reports/{page}");
        let text = fs::read_to_string(&file).unwrap();
        lines += &(serde_json::json!({ "url": url, "text": text }).to_string() + "\n");
        texts.push((url, text));
    }
    let found = from_text(lines.as_bytes());
    assert_eq!(found.len(), texts.len());
    let mut abstracts = 0;
    for (report, (url, text)) in found.iter().zip(&texts) {
        assert_eq!(report.url.as_ref(), Some(url));
        assert_eq!(report.report_id.as_deref(), url.rsplit('-').next());
        assert!(report.warnings.contains(&Warning::NoHeader));
        if report.statements.is_empty() {
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let found = report.abstract_text.as_deref().unwrap();
            assert_eq!(words(found), words(text));
            abstracts += 1;
        }
    }
    assert_eq!(abstracts, 1);
}

#[test]
fn every_byte_has_a_role() {
    let Some(seeds) = folder("seeds") else { return };
    let Some(captures) = folder("captures") else {
        return;
    };
    let files = [files(&seeds), files(&captures)].concat();
    let texts = files.iter().map(|file| fs::read(file).unwrap());
    let mut texts: Vec<_> = texts.collect();
    // Glued by `cat`.
    texts.push(texts[..3].concat());
    for (number, text) in texts.iter().enumerate() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let config = Config::new(vec![Input::Path(file.path().to_owned())]);
        let (mut at, mut repeats) = (0, Vec::new());
        let annotated = annotate(&config, &Watch::default(), |line| {
            assert_eq!(line.offset, at);
            assert_ne!(
                line.role,
                Role::Unrecognized,
                "line {:?} of {number}",
                line.line
            );
            at += line.length;
            repeats.extend(line.repeat_of.map(|first| (line.page, line.block, first)));
            Ok(ControlFlow::Continue(()))
        });
        let totals = annotated.unwrap().0;
        assert_eq!((at, totals.bytes()), (text.len() as u64, text.len() as u64));
        repeats.dedup();
        let pages = [1, 1, 1, 0, 0, 0, 3][number];
        let preview = |page| (Some(page), Some(2), 1);
        assert_eq!(repeats, (1..=pages).map(preview).collect::<Vec<_>>());
    }
}
