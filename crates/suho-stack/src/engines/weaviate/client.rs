//! The addresses of the server's interfaces, the keys to them, and classes that nothing else uses.

use reqwest::{Method, StatusCode};

use super::super::asking::Stranger;
use super::super::http::{Caller, Credentials};
use super::super::scratch::{Scratch, wrong_password};
use super::super::{Endpoint, EngineError, Place, http};
use crate::deployment::Secret;

const PORT: u16 = 8080;
const METRICS_PORT: u16 = 2112;
/// Where the configuration in effect is told. It asks nobody for a key.
const DEBUG_PORT: u16 = 6060;
/// The variable that holds the keys of all users.
pub(super) const KEYS: &str = "AUTHENTICATION_APIKEY_ALLOWED_KEYS";

/// The base of every request.
pub(super) fn url(endpoint: &Endpoint) -> Result<String, EngineError> {
    Ok(format!("http://{}", endpoint.address(PORT)?))
}

/// The keys of all users, in the order of the users.
pub(super) fn keys(endpoint: &Endpoint) -> Result<impl Iterator<Item = &str>, EngineError> {
    Ok(endpoint.credential(KEYS)?.split(','))
}

/// The service user is the first of the users, so his key is the first of the keys.
pub(super) fn key(endpoint: &Endpoint) -> Result<&str, EngineError> {
    Ok(keys(endpoint)?.next().unwrap_or_default())
}

/// The endpoint that `url` leads to, for whoever has `key`.
pub(super) fn named(service: &str, url: &str, key: Option<String>) -> Result<Endpoint, EngineError> {
    let (host, port) = http::named(service, "WEAVIATE_URL", url)?;
    let key = key.ok_or_else(|| EngineError::BadVariable {
        service: service.to_owned(),
        variable: "WEAVIATE_API_KEY",
        reason: "it is not set, and WEAVIATE_URL is".to_owned(),
    })?;
    Ok(Endpoint {
        service: service.to_owned(),
        place: Place::Host,
        host,
        ports: [(PORT, port)].into(),
        environment: [(KEYS.to_owned(), Secret::new(key))].into(),
    })
}

/// The service user.
pub(super) fn connect(endpoint: &Endpoint) -> Result<Caller<'_>, EngineError> {
    connect_with(endpoint, key(endpoint)?)
}

/// Whoever has `key`.
pub(super) fn connect_with<'a>(endpoint: &'a Endpoint, key: &'a str) -> Result<Caller<'a>, EngineError> {
    Caller::new(endpoint, url(endpoint)?, Some(Credentials::Bearer(key)))
}

/// The port that tells the configuration.
pub(super) fn console(endpoint: &Endpoint) -> Result<Caller<'_>, EngineError> {
    Caller::new(endpoint, format!("http://{}", endpoint.address(DEBUG_PORT)?), None)
}

/// The port that tells the metrics.
pub(super) fn metrics(endpoint: &Endpoint) -> Result<Caller<'_>, EngineError> {
    Caller::new(endpoint, format!("http://{}", endpoint.address(METRICS_PORT)?), None)
}

/// The name of a class that nothing else uses: it begins with a capital letter.
pub(super) fn scratch_class() -> String {
    Scratch::new().name.replacen('p', "P", 1)
}

/// Deleting a class that is not there is no error to Weaviate.
pub(super) async fn delete_class(caller: &Caller<'_>, class: &str) -> Result<(), EngineError> {
    let deleting = format!("delete the class {class}");
    caller
        .send(Method::DELETE, &format!("/v1/schema/{class}"), &deleting)
        .await
        .map(drop)
}

/// What a stranger hears who asks for the schema.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<(StatusCode, String), EngineError> {
    let wrong = wrong_password();
    let credentials = (stranger == Stranger::WrongPassword).then_some(Credentials::Bearer(&wrong));
    let caller = Caller::new(endpoint, url(endpoint)?, credentials)?;
    caller.status(Method::GET, "/v1/schema", None, &stranger.action()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_begins_with_a_capital_letter() {
        assert!(scratch_class().starts_with("Probe_"));
    }
}
