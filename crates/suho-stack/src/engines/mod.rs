//! Everything known about an engine, in its own folder and nowhere else.
//!
//! # Layout
//! - [`endpoint`]: where an engine serves; the only thing an engine's room is given.
//! - [`backup`]: how an engine is backed up and restored.
//! - [`postgresql`], [`clickhouse`], [`dragonflydb`], [`weaviate`], [`arangodb`], [`nats`], [`zookeeper`], [`kafka`]: one engine
//!   each: client, readiness, the write and read that prove it serves, the refusals it owes to strangers.
//! - `asking`: attempts until one succeeds, checks within a limit, strangers who knock.
//! - `feed`: one feed of ticks through several engines, and the candles that each owes for it.
//! - `monitoring`: Prometheus, Grafana and the exporters, which watch the engines.
//! - [`proving`]: what a room is asked to prove, and the words in which it answers.
//! - `go`: sizes as the runtime of Go reads them.
//! - `http`: requests to those engines that are spoken to over HTTP.
//! - `login`: a user with a password, where an engine's users stand in its file.
//! - `migrating`: a user's migrations in an engine that knows no scripts.
//! - [`tenancy`]: rooms for tenants on an engine that all share.
//! - `scratch`: names and values that nothing else has.
//! - `vocabulary`: the names that an engine knows, out of a list in its folder.
//! - `waiting`: what an engine said last while it was not ready.
//!
//! Adding an engine is adding a folder and one line in [`all`].

pub mod backup;
pub mod endpoint;
#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub mod feed;
pub mod proving;
pub mod tenancy;

#[cfg(feature = "arangodb")]
pub mod arangodb;
#[cfg(feature = "clickhouse")]
pub mod clickhouse;
#[cfg(feature = "dragonflydb")]
pub mod dragonflydb;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "full")]
pub mod monitoring;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "postgresql")]
pub mod postgresql;
#[cfg(feature = "weaviate")]
pub mod weaviate;
#[cfg(feature = "kafka")]
pub mod zookeeper;

#[cfg(any(
    feature = "arangodb",
    feature = "clickhouse",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "nats",
    feature = "postgresql",
    feature = "weaviate",
))]
mod asking;
mod error;
#[cfg(any(feature = "nats", feature = "weaviate"))]
mod go;
#[cfg(any(
    feature = "arangodb",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "weaviate",
))]
mod http;
#[cfg(any(feature = "kafka", feature = "nats"))]
mod login;
#[cfg(any(
    feature = "arangodb",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "nats",
    feature = "weaviate",
))]
mod migrating;
#[cfg(any(
    feature = "arangodb",
    feature = "clickhouse",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "nats",
    feature = "postgresql",
    feature = "weaviate",
))]
mod scratch;
#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "each engine takes from it what its lists need")
)]
pub(crate) mod vocabulary;
mod waiting;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

pub use backup::Backup;
pub use endpoint::{Endpoint, Place};
pub use error::EngineError;
pub use proving::{Evidence, Feature, Finding, Restart, SettingVerdict, Subject};
pub use tenancy::Tenancy;
pub use vocabulary::{Objection, Vocabulary};
pub use waiting::Waiting;

use crate::deployment::{Declarations, Deployment, Files, Service, Setting};

