//! Whether the broker leads clients to itself, the controller works, and groups have their coordinator.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;
use tokio::sync::OnceCell;

use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words, listen};
use super::log_in;
use super::topics::of_topics;

/// For the metadata: librdkafka reconnects many times meanwhile.
const METADATA_LIMIT: Duration = Duration::from_millis(400);
/// For the other questions, to a broker that has answered one already. Longer than any attempt, which may be given up.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);
/// The group in whose name the coordinator is asked; nobody is in it.
const GROUP: &str = "suho-readiness";

/// Two clients that are kept over all attempts: making one takes longer than a question to a broker that serves.
pub(super) struct Probe {
    consumer: Blocking<BaseConsumer<Words>>,
    admin: Blocking<AdminClient<Words>>,
}

impl Probe {
    fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let config = client::known(endpoint)?;
        Ok(Self {
            consumer: Blocking::new(endpoint, &config)?,
            admin: Blocking::new(endpoint, &config)?,
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
    let admin = admin.client().map_err(endpoint.failed("ask"))?;
    let (controller, coordinator) = tokio::join!(ask_controller(admin), ask_coordinator(endpoint));
    controller.map_err(endpoint.failed("have the controller check a new topic"))?;
    coordinator?;
    version(admin, broker)
        .await
        .map_err(endpoint.failed("read the version"))
}

/// Logs in and asks for the least, over one connection: making a client of librdkafka takes longer than all of that.
pub(super) async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    let mut wire = log_in(endpoint).await?;
    wire.metadata().await.map_err(endpoint.failed("ask for the metadata"))
}

/// The number of a broker that tells where clients go on: every later question goes there.
fn first_broker(consumer: &BaseConsumer<Words>) -> KafkaResult<i32> {
    let metadata = consumer
        .fetch_metadata(None, METADATA_LIMIT)
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
async fn ask_controller(admin: &AdminClient<Words>) -> KafkaResult<()> {
    let name = Scratch::new().name;
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    of_topics(admin.create_topics([&topic], &question().validate_only(true)).await?)
}

/// The first question ever makes the broker create its topic of offsets, for which the platform's first group would wait
/// otherwise. librdkafka asks for a coordinator no more than twice in a second.
async fn ask_coordinator(endpoint: &Endpoint) -> Result<(), EngineError> {
    const ACTION: &str = "find the coordinator of a group";
    let mut wire = log_in(endpoint).await?;
    if wire.has_coordinator(GROUP).await.map_err(endpoint.failed(ACTION))? {
        Ok(())
    } else {
        Err(endpoint.unexpected(ACTION, "a coordinator", "none yet"))
    }
}

async fn version(admin: &AdminClient<Words>, broker: i32) -> KafkaResult<String> {
    let described = admin
        .describe_configs([&ResourceSpecifier::Broker(broker)], &question())
        .await?;
    let mut entries = described.into_iter().flatten().flat_map(|resource| resource.entries);
    entries
        .find(|entry| entry.name == "inter.broker.protocol.version")
        .and_then(|entry| entry.value)
        .ok_or(KafkaError::AdminOp(RDKafkaErrorCode::InvalidConfig))
}

fn question() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(QUESTION_LIMIT))
}
