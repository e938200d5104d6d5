//! Lists of S3 as they should not be: keys that cannot be asked for, and lists that are cut off.

use std::fmt::Write as _;
use std::path::Path;

use crate::server::{Answer, Request, Server};
use crate::{messages, run, world};

/// The keys that a server lists, as they are written in XML, each with its length.
type Keys = Vec<(&'static str, usize)>;

fn list(keys: &Keys, ending: &str) -> Answer {
    let mut list = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
        <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>"
        .to_owned();
    for (key, length) in keys {
        write!(
            list,
            "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
             <ETag>&quot;first&quot;</ETag><Size>{length}</Size></Contents>"
        )
        .unwrap();
    }
    Answer {
        body: (list + ending + "</ListBucketResult>").into_bytes(),
        ..Answer::status(200)
    }
}

fn is_list(request: &Request) -> bool {
    request.target.contains("list-type=2")
}

/// What a run that reads an address says, and what its records have as paths.
fn read(server: &Server, address: &str) -> (Option<i32>, String, Vec<String>) {
    let url = server.url("");
    let environment = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_SKIP_SIGNATURE", "true"),
    ];
    let output = run(Path::new("."), &environment, &["--quiet", address]);
    let path = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["source"]["path"].as_str().unwrap().to_owned()
    };
    let records = str::from_utf8(&output.stdout).unwrap();
    let paths = records.lines().map(path).collect();
    (output.status.code(), messages(&output), paths)
}

#[test]
fn a_key_that_cannot_be_asked_for_is_said_and_no_other_object_is_read_for_it() {
    let pages = world::pages(1..4, 3);
    let targets = ["/bucket/p/a.txt", "/bucket/p/a.txt%20", "/bucket/p/%20c"];
    let objects: Vec<_> = targets
        .into_iter()
        .zip(pages.iter().map(String::as_bytes))
        .collect();
    let length = pages[0].len();
    let keys = vec![
        ("p/", 0),
        ("p/&#x20;c", pages[2].len()),
        ("p/./b.txt", length),
        ("p//b.txt", length),
        ("p/a.txt", length),
        ("p/a.txt ", pages[1].len()),
        ("p/a.txt/", length),
        ("p/new\nline&amp;", length),
        ("p/sub/", 0),
    ];
    let server = Server::start(&objects, move |request, answer| match is_list(request) {
        true => list(&keys, ""),
        false => answer,
    });
    let (code, said, paths) = read(&server, "s3://bucket/p/");
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "citesift: s3://bucket/p/./b.txt: a key with `//`, `.` or `..` between slashes cannot be \
         read\n\
         citesift: s3://bucket/p//b.txt: a key with `//`, `.` or `..` between slashes cannot be \
         read\n\
         citesift: s3://bucket/p/a.txt/: a key with a slash at its beginning or end cannot be \
         read\n\
         citesift: s3://bucket/p/new\\nline&: a key with a line end or another control character \
         cannot be read\n"
    );
    let expected = ["p/ c", "p/a.txt", "p/a.txt "].map(|key| format!("s3://bucket/{key}"));
    assert_eq!(paths, expected);
}

#[test]
fn a_slash_before_a_key_is_a_part_of_it() {
    let page = world::pages(1..2, 3).remove(0);
    let length = page.len();
    let server = Server::start(
        &[("/bucket/a.txt", page.as_bytes())],
        move |request, answer| match is_list(request) {
            true => list(&vec![("/a.txt", length), ("a.txt", length)], ""),
            false => answer,
        },
    );
    let (code, said, paths) = read(&server, "s3://bucket");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("citesift: s3://bucket//a.txt: "), "{said}");
    assert_eq!(paths, ["s3://bucket/a.txt"]);
    let (code, said, _) = read(&server, "s3://bucket//a.txt");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a slash at its beginning"), "{said}");
}

#[test]
fn a_list_that_is_cut_off_or_has_no_end_is_an_error() {
    const MORE: &str = "<IsTruncated>true</IsTruncated>";
    let page = world::pages(1..2, 3).remove(0);
    for (ending, says) in [
        // As a server answers that knows the first form of lists alone.
        (
            format!("{MORE}<NextMarker>p/a</NextMarker>"),
            "its list is cut off",
        ),
        (
            format!("{MORE}<NextContinuationToken>0</NextContinuationToken>"),
            "its list does not end",
        ),
    ] {
        let length = page.len();
        let objects = [("/bucket/p/a", page.as_bytes())];
        let server = Server::start(&objects, move |request, answer| match is_list(request) {
            true => list(&vec![("p/a", length)], &ending),
            false => answer,
        });
        let (code, said, paths) = read(&server, "s3://bucket/p/");
        assert_eq!(code, Some(1));
        let begins = format!("citesift: s3://bucket/p/: {says}");
        assert!(said.starts_with(&begins), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(paths.is_empty());
    }
}
