//! Everything known about an engine, in its own folder and nowhere else.
//!
//! # Layout
//! - [`endpoint`]: where an engine serves; the only thing an engine's room is given.
//! - [`postgresql`], [`clickhouse`], [`dragonflydb`], [`weaviate`], [`arangodb`], [`nats`], [`kafka`], [`zookeeper`]: one engine
//!   each: client, readiness, the write and read that prove it serves, the refusals it owes to strangers.
//!
//! Adding an engine is adding a folder and one line in [`all`].

pub mod endpoint;

mod error;
mod waiting;

use std::fmt::Debug;

use async_trait::async_trait;

pub use endpoint::{Endpoint, Place};
pub use error::EngineError;
pub use waiting::Waiting;

use crate::deployment::Declarations;

/// What the rest of the house asks of an engine.
#[async_trait]
pub trait Engine: Debug + Send + Sync {
    /// The compose service that runs it: `suho-postgresql`.
    fn service(&self) -> &'static str;

    /// Its short name in commands and reports: `postgresql`.
    fn name(&self) -> &'static str {
        self.service().trim_start_matches("suho-")
    }

    /// Waits until the engine serves its service user, asking every 20 to 50 ms, and returns its version.
    ///
    /// Never gives up: the caller sets the time limit and watches the container. Each refusal is told to `waiting`.
    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String;

    /// Creates what `declarations` lists for this engine; what exists already is left as it is.
    async fn declare(&self, _endpoint: &Endpoint, _declarations: &Declarations) -> Result<(), EngineError> {
        Ok(())
    }

    /// Writes something under a scratch name and reads it back over the engine's own protocol, then removes it.
    ///
    /// Returns what was done, in words: `inserted and selected a row of scratch.probe_3f2a`.
    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError>;

    /// Tries to get in with a wrong password and with none; what the engine answered to each.
    ///
    /// An engine that lets a stranger in is [`EngineError::LetIn`].
    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError>;

    /// The variables with which programs of the platform find this engine: `DATABASE_URL` and the like.
    fn variables(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)>;
}

/// The engine's own words to two strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusals {
    /// Both were turned away.
    Refused {
        /// The answer to a wrong password.
        wrong: String,
        /// The answer to no credentials at all.
        missing: String,
    },
    /// The engine knows no credentials; the reason why that is acceptable.
    NotOffered(&'static str),
}
