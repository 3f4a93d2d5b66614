//! The whole stack as one: what no engine proves alone.
//!
//! # Layout
//! - `feed`: one feed of ticks through four engines.

#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
mod feed;

#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub use feed::one_feed;

use crate::engines::Feature;

/// How the rows of the whole are called where those of an engine have its service.
pub const SERVICE: &str = "whole";

/// What the engines do together.
pub(super) const FEATURES: &[Feature] = &[
    #[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
    Feature {
        name: "one-feed",
        claim: "one feed of ticks gives the very same candles in ClickHouse and TimescaleDB, to the last digit",
        restarts: false,
        check: |subject| Box::pin(one_feed(subject.neighbours, |ticks| ticks)),
    },
];
