//! The forms in which a page's header names the paper's DOI.
//!
//! The splitter starts pages at them and the grammar reads headers by them. A form that only
//! one of the two knew would lose a header, or credit a page's statements to the page before.

/// What a header's line begins with.
pub const LABEL: &[u8] = b"DOI:";

/// The DOI in what stands behind [`LABEL`] on its line, without what is printed before it.
///
/// named = blank* [resolver] ["doi:" blank*] "10." rest
pub fn named_by(value: &[u8]) -> Option<&[u8]> {
    let printed = without_blanks(value);
    if printed.starts_with(b"10.") {
        return Some(printed);
    }
    let printed = behind_resolver(printed).unwrap_or(printed);
    let doi = behind(printed, b"doi:").map_or(printed, without_blanks);
    doi.starts_with(b"10.").then_some(doi)
}

/// resolver = ("http" ["s"] "://" host | ["dx." | "www."] "doi.org") "/"
///
/// Libraries resolve DOIs by hosts of their own, so that with a scheme any host is one.
fn behind_resolver(text: &[u8]) -> Option<&[u8]> {
    let with_scheme = behind(text, b"https://").or_else(|| behind(text, b"http://"));
    let Some(address) = with_scheme else {
        let host = behind(text, b"dx.").or_else(|| behind(text, b"www."));
        return behind(host.unwrap_or(text), b"doi.org/");
    };
    let host = memchr::memchr3(b'/', b' ', b'\t', address)?;
    (host > 0 && address[host] == b'/').then(|| &address[host + 1..])
}

/// The text behind a word that is written in any case.
fn behind<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

fn without_blanks(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b' ' | b'\t' | b'\r', rest @ ..] | [0xC2, 0xA0, rest @ ..] => rest,
            _ => return text,
        }
    }
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
            " httpsfoo 10.5555/a",
            " https://10.5555/a",
            " https:///10.5555/a",
            " https://example.org 10.5555/a",
            " https://example.org/doi/10.5555/a",
            " example.org/10.5555/a",
            " doi 10.5555/a",
            " doi:doi:10.5555/a",
        ] {
            assert_eq!(named_by(value.as_bytes()), None, "{value:?}");
        }
    }
}
