//! A connection as the service user, and its `JetStream`.

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use serde_json::Value;

use super::super::asking::{CONNECT_LIMIT, Stranger};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 4222;
const USER: &str = "suho";
const PASSWORD: &str = "SUHO_NATS_PASSWORD";
const SYSTEM_USER: &str = "suho_system";
const SYSTEM_PASSWORD: &str = "SUHO_NATS_SYSTEM_PASSWORD";

/// Where and as whom the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let password = endpoint.credential(PASSWORD)?;
    Ok(format!("nats://{USER}:{password}@{}", endpoint.address(PORT)?))
}

/// The `JetStream` of the service user's account.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Context, EngineError> {
    let options = ConnectOptions::with_user_and_password(USER.to_owned(), endpoint.credential(PASSWORD)?.to_owned());
    let client = open(endpoint, options).await?.map_err(endpoint.failed("connect"))?;
    Ok(jetstream::new(client))
}

/// What the server answers to `subject`, which only the system account may ask.
pub(super) async fn ask_system(endpoint: &Endpoint, subject: &'static str) -> Result<Value, EngineError> {
    let action = "ask the server through its system account";
    let password = endpoint.credential(SYSTEM_PASSWORD)?.to_owned();
    let options = ConnectOptions::with_user_and_password(SYSTEM_USER.to_owned(), password);
    let client = open(endpoint, options).await?.map_err(endpoint.failed(action))?;
    let answer = client
        .request(subject, Vec::new().into())
        .await
        .map_err(endpoint.failed(action))?;
    let mut answer: Value = serde_json::from_slice(&answer.payload).map_err(endpoint.failed(action))?;
    Ok(answer["data"].take())
}

/// Whether the server lets `user` in; one that cannot be reached has said neither.
pub(super) async fn lets_in(endpoint: &Endpoint, user: &str, password: &str) -> Result<bool, EngineError> {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    match open(endpoint, options).await? {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ConnectErrorKind::AuthorizationViolation => Ok(false),
        Err(error) => Err(endpoint.failed(format!("log in as {user}"))(error)),
    }
}

/// Tries to connect as somebody else; the inner result is the server's answer.
pub(super) async fn connect_unknown(
    endpoint: &Endpoint,
    stranger: Stranger,
) -> Result<Result<Client, ConnectError>, EngineError> {
    let options = match stranger {
        Stranger::WrongPassword => ConnectOptions::with_user_and_password(USER.to_owned(), wrong_password()),
        Stranger::NoPassword => ConnectOptions::new(),
    };
    open(endpoint, options).await
}

/// One attempt: the client's retries at the first connection would hide why it is refused.
async fn open(endpoint: &Endpoint, options: ConnectOptions) -> Result<Result<Client, ConnectError>, EngineError> {
    let address = endpoint.address(PORT)?;
    // Boxed: the client's future is larger than all that contains it.
    let options = options.name("suho-stack").connection_timeout(CONNECT_LIMIT);
    Ok(Box::pin(options.connect(address)).await)
}
