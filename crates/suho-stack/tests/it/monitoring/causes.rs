//! What an alert is to be woken for, made to happen and undone.

use std::{process::Command, time::Duration};

use async_nats::jetstream::{self, consumer::pull, stream};
use futures::future::{BoxFuture, join_all, try_join_all};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{FutureProducer, FutureRecord},
};
use suho_stack::{
    backup::{Request, Target, take},
    engines::{self, Endpoint},
    stack::{Stack, StackState},
};
use tokio_postgres::{Client, NoTls};

/// Enough for the alerts of consumers, which look away below a thousand.
const BACKLOG: usize = 1_100;

/// A cause, and the alerts that it is to wake somebody by.
pub struct Cause {
    pub alerts: &'static [&'static str],
    pub make: Box<dyn FnOnce() -> BoxFuture<'static, Made> + Send>,
}

/// A cause that has been made.
pub struct Made(Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>);

impl Made {
    fn undone_by<F: Future<Output = ()> + Send + 'static>(undo: impl FnOnce() -> F + Send + 'static) -> Self {
        Self(Box::new(move || Box::pin(undo())))
    }

    pub async fn undo(self) {
        (self.0)().await;
    }
}

fn cause<F: Future<Output = Made> + Send + 'static>(
    alerts: &'static [&'static str],
    make: impl FnOnce() -> F + Send + 'static,
) -> Cause {
    Cause {
        alerts,
        make: Box::new(move || Box::pin(make())),
    }
}

/// Every cause that can be made on a stack of the air-gap edition.
pub fn all(stack: &Stack) -> Vec<Cause> {
    let endpoint = |service| stack.endpoint(service).unwrap().clone();
    let weaviate = stack.state().member("suho-weaviate").unwrap().container.clone();
    let (postgresql, others) = (endpoint("suho-postgresql"), endpoint("suho-postgresql"));
    let watched = stack.state().clone();
    let (clickhouse, cache) = (endpoint("suho-clickhouse"), endpoint("suho-dragonflydb"));
    let (full, slow, kafka) = (
        endpoint("suho-nats-server"),
        endpoint("suho-nats-server"),
        endpoint("suho-kafka"),
    );
    vec![
        cause(&["EngineDown", "TargetDown"], || engine_killed(weaviate)),
        cause(&["ReplicationSlotGrowing"], || reader_of_a_slot_gone(postgresql)),
        cause(&["PostgreSQLConnectionsExhausted"], || connections_leaked(others)),
        cause(&["BackupMissing", "BackupTooOld"], || backups_neglected(watched)),
        cause(&["ClickHousePartsTooMany"], || parts_made(clickhouse)),
        cause(&["CacheEvicting", "CacheMemoryFull"], || cache_too_small(cache)),
        cause(&["JetStreamStreamFull"], || stream_filled(full)),
        cause(&["JetStreamConsumerLagGrowing"], || consumer_stopped(slow)),
        cause(&["KafkaConsumerLagGrowing"], || group_stopped(kafka)),
    ]
}

