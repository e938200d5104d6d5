//! Addresses: what they ask which server for, and what is no address.

use std::path::Path;

use crate::server::Server;
use crate::{messages, run, world};

fn page() -> String {
    world::pages(1..2, 3).remove(0)
}

/// The records that a run gives without a word, as their sources' names.
fn paths(environment: &[(&str, &str)], args: &[&str]) -> Vec<String> {
    let args = [&["--quiet"], args].concat();
    let output = run(Path::new("."), environment, &args);
    assert_eq!(messages(&output), "");
    assert_eq!(output.status.code(), Some(0));
    let records = String::from_utf8(output.stdout).unwrap();
    let path = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["source"]["path"].as_str().unwrap().to_owned()
    };
    records.lines().map(path).collect()
}

#[test]
fn an_address_on_the_web_is_asked_for_as_it_was_typed() {
    let page = page();
    let server = Server::start(&[("/a%20b/c", page.as_bytes())], |_, answer| answer);
    let address = server.url("/a%20b/c?signed=x%2Fy&z");
    assert_eq!(paths(&[], &[&address]), [address.as_str()]);
    assert_eq!(server.requests()[0].target, "/a%20b/c?signed=x%2Fy&z");
}

#[test]
fn an_empty_object_holds_nothing_and_is_no_error() {
    let server = Server::start(&[("/empty", b"")], |_, answer| answer);
    assert!(paths(&[], &[&server.url("/empty")]).is_empty());
}

#[test]
fn what_is_no_address_is_wrong_usage() {
    for (address, says) in [
        ("s3:///key", "names no bucket"),
        ("s3://bucket/a//b", "cannot be read"),
        ("https://me:secret@example.org/dump", "password"),
    ] {
        let output = run(Path::new("."), &[], &[address]);
        assert_eq!(output.status.code(), Some(2), "{address}");
        let said = messages(&output);
        assert!(said.contains(says) && !said.contains("secret"), "{said}");
    }
}

#[test]
fn parts_are_merged_from_files_alone() {
    let output = run(Path::new("."), &[], &["merge", "s3://bucket/part.ndjson"]);
    assert_eq!(output.status.code(), Some(2));
    let said = messages(&output);
    assert!(
        said.contains("`s3://bucket/part.ndjson` is an address"),
        "{said}"
    );
}

#[test]
fn a_store_without_tls_is_read_only_when_that_is_allowed() {
    let page = page();
    let server = Server::start(&[("/bucket/page", page.as_bytes())], |_, answer| answer);
    let url = server.url("");
    let environment = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ];
    let output = run(
        Path::new("."),
        &environment,
        &["--quiet", "s3://bucket/page"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        messages(&output).contains("AWS_ALLOW_HTTP=true"),
        "{}",
        messages(&output)
    );
    assert!(server.requests().is_empty());
}
