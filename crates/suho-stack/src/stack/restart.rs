//! A service started anew, on whichever ports Docker gives it then.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{StackError, StackState};
use crate::{
    engines::{Endpoint, EngineError, Place, Restart},
    runtime::Docker,
};

/// Restarts the containers of a stack, ours or a deployed one.
#[derive(Debug)]
pub struct Restarter {
    docker: Docker,
    containers: BTreeMap<String, (String, Endpoint)>,
    /// The stack whose state file has to learn of new ports.
    stack: Option<String>,
    moved: Mutex<BTreeMap<String, Endpoint>>,
}

impl Restarter {
    /// For a stack of ours; its state file, where it has one, follows each restart.
    pub async fn of(state: &StackState) -> Result<Self, StackError> {
        let containers = state.members.iter().map(|member| {
            (
                member.service.clone(),
                (member.container.clone(), member.endpoint.clone()),
            )
        });
        Ok(Self {
            stack: Some(state.name.clone()),
            ..Self::of_containers(containers.collect()).await?
        })
    }

    /// For containers by the services that they run, each with the endpoint that it serves on now.
    pub async fn of_containers(containers: BTreeMap<String, (String, Endpoint)>) -> Result<Self, StackError> {
        Ok(Self {
            docker: Docker::connect().await?,
            containers,
            stack: None,
            moved: Mutex::default(),
        })
    }

    async fn restarted(&self, container: &str, before: &Endpoint) -> Result<Endpoint, StackError> {
        let ports = self.docker.restart(container).await?;
        let mut endpoint = before.clone();
        // On the network a service keeps its own ports.
        if endpoint.place == Place::Host {
            endpoint.ports = ports;
        }
        if let Some(name) = &self.stack {
            note_move(name, &endpoint)?;
        }
        Ok(endpoint)
    }
}

/// Writes the new ports into the state file; a stack that has none yet is found by its owner alone.
fn note_move(stack: &str, endpoint: &Endpoint) -> Result<(), StackError> {
    let mut state = match StackState::load(stack) {
        Err(StackError::Unknown { .. }) => return Ok(()),
        state => state?,
    };
    for member in &mut state.members {
        if member.service == endpoint.service {
            member.endpoint = endpoint.clone();
        }
    }
    state.save()
}

#[async_trait]
impl Restart for Restarter {
    async fn restart(&self, service: &str) -> Result<Endpoint, EngineError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Failed {
            service: service.to_owned(),
            action: "restart the container".to_owned(),
            source,
        };
        let (container, before) = self
            .containers
            .get(service)
            .ok_or_else(|| failed("it is no service of this stack".into()))?;
        let endpoint = self
            .restarted(container, before)
            .await
            .map_err(|error| failed(error.into()))?;
        self.moved.lock().await.insert(service.to_owned(), endpoint.clone());
        Ok(endpoint)
    }

    async fn endpoint(&self, service: &str) -> Option<Endpoint> {
        self.moved.lock().await.get(service).cloned()
    }
}
