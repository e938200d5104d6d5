//! JSON Lines: one object on each line, the text in a field of it.
//!
//! The reader only looks for line ends. Taking a line apart is the parsers' work, and done
//! only where the line may hold a report page: on other lines nothing but the braces at
//! the two ends is looked at.

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::{memchr, memrchr};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::batch::{Taking, too_large};
use super::pack::{Inflow, Packer, Stretch};
use super::{Behind, Content, Entry, Fields, Origin, Part, RecordName, Records, Refused, Text};
use crate::grammar::json_may_hold_report;
use crate::model::{NotRead, Reject, RejectReason};
use crate::split::feeds_in;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One source under way.
struct Reading<'a> {
    stretch: Stretch,
    /// Number of the stretch's first line.
    number: u64,
    /// Start in the batch's text of the line whose end is searched, and how far it was searched.
    line: usize,
    searched: usize,
    inflow: Inflow<'a>,
}

/// Reads lines to the source's end, or until the run is over. A fault ends it; whole lines
/// before it are read, and a line that it cuts is not.
pub fn read(packer: &mut Packer, origin: &Arc<Origin>, inflow: Inflow) -> ControlFlow<()> {
    let mut reading = Reading {
        stretch: Stretch::new(packer, Arc::clone(origin), 0),
        number: 1,
        line: packer.filled(),
        searched: packer.filled(),
        inflow,
    };
    while !reading.inflow.at_end {
        packer.fill(&mut reading.inflow, reading.line);
        reading.find_lines(packer);
        if packer.filled() - reading.line > packer.limits.page {
            reading.skip_long_line(packer);
        }
        if packer.is_full() && reading.line > 0 {
            reading.close(packer, None);
            packer.pass_on(reading.line)?;
            (reading.stretch.start, reading.line) = (0, 0);
            reading.searched = packer.filled();
        }
    }
    let fault = reading.inflow.fault.take();
    match fault {
        Some(_) => packer.batch.text.truncate(reading.line),
        None => reading.line = packer.filled(),
    }
    reading.close(packer, None);
    if let Some(error) = fault {
        packer.fault(origin, Some(reading.stretch.offset), error);
    }
    ControlFlow::Continue(())
}

impl Reading<'_> {
    fn find_lines(&mut self, packer: &Packer) {
        let text = &packer.batch.text;
        if let Some(feed) = memrchr(b'\n', &text[self.searched..]) {
            self.line = self.searched + feed + 1;
        }
        self.searched = text.len();
    }

    /// Ends the stretch at the unfinished line.
    fn close(&mut self, packer: &mut Packer, refused: Option<Refused>) {
        let stretch = &mut self.stretch;
        let text = stretch.start..self.line;
        let feeds = feeds_in(&packer.batch.text[text.clone()]);
        let behind = refused.as_ref().map_or(0, |refused| refused.length);
        packer.close(Part {
            origin: Arc::clone(&stretch.origin),
            offset: stretch.offset,
            text,
            content: Content::Records(Records::JsonLines { first: self.number }),
            behind: refused.map(|refused| Behind::Refused(Box::new(refused))),
        });
        stretch.offset += (self.line - stretch.start) as u64 + behind;
        stretch.start = self.line;
        self.number += feeds;
    }

    /// Reads on to the end of a line over the limit, and keeps none of it.
    fn skip_long_line(&mut self, packer: &mut Packer) {
        self.close(packer, None);
        let text = &mut packer.batch.text;
        let (reason, offset) = (RejectReason::PageTooLarge, self.stretch.offset);
        let mut refused = refused(reason, &text[self.line..], offset, self.number);
        refused.length = 0;
        loop {
            let end = memchr(b'\n', &text[self.line..]).map(|feed| self.line + feed + 1);
            let dropped = self.line..end.unwrap_or(text.len());
            refused.length += dropped.len() as u64;
            text.drain(dropped);
            if end.is_some() || self.inflow.at_end {
                break;
            }
            text.shrink_to(self.line + packer.limits.batch);
            self.inflow.read_on(packer.limits.batch, text);
        }
        refused.message = too_large(refused.length, packer.limits.page);
        self.close(packer, Some(refused));
        self.number += 1;
        self.searched = self.line;
        self.find_lines(packer);
    }
}

