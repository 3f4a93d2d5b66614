//! The readers of files with a setting per line.

use super::{DeploymentError, Files, Setting, fault, setting};

/// `postgresql.conf`: `key = value`, `'it''s'`, comments behind values. Includes are refused.
pub fn postgresql(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    each_line(files, file, postgresql_line)
}

/// Java properties: `key=value`, `key: value`, lines continued by `\`, comments by `#` and `!`.
pub fn properties(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    let mut settings = Vec::new();
    let mut lines = files.text(file)?.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut logical = line.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start());
        }
        let (key, value) = properties_line(&logical).map_err(|message| fault(file, index, message))?;
        settings.push(setting(file, index, key, value));
    }
    Ok(settings)
}

/// A flag file of Dragonfly: `--name=value`, `--name` for true, comments by `#`.
pub fn flags(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    each_line(files, file, |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let flag = line
            .strip_prefix("--")
            .filter(|flag| !flag.is_empty() && !flag.starts_with(['-', '=']))
            .ok_or_else(|| format!("`{line}` is no flag; write --name=value"))?;
        let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
        if name.contains(char::is_whitespace) {
            return Err(format!("the flag `{name}` has a blank in its name; write --name=value"));
        }
        Ok(Some((name.to_owned(), value.to_owned())))
    })
}

/// `arangod.conf`: `[section]` and `key = value`, comments by `#` and `;`. Includes are refused.
pub fn ini(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    let mut section = String::new();
    each_line(files, file, |line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(None);
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name
                .strip_suffix(']')
                .ok_or("the section is not closed; write [name]")?;
            section = format!("{}.", name.trim());
            return Ok(None);
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("`{line}` is no setting; write key = value, and put included settings here"))?;
        Ok(Some((format!("{section}{}", key.trim()), value.trim().to_owned())))
    })
}

/// What one line sets, or why it cannot be read.
type Line = Result<Option<(String, String)>, String>;

fn each_line(files: &Files, file: &str, mut read: impl FnMut(&str) -> Line) -> Result<Vec<Setting>, DeploymentError> {
    let mut settings = Vec::new();
    for (index, line) in files.text(file)?.lines().enumerate() {
        if let Some((key, value)) = read(line).map_err(|message| fault(file, index, message))? {
            settings.push(setting(file, index, key, value));
        }
    }
    Ok(settings)
}

fn postgresql_line(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    if key.starts_with("include") {
        return Err(format!(
            "`{key}` brings in settings that are not in this file; write them here"
        ));
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let (value, rest) = if let Some(quoted) = rest.strip_prefix('\'') {
        postgresql_quoted(quoted)?
    } else {
        let end = rest.find(|c: char| c == '#' || c.is_whitespace()).unwrap_or(rest.len());
        (rest[..end].to_owned(), &rest[end..])
    };
    if value.is_empty() && !line.contains('\'') {
        return Err(format!(
            "`{key}` has no value; write {key} = value, or '' for an empty one"
        ));
    }
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err(format!("`{rest}` follows the value of {key}; quote the whole value"));
    }
    Ok(Some((key.to_owned(), value)))
}

/// The value until its closing quote, and what follows that.
pub(super) fn postgresql_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if characters.next_if(|(_, next)| *next == '\'').is_some() => value.push('\''),
            '\'' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('\\' | '\''))) => value.push(escaped),
                _ => return Err("only \\\\ and \\' are read as escapes; write the character itself".to_owned()),
            },
            other => value.push(other),
        }
    }
    Err("the quote is not closed on this line".to_owned())
}

/// An odd number of backslashes at the end: an even one is backslashes alone.
pub(super) fn is_continued(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn properties_line(line: &str) -> Result<(String, String), String> {
    let mut escaped = false;
    let end = line
        .find(|c: char| {
            let ends = !escaped && (matches!(c, '=' | ':') || c.is_whitespace());
            escaped = !escaped && c == '\\';
            ends
        })
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
    if key.is_empty() {
        return Err("there is no key in front of the value; write key=value".to_owned());
    }
    Ok((properties_text(key)?, properties_text(value)?))
}

pub(super) fn properties_text(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => return Err("\\u escapes are not read; write the character itself".to_owned()),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}
