//! A connection as the service user, and its `JetStream`.

use async_nats::jetstream::context::DeleteStreamErrorKind;
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use serde_json::Value;

use super::super::asking::{CONNECT_LIMIT, Stranger};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

/// Where the server speaks its protocol.
pub(super) const PORT: u16 = 4222;

/// A user of the server.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// As the file has it.
    pub name: &'static str,
    /// The variable that carries the password.
    pub password: &'static str,
}

/// The platform's programs, in the account SUHO.
pub const SERVICE: User = User {
    name: "suho",
    password: "SUHO_NATS_PASSWORD",
};
/// Who sees and steers the server, in the account SYS.
pub const SYSTEM: User = User {
    name: "suho_system",
    password: "SUHO_NATS_SYSTEM_PASSWORD",
};

/// Where and as whom the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    let password = endpoint.credential(SERVICE.password)?;
    Ok(format!(
        "nats://{}:{password}@{}",
        SERVICE.name,
        endpoint.address(PORT)?
    ))
}

/// The `JetStream` of the service user's account.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Context, EngineError> {
    Ok(jetstream::new(connect_as(endpoint, SERVICE).await?))
}

/// A connection of `user`'s.
pub(super) async fn connect_as(endpoint: &Endpoint, user: User) -> Result<Client, EngineError> {
    let password = endpoint.credential(user.password)?.to_owned();
    let options = ConnectOptions::with_user_and_password(user.name.to_owned(), password);
    open(endpoint, options)
        .await?
        .map_err(endpoint.failed(format!("connect as {}", user.name)))
}

/// What the server answers to `subject`, which only the system account may ask.
pub(super) async fn ask_system(endpoint: &Endpoint, subject: &'static str) -> Result<Value, EngineError> {
    let action = "ask the server through its system account";
    let answer = connect_as(endpoint, SYSTEM)
        .await?
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
        Stranger::WrongPassword => ConnectOptions::with_user_and_password(SERVICE.name.to_owned(), wrong_password()),
        Stranger::NoPassword => ConnectOptions::new(),
    };
    open(endpoint, options).await
}

/// Deletes a stream; one that was never created is gone as well.
pub(super) async fn delete_stream(endpoint: &Endpoint, jetstream: &Context, name: &str) -> Result<(), EngineError> {
    match jetstream.delete_stream(name).await {
        Err(error) if !is_absent(&error.kind()) => Err(endpoint.failed(format!("delete the stream {name}"))(error)),
        _ => Ok(()),
    }
}

fn is_absent(kind: &DeleteStreamErrorKind) -> bool {
    matches!(kind, DeleteStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// One attempt: the client's retries at the first connection would hide why it is refused.
async fn open(endpoint: &Endpoint, options: ConnectOptions) -> Result<Result<Client, ConnectError>, EngineError> {
    let address = endpoint.address(PORT)?;
    // Boxed: the client's future is larger than all that contains it.
    let options = options.name("suho-stack").connection_timeout(CONNECT_LIMIT);
    Ok(Box::pin(options.connect(address)).await)
}
