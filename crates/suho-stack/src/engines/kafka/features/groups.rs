//! Readers who share a topic, and go on where they were.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::try_join_all;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;

use super::super::super::asking::{eventually, prove_and_remove};
use super::super::super::{EngineError, Evidence, Subject, Waiting};
use super::super::client::Words;
use super::scene::{CALL_LIMIT, Reader, Scene, look};

const PARTITIONS: i32 = 4;
/// How long a group may take to share its partitions anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is added to the name of the group of each member: nothing, they are in one.
pub const ONE_GROUP: [&str; 2] = ["", ""];
/// How many of the five records the first reader has done.
pub const DONE: i64 = 3;

/// Two members of a group, to whose names `groups` are added, share the partitions; when one leaves, the other has all.
pub async fn sharing(subject: &Subject<'_>, groups: [&str; 2]) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(PARTITIONS, &[]).await?;
        let first = member(&scene, groups[0]).await?;
        shared(&scene, &[&first], &[4]).await?;
        let second = member(&scene, groups[1]).await?;
        shared(&scene, &[&first, &second], &[2, 2]).await?;
        let left = second.call(|member| {
            member.unsubscribe();
            Ok(())
        });
        left.await.map_err(subject.endpoint.failed("leave the group"))?;
        shared(&scene, &[&first, &second], &[4, 0]).await?;
        Evidence::proved("4 partitions: all for one member, 2 for each of two, all again when one has left")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

async fn member(scene: &Scene<'_>, suffix: &str) -> Result<Reader, EngineError> {
    let group = format!("{}{suffix}", scene.topic);
    // A member hears of a new one by its heartbeat.
    let member: Reader = scene.client(&[("group.id", &group), ("heartbeat.interval.ms", "100")])?;
    let topic = scene.topic.clone();
    let joined = member.call(move |member| member.subscribe(&[&topic])).await;
    joined.map_err(scene.endpoint.failed("join a group"))?;
    Ok(member)
}

/// Waits until `members` have as many partitions as `expected`, none of them twice.
async fn shared(scene: &Scene<'_>, members: &[&Reader], expected: &[usize]) -> Result<(), EngineError> {
    let action = format!(
        "share {PARTITIONS} partitions of {} among {}",
        scene.topic,
        members.len()
    );
    let last = Waiting::new();
    let settled = eventually(PATIENCE, || async {
        let assigned = try_join_all(members.iter().map(|member| member.call(assigned))).await;
        let assigned = assigned.map_err(scene.endpoint.failed(&action))?;
        last.because(format!("{assigned:?}"));
        let different: BTreeSet<_> = assigned.iter().flatten().collect();
        let sizes: Vec<_> = assigned.iter().map(Vec::len).collect();
        let is_settled = sizes == expected && different.len() == sizes.iter().sum::<usize>();
        Ok(is_settled.then_some(()))
    })
    .await?;
    settled.ok_or_else(|| {
        let expected = format!("{expected:?} of them");
        scene.endpoint.unexpected(&action, expected, last.reason())
    })
}

/// The partitions of a member; it takes part in its group only while it is polled.
fn assigned(member: &BaseConsumer<Words>) -> KafkaResult<Vec<i32>> {
    look(member)?;
    let partitions = member.assignment()?;
    Ok(partitions
        .elements()
        .iter()
        .map(TopicPartitionListElem::partition)
        .collect())
}

/// A reader that comes back goes on behind the `done` records that its group has committed.
pub async fn offsets(subject: &Subject<'_>, done: i64) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, &[]).await?;
        scene
            .write(&scene.client(&[])?, &["r0", "r1", "r2", "r3", "r4"])
            .await?;
        commit(&scene, done).await?;
        let reader: Reader = scene.client(&[("group.id", &scene.topic), ("auto.offset.reset", "earliest")])?;
        let topic = scene.topic.clone();
        let going_on = "go on behind what is committed";
        let mut seen = Vec::new();
        let reading = async {
            reader.call(move |reader| reader.subscribe(&[&topic])).await?;
            while seen.last().is_none_or(|last| last != "r4") {
                seen.extend(reader.call(look).await?.map(|record| record.value));
            }
            Ok::<_, rdkafka::error::KafkaError>(())
        };
        reading.await.map_err(subject.endpoint.failed(going_on))?;
        subject
            .endpoint
            .expect(going_on, &vec!["r3".to_owned(), "r4".to_owned()], &seen)?;
        Evidence::proved("of 5 records the group has done 3; a new member begins with the fourth")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// Commits, for the group of the scene, that the first `done` records are done.
pub(super) async fn commit(scene: &Scene<'_>, done: i64) -> Result<(), EngineError> {
    let reader: Reader = scene.client(&[("group.id", &scene.topic)])?;
    let offsets = scene.at(Offset::Offset(done))?;
    reader
        .call(move |reader| reader.commit(&offsets, CommitMode::Sync))
        .await
        .map_err(scene.endpoint.failed("commit offsets"))
}

/// What the group of the scene has committed; none where it has not.
pub(super) async fn committed(scene: &Scene<'_>) -> Result<Option<i64>, EngineError> {
    let reader: Reader = scene.client(&[("group.id", &scene.topic)])?;
    let partitions = scene.at(Offset::Invalid)?;
    let committed = reader
        .call(move |reader| reader.committed_offsets(partitions, CALL_LIMIT))
        .await
        .map_err(scene.endpoint.failed("read the committed offsets"))?;
    Ok(committed.elements().first().and_then(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}
