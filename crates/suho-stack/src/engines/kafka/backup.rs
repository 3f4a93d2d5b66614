//! Topics with their configuration, records with headers and timestamps, and where groups have come: a format of ours, as
//! Kafka has none.
//!
//! - `topics.json`: the name, partitions and configuration of every topic.
//! - `<topic>.jsonl`: a line per committed record: `p` partition, `t` timestamp, `k` key and `v` value in base64 (absent where
//!   it is null), `h` headers as pairs. A partition's lines are in its order; partitions may be mixed.
//! - `groups.json`: for each group, topic and partition how many of those records come before its position.
//!
//! A restored record has another offset where records before it had gone from the topic; positions are moved likewise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::FuturesOrdered};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ConfigSource, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::backup::{
    self as keeping, Account, Backup, Instance, Packing, Shelf, Tally, Vault, compare, file_name,
};
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words};
use super::topics;

const TOPICS: &str = "topics.json";
const GROUPS: &str = "groups.json";
/// How long the broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long one look at the records blocks; a backup that is cut off ends after it.
const LOOK: Duration = Duration::from_millis(100);
/// How many records are taken in one look.
const RECORDS: usize = 5_000;
/// How long the producer tries one record.
const DELIVERY: Duration = Duration::from_secs(60);
/// How many records are on their way at once.
const FLYING: usize = 10_000;
/// A partition that gives nothing for so long, and no end, is not read to its end.
const SILENCE: Duration = Duration::from_secs(30);

/// Records as lines.
#[derive(Debug)]
pub(super) struct Records;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Topic {
    name: String,
    partitions: i32,
    config: BTreeMap<String, String>,
}

/// Where a group is in a partition: that many records come before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    topic: String,
    partition: i32,
    before: i64,
}

type Groups = BTreeMap<String, Vec<Position>>;

/// One record as a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "p")]
    partition: i32,
    #[serde(skip)]
    offset: i64,
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, Option<String>)>,
}

/// What is read of a partition: from and up to, exclusive.
type Ranges = BTreeMap<i32, (i64, i64)>;

#[async_trait]
impl Backup for Records {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let broker = Broker::new(instance.endpoint)?;
        let topics = broker.topics().await?;
        keeping::write(vault, TOPICS, broker.json(&topics)?).await?;
        // Before the ends of the topics are read, so that no group is further than the records.
        let committed = broker.committed(&topics).await?;
        let mut groups = committed.clone();
        let mut account = Account {
            notes: vec!["rights given by ACLs are not in it: the platform's own users need none".to_owned()],
            ..Account::default()
        };
        for topic in &topics {
            let ranges = broker.ranges(topic).await?;
            let mut positions: Vec<(&mut Position, i64)> = groups
                .iter_mut()
                .flat_map(|(group, positions)| positions.iter_mut().zip(&committed[group]))
                .filter(|(position, _)| position.topic == topic.name)
                .map(|(position, committed)| {
                    position.before = 0;
                    (position, committed.before)
                })
                .collect();
            let mut file = vault
                .create(&format!("{}.jsonl", file_name(&topic.name)), Packing::Compressed)
                .await?;
            let mut sums = Sums::new(topic);
            let mut reading = broker.read(topic, &ranges)?;
            while let Some(records) = reading.next(instance.endpoint).await? {
                let mut lines = Vec::with_capacity(records.len() * 128);
                for record in &records {
                    for (position, committed) in &mut positions {
                        if position.partition == record.partition && record.offset < *committed {
                            position.before += 1;
                        }
                    }
                    let line = serde_json::to_vec(record).map_err(instance.endpoint.failed("write a record"))?;
                    sums.add(record.partition, &line);
                    lines.extend_from_slice(&line);
                    lines.push(b'\n');
                }
                if !lines.is_empty() {
                    file.write(Bytes::from(lines)).await?;
                }
            }
            file.finish().await?;
            account.tallies.extend(sums.tallies());
        }
        keeping::write(vault, GROUPS, broker.json(&groups)?).await?;
        account.tallies.extend(positions_of(&groups));
        Ok(account)
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let broker = Broker::new(instance.endpoint)?;
        let mut occupied = Vec::new();
        for topic in broker.topics().await? {
            let ranges = broker.ranges(&topic).await?;
            if ranges.values().any(|(low, high)| low < high) {
                occupied.push(format!("records in the topic {}", topic.name));
            }
        }
        Ok(occupied)
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let endpoint = instance.endpoint;
        let broker = Broker::new(endpoint)?;
        let topics: Vec<Topic> = serde_json::from_slice(&keeping::read(store, TOPICS).await?)
            .map_err(endpoint.failed("read the list of topics"))?;
        let groups: Groups = serde_json::from_slice(&keeping::read(store, GROUPS).await?)
            .map_err(endpoint.failed("read the positions of groups"))?;
        broker.remove(&topics).await?;
        let mut tallies = Vec::new();
        for topic in &topics {
            broker.make(topic).await?;
            broker.fill(topic, store).await?;
            let mut sums = Sums::new(topic);
            let mut reading = broker.read(topic, &broker.ranges(topic).await?)?;
            while let Some(records) = reading.next(endpoint).await? {
                for record in &records {
                    let line = serde_json::to_vec(record).map_err(endpoint.failed("write a record"))?;
                    sums.add(record.partition, &line);
                }
            }
            tallies.extend(sums.tallies());
        }
        compare(endpoint, &without_positions(account), &tallies)?;
        for topic in &topics {
            broker.configure(topic).await?;
        }
        broker.commit(&groups).await?;
        tallies.extend(positions_of(&broker.committed(&topics).await?));
        Ok(tallies)
    }
}