async fn docker(command: &'static str, container: String) {
    let run = move || Command::new("docker").args([command, &container]).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

async fn engine_killed(container: String) -> Made {
    docker("kill", container.clone()).await;
    Made::undone_by(|| docker("start", container))
}

async fn connected(endpoint: &Endpoint, user: &str, password: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(endpoint.ports[&5432])
        .user(user)
        .password(endpoint.environment[password].expose())
        .dbname("suho")
        .connect(NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// The exporter's role sees how the server fares, and nothing of what the platform keeps there.
pub async fn assert_reads_no_table(endpoint: &Endpoint) {
    let monitor = connected(endpoint, "suho_monitor", "SUHO_POSTGRESQL_MONITOR_PASSWORD").await;
    monitor.batch_execute("SELECT * FROM pg_stat_statements").await.unwrap();
    for table in ["trading.orders", "market.ticks", "reference.instruments"] {
        let error = monitor
            .batch_execute(&format!("SELECT * FROM {table}"))
            .await
            .unwrap_err();
        assert!(
            error.as_db_error().unwrap().message().contains("permission denied"),
            "{error:?}"
        );
    }
}

/// Each switch leaves a file of 16 MB behind, of which hardly a byte is written.
async fn reader_of_a_slot_gone(endpoint: Endpoint) -> Made {
    let admin = connected(&endpoint, "suho_admin", "POSTGRES_PASSWORD").await;
    admin
        .batch_execute("SELECT pg_create_physical_replication_slot('gone', true)")
        .await
        .unwrap();
    for _ in 0..34 {
        admin
            .batch_execute("SELECT pg_logical_emit_message(false, 'suho', 'x'); SELECT pg_switch_wal()")
            .await
            .unwrap();
    }
    Made::undone_by(|| async move {
        admin
            .batch_execute("SELECT pg_drop_replication_slot('gone')")
            .await
            .unwrap();
    })
}

async fn connections_leaked(endpoint: Endpoint) -> Made {
    let leaked = join_all((0..41).map(|_| connected(&endpoint, "suho", "SUHO_POSTGRESQL_PASSWORD"))).await;
    Made::undone_by(|| async move { drop(leaked) })
}

/// As if nobody had backed up Kafka for 27 hours, and NATS never; then somebody does.
async fn backups_neglected(stack: StackState) -> Made {
    const NEGLECT: &str = "DO $$ BEGIN EXECUTE (
        SELECT format('COMMENT ON ROLE suho_admin IS %L', jsonb_set(
                   shobj_description(oid, 'pg_authid')::jsonb - 'suho-nats-server',
                   '{suho-kafka}', to_jsonb(now() - interval '27 hours')))
        FROM pg_roles WHERE rolname = 'suho_admin'); END $$";
    let endpoint = &stack.member("suho-postgresql").unwrap().endpoint;
    let admin = connected(endpoint, "suho_admin", "POSTGRES_PASSWORD").await;
    admin.batch_execute(NEGLECT).await.unwrap();
    Made::undone_by(|| async move {
        let place = tempfile::tempdir().unwrap();
        let request = Request {
            services: vec!["suho-kafka".to_owned(), "suho-nats-server".to_owned()],
            ..Request::new(place.path())
        };
        let target = Target::of(&stack).await.unwrap();
        take(&target, &request, &|_| ()).await.unwrap();
    })
}

async fn parts_made(endpoint: Endpoint) -> Made {
    let client = clickhouse::Client::default()
        .with_url(format!("http://127.0.0.1:{}", endpoint.ports[&8123]))
        .with_user("suho")
        .with_password(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose());
    let run = |sql: &'static str| client.query(sql).execute();
    run("CREATE TABLE scratch.parts (n UInt32) ENGINE = MergeTree ORDER BY n PARTITION BY n")
        .await
        .unwrap();
    run("INSERT INTO scratch.parts SELECT number FROM numbers(2100) SETTINGS max_partitions_per_insert_block = 0")
        .await
        .unwrap();
    Made::undone_by(|| async move { client.query("DROP TABLE scratch.parts SYNC").execute().await.unwrap() })
}

async fn cache_too_small(endpoint: Endpoint) -> Made {
    let password = endpoint.environment["DFLY_requirepass"].expose();
    let client = redis::Client::open(format!("redis://:{password}@127.0.0.1:{}", endpoint.ports[&6379])).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let limit = |bytes: &'static str, policy: &'static str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET")
            .arg("maxmemory")
            .arg(bytes)
            .arg("maxmemory-policy")
            .arg(policy);
        set
    };
    let () = limit("16mb", "allkeys-lru").query_async(&mut connection).await.unwrap();
    let value = "x".repeat(1_000);
    for batch in 0..50 {
        let mut pipe = redis::pipe();
        for key in 0..1_000 {
            pipe.set(format!("suho:evicted:{batch}:{key}"), &value).ignore();
        }
        let () = pipe.query_async(&mut connection).await.unwrap();
    }
    Made::undone_by(move || async move {
        let () = limit("768mb", "noeviction").query_async(&mut connection).await.unwrap();
    })
}

async fn jetstream_of(endpoint: &Endpoint) -> jetstream::Context {
    let password = endpoint.environment["SUHO_NATS_PASSWORD"].expose().to_owned();
    let address = format!("127.0.0.1:{}", endpoint.ports[&4222]);
    let options = async_nats::ConnectOptions::with_user_and_password("suho".to_owned(), password);
    jetstream::new(options.connect(address).await.unwrap())
}

async fn publish(jetstream: &jetstream::Context, subject: &'static str, messages: usize, size: usize) {
    let sent = (0..messages).map(|_| jetstream.publish(subject, vec![b'x'; size].into()));
    let acknowledged = try_join_all(sent).await.unwrap();
    try_join_all(acknowledged.into_iter().map(IntoFuture::into_future))
        .await
        .unwrap();
}

fn scratch_stream(name: &str, subject: &str, max_bytes: i64) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        max_bytes,
        storage: stream::StorageType::Memory,
        ..stream::Config::default()
    }
}

