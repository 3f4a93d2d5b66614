//! A connection in the Redis protocol.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, RedisError};

use super::super::asking::CONNECT_LIMIT;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 6379;
const PASSWORD: &str = "DFLY_requirepass";
/// The client's own limit is half a second, which a loaded machine exceeds; the checks have limits of their own.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Where and with what the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("redis://:{}@{}", password(endpoint)?, endpoint.address(PORT)?))
}

/// The service user's password.
pub(super) fn password(endpoint: &Endpoint) -> Result<&str, EngineError> {
    endpoint.credential(PASSWORD)
}

/// The base of the HTTP console, which Dragonfly serves on the same port.
pub(super) fn console(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// A connection that has given the password.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, url(endpoint)?).await
}

/// A connection that has given no password yet.
pub(super) async fn connect_unknown(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, format!("redis://{}", endpoint.address(PORT)?)).await
}

/// A connection that hears what is published, once it has subscribed.
pub(super) async fn subscriber(endpoint: &Endpoint) -> Result<PubSub, EngineError> {
    let client = Client::open(url(endpoint)?).map_err(endpoint.failed("read the address"))?;
    client.get_async_pubsub().await.map_err(endpoint.failed("connect"))
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

/// The server's words to a client with `password`, if it turns it away.
pub(super) async fn refusal_of(endpoint: &Endpoint, password: &str) -> Result<Option<String>, EngineError> {
    let mut connection = connect_unknown(endpoint).await?;
    let answer: Result<String, RedisError> = redis::cmd("AUTH").arg(password).query_async(&mut connection).await;
    match answer {
        Ok(_) => Ok(None),
        Err(error) => refusal(&error)
            .map(Some)
            .ok_or_else(|| endpoint.failed("log in")(error)),
    }
}

/// All that the server says of itself.
pub(super) async fn info(endpoint: &Endpoint, connection: &mut MultiplexedConnection) -> Result<String, EngineError> {
    let answer = redis::cmd("INFO").query_async(connection).await;
    answer.map_err(endpoint.failed("read what the server says of itself"))
}

/// One field of that.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// True where Dragonfly itself serves, and not a stand-in.
pub(super) fn is_dragonfly(info: &str) -> bool {
    field(info, "dragonfly_version").is_some()
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
