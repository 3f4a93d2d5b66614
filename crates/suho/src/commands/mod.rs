//! A file per command.

pub mod doctor;
pub mod down;
pub mod env;
pub mod images;
pub mod logs;
pub mod ps;
pub mod up;
pub mod verify;

use suho_stack::{
    deployment::DeploymentError,
    engines::{EngineError, in_full},
    stack::StackError,
};

/// True where an engine failed, as against a command that could not be carried out.
pub fn is_failure(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(StackError::Died { .. } | StackError::TimedOut { .. } | StackError::Declare { .. })
    )
}

/// The error in a sentence.
pub fn in_words(error: &anyhow::Error) -> String {
    if let Some(error) = error.downcast_ref::<DeploymentError>() {
        format!("failed to {}", in_full(error))
    } else if let Some(error) = error.downcast_ref::<EngineError>() {
        format!("failed to {}", in_full(error))
    } else {
        format!("{error:#}")
    }
}
