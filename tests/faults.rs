//! Faults in the environment, each injected for real: the run ends with a message that names what
//! failed, with the right exit code, and never with less than it says.
//!
//! Where a fault needs a privilege or a program that is missing, the test says loudly that it
//! checked nothing.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use memory::most_held_by;
use tempfile::TempDir;

#[cfg(target_os = "linux")]
mod memory;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    citations\nCited by 1 publication\n(1 citation statement)\nOrder By: Relevance\n\
    “…One.…”\nSection: Resultsmentioning\nconfidence: 99%";

/// The dump's pages; about 1.5 MB, so that its records fill every pipe on their way.
const PAGES: usize = 6000;

/// A folder with one page in `a.txt` and [`PAGES`] in `dump.txt`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), PAGE).unwrap();
    let page = |number| PAGE.replace("10.5555/x", &format!("10.5555/{number}")) + "\n";
    let dump: String = (0..PAGES).map(page).collect();
    fs::write(folder.path().join("dump.txt"), dump).unwrap();
    folder
}

/// Runs a line of shell, in which `$citesift` is the program.
fn shell(line: &str, folder: &Path) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .env("citesift", env!("CARGO_BIN_EXE_citesift"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &[u8]) -> usize {
    output.split(|&byte| byte == b'\n').count() - 1
}

fn lines_of(path: &Path) -> usize {
    lines(&fs::read(path).unwrap())
}

/// The reader is ahead of the writer, by more the more threads there are.
#[test]
fn only_faults_before_a_run_s_stop_are_its_own() {
    let folder = folder();
    shell("$citesift -q a.txt -o a.ndjson", folder.path());
    let cut = "gzip -k a.txt; gzip -c dump.txt | head -c 1000 > cut.gz";
    assert!(shell(cut, folder.path()).status.success());
    for (args, faults) in [
        ("a.txt missing --limit 1", 0),
        ("a.txt missing a.txt --limit 2", 1),
        ("missing a.txt missing --limit 1", 1),
        ("missing a.txt --limit 0", 0),
        ("a.txt missing --limit 2", 1),
        ("a.txt missing a.txt missing --dedup run --limit 2", 2),
        ("dump.txt missing --limit 1", 0),
        ("dump.txt dump.txt missing --limit 7000", 0),
        ("a.txt.gz cut.gz --limit 1", 0),
        ("cut.gz a.txt.gz missing.gz --limit 1", 0),
        ("a.txt.gz missing.gz a.txt.gz cut.gz --limit 2", 1),
    ] {
        for threads in [1, 2, 2, 2, 5, 5] {
            let line = format!(
                "$citesift -q {args} --threads {threads} -o out --stats stats; echo $? >&2"
            );
            let messages = messages(&shell(&line, folder.path()));
            let expected = format!("\n{}\n", u8::from(faults > 0));
            let ends_so = format!("\n{messages}").ends_with(&expected);
            assert!(ends_so, "{args}, {threads}: {messages}");
            assert_eq!(messages.lines().count(), faults + 1, "{args}: {messages}");
            let stats = fs::read(folder.path().join("stats")).unwrap();
            let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
            let told = stats["read_errors"].as_array().unwrap();
            assert_eq!(told.len(), faults, "{args}, {threads}: {told:?}");
        }
    }
    for (args, code) in [("a.txt missing", 0), ("missing a.txt", 1)] {
        for threads in [1, 2, 2, 2] {
            let line = format!("$citesift verify a.ndjson {args} --limit 1 --threads {threads}");
            let output = shell(&line, folder.path());
            assert_eq!(output.status.code(), Some(code), "{line}");
            assert_eq!(messages(&output).lines().count(), code as usize, "{line}");
        }
    }
}

/// What comes behind the fault has not come yet.
#[test]
fn a_fault_is_told_before_a_slow_input_has_ended() {
    let folder = folder();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let cut = b"\x1F\x8B\x08\0\0\0\0\0\0\xFF";
    header.set_size(cut.len() as u64);
    archive
        .append_data(&mut header, "cut.gz", &cut[..])
        .unwrap();
    for (args, input, message) in [
        (&["-q", "missing", "-"][..], &b""[..], "citesift: missing"),
        (
            &["-q", "-"],
            archive.get_ref(),
            "citesift: -: record cut.gz",
        ),
    ] {
        let (mut child, mut stdin) = run_under_way(args, folder.path());
        stdin.write_all(input).unwrap();
        let mut told = vec![0; message.len()];
        child.stderr.take().unwrap().read_exact(&mut told).unwrap();
        assert_eq!(String::from_utf8_lossy(&told), message);
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn messages_that_nobody_can_read_change_nothing() {
    let folder = folder();
    for (line, code) in [
        ("$citesift a.txt -o out 2> /dev/full", 0),
        (
            "$citesift a.txt -o out --strict --max-rejects 0 2> /dev/full",
            0,
        ),
        ("$citesift no-such-file a.txt -o out 2> /dev/full", 1),
        ("$citesift a.txt --stats out -o out 2> /dev/full", 2),
        // A pipe that nobody reads.
        (
            "{ sleep 0.2; $citesift a.txt -o out; echo $? > code; } 2>&1 | :; while [ ! -s code ]; do sleep 0.1; done; exit $(cat code)",
            0,
        ),
    ] {
        let _ = fs::remove_file(folder.path().join("out"));
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(code), "{line}");
        if code < 2 {
            assert_eq!(lines_of(&folder.path().join("out")), 1, "{line}");
        }
    }
}

/// The standard library opens `/dev/null` in the place of what is closed, and takes a stream that
/// is not open for writing for one that takes everything: records would vanish in silence.
#[test]
fn records_that_standard_output_cannot_take_are_an_error() {
    let folder = folder();
    for line in [
        "$citesift a.txt >&-",
        "$citesift a.txt <&- >&-",
        "$citesift a.txt 1< dump.txt",
        "$citesift dump.txt 1< a.txt",
    ] {
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(1), "{line}");
        let messages = messages(&output);
        let expected = "citesift: standard output: Bad file descriptor";
        assert!(messages.starts_with(expected), "{line}: {messages}");
    }
    let output = shell("$citesift a.txt >&- 2>&-", folder.path());
    assert_eq!(output.status.code(), Some(1));
    shell("$citesift -q a.txt -o one --seen seen", folder.path());
    for what in [
        "schema",
        "man",
        "completions bash",
        "seen seen",
        "--print-config",
        "--help",
        "--version",
        "verify --help",
    ] {
        for (to, why) in [
            (">&-", "Bad file descriptor"),
            ("> /dev/full", "No space left on device"),
        ] {
            let output = shell(&format!("$citesift {what} {to}"), folder.path());
            let messages = messages(&output);
            assert_eq!(output.status.code(), Some(1), "{what} {to}: {messages}");
            let expected = format!("citesift: standard output: {why}");
            assert!(messages.starts_with(&expected), "{what} {to}: {messages}");
        }
        let line = format!("{{ sleep 0.1; $citesift {what}; echo $? >&2; }} | :");
        assert_eq!(messages(&shell(&line, folder.path())), "0\n", "{what}");
    }
    // Who names a file, or throws the records away, has not lost them.
    for line in [
        "$citesift a.txt -o out >&-",
        "$citesift a.txt > /dev/null",
        "$citesift a.txt 1<> /dev/null",
    ] {
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
}

#[test]
fn a_standard_input_that_cannot_be_read_is_an_error() {
    let folder = folder();
    for line in [
        "$citesift <&-",
        "$citesift - 0> other",
        "$citesift a.txt - <&-",
    ] {
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(1), "{line}");
        let messages = messages(&output);
        let expected = "citesift: -: Bad file descriptor";
        let other = "citesift: -: after 0 bytes of text: Bad file descriptor";
        let is_said = messages.starts_with(expected) || messages.starts_with(other);
        assert!(is_said, "{line}: {messages}");
    }
    let output = shell("$citesift a.txt <&-", folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 1));
}

