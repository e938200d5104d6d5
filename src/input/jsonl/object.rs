//! A line's JSON object: the values that are wanted of it, wherever they are nested.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::{Entry, Fields, RecordName, Text};
use super::string;
use crate::model::NotRead;

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

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

/// The wanted values of an object; of keys that occur twice, the last.
#[derive(Default)]
pub(super) struct Found<'a> {
    text: Option<Cow<'a, [u8]>>,
    /// The text is known to be UTF-8.
    is_utf8: bool,
    url: Option<&'a RawValue>,
    kept: Vec<Option<&'a RawValue>>,
}

impl<'a> Found<'a> {
    pub(super) fn of(json: &'a [u8], paths: &Paths) -> serde_json::Result<Self> {
        match Self::usual(json, paths) {
            Some(found) => Ok(found),
            None => Self::any(json, paths),
        }
    }

    /// What the usual line holds; none where the reader of JSON has to look.
    ///
    /// That reader grows its memory anew for each line's text, and then the text is copied: a run
    /// over reports takes 16 % fewer instructions where the text is decoded here. To let it take
    /// the text as a raw value first costs 10 % more than to let it decode, for a raw value is
    /// searched for control characters, eight bytes at a time.
    fn usual(json: &'a [u8], paths: &Paths) -> Option<Self> {
        let json = simdutf8::basic::from_utf8(json).ok()?;
        let mut found = Self::nothing(paths);
        let rest = members(json, &paths.keys, &mut found)?;
        rest.is_empty().then_some(found)
    }

    /// What any line holds. The text is taken as bytes; an error has its place in the line.
    fn any(json: &'a [u8], paths: &Paths) -> serde_json::Result<Self> {
        let mut found = Self::nothing(paths);
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer.deserialize_map(Object {
            keys: &paths.keys,
            found: &mut found,
        })?;
        deserializer.end()?;
        Ok(found)
    }

    fn take_decoded(&mut self, text: Cow<'a, [u8]>) {
        self.text = Some(text);
        self.is_utf8 = true;
    }

    fn nothing(paths: &Paths) -> Self {
        Self {
            kept: vec![None; paths.keep.len()],
            ..Self::default()
        }
    }

    pub(super) fn entry(self, number: u64, paths: &Paths) -> Entry<'a> {
        let Some(text) = self.text else {
            return Entry::NotRead(NotRead::NoText);
        };
        Entry::Text(Text {
            text,
            is_utf8: self.is_utf8,
            stored: None,
            offset: 0,
            record: RecordName::Number(number),
            url: self.url.and_then(|url| address(url.get())),
            date: None,
            meta: (!paths.keep.is_empty()).then(|| meta(&paths.keep, &self.kept)),
        })
    }
}

/// An address that is no string is none.
fn address(json: &str) -> Option<Cow<'_, [u8]>> {
    if let Some((address, _)) = string::decoded(json) {
        return Some(address);
    }
    let whole = string::without_halves(json);
    let (address, _) = string::decoded(&whole)?;
    Some(Cow::Owned(address.into_owned()))
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
            out.push_str(&string::without_halves(value));
        } else {
            let same = values.iter().filter(|(path, _)| path.first() == Some(name));
            let inner: Vec<_> = same.map(|(path, value)| (&path[1..], *value)).collect();
            object(out, &inner);
        }
    }
    out.push('}');
}

/// Reads an object's wanted values, as [`Object`] does, and gives what comes behind it.
///
/// object = "{" member ("," member)* "}"
/// member = string ":" value
fn members<'a>(mut json: &'a str, keys: &[Key], found: &mut Found<'a>) -> Option<&'a str> {
    json = behind('{', json)?;
    loop {
        let (name, rest) = value(json)?;
        let (name, _) = string::decoded(name.get())?;
        json = behind(':', rest)?;
        match keys.iter().find(|key| name == key.name.as_bytes()) {
            Some(key) if key.is_only_text() => {
                let (text, rest) = string::decoded(json)?;
                found.take_decoded(text);
                json = rest;
            }
            known => {
                let (raw, rest) = value(json)?;
                if let Some(key) = known {
                    take(key, raw, found).ok()?;
                }
                json = rest;
            }
        }
        match behind(',', json) {
            Some(rest) => json = rest,
            None => return behind('}', json),
        }
    }
}