/// Where in an object the values are that are wanted: a tree of the names of keys.
#[derive(Debug, Default)]
pub struct Paths {
    keys: Vec<Key>,
    /// For each kept value the names that lead to it.
    keep: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Key {
    name: String,
    wanted: Vec<Wanted>,
    inner: Vec<Key>,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Text,
    Url,
    Kept(usize),
}

impl Paths {
    pub fn new(fields: &Fields) -> Self {
        let mut paths = Self::default();
        paths.add(&fields.text, Wanted::Text);
        paths.add(fields.url(), Wanted::Url);
        for (number, name) in fields.keep.iter().enumerate() {
            let names = paths.add(name, Wanted::Kept(number));
            paths.keep.push(names);
        }
        paths
    }

    fn add(&mut self, path: &str, wanted: Wanted) -> Vec<String> {
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        let mut keys = &mut self.keys;
        for (depth, name) in names.iter().enumerate() {
            let known = keys.iter().position(|key| key.name == *name);
            let at = known.unwrap_or_else(|| {
                keys.push(Key {
                    name: name.clone(),
                    wanted: Vec::new(),
                    inner: Vec::new(),
                });
                keys.len() - 1
            });
            if depth + 1 == names.len() {
                keys[at].wanted.push(wanted);
                break;
            }
            keys = &mut keys[at].inner;
        }
        names
    }
}

/// Takes whole lines apart. `offset` and `first` say where they stand.
pub fn entries<'a>(
    mut lines: &'a [u8],
    mut offset: u64,
    first: u64,
    taking: &Taking,
    each: &mut dyn FnMut(Entry<'a>),
) {
    let mut number = first;
    if number == 1 {
        let marked = lines.strip_prefix(BYTE_ORDER_MARK).unwrap_or(lines);
        offset += (lines.len() - marked.len()) as u64;
        lines = marked;
    }
    while !lines.is_empty() {
        let length = memchr(b'\n', lines).map_or(lines.len(), |feed| feed + 1);
        let (line, rest) = lines.split_at(length);
        if line.strip_suffix(b"\n").unwrap_or(line).len() > taking.max_line {
            let mut refused = refused(RejectReason::PageTooLarge, line, offset, number);
            refused.message = too_large(refused.length, taking.max_line);
            each(Entry::Refused(Box::new(refused)));
        } else if let Some(entry) = entry(line.trim_ascii(), offset, number, &taking.paths) {
            each(entry);
        }
        (lines, offset, number) = (rest, offset + length as u64, number + 1);
    }
}

fn entry<'a>(json: &'a [u8], offset: u64, number: u64, paths: &Paths) -> Option<Entry<'a>> {
    if json.is_empty() {
        return None;
    }
    if !json_may_hold_report(json) && json.starts_with(b"{") && json.ends_with(b"}") {
        return Some(Entry::Skipped(json.len() as u64));
    }
    Some(match Found::of(json, paths) {
        Ok(found) => found.entry(number, paths),
        Err(error) => {
            let reason = match error.classify() {
                Category::Data => RejectReason::WrongType,
                _ => RejectReason::InvalidJson,
            };
            let mut refused = refused(reason, json, offset, number);
            let why = error
                .to_string()
                .replace(" at line 1 column", ", at column");
            refused.message = match reason {
                RejectReason::InvalidJson => format!("no valid JSON: {why}"),
                _ => why,
            };
            Entry::Refused(Box::new(refused))
        }
    })
}

/// A line that begins like this; it stays to be said why.
fn refused(reason: RejectReason, line: &[u8], offset: u64, number: u64) -> Refused {
    Refused {
        reason,
        message: String::new(),
        offset,
        length: line.len() as u64,
        feeds: 0,
        line: Some(number),
        record: Some(number.to_string()),
        excerpt: Reject::excerpt_of(line),
    }
}

/// The wanted values of an object; of keys that occur twice, the last.
#[derive(Default)]
struct Found<'a> {
    text: Option<Cow<'a, [u8]>>,
    url: Option<&'a RawValue>,
    kept: Vec<Option<&'a RawValue>>,
}

