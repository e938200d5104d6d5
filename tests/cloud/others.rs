//! Servers that others wrote: an S3-compatible store with every kind of input, and a web server
//! with TLS.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::{Variable, is_said_to_be_missing, messages, renamed, run, run_with, world};

/// A server that ends with its standard input.
struct Served {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
}

impl Served {
    /// None where there is no Python to run it.
    fn start(kind: &str, folder: &Path) -> Option<Self> {
        let Some(python) = std::env::var_os("CITESIFT_PYTHON") else {
            eprintln!("CITESIFT_PYTHON is not set: servers by others were NOT read from");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud/servers.py");
        let mut child = Command::new(python)
            .args([script.as_os_str(), kind.as_ref(), folder.as_os_str()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut port).unwrap();
        Some(Self {
            stdin: child.stdin.take(),
            child,
            port: port.trim().parse().expect("the server has started"),
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
    }
}

/// The environment of a run that reads from it as from S3.
fn environment(served: &Served) -> Vec<Variable> {
    vec![
        (
            "AWS_ENDPOINT_URL",
            format!("http://127.0.0.1:{}", served.port),
        ),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

#[test]
fn a_store_gives_what_files_give() {
    let folder = tempfile::tempdir().unwrap();
    let dumps = world::dumps(folder.path());
    // Many ranges.
    let large = world::crawl(0..1000, 24);
    assert!(large.len() > 2 << 20, "{}", large.len());
    std::fs::write(folder.path().join("large"), &large).unwrap();
    let Some(served) = Served::start("s3", folder.path()) else {
        return;
    };
    let environment = environment(&served);
    let mut inputs: Vec<PathBuf> = dumps.into_iter().map(|(_, path)| path).collect();
    inputs.push(folder.path().join("large"));
    for input in inputs {
        let slash = if input.is_dir() { "/" } else { "" };
        let name = input.strip_prefix(folder.path()).unwrap().to_string_lossy();
        let name = format!("{name}{slash}");
        let read = |input: &str, threads: &str| {
            let args = ["--quiet", "--dedup", "run", "--threads", threads, input];
            run_with(folder.path(), &environment, &args)
        };
        let local = read(&name, "2");
        for threads in ["1", "2", "8"] {
            let stored = read(&format!("s3://bucket/{name}"), threads);
            assert_eq!(stored.status, local.status, "{name}: {}", messages(&stored));
            let records = renamed(&stored.stdout, "s3://bucket/", "");
            assert!(!records.is_empty(), "{name}");
            assert!(
                records.as_bytes() == local.stdout,
                "{name}, {threads} threads"
            );
        }
    }
}

#[test]
fn a_store_is_looked_at_verified_and_annotated() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    std::fs::create_dir(&pages).unwrap();
    for (number, page) in world::pages(0..30, 3).iter().enumerate() {
        std::fs::write(pages.join(format!("{number:02}.txt")), page).unwrap();
    }
    let Some(served) = Served::start("s3", folder.path()) else {
        return;
    };
    let environment = environment(&served);
    let run = |args: &[&str]| run_with(folder.path(), &environment, args);
    let plan = run(&["--dry-run", "s3://bucket/pages/"]);
    let plan = String::from_utf8(plan.stdout).unwrap();
    assert!(
        plan.contains("text            none         s3://bucket/pages/07.txt"),
        "{plan}"
    );

    let written = run(&["s3://bucket/pages/", "-o", "out.ndjson"]);
    assert_eq!(written.status.code(), Some(0), "{}", messages(&written));
    let verified = run(&["verify", "out.ndjson", "s3://bucket/pages/"]);
    assert_eq!(verified.status.code(), Some(0), "{}", messages(&verified));
    let annotated = run(&["annotate", "s3://bucket/pages/00.txt"]);
    assert_eq!(annotated.stdout, run(&["annotate", "pages/00.txt"]).stdout);
    assert!(!annotated.stdout.is_empty());
}

/// Blocks of shell that the README and the book show, which read from a bucket.
#[test]
fn what_is_written_about_stores_can_be_typed() {
    const MARK: &str = "<!-- test: cloud -->\n```sh\n";
    let folder = tempfile::tempdir().unwrap();
    let pages = world::pages(0..5, 3);
    std::fs::create_dir(folder.path().join("pages")).unwrap();
    std::fs::write(folder.path().join("pages/one.txt"), &pages[0]).unwrap();
    std::fs::write(folder.path().join("dump.txt.gz"), pages.concat()).unwrap();
    let Some(served) = Served::start("s3", folder.path()) else {
        return;
    };
    let program = Path::new(env!("CARGO_BIN_EXE_citesift"));
    let path = std::env::join_paths([
        program.parent().unwrap(),
        Path::new("/usr/bin"),
        Path::new("/bin"),
    ]);
    for page in ["README.md", "docs/src/object-stores.md"] {
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let text = std::fs::read_to_string(text).unwrap();
        let blocks: Vec<_> = text.split(MARK).skip(1).collect();
        assert!(!blocks.is_empty(), "{page}");
        for block in blocks {
            let block = block.split("```").next().unwrap();
            let empty = tempfile::tempdir().unwrap();
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", block])
                .current_dir(empty.path())
                .env_clear()
                .env("PATH", path.as_ref().unwrap())
                .envs(environment(&served))
                .output()
                .unwrap();
            assert!(output.status.success(), "{block}\n{}", messages(&output));
            assert!(!output.stdout.is_empty(), "{block}");
        }
    }
}

#[test]
fn what_a_store_does_not_have_is_said_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page"), &world::pages(1..2, 3)[0]).unwrap();
    let Some(served) = Served::start("s3", folder.path()) else {
        return;
    };
    let environment = environment(&served);
    for (missing, said) in [
        ("s3://bucket/none", "it is not there (404 NoSuchKey)"),
        ("s3://absent/key", "it is not there (404 NoSuchBucket)"),
        ("s3://bucket/none/", "nothing is there"),
        ("s3://absent/", "it is not there (404 NoSuchBucket)"),
    ] {
        is_said_to_be_missing(
            folder.path(),
            &environment,
            missing,
            said,
            "s3://bucket/page",
        );
    }
}

#[test]
fn a_web_server_is_believed_when_its_certificate_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = world::crawl(0..900, 12);
    std::fs::write(folder.path().join("dump.txt"), &text).unwrap();
    let Some(served) = Served::start("https", folder.path()) else {
        return;
    };
    let root = format!("https://127.0.0.1:{}/", served.port);
    let address = format!("{root}dump.txt");
    let authority = folder.path().join("ca.pem");
    let known = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let read = run(folder.path(), &known, &["--quiet", &address]);
    let local = run(folder.path(), &[], &["--quiet", "dump.txt"]);
    assert_eq!(read.status.code(), Some(0), "{}", messages(&read));
    assert!(renamed(&read.stdout, &root, "").as_bytes() == local.stdout);

    let unknown = run(folder.path(), &[], &["--quiet", &address]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(unknown.stdout.is_empty());
    let said = messages(&unknown);
    assert!(
        said.contains(&address) && said.contains("certificate"),
        "{said}"
    );
}
