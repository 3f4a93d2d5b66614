//! The address of the HTTP interface, and the administrator's password.

use reqwest::{Method, StatusCode};

use super::super::asking::Stranger;
use super::super::http::{Caller, Credentials};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 8529;
/// The variable that carries the user's password.
pub(super) const PASSWORD: &str = "ARANGO_ROOT_PASSWORD";
/// The only user that the image makes.
pub(super) const USER: &str = "root";

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// The user's password.
pub(super) fn password(endpoint: &Endpoint) -> Result<&str, EngineError> {
    endpoint.credential(PASSWORD)
}

/// The known user.
pub(super) fn connect(endpoint: &Endpoint) -> Result<Caller<'_>, EngineError> {
    Caller::new(
        endpoint,
        url(endpoint)?,
        Some(Credentials::Basic(USER, password(endpoint)?)),
    )
}

/// What a stranger hears who asks for the version.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<(StatusCode, String), EngineError> {
    let wrong = wrong_password();
    let credentials = (stranger == Stranger::WrongPassword).then_some(Credentials::Basic(USER, &wrong));
    let caller = Caller::new(endpoint, url(endpoint)?, credentials)?;
    caller
        .status(Method::GET, "/_api/version", None, &stranger.action())
        .await
}
