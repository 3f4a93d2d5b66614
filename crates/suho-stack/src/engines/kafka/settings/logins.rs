//! The users of the listeners, proved by logging in as each of them, and as those who have no business there.

use std::collections::BTreeMap;
use std::io;

use futures::future::try_join_all;

use super::super::super::proving::{Finding, SettingVerdict};
use super::super::super::{Endpoint, EngineError};
use super::super::wire::{Config, Wire};
use super::Environment;
use crate::deployment::Setting;

/// What came of the logins at every listener.
pub(super) struct Logins {
    /// By the name of the listener, as its key has it.
    listeners: BTreeMap<String, Listener>,
    users: Vec<User>,
}

/// A user that a line of the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    name: String,
    /// As the file has it: the name of a variable.
    password: String,
    listener: String,
}

enum Listener {
    /// Who was tried, and whether the broker let him in.
    Asked(Vec<(String, bool)>),
    NotReached(String),
}

impl Logins {
    /// Tries every user at every listener.
    pub(super) async fn try_all(
        endpoint: &Endpoint,
        settings: &[Setting],
        configs: &BTreeMap<String, Config>,
        environment: &Environment<'_>,
    ) -> Result<Self, EngineError> {
        let users: Vec<_> = settings.iter().flat_map(users).collect();
        let ports = configs
            .get("listeners")
            .and_then(|listeners| listeners.value.as_deref());
        let listeners = ports.unwrap_or_default().split(',').filter_map(name_and_port);
        let asked = try_join_all(listeners.map(|(name, port)| {
            let users = &users;
            async move {
                let asked = match endpoint.address(port) {
                    Ok(address) => Listener::Asked(knock(endpoint, &address, users, environment).await?),
                    Err(EngineError::NotPublished { .. }) => {
                        Listener::NotReached(format!("the port {port} of this listener is not published"))
                    }
                    Err(error) => return Err(error),
                };
                Ok((name, asked))
            }
        }))
        .await?;
        Ok(Self {
            listeners: asked.into_iter().collect(),
            users,
        })
    }

    /// Whether a listener has the users of its line, and no others; none where `key` is no such line.
    pub(super) fn of_listener(&self, key: &str) -> Option<Finding> {
        let listener = listener_of(key)?;
        let asked = match self.listeners.get(listener) {
            Some(Listener::Asked(asked)) => asked,
            Some(Listener::NotReached(reason)) => return Some(Finding::not_askable(reason)),
            None => return Some(Finding::without_value(SettingVerdict::Unknown)),
        };
        let is_its_own = |name: &str| {
            self.users
                .iter()
                .any(|user| user.name == name && user.listener == listener)
        };
        let words: Vec<_> = asked
            .iter()
            .map(|(name, is_let_in)| format!("{} {name}", if *is_let_in { "lets in" } else { "refuses" }))
            .collect();
        let is_right = asked.iter().all(|(name, is_let_in)| *is_let_in == is_its_own(name));
        Some(Finding::compared(is_right, words.join(", "), "logins at this listener"))
    }

    /// Whether the value of `variable` lets in those whose password it is; none where it is nobody's.
    pub(super) fn with_password(&self, variable: &str) -> Option<Finding> {
        let named = format!("${{env:{variable}}}");
        let users: Vec<_> = self.users.iter().filter(|user| user.password == named).collect();
        users.first()?;
        let mut unreached = None;
        let mut tried = Vec::new();
        for user in users {
            match self.listeners.get(&user.listener) {
                Some(Listener::Asked(asked)) => tried.extend(asked.iter().filter(|(name, _)| *name == user.name)),
                Some(Listener::NotReached(reason)) => unreached = Some(reason.as_str()),
                None => {}
            }
        }
        if tried.is_empty() {
            return Some(Finding::not_askable(unreached.unwrap_or("no listener has this user")));
        }
        let is_let_in = tried.iter().all(|(_, is_let_in)| *is_let_in);
        let shown = if is_let_in { "(secret)" } else { "another password" };
        Some(Finding::compared(is_let_in, shown, "logins with this password"))
    }
}

/// Tries each of `users` once.
async fn knock(
    endpoint: &Endpoint,
    address: &str,
    users: &[User],
    environment: &Environment<'_>,
) -> Result<Vec<(String, bool)>, EngineError> {
    let passwords: BTreeMap<_, _> = users.iter().map(|user| (&user.name, &user.password)).collect();
    let logins = passwords.into_iter().map(|(name, password)| async move {
        let mut wire = Wire::connect(address).await?;
        let answer = wire.log_in(name, &environment.fill(password)).await?;
        Ok::<_, io::Error>((name.clone(), answer.is_ok()))
    });
    try_join_all(logins)
        .await
        .map_err(endpoint.failed(format!("log in at {address}")))
}

