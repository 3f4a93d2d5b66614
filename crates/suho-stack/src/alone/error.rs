use testcontainers::TestcontainersError;

use crate::stack::StackError;

/// Why an engine is not to be had alone.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// The deployment cannot be read, or its image cannot be obtained.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// It starts after others, which a container alone has not beside it.
    #[error("{service} needs {others} beside it: start both with `Stack::builder()`")]
    NeedsOthers {
        /// The compose service.
        service: String,
        /// What it depends on.
        others: String,
    },
    /// There is no image of it here.
    #[error("{service} cannot be had here: {reason}")]
    Absent {
        /// The compose service.
        service: String,
        /// Why not.
        reason: String,
    },
    /// The compose file mounts a file that the deployment does not have.
    #[error("failed to find {file}, which {service} mounts, among the files of the deployment")]
    MissingFile {
        /// The compose service.
        service: String,
        /// The path in the compose file.
        file: String,
    },
    /// The container runs, and where it is reached cannot be told.
    #[error("failed to ask for the ports of a container")]
    Container(#[from] TestcontainersError),
    /// The container is ready, and its engine does not serve its user.
    #[error("{service} does not serve its user: {reason}; read the log of its container")]
    NotServing {
        /// The compose service.
        service: String,
        /// What the engine said last.
        reason: String,
    },
}
