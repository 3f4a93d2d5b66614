//! Files with a setting per line.

use std::ops::Range;

use super::super::lines::{is_continued, postgresql_quoted, properties_text};
use super::{appended, newline, refuse_control, replaced};

/// A setting as it stands in a file.
struct Found {
    /// All its lines, their ends included.
    lines: Range<usize>,
    value: Range<usize>,
}

/// `postgresql.conf`
pub fn postgresql(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let found = each_line(text, |line| {
        let (name, at) = postgresql_value(line)?;
        name.eq_ignore_ascii_case(key).then_some(at)
    });
    let quoted = |value: &str| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    edited(text, &found, value, |value, old| match old {
        Some(old) if !old.starts_with('\'') && is_word(value) => value.to_owned(),
        Some(_) => quoted(value),
        None => format!("{key} = {}", quoted(value)),
    })
}

/// Java properties.
pub fn properties(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    if value.is_some_and(|value| !value.is_ascii()) {
        return Err("Java reads such files as Latin-1; write the value in ASCII".to_owned());
    }
    let found: Vec<_> = logical_lines(text)
        .into_iter()
        .filter_map(|lines| {
            let (name, value) = properties_value(&text[lines.clone()])?;
            let value = lines.start + value.start..lines.start + value.end;
            (name == key).then_some(Found { lines, value })
        })
        .collect();
    let escaped = |value: &str| {
        let value = value.replace('\\', "\\\\");
        if value.starts_with(' ') {
            format!("\\{value}")
        } else {
            value
        }
    };
    edited(text, &found, value, |value, old| match old {
        Some(_) => escaped(value),
        None => format!("{key}={}", escaped(value)),
    })
}

/// A flag file of Dragonfly.
pub fn flags(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let found = each_line(text, |line| {
        let flag = line.trim_start().strip_prefix("--")?;
        let (name, value) = flag.split_once('=').unwrap_or((flag.trim_end(), ""));
        let end = line.trim_end().len();
        let start = if flag.contains('=') {
            line.len() - value.len()
        } else {
            end
        };
        (name == key).then_some(start.min(end)..end)
    });
    edited(text, &found, value, |value, old| match old {
        Some(old) if old.is_empty() && !has_value(text, &found) => format!("={value}"),
        Some(_) => value.to_owned(),
        None => format!("--{key}={value}"),
    })
}

/// `arangod.conf`
pub fn ini(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let mut section = String::new();
    let found = each_line(text, |line| {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = format!("{}.", name.trim());
            return None;
        }
        if trimmed.starts_with(['#', ';']) {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        let start = line.len() - value.trim_start().len();
        let end = line.trim_end().len();
        (format!("{section}{}", name.trim()) == key).then_some(start.min(end)..end)
    });
    if let (true, Some(value)) = (found.is_empty(), value) {
        refuse_control(value)?;
        return Ok(into_section(text, key, value));
    }
    edited(text, &found, value, |value, _| value.to_owned())
}

/// The last setting of a key is the one that counts; all are removed.
fn edited(
    text: &str,
    found: &[Found],
    value: Option<&str>,
    write: impl FnOnce(&str, Option<&str>) -> String,
) -> Result<String, String> {
    let Some(value) = value else {
        let removed = |text: String, found: &Found| replaced(&text, found.lines.clone(), "");
        return Ok(found.iter().rev().fold(text.to_owned(), removed));
    };
    refuse_control(value)?;
    Ok(match found.last() {
        Some(found) => {
            let written = write(value, Some(&text[found.value.clone()]));
            replaced(text, found.value.clone(), &written)
        }
        None => appended(text, &write(value, None)),
    })
}

fn each_line(text: &str, mut value_of: impl FnMut(&str) -> Option<Range<usize>>) -> Vec<Found> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(value) = value_of(line.trim_end_matches(['\n', '\r'])) {
            found.push(Found {
                lines: start..start + line.len(),
                value: start + value.start..start + value.end,
            });
        }
        start += line.len();
    }
    found
}

/// The key of a line, and where its value stands, quotes included.
fn postgresql_value(line: &str) -> Option<(&str, Range<usize>)> {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return None;
    }
    let start = line.len() - line.trim_start().len();
    let key_end = line[start..].find(|c: char| c == '=' || c.is_whitespace())? + start;
    let rest = line[key_end..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let begin = line.len() - rest.len();
    let end = match rest.strip_prefix('\'') {
        Some(quoted) => line.len() - postgresql_quoted(quoted).ok()?.1.len(),
        None => begin + rest.find(|c: char| c == '#' || c.is_whitespace()).unwrap_or(rest.len()),
    };
    Some((&line[start..key_end], begin..end))
}

/// True for what PostgreSQL reads as one value without quotes.
fn is_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The lines of each setting of a properties file, ends included.
fn logical_lines(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut start, mut goes_on) = (0, false);
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let bare = line.trim_end_matches(['\n', '\r']);
        let is_blank = bare.trim_start().is_empty() || bare.trim_start().starts_with(['#', '!']);
        match found.last_mut() {
            Some(last) if goes_on => last.end = end,
            _ if is_blank => {}
            _ => found.push(start..end),
        }
        goes_on = is_continued(bare) && (goes_on || !is_blank);
        start = end;
    }
    found
}

/// The key of a logical line, and where its value stands, escapes and continuations included.
fn properties_value(lines: &str) -> Option<(String, Range<usize>)> {
    let start = lines.len() - lines.trim_start().len();
    let end = lines.trim_end_matches(['\n', '\r']).len();
    let mut escaped = false;
    let ends = |c: char| {
        let ends = !escaped && (matches!(c, '=' | ':') || c.is_whitespace());
        escaped = !escaped && c == '\\';
        ends
    };
    let key_end = start + lines[start..end].find(ends)?;
    let blank = |c: char| c == ' ' || c == '\t';
    let rest = lines[key_end..end].trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(blank);
    let key = properties_text(&lines[start..key_end]).ok()?;
    Some((key, end - rest.len()..end))
}

/// False for `--name` alone.
fn has_value(text: &str, found: &[Found]) -> bool {
    found
        .last()
        .is_some_and(|found| text[found.lines.clone()].contains('='))
}

/// `text` with the setting as the last of its section, which is made where there is none.
fn into_section(text: &str, key: &str, value: &str) -> String {
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let line = format!("{name} = {value}");
    let newline = newline(text);
    match end_of_section(text, section) {
        Some(at) => {
            let gap = if text[..at].is_empty() || text[..at].ends_with('\n') {
                ""
            } else {
                newline
            };
            replaced(text, at..at, &[gap, &line, newline].concat())
        }
        None => appended(&appended(&appended(text, ""), &format!("[{section}]")), &line),
    }
}

/// Behind the last line of a section that is not blank; the part in front of all sections has no name.
fn end_of_section(text: &str, section: &str) -> Option<usize> {
    let mut end = section.is_empty().then_some(0);
    let (mut inside, mut at) = (section.is_empty(), 0);
    for line in text.split_inclusive('\n') {
        at += line.len();
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            inside = name.trim() == section;
        }
        if inside && !trimmed.is_empty() && !trimmed.starts_with(['#', ';']) {
            end = Some(at);
        }
    }
    end
}
