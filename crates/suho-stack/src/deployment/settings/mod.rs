//! What is configured, as settings: file, line, key, value.
//!
//! Each reader follows the rules of the program that owns the file, and refuses what would hide a setting from it.
//!
//! # Layout
//! - here: [`Setting`], and the readers of files with a setting per line.
//! - `editing`: one setting changed where it stands.
//! - `nats`: the configuration language of NATS.
//! - `xml`: the configuration files of ClickHouse.

mod editing;
mod nats;
mod xml;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::compose::{Mount, Service};
use super::error::{DeploymentError, Position};
use super::files::Files;
use super::secret::Secret;
use editing::{Editor, lines};

pub use nats::nats;
pub use xml::xml;

/// One thing that the deployment sets, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Relative to the deployment's directory.
    pub file: String,
    /// From 1; the first line of a setting that goes on over several.
    pub line: usize,
    /// As written; with its section in front where the file has sections: `server.endpoint`.
    pub key: String,
    /// Without quotes and escapes; of a variable, with everything filled in.
    pub value: SettingValue,
    /// How it reaches the engine.
    pub kind: SettingKind,
}

/// How a setting reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// It stands in a configuration file that the service mounts.
    File,
    /// It is a variable of the service's environment.
    Environment,
}

/// What a setting is set to; a password is compared and never shown.
///
/// Serialising writes a password too, as the state file needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingValue {
    /// May be shown.
    Plain(String),
    /// Holds what `make env` generates.
    Secret(Secret),
}

impl SettingValue {
    /// The value itself, for comparison.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose(),
        }
    }

    /// True for what must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(value) => value,
            Self::Secret(_) => "(secret)",
        })
    }
}

/// Reads the settings of one file.
type Reader = fn(&Files, &str) -> Result<Vec<Setting>, DeploymentError>;

/// How the settings of a file are written.
struct Format {
    /// What the names of such files end in.
    ending: &'static str,
    read: Reader,
    edit: Editor,
    /// A setting per line, so that what is wrong with one line says nothing about the next.
    by_line: bool,
}

/// Which files hold settings. What else a service mounts is run, not read as settings.
const FORMATS: &[Format] = &[
    Format::by_line("postgresql.conf", postgresql, lines::postgresql),
    Format::nested(".xml", xml, editing::xml::xml),
    Format::by_line(".flags", flags, lines::flags),
    Format::by_line("arangod.conf", ini, lines::ini),
    Format::nested("nats-server.conf", nats, editing::nats::nats),
    Format::by_line(".properties", properties, lines::properties),
    Format::by_line(".cfg", properties, lines::properties),
];

impl Format {
    const fn by_line(ending: &'static str, read: Reader, edit: Editor) -> Self {
        Self {
            ending,
            read,
            edit,
            by_line: true,
        }
    }

    const fn nested(ending: &'static str, read: Reader, edit: Editor) -> Self {
        Self {
            ending,
            read,
            edit,
            by_line: false,
        }
    }
}

fn format_of(file: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| file.ends_with(format.ending))
}

impl Setting {
    /// Everything that the deployment sets for `service`: the files that it mounts, in their order, then its environment.
    pub fn of(service: &Service, files: &Files) -> Result<Vec<Self>, DeploymentError> {
        let mut settings = Vec::new();
        for file in Self::files_of(service) {
            settings.extend(Self::in_file(files, file)?);
        }
        settings.extend(Self::in_environment_of(service));
        Ok(settings)
    }

    /// The files that `service` mounts and that hold settings.
    pub fn files_of(service: &Service) -> impl Iterator<Item = &str> {
        let mounted = service.mounts.iter().filter_map(|mount| match mount {
            Mount::File { source, .. } => Some(source.as_str()),
            Mount::Volume { .. } => None,
        });
        mounted.filter(|file| format_of(file).is_some())
    }

    /// The settings of one file; none of a file that holds no settings.
    pub fn in_file(files: &Files, file: &str) -> Result<Vec<Self>, DeploymentError> {
        format_of(file).map_or(Ok(Vec::new()), |format| (format.read)(files, file))
    }

