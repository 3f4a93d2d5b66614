use std::{error::Error, io};

use testcontainers::{TestcontainersError, bollard, core::client::ClientError};

use crate::{causes::in_full, registry::RegistryError};

/// Why something could not be done with the Docker engine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No Docker engine answers.
    #[error("the Docker engine cannot be reached: {}; {}", in_full(.0), mend(.0))]
    Unreachable(#[source] ClientError),
    /// The engine answered, but not with a version.
    #[error("the Docker engine does not answer: {}; {}", in_full(.0), mend(.0))]
    Silent(#[source] bollard::errors::Error),
    /// A request was refused.
    #[error("the Docker engine refused to {action}: {source}")]
    Refused {
        /// What was asked: `create network suho-x`.
        action: String,
        /// The engine's answer.
        source: bollard::errors::Error,
    },
    /// A port that a container is to publish belongs to somebody else.
    #[error(
        "a port that container {container} publishes is taken: {words}; free it, or choose another by its SUHO_*_PORT \
         variable"
    )]
    PortTaken {
        /// The container's name.
        container: String,
        /// The engine's own words, which name the port.
        words: String,
    },
    /// A container could not be created or started.
    #[error("failed to launch container {container}: {source}")]
    Launch {
        /// The container's name.
        container: String,
        /// The engine's answer.
        source: Box<TestcontainersError>,
    },
    /// A file that a service mounts is not among the files of the deployment.
    #[error("{service} mounts {file}, which is not among the files of the deployment")]
    MissingFile {
        /// The compose service.
        service: String,
        /// Its path as the compose file gives it.
        file: String,
    },
    /// A program that builds images could not be run.
    #[error("failed to run `{program}`: {source}; `make up` installs what is missing")]
    Program {
        /// The command.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program inside a container failed.
    #[error("failed to {action}: {words}")]
    Inside {
        /// What was run.
        action: String,
        /// Its own words.
        words: String,
    },
    /// An archive could not be read on.
    #[error(transparent)]
    Archive(#[from] Box<RegistryError>),
    /// An image is not there, or another one is, although its archive was taken.
    #[error(
        "the Docker engine took the archive, but {image} is {found} in it and not {wanted}; ask it: `docker image ls`"
    )]
    NotLoaded {
        /// Its name.
        image: String,
        /// What the name stands for in the engine.
        found: String,
        /// What it should stand for.
        wanted: String,
    },
    /// An image could not be built.
    #[error("failed to build the air-gap images; the last lines of the build:\n{log}")]
    Build {
        /// The last lines of the build's output.
        log: String,
    },
}

impl RuntimeError {
    /// Why a launch failed; a port that is taken is told as such, without the engine's words around it.
    pub(super) fn launch(container: &str, source: TestcontainersError) -> Self {
        let words = source.to_string();
        let taken = words.contains("port is already allocated") || words.contains("address already in use");
        match ["Bind for ", "listen tcp"].iter().find_map(|start| words.rfind(start)) {
            Some(start) if taken => Self::PortTaken {
                container: container.to_owned(),
                words: words[start..].trim().to_owned(),
            },
            _ => Self::Launch {
                container: container.to_owned(),
                source: Box::new(source),
            },
        }
    }
}

/// What to do about an engine that cannot be spoken to.
fn mend(error: &(dyn Error + 'static)) -> &'static str {
    if in_full(error).contains("ermission denied") {
        "this user may not use it: run as root, or join the group docker"
    } else {
        "start it (`make up` does), or set DOCKER_HOST to one that runs"
    }
}
