//! The other forms of records. A row of CSV or Parquet and the quads of a statement hold what the
//! line of NDJSON of the same run holds; other programs read them so; and what a form cannot do is
//! told before anything is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use citesift::model::{Duplicate, StatementRow, StatementType};
use citesift::{Config, Dedup, Emit, Form, Input, run};
use proptest::prelude::*;
use serde_json::{Value, json};

const ROWS: Form = Form::Ndjson(Emit::Statements);

/// Every form that is made of statements.
const FORMS: &[Form] = &[
    ROWS,
    Form::Csv,
    #[cfg(feature = "parquet")]
    Form::Parquet,
    Form::Cito,
];

fn config(input: &Path, form: Form) -> Config {
    let mut config = Config::new(vec![Input::Path(input.to_owned())]);
    config.form = form;
    config.fields.keep = vec!["id".to_owned(), "more".to_owned()];
    config
}

/// What a run writes, the numbers of bytes and records it tells, and what it says of duplicates.
fn done(config: &Config) -> (Vec<u8>, u64, Vec<u8>) {
    let (mut records, mut duplicates) = (Vec::new(), Vec::new());
    let summary = run(config, |batch| {
        records.extend_from_slice(batch.records);
        duplicates.extend_from_slice(batch.duplicates);
        Ok(ControlFlow::Continue(()))
    });
    let stats = summary.unwrap().stats;
    assert_eq!(stats.written, records.len() as u64);
    (records, stats.records, duplicates)
}

fn written(input: &Path, form: Form) -> Vec<u8> {
    done(&config(input, form)).0
}

fn rows(ndjson: &[u8]) -> Vec<StatementRow> {
    let lines = serde_json::Deserializer::from_slice(ndjson).into_iter();
    lines.map(Result::unwrap).collect()
}

/// A row as a table holds it: every key is there, and `meta` is text.
fn in_table(row: &StatementRow) -> Value {
    let meta = row.meta.as_ref().map(|meta| meta.0.get());
    let mut value = serde_json::to_value(row).unwrap();
    value["meta"] = json!(meta);
    value["similar_to"] = json!(row.similar_to);
    value["similarity"] = json!(row.similarity);
    value
}

/// The columns of CSV, and where a row holds their values.
fn flat(row: &StatementRow) -> Vec<(String, Value)> {
    let mut columns = Vec::new();
    let mut table = in_table(row);
    for key in [
        "id",
        "text",
        "section",
        "type",
        "confidence",
        "similar_to",
        "similarity",
        "see_more",
        "occurrences",
        "doi",
        "year",
        "title",
        "report_id",
        "source",
        "meta",
    ] {
        match table[key].take() {
            Value::Object(mut parts) => {
                for part in ["path", "offset", "length", "record", "date"] {
                    let value = parts.remove(part).unwrap();
                    columns.push((format!("{key}_{part}"), value));
                }
                assert!(parts.is_empty());
            }
            value => columns.push((key.to_owned(), value)),
        }
    }
    columns
}

/// What a cell of CSV stands for, as the documentation says it.
fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

fn check_csv(csv: &[u8], rows: &[StatementRow]) {
    let mut reader = csv::Reader::from_reader(csv);
    let names: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let mut records = reader.records().map(Result::unwrap);
    for row in rows {
        let record = records.next().unwrap();
        let flat = flat(row);
        assert_eq!(
            names,
            flat.iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
        );
        for ((name, value), cell) in flat.iter().zip(&record) {
            let expected = match value {
                Value::Null => String::new(),
                Value::String(text) => {
                    assert!(
                        !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
                        "{cell:?}"
                    );
                    text.clone()
                }
                number => number.to_string(),
            };
            assert_eq!(plain(cell), expected, "{name}");
        }
    }
    assert!(records.next().is_none());
}

