//! What happened to orders, for everybody, in Kafka.

use std::time::Duration;

use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::order::{Order, Outcome};

/// As long as a broker may take to answer before the order is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// One line of the topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub order: Order,
    pub outcome: Outcome,
}

pub struct Announcer {
    producer: FutureProducer,
    topic: String,
}

impl Announcer {
    pub fn new(producer: FutureProducer, topic: impl Into<String>) -> Self {
        Self {
            producer,
            topic: topic.into(),
        }
    }

    /// Announces an event. Those of one account stay in their order.
    pub async fn announce(&self, event: &Event) -> Result<(), Error> {
        let payload = serde_json::to_vec(event)?;
        let record = FutureRecord::to(&self.topic)
            .key(&event.order.account)
            .payload(&payload);
        self.producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
        Ok(())
    }
}
