//! Kafka, spoken to by librdkafka wherever it tells what the broker said.
//!
//! # Layout
//! - [`backup`]: topics, records and positions as lines, and back.
//! - [`client`]: librdkafka's configuration, and its clients on threads where blocking is no harm.
//! - [`features`]: what the platform relies on, each with its check.
//! - `foreign`: a broker that the user names.
//! - [`known`]: the names that it knows, and what is wrong with others.
//! - `publication`: ticks in a topic, for those who read it from there.
//! - [`readiness`]: the metadata, the controller and the coordinator of groups.
//! - [`round_trip`]: a topic with one record.
//! - [`settings`]: what is configured, held against what the broker says and does.
//! - [`strangers`]: those whom the broker does not know.
//! - [`tenants`]: a user and a prefix for each.
//! - [`topics`]: the declared topics.
//! - [`wire`]: a handful of questions in Kafka's own protocol.

mod backup;
mod client;
pub mod features;
mod foreign;
pub mod known;
#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub(crate) mod publication;
mod readiness;
mod round_trip;
mod settings;
mod strangers;
mod tenants;
mod topics;
mod wire;

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::asking::{both_refused, serves, until_answered};
use super::login::Login;
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::{Declarations, Files, Service, Setting};
use client::PROGRAMS;
pub use rdkafka;
use tenants::KafkaTenancy;
pub use tenants::KafkaTenant;
use wire::Wire;

/// Kafka.
#[derive(Debug)]
pub struct Kafka;

#[async_trait]
impl Engine for Kafka {
    fn service(&self) -> &'static str {
        "suho-kafka"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        let probe = OnceCell::new();
        until_answered(waiting, || readiness::ask(endpoint, &probe)).await
    }

    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        serves(endpoint, || readiness::greet(endpoint)).await
    }

    async fn declare(&self, endpoint: &Endpoint, declarations: &Declarations) -> Result<(), EngineError> {
        topics::declare(endpoint, &declarations.topics).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        round_trip::run(endpoint).await
    }

    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        both_refused(endpoint, |stranger| strangers::knock(endpoint, stranger)).await
    }

    async fn prove_settings(&self, subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
        settings::prove(subject.endpoint, settings).await
    }

    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>> {
        known::object(settings)
    }

    fn object_to_declarations(&self, declarations: &Declarations) -> Vec<(String, Objection)> {
        known::object_to_topics(declarations)
    }

    fn features(&self) -> &'static [Feature] {
        features::FEATURES
    }

    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError> {
        client::variables(endpoint, PROGRAMS.login(endpoint)?.as_ref())
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        foreign::endpoint(variable)
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(KafkaTenancy))
    }

    fn lend(&self, service: &mut Service, files: Files) -> Result<Files, EngineError> {
        tenants::lend(service, files)
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Records)
    }
}

/// A connection on which Kafka's protocol is spoken as the service user.
async fn log_in(endpoint: &Endpoint) -> Result<Wire, EngineError> {
    log_in_as(endpoint, PROGRAMS.login(endpoint)?.as_ref()).await
}

/// The same as whoever logs in so; as nobody where the broker asks for none.
async fn log_in_as(endpoint: &Endpoint, login: Option<&Login>) -> Result<Wire, EngineError> {
    enter(endpoint, &client::address(endpoint)?, login).await
}

async fn log_in_at(endpoint: &Endpoint, address: &str) -> Result<Wire, EngineError> {
    enter(endpoint, address, PROGRAMS.login(endpoint)?.as_ref()).await
}

async fn enter(endpoint: &Endpoint, address: &str, login: Option<&Login>) -> Result<Wire, EngineError> {
    let logging_in = async {
        let mut wire = Wire::connect(address).await?;
        if let Some(Login { user, password }) = login {
            let answer = wire.log_in(user, password.expose()).await?;
            answer.map_err(io::Error::other)?;
        }
        Ok::<_, io::Error>(wire)
    };
    logging_in.await.map_err(endpoint.failed("log in"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Place;
    use super::super::endpoint::tests::local;
    use super::*;

    #[rstest]
    #[case(Place::Host, "127.0.0.1:40007")]
    #[case(Place::Network, "127.0.0.1:29092")]
    fn each_place_has_its_listener(#[case] place: Place, #[case] expected: &str) {
        let mut endpoint = local("suho-kafka", &[(9092, 40007)], &[("SUHO_KAFKA_PASSWORD", "ka1")]);
        endpoint.place = place;

        let variables = Kafka.variables(&endpoint).unwrap_or_default();

        assert_eq!(variables[0], ("KAFKA_BOOTSTRAP_SERVERS", expected.to_owned()));
        assert_eq!(variables[4], ("KAFKA_SASL_PASSWORD", "ka1".to_owned()));
    }
}
