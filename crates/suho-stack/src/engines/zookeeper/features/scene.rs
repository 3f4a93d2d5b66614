//! A node for a check, and the sessions that see it.

use zookeeper_client::{Acls, Client, CreateMode, Error, Stat};

use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;

/// A node below the root that nothing else uses.
pub(super) struct Scene<'a> {
    pub endpoint: &'a Endpoint,
    pub node: String,
}

impl<'a> Scene<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Self {
        Self {
            endpoint,
            node: format!("/suho-{}", Scratch::new().name),
        }
    }

    /// The same node of a server that is reached elsewhere since.
    pub(super) fn moved<'b>(&self, endpoint: &'b Endpoint) -> Scene<'b> {
        Scene {
            endpoint,
            node: self.node.clone(),
        }
    }

    /// A session of its own; it ends when it is dropped.
    pub(super) async fn session(&self) -> Result<Client, EngineError> {
        client::connect(self.endpoint).await
    }

    /// Creates `node`; the number that the server gave it, where it numbers nodes of this mode.
    pub(super) async fn create(&self, session: &Client, node: &str, mode: CreateMode) -> Result<String, EngineError> {
        let options = mode.with_acls(Acls::anyone_all());
        let created = session.create(node, b"", &options).await;
        created
            .map(|(_, number)| number.to_string())
            .map_err(self.failed("create", node))
    }

    /// The value of the node and what is known of it.
    pub(super) async fn read(&self, session: &Client) -> Result<(Vec<u8>, Stat), EngineError> {
        let read = session.get_data(&self.node).await;
        read.map_err(self.failed("read", &self.node))
    }

    /// Deletes the node and what is below it, as far as it is there.
    pub(super) async fn remove(&self) -> Result<(), EngineError> {
        let session = self.session().await?;
        let children = session.list_children(&self.node).await.unwrap_or_default();
        let below = children.iter().map(|child| format!("{}/{child}", self.node));
        for node in below.chain([self.node.clone()]) {
            match session.delete(&node, None).await {
                Ok(()) | Err(Error::NoNode) => {}
                Err(error) => return Err(self.failed("delete", &node)(error)),
            }
        }
        Ok(())
    }

    pub(super) fn failed(&self, action: &str, node: &str) -> impl FnOnce(Error) -> EngineError {
        self.endpoint.failed(format!("{action} {node}"))
    }
}
