use std::{sync::Arc, time::Duration};

use async_nats::{
    ConnectOptions, ServerAddr,
    jetstream::{
        self, AckKind,
        consumer::{AckPolicy, pull},
        kv,
        message::PublishMessage,
        object_store,
        stream::Config,
    },
};
use futures::TryStreamExt;
use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{
        self, Endpoint, EngineError, Evidence, Restart, Subject,
        nats::features::{
            accounts, consumers,
            key_values::{self, Write},
            limits, objects, restart, retention, streams,
        },
    },
    proof::{Inquiry, Scope, Verdict},
    stack::{ImageSource, Restarter, Stack},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-nats-server";

const CASES: &[&str] = &[
    "account-isolation",
    "account-storage",
    "acknowledgement",
    "deduplication",
    "discard-new",
    "discard-old",
    "double-acknowledgement",
    "expected-last-message-id",
    "expected-last-sequence",
    "file-stream",
    "in-progress",
    "interest-retention",
    "kv-bucket-ttl",
    "kv-compare-and-set",
    "kv-create",
    "kv-history",
    "kv-key-ttl",
    "kv-watch",
    "max-age",
    "max-bytes",
    "max-deliver",
    "max-payload",
    "memory-stream",
    "negative-acknowledgement",
    "object-store",
    "persistence",
    "redelivery",
    "termination",
    "work-queue",
];

#[test]
fn every_check_has_a_case() {
    every_check_is_a_case(SERVICE, CASES);
}