/// What an engine that serves is given to say so: many times what it needs on a busy machine.
const SERVING_LIMIT: Duration = Duration::from_secs(10);

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

    /// Asks once whether the engine serves its service user, for no longer than ten seconds.
    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        let waiting = Waiting::new();
        serving_in_time(endpoint, &waiting, self.ready(endpoint, &waiting)).await
    }

    /// Creates what `declarations` lists for this engine; what exists already is left as it is.
    async fn declare(&self, _endpoint: &Endpoint, _declarations: &Declarations) -> Result<(), EngineError> {
        Ok(())
    }

    /// Writes something under a scratch name and reads it back over the engine's own protocol, then removes it.
    ///
    /// Takes no longer than thirty-two seconds, and removes also what a failed check has left. Returns what was done, in
    /// words: `inserted a row into scratch.probe_3f2a… and selected it`.
    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError>;

    /// Tries to get in with a wrong password and with none; what the engine answered to each.
    ///
    /// An engine that lets a stranger in is [`EngineError::LetIn`]; one that cannot be reached has refused nobody and
    /// is [`EngineError::Failed`].
    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError>;

    /// Holds each of `settings` against what the live engine says, or does: one finding for each, in their order.
    async fn prove_settings(&self, subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError>;

    /// What is wrong with `settings` as far as it can be told without the engine: names that it does not know, values of the
    /// wrong kind. One answer for each, in their order.
    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>>;

    /// The same of what `declarations` lists for this engine, each with the name of what is declared.
    fn object_to_declarations(&self, _declarations: &Declarations) -> Vec<(String, Objection)> {
        Vec::new()
    }

    /// The features that the platform relies on, each with its check.
    fn features(&self) -> &'static [Feature];

    /// The variables with which programs of the platform find this engine: `DATABASE_URL` and the like.
    ///
    /// Fails where the endpoint lacks a credential or the port is not published.
    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError>;

    /// The endpoint that the user names by those variables, of which `variable` tells the values; `None` where they are not set.
    fn named_by(&self, _variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        Ok(None)
    }

    /// How it lodges tenants; `None` where it knows none. What it opens for that stays open as long as the value.
    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        None
    }

    /// How it is backed up and restored; in words why not, where it is not.
    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Err("nobody has written its backup yet")
    }

    /// Prepares its service and files for a stack that lends itself to tenants, with what an engine reads at its start alone.
    fn lend(&self, _service: &mut Service, files: Files) -> Result<Files, EngineError> {
        Ok(files)
    }
}

/// What came of asking whether the engine serves, or for what it was waited in vain.
async fn serving_in_time<T>(
    endpoint: &Endpoint,
    waiting: &Waiting,
    asking: impl Future<Output = T>,
) -> Result<(), EngineError> {
    let asked = timeout(SERVING_LIMIT, asking).await;
    asked.map(drop).map_err(|_| EngineError::Failed {
        service: endpoint.service.clone(),
        action: "find it serving".to_owned(),
        source: waiting.reason().into(),
    })
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

/// Every engine that this build has a client for, in the order of the compose file.
#[must_use]
pub fn all() -> &'static [&'static dyn Engine] {
    &[
        #[cfg(feature = "postgresql")]
        &postgresql::Postgresql,
        #[cfg(feature = "clickhouse")]
        &clickhouse::Clickhouse,
        #[cfg(feature = "dragonflydb")]
        &dragonflydb::Dragonflydb,
        #[cfg(feature = "weaviate")]
        &weaviate::Weaviate,
        #[cfg(feature = "arangodb")]
        &arangodb::Arangodb,
        #[cfg(feature = "nats")]
        &nats::Nats,
        #[cfg(feature = "kafka")]
        &zookeeper::Zookeeper,
        #[cfg(feature = "kafka")]
        &kafka::Kafka,
    ]
}

/// Those who watch the engines, where this build knows the whole of them; no engine of the platform is among them.
#[must_use]
pub fn watchers() -> &'static [&'static dyn Engine] {
    #[cfg(feature = "full")]
    {
        monitoring::WATCHERS
    }
    #[cfg(not(feature = "full"))]
    {
        &[]
    }
}

/// Those of them that `deployment` has: none where it is not watched, and some are of one edition alone.
pub fn watchers_of(deployment: &Deployment) -> impl Iterator<Item = &'static dyn Engine> {
    let known = |watcher: &&dyn Engine| deployment.services.contains_key(watcher.service());
    watchers().iter().copied().filter(known)
}

/// The engine or watcher that the compose service `service` runs, if this build has a client for it.
#[must_use]
pub fn by_service(service: &str) -> Option<&'static dyn Engine> {
    all()
        .iter()
        .chain(watchers())
        .copied()
        .find(|engine| engine.service() == service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_is_found_by_its_service() {
        for engine in all() {
            assert_eq!(by_service(engine.service()).map(Engine::name), Some(engine.name()));
        }
        assert!(by_service("suho-messaging").is_none());
    }
}
