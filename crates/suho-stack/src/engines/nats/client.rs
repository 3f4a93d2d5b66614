//! A connection as the service user, and its `JetStream`.

use async_nats::jetstream::context::DeleteStreamErrorKind;
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use serde_json::Value;

use super::super::asking::{CONNECT_LIMIT, Stranger};
use super::super::login::{Login, Programs};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};
use crate::deployment::Secret;

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

pub(super) const PROGRAMS: Programs = Programs {
    user: SERVICE.name,
    named_by: "SUHO_NATS_USER",
    password: SERVICE.password,
};

/// Where and as whom the platform's programs connect.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    url_of(endpoint, PROGRAMS.login(endpoint)?.as_ref())
}

/// Where `login` connects.
pub(super) fn url_of(endpoint: &Endpoint, login: Option<&Login>) -> Result<String, EngineError> {
    let address = endpoint.address(PORT)?;
    Ok(match login {
        Some(Login { user, password }) => format!("nats://{user}:{}@{address}", password.expose()),
        None => format!("nats://{address}"),
    })
}

/// The `JetStream` of the service user's account.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Context, EngineError> {
    let login = PROGRAMS.login(endpoint)?;
    Ok(jetstream::new(connect_with(endpoint, login.as_ref()).await?))
}

/// A connection of `user`'s.
pub(super) async fn connect_as(endpoint: &Endpoint, user: User) -> Result<Client, EngineError> {
    let login = Login {
        user: user.name.to_owned(),
        password: Secret::new(endpoint.credential(user.password)?),
    };
    connect_with(endpoint, Some(&login)).await
}

/// A connection of whoever logs in so.
pub(super) async fn connect_with(endpoint: &Endpoint, login: Option<&Login>) -> Result<Client, EngineError> {
    let name = login.map_or("nobody", |login| login.user.as_str());
    let options = login.map_or_else(ConnectOptions::new, options_of);
    open(endpoint, options)
        .await?
        .map_err(endpoint.failed(format!("connect as {name}")))
}

/// What the server answers to `subject`, which only the system account may ask.
pub(super) async fn ask_system(endpoint: &Endpoint, subject: &'static str) -> Result<Value, EngineError> {
    let system = connect_as(endpoint, SYSTEM).await?;
    let mut answer = ask(endpoint, &system, subject.to_owned(), Value::Null).await?;
    Ok(answer["data"].take())
}

/// What the server answers a client of the system account.
pub(super) async fn ask(
    endpoint: &Endpoint,
    system: &Client,
    subject: String,
    question: Value,
) -> Result<Value, EngineError> {
    let action = "ask the server through its system account";
    let question = if question.is_null() {
        Vec::new()
    } else {
        question.to_string().into_bytes()
    };
    let answer = system
        .request(subject, question.into())
        .await
        .map_err(endpoint.failed(action))?;
    serde_json::from_slice(&answer.payload).map_err(endpoint.failed(action))
}

/// The connection of whoever logs in so, if the server lets him in; one that cannot be reached has said neither.
pub(super) async fn enter(endpoint: &Endpoint, login: &Login) -> Result<Option<Client>, EngineError> {
    match open(endpoint, options_of(login)).await? {
        Ok(client) => Ok(Some(client)),
        Err(error) if error.kind() == ConnectErrorKind::AuthorizationViolation => Ok(None),
        Err(error) => Err(endpoint.failed(format!("log in as {}", login.user))(error)),
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

fn options_of(login: &Login) -> ConnectOptions {
    ConnectOptions::with_user_and_password(login.user.clone(), login.password.expose().to_owned())
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
