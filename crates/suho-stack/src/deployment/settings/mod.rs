//! What is configured, as settings: file, line, key, value.
//!
//! Each reader follows the rules of the program that owns the file, and refuses what would hide a setting from it.
//!
//! # Layout
//! - here: [`Setting`], and which files hold them.
//! - `lines`: the files with a setting per line.
//! - `editing`: one setting changed where it stands.
//! - `nats`: the configuration language of NATS.
//! - `xml`: the configuration files of ClickHouse.

mod editing;
mod lines;
mod nats;
mod xml;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::compose::{Mount, Service};
use super::error::{DeploymentError, Position};
use super::files::Files;
use super::secret::Secret;
use editing::Editor;

pub use lines::{flags, ini, postgresql, properties};
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
    Format::by_line("postgresql.conf", postgresql, editing::lines::postgresql),
    Format::nested(".xml", xml, editing::xml::xml),
    Format::by_line(".flags", flags, editing::lines::flags),
    Format::by_line("arangod.conf", ini, editing::lines::ini),
    Format::nested("nats-server.conf", nats, editing::nats::nats),
    Format::by_line(".properties", properties, editing::lines::properties),
    Format::by_line(".cfg", properties, editing::lines::properties),
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