/// A file that got the number of a closed stream would get what was meant for that one.
#[test]
fn what_is_for_a_closed_stream_lands_in_no_file() {
    let folder = folder();
    let all = "-o out --rejects rejects --duplicates duplicates --stats stats";
    for closed in [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let line = format!("$citesift --max-page 100K no-such-file a.txt {all} {closed}");
        let output = shell(&line, folder.path());
        assert_eq!(output.status.code(), Some(1), "{line}");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("out").starts_with(r#"{"doi":"10.5555/x""#), "{line}");
        assert_eq!(lines(read("out").as_bytes()), 1, "{line}");
        assert_eq!(read("rejects") + &read("duplicates"), "", "{line}");
        assert!(read("stats").starts_with(r#"{"version""#), "{line}");
        assert_eq!(lines(read("stats").as_bytes()), 1, "{line}");
        assert_eq!(read("a.txt"), PAGE, "{line}");
    }
}

/// A run under way whose input comes from a pipe: it reads until the pipe is dropped.
fn run_under_way(args: &[&str], folder: &Path) -> (Child, ChildStdin) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

/// Other text, more than a pipe holds: when it is written the run reads, and its outputs are its own.
fn begin_to_read(stdin: &mut ChildStdin) {
    let text = "Other text.\n".repeat(20_000);
    stdin.write_all(text.as_bytes()).unwrap();
}

/// Waits for something that another process brings about.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "waited in vain"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn of_two_runs_with_one_output_the_second_is_refused_and_the_first_is_whole() {
    let folder = folder();
    let in_folder = |name: &str| folder.path().join(name);
    for flag in ["-o", "--rejects", "--duplicates", "--stats", "--report"] {
        let args = ["-q", flag, "both"];
        let (first, mut stdin) = run_under_way(&args, folder.path());
        begin_to_read(&mut stdin);
        for other in ["both", "./both"] {
            let output = shell(&format!("$citesift dump.txt {flag} {other}"), folder.path());
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
            let expected = format!("citesift: {other}: another run is writing it\n");
            assert_eq!(messages(&output), expected);
        }
        stdin.write_all(PAGE.as_bytes()).unwrap();
        drop(stdin);
        assert!(first.wait_with_output().unwrap().status.success());
        assert!(in_folder("both").exists() && !in_folder("both.part").exists());
        if flag == "-o" {
            assert_eq!(lines_of(&in_folder("both")), 1);
        }
    }
}

#[test]
fn what_a_killed_run_left_behind_is_written_over() {
    let folder = folder();
    let in_folder = |name: &str| folder.path().join(name);
    fs::write(in_folder("out"), "old").unwrap();
    let (mut killed, mut stdin) = run_under_way(&["-q", "-o", "out"], folder.path());
    let dump = fs::read(in_folder("dump.txt")).unwrap();
    stdin.write_all(&dump).unwrap();
    wait_until(|| fs::metadata(in_folder("out.part")).is_ok_and(|file| file.len() > 100_000));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(fs::read(in_folder("out")).unwrap(), b"old");
    let output = shell("$citesift a.txt -o out", folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lines_of(&in_folder("out")), 1);
    assert!(!in_folder("out.part").exists());
}

#[test]
fn an_output_that_is_a_link_fills_what_it_leads_to() {
    let folder = folder();
    let in_folder = |name: &str| folder.path().join(name);
    fs::create_dir(in_folder("real")).unwrap();
    fs::write(in_folder("real/old"), "old").unwrap();
    symlink("real/old", in_folder("link")).unwrap();
    symlink("real/new", in_folder("dangling")).unwrap();
    symlink("loop", in_folder("loop")).unwrap();
    for (link, real) in [("link", "real/old"), ("dangling", "real/new")] {
        let output = shell(&format!("$citesift a.txt -o {link}"), folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", messages(&output));
        assert!(in_folder(link).is_symlink());
        assert_eq!(lines_of(&in_folder(real)), 1);
    }
    let output = shell("$citesift a.txt -o loop", folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(messages(&output).starts_with("error: loop: Too many levels of symbolic links"));
}

/// Its name leads to a file that someone else has open: that one was meant, and not its name.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_an_open_file_is_refused_and_a_pipe_is_not() {
    let folder = folder();
    symlink("/proc/self/fd/1", folder.path().join("stdout")).unwrap();
    let line = "echo earlier > log; $citesift a.txt -o stdout >> log";
    let output = shell(line, folder.path());
    assert_eq!(output.status.code(), Some(2));
    let messages = messages(&output);
    let expected = "error: stdout: it leads to an open file; name that file, or redirect to it\n";
    assert_eq!(messages, expected);
    assert_eq!(fs::read(folder.path().join("log")).unwrap(), b"earlier\n");
    assert!(folder.path().join("stdout").is_symlink());
    for line in [
        "$citesift a.txt -o /dev/fd/1 >> log",
        "$citesift a.txt --stats /dev/fd/3 3>> log",
        "$citesift a.txt --stats log >> log",
    ] {
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(fs::read(folder.path().join("log")).unwrap(), b"earlier\n");
    }

    let output = shell("$citesift a.txt -o stdout", folder.path());
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(0), 1));
}

/// What stands before a command so that permissions hold for it, also where the tests run as root;
/// none where they would not.
fn bound_by_permissions() -> Option<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("closed"), "").unwrap();
    fs::set_permissions(folder.path().join("closed"), Permissions::from_mode(0o000)).unwrap();
    let without = "setpriv --inh-caps=-all --bounding-set=-dac_override,-dac_read_search";
    let holds = |before: &str| {
        let output = shell(
            &format!("{before} true && ! {before} cat closed"),
            folder.path(),
        );
        output.status.success()
    };
    let found = ["", without].into_iter().find(|before| holds(before));
    if found.is_none() {
        eprintln!("WARNING: NOT checked: permissions do not bind root, and setpriv does not help");
    }
    found
}