#[rstest]
#[case::no_message_crosses_from_one_account_into_the_other("account-isolation")]
#[case::a_stream_larger_than_the_account_may_be_is_refused("account-storage")]
#[case::a_durable_consumer_goes_on_behind_what_was_acknowledged("acknowledgement")]
#[case::a_message_published_twice_under_one_id_is_stored_once("deduplication")]
#[case::a_full_stream_refuses_new_messages("discard-new")]
#[case::a_full_stream_drops_its_oldest_messages("discard-old")]
#[case::a_confirmed_acknowledgement_counts_for_its_message_alone("double-acknowledgement")]
#[case::a_message_that_expects_another_last_id_is_refused("expected-last-message-id")]
#[case::a_message_that_expects_another_last_sequence_is_refused("expected-last-sequence")]
#[case::a_stream_on_the_disk_keeps_every_message("file-stream")]
#[case::a_message_stays_with_the_worker_that_reports_progress("in-progress")]
#[case::a_message_is_kept_while_a_consumer_waits_for_it("interest-retention")]
#[case::the_keys_of_a_bucket_are_gone_when_they_have_reached_its_age("kv-bucket-ttl")]
#[case::a_value_is_not_written_over_another_revision("kv-compare-and-set")]
#[case::a_key_that_exists_cannot_be_created("kv-create")]
#[case::the_last_values_of_a_key_are_remembered("kv-history")]
#[case::a_key_with_a_life_of_its_own_is_gone_after_it("kv-key-ttl")]
#[case::a_watch_hears_each_change_of_its_keys("kv-watch")]
#[case::a_message_is_gone_when_it_has_reached_its_age("max-age")]
#[case::a_stream_holds_no_more_bytes_than_it_may("max-bytes")]
#[case::a_message_that_is_refused_each_time_is_given_up("max-deliver")]
#[case::one_byte_more_than_the_largest_payload_is_refused("max-payload")]
#[case::a_stream_in_memory_keeps_every_message("memory-stream")]
#[case::a_refused_message_is_delivered_again_after_the_delay("negative-acknowledgement")]
#[case::an_object_comes_back_whole_out_of_its_chunks("object-store")]
#[case::a_message_that_nobody_acknowledges_is_delivered_again("redelivery")]
#[case::a_terminated_message_is_not_delivered_again("termination")]
#[case::an_acknowledged_message_of_a_work_queue_is_gone("work-queue")]
#[tokio::test]
async fn holds(#[case] name: &str) {
    let evidence = check(&[SERVICE], name).await.unwrap();

    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

/// All of them at once, as `verify` asks, and nothing is left behind.
#[tokio::test]
async fn all_checks_hold_at_once_and_leave_nothing_behind() {
    let stack = start(Files::embedded()).await;
    let before = streams_of(stack.endpoint(SERVICE).unwrap()).await;
    let restarter = Arc::new(Restarter::of(stack.state()).await.unwrap());
    let mut inquiry = Inquiry::of(stack.state());
    inquiry.scope = Scope::Features;
    inquiry.restart = Some(restarter.clone());

    let report = inquiry.run(|row| println!("{row:?}")).await;

    let rows: Vec<_> = report.rows.iter().filter(|row| row.service == SERVICE).collect();
    for row in &rows {
        assert!(matches!(row.verdict, Verdict::Passed { .. }), "{row:#?}");
    }
    assert_eq!(rows.len(), CASES.len());
    let endpoint = restarter.endpoint(SERVICE).await.unwrap();
    assert_eq!(streams_of(&endpoint).await, before);
    stack.stop().await.unwrap();
}

/// Streams on the disk outlive a restart, those in memory do not; with the storages exchanged the check says so.
#[tokio::test]
async fn a_stream_on_the_disk_outlives_a_restart_and_one_in_memory_does_not() {
    let stack = start(Files::embedded()).await;
    let restarter = Restarter::of(stack.state()).await.unwrap();
    let (file, memory) = (streams::on_file(), streams::in_memory());

    restarted(&stack, &restarter, &file, &memory).await.unwrap();
    let lost = restarted(&stack, &restarter, &memory, &memory).await;
    let kept = restarted(&stack, &restarter, &file, &file).await;

    says(lost, "find after the restart the messages of probe_");
    says(
        kept,
        "lose a stream in memory with a restart on suho-nats-server: expected no stream, found 3 messages",
    );
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_in_memory_is_not_taken_for_one_on_the_disk() {
    broken(
        async |subject| streams::file(subject, &streams::in_memory()).await,
        "expected File, found Memory",
    )
    .await;
}

#[tokio::test]
async fn a_stream_on_the_disk_is_not_taken_for_one_in_memory() {
    broken(
        async |subject| streams::memory(subject, &streams::on_file()).await,
        "expected Memory, found File",
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_forgets_is_found_out() {
    broken(
        async |subject| streams::memory(subject, &limits::discarding_old()).await,
        "keep every message",
    )
    .await;
}

#[tokio::test]
async fn a_window_that_is_too_short_is_found_out() {
    let config = Config {
        duplicate_window: Duration::from_millis(100),
        ..streams::deduplicating()
    };
    broken(
        async |subject| streams::deduplication(subject, &config).await,
        "forget an id on suho-nats-server: expected not before 1000 ms, found after",
    )
    .await;
}

#[tokio::test]
async fn a_window_that_does_not_end_is_found_out() {
    broken(
        async |subject| streams::deduplication(subject, &streams::in_memory()).await,
        "expected a new message, found a duplicate still",
    )
    .await;
}

#[tokio::test]
async fn a_message_that_expects_no_sequence_is_not_refused() {
    broken(
        async |subject| streams::expected_sequence(subject, &PublishMessage::build()).await,
        "expected a refusal with the error code 10071",
    )
    .await;
}

#[tokio::test]
async fn a_message_that_expects_no_id_is_not_refused() {
    broken(
        async |subject| streams::expected_message_id(subject, &PublishMessage::build()).await,
        "expected a refusal with the error code 10070",
    )
    .await;
}

#[tokio::test]
async fn a_stream_without_a_limit_keeps_too_much() {
    broken(
        async |subject| limits::discard_old(subject, &streams::in_memory()).await,
        r#"keep the newest messages only on suho-nats-server: expected [(3, "tick 3")"#,
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_drops_its_oldest_message_refuses_none() {
    broken(
        async |subject| limits::discard_new(subject, &limits::discarding_old()).await,
        "publish to a full stream on suho-nats-server: expected a refusal with the error code 10077",
    )
    .await;
}

#[tokio::test]
async fn a_stream_of_more_bytes_is_found_out() {
    broken(
        async |subject| limits::bytes(subject, &streams::in_memory()).await,
        "keep the newest messages that fit on suho-nats-server: expected (7, 10, 4), found (1, 10, 10)",
    )
    .await;
}

#[tokio::test]
async fn messages_that_do_not_age_are_found_out() {
    broken(
        async |subject| limits::age(subject, &streams::in_memory()).await,
        "expire a message on suho-nats-server: expected gone, found there still after",
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_takes_small_messages_only_is_found_out() {
    let config = Config {
        max_message_size: 1024,
        ..limits::spacious()
    };
    broken(
        async |subject| limits::payload_size(subject, &config).await,
        "message size exceeds maximum allowed",
    )
    .await;
}

/// A server in front of the real one that announces a smaller limit than is enforced.
#[tokio::test]
async fn a_server_that_takes_more_than_it_announces_is_found_out() {
    let neighbours = served(&[SERVICE]).await;
    let mut endpoint = neighbours[SERVICE].clone();
    let real = endpoint.address(4222).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    endpoint.ports.insert(4222, listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(understate(client, real.clone()));
        }
    });
    let subject = Subject {
        endpoint: &endpoint,
        ..subject(&neighbours, SERVICE)
    };

    let outcome = limits::payload_size(&subject, &limits::spacious()).await;

    says(
        outcome,
        "publish 1025 bytes on suho-nats-server: expected \"-ERR 'Maximum Payload Violation'\", found \"no refusal\"",
    );
}

async fn understate(mut client: TcpStream, real: String) {
    let mut server = BufReader::new(TcpStream::connect(real).await.unwrap());
    let mut info = String::new();
    server.read_line(&mut info).await.unwrap();
    let info = info.replace(r#""max_payload":1048576"#, r#""max_payload":1024"#);
    client.write_all(info.as_bytes()).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn an_account_without_a_limit_is_found_out() {
    let files = Files::embedded();
    let config = files.text("nats-server.conf").unwrap();
    let unlimited = config.replace("            max_file: 8GB\n", "");
    assert_ne!(unlimited, config);
    let stack = start(files.with("nats-server.conf", unlimited)).await;

    let outcome = limits::account(&subject(&stack.endpoints(), SERVICE)).await;

    says(
        outcome,
        "limit what the account stores as File on suho-nats-server: expected a number of bytes",
    );
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn two_listeners_of_one_account_are_found_out() {
    broken(
        async |subject| accounts::isolation(subject, accounts::SERVICE).await,
        "keep what suho hears within its account on suho-nats-server: expected",
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_keeps_what_nobody_waits_for_is_found_out() {
    broken(
        async |subject| retention::interest(subject, &streams::in_memory()).await,
        "keep nothing that nobody waits for on suho-nats-server: expected 0, found 1",
    )
    .await;
}

#[tokio::test]
async fn a_work_queue_that_keeps_what_is_done_is_found_out() {
    broken(
        async |subject| retention::work(subject, &streams::in_memory()).await,
        "keep what is not yet done, and no more on suho-nats-server: expected 2, found 3",
    )
    .await;
}

/// Interest drops what is acknowledged as well, but lets everybody take.
#[tokio::test]
async fn a_queue_that_lets_a_second_consumer_in_is_found_out() {
    broken(
        async |subject| retention::work(subject, &retention::by_interest()).await,
        "create a second consumer for the same subjects on suho-nats-server: expected a refusal with the error code 10100",
    )
    .await;
}

#[tokio::test]
async fn a_consumer_that_waits_for_no_acknowledgement_is_found_out() {
    broken(
        async |subject| consumers::acknowledgement(subject, &careless()).await,
        "wait for an acknowledgement of each message on suho-nats-server: expected 2, found 0",
    )
    .await;
}

#[tokio::test]
async fn an_acknowledgement_that_counts_for_all_before_it_is_found_out() {
    let config = pull::Config {
        ack_policy: AckPolicy::All,
        ..consumers::durable("worker")
    };
    broken(
        async |subject| consumers::double_acknowledgement(subject, &config).await,
        "leave the first message unacknowledged on suho-nats-server: expected (1, 0), found (0, 2)",
    )
    .await;
}

#[tokio::test]
async fn a_consumer_that_never_delivers_again_is_found_out() {
    broken(
        async |subject| consumers::redelivery(subject, &careless()).await,
        "deliver a message again on suho-nats-server: expected [(1, 2)], found []",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_without_a_delay_is_found_out() {
    broken(
        async |subject| consumers::negative_acknowledgement(subject, AckKind::Nak(None)).await,
        "deliver a message again on suho-nats-server: expected not before 300 ms, found after",
    )
    .await;
}

#[tokio::test]
async fn a_worker_that_refuses_instead_of_reporting_progress_is_found_out() {
    broken(
        async |subject| consumers::in_progress(subject, AckKind::Nak(None)).await,
        "leave a message to the worker that is at it on suho-nats-server: expected [], found [(1, 2)]",
    )
    .await;
}

#[tokio::test]
async fn a_worker_that_acknowledges_instead_of_reporting_progress_is_found_out() {
    broken(
        async |subject| consumers::in_progress(subject, AckKind::Ack).await,
        "deliver a message again on suho-nats-server: expected [(1, 2)], found []",
    )
    .await;
}

#[tokio::test]
async fn a_message_that_is_refused_and_not_terminated_is_found_out() {
    broken(
        async |subject| consumers::termination(subject, AckKind::Nak(None)).await,
        "deliver a terminated message no more on suho-nats-server: expected [(2, 1)], found [(1, 2), (2, 1)]",
    )
    .await;
}

#[tokio::test]
async fn a_message_that_is_acknowledged_and_not_terminated_is_found_out() {
    broken(
        async |subject| consumers::termination(subject, AckKind::Ack).await,
        "advise of a terminated message on suho-nats-server: expected an advisory, found none",
    )
    .await;
}

#[tokio::test]
async fn a_consumer_that_never_gives_up_is_found_out() {
    broken(
        async |subject| consumers::delivery_limit(subject, &consumers::durable("worker")).await,
        "give a message up on suho-nats-server: expected [], found [(1, 4)]",
    )
    .await;
}

#[tokio::test]
async fn a_bucket_that_remembers_one_value_is_found_out() {
    broken(
        async |subject| key_values::history(subject, &key_values::in_memory()).await,
        r#"remember the last values of a key on suho-nats-server: expected [(3, "3"), (4, "4"), (5, "5")], found [(5, "5")]"#,
    )
    .await;
}

#[tokio::test]
async fn a_writer_that_compares_nothing_is_found_out() {
    broken(
        async |subject| key_values::compare_and_set(subject, Write::Put).await,
        "write over an old revision on suho-nats-server: expected a refusal, found written as revision 3",
    )
    .await;
}

#[tokio::test]
async fn a_writer_that_puts_instead_of_creating_is_found_out() {
    broken(
        async |subject| key_values::create_conflict(subject, Write::Put).await,
        "create a key that exists on suho-nats-server: expected a refusal, found written as revision 2",
    )
    .await;
}

#[tokio::test]
async fn a_bucket_whose_keys_do_not_age_is_found_out() {
    broken(
        async |subject| key_values::bucket_life(subject, &key_values::in_memory()).await,
        "expire a key on suho-nats-server: expected gone, found there still after",
    )
    .await;
}

#[tokio::test]
async fn a_bucket_whose_keys_have_no_life_of_their_own_is_found_out() {
    broken(
        async |subject| key_values::key_life(subject, &key_values::in_memory()).await,
        "create a key with a life of its own",
    )
    .await;
}

/// The neighbour without a limit must stay.
#[tokio::test]
async fn a_bucket_that_forgets_the_neighbour_as_well_is_found_out() {
    let config = kv::Config {
        max_age: Duration::from_secs(1),
        ..key_values::with_markers()
    };
    broken(
        async |subject| key_values::key_life(subject, &config).await,
        r#"keep a key without a limit on suho-nats-server: expected Some("200"), found None"#,
    )
    .await;
}

#[tokio::test]
async fn a_watch_over_other_keys_is_found_out() {
    broken(
        async |subject| key_values::watch(subject, "prices.>").await,
        "tell a watch of a change on suho-nats-server: expected (1, Put, \"100\"), found (2, Put, \"1.1\")",
    )
    .await;
}

#[tokio::test]
async fn a_store_without_room_is_found_out() {
    let config = object_store::Config {
        max_bytes: 200 << 10,
        ..objects::in_memory()
    };
    broken(
        async |subject| objects::object(subject, &config).await,
        "maximum bytes exceeded",
    )
    .await;
}

/// A consumer that takes every message for done once it is delivered.
fn careless() -> pull::Config {
    pull::Config {
        ack_policy: AckPolicy::None,
        ..consumers::impatient()
    }
}

/// Runs a check whose feature is broken, and reads what it says.
async fn broken(check: impl AsyncFnOnce(&Subject<'_>) -> Result<Evidence, EngineError>, words: &str) {
    let neighbours = served(&[SERVICE]).await;

    let outcome = check(&subject(&neighbours, SERVICE)).await;

    says(outcome, words);
}

fn says(outcome: Result<Evidence, EngineError>, words: &str) {
    let error = outcome.unwrap_err().in_full();
    assert!(error.contains(words), "{error}");
}

async fn start(files: Files) -> Stack {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    builder.files(files).start().await.unwrap()
}

async fn restarted(
    stack: &Stack,
    restarter: &Restarter,
    kept: &Config,
    lost: &Config,
) -> Result<Evidence, EngineError> {
    let mut neighbours = stack.endpoints();
    if let Some(moved) = restarter.endpoint(SERVICE).await {
        neighbours.insert(SERVICE.to_owned(), moved);
    }
    let subject = Subject {
        restart: Some(restarter),
        ..subject(&neighbours, SERVICE)
    };
    restart::persistence(&subject, kept, lost).await
}

/// The names of all streams.
async fn streams_of(endpoint: &Endpoint) -> Vec<String> {
    let variables = engines::by_service(SERVICE).unwrap().variables(endpoint).unwrap();
    let server: ServerAddr = variables[0].1.parse().unwrap();
    let (user, password) = (server.username().unwrap(), server.password().unwrap());
    let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    let jetstream = jetstream::new(options.connect(server.clone()).await.unwrap());
    let mut names: Vec<String> = jetstream.stream_names().try_collect().await.unwrap();
    names.sort_unstable();
    names
}
