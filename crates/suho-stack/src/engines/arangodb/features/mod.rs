//! The features of `ArangoDB` that the platform relies on, each with its check, in a scratch database of its own.
//!
//! # Layout
//! - [`databases`]: a database with a user of its own.
//! - [`documents`]: unique indexes, upserts, expiry, the memory of a query.
//! - [`graphs`]: traversals and weighted paths.
//! - [`search`]: views and their analyzers.
//! - [`transactions`]: what others see of a transaction, and what two of them do to one document.
//! - `scene`: the scratch database of a check.

pub mod databases;
pub mod documents;
pub mod graphs;
pub mod search;
pub mod transactions;

mod scene;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a script that cannot be played is a failed test")]
mod scripted;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a check that does not hold is a failed test")]
mod tests;

use super::super::Feature;

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "databases",
        claim: "a database is created with a user who sees no other, and is dropped",
        restarts: false,
        check: |subject| Box::pin(databases::own_user(subject)),
    },
    Feature {
        name: "documents",
        claim: "a second document with a value that has to be unique is refused",
        restarts: false,
        check: |subject| Box::pin(documents::unique(subject)),
    },
    Feature {
        name: "upsert",
        claim: "an upsert inserts a document once and updates it from then on",
        restarts: false,
        check: |subject| Box::pin(documents::upsert(subject)),
    },
    Feature {
        name: "ttl-index",
        claim: "an expired document is removed, one that has time left is kept",
        restarts: false,
        check: |subject| Box::pin(documents::expiry(subject)),
    },
    Feature {
        name: "query-memory",
        claim: "a query that needs more memory than it may take is stopped",
        restarts: false,
        check: |subject| Box::pin(documents::memory(subject)),
    },
    Feature {
        name: "graph-traversal",
        claim: "a traversal reaches what is two steps away, and nothing else",
        restarts: false,
        check: |subject| Box::pin(graphs::traversal(subject)),
    },
    Feature {
        name: "shortest-paths",
        claim: "paths are found in the order of their weights",
        restarts: false,
        check: |subject| Box::pin(graphs::shortest_paths(subject)),
    },
    Feature {
        name: "transactions",
        claim: "others see what a transaction wrote once it is committed, and never if it is aborted",
        restarts: false,
        check: |subject| Box::pin(transactions::isolation(subject)),
    },
    Feature {
        name: "write-conflict",
        claim: "a document that a transaction has changed cannot be changed by another",
        restarts: false,
        check: |subject| Box::pin(transactions::conflict(subject)),
    },
    Feature {
        name: "search-view",
        claim: "a view finds words by their stems within its commit interval",
        restarts: false,
        check: |subject| Box::pin(search::view(subject)),
    },
];