fn without_positions(account: &Account) -> Vec<Tally> {
    let of_topics = account
        .tallies
        .iter()
        .filter(|tally| tally.what.starts_with("records "));
    of_topics.cloned().collect()
}

fn positions_of(groups: &Groups) -> impl Iterator<Item = Tally> {
    groups.iter().map(|(group, positions)| {
        let words: Vec<_> = positions
            .iter()
            .map(|position| format!("{}/{} at {}", position.topic, position.partition, position.before))
            .collect();
        Tally::sum(
            format!("positions of the group {group}"),
            positions.len() as u64,
            words.join(", "),
        )
    })
}

/// Counts and checksums of the partitions of a topic.
struct Sums<'a> {
    topic: &'a Topic,
    partitions: BTreeMap<i32, (u64, Sha256)>,
}

impl<'a> Sums<'a> {
    fn new(topic: &'a Topic) -> Self {
        let partitions = (0..topic.partitions).map(|partition| (partition, <(u64, Sha256)>::default()));
        Self {
            topic,
            partitions: partitions.collect(),
        }
    }

    /// Adds a record, which is written as `line`.
    fn add(&mut self, partition: i32, line: &[u8]) {
        let (count, hasher) = self.partitions.entry(partition).or_default();
        *count += 1;
        hasher.update(line);
    }

    fn tallies(self) -> impl Iterator<Item = Tally> {
        let topic = self.topic.name.clone();
        self.partitions.into_iter().map(move |(partition, (count, hasher))| {
            let checksum = hasher
                .finalize()
                .iter()
                .take(16)
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            Tally::sum(format!("records of {topic}/{partition}"), count, checksum)
        })
    }
}

/// The broker, as the service user.
struct Broker<'a> {
    endpoint: &'a Endpoint,
    admin: Blocking<AdminClient<Words>>,
    consumer: Blocking<BaseConsumer<Words>>,
}

