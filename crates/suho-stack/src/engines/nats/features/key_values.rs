//! Key-value buckets.

use std::time::{Duration, Instant};

use async_nats::jetstream::kv::{Config, Entry, Operation, Store};
use async_nats::jetstream::stream::StorageType;
use futures::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use super::super::super::{EngineError, Evidence, Subject};
use super::scene::{BUCKET, Scene};
use super::{PATIENCE, milliseconds};

const KEY: &str = "limits.trader-1";
/// How many values of a key [`with_history`] keeps.
const HISTORY: u64 = 3;
/// The shortest life that a single key can have: the protocol counts it in seconds.
const LIFE: Duration = Duration::from_secs(1);

/// A small bucket in memory, of which most checks change one line.
#[must_use]
pub fn in_memory() -> Config {
    Config {
        storage: StorageType::Memory,
        max_bytes: 64 << 10,
        history: 1,
        ..Config::default()
    }
}

/// A bucket that remembers the last three values of a key.
#[must_use]
pub fn with_history() -> Config {
    Config {
        history: 3,
        ..in_memory()
    }
}

/// A bucket whose keys live for a fifth of a second.
#[must_use]
pub fn short_lived() -> Config {
    Config {
        max_age: Duration::from_millis(200),
        ..in_memory()
    }
}

/// A bucket whose keys may have a life of their own.
#[must_use]
pub fn with_markers() -> Config {
    Config {
        limit_markers: Some(LIFE),
        ..in_memory()
    }
}

/// How a writer writes a key that exists.
#[derive(Debug, Clone, Copy)]
pub enum Write {
    /// Whatever is there.
    Put,
    /// Only where nothing is.
    Create,
    /// Only over this revision.
    Over(u64),
}

impl Write {
    /// The revision that was written, or what the bucket said.
    async fn to(self, bucket: &Store, value: &'static str) -> Result<u64, String> {
        let value = value.into();
        match self {
            Self::Put => bucket.put(KEY, value).await.map_err(|error| error.to_string()),
            Self::Create => bucket.create(KEY, value).await.map_err(|error| error.to_string()),
            Self::Over(revision) => bucket
                .update(KEY, value, revision)
                .await
                .map_err(|error| error.to_string()),
        }
    }
}

/// The last values of a key can be read with their revisions.
pub async fn history(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    const WRITTEN: u64 = 5;
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let bucket = create(&scene, config).await?;
            for value in 1..=WRITTEN {
                put(&scene, &bucket, KEY, &value.to_string()).await?;
            }
            let history = bucket.history(KEY).await.map_err(scene.failed("ask for the history"))?;
            let entries: Vec<Entry> = history.try_collect().await.map_err(scene.failed("read the history"))?;
            let found: Vec<_> = entries
                .iter()
                .map(|entry| (entry.revision, text(&entry.value)))
                .collect();
            let expected: Vec<_> = (WRITTEN - HISTORY + 1..=WRITTEN)
                .map(|value| (value, value.to_string()))
                .collect();
            endpoint.expect("remember the last values of a key", &expected, &found)?;
            Evidence::proved(format!(
                "of {WRITTEN} values of a key the last {HISTORY}, with their revisions"
            ))
        })
        .await
}

/// `stale` is written over a revision that is no longer the last: it is refused, and the value stays.
pub async fn compare_and_set(subject: &Subject<'_>, stale: Write) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let bucket = create(&scene, &in_memory()).await?;
            put(&scene, &bucket, KEY, "100").await?;
            put(&scene, &bucket, KEY, "200").await?;
            let refusal = is_refused(&scene, &bucket, "write over an old revision", stale).await?;
            endpoint.expect(
                "keep the value",
                &Some("200".to_owned()),
                &get(&scene, &bucket, KEY).await?,
            )?;
            let written = Write::Over(2).to(&bucket, "300").await;
            endpoint.expect("write over the last revision", &Ok(3), &written)?;
            Evidence::proved(format!("over revision 1: {refusal}; over revision 2: written as 3"))
        })
        .await
}

/// `second` writes a key that exists as if it did not: it is refused, until the key is deleted.
pub async fn create_conflict(subject: &Subject<'_>, second: Write) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let bucket = create(&scene, &in_memory()).await?;
            endpoint.expect("create a key", &Ok(1), &Write::Create.to(&bucket, "first").await)?;
            let refusal = is_refused(&scene, &bucket, "create a key that exists", second).await?;
            endpoint.expect(
                "keep the value",
                &Some("first".to_owned()),
                &get(&scene, &bucket, KEY).await?,
            )?;
            bucket.delete(KEY).await.map_err(scene.failed("delete the key"))?;
            let created = Write::Create.to(&bucket, "third").await;
            endpoint.expect("create a key that was deleted", &Ok(3), &created)?;
            Evidence::proved(format!("a second creation: {refusal}; after a deletion: created anew"))
        })
        .await
}

