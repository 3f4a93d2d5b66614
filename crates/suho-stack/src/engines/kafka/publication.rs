//! Ticks in a topic of Kafka, for those who read it from there.

use std::time::Duration;

use futures::future::try_join_all;
use rdkafka::admin::AdminClient;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::super::feed::Tick;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words};
use super::topics;

/// How long the producer tries.
const DELIVERY_LIMIT: Duration = Duration::from_secs(8);

/// Where another engine of the stack reads a topic, and as whom.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    pub topic: &'a str,
    /// `host:port` of the listener for the network.
    pub broker: String,
    pub user: &'static str,
    pub password: &'a str,
    pub protocol: &'static str,
    pub mechanism: &'static str,
}

/// Creates `topic` and produces `ticks` to it; whatever came of it, [`withdraw`] removes the topic.
pub(crate) async fn publish<'a>(
    endpoint: &'a Endpoint,
    topic: &'a str,
    ticks: &[Tick],
) -> Result<Publication<'a>, EngineError> {
    let admin: Blocking<AdminClient<Words>> = Blocking::new(endpoint, &client::known(endpoint)?)?;
    topics::create(&admin, topic)
        .await
        .map_err(endpoint.failed(format!("create the topic {topic}")))?;
    produce(endpoint, topic, ticks).await?;
    Ok(Publication {
        topic,
        broker: client::address(&endpoint.as_on_network())?,
        user: client::PROGRAMS.user,
        password: endpoint.credential(client::PROGRAMS.password)?,
        protocol: client::PROTOCOL,
        mechanism: client::MECHANISM,
    })
}

/// Removes `topic`, if it was created.
pub(crate) async fn withdraw(endpoint: &Endpoint, topic: &str) -> Result<(), EngineError> {
    let admin: Blocking<AdminClient<Words>> = Blocking::new(endpoint, &client::known(endpoint)?)?;
    topics::delete(&admin, topic)
        .await
        .map_err(endpoint.failed(format!("delete the topic {topic}")))
}

async fn produce(endpoint: &Endpoint, topic: &str, ticks: &[Tick]) -> Result<(), EngineError> {
    let producing = format!("produce ticks to {topic}");
    let mut idempotent = client::known(endpoint)?;
    idempotent.set("enable.idempotence", "true").set("acks", "all");
    let producer: Blocking<FutureProducer<Words>> = Blocking::new(endpoint, &idempotent)?;
    let producer = producer.client().map_err(endpoint.failed(&producing))?;
    let deliveries = ticks.iter().map(|tick| async {
        let payload = serde_json::to_string(tick).map_err(endpoint.failed(&producing))?;
        let key = tick.instrument.to_string();
        let record = FutureRecord::to(topic).key(&key).payload(&payload);
        let delivered = producer.send(record, DELIVERY_LIMIT).await;
        delivered.map_err(|(error, _)| endpoint.failed(&producing)(error))
    });
    try_join_all(deliveries).await.map(drop)
}
