//! The top of a page: year, DOI, bar, and the label of the abstract.

use super::line::{Lines, trim, trim_start};
use super::roles::Roles;
use crate::doi;
use crate::model::Role;

/// What the first lines of a page with a header say.
#[derive(Debug, PartialEq)]
pub struct Header<'a> {
    pub year: Option<u16>,
    /// As printed, without a resolver prefix; its letters are not yet lower-cased.
    pub doi: &'a [u8],
}

/// header = [year line] doi-line
///
/// The year stands right above the DOI or is none. Moves the cursor only past a header.
pub fn header<'a>(lines: &mut Lines<'a>, roles: &mut impl Roles) -> Option<Header<'a>> {
    let mut ahead = *lines;
    let first = trim(ahead.next_filled()?);
    let header = match year_line(first) {
        Some(year) => Header {
            year: Some(year),
            doi: doi_line(trim(ahead.next()?))?,
        },
        None => Header {
            year: None,
            doi: doi_line(first)?,
        },
    };
    *lines = ahead;
    roles.tell(first, Role::Year);
    // Without a year this is the same line.
    roles.tell(header.doi, Role::Doi);
    Some(header)
}

/// year-line = digit{4}
fn year_line(line: &[u8]) -> Option<u16> {
    let digits: &[u8; 4] = line.try_into().ok()?;
    digits.iter().try_fold(0, |year, digit| {
        let is_digit = digit.is_ascii_digit();
        is_digit.then(|| 10 * year + u16::from(digit - b'0'))
    })
}

/// doi-line = "DOI:" named
fn doi_line(line: &[u8]) -> Option<&[u8]> {
    doi::named_by(line.strip_prefix(doi::LABEL)?)
}

/// bar = "|" ["View" rest | rest "|Cite"] | "Sign up to set email alerts"
///
/// Titles begin with a bar too, as `|Vub| from …`.
pub fn is_bar(line: &[u8]) -> bool {
    match line {
        b"|" | b"Sign up to set email alerts" => true,
        [b'|', rest @ ..] => rest.starts_with(b"View") || line.ends_with(b"|Cite"),
        _ => false,
    }
}

/// abstract = "Abstract:" rest
pub fn abstract_line(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"Abstract:").map(trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(text: &str) -> Option<(Option<u16>, &str)> {
        let found = header(&mut Lines::new(text.as_bytes()), &mut ())?;
        Some((found.year, std::str::from_utf8(found.doi).unwrap()))
    }

    #[test]
    fn year_and_doi_or_doi_alone() {
        assert_eq!(
            header_of("\n2021\nDOI: 10.5555/a\nx"),
            Some((Some(2021), "10.5555/a"))
        );
        assert_eq!(header_of("DOI: 10.5555/a"), Some((None, "10.5555/a")));
        assert_eq!(header_of("2021\n\nDOI: 10.5555/a"), None);
        assert_eq!(header_of("20212\nDOI: 10.5555/a"), None);
        assert_eq!(header_of("DOI: none"), None);
    }

    #[test]
    fn resolver_prefixes_and_trailing_blanks_go() {
        for line in [
            "DOI: https://doi.org/10.5555/A b",
            "DOI: doi:  10.5555/A b \u{a0}",
            "DOI: DOI: 10.5555/A b",
            "DOI:10.5555/A b",
        ] {
            assert_eq!(header_of(line), Some((None, "10.5555/A b")), "{line:?}");
        }
    }
}
