//! A copy of the deployment with other settings.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::{Complaint, check};
use crate::deployment::{COMPOSE_FILE, Deployment, DeploymentError, Files, Setting, Variables};

/// One setting as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `postgresql.conf`
    pub file: String,
    /// As `suho verify` spells it; of the compose file a service's variable, `suho-weaviate.LOG_LEVEL`.
    pub key: String,
    /// None to remove it.
    pub value: Option<String>,
}

/// Why nothing was merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The settings are not of the expected shape.
    #[error("read the settings: {0}; write {{\"postgresql.conf\": {{\"shared_buffers\": \"2GB\"}}}}")]
    Shape(String),

    /// A file is named that holds no settings.
    #[error("find `{file}` among the files that hold settings; the deployment has {}", known.join(", "))]
    UnknownFile {
        /// As asked for.
        file: String,
        /// Sorted.
        known: Vec<String>,
    },

    /// The file's format cannot say it.
    #[error("set {key} in {file}: {reason}")]
    Unwritable {
        /// `postgresql.conf`
        file: String,
        /// As asked for.
        key: String,
        /// What is in the way.
        reason: String,
    },

    /// What was written says something else when it is read again.
    #[error("set {key} in {file}: it would read `{read}` instead; write another value, or write it in the file")]
    ReadsDifferently {
        /// `postgresql.conf`
        file: String,
        /// As asked for.
        key: String,
        /// What a reader would find.
        read: String,
    },

    /// Another setting would be changed along.
    #[error("set {key} in {file}: {other} would change along with it; write it in the file")]
    Disturbs {
        /// `postgresql.conf`
        file: String,
        /// As asked for.
        key: String,
        /// The other setting.
        other: String,
    },

    /// The engine would not understand it.
    #[error("set what no engine understands: {}", complaints.iter().map(Complaint::in_words).collect::<Vec<_>>().join("; "))]
    Refused {
        /// Those that the deployment did not have before.
        complaints: Vec<Complaint>,
    },

    /// The deployment cannot be read.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
}

impl Change {
    /// Reads `{"postgresql.conf": {"shared_buffers": "2GB"}}`: file, name, value; a null removes the setting.
    pub fn parse(json: &str) -> Result<Vec<Self>, MergeError> {
        let shape = |error: String| MergeError::Shape(error);
        let files: BTreeMap<String, Map<String, Value>> =
            serde_json::from_str(json).map_err(|error| shape(error.to_string()))?;
        let mut changes = Vec::new();
        for (file, settings) in files {
            for (key, value) in settings {
                let value = match value {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                    Value::Array(_) | Value::Object(_) => {
                        return Err(shape(format!(
                            "{key} of {file} is neither a text, a number, a boolean nor null"
                        )));
                    }
                };
                changes.push(Self {
                    file: file.clone(),
                    key,
                    value,
                });
            }
        }
        Ok(changes)
    }
}

/// `files` with `changes`, each where the setting stands, all other bytes as they are.
///
/// Each is read again and must say what was asked and nothing else; a name that [`check()`] does not know is an error.
pub fn merge(files: &Files, changes: &[Change], mut variables: Variables) -> Result<Files, MergeError> {
    variables.generate_missing(Deployment::required_variables(files, &[COMPOSE_FILE])?);
    let before = check(files, variables.clone());
    let mut merged = files.clone();
    for change in changes {
        merged = changed(&merged, change, &variables)?;
    }
    let known: Vec<_> = before.complaints.iter().map(|complaint| &complaint.message).collect();
    let after = check(&merged, variables).complaints.into_iter();
    let complaints: Vec<_> = after.filter(|complaint| !known.contains(&&complaint.message)).collect();
    if complaints.is_empty() {
        Ok(merged)
    } else {
        Err(MergeError::Refused { complaints })
    }
}

fn changed(files: &Files, change: &Change, variables: &Variables) -> Result<Files, MergeError> {
    let Change { file, key, value } = change;
    let before = read(files, change, variables)?;
    let text = Setting::edit(files, file, key, value.as_deref()).map_err(|reason| MergeError::Unwritable {
        file: file.clone(),
        key: key.clone(),
        reason,
    })?;
    let merged = files.clone().with(file.as_str(), text);
    let after = read(&merged, change, variables)?;
    holds(change, &before, &after)?;
    Ok(merged)
}

/// Names and values, in their order.
type Values = Vec<(String, String)>;

/// What the changed file says.
fn read(files: &Files, change: &Change, variables: &Variables) -> Result<Values, MergeError> {
    let deployment = Deployment::read(files, &[COMPOSE_FILE], variables)?;
    let services = || deployment.services.values();
    if change.file == COMPOSE_FILE {
        let variables = services().flat_map(|service| {
            let settings = Setting::in_environment_of(service).into_iter();
            settings.map(|setting| {
                (
                    format!("{}.{}", service.name, setting.key),
                    setting.value.expose().to_owned(),
                )
            })
        });
        return Ok(variables.collect());
    }
    if !services().any(|service| Setting::files_of(service).any(|file| file == change.file)) {
        let mut known: Vec<_> = services()
            .flat_map(|service| Setting::files_of(service).map(str::to_owned))
            .collect();
        known.push(COMPOSE_FILE.to_owned());
        known.sort();
        known.dedup();
        return Err(MergeError::UnknownFile {
            file: change.file.clone(),
            known,
        });
    }
    let settings = Setting::in_file(files, &change.file)?.into_iter();
    Ok(settings
        .map(|setting| (setting.key, setting.value.expose().to_owned()))
        .collect())
}

/// The file says what was asked, and about everything else what it said before.
fn holds(change: &Change, before: &Values, after: &Values) -> Result<(), MergeError> {
    let Change { file, key, value } = change;
    let is_it = |name: &str| match file.as_str() {
        "postgresql.conf" => name.eq_ignore_ascii_case(key),
        _ => name == key,
    };
    let found = after.iter().rev().find(|(name, _)| is_it(name)).map(|(_, value)| value);
    if found != value.as_ref() {
        return Err(MergeError::ReadsDifferently {
            file: file.clone(),
            key: key.clone(),
            read: found.cloned().unwrap_or_else(|| "nothing".to_owned()),
        });
    }
    // An empty section is a setting of its own until there is something in it.
    let holds_it = |name: &str, value: &str| {
        ["", "{}"].contains(&value) && key.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let is_other = |(name, value): &&(String, String)| !is_it(name) && !holds_it(name, value);
    let others = |values: &Values| values.iter().filter(is_other).cloned().collect::<Values>();
    let (before, after) = (others(before), others(after));
    let differs = before
        .iter()
        .zip(&after)
        .find(|(one, other)| one != other)
        .map(|(one, _)| one);
    let longer = if before.len() > after.len() { &before } else { &after };
    let beyond = longer.get(before.len().min(after.len()));
    match differs.or(beyond) {
        None => Ok(()),
        Some((other, _)) => Err(MergeError::Disturbs {
            file: file.clone(),
            key: key.clone(),
            other: other.clone(),
        }),
    }
}

// What is wrong with a setting is known with its engine.
#[cfg(all(test, feature = "full"))]
#[path = "tests/merge.rs"]
mod tests;
