//! Statements as N-Quads: each is a resource that cites its paper with a property of `CiTO`, and each
//! page is a graph, which tells where it stands. `docs/src/forms.md` names the vocabularies.
//!
//! What is the same is called the same in every run: a statement by its id and its paper, a page by
//! the hash of its place and text. A place alone is that of many: `-` is any pipe, and a relative path
//! leads from any folder. There are no blank nodes, so graphs of several runs can be put together.

use std::fmt::Write as _;

use twox_hash::XxHash3_128;

use super::form::PagePieces;
use super::json::joined_string;
use super::ndjson::{At, Decided, hexadecimal};
use crate::grammar::{Block, Page};
use crate::model::StatementType;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XSD: &str = "http://www.w3.org/2001/XMLSchema#";
const DCTERMS: &str = "http://purl.org/dc/terms/";
const CITO: &str = "http://purl.org/spar/cito/";
const C4O: &str = "http://purl.org/spar/c4o/";
const DOCO: &str = "http://purl.org/spar/doco/";
const FABIO: &str = "http://purl.org/spar/fabio/";
const PATTERN: &str = "http://www.essepuntato.it/2008/12/pattern#";
const PRISM: &str = "http://prismstandard.org/namespaces/basic/2.0/";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const ITS: &str = "http://www.w3.org/2005/11/its/rdf#";
const PROV: &str = "http://www.w3.org/ns/prov#";
const OA: &str = "http://www.w3.org/ns/oa#";

const STATEMENT: &str = "urn:citesift:statement:";

/// Bytes of a block's piece before the id.
pub const BEFORE_ID: usize = 1 + STATEMENT.len();

/// Bytes of a DOI as part of an IRI, at most. It is in a dozen of each statement's, and would else make of
/// a page with a long one the square of its size.
const LONGEST_DOI: usize = 512;

/// What a page's resources are called.
pub struct Names {
    page: String,
    source: String,
    paper: String,
    /// How the paper is told apart in the names of its statements.
    key: String,
}

impl Names {
    /// Those of this page.
    pub fn of(page: &Page, at: &At) -> Self {
        let record = at.record.as_deref().unwrap_or_default().as_bytes();
        let hash_of_page = hash_of_page(page, at, record);
        let doi = page.doi.map(<[u8]>::to_ascii_lowercase);
        let (key, paper) = match (doi, at.report_id) {
            (Some(doi), _) => {
                let encoded = encoded(&doi);
                match encoded.len() <= LONGEST_DOI {
                    true => (
                        format!("doi:{encoded}"),
                        Some(format!("https://doi.org/{encoded}")),
                    ),
                    false => (format!("long-doi:{}", hash(&[&doi])), None),
                }
            }
            (None, Some(id)) => (format!("report:{}", encoded(id)), None),
            (None, None) => (format!("page:{hash_of_page}"), None),
        };
        Self {
            page: format!("urn:citesift:page:{hash_of_page}"),
            source: format!(
                "urn:citesift:source:{}",
                hash(&[at.path.as_bytes(), record])
            ),
            paper: paper.unwrap_or_else(|| format!("urn:citesift:paper:{key}")),
            key,
        }
    }
}

/// Writes what is said of a page, its place and its paper.
pub fn beginning(out: &mut Vec<u8>, page: &Page, at: &At, names: &Names) {
    let mut graph = Graph {
        out,
        name: &names.page,
    };
    let (this, source, paper) = (&*names.page, &*names.source, &*names.paper);
    let bytes = format!("{this}#bytes");
    graph.link(this, [RDF, "type"], [PROV, "Entity"]);
    graph.link(this, [RDF, "type"], [OA, "SpecificResource"]);
    graph.text(this, [DCTERMS, "identifier"], at.report_id);
    graph.link(this, [OA, "hasSource"], ["", source]);
    graph.link(this, [OA, "hasSelector"], ["", &bytes]);
    graph.link(&bytes, [RDF, "type"], [OA, "DataPositionSelector"]);
    for (name, place) in [("start", at.offset), ("end", at.offset + at.length)] {
        graph.number(&bytes, [OA, name], place, "nonNegativeInteger");
    }
    graph.text(source, [DCTERMS, "title"], Some(at.path.as_bytes()));
    let record = at.record.as_deref().map(str::as_bytes);
    graph.text(source, [DCTERMS, "identifier"], record);
    let date = at.date.as_deref().map(str::as_bytes);
    graph.text(source, [DCTERMS, "date"], date);
    if let Some(meta) = at.meta {
        graph.typed(source, [RDF, "value"], &[meta.as_bytes()], [RDF, "JSON"]);
    }
    let doi = page.doi.map(<[u8]>::to_ascii_lowercase);
    graph.text(paper, [PRISM, "doi"], doi.as_deref());
    if !page.title.is_empty() {
        graph.lines(paper, [DCTERMS, "title"], &page.title);
    }
    if let Some(year) = page.year {
        let year = format!("{year:04}");
        let property = [FABIO, "hasPublicationYear"];
        graph.typed(paper, property, &[year.as_bytes()], [XSD, "gYear"]);
    }
}

