//! A server that is not ours, as `NATS_URL` names it.

use std::collections::BTreeMap;

use super::super::{Endpoint, EngineError, Place};
use super::client::{PORT, PROGRAMS};
use crate::deployment::Secret;

const VARIABLE: &str = "NATS_URL";

/// The endpoint at `url`: `nats://user:password@host:4222`, or without a user where the server asks for none.
pub(super) fn endpoint(url: &str) -> Result<Endpoint, EngineError> {
    let rest = match url.split_once("://") {
        Some(("nats", rest)) => rest,
        Some((scheme, _)) => {
            return Err(bad(format!(
                "`{scheme}` is not spoken here; give nats://user:password@host:port"
            )));
        }
        None => url,
    };
    if rest.contains(',') {
        return Err(bad("it names several servers; give one".to_owned()));
    }
    let rest = rest.split(['/', '?']).next().unwrap_or_default();
    let (login, address) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, password) = match login.split_once(':') {
        Some((user, password)) if !user.is_empty() => (user, password),
        None if login.is_empty() => ("", ""),
        _ => {
            return Err(bad(
                "it has a token or a password without a user; give nats://user:password@host:port".to_owned(),
            ));
        }
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (
            host,
            port.parse()
                .map_err(|_| bad("its port is no number up to 65535".to_owned()))?,
        ),
        None => (address, PORT),
    };
    if host.is_empty() {
        return Err(bad("it names no host".to_owned()));
    }
    let environment = [(PROGRAMS.named_by, user), (PROGRAMS.password, password)];
    Ok(Endpoint {
        service: "suho-nats-server".to_owned(),
        place: Place::Host,
        host: host.to_owned(),
        ports: BTreeMap::from([(PORT, port)]),
        environment: environment
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into(),
    })
}

fn bad(reason: String) -> EngineError {
    EngineError::BadVariable {
        service: "suho-nats-server".to_owned(),
        variable: VARIABLE,
        reason,
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::client;
    use super::*;

    #[rstest]
    #[case("nats://app:secret@mq.local:4333", "nats://app:secret@mq.local:4333")]
    #[case("nats://mq.local", "nats://mq.local:4222")]
    #[case("127.0.0.1:4222", "nats://127.0.0.1:4222")]
    #[case("nats://app:p@ss@[::1]:4222/", "nats://app:p@ss@[::1]:4222")]
    fn a_url_comes_back_as_it_was_given(#[case] given: &str, #[case] expected: &str) {
        let url = endpoint(given).and_then(|endpoint| client::url(&endpoint));

        assert_eq!(url.ok().as_deref(), Some(expected));
    }

    #[rstest]
    #[case("tls://mq.local", "`tls` is not spoken here")]
    #[case("nats://a:1,b:2", "several servers")]
    #[case("nats://s3cr3t@mq.local", "a token")]
    #[case("nats://mq.local:99999", "no number up to 65535")]
    #[case("nats://app:s3cr3t@:4222", "no host")]
    fn what_is_not_understood_is_told_without_the_secret(#[case] given: &str, #[case] words: &str) {
        let error = endpoint(given).map_err(|error| error.to_string());

        let error = error.expect_err("it is wrong");
        assert!(error.contains(words) && error.contains("NATS_URL"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
