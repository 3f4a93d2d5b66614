//! Every leaf of both files and every variable against what the live server says, or does.
//!
//! # Layout
//! - here: who answers for which setting, and how a stand-in is told from a server.
//! - [`server`]: the server's own settings, its names, directories and disks.
//! - [`logs`]: the tables of the system logs.
//! - [`behaviour`]: what no view shows: ports, metrics, backups, hosts.
//! - [`rules`]: the rules for accounts, tried on some that are made for it.
//! - [`profiles`]: profiles through the sessions of the real users.
//! - [`users`]: users by their logins and by the server's views.
//! - [`quotas`]: how much they may ask.
//! - [`environment`]: the variables, by their effects.
//! - [`values`]: spellings, as the server reads them.

mod behaviour;
mod environment;
mod logs;
mod profiles;
mod quotas;
mod rules;
mod server;
mod users;
mod values;

use clickhouse::Client;

use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::{Setting, SettingKind};

/// The end of the name of the file with profiles, users and quotas; the server ignores those elsewhere.
const USERS_FILE: &str = "users.xml";

/// Who is asked, by whom, and what is expected of him.
#[derive(Clone, Copy)]
struct Inquiry<'a> {
    endpoint: &'a Endpoint,
    /// The service user.
    service: &'a Client,
    settings: &'a [Setting],
    stand_in: StandIn,
}

/// Whether the engine is a library that a front stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StandIn(bool);

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    let service = client::connect(endpoint)?;
    let inquiry = Inquiry {
        endpoint,
        service: &service,
        settings,
        stand_in: StandIn(client::is_stand_in(endpoint, &service).await?),
    };
    // Each to its end, whatever fails beside it: some remove what they have made to ask with.
    let (server, logs, behaviour, rules, profiles, users, quotas) = tokio::join!(
        server::View::ask(inquiry),
        logs::View::ask(inquiry),
        behaviour::View::ask(inquiry),
        rules::ask(inquiry),
        profiles::View::ask(inquiry),
        users::View::ask(inquiry),
        quotas::View::ask(inquiry),
    );
    let (server, logs, behaviour, rules) = (server?, logs?, behaviour?, rules?);
    let (profiles, users, quotas) = (profiles?, users?, quotas?);
    Ok(settings
        .iter()
        .map(|setting| match setting.kind {
            SettingKind::Environment => environment::find(setting, &users),
            SettingKind::File if setting.file.ends_with(USERS_FILE) => {
                let found = profiles.find(setting).or_else(|| quotas.find(setting));
                found.unwrap_or_else(|| users.find(setting))
            }
            SettingKind::File => behaviour
                .find(setting)
                .or_else(|| logs.find(setting))
                .or_else(|| rules.get(setting.key.as_str()).cloned())
                .unwrap_or_else(|| server.find(setting)),
        })
        .collect())
}

impl StandIn {
    /// In effect on a server; a stand-in has read the setting, and does not follow it, because of `reason`.
    fn or_in_effect(self, reason: &str, finding: Finding) -> Finding {
        if self.0 && finding.verdict == SettingVerdict::InEffect {
            not_offered(reason)
        } else {
            finding
        }
    }
}

/// What the library lacks, because of `reason`.
fn not_offered(reason: &str) -> Finding {
    Finding::not_offered(format!("stand-in: {reason}"))
}

fn unknown() -> Finding {
    Finding::without_value(SettingVerdict::Unknown)
}

/// The line is not in the server's configuration.
fn not_set() -> SettingVerdict {
    SettingVerdict::Overridden {
        by: "the default: no line that the server has read sets it".to_owned(),
    }
}

/// True for `ip` and for `ip[1]`.
fn is_item(name: &str, item: &str) -> bool {
    name.strip_prefix(item)
        .is_some_and(|index| index.is_empty() || index.starts_with('[') && index.ends_with(']'))
}

impl<'a> Inquiry<'a> {
    /// What the files set under `key`.
    fn value_of(self, key: &str) -> Option<&'a str> {
        self.set(SettingKind::File, key)
    }

    /// What the deployment sets the variable to.
    fn variable(self, name: &str) -> Option<&'a str> {
        self.set(SettingKind::Environment, name)
    }

    fn set(self, kind: SettingKind, key: &str) -> Option<&'a str> {
        self.settings
            .iter()
            .find(|setting| setting.kind == kind && setting.key == key)
            .map(|setting| setting.value.expose())
    }

    /// Every user whose password stands in a variable, and that variable.
    fn passwords(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().filter_map(|setting| {
            let user = setting
                .key
                .strip_prefix("users.")?
                .strip_suffix(".password[@from_env]")?;
            Some((user, setting.value.expose()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setting of a file for the tests of these rooms.
    pub(super) fn setting(file: &str, key: &str, value: &str) -> Setting {
        Setting {
            file: file.to_owned(),
            line: 1,
            key: key.to_owned(),
            value: crate::deployment::SettingValue::Plain(value.to_owned()),
            kind: SettingKind::File,
        }
    }

    #[test]
    fn what_a_stand_in_read_and_does_not_follow_is_no_pass_but_a_difference_is_told() {
        let reason = "no quotas";
        let equal = || Finding::in_effect("1", "system.quotas");
        let other = || Finding::differs("2", "system.quotas");

        assert_eq!(StandIn(false).or_in_effect(reason, equal()), equal());
        assert_eq!(StandIn(true).or_in_effect(reason, equal()), not_offered(reason));
        assert_eq!(StandIn(true).or_in_effect(reason, other()), other());
    }
}