/// What stands before a command to inject faults into its system calls; none without strace.
fn injecting(fault: &str) -> Option<String> {
    let strace = "strace -f -qq -o /dev/null";
    let works = shell(&format!("{strace} true"), Path::new("."));
    if !works.status.success() {
        eprintln!("WARNING: NOT checked: {fault}: strace is missing or not allowed to trace");
        return None;
    }
    Some(format!("{strace} {fault} "))
}

#[test]
fn a_folder_that_cannot_be_synced_takes_whole_files_all_the_same() {
    let folder = folder();
    let drop_box = folder.path().join("box");
    fs::create_dir(&drop_box).unwrap();
    // Files can be put in and not be listed.
    fs::set_permissions(&drop_box, Permissions::from_mode(0o333)).unwrap();
    let fsync = injecting("-e trace=fsync -e inject=fsync:error=EINVAL:when=2");
    for (before, out) in [
        (bound_by_permissions().map(str::to_owned), "box/out"),
        (fsync, "out"),
    ] {
        let Some(before) = before else { continue };
        let output = shell(&format!("{before} $citesift a.txt -o {out}"), folder.path());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{out}: {}",
            messages(&output)
        );
        assert_eq!(lines_of(&folder.path().join(out)), 1);
    }
    fs::set_permissions(&drop_box, Permissions::from_mode(0o777)).unwrap();
}

