//! A connection in the Redis protocol.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisError};
use reqwest::Url;

use super::super::asking::CONNECT_LIMIT;
use super::super::{Endpoint, EngineError, Place};
use crate::deployment::Secret;

const PORT: u16 = 6379;
const PASSWORD: &str = "DFLY_requirepass";
/// Carries the user of an endpoint that a URL names; the deployment's has a password alone.
const USER: &str = "REDIS_USER";
/// Carries its database.
const DATABASE: &str = "REDIS_DATABASE";
/// Names an endpoint of the user's.
const URL: &str = "REDIS_URL";
/// The client's own limit is half a second, which a loaded machine exceeds; the checks have limits of their own.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Where and with what the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let url = server_url(endpoint)?;
    Ok(match database(endpoint) {
        Some(database) => format!("{url}/{database}"),
        None => url,
    })
}

/// The same without a database.
fn server_url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let user = endpoint.environment.get(USER).map_or("", Secret::expose);
    url_for(endpoint, user, password(endpoint)?)
}

/// The database that the user's URL leads to, where it names one.
pub(super) fn database(endpoint: &Endpoint) -> Option<u32> {
    endpoint.environment.get(DATABASE)?.expose().parse().ok()
}

/// Where `user` connects.
pub(super) fn url_for(endpoint: &Endpoint, user: &str, password: &str) -> Result<String, EngineError> {
    let composing = "compose the address";
    let address = format!("redis://{}", endpoint.address(PORT)?);
    let mut url = Url::parse(&address).map_err(endpoint.failed(composing))?;
    url.set_username(user)
        .and_then(|()| url.set_password(Some(password)))
        .map_err(|()| endpoint.failed(composing)(format!("{address} takes no credentials")))?;
    Ok(url.into())
}

/// The endpoint that `url` leads to.
pub(super) fn named(service: &str, url: &str) -> Result<Endpoint, EngineError> {
    let bad = |reason: String| EngineError::BadVariable {
        service: service.to_owned(),
        variable: URL,
        reason,
    };
    let info = url.into_connection_info().map_err(|error| bad(error.to_string()))?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else {
        return Err(bad("only redis://… without TLS is understood".to_owned()));
    };
    let settings = info.redis_settings();
    let database = Some(settings.db()).filter(|database| *database != 0);
    let database = database.map(|database| database.to_string());
    let credentials = [
        (USER, settings.username()),
        (PASSWORD, settings.password()),
        (DATABASE, database.as_deref()),
    ];
    Ok(Endpoint {
        service: service.to_owned(),
        place: Place::Host,
        host: host.clone(),
        ports: [(PORT, *port)].into(),
        environment: credentials
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Secret::new(value?))))
            .collect(),
    })
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

/// A connection to one of the logical databases.
pub(super) async fn connect_to(endpoint: &Endpoint, database: u32) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, format!("{}/{database}", server_url(endpoint)?)).await
}

/// A connection that has given no password yet.
pub(super) async fn connect_unknown(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    open(endpoint, format!("redis://{}", endpoint.address(PORT)?)).await
}

/// A connection that hears what is published, once it has subscribed.
pub(super) async fn subscriber(endpoint: &Endpoint) -> Result<PubSub, EngineError> {
    subscribe(endpoint, url(endpoint)?).await
}

/// The same with `url`.
pub(super) async fn subscribe(endpoint: &Endpoint, url: String) -> Result<PubSub, EngineError> {
    let client = Client::open(url).map_err(endpoint.failed("read the address"))?;
    client.get_async_pubsub().await.map_err(endpoint.failed("connect"))
}

async fn open(endpoint: &Endpoint, url: String) -> Result<MultiplexedConnection, EngineError> {
    open_with(endpoint, url, Some(ANSWER_LIMIT)).await
}

/// A connection with `url` that waits for each answer no longer than `limit`.
pub(super) async fn open_with(
    endpoint: &Endpoint,
    url: String,
    limit: Option<Duration>,
) -> Result<MultiplexedConnection, EngineError> {
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(limit);
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

/// What of that tells who serves.
pub(super) async fn who_serves(
    endpoint: &Endpoint,
    connection: &mut MultiplexedConnection,
) -> Result<String, EngineError> {
    let answer = redis::cmd("INFO").arg("server").query_async(connection).await;
    answer.map_err(endpoint.failed("read who serves"))
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
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis://:df1@10.0.0.5:40003", "redis://:df1@10.0.0.5:40003")]
    #[case("redis://ann:p%40ss%2F@cache.local/7", "redis://ann:p%40ss%2F@cache.local:6379/7")]
    fn an_endpoint_that_a_url_names_is_reached_as_it_says(#[case] given: &str, #[case] expected: &str) {
        let endpoint = named("suho-dragonflydb", given).ok();

        assert_eq!(
            endpoint.and_then(|endpoint| url(&endpoint).ok()).as_deref(),
            Some(expected)
        );
    }

    #[rstest]
    #[case("rediss://:df1@cache.local")]
    #[case("redis+unix:///run/redis.sock")]
    #[case("cache.local:6379")]
    fn a_url_that_is_not_understood_is_told_without_its_password(#[case] given: &str) {
        let error = named("suho-dragonflydb", given)
            .map(drop)
            .map_err(|error| error.in_full());

        assert!(
            matches!(&error, Err(words) if words.contains("REDIS_URL") && !words.contains("df1")),
            "{error:?}"
        );
    }

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