/// The value that the text begins with, and what comes behind it.
fn value(json: &str) -> Option<(&RawValue, &str)> {
    let mut values = serde_json::Deserializer::from_str(json).into_iter();
    let value = values.next()?.ok()?;
    Some((value, &json[values.byte_offset()..]))
}

/// What comes behind a mark and the white space around it.
fn behind(mark: char, json: &str) -> Option<&str> {
    let json = json.trim_start_matches(WHITE_SPACE).strip_prefix(mark)?;
    Some(json.trim_start_matches(WHITE_SPACE))
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
                    self.found.is_utf8 = false;
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
            Wanted::Text => take_text(raw.get(), found)?,
            Wanted::Url => found.url = Some(raw),
            Wanted::Kept(number) => found.kept[number] = Some(raw),
        }
    }
    let keys = &key.inner;
    if !keys.is_empty() && raw.get().starts_with('{') && members(raw.get(), keys, found).is_none() {
        serde_json::Deserializer::from_str(raw.get()).deserialize_map(Object { keys, found })?;
    }
    Ok(())
}

fn take_text<'a>(json: &'a str, found: &mut Found<'a>) -> serde_json::Result<()> {
    if let Some((text, "")) = string::decoded(json) {
        found.take_decoded(text);
    } else {
        found.text = OptionalBytes.deserialize(&mut serde_json::Deserializer::from_str(json))?;
        found.is_utf8 = false;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(text: &str, keep: &[&str]) -> Paths {
        Paths::new(&Fields {
            text: text.to_owned(),
            url: None,
            keep: keep.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    /// What is found, for comparison.
    fn shown(found: &Found) -> String {
        let raw = |value: Option<&RawValue>| value.map(|raw| raw.get().to_owned());
        let kept: Vec<_> = found.kept.iter().copied().map(raw).collect();
        format!("{:?} {:?} {kept:?}", found.text, raw(found.url))
    }

    #[test]
    fn the_usual_line_needs_no_reader() {
        let paths = paths("text", &[]);
        for (line, text) in [
            (r#"{"text":"a"}"#, "a"),
            (
                r#"{ "url" : "u" , "n" : -1.5e3 , "text" : "a\nb" }"#,
                "a\nb",
            ),
            (
                r#"{"te\u0078t": "a", "list": [{"text": 1}, null], "b": true}"#,
                "a",
            ),
            (r#"{"text": null, "text": "a", "text": "\u00e4"}"#, "ä"),
        ] {
            let found = Found::usual(line.as_bytes(), &paths);
            let is_usual = !line.contains("null, \"text\"");
            assert_eq!(found.is_some(), is_usual, "{line}");
            let found = found.unwrap_or_else(|| Found::any(line.as_bytes(), &paths).unwrap());
            assert_eq!(found.text.as_deref(), Some(text.as_bytes()), "{line}");
            assert_eq!(found.is_utf8, is_usual, "{line}");
        }
    }

    #[test]
    fn what_is_no_utf8_is_found_too() {
        for (path, line, text, is_utf8) in [
            ("text", &b"{\"text\":\"a\xff\"}"[..], &b"a\xff"[..], false),
            ("text", b"{\"text\":\"a\",\"b\":\"\xff\"}", b"a", false),
            ("text", br#"{"text":"a\ud800"}"#, b"a\xed\xa0\x80", false),
            (
                "a.text",
                br#"{"a":{"text":"\udc00"}}"#,
                b"\xed\xb0\x80",
                false,
            ),
            (
                "a.text",
                br#"{"a":{"text":"b","text":"\udc00"}}"#,
                b"\xed\xb0\x80",
                false,
            ),
            ("a.text", br#"{"a":{"text":"\u00e4"}}"#, b"\xc3\xa4", true),
            ("text", b"{\"text\":\"a\x01\n\"}", b"a\x01\n", true),
        ] {
            let paths = paths(path, &[]);
            let found = Found::of(line, &paths).unwrap();
            let shown = line.escape_ascii();
            assert_eq!(found.text.as_deref(), Some(text), "{shown}");
            assert_eq!(found.is_utf8, is_utf8, "{shown}");
        }
        let control = b"{\"a\":{\"text\":\"a\x01\"}}";
        assert!(Found::of(control, &paths("a.text", &[])).is_err());
    }

    #[test]
    fn what_is_no_object_is_left_to_the_reader() {
        for line in [
            "",
            "{",
            "{}",
            "[]",
            r#""text""#,
            r#"{"text"}"#,
            r#"{"text":}"#,
            r#"{"text":"a""#,
            r#"{"text":"a",}"#,
            r#"{,"text":"a"}"#,
            r#"{"text":"a"}}"#,
            r#"{"text":"a"} x"#,
            r#"{"text" "a"}"#,
            r#"{"text":"a" "b":1}"#,
            r#"{text:"a"}"#,
            r#"{1:"a"}"#,
            r#"{"text":"a","b":1x}"#,
            r#"{"text":"a","b":01}"#,
            r#"{"text":"a\x"}"#,
            r#"{"text":"\ud800"}"#,
            "{\"b\":\"\u{1}\",\"text\":\"a\"}",
            "{\"b\u{1}\":1,\"text\":\"a\"}",
            "{\u{c}\"text\":\"a\"}",
            "{\u{a0}\"text\":\"a\"}",
        ] {
            let found = Found::usual(line.as_bytes(), &paths("text", &[]));
            assert!(found.is_none(), "{line}");
        }
    }

    /// Members and what could stand where one is, whole and cut.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ",",
            ":",
            " ",
            "\t",
            "\u{b}",
            "\"",
            "\\",
            "1",
            "null",
            "-",
            "x",
            r#""text""#,
            r#""url""#,
            r#""a""#,
            r#""b""#,
            r#""\u0061""#,
            r#""\ud800""#,
            "\"\u{1}\"",
            r#""text":"a\nb""#,
            r#""text": "\ud83d\ude00""#,
            r#""text": "\udc00""#,
            r#""text":null"#,
            "\"text\":\"\u{1}\"",
            r#""text": ["a"]"#,
            r#""url":"x""#,
            r#""url" : 1.5e9"#,
            r#""b":[{}]"#,
            r#""a":{"text":"x\"y","b":1}"#,
            r#""a":{"text":"\ud800"}"#,
            "\"a\":{\"text\":\"\u{1}\"}",
            r#""a": {"text": {}}"#,
            r#""a":{}"#,
            r#""\u0061": { "te\u0078t" : "", "text":"z"}"#,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// The short way finds what the reader of JSON finds, wherever it finds anything.
        #[test]
        fn the_usual_way_finds_what_the_reader_finds(
            pieces in prop::collection::vec((piece(), prop::bool::weighted(0.9)), 0..6),
        ) {
            let mut line = String::from("{");
            for (piece, with_comma) in &pieces {
                line.push_str(piece);
                line.push_str(if *with_comma { "," } else { "" });
            }
            let line = format!("{}}}", line.trim_end_matches(','));
            for paths in [
                paths("text", &[]),
                paths("a.text", &[]),
                paths("text", &["a.b", "b"]),
                paths("a.text", &["a", "text"]),
            ] {
                if let Some(found) = Found::usual(line.as_bytes(), &paths) {
                    let by_the_reader = Found::any(line.as_bytes(), &paths);
                    prop_assert_eq!(Some(shown(&found)), by_the_reader.ok().as_ref().map(shown));
                    let text = found.text.unwrap_or_default();
                    prop_assert!(!found.is_utf8 || std::str::from_utf8(&text).is_ok());
                }
            }
            // Nested, it is what the reader finds in the inner object.
            let nested = format!(r#"{{"o": {line}}}"#);
            if let Some(found) = Found::usual(nested.as_bytes(), &paths("o.text", &[])) {
                let inner = Found::any(line.as_bytes(), &paths("text", &[])).unwrap();
                prop_assert_eq!(found.text, inner.text);
            }
        }
    }
}
