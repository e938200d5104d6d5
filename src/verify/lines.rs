//! The lines of an output, read ahead as far as is needed to find the one of a page.
//!
//! Usually the next line is the one that is looked for, and nothing is read ahead or parsed. Else up
//! to [`WINDOW`] bytes are held. A page whose line stands behind more lines that no page gives is
//! taken for missing: the outcome is bad either way, but more is then counted than is wrong.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read};
use std::mem;

use serde::Deserialize;

use crate::dedup::fingerprint_of;
use crate::input::Stream;
use crate::model::Source;
use crate::place::Place;
use crate::sink::ndjson::longest_line;

/// Bytes that are read ahead, and lines.
const WINDOW: usize = 32 << 20;
const MOST_LINES: usize = 1 << 16;

/// Bytes that are read at once.
const BUFFER: usize = 256 * 1024;

/// A line of the output.
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// With its line feed; the beginning of one that is too long.
    pub bytes: Vec<u8>,
    pub is_too_long: bool,
    /// None of what is no record, or was not looked at yet.
    pub head: Option<Head>,
}

/// What page a line is of.
#[derive(Clone, Debug)]
pub struct Head {
    /// A fingerprint of the place, and of the statement's id in a row.
    pub key: u128,
    pub place: Place,
}

pub struct Lines<'a> {
    stream: BufReader<Stream<'a>>,
    longest: u64,
    ahead: VecDeque<Line>,
    /// Lines ahead that were looked at, how many there are of each key, and bytes of all.
    looked_at: usize,
    keys: HashMap<u128, usize>,
    bytes: usize,
    read: u64,
    is_at_end: bool,
    fault: Option<io::Error>,
    spare: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// The lines of a run that took pages of so many bytes.
    pub fn new(stream: Stream<'a>, max_page: usize) -> Self {
        Self {
            stream: BufReader::with_capacity(BUFFER, stream),
            longest: longest_line(max_page),
            ahead: VecDeque::new(),
            looked_at: 0,
            keys: HashMap::new(),
            bytes: 0,
            read: 0,
            is_at_end: false,
            fault: None,
            spare: Vec::new(),
        }
    }

    /// Takes the next line if it is this one.
    pub fn next_is(&mut self, expected: &[u8]) -> bool {
        if self.ahead.is_empty() {
            self.read_one();
        }
        let is_it = self
            .ahead
            .front()
            .is_some_and(|line| line.bytes == expected);
        if is_it && let Some(line) = self.pop() {
            self.spare = line.bytes;
        }
        is_it
    }

    /// Takes the next line, looked at.
    pub fn take(&mut self) -> Option<Line> {
        if self.ahead.is_empty() {
            self.read_one();
        }
        if self.looked_at == 0 {
            self.look_at_next();
        }
        self.pop()
    }

    /// Whether there is no next line.
    pub fn are_all_taken(&mut self) -> bool {
        self.ahead.is_empty() && !self.read_one()
    }

    /// How many lines stand before the first one of this key.
    pub fn find(&mut self, key: u128) -> Option<usize> {
        while self.looked_at < self.ahead.len() {
            self.look_at_next();
        }
        let is_it = |line: &Line| line.head.as_ref().is_some_and(|head| head.key == key);
        if self.keys.contains_key(&key) {
            return self.ahead.iter().position(is_it);
        }
        while self.bytes < WINDOW && self.ahead.len() < MOST_LINES && self.read_one() {
            self.look_at_next();
            if self.ahead.back().is_some_and(is_it) {
                return Some(self.ahead.len() - 1);
            }
        }
        None
    }

    /// Lines that were read.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Why there are no more, when that was no good end; it is told once.
    pub fn fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    fn pop(&mut self) -> Option<Line> {
        let line = self.ahead.pop_front()?;
        self.bytes -= line.bytes.len();
        if self.looked_at > 0 {
            self.looked_at -= 1;
            if let Some(head) = &line.head
                && let Some(count) = self.keys.get_mut(&head.key)
            {
                *count -= 1;
                if *count == 0 {
                    self.keys.remove(&head.key);
                }
            }
        }
        Some(line)
    }

    fn look_at_next(&mut self) {
        let Some(line) = self.ahead.get_mut(self.looked_at) else {
            return;
        };
        line.head = match line.is_too_long {
            true => None,
            false => Head::in_line(&line.bytes),
        };
        if let Some(head) = &line.head {
            *self.keys.entry(head.key).or_default() += 1;
        }
        self.looked_at += 1;
    }

    /// Reads a line; false when there is none.
    fn read_one(&mut self) -> bool {
        if self.is_at_end {
            return false;
        }
        let mut bytes = mem::take(&mut self.spare);
        bytes.clear();
        let outcome = self.read_line(&mut bytes);
        if !matches!(outcome, Ok(Some(_))) {
            self.is_at_end = true;
        }
        match outcome {
            Ok(Some(is_too_long)) => {
                self.read += 1;
                self.bytes += bytes.len();
                self.ahead.push_back(Line {
                    number: self.read,
                    bytes,
                    is_too_long,
                    head: None,
                });
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.fault = Some(error);
                false
            }
        }
    }

    /// Whether the line is too long; none at the end.
    fn read_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<bool>> {
        let stream = &mut self.stream;
        if stream
            .by_ref()
            .take(self.longest)
            .read_until(b'\n', bytes)?
            == 0
        {
            return Ok(None);
        }
        let is_too_long = bytes.len() as u64 == self.longest && !bytes.ends_with(b"\n");
        if is_too_long {
            bytes.truncate(BUFFER);
            stream.skip_until(b'\n')?;
        }
        Ok(Some(is_too_long))
    }
}

