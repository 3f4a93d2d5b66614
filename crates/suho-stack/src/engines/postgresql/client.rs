//! One session over TCP, as the service user or one of the other accounts.

use tokio_postgres::{Client, Config, Error, NoTls, config::SslMode};

use super::super::{Endpoint, EngineError};

pub(super) const PORT: u16 = 5432;
const ROLE: &str = "suho";
const DATABASE: &str = "suho";
const PASSWORD: &str = "SUHO_POSTGRESQL_PASSWORD";

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// Owns the cluster.
    Administrator,
    /// The services of the platform.
    Service,
    /// Dashboards and monitoring: it reads, and sees where each setting comes from.
    Reader,
}

impl Account {
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Administrator => "suho_admin",
            Self::Service => ROLE,
            Self::Reader => "suho_reader",
        }
    }

    /// The variable that carries its password.
    pub(super) fn password(self) -> &'static str {
        match self {
            Self::Administrator => "POSTGRES_PASSWORD",
            Self::Service => PASSWORD,
            Self::Reader => "SUHO_POSTGRESQL_READER_PASSWORD",
        }
    }
}

/// Where and as whom the platform's programs log in.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let password = endpoint.credential(PASSWORD)?;
    Ok(format!(
        "postgres://{ROLE}:{password}@{}/{DATABASE}",
        endpoint.address(PORT)?
    ))
}

/// A session of the service user.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Client, EngineError> {
    connect_as(endpoint, Account::Service).await
}

/// A session of `account`.
pub(super) async fn connect_as(endpoint: &Endpoint, account: Account) -> Result<Client, EngineError> {
    log_in_as(endpoint, account, endpoint.credential(account.password())?)
        .await?
        .map_err(endpoint.failed(format!("log in as {}", account.role())))
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
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.port(PORT)?)
        .user(account.role())
        .password(password)
        .dbname(DATABASE)
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
