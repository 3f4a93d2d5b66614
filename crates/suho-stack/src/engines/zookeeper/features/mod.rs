//! What Kafka relies on in `ZooKeeper`, and the checks that prove it.
//!
//! # Layout
//! - here: the table of the checks.
//! - [`nodes`]: what nodes do, each on one of its own.
//! - [`scene`]: a node for a check, and the sessions that see it.

pub mod nodes;
mod scene;

use zookeeper_client::CreateMode;

use super::super::proving::Feature;

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "ephemeral-node",
        claim: "an ephemeral node is seen by others, and goes with the session that made it",
        restarts: false,
        check: |subject| Box::pin(nodes::ephemeral(subject, CreateMode::Ephemeral)),
    },
    Feature {
        name: "sequential-nodes",
        claim: "nodes of one name are numbered in the order in which they are made, by whomever",
        restarts: false,
        check: |subject| Box::pin(nodes::sequential(subject, nodes::ONE_NAME)),
    },
    Feature {
        name: "compare-and-set",
        claim: "a writer who expects a version that is gone changes nothing",
        restarts: false,
        check: |subject| Box::pin(nodes::compare_and_set(subject, nodes::AS_READ)),
    },
    Feature {
        name: "watch",
        claim: "who watches a node is told once when another session changes it",
        restarts: false,
        check: |subject| Box::pin(nodes::watch(subject, nodes::THE_NODE)),
    },
    Feature {
        name: "persistence",
        claim: "a node outlives a restart, with its value and its version",
        restarts: true,
        check: |subject| Box::pin(nodes::persistence(subject, CreateMode::Persistent)),
    },
];