/// What of a line tells where its page stands.
#[derive(Deserialize)]
struct Told {
    id: Option<String>,
    source: ToldSource,
}

#[derive(Deserialize)]
struct ToldSource {
    path: String,
    offset: u64,
    record: Option<String>,
}

impl Head {
    /// That of a page's record, or of its row of a statement with this id.
    pub fn of(source: &Source, id: Option<&str>) -> Self {
        Self::at(&source.path, source.offset, source.record.as_deref(), id)
    }

    fn in_line(line: &[u8]) -> Option<Self> {
        let told: Told = serde_json::from_slice(line).ok()?;
        let source = told.source;
        let record = source.record.as_deref();
        let id = told.id.as_deref();
        Some(Self::at(&source.path, source.offset, record, id))
    }

    fn at(path: &str, offset: u64, record: Option<&str>, id: Option<&str>) -> Self {
        // Strings and numbers are always written.
        let whole = serde_json::to_vec(&(path, offset, record, id)).unwrap_or_default();
        Self {
            key: fingerprint_of("line", &whole).0,
            place: Place {
                path: path.into(),
                offset,
                line: None,
                record: record.map(Into::into),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str) -> String {
        format!(
            "{{\"source\":{{\"path\":\"{path}\",\"offset\":0,\"length\":1,\"record\":null,\"date\":null}}}}\n"
        )
    }

    fn head(path: &str) -> Head {
        Head::in_line(line(path).as_bytes()).unwrap()
    }

    #[test]
    fn lines_are_found_ahead_and_taken_in_order() {
        let text = [line("a"), "no record\n".to_owned(), line("b"), line("c")].concat();
        let mut lines = Lines::new(Box::new(text.as_bytes()), 1000);
        assert!(!lines.next_is(line("b").as_bytes()));
        assert!(lines.next_is(line("a").as_bytes()));
        assert_eq!(lines.find(head("b").key), Some(1));
        assert_eq!(lines.find(head("c").key), Some(2));
        assert_eq!(lines.find(head("a").key), None);
        let taken = lines.take().unwrap();
        assert!(taken.head.is_none() && taken.number == 2);
        assert!(lines.next_is(line("b").as_bytes()));
        assert_eq!(lines.find(head("b").key), None);
        assert_eq!(lines.find(head("c").key), Some(0));
        assert_eq!(lines.take().unwrap().number, 4);
        assert!(lines.take().is_none() && lines.fault().is_none());
    }

    #[test]
    fn pages_of_any_size_have_lines() {
        let text = line("a");
        let mut lines = Lines::new(Box::new(text.as_bytes()), usize::MAX);
        assert!(lines.next_is(text.as_bytes()));
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let endless = io::repeat(b'x').take(4 << 20);
        let text = endless.chain(&b"\n"[..]).chain(io::repeat(b'y').take(9));
        let mut lines = Lines::new(Box::new(text), 1000);
        let long = lines.take().unwrap();
        assert!(long.is_too_long && long.bytes.len() == BUFFER);
        assert_eq!(lines.take().unwrap().bytes, b"yyyyyyyyy");
        assert!(lines.take().is_none());
    }
}
