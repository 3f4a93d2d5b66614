use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rstest::rstest;
use suho_stack::{
    deployment::{Files, Secret, Variables},
    engines,
    stack::{Progress, Stack, StackError},
};

use crate::{left_behind, unique};

/// When the container of `service` was launched.
fn launched_at(service: &'static str) -> (Arc<Mutex<Option<Instant>>>, impl Fn(Progress) + Send + Sync + 'static) {
    let moment = Arc::new(Mutex::new(None));
    let noted = moment.clone();
    let note = move |progress| {
        if matches!(&progress, Progress::Launched { service: launched, .. } if launched == service) {
            *noted.lock().unwrap() = Some(Instant::now());
        }
    };
    (moment, note)
}

#[rstest]
#[case::postgresql("suho-postgresql", "postgresql.conf", "shared_buffers = plenty\n", "shared_buffers")]
#[case::clickhouse(
    "suho-clickhouse",
    "clickhouse-config.xml",
    "<clickhouse><mark_cache_size>plenty</mark_cache_size></clickhouse>",
    "plenty"
)]
#[case::dragonflydb("suho-dragonflydb", "dragonfly.flags", "--maxmemry=1gb\n", "maxmemry")]
#[case::nats("suho-nats-server", "nats-server.conf", "max_paylod: 1MB\n", "max_paylod")]
#[case::zookeeper("suho-zookeeper", "zoo.cfg", "tickTime=soon\n", "soon")]
#[case::kafka("suho-kafka", "kafka.properties", "broker.id=one\n", "one")]
#[tokio::test]
async fn an_engine_that_dies_at_start_ends_it_with_its_own_words(
    #[case] service: &'static str,
    #[case] file: &str,
    #[case] content: &str,
    #[case] words: &str,
) {
    let name = unique("broken");
    let (launched, note) = launched_at(service);

    let error = Stack::builder()
        .name(&name)
        .engines([service])
        .files(Files::embedded().with(file, content))
        .on_progress(note)
        .start()
        .await
        .expect_err("the engine must refuse this configuration");
    let told_after = launched.lock().unwrap().expect("it was launched").elapsed();

    let StackError::Died { service: dead, last } = &error else {
        panic!("{service} did not die: {error}");
    };
    println!("{service}: told {told_after:?} after its launch: {error}");
    assert_eq!(dead, service);
    assert!(
        last.state
            .as_ref()
            .is_some_and(|state| state.exit_code.is_some_and(|code| code != 0)),
        "{last:?}"
    );
    assert!(last.log.contains(words), "the log does not say {words}:\n{}", last.log);
    assert!(left_behind(&name).await.is_empty());
}

/// The engine dies at once here, so that the time since its launch is the time since its death and a little more.
#[tokio::test]
async fn a_death_is_told_within_two_seconds() {
    let (launched, note) = launched_at("suho-nats-server");
    let files = Files::embedded().with("nats-server.conf", "max_paylod: 1MB\n");

    let started = Stack::builder()
        .engines(["nats"])
        .files(files)
        .on_progress(note)
        .start();
    assert!(matches!(started.await, Err(StackError::Died { .. })));

    // The removal of the container is part of this time, too.
    let told_after = launched.lock().unwrap().unwrap().elapsed();
    assert!(told_after < Duration::from_secs(2), "{told_after:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let name = unique("taken");
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupied.local_addr().unwrap().port().to_string();
    let mut variables = Variables::default();
    variables.set("SUHO_NATS_PORT", Secret::new(&port));

    let error = Stack::builder()
        .name(&name)
        .engines(["nats"])
        .variables(variables)
        .start()
        .await
        .expect_err("the port is taken");

    assert!(error.to_string().contains(&port), "{error}");
    assert!(left_behind(&name).await.is_empty());
}

#[tokio::test]
async fn an_engine_that_is_late_is_told_with_the_reason() {
    let name = unique("late");

    let error = Stack::builder()
        .name(&name)
        .engines(["postgresql"])
        .timeout(Duration::from_millis(300))
        .start()
        .await
        .expect_err("no PostgreSQL initialises that fast");

    assert!(
        matches!(&error, StackError::TimedOut { reason, .. } if !reason.is_empty()),
        "{error}"
    );
    assert!(left_behind(&name).await.is_empty());
}

#[tokio::test]
async fn an_unknown_engine_is_refused_with_those_that_there_are() {
    let error = Stack::builder()
        .engines(["mysql"])
        .start()
        .await
        .expect_err("there is no such engine");

    let words = error.to_string();
    assert!(words.contains("mysql") && words.contains("postgresql"), "{words}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let name = unique("same");
    let first = Stack::builder().name(&name).engines(["nats"]).start().await.unwrap();

    let second = Stack::builder().name(&name).engines(["nats"]).start().await;

    assert!(matches!(second, Err(StackError::Exists(taken)) if taken == name));
    assert!(first.endpoint("suho-nats-server").is_some());
    first.stop().await.unwrap();
}

/// The loser must not remove what the winner has made under the same name.
#[tokio::test]
async fn of_two_starts_of_one_name_at_the_same_moment_one_comes_up() {
    let name = unique("race");
    let start = || Stack::builder().name(&name).engines(["nats"]).start();

    let (first, second) = tokio::join!(start(), start());

    let (winner, loser) = match (first, second) {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        both => panic!("not one winner: {both:?}"),
    };
    assert!(matches!(loser, StackError::Exists(_)), "{loser}");
    let nats = winner.endpoint("suho-nats-server").unwrap();
    engines::by_service("suho-nats-server")
        .unwrap()
        .round_trip(nats)
        .await
        .unwrap();
    winner.stop().await.unwrap();
}
