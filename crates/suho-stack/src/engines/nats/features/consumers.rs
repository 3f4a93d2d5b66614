//! What a durable pull consumer does with what its worker answers, or fails to.

use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use futures::StreamExt;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::super::super::{EngineError, Evidence, Subject};
use super::super::client;
use super::scene::{STREAM, Scene};
use super::worker::{comes_again, deliveries, fetch, first, next, scene_of, unacknowledged};
use super::{PATIENCE, milliseconds};

/// How long the worker of [`negative_acknowledgement`] wants to be left alone with a message.
pub const DELAY: Duration = Duration::from_millis(300);
/// How often a consumer of [`giving_up`] delivers a message.
const DELIVERIES: i64 = 3;

/// A durable consumer each of whose messages is acknowledged for itself.
#[must_use]
pub fn durable(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    }
}

/// A consumer that delivers a message again when its worker has been silent for a third of a second.
#[must_use]
pub fn impatient() -> pull::Config {
    pull::Config {
        ack_wait: Duration::from_millis(300),
        ..durable("worker")
    }
}

/// A consumer that delivers a message three times and no more.
#[must_use]
pub fn giving_up() -> pull::Config {
    pull::Config {
        max_deliver: DELIVERIES,
        ..durable("worker")
    }
}

/// What is delivered waits for its acknowledgement, and what is acknowledged is never delivered again.
pub async fn acknowledgement(subject: &Subject<'_>, config: &pull::Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let consumer = scene_of(&scene, config, 3).await?;
            let messages = fetch(&scene, &consumer, 2).await?;
            endpoint.expect(
                "fetch a batch of 2",
                &vec![(1, 1), (2, 1)],
                &deliveries(&scene, &messages)?,
            )?;
            unacknowledged(&scene, &consumer, "wait for an acknowledgement of each message", 2).await?;
            for message in &messages {
                message.ack().await.map_err(scene.failed("acknowledge a message"))?;
            }
            unacknowledged(&scene, &consumer, "take the acknowledgements", 0).await?;

            let another = client::connect(endpoint).await?;
            let name = consumer.cached_info().name.as_str();
            let resumed: PullConsumer = another
                .get_consumer_from_stream(name, scene.name.as_str())
                .await
                .map_err(scene.failed("resume the consumer"))?;
            let rest = fetch(&scene, &resumed, 3).await?;
            let resuming = "deliver to another connection what is left";
            endpoint.expect(resuming, &vec![(3, 1)], &deliveries(&scene, &rest)?)?;
            Evidence::proved("2 of 3 messages acknowledged; another connection was delivered the third alone")
        })
        .await
}

/// A confirmed acknowledgement counts for its message alone, and at once.
pub async fn double_acknowledgement(subject: &Subject<'_>, config: &pull::Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let consumer = scene_of(&scene, config, 2).await?;
            let messages = fetch(&scene, &consumer, 2).await?;
            endpoint.expect(
                "fetch a batch of 2",
                &vec![(1, 1), (2, 1)],
                &deliveries(&scene, &messages)?,
            )?;
            let acknowledging = "confirm the acknowledgement of the second message";
            for message in messages.iter().skip(1) {
                message.double_ack().await.map_err(endpoint.failed(acknowledging))?;
            }
            // Not asked again and again: what is confirmed has happened.
            let info = consumer
                .get_info()
                .await
                .map_err(scene.failed("ask for the consumer"))?;
            let state = (info.num_ack_pending, info.ack_floor.stream_sequence);
            endpoint.expect("leave the first message unacknowledged", &(1, 0), &state)?;
            Evidence::proved("the second of 2 messages acknowledged and confirmed, the first is still due")
        })
        .await
}

/// A message that nobody acknowledges comes again when the wait of `config` is over, and not before.
pub async fn redelivery(subject: &Subject<'_>, config: &pull::Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let consumer = scene_of(&scene, config, 1).await?;
            let fetched = Instant::now();
            first(&scene, &consumer).await?;
            let waited = comes_again(&scene, &consumer, fetched, config.ack_wait).await?;
            Evidence::proved(format!(
                "delivered a second time after {}, for an acknowledgement due in {}",
                milliseconds(waited),
                milliseconds(config.ack_wait)
            ))
        })
        .await
}

/// A message answered with `answer`, a refusal with a delay, comes again when the delay is over, and not before.
pub async fn negative_acknowledgement(subject: &Subject<'_>, answer: AckKind) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let consumer = scene_of(&scene, &durable("worker"), 1).await?;
            let message = first(&scene, &consumer).await?;
            let refused = Instant::now();
            message
                .ack_with(answer)
                .await
                .map_err(scene.failed("refuse a message"))?;
            let waited = comes_again(&scene, &consumer, refused, DELAY).await?;
            Evidence::proved(format!(
                "refused for {}, delivered a second time after {}",
                milliseconds(DELAY),
                milliseconds(waited)
            ))
        })
        .await
}

