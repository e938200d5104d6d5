//! Crawls for tests on whole runs: pages that repeat each other, other sites' text, damage.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Pages of these papers, every other one twice, with text of other sites between some of them.
pub fn pages(papers: Range<u32>, statements: u32) -> Vec<String> {
    let mut pages = Vec::new();
    for paper in papers {
        let mut text = format!(
            "2012\nDOI: 10.5555/paper.{paper}\n|View full text |Cite\n|\n\nPaper {paper}\n\n"
        );
        text.push_str("Help me understand this report\n\nOrder By: Relevance\n");
        for number in 0..statements {
            write!(
                text,
                "“…Statement {} on some matter.…”\nSection: Results",
                number % 4 + paper % 3
            )
            .unwrap();
            write!(text, "mentioning\nconfidence: {}%\n", number % 100).unwrap();
        }
        // A layout that changes: lines of few shapes, and of ever new ones.
        if paper % 5 == 0 {
            write!(text, "Terms of Use {paper}\nnote {}\n", letters(paper)).unwrap();
        }
        if paper % 2 == 0 {
            pages.push(text.clone());
        }
        pages.push(text);
        if paper % 7 == 3 {
            pages.push("Text of another site.\n".repeat(40));
        }
    }
    pages
}

/// A word of its own for each number.
fn letters(number: u32) -> String {
    let digits = number.to_string().into_bytes();
    let letters = digits.iter().map(|digit| char::from(b'a' + digit - b'0'));
    letters.collect()
}

/// A dump of plain text; one of its pages is larger than 20,000 bytes.
pub fn crawl(papers: Range<u32>, statements: u32) -> String {
    let mut text = pages(papers, statements).concat();
    let large = "A line of an abstract that does not end.\n".repeat(700);
    let at = text[text.len() / 2..].find("2012\nDOI:").unwrap() + text.len() / 2;
    text.insert_str(
        at,
        &format!("2011\nDOI: 10.5555/large\n|Cite\n|\n\nLarge\n\n{large}"),
    );
    text
}

/// Such pages as lines of JSON, some of which are none.
pub fn json_lines(papers: Range<u32>) -> String {
    let lines = pages(papers, 5).into_iter().enumerate();
    let lines = lines.map(|(number, text)| match number % 11 {
        5 => "{\"text\": broken\n".to_owned(),
        _ => format!(
            "{}\n",
            serde_json::json!({ "text": text, "url": "https://example.org/" })
        ),
    });
    lines.collect()
}

fn warc(papers: Range<u32>) -> String {
    let records = pages(papers, 5).into_iter().enumerate();
    let records = records.map(|(number, text)| {
        let length = match number % 13 {
            7 => text.len() + 9,
            _ => text.len(),
        };
        format!(
            "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}\r\n\r\n"
        )
    });
    records.collect()
}

fn tar(papers: Range<u32>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (number, text) in pages(papers, 5).iter().enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("page-{number}.txt"), text.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn zip(papers: Range<u32>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (number, text) in pages(papers, 5).iter().enumerate() {
        let options = zip::write::SimpleFileOptions::default();
        archive
            .start_file(format!("page-{number}.txt"), options)
            .unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file or a folder of each kind of input, under the name of its kind.
pub fn dumps(folder: &Path) -> Vec<(String, PathBuf)> {
    let text = crawl(0..600, 6);
    let files = [
        ("text", text.clone().into_bytes()),
        ("text-gzip", gzip(text.as_bytes())),
        ("text-zstd", zstd::encode_all(text.as_bytes(), 1).unwrap()),
        ("text-cut", gzip(text.as_bytes())[..9000].to_vec()),
        ("jsonl", json_lines(0..600).into_bytes()),
        ("jsonl-gzip", gzip(json_lines(0..600).as_bytes())),
        ("warc", warc(0..600).into_bytes()),
        ("warc-gzip", gzip(warc(0..600).as_bytes())),
        ("tar", tar(0..60)),
        ("tar-gzip", gzip(&tar(0..60))),
        ("zip", zip(0..60)),
        ("zip-in-a-row", [zip(0..30), zip(20..60)].concat()),
        #[cfg(feature = "parquet")]
        ("parquet", parquet(&pages(0..600, 5))),
    ];
    let mut dumps = Vec::new();
    let all = folder.join("all");
    fs::create_dir_all(&all).unwrap();
    for (name, bytes) in files {
        for path in [folder.join(name), all.join(name)] {
            File::create(path).unwrap().write_all(&bytes).unwrap();
        }
        dumps.push((name.to_owned(), folder.join(name)));
    }
    let many = folder.join("many");
    fs::create_dir_all(&many).unwrap();
    for (number, page) in pages(0..60, 5).iter().enumerate() {
        fs::write(many.join(format!("page-{number:03}.txt")), page).unwrap();
    }
    fs::write(many.join("page-050.txt.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    dumps.push(("many files".to_owned(), many));
    dumps.push(("all kinds".to_owned(), all));
    dumps
}

#[cfg(feature = "parquet")]
fn parquet(pages: &[String]) -> Vec<u8> {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let schema =
        Arc::new(parse_message_type("message m { optional binary text (STRING); }").unwrap());
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    for group in pages.chunks(17) {
        let mut columns = writer.next_row_group().unwrap();
        let mut column = columns.next_column().unwrap().unwrap();
        // Every fifth row has no text.
        let levels: Vec<i16> = (0..group.len())
            .map(|row| i16::from(row % 5 != 4))
            .collect();
        let rows = group.iter().zip(&levels).filter(|(_, level)| **level == 1);
        let texts: Vec<ByteArray> = rows.map(|(text, _)| text.as_str().into()).collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        columns.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}
