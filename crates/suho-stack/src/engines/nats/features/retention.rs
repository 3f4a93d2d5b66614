//! Which messages a stream keeps, and for whom.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use serde_json::json;

use super::super::super::asking::eventually;
use super::super::super::{EngineError, Evidence, Subject};
use super::PATIENCE;
use super::consumers::durable;
use super::scene::{STREAM, Scene, numbered, payload};
use super::streams::in_memory;
use super::worker::finish;

/// A stream that keeps a message while a consumer still has to acknowledge it.
#[must_use]
pub fn by_interest() -> Config {
    Config {
        retention: RetentionPolicy::Interest,
        ..in_memory()
    }
}

/// A stream that gives each message to one consumer, and drops it when that one has acknowledged.
#[must_use]
pub fn work_queue() -> Config {
    Config {
        retention: RetentionPolicy::WorkQueue,
        ..in_memory()
    }
}

/// What nobody waits for is dropped; what two wait for is kept until the second has acknowledged it.
pub async fn interest(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            scene.store_many(1).await?;
            keeps(&scene, &stream, "keep nothing that nobody waits for", 0).await?;

            Box::pin(wait_for_two(&scene, &stream)).await?;
            Evidence::proved("dropped without a consumer; with two, kept until the second had acknowledged it")
        })
        .await
}

async fn wait_for_two(scene: &Scene<'_>, stream: &Stream) -> Result<(), EngineError> {
    let first = scene.consumer(&durable("first")).await?;
    let second = scene.consumer(&durable("second")).await?;
    scene.store_many(1).await?;
    for (consumer, kept) in [(first, 1), (second, 0)] {
        let finished = finish(scene, &consumer, 1).await?;
        let fetching = "fetch what a consumer waits for";
        scene.endpoint.expect(fetching, &1, &finished)?;
        keeps(scene, stream, "keep what somebody waits for, and no more", kept).await?;
    }
    Ok(())
}

/// What is acknowledged is gone, and no second consumer may take from the same subjects.
pub async fn work(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            let mut worker = durable("worker");
            worker.filter_subjects = vec![scene.below("orders.*")];
            let consumer = scene.consumer(&worker).await?;
            for order in 1..=3 {
                let message = PublishMessage::build().payload(payload(order).into());
                scene.store_at(&scene.below("orders.eu"), message).await?;
            }
            finish(&scene, &consumer, 1).await?;
            keeps(&scene, &stream, "keep what is not yet done, and no more", 2).await?;
            endpoint.expect("keep the others", &numbered(2, 3), &scene.kept(&stream).await?)?;

            let overlapping = json!({
                "stream_name": scene.name,
                "config": {"durable_name": "other", "ack_policy": "explicit", "filter_subject": scene.below("orders.eu")},
            });
            let creating = "create a second consumer for the same subjects";
            let api = format!("CONSUMER.DURABLE.CREATE.{}.other", scene.name);
            let code = ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE;
            let refusal = scene.is_not_created(creating, api, &overlapping, code).await?;
            Evidence::proved(format!("1 of 3 messages acknowledged and gone; a second consumer: {refusal}"))
        })
        .await
}

/// Waits until the stream keeps `count` messages: it drops them a moment after the acknowledgement.
async fn keeps(scene: &Scene<'_>, stream: &Stream, action: &str, count: u64) -> Result<(), EngineError> {
    let kept = || async { Ok((scene.state(stream).await?.messages == count).then_some(())) };
    if eventually(PATIENCE, kept).await?.is_none() {
        let found = scene.state(stream).await?.messages;
        return scene.endpoint.expect(action, &count, &found);
    }
    Ok(())
}
