//! Whether a text can be a report page at all, told without reading it.
//!
//! In a general crawl nearly every text is another site's. All that makes a page a report's
//! ([`Page::is_report`](super::Page)) holds one of a few strings, so a text with none of
//! them is no report. The search is much faster than the grammar and may say yes in error,
//! never no; a property test holds this.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

/// One string for each line or block that makes a page a report's. Shortened at the front where that
/// makes the first letters rarer: `stat` and `conf` would stop the search at every tenth word.
const SIGNS: [&str; 10] = [
    "DOI:",
    "p me understand this report",
    "h citation statements",
    "n Types",
    "Cited by",
    "tement)",
    "tements)",
    "Section:",
    "fidence:",
    "“…",
];

/// What else the last one may look like inside JSON.
const ESCAPED_SIGNS: [&str; 5] = [
    r"“\u2026",
    r"\u201c…",
    r"\u201C…",
    r"\u201c\u2026",
    r"\u201C\u2026",
];

/// Part of every report's address. The host may be written in any case.
const FOLDER: &str = "/reports";

static IN_TEXT: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| searcher(&SIGNS));
static IN_JSON: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| searcher(&[&SIGNS[..], &ESCAPED_SIGNS, &[FOLDER]].concat()));
static ESCAPE: LazyLock<Finder> = LazyLock::new(|| Finder::new(br"\u00"));

/// False when the text is surely no report page.
pub fn may_be_report(text: &[u8]) -> bool {
    // Nearly all report pages begin so: with the label, or with a year on the line above.
    let begins_with_header = text.starts_with(b"DOI:") || text.get(5..9) == Some(b"DOI:");
    begins_with_header || IN_TEXT.as_ref().is_none_or(|signs| signs.is_match(text))
}

/// False when no string in the JSON text is a report page or the address of one.
///
/// JSON lets every character be written as `\u….`. Those of the signs that are not ASCII are
/// looked for in both forms; a line in which an ASCII character that occurs in a sign is
/// written so, which no program does unasked, is not judged.
pub fn json_may_hold_report(json: &[u8]) -> bool {
    IN_JSON.as_ref().is_none_or(|signs| signs.is_match(json)) || hides_a_sign(json)
}

fn hides_a_sign(json: &[u8]) -> bool {
    ESCAPE.find_iter(json).any(|at| {
        let digits = json
            .get(at + 4..at + 6)
            .and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| {
            SIGNS
                .iter()
                .chain([&FOLDER])
                .any(|sign| sign.bytes().any(|used| used == byte))
        })
    })
}

/// None when there is no such searcher, which stands for a sign everywhere.
fn searcher(signs: &[&str]) -> Option<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(signs)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_found_in_text_and_in_json() {
        for line in [
            "DOI: 10.5555/x",
            "Help me understand this report",
            "Search citation statements",
            "Citation Types",
            "Cited by 1 publication",
            "(1 citation statement)",
            "(7 citation statements)",
            "Section: Results",
            "confidence: 9%",
            "“…text",
        ] {
            assert!(may_be_report(line.as_bytes()), "{line}");
            let json = serde_json::to_string(line).unwrap();
            assert!(json_may_hold_report(json.as_bytes()), "{json}");
        }
        assert!(!may_be_report("We doi: report “and” cite.".as_bytes()));
    }

    #[test]
    fn escapes_hide_no_sign() {
        for json in [
            r"\u0044OI: 10",
            r"DOI\u003a 10",
            r"DOI\u003A 10",
            r"\u201c\u2026",
            r"\u201C…",
            r"“\u2026",
            r"https:\/\/scite.ai\/reports\/a-b",
            r"https://Scite.AI/reports/a-b",
            r"https://scite.ai\u002freports/a-b",
            r"\u00",
        ] {
            assert!(json_may_hold_report(json.as_bytes()), "{json}");
        }
        for json in [
            r"\u00e9t\u00e9",
            r"\u003cb\u003e \u0026 \u0022",
            r"\u201cquoted\u201d",
            r"a\nb\\c",
        ] {
            assert!(!json_may_hold_report(json.as_bytes()), "{json}");
        }
    }
}
