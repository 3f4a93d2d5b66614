//! A broker that is not ours, as `KAFKA_BOOTSTRAP_SERVERS` and its companions name it.

use std::collections::BTreeMap;

use super::super::{Endpoint, EngineError, Place};
use super::client::{MECHANISM, PLAINTEXT, PROGRAMS, PROTOCOL, PUBLISHED_PORT};
use crate::deployment::Secret;

const SERVICE: &str = "suho-kafka";
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";
const USER: &str = "KAFKA_SASL_USERNAME";

/// The endpoint that the variables name; none where there are no servers among them.
pub(super) fn endpoint(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
    let Some(servers) = variable(SERVERS).filter(|servers| !servers.is_empty()) else {
        return Ok(None);
    };
    // Any of them tells of all others.
    let server = servers.split(',').next().unwrap_or_default().trim();
    let Some((host, port)) = server.rsplit_once(':').filter(|(host, _)| !host.is_empty()) else {
        return Err(bad(SERVERS, "give host:port".to_owned()));
    };
    let port = port
        .parse()
        .map_err(|_| bad(SERVERS, "its port is no number up to 65535".to_owned()))?;
    let (user, password) = login(variable)?;
    let environment = [(PROGRAMS.named_by, user), (PROGRAMS.password, password)];
    Ok(Some(Endpoint {
        service: SERVICE.to_owned(),
        place: Place::Host,
        host: host.to_owned(),
        ports: BTreeMap::from([(PUBLISHED_PORT, port)]),
        environment: environment
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into(),
    }))
}

/// A user and a password; both empty where the broker asks for nobody.
fn login(variable: &dyn Fn(&str) -> Option<String>) -> Result<(String, String), EngineError> {
    let user = variable(USER).unwrap_or_default();
    let protocol = variable("KAFKA_SECURITY_PROTOCOL");
    let default = if user.is_empty() { PLAINTEXT } else { PROTOCOL };
    match protocol.as_deref().unwrap_or(default) {
        PLAINTEXT => return Ok((String::new(), String::new())),
        PROTOCOL => {}
        other => {
            let reason = format!("`{other}` is not spoken here; {PLAINTEXT} and {PROTOCOL} are");
            return Err(bad("KAFKA_SECURITY_PROTOCOL", reason));
        }
    }
    if let Some(mechanism) = variable("KAFKA_SASL_MECHANISM").filter(|mechanism| mechanism != MECHANISM) {
        let reason = format!("`{mechanism}` is not spoken here; {MECHANISM} is");
        return Err(bad("KAFKA_SASL_MECHANISM", reason));
    }
    if user.is_empty() {
        return Err(bad(USER, format!("it is not set, and {PROTOCOL} asks for a user")));
    }
    Ok((user, variable("KAFKA_SASL_PASSWORD").unwrap_or_default()))
}

fn bad(variable: &'static str, reason: String) -> EngineError {
    EngineError::BadVariable {
        service: SERVICE.to_owned(),
        variable,
        reason,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::super::Engine;
    use super::super::Kafka;
    use super::*;

    fn named(variables: &[(&str, &str)]) -> Result<Option<Endpoint>, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Kafka.named_by(&variable).map_err(|error| error.to_string())
    }

    const LOGIN: &[(&str, &str)] = &[
        ("KAFKA_BOOTSTRAP_SERVERS", "mq.local:9093"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "app"),
        ("KAFKA_SASL_PASSWORD", "s3cr3t"),
    ];

    #[test]
    fn what_was_given_comes_back() {
        let endpoint = named(LOGIN).unwrap().unwrap();

        let variables = Kafka.variables(&endpoint).unwrap();

        let given: Vec<_> = LOGIN.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        assert_eq!(variables, given);
    }

    #[test]
    fn a_broker_without_users_is_asked_as_nobody() {
        let endpoint = named(&[("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")]).unwrap().unwrap();

        let variables = Kafka.variables(&endpoint).unwrap();

        let expected = [
            ("KAFKA_BOOTSTRAP_SERVERS", "a:1"),
            ("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        ];
        assert_eq!(variables, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(named(&[]), Ok(None));
    }

    #[rstest]
    #[case("KAFKA_BOOTSTRAP_SERVERS", "mq.local", "give host:port")]
    #[case("KAFKA_BOOTSTRAP_SERVERS", "mq.local:x", "no number up to 65535")]
    #[case("KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "`SASL_SSL` is not spoken here")]
    #[case("KAFKA_SASL_MECHANISM", "GSSAPI", "`GSSAPI` is not spoken here")]
    #[case("KAFKA_SASL_USERNAME", "", "asks for a user")]
    fn what_is_not_understood_is_told(#[case] variable: &str, #[case] value: &str, #[case] words: &str) {
        let others = LOGIN.iter().filter(|(name, _)| *name != variable).copied();
        let variables: Vec<_> = others.chain([(variable, value)]).collect();

        let error = named(&variables).unwrap_err();

        assert!(error.contains(words) && error.contains(variable), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
