//! A server for objects that answers well or badly, as the test says: one request a connection.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub target: String,
    /// First and last byte.
    pub range: Option<(usize, usize)>,
    pub if_match: Option<String>,
    pub authorization: Option<String>,
    /// Earlier requests.
    pub number: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
    /// So many bytes of the body come, and then the connection is cut.
    pub cut_at: Option<usize>,
    /// The head does not say how long the body is, which ends with the connection.
    pub has_no_length: bool,
    /// Sent in pieces of so many bytes, with a pause before each.
    pub pieces: Option<usize>,
    /// No answer comes until the server ends.
    pub hangs: bool,
    /// So many bytes of the body come, and no more until the server ends.
    pub stops_at: Option<usize>,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// What a server does to a good answer.
pub type Fault = dyn Fn(&Request, Answer) -> Answer + Send + Sync;

pub struct Server {
    pub port: u16,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    objects: BTreeMap<String, Vec<u8>>,
    fault: Box<Fault>,
    requests: Mutex<Vec<Request>>,
    is_over: AtomicBool,
}

impl Server {
    /// Serves these objects under these paths.
    pub fn start(
        objects: &[(&str, &[u8])],
        fault: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let owned = |(path, bytes): &(&str, &[u8])| ((*path).to_owned(), bytes.to_vec());
        let state = Arc::new(State {
            objects: objects.iter().map(owned).collect(),
            fault: Box::new(fault),
            requests: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || {
                    // Whoever asked may have gone.
                    let _ = state.serve(stream.unwrap());
                });
            }
        });
        Self {
            port,
            state,
            accepting: Some(accepting),
        }
    }

    /// Where an object is on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until a run has sent a request for which this holds.
    pub fn wait_for(&self, run: &mut Child, holds: impl Fn(&Request) -> bool) {
        while !self.requests().iter().any(&holds) {
            assert!(run.try_wait().unwrap().is_none(), "the run has ended");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.accepting.take().unwrap().join().unwrap();
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let Some(mut request) = read_request(&stream)? else {
            return Ok(());
        };
        {
            let mut requests = self.requests.lock().unwrap();
            request.number = requests.len();
            requests.push(request.clone());
        }
        let answer = (self.fault)(&request, self.good(&request));
        if answer.hangs {
            self.wait_for_the_end();
        }
        let mut head = format!("HTTP/1.1 {} \r\nConnection: close\r\n", answer.status);
        let mut headers = answer.headers.clone();
        if !answer.has_no_length {
            headers
                .entry("Content-Length")
                .or_insert_with(|| answer.body.len().to_string());
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        if request.method == "HEAD" {
            return Ok(());
        }
        if let Some(at) = answer.stops_at {
            stream.write_all(&answer.body[..at])?;
            self.wait_for_the_end();
        }
        let body = &answer.body[..answer.cut_at.unwrap_or(answer.body.len())];
        match answer.pieces {
            None => stream.write_all(body),
            Some(size) => body.chunks(size).try_for_each(|piece| {
                thread::sleep(Duration::from_millis(1));
                stream.write_all(piece)
            }),
        }
    }

    fn wait_for_the_end(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// As a store answers.
    fn good(&self, request: &Request) -> Answer {
        let path = request.target.split('?').next().unwrap();
        let Some(bytes) = self.objects.get(path) else {
            return Answer::status(404);
        };
        let mut answer = Answer::status(200);
        answer.headers.insert("ETag", "\"first\"".to_owned());
        answer.headers.insert("Last-Modified", date(1));
        if request
            .if_match
            .as_deref()
            .is_some_and(|tag| tag != "\"first\"")
        {
            return Answer::status(412);
        }
        match request.range {
            Some((start, _)) if start >= bytes.len() => return Answer::status(416),
            Some((start, last)) => {
                let end = bytes.len().min(last + 1);
                let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
                answer.headers.insert("Content-Range", range);
                answer.status = 206;
                answer.body = bytes[start..end].to_vec();
            }
            None => answer.body.clone_from(bytes),
        }
        if request.method == "HEAD" {
            let length = answer.body.len().to_string();
            answer.headers.insert("Content-Length", length);
        }
        answer
    }
}

/// A day of one month.
pub fn date(day: u32) -> String {
    let name = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(day as usize - 1) % 7];
    format!("{name}, {day:02} Jan 2026 00:00:00 GMT")
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let first = first?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Request::default()
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let (start, last) = value
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                request.range = Some((start.parse().unwrap(), last.parse().unwrap()));
            }
            "if-match" => request.if_match = Some(value.to_owned()),
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(Some(request))
}
