//! Servers that answer badly: what passes is waited for, and gives the very bytes; what lasts is an
//! error with its place, and an object that changes never gives a record of both versions.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::server::{Answer, Request, Server, date};
use crate::{messages, renamed, run, world};

/// A dump of several ranges.
fn dump() -> String {
    world::crawl(0..900, 12)
}

/// What the dump gives as a local file with this name.
fn expected(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.txt"), text).unwrap();
    let output = run(folder.path(), &[], &["--quiet", "dump.txt"]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Reads the dump from a server with this fault, and holds it against the local file.
fn gives_the_same(fault: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> Server {
    let text = dump();
    let server = Server::start(&[("/dump.txt", text.as_bytes())], fault);
    let folder = tempfile::tempdir().unwrap();
    let address = server.url("/dump.txt");
    let output = run(folder.path(), &[], &["--quiet", &address]);
    assert_eq!(messages(&output), "");
    assert_eq!(output.status.code(), Some(0));
    assert!(renamed(&output.stdout, &server.url("/"), "") == expected(&text));
    server
}

#[test]
fn ranges_are_asked_for_once_and_leave_nothing_out() {
    let server = gives_the_same(|_, answer| answer);
    are_asked_for_once(&server.requests());
}

/// These ask for an object in ranges, each once, and all but the first of the first one's version.
pub fn are_asked_for_once(requests: &[Request]) {
    let mut ranges: Vec<_> = requests
        .iter()
        .map(|request| request.range.unwrap())
        .collect();
    ranges.sort_unstable();
    assert!(ranges.len() >= 3, "{ranges:?}");
    assert_eq!(ranges[0].0, 0);
    assert!(
        ranges.windows(2).all(|two| two[0].1 + 1 == two[1].0),
        "{ranges:?}"
    );
    let tags: Vec<_> = requests
        .iter()
        .filter_map(|request| request.if_match.as_ref())
        .collect();
    assert_eq!(tags.len(), ranges.len() - 1, "{tags:?}");
}

/// Whether a range is asked for the first time.
#[derive(Default)]
struct FirstTime(Mutex<BTreeSet<Option<(usize, usize)>>>);

impl FirstTime {
    fn of(&self, request: &Request) -> bool {
        self.0.lock().unwrap().insert(request.range)
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    for status in [500, 503, 429] {
        let first = FirstTime::default();
        let server = gives_the_same(move |request, answer| match first.of(request) {
            true => Answer::status(status),
            false => answer,
        });
        assert!(server.requests().len() >= 6);
    }
}

#[test]
fn a_connection_that_is_cut_is_gone_on_with_where_it_was() {
    let first = FirstTime::default();
    let server = gives_the_same(move |request, mut answer| {
        if first.of(request) && answer.body.len() > 1000 {
            answer.cut_at = Some(answer.body.len() / 2);
        }
        answer
    });
    let requests = server.requests();
    let ends: Vec<_> = requests
        .iter()
        .map(|request| request.range.unwrap())
        .collect();
    // Each half is cut again, until little is left: all ranges with one end begin at different bytes.
    for (start, last) in &ends {
        let same = ends
            .iter()
            .filter(|range| *range == &(*start, *last))
            .count();
        assert_eq!(same, 1, "{ends:?}");
    }
    assert!(ends.len() > 20, "{ends:?}");
}

#[test]
fn a_connection_that_is_cut_before_an_answer_is_made_again() {
    let first = FirstTime::default();
    gives_the_same(move |request, mut answer| {
        if first.of(request) {
            answer.cut_at = Some(0);
        }
        answer
    });
}

#[test]
fn a_slow_server_is_waited_for() {
    gives_the_same(|_, mut answer| {
        answer.pieces = Some(3001);
        answer
    });
}

#[test]
fn a_server_without_ranges_is_read_in_one_answer_and_gone_on_with() {
    let was_cut = AtomicBool::new(false);
    let server = gives_the_same(move |request, answer| {
        let mut whole = answer.clone();
        if request.range.is_some() {
            whole = Answer::status(200);
            whole.headers.insert("Last-Modified", date(1));
            whole.body = dump().into_bytes();
        } else if !was_cut.swap(true, Ordering::Relaxed) {
            whole.cut_at = Some(300_001);
        }
        whole.headers.remove("ETag");
        whole
    });
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_that_tells_no_version_is_read_in_one_answer() {
    gives_the_same(|_, mut answer| {
        answer.headers.remove("ETag");
        answer.headers.remove("Last-Modified");
        answer
    });
}

/// A run that fails: what it says, and its records.
fn fails(fault: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> (String, String) {
    let text = dump();
    let server = Server::start(&[("/bucket/dump.txt", text.as_bytes())], fault);
    let folder = tempfile::tempdir().unwrap();
    let endpoint = server.url("");
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_MAX_ATTEMPTS", "3"),
        ("AWS_TIMEOUT", "500ms"),
    ];
    let output = run(
        folder.path(),
        &environment,
        &["--quiet", "s3://bucket/dump.txt"],
    );
    assert_eq!(output.status.code(), Some(1), "{}", messages(&output));
    let said = messages(&output);
    assert!(
        said.starts_with("citesift: s3://bucket/dump.txt: "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    (said, renamed(&output.stdout, "s3://bucket/", ""))
}

#[test]
fn what_lasts_is_said_once_and_with_the_address() {
    for (status, says) in [
        (503, "the server answers 503; tried 3 times"),
        (404, "it is not there (404)"),
        (403, "it may not be read (403); set AWS_ACCESS_KEY_ID"),
        (401, "it may not be read (401)"),
        (400, "the server answers 400"),
        (301, "set AWS_REGION"),
    ] {
        let (said, records) = fails(move |_, _| Answer::status(status));
        assert!(said.contains(says), "{said}");
        assert_eq!(records, "");
    }
}

#[test]
fn a_server_without_lengths_is_said_with_what_helps() {
    let page = world::pages(1..2, 3).remove(0);
    let server = Server::start(&[], move |_, _| Answer {
        body: page.clone().into_bytes(),
        has_no_length: true,
        ..Answer::status(200)
    });
    let output = run(Path::new("."), &[], &["--quiet", &server.url("/page")]);
    assert_eq!(output.status.code(), Some(1));
    let said = messages(&output);
    assert!(said.contains("does not say how long it is"), "{said}");
    assert!(said.contains("`curl … | citesift`"), "{said}");
}

#[test]
fn what_a_server_says_is_brotli_is_not_read() {
    let text = dump();
    for encoding in ["br", " BR ", "gzip, br", "br,gzip"] {
        let server = Server::start(&[("/dump.txt", text.as_bytes())], move |_, mut answer| {
            answer
                .headers
                .insert("Content-Encoding", encoding.to_owned());
            answer
        });
        let output = run(Path::new("."), &[], &["--quiet", &server.url("/dump.txt")]);
        assert_eq!(output.status.code(), Some(1), "{encoding}");
        assert!(output.stdout.is_empty());
        let said = messages(&output);
        assert!(said.contains("it is in brotli"), "{said}");
    }
}

/// On the web and in a store.
#[test]
fn a_server_that_knows_ranges_no_longer_is_said() {
    const SAYS: &str = "the server answers with the whole where a range is asked for";
    let whole = |request: &Request, mut answer: Answer| {
        if request.range.is_some_and(|(start, _)| start > 0) {
            answer.status = 200;
            answer.body = dump().into_bytes();
            answer.headers.remove("Content-Range");
        }
        answer
    };
    let (said, _) = fails(whole);
    assert!(said.contains(SAYS), "{said}");
    let text = dump();
    let server = Server::start(&[("/dump.txt", text.as_bytes())], whole);
    let output = run(Path::new("."), &[], &["--quiet", &server.url("/dump.txt")]);
    assert_eq!(output.status.code(), Some(1));
    let said = messages(&output);
    assert!(said.contains(SAYS), "{said}");
}

#[test]
fn what_a_server_says_of_an_error_is_said_in_short() {
    for length in [300, 100_000] {
        let (said, _) = fails(move |_, _| Answer {
            body: format!("<Code>{}\nmore</Code>", "A".repeat(length)).into_bytes(),
            ..Answer::status(404)
        });
        assert!(said.contains("it is not there (404"), "{said}");
        assert!(said.len() < 300, "{said}");
    }
}

/// The status is said, however long its words are and whether they end or not.
#[test]
fn what_a_server_says_of_an_error_is_not_waited_for() {
    for stops_at in [10, 100_000] {
        let server = Server::start(&[], move |_, _| Answer {
            body: vec![b'x'; 200_000],
            stops_at: Some(stops_at),
            ..Answer::status(404)
        });
        let address = server.url("/dump.txt");
        let began = Instant::now();
        let output = run(Path::new("."), &[], &["--quiet", &address]);
        // Less than a server may be silent.
        assert!(began.elapsed() < Duration::from_secs(25));
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("citesift: {address}: it is not there (404)\n");
        assert_eq!(messages(&output), expected);
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let (said, records) = fails(|_, mut answer| {
        answer.hangs = true;
        answer
    });
    assert!(
        said.contains("it cannot be reached") && said.contains("tried 3 times"),
        "{said}"
    );
    assert_eq!(records, "");
}

#[test]
fn a_host_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    // Nobody listens at a client's port, and while it is open nobody is given it.
    let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    let address = format!("http://127.0.0.1:{port}/dump.txt");
    let output = run(folder.path(), &[], &["--quiet", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = messages(&output);
    assert!(
        said.starts_with(&format!("citesift: {address}: it cannot be reached")),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// What came before a fault is used, up to the page in which it was: those records are the file's.
fn are_the_first(records: &str) {
    let expected = expected(&dump());
    let records: Vec<_> = records.lines().collect();
    assert!(records.len() > 20, "{}", records.len());
    let whole = records.len() - 1;
    assert!(
        records[..whole]
            .iter()
            .eq(expected.lines().take(whole).collect::<Vec<_>>().iter())
    );
}

#[test]
fn what_fails_in_the_middle_leaves_what_came_before() {
    let (said, records) = fails(|request, answer| match request.range {
        Some((0, _)) => answer,
        _ => Answer::status(503),
    });
    assert!(
        said.contains("after 262144 bytes of text: the server answers 503"),
        "{said}"
    );
    are_the_first(&records);
}

/// The object is written anew once its beginning has been read: other bytes of the same length.
fn rewritten(request: &Request, mut answer: Answer, header: &'static str, now: &str) -> Answer {
    if request.range.is_some_and(|(start, _)| start > 0) {
        answer.headers.insert(header, now.to_owned());
        answer.body = answer.body.iter().map(u8::to_ascii_uppercase).collect();
    }
    answer
}

#[test]
fn an_object_that_changes_is_an_error_with_its_place() {
    type Change = fn(&Request, Answer) -> Answer;
    let changes: [Change; 4] = [
        // A store compares the tag, and refuses.
        |request, answer| match &request.if_match {
            Some(_) => Answer::status(412),
            None => answer,
        },
        // A server that does not compare it.
        |request, answer| rewritten(request, answer, "ETag", "\"second\""),
        |request, answer| {
            let mut answer = rewritten(request, answer, "Last-Modified", &date(2));
            answer.headers.remove("ETag");
            answer
        },
        // Cut, and then of another version.
        |request, mut answer| match request.range {
            Some((0, _)) => answer,
            Some((262_144, _)) => {
                answer.cut_at = Some(5000);
                answer
            }
            _ => rewritten(request, answer, "ETag", "\"second\""),
        },
    ];
    for change in changes {
        let (said, records) = fails(change);
        assert!(
            said.contains("after 262144 bytes of text: it was changed"),
            "{said}"
        );
        are_the_first(&records);
    }
}

/// Shorter than its head says, with no word of a fault, and gone on with in another version.
#[test]
fn an_answer_that_is_too_short_is_gone_on_with_in_its_version() {
    let (said, records) = fails(|request, mut answer| match request.range {
        Some((0, _)) => {
            answer.body.truncate(100_000);
            answer
        }
        _ => rewritten(request, answer, "ETag", "\"second\""),
    });
    assert!(said.contains("dump.txt: it was changed"), "{said}");
    assert_eq!(records, "");
}

/// As one does that gives no more than so much at once.
#[test]
fn answers_that_are_too_short_are_put_together() {
    gives_the_same(|_, mut answer| {
        answer.body.truncate(100_000);
        answer
    });
    gives_the_same(|request, mut answer| {
        if request.range.is_some() {
            answer.cut_at = Some(100_000);
        }
        answer.headers.remove("ETag");
        answer.headers.remove("Last-Modified");
        answer
    });
}

#[test]
fn a_server_that_sends_too_much_is_not_believed() {
    let (said, records) = fails(|_, mut answer| {
        answer.body.extend([b'x'; 5000]);
        answer
    });
    assert!(said.contains("sends more than it says"), "{said}");
    assert_eq!(records, "");
}

#[test]
fn without_a_version_a_cut_is_an_error_with_its_place() {
    let (said, records) = fails(|request, mut answer| {
        answer.headers.remove("ETag");
        answer.headers.remove("Last-Modified");
        if request.range.is_none() {
            answer.cut_at = Some(300_000);
        }
        answer
    });
    assert!(
        said.contains("after 300000 bytes of text: the connection was cut"),
        "{said}"
    );
    assert!(said.contains("not gone on with"), "{said}");
    are_the_first(&records);
}
