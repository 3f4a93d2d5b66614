use std::collections::BTreeMap;

use async_trait::async_trait;
use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{
        Endpoint, EngineError, Evidence, Restart, Subject,
        kafka::features::{groups, producing, registration, storage, topics, undeclared},
    },
    stack::{ImageSource, Restarter, Stack},
};

use super::{assert_says, check, every_check_is_a_case, served, subject};
use crate::warm;

const SERVICE: &str = "suho-kafka";
const CLUSTER: &[&str] = &[SERVICE, "suho-zookeeper"];

const CASES: &[&str] = &[
    "access-lists",
    "committed-offsets",
    "compaction",
    "consumer-group",
    "fencing",
    "idempotent-producer",
    "persistence",
    "registration",
    "size-limit",
    "topic-configuration",
    "transactions",
    "undeclared-topic",
    "undeclared-topic-read",
];

#[test]
fn every_check_has_a_case() {
    every_check_is_a_case(SERVICE, CASES);
}

#[rstest]
#[case::a_topic_has_the_configuration_that_it_is_made_with("topic-configuration")]
#[case::nobody_makes_a_topic_by_writing_to_its_name("undeclared-topic")]
#[case::nobody_makes_a_topic_by_reading_from_its_name("undeclared-topic-read")]
#[case::a_batch_as_large_as_a_topic_allows_is_taken_and_a_larger_one_refused("size-limit")]
#[case::a_batch_that_is_sent_twice_is_stored_once("idempotent-producer")]
#[case::what_a_transaction_wrote_is_seen_when_it_is_committed("transactions")]
#[case::a_producer_whose_place_is_taken_commits_nothing_more("fencing")]
#[case::the_members_of_a_group_share_its_partitions("consumer-group")]
#[case::a_new_member_goes_on_behind_what_its_group_has_committed("committed-offsets")]
#[case::of_every_key_in_a_compacted_topic_the_last_record_stays("compaction")]
#[case::zookeeper_holds_the_broker_as_the_broker_tells_it("registration")]
#[case::the_broker_keeps_who_may_read_a_topic("access-lists")]
#[tokio::test]
async fn holds(#[case] name: &str) {
    let evidence = check(CLUSTER, name).await.unwrap();
    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

/// Runs `check`, in which a feature is broken, and expects `words` of it.
async fn broken(check: impl AsyncFnOnce(&Subject<'_>) -> Result<Evidence, EngineError>, words: &[&str]) {
    let neighbours = served(CLUSTER).await;
    assert_says(check(&subject(&neighbours, SERVICE)).await, words);
}

#[tokio::test]
async fn a_topic_with_another_configuration_is_found_out() {
    broken(
        async |subject| {
            topics::configuration(subject, &[("cleanup.policy", "compact"), ("retention.ms", "1000")]).await
        },
        &["retention.ms", "expected Some(\"86400001\"), found Some(\"1000\")"],
    )
    .await;
}

#[rstest]
#[case::larger("10001", "found Ok(1)")]
#[case::smaller("9999", "expected Ok(0), found Err(10)")]
#[tokio::test]
async fn a_topic_with_another_limit_is_found_out(#[case] limit: &str, #[case] words: &str) {
    broken(
        async |subject| topics::size_limit(subject, &[("max.message.bytes", limit)]).await,
        &[words],
    )
    .await;
}

#[tokio::test]
async fn a_producer_without_an_identity_writes_twice() {
    broken(
        async |subject| producing::idempotence(subject, producing::Writer::Anonymous).await,
        &["it again", "expected Ok(0), found Ok(1)"],
    )
    .await;
}

#[tokio::test]
async fn a_reader_of_what_is_not_committed_sees_what_was_aborted() {
    broken(
        async |subject| producing::transactions(subject, producing::UNCOMMITTED).await,
        &["read what was committed", "\"a1\""],
    )
    .await;
}

#[tokio::test]
async fn a_producer_of_another_name_fences_nobody() {
    broken(
        async |subject| producing::fencing(subject, "-another").await,
        &["expected that he is fenced, found that it is done"],
    )
    .await;
}

#[tokio::test]
async fn members_of_two_groups_share_nothing() {
    broken(
        async |subject| groups::sharing(subject, ["", "-another"]).await,
        &["expected [2, 2] of them, found [[0, 1, 2, 3], [0, 1, 2, 3]]"],
    )
    .await;
}

#[tokio::test]
async fn a_group_that_has_committed_too_little_reads_again() {
    broken(
        async |subject| groups::offsets(subject, groups::DONE - 1).await,
        &["expected [\"r3\", \"r4\"], found [\"r2\", \"r3\", \"r4\"]"],
    )
    .await;
}

#[tokio::test]
async fn a_topic_that_is_not_compacted_keeps_every_version() {
    broken(
        async |subject| storage::compaction(subject, &[("cleanup.policy", "delete"), ("segment.ms", "100")]).await,
        &["compact", "found {\"EURUSD\": [\"0\", \"1\""],
    )
    .await;
}

/// A broker that makes topics by itself, without access lists, on its own `ZooKeeper`.
async fn careless() -> Stack {
    let files = Files::embedded();
    let text = files.text("kafka.properties").unwrap();
    let text = text
        .replace("auto.create.topics.enable=false", "auto.create.topics.enable=true")
        .replace("authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "");
    let files = files.with("kafka.properties", text);
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    builder.files(files).start().await.unwrap()
}

#[tokio::test]
async fn a_careless_broker_in_another_cluster_is_found_out() {
    let careless = careless().await;
    let mut neighbours = careless.endpoints();
    let alone = subject(&neighbours, SERVICE);

    assert_says(
        undeclared::writing(&alone).await,
        &["produce to", "expected that the topic is unknown, found stored at 0"],
    );
    assert_says(
        undeclared::reading(&alone).await,
        &["consume from", "expected that the topic is unknown, found no refusal"],
    );
    assert_says(
        registration::access(&alone).await,
        &["alone read a topic", "No Authorizer is configured"],
    );
    neighbours.extend(served(&["suho-zookeeper"]).await);
    let beside_another = registration::registration(&subject(&neighbours, SERVICE)).await;
    assert_says(beside_another, &["read the cluster in ZooKeeper"]);

    careless.stop().await.unwrap();
}

/// Another broker comes back in the place of the one that was to be restarted.
struct Exchanged(Endpoint);

#[async_trait]
impl Restart for Exchanged {
    async fn restart(&self, _service: &str) -> Result<Endpoint, EngineError> {
        Ok(self.0.clone())
    }

    async fn endpoint(&self, _service: &str) -> Option<Endpoint> {
        None
    }
}

async fn persistence(neighbours: &BTreeMap<String, Endpoint>, restart: &dyn Restart) -> Result<Evidence, EngineError> {
    let subject = Subject {
        restart: Some(restart),
        ..subject(neighbours, SERVICE)
    };
    storage::persistence(&subject).await
}

#[tokio::test]
async fn records_and_offsets_outlive_a_restart_and_one_that_comes_back_empty_is_found_out() {
    let other = warm::endpoint(SERVICE).await;
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.start().await.unwrap();

    let empty = persistence(&stack.endpoints(), &Exchanged(other)).await;
    let restarter = Restarter::of(stack.state()).await.unwrap();
    let kept = persistence(&stack.endpoints(), &restarter).await;

    assert_says(empty, &["consume from", "Unknown topic or partition"]);
    assert!(matches!(kept.unwrap(), Evidence::Proved(_)));
    stack.stop().await.unwrap();
}
