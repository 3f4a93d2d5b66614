//! Writers who send again, in transactions, or after somebody else has taken their place.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer as _};

use super::super::super::asking::prove_and_remove;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::wire::{Batch, Identity};
use super::Options;
use super::scene::{CALL_LIMIT, Producer, Scene, values};

/// How a writer makes himself known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// By an identity that the broker gave him.
    Idempotent,
    /// Not at all.
    Anonymous,
}

/// Sees only what was committed.
pub const COMMITTED: Options<'static> = &[("isolation.level", "read_committed")];
/// Sees everything.
pub const UNCOMMITTED: Options<'static> = &[("isolation.level", "read_uncommitted")];
/// What is added to the name of a transactional writer to name his successor: nothing.
pub const SAME_NAME: &str = "";

/// A batch that is sent again is stored once, and one that comes too early is refused.
pub async fn idempotence(subject: &Subject<'_>, writer: Writer) -> Result<Evidence, EngineError> {
    const OUT_OF_ORDER: i16 = 45;
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, &[]).await?;
        let producing = format!("produce to {}", scene.topic);
        let mut wire = super::super::log_in(subject.endpoint).await?;
        let identity = match writer {
            Writer::Idempotent => wire
                .identity()
                .await
                .map_err(subject.endpoint.failed("be given an identity"))?,
            Writer::Anonymous => Identity::NONE,
        };
        let steps = [
            ("a first batch", 0, Ok(0)),
            ("it again", 0, Ok(0)),
            ("one too early", 2, Err(OUT_OF_ORDER)),
        ];
        for (step, sequence, expected) in steps {
            let batch = Batch {
                identity,
                sequence: if writer == Writer::Idempotent { sequence } else { -1 },
                value: b"once",
            };
            let taken = wire.produce(&scene.topic, &batch).await;
            let taken = taken.map_err(subject.endpoint.failed(&producing))?;
            subject
                .endpoint
                .expect(&format!("{producing} {step}"), &expected, &taken)?;
        }
        let stored = scene.read(&[]).await?;
        subject
            .endpoint
            .expect("read what was sent twice", &vec!["once"], &values(&stored))?;
        Evidence::proved("a batch sent twice is stored once; one that skips its predecessor is refused")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// What a transaction has written is there when it is committed, and never for `reader` where it is aborted.
pub async fn transactions(subject: &Subject<'_>, reader: Options<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, &[]).await?;
        let producer = transactional(&scene, &scene.topic).await?;
        write_in_transaction(&scene, &producer, &["a1", "a2"]).await?;
        let aborted = producer.call(|producer| producer.abort_transaction(CALL_LIMIT)).await;
        aborted.map_err(subject.endpoint.failed("abort a transaction"))?;
        write_in_transaction(&scene, &producer, &["c1", "c2", "c3"]).await?;
        let committed = producer.call(|producer| producer.commit_transaction(CALL_LIMIT)).await;
        committed.map_err(subject.endpoint.failed("commit a transaction"))?;

        let seen = scene.read(reader).await?;
        subject
            .endpoint
            .expect("read what was committed", &vec!["c1", "c2", "c3"], &values(&seen))?;
        let everything = scene.read(UNCOMMITTED).await?;
        subject.endpoint.expect(
            "read what was written",
            &vec!["a1", "a2", "c1", "c2", "c3"],
            &values(&everything),
        )?;
        Evidence::proved("of 5 records the 3 committed ones are seen; read_uncommitted sees the 2 aborted ones too")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// A writer whose place is taken by another of his name, to which `suffix` is added, can commit nothing more.
pub async fn fencing(subject: &Subject<'_>, suffix: &str) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, &[]).await?;
        let first = transactional(&scene, &scene.topic).await?;
        write_in_transaction(&scene, &first, &["by the first"]).await?;
        let second = transactional(&scene, &format!("{}{suffix}", scene.topic)).await?;
        write_in_transaction(&scene, &second, &["by the second"]).await?;
        let committed = second.call(|producer| producer.commit_transaction(CALL_LIMIT)).await;
        committed.map_err(subject.endpoint.failed("commit as the second writer"))?;

        let committing = "commit as a writer whose place is taken";
        match first.call(|producer| producer.commit_transaction(CALL_LIMIT)).await {
            Err(KafkaError::Transaction(error)) if error.code() == RDKafkaErrorCode::Fenced => {}
            Err(error) => return Err(subject.endpoint.failed(committing)(error)),
            Ok(()) => {
                return Err(subject
                    .endpoint
                    .unexpected(committing, "that he is fenced", "that it is done"));
            }
        }
        let seen = scene.read(COMMITTED).await?;
        subject
            .endpoint
            .expect("read what was committed", &vec!["by the second"], &values(&seen))?;
        Evidence::proved("the first of two writers of one name is fenced, and what he wrote is not seen")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

async fn transactional(scene: &Scene<'_>, name: &str) -> Result<Producer, EngineError> {
    let producer: Producer = scene.client(&[("transactional.id", name)])?;
    producer
        .call(|producer| producer.init_transactions(CALL_LIMIT))
        .await
        .map_err(scene.endpoint.failed("take a place as a transactional writer"))?;
    Ok(producer)
}

async fn write_in_transaction(scene: &Scene<'_>, producer: &Producer, records: &[&str]) -> Result<(), EngineError> {
    let begun = producer.call(FutureProducer::begin_transaction).await;
    begun.map_err(scene.endpoint.failed("begin a transaction"))?;
    scene.write(producer, records).await
}