/// Writes a block.
pub fn block(out: &mut Vec<u8>, block: &Block, id: u128, names: &Names) {
    let id = hexadecimal(id);
    let id = String::from_utf8_lossy(&id);
    let this = format!("{STATEMENT}{id}:{}", names.key);
    let mut graph = Graph {
        out,
        name: &names.page,
    };
    graph.link(
        &this,
        [CITO, property(block.statement_type)],
        ["", &names.paper],
    );
    graph.link(&this, [RDF, "type"], [DOCO, "TextChunk"]);
    graph.text(&this, [DCTERMS, "identifier"], Some(id.as_bytes()));
    graph.text(&this, [C4O, "hasContent"], Some(&block.text));
    let statement_type = block.statement_type.map(|word| word.as_str().as_bytes());
    graph.text(&this, [DC, "type"], statement_type);
    if let Some(percent) = block.confidence {
        let share = format!("{}.{:02}", percent / 100, percent % 100);
        let property = [ITS, "taConfidence"];
        graph.typed(&this, property, &[share.as_bytes()], [XSD, "double"]);
    }
    if let Some(heading) = block.section {
        let section = format!("{this}#section");
        graph.link(&this, [PATTERN, "isContainedBy"], ["", &section]);
        graph.link(&section, [RDF, "type"], [DOCO, "Section"]);
        graph.text(&section, [DCTERMS, "title"], Some(heading));
    }
    graph.link(&this, [PROV, "wasQuotedFrom"], ["", &names.page]);
}

/// How a statement of this type cites its paper. Of what has no type, or is not classified, nothing
/// is known but that it does.
fn property(statement_type: Option<StatementType>) -> &'static str {
    match statement_type {
        Some(StatementType::Supporting) => "supports",
        Some(StatementType::Contrasting) => "disagreesWith",
        Some(StatementType::Mentioning) => "citesForInformation",
        Some(StatementType::Unclassified) | None => "cites",
    }
}

/// Puts a page's quads together; a page without a statement gives none.
pub fn assemble(out: &mut Vec<u8>, page: &PagePieces, statements: impl Iterator<Item = Decided>) {
    for (number, decided) in statements.enumerate() {
        if number == 0 {
            out.extend_from_slice(&page.output[page.beginning.clone()]);
        }
        out.extend_from_slice(&page.output[decided.piece]);
    }
}

/// Where quads of one graph are written.
struct Graph<'a> {
    out: &'a mut Vec<u8>,
    name: &'a str,
}

impl Graph<'_> {
    fn link(&mut self, subject: &str, property: [&str; 2], object: [&str; 2]) {
        self.begin(subject, property);
        self.iri(object);
        self.end();
    }

    fn text(&mut self, subject: &str, property: [&str; 2], text: Option<&[u8]>) {
        if let Some(text) = text {
            self.lines(subject, property, &[text]);
        }
    }

    /// Writes lines as one text, a space between them.
    fn lines(&mut self, subject: &str, property: [&str; 2], lines: &[&[u8]]) {
        self.begin(subject, property);
        self.literal(lines);
        self.end();
    }

    fn number(&mut self, subject: &str, property: [&str; 2], number: u64, datatype: &str) {
        let digits = number.to_string();
        self.typed(subject, property, &[digits.as_bytes()], [XSD, datatype]);
    }

    fn typed(&mut self, subject: &str, property: [&str; 2], text: &[&[u8]], datatype: [&str; 2]) {
        self.begin(subject, property);
        self.literal(text);
        self.out.extend_from_slice(b"^^");
        self.iri(datatype);
        self.end();
    }

    fn begin(&mut self, subject: &str, property: [&str; 2]) {
        self.iri(["", subject]);
        self.out.push(b' ');
        self.iri(property);
        self.out.push(b' ');
    }

    /// JSON's escapes are all known to N-Quads, and leave nothing that it wants escaped.
    fn literal(&mut self, lines: &[&[u8]]) {
        joined_string(self.out, lines);
    }

    fn iri(&mut self, [namespace, name]: [&str; 2]) {
        self.out.push(b'<');
        self.out.extend_from_slice(namespace.as_bytes());
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn end(&mut self) {
        self.out.push(b' ');
        self.iri(["", self.name]);
        self.out.extend_from_slice(b" .\n");
    }
}

/// A text as part of an IRI's path, where it means itself: what is not allowed there, begins
/// another part or is no ASCII is percent-encoded.
fn encoded(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => encoded.push(char::from(byte)),
            _ if b"-._~!$&'()*+,;=:@/".contains(&byte) => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// Of all that its graph says of a page and that no option changes, so that no graph says it twice.
fn hash_of_page(page: &Page, at: &At, record: &[u8]) -> String {
    let [offset, length] = [at.offset, at.length].map(|bytes| bytes.to_string());
    let date = at.date.as_deref().unwrap_or_default();
    hash(&[
        at.path.as_bytes(),
        offset.as_bytes(),
        length.as_bytes(),
        record,
        date.as_bytes(),
        page.text,
    ])
}

/// XXH3-128 of texts joined by U+001F, in hexadecimal digits.
fn hash(parts: &[&[u8]]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(&parts.join(&0x1F)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doi_means_itself_in_an_address() {
        for (doi, expected) in [
            ("10.5555/a.b-c_d~(e);f:g", "10.5555/a.b-c_d~(e);f:g"),
            (
                "10.5555/a<b>#c?d e%41\"\\{|}^`[]",
                "10.5555/a%3Cb%3E%23c%3Fd%20e%2541%22%5C%7B%7C%7D%5E%60%5B%5D",
            ),
            ("10.5555/\u{e9}\0", "10.5555/%C3%A9%00"),
        ] {
            assert_eq!(encoded(doi.as_bytes()), expected);
        }
    }
}