    /// As [`Setting::in_file`], and what is wrong with each line that cannot be read; those behind it are read nevertheless
    /// where the file has a setting per line.
    #[must_use]
    pub fn in_file_and_faults(files: &Files, file: &str) -> (Vec<Self>, Vec<DeploymentError>) {
        let mut faults = Vec::new();
        let mut files = Cow::Borrowed(files);
        loop {
            let error = match Self::in_file(&files, file) {
                Ok(settings) => return (settings, faults),
                Err(error) => error,
            };
            let without = without_the_line_of(&error, &files, file);
            faults.push(error);
            match without {
                Some(text) => files = Cow::Owned(files.into_owned().with(file, text)),
                None => return (Vec::new(), faults),
            }
        }
    }

    /// `file` with `key` set to a value where it stands, or without it; or why that cannot be written there.
    ///
    /// Of a compose file it is a service's variable: `suho-weaviate.LOG_LEVEL`.
    pub fn edit(files: &Files, file: &str, key: &str, value: Option<&str>) -> Result<String, String> {
        let edit = match format_of(file) {
            Some(format) => format.edit,
            None => editing::environment::environment,
        };
        edit(files.text(file).map_err(|error| error.to_string())?, key, value)
    }

    /// The variables of the service's environment.
    #[must_use]
    pub fn in_environment_of(service: &Service) -> Vec<Self> {
        let variables = service.environment.iter().zip(service.environment_at.values());
        let variables = variables.map(|((name, value), assigned)| Self {
            file: assigned.at.file.clone(),
            line: assigned.at.line,
            key: name.clone(),
            value: if assigned.is_secret {
                SettingValue::Secret(value.clone())
            } else {
                SettingValue::Plain(value.expose().to_owned())
            },
            kind: SettingKind::Environment,
        });
        variables.collect()
    }

