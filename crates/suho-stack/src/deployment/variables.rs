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

    /// These, and the others; where both name a variable, the others': `file.overridden_by(process)`, as compose does.
    #[must_use]
    pub fn overridden_by(mut self, others: Self) -> Self {
        self.values.extend(others.values);
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::deployment::{Deployment, Files};

    const COMPOSE_FILES: [&str; 4] = [
        "docker-compose.yml",
        "docker-compose.airgap.yml",
        "docker-compose.monitoring.yml",
        "docker-compose.monitoring.airgap.yml",
    ];
    const EXAMPLE: &str = ".env.example";

    fn read(line: &str) -> Result<Option<String>, String> {
        let variables = Variables::from_env_text("some.env", line).map_err(|error| error.to_string())?;
        Ok(variables.get("A").map(str::to_owned))
    }

    #[rstest]
    #[case("A=b c", "b c")]
    #[case("  export A = b  # why", "b")]
    #[case("A=b#c", "b#c")]
    #[case("A=", "")]
    #[case("A= # nothing", "")]
    #[case("A=b=c", "b=c")]
    #[case("A='b $C # \" \\n' # why", "b $C # \" \\n")]
    #[case(r#"A="b \"c\" \\ \$ # \n.""#, "b \"c\" \\ $ # \n.")]
    #[case("# A=no\n\nA=yes", "yes")]
    #[case("A=first\nA=last", "last")]
    fn a_value_is_read(#[case] text: &str, #[case] value: &str) {
        assert_eq!(read(text), Ok(Some(value.to_owned())));
    }

    #[rstest]
    #[case("\nA", "read some.env:2: there is no `=`")]
    #[case("1A=b", "`1A` is no name of a variable")]
    #[case("A B=c", "`A B` is no name of a variable")]
    #[case("=b", "`` is no name of a variable")]
    #[case("A=$B", "in single quotes")]
    #[case("A=\"$B\"", "in single quotes")]
    #[case("A='b", "the single quote is not closed")]
    #[case("A=\"b", "the double quote is not closed")]
    #[case("A='b'c", "text follows the closing quote")]
    #[case("A=\"\\x\"", "are escapes")]
    fn a_bad_line_is_an_error(#[case] text: &str, #[case] message: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn an_error_does_not_tell_the_value() {
        for line in ["A=secret$", "A='secret", "A=\"secret", "A='secret'secret"] {
            let error = read(line).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_override_wins() {
        let mut file = Variables::default();
        file.set("A", Secret::new("1"));
        file.set("B", Secret::new("2"));
        let mut process = Variables::default();
        process.set("A", Secret::new("3"));
        let both = file.overridden_by(process);
        assert_eq!((both.get("A"), both.get("B")), (Some("3"), Some("2")));
    }

    #[test]
    fn only_what_is_missing_is_generated() {
        let mut variables = Variables::default();
        variables.set("SET", Secret::new("1"));
        variables.set("EMPTY", Secret::new(""));
        variables.generate_missing(["SET", "EMPTY", "NONE"]);
        assert_eq!(variables.get("SET"), Some("1"));
        assert_ne!(variables.get("EMPTY"), variables.get("NONE"));
        for name in ["EMPTY", "NONE"] {
            assert_is_secret(name, variables.get(name).unwrap());
        }
    }

    #[test]
    fn printing_shows_no_value() {
        let mut variables = Variables::default();
        variables.set("A", Secret::new("hunter2"));
        assert!(!format!("{variables:?}").contains("hunter2"));
        assert_eq!(serde_json::to_string(&variables).unwrap(), r#"{"A":"hunter2"}"#);
    }

    fn assert_is_secret(name: &str, value: &str) {
        assert_eq!(value.len(), SECRET_LENGTH, "{name}");
        assert!(value.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
        assert!(value.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
    }

    /// Name to the default that the line shows, if it is commented out; none for the empty secrets.
    fn example() -> BTreeMap<String, Option<String>> {
        let files = Files::embedded();
        let mut variables = BTreeMap::new();
        for line in files.text(EXAMPLE).unwrap().lines() {
            let (assignment, is_optional) = line.strip_prefix('#').map_or((line, false), |line| (line, true));
            let Some((name, value)) = assignment.split_once('=').filter(|(name, _)| is_name(name)) else {
                continue;
            };
            assert!(is_optional || value.is_empty(), "{name} has a value in {EXAMPLE}");
            let known = variables.insert(name.to_owned(), is_optional.then(|| value.to_owned()));
            assert_eq!(known, None, "{name} is explained twice");
        }
        variables
    }

    #[test]
    fn the_example_names_the_variables_of_the_compose_files() {
        let uses = Deployment::variables(&Files::embedded(), &COMPOSE_FILES).unwrap();
        let named: BTreeSet<_> = uses.into_iter().map(|variable| variable.name).collect();
        let explained: BTreeSet<_> = example().into_keys().collect();
        assert_eq!(explained, named);
    }

    #[test]
    fn the_example_shows_the_defaults_of_the_compose_files() {
        let example = example();
        for variable in Deployment::variables(&Files::embedded(), &COMPOSE_FILES).unwrap() {
            let shown = &example[&variable.name];
            assert_eq!(
                shown.is_none(),
                variable.required,
                "{}: only what is required is a secret",
                variable.name
            );
            // An image is pinned in its compose file alone, or each of its updates would be two.
            let is_image = variable.name.ends_with("_IMAGE");
            let expected = if is_image {
                Some(String::new())
            } else {
                variable.default
            };
            assert_eq!(shown, &expected, "{}", variable.name);
        }
    }

    #[test]
    fn the_script_writes_every_secret_once() {
        let checkout = tempfile::tempdir().unwrap();
        let script = checkout.path().join("scripts/env.sh");
        let written = checkout.path().join("compose/.env");
        Files::embedded().write_to(&checkout.path().join("compose")).unwrap();
        fs::create_dir(checkout.path().join("scripts")).unwrap();
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/env.sh"), &script).unwrap();
        let run = || assert!(Command::new("bash").arg(&script).status().unwrap().success());

        run();
        assert_eq!(fs::metadata(&written).unwrap().permissions().mode() & 0o777, 0o600);
        let variables = Variables::from_env_file(&written).unwrap();
        let required = Deployment::required_variables(&Files::embedded(), &COMPOSE_FILES).unwrap();
        for name in &required {
            assert_is_secret(name, variables.get(name).unwrap());
        }
        let different: BTreeSet<_> = required.iter().map(|name| variables.get(name)).collect();
        assert_eq!(different.len(), required.len());

        run();
        assert_eq!(Variables::from_env_file(&written).unwrap(), variables);
    }

    /// The value as a line may write it, in one of the three ways that can.
    fn written(value: &str, way: usize) -> String {
        let is_bare = value.chars().all(|c| c.is_ascii_alphanumeric());
        match way {
            0 if is_bare => value.to_owned(),
            1 if !value.contains('\'') => format!("'{value}'"),
            _ => {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
                format!("\"{escaped}\"")
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            values in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", ("[a-z0-9 #'\"$\\\\=ü]{0,8}", 0..3usize), 0..6)
        ) {
            let lines = values.iter().map(|(name, (value, way))| format!("{name}={} # why", written(value, *way)));
            let text = lines.collect::<Vec<_>>().join("\n");
            let read = Variables::from_env_text(".env", &text).unwrap();
            let read: BTreeMap<_, _> = read.iter().map(|(name, value)| (name, value.expose())).collect();
            let expected: BTreeMap<_, _> = values.iter().map(|(name, (value, _))| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
