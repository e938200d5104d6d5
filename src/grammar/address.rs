//! Addresses of report pages.

use memchr::memrchr;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while, take_while1};
use nom::combinator::{all_consuming, opt, verify};
use nom::sequence::preceded;

use super::Rule;

/// The id of the report at this address; none when the address is no report's.
pub fn report_id(url: &[u8]) -> Option<&[u8]> {
    let (_, page) = address(url.trim_ascii()).ok()?;
    let dash = memrchr(b'-', page)?;
    let (_, id) = all_consuming(id).parse(&page[dash + 1..]).ok()?;
    Some(id)
}

/// address = [scheme] host "/reports/" page; what may follow is not looked at
fn address(input: &[u8]) -> Rule<'_, &[u8]> {
    preceded((opt(scheme), host, tag("/reports/")), segment).parse(input)
}

/// scheme = "http" ["s"] "://"
fn scheme(input: &[u8]) -> Rule<'_, &[u8]> {
    alt((tag_no_case("https://"), tag_no_case("http://"))).parse(input)
}

/// host = [name "."] "scite.ai" [":" port]
fn host(input: &[u8]) -> Rule<'_, &[u8]> {
    verify(segment, |host: &[u8]| {
        let name = host.split(|&byte| byte == b':').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        name == b"scite.ai" || name.ends_with(b".scite.ai")
    })
    .parse(input)
}

/// id = letter-or-digit+
fn id(input: &[u8]) -> Rule<'_, &[u8]> {
    take_while1(|byte: u8| byte.is_ascii_alphanumeric()).parse(input)
}

fn segment(input: &[u8]) -> Rule<'_, &[u8]> {
    take_while(|byte| !matches!(byte, b'/' | b'?' | b'#')).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_last_part_of_a_report_s_address() {
        for (url, id) in [
            ("https://scite.ai/reports/a-title-3nkXeGb", "3nkXeGb"),
            ("http://staging.scite.ai/reports/a-b-c-Ab1/", "Ab1"),
            ("scite.ai/reports/a-Ab1?utm=x-y", "Ab1"),
            ("HTTPS://Scite.AI:443/reports/10.1000-x-1#top", "1"),
        ] {
            assert_eq!(report_id(url.as_bytes()), Some(id.as_bytes()), "{url}");
        }
    }

    #[test]
    fn other_addresses_have_none() {
        for url in [
            "",
            "https://scite.ai/",
            "https://scite.ai/reports/",
            "https://scite.ai/reports/slug",
            "https://scite.ai/reports/slug-",
            "https://scite.ai/reports/slug-é",
            "https://scite.ai/journals/a-b",
            "https://notscite.ai/reports/a-b",
            "https://example.org/?u=scite.ai/reports/a-b",
            "https://example.org/scite.ai/reports/a-b",
        ] {
            assert_eq!(report_id(url.as_bytes()), None, "{url}");
        }
    }
}
