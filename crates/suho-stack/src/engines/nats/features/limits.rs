//! Where a stream, a message and an account end.

use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::super::{Endpoint, EngineError, Evidence, Subject};
use super::super::client::{self, SERVICE};
use super::scene::{STREAM, Scene, numbered, payload};
use super::streams::in_memory;
use super::{PATIENCE, milliseconds};

/// How many messages [`discarding_old`] and [`discarding_new`] keep.
const MESSAGES: u64 = 3;

/// A stream that drops its oldest message for a fourth.
#[must_use]
pub fn discarding_old() -> Config {
    Config {
        max_messages: 3,
        discard: DiscardPolicy::Old,
        ..in_memory()
    }
}

/// A stream that refuses a fourth message.
#[must_use]
pub fn discarding_new() -> Config {
    Config {
        discard: DiscardPolicy::New,
        ..discarding_old()
    }
}

/// A stream with room for four messages of a thousand bytes, whatever else is stored with each.
#[must_use]
pub fn of_4500_bytes() -> Config {
    Config {
        max_bytes: 4500,
        ..in_memory()
    }
}

/// A stream that forgets after a fifth of a second.
#[must_use]
pub fn short_lived() -> Config {
    Config {
        max_age: Duration::from_millis(200),
        ..in_memory()
    }
}

/// A stream with room for one message of the largest size.
#[must_use]
pub fn spacious() -> Config {
    Config {
        max_bytes: 8 << 20,
        ..in_memory()
    }
}

/// A full stream drops its oldest messages for new ones.
pub async fn discard_old(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    const PUBLISHED: u64 = 5;
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            scene.store_many(PUBLISHED).await?;
            let newest = numbered(PUBLISHED - MESSAGES + 1, PUBLISHED);
            let kept = scene.kept(&stream).await?;
            scene.endpoint.expect("keep the newest messages only", &newest, &kept)?;
            Evidence::proved(format!("of {PUBLISHED} messages the newest {MESSAGES} were kept"))
        })
        .await
}

/// A full stream refuses new messages and keeps what it has.
pub async fn discard_new(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            scene.store_many(MESSAGES).await?;
            let more = PublishMessage::build().payload(payload(MESSAGES + 1).into());
            let publishing = "publish to a full stream";
            let refusal = scene
                .is_refused(publishing, more, ErrorCode::STREAM_STORE_FAILED)
                .await?;
            let kept = scene.kept(&stream).await?;
            scene
                .endpoint
                .expect("keep the oldest messages", &numbered(1, MESSAGES), &kept)?;
            Evidence::proved(format!("message {} was refused: {refusal}", MESSAGES + 1))
        })
        .await
}

/// A stream never holds more bytes than it may.
pub async fn bytes(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    const PUBLISHED: u64 = 10;
    const SIZE: usize = 1000;
    const ROOM: u64 = 4;
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            for _ in 0..PUBLISHED {
                scene
                    .store(PublishMessage::build().payload(vec![b'x'; SIZE].into()))
                    .await?;
            }
            let state = scene.state(&stream).await?;
            let newest = (PUBLISHED - ROOM + 1, PUBLISHED, ROOM);
            let kept = (state.first_sequence, state.last_sequence, state.messages);
            scene
                .endpoint
                .expect("keep the newest messages that fit", &newest, &kept)?;
            Evidence::proved(format!(
                "of {PUBLISHED} messages of {SIZE} bytes {ROOM} were kept, in {} bytes",
                state.bytes
            ))
        })
        .await
}

/// A message is gone when it has reached the age of `config`, and not before.
pub async fn age(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let stream = scene.stream(config).await?;
            let published = Instant::now();
            scene.store_many(1).await?;
            let is_gone = || async { Ok(scene.state(&stream).await?.messages == 0) };
            let age = scene
                .lives("expire a message", published, config.max_age, is_gone)
                .await?;
            Evidence::proved(format!(
                "a message that may be {} old was gone after {}",
                milliseconds(config.max_age),
                milliseconds(age)
            ))
        })
        .await
}

