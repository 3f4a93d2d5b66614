use std::{io, path::PathBuf, time::Duration};

use super::shared::BadLinger;
use crate::{
    causes::in_full,
    deployment::DeploymentError,
    engines::EngineError,
    runtime::{ContainerState, RuntimeError},
};

/// Why a stack did not come up, or could not be found or removed.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The files of the deployment cannot be read.
    #[error("failed to {}", in_full(&**.0))]
    Deployment(Box<DeploymentError>),
    /// The Docker engine refused, or does not answer.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine refused what the deployment declares for it.
    #[error("{service} serves, but the declarations of the deployment were not met: failed to {}", in_full(&**.error))]
    Declare {
        /// The compose service.
        service: String,
        /// What was tried, and its answer.
        error: Box<EngineError>,
    },
    /// A container ended before its engine served.
    #[error("{service} died at start ({}); its last lines:\n{}", last.state_in_words(), last.log)]
    Died {
        /// The compose service.
        service: String,
        /// What became of its container.
        last: Box<LastWords>,
    },
    /// An engine did not serve in time.
    #[error(
        "{service} was not ready after {} s ({}): {reason}; give it longer with a larger timeout, or read its last lines:\n{}",
        after.as_secs(),
        last.state_in_words(),
        last.log
    )]
    TimedOut {
        /// The compose service.
        service: String,
        /// How long was waited.
        after: Duration,
        /// What the engine said last.
        reason: String,
        /// How its container fares.
        last: Box<LastWords>,
    },
    /// An engine was asked for that the deployment does not have.
    #[error("there is no engine `{name}`; the engines are {known}")]
    UnknownEngine {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// None of the wanted engines can be had here.
    #[error("none of the wanted engines can be had here: {0}")]
    AllAbsent(String),
    /// No free port was found.
    #[error(
        "no free port was found between {from} and {to} on {address}; close what listens there, or name another address"
    )]
    NoFreePort {
        /// The address that was tried.
        address: String,
        /// First port tried.
        from: u16,
        /// Last port tried.
        to: u16,
    },
    /// A name that containers and files cannot carry.
    #[error("a stack cannot be named `{0}`: its name is letters, digits, `_`, `.` and `-`, a letter or digit first")]
    BadName(String),
    /// A secret that the engines' configuration languages, or a URL, would read as something else.
    #[error("{0} has to be letters and digits, a letter first; `make env` writes such secrets")]
    BadSecret(String),
    /// Something of a stack of that name is there already.
    #[error(
        "a stack named {0} runs already, is being started, or was left by a start that was killed; `suho down {0}` removes it"
    )]
    Exists(String),
    /// A stack runs from other files or images than those given now.
    #[error("stack {name} runs from something else: {changes}; `suho down {name}` removes it, or give another --name")]
    Changed {
        /// Its name.
        name: String,
        /// What changed, in words.
        changes: String,
    },
    /// Containers of a stack no longer run.
    #[error(
        "stack {name} is broken, of its services no longer runs: {services}; `suho logs ENGINE --name {name}` says why, \
         `suho down {name}` removes it"
    )]
    Stopped {
        /// Its name.
        name: String,
        /// Which services.
        services: String,
    },
    /// No state file tells of a stack of that name.
    #[error(
        "no stack named {name} is known in {}; `suho up` starts one, `suho ps` lists those that run, and \
         `suho down {name}` removes one that runs unknown",
        directory.display()
    )]
    Unknown {
        /// Its name.
        name: String,
        /// Where state files are (`SUHO_STATE_DIR`).
        directory: PathBuf,
    },
    /// An engine cannot be prepared for tenants.
    #[error("{service} cannot be prepared for tenants: failed to {}", in_full(&**.error))]
    Lend {
        /// The compose service.
        service: String,
        /// What was tried.
        error: Box<EngineError>,
    },
    /// The environment names an engine that does not serve.
    #[error(
        "the environment says where {service} is, so that none is started, but failed to {}; mend or unset its variables",
        in_full(&**.error)
    )]
    Foreign {
        /// The compose service.
        service: String,
        /// What was tried, and its answer.
        error: Box<EngineError>,
    },
    /// The process that was starting the stack, while this one waited for it, has failed.
    #[error("{words} (in process {process}, which was starting the stack for this one, too)")]
    FailedElsewhere {
        /// Its number.
        process: u32,
        /// Why.
        words: String,
    },
    /// The environment asks for a time to linger that is none.
    #[error("failed to read SUHO_LINGER: {0}")]
    BadLinger(#[from] BadLinger),
    /// A state file cannot be read or written.
    #[error("failed to {action} {path}: {source}")]
    StateFile {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<DeploymentError> for StackError {
    fn from(error: DeploymentError) -> Self {
        Self::Deployment(Box::new(error))
    }
}

/// What an engine that failed leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    /// Exit code and whether it ran out of memory; `None` where the container is gone.
    pub state: Option<ContainerState>,
    /// The last lines of its log.
    pub log: String,
}

impl LastWords {
    fn state_in_words(&self) -> String {
        let Some(state) = &self.state else {
            return "its container is gone".to_owned();
        };
        let exit = state
            .exit_code
            .map(|code| format!(", exit code {code}"))
            .unwrap_or_default();
        let memory = if state.out_of_memory { ", out of memory" } else { "" };
        format!("{}{exit}{memory}", state.status)
    }
}