#[test]
fn an_output_that_cannot_be_synced_is_an_error_and_leaves_the_older_one() {
    let folder = folder();
    let Some(fails) = injecting("-e trace=fsync -e inject=fsync:error=EIO:when=1") else {
        return;
    };
    fs::write(folder.path().join("out"), "old").unwrap();
    let output = shell(&format!("{fails} $citesift a.txt -o out"), folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", messages(&output));
    assert_eq!(
        messages(&output),
        "citesift: out: Input/output error (os error 5)\n"
    );
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"old");
}

#[test]
fn an_output_that_is_read_is_refused_before_any_work() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("pages/deep")).unwrap();
    fs::write(folder.path().join("pages/deep/a.txt"), PAGE).unwrap();
    fs::write(folder.path().join("x.part"), PAGE).unwrap();
    symlink("pages", folder.path().join("linked")).unwrap();
    symlink("a.txt", folder.path().join("also-a")).unwrap();
    let listed = || shell("ls -lR --time-style=full-iso", folder.path()).stdout;
    let before = listed();
    let outside = "; choose a place outside that folder\n";
    for (line, expected) in [
        (
            "a.txt -o a.txt",
            "--output names an input; choose another file\n",
        ),
        (
            "a.txt -o also-a",
            "--output names an input; choose another file\n",
        ),
        (
            "also-a --stats ./a.txt",
            "--stats names an input; choose another file\n",
        ),
        (
            "x.part -o x",
            "--output has `x.part` beside it until it is whole, and that is an input; choose another file\n",
        ),
        (
            "-o a.txt < a.txt",
            "--output names an input; choose another file\n",
        ),
        (
            "pages -o pages/out",
            &format!("--output is in `pages`, which is read{outside}"),
        ),
        (
            "pages --rejects pages/deep/out",
            &format!("--rejects is in `pages`, which is read{outside}"),
        ),
        (
            "linked -o pages/deep/out",
            &format!("--output is in `linked`, which is read{outside}"),
        ),
        (
            "pages/deep --duplicates linked/deep/out",
            &format!("--duplicates is in `pages/deep`, which is read{outside}"),
        ),
        (
            ". --stats out",
            &format!("--stats is in `.`, which is read{outside}"),
        ),
        (
            "a.txt -o out --stats ./out",
            "--output and --stats name the same file\n",
        ),
        (
            "a.txt -o out --stats pages/../out",
            "--output and --stats name the same file\n",
        ),
        (
            "a.txt -o out --rejects ./out.journal",
            "--output has `out.journal` beside it until it is whole, and --rejects names that; choose another file\n",
        ),
        (
            "a.txt -o out --stats out.part",
            "--output has `out.part` beside it until it is whole, and --stats names that; choose another file\n",
        ),
    ] {
        let output = shell(&format!("$citesift {line}"), folder.path());
        let messages = messages(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {messages}");
        assert!(
            messages.starts_with(&format!("error: {expected}")),
            "{line}: {messages}"
        );
        assert_eq!(listed(), before, "{line}");
    }
    for line in [
        "pages -o pages.out",
        "pages/deep -o pages/out",
        "x.part -o x.par",
    ] {
        let output = shell(&format!("$citesift {line}"), folder.path());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{line}: {}",
            messages(&output)
        );
    }
}

