//! # Layout
//! - here: the checks on a stack, as its Apache edition answers them, and those of them that need no licence with their feature
//!   broken.
//! - [`licensed`]: the same checks on a server of the full edition, and the broken features that only it has.
//! - [`wasm`]: that server, compiled to WebAssembly.

mod licensed;
mod wasm;

use std::collections::BTreeMap;

use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{
        Endpoint, EngineError, Evidence, Restart, Subject,
        postgresql::features::{functions, hypertables, persistence, platform, rights, sessions},
    },
    stack::{ImageSource, Restarter, Stack},
};

use super::{check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-postgresql";
const INIT_TABLES: &str = "init-scripts/02-create-tables.sql";
const INIT_ROLES: &str = "init-scripts/01-create-extensions.sql";

/// What the Apache edition has.
const PROVED: &[&str] = &[
    "hypertable-chunks",
    "chunk-exclusion",
    "drop-chunks",
    "time-bucket",
    "first-and-last",
    "constraints",
    "replay",
    "platform-candles",
    "rights",
    "init-done",
    "role-settings",
    "statement-timeout",
    "lock-timeout",
    "idle-transaction",
];

/// What it lacks, and the word of the server that says so.
const LACKING: &[(&str, &str)] = &[
    ("gapfill", "\"apache\" license"),
    ("columnstore", "\"apache\" license"),
    ("materialized-aggregate", "\"apache\" license"),
    ("real-time-aggregate", "\"apache\" license"),
    ("scheduled-refresh", "\"apache\" license"),
    ("scheduled-columnstore", "\"apache\" license"),
    ("scheduled-retention", "\"apache\" license"),
    ("standing-policies", "timescaledb.license is apache"),
    ("telemetry", "no telemetry in this build"),
];

#[rstest]
#[case::rows_lie_in_chunks_of_the_asked_interval("hypertable-chunks")]
#[case::a_query_for_one_day_reads_the_chunk_of_that_day_alone("chunk-exclusion")]
#[case::dropping_by_age_drops_exactly_the_chunks_that_are_older("drop-chunks")]
#[case::buckets_begin_when_they_should("time-bucket")]
#[case::candles_open_and_close_by_sequence("first-and-last")]
#[case::the_tables_refuse_what_contradicts_them("constraints")]
#[case::a_replayed_feed_adds_no_tick_twice("replay")]
#[case::the_candles_of_the_platform_are_those_of_its_ticks("platform-candles")]
#[case::the_monitoring_role_reads_and_cannot_write("rights")]
#[case::the_initialisation_has_left_its_one_marker("init-done")]
#[case::each_session_starts_with_the_limits_of_its_role("role-settings")]
#[case::a_statement_that_takes_too_long_is_cancelled("statement-timeout")]
#[case::whoever_waits_too_long_for_a_lock_gives_up("lock-timeout")]
#[case::a_forgotten_transaction_is_ended("idle-transaction")]
#[tokio::test]
async fn feature(#[case] name: &str) {
    let evidence = check(&[SERVICE], name).await.unwrap();

    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
    assert!(PROVED.contains(&name));
}

#[tokio::test]
async fn what_the_apache_edition_lacks_is_told_in_the_words_of_the_server() {
    for (name, words) in LACKING {
        let evidence = check(&[SERVICE], name).await.unwrap();

        assert!(
            matches!(&evidence, Evidence::NotOffered(reason) if reason.contains(words)),
            "{name}: {evidence:?}"
        );
    }
}

#[test]
fn every_check_has_its_case() {
    let lacking = LACKING.iter().map(|(name, _)| *name);
    let cases: Vec<_> = PROVED.iter().copied().chain(lacking).chain(["restart"]).collect();
    every_check_is_a_case(SERVICE, &cases);
}

/// The check has failed, and its message holds each of `words`.
fn fails(outcome: Result<Evidence, EngineError>, words: &[&str]) {
    let message = match outcome {
        Err(error) => error.in_full(),
        Ok(evidence) => panic!("a broken feature was not noticed: {evidence:?}"),
    };
    println!("failed to {message}");
    for word in words {
        assert!(message.contains(word), "{message:?} does not say {word:?}");
    }
}

#[tokio::test]
async fn broken_chunks_of_two_days_are_noticed() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = hypertables::chunks(&subject(&neighbours, SERVICE), "by_range('ts', INTERVAL '2 days')").await;

    fails(
        outcome,
        &["read the chunks of a working week", "as row 1 of 5", "as row 1 of 3"],
    );
}