#[cfg(feature = "parquet")]
mod in_parquet {
    use bytes::Bytes;
    use parquet::basic::{SortOrder, Type};
    use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, Row};
    use serde_json::{Value, json};

    pub fn rows(file: Vec<u8>) -> Vec<Value> {
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| object(&row.unwrap())).collect()
    }

    pub fn is_none(file: Vec<u8>) -> bool {
        SerializedFileReader::new(Bytes::from(file)).is_err()
    }

    pub fn row_groups(file: Vec<u8>) -> usize {
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        reader.metadata().num_row_groups()
    }

    /// The columns of integers that are not in the order of signed ones.
    pub fn of_unsigned(file: Vec<u8>) -> Vec<String> {
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let unsigned = columns.iter().filter(|column| {
            column.physical_type() == Type::INT64 && column.sort_order() != SortOrder::SIGNED
        });
        unsigned.map(|column| column.path().string()).collect()
    }

    /// How many numbers of the similarities' column are said to be none, in each row group.
    pub fn no_numbers(file: Vec<u8>) -> Vec<Option<u64>> {
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let groups = reader.metadata().row_groups().iter();
        let mut columns = groups
            .flat_map(RowGroupMetaData::columns)
            .collect::<Vec<_>>();
        columns.retain(|column| column.column_path().string() == "similarity");
        let of = |column: &ColumnChunkMetaData| column.statistics().unwrap().nan_count_opt();
        columns.into_iter().map(of).collect()
    }

    fn object(row: &Row) -> Value {
        let columns = row.get_column_iter();
        columns
            .map(|(name, field)| (name.clone(), value(field)))
            .collect()
    }

    fn value(field: &Field) -> Value {
        match field {
            Field::Null => Value::Null,
            Field::Str(text) => json!(text),
            Field::Long(number) => json!(number),
            Field::Double(number) => json!(number),
            Field::Group(row) => object(row),
            other => panic!("{other:?}"),
        }
    }
}

/// An IRI or a literal, or what stands before the full stop.
fn term(quad: &str) -> (&str, &str) {
    let end = match quad.as_bytes()[0] {
        b'<' => quad.find('>').unwrap() + 1,
        b'"' => {
            let mut literal = serde_json::Deserializer::from_str(quad).into_iter::<String>();
            literal.next().unwrap().unwrap();
            let end = literal.byte_offset();
            match quad[end..].starts_with("^^") {
                true => end + quad[end..].find('>').unwrap() + 1,
                false => end,
            }
        }
        other => panic!("{other}: {quad}"),
    };
    let (term, rest) = quad.split_at(end);
    (term, rest.strip_prefix(' ').unwrap())
}

fn quads(nquads: &[u8]) -> Vec<[&str; 4]> {
    let text = std::str::from_utf8(nquads).unwrap();
    let lines = text.split_terminator('\n').map(|line| {
        let mut rest = line;
        let quad = [(); 4].map(|()| {
            let (term, behind) = term(rest);
            rest = behind;
            if let Some(iri) = term.strip_prefix('<') {
                // The characters that RFC 3986 allows.
                let is_allowed =
                    |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
                assert!(iri.trim_end_matches('>').chars().all(is_allowed), "{iri}");
            }
            term
        });
        assert_eq!(rest, ".", "{line}");
        quad
    });
    lines.collect()
}

/// The value of a literal.
fn text_of(literal: &str) -> String {
    serde_json::from_str(literal.rsplit_once("^^").map_or(literal, |(text, _)| {
        match text.ends_with('"') {
            true => text,
            false => literal,
        }
    }))
    .unwrap()
}

const CITO: &str = "<http://purl.org/spar/cito/";

