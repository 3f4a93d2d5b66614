//! One session over TCP, as the service user or one of the other accounts.

use tokio_postgres::{Client, Config, Error, NoTls, config::SslMode};

use super::super::{Endpoint, EngineError};

pub(super) const PORT: u16 = 5432;
const ROLE: &str = "suho";
const DATABASE: &str = "suho";
pub(super) const PASSWORD: &str = "SUHO_POSTGRESQL_PASSWORD";

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// Owns the cluster.
    Administrator,
    /// The services of the platform.
    Service,
    /// Dashboards and monitoring: it reads, and sees where each setting comes from.
    Reader,
    /// The exporter of a stack that is watched.
    Monitor,
}

impl Account {
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Administrator => "suho_admin",
            Self::Service => ROLE,
            Self::Reader => "suho_reader",
            Self::Monitor => "suho_monitor",
        }
    }

    /// Its role on the server of `endpoint`.
    pub(super) fn role_at(self, endpoint: &Endpoint) -> &str {
        let variable = match self {
            Self::Administrator => ADMINISTRATOR,
            Self::Service | Self::Reader | Self::Monitor => NAMED_USER,
        };
        endpoint.credential(variable).unwrap_or(self.role())
    }

    /// The variable that carries its password.
    pub(super) fn password(self) -> &'static str {
        match self {
            Self::Administrator => "POSTGRES_PASSWORD",
            Self::Service => PASSWORD,
            Self::Reader => "SUHO_POSTGRESQL_READER_PASSWORD",
            Self::Monitor => "SUHO_POSTGRESQL_MONITOR_PASSWORD",
        }
    }
}

/// Set in the endpoint of a server that the user named by `DATABASE_URL`, and nowhere else: its one user is everybody.
pub(super) const NAMED_USER: &str = "SUHO_POSTGRESQL_USER";
/// Who owns the cluster, by the names that the compose file gives.
pub(super) const ADMINISTRATOR: &str = "POSTGRES_USER";
/// The database with the platform's schema.
pub(super) const SCHEMA_DATABASE: &str = "POSTGRES_DB";

/// Whether the user named this server himself: then it need not have the platform's roles and tables.
pub(super) fn is_named_by_user(endpoint: &Endpoint) -> bool {
    endpoint.environment.contains_key(NAMED_USER)
}

/// The database with the platform's schema.
pub(super) fn database(endpoint: &Endpoint) -> &str {
    endpoint.credential(SCHEMA_DATABASE).unwrap_or(DATABASE)
}

/// Where and as whom the platform's programs log in.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let login = Login {
        role: Account::Service.role_at(endpoint),
        password: endpoint.credential(PASSWORD)?,
        database: database(endpoint),
    };
    login.url(endpoint)
}

/// Who goes where.
#[derive(Clone, Copy)]
pub(super) struct Login<'a> {
    pub role: &'a str,
    pub password: &'a str,
    pub database: &'a str,
}

impl Login<'_> {
    /// For every program that knows what a URL is.
    pub(super) fn url(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        let [role, password, database] = [self.role, self.password, self.database].map(encoded);
        Ok(format!(
            "postgres://{role}:{password}@{}/{database}",
            endpoint.address(PORT)?
        ))
    }

    /// The inner result is the server's answer to the password.
    pub(super) async fn try_in(&self, endpoint: &Endpoint) -> Result<Result<Client, Error>, EngineError> {
        let mut config = Config::new();
        config
            .host(&endpoint.host)
            .port(endpoint.port(PORT)?)
            .user(self.role)
            .password(self.password)
            .dbname(self.database)
            .application_name("suho-stack")
            .ssl_mode(SslMode::Disable);
        // The state of a login is kilobytes, which every future around it would carry.
        let connecting = Box::pin(config.connect(NoTls)).await;
        Ok(connecting.map(|(client, connection)| {
            // Ends by itself when the client is dropped.
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a session of PostgreSQL ended");
                }
            });
            client
        }))
    }
}

fn hexadecimal(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}

/// Letters and digits as they are, all else as URLs write it.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.extend(['%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]);
        }
    }
    encoded
}

/// A session of the service user.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Client, EngineError> {
    connect_as(endpoint, Account::Service).await
}

/// A session of `account`.
pub(super) async fn connect_as(endpoint: &Endpoint, account: Account) -> Result<Client, EngineError> {
    log_in_as(endpoint, account, endpoint.credential(account.password())?)
        .await?
        .map_err(endpoint.failed(format!("log in as {}", account.role_at(endpoint))))
}

/// Tries `password` for the service user; the inner result is the server's answer to it.
pub(super) async fn log_in(endpoint: &Endpoint, password: &str) -> Result<Result<Client, Error>, EngineError> {
    log_in_as(endpoint, Account::Service, password).await
}

/// Tries `password` for `account`; the inner result is the server's answer to it.
pub(super) async fn log_in_as(
    endpoint: &Endpoint,
    account: Account,
    password: &str,
) -> Result<Result<Client, Error>, EngineError> {
    let login = Login {
        role: account.role_at(endpoint),
        password,
        database: database(endpoint),
    };
    login.try_in(endpoint).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_urls_give_a_meaning_is_written_as_they_write_it() {
        assert_eq!(encoded("tom@home:5%/é"), "tom%40home%3A5%25%2F%C3%A9");
        assert_eq!(encoded("t0f"), "t0f");
    }
}
