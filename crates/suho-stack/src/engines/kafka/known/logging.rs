//! The file of log4j: appenders and loggers by their shape.

use std::collections::BTreeSet;

use super::super::super::vocabulary::Objection;
use crate::deployment::Setting;

const LEVELS: [&str; 8] = ["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"];

/// The names that log4j knows beside loggers and appenders.
const OWN: [&str; 5] = ["debug", "threshold", "reset", "configDebug", "loggerFactory"];

/// True for a line of the file of log4j.
pub fn is_one(setting: &Setting) -> bool {
    setting.file.ends_with("log4j.properties")
}

/// The appenders that `settings` define.
pub fn appenders(settings: &[Setting]) -> BTreeSet<&str> {
    let names = settings.iter().filter(|setting| is_one(setting)).filter_map(|setting| {
        let name = setting.key.strip_prefix("log4j.appender.")?;
        (!name.contains('.')).then_some(name)
    });
    names.collect()
}

/// What is wrong with one line.
pub fn object(setting: &Setting, appenders: &BTreeSet<&str>) -> Option<Objection> {
    let unknown = || Objection::new(format!("`{}` is none of the settings of log4j 1", setting.key));
    let Some(key) = setting.key.strip_prefix("log4j.") else {
        return Some(unknown());
    };
    let value = setting.value.expose();
    match key.split_once('.') {
        None if matches!(key, "rootLogger" | "rootCategory") => logger(value, appenders),
        None if OWN.contains(&key) => None,
        Some(("logger" | "category", _)) => logger(value, appenders),
        Some(("additivity", _)) => (!["true", "false"].contains(&value))
            .then(|| Objection::new(format!("`{value}` is not a boolean, which {} expects", setting.key))),
        Some(("appender", name)) => {
            let name = name.split('.').next().unwrap_or_default();
            (!appenders.contains(name)).then(|| undefined(name))
        }
        Some(("renderer" | "throwableRenderer", _)) => None,
        _ => Some(unknown()),
    }
}

/// `INFO, stdout`: a level, then appenders.
fn logger(value: &str, appenders: &BTreeSet<&str>) -> Option<Objection> {
    let mut words = value.split(',').map(str::trim);
    let level = words.next().unwrap_or_default();
    // A level of a class of its own is `NAME#CLASS`.
    if !level.is_empty() && !level.contains('#') && !LEVELS.contains(&level.to_ascii_uppercase().as_str()) {
        let message = format!("`{level}` is no level of log4j; known are {}", LEVELS.join(", "));
        return Some(Objection::new(message));
    }
    let mut undeclared = words.filter(|name| !name.is_empty() && !appenders.contains(name));
    undeclared.next().map(undefined)
}

fn undefined(name: &str) -> Objection {
    Objection::new(format!(
        "the appender `{name}` is defined nowhere; write log4j.appender.{name}=CLASS"
    ))
}