/// Each statement that is cited with a property of `CiTO` is a row, in order, with its values.
fn check_cito(nquads: &[u8], rows: &[StatementRow]) {
    let quads = quads(nquads);
    let starts: Vec<_> = quads
        .iter()
        .enumerate()
        .filter(|(_, quad)| quad[1].starts_with(CITO))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(starts.len(), rows.len());
    for (number, (&start, row)) in starts.iter().zip(rows).enumerate() {
        let [this, property, paper, graph] = quads[start];
        let property_of_type = match row.statement_type.map(StatementType::as_str) {
            Some("supporting") => "supports>",
            Some("contrasting") => "disagreesWith>",
            Some("mentioning") => "citesForInformation>",
            _ => "cites>",
        };
        assert_eq!(property.strip_prefix(CITO), Some(property_of_type));
        let end = starts.get(number + 1).copied().unwrap_or(quads.len());
        let own = |name: &str, of: &str| {
            let mut found = quads[start..end]
                .iter()
                .filter(|quad| quad[0] == of && quad[1].ends_with(&format!("{name}>")));
            let first = found.next().map(|quad| quad[2]);
            assert!(found.next().is_none());
            first
        };
        let text = |name: &str| own(name, this).map(text_of);
        assert_eq!(text("terms/identifier").as_deref(), Some(&*row.id));
        assert_eq!(text("hasContent").as_deref(), Some(&*row.text));
        let word = row.statement_type.map(StatementType::as_str);
        assert_eq!(text("1.1/type").as_deref(), word);
        let percent = text("taConfidence").map(|share| share.parse::<f64>().unwrap() * 100.0);
        assert_eq!(percent.map(|percent| percent.round() as u8), row.confidence);
        let section = own("isContainedBy", this).and_then(|section| own("terms/title", section));
        assert_eq!(section.map(text_of), row.section);
        assert_eq!(own("wasQuotedFrom", this), Some(graph));
        let of_page = |name: &str, of: &str| {
            let mut found = quads.iter().filter(|quad| {
                quad[3] == graph && quad[0] == of && quad[1].ends_with(&format!("{name}>"))
            });
            found.next().map(|quad| quad[2])
        };
        assert_eq!(of_page("/doi", paper).map(text_of), row.doi);
        assert_eq!(of_page("terms/title", paper).map(text_of), row.title);
        let year = of_page("hasPublicationYear", paper).map(text_of);
        assert_eq!(year, row.year.map(|year| year.to_string()));
        let source = of_page("hasSource", graph).unwrap();
        assert_eq!(
            of_page("terms/title", source).map(text_of).as_ref(),
            Some(&row.source.path)
        );
        assert_eq!(
            of_page("terms/identifier", source).map(text_of),
            row.source.record
        );
        assert_eq!(of_page("terms/date", source).map(text_of), row.source.date);
        let meta = of_page("#value", source).map(text_of);
        assert_eq!(meta.as_deref(), row.meta.as_ref().map(|meta| meta.0.get()));
        let bytes = of_page("hasSelector", graph).unwrap();
        let place = ["oa#start", "oa#end"].map(|name| of_page(name, bytes).map(text_of).unwrap());
        let (start, end) = (row.source.offset, row.source.offset + row.source.length);
        assert_eq!(place, [start, end].map(|at| at.to_string()));
        assert_eq!(
            of_page("terms/identifier", graph).map(text_of),
            row.report_id
        );
    }
}

#[cfg(feature = "parquet")]
fn check_parquet(parquet: Vec<u8>, rows: &[StatementRow]) {
    let expected: Vec<_> = rows.iter().map(in_table).collect();
    assert_eq!(in_parquet::rows(parquet), expected);
}

/// All forms hold the same.
fn check(input: &Path) -> usize {
    let rows = rows(&written(input, ROWS));
    check_csv(&written(input, Form::Csv), &rows);
    #[cfg(feature = "parquet")]
    check_parquet(written(input, Form::Parquet), &rows);
    check_cito(&written(input, Form::Cito), &rows);
    rows.len()
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

#[test]
fn every_form_of_every_sample_holds_the_same() {
    let mut statements = 0;
    for entry in fs::read_dir(samples()).unwrap() {
        statements += check(&entry.unwrap().path());
    }
    assert!(statements > 100, "{statements}");
}

/// Compares with what is in `samples/forms`, or rewrites that.
#[test]
fn csv_and_cito_are_as_expected() {
    let folder = samples().join("forms");
    for (args, file) in [
        ("--emit statements --to csv", "expected.csv"),
        ("--emit cito", "expected.nq"),
        ("--emit statements", "expected.ndjson"),
    ] {
        let output = citesift(&folder, &format!("{args} --keep id,lang -q input.jsonl"));
        assert!(output.status.success());
        let file = folder.join(file);
        if std::env::var_os("CITESIFT_BLESS").is_some() {
            fs::write(&file, &output.stdout).unwrap();
        }
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            found,
            fs::read_to_string(&file).unwrap(),
            "{}",
            file.display()
        );
    }
}

/// Pages of which only their place, or not even that, tells what paper they are on.
const NAMELESS: [&str; 2] = [
    "“…One.…”\nSection: mentioning\nconfidence: 9%\n",
    "“…Two.…”\nSection: mentioning\nconfidence: 9%\n",
];

/// The graphs and papers that are named in N-Quads.
fn named_in_cito(nquads: &[u8]) -> [BTreeSet<String>; 2] {
    let quads = quads(nquads);
    let papers = quads.iter().filter(|quad| quad[1].starts_with(CITO));
    [
        quads.iter().map(|quad| quad[3].to_owned()).collect(),
        papers.map(|quad| quad[2].to_owned()).collect(),
    ]
}

