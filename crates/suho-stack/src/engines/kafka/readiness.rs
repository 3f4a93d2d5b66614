//! Whether the broker leads clients to itself, the controller works, and groups have their coordinator.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;
use tokio::sync::OnceCell;

use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words, listen};
use super::topics::of_topics;

/// For one question: librdkafka reconnects by itself meanwhile, many times.
const QUESTION_LIMIT: Duration = Duration::from_millis(900);
/// The group in whose name the coordinator is asked for; it has no members and no offsets.
const GROUP: &str = "suho-readiness";

/// Two clients that are kept over all attempts: making one takes longer than a question to a broker that serves.
pub(super) struct Probe {
    consumer: Blocking<BaseConsumer<Words>>,
    admin: Blocking<AdminClient<Words>>,
}

impl Probe {
    fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let mut config = client::known(endpoint)?;
        let admin = Blocking::new(endpoint, &config)?;
        config.set("group.id", GROUP);
        Ok(Self {
            consumer: Blocking::new(endpoint, &config)?,
            admin,
        })
    }
}

/// The version of the protocol that the broker speaks with its like: it tells no other.
pub(super) async fn ask(endpoint: &Endpoint, probe: &OnceCell<Probe>) -> Result<String, EngineError> {
    let Probe { consumer, admin } = probe.get_or_try_init(async || Probe::new(endpoint)).await?;
    let broker = match consumer.call(first_broker).await {
        Ok(broker) => broker,
        Err(error) => return Err(endpoint.failed("fetch the metadata")(reason(consumer, &error))),
    };
    ask_controller(admin)
        .await
        .map_err(endpoint.failed("have the controller check a new topic"))?;
    consumer
        .call(ask_coordinator)
        .await
        .map_err(endpoint.failed("read the offsets of a group"))?;
    version(admin, broker)
        .await
        .map_err(endpoint.failed("read the version"))
}

/// The number of a broker that tells where clients go on: every later question goes there.
fn first_broker(consumer: &BaseConsumer<Words>) -> KafkaResult<i32> {
    let metadata = consumer
        .fetch_metadata(None, QUESTION_LIMIT)
        .inspect_err(|_| listen(consumer))?;
    let mut brokers = metadata.brokers().iter();
    brokers
        .find(|broker| !broker.host().is_empty() && broker.port() > 0)
        .map(MetadataBroker::id)
        .ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerNotAvailable))
}

/// What librdkafka heard from the broker or the network, rather than that nothing came of it.
fn reason(consumer: &Blocking<BaseConsumer<Words>>, error: &KafkaError) -> String {
    let heard = consumer.client().ok().and_then(|consumer| consumer.context().take());
    heard.map_or_else(|| error.to_string(), |(_, words)| words)
}

/// Only a controller checks a new topic; this one is not made.
async fn ask_controller(admin: &Blocking<AdminClient<Words>>) -> KafkaResult<()> {
    let name = Scratch::new().name;
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let options = AdminOptions::new()
        .request_timeout(Some(QUESTION_LIMIT))
        .validate_only(true);
    of_topics(admin.client()?.create_topics([&topic], &options).await?)
}

/// Makes the broker create its topic of offsets, for which the first group of the platform would wait otherwise.
fn ask_coordinator(consumer: &BaseConsumer<Words>) -> KafkaResult<()> {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition(GROUP, 0);
    consumer.committed_offsets(offsets, QUESTION_LIMIT).map(drop)
}

async fn version(admin: &Blocking<AdminClient<Words>>, broker: i32) -> KafkaResult<String> {
    let options = AdminOptions::new().request_timeout(Some(QUESTION_LIMIT));
    let described = admin
        .client()?
        .describe_configs([&ResourceSpecifier::Broker(broker)], &options)
        .await?;
    let mut entries = described.into_iter().flatten().flat_map(|resource| resource.entries);
    entries
        .find(|entry| entry.name == "inter.broker.protocol.version")
        .and_then(|entry| entry.value)
        .ok_or(KafkaError::AdminOp(RDKafkaErrorCode::InvalidConfig))
}
