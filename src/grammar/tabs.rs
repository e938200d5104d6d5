//! The two tabs: publications and statements that cite, publications that are cited.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::combinator::{all_consuming, opt};
use nom::sequence::{delimited, preceded, terminated};

use super::Rule;
use super::number::{count, plain_between};

/// What one line of a tab says.
#[derive(Debug, PartialEq)]
pub enum Tab {
    /// `citations`, `references`: the tab's own name.
    Name,
    /// `Cited by 4 publications`, with `(7 citation statements)` on the same line or not.
    CitedBy {
        publications: u64,
        statements: Option<u64>,
    },
    /// `(7 citation statements)`
    CitationStatements(u64),
    /// `References 21 publications`, with `(31 reference statements)` on the same line or not.
    References {
        publications: u64,
        statements: Option<u64>,
    },
    /// `(31 reference statements)`
    ReferenceStatements(u64),
}

/// tab-line = "citations" | "references" | cited-by | references | "(" statements ")"
pub fn tab_line(line: &[u8]) -> Option<Tab> {
    usual(line).or_else(|| any(line))
}

/// A line as the site nearly always prints it, told with a quarter of the instructions.
#[inline]
fn usual(line: &[u8]) -> Option<Tab> {
    let statements = None;
    match line.first()? {
        b'C' => {
            plain_between(line, b"Cited by ", b" publications").map(|publications| Tab::CitedBy {
                publications,
                statements,
            })
        }
        b'R' => plain_between(line, b"References ", b" publications").map(|publications| {
            Tab::References {
                publications,
                statements,
            }
        }),
        b'(' => plain_between(line, b"(", b" citation statements)").map(Tab::CitationStatements),
        _ => None,
    }
}

fn any(line: &[u8]) -> Option<Tab> {
    let parsed = match line.first()? {
        b'C' => all_consuming(cited_by).parse(line),
        b'R' => all_consuming(references).parse(line),
        b'(' => all_consuming(alt((
            statements("citation").map(Tab::CitationStatements),
            statements("reference").map(Tab::ReferenceStatements),
        )))
        .parse(line),
        _ => return (line == b"citations" || line == b"references").then_some(Tab::Name),
    };
    Some(parsed.ok()?.1)
}

/// cited-by = "Cited by" count "publication" ["s"] ["(" count "citation statement" ["s"] ")"]
fn cited_by(input: &[u8]) -> Rule<'_, Tab> {
    preceded((tag("Cited by"), blanks), sized("citation"))
        .map(|(publications, statements)| Tab::CitedBy {
            publications,
            statements,
        })
        .parse(input)
}

/// references = "References" count "publication" ["s"] ["(" count "reference statement" ["s"] ")"]
fn references(input: &[u8]) -> Rule<'_, Tab> {
    preceded((tag("References"), blanks), sized("reference"))
        .map(|(publications, statements)| Tab::References {
            publications,
            statements,
        })
        .parse(input)
}

fn sized<'a>(
    kind: &'static str,
) -> impl Parser<&'a [u8], Output = (u64, Option<u64>), Error = nom::error::Error<&'a [u8]>> {
    (
        terminated(count, (blanks, tag("publication"), opt(tag("s")))),
        opt(preceded(blanks, statements(kind))),
    )
}

/// statements = "(" count kind "statement" ["s"] ")"
fn statements<'a>(
    kind: &'static str,
) -> impl Parser<&'a [u8], Output = u64, Error = nom::error::Error<&'a [u8]>> {
    delimited(
        tag("("),
        count,
        (
            blanks,
            tag(kind),
            blanks,
            tag("statement"),
            opt(tag("s")),
            tag(")"),
        ),
    )
}

/// blanks = (" " | NBSP)+
fn blanks(input: &[u8]) -> Rule<'_, &[u8]> {
    take_while1(|byte: u8| matches!(byte, b' ' | 0xC2 | 0xA0)).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_tab_line() {
        let cited_by = |publications, statements| {
            Some(Tab::CitedBy {
                publications,
                statements,
            })
        };
        let references = |publications, statements| {
            Some(Tab::References {
                publications,
                statements,
            })
        };
        for (line, tab) in [
            ("citations", Some(Tab::Name)),
            ("references", Some(Tab::Name)),
            ("Cited by 4 publications", cited_by(4, None)),
            ("Cited by 1 publication", cited_by(1, None)),
            (
                "Cited by 1,124 publications (2,137 citation statements)",
                cited_by(1124, Some(2137)),
            ),
            ("Cited\u{a0}by 4 publications", None),
            ("Cited by\u{a0}4 publications", cited_by(4, None)),
            ("(7 citation statements)", Some(Tab::CitationStatements(7))),
            ("(1 citation statement)", Some(Tab::CitationStatements(1))),
            ("References 21 publications", references(21, None)),
            (
                "References 21 publications (31 reference statements)",
                references(21, Some(31)),
            ),
            (
                "(31 reference statements)",
                Some(Tab::ReferenceStatements(31)),
            ),
            ("Cited by many publications", None),
            ("Cited by 4 publications today", None),
            ("(7 statements)", None),
        ] {
            assert_eq!(tab_line(line.as_bytes()), tab, "{line:?}");
        }
    }
}
