//! Where an engine serves and what it takes to be let in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::EngineError;
use crate::deployment::{Secret, Service};

const LOOPBACK: &str = "127.0.0.1";
const EVERY_ADDRESS: &str = "0.0.0.0";

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
    /// The engine as the host sees it, through `ports` on the address that the compose file publishes it on.
    #[must_use]
    pub fn published(service: &Service, ports: BTreeMap<u16, u16>) -> Self {
        let address = service.ports.first().map_or(LOOPBACK, |port| port.address.as_str());
        // Published on every address is published on this one too.
        let host = if address == EVERY_ADDRESS { LOOPBACK } else { address };
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

    /// The same engine as another container on the network sees it.
    #[must_use]
    pub fn as_on_network(&self) -> Self {
        Self {
            place: Place::Network,
            host: self.service.clone(),
            ports: self.ports.keys().map(|port| (*port, *port)).collect(),
            ..self.clone()
        }
    }

    /// The credential that the service's environment carries as `variable`.
    pub fn credential(&self, variable: &'static str) -> Result<&str, EngineError> {
        self.environment
            .get(variable)
            .map(Secret::expose)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| EngineError::MissingCredential {
                service: self.service.clone(),
                variable,
            })
    }

    /// Where `container_port` is reached from this endpoint's place.
    ///
    /// On the network every port of a container is open, also one that the compose file does not publish.
    pub fn port(&self, container_port: u16) -> Result<u16, EngineError> {
        match (self.ports.get(&container_port), self.place) {
            (Some(port), _) => Ok(*port),
            (None, Place::Network) => Ok(container_port),
            (None, Place::Host) => Err(EngineError::NotPublished {
                service: self.service.clone(),
                port: container_port,
            }),
        }
    }

    /// `host:port` for `container_port`.
    pub fn address(&self, container_port: u16) -> Result<String, EngineError> {
        Ok(format!("{}:{}", self.host, self.port(container_port)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;
    use crate::deployment::{Deployment, DeploymentError, Files, Variables};

    const COMPOSE_FILE: &str = "docker-compose.yml";

    /// An endpoint on this machine for the tests of the engines' rooms.
    pub(crate) fn local(service: &str, ports: &[(u16, u16)], environment: &[(&str, &str)]) -> Endpoint {
        Endpoint {
            service: service.to_owned(),
            place: Place::Host,
            host: "127.0.0.1".to_owned(),
            ports: ports.iter().copied().collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect(),
        }
    }

    /// The service `name` as `files` describe it with `variables`.
    pub(crate) fn described(files: &Files, name: &str, mut variables: Variables) -> Result<Service, DeploymentError> {
        variables.generate_missing(Deployment::required_variables(files, &[COMPOSE_FILE])?);
        let deployment = Deployment::read(files, &[COMPOSE_FILE], &variables)?;
        deployment.service(name).cloned()
    }

    #[rstest]
    #[case("127.0.0.1", "127.0.0.1")]
    #[case("10.0.0.5", "10.0.0.5")]
    #[case("0.0.0.0", "127.0.0.1")]
    fn a_published_engine_is_asked_where_it_is_published(
        #[case] bound: &str,
        #[case] asked: &str,
    ) -> Result<(), DeploymentError> {
        let mut variables = Variables::default();
        variables.set("SUHO_BIND_ADDRESS", Secret::new(bound));
        let service = described(&Files::embedded(), "suho-kafka", variables)?;

        let endpoint = Endpoint::published(&service, BTreeMap::new());

        assert_eq!(endpoint.host, asked);
        Ok(())
    }

    #[test]
    fn a_missing_or_empty_credential_is_named() {
        let endpoint = local("suho-nats-server", &[], &[("SUHO_NATS_PASSWORD", "")]);

        let error = endpoint.credential("SUHO_NATS_PASSWORD").map(str::to_owned);

        assert!(matches!(
            error,
            Err(EngineError::MissingCredential {
                variable: "SUHO_NATS_PASSWORD",
                ..
            })
        ));
    }

    #[test]
    fn a_port_is_mapped_on_the_host_and_its_own_on_the_network() {
        let mut endpoint = local("suho-kafka", &[(9092, 40123)], &[]);
        assert_eq!(endpoint.address(9092).ok().as_deref(), Some("127.0.0.1:40123"));
        assert!(matches!(
            endpoint.port(29092),
            Err(EngineError::NotPublished { port: 29092, .. })
        ));

        endpoint.place = Place::Network;
        endpoint.ports.clear();
        assert_eq!(endpoint.port(29092).ok(), Some(29092));
    }
}
