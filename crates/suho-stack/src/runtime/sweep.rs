//! The network and the volumes of a stack, and the removal of all that carries its label.

use std::{
    collections::{BTreeSet, HashMap},
    ops::AddAssign,
};

use futures::future::join_all;
use testcontainers::bollard::{
    models::{ContainerSummary, Network, NetworkCreateRequest, Volume, VolumeCreateRequest},
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};

use super::{
    Docker, RuntimeError, STACK_LABEL,
    docker::{is_absent, refused},
};

/// What one sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Containers, running or not.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Volumes.
    pub volumes: usize,
}

impl Swept {
    /// True where nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.containers += other.containers;
        self.networks += other.networks;
        self.volumes += other.volumes;
    }
}

impl Docker {
    /// Creates the network `name` for `stack`.
    pub async fn create_network(&self, name: &str, stack: &str) -> Result<(), RuntimeError> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(stack_labels(stack)),
            ..Default::default()
        };
        self.client
            .create_network(request)
            .await
            .map_err(refused(format!("create network {name}")))?;
        Ok(())
    }

    /// Creates the volume `name` for `stack`.
    pub async fn create_volume(&self, name: &str, stack: &str) -> Result<(), RuntimeError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(stack_labels(stack)),
            ..Default::default()
        };
        self.client
            .create_volume(request)
            .await
            .map_err(refused(format!("create volume {name}")))?;
        Ok(())
    }

    /// Every stack of which there is anything at all, be it a volume that a killed start has left.
    pub async fn list_stacks(&self) -> Result<BTreeSet<String>, RuntimeError> {
        let filter = labelled(STACK_LABEL);
        let containers = self.containers(&filter).await?;
        let networks = self.networks(&filter).await?;
        let volumes = self.volumes(&filter).await?;
        let labels = containers
            .into_iter()
            .filter_map(|container| container.labels)
            .chain(networks.into_iter().filter_map(|network| network.labels))
            .chain(volumes.into_iter().map(|volume| volume.labels));
        Ok(labels.filter_map(|mut labels| labels.remove(STACK_LABEL)).collect())
    }

    /// Removes every container, network and volume of `stack`; what is gone already is no error.
    pub async fn sweep(&self, stack: &str) -> Result<Swept, RuntimeError> {
        let filter = labelled(&format!("{STACK_LABEL}={stack}"));
        Ok(Swept {
            containers: self.sweep_containers(&filter).await?,
            networks: self.sweep_networks(&filter).await?,
            volumes: self.sweep_volumes(&filter).await?,
        })
    }

    /// The containers that `filter` lets through, running or not.
    pub(super) async fn containers(&self, filter: &Filter) -> Result<Vec<ContainerSummary>, RuntimeError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(filter).build();
        self.client
            .list_containers(Some(options))
            .await
            .map_err(refused("list containers"))
    }

    async fn networks(&self, filter: &Filter) -> Result<Vec<Network>, RuntimeError> {
        let options = ListNetworksOptionsBuilder::new().filters(filter).build();
        self.client
            .list_networks(Some(options))
            .await
            .map_err(refused("list networks"))
    }

    async fn volumes(&self, filter: &Filter) -> Result<Vec<Volume>, RuntimeError> {
        let options = ListVolumesOptionsBuilder::new().filters(filter).build();
        let found = self.client.list_volumes(Some(options)).await;
        Ok(found.map_err(refused("list volumes"))?.volumes.unwrap_or_default())
    }

    async fn sweep_containers(&self, filter: &Filter) -> Result<usize, RuntimeError> {
        let found = self.containers(filter).await?;
        let ids: Vec<String> = found.into_iter().filter_map(|container| container.id).collect();
        all_gone(
            join_all(ids.iter().map(|id| {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                self.client.remove_container(id, Some(options))
            }))
            .await,
            "remove a container",
        )
    }

    async fn sweep_networks(&self, filter: &Filter) -> Result<usize, RuntimeError> {
        let found = self.networks(filter).await?;
        let ids: Vec<String> = found.into_iter().filter_map(|network| network.id).collect();
        all_gone(
            join_all(ids.iter().map(|id| self.client.remove_network(id))).await,
            "remove a network",
        )
    }

    async fn sweep_volumes(&self, filter: &Filter) -> Result<usize, RuntimeError> {
        let found = self.volumes(filter).await?;
        let names: Vec<String> = found.into_iter().map(|volume| volume.name).collect();
        all_gone(
            join_all(names.iter().map(|name| {
                let options = RemoveVolumeOptionsBuilder::new().force(true).build();
                self.client.remove_volume(name, Some(options))
            }))
            .await,
            "remove a volume",
        )
    }
}

/// What a listing is narrowed by.
type Filter = HashMap<String, Vec<String>>;

/// Lets through what has the label; it may name the label's value as well.
pub(super) fn labelled(label: &str) -> Filter {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

/// The labels of everything that belongs to `stack`.
fn stack_labels(stack: &str) -> HashMap<String, String> {
    HashMap::from([(STACK_LABEL.to_owned(), stack.to_owned())])
}

/// Counts the removals; one that finds nothing was done by somebody else.
fn all_gone(
    removals: Vec<Result<(), testcontainers::bollard::errors::Error>>,
    action: &str,
) -> Result<usize, RuntimeError> {
    let count = removals.len();
    for removal in removals {
        match removal {
            Err(error) if !is_absent(&error) && !is_in_progress(&error) => return Err(refused(action)(error)),
            _ => {}
        }
    }
    Ok(count)
}

/// True where another removal of the same thing is under way.
fn is_in_progress(error: &testcontainers::bollard::errors::Error) -> bool {
    matches!(
        error,
        testcontainers::bollard::errors::Error::DockerResponseServerError { status_code: 409, message } if message.contains("already in progress")
    )
}
