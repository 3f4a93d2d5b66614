//! A server that the user names by `CLICKHOUSE_URL`.

use std::collections::BTreeMap;

use reqwest::Url;

use super::super::super::{Endpoint, EngineError, Place};
use super::super::client::{NAMED_USER, PASSWORD, PORT};
use super::NAMED_SCHEMA;
use crate::deployment::Secret;

const SERVICE: &str = "suho-clickhouse";
const URL: &str = "CLICKHOUSE_URL";
const USER: &str = "CLICKHOUSE_USER";
const USERS_PASSWORD: &str = "CLICKHOUSE_PASSWORD";

/// The endpoint that these variables name, of which the user makes databases and other users.
pub(in super::super) fn named(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
    let Some(url) = variable(URL) else {
        return Ok(None);
    };
    let url = Url::parse(&url).map_err(|error| bad(URL, error.to_string()))?;
    if url.scheme() != "http" {
        return Err(bad(
            URL,
            "it does not begin with http://: this client speaks no TLS, and no native protocol",
        ));
    }
    if !matches!(url.path(), "" | "/") {
        return Err(bad(URL, "it has a path: name a database by ?database="));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            URL,
            "it names a user: put him into CLICKHOUSE_USER and CLICKHOUSE_PASSWORD",
        ));
    }
    let host = url.host_str().ok_or_else(|| bad(URL, "it names no host"))?;
    let user = variable(USER).ok_or_else(|| bad(USER, "it is not set"))?;
    let password = variable(USERS_PASSWORD).ok_or_else(|| bad(USERS_PASSWORD, "it is not set"))?;
    let mut environment = BTreeMap::from([
        (NAMED_USER.to_owned(), Secret::new(user)),
        (PASSWORD.to_owned(), Secret::new(password)),
    ]);
    if let Some((_, database)) = url.query_pairs().find(|(name, _)| name == "database") {
        environment.insert(NAMED_SCHEMA.to_owned(), Secret::new(database));
    }
    Ok(Some(Endpoint {
        service: SERVICE.to_owned(),
        place: Place::Host,
        host: host.to_owned(),
        // Of HTTP it is 80, of this server 8123.
        ports: BTreeMap::from([(PORT, url.port().unwrap_or(PORT))]),
        environment,
    }))
}

fn bad(variable: &'static str, reason: impl Into<String>) -> EngineError {
    EngineError::BadVariable {
        service: SERVICE.to_owned(),
        variable,
        reason: reason.into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::super::client;
    use super::*;

    fn variables(url: Option<&'static str>, user: Option<&'static str>) -> impl Fn(&str) -> Option<String> {
        move |name: &str| match name {
            URL => url.map(str::to_owned),
            USER => user.map(str::to_owned),
            USERS_PASSWORD => Some("pw1".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_server_is_named_by_three_variables_and_nothing_is_where_they_are_not_set() {
        let endpoint = named(&variables(Some("http://db:9123/?database=orders"), Some("tom")));

        let endpoint = endpoint.unwrap().unwrap();
        assert_eq!(client::url(&endpoint).unwrap(), "http://db:9123");
        assert_eq!(client::user(&endpoint), "tom");
        assert_eq!(client::password(&endpoint).unwrap(), "pw1");
        assert_eq!(endpoint.credential(NAMED_SCHEMA).unwrap(), "orders");
        assert_eq!(named(&variables(None, Some("tom"))).unwrap(), None);
    }

    #[test]
    fn the_port_that_is_left_out_is_the_server_s() {
        let endpoint = named(&variables(Some("http://db"), Some("tom"))).unwrap().unwrap();

        assert_eq!(client::url(&endpoint).unwrap(), "http://db:8123");
    }

    #[rstest]
    #[case("https://db:8443", Some("tom"), "TLS")]
    #[case("db:9000", Some("tom"), "http://")]
    #[case("http://db/orders", Some("tom"), "?database=")]
    #[case("http://tom:word@db", Some("tom"), "CLICKHOUSE_USER")]
    #[case("http://db", None, "not set")]
    fn what_cannot_be_used_is_refused_in_words(
        #[case] url: &'static str,
        #[case] user: Option<&'static str>,
        #[case] words: &str,
    ) {
        let error = named(&variables(Some(url), user)).unwrap_err().in_full();

        assert!(error.contains(words), "{error}");
        assert!(!error.contains("word@") && !error.contains("pw1"), "{error}");
    }
}
