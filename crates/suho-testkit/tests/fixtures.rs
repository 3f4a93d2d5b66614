//! The fixtures on the warm stack: one for every engine, tenants that fail, and what is said where nothing can be had.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::error::Error;
use std::process::{Command, Output};
use std::time::Instant;

use futures::future::try_join_all;
use rstest::rstest;
use suho_stack::stack::tenants::Stage;
use suho_stack::stack::{Lodger, SharedStack, Tenants};
use suho_testkit::{
    Clickhouse, Dragonfly, Kafka, Migrations, Nats, Postgres, Tenant, Weaviate, clickhouse, dragonfly, kafka, nats,
    postgres, stack, tenant, tenant_with, weaviate,
};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

#[rstest]
#[suho_testkit::test]
async fn the_stack_has_the_engines_of_the_features(#[future(awt)] stack: SharedStack) {
    for engine in suho_testkit::engines() {
        let engine = suho_stack::engines::all()
            .iter()
            .find(|known| known.name() == engine)
            .unwrap();
        let service = engine.service();
        assert!(
            stack.endpoint(service).is_some() || stack.absence(service).is_some(),
            "{service} neither serves nor is absent"
        );
    }
}

#[rstest]
#[suho_testkit::test]
async fn a_database_begins_with_the_schema_and_is_empty(#[future(awt)] postgres: Postgres) -> Outcome {
    let client = postgres.client().await;
    let account = "INSERT INTO trading.accounts (name, base_currency) VALUES ('desk', 'EUR')";

    assert_eq!(client.execute(account, &[]).await?, 1);

    let count: i64 = client
        .query_one("SELECT count(*) FROM trading.accounts", &[])
        .await?
        .get(0);
    assert_eq!(count, 1);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_database_of_clickhouse_has_the_tables(#[future(awt)] clickhouse: Clickhouse) -> Outcome {
    let ticks: u64 = clickhouse
        .client()
        .await
        .query("SELECT count() FROM ticks")
        .fetch_one()
        .await?;

    assert_eq!(ticks, 0);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_database_of_dragonfly_is_empty(#[future(awt)] dragonfly: Dragonfly) -> Outcome {
    let mut connection = dragonfly.client().await;

    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;

    assert_eq!(keys, 0);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_collection_has_a_name_of_the_tenant_s(#[future(awt)] weaviate: Weaviate) -> Outcome {
    let name = weaviate.collection("Instrument")?;

    assert!(name.ends_with("Instrument") && name != "Instrument", "{name}");
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn an_account_of_nats_has_its_own_subjects(
    #[future(awt)] nats: Nats,
    #[from(nats)]
    #[future(awt)]
    other: Nats,
) -> Outcome {
    use futures::StreamExt;
    let (ours, theirs) = (nats.client().await, other.client().await);
    let mut heard = ours.subscribe("orders.placed").await?;
    ours.flush().await?;

    theirs.publish("orders.placed", "theirs".into()).await?;
    theirs.flush().await?;
    ours.publish("orders.placed", "ours".into()).await?;

    let message = heard.next().await.ok_or("the subscription ended")?;
    assert_eq!(message.payload, "ours");
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_topic_of_kafka_has_a_name_of_the_tenant_s(#[future(awt)] kafka: Kafka) -> Outcome {
    kafka.create_topic("orders", 1).await?;

    assert_ne!(kafka.topic("orders")?, "orders");
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_tenant_has_rooms_in_several_engines(#[future(awt)] tenant: Tenant) -> Outcome {
    let postgresql = tenant.postgresql().await?;
    let nats = tenant.nats().await?;

    assert!(postgresql.url()?.expose().contains(postgresql.database()));
    nats.connect().await?;
    Ok(())
}

#[suho_testkit::test]
async fn a_room_begins_with_the_migrations_that_were_wished() -> Outcome {
    let script = "CREATE TABLE scratch.notes (text text); INSERT INTO scratch.notes VALUES ('first')";
    let migrations = Migrations::new().script("notes.sql", script);
    let postgres = Postgres::of(tenant_with(|tenant| tenant.migrations("postgresql", migrations)).await).await;
    let client = postgres.client().await;

    let text: String = client.query_one("SELECT text FROM scratch.notes", &[]).await?.get(0);

    assert_eq!(text, "first");
    Ok(())
}

/// Two tests of one process, each with its own runtime, have one stack.
#[test]
fn a_stack_outlives_the_runtime_that_asked_for_it() {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let nats = nats().await;
            nats.client().await.flush().await.unwrap();
            stack().await.name().to_owned()
        })
    };

    assert_eq!(ask(), ask());
}

/// Nothing fails where rooms of every engine come and go; prints how long each tenant waited for all of its own.
#[tokio::test]
#[ignore = "takes minutes, and both processors"]
async fn two_hundred_tenants_have_a_room_in_every_engine_sixteen_at_a_time() -> Outcome {
    const TENANTS: usize = 200;
    const TOGETHER: usize = 16;
    let stack = stack().await;
    let is_there = |engine: &&str| stack.endpoints().keys().any(|service| service.contains(*engine));
    let engines: Vec<&str> = suho_testkit::engines().filter(is_there).collect();
    let (stack, engines) = (&stack, &engines);
    let lanes = (0..TOGETHER).map(|lane| async move {
        let mut waits = Vec::new();
        for _ in (lane..TENANTS).step_by(TOGETHER) {
            let start = Instant::now();
            let tenant = stack.tenant().await?;
            try_join_all(engines.iter().map(|engine| tenant.room(engine))).await?;
            waits.push(start.elapsed());
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(waits)
    });

    let start = Instant::now();
    let mut waits = try_join_all(lanes).await?.concat();

    waits.sort();
    let [p50, p95, p99] = [50, 95, 99].map(|percent| waits[TENANTS * percent / 100]);
    println!(
        "{TENANTS} tenants of {engines:?} in {:.1?}: p50 {p50:.1?}, p95 {p95:.1?}, p99 {p99:.1?}",
        start.elapsed()
    );
    assert_eq!(waits.len(), TENANTS);
    Ok(())
}

mod verdicts {
    use super::*;

    /// What a test of this binary says that is run in a process of its own.
    fn run(test: &str, variables: &[(&str, &str)]) -> (bool, String) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--test-threads=1"]);
        command.env_remove("SUHO_KEEP").envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let words = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (status.success(), words)
    }

    #[suho_testkit::test]
    #[ignore = "fails on purpose, for the test below"]
    async fn returns_an_error() -> Outcome {
        let nats = nats().await;
        nats.client().await;
        Err("on purpose".into())
    }

    #[suho_testkit::test]
    #[ignore = "fails on purpose, for the test below"]
    async fn panics() {
        let nats = nats().await;
        nats.client().await;
        panic!("on purpose");
    }

    /// The rooms that a test of this name has left.
    fn kept(test: &str) -> Vec<Lodger> {
        let all = Tenants::list().unwrap().into_iter();
        all.filter(|lodger| lodger.label == test && lodger.stage == Stage::Kept)
            .collect()
    }

    #[rstest]
    #[case("verdicts::returns_an_error")]
    #[case("verdicts::panics")]
    #[suho_testkit::test]
    async fn the_tenant_of_a_failed_test_is_kept(#[case] test: &str) {
        let (passed, words) = run(test, &[]);
        let lodgers = kept(test);
        for lodger in &lodgers {
            lodger.remove().await.unwrap();
        }

        assert!(!passed, "{words}");
        assert!(words.contains("on purpose") && words.contains("is kept"), "{words}");
        assert_eq!(lodgers.len(), 1, "{words}");
        let way_in = lodgers[0].way_in().unwrap();
        assert!(words.contains(way_in.command.expose()), "{words}");
    }

    #[test]
    fn without_docker_one_sentence_says_what_to_do() {
        let nowhere = [("DOCKER_HOST", "unix:///nowhere/docker.sock")];

        let (passed, words) = run("verdicts::panics", &nowhere);

        assert!(!passed);
        let said = words
            .lines()
            .find(|line| line.starts_with("the warm stack cannot be had: "));
        assert!(
            said.is_some_and(|line| line.contains("Docker") && line.contains("SUHO_SKIP=1")),
            "{words}"
        );
    }
}
