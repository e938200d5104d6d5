//! A line's JSON object: the values that are wanted of it, wherever they are nested.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::{Entry, Fields, RecordName, Text};
use crate::model::NotRead;

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
    url: Option<&'a RawValue>,
    kept: Vec<Option<&'a RawValue>>,
}

impl<'a> Found<'a> {
    pub(super) fn of(json: &'a [u8], paths: &Paths) -> serde_json::Result<Self> {
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

    pub(super) fn entry(self, number: u64, paths: &Paths) -> Entry<'a> {
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
