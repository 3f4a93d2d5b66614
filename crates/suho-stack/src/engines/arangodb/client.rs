//! The address of the HTTP interface, and the administrator's password.

use reqwest::{Method, StatusCode};

use super::super::asking::Stranger;
use super::super::http::{Caller, Credentials};
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError, Place, http};
use crate::deployment::Secret;

const PORT: u16 = 8529;
/// The variable that carries the user's password.
pub(super) const PASSWORD: &str = "ARANGO_ROOT_PASSWORD";
/// The only user that the image makes.
const ROOT: &str = "root";
/// Carries the user of an endpoint that the user's variables name.
const USER: &str = "ARANGODB_USER";

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// Who asks: the image's user, or the one that the user's variables name.
pub(super) fn user(endpoint: &Endpoint) -> &str {
    endpoint.environment.get(USER).map_or(ROOT, Secret::expose)
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
        Some(Credentials::Basic(user(endpoint), password(endpoint)?)),
    )
}

/// The endpoint that `url` leads to, as `variable` tells who may ask.
pub(super) fn named(
    service: &str,
    url: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Endpoint, EngineError> {
    let (host, port) = http::named(service, "ARANGODB_URL", url)?;
    let credentials = [(USER, variable(USER)), (PASSWORD, variable("ARANGODB_PASSWORD"))];
    Ok(Endpoint {
        service: service.to_owned(),
        place: Place::Host,
        host,
        ports: [(PORT, port)].into(),
        environment: credentials
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Secret::new(value?))))
            .collect(),
    })
}

/// What a stranger hears who asks for the version.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<(StatusCode, String), EngineError> {
    let wrong = wrong_password();
    let credentials = (stranger == Stranger::WrongPassword).then_some(Credentials::Basic(user(endpoint), &wrong));
    let caller = Caller::new(endpoint, url(endpoint)?, credentials)?;
    caller
        .status(Method::GET, "/_api/version", None, &stranger.action())
        .await
}
