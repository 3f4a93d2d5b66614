//! `ArangoDB` over its HTTP interface.
//!
//! # Layout
//! - [`backup`]: each database in the files of `arangodump`.
//! - [`client`]: the address and the password.
//! - [`features`]: databases, documents, graphs, transactions, search views.
//! - `known`: the names that it knows, and what is wrong with others.
//! - [`round_trip`]: a collection with one document.
//! - [`settings`]: every option and variable against what the server says it runs with.
//! - [`tenants`]: a database for each tenant, and a user who sees no other.

pub mod features;
mod known;

mod backup;
mod client;
mod round_trip;
mod settings;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;
pub use reqwest::Method;
use reqwest::StatusCode;
use serde_json::json;
pub use tenants::ArangodbTenant;

use super::asking::{Stranger, both_refused, serves, until_answered};
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::Setting;

/// `ArangoDB`.
#[derive(Debug)]
pub struct Arangodb;

#[async_trait]
impl Engine for Arangodb {
    fn service(&self) -> &'static str {
        "suho-arangodb"
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
            ("ARANGODB_URL", client::url(endpoint)?),
            ("ARANGODB_USER", client::user(endpoint).to_owned()),
            ("ARANGODB_PASSWORD", client::password(endpoint)?.to_owned()),
        ])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        let url = variable("ARANGODB_URL");
        url.map(|url| client::named(self.service(), &url, variable)).transpose()
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(tenants::Databases))
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Dumps)
    }
}

/// The version, once the server is available for writing and answers a query.
async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    let caller = client::connect(endpoint)?;
    caller
        .send(Method::GET, "/_admin/server/availability", "be available")
        .await?;
    let answer = caller
        .post("/_api/cursor", &json!({"query": "RETURN 1"}), "run a query")
        .await?;
    endpoint.expect("run a query", &json!([1]), &answer["result"])?;
    let answer = caller.send(Method::GET, "/_api/version", "read the version").await?;
    match answer["version"].as_str() {
        Some(version) => Ok(version.to_owned()),
        None => Err(endpoint.unexpected("read the version", "a version", answer.to_string())),
    }
}

async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    let caller = client::connect(endpoint)?;
    caller
        .send(Method::GET, "/_api/version", "read the version")
        .await
        .map(drop)
}

async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let (status, words) = client::knock(endpoint, stranger).await?;
    match status {
        StatusCode::UNAUTHORIZED => Ok(format!("{status}: {words}").trim_end_matches(": ").to_owned()),
        status if status.is_success() => Err(stranger.was_let_in(endpoint)),
        _ => Err(endpoint.failed(stranger.action())(format!("{status}: {words}"))),
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = "a test server that cannot be started is a failed test"
)]
mod recorded;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = "a test server that cannot be started is a failed test"
)]
mod tests;
