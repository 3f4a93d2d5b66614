use std::io;

use testcontainers::{TestcontainersError, bollard, core::client::ClientError};

/// Why something could not be done with the Docker engine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No Docker engine answers.
    #[error("the Docker engine cannot be reached: {0}; start it (`make up` does), or set DOCKER_HOST to one that runs")]
    Unreachable(#[source] ClientError),
    /// The engine answered, but not with a version.
    #[error("the Docker engine does not answer: {0}; start it (`make up` does), or set DOCKER_HOST to one that runs")]
    Silent(#[source] bollard::errors::Error),
    /// A request was refused.
    #[error("the Docker engine refused to {action}: {source}")]
    Refused {
        /// What was asked: `create network suho-x`.
        action: String,
        /// The engine's answer.
        source: bollard::errors::Error,
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
    /// An image could not be built.
    #[error("failed to build the air-gap images; the last lines of the build:\n{log}")]
    Build {
        /// The last lines of the build's output.
        log: String,
    },
}