#[test]
fn pages_that_stand_at_one_place_have_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut archive = tar::Builder::new(Vec::new());
    let mut capture = Vec::new();
    for (number, page) in NAMELESS.iter().enumerate() {
        let own = folder.join(number.to_string());
        fs::create_dir(&own).unwrap();
        fs::write(own.join("page.txt"), page).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(page.len() as u64);
        archive
            .append_data(&mut header, "page.txt", page.as_bytes())
            .unwrap();
        capture.extend_from_slice(&response(page));
    }
    fs::write(folder.join("twice.tar"), archive.into_inner().unwrap()).unwrap();
    fs::write(folder.join("no-id.warc"), capture).unwrap();

    let of_folders = ["0", "1"].map(|own| citesift(&folder.join(own), "-q --emit cito page.txt"));
    let of_pipes = NAMELESS.map(|page| piped(page, "-q --emit cito"));
    let of_tar = citesift(folder, "-q --emit cito twice.tar");
    let of_warc = citesift(folder, "-q --emit cito no-id.warc");
    for outputs in [&of_folders[..], &of_pipes, &[of_tar], &[of_warc]] {
        let nquads: Vec<_> = outputs
            .iter()
            .flat_map(|output| output.stdout.clone())
            .collect();
        let [pages, papers] = named_in_cito(&nquads);
        let found = String::from_utf8_lossy(&nquads);
        assert_eq!((pages.len(), papers.len()), (2, 2), "{found}");
    }
}

/// A WARC record without an id, whose body is compressed.
fn response(page: &str) -> Vec<u8> {
    let mut body =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    let mut encoder = flate2::write::GzEncoder::new(&mut body, flate2::Compression::default());
    encoder.write_all(page.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let mut record = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    record.extend_from_slice(&body);
    record.extend_from_slice(b"\r\n\r\n");
    record
}

#[test]
fn a_page_has_one_name_in_every_run() {
    let folder = world();
    fs::write(folder.path().join("b.txt"), NAMELESS.concat()).unwrap();
    let named = |args: &str| {
        let output = citesift(folder.path(), &format!("-q --emit cito {args} b.txt a.txt"));
        named_in_cito(&output.stdout)
    };
    let expected = named("");
    for args in [
        "--dedup off",
        "--dedup run",
        "--dedup text",
        "--threads 1",
        "--max-page 1MiB",
        "--skip 0 --limit 2",
    ] {
        assert_eq!(named(args), expected, "{args}");
    }
    assert!(named("--limit 1")[0].is_subset(&expected[0]));
}

/// Characters that mean something in some form.
const PIECES: &[&str] = &[
    "=1+1",
    "+",
    "-",
    "@",
    "'",
    "\"",
    "\"\"",
    ",",
    ";",
    "\\",
    "\t",
    "\r",
    "\u{0}",
    "\u{202e}",
    "a",
    " ",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "<b>",
    "^^",
    "\u{1f600}",
    "NULL",
    "\u{feff}",
    "שלום",
    "\u{fffe}",
    "\u{7f}",
    "＝1",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..6).prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn page()(
        doi in prop::option::of(text()),
        title in text(),
        blocks in prop::collection::vec(
            (text(), text(), text(), prop::option::of(0..=101u8), prop::option::of(any::<u64>()),
             prop::sample::select(vec!["mentioning", " supporting", "contrasting", "unclassified", ""])),
            0..5,
        ),
        year in prop::option::of(1000..3000u16),
    ) -> String {
        let year = year.map(|year| format!("{year}\n")).unwrap_or_default();
        let doi = doi.map(|doi| format!("DOI: 10.5555/{doi}\n|View full text |Cite\n|\n"));
        let mut page = format!("{year}{}{title}\nHelp me understand this report\n", doi.unwrap_or_default());
        for (text, more, section, confidence, see_more, word) in blocks {
            let confidence = confidence.map(|percent| format!("confidence: {percent}%\n"));
            let see_more = see_more.map(|more| format!("See {more} more Smart Citations\n"));
            write!(
                page,
                "“…{text}\n{more}…”\nSection: {section}{word}\n{}{}",
                confidence.unwrap_or_default(),
                see_more.unwrap_or_default()
            )
            .unwrap();
        }
        page
    }
}

