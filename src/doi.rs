//! The forms in which a page's header names the paper's DOI.
//!
//! The splitter starts pages at them and the grammar reads headers by them. A form that only
//! one of the two knew would lose a header, or credit a page's statements to the page before.

use crate::blank::trim_start;

/// What a header's line begins with.
pub const LABEL: &[u8] = b"DOI:";

/// What may begin what is printed before a DOI: a resolver's address, or a label of its own.
const PREFIXES: [&[u8]; 4] = [b"http", b"doi", b"dx.", b"www."];

/// Bytes of what is printed before a DOI, at most.
const LONGEST_PREFIX: usize = 128;

/// The DOI in what stands behind [`LABEL`] on its line, without what is printed before it.
///
/// named = blank* [prefix] "10." rest
///
/// Of a prefix, only the beginning and the character before the DOI are looked at: libraries
/// resolve DOIs by hosts and paths of their own, and prefixes are printed twice.
pub fn named_by(value: &[u8]) -> Option<&[u8]> {
    let printed = trim_start(value);
    if printed.starts_with(b"10.") {
        return Some(printed);
    }
    if !PREFIXES.iter().any(|word| begins(printed, word)) {
        return None;
    }
    let window = &printed[..printed.len().min(LONGEST_PREFIX)];
    let mut places = memchr::memmem::find_iter(window, b"10.");
    let at = places.find(|&at| matches!(window[at - 1], b'/' | b':' | b' ' | b'\t' | 0xA0))?;
    Some(&printed[at..])
}

/// With the word, which is written in any case.
fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_before_a_doi_goes() {
        for value in [
            "10.5555/A b",
            " \u{a0}\t10.5555/A b",
            " https://doi.org/10.5555/A b",
            " HTTP://dx.doi.org/10.5555/A b",
            " doi.org/10.5555/A b",
            " www.doi.org/10.5555/A b",
            " DX.DOI.org/10.5555/A b",
            " https://doi-org.example.edu/10.5555/A b",
            " doi:10.5555/A b",
            " DOI:  \u{a0}10.5555/A b",
            " https://doi.org/doi:10.5555/A b",
            " doi: https://doi.org/10.5555/A b",
            " https://doi.org//10.5555/A b",
            " https://doi.org/ 10.5555/A b",
            " https://example.org/doi/10.5555/A b",
            " https://10.5555/A b",
            " doi 10.5555/A b",
        ] {
            let doi = named_by(value.as_bytes());
            assert_eq!(doi, Some(&b"10.5555/A b"[..]), "{value:?}");
        }
    }

    #[test]
    fn other_text_names_none() {
        for value in [
            "",
            " none",
            " x10.5555/a",
            " httpsfoo10.5555/a",
            " example.org/10.5555/a",
            " see https://doi.org/10.5555/a",
            " https://example.org/none",
        ] {
            assert_eq!(named_by(value.as_bytes()), None, "{value:?}");
        }
    }
}
