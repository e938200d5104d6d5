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
        let end = end_of_user(scheme, rest)?;
        Some(format!("{scheme}://…{}", &rest[end..]))
    });
    shown.map_or(Cow::Borrowed(typed), Cow::Owned)
}

/// Where the `@` behind who asks is, in what stands behind the scheme of an address.
///
/// A secret may hold what ends a host, such as a slash: then a colon tells it, with no port behind.
pub fn end_of_user(scheme: &str, rest: &str) -> Option<usize> {
    let authority = authority_of(rest);
    let is_port = |port: &str| {
        scheme.to_ascii_lowercase().starts_with("http") && port.bytes().all(|b| b.is_ascii_digit())
    };
    authority.rfind('@').or_else(|| {
        let (_, port) = authority.split_once(':')?;
        let is_host = authority.starts_with('[') || is_port(port);
        if is_host { None } else { rest.rfind('@') }
    })
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
            ("s3://KEY:se/cr@t@bucket/key", "s3://…@bucket/key"),
            ("S3://KEY:12/cret@bucket/key", "S3://…@bucket/key"),
            ("https://me:se?c/ret@host/x", "https://…@host/x"),
            ("https://host:80/a@b", "https://host:80/a@b"),
            ("https://host:/a@b", "https://host:/a@b"),
            ("https://[::1]/a@b", "https://[::1]/a@b"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://host?mail=a@b", "https://host?mail=a@b"),
            ("s3://bucket/key", "s3://bucket/key"),
            ("me@host", "me@host"),
        ] {
            assert_eq!(without_user(typed), shown, "{typed}");
        }
    }
}
