//! Topics: made, removed, and those that the platform relies on.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words};
use crate::deployment::TopicDeclaration;

/// How long the broker may take to make or remove topics: seconds, where a dozen engines share two cores.
const OPERATION_LIMIT: Duration = Duration::from_secs(15);
/// The broker's default.
const REPLICATION: TopicReplication<'static> = TopicReplication::Fixed(-1);

/// Creates the declared topics that are missing, all in one request.
pub(super) async fn declare(endpoint: &Endpoint, topics: &[TopicDeclaration]) -> Result<(), EngineError> {
    const ACTION: &str = "create the declared topics";
    if topics.is_empty() {
        return Ok(());
    }
    let admin: Blocking<AdminClient<Words>> = Blocking::new(endpoint, &client::known(endpoint)?)?;
    let topics: Vec<_> = topics.iter().map(declared).collect();
    let admin = admin.client().map_err(endpoint.failed(ACTION))?;
    let outcomes = admin.create_topics(&topics, &operation()).await;
    for outcome in outcomes.map_err(endpoint.failed(ACTION))? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(endpoint.failed(format!("create the topic {topic}"))(code)),
        }
    }
    Ok(())
}

fn declared(topic: &TopicDeclaration) -> NewTopic<'_> {
    // A number that is too large is refused by the broker.
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    topic.config.iter().fold(
        NewTopic::new(&topic.name, partitions, REPLICATION),
        |new, (key, value)| new.set(key, value),
    )
}

/// A topic of one partition. Returns when it is there.
pub(super) async fn create(admin: &Blocking<AdminClient<Words>>, name: &str) -> KafkaResult<()> {
    create_with(admin, name, 1, &[]).await
}

/// A topic with a configuration of its own. Returns when it is there.
pub(super) async fn create_with(
    admin: &Blocking<AdminClient<Words>>,
    name: &str,
    partitions: i32,
    config: &[(&str, &str)],
) -> KafkaResult<()> {
    let topic = config
        .iter()
        .fold(NewTopic::new(name, partitions, REPLICATION), |topic, (key, value)| {
            topic.set(key, value)
        });
    of_topics(admin.client()?.create_topics([&topic], &operation()).await?)
}

/// A topic that was never made is gone as well.
pub(super) async fn delete(admin: &Blocking<AdminClient<Words>>, name: &str) -> KafkaResult<()> {
    match of_topics(admin.client()?.delete_topics(&[name], &operation()).await?) {
        Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => Ok(()),
        outcome => outcome,
    }
}

/// The outcome of an operation whose outcomes librdkafka gives per topic.
pub(super) fn of_topics(outcomes: Vec<TopicResult>) -> KafkaResult<()> {
    let failed = outcomes.into_iter().find_map(Result::err);
    failed.map_or(Ok(()), |(_, code)| Err(KafkaError::AdminOp(code)))
}

fn operation() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(OPERATION_LIMIT))
        .operation_timeout(Some(OPERATION_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_keeps_its_partitions_and_its_settings() {
        let topic = TopicDeclaration {
            name: "orders.events".into(),
            partitions: 3,
            config: [("retention.ms".to_owned(), "1000".to_owned())].into_iter().collect(),
        };

        let new = declared(&topic);

        assert_eq!((new.name, new.num_partitions), ("orders.events", 3));
        assert_eq!(new.config, [("retention.ms", "1000")]);
    }

    #[test]
    fn one_topic_that_failed_is_the_outcome_of_all() {
        let outcomes = vec![Ok("a".into()), Err(("b".into(), RDKafkaErrorCode::InvalidConfig))];

        assert_eq!(
            of_topics(outcomes),
            Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidConfig))
        );
        assert_eq!(of_topics(vec![]), Ok(()));
    }
}
