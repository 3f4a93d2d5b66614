use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{
        EngineError, Evidence,
        clickhouse::features::{Address, accounts, candles, kafka, postgresql, tables},
    },
    stack::{ImageSource, Stack},
};

use super::{check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-clickhouse";
const ALONE: &[&str] = &[SERVICE];
const WITH_NEIGHBOURS: &[&str] = &[SERVICE, "suho-kafka", "suho-postgresql"];

#[rstest]
#[case::the_rows_of_a_day_are_a_partition_and_are_read_alone("partitions")]
#[case::rows_past_their_ttl_are_gone_after_a_merge("expiry")]
#[case::a_view_folds_ticks_into_the_candles_that_we_compute("candles")]
#[case::final_reads_the_highest_version_of_a_row("last-version")]
#[case::a_reader_writes_nothing("read-only")]
#[case::a_reader_sets_nothing_beyond_his_constraints("constraints")]
#[case::a_query_ends_at_its_memory_limit("memory-limit")]
#[tokio::test]
async fn the_feature_works(#[case] name: &str) {
    let evidence = check(ALONE, name)
        .await
        .unwrap_or_else(|error| panic!("failed to {}", error.in_full()));
    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

#[rstest]
#[case::messages_of_kafka_are_rows_each_once("kafka-engine")]
#[case::timescaledb_is_read_row_by_row("postgresql-function")]
#[tokio::test]
async fn the_feature_works_with_a_neighbour(#[case] name: &str) {
    let evidence = check(WITH_NEIGHBOURS, name)
        .await
        .unwrap_or_else(|error| panic!("failed to {}", error.in_full()));
    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

#[rstest]
#[case::without_kafka("kafka-engine")]
#[case::without_timescaledb("postgresql-function")]
#[tokio::test]
async fn a_neighbour_that_does_not_run_cannot_be_asked(#[case] name: &str) {
    let evidence = check(ALONE, name).await.unwrap();
    assert!(
        matches!(&evidence, Evidence::NotAskable(reason) if reason.contains("does not run here")),
        "{evidence:?}"
    );
}

/// The air-gap image has no place for users that are made by SQL, and says so itself.
#[tokio::test]
async fn quotas_are_not_offered_where_the_engine_refuses_to_make_a_user() {
    let evidence = check(ALONE, "quota").await.unwrap();
    assert!(
        matches!(&evidence, Evidence::NotOffered(reason) if reason.contains("code 514")),
        "{evidence:?}"
    );
}

#[test]
fn every_check_of_clickhouse_is_a_case() {
    every_check_is_a_case(
        SERVICE,
        &[
            "partitions",
            "expiry",
            "candles",
            "last-version",
            "read-only",
            "constraints",
            "memory-limit",
            "quota",
            "kafka-engine",
            "postgresql-function",
        ],
    );
}

/// A check of a feature that is really broken fails, and says what is wrong.
fn fails(outcome: Result<Evidence, EngineError>, words: &str) {
    let error = outcome.expect_err("the feature is broken").in_full();
    println!("failed to {error}");
    assert!(error.contains(words), "{error}");
}

#[tokio::test]
async fn a_table_without_partitions_is_found_out() {
    let neighbours = served(ALONE).await;
    let engine = tables::BY_DAY.replace("PARTITION BY toYYYYMMDD(ts) ", "");
    let outcome = tables::partitions(&subject(&neighbours, SERVICE), &engine).await;
    fails(outcome, "keep each day in a partition of its own");
}

#[tokio::test]
async fn a_ttl_that_was_left_out_is_found_out() {
    let neighbours = served(ALONE).await;
    let outcome = tables::expiry(&subject(&neighbours, SERVICE), "").await;
    fails(outcome, "drop rows that are past their table's TTL");
}

#[rstest]
#[case::by_the_highest_price(
    "argMaxState(price, (ts, trade_id))",
    "argMaxState(price, (toDateTime64(price, 3, 'UTC'), trade_id))"
)]
#[case::without_the_trades_number(
    "argMinState(price, (ts, trade_id))",
    "argMinState(price, (ts, bitXor(trade_id, 1)))"
)]
#[tokio::test]
async fn a_view_that_folds_a_candle_wrongly_is_found_out(#[case] right: &str, #[case] wrong: &str) {
    let neighbours = served(ALONE).await;
    let view = candles::CANDLES.replace(right, wrong);
    assert_ne!(view, candles::CANDLES);
    let outcome = candles::candles(&subject(&neighbours, SERVICE), &view).await;
    fails(outcome, "fold ticks into a candle");
}

#[tokio::test]
async fn a_table_that_keeps_what_came_last_is_found_out() {
    let neighbours = served(ALONE).await;
    let outcome = tables::last_version(&subject(&neighbours, SERVICE), "ReplacingMergeTree").await;
    fails(outcome, "read the highest version of each row");
}

#[tokio::test]
async fn an_account_that_may_write_is_found_out() {
    let neighbours = served(ALONE).await;
    let outcome = accounts::read_only(&subject(&neighbours, SERVICE), accounts::Account::Service).await;
    fails(outcome, "keep suho from writing");
}

#[tokio::test]
async fn a_constraint_that_was_lifted_is_found_out() {
    let files = Files::embedded();
    let constraint = "<max_threads><max>2</max></max_threads>";
    let users = files.text("clickhouse-users.xml").unwrap().replace(constraint, "");
    let files = Files::embedded().with("clickhouse-users.xml", users);
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.files(files).start().await.unwrap();
    let neighbours = stack.endpoints();

    let outcome = accounts::constraints(&subject(&neighbours, SERVICE), accounts::BEYOND).await;

    stack.stop().await.unwrap();
    fails(outcome, "expected code 452 for max_threads = 3, found it was let");
}

#[tokio::test]
async fn a_memory_limit_that_was_lifted_is_found_out() {
    let neighbours = served(ALONE).await;
    let outcome = accounts::memory_limit(&subject(&neighbours, SERVICE), 1 << 30).await;
    fails(outcome, "end a query at its memory limit");
}

#[tokio::test]
async fn a_kafka_table_that_is_pointed_elsewhere_is_found_out() {
    let neighbours = served(WITH_NEIGHBOURS).await;
    // Of a Kafka in another place nothing listens here.
    let outcome = kafka::kafka_engine(&subject(&neighbours, SERVICE), Address::At("suho-kafka:19092")).await;
    fails(outcome, "take messages from the stack's Kafka");
}

#[tokio::test]
async fn a_table_function_that_is_pointed_elsewhere_is_found_out() {
    let neighbours = served(WITH_NEIGHBOURS).await;
    let outcome = postgresql::postgresql_function(&subject(&neighbours, SERVICE), Address::At("suho-kafka:5432")).await;
    fails(outcome, "read the stack's TimescaleDB");
}
