//! `ZooKeeper`, where Kafka keeps its metadata.
//!
//! # Layout
//! - [`client`]: a session, and the answers to words of four letters.
//! - [`features`]: what Kafka relies on, each with its check.
//! - `known`: the names that it knows, and what is wrong with others.
//! - [`settings`]: what is configured, held against what the server says of itself.

mod client;
pub mod features;
mod known;
mod settings;

use async_trait::async_trait;
use zookeeper_client::{Acls, CreateMode};

use super::asking::{and_remove, serves, until_answered};
use super::scratch::Scratch;
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Waiting};
use crate::deployment::Setting;

/// `ZooKeeper`.
#[derive(Debug)]
pub struct Zookeeper;

#[async_trait]
impl Engine for Zookeeper {
    fn service(&self) -> &'static str {
        "suho-zookeeper"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || ask(endpoint)).await
    }

    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        serves(endpoint, || greet(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        write_and_read(endpoint).await
    }

    async fn refuse_strangers(&self, _endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        Ok(Refusals::NotOffered(
            "it has no password; only Kafka speaks to it, over the stack's network",
        ))
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
        Ok(vec![("ZOOKEEPER_CONNECT", client::address(endpoint)?)])
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Err("it needs none: what it holds is what Kafka registers there, and a restore of Kafka makes the topics anew")
    }
}

/// The version, once a session reads the root: `ruok` is answered also by a server that serves nobody.
async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    let version = client::version(endpoint).await?;
    client::connect(endpoint)
        .await?
        .list_children("/")
        .await
        .map_err(endpoint.failed("list the children of /"))?;
    Ok(version)
}

/// It says whether it has a mode and therefore serves, without a session.
async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    client::version(endpoint).await.map(drop)
}

/// What stands in `node`, for Kafka's room: its broker writes there who it is.
pub(super) async fn read(endpoint: &Endpoint, node: &str) -> Result<Vec<u8>, EngineError> {
    let session = client::connect(endpoint).await?;
    let read = session.get_data(node).await;
    read.map(|(value, _)| value)
        .map_err(endpoint.failed(format!("read {node}")))
}

async fn write_and_read(endpoint: &Endpoint) -> Result<String, EngineError> {
    let session = client::connect(endpoint).await?;
    let Scratch { name, value } = Scratch::new();
    let node = format!("/suho-{name}");
    let check = async {
        // Ephemeral: it goes with the session, should nobody be left to delete it.
        let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        session
            .create(&node, value.as_bytes(), &options)
            .await
            .map_err(endpoint.failed(format!("create {node}")))?;
        let reading = format!("read {node}");
        let (found, _) = session.get_data(&node).await.map_err(endpoint.failed(&reading))?;
        endpoint.expect(&reading, value.as_bytes(), &found)
    };
    let removal = async {
        match session.delete(&node, None).await {
            Ok(()) | Err(zookeeper_client::Error::NoNode) => Ok(()),
            Err(error) => Err(endpoint.failed(format!("delete {node}"))(error)),
        }
    };
    and_remove(endpoint, check, removal).await?;
    Ok(format!("created {node} and read it back"))
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn on_the_network_it_is_found_by_its_service() {
        let mut endpoint = local("suho-zookeeper", &[], &[]);
        endpoint.host = "suho-zookeeper".into();
        endpoint.place = Place::Network;

        let variables = Zookeeper.variables(&endpoint).ok();

        assert_eq!(
            variables,
            Some(vec![("ZOOKEEPER_CONNECT", "suho-zookeeper:2181".to_owned())])
        );
    }

    #[test]
    fn on_the_host_it_is_not_published() {
        let outcome = Zookeeper.variables(&local("suho-zookeeper", &[], &[]));

        assert!(matches!(outcome, Err(EngineError::NotPublished { port: 2181, .. })));
    }
}
