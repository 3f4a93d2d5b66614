//! The stack that is backed up, or restored into.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use tokio::time::{Duration, timeout};

use super::BackupError;
use crate::{
    deployment::{Deployment, Files, Fingerprint, Variables},
    engines::{
        self, Endpoint, Engine, EngineError, Waiting,
        backup::{Instance, Origin, Pieces, Reads, Tool, Tools},
    },
    runtime::{Docker, ImageFacts, RuntimeError},
    stack::{Restarter, StackState},
};

/// What an engine that serves is given to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// A running stack, ours or a deployed one, as a backup sees it.
#[derive(Debug)]
pub struct Target {
    /// Its name; of a deployment, its directory.
    pub name: String,
    /// What it was started from.
    pub fingerprint: Fingerprint,
    pub(super) members: Vec<Reached>,
    pub(super) absent: BTreeMap<String, String>,
    docker: Docker,
    restarter: Restarter,
}

/// An engine of it.
#[derive(Debug)]
pub(super) struct Reached {
    pub engine: &'static dyn Engine,
    pub endpoint: Endpoint,
    container: String,
    facts: ImageFacts,
}

impl Target {
    /// A stack of ours.
    pub async fn of(state: &StackState) -> Result<Self, BackupError> {
        let members = state.members.iter().filter_map(|member| {
            Some(Reached {
                engine: engines::by_service(&member.service)?,
                endpoint: member.endpoint.clone(),
                container: member.container.clone(),
                facts: member.facts.clone(),
            })
        });
        Ok(Self {
            name: state.name.clone(),
            fingerprint: state.fingerprint.clone(),
            members: members.collect(),
            absent: state.reasons_of_absence(),
            docker: Docker::connect().await?,
            restarter: Restarter::of(state).await?,
        })
    }

    /// A deployment of `docker compose up` from `directory`, by its published ports and the credentials of its `.env`.
    pub async fn deployed(directory: &Path, compose_files: &[&str]) -> Result<Self, BackupError> {
        let directory = directory.canonicalize().map_err(BackupError::disk("find", directory))?;
        let files = Files::from_directory(&directory)?;
        let variables =
            Variables::from_env_file(&directory.join(".env"))?.overridden_by(Variables::from_process_environment());
        let deployment = Deployment::read(&files, compose_files, &variables)?;
        let docker = Docker::connect().await?;
        let mut containers = docker.composed_containers(&directory).await?;
        let mut members = Vec::new();
        let mut absent = BTreeMap::new();
        let mut services = Vec::new();
        for engine in engines::all().iter().copied() {
            let service = deployment.service(engine.service())?;
            let Some(container) = containers.remove(&service.name) else {
                let reason = format!(
                    "the Docker engine of this machine runs no container of it from {}",
                    directory.display()
                );
                absent.insert(service.name.clone(), service.absent.clone().unwrap_or(reason));
                continue;
            };
            let ports = service.ports.iter().map(|port| (port.container_port, port.host_port));
            members.push(Reached {
                engine,
                endpoint: Endpoint::published(service, ports.collect()),
                container,
                facts: docker.image_facts(&service.image).await?.unwrap_or_default(),
            });
            services.push(service);
        }
        let reached = members.iter().map(|member| {
            let place = (member.container.clone(), member.endpoint.clone());
            (member.endpoint.service.clone(), place)
        });
        Ok(Self {
            name: directory.display().to_string(),
            fingerprint: Fingerprint::of(&files, services, &BTreeMap::new()),
            restarter: Restarter::of_containers(reached.collect()).await?,
            members,
            absent,
            docker,
        })
    }

    /// Knows where services are reached since a restore has started them anew.
    #[must_use]
    pub fn restarter(&self) -> &Restarter {
        &self.restarter
    }

    pub(super) fn member(&self, service: &str) -> Option<&Reached> {
        self.members.iter().find(|member| member.endpoint.service == service)
    }

    pub(super) fn tools(&self, member: &Reached) -> ContainerTools {
        ContainerTools {
            docker: self.docker.clone(),
            container: member.container.clone(),
            service: member.endpoint.service.clone(),
        }
    }

    pub(super) fn instance<'a>(&'a self, member: &'a Reached, tools: &'a ContainerTools) -> Instance<'a> {
        Instance {
            endpoint: &member.endpoint,
            tools,
            restart: &self.restarter,
        }
    }
}

impl Reached {
    /// Version, edition and stand-in, once the engine serves.
    pub(super) async fn origin(&self) -> Result<Origin, EngineError> {
        let waiting = Waiting::new();
        let asked = timeout(VERSION_LIMIT, self.engine.ready(&self.endpoint, &waiting)).await;
        let version = asked.map_err(|_| EngineError::Failed {
            service: self.endpoint.service.clone(),
            action: "hear its version".to_owned(),
            source: waiting.reason().into(),
        })?;
        Ok(Origin {
            version,
            edition: self.facts.edition.clone(),
            stand_in: self.facts.stand_in.clone(),
        })
    }
}

/// Tools in the engine's own container.
#[derive(Debug)]
pub(super) struct ContainerTools {
    docker: Docker,
    container: String,
    service: String,
}

#[async_trait]
impl Tools for ContainerTools {
    async fn start(&self, command: &[&str], reads: Reads) -> Result<Tool, EngineError> {
        let program = command.first().copied().unwrap_or_default().to_owned();
        let failed = self.failed("use its own tools");
        let inside = self
            .docker
            .inside(&self.container, command, reads == Reads::Input)
            .await;
        let inside = inside.map_err(&failed)?;
        let exit = inside.exit;
        let ended = failed.clone();
        Ok(Tool {
            input: inside.input,
            output: inside.output.map_err(failed).boxed(),
            end: Box::pin(async move { exit.wait(&program).await.map_err(ended) }),
        })
    }

    async fn file(&self, path: &str) -> Result<Pieces, EngineError> {
        let failed = self.failed("read its files");
        let pieces = self.docker.file(&self.container, path).await.map_err(&failed)?;
        Ok(pieces.map_err(failed).boxed())
    }
}

impl ContainerTools {
    fn failed(&self, action: &'static str) -> impl Fn(RuntimeError) -> EngineError + Clone + Send + use<> {
        let service = self.service.clone();
        move |error| EngineError::Failed {
            service: service.clone(),
            action: action.to_owned(),
            source: error.into(),
        }
    }
}
