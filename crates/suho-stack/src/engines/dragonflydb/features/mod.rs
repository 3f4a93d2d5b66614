//! What the platform relies on in `DragonflyDB`, and the checks that prove it.
//!
//! # Layout
//! - here: the table of the checks.
//! - [`commands`]: pipelines, transactions, scripts.
//! - [`streams`]: groups of consumers.
//! - [`channels`]: messages, and keys that announce their end.
//! - [`storage`]: what a snapshot keeps, and what a full memory does.

pub mod channels;
pub mod commands;
pub mod storage;
pub mod streams;

use std::time::Duration;

use super::super::proving::Feature;
use super::super::{Endpoint, EngineError};
use super::client;

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "pipelines",
        claim: "a thousand commands that are sent at once are done and answered in their order",
        restarts: false,
        check: |subject| Box::pin(commands::pipelines(subject, &commands::Sending::ONE_PIPELINE)),
    },
    Feature {
        name: "transactions",
        claim: "a transaction does nothing where another client was faster, and all of it where none was",
        restarts: false,
        check: |subject| Box::pin(commands::transactions(subject, commands::Watched::TheKeyItWrites)),
    },
    Feature {
        name: "scripts",
        claim: "a script compares and deletes in one step: only the owner releases a lock",
        restarts: false,
        check: |subject| Box::pin(commands::scripts(subject, commands::RELEASE)),
    },
    Feature {
        name: "undeclared-keys",
        claim: "a script is refused a key that it has not declared",
        restarts: false,
        check: |subject| Box::pin(commands::undeclared_keys(subject)),
    },
    Feature {
        name: "stream-groups",
        claim: "the consumers of a group share a stream, each entry is delivered to one of them, and acknowledged once",
        restarts: false,
        check: |subject| Box::pin(streams::groups(subject, streams::FROM_THE_BEGINNING)),
    },
    Feature {
        name: "stream-claims",
        claim: "what a consumer has not acknowledged is claimed by another, and counted as delivered again",
        restarts: false,
        check: |subject| Box::pin(streams::claims(subject, Duration::ZERO)),
    },
    Feature {
        name: "publish-subscribe",
        claim: "a subscriber hears every message of its channels in their order, and none of another",
        restarts: false,
        check: |subject| Box::pin(channels::publish_subscribe(subject, "ticks.*")),
    },
    Feature {
        name: "expiry",
        claim: "a key is there for as long as it was given, and not longer",
        restarts: false,
        check: |subject| Box::pin(channels::expiry(subject, channels::SHORT)),
    },
    Feature {
        name: "expiry-events",
        claim: "the end of a key is announced to whoever watches for it",
        restarts: false,
        check: |subject| Box::pin(channels::expiry_events(subject, channels::SHORT)),
    },
    Feature {
        name: "memory-limit",
        claim: "memory has a limit, and no key vanishes to make room below it",
        restarts: false,
        check: |subject| Box::pin(storage::memory_limit(subject)),
    },
    Feature {
        name: "snapshots",
        claim: "values of every kind are back after a snapshot and a restart",
        restarts: true,
        check: |subject| Box::pin(storage::snapshots(subject)),
    },
];

/// Deletes what a check has made.
async fn delete(endpoint: &Endpoint, keys: &[&str]) -> Result<(), EngineError> {
    let mut connection = client::connect(endpoint).await?;
    let deleted = redis::cmd("DEL").arg(keys).exec_async(&mut connection).await;
    deleted.map_err(endpoint.failed(format!("delete {}", keys.join(", "))))
}