fn without_stream(jetstream: jetstream::Context, name: &'static str) -> Made {
    Made::undone_by(move || async move {
        jetstream.delete_stream(name).await.unwrap();
    })
}

async fn stream_filled(endpoint: Endpoint) -> Made {
    let jetstream = jetstream_of(&endpoint).await;
    jetstream
        .create_stream(scratch_stream("FULL", "full", 100_000))
        .await
        .unwrap();
    publish(&jetstream, "full", 90, 1_000).await;
    without_stream(jetstream, "FULL")
}

async fn consumer_stopped(endpoint: Endpoint) -> Made {
    let jetstream = jetstream_of(&endpoint).await;
    let stream = jetstream
        .create_stream(scratch_stream("SLOW", "slow", 10_000_000))
        .await
        .unwrap();
    let durable = pull::Config {
        durable_name: Some("stopped".to_owned()),
        ..pull::Config::default()
    };
    stream.create_consumer(durable).await.unwrap();
    publish(&jetstream, "slow", BACKLOG, 10).await;
    without_stream(jetstream, "SLOW")
}

async fn group_stopped(endpoint: Endpoint) -> Made {
    const TOPIC: &str = "risk.alerts";
    let variables = engines::by_service("suho-kafka").unwrap().variables(&endpoint).unwrap();
    let variable = |name| variables.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", variable("KAFKA_BOOTSTRAP_SERVERS"))
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "suho")
        .set("sasl.password", endpoint.environment["SUHO_KAFKA_PASSWORD"].expose())
        .set("group.id", "stopped");
    commit(config.clone(), TOPIC, 0).await;
    let producer: FutureProducer = config.create().unwrap();
    let sent = (0..BACKLOG).map(|_| {
        let record: FutureRecord<'_, str, str> = FutureRecord::to(TOPIC).payload("x");
        producer.send(record, Duration::from_secs(10))
    });
    let last = join_all(sent)
        .await
        .into_iter()
        .map(|sent| sent.unwrap().offset)
        .max()
        .unwrap();
    Made::undone_by(move || commit(config, TOPIC, last + 1))
}

/// As a group that has read so far, and is not there any more.
async fn commit(config: ClientConfig, topic: &'static str, offset: i64) {
    let committed = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions
            .add_partition_offset(topic, 0, Offset::Offset(offset))
            .unwrap();
        // The first group of a broker waits for its coordinator.
        let mut tries = (0..20).map(|_| {
            let outcome = consumer.commit(&partitions, CommitMode::Sync);
            if outcome.is_err() {
                std::thread::sleep(Duration::from_millis(500));
            }
            outcome
        });
        tries.find(Result::is_ok)
    });
    assert!(
        committed.await.unwrap().is_some(),
        "the group's offset was not committed"
    );
}
