//! The compose files as typed values.
//!
//! What compose allows and our files do not use is an error here, so that nothing in them is ignored.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};

use super::error::{DeploymentError, Position};
use super::files::Files;
use super::image::ImageReference;
use super::interpolation::VariableUse;
use super::reading;
use super::secret::Secret;
use super::variables::Variables;

/// Everything that the compose files describe.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The compose project: `suho`; empty where no file names it.
    pub name: String,
    /// In the order of the compose file.
    pub services: IndexMap<String, Service>,
    /// The network that all services share.
    pub network: String,
    /// The named volumes, in the order of the compose file.
    pub volumes: IndexSet<String>,
}

/// A service of the deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `suho-postgresql`
    pub name: String,
    /// The container's name; the service's by default.
    pub container_name: String,
    /// By which other containers find it; the service's name by default.
    pub hostname: String,
    /// What it runs.
    pub image: ImageReference,
    /// What its image is built from, where it is built on this machine.
    pub build: Option<Build>,
    /// Why it cannot be had with these files (`x-suho-absent`).
    pub absent: Option<String>,
    /// It starts only where one of these profiles is asked for; with none, always.
    pub profiles: Vec<String>,
    /// The program in the place of the image's own.
    pub entrypoint: Option<String>,
    /// Replaces the image's command; empty to keep it.
    pub command: Vec<String>,
    /// Holds the passwords too.
    pub environment: IndexMap<String, Secret>,
    /// Where each of them is set; the same names in the same order.
    pub environment_at: IndexMap<String, Assignment>,
    /// Files and volumes.
    pub mounts: Vec<Mount>,
    /// Ports that the host publishes.
    pub ports: Vec<PublishedPort>,
    /// Ports for the network alone.
    pub expose: Vec<u16>,
    /// Asked by Docker inside the container.
    pub health: Option<HealthCheck>,
    /// What has to be the case before this service starts.
    pub depends_on: IndexMap<String, Condition>,
    /// Bytes; unlimited by default.
    pub memory: Option<u64>,
    /// Processors; unlimited by default.
    pub cpus: Option<f64>,
    /// Bytes of `/dev/shm`; Docker's default is 64 MiB.
    pub shm_size: Option<u64>,
    /// By their names: `nofile`, `memlock`.
    pub ulimits: IndexMap<String, Ulimit>,
    /// Between the stop signal and the kill; Docker's default is 10 s.
    pub stop_grace_period: Option<Duration>,
    /// `SIGINT`; the image's own by default.
    pub stop_signal: Option<String>,
    /// Never by default.
    pub restart: Restart,
    /// How many containers run; 0 for a service that only waits for others.
    pub scale: u32,
    /// Docker's own configuration by default.
    pub logging: Option<Logging>,
    /// The compose files that say something about it, in their order.
    pub described_in: Vec<String>,
    pub(super) one_shot: bool,
}

/// Where a variable of the environment is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The line of the compose file.
    pub at: Position,
    /// Holds a variable that the compose file demands: a password or a key.
    pub is_secret: bool,
}

/// The recipe of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// A directory of the deployment: `airgap/kafka`.
    pub context: String,
    /// Build secrets by their id, each with the host's file.
    pub secrets: IndexMap<String, String>,
}

/// What a service finds in its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// A file of the deployment.
    File {
        /// Relative to the deployment's directory.
        source: String,
        /// Absolute, in the container.
        target: String,
        /// Not to be written by the container.
        read_only: bool,
    },
    /// A named volume.
    Volume {
        /// As the compose file names it.
        name: String,
        /// Absolute, in the container.
        target: String,
    },
}

/// A TCP port that the host publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// The host's address that listens; `127.0.0.1` by default.
    pub address: String,
    /// 0 for a free one.
    pub host_port: u16,
    /// Where the service listens.
    pub container_port: u16,
}

/// How Docker finds out that a service serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Exit code 0 means healthy.
    pub test: HealthTest,
    /// Between two tests.
    pub interval: Duration,
    /// After which a test counts as failed.
    pub timeout: Duration,
    /// How many failures in a row make it unhealthy.
    pub retries: u32,
    /// During which failures do not count.
    pub start_period: Duration,
}

/// The command of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// A line for the container's shell.
    Shell(String),
    /// A program and its arguments.
    Exec(Vec<String>),
}

/// What a dependency has to have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It runs.
    Started,
    /// Its health check passes.
    Healthy,
    /// It has exited with 0.
    CompletedSuccessfully,
}

/// What Docker does when the container ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restart {
    /// Nothing.
    #[default]
    No,
    /// Starts it again after a failure.
    OnFailure,
    /// Starts it again until it is stopped by hand.
    UnlessStopped,
    /// Starts it again.
    Always,
}

/// A limit of the kernel; -1 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// The limit in effect.
    pub soft: i64,
    /// As far as the service itself may raise it.
    pub hard: i64,
}

/// Where the container's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// `json-file`
    pub driver: String,
    /// The driver's own options.
    pub options: IndexMap<String, String>,
}

