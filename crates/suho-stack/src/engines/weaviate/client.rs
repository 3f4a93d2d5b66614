//! The address of the REST interface, and the key of the service user.

use reqwest::StatusCode;

use super::super::asking::Stranger;
use super::super::http::{Caller, Credentials};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 8080;
const KEYS: &str = "AUTHENTICATION_APIKEY_ALLOWED_KEYS";

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// The service user is the first of the users, so his key is the first of the keys.
pub(super) fn key(endpoint: &Endpoint) -> Result<&str, EngineError> {
    let keys = endpoint.credential(KEYS)?;
    Ok(keys.split(',').next().unwrap_or(keys))
}

/// The service user.
pub(super) fn connect(endpoint: &Endpoint) -> Result<Caller<'_>, EngineError> {
    Caller::new(endpoint, url(endpoint)?, Some(Credentials::Bearer(key(endpoint)?)))
}

/// What a stranger hears who asks for the schema.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<(StatusCode, String), EngineError> {
    let wrong = wrong_password();
    let credentials = (stranger == Stranger::WrongPassword).then_some(Credentials::Bearer(&wrong));
    let caller = Caller::new(endpoint, url(endpoint)?, credentials)?;
    caller.status("/v1/schema", &stranger.action()).await
}
