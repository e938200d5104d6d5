//! Runs on objects that are interrupted, also while they wait for a server, and go on.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::{Answer, Request, Server};
use crate::{command, messages, renamed, run, world};

const CHECKPOINTS: [&str; 2] = ["--checkpoint", "0"];

/// Served well, but for what lies behind so many bytes while it hangs.
fn hanging(text: &[u8], hangs: &Arc<AtomicBool>) -> Server {
    let hangs = Arc::clone(hangs);
    Server::start(&[("/dump.txt", text)], move |request, mut answer| {
        answer.hangs = is_late(request) && hangs.load(Ordering::Relaxed);
        answer
    })
}

/// Behind the first three ranges.
fn is_late(request: &Request) -> bool {
    request.range.is_some_and(|(start, _)| start >= 7 << 18)
}

/// Starts a run, sends it a signal when the server hangs, and waits for its end.
fn interrupted(folder: &Path, server: &Server, signal: &str, args: &[&str]) -> Output {
    let mut child = command(folder, &[], args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    server.wait_for(&mut child, is_late);
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_waits_stops_and_goes_on_where_it_was() {
    let text = world::crawl(0..1500, 24);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.txt"), &text).unwrap();
    let local = run(
        folder.path(),
        &[],
        &["--quiet", "--dedup", "run", "dump.txt"],
    );
    let hangs = Arc::new(AtomicBool::new(true));
    let server = hanging(text.as_bytes(), &hangs);
    let address = server.url("/dump.txt");
    let args = ["--quiet", "--dedup", "run", &address, "-o", "out.ndjson"];
    let args = [&args[..], &CHECKPOINTS].concat();

    let stopped = interrupted(folder.path(), &server, "-INT", &args);
    assert_eq!(stopped.status.code(), Some(130), "{}", messages(&stopped));
    assert!(
        !messages(&stopped).contains("could not be read"),
        "{}",
        messages(&stopped)
    );
    assert!(!folder.path().join("out.ndjson").exists());

    hangs.store(false, Ordering::Relaxed);
    let before = server.requests().len();
    let resumed = run(folder.path(), &[], &[&args[..], &["--resume"]].concat());
    assert_eq!(resumed.status.code(), Some(0), "{}", messages(&resumed));
    let output = std::fs::read(folder.path().join("out.ndjson")).unwrap();
    assert!(renamed(&output, &server.url("/"), "").as_bytes() == local.stdout);
    // It looks at the beginning, and reads on where it was.
    let starts = server.requests().into_iter().skip(before);
    let starts: Vec<_> = starts.map(|request| request.range.unwrap().0).collect();
    let again = starts.iter().filter(|&&start| start < 1 << 18);
    assert!(again.clone().all(|&start| start == 0), "{starts:?}");
    assert!(
        starts.iter().any(|&start| start % (1 << 18) != 0),
        "{starts:?}"
    );
}

#[test]
fn a_run_without_a_journal_ends_at_once() {
    let text = world::crawl(0..1500, 24);
    let folder = tempfile::tempdir().unwrap();
    let server = hanging(text.as_bytes(), &Arc::new(AtomicBool::new(true)));
    let stopped = interrupted(
        folder.path(),
        &server,
        // Not INT, which is ignored by what is started in the background.
        "-TERM",
        &["--quiet", &server.url("/dump.txt")],
    );
    assert_eq!(stopped.status.signal(), Some(15));
}

#[test]
fn what_is_another_object_now_is_not_gone_on_with() {
    let text = world::crawl(0..1500, 24);
    for (tag, says) in [
        ("\"second\"", "is not what it was"),
        ("", "does not say whether"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let hangs = Arc::new(AtomicBool::new(true));
        let is_hanging = Arc::clone(&hangs);
        let server = Server::start(&[("/dump.txt", text.as_bytes())], move |request, answer| {
            changing(request, answer, tag, is_hanging.load(Ordering::Relaxed))
        });
        let address = server.url("/dump.txt");
        let args = ["--quiet", &address, "-o", "out.ndjson"];
        let args = [&args[..], &CHECKPOINTS].concat();
        let mut child = command(folder.path(), &[], &args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The journal has what was opened, and a checkpoint, before the run waits.
        server.wait_for(&mut child, |request| {
            is_late(request) || tag.is_empty() && request.range.is_none()
        });
        let journal = folder.path().join("out.ndjson.journal");
        while std::fs::metadata(&journal).map_or(0, |metadata| metadata.len()) < 1000 {
            assert!(child.try_wait().unwrap().is_none(), "the run has ended");
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        let stopped = child.wait_with_output().unwrap();
        assert_eq!(stopped.status.code(), Some(130), "{}", messages(&stopped));

        hangs.store(false, Ordering::Relaxed);
        let resumed = run(folder.path(), &[], &[&args[..], &["--resume"]].concat());
        assert_eq!(resumed.status.code(), Some(2), "{}", messages(&resumed));
        let said = messages(&resumed);
        assert!(said.contains(says) && said.contains(&address), "{said}");
    }
}

/// An object with another tag once the server no longer hangs, or with none at any time.
fn changing(request: &Request, mut answer: Answer, tag: &str, is_hanging: bool) -> Answer {
    if tag.is_empty() {
        answer.headers.remove("ETag");
        answer.headers.remove("Last-Modified");
        // In one answer.
        let stops = is_hanging && request.range.is_none();
        answer.stops_at = stops.then_some(2_000_000);
    } else if !is_hanging {
        answer.headers.insert("ETag", tag.to_owned());
    }
    answer.hangs = is_hanging && is_late(request);
    answer
}
