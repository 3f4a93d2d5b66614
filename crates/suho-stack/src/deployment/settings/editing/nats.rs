//! The configuration language of NATS.

use super::super::nats::{Entry, is_plain_text, outline};
use super::{appended, indentation, newline, refuse_control, replaced, with_blank_lines};

/// `nats-server.conf`
pub fn nats(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let outline = outline(text)?;
    let entry = outline.entries.iter().rev().find(|entry| entry.path == key);
    match (entry, value) {
        (Some(entry), _) if entry.is_block => Err(format!("`{key}` is a block; name what is in it")),
        (Some(entry), Some(value)) => Ok(replaced(text, entry.value.clone(), &written(value)?)),
        (Some(entry), None) => without(text, &outline.entries, entry),
        (None, None) => Ok(text.to_owned()),
        (None, Some(value)) => {
            let within = |entry: &&Entry| !entry.is_block && key.starts_with(&format!("{}.", entry.path));
            if let Some(leaf) = outline.entries.iter().find(within) {
                return Err(format!("`{}` is no block, so nothing can be set in it", leaf.path));
            }
            let maps = outline
                .maps
                .iter()
                .filter(|map| map.path.is_empty() || key.starts_with(&format!("{}.", map.path)));
            let map = maps.max_by_key(|map| map.path.len()).ok_or("the file has no end")?;
            let name = key[map.path.len()..].trim_start_matches('.');
            let line = nested(name, &written(value)?)?;
            if map.path.is_empty() {
                return Ok(appended(text, &line));
            }
            Ok(before_the_end(text, map.end, &line))
        }
    }
}

/// `a.b` and a value: `a { b: value }`.
fn nested(name: &str, value: &str) -> Result<String, String> {
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let parts: Vec<_> = name.split('.').collect();
    if let Some(item) = parts.iter().find(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!(
            "`{item}` is an item of a list, which cannot be added; write the list in the file"
        ));
    }
    if let Some(part) = parts.iter().find(|part| !is_name(part)) {
        return Err(format!("`{part}` is no name; use letters, digits, `_` and `-`"));
    }
    let (leaf, blocks) = parts.split_last().ok_or("there is no name")?;
    let setting = format!("{leaf}: {value}");
    Ok(blocks
        .iter()
        .rev()
        .fold(setting, |inner, block| format!("{block} {{ {inner} }}")))
}

/// On a line of its own where the closing brace has one, else behind the last entry.
fn before_the_end(text: &str, end: usize, line: &str) -> String {
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    if text[start..end].trim().is_empty() {
        let inner = format!("{}    {line}{}", indentation(text, end), newline(text));
        return replaced(text, start..start, &inner);
    }
    let last = text[..end].trim_end().len();
    let comma = if text[..last].ends_with(['{', ',']) { " " } else { ", " };
    replaced(text, last..last, &format!("{comma}{line}"))
}

/// Without the entry, and without the blocks that nothing is left in.
fn without(text: &str, entries: &[Entry], entry: &Entry) -> Result<String, String> {
    if entry.is_item {
        return Err(format!(
            "`{}` is an item of a list, which cannot be removed; write the list in the file",
            entry.path
        ));
    }
    let parent = entry.path.rsplit_once('.').map(|(parent, _)| parent);
    let holder = parent.and_then(|parent| {
        entries
            .iter()
            .rev()
            .find(|other| other.path == parent && other.is_block)
    });
    if let (Some(parent), Some(holder)) = (parent, holder) {
        let within = |path: &str, other: &Entry| other.path == path || other.path.starts_with(&format!("{path}."));
        let beside = |other: &Entry| other.path != parent && within(parent, other) && !within(&entry.path, other);
        if !entries.iter().any(beside) {
            return without(text, entries, holder);
        }
    }
    let mut range = entry.all.clone();
    let behind = &text[range.end..];
    if behind.trim_start_matches([' ', '\t']).starts_with([',', ';']) {
        range.end += behind.find([',', ';']).map_or(0, |at| at + 1);
    }
    Ok(replaced(text, with_blank_lines(text, range, &["#", "//"]), ""))
}

fn written(value: &str) -> Result<String, String> {
    refuse_control(value)?;
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    if is_plain_text(value) {
        let inner = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
        // A text that is kept from being a number by its quotes.
        return Ok(match inner {
            Some(inner) if value.len() > 1 && !is_plain_text(inner) => quoted(inner),
            _ => quoted(value),
        });
    }
    if value.is_empty() || value.contains(|c: char| ",;{}[]#()".contains(c) || c.is_whitespace()) {
        return Err(format!(
            "`{value}` is neither a text nor a number; write it in the file"
        ));
    }
    Ok(value.to_owned())
}
