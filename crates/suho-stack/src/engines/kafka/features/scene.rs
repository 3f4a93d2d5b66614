//! A topic of its own for a check, with those who write to it and read from it.

use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client::{self, Blocking, Words};
use super::super::topics;
use super::Options;

/// How long a call that blocks may block: a check that is given up ends after it.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

pub(super) type Producer = Blocking<FutureProducer<Words>>;
pub(super) type Reader = Blocking<BaseConsumer<Words>>;

/// A topic that nothing else uses.
pub(super) struct Scene<'a> {
    pub endpoint: &'a Endpoint,
    /// The name of the topic, and of whatever else belongs to it: groups, transactions.
    pub topic: String,
    admin: Blocking<AdminClient<Words>>,
}

/// What a reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub key: String,
    pub value: String,
}

impl<'a> Scene<'a> {
    /// Without its topic.
    pub(super) fn new(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint,
            topic: Scratch::new().name,
            admin: Blocking::new(endpoint, &client::known(endpoint)?)?,
        })
    }

    /// The same topic on a broker that is reached elsewhere since.
    pub(super) fn moved<'b>(&self, endpoint: &'b Endpoint) -> Result<Scene<'b>, EngineError> {
        Ok(Scene {
            topic: self.topic.clone(),
            ..Scene::new(endpoint)?
        })
    }

    /// Creates the topic.
    pub(super) async fn create(&self, partitions: i32, config: Options<'_>) -> Result<(), EngineError> {
        topics::create_with(&self.admin, &self.topic, partitions, config)
            .await
            .map_err(self.endpoint.failed(format!("create the topic {}", self.topic)))
    }

    /// Removes the topic, and with it the offsets of its groups.
    pub(super) async fn remove(&self) -> Result<(), EngineError> {
        topics::delete(&self.admin, &self.topic)
            .await
            .map_err(self.endpoint.failed(format!("delete the topic {}", self.topic)))
    }

    /// A client of the service user with `options` besides.
    pub(super) fn client<C>(&self, options: Options<'_>) -> Result<Blocking<C>, EngineError>
    where
        C: FromClientConfigAndContext<Words> + Send + Sync + 'static,
    {
        let config = client::known(self.endpoint)?;
        let with = |mut config: ClientConfig, (key, value): &(&str, &str)| {
            config.set(*key, *value);
            config
        };
        Blocking::new(self.endpoint, &options.iter().fold(config, with))
    }

    /// Writes records without keys to partition 0, one after the other.
    pub(super) async fn write(&self, producer: &Producer, values: &[&str]) -> Result<(), EngineError> {
        for value in values {
            self.send(producer, FutureRecord::<str, str>::to(&self.topic).payload(value))
                .await
                .map_err(self.endpoint.failed(format!("produce to {}", self.topic)))?;
        }
        Ok(())
    }

    /// Sends `record` to partition 0, and returns what the broker made of it.
    pub(super) async fn send(&self, producer: &Producer, record: FutureRecord<'_, str, str>) -> KafkaResult<i64> {
        let delivery = producer.client()?.send(record.partition(0), CALL_LIMIT).await;
        delivery.map(|delivery| delivery.offset).map_err(|(error, _)| error)
    }

    /// All of partition 0, as a reader with `options` sees it.
    pub(super) async fn read(&self, options: Options<'_>) -> Result<Vec<Record>, EngineError> {
        let own = [
            ("group.id", self.topic.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
        ];
        let reader: Reader = self.client(&[&own, options].concat())?;
        let start = self.at(Offset::Beginning)?;
        let reading = async {
            reader.call(move |reader| reader.assign(&start)).await?;
            let mut records = Vec::new();
            loop {
                match reader.call(look).await {
                    Ok(record) => records.extend(record),
                    Err(KafkaError::PartitionEOF(_)) => return Ok::<_, KafkaError>(records),
                    Err(error) => return Err(error),
                }
            }
        };
        reading
            .await
            .map_err(self.endpoint.failed(format!("consume from {}", self.topic)))
    }

    /// Partition 0 at `offset`.
    pub(super) fn at(&self, offset: Offset) -> Result<TopicPartitionList, EngineError> {
        let mut partitions = TopicPartitionList::new();
        partitions
            .add_partition_offset(&self.topic, 0, offset)
            .map_err(self.endpoint.failed("name a partition"))?;
        Ok(partitions)
    }
}

/// The next record, if there is one soon.
pub(super) fn look(reader: &BaseConsumer<Words>) -> KafkaResult<Option<Record>> {
    let message = reader.poll(LOOK).transpose()?;
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    Ok(message.map(|message| Record {
        key: text(message.key()),
        value: text(message.payload()),
    }))
}

/// The values of `records`, in their order.
pub(super) fn values(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.value.as_str()).collect()
}
