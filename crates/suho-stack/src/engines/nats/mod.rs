//! NATS with `JetStream`.
//!
//! # Layout
//! - [`backup`]: `JetStream`'s own snapshots, and back.
//! - [`client`]: a connection that fails at once rather than retry, and its `JetStream`.
//! - `foreign`: a server that the user names.
//! - `known`: the names that it knows, and what is wrong with others.
//! - `relay`: ticks from a publisher to a consumer.
//! - [`features`]: streams, consumers, key-value buckets, object stores, accounts.
//! - [`round_trip`]: a stream in memory with one message.
//! - [`settings`]: every leaf of the file and every variable against what the live server says.
//! - [`streams`]: the declared streams.
//! - [`tenants`]: an account of its own for each.

pub mod features;

mod backup;
mod client;
mod foreign;
mod known;
#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub(crate) mod relay;
mod round_trip;
mod settings;
mod streams;
mod tenants;

use std::error::Error;
use std::sync::Arc;

use async_nats::ConnectErrorKind;
use async_trait::async_trait;

use super::asking::{Stranger, both_refused, until_answered};
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::{Declarations, Files, Service, Setting};
pub use async_nats;
use tenants::NatsTenancy;
pub use tenants::NatsTenant;

/// NATS with `JetStream`.
#[derive(Debug)]
pub struct Nats;

#[async_trait]
impl Engine for Nats {
    fn service(&self) -> &'static str {
        "suho-nats-server"
    }

    fn name(&self) -> &'static str {
        "nats"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || ask(endpoint)).await
    }

    async fn declare(&self, endpoint: &Endpoint, declarations: &Declarations) -> Result<(), EngineError> {
        streams::declare(endpoint, &declarations.streams).await
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
        Ok(vec![("NATS_URL", client::url(endpoint)?)])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        let url = variable("NATS_URL").filter(|url| !url.is_empty());
        url.map(|url| foreign::endpoint(&url)).transpose()
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(NatsTenancy))
    }

    fn lend(&self, service: &mut Service, files: Files) -> Result<Files, EngineError> {
        tenants::lend(service, files)
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Snapshots)
    }
}

/// The version, once the account's `JetStream` answers: `/healthz` says ok also where `JetStream` is off.
async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    let jetstream = client::connect(endpoint).await?;
    jetstream
        .query_account()
        .await
        .map_err(endpoint.failed("ask JetStream for the account"))?;
    Ok(jetstream.client().server_info().version)
}

async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let Err(error) = client::connect_unknown(endpoint, stranger).await? else {
        return Err(stranger.was_let_in(endpoint));
    };
    match (error.kind(), error.source()) {
        (ConnectErrorKind::AuthorizationViolation, Some(words)) => Ok(words.to_string()),
        _ => Err(endpoint.failed(stranger.action())(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn the_url_carries_user_and_password() {
        let endpoint = local("suho-nats-server", &[(4222, 40006)], &[("SUHO_NATS_PASSWORD", "na1")]);

        let variables = Nats.variables(&endpoint).ok();

        assert_eq!(
            variables,
            Some(vec![("NATS_URL", "nats://suho:na1@127.0.0.1:40006".to_owned())])
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_has_refused_nobody() {
        let endpoint = local("suho-nats-server", &[(4222, 1)], &[("SUHO_NATS_PASSWORD", "na1")]);

        let outcome = Nats.refuse_strangers(&endpoint).await;

        assert!(matches!(outcome, Err(EngineError::Failed { .. })), "{outcome:?}");
    }
}
