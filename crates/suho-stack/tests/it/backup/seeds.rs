use std::time::Duration;

use futures::TryStreamExt;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use reqwest::{Client, Response};
use serde_json::json;
use suho_stack::{runtime::Docker, stack::Stack};

/// Something in every engine that `stack` runs.
pub(super) async fn everything(stack: &Stack) {
    let runs = |service: &str| stack.endpoint(service).is_some();
    if runs("suho-postgresql") {
        postgresql(stack).await;
    }
    if runs("suho-clickhouse") {
        clickhouse(stack).await;
    }
    if runs("suho-dragonflydb") {
        dragonflydb(stack).await;
    }
    if runs("suho-weaviate") {
        weaviate(stack).await;
    }
    if runs("suho-nats-server") {
        nats(stack, 300).await;
    }
    if runs("suho-kafka") {
        kafka(stack).await;
    }
}

/// What `command` writes, run by a shell in the container of `service`.
pub(super) async fn inside(stack: &Stack, service: &str, command: &str) -> String {
    let container = stack.state().member(service).unwrap().container.clone();
    let docker = Docker::connect().await.unwrap();
    let program = docker.inside(&container, &["sh", "-c", command], false).await.unwrap();
    let _input = program.input;
    let output: Vec<_> = program.output.try_collect().await.unwrap();
    program.exit.wait("the shell").await.unwrap();
    String::from_utf8(output.concat()).unwrap()
}

pub(super) async fn sql(stack: &Stack, statement: &str) -> String {
    let psql = "PGPASSWORD=$POSTGRES_PASSWORD psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -U suho_admin suho";
    inside(stack, "suho-postgresql", &format!("{psql} <<'END'\n{statement}\nEND")).await
}

/// A hypertable, types without a hash, a role, settings of a database, and a database beside.
async fn postgresql(stack: &Stack) {
    sql(
        stack,
        "INSERT INTO market.ticks SELECT timestamptz '2026-11-01' + i * interval '97 second', i % 5, i, 100 + i % 7, 1, 'buy'
           FROM generate_series(1, 9000) i;
         INSERT INTO trading.accounts (name, base_currency) SELECT 'account ' || i, 'USD' FROM generate_series(1, 100) i;
         CREATE TABLE scratch.odd (a json, b point); INSERT INTO scratch.odd VALUES ('{\"a\": 1}', '(1,2)');
         CREATE ROLE desk LOGIN PASSWORD 'desk1'; GRANT suho_read TO desk;
         ALTER DATABASE suho SET work_mem = '11MB';
         ALTER ROLE desk IN DATABASE suho SET search_path = market, public;
         CREATE DATABASE second;",
    )
    .await;
}

/// Ticks, which fold into candles by materialised views.
async fn clickhouse(stack: &Stack) {
    clickhouse_query(
        stack,
        "INSERT INTO market.ticks SELECT 'S' || toString(number % 3), toDateTime64('2026-11-30 00:00:00', 6, 'UTC') + number, \
         100 + number % 10, 1, 'buy', 'X', number FROM numbers(20000)",
    )
    .await;
}

pub(super) async fn clickhouse_query(stack: &Stack, query: &str) -> String {
    let endpoint = stack.endpoint("suho-clickhouse").unwrap();
    let request = Client::new()
        .post(format!("http://{}", endpoint.address(8123).unwrap()))
        .header("X-ClickHouse-User", "suho")
        .header(
            "X-ClickHouse-Key",
            endpoint.credential("SUHO_CLICKHOUSE_PASSWORD").unwrap(),
        )
        .body(query.to_owned());
    fine(request.send().await.unwrap()).await
}

/// Every type, one key that expires, and two databases.
async fn dragonflydb(stack: &Stack) {
    let commands = "SET price 12
        SETEX lease 3600 taken
        RPUSH queue a b c
        SADD members x y z w
        HSET order id 7 side buy price 3
        ZADD book 1.5 bid 2.5 ask
        XADD events * kind fill
        SELECT 3
        SET other 1";
    let cli = format!("REDISCLI_AUTH=$DFLY_requirepass redis-cli <<'END'\n{commands}\nEND");
    inside(stack, "suho-dragonflydb", &cli).await;
}

