//! A file per command.

pub mod backup;
pub mod config;
pub mod doctor;
pub mod down;
pub mod env;
pub mod images;
pub mod logs;
pub mod manual;
pub mod ps;
pub mod tenants;
pub mod up;
pub mod verify;

use std::path::{Path, PathBuf};

use suho_stack::{
    backup::BackupError,
    causes::in_full,
    deployment::{COMPOSE_FILE, DeploymentError},
    engines::EngineError,
    stack::StackError,
};

/// The directory that holds the deployment, where none is named.
pub fn usual_directory() -> PathBuf {
    PathBuf::from(if Path::new(COMPOSE_FILE).exists() {
        "."
    } else {
        "compose"
    })
}

/// True where an engine failed, as against a command that could not be carried out.
pub fn is_failure(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<BackupError>() {
        return backup::is_failure(error);
    }
    matches!(
        error.downcast_ref(),
        Some(StackError::Died { .. } | StackError::TimedOut { .. } | StackError::Declare { .. })
    )
}

/// The error in a sentence, with every cause told once.
pub fn in_words(error: &anyhow::Error) -> String {
    let words = in_full(error.as_ref());
    if error.is::<DeploymentError>() || error.is::<EngineError>() {
        format!("failed to {words}")
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn every_error_is_a_sentence_that_tells_each_cause_once() {
        let denied = || io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
        let errors: [anyhow::Error; 3] = [
            DeploymentError::Read {
                path: "compose".into(),
                source: denied(),
            }
            .into(),
            StackError::StateFile {
                action: "read",
                path: "compose".into(),
                source: denied(),
            }
            .into(),
            anyhow::Error::new(denied()).context("failed to read compose"),
        ];

        for error in errors {
            assert_eq!(in_words(&error), "failed to read compose: permission denied");
        }
    }
}