impl<'a> Broker<'a> {
    fn new(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint,
            admin: Blocking::new(endpoint, &client::known(endpoint)?)?,
            consumer: consumer(endpoint, "suho-backup")?,
        })
    }

    fn json(&self, value: &impl Serialize) -> Result<Vec<u8>, EngineError> {
        serde_json::to_vec_pretty(value).map_err(self.endpoint.failed("write what is kept beside the records"))
    }

    /// Every topic but the broker's own, with the configuration that it was given.
    async fn topics(&self) -> Result<Vec<Topic>, EngineError> {
        const ACTION: &str = "list the topics";
        let listed = self.consumer.call(|consumer| {
            let metadata = consumer.fetch_metadata(None, ANSWER)?;
            let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
            Ok(topics
                .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
                .collect::<Vec<_>>())
        });
        let mut topics = Vec::new();
        for (name, partitions) in listed.await.map_err(self.endpoint.failed(ACTION))? {
            topics.push(Topic {
                config: self.config(&name).await?,
                partitions: partitions.try_into().unwrap_or(i32::MAX),
                name,
            });
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    async fn config(&self, topic: &str) -> Result<BTreeMap<String, String>, EngineError> {
        let action = format!("read the configuration of the topic {topic}");
        let admin = self.admin.client().map_err(self.endpoint.failed(&action))?;
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let resources = admin
            .describe_configs(&[ResourceSpecifier::Topic(topic)], &options)
            .await;
        let mut config = BTreeMap::new();
        for resource in resources.map_err(self.endpoint.failed(&action))? {
            let resource = resource
                .map_err(KafkaError::AdminOp)
                .map_err(self.endpoint.failed(&action))?;
            let own = resource
                .entries
                .into_iter()
                .filter(|entry| entry.source == ConfigSource::DynamicTopic);
            config.extend(own.filter_map(|entry| Some((entry.name, entry.value?))));
        }
        Ok(config)
    }

    /// Where each partition begins and ends now.
    async fn ranges(&self, topic: &Topic) -> Result<Ranges, EngineError> {
        let (name, partitions) = (topic.name.clone(), topic.partitions);
        let asked = self.consumer.call(move |consumer| {
            (0..partitions)
                .map(|partition| Ok((partition, consumer.fetch_watermarks(&name, partition, ANSWER)?)))
                .collect()
        });
        asked.await.map_err(
            self.endpoint
                .failed(format!("find the ends of the topic {}", topic.name)),
        )
    }

    /// The offsets that groups have committed, in the place of positions.
    async fn committed(&self, topics: &[Topic]) -> Result<Groups, EngineError> {
        const ACTION: &str = "read the positions of groups";
        let listed = self.consumer.call(|consumer| {
            let groups = consumer.fetch_group_list(None, ANSWER)?;
            Ok(groups
                .groups()
                .iter()
                .map(|group| group.name().to_owned())
                .collect::<Vec<_>>())
        });
        let partitions: Vec<(String, i32)> = topics
            .iter()
            .flat_map(|topic| (0..topic.partitions).map(|partition| (topic.name.clone(), partition)))
            .collect();
        let mut groups = Groups::new();
        for group in listed.await.map_err(self.endpoint.failed(ACTION))? {
            let asked = partitions.clone();
            let member = consumer(self.endpoint, &group)?;
            let found = member.call(move |member| {
                let mut wanted = TopicPartitionList::new();
                for (topic, partition) in &asked {
                    wanted.add_partition(topic, *partition);
                }
                member.committed_offsets(wanted, ANSWER)
            });
            let found = found.await.map_err(self.endpoint.failed(ACTION))?;
            let positions: Vec<_> = found
                .elements()
                .iter()
                .filter_map(|element| {
                    let Offset::Offset(before) = element.offset() else {
                        return None;
                    };
                    Some(Position {
                        topic: element.topic().to_owned(),
                        partition: element.partition(),
                        before,
                    })
                })
                .collect();
            if !positions.is_empty() {
                groups.insert(group, positions);
            }
        }
        Ok(groups)
    }

    async fn commit(&self, groups: &Groups) -> Result<(), EngineError> {
        for (group, positions) in groups {
            let member = consumer(self.endpoint, group)?;
            let positions = positions.clone();
            let committing = member.call(move |member| {
                let mut list = TopicPartitionList::new();
                for position in &positions {
                    list.add_partition_offset(&position.topic, position.partition, Offset::Offset(position.before))?;
                }
                member.commit(&list, CommitMode::Sync)
            });
            committing
                .await
                .map_err(self.endpoint.failed(format!("set the positions of the group {group}")))?;
        }
        Ok(())
    }

    /// Begins to read the records of a topic that are committed.
    fn read(&self, topic: &Topic, ranges: &Ranges) -> Result<Reading, EngineError> {
        let mut config = client::known(self.endpoint)?;
        config
            .set("group.id", "suho-backup")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error");
        let waiting: Ranges = ranges
            .iter()
            .filter(|(_, (low, high))| low < high)
            .map(|(p, r)| (*p, *r))
            .collect();
        Ok(Reading {
            consumer: Blocking::new(self.endpoint, &config)?,
            topic: topic.name.clone(),
            waiting,
            assigned: false,
            heard: Instant::now(),
        })
    }

    /// Removes what has the names of `topics`, and waits until the broker has forgotten it.
    async fn remove(&self, topics: &[Topic]) -> Result<(), EngineError> {
        const ACTION: &str = "remove the topics that are replaced";
        let gone = |present: &[Topic]| {
            topics
                .iter()
                .all(|topic| present.iter().all(|other| other.name != topic.name))
        };
        let begun = Instant::now();
        loop {
            let present = self.topics().await?;
            if gone(&present) {
                return Ok(());
            }
            if begun.elapsed() > SILENCE {
                return Err(self.endpoint.failed(ACTION)("the broker still has them"));
            }
            for topic in topics
                .iter()
                .filter(|topic| present.iter().any(|other| other.name == topic.name))
            {
                topics::delete(&self.admin, &topic.name)
                    .await
                    .map_err(self.endpoint.failed(ACTION))?;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Makes a topic that removes nothing and stamps nothing until it is filled.
    async fn make(&self, topic: &Topic) -> Result<(), EngineError> {
        const FILLING: [(&str, &str); 4] = [
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
            ("message.timestamp.type", "CreateTime"),
        ];
        let mut config: BTreeMap<&str, &str> = topic.config.iter().map(|(key, value)| (&**key, &**value)).collect();
        config.extend(FILLING);
        let config: Vec<_> = config.into_iter().collect();
        topics::create_with(&self.admin, &topic.name, topic.partitions, &config)
            .await
            .map_err(self.endpoint.failed(format!("make the topic {}", topic.name)))
    }

    /// Gives a filled topic the configuration that it had.
    async fn configure(&self, topic: &Topic) -> Result<(), EngineError> {
        let action = format!("configure the topic {}", topic.name);
        let admin = self.admin.client().map_err(self.endpoint.failed(&action))?;
        // All that is not named here goes back to the broker's default.
        let config = topic.config.iter().fold(
            AlterConfig::new(ResourceSpecifier::Topic(&topic.name)),
            |config, (key, value)| config.set(key, value),
        );
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let outcomes = admin.alter_configs([&config], &options).await;
        for outcome in outcomes.map_err(self.endpoint.failed(&action))? {
            outcome
                .map_err(|(_, code)| KafkaError::AdminOp(code))
                .map_err(self.endpoint.failed(&action))?;
        }
        Ok(())
    }

    async fn fill(&self, topic: &Topic, store: &dyn Shelf) -> Result<(), EngineError> {
        let action = format!("write to the topic {}", topic.name);
        let mut config = client::known(self.endpoint)?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "20")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "20000000")
            .set("queue.buffering.max.messages", "100000")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string());
        if !topic.config.contains_key("compression.type") {
            config.set("compression.type", "none");
        }
        let producer: Blocking<FutureProducer<Words>> = Blocking::new(self.endpoint, &config)?;
        let mut pieces = store.open(&format!("{}.jsonl", file_name(&topic.name))).await?;
        let mut flying = FuturesOrdered::new();
        let mut rest = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            rest.extend_from_slice(&piece);
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let later = rest.split_off(end + 1);
            for line in rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let record: Record = serde_json::from_slice(line).map_err(self.endpoint.failed("read a record"))?;
                let client = producer.client().map_err(self.endpoint.failed(&action))?;
                flying.push_back(send(client.as_ref().clone(), topic.name.clone(), record));
                if flying.len() >= FLYING {
                    let landed = flying.next().await.transpose();
                    landed.map_err(self.endpoint.failed(&action))?;
                }
            }
            rest = later;
        }
        while let Some(landed) = flying.next().await {
            landed.map_err(self.endpoint.failed(&action))?;
        }
        Ok(())
    }
}