/// `internal` of `listener.name.internal.plain.sasl.jaas.config`.
fn listener_of(key: &str) -> Option<&str> {
    let listener = key.strip_prefix("listener.name.")?.strip_suffix(".sasl.jaas.config")?;
    listener.strip_suffix(".plain")
}

/// `internal`, 29092 of `INTERNAL://0.0.0.0:29092`.
fn name_and_port(listener: &str) -> Option<(String, u16)> {
    let (name, address) = listener.split_once("://")?;
    let (_, port) = address.rsplit_once(':')?;
    Some((name.trim().to_lowercase(), port.trim().parse().ok()?))
}

/// The users of one line: `user_suho="${env:SUHO_KAFKA_PASSWORD}"`.
fn users(setting: &Setting) -> Vec<User> {
    let Some(listener) = listener_of(&setting.key) else {
        return Vec::new();
    };
    let words = setting.value.expose().trim_end_matches(';').split_whitespace();
    words
        .filter_map(|word| word.strip_prefix("user_")?.split_once('='))
        .map(|(name, password)| User {
            name: name.to_owned(),
            password: password.trim_matches('"').to_owned(),
            listener: listener.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::deployment::{SettingKind, SettingValue};

    const EXTERNAL: &str = "listener.name.external.plain.sasl.jaas.config";

    fn setting(key: &str, value: &str) -> Setting {
        Setting {
            file: "kafka.properties".into(),
            line: 1,
            key: key.into(),
            value: SettingValue::Plain(value.into()),
            kind: SettingKind::File,
        }
    }

    fn user(name: &str, listener: &str) -> User {
        User {
            name: name.into(),
            password: format!("${{env:{}}}", name.to_uppercase()),
            listener: listener.into(),
        }
    }

    #[test]
    fn the_users_of_a_line_are_those_whom_the_broker_knows_not_the_broker_itself() {
        let line = "a.PlainLoginModule required username=\"x\" password=\"y\" user_a=\"${env:A}\" user_b=\"${env:B}\";";

        let users = users(&setting(EXTERNAL, line));

        assert_eq!(users, [user("a", "external"), user("b", "external")]);
    }

    #[rstest]
    #[case(&[("suho", true), ("broker", false)], "external", SettingVerdict::InEffect)]
    #[case(
        &[("suho", true), ("broker", true)],
        "external",
        SettingVerdict::Differs { effective: "lets in suho, lets in broker".into() }
    )]
    #[case(
        &[("suho", false), ("broker", false)],
        "external",
        SettingVerdict::Differs { effective: "refuses suho, refuses broker".into() }
    )]
    fn a_listener_has_its_users_and_no_others(
        #[case] asked: &[(&str, bool)],
        #[case] listener: &str,
        #[case] expected: SettingVerdict,
    ) {
        let asked = asked.iter().map(|(name, is_let_in)| ((*name).to_owned(), *is_let_in));
        let logins = Logins {
            listeners: BTreeMap::from([(listener.to_owned(), Listener::Asked(asked.collect()))]),
            users: vec![user("suho", "external"), user("broker", "internal")],
        };

        assert_eq!(
            logins.of_listener(EXTERNAL).map(|finding| finding.verdict),
            Some(expected)
        );
        let misspelt = logins.of_listener("listener.name.externalx.plain.sasl.jaas.config");
        assert_eq!(misspelt.map(|finding| finding.verdict), Some(SettingVerdict::Unknown));
        assert_eq!(
            logins.of_listener("listener.name.external.plain.sasl.jaas.configx"),
            None
        );
    }

    #[test]
    fn a_listener_that_is_not_published_proves_nothing() {
        let logins = Logins {
            listeners: BTreeMap::from([("internal".to_owned(), Listener::NotReached("not published".into()))]),
            users: vec![user("broker", "internal")],
        };

        let finding = logins.with_password("BROKER").map(|finding| finding.verdict);

        assert!(
            matches!(finding, Some(SettingVerdict::NotAskable { .. })),
            "{finding:?}"
        );
        assert!(logins.with_password("OTHER").is_none());
    }

    #[test]
    fn a_listener_is_a_name_and_a_port() {
        assert_eq!(
            name_and_port("INTERNAL://0.0.0.0:29092"),
            Some(("internal".into(), 29092))
        );
        assert_eq!(name_and_port("PLAINTEXT"), None);
    }
}