#[tokio::test]
async fn broken_exclusion_by_a_condition_that_no_range_is_held_against_is_noticed() {
    let neighbours = served(&[SERVICE]).await;
    let wednesday = "date_trunc('day', ts, 'UTC') = '2024-03-06 00:00Z'";

    let outcome = hypertables::chunk_exclusion(&subject(&neighbours, SERVICE), wednesday).await;

    fails(outcome, &["plan a query for one day", "chunk\", \"_hyper"]);
}

#[tokio::test]
async fn broken_dropping_of_what_is_newer_is_noticed() {
    let neighbours = served(&[SERVICE]).await;
    let newer = "newer_than => TIMESTAMPTZ '2024-03-07 12:00Z'";

    let outcome = hypertables::drop_chunks(&subject(&neighbours, SERVICE), newer).await;

    fails(
        outcome,
        &["drop the chunks that end before the noon of Thursday", "as row 1 of 4"],
    );
}

#[rstest]
#[case::buckets_of_another_origin(
    "time_bucket(INTERVAL '5 minutes', ts, INTERVAL '1 minute')",
    functions::DAYS_IN_BERLIN,
    "buckets of five minutes"
)]
#[case::days_of_another_clock(
    functions::FIVE_MINUTES,
    "time_bucket(INTERVAL '1 day', ts, 'Asia/Tokyo')",
    "days of Berlin"
)]
#[tokio::test]
async fn broken_buckets_are_noticed(#[case] minutes: &str, #[case] days: &str, #[case] action: &str) {
    let neighbours = served(&[SERVICE]).await;

    let outcome = functions::time_bucket(&subject(&neighbours, SERVICE), minutes, days).await;

    fails(outcome, &[action, "as row 1 of"]);
}

#[tokio::test]
async fn broken_candles_that_open_low_are_noticed() {
    let neighbours = served(&[SERVICE]).await;
    let open_low = functions::CANDLE.replace("first(price, sequence)", "first(price, price)");

    let outcome = functions::first_and_last(&subject(&neighbours, SERVICE), &open_low).await;

    fails(outcome, &["make candles of a minute", "as row 2 of 525"]);
}

#[tokio::test]
async fn broken_limits_that_were_lifted_are_noticed() {
    let neighbours = served(&[SERVICE]).await;
    let subject = subject(&neighbours, SERVICE);

    let (statement, lock, transaction) = tokio::join!(
        sessions::statement_timeout(&subject, "0"),
        sessions::lock_timeout(&subject, "0"),
        sessions::idle_transaction(&subject, "0"),
    );

    fails(statement, &["cancel a statement of two seconds", "57014", "no refusal"]);
    fails(lock, &["give up waiting for a lock", "55P03", "57014"]);
    fails(
        transaction,
        &[
            "end a forgotten transaction",
            "an end after 0",
            "an open session after 2s",
        ],
    );
}

/// The deployment with the first of each pair replaced by the second, in its init scripts.
fn broken_init(changes: &[(&str, &str, &str)]) -> Files {
    let mut files = Files::embedded();
    for (file, from, to) in changes {
        let text = files.text(file).unwrap();
        assert!(text.contains(from), "{file} does not hold {from}");
        let text = text.replacen(from, to, 1);
        files = files.with(*file, text);
    }
    files
}

/// A stack of one test's own.
async fn alone(files: Files) -> Stack {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    builder.files(files).start().await.unwrap()
}

