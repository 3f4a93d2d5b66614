//! What the platform relies on in Kafka, and the checks that prove it.
//!
//! # Layout
//! - here: the table of the checks.
//! - [`topics`]: what the configuration of a topic does.
//! - [`producing`]: idempotent and transactional writers.
//! - [`groups`]: readers who share a topic and go on where they were.
//! - [`storage`]: compaction, and what outlives a restart.
//! - [`registration`]: the broker in `ZooKeeper`, and its access lists.
//! - [`undeclared`]: topics that nobody made.
//! - [`scene`]: a topic of its own for a check.

pub mod groups;
pub mod producing;
pub mod registration;
mod scene;
pub mod storage;
pub mod topics;
pub mod undeclared;

use super::super::proving::Feature;

/// Keys and values in Kafka's own words, of a topic or of a client.
pub type Options<'a> = &'a [(&'a str, &'a str)];

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "topic-configuration",
        claim: "a topic has the configuration that it is made with",
        restarts: false,
        check: |subject| Box::pin(topics::configuration(subject, topics::CONFIGURATION)),
    },
    Feature {
        name: "undeclared-topic",
        claim: "nobody makes a topic by writing to its name",
        restarts: false,
        check: |subject| Box::pin(undeclared::writing(subject)),
    },
    Feature {
        name: "undeclared-topic-read",
        claim: "nobody makes a topic by reading from its name",
        restarts: false,
        check: |subject| Box::pin(undeclared::reading(subject)),
    },
    Feature {
        name: "size-limit",
        claim: "a batch as large as a topic allows is taken, and one of a byte more is refused",
        restarts: false,
        check: |subject| Box::pin(topics::size_limit(subject, &[("max.message.bytes", "10000")])),
    },
    Feature {
        name: "idempotent-producer",
        claim: "a batch that is sent twice is stored once",
        restarts: false,
        check: |subject| Box::pin(producing::idempotence(subject, producing::Writer::Idempotent)),
    },
    Feature {
        name: "transactions",
        claim: "what a transaction wrote is seen when it is committed, and not when it is aborted",
        restarts: false,
        check: |subject| Box::pin(producing::transactions(subject, producing::COMMITTED)),
    },
    Feature {
        name: "fencing",
        claim: "a transactional producer whose place is taken commits nothing more",
        restarts: false,
        check: |subject| Box::pin(producing::fencing(subject, producing::SAME_NAME)),
    },
    Feature {
        name: "consumer-group",
        claim: "the members of a group share its partitions, and the last one has all of them",
        restarts: false,
        check: |subject| Box::pin(groups::sharing(subject, groups::ONE_GROUP)),
    },
    Feature {
        name: "committed-offsets",
        claim: "a new member goes on behind what its group has committed",
        restarts: false,
        check: |subject| Box::pin(groups::offsets(subject, groups::DONE)),
    },
    Feature {
        name: "compaction",
        claim: "of every key in a compacted topic the last record stays",
        restarts: false,
        check: |subject| Box::pin(storage::compaction(subject, storage::COMPACTED)),
    },
    Feature {
        name: "registration",
        claim: "ZooKeeper holds the broker, the controller and the cluster as the broker tells them",
        restarts: false,
        check: |subject| Box::pin(registration::registration(subject)),
    },
    Feature {
        name: "access-lists",
        claim: "the broker keeps who may read a topic, and the service user needs no leave",
        restarts: false,
        check: |subject| Box::pin(registration::access(subject)),
    },
    Feature {
        name: "persistence",
        claim: "records and committed offsets outlive a restart of the broker",
        restarts: true,
        check: |subject| Box::pin(storage::persistence(subject)),
    },
];
