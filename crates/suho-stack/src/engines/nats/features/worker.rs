//! What a worker does with a consumer: it fetches, waits, acknowledges, and notes which message comes again.

use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use futures::TryStreamExt;

use super::super::super::EngineError;
use super::super::super::asking::eventually;
use super::PATIENCE;
use super::scene::{Scene, payload};
use super::streams::in_memory;

/// A stream of `count` messages and a consumer of it.
pub(super) async fn scene_of(
    scene: &Scene<'_>,
    config: &pull::Config,
    count: u64,
) -> Result<PullConsumer, EngineError> {
    scene.stream(&in_memory()).await?;
    scene.store_many(count).await?;
    scene.consumer(config).await
}

/// The messages that are due now, `most` at most.
pub(super) async fn fetch(
    scene: &Scene<'_>,
    consumer: &PullConsumer,
    most: usize,
) -> Result<Vec<Message>, EngineError> {
    let batch = consumer.fetch().max_messages(most).messages().await;
    let batch = batch.map_err(scene.failed("fetch a batch"))?;
    batch.try_collect().await.map_err(scene.failed("fetch a batch"))
}

/// Waits for `count` messages and acknowledges each; how many came.
///
/// What has just been stored is due a moment later, so asking for what is due now could find nothing.
pub(super) async fn finish(scene: &Scene<'_>, consumer: &PullConsumer, count: usize) -> Result<usize, EngineError> {
    let batch = consumer.batch().max_messages(count).expires(PATIENCE).messages().await;
    let batch = batch.map_err(scene.failed("wait for messages"))?;
    let messages: Vec<Message> = batch.try_collect().await.map_err(scene.failed("wait for messages"))?;
    for message in &messages {
        message
            .double_ack()
            .await
            .map_err(scene.failed("acknowledge a message"))?;
    }
    Ok(messages.len())
}

/// The next message, waited for; none where none came.
pub(super) async fn next(scene: &Scene<'_>, consumer: &PullConsumer) -> Result<Option<Message>, EngineError> {
    let batch = consumer.batch().max_messages(1).expires(PATIENCE).messages().await;
    let mut batch = batch.map_err(scene.failed("wait for a message"))?;
    batch.try_next().await.map_err(scene.failed("wait for a message"))
}

/// The first message of the stream, delivered for the first time.
pub(super) async fn first(scene: &Scene<'_>, consumer: &PullConsumer) -> Result<Message, EngineError> {
    let fetching = "fetch the first message";
    let Some(message) = next(scene, consumer).await? else {
        return Err(scene.endpoint.unexpected(fetching, payload(1), "none"));
    };
    let delivered = deliveries(scene, std::slice::from_ref(&message))?;
    scene.endpoint.expect(fetching, &vec![(1, 1)], &delivered)?;
    scene
        .endpoint
        .expect(fetching, payload(1).as_bytes(), &message.payload[..])?;
    Ok(message)
}

/// Waits until the first message is delivered a second time, no sooner than `wait` after `since`; how long that took.
pub(super) async fn comes_again(
    scene: &Scene<'_>,
    consumer: &PullConsumer,
    since: Instant,
    wait: Duration,
) -> Result<Duration, EngineError> {
    let delivering = "deliver a message again";
    let again = next(scene, consumer).await?;
    let waited = since.elapsed();
    let delivered = deliveries(scene, again.as_slice())?;
    scene.endpoint.expect(delivering, &vec![(1, 2)], &delivered)?;
    scene.not_before(delivering, wait, waited)
}

/// The sequence of each message, and for which time it was delivered.
pub(super) fn deliveries(scene: &Scene<'_>, messages: &[Message]) -> Result<Vec<(u64, i64)>, EngineError> {
    messages
        .iter()
        .map(|message| {
            let info = message.info().map_err(scene.failed("read the delivery"))?;
            Ok((info.stream_sequence, info.delivered))
        })
        .collect()
}

/// Waits until `count` of the delivered messages are unacknowledged: a plain acknowledgement is not confirmed.
pub(super) async fn unacknowledged(
    scene: &Scene<'_>,
    consumer: &PullConsumer,
    action: &str,
    count: usize,
) -> Result<(), EngineError> {
    let pending = || async {
        let info = consumer.get_info().await;
        Ok(info.map_err(scene.failed("ask for the consumer"))?.num_ack_pending)
    };
    let settled = || async { Ok((pending().await? == count).then_some(())) };
    if eventually(PATIENCE, settled).await?.is_none() {
        return scene.endpoint.expect(action, &count, &pending().await?);
    }
    Ok(())
}