    /// Where it is written: `postgresql.conf:12`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

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

/// The file with the line blank that `error` complains of; none where that would help nothing.
fn without_the_line_of(error: &DeploymentError, files: &Files, file: &str) -> Option<String> {
    let at = match error {
        DeploymentError::Setting { at, .. } if format_of(file)?.by_line => at,
        _ => return None,
    };
    let lines = files.text(file).ok()?.lines().enumerate();
    let kept: Vec<_> = lines
        .map(|(index, line)| if index + 1 == at.line { "" } else { line })
        .collect();
    Some(kept.join("\n"))
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

fn setting(file: &str, index: usize, key: String, value: String) -> Setting {
    Setting {
        file: file.to_owned(),
        line: index + 1,
        key,
        value: SettingValue::Plain(value),
        kind: SettingKind::File,
    }
}

fn fault(file: &str, index: usize, message: String) -> DeploymentError {
    DeploymentError::Setting {
        at: Position::line(file, index + 1),
        message,
    }
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
fn postgresql_quoted(text: &str) -> Result<(String, &str), String> {
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
fn is_continued(line: &str) -> bool {
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

fn properties_text(text: &str) -> Result<String, String> {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rstest::rstest;

    use super::*;
    use crate::deployment::{Deployment, Variables};

    fn read(reader: Reader, text: &str) -> Result<Vec<(usize, String, String)>, String> {
        let files = Files::embedded().with("a.conf", text);
        let settings = reader(&files, "a.conf").map_err(|error| error.to_string())?;
        Ok(settings
            .into_iter()
            .map(|setting| (setting.line, setting.key, setting.value.expose().to_owned()))
            .collect())
    }

    #[rstest]
    #[case::plain(postgresql, "a = 1", 1, "a", "1")]
    #[case::without_equals(postgresql, "a on", 1, "a", "on")]
    #[case::without_blanks(postgresql, "a=1", 1, "a", "1")]
    #[case::comments(postgresql, "# no = 1\n\n a.b = 1# why", 3, "a.b", "1")]
    #[case::quoted(postgresql, "a = '%m # it''s \\\\ \\' ' # why", 1, "a", "%m # it's \\ ' ")]
    #[case::empty(postgresql, "a = ''", 1, "a", "")]
    #[case::properties(properties, "# no\n! no\n  a.b = 1 # part of it", 3, "a.b", "1 # part of it")]
    #[case::colon(properties, "a: b=c", 1, "a", "b=c")]
    #[case::blank(properties, "a b", 1, "a", "b")]
    #[case::nothing(properties, "a=", 1, "a", "")]
    #[case::continued(properties, "\na=b,\\\n    c", 2, "a", "b,c")]
    #[case::not_continued(properties, "a=b\\\\", 1, "a", "b\\")]
    #[case::continued_at_the_end(properties, "a=b\\", 1, "a", "b")]
    #[case::escaped(properties, "a\\:b\\ c=d\\te", 1, "a:b c", "d\te")]
    #[case::flag(flags, "# no\n--a_b=c=d", 2, "a_b", "c=d")]
    #[case::boolean_flag(flags, "--a", 1, "a", "true")]
    #[case::section(
        ini,
        "# no\n; no\n[server]\nendpoint = tcp://0.0.0.0:8529",
        4,
        "server.endpoint",
        "tcp://0.0.0.0:8529"
    )]
    #[case::no_section(ini, "a=", 1, "a", "")]
    fn a_setting_is_read(
        #[case] reader: Reader,
        #[case] text: &str,
        #[case] line: usize,
        #[case] key: &str,
        #[case] value: &str,
    ) {
        assert_eq!(read(reader, text), Ok(vec![(line, key.to_owned(), value.to_owned())]));
    }

    #[rstest]
    #[case(
        postgresql,
        "\ninclude_dir 'conf.d'",
        "read a.conf:2: `include_dir` brings in settings"
    )]
    #[case(postgresql, "a = 'b", "the quote is not closed")]
    #[case(postgresql, "a = b c", "`c` follows the value of a")]
    #[case(postgresql, "a", "`a` has no value")]
    #[case(postgresql, "a = # nothing", "`a` has no value")]
    #[case(postgresql, "a = 'b\\n'", "only \\\\ and \\' are read as escapes")]
    #[case(properties, "=b", "no key in front of the value")]
    #[case(properties, "a=\\u0041", "\\u escapes are not read")]
    #[case(flags, "a=b", "`a=b` is no flag")]
    #[case(flags, "--=b", "is no flag")]
    #[case(flags, "--a b=c", "has a blank in its name")]
    #[case(ini, "[server", "the section is not closed")]
    #[case(ini, "@include a", "`@include a` is no setting")]
    fn a_bad_line_is_an_error(#[case] reader: Reader, #[case] text: &str, #[case] message: &str) {
        let error = read(reader, text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    #[rstest]
    #[case(postgresql, "postgresql.conf")]
    #[case(properties, "kafka.properties")]
    #[case(properties, "zoo.cfg")]
    #[case(flags, "dragonfly.flags")]
    #[case(ini, "arangod.conf")]
    fn no_file_sets_a_key_twice(#[case] reader: Reader, #[case] file: &str) {
        let settings = reader(&Files::embedded(), file).unwrap();
        assert!(!settings.is_empty());
        let mut seen = BTreeSet::new();
        for setting in settings {
            assert!(
                seen.insert(setting.key.to_lowercase()),
                "{file}:{}: {} again",
                setting.line,
                setting.key
            );
        }
    }

    #[test]
    fn postgresql_is_tuned_as_timescaledb_tune_would() {
        let files = Files::embedded();
        let settings = postgresql(&files, "postgresql.conf").unwrap();
        let settings: BTreeMap<_, _> = settings
            .iter()
            .map(|setting| (setting.key.as_str(), setting.value.expose()))
            .collect();
        let (gigabytes, cpus) = declared(files.text("postgresql.conf").unwrap());
        for (key, expected) in tuned(gigabytes, cpus) {
            let value = settings.get(key).unwrap_or_else(|| panic!("{key} is not set"));
            assert_eq!(
                in_base_units(value),
                in_base_units(&expected),
                "{key}: {value} instead of {expected}"
            );
        }
    }

    #[test]
    fn postgresql_is_tuned_for_the_limits_of_its_service() {
        let files = Files::embedded();
        let mut variables = Variables::default();
        variables.generate_missing(Deployment::required_variables(&files, &["docker-compose.yml"]).unwrap());
        let deployment = Deployment::read(&files, &["docker-compose.yml"], &variables).unwrap();
        let service = deployment.service("suho-postgresql").unwrap();
        let (gigabytes, cpus) = declared(files.text("postgresql.conf").unwrap());
        assert_eq!(service.memory, Some(gigabytes << 30));
        assert_eq!(service.cpus, Some(f64::from(u32::try_from(cpus).unwrap())));
    }

    /// A second machine, so that the rules are more than the one file that they are compared with.
    #[test]
    fn the_rules_of_timescaledb_tune_hold_for_8_gb() {
        let tuned: BTreeMap<_, _> = tuned(8, 2).into_iter().collect();
        let expected = [
            ("shared_buffers", "2GB"),
            ("effective_cache_size", "6GB"),
            ("maintenance_work_mem", "1GB"),
            ("max_connections", "100"),
            ("work_mem", "32MB"),
            ("max_locks_per_transaction", "256"),
        ];
        for (key, value) in expected {
            assert_eq!(in_base_units(&tuned[key]), in_base_units(value), "{key}");
        }
    }

    /// `# declared: memory=4GB cpus=2`
    fn declared(text: &str) -> (u64, u64) {
        let line = text.lines().find_map(|line| line.strip_prefix("# declared: ")).unwrap();
        let values: BTreeMap<_, _> = line
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .collect();
        let gigabytes = values["memory"].strip_suffix("GB").unwrap();
        (gigabytes.parse().unwrap(), values["cpus"].parse().unwrap())
    }

    /// What timescaledb-tune 0.19 writes for version 17 on a machine of its own with at least 2 GB and 2 processors.
    fn tuned(gigabytes: u64, cpus: u64) -> Vec<(&'static str, String)> {
        let megabytes = |number: u64| format!("{number}MB");
        let connections = match gigabytes {
            0..=2 => 25,
            3..=4 => 50,
            5..=6 => 75,
            _ => 100,
        };
        let locks = match gigabytes {
            0..=7 => 128,
            8..=15 => 256,
            16..=31 => 512,
            _ => 1024,
        };
        let half_of_cpus = cpus.div_ceil(2);
        let background_workers = 16;
        vec![
            ("shared_buffers", megabytes(gigabytes * 1024 / 4)),
            ("effective_cache_size", megabytes(gigabytes * 1024 * 3 / 4)),
            ("maintenance_work_mem", megabytes((128 * gigabytes).min(2047))),
            ("max_connections", connections.to_string()),
            (
                "work_mem",
                format!("{}kB", gigabytes * (400 * 1024 / connections) / half_of_cpus),
            ),
            ("timescaledb.max_background_workers", background_workers.to_string()),
            ("max_worker_processes", (3 + background_workers + cpus).to_string()),
            ("max_parallel_workers", cpus.to_string()),
            ("max_parallel_workers_per_gather", half_of_cpus.to_string()),
            ("wal_buffers", megabytes(16)),
            ("min_wal_size", megabytes(512)),
            ("max_wal_size", megabytes(1024)),
            ("default_statistics_target", "100".to_owned()),
            ("random_page_cost", "1.1".to_owned()),
            ("checkpoint_completion_target", "0.9".to_owned()),
            ("max_locks_per_transaction", locks.to_string()),
            ("autovacuum_max_workers", "10".to_owned()),
            ("autovacuum_naptime", "10".to_owned()),
            ("effective_io_concurrency", "256".to_owned()),
            ("default_toast_compression", "lz4".to_owned()),
            ("jit", "off".to_owned()),
        ]
    }

    /// Sizes in kB, so that 1GB is 1024MB; whatever is no size as it is.
    fn in_base_units(value: &str) -> String {
        let units = [("kB", 1), ("MB", 1 << 10), ("GB", 1 << 20)];
        let size = units.iter().find_map(|(unit, factor)| {
            let number: u64 = value.strip_suffix(unit)?.parse().ok()?;
            Some(format!("{}kB", number * factor))
        });
        size.unwrap_or_else(|| value.to_owned())
    }
}