/// Every key of a bucket is gone when it has reached the age of `config`, and not before.
pub async fn bucket_life(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    scene
        .prove(async {
            let bucket = create(&scene, config).await?;
            let written = Instant::now();
            put(&scene, &bucket, KEY, "100").await?;
            let lived = expires(&scene, &bucket, written, config.max_age).await?;
            Evidence::proved(format!(
                "a key that may live {} was gone after {}",
                milliseconds(config.max_age),
                milliseconds(lived)
            ))
        })
        .await
}

/// A key that was created with a life of its own is gone after it, and its neighbour stays.
pub async fn key_life(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    const LASTING: &str = "limits.trader-2";
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let bucket = create(&scene, config).await?;
            put(&scene, &bucket, LASTING, "200").await?;
            let written = Instant::now();
            bucket
                .create_with_ttl(KEY, "100".into(), LIFE)
                .await
                .map_err(scene.failed("create a key with a life of its own"))?;
            let lived = expires(&scene, &bucket, written, LIFE).await?;
            let neighbour = get(&scene, &bucket, LASTING).await?;
            endpoint.expect("keep a key without a limit", &Some("200".to_owned()), &neighbour)?;
            Evidence::proved(format!(
                "a key for {} was gone after {}, its neighbour was not",
                milliseconds(LIFE),
                milliseconds(lived)
            ))
        })
        .await
}

/// A watch over `watched`, the limits, hears each of their changes, in order, and no others.
pub async fn watch(subject: &Subject<'_>, watched: &str) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, BUCKET).await?;
    let endpoint = scene.endpoint;
    scene
        .prove(async {
            let bucket = create(&scene, &with_history()).await?;
            let mut watch = bucket.watch(watched).await.map_err(scene.failed("watch keys"))?;
            put(&scene, &bucket, KEY, "100").await?;
            put(&scene, &bucket, "prices.eurusd", "1.1").await?;
            put(&scene, &bucket, KEY, "200").await?;
            bucket.delete(KEY).await.map_err(scene.failed("delete the key"))?;
            let expected = [
                (1, Operation::Put, "100".to_owned()),
                (3, Operation::Put, "200".to_owned()),
                (4, Operation::Delete, String::new()),
            ];
            for change in expected {
                let Ok(Some(heard)) = timeout(PATIENCE, watch.next()).await else {
                    return Err(endpoint.unexpected("tell a watch of a change", format!("{change:?}"), "none"));
                };
                let heard = heard.map_err(scene.failed("hear a change"))?;
                let heard = (heard.revision, heard.operation, text(&heard.value));
                endpoint.expect("tell a watch of a change", &change, &heard)?;
            }
            Evidence::proved("2 values and a deletion heard in order, and nothing of another key")
        })
        .await
}

async fn create(scene: &Scene<'_>, config: &Config) -> Result<Store, EngineError> {
    let config = Config {
        bucket: scene.name.clone(),
        ..config.clone()
    };
    let created = scene.jetstream.create_key_value(config).await;
    created.map_err(scene.endpoint.failed(format!("create the bucket {}", scene.name)))
}

async fn put(scene: &Scene<'_>, bucket: &Store, key: &str, value: &str) -> Result<u64, EngineError> {
    let written = bucket.put(key, value.to_owned().into()).await;
    written.map_err(scene.failed("put a value"))
}

async fn get(scene: &Scene<'_>, bucket: &Store, key: &str) -> Result<Option<String>, EngineError> {
    let value = bucket.get(key).await.map_err(scene.failed("get a value"))?;
    Ok(value.as_deref().map(text))
}

async fn is_refused(scene: &Scene<'_>, bucket: &Store, action: &str, write: Write) -> Result<String, EngineError> {
    match write.to(bucket, "nobody's").await {
        Err(refusal) => Ok(refusal),
        Ok(revision) => {
            let found = format!("written as revision {revision}");
            Err(scene.endpoint.unexpected(action, "a refusal", found))
        }
    }
}

/// Waits until the key is gone, no sooner than `life` after `written`; how long it lived.
async fn expires(scene: &Scene<'_>, bucket: &Store, written: Instant, life: Duration) -> Result<Duration, EngineError> {
    let is_gone = || async { Ok(get(scene, bucket, KEY).await?.is_none()) };
    scene.lives("expire a key", written, life, is_gone).await
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