/// The largest message that the server announces is taken by the stream of `config`, one byte more is refused.
pub async fn payload_size(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            scene.stream(config).await?;
            let most = scene.jetstream.client().server_info().max_payload;
            scene
                .store(PublishMessage::build().payload(vec![0; most].into()))
                .await?;
            let answer = publish_raw(endpoint, &scene.name, most + 1).await?;
            let publishing = format!("publish {} bytes", most + 1);
            endpoint.expect(&publishing, "-ERR 'Maximum Payload Violation'", &answer)?;
            Evidence::proved(format!(
                "{most} bytes were taken, one more was a Maximum Payload Violation"
            ))
        })
        .await
}

/// The server's word to a message of `size` bytes. The client itself would not send it, so this speaks the protocol.
async fn publish_raw(endpoint: &Endpoint, subject: &str, size: usize) -> Result<String, EngineError> {
    let publishing = "publish without the client";
    let failed = |error: std::io::Error| endpoint.failed(publishing)(error);
    let connect = serde_json::json!({
        "user": SERVICE.name,
        "pass": endpoint.credential(SERVICE.password)?,
        "verbose": false,
        "pedantic": false,
    });
    let stream = TcpStream::connect(endpoint.address(client::PORT)?)
        .await
        .map_err(failed)?;
    let mut server = BufReader::new(stream).lines();
    let words = format!("CONNECT {connect}\r\nPING\r\nPUB {subject} {size}\r\n");
    server.get_mut().write_all(words.as_bytes()).await.map_err(failed)?;
    endpoint.expect("log in", "PONG", &answer(&mut server).await.map_err(failed)?)?;
    // The size alone is refused; a server that would take the message says nothing, and waits for the payload.
    match timeout(PATIENCE, answer(&mut server)).await {
        Ok(refusal) => refusal.map_err(failed),
        Err(_) => Ok("no refusal".to_owned()),
    }
}

/// The next line that is an answer: the server introduces itself, and asks in its turn whether the client is there.
async fn answer(server: &mut Lines<BufReader<TcpStream>>) -> std::io::Result<String> {
    loop {
        let line = server.next_line().await?.unwrap_or_default();
        if line != "PING" && !line.starts_with("INFO ") {
            return Ok(line);
        }
    }
}

/// A stream that is larger than the account may be is refused, on the disk and in memory.
pub async fn account(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, STREAM).await?;
    scene
        .prove(async {
            let account = scene.jetstream.query_account().await;
            let limits = account.map_err(scene.failed("ask for the account"))?.limits;
            let code = ErrorCode::STORAGE_RESOURCES_EXCEEDED;
            let file = too_large(&scene, StorageType::File, limits.max_storage, code).await?;
            let code = ErrorCode::MEMORY_RESOURCES_EXCEEDED;
            let memory = too_large(&scene, StorageType::Memory, limits.max_memory, code).await?;
            Evidence::proved(format!("{file}; {memory}"))
        })
        .await
}

/// Asks for a stream of a byte more than `limit`, which the server owes to refuse with `code`.
async fn too_large(
    scene: &Scene<'_>,
    storage: StorageType,
    limit: Option<i64>,
    code: ErrorCode,
) -> Result<String, EngineError> {
    let Some(limit @ 1..) = limit else {
        let action = format!("limit what the account stores as {storage:?}");
        let expected = "a number of bytes";
        return Err(scene.endpoint.unexpected(&action, expected, format!("{limit:?}")));
    };
    let config = Config {
        storage,
        max_bytes: limit + 1,
        ..Config::default()
    };
    let creating = format!("create a stream of storage {storage:?} and {} bytes", limit + 1);
    let api = format!("STREAM.CREATE.{}", scene.name);
    let refusal = scene
        .is_not_created(&creating, api, &scene.named(&config), code)
        .await?;
    Ok(format!("a byte over {limit} as {storage:?}: {refusal}"))
}
