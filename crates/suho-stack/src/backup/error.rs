use std::{io, path::PathBuf};

use crate::{
    causes::in_full, deployment::DeploymentError, engines::EngineError, runtime::RuntimeError, stack::StackError,
};

/// Why a backup was not made, not read or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The disk, or the rights on it.
    #[error("failed to {action} {path}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An engine could not be backed up or restored.
    #[error("failed to {}", in_full(&**.0))]
    Engine(Box<EngineError>),
    /// An engine failed after others had been restored.
    #[error("failed to {}; restored before it and complete: {done}", in_full(&**.error))]
    Midway {
        /// What was tried, and its answer.
        error: Box<EngineError>,
        /// The engines that are done, or `nothing`.
        done: String,
    },
    /// Another process writes into that directory.
    #[error("a backup is being written into {0} by another process; wait until it has ended, or name another --to")]
    Busy(PathBuf),
    /// There is no engine to back up.
    #[error("none of the wanted engines can be backed up: {0}")]
    Nothing(String),
    /// The directory holds no backup of that name.
    #[error("there is no backup {name} in {directory}; `suho backups` lists what there is")]
    Absent {
        /// What was asked for.
        name: String,
        /// Where.
        directory: PathBuf,
    },
    /// It is not, or no longer, a whole backup.
    #[error("{path} is not a whole backup, and nothing was touched: {}", reasons.join("; "))]
    Damaged {
        /// Its directory.
        path: PathBuf,
        /// Everything that is wrong.
        reasons: Vec<String>,
    },
    /// The checks before a restore found something.
    #[error("nothing was touched: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// A recipient that age does not know.
    #[error("`{0}` is no recipient of age: it begins with `age1`, and `age-keygen` prints one")]
    BadRecipient(String),
    /// A label that a directory cannot carry.
    #[error("`{0}` cannot be a label: letters, digits, `_`, `.` and `-`")]
    BadLabel(String),
    /// An identity of age that cannot be read, or that opens nothing.
    #[error("the backup cannot be opened, and nothing was touched: {0}; give the file of `age-keygen` by --identity")]
    Identity(String),
    /// The stack is not what it says.
    #[error(transparent)]
    Stack(#[from] Box<StackError>),
    /// The Docker engine refused, or does not answer.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The files of the deployment cannot be read.
    #[error("failed to {}", in_full(&**.0))]
    Deployment(Box<DeploymentError>),
}

impl BackupError {
    /// Wraps what the disk said, for `map_err`.
    pub(super) fn disk(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { action, path, source }
    }
}

impl From<EngineError> for BackupError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<StackError> for BackupError {
    fn from(error: StackError) -> Self {
        Self::Stack(Box::new(error))
    }
}

impl From<DeploymentError> for BackupError {
    fn from(error: DeploymentError) -> Self {
        Self::Deployment(Box::new(error))
    }
}
