//! A file per command.

pub mod doctor;
pub mod down;
pub mod env;
pub mod images;
pub mod logs;
pub mod ps;
pub mod up;
pub mod verify;

use suho_stack::stack::StackError;

/// True where an engine failed, as against a command that could not be carried out.
pub fn is_failure(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(StackError::Died { .. } | StackError::TimedOut { .. } | StackError::Declare { .. })
    )
}
