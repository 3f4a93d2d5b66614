//! A server that the user names by `DATABASE_URL`.

use std::collections::BTreeMap;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::super::super::{Endpoint, EngineError, Place};
use super::super::client::{ADMINISTRATOR, Account, NAMED_USER, PASSWORD, PORT, SCHEMA_DATABASE};
use crate::deployment::Secret;

const SERVICE: &str = "suho-postgresql";

/// The endpoint behind `url`, of which the user is everybody: services, and the administrator who makes databases and roles.
pub(in super::super) fn named(url: &str) -> Result<Endpoint, EngineError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(bad("it is no URL that begins with postgres:// or postgresql://"));
    }
    let config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        bad(format!("{error}; of sslmode, only disable and prefer can be used here"))
    })?;
    if !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
        return Err(bad(
            "sslmode asks for TLS, which this client does not speak: leave it out",
        ));
    }
    let [Host::Tcp(host)] = config.get_hosts() else {
        return Err(bad("it must name one host, and no socket"));
    };
    let user = config.get_user().ok_or_else(|| bad("it names no user"))?;
    let password = config.get_password().ok_or_else(|| bad("it has no password"))?;
    let password = String::from_utf8(password.to_vec()).map_err(|_| bad("its password is not UTF-8"))?;
    // As every client has it: the user's name is that of his database.
    let database = config.get_dbname().unwrap_or(user);
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    Ok(Endpoint {
        service: SERVICE.to_owned(),
        place: Place::Host,
        host: host.clone(),
        ports: BTreeMap::from([(PORT, port)]),
        environment: [
            (NAMED_USER, user),
            (PASSWORD, &password),
            (ADMINISTRATOR, user),
            (Account::Administrator.password(), &password),
            (SCHEMA_DATABASE, database),
        ]
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .into(),
    })
}

fn bad(reason: impl Into<String>) -> EngineError {
    EngineError::BadVariable {
        service: SERVICE.to_owned(),
        variable: "DATABASE_URL",
        reason: reason.into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::super::client;
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together_again() {
        let url = "postgres://tom%40home:p%3Aw%2F1@db.example:6543/or%20ders";

        let endpoint = named(url).unwrap();

        assert_eq!(endpoint.address(PORT).unwrap(), "db.example:6543");
        assert_eq!(endpoint.credential(PASSWORD).unwrap(), "p:w/1");
        assert_eq!(Account::Administrator.role_at(&endpoint), "tom@home");
        assert_eq!(client::database(&endpoint), "or ders");
        assert_eq!(client::url(&endpoint).unwrap(), url);
    }

    #[test]
    fn what_a_url_leaves_out_is_as_for_every_client() {
        let endpoint = named("postgresql://tom:pw@localhost?sslmode=disable").unwrap();

        assert_eq!(endpoint.address(PORT).unwrap(), "localhost:5432");
        assert_eq!(client::database(&endpoint), "tom");
    }

    #[rstest]
    #[case("mysql://tom:pw@localhost", "postgres://")]
    #[case("postgres://tom:pw@localhost/db?sslmode=require", "TLS")]
    #[case("postgres://tom:pw@localhost/db?sslmode=verify-full", "sslmode")]
    #[case("postgres://tom@localhost/db", "no password")]
    #[case("postgres://localhost/db", "no user")]
    #[case("postgres://tom:pw@one,two/db", "one host")]
    #[case("postgres://tom:pw@%2Frun/db", "no socket")]
    fn a_url_that_cannot_be_used_is_refused_in_words_without_its_password(#[case] url: &str, #[case] words: &str) {
        let error = named(url).unwrap_err().in_full();

        assert!(error.contains("DATABASE_URL") && error.contains(words), "{error}");
        assert!(!error.contains("pw"), "{error}");
    }
}
