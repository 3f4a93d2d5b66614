//! What can go wrong between this library and an engine.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

use crate::causes::in_full;

/// Why an engine could not be asked, or what it answered instead of what it owed.
///
/// Reads well after "failed to …".
#[derive(Debug, Error)]
pub enum EngineError {
    /// The service's environment does not carry its credential.
    #[error(
        "find {variable} in the environment of {service}: the compose file names it, and `make env` writes it to .env"
    )]
    MissingCredential {
        /// The compose service.
        service: String,
        /// The variable that carries the credential.
        variable: &'static str,
    },
    /// The port exists on the stack's network only.
    #[error("reach port {port} of {service} from the host: it is not published, ask from a container on its network")]
    NotPublished {
        /// The compose service.
        service: String,
        /// The port inside the container.
        port: u16,
    },
    /// The engine could not be asked, or answered with an error; the source has its own words.
    #[error("{action} on {service}")]
    Failed {
        /// The compose service.
        service: String,
        /// What was tried: `create the topic probe_3f2a`.
        action: String,
        /// What the client or the engine said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The engine did not answer in time: look at its log and at the load of the machine.
    #[error("{action} on {service} within {limit:?}")]
    TimedOut {
        /// The compose service.
        service: String,
        /// What was tried.
        action: String,
        /// How long it was given.
        limit: Duration,
    },
    /// The engine answered, and the answer is wrong.
    #[error("{action} on {service}: expected {expected}, found {found}")]
    Unexpected {
        /// The compose service.
        service: String,
        /// What was tried.
        action: String,
        /// What the engine owed.
        expected: String,
        /// What it gave.
        found: String,
    },
    /// The engine, or this edition of it, cannot do that.
    #[error("{action} on {service}: {reason}")]
    NotOffered {
        /// The compose service.
        service: String,
        /// What was asked for.
        action: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// A variable of the environment names an endpoint in a way that is not understood.
    #[error("read the endpoint of {service} from {variable}: {reason}")]
    BadVariable {
        /// The compose service.
        service: String,
        /// The variable's name; its value may hold a password.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A stranger was served. Nothing of the stack may be reachable for others until this is mended.
    #[error(
        "keep strangers out of {service}: a client with {credentials} was let in, check the engine's users and listeners"
    )]
    LetIn {
        /// The compose service.
        service: String,
        /// What the stranger came with: `a wrong password`.
        credentials: &'static str,
    },
}

impl EngineError {
    /// This error and everything that caused it, on one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        in_full(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_in_full_names_the_service_the_action_and_every_cause_once() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let error = EngineError::Failed {
            service: "suho-kafka".into(),
            action: "fetch the metadata".into(),
            source: Box::new(io::Error::other(refused)),
        };

        assert_eq!(error.in_full(), "fetch the metadata on suho-kafka: connection refused");
    }
}
