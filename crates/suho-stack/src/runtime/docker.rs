//! The connection to the Docker engine, shared with testcontainers.

use std::{
    env, fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use testcontainers::{bollard, core::client::docker_client_instance};

use super::RuntimeError;
use crate::registry::Platform;

const USUAL_SOCKET: &str = "/var/run/docker.sock";

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
        let docker = Self::at_hand().await?;
        docker.version().await?;
        Ok(docker)
    }

    /// Connects when it is first asked: for those whose first question finds out whether somebody answers.
    pub async fn at_hand() -> Result<Self, RuntimeError> {
        let client = docker_client_instance().await.map_err(RuntimeError::Unreachable)?;
        let refuses_limits = Arc::new(AtomicBool::new(!limits_may_be_raised()));
        Ok(Self { client, refuses_limits })
    }

    /// False once the engine has refused to give a container the limits of its service.
    #[must_use]
    pub fn grants_limits(&self) -> bool {
        !self.refuses_limits.load(Ordering::Relaxed)
    }

    pub(super) fn note_refused_limits(&self) {
        self.refuses_limits.store(true, Ordering::Relaxed);
    }

    /// The engine's version: `20.10.24+dfsg1`.
    pub async fn version(&self) -> Result<String, RuntimeError> {
        let version = self.client.version().await.map_err(RuntimeError::Silent)?;
        Ok(version.version.unwrap_or_default())
    }

    /// What its containers run on.
    pub async fn platform(&self) -> Result<Platform, RuntimeError> {
        let version = self.client.version().await.map_err(RuntimeError::Silent)?;
        Ok(Platform {
            architecture: version.arch.unwrap_or_default(),
            os: version.os.unwrap_or_default(),
        })
    }
}

/// Where the Docker engine listens, as testcontainers finds it: `DOCKER_HOST`, or the first of the usual sockets.
pub(crate) fn address() -> String {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let in_directory = |name: &str, socket: &str| set(name).map(|directory| format!("{directory}/{socket}"));
    set("DOCKER_HOST").unwrap_or_else(|| {
        let socket = [
            Some(USUAL_SOCKET.to_owned()),
            in_directory("XDG_RUNTIME_DIR", ".docker/run/docker.sock"),
            in_directory("HOME", ".docker/run/docker.sock"),
            in_directory("HOME", ".docker/desktop/docker.sock"),
        ]
        .into_iter()
        .flatten()
        .find(|socket| Path::new(socket).exists());
        format!("unix://{}", socket.as_deref().unwrap_or(USUAL_SOCKET))
    })
}

/// The same, if it can be spoken to without TLS or SSH.
pub(crate) fn plain_address() -> Option<String> {
    let with_tls = env::var("DOCKER_TLS_VERIFY").is_ok_and(|value| value == "1");
    let address = address();
    let is_plain =
        address.starts_with("unix://") || !with_tls && ["tcp://", "http://"].iter().any(|s| address.starts_with(s));
    is_plain.then_some(address)
}

/// False where no process of this machine may raise a limit (`CAP_SYS_RESOURCE` is withheld), as inside another container.
fn limits_may_be_raised() -> bool {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let may_have = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapBnd:")?.trim(), 16).ok());
    may_have.is_none_or(|capabilities| capabilities & CAP_SYS_RESOURCE != 0)
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
