use rstest::rstest;
use suho_stack::{
    engines::{EngineError, Evidence, Subject, zookeeper::features::nodes},
    stack::{ImageSource, Restarter, Stack},
};
use zookeeper_client::CreateMode;

use super::{assert_says, check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-zookeeper";

const CASES: &[&str] = &[
    "compare-and-set",
    "ephemeral-node",
    "persistence",
    "sequential-nodes",
    "watch",
];

#[test]
fn every_check_has_a_case() {
    every_check_is_a_case(SERVICE, CASES);
}

#[rstest]
#[case::an_ephemeral_node_goes_with_the_session_that_made_it("ephemeral-node")]
#[case::nodes_of_one_name_are_numbered_in_their_order("sequential-nodes")]
#[case::a_writer_who_expects_a_version_that_is_gone_changes_nothing("compare-and-set")]
#[case::who_watches_a_node_is_told_when_it_changes("watch")]
#[tokio::test]
async fn holds(#[case] name: &str) {
    let evidence = check(&[SERVICE], name).await.unwrap();
    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

/// Runs `check`, in which a feature is broken, and expects `words` of it.
async fn broken(check: impl AsyncFnOnce(&Subject<'_>) -> Result<Evidence, EngineError>, words: &[&str]) {
    let neighbours = served(&[SERVICE]).await;
    assert_says(check(&subject(&neighbours, SERVICE)).await, words);
}

#[tokio::test]
async fn a_node_that_outlives_its_session_is_found_out() {
    broken(
        async |subject| nodes::ephemeral(subject, CreateMode::Persistent).await,
        &["expected that it is gone, found that it is still there"],
    )
    .await;
}

#[tokio::test]
async fn nodes_of_another_name_are_found_out() {
    broken(
        async |subject| nodes::sequential(subject, ["queue-", "another-"]).await,
        &["list what is below", "another-0000000001"],
    )
    .await;
}

#[tokio::test]
async fn a_writer_who_expects_no_version_is_found_out() {
    broken(
        async |subject| nodes::compare_and_set(subject, None).await,
        &["expected that the version is refused, found version 2"],
    )
    .await;
}

#[tokio::test]
async fn a_watch_on_another_node_hears_nothing() {
    broken(
        async |subject| nodes::watch(subject, "-another").await,
        &["has changed", "expected an event, found silence"],
    )
    .await;
}

async fn restarted(stack: &Stack, restarter: &Restarter, mode: CreateMode) -> Result<Evidence, EngineError> {
    let mut neighbours = stack.endpoints();
    if let Some(moved) = suho_stack::engines::Restart::endpoint(restarter, SERVICE).await {
        neighbours.insert(SERVICE.to_owned(), moved);
    }
    let subject = Subject {
        restart: Some(restarter),
        ..subject(&neighbours, SERVICE)
    };
    nodes::persistence(&subject, mode).await
}

#[tokio::test]
async fn a_node_outlives_a_restart_unless_it_belongs_to_a_session() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.start().await.unwrap();
    let restarter = Restarter::of(stack.state()).await.unwrap();

    restarted(&stack, &restarter, CreateMode::Persistent).await.unwrap();
    let lost = restarted(&stack, &restarter, CreateMode::Ephemeral).await;

    assert_says(lost, &["read /suho-probe_", "node not exists"]);
    stack.stop().await.unwrap();
}