fn dump() -> impl Strategy<Value = String> {
    let url = prop_oneof![
        Just("https://scite.ai/reports/a-title-1xY".to_owned()),
        text().prop_map(|text| format!("https://scite.ai/reports/{text}")),
    ];
    let line = (page(), prop::option::of(url), text(), prop::bool::ANY);
    prop::collection::vec(line, 0..5).prop_map(|lines| {
        let lines = lines.into_iter().map(|(page, url, more, has_more)| {
            let mut record = json!({ "text": page, "url": url, "id": 7 });
            if has_more {
                record["more"] = json!({ "text": more });
            }
            // Halves of surrogate pairs, which JSON can hold and no text.
            let line = record.to_string().replace("^^", "\\ud83d");
            format!("{line}\n")
        });
        lines.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_form_of_any_dump_holds_the_same(dump in dump()) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &dump).unwrap();
        check(file.path());
    }

    #[test]
    fn no_form_depends_on_threads_batches_or_how_duplicates_are_told(
        dump in dump(),
        batch in 1..2000usize,
        threads in 1..4usize,
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), dump.repeat(3)).unwrap();
        let mut told = Vec::new();
        for &form in FORMS {
            let mut config = config(file.path(), form);
            config.dedup = Dedup::Run;
            let usual = done(&config);
            config.batch = NonZeroUsize::new(batch).unwrap();
            config.threads = NonZeroUsize::new(threads).unwrap();
            config.tells_duplicates = true;
            let (records, number, duplicates) = done(&config);
            prop_assert_eq!((&records, number), (&usual.0, usual.1));
            told.push(duplicates);
        }
        let lines = serde_json::Deserializer::from_slice(&told[0]).into_iter::<Duplicate>();
        prop_assert!(lines.collect::<Result<Vec<_>, _>>().is_ok());
        prop_assert!(told.iter().all(|other| *other == told[0]));
    }
}

#[test]
fn an_input_without_statements_gives_a_header_an_empty_table_and_no_quads() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in ["", "Another site's text.\n"] {
        fs::write(file.path(), text).unwrap();
        let header = written(file.path(), Form::Csv);
        assert_eq!(String::from_utf8_lossy(&header).lines().count(), 1);
        assert!(header.starts_with(b"id,text,"));
        #[cfg(feature = "parquet")]
        assert_eq!(
            in_parquet::rows(written(file.path(), Form::Parquet)).len(),
            0
        );
        assert_eq!(written(file.path(), Form::Cito), b"");
    }
}

/// A page with a title of so many megabytes and these statements.
fn wide_page(megabytes: usize, statements: usize) -> String {
    let mut page = format!(
        "DOI: 10.5555/wide\n|\n{}\nHelp me understand this report\n",
        "Wide \"title\". ".repeat(megabytes << 20 >> 4)
    );
    for number in 0..statements {
        writeln!(
            page,
            "“…Statement {number}.…”\nSection: Resultsmentioning\nconfidence: 99%"
        )
        .unwrap();
    }
    page
}

