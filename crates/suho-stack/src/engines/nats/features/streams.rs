//! What a stream does with what is published to it.

use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, StorageType};

use super::super::super::asking::eventually;
use super::super::super::{EngineError, Evidence, Subject};
use super::scene::{STREAM, Scene, numbered};
use super::{PATIENCE, milliseconds};

/// How long an id is remembered in [`deduplicating`].
const WINDOW: Duration = Duration::from_secs(1);

/// A small stream in memory, of which most checks change one line.
#[must_use]
pub fn in_memory() -> Config {
    Config {
        storage: StorageType::Memory,
        max_bytes: 64 << 10,
        ..Config::default()
    }
}

/// A small stream on the disk.
#[must_use]
pub fn on_file() -> Config {
    Config {
        storage: StorageType::File,
        ..in_memory()
    }
}

/// A stream that remembers for a second which ids it has stored.
#[must_use]
pub fn deduplicating() -> Config {
    Config {
        duplicate_window: WINDOW,
        ..in_memory()
    }
}

/// A stream on the disk keeps what is published to it.
pub async fn file(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    keeps_everything(subject, config, StorageType::File).await
}

/// A stream in memory keeps what is published to it.
pub async fn memory(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    keeps_everything(subject, config, StorageType::Memory).await
}

async fn keeps_everything(
    subject: &Subject<'_>,
    config: &Config,
    storage: StorageType,
) -> Result<Evidence, EngineError> {
    const COUNT: u64 = 5;
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            endpoint.expect("create a stream", &storage, &stream.cached_info().config.storage)?;
            scene.store_many(COUNT).await?;
            let kept = scene.kept(&stream).await?;
            endpoint.expect("keep every message", &numbered(1, COUNT), &kept)?;
            Evidence::proved(format!("{COUNT} messages published and each read back by its sequence"))
        })
        .await
}

/// Within the window of `config` an id is stored once, and after it again.
pub async fn deduplication(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    let order = || scene.store(PublishMessage::build().message_id("order-1").payload("buy".into()));
    scene
        .prove(async {
            scene.stream(config).await?;
            let published = Instant::now();
            let first = order().await?;
            let second = order().await?;
            endpoint.expect(
                "store the first message of an id",
                &(1, false),
                &(first.sequence, first.duplicate),
            )?;
            let publishing = "publish a second message of the same id";
            endpoint.expect(publishing, &(1, true), &(second.sequence, second.duplicate))?;

            let stored = || async { Ok(Some(order().await?).filter(|ack| !ack.duplicate)) };
            let again = eventually(PATIENCE, stored).await?;
            let remembered = published.elapsed();
            let publishing = "publish the id again after its window";
            let Some(again) = again else {
                return Err(endpoint.unexpected(publishing, "a new message", "a duplicate still"));
            };
            scene.not_before("forget an id", WINDOW, remembered)?;
            endpoint.expect(publishing, &2, &again.sequence)?;
            Evidence::proved(format!(
                "the second message of an id was a duplicate of sequence 1, and stored after {}",
                milliseconds(remembered)
            ))
        })
        .await
}

/// `stale` expects message 1 to be the last of a stream that has two: it is refused and the stream stays as it is.
pub async fn expected_sequence(subject: &Subject<'_>, stale: &PublishMessage) -> Result<Evidence, EngineError> {
    let current = PublishMessage::build().expected_last_sequence(2);
    expectation(subject, stale, current, ErrorCode::STREAM_WRONG_LAST_SEQUENCE).await
}

/// `stale` expects `tick-1` to be the last id of a stream that has `tick-2`: it is refused and the stream stays as it is.
pub async fn expected_message_id(subject: &Subject<'_>, stale: &PublishMessage) -> Result<Evidence, EngineError> {
    let current = PublishMessage::build().expected_last_message_id("tick-2");
    expectation(subject, stale, current, ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID).await
}

async fn expectation(
    subject: &Subject<'_>,
    stale: &PublishMessage,
    current: PublishMessage,
    code: ErrorCode,
) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let stream = scene.stream(&in_memory()).await?;
            for id in ["tick-1", "tick-2"] {
                scene.store(PublishMessage::build().message_id(id)).await?;
            }
            let publishing = "publish what expects the last message but one";
            let refusal = scene.is_refused(publishing, stale.clone(), code).await?;
            let last = scene.state(&stream).await?.last_sequence;
            endpoint.expect("leave the stream as it is", &2, &last)?;
            let stored = scene.store(current).await?;
            endpoint.expect("publish what expects the last message", &3, &stored.sequence)?;
            Evidence::proved(format!("a stale expectation: {refusal}; the right one was stored"))
        })
        .await
}