/// Debian's build has no telemetry: this is the job that a build with it would have.
const SCHEDULED_TELEMETRY: &str = "CREATE SCHEMA reference;
    INSERT INTO _timescaledb_config.bgw_job (application_name, schedule_interval, max_runtime, max_retries, retry_period,
                                             proc_schema, proc_name, owner, scheduled, fixed_schedule)
    VALUES ('Telemetry Reporter', '24h', '100s', -1, '1h',
            '_timescaledb_functions', 'policy_telemetry', 'suho_admin'::regrole, true, false);";

/// Everything that the init scripts could get wrong, at once: each check names its own.
#[tokio::test]
async fn broken_init_scripts_are_noticed() {
    let files = broken_init(&[
        (
            INIT_TABLES,
            "    UNIQUE (order_id, venue_execution_id)\n",
            "    CHECK (true)\n",
        ),
        (
            INIT_TABLES,
            "    PRIMARY KEY (instrument_id, ts, sequence)\n",
            "    CHECK (true)\n",
        ),
        (
            INIT_TABLES,
            "last(close, bucket) AS close",
            "last(open, bucket) AS close",
        ),
        (
            INIT_TABLES,
            "GRANT INSERT ON market.ticks",
            "GRANT INSERT, UPDATE ON market.ticks",
        ),
        (INIT_TABLES, "boolean     PRIMARY KEY DEFAULT", "boolean DEFAULT"),
        (
            INIT_TABLES,
            "INSERT INTO infra.init_done (schema_version) VALUES ('1');",
            "INSERT INTO infra.init_done (schema_version) VALUES ('1'), ('1');",
        ),
        (INIT_TABLES, "CREATE SCHEMA reference;", SCHEDULED_TELEMETRY),
        (INIT_ROLES, "ALTER ROLE suho SET lock_timeout = '5s';", ""),
    ]);
    let stack = alone(files).await;
    let neighbours = stack.endpoints();
    let subject = subject(&neighbours, SERVICE);

    fails(
        platform::constraints(&subject).await,
        &[
            "refuse an execution that is reported twice",
            "the error 23505",
            "no refusal",
        ],
    );
    fails(
        platform::replay(&subject).await,
        &["take no tick of a replay", "\"0\"", "\"500\""],
    );
    fails(platform::platform_candles(&subject).await, &["read market.candles_1h"]);
    fails(
        rights::rights(&subject).await,
        &["keep services from changing ticks", "the error 42501", "no refusal"],
    );
    fails(
        platform::init_done(&subject).await,
        &["read the marker of the initialisation", "1 row", "as row 2 of 2"],
    );
    fails(
        sessions::role_settings(&subject).await,
        &["ask for lock_timeout as suho", "\"5s\"", "\"0\""],
    );
    fails(
        platform::telemetry(&subject).await,
        &[
            "look for a job that tells the makers of the extension",
            "0 rows",
            "as row 1 of 1",
        ],
    );
    stack.stop().await.unwrap();
}

fn restartable<'a>(neighbours: &'a BTreeMap<String, Endpoint>, restarter: &'a Restarter) -> Subject<'a> {
    Subject {
        restart: Some(restarter),
        ..subject(neighbours, SERVICE)
    }
}

#[tokio::test]
async fn a_committed_row_is_there_after_a_restart_and_one_that_was_not_is_missed() {
    let stack = alone(Files::embedded()).await;
    let restarter = Restarter::of(stack.state()).await.unwrap();
    let mut neighbours = stack.endpoints();
    let committed = persistence::restart(&restartable(&neighbours, &restarter), persistence::COMMITTED).await;
    let moved = restarter.endpoint(SERVICE).await.unwrap();
    neighbours.insert(SERVICE.to_owned(), moved);
    let left_open = persistence::restart(&restartable(&neighbours, &restarter), "SAVEPOINT never_committed").await;

    assert!(matches!(committed, Ok(Evidence::Proved(_))), "{committed:?}");
    fails(left_open, &["after a restart", "a row", "none"]);
    stack.stop().await.unwrap();
}
