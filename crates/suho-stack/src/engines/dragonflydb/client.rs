//! A connection in the Redis protocol.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use super::super::asking::CONNECT_LIMIT;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 6379;
const PASSWORD: &str = "DFLY_requirepass";
/// The client's own limit is half a second, which a loaded machine exceeds; the checks have limits of their own.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Where and with what the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!(
        "redis://:{}@{}",
        endpoint.credential(PASSWORD)?,
        endpoint.address(PORT)?
    ))
}

/// A connection that has given the password.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, url(endpoint)?).await
}

/// A connection that has given no password yet.
pub(super) async fn connect_unknown(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, format!("redis://{}", endpoint.address(PORT)?)).await
}

async fn open(endpoint: &Endpoint, url: String) -> Result<MultiplexedConnection, EngineError> {
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(Some(ANSWER_LIMIT));
    let client = Client::open(url).map_err(endpoint.failed("read the address"))?;
    client
        .get_multiplexed_async_connection_with_config(&limits)
        .await
        .map_err(endpoint.failed("connect"))
}

/// The server's words, if it turned the client away because of who it is.
pub(super) fn refusal(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    matches!(code, "WRONGPASS" | "NOAUTH").then(|| match error.detail() {
        Some(detail) => format!("{code} {detail}"),
        None => code.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, make_extension_error};

    use super::*;

    #[test]
    fn a_refusal_has_its_code_and_trouble_has_none() {
        let refused = make_extension_error("NOAUTH".into(), Some("Authentication required.".into()));
        let loading = make_extension_error("LOADING".into(), None);
        let broken = RedisError::from((ErrorKind::Io, "connection reset"));

        assert_eq!(refusal(&refused).as_deref(), Some("NOAUTH Authentication required."));
        assert_eq!(refusal(&loading), None);
        assert_eq!(refusal(&broken), None);
    }
}
