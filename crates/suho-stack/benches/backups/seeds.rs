//! A gigabyte in six engines, of what compresses about as market data does, or not at all.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rand::RngCore;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use reqwest::Client;
use serde_json::json;
use suho_stack::stack::Stack;

use crate::Outcome;
use crate::clients::{self, MOVING, STILL};
use crate::figures::seconds;

/// Of what a message, a record, a key holds.
pub const PIECE: usize = 2_048;
/// How many records Kafka has.
pub const RECORDS: usize = 50_000;
const MESSAGES: usize = 80_000;
const KEYS: usize = 50_000;
const OBJECTS: usize = 12_000;
const DIMENSIONS: usize = 128;
/// How many are on their way at once.
const TOGETHER: usize = 2_000;

/// Fills every engine, all at the same time.
pub async fn everything(stack: &Stack) -> Outcome<()> {
    tokio::try_join!(
        timed("postgresql", postgresql(stack)),
        timed("clickhouse", clickhouse(stack)),
        timed("dragonflydb", valkey(stack)),
        timed("weaviate", weaviate(stack)),
        timed("nats", nats(stack)),
        timed("kafka", kafka(stack)),
    )?;
    Ok(())
}

async fn timed(engine: &str, filling: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let begun = Instant::now();
    filling.await?;
    println!("{engine}: filled in {}", seconds(begun.elapsed()));
    Ok(())
}

/// A hypertable, and a table of texts.
async fn postgresql(stack: &Stack) -> Outcome<()> {
    let client = clients::postgresql(stack).await?;
    let ticks = "INSERT INTO market.ticks SELECT timestamptz '2026-11-01' + i * interval '2 second', i % 50, i, \
                 100 + (i % 1009 * 7919 % 10007) / 100.0, i % 97 + 1, 'buy' FROM generate_series(1, 1000000) i";
    client.batch_execute(ticks).await?;
    let texts = format!(
        "CREATE TABLE scratch.{STILL} AS SELECT i, md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text) AS words \
         FROM generate_series(1, 2200000) i; \
         CREATE TABLE scratch.{MOVING} (i bigint, words text)"
    );
    Ok(client.batch_execute(&texts).await?)
}

/// Ticks, which fold into candles, and a table of numbers.
async fn clickhouse(stack: &Stack) -> Outcome<()> {
    let client = clients::clickhouse(stack)?;
    let ticks = "INSERT INTO market.ticks SELECT 'S' || toString(number % 50), \
                 toDateTime64('2026-11-28 00:00:00', 6, 'UTC') + number / 20, 100 + rand() % 100000 / 1000, \
                 rand(1) % 1000 / 10 + 1, 'buy', 'X', number FROM numbers(2000000)";
    let numbers = format!(
        "CREATE TABLE scratch.{STILL} (a UInt64, b Float64, c String) ENGINE = MergeTree ORDER BY a AS \
         SELECT number, rand(1) / 7, lower(hex(cityHash64(number))) FROM numbers(9000000)"
    );
    let moving = format!("CREATE TABLE scratch.{MOVING} (a UInt64, b Float64) ENGINE = MergeTree ORDER BY a");
    for statement in ["CREATE DATABASE IF NOT EXISTS scratch", ticks, &numbers, &moving] {
        client.query_raw(statement).execute().await?;
    }
    Ok(())
}

async fn valkey(stack: &Stack) -> Outcome<()> {
    let mut connection = clients::valkey(stack, 0).await?;
    for first in (0..KEYS).step_by(TOGETHER) {
        let mut pipe = redis::pipe();
        for key in first..first + TOGETHER {
            pipe.set(format!("{STILL}:{key}"), noise()).ignore();
        }
        pipe.query_async::<()>(&mut connection).await?;
    }
    Ok(())
}

/// Objects with vectors.
async fn weaviate(stack: &Stack) -> Outcome<()> {
    for class in ["Still", "Moving"] {
        let class = json!({
            "class": class,
            "vectorizer": "none",
            "properties": [{"name": "text", "dataType": ["text"]}],
        });
        post(stack, "/v1/schema", &class).await?;
    }
    for first in (0..OBJECTS).step_by(500) {
        let objects: Vec<_> = (first..first + 500).map(|number| object("Still", number)).collect();
        post(stack, "/v1/batch/objects", &json!({ "objects": objects })).await?;
    }
    Ok(())
}

pub fn object(class: &str, number: usize) -> serde_json::Value {
    let vector: Vec<f32> = (0..DIMENSIONS).map(|_| rand::random::<f32>() - 0.5).collect();
    let words = format!("note {number} ").repeat(30);
    json!({"class": class, "vector": vector, "properties": {"text": words}})
}

pub async fn post(stack: &Stack, path: &str, body: &serde_json::Value) -> Outcome<()> {
    let request = clients::weaviate(stack, |client: &Client, url| client.post(url), path)?;
    let answer = request.json(body).send().await?;
    let status = answer.status();
    let words = answer.text().await?;
    if status.is_success() {
        return Ok(());
    }
    Err(format!("Weaviate answers {status} to {path}: {words}").into())
}

async fn nats(stack: &Stack) -> Outcome<()> {
    clients::stream(stack, MOVING).await?;
    let context = clients::stream(stack, STILL).await?;
    for first in (0..MESSAGES).step_by(TOGETHER) {
        let mut acknowledged = Vec::with_capacity(TOGETHER);
        for message in first..first + TOGETHER {
            let subject = format!("{STILL}.{}", message % 100);
            acknowledged.push(context.publish(subject, noise().into()).await?.into_future());
        }
        for acknowledgement in join_all(acknowledged).await {
            acknowledgement?;
        }
    }
    Ok(())
}

async fn kafka(stack: &Stack) -> Outcome<()> {
    let mut config = clients::kafka(stack)?;
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topics = [STILL, MOVING].map(|name| NewTopic::new(name, 3, TopicReplication::Fixed(1)));
    let made = admin.create_topics(&topics, &AdminOptions::new()).await?;
    if let Some((topic, code)) = made.into_iter().find_map(Result::err) {
        return Err(format!("Kafka makes no topic {topic}: {code}").into());
    }
    let producer: FutureProducer = config.set("linger.ms", "20").create()?;
    for first in (0..RECORDS).step_by(TOGETHER) {
        let sending = (first..first + TOGETHER).map(|record| {
            let producer = &producer;
            async move {
                let (key, value) = (format!("account {}", record % 999), noise());
                let record = FutureRecord::to(STILL).key(&key).payload(&value);
                producer.send(record, Duration::from_secs(30)).await
            }
        });
        for sent in join_all(sending).await {
            sent.map_err(|(error, _)| error)?;
        }
    }
    Ok(())
}

/// Half of it as random as it can be.
pub fn noise() -> Vec<u8> {
    let mut piece = vec![b'x'; PIECE];
    rand::rng().fill_bytes(&mut piece[..PIECE / 2]);
    piece
}
