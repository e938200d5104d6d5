//! Lists of objects, between a store and the library. That takes slashes and blanks off the ends
//! of keys, so that another object would be read, and refuses a whole list for one key that it
//! cannot ask for. So it gets the keys in hexadecimal digits, which it leaves as they are. Nor
//! does it look whether a list goes on.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesText, Event};
use quick_xml::{Reader, Writer};

/// A list with its keys in digits.
pub struct Guarded {
    pub list: Vec<u8>,
    /// The store says that there is more of it.
    pub goes_on: bool,
}

/// Marks the answer whose list goes on.
#[derive(Clone)]
pub struct GoesOn;

/// Writes the keys of a list in digits.
///
/// # Errors
/// It is no XML.
pub fn guarded(list: &[u8]) -> Result<Guarded, quick_xml::Error> {
    let mut reader = Reader::from_reader(list);
    let mut writer = Writer::new(Vec::new());
    let mut text: Option<String> = None;
    let mut goes_on = false;
    loop {
        let event = reader.read_event()?;
        if let Some(text) = &mut text
            && add_text(&event, text)?
        {
            continue;
        }
        match &event {
            Event::Start(start) => {
                let name = start.local_name();
                let is_read = is_key(name.as_ref()) || name.as_ref() == GOES_ON;
                text = is_read.then(String::new);
            }
            Event::End(end) => {
                if let Some(mut text) = text.take() {
                    match is_key(end.local_name().as_ref()) {
                        true => text = digits_of(&text),
                        false => goes_on = text == "true",
                    }
                    writer.write_event(Event::Text(BytesText::new(&text)))?;
                }
            }
            Event::Eof => {
                let list = writer.into_inner();
                return Ok(Guarded { list, goes_on });
            }
            _ => {}
        }
        writer.write_event(event)?;
    }
}

/// As S3 and Google name it, and as Azure does.
fn is_key(element: &[u8]) -> bool {
    element == b"Key" || element == b"Name"
}

/// Azure has none: its list goes on where it has a marker.
const GOES_ON: &[u8] = b"IsTruncated";

/// Adds what an event says in words, if it does.
fn add_text(event: &Event, text: &mut String) -> Result<bool, quick_xml::Error> {
    match event {
        Event::Text(words) => text.push_str(&words.decode()?),
        Event::CData(words) => text.push_str(&words.decode()?),
        Event::GeneralRef(name) => match name.resolve_char_ref()? {
            Some(char) => text.push(char),
            None => text.push_str(resolve_predefined_entity(&name.decode()?).unwrap_or_default()),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

fn digits_of(key: &str) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    key.bytes()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The key that has these digits.
pub fn key_of(digits: &str) -> String {
    let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.as_bytes().chunks(2).filter_map(byte).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pass_the_library_as_they_are() {
        let list = guarded(
            "<?xml version=\"1.0\"?><L><Contents><Key>/p/ü &amp;&#10;<![CDATA[<]]>b /</Key>\
             <Size>7</Size></Contents><IsTruncated>true</IsTruncated></L>"
                .as_bytes(),
        );
        let Guarded { list, goes_on } = list.unwrap();
        assert!(goes_on);
        let list = String::from_utf8(list).unwrap();
        let (before, rest) = list.split_once("<Key>").unwrap();
        let (digits, behind) = rest.split_once("</Key>").unwrap();
        assert_eq!(before, "<?xml version=\"1.0\"?><L><Contents>");
        assert_eq!(
            behind,
            "<Size>7</Size></Contents><IsTruncated>true</IsTruncated></L>"
        );
        assert_eq!(key_of(digits), "/p/ü &\n<b /");
        assert!(guarded(b"<L><Key>a</L>").is_err());
    }
}