impl Deployment {
    /// Reads the compose `files` named by `compose_files`, the later ones overriding the earlier.
    pub fn read(files: &Files, compose_files: &[&str], variables: &Variables) -> Result<Self, DeploymentError> {
        let deployment = reading::read(files, compose_files, variables)?;
        deployment.start_order()?;
        Ok(deployment)
    }

    /// Every variable that the compose files name, one entry for each time, in the order of the files.
    pub fn variables(files: &Files, compose_files: &[&str]) -> Result<Vec<VariableUse>, DeploymentError> {
        let uses: Result<Vec<_>, _> = compose_files
            .iter()
            .map(|file| reading::variables_of(files, file))
            .collect();
        Ok(uses?.into_iter().flatten().collect())
    }

    /// The variables without which [`Deployment::read`] fails (`${NAME:?…}`), each once, in the order of the files.
    pub fn required_variables(files: &Files, compose_files: &[&str]) -> Result<Vec<String>, DeploymentError> {
        let uses = Self::variables(files, compose_files)?;
        let required = uses.into_iter().filter(|variable| variable.required);
        Ok(once(required.map(|variable| variable.name)))
    }

    /// The variables that choose a host port (`${NAME:-5432}` in `ports`), each once, in the order of the files.
    pub fn port_variables(files: &Files, compose_files: &[&str]) -> Result<Vec<String>, DeploymentError> {
        let names: Result<Vec<_>, _> = compose_files
            .iter()
            .map(|file| reading::port_variables_of(files, file))
            .collect();
        Ok(once(names?.into_iter().flatten()))
    }

    /// A service by its name.
    pub fn service(&self, name: &str) -> Result<&Service, DeploymentError> {
        self.services.get(name).ok_or_else(|| DeploymentError::NoSuchService {
            name: name.to_owned(),
            known: self.services.keys().cloned().collect(),
        })
    }

    /// The services in waves: each depends on services of earlier waves alone.
    pub fn start_order(&self) -> Result<Vec<Vec<&Service>>, DeploymentError> {
        let mut started = IndexSet::new();
        let mut waves = Vec::new();
        while started.len() < self.services.len() {
            let wave: Vec<_> = self
                .services
                .values()
                .filter(|service| !started.contains(service.name.as_str()) && service.may_start_after(&started))
                .collect();
            if wave.is_empty() {
                return Err(DeploymentError::Cycle {
                    cycle: self.cycle(&started),
                });
            }
            started.extend(wave.iter().map(|service| service.name.as_str()));
            waves.push(wave);
        }
        Ok(waves)
    }

    /// The named services and all that they depend on, in the order of the compose file.
    pub fn with_dependencies(&self, names: &[&str]) -> Result<Vec<String>, DeploymentError> {
        let mut wanted = IndexSet::new();
        let mut pending = names
            .iter()
            .map(|name| self.service(name))
            .collect::<Result<Vec<_>, _>>()?;
        while let Some(service) = pending.pop() {
            if wanted.insert(service.name.as_str()) {
                pending.extend(service.depends_on.keys().filter_map(|name| self.services.get(name)));
            }
        }
        let in_order = self.services.keys().filter(|name| wanted.contains(name.as_str()));
        Ok(in_order.cloned().collect())
    }

    /// Follows dependencies among the services that cannot start until one comes up again.
    fn cycle(&self, started: &IndexSet<&str>) -> Vec<String> {
        let is_stuck = |name: &&str| !started.contains(name);
        let mut path = IndexSet::new();
        let mut next = self.services.keys().map(String::as_str).find(is_stuck);
        while let Some(name) = next {
            let (at, is_new) = path.insert_full(name);
            if !is_new {
                let cycle = path.iter().skip(at).chain([&name]);
                return cycle.map(|name| (*name).to_owned()).collect();
            }
            let dependencies = self.services.get(name).map(|service| service.depends_on.keys());
            next = dependencies.into_iter().flatten().map(String::as_str).find(is_stuck);
        }
        Vec::new()
    }
}

fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<IndexSet<_>>().into_iter().collect()
}

impl Service {
    /// Its environment, which carries the credentials of its clients.
    #[must_use]
    pub fn secrets(&self) -> BTreeMap<String, Secret> {
        self.environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The published ports and then the exposed ones, as the container knows them.
    pub fn container_ports(&self) -> impl Iterator<Item = u16> {
        let published = self.ports.iter().map(|port| port.container_port);
        published.chain(self.expose.iter().copied())
    }

    /// Whether it is meant to do something and exit: another service waits for its success.
    #[must_use]
    pub fn is_one_shot(&self) -> bool {
        self.one_shot
    }

    fn may_start_after(&self, started: &IndexSet<&str>) -> bool {
        self.depends_on.keys().all(|name| started.contains(name.as_str()))
    }
}

impl Mount {
    /// Absolute, in the container.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::File { target, .. } | Self::Volume { target, .. } => target,
        }
    }
}
