//! The features of NATS and `JetStream` that the platform relies on, each with its check.
//!
//! What a check proves is passed to it: the configuration of a stream or a consumer, a message, an answer. With another
//! one the check has to fail.
//!
//! # Layout
//! - [`accounts`]: what separates accounts.
//! - [`consumers`]: durable pull consumers and the answers of their workers.
//! - [`key_values`], [`objects`]: what is built on streams.
//! - [`limits`]: where a stream, a message and an account end.
//! - [`restart`]: what is still there when the server comes back.
//! - [`retention`]: interest and work queues.
//! - [`streams`]: storage, deduplication, expectations.
//! - `scene`: the scratch stream of a check.
//! - `worker`: what a worker does with its consumer.

pub mod accounts;
pub mod consumers;
pub mod key_values;
pub mod limits;
pub mod objects;
pub mod restart;
pub mod retention;
pub mod streams;

mod scene;
mod worker;

use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::PublishMessage;

use super::super::Feature;

/// What the server is given for something that it owes to do soon; everything here is due within a second.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "file-stream",
        claim: "a stream on the disk keeps every message as it was published",
        restarts: false,
        check: |subject| Box::pin(async { streams::file(subject, &streams::on_file()).await }),
    },
    Feature {
        name: "memory-stream",
        claim: "a stream in memory keeps every message as it was published",
        restarts: false,
        check: |subject| Box::pin(async { streams::memory(subject, &streams::in_memory()).await }),
    },
    Feature {
        name: "deduplication",
        claim: "a message published twice under one id is stored once, until the window is over",
        restarts: false,
        check: |subject| Box::pin(async { streams::deduplication(subject, &streams::deduplicating()).await }),
    },
    Feature {
        name: "expected-last-sequence",
        claim: "a message that expects another last sequence is refused",
        restarts: false,
        check: |subject| {
            Box::pin(async {
                let stale = PublishMessage::build().expected_last_sequence(1);
                streams::expected_sequence(subject, &stale).await
            })
        },
    },
    Feature {
        name: "expected-last-message-id",
        claim: "a message that expects another last id is refused",
        restarts: false,
        check: |subject| {
            Box::pin(async {
                let stale = PublishMessage::build().expected_last_message_id("tick-1");
                streams::expected_message_id(subject, &stale).await
            })
        },
    },
    Feature {
        name: "discard-old",
        claim: "a full stream drops its oldest messages for new ones",
        restarts: false,
        check: |subject| Box::pin(async { limits::discard_old(subject, &limits::discarding_old()).await }),
    },
    Feature {
        name: "discard-new",
        claim: "a full stream refuses new messages",
        restarts: false,
        check: |subject| Box::pin(async { limits::discard_new(subject, &limits::discarding_new()).await }),
    },
    Feature {
        name: "max-bytes",
        claim: "a stream holds no more bytes than it may",
        restarts: false,
        check: |subject| Box::pin(async { limits::bytes(subject, &limits::of_4500_bytes()).await }),
    },
    Feature {
        name: "max-age",
        claim: "a message is gone when it has reached its age, and not before",
        restarts: false,
        check: |subject| Box::pin(async { limits::age(subject, &limits::short_lived()).await }),
    },
    Feature {
        name: "max-payload",
        claim: "the largest payload is taken, one byte more is refused",
        restarts: false,
        check: |subject| Box::pin(async { limits::payload_size(subject, &limits::spacious()).await }),
    },
    Feature {
        name: "account-storage",
        claim: "a stream larger than the account may be is refused",
        restarts: false,
        check: |subject| Box::pin(limits::account(subject)),
    },
    Feature {
        name: "account-isolation",
        claim: "no message crosses from one account into the other",
        restarts: false,
        check: |subject| Box::pin(accounts::isolation(subject, accounts::SYSTEM)),
    },
    Feature {
        name: "interest-retention",
        claim: "a message is kept while a consumer waits for it, and no longer",
        restarts: false,
        check: |subject| Box::pin(async { retention::interest(subject, &retention::by_interest()).await }),
    },
    Feature {
        name: "work-queue",
        claim: "an acknowledged message is gone, and a second consumer is refused",
        restarts: false,
        check: |subject| Box::pin(async { retention::work(subject, &retention::work_queue()).await }),
    },
    Feature {
        name: "acknowledgement",
        claim: "a durable consumer goes on behind what was acknowledged",
        restarts: false,
        check: |subject| Box::pin(async { consumers::acknowledgement(subject, &consumers::durable("worker")).await }),
    },
    Feature {
        name: "double-acknowledgement",
        claim: "a confirmed acknowledgement counts for its message alone, and at once",
        restarts: false,
        check: |subject| {
            Box::pin(async { consumers::double_acknowledgement(subject, &consumers::durable("worker")).await })
        },
    },
    Feature {
        name: "redelivery",
        claim: "a message that nobody acknowledges is delivered again when its time is over",
        restarts: false,
        check: |subject| Box::pin(async { consumers::redelivery(subject, &consumers::impatient()).await }),
    },
    Feature {
        name: "negative-acknowledgement",
        claim: "a refused message is delivered again after the delay that its worker asked for",
        restarts: false,
        check: |subject| {
            Box::pin(consumers::negative_acknowledgement(
                subject,
                AckKind::Nak(Some(consumers::DELAY)),
            ))
        },
    },
    Feature {
        name: "in-progress",
        claim: "a message stays with the worker that reports progress, until it falls silent",
        restarts: false,
        check: |subject| Box::pin(consumers::in_progress(subject, AckKind::Progress)),
    },
    Feature {
        name: "termination",
        claim: "a terminated message is not delivered again, and the server advises of it",
        restarts: false,
        check: |subject| Box::pin(consumers::termination(subject, AckKind::Term)),
    },
    Feature {
        name: "max-deliver",
        claim: "a message that is refused each time is given up, and the server advises of it",
        restarts: false,
        check: |subject| Box::pin(async { consumers::delivery_limit(subject, &consumers::giving_up()).await }),
    },
    Feature {
        name: "kv-history",
        claim: "the last values of a key are remembered with their revisions",
        restarts: false,
        check: |subject| Box::pin(async { key_values::history(subject, &key_values::with_history()).await }),
    },
    Feature {
        name: "kv-compare-and-set",
        claim: "a value is not written over another revision than the writer has seen",
        restarts: false,
        check: |subject| Box::pin(key_values::compare_and_set(subject, key_values::Write::Over(1))),
    },
    Feature {
        name: "kv-create",
        claim: "a key that exists cannot be created, one that was deleted can",
        restarts: false,
        check: |subject| Box::pin(key_values::create_conflict(subject, key_values::Write::Create)),
    },
    Feature {
        name: "kv-bucket-ttl",
        claim: "the keys of a bucket are gone when they have reached its age, and not before",
        restarts: false,
        check: |subject| Box::pin(async { key_values::bucket_life(subject, &key_values::short_lived()).await }),
    },
    Feature {
        name: "kv-key-ttl",
        claim: "a key with a life of its own is gone after it, and its neighbour stays",
        restarts: false,
        check: |subject| Box::pin(async { key_values::key_life(subject, &key_values::with_markers()).await }),
    },
    Feature {
        name: "kv-watch",
        claim: "a watch hears each change of its keys, in order, and no others",
        restarts: false,
        check: |subject| Box::pin(key_values::watch(subject, "limits.>")),
    },
    Feature {
        name: "object-store",
        claim: "an object comes back whole out of its chunks, under its own digest",
        restarts: false,
        check: |subject| Box::pin(async { objects::object(subject, &objects::in_memory()).await }),
    },
    Feature {
        name: "persistence",
        claim: "streams on the disk and their consumers outlive a restart, those in memory do not",
        restarts: true,
        check: |subject| {
            Box::pin(async { restart::persistence(subject, &streams::on_file(), &streams::in_memory()).await })
        },
    },
];

/// `312 ms`.
fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
