//! The library against real containers.
//!
//! # Layout
//! - [`alone`]: one engine alone beside a container of testcontainers-modules.
//! - [`backup`]: what the engines hold, kept and put back.
//! - [`clickhouse_front`]: the HTTP front of the air-gap image, asked by the official client.
//! - [`engines`]: each engine alone serves its user and refuses strangers.
//! - [`failures`]: what goes wrong is told at once, in the engine's own words.
//! - [`features`]: each feature check holds, and fails where its feature is broken.
//! - [`leftovers`]: nothing stays behind a stop, a cancellation, a panic.
//! - [`monitoring`]: the watchers see every engine, and each alert fires and clears by its cause.
//! - [`mutations`]: every setting changed, misspelt and left out is named.
//! - [`neighbours`]: two stacks at once; containers of others on a stack's network.
//! - [`proof`]: the whole report of a fresh stack.
//! - [`shared`]: one warm stack for every process, whoever is killed.
//! - [`strangers`]: a door that was left open is found out.
//! - [`tenants`]: what is one tenant's is no other's.
//! - [`vocabulary`]: the lists of known names against what the live engines name.
//! - [`warm`]: the warm stack that tests borrow who need engines and nothing of their own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by panicking"
)]

mod alone;
mod backup;
mod clickhouse_front;
mod engines;
mod failures;
mod features;
mod leftovers;
mod monitoring;
mod mutations;
mod neighbours;
mod proof;
mod shared;
mod strangers;
mod tenants;
mod vocabulary;
mod warm;

use suho_stack::runtime::{Docker, sweep::Swept};

/// A name that no other test of any process takes.
fn unique(purpose: &str) -> String {
    format!("{purpose}-{:08x}", rand::random::<u32>())
}

/// What still carries the label of `stack`; sweeping is how one finds out.
async fn left_behind(stack: &str) -> Swept {
    Docker::connect().await.unwrap().sweep(stack).await.unwrap()
}
