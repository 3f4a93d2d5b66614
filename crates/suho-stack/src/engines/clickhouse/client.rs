//! The official client, and what `ClickHouse` says to those it does not know.

use clickhouse::Client;
use clickhouse::error::Error;
use serde_json::Value;

use super::super::asking::Stranger;
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

/// The port of the HTTP interface.
pub(super) const PORT: u16 = 8123;
pub(super) const PASSWORD: &str = "SUHO_CLICKHOUSE_PASSWORD";
/// The service user.
pub(super) const USER: &str = "suho";

/// A wrong name, a wrong password, a wrong address: one and the same answer.
pub(super) const AUTHENTICATION_FAILED: u32 = 516;
/// `UNKNOWN_USER`, `WRONG_PASSWORD`, `REQUIRED_PASSWORD` of older servers.
const REFUSALS: [u32; 4] = [192, 193, 194, AUTHENTICATION_FAILED];

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// Set in the endpoint of a server that the user named by `CLICKHOUSE_URL`, and nowhere else.
pub(super) const NAMED_USER: &str = "SUHO_CLICKHOUSE_USER";

/// Whether the user named this server himself: then it need not have the platform's tables.
pub(super) fn is_named_by_user(endpoint: &Endpoint) -> bool {
    endpoint.environment.contains_key(NAMED_USER)
}

/// The service user of the server at `endpoint`.
pub(super) fn user(endpoint: &Endpoint) -> &str {
    endpoint.credential(NAMED_USER).unwrap_or(USER)
}

/// The service user's password.
pub(super) fn password(endpoint: &Endpoint) -> Result<&str, EngineError> {
    endpoint.credential(PASSWORD)
}

/// A client of the service user. It connects with its first query.
pub(super) fn connect(endpoint: &Endpoint) -> Result<Client, EngineError> {
    let client = Client::default().with_url(url(endpoint)?);
    Ok(client.with_user(user(endpoint)).with_password(password(endpoint)?))
}

/// A client of anybody whom the users file names. It connects with its first query.
pub(super) fn connect_as(endpoint: &Endpoint, user: &str, password: &str) -> Result<Client, EngineError> {
    let client = Client::default().with_url(url(endpoint)?);
    Ok(client.with_user(user).with_password(password))
}

/// The rows of `query`, each as a JSON document; `action` is for the error.
pub(super) async fn documents(
    endpoint: &Endpoint,
    client: &Client,
    action: &str,
    query: &str,
) -> Result<Vec<Value>, EngineError> {
    let query = format!("SELECT formatRowNoNewline('JSONEachRow', *) FROM ({query})");
    let rows: Vec<String> = client
        .query(&query)
        .fetch_all()
        .await
        .map_err(endpoint.failed(action))?;
    rows.iter()
        .map(|row| serde_json::from_str(row).map_err(endpoint.failed(action)))
        .collect()
}

/// Runs a statement as it stands, which answers with no rows; `action` is for the error.
pub(super) async fn run(
    endpoint: &Endpoint,
    client: &Client,
    action: &str,
    statement: &str,
) -> Result<(), EngineError> {
    let answer = client.query_raw(statement).execute().await;
    answer.map_err(endpoint.failed(action))
}

/// Whether a library answers for a server: that runs every query as a user of its own, whoever logged in.
pub(super) async fn is_stand_in(endpoint: &Endpoint, service: &Client) -> Result<bool, EngineError> {
    let user: String = service
        .query("SELECT currentUser()")
        .fetch_one()
        .await
        .map_err(endpoint.failed("ask who the server takes the service user for"))?;
    Ok(user != self::user(endpoint))
}

/// What the server says against a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    /// `452`, of `SETTING_CONSTRAINT_VIOLATION`.
    pub code: u32,
    /// All of it.
    pub words: String,
}

/// What the server says against `statement`; none where it runs it.
pub(super) async fn exception(
    endpoint: &Endpoint,
    client: &Client,
    action: &str,
    statement: &str,
) -> Result<Option<Exception>, EngineError> {
    match client.query_raw(statement).execute().await {
        Ok(()) => Ok(None),
        Err(error) => match exception_of(&error) {
            Some(exception) => Ok(Some(exception)),
            None => Err(endpoint.failed(action)(error)),
        },
    }
}

fn exception_of(error: &Error) -> Option<Exception> {
    let Error::BadResponse(words) = error else {
        return None;
    };
    Some(Exception {
        code: exception_code(words)?,
        words: words.trim().to_owned(),
    })
}

/// A client of somebody else: without credentials it is the server's user `default`.
pub(super) fn stranger(endpoint: &Endpoint, stranger: Stranger) -> Result<Client, EngineError> {
    let client = Client::default().with_url(url(endpoint)?);
    Ok(match stranger {
        Stranger::WrongPassword => client.with_user(user(endpoint)).with_password(wrong_password()),
        Stranger::NoPassword => client,
    })
}

/// The server's words, if it turned the client away because of who it is.
pub(super) fn refusal(error: &Error) -> Option<String> {
    let exception = exception_of(error)?;
    REFUSALS.contains(&exception.code).then_some(exception.words)
}

/// The number in `Code: 516. DB::Exception: …`.
fn exception_code(words: &str) -> Option<u32> {
    let (_, rest) = words.split_once("Code: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Code: 516. DB::Exception: suho: Authentication failed: password is incorrect, or there is no user with such name.",
        true
    )]
    #[case(
        "Code: 194. DB::Exception: default: Authentication failed. (REQUIRED_PASSWORD)",
        true
    )]
    #[case(
        "Code: 60. DB::Exception: Unknown table expression identifier 'infra.init_done'. (UNKNOWN_TABLE)",
        false
    )]
    #[case("502 Bad Gateway", false)]
    fn an_exception_is_a_refusal_by_its_code(#[case] words: &str, #[case] expected: bool) {
        assert_eq!(refusal(&Error::BadResponse(words.into())).is_some(), expected);
    }

    #[test]
    fn trouble_with_the_connection_is_no_refusal() {
        assert_eq!(refusal(&Error::TimedOut), None);
    }
}
