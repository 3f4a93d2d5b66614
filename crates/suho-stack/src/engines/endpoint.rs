//! Where an engine serves and what it takes to be let in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::deployment::{Secret, Service};

/// From where an engine is spoken to. Kafka answers with another address to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The machine that publishes the ports.
    Host,
    /// A container on the stack's network.
    Network,
}

/// One engine as its clients see it: a host, the ports, and the environment that carries its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The compose service: `suho-postgresql`.
    pub service: String,
    /// From where this endpoint can be reached.
    pub place: Place,
    /// A name or an address.
    pub host: String,
    /// Container port to reachable port.
    pub ports: BTreeMap<u16, u16>,
    /// The environment of the service: its credentials are in there, under the names that the compose file gives.
    pub environment: BTreeMap<String, Secret>,
}

impl Endpoint {
    /// The engine as the host sees it, through its published ports.
    #[must_use]
    pub fn published(service: &Service, host: &str, ports: BTreeMap<u16, u16>) -> Self {
        Self {
            service: service.name.clone(),
            place: Place::Host,
            host: host.to_owned(),
            ports,
            environment: service.secrets(),
        }
    }

    /// The engine as another container on the network sees it: by the service's name, on its own ports.
    #[must_use]
    pub fn on_network(service: &Service) -> Self {
        Self {
            service: service.name.clone(),
            place: Place::Network,
            host: service.name.clone(),
            ports: service.container_ports().map(|port| (port, port)).collect(),
            environment: service.secrets(),
        }
    }
}
