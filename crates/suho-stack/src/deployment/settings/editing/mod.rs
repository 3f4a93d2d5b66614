//! One setting changed where it stands; every other byte stays as it is.
//!
//! # Layout
//! - here: what the formats have in common, spans of text.
//! - [`lines`]: files with a setting per line.
//! - [`nats`]: the configuration language of NATS.
//! - [`xml`]: the configuration files of ClickHouse.
//! - [`environment`]: the environment of a service in a compose file.

pub mod environment;
pub mod lines;
pub mod nats;
pub mod xml;

use std::ops::Range;

/// Sets `key` to a value, or removes it where there is none, in the text of a file; or why that cannot be.
pub type Editor = fn(&str, &str, Option<&str>) -> Result<String, String>;

/// `text` with `range` replaced.
fn replaced(text: &str, range: Range<usize>, by: &str) -> String {
    [&text[..range.start], by, &text[range.end..]].concat()
}

/// How the lines of `text` end.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// `text` with a line behind its last.
fn appended(text: &str, line: &str) -> String {
    let newline = newline(text);
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        newline
    };
    [text, gap, line, newline].concat()
}

/// The line around `at`, its end included.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
    start..end
}

/// The blanks that the line around `at` begins with.
fn indentation(text: &str, at: usize) -> &str {
    let line = &text[line_around(text, at)];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// `range` and the lines that it leaves blank, but for a comment that begins with one of `comments`.
fn with_blank_lines(text: &str, range: Range<usize>, comments: &[&str]) -> Range<usize> {
    let start = line_around(text, range.start).start;
    let end = line_around(text, range.end.max(range.start)).end;
    let before = text[start..range.start].trim();
    let after = text[range.end..end].trim();
    let is_comment = comments.iter().any(|comment| after.starts_with(comment));
    if before.is_empty() && (after.is_empty() || is_comment) {
        start..end
    } else {
        range
    }
}

/// A line break or another control character, which no format of ours carries.
fn refuse_control(value: &str) -> Result<(), String> {
    if value.contains(char::is_control) {
        return Err("the value has a line break or another control character, which cannot be written here".to_owned());
    }
    Ok(())
}
