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

/// Also where a run first asks what version it is.
#[test]
fn the_first_range_is_asked_for_once() {
    let page = page();
    let server = Server::start(&[("/page", page.as_bytes())], |_, answer| answer);
    let folder = tempfile::tempdir().unwrap();
    let args = ["--quiet", &server.url("/page"), "-o", "out.ndjson"];
    let output = run(folder.path(), &[], &args);
    assert_eq!(messages(&output), "");
    assert_eq!(server.requests().len(), 1);
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
        ("s3://KEY:secret@bucket/key", "password"),
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

#[test]
fn a_setting_that_makes_no_request_is_said_and_the_rest_is_read() {
    const NO_SERVER: &str = "is no address of a server; set it to one such as \
        http://localhost:9000, or not at all";
    const NO_WORD: &str = "has a blank, a line end or another such character in it; take that out";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page"), page()).unwrap();
    let server = "AWS_ENDPOINT_URL";
    for (store, name, value, says) in [
        ("s3://bucket", server, "localhost:9000", NO_SERVER),
        ("s3://bucket", server, "", NO_SERVER),
        ("s3://bucket", server, "http://localhost:99999", NO_SERVER),
        ("s3://bucket", server, "http://localhost:9000 ", NO_SERVER),
        ("s3://bucket", "AWS_ACCESS_KEY_ID", "key\r", NO_WORD),
        ("s3://bucket", "AWS_SESSION_TOKEN", "token\n", NO_WORD),
        ("s3://bucket", "AWS_REGION", "eu-west-1\r", NO_WORD),
        (
            "gs://bucket",
            "GOOGLE_BASE_URL",
            "localhost:9000",
            NO_SERVER,
        ),
        (
            "az://box",
            "AZURE_STORAGE_ENDPOINT",
            "localhost:9000",
            NO_SERVER,
        ),
        ("s3://my bucket", "no bucket", "", "has such a name"),
        ("gs://my bucket", "no bucket", "", "has such a name"),
    ] {
        let mut environment = vec![
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("GOOGLE_SKIP_SIGNATURE", "true"),
            ("AZURE_SKIP_SIGNATURE", "true"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        ];
        environment.push((name, value));
        for key in ["page", "pages/"] {
            let address = format!("{store}/{key}");
            let output = run(folder.path(), &environment, &["--quiet", &address, "page"]);
            assert_eq!(output.status.code(), Some(1));
            let said = messages(&output);
            let begins = format!("citesift: {address}: {name} {says}");
            assert!(said.starts_with(&begins), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), 1);
            let plan = run(folder.path(), &environment, &["--dry-run", &address]);
            assert_eq!(plan.status.code(), Some(1), "{}", messages(&plan));
        }
    }
}
