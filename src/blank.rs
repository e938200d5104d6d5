//! Blanks: space, tab, CR and NBSP. The splitter and the grammar take the same ones off a line.

/// The line without the blanks around it.
#[inline]
pub fn trim(line: &[u8]) -> &[u8] {
    trim_end(trim_start(line))
}

/// The line without the blanks before it.
#[inline]
pub fn trim_start(mut line: &[u8]) -> &[u8] {
    loop {
        line = match line {
            [b' ' | b'\t' | b'\r', rest @ ..] | [0xC2, 0xA0, rest @ ..] => rest,
            _ => return line,
        }
    }
}

/// The line without the blanks after it.
#[inline]
pub fn trim_end(mut line: &[u8]) -> &[u8] {
    loop {
        line = match line {
            [rest @ .., b' ' | b'\t' | b'\r'] | [rest @ .., 0xC2, 0xA0] => rest,
            _ => return line,
        }
    }
}
