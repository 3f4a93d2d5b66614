//! What the platform relies on, proved on scratch tables and in transactions that are rolled back.
//!
//! # Layout
//! - here: every check, with what it claims.
//! - [`hypertables`]: chunks, what a plan leaves out of them, how old ones are dropped.
//! - [`functions`]: `time_bucket`, `first` and `last`, gaps.
//! - [`columnstore`]: the same answers out of less space.
//! - [`aggregates`]: continuous aggregates, materialised or in real time.
//! - [`policies`]: what the scheduler in the background does by itself.
//! - [`platform`]: the tables, candles and policies of the init scripts.
//! - [`rights`]: what their roles may do, and what not.
//! - [`sessions`]: what each role starts with, and what ends by itself.
//! - [`persistence`]: a committed row after a restart.
//! - [`session`]: a session that answers in words, and the scratch table.
//! - [`ticks`]: trades and their candles, computed without the engine.

pub mod aggregates;
pub mod columnstore;
pub mod functions;
pub mod hypertables;
pub mod persistence;
pub mod platform;
pub mod policies;
pub mod rights;
pub mod sessions;

mod session;
mod ticks;

use super::super::Feature;
use policies::Runner;

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "hypertable-chunks",
        claim: "rows lie in chunks of the asked interval, from midnight to midnight",
        restarts: false,
        check: |subject| Box::pin(hypertables::chunks(subject, hypertables::BY_DAY)),
    },
    Feature {
        name: "chunk-exclusion",
        claim: "a query for one day reads the chunk of that day alone",
        restarts: false,
        check: |subject| Box::pin(hypertables::chunk_exclusion(subject, hypertables::WEDNESDAY)),
    },
    Feature {
        name: "drop-chunks",
        claim: "dropping what is older than a moment drops exactly the chunks that end before it",
        restarts: false,
        check: |subject| Box::pin(hypertables::drop_chunks(subject, hypertables::BEFORE_THURSDAY_NOON)),
    },
    Feature {
        name: "time-bucket",
        claim: "buckets of minutes, and of days where a clock is changed, begin when they should",
        restarts: false,
        check: |subject| {
            Box::pin(functions::time_bucket(
                subject,
                functions::FIVE_MINUTES,
                functions::DAYS_IN_BERLIN,
            ))
        },
    },
    Feature {
        name: "first-and-last",
        claim: "candles of ticks written in another order open and close by sequence",
        restarts: false,
        check: |subject| Box::pin(functions::first_and_last(subject, functions::CANDLE)),
    },
    Feature {
        name: "gapfill",
        claim: "hours without trades are filled, carried forward and interpolated",
        restarts: false,
        check: |subject| Box::pin(functions::gapfill(subject, functions::CARRIED, functions::INTERPOLATED)),
    },
    Feature {
        name: "columnstore",
        claim: "columnar chunks say the same in less space, segmented as asked, and take in a late row",
        restarts: false,
        check: |subject| Box::pin(columnstore::columnstore(subject, columnstore::BY_INSTRUMENT)),
    },
    Feature {
        name: "materialized-aggregate",
        claim: "a materialised aggregate shows newer rows after a refresh, and not before",
        restarts: false,
        check: |subject| Box::pin(aggregates::materialized_only(subject, aggregates::MATERIALIZED_ONLY)),
    },
    Feature {
        name: "real-time-aggregate",
        claim: "a real-time aggregate shows rows newer than the last refresh at once",
        restarts: false,
        check: |subject| Box::pin(aggregates::real_time(subject, aggregates::REAL_TIME)),
    },
    Feature {
        name: "scheduled-refresh",
        claim: "the scheduler refreshes the window of a policy, and no more",
        restarts: false,
        check: |subject| Box::pin(policies::refresh(subject, policies::PAST_HOURS, Runner::Scheduler)),
    },
    Feature {
        name: "scheduled-columnstore",
        claim: "the scheduler turns old chunks into columns, and no young ones",
        restarts: false,
        check: |subject| {
            Box::pin(policies::columnstore(
                subject,
                policies::COLUMNAR_AFTER_FIVE_DAYS,
                Runner::Scheduler,
            ))
        },
    },
    Feature {
        name: "scheduled-retention",
        claim: "the scheduler drops exactly the chunks that are too old",
        restarts: false,
        check: |subject| {
            Box::pin(policies::retention(
                subject,
                policies::DROPPED_AFTER_FIVE_DAYS,
                Runner::Scheduler,
            ))
        },
    },
    Feature {
        name: "standing-policies",
        claim: "candles are real-time aggregates, and the policies of the init scripts stand",
        restarts: false,
        check: |subject| Box::pin(platform::standing_policies(subject)),
    },
    Feature {
        name: "constraints",
        claim: "the platform's tables take an order and its execution, and refuse what contradicts them",
        restarts: false,
        check: |subject| Box::pin(platform::constraints(subject)),
    },
    Feature {
        name: "replay",
        claim: "a feed that is replayed adds no tick twice, and ticks lie in chunks of a day",
        restarts: false,
        check: |subject| Box::pin(platform::replay(subject)),
    },
    Feature {
        name: "platform-candles",
        claim: "the platform's candles of a minute and an hour are those of its ticks",
        restarts: false,
        check: |subject| Box::pin(platform::platform_candles(subject)),
    },
    Feature {
        name: "rights",
        claim: "the monitoring role reads and cannot write; services rewrite no history",
        restarts: false,
        check: |subject| Box::pin(rights::rights(subject)),
    },
    Feature {
        name: "init-done",
        claim: "the initialisation has left its one marker",
        restarts: false,
        check: |subject| Box::pin(platform::init_done(subject)),
    },
    Feature {
        name: "telemetry",
        claim: "nothing is told to the makers of the extension",
        restarts: false,
        check: |subject| Box::pin(platform::telemetry(subject)),
    },
    Feature {
        name: "role-settings",
        claim: "each session starts with the limits of its role",
        restarts: false,
        check: |subject| Box::pin(sessions::role_settings(subject)),
    },
    Feature {
        name: "statement-timeout",
        claim: "a statement that takes too long is cancelled",
        restarts: false,
        check: |subject| Box::pin(sessions::statement_timeout(subject, sessions::SOON)),
    },
    Feature {
        name: "lock-timeout",
        claim: "whoever waits too long for a lock gives up",
        restarts: false,
        check: |subject| Box::pin(sessions::lock_timeout(subject, sessions::SOON)),
    },
    Feature {
        name: "idle-transaction",
        claim: "a forgotten transaction is ended",
        restarts: false,
        check: |subject| Box::pin(sessions::idle_transaction(subject, sessions::SOON)),
    },
    Feature {
        name: "restart",
        claim: "a committed row is there after a restart",
        restarts: true,
        check: |subject| Box::pin(persistence::restart(subject, persistence::COMMITTED)),
    },
];
