//! Weaviate over its REST interface.
//!
//! # Layout
//! - [`backup`]: its own backups, carried out of the container and back.
//! - [`client`]: the addresses and the keys.
//! - [`features`]: what the platform relies on, and its checks.
//! - `known`: the names that it knows, and what is wrong with others.
//! - [`round_trip`]: a class with one object and its vector.
//! - [`settings`]: every variable against what the live server says and does.
//! - [`tenants`]: collections by their prefix, and a user for each tenant where the server knows users of its own.

mod backup;
mod client;
pub mod features;
mod known;
mod round_trip;
mod settings;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;
pub use reqwest::Method;
use reqwest::StatusCode;
pub use tenants::WeaviateTenant;

use super::asking::{Stranger, both_refused, serves, until_answered};
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::{Files, Service, Setting};

/// Weaviate.
#[derive(Debug)]
pub struct Weaviate;

#[async_trait]
impl Engine for Weaviate {
    fn service(&self) -> &'static str {
        "suho-weaviate"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || ask(endpoint)).await
    }

    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        serves(endpoint, || greet(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        round_trip::run(endpoint).await
    }

    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        both_refused(endpoint, |stranger| knock(endpoint, stranger)).await
    }

    async fn prove_settings(&self, subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
        settings::prove(subject.endpoint, settings).await
    }

    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>> {
        known::object(settings)
    }

    fn features(&self) -> &'static [Feature] {
        features::FEATURES
    }

    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError> {
        Ok(vec![
            ("WEAVIATE_URL", client::url(endpoint)?),
            ("WEAVIATE_API_KEY", client::key(endpoint)?.to_owned()),
        ])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        let url = variable("WEAVIATE_URL");
        url.map(|url| client::named(self.service(), &url, variable("WEAVIATE_API_KEY")))
            .transpose()
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(tenants::Collections))
    }

    /// Who may do what is read at the start; users of its own are known where roles are.
    fn lend(&self, service: &mut Service, files: Files) -> Result<Files, EngineError> {
        tenants::know_users(service);
        Ok(files)
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Module)
    }
}

/// The version, once the node has elected itself and reads its schema for the service user.
async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    let caller = client::connect(endpoint)?;
    caller
        .send(Method::GET, "/v1/.well-known/ready", "ask for readiness")
        .await?;
    caller.send(Method::GET, "/v1/schema", "read the schema").await?;
    let answer = caller.send(Method::GET, "/v1/meta", "read the version").await?;
    match answer["version"].as_str() {
        Some(version) => Ok(version.to_owned()),
        None => Err(endpoint.unexpected("read the version", "a version", answer.to_string())),
    }
}

/// The schema is told only to who has the key.
async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    let caller = client::connect(endpoint)?;
    caller
        .send(Method::GET, "/v1/schema", "read the schema")
        .await
        .map(drop)
}

async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let (status, words) = client::knock(endpoint, stranger).await?;
    match status {
        StatusCode::UNAUTHORIZED => Ok(format!("{status}: {words}")),
        status if status.is_success() => Err(stranger.was_let_in(endpoint)),
        _ => Err(endpoint.failed(stranger.action())(format!("{status}: {words}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn the_service_user_has_the_first_key_of_the_list() {
        let environment = [("AUTHENTICATION_APIKEY_ALLOWED_KEYS", "wv1,wvReader1")];
        let endpoint = local("suho-weaviate", &[(8080, 40004)], &environment);

        let variables = Weaviate.variables(&endpoint).ok();

        assert_eq!(
            variables,
            Some(vec![
                ("WEAVIATE_URL", "http://127.0.0.1:40004".to_owned()),
                ("WEAVIATE_API_KEY", "wv1".to_owned()),
            ])
        );
    }
}