impl<'a> Found<'a> {
    fn of(json: &'a [u8], paths: &Paths) -> serde_json::Result<Self> {
        let mut found = Self {
            kept: vec![None; paths.keep.len()],
            ..Self::default()
        };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer.deserialize_map(Object {
            keys: &paths.keys,
            found: &mut found,
        })?;
        deserializer.end()?;
        Ok(found)
    }

    fn entry(self, number: u64, paths: &Paths) -> Entry<'a> {
        let Some(text) = self.text else {
            return Entry::NotRead(NotRead::NoText);
        };
        // An address that is no string is none.
        let url = self
            .url
            .and_then(|url| serde_json::from_str::<String>(url.get()).ok());
        Entry::Text(Text {
            text,
            stored: None,
            offset: 0,
            record: RecordName::Number(number),
            url: url.map(|url| Cow::Owned(url.into_bytes())),
            date: None,
            meta: (!paths.keep.is_empty()).then(|| meta(&paths.keep, &self.kept)),
        })
    }
}

/// The kept values as an object with the nesting they came from; a missing one is null.
fn meta(paths: &[Vec<String>], kept: &[Option<&RawValue>]) -> String {
    let values: Vec<_> = paths
        .iter()
        .zip(kept)
        .map(|(path, value)| (&path[..], value.map_or("null", RawValue::get)))
        .collect();
    let mut out = String::new();
    object(&mut out, &values);
    out
}

fn object(out: &mut String, values: &[(&[String], &str)]) {
    out.push('{');
    let mut written: Vec<&str> = Vec::new();
    for (path, value) in values {
        let [name, inner @ ..] = path else { continue };
        if written.contains(&name.as_str()) {
            continue;
        }
        if !written.is_empty() {
            out.push(',');
        }
        written.push(name);
        out.push_str(&serde_json::Value::from(name.as_str()).to_string());
        out.push(':');
        if inner.is_empty() {
            out.push_str(value);
        } else {
            let same = values.iter().filter(|(path, _)| path.first() == Some(name));
            let inner: Vec<_> = same.map(|(path, value)| (&path[1..], *value)).collect();
            object(out, &inner);
        }
    }
    out.push('}');
}

/// Reads an object's wanted values and passes over the others.
struct Object<'f, 'a> {
    keys: &'f [Key],
    found: &'f mut Found<'a>,
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(known) = map.next_key_seed(KeyIn(self.keys))? {
            match known {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(key) if key.is_only_text() => {
                    self.found.text = map.next_value_seed(OptionalBytes)?;
                }
                Some(key) => {
                    let raw: &RawValue = map.next_value()?;
                    take(key, raw, self.found).map_err(M::Error::custom)?;
                }
            }
        }
        Ok(())
    }
}

impl Key {
    fn is_only_text(&self) -> bool {
        matches!(self.wanted[..], [Wanted::Text]) && self.inner.is_empty()
    }
}

fn take<'a>(key: &Key, raw: &'a RawValue, found: &mut Found<'a>) -> serde_json::Result<()> {
    for wanted in &key.wanted {
        match *wanted {
            Wanted::Text => {
                let mut deserializer = serde_json::Deserializer::from_str(raw.get());
                found.text = OptionalBytes.deserialize(&mut deserializer)?;
            }
            Wanted::Url => found.url = Some(raw),
            Wanted::Kept(number) => found.kept[number] = Some(raw),
        }
    }
    if !key.inner.is_empty() && raw.get().starts_with('{') {
        let keys = &key.inner;
        serde_json::Deserializer::from_str(raw.get()).deserialize_map(Object { keys, found })?;
    }
    Ok(())
}

/// Which of the keys comes next; the name is compared and not kept.
struct KeyIn<'f>(&'f [Key]);

impl<'f, 'a> DeserializeSeed<'a> for KeyIn<'f> {
    type Value = Option<&'f Key>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'f> Visitor<'_> for KeyIn<'f> {
    type Value = Option<&'f Key>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|key| key.name == name))
    }
}

/// A string or null. Taken as bytes: what is no UTF-8, or half of a surrogate pair, is
/// replaced later as it is in any text.
struct OptionalBytes;

impl<'a> DeserializeSeed<'a> for OptionalBytes {
    type Value = Option<Cow<'a, [u8]>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'a> Visitor<'a> for OptionalBytes {
    type Value = Option<Cow<'a, [u8]>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'a [u8]) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(bytes.to_vec())))
    }
}