/// Rows of several row groups, one of which begins in the middle of a page, with texts of a
/// megabyte and titles that all of their rows share.
#[cfg(feature = "parquet")]
#[test]
fn row_groups_are_cut_by_size_and_wide_titles_are_held_once() {
    let mut dump = String::new();
    for page in 0..20 {
        dump.push_str(&wide_page(1, 0));
        let long = "long ".repeat(200_000);
        write!(dump, "“…{long} {page}…”\nSection: Long\n").unwrap();
        for number in 0..3 {
            write!(dump, "“…Short {number}.…”\nSection: Short\n").unwrap();
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &dump).unwrap();
    let parquet = written(file.path(), Form::Parquet);
    check_parquet(parquet.clone(), &rows(&written(file.path(), ROWS)));
    let mut config = config(file.path(), Form::Parquet);
    (config.threads, config.batch) = (NonZeroUsize::MIN, NonZeroUsize::new(4096).unwrap());
    assert_eq!(parquet, done(&config).0);
    // 20 texts of 1 MB and one title in each row group, and not the 100 MB of all their rows.
    assert_eq!(in_parquet::row_groups(parquet), 2);
}

/// Rows of two row groups.
#[cfg(feature = "parquet")]
fn two_row_groups() -> String {
    PAGE.to_owned() + &"\n“…Long.…”\nSection: Results".repeat(450_000)
}

/// A reader that knows signed integers alone can read them, up to the largest count.
#[cfg(feature = "parquet")]
#[test]
fn all_integers_in_parquet_are_signed() {
    let most = i64::MAX.to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    let page = format!("{PAGE}\nSee {most} more Smart Citations\n");
    fs::write(file.path(), page).unwrap();
    let parquet = written(file.path(), Form::Parquet);
    assert_eq!(in_parquet::of_unsigned(parquet.clone()), [""; 0]);
    let rows = in_parquet::rows(parquet);
    assert_eq!(rows.last().unwrap()["see_more"], json!(i64::MAX));
}

/// The order that is declared for doubles asks for their number, for a reader to trust least and most.
#[cfg(feature = "parquet")]
#[test]
fn parquet_says_that_all_similarities_are_numbers() {
    let sample = samples().join("option-near/input.txt");
    for (near, has_some) in [(Some(500), true), (None, false)] {
        let mut config = config(&sample, Form::Parquet);
        config.near = near;
        let parquet = done(&config).0;
        let rows = in_parquet::rows(parquet.clone());
        assert_eq!(rows.iter().any(|row| row["similarity"].is_f64()), has_some);
        assert_eq!(in_parquet::no_numbers(parquet), [Some(0)]);
    }
}

/// Nobody takes a file for whole whose reader, or whose disk, would take no more.
#[cfg(feature = "parquet")]
#[test]
fn parquet_that_breaks_off_has_no_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), two_row_groups()).unwrap();
    let mut config = config(file.path(), Form::Parquet);
    config.dedup = Dedup::Off;
    // More would have the first row group under way for longer than there are rows.
    config.threads = NonZeroUsize::MIN;
    let whole = done(&config).0;
    assert_eq!(in_parquet::row_groups(whole.clone()), 2);
    let mut records = Vec::new();
    let summary = run(&config, |batch| {
        records.extend_from_slice(batch.records);
        Ok(match records.is_empty() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
    });
    assert!(summary.unwrap().stopped);
    assert!(whole.starts_with(&records) && whole.len() > records.len());
    assert!(in_parquet::is_none(records));
}

#[cfg(all(unix, feature = "parquet"))]
#[test]
fn a_full_disk_leaves_the_older_parquet_and_a_closed_pipe_is_no_error() {
    let folder = world();
    let pages: String = (0..200)
        .map(|n| PAGE.replace("One", &format!("One {n}")))
        .collect();
    fs::write(
        folder.path().join("b.txt"),
        pages.replace("99%2012", "99%\n2012"),
    )
    .unwrap();
    fs::write(folder.path().join("x.parquet"), "older").unwrap();
    let run = |line: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", line]).current_dir(folder.path());
        bash.env("citesift", env!("CARGO_BIN_EXE_citesift"))
            .output()
            .unwrap()
    };
    let output = run("ulimit -f 1; exec $citesift --emit statements b.txt -o x.parquet");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), &*said),
        (
            Some(1),
            "citesift: x.parquet: File too large (os error 27)\n"
        )
    );
    assert_eq!(fs::read(folder.path().join("x.parquet")).unwrap(), b"older");
    let output =
        run("$citesift -q --emit statements --to parquet b.txt | true; echo ${PIPESTATUS[0]}");
    assert_eq!(output.stdout, b"0\n");
}

#[cfg(all(target_os = "linux", feature = "parquet"))]
#[test]
fn parquet_is_not_written_to_a_terminal() {
    let folder = world();
    let line = format!(
        "{} --emit statements --to parquet a.txt",
        env!("CARGO_BIN_EXE_citesift")
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("Parquet is nothing to look at: name a file with -o"),
        "{text}"
    );
}

#[test]
fn a_store_is_brought_up_to_date_by_a_run_of_any_form() {
    let folder = world();
    for &form in FORMS {
        let (emit, name) = match form {
            Form::Ndjson(_) => ("statements", "x.ndjson"),
            Form::Csv => ("statements", "x.csv"),
            #[cfg(feature = "parquet")]
            Form::Parquet => ("statements", "x.parquet"),
            Form::Cito => ("cito", "x.nq"),
        };
        for (run, expected) in [(1, 2), (2, 0)] {
            let args = format!(
                "-q --emit {emit} --seen seen-{name} -o {run}-{name} --stats stats-{name}.json a.txt"
            );
            let output = citesift(folder.path(), &args);
            assert!(output.status.success(), "{args}: {output:?}");
            let stats = fs::read(folder.path().join(format!("stats-{name}.json"))).unwrap();
            let stats: Value = serde_json::from_slice(&stats).unwrap();
            assert_eq!(stats["records"], expected, "{args}");
        }
    }
}

