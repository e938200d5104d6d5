//! Which inputs are read over a network, told by what was typed and by nothing else: a file with
//! such a name is read as `./s3://…`. Where the build has no network, that is said before any work.

use std::borrow::Cow;

/// The scheme of an address, such as `s3` of `s3://bucket/key`.
pub fn scheme_of(typed: &str) -> Option<&'static str> {
    let (found, _) = typed.split_once("://")?;
    let is_found = |scheme: &&str| found.eq_ignore_ascii_case(scheme);
    SCHEMES.into_iter().find(is_found)
}

/// An address as a message shows it: without who asks, for that may be a password.
pub fn without_user(typed: &str) -> Cow<'_, str> {
    let shown = typed.split_once("://").and_then(|(scheme, rest)| {
        let end = authority_of(rest).rfind('@')?;
        Some(format!("{scheme}://…{}", &rest[end..]))
    });
    shown.map_or(Cow::Borrowed(typed), Cow::Owned)
}

/// Who asks, and the host, of what stands behind the scheme of an address.
pub fn authority_of(rest: &str) -> &str {
    let end = rest.find(['/', '?', '#', '\\']);
    &rest[..end.unwrap_or(rest.len())]
}

const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "abfs", "abfss", "http", "https"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_begins_with_a_scheme() {
        for (typed, scheme) in [
            ("s3://bucket/key", Some("s3")),
            ("https://example.org/dump.txt", Some("https")),
            ("HTTP://example.org/dump.txt", Some("http")),
            ("./s3://bucket/key", None),
            ("s3:/bucket", None),
            ("ftp://example.org/", None),
            ("pages/", None),
        ] {
            assert_eq!(scheme_of(typed), scheme, "{typed}");
        }
    }

    #[test]
    fn an_address_is_shown_without_who_asks() {
        for (typed, shown) in [
            ("https://me:secret@host/dump", "https://…@host/dump"),
            ("https://me:sec@ret@host?q", "https://…@host?q"),
            ("s3://KEY:secret@bucket/key", "s3://…@bucket/key"),
            ("https://secret@host", "https://…@host"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://host?mail=a@b", "https://host?mail=a@b"),
            ("s3://bucket/key", "s3://bucket/key"),
            ("me@host", "me@host"),
        ] {
            assert_eq!(without_user(typed), shown, "{typed}");
        }
    }
}