/// While a worker answers `answer`, that it is at work, its message is nobody else's; when it falls silent, it is.
pub async fn in_progress(subject: &Subject<'_>, answer: AckKind) -> Result<Evidence, EngineError> {
    // Longer than a busy machine holds a report back.
    let config = pull::Config {
        ack_wait: Duration::from_secs(1),
        ..impatient()
    };
    let work = config.ack_wait * 2;
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let consumer = scene_of(&scene, &config, 1).await?;
            let message = first(&scene, &consumer).await?;
            let began = Instant::now();
            let mut last = began;
            while began.elapsed() < work {
                last = Instant::now();
                message
                    .ack_with(answer)
                    .await
                    .map_err(scene.failed("report progress"))?;
                sleep(config.ack_wait / 6).await;
                let others = deliveries(&scene, &fetch(&scene, &consumer, 1).await?)?;
                endpoint.expect("leave a message to the worker that is at it", &vec![], &others)?;
            }
            let waited = comes_again(&scene, &consumer, last, config.ack_wait).await?;
            Evidence::proved(format!(
                "kept for {} of work, and delivered again {} after the last word",
                milliseconds(work),
                milliseconds(waited)
            ))
        })
        .await
}

/// A message answered with `answer`, that it is never to come again, does not, and the server says so.
pub async fn termination(subject: &Subject<'_>, answer: AckKind) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let mut advisories = advisories(&scene, "MSG_TERMINATED", "worker").await?;
            let consumer = scene_of(&scene, &durable("worker"), 2).await?;
            let message = first(&scene, &consumer).await?;
            message
                .double_ack_with(answer)
                .await
                .map_err(scene.failed("terminate a message"))?;
            let rest = deliveries(&scene, &fetch(&scene, &consumer, 2).await?)?;
            endpoint.expect("deliver a terminated message no more", &vec![(2, 1)], &rest)?;
            let advisory = advisory(&scene, &mut advisories, "advise of a terminated message").await?;
            endpoint.expect(
                "advise of a terminated message",
                &Value::from(1),
                &advisory["stream_seq"],
            )?;
            Evidence::proved("terminated, not delivered again, and the advisory names sequence 1")
        })
        .await
}

/// A message that is refused each time is delivered three times, and the server says that it gave up.
pub async fn delivery_limit(subject: &Subject<'_>, config: &pull::Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let mut advisories = advisories(&scene, "MAX_DELIVERIES", "worker").await?;
            let consumer = scene_of(&scene, config, 1).await?;
            for delivery in 1..=DELIVERIES {
                let message = next(&scene, &consumer).await?;
                let delivered = deliveries(&scene, message.as_slice())?;
                endpoint.expect("count the deliveries", &vec![(1, delivery)], &delivered)?;
                if let Some(message) = message {
                    message
                        .double_ack_with(AckKind::Nak(None))
                        .await
                        .map_err(scene.failed("refuse a message"))?;
                }
            }
            let more = deliveries(&scene, &fetch(&scene, &consumer, 1).await?)?;
            endpoint.expect("give a message up", &vec![], &more)?;
            let advising = "advise of a message that is given up";
            let advisory = advisory(&scene, &mut advisories, advising).await?;
            let told = (&advisory["stream_seq"], &advisory["deliveries"]);
            endpoint.expect(advising, &(&Value::from(1), &Value::from(DELIVERIES)), &told)?;
            Evidence::proved(format!(
                "refused and delivered {DELIVERIES} times, then given up with an advisory"
            ))
        })
        .await
}

/// Listens for advisories of `kind` about a consumer of the stream.
async fn advisories(scene: &Scene<'_>, kind: &str, consumer: &str) -> Result<async_nats::Subscriber, EngineError> {
    let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.{kind}.{}.{consumer}", scene.name);
    let subscriber = scene.jetstream.client().subscribe(subject).await;
    subscriber.map_err(scene.failed("listen for advisories"))
}

async fn advisory(
    scene: &Scene<'_>,
    advisories: &mut async_nats::Subscriber,
    action: &str,
) -> Result<Value, EngineError> {
    let Ok(Some(advisory)) = timeout(PATIENCE, advisories.next()).await else {
        return Err(scene.endpoint.unexpected(action, "an advisory", "none"));
    };
    serde_json::from_slice(&advisory.payload).map_err(scene.endpoint.failed(action))
}
