//! The connection to the Docker engine, shared with testcontainers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use testcontainers::{bollard, core::client::docker_client_instance};

use super::RuntimeError;

/// A client of the Docker engine that testcontainers found (`DOCKER_HOST`, or one of the usual sockets).
///
/// It keeps no connection open, so it may be used from any tokio runtime.
#[derive(Debug, Clone)]
pub struct Docker {
    pub(super) client: bollard::Docker,
    /// Set once the engine has refused to raise limits, so that it is asked only once.
    refuses_limits: Arc<AtomicBool>,
}

impl Docker {
    /// Connects, and asks for the version to know that somebody answers.
    pub async fn connect() -> Result<Self, RuntimeError> {
        let client = docker_client_instance().await.map_err(RuntimeError::Unreachable)?;
        let docker = Self {
            client,
            refuses_limits: Arc::default(),
        };
        docker.version().await?;
        Ok(docker)
    }

    /// False once the engine has refused to give a container the limits of its service.
    pub(super) fn grants_limits(&self) -> bool {
        !self.refuses_limits.load(Ordering::Relaxed)
    }

    pub(super) fn note_refused_limits(&self) {
        if !self.refuses_limits.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the Docker engine may not raise limits here: containers get its own limits of open files and locked memory"
            );
        }
    }

    /// The engine's version: `20.10.24+dfsg1`.
    pub async fn version(&self) -> Result<String, RuntimeError> {
        let version = self.client.version().await.map_err(RuntimeError::Silent)?;
        Ok(version.version.unwrap_or_default())
    }
}

/// Turns the engine's refusal into an error that says what was asked.
pub(super) fn refused(action: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> RuntimeError {
    let action = action.into();
    move |source| RuntimeError::Refused { action, source }
}

/// True where the engine says that there is no such thing.
pub(super) fn is_absent(error: &bollard::errors::Error) -> bool {
    matches!(
        error,
        bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }
    )
}