/// A consumer in the name of `group`, which joins nothing.
fn consumer(endpoint: &Endpoint, group: &str) -> Result<Blocking<BaseConsumer<Words>>, EngineError> {
    let mut config = client::known(endpoint)?;
    config.set("group.id", group).set("enable.auto.commit", "false");
    Blocking::new(endpoint, &config)
}

/// A topic that is being read.
struct Reading {
    consumer: Blocking<BaseConsumer<Words>>,
    topic: String,
    /// The partitions that have not ended yet.
    waiting: Ranges,
    assigned: bool,
    heard: Instant,
}

impl Reading {
    /// The next records; none once every partition has been read up to where it ended at the beginning.
    async fn next(&mut self, endpoint: &Endpoint) -> Result<Option<Vec<Record>>, EngineError> {
        let action = format!("read the topic {}", self.topic);
        if self.waiting.is_empty() {
            return Ok(None);
        }
        if !self.assigned {
            let (topic, waiting) = (self.topic.clone(), self.waiting.clone());
            let assigning = self.consumer.call(move |consumer| {
                let mut list = TopicPartitionList::new();
                for (partition, (low, _)) in &waiting {
                    list.add_partition_offset(&topic, *partition, Offset::Offset(*low))?;
                }
                consumer.assign(&list)
            });
            assigning.await.map_err(endpoint.failed(&action))?;
            self.assigned = true;
        }
        let (looked, ended) = self.consumer.call(look).await.map_err(endpoint.failed(&action))?;
        if !looked.is_empty() || !ended.is_empty() {
            self.heard = Instant::now();
        } else if self.heard.elapsed() > SILENCE {
            return Err(endpoint.failed(action)("the broker gives neither a record nor the end"));
        }
        let mut records = Vec::with_capacity(looked.len());
        for record in looked {
            let Some((_, high)) = self.waiting.get(&record.partition).copied() else {
                continue;
            };
            if record.offset + 1 >= high {
                self.waiting.remove(&record.partition);
            }
            if record.offset < high {
                records.push(record);
            }
        }
        for partition in ended {
            self.waiting.remove(&partition);
        }
        Ok(Some(records))
    }
}

