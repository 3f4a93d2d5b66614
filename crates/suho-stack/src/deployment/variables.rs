//! What fills `${NAME}` in the compose files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};

use super::error::{DeploymentError, Position};
use super::secret::Secret;

/// Only names with this beginning are taken from the process environment.
const PREFIX: &str = "SUHO_";
const SECRET_LENGTH: usize = 24;

/// Names with their values; most of them are passwords, so none is ever printed.
///
/// Serialising writes the values: whoever stores them gives the file mode 0600.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Variables {
    values: BTreeMap<String, Secret>,
}

impl Variables {
    /// The variables of a `.env` file.
    pub fn from_env_file(path: &Path) -> Result<Self, DeploymentError> {
        let text = fs::read_to_string(path).map_err(|source| DeploymentError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_env_text(&path.display().to_string(), &text)
    }

    /// The variables of the text of a `.env` file; `file` is its name in errors.
    ///
    /// The syntax is compose's: `NAME=value`, `export`, comments, quotes. What compose would do further with a value
    /// (filling in variables, values over several lines) is an error here rather than a different value.
    pub fn from_env_text(file: &str, text: &str) -> Result<Self, DeploymentError> {
        let mut values = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let assignment = env_line(line).map_err(|message| DeploymentError::EnvFile {
                at: Position::line(file, index + 1),
                message,
            })?;
            if let Some((name, value)) = assignment {
                values.insert(name.to_owned(), Secret::new(value));
            }
        }
        Ok(Self { values })
    }

    /// The variables of this process whose names begin with `SUHO_`.
    #[must_use]
    pub fn from_process_environment() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| (name, Secret::new(value)))
            .collect();
        Self { values }
    }

    /// These, and of `fallback` what these do not name: `Variables::from_process_environment().or(file)`, as compose does.
    #[must_use]
    pub fn or(mut self, fallback: Self) -> Self {
        for (name, value) in fallback.values {
            self.values.entry(name).or_insert(value);
        }
        self
    }

    /// Gives every one of `names` that is unset or empty a random secret: 24 letters and digits, the first a letter.
    pub fn generate_missing<I>(&mut self, names: I)
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for name in names {
            let name = name.as_ref();
            if self.get(name).is_none_or(str::is_empty) {
                self.values.insert(name.to_owned(), random_secret());
            }
        }
    }

    /// Sets or replaces `name`.
    pub fn set(&mut self, name: impl Into<String>, value: Secret) {
        self.values.insert(name.into(), value);
    }

    /// The value of `name`, which may be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(Secret::expose)
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

fn random_secret() -> Secret {
    let mut random = rand::rng();
    let mut secret = String::with_capacity(SECRET_LENGTH);
    // A digit in front makes some of the engines' configuration languages read a number.
    secret.push(char::from(random.random_range(b'a'..=b'z')));
    secret.extend((1..SECRET_LENGTH).map(|_| char::from(random.sample(Alphanumeric))));
    Secret::new(secret)
}

/// `NAME=value` of one line; none for a blank line or a comment.
fn env_line(line: &str) -> Result<Option<(&str, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let assignment = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = assignment
        .split_once('=')
        .ok_or("there is no `=`; write NAME=value, or `#` before a comment")?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err(format!(
            "`{name}` is no name of a variable; use letters, digits and `_`, and no digit in front"
        ));
    }
    Ok(Some((name, env_value(value.trim_start())?)))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

const NOT_FILLED_IN: &str = "`$` in a value would be filled in by compose; put the value in single quotes";

fn env_value(value: &str) -> Result<String, String> {
    let (value, rest) = match value.chars().next() {
        Some('\'') => single_quoted(&value[1..])?,
        Some('"') => double_quoted(&value[1..])?,
        _ => return unquoted(value),
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(value)
    } else {
        Err("text follows the closing quote; quote the whole value".to_owned())
    }
}

fn unquoted(value: &str) -> Result<String, String> {
    // A `#` begins a comment only after a blank: it may be part of a password.
    let end = value
        .char_indices()
        .find(|&(at, c)| c == '#' && (at == 0 || value[..at].ends_with([' ', '\t'])))
        .map_or(value.len(), |(at, _)| at);
    let value = value[..end].trim_end();
    if value.contains('$') {
        return Err(NOT_FILLED_IN.to_owned());
    }
    Ok(value.to_owned())
}

fn single_quoted(value: &str) -> Result<(String, &str), String> {
    let (value, rest) = value
        .split_once('\'')
        .ok_or("the single quote is not closed on this line")?;
    Ok((value.to_owned(), rest))
}

fn double_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '$' => return Err(NOT_FILLED_IN.to_owned()),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                _ => return Err("only \\n \\\" \\\\ and \\$ are escapes; put the value in single quotes".to_owned()),
            },
            other => value.push(other),
        }
    }
    Err("the double quote is not closed on this line".to_owned())
}
