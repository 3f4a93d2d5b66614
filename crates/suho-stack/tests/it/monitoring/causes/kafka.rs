//! A group that stopped, a disk that broke.

use std::time::Duration;

use futures::future::join_all;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{FutureProducer, FutureRecord},
};
use suho_stack::engines::{self, Endpoint};
use tokio::time::{sleep, timeout};

use super::{BACKLOG, Cause, Made, cause, docker};

/// A broker is given this long to serve again.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn causes(endpoint: Endpoint, container: String) -> Vec<Cause> {
    vec![
        cause(&["KafkaConsumerLagGrowing"], || group_stopped(endpoint)),
        cause(&["KafkaPartitionsOffline"], || disk_broken(container)),
    ]
}

async fn group_stopped(endpoint: Endpoint) -> Made {
    const TOPIC: &str = "risk.alerts";
    let variables = engines::by_service("suho-kafka").unwrap().variables(&endpoint).unwrap();
    let variable = |name| variables.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", variable("KAFKA_BOOTSTRAP_SERVERS"))
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "suho")
        .set("sasl.password", endpoint.environment["SUHO_KAFKA_PASSWORD"].expose())
        .set("group.id", "stopped");
    commit(config.clone(), TOPIC, 0).await;
    let producer: FutureProducer = config.create().unwrap();
    let sent = (0..BACKLOG).map(|_| {
        let record: FutureRecord<'_, str, str> = FutureRecord::to(TOPIC).payload("x");
        producer.send(record, Duration::from_secs(10))
    });
    let last = join_all(sent)
        .await
        .into_iter()
        .map(|sent| sent.unwrap().offset)
        .max()
        .unwrap();
    Made::undone_by(move || commit(config, TOPIC, last + 1))
}

/// As a group that has read so far, and is not there any more.
async fn commit(config: ClientConfig, topic: &'static str, offset: i64) {
    let committed = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions
            .add_partition_offset(topic, 0, Offset::Offset(offset))
            .unwrap();
        // The first group of a broker waits for its coordinator.
        let mut tries = (0..20).map(|_| {
            let outcome = consumer.commit(&partitions, CommitMode::Sync);
            if outcome.is_err() {
                std::thread::sleep(Duration::from_millis(500));
            }
            outcome
        });
        tries.find(Result::is_ok)
    });
    assert!(
        committed.await.unwrap().is_some(),
        "the group's offset was not committed"
    );
}

/// One of the two: the broker finds it gone at its next checkpoint, serves from the other one, and looks again when it starts.
async fn disk_broken(container: String) -> Made {
    const DISK: &str = "/var/lib/kafka/data/two";
    const ELSEWHERE: &str = "/var/lib/kafka/data/gone";
    docker(&["exec", &container, "mv", DISK, ELSEWHERE]).await;
    Made::undone_by(|| async move {
        docker(&["exec", &container, "mv", ELSEWHERE, DISK]).await;
        docker(&["restart", &container]).await;
        timeout(PATIENCE, healthy(&container)).await.unwrap();
    })
}

async fn healthy(container: &str) {
    let asked = ["inspect", "--format", "{{.State.Health.Status}}", container];
    while docker(&asked).await.trim() != "healthy" {
        sleep(Duration::from_millis(500)).await;
    }
}
