//! What stays in a topic: the last record of a key, and everything over a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::producer::FutureRecord;

use super::super::super::asking::{eventually, prove_and_remove, until_answered};
use super::super::super::{EngineError, Evidence, Restart, Subject, Waiting};
use super::super::readiness;
use super::Options;
use super::groups::{commit, committed};
use super::scene::{Producer, Record, Scene, values};

/// Compacted as soon as the cleaner comes by, which it does every few seconds.
pub const COMPACTED: Options<'static> = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "100"),
    ("min.cleanable.dirty.ratio", "0.01"),
];
/// Several rounds of the cleaner, at `log.cleaner.backoff.ms`.
const PATIENCE: Duration = Duration::from_secs(30);
const VERSIONS: usize = 10;

/// Of every key in a topic with `config` the last record stays.
pub async fn compaction(subject: &Subject<'_>, config: Options<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, config).await?;
        let producer: Producer = scene.client(&[])?;
        for version in 0..VERSIONS {
            for key in ["EURUSD", "XAUUSD"] {
                write(&scene, &producer, key, &version.to_string()).await?;
            }
        }
        let expected =
            BTreeMap::from(["EURUSD", "XAUUSD"].map(|key| (key.to_owned(), vec![(VERSIONS - 1).to_string()])));
        let last = Waiting::new();
        let compacted = eventually(PATIENCE, || async {
            // The segment that is written to is never compacted: this one closes it.
            write(&scene, &producer, "(closes a segment)", "").await?;
            let found = by_key(scene.read(&[]).await?);
            last.because(format!("{found:?}"));
            Ok((found == expected).then_some(()))
        })
        .await?;
        compacted.ok_or_else(|| {
            let action = format!("compact {}", scene.topic);
            subject
                .endpoint
                .unexpected(&action, format!("{expected:?}"), last.reason())
        })?;
        Evidence::proved(format!("of {VERSIONS} records for each of 2 keys the last ones stay"))
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

async fn write(scene: &Scene<'_>, producer: &Producer, key: &str, value: &str) -> Result<(), EngineError> {
    let record = FutureRecord::to(&scene.topic).key(key).payload(value);
    let sent = scene.send(producer, record).await;
    sent.map(drop)
        .map_err(scene.endpoint.failed(format!("produce to {}", scene.topic)))
}

/// The values of each key, without those that close segments.
fn by_key(records: Vec<Record>) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records.into_iter().filter(|record| !record.value.is_empty()) {
        keys.entry(record.key).or_default().push(record.value);
    }
    keys
}

/// Records and committed offsets outlive a restart of the broker.
pub async fn persistence(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const DONE: i64 = 2;
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("it restarts the broker".to_owned()));
    };
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, &[]).await?;
        scene.write(&scene.client(&[])?, &["r0", "r1", "r2"]).await?;
        commit(&scene, DONE).await?;
        let endpoint = restart.restart(&subject.endpoint.service).await?;
        let probe = tokio::sync::OnceCell::new();
        until_answered(&Waiting::new(), || readiness::ask(&endpoint, &probe)).await;

        let scene = scene.moved(&endpoint)?;
        let found = scene.read(&[]).await?;
        endpoint.expect("read what was there before", &vec!["r0", "r1", "r2"], &values(&found))?;
        endpoint.expect("read what was committed before", &Some(DONE), &committed(&scene).await?)?;
        scene.write(&scene.client(&[])?, &["r3"]).await?;
        Evidence::proved("3 records and the committed offset 2 are there when the broker comes back")
    };
    prove_and_remove(subject.endpoint, Box::pin(proof), remove(subject, restart, &scene)).await
}

/// From wherever the broker is now.
async fn remove(subject: &Subject<'_>, restart: &dyn Restart, scene: &Scene<'_>) -> Result<(), EngineError> {
    match restart.endpoint(&subject.endpoint.service).await {
        Some(endpoint) => scene.moved(&endpoint)?.remove().await,
        None => scene.remove().await,
    }
}