/// A class with vectors, and one with tenants.
async fn weaviate(stack: &Stack) {
    let property = json!([{"name": "text", "dataType": ["text"]}]);
    weaviate_post(
        stack,
        "/v1/schema",
        json!({"class": "Note", "vectorizer": "none", "properties": property}),
    )
    .await;
    let tenants = json!({"class": "Desk", "multiTenancyConfig": {"enabled": true}, "properties": property});
    weaviate_post(stack, "/v1/schema", tenants).await;
    weaviate_post(stack, "/v1/schema/Desk/tenants", json!([{"name": "rates"}])).await;
    let note = |number: u32| json!({"class": "Note", "vector": [number, 1, 2], "properties": {"text": format!("note {number}")}});
    let notes: Vec<_> = (0..600).map(note).collect();
    weaviate_post(stack, "/v1/batch/objects", json!({"objects": notes})).await;
    let desk = json!({"class": "Desk", "tenant": "rates", "properties": {"text": "a"}});
    weaviate_post(stack, "/v1/objects", desk).await;
}

async fn weaviate_post(stack: &Stack, path: &str, body: serde_json::Value) {
    let endpoint = stack.endpoint("suho-weaviate").unwrap();
    let keys = endpoint.credential("AUTHENTICATION_APIKEY_ALLOWED_KEYS").unwrap();
    let request = Client::new()
        .post(format!("http://{}{path}", endpoint.address(8080).unwrap()))
        .bearer_auth(keys.split(',').next().unwrap())
        .json(&body);
    fine(request.send().await.unwrap()).await;
}

async fn fine(answer: Response) -> String {
    let status = answer.status();
    let words = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {words}");
    words
}

pub(super) async fn jetstream(stack: &Stack) -> async_nats::jetstream::Context {
    let endpoint = stack.endpoint("suho-nats-server").unwrap();
    let password = endpoint.credential("SUHO_NATS_PASSWORD").unwrap().to_owned();
    let client = async_nats::ConnectOptions::with_user_and_password("suho".to_owned(), password)
        .connect(endpoint.address(4222).unwrap())
        .await
        .unwrap();
    async_nats::jetstream::new(client)
}

/// A stream on disk and one in memory that ages, a consumer that has come half-way, and a bucket.
pub(super) async fn nats(stack: &Stack, messages: u32) {
    use async_nats::jetstream::{consumer::pull, kv, stream};
    let jetstream = jetstream(stack).await;
    let ledger = jetstream
        .create_stream(stream::Config {
            name: "LEDGER".into(),
            subjects: vec!["ledger.>".into()],
            ..stream::Config::default()
        })
        .await
        .unwrap();
    jetstream
        .create_stream(stream::Config {
            name: "QUOTES".into(),
            subjects: vec!["quotes.>".into()],
            storage: stream::StorageType::Memory,
            max_age: Duration::from_secs(3_600),
            ..stream::Config::default()
        })
        .await
        .unwrap();
    for number in 0..messages {
        let ack = jetstream
            .publish(format!("ledger.{}", number % 3), vec![b'x'; 200].into())
            .await
            .unwrap();
        ack.await.unwrap();
    }
    jetstream.publish("quotes.a", "1".into()).await.unwrap().await.unwrap();
    let durable = pull::Config {
        durable_name: Some("settlement".into()),
        ..pull::Config::default()
    };
    let consumer = ledger.create_consumer(durable).await.unwrap();
    let mut taken = consumer
        .fetch()
        .max_messages(messages as usize / 2)
        .messages()
        .await
        .unwrap();
    while let Some(message) = taken.try_next().await.unwrap() {
        message.double_ack().await.unwrap();
    }
    let bucket = kv::Config {
        bucket: "limits".into(),
        ..kv::Config::default()
    };
    let bucket = jetstream.create_key_value(bucket).await.unwrap();
    bucket.put("desk", "5".into()).await.unwrap();
}

/// Records with keys, headers and a tombstone, a compacted topic, and a group that has come half-way.
async fn kafka(stack: &Stack) {
    let endpoint = stack.endpoint("suho-kafka").unwrap();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", endpoint.address(9092).unwrap())
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "suho")
        .set("sasl.password", endpoint.credential("SUHO_KAFKA_PASSWORD").unwrap());
    let producer: FutureProducer = config.create().unwrap();
    for number in 0..300 {
        let (key, value) = (format!("account {}", number % 9), format!("fill {number}"));
        let header = Header {
            key: "trace",
            value: Some("t1"),
        };
        let mut record = FutureRecord::to(if number % 2 == 0 {
            "executions"
        } else {
            "positions.state"
        })
        .key(&key)
        .timestamp(1_790_000_000_000 + number)
        .headers(OwnedHeaders::new().insert(header));
        if number % 50 != 1 {
            record = record.payload(&value);
        }
        producer.send(record, Duration::from_secs(10)).await.unwrap();
    }
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.set("group.id", "settlement").create().unwrap();
        let mut positions = TopicPartitionList::new();
        positions
            .add_partition_offset("executions", 0, Offset::Offset(5))
            .unwrap();
        consumer.commit(&positions, CommitMode::Sync).unwrap();
    })
    .await
    .unwrap();
}
