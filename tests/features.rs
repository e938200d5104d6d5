//! Which features the program has it says, and one that lacks what reads an address names it.

use std::fs;
use std::process::{Command, Output};

#[allow(dead_code)] // It also lists the cases.
mod samples;

fn run(args: &[&str], folder: &tempfile::TempDir) -> Output {
    Command::new(samples::program())
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn version(argument: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    String::from_utf8(run(&[argument], &folder).stdout).unwrap()
}

#[test]
fn the_version_tells_the_features() {
    let number = env!("CARGO_PKG_VERSION");
    assert_eq!(version("-V"), format!("citesift {number}\n"));
    let sign = |has| if has { '+' } else { '-' };
    let told = |parquet, cloud| {
        let features = format!("{}parquet {}cloud", sign(parquet), sign(cloud));
        format!("citesift {number}\nfeatures: {features}\n")
    };
    match std::env::var_os("CITESIFT_PROGRAM") {
        None => assert_eq!(
            version("--version"),
            told(cfg!(feature = "parquet"), cfg!(feature = "cloud"))
        ),
        Some(_) => assert!(
            [told(true, true), told(true, false)].contains(&version("--version")),
            "{}",
            version("--version")
        ),
    }
}

#[test]
fn a_program_without_a_network_says_which_one_has_it() {
    if version("--version").contains("+cloud") {
        eprintln!("This program reads addresses: tests/cloud holds how.");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("page.txt"),
        "2012\nDOI: 10.5555/x\n|Cite\n",
    )
    .unwrap();
    for args in [
        &["s3://bucket/pages/", "page.txt"][..],
        &["https://me:secret@example.org/dump.txt"],
        &["annotate", "gs://bucket/page.txt"],
        &["verify", "page.txt", "az://box/pages/"],
    ] {
        let output = run(args, &folder);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("`--features cloud`") && said.contains("://"),
            "{said}"
        );
        assert!(!said.contains("secret"), "{said}");
    }
}
