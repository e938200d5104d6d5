//! Numbers and strangers' text, as a report shows them.

use std::fmt;

use crate::place::Printable;
use crate::summary::number;

/// A number that is in the run's accounting, under its name there.
pub struct Count {
    key: String,
    pub value: u64,
}

/// `key` is a path in the line of `--stats`.
pub fn count(key: impl Into<String>, value: u64) -> Count {
    Count {
        key: key.into(),
        value,
    }
}

/// Markup, with what is not ours escaped.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let key = self.key.chars().filter(|&c| plain(c));
        let (key, value) = (key.collect::<String>(), self.value);
        let shown = number(value);
        write!(
            f,
            r#"<data value="{value}" data-key="{key}">{shown}</data>"#
        )
    }
}

/// A number with a comma between groups of three digits, for the template.
pub trait Grouped {
    fn grouped(&self) -> String;
}

impl Grouped for u64 {
    fn grouped(&self) -> String {
        number(*self)
    }
}

/// A stranger's text: at most so many of its characters, none of which steers anything.
pub fn shown(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    match end {
        Some(end) => format!("{}…", Printable(&text[..end])),
        None => Printable(text).to_string(),
    }
}

/// A share that is 0 or 100 % only where it is exactly that.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return "0 %".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    match percent {
        _ if part == whole => "100 %".to_owned(),
        ..0.1 => "< 0.1 %".to_owned(),
        _ if percent > 99.9 => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(count))
}

/// A stretch of time.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..10 => format!("{seconds:.2} s"),
        10..120 => format!("{seconds:.1} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", number(whole / 3600), whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_nothing_or_all_only_when_it_is() {
        for (part, whole, expected) in [
            (0, 0, "0 %"),
            (0, 9, "0 %"),
            (1, 100_000, "< 0.1 %"),
            (1, 8, "12.5 %"),
            (999, 1000, "99.9 %"),
            (99_999, 100_000, "> 99.9 %"),
            (9, 9, "100 %"),
        ] {
            assert_eq!(share(part, whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn what_is_long_is_cut_and_what_steers_is_escaped() {
        assert_eq!(shown("ab\u{202e}c", 3), "ab\\u{202e}…");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("üüü", 2), "üü…");
    }

    #[test]
    fn times_are_said_in_their_own_units() {
        let shown = [0.012, 9.994, 61.04, 3599.9, 7260.0].map(seconds);
        assert_eq!(
            shown,
            ["0.01 s", "9.99 s", "61.0 s", "59 min 59 s", "2 h 1 min"]
        );
    }

    #[test]
    fn a_key_holds_no_markup() {
        let shown = count("rejects.\"><script>", 1234).to_string();
        let expected = r#"<data value="1234" data-key="rejects.script">1,234</data>"#;
        assert_eq!(shown, expected);
    }
}
