//! The names that Kafka knows.
//!
//! # Layout
//! - here: the settings of the broker and of its listeners.
//! - `logging`: the file of log4j, whose names are of the deployment's own making.

mod logging;

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, is_integer, is_one_of, object_by, shown};
use crate::deployment::{Declarations, Setting};

static SETTINGS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("settings.txt"), is_spelled));
static TOPICS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("topics.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// The mechanisms of SASL that Kafka has, as they stand in names.
const MECHANISMS: [&str; 5] = ["plain", "scram-sha-256", "scram-sha-512", "gssapi", "oauthbearer"];

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    let appenders = logging::appenders(settings);
    object_by(settings, &ENVIRONMENT, |setting| {
        if logging::is_one(setting) {
            logging::object(setting, &appenders)
        } else {
            broker(setting)
        }
    })
}

/// What is wrong with the settings of the declared topics, each with the topic's name.
pub(super) fn object_to_topics(declarations: &Declarations) -> Vec<(String, Objection)> {
    let topics = declarations.topics.iter().flat_map(|topic| {
        let objections = topic
            .config
            .iter()
            .filter_map(|(key, value)| TOPICS.object(key, Some(value)));
        objections.map(|objection| (topic.name.clone(), objection))
    });
    topics.collect()
}

/// The names of the broker's settings.
#[must_use]
pub fn settings() -> &'static Vocabulary {
    &SETTINGS
}

/// `listener.name.internal.plain.sasl.jaas.config` is `sasl.jaas.config` for one listener and one mechanism.
fn broker(setting: &Setting) -> Option<Objection> {
    let (scope, name) = listener(&setting.key).unwrap_or(("", &setting.key));
    let mut objection = SETTINGS.object(name, shown(setting))?;
    if !SETTINGS.knows(name) {
        objection.message = SETTINGS.unknown(&setting.key).message;
    }
    Some(objection.within(scope))
}

/// What a name begins with that is one listener's, and the rest of it.
fn listener(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix("listener.name.")?;
    let (_, mut name) = rest.split_once('.')?;
    if let Some((mechanism, of_it)) = name.split_once('.')
        && MECHANISMS.contains(&mechanism)
    {
        name = of_it;
    }
    Some((&key[..key.len() - name.len()], name))
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    // What a provider fills in is not known here.
    if value.contains("${") {
        return true;
    }
    match kind {
        Kind::Boolean => is_one_of(&["true", "false"], value.trim()),
        Kind::Number => value.trim().parse::<f64>().is_ok(),
        _ => is_integer(value),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::vocabulary::tests::assert_list;
    use super::*;

    #[test]
    fn the_lists_are_in_order() {
        assert_list(include_str!("settings.txt"));
        assert_list(include_str!("topics.txt"));
        assert_list(include_str!("environment.txt"));
    }

    #[rstest]
    #[case("listener.name.internal.plain.sasl.jaas.config", Some(("listener.name.internal.plain.", "sasl.jaas.config")))]
    #[case("listener.name.external.ssl.keystore.type", Some(("listener.name.external.", "ssl.keystore.type")))]
    #[case("listener.name.internal", None)]
    #[case("listeners", None)]
    fn a_listeners_own_setting_is_told_apart(#[case] key: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(listener(key), expected);
    }
}