#[cfg(unix)]
#[test]
fn other_programs_read_the_same() {
    let Some(python) = std::env::var_os("CITESIFT_PYTHON") else {
        eprintln!("CITESIFT_PYTHON is not set: forms were NOT read by other programs");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wide.txt"), wide_page(1, 3)).unwrap();
    let samples = samples();
    let forms = samples.join("forms/input.jsonl");
    let inputs = format!("wide.txt {} {}", forms.display(), samples.display());
    for (form, output) in [
        ("--near 0.5 --emit statements", "rows.ndjson"),
        ("--near 0.5 --emit statements", "rows.csv"),
        #[cfg(feature = "parquet")]
        ("--near 0.5 --emit statements", "rows.parquet"),
        ("--emit cito", "rows.nq"),
    ] {
        let args = format!("-q --keep id,lang {form} {inputs} -o {output}");
        let ran = citesift(folder.path(), &args);
        assert_eq!(ran.status.code(), Some(0), "{args}: {ran:?}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.lines().count() >= 5, "{told}");
}

fn citesift(folder: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citesift"))
        .args(args.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn piped(input: &str, args: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .args(args.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    Order By: Relevance\n“…One.…”\nSection: Resultsmentioning\nconfidence: 99%\n\
    “…Two.…”\nSection: Resultsmentioning\nconfidence: 99%";

/// A folder with a page in it.
fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), PAGE).unwrap();
    folder
}

/// As the README says of `--stats`.
#[test]
fn records_are_counted_and_not_lines_and_bytes_before_compression() {
    let folder = world();
    for (name, emit) in [("x.csv", "statements"), ("x.nq", "cito")] {
        for args in [name.to_owned(), format!("{name}.gz --stats s.json")] {
            let args = format!("-q --emit {emit} a.txt -o {args}");
            assert!(citesift(folder.path(), &args).status.success());
        }
        let [plain, packed, stats] = [name, &format!("{name}.gz"), "s.json"]
            .map(|name| fs::read(folder.path().join(name)).unwrap());
        let stats: Value = serde_json::from_slice(&stats).unwrap();
        assert_eq!(stats["records"], stats["blocks"]["kept"], "{name}");
        assert_eq!(stats["written"], plain.len(), "{name}");
        assert!(packed.len() < plain.len(), "{name}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn the_name_of_the_output_or_a_flag_tells_the_form() {
    let folder = world();
    for (args, expected) in [
        ("--emit statements -o a.csv", "--emit statements --to csv"),
        ("--emit statements -o b.CSV", "--emit statements --to csv"),
        (
            "--emit statements -o c --to csv",
            "--emit statements --to csv",
        ),
        ("--emit cito -o d.nq", "--emit cito --to nquads"),
        ("--emit cito -o e.nquads", "--emit cito"),
        ("--emit cito -o f", "--emit cito"),
        (
            "--emit statements -o g.jsonl --to ndjson",
            "--emit statements",
        ),
        #[cfg(feature = "parquet")]
        (
            "--emit statements -o h.parquet",
            "--emit statements --to parquet",
        ),
        #[cfg(feature = "parquet")]
        (
            "--emit statements -o i.pq",
            "--emit statements --to parquet",
        ),
    ] {
        let output = citesift(folder.path(), &format!("-q {args} a.txt"));
        assert!(output.status.success(), "{args}: {output:?}");
        let name = args
            .split(' ')
            .skip_while(|&word| word != "-o")
            .nth(1)
            .unwrap();
        let expected = citesift(folder.path(), &format!("-q {expected} a.txt")).stdout;
        assert!(!expected.is_empty());
        assert_eq!(
            fs::read(folder.path().join(name)).unwrap(),
            expected,
            "{args}"
        );
    }
    for name in ["a.csv.gz", "a.csv.zst", "d.nq.gz"] {
        let emit = if name.contains("csv") {
            "statements"
        } else {
            "cito"
        };
        let output = citesift(folder.path(), &format!("-q --emit {emit} -o {name} a.txt"));
        assert!(output.status.success(), "{name}");
        let packed = fs::read(folder.path().join(name)).unwrap();
        let plain = fs::read(folder.path().join(name.rsplit_once('.').unwrap().0)).unwrap();
        let unpacked = match name.ends_with("gz") {
            true => {
                use std::io::Read;
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&*packed)
                    .read_to_end(&mut text)
                    .unwrap();
                text
            }
            false => zstd::decode_all(&*packed).unwrap(),
        };
        assert_eq!(unpacked, plain, "{name}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_what_to_change_and_nothing_is_written() {
    for (args, expected) in [
        (
            "-o x.csv",
            "CSV has a row for each statement: add --emit statements, or write NDJSON to `x.ndjson`",
        ),
        ("-o x.csv.gz", "or write NDJSON to `x.ndjson`"),
        (
            "-o x.parquet",
            "Parquet has a row for each statement: add --emit statements",
        ),
        (
            "--to csv",
            "CSV has a row for each statement: add --emit statements, or write NDJSON\n",
        ),
        (
            "--to nquads",
            "N-Quads are what --emit cito writes: add that",
        ),
        (
            "-o x.nq --emit statements",
            "add that, or write NDJSON to `x.ndjson`",
        ),
        (
            "--emit cito -o x.ndjson",
            "no NDJSON: write these to `x.nq`",
        ),
        (
            "--emit cito --to csv",
            "--emit cito writes N-Quads, and no CSV",
        ),
        (
            "--emit statements -o x.csv --to ndjson",
            "`x.csv` promises CSV, and --to says NDJSON; leave --to out",
        ),
        (
            "--emit statements -o x.json --to csv",
            "`x.json` promises NDJSON, and --to says CSV",
        ),
        (
            "--emit statements -o x.tsv --to csv",
            "promises tsv, and CSV is written; name it `x.csv`",
        ),
        (
            "--emit statements -o x.csv.xz",
            "promises xz, and CSV is written; name it `x.csv`, or `x.csv.gz` or `.zst` to",
        ),
        (
            "-o x.csv.xz",
            "add --emit statements, or write NDJSON to `x.ndjson`",
        ),
        (
            "--emit statements --to csv -o x.tsv.zst",
            "promises tsv, and CSV is written; name it `x.csv`, or",
        ),
        (
            "--emit cito -o x.ttl",
            "promises ttl, and N-Quads is written; name it `x.nq`",
        ),
        (
            "--emit statements -o x.csv --rejects x.csv",
            "--output and --rejects name the same file",
        ),
        (
            "--rejects x.csv",
            "--rejects: `x.csv` promises csv, and NDJSON is written",
        ),
        (
            "--duplicates x.parquet",
            "--duplicates: `x.parquet` promises parquet, and NDJSON is written",
        ),
        (
            "--stats x.nq",
            "--stats: `x.nq` promises nq, and JSON is written",
        ),
        (
            "--emit cito --near 0.5",
            "--near: N-Quads have no place for what it tells",
        ),
        (
            "--emit statements --to xml",
            "invalid value 'xml' for '--to <FORM>'",
        ),
        ("--emit csv", "invalid value 'csv' for '--emit <EMIT>'"),
    ] {
        refuses(args, expected);
    }
    refuses("verify x.csv", "only NDJSON can be verified, and no CSV");
    refuses(
        "verify --emit cito x.ndjson",
        "only NDJSON can be verified, and no N-Quads",
    );
}

#[test]
fn what_parquet_cannot_do_is_told_and_so_is_a_build_without_it() {
    if !cfg!(feature = "parquet") {
        return refuses(
            "--emit statements -o x.parquet",
            "built without the feature `parquet`",
        );
    }
    for (args, expected) in [
        (
            "--emit statements -o x.parquet.gz",
            "Parquet is compressed in itself; write it to `x.parquet`",
        ),
        (
            "--emit statements -o x.xlsx --to parquet",
            "and Parquet is written; name it `x.parquet`\n",
        ),
        (
            "--emit statements -o x.parquet --resume",
            "--resume: a run that writes Parquet cannot be resumed",
        ),
        (
            "--emit statements --to parquet --max-page 600MiB",
            "--max-page: with Parquet at most 512MiB",
        ),
    ] {
        refuses(args, expected);
    }
}

fn refuses(args: &str, expected: &str) {
    let folder = world();
    let output = citesift(folder.path(), &format!("{args} a.txt"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args}: {said}");
    assert!(
        said.starts_with("error: ") && said.contains(expected),
        "{args}: {said}"
    );
    assert!(output.stdout.is_empty(), "{args}");
    assert_eq!(
        names(folder.path()).into_iter().collect::<Vec<_>>(),
        ["a.txt"],
        "{args}"
    );
}