/// The shell has opened the file before the program starts, so a folder's walk would find it.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_is_read_is_refused_before_any_work() {
    let folder = folder();
    fs::create_dir(folder.path().join("pages")).unwrap();
    for (line, expected) in [
        (
            "pages > pages/out",
            "standard output is in `pages`, which is read;",
        ),
        ("a.txt >> a.txt", "standard output is an input;"),
        ("- < a.txt >> a.txt", "standard output is an input;"),
    ] {
        let output = shell(&format!("$citesift {line}"), folder.path());
        let messages = messages(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {messages}");
        assert!(messages.contains(expected), "{line}: {messages}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        PAGE
    );
    let output = shell("$citesift a.txt pages -o out > pages/log", folder.path());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_opened_in_a_folder_is_named_and_the_rest_is_read() {
    let folder = folder();
    let in_folder = |name: &str| folder.path().join(name);
    fs::create_dir_all(in_folder("pages/a")).unwrap();
    fs::create_dir_all(in_folder("pages/z")).unwrap();
    for page in ["a/page", "b", "closed", "y"] {
        fs::write(in_folder("pages").join(page), PAGE).unwrap();
    }
    symlink("nowhere", in_folder("pages/dangling")).unwrap();
    symlink("..", in_folder("pages/a/up")).unwrap();
    symlink("loop", in_folder("pages/loop")).unwrap();
    for (name, mode) in [("pages/closed", 0o000), ("pages/z", 0o000)] {
        fs::set_permissions(in_folder(name), Permissions::from_mode(mode)).unwrap();
    }
    let before = bound_by_permissions();
    let line = format!(
        "{} $citesift pages --stats stats",
        before.unwrap_or_default()
    );
    let output = shell(&line, folder.path());
    fs::set_permissions(in_folder("pages/z"), Permissions::from_mode(0o700)).unwrap();
    let mut expected = vec![
        "citesift: pages/a/up: a link that leads back to pages",
        "citesift: pages/dangling: No such file or directory (os error 2)",
        "citesift: pages/loop: Too many levels of symbolic links (os error 40)",
    ];
    if before.is_some() {
        expected.insert(1, "citesift: pages/closed: Permission denied (os error 13)");
        expected.push("citesift: pages/z: Permission denied (os error 13)");
    }
    let messages = messages(&output);
    let mut said: Vec<_> = messages.lines().take(expected.len()).collect();
    said.sort_unstable();
    assert_eq!(said, expected, "{messages}");
    assert_eq!(output.status.code(), Some(1));
    let readable = if before.is_some() { 3 } else { 4 };
    assert_eq!(lines(&output.stdout), readable);
    let stats = fs::read(in_folder("stats")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    assert_eq!(
        stats["read_errors"].as_array().unwrap().len(),
        expected.len()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_of_many_files_is_read_in_order_and_in_bounded_memory() {
    const FILES: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pages")).unwrap();
    for number in 0..FILES {
        let path = folder.path().join(format!("pages/{number:05}"));
        fs::write(
            path,
            PAGE.replace("10.5555/x", &format!("10.5555/{number:05}")),
        )
        .unwrap();
    }
    let (child, stdin) = run_under_way(&["-q", "pages", "-", "-o", "out"], folder.path());
    let mut peak = 0;
    wait_until(|| {
        peak = peak.max(most_held_by(&child));
        fs::metadata(folder.path().join("out.part")).is_ok_and(|file| file.len() > 10_000_000)
    });
    drop(stdin);
    assert!(child.wait_with_output().unwrap().status.success());
    let out = fs::read_to_string(folder.path().join("out")).unwrap();
    let doi = |line: &str| line[..30].to_owned();
    let found: Vec<_> = out.lines().map(doi).collect();
    assert_eq!(found.len(), FILES);
    assert!(found.is_sorted());
    // Some 150 bytes for each name, beside what any run takes.
    assert!((1..28 << 10).contains(&peak), "{peak} kB");
}

#[test]
fn interruptions_change_nothing() {
    let folder = folder();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let inputs = [
        "complete-page/input.txt",
        "container-jsonl/input.jsonl",
        "container-warc/input.warc",
        "container-wet-gzip/input.warc.wet.gz",
        "container-tar/input.tar",
        "container-zip/input.zip",
        #[cfg(feature = "parquet")]
        "container-parquet/input.parquet",
    ];
    let Some(interrupted) = injecting(
        "-P in -P out.part -e trace=read,write -e inject=read,write:error=EINTR:when=1+2",
    ) else {
        return;
    };
    for input in inputs {
        fs::copy(samples.join(input), folder.path().join("in")).unwrap();
        let usual = shell("$citesift -q in", folder.path());
        let line = format!("{interrupted} $citesift -q in -o out");
        let output = shell(&line, folder.path());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{input}: {}",
            messages(&output)
        );
        assert_eq!(
            fs::read(folder.path().join("out")).unwrap(),
            usual.stdout,
            "{input}"
        );
        assert!(lines(&usual.stdout) > 0, "{input}");
    }
}

/// The disk gives some bytes and then none.
#[test]
fn a_read_error_in_mid_file_gives_what_came_before_and_the_next_file() {
    let folder = folder();
    let Some(fails) = injecting("-P dump.txt -e trace=read -e inject=read:error=EIO:when=5+")
    else {
        return;
    };
    let line = format!("{fails} $citesift dump.txt a.txt --stats stats");
    let output = shell(&line, folder.path());
    assert_eq!(output.status.code(), Some(1));
    let stats = fs::read(folder.path().join("stats")).unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats).unwrap();
    let read = stats["bytes"]["read"].as_u64().unwrap();
    let before = read - PAGE.len() as u64;
    let messages = messages(&output);
    let place = format!("citesift: dump.txt: after {before} bytes of text: Input/output error");
    assert!(messages.contains(&place), "{messages}");
    let found = String::from_utf8(output.stdout).unwrap();
    assert!((2..PAGES).contains(&found.lines().count()));
    assert!(found.lines().last().unwrap().contains(r#""path":"a.txt""#));
}

/// A real disk of 16 kB, which takes a write in part and then nothing more.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_older_file_and_no_temporary_ones() {
    let folder = folder();
    let disk = "mkdir disk && mount -t tmpfs -o size=16k none disk && echo old > disk/out";
    let mounted = |line: &str| {
        let script = "rm -rf disk; exec unshare -rm sh -c \"$line\"";
        let line = format!("{disk} && {{ {line}; }}");
        shell(&format!("line='{line}'; {script}"), folder.path())
    };
    if !mounted("true").status.success() {
        eprintln!("WARNING: NOT checked: a full disk, since none can be mounted here");
        return;
    }
    let after = "echo $? >&2; ls disk >&2; cat disk/out";
    for out in [
        "-o disk/out",
        "-o disk/x.gz",
        "--duplicates disk/x --dedup text",
        "> disk/x",
    ] {
        let output = mounted(&format!("$citesift -q dump.txt dump.txt {out}; {after}"));
        let messages = messages(&output);
        let expected = match out {
            "-o disk/out" => {
                "disk/out: No space left on device (os error 28)\n1\nout\nout.journal\nout.part\n"
            }
            "-o disk/x.gz" => {
                "disk/x.gz: No space left on device (os error 28)\n1\nout\nx.gz.journal\nx.gz.part\n"
            }
            "> disk/x" => "standard output: No space left on device (os error 28)\n1\nout\nx\n",
            _ => "disk/x: No space left on device (os error 28)\n1\nout\nx.part\n",
        };
        assert_eq!(messages, format!("citesift: {expected}"), "{out}");
        assert!(output.stdout.ends_with(b"old\n"), "{out}");
    }
    let scarce = "TMPDIR=$PWD/disk $citesift -q --dedup run --memory 1 dump.txt -o out";
    let messages = messages(&mounted(&format!("{scarce}; {after}")));
    assert!(
        messages.starts_with("citesift: cannot remember what was seen: "),
        "{messages}"
    );
    assert!(messages.contains("No space left on device"), "{messages}");
    assert!(messages.ends_with("\n1\nout\n"), "{messages}");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_no_silent_death() {
    let folder = folder();
    fs::write(folder.path().join("old"), "old").unwrap();
    // The second one has nothing to write before its end.
    for line in [
        "ulimit -f 100; exec $citesift dump.txt -o old",
        "ulimit -f 0; exec $citesift -o old < a.txt",
    ] {
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(1), "{}", messages(&output));
        assert_eq!(
            messages(&output),
            "citesift: old: File too large (os error 27)\n"
        );
        assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"old");
    }
    let output = shell(
        "ulimit -f 100; exec $citesift dump.txt > new",
        folder.path(),
    );
    assert_eq!(
        messages(&output),
        "citesift: standard output: File too large (os error 27)\n"
    );
}

/// Here the system takes what is written only when the run has ended, or not even then.
#[test]
fn a_run_that_breaks_off_at_its_end_leaves_all_older_files() {
    let folder = folder();
    shell("$citesift -q a.txt -o part.ndjson", folder.path());
    let olders = ["out", "stats", "report", "rejects", "duplicates"];
    for line in [
        "$citesift a.txt -o /dev/full --stats stats --report report --rejects rejects --duplicates duplicates",
        "$citesift a.txt -o out --stats /dev/full --report report --rejects rejects",
        "$citesift a.txt -o out --stats stats --report /dev/full --duplicates duplicates",
        "$citesift a.txt a.txt -o out --stats stats --rejects rejects --dedup text --duplicates /dev/full",
        "$citesift merge part.ndjson -o /dev/full --stats stats",
        "$citesift merge part.ndjson -o out --stats /dev/full",
    ] {
        for name in olders {
            fs::write(folder.path().join(name), "older").unwrap();
        }
        let output = shell(line, folder.path());
        let messages = messages(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {messages}");
        let expected = "citesift: /dev/full: No space left on device (os error 28)\n";
        assert_eq!(messages, expected, "{line}");
        for name in olders {
            let bytes = fs::read(folder.path().join(name)).unwrap();
            assert_eq!(bytes, b"older", "{line}: {name}");
        }
    }
}

/// Some 12 MB of pages.
#[cfg(target_os = "linux")]
fn large(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("dump.txt")).unwrap().repeat(TIMES)
}

#[cfg(target_os = "linux")]
const TIMES: usize = 8;

/// A run on a large file that has read a part of it and waits for its output to be read.
#[cfg(target_os = "linux")]
fn run_in_mid_file(folder: &Path, name: &str, bytes: &[u8]) -> Child {
    fs::write(folder.join(name), bytes).unwrap();
    let args = ["-q", "--threads", "1", name];
    let (child, _) = run_under_way(&args, folder);
    let read = || {
        let io = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
        let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
        read.unwrap().parse::<u64>().unwrap()
    };
    let mut before = 0;
    wait_until(|| {
        std::thread::sleep(Duration::from_millis(300));
        let now = read();
        mem::replace(&mut before, now) == now && now > 1 << 20
    });
    child
}

#[cfg(target_os = "linux")]
#[test]
fn an_input_that_is_deleted_or_grows_while_it_is_read_is_read_to_its_end() {
    let folder = folder();
    let child = run_in_mid_file(folder.path(), "large.txt", &large(folder.path()));
    let large = folder.path().join("large.txt");
    let mut file = fs::OpenOptions::new().append(true).open(&large).unwrap();
    file.write_all(PAGE.replace("10.5555/x", "10.5555/new").as_bytes())
        .unwrap();
    fs::remove_file(&large).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), messages(&output).as_str()),
        (Some(0), "")
    );
    assert_eq!(lines(&output.stdout), TIMES * PAGES + 1);
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.lines().last().unwrap().contains("10.5555/new"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_input_that_shrinks_while_it_is_read_is_said_to_be_cut() {
    let folder = folder();
    let dump = large(folder.path());
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dump.len() as u64);
    archive.append_data(&mut header, "x", &dump[..]).unwrap();
    let archive = archive.into_inner().unwrap();
    for (name, bytes) in [("large.txt", dump), ("large.tar", archive)] {
        let child = run_in_mid_file(folder.path(), name, &bytes);
        let path = folder.path().join(name);
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(1000).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let messages = messages(&output);
        let expected = format!("citesift: {name}: after ");
        assert!(messages.starts_with(&expected), "{messages}");
        let length = bytes.len();
        let expected =
            format!("bytes of text: it was cut while it was read, and had {length} bytes\n");
        assert!(messages.ends_with(&expected), "{messages}");
        assert!((1..TIMES * PAGES).contains(&lines(&output.stdout)));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_never_read_grows_no_memory() {
    let folder = folder();
    let mut child = run_in_mid_file(folder.path(), "large.txt", &large(folder.path()));
    let held = most_held_by(&child);
    assert!((1..28 << 10).contains(&held), "{held} kB");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Bytes come in dribbles and go out in dribbles, and the program is stopped and continued all the
/// time.
#[test]
fn dribbles_and_stops_change_nothing() {
    let folder = folder();
    let usual = shell("head -c 300000 dump.txt | $citesift -q", folder.path()).stdout;
    let dump = fs::read(folder.path().join("dump.txt")).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .arg("-q")
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    let (mut stdin, pid) = (child.stdin.take().unwrap(), child.id());
    let mut found = Vec::new();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            let mut rest = &dump[..300_000];
            for length in (1..1000).step_by(7).cycle() {
                let (dribble, behind) = rest.split_at(length.min(rest.len()));
                stdin.write_all(dribble).unwrap();
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
        });
        threads.spawn(move || {
            for signal in ["STOP", "CONT"].repeat(10) {
                let pid = pid.to_string();
                let _ = Command::new("kill")
                    .args(["-s", signal, &pid])
                    .stderr(Stdio::null())
                    .status();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let mut ours = &ours;
        let mut dribble = [0; 777];
        while let Ok(read @ 1..) = ours.read(&mut dribble) {
            found.extend_from_slice(&dribble[..read]);
        }
    });
    assert!(child.wait().unwrap().success());
    assert!(
        found == usual && lines(&found) > 1000,
        "{} bytes",
        found.len()
    );
}

/// Someone else who has the same pipe open may have set it so.
#[test]
fn an_output_that_will_not_wait_is_an_error() {
    let folder = folder();
    let (_ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .arg("dump.txt")
        .current_dir(folder.path())
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let messages = messages(&output);
    let expected = "citesift: standard output: Resource temporarily unavailable";
    assert!(messages.starts_with(expected), "{messages}");
}

#[test]
fn a_pipe_is_read_where_it_is_named_and_passed_over_in_a_folder() {
    let folder = folder();
    let line = "mkdir pages; mkfifo pipe pages/pipe; cp a.txt pages; cat dump.txt > pipe & \
        exec $citesift -q pages pipe a.txt";
    let output = shell(line, folder.path());
    assert_eq!(
        (output.status.code(), lines(&output.stdout)),
        (Some(0), PAGES + 2)
    );
}

#[test]
fn a_folder_that_takes_no_output_is_said_before_anything_is_read() {
    let folder = folder();
    fs::create_dir(folder.path().join("closed")).unwrap();
    fs::set_permissions(folder.path().join("closed"), Permissions::from_mode(0o555)).unwrap();
    let Some(bound) = bound_by_permissions() else {
        return;
    };
    for flag in ["-o", "--rejects", "--duplicates", "--stats", "--report"] {
        let line = format!("{bound} $citesift no-such-file a.txt {flag} closed/out");
        let output = shell(&line, folder.path());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        let expected = "error: closed/out: Permission denied (os error 13); choose another place\n";
        assert_eq!(messages(&output), expected);
    }
}

#[test]
fn a_folder_that_vanishes_takes_the_output_with_it_and_this_is_said() {
    let folder = folder();
    fs::create_dir(folder.path().join("gone")).unwrap();
    let (child, mut stdin) = run_under_way(&["-q", "-o", "gone/out"], folder.path());
    begin_to_read(&mut stdin);
    fs::remove_dir_all(folder.path().join("gone")).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(messages(&output).starts_with("citesift: gone/out: No such file or directory"));
}

/// With every limit the run is whole, or it says what it lacks and names no file.
fn runs_whole_or_says_why(limit: &str, limits: impl Iterator<Item = u32>, reasons: &[&str]) {
    let folder = folder();
    let in_folder = |name: &str| folder.path().join(name);
    fs::create_dir_all(in_folder("pages/a/b/c/d/e")).unwrap();
    fs::copy(in_folder("a.txt"), in_folder("pages/a/b/c/d/e/page")).unwrap();
    let (mut whole, mut refused) = (0, 0);
    for number in limits {
        let _ = fs::remove_file(in_folder("out"));
        let limited = format!("ulimit -{limit} {number}; export TMPDIR=$PWD RUST_BACKTRACE=0");
        let starts = shell(
            &format!("{limited}; exec $citesift --version"),
            folder.path(),
        );
        if !starts.status.success() {
            continue;
        }
        let run = "$citesift -q pages dump.txt --dedup run --memory 1 --rejects r -o out";
        let output = shell(&format!("{limited}; exec {run}"), folder.path());
        let messages = messages(&output);
        if output.status.success() {
            assert_eq!(lines_of(&in_folder("out")), PAGES + 1, "{number}");
            whole += 1;
            continue;
        }
        let is_said = reasons.iter().any(|reason| messages.contains(reason));
        assert!(is_said, "{number}: {:?}: {messages}", output.status);
        // A source that cannot be opened is passed over, an output is not.
        let is_read_in_part = output.status.code() == Some(1) && in_folder("out").exists();
        assert!(!in_folder("out").exists() || is_read_in_part, "{number}");
        refused += 1;
    }
    assert!(whole > 0 && refused > 0, "{whole} whole, {refused} refused");
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_file_descriptors_are_said() {
    runs_whole_or_says_why("n", (3..24).step_by(2), &["Too many open files"]);
}

#[cfg(target_os = "linux")]
#[test]
fn too_little_memory_is_said() {
    let limits = (10_000..60_000).step_by(7000).chain([400_000]);
    runs_whole_or_says_why("v", limits, &["memory", "cannot start a thread"]);
}
