use std::{io, path::PathBuf};

use crate::{causes::in_full, engines::EngineError};

/// Why a tenant has no room, or cannot do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The stack was started without that engine.
    #[error("{engine} is absent from the stack {stack}: {reason}")]
    Absent {
        /// The engine.
        engine: String,
        /// The stack.
        stack: String,
        /// Why it is absent.
        reason: String,
    },
    /// The engine is there and lodges nobody.
    #[error("{engine} lodges no tenants: reach it by the endpoint of the stack, which everybody shares")]
    NoRooms {
        /// The engine.
        engine: String,
    },
    /// The stack does not know such an engine.
    #[error("there is no engine `{engine}` in the stack {stack}; its engines are {known}")]
    UnknownEngine {
        /// What was asked for.
        engine: String,
        /// The stack.
        stack: String,
        /// What there is.
        known: String,
    },
    /// The engine refused, or does not answer.
    #[error("failed to {}", in_full(&**.0))]
    Engine(Box<EngineError>),
    /// What the engine's folder, or a migration that is a function, was doing when it panicked.
    #[error("{action} in {engine} panicked: {message}")]
    Panicked {
        /// What was tried.
        action: &'static str,
        /// The engine.
        engine: String,
        /// The words of the panic.
        message: String,
    },
    /// Some of the engines that the tenant uses cannot do that; those that can have done it.
    #[error("{action} was not done everywhere: {}", refusals.join("; "))]
    NotEverywhere {
        /// `the snapshot "after import"`.
        action: String,
        /// Each engine with its reason.
        refusals: Vec<String>,
    },
    /// Some of the rooms could not be removed; they stay in the records, and whoever comes next tries again.
    #[error("tenant {tenant} was not removed everywhere: {}", failures.join("; "))]
    NotRemoved {
        /// The tenant.
        tenant: String,
        /// Each engine with what it answered.
        failures: Vec<String>,
    },
    /// A tenant that somebody uses is not taken from him.
    #[error("tenant {tenant} is in use by process {pid} ({label}); it goes when that process ends")]
    InUse {
        /// The tenant.
        tenant: String,
        /// Whose it is.
        pid: u32,
        /// For what.
        label: String,
    },
    /// The record of a room cannot be read or written.
    #[error("failed to {action} {}: {source}", path.display())]
    Record {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread that makes rooms could not be started, or ended.
    #[error("the thread that makes rooms for tenants does not run: {0}")]
    NoPool(io::Error),
}

impl From<EngineError> for TenantError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}
