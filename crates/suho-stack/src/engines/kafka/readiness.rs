//! Whether the broker leads clients to itself, the controller works, and groups have their coordinator.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, GroupResult, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;
use tokio::sync::OnceCell;

use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words, listen};
use super::topics::of_topics;

/// For one question. librdkafka reconnects many times meanwhile, and goes on with what was begun when it is asked again.
const QUESTION_LIMIT: Duration = Duration::from_millis(400);
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
    let (controller, coordinator) = tokio::join!(ask_controller(admin), ask_coordinator(admin));
    controller.map_err(endpoint.failed("have the controller check a new topic"))?;
    coordinator.map_err(endpoint.failed("ask the coordinator for a group"))?;
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
async fn ask_controller(admin: &AdminClient<Words>) -> KafkaResult<()> {
    let name = Scratch::new().name;
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    of_topics(admin.create_topics([&topic], &question().validate_only(true)).await?)
}

/// Asks for the removal of a group that does not exist, which its coordinator alone can know.
///
/// The first question ever makes the broker create its topic of offsets, for which the platform's first group would wait
/// otherwise. A consumer would ask as well, but no more than twice in a second.
async fn ask_coordinator(admin: &AdminClient<Words>) -> KafkaResult<()> {
    knows(admin.delete_groups(&[GROUP], &question()).await?)
}

fn knows(outcomes: Vec<GroupResult>) -> KafkaResult<()> {
    match outcomes.into_iter().find_map(Result::err) {
        None | Some((_, RDKafkaErrorCode::GroupIdNotFound)) => Ok(()),
        Some((_, code)) => Err(KafkaError::AdminOp(code)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinator_that_knows_of_no_such_group_serves_and_one_that_loads_does_not() {
        let answer = |code| vec![Err((GROUP.to_owned(), code))];

        assert_eq!(knows(answer(RDKafkaErrorCode::GroupIdNotFound)), Ok(()));
        assert!(knows(answer(RDKafkaErrorCode::CoordinatorLoadInProgress)).is_err());
    }
}
