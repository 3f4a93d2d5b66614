//! A topic of one partition that takes one record and gives it back.

use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

use super::super::asking::and_remove;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words};
use super::topics;

/// How long one look at the partition blocks; a cancelled check ends after it.
const LOOK: Duration = Duration::from_millis(100);
/// How long the producer tries; longer than the check has.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);

type Producer = FutureProducer<Words>;

/// The three clients of one check. All of them are made first: each needs half a second until it is of use.
struct Clients {
    admin: Blocking<AdminClient<Words>>,
    producer: Blocking<Producer>,
    consumer: Blocking<BaseConsumer<Words>>,
}

impl Clients {
    fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let known = client::known(endpoint)?;
        let mut idempotent = known.clone();
        idempotent.set("enable.idempotence", "true").set("acks", "all");
        let mut reading = known.clone();
        // The client demands a group; with an assigned partition none is joined and no offset committed.
        reading
            .set("group.id", "suho-round-trip")
            .set("enable.auto.commit", "false");
        Ok(Self {
            admin: Blocking::new(endpoint, &known)?,
            producer: Blocking::new(endpoint, &idempotent)?,
            consumer: Blocking::new(endpoint, &reading)?,
        })
    }
}

/// Creates the topic, produces with all acknowledgements, consumes, and deletes the topic.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let clients = Clients::new(endpoint)?;
    let scratch = Scratch::new();
    let removal = async {
        topics::delete(&clients.admin, &scratch.name)
            .await
            .map_err(endpoint.failed(format!("delete the topic {}", scratch.name)))
    };
    and_remove(endpoint, check(endpoint, &clients, &scratch), removal).await?;
    Ok(format!(
        "produced a record to the topic {} and consumed it",
        scratch.name
    ))
}

async fn check(endpoint: &Endpoint, clients: &Clients, scratch: &Scratch) -> Result<(), EngineError> {
    let Scratch { name, value } = scratch;
    topics::create(&clients.admin, name)
        .await
        .map_err(endpoint.failed(format!("create the topic {name}")))?;
    produce(&clients.producer, scratch)
        .await
        .map_err(endpoint.failed(format!("produce to {name}")))?;
    let consuming = format!("consume from {name}");
    let found = consume(&clients.consumer, name)
        .await
        .map_err(endpoint.failed(&consuming))?;
    endpoint.expect(&consuming, value.as_bytes(), &found)
}

/// Returns when the broker has acknowledged the record.
async fn produce(producer: &Blocking<Producer>, scratch: &Scratch) -> KafkaResult<()> {
    let record = FutureRecord::to(&scratch.name)
        .key(&scratch.name)
        .payload(&scratch.value);
    let delivery = producer.client()?.send(record, DELIVERY_LIMIT).await;
    delivery.map(drop).map_err(|(error, _)| error)
}

/// The value of the first record of the topic.
async fn consume(consumer: &Blocking<BaseConsumer<Words>>, topic: &str) -> KafkaResult<Vec<u8>> {
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.call(move |consumer| consumer.assign(&start)).await?;
    loop {
        if let Some(value) = consumer.call(look).await? {
            return Ok(value);
        }
    }
}

fn look(consumer: &BaseConsumer<Words>) -> KafkaResult<Option<Vec<u8>>> {
    let message = consumer.poll(LOOK).transpose()?;
    Ok(message.map(|message| message.payload().unwrap_or_default().to_vec()))
}
