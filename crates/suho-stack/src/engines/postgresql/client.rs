//! One session over TCP as the service user.

use tokio_postgres::{Client, Config, Error, NoTls, config::SslMode};

use super::super::{Endpoint, EngineError};

const PORT: u16 = 5432;
const ROLE: &str = "suho";
const DATABASE: &str = "suho";
const PASSWORD: &str = "SUHO_POSTGRESQL_PASSWORD";

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
    log_in(endpoint, endpoint.credential(PASSWORD)?)
        .await?
        .map_err(endpoint.failed(format!("log in as {ROLE}")))
}

/// Tries `password`; the inner result is the server's answer to it.
pub(super) async fn log_in(endpoint: &Endpoint, password: &str) -> Result<Result<Client, Error>, EngineError> {
    let connecting = Config::new()
        .host(&endpoint.host)
        .port(endpoint.port(PORT)?)
        .user(ROLE)
        .password(password)
        .dbname(DATABASE)
        .application_name("suho-stack")
        .ssl_mode(SslMode::Disable)
        .connect(NoTls)
        .await;
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