/// What there is, and which partitions have ended.
fn look(consumer: &BaseConsumer<Words>) -> KafkaResult<(Vec<Record>, Vec<i32>)> {
    let (mut records, mut ended) = (Vec::new(), Vec::new());
    let mut patience = LOOK;
    while records.len() < RECORDS {
        match consumer.poll(patience) {
            None => break,
            Some(Ok(message)) => records.push(Record::of(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => ended.push(partition),
            Some(Err(error)) => return Err(error),
        }
        // What has come already is taken; nobody waits for more.
        patience = Duration::ZERO;
    }
    Ok((records, ended))
}

impl Record {
    fn of(message: &impl Message) -> Self {
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        let headers = message.headers().map(|headers| {
            headers
                .iter()
                .map(|header| (header.key.to_owned(), header.value.map(text)))
                .collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(text),
            value: message.payload().map(text),
            headers: headers.unwrap_or_default(),
        }
    }
}

/// Sends one record, and resolves when the broker has it. They keep the order in which they are sent.
async fn send(
    producer: FutureProducer<Words>,
    topic: String,
    record: Record,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let bytes = |text: Option<&String>| text.map(|text| STANDARD.decode(text)).transpose();
    let (key, value) = (bytes(record.key.as_ref())?, bytes(record.value.as_ref())?);
    let mut headers = OwnedHeaders::new();
    for (name, value) in &record.headers {
        let value = bytes(value.as_ref())?;
        headers = headers.insert(Header {
            key: name,
            value: value.as_deref(),
        });
    }
    let mut sent = FutureRecord::<[u8], [u8]>::to(&topic).partition(record.partition);
    if !record.headers.is_empty() {
        sent = sent.headers(headers);
    }
    if let Some(timestamp) = record.timestamp {
        sent = sent.timestamp(timestamp);
    }
    if let Some(key) = &key {
        sent = sent.key(key);
    }
    if let Some(value) = &value {
        sent = sent.payload(value);
    }
    let delivery = producer.send(sent, DELIVERY).await;
    delivery.map(drop).map_err(|(error, _)| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_short_line_that_keeps_what_is_null() {
        let record = Record {
            partition: 2,
            offset: 9,
            timestamp: Some(1_700),
            key: None,
            value: Some(STANDARD.encode("fill")),
            headers: vec![("trace".into(), None)],
        };

        let line = serde_json::to_string(&record).unwrap_or_default();

        assert_eq!(line, r#"{"p":2,"t":1700,"v":"ZmlsbA==","h":[["trace",null]]}"#);
        let read: Option<Record> = serde_json::from_str(&line).ok();
        assert_eq!(read, Some(Record { offset: 0, ..record }));
    }
}
