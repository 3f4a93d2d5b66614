use std::time::Duration;

use redis::SetExpiry;
use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{
        EngineError, Evidence, Subject,
        dragonflydb::features::{channels, commands, storage, streams},
    },
    stack::{ImageSource, Restarter, Stack},
};

use super::{assert_says, check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-dragonflydb";

#[rstest]
#[case::a_thousand_commands_sent_at_once_are_answered_in_their_order("pipelines")]
#[case::a_transaction_does_nothing_where_another_client_was_faster("transactions")]
#[case::only_the_owner_releases_a_lock_by_a_script("scripts")]
#[case::a_script_is_refused_a_key_that_it_has_not_declared("undeclared-keys")]
#[case::the_consumers_of_a_group_share_a_stream("stream-groups")]
#[case::what_a_silent_consumer_has_left_is_claimed_by_another("stream-claims")]
#[case::a_subscriber_hears_every_message_of_its_channels("publish-subscribe")]
#[case::a_key_goes_at_its_end("expiry")]
#[case::the_end_of_a_key_is_announced("expiry-events")]
#[case::memory_has_a_limit_and_no_key_vanishes_below_it("memory-limit")]
#[tokio::test]
async fn a_feature_works(#[case] name: &str) {
    let evidence = check(&[SERVICE], name).await.unwrap();

    println!("{name}: {evidence:?}");
    let is_dragonflys_own = name == "undeclared-keys";
    assert_eq!(
        matches!(evidence, Evidence::NotOffered(_)),
        is_dragonflys_own,
        "{evidence:?}"
    );
}

#[test]
fn each_check_is_tested() {
    let cases = [
        "pipelines",
        "transactions",
        "scripts",
        "undeclared-keys",
        "stream-groups",
        "stream-claims",
        "publish-subscribe",
        "expiry",
        "expiry-events",
        "memory-limit",
        "snapshots",
    ];
    every_check_is_a_case(SERVICE, &cases);
}

#[tokio::test]
async fn commands_over_two_connections_are_not_in_order() {
    let neighbours = served(&[SERVICE]).await;
    let sending = commands::Sending {
        connections: 2,
        ..commands::Sending::ONE_PIPELINE
    };

    let outcome = commands::pipelines(&subject(&neighbours, SERVICE), &sending).await;

    assert_says(outcome, &["the list to be"]);
}

#[tokio::test]
async fn a_transaction_that_watches_another_key_overwrites_the_faster_client() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = commands::transactions(&subject(&neighbours, SERVICE), commands::Watched::AnotherKey).await;

    assert_says(
        outcome,
        &[
            "drop a transaction that came too late",
            "expected None, found Some((20, 1))",
        ],
    );
}

#[tokio::test]
async fn a_script_that_does_not_compare_lets_a_stranger_release_the_lock() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = commands::scripts(&subject(&neighbours, SERVICE), "return redis.call('DEL', KEYS[1])").await;

    assert_says(outcome, &["release the lock as a stranger", "expected 0, found 1"]);
}

#[tokio::test]
async fn a_group_that_begins_at_the_end_misses_what_was_there() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = streams::groups(&subject(&neighbours, SERVICE), "$").await;

    assert_says(
        outcome,
        &["read as the first consumer", "expected [10125, 10130], found []"],
    );
}

#[tokio::test]
async fn what_has_not_been_idle_for_long_enough_is_not_claimed() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = streams::claims(&subject(&neighbours, SERVICE), Duration::from_secs(3_600)).await;

    assert_says(outcome, &["claim what a silent consumer has left", "found []"]);
}

#[tokio::test]
async fn a_subscriber_of_every_channel_hears_those_of_others() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = channels::publish_subscribe(&subject(&neighbours, SERVICE), "*").await;

    assert_says(outcome, &["hear the messages in their order", "orders.eur"]);
}

#[tokio::test]
async fn a_key_without_an_end_stays() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = channels::expiry(&subject(&neighbours, SERVICE), SetExpiry::KEEPTTL).await;
    assert_says(outcome, &["expected an end, found a key that stays"]);

    let outcome = channels::expiry(&subject(&neighbours, SERVICE), SetExpiry::EX(60)).await;
    assert_says(outcome, &["see a key go at its end", "found the key after 3s"]);
}

/// A stack of its own whose flags have `broken` instead of `whole`.
async fn broken(whole: &str, broken: &str) -> Stack {
    let files = Files::embedded();
    let flags = files.text("dragonfly.flags").unwrap();
    assert!(flags.contains(whole));
    let files = files.clone().with("dragonfly.flags", flags.replace(whole, broken));
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    builder.files(files).start().await.unwrap()
}

#[tokio::test]
async fn a_server_that_announces_nothing_is_found_out() {
    let stack = broken("--notify_keyspace_events=Ex\n", "").await;
    let neighbours = stack.endpoints();
    let outcome = channels::expiry_events(&subject(&neighbours, SERVICE), channels::SHORT).await;
    stack.stop().await.unwrap();
    assert_says(outcome, &["hear of the end of a key", "silence"]);
}

#[tokio::test]
async fn a_server_that_evicts_is_found_out() {
    let stack = broken("--cache_mode=false", "--cache_mode=true").await;
    let neighbours = stack.endpoints();
    let outcome = storage::memory_limit(&subject(&neighbours, SERVICE)).await;
    stack.stop().await.unwrap();
    assert_says(
        outcome,
        &["keep every key when memory is full", "noeviction", "allkeys-lru"],
    );
}

/// Runs the check of snapshots, with leave to restart.
async fn snapshots(stack: &Stack) -> Result<Evidence, EngineError> {
    let restarter = Restarter::of(stack.state()).await.unwrap();
    let neighbours = stack.endpoints();
    let subject = Subject {
        endpoint: &neighbours[SERVICE],
        neighbours: &neighbours,
        restart: Some(&restarter),
    };
    storage::snapshots(&subject).await
}

#[tokio::test]
async fn values_of_every_kind_are_back_after_a_snapshot_and_a_restart() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.start().await.unwrap();

    let outcome = snapshots(&stack).await;

    stack.stop().await.unwrap();
    assert!(matches!(outcome, Ok(Evidence::Proved(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_snapshot_in_memory_is_gone_after_a_restart() {
    let stack = broken("--dir=/data", "--dir=/dev/shm").await;

    let outcome = snapshots(&stack).await;

    stack.stop().await.unwrap();
    assert_says(
        outcome,
        &["find everything after a restart", "found Contents { text: \"\""],
    );
}
