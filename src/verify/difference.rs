//! In which fields a line differs from the one that its page gives, in a sentence.

use serde_json::Value;

/// Fields that are named, and characters of each value that are shown.
const NAMED: usize = 3;
const SHOWN: usize = 40;

/// Says how the line that was found differs from the one that was expected.
pub fn difference(found: &[u8], expected: &[u8]) -> String {
    if found.strip_suffix(b"\n").unwrap_or(found).len() == found.len() {
        return "its end is missing".to_owned();
    }
    let read = |line| serde_json::from_slice::<Value>(line);
    let (Ok(found), Ok(expected)) = (read(found), read(expected)) else {
        return "it is no JSON that a run writes".to_owned();
    };
    let mut differences = Vec::new();
    compare("", Some(&found), Some(&expected), &mut differences);
    match differences.len() {
        0 => "it says the same in other bytes than a run writes".to_owned(),
        few if few <= NAMED => differences.join("; "),
        many => format!(
            "{}; and {} more fields differ",
            differences[..NAMED].join("; "),
            many - NAMED
        ),
    }
}

fn compare(
    name: &str,
    found: Option<&Value>,
    expected: Option<&Value>,
    differences: &mut Vec<String>,
) {
    match (found, expected) {
        (Some(Value::Object(found)), Some(Value::Object(expected))) => {
            for (key, value) in expected {
                compare(&joined(name, key), found.get(key), Some(value), differences);
            }
            for (key, value) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                compare(&joined(name, key), Some(value), None, differences);
            }
        }
        (Some(Value::Array(found)), Some(Value::Array(expected))) => {
            list(name, found, expected, differences);
        }
        (Some(found), Some(expected)) if found == expected => {}
        (Some(found), Some(expected)) => differences.push(format!(
            "{name} is {}, and the page gives {}",
            shown(found),
            shown(expected)
        )),
        (Some(found), None) => differences.push(format!(
            "{name} is {}, which the page does not give",
            shown(found)
        )),
        (None, Some(expected)) => differences.push(format!(
            "{name} is missing, and the page gives {}",
            shown(expected)
        )),
        (None, None) => {}
    }
}

/// Of a list that is longer or shorter, the first entry that is too much or missing is named;
/// what comes behind it is in other places, and not compared.
fn list(name: &str, found: &[Value], expected: &[Value], differences: &mut Vec<String>) {
    let mut pairs = found.iter().zip(expected);
    let at = match found.len() == expected.len() {
        true => found.len(),
        false => pairs
            .position(|(found, expected)| found != expected)
            .unwrap_or(found.len().min(expected.len())),
    };
    for (number, (found, expected)) in found[..at].iter().zip(&expected[..at]).enumerate() {
        let name = format!("{name}[{number}]");
        compare(&name, Some(found), Some(expected), differences);
    }
    if found.len() != expected.len() {
        let name = format!("{name}[{at}]");
        match found.len() > expected.len() {
            true => compare(&name, found.get(at), None, differences),
            false => compare(&name, None, expected.get(at), differences),
        }
    }
}

fn joined(name: &str, key: &str) -> String {
    match name {
        "" => key.to_owned(),
        _ => format!("{name}.{key}"),
    }
}

/// A value's beginning; of a statement, of its text.
fn shown(value: &Value) -> String {
    let whole = value.get("text").unwrap_or(value).to_string();
    match whole.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let says = |found: &str, expected: &str| {
            difference(
                format!("{found}\n").as_bytes(),
                format!("{expected}\n").as_bytes(),
            )
        };
        let is = "{\"a\":{\"b\":1},\"c\":[1,2,3]}";
        for (found, expected) in [
            (
                "{\"a\":{\"b\":2},\"c\":[1,2,3]}",
                "a.b is 2, and the page gives 1",
            ),
            (
                "{\"a\":{},\"c\":[1,2,3]}",
                "a.b is missing, and the page gives 1",
            ),
            (
                "{\"a\":{\"b\":1},\"c\":[1,3]}",
                "c[1] is missing, and the page gives 2",
            ),
            (
                "{\"a\":{\"b\":1},\"c\":[1,2,3,4]}",
                "c[3] is 4, which the page does not give",
            ),
            (
                "{\"a\":{\"b\":1},\"c\":[1,2,3],\"d\":0}",
                "d is 0, which the page does not give",
            ),
            (
                "{\"a\":{\"b\":1}, \"c\":[1,2,3]}",
                "it says the same in other bytes than a run writes",
            ),
            ("{\"a\"", "it is no JSON that a run writes"),
        ] {
            assert_eq!(says(found, is), expected);
        }
        assert_eq!(
            difference(is.as_bytes(), format!("{is}\n").as_bytes()),
            "its end is missing"
        );
        let many = says("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}", "{}");
        assert!(many.ends_with("; and 2 more fields differ"), "{many}");
    }
}
