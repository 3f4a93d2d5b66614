//! What a topic's own configuration does.

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};

use super::super::super::asking::prove_and_remove;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::client::{Blocking, Words};
use super::super::wire::{Batch, Identity};
use super::Options;
use super::scene::{CALL_LIMIT, Scene};

/// What the topic of [`configuration`] owes.
pub const CONFIGURATION: Options<'static> = &[
    ("cleanup.policy", "compact"),
    ("retention.ms", "86400001"),
    ("segment.ms", "3600001"),
];
/// The largest batch, in bytes, that the topic of [`size_limit`] takes.
pub const SIZE_LIMIT: usize = 10_000;

/// A topic that is made with `config` has that of [`CONFIGURATION`], as the broker tells it.
pub async fn configuration(subject: &Subject<'_>, config: Options<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(3, config).await?;
        let reading = format!("read the configuration of {}", scene.topic);
        let admin: Blocking<AdminClient<Words>> = scene.client(&[])?;
        let topic = ResourceSpecifier::Topic(&scene.topic);
        let options = AdminOptions::new().request_timeout(Some(CALL_LIMIT));
        let admin = admin.client().map_err(subject.endpoint.failed(&reading))?;
        let described = admin.describe_configs([&topic], &options).await;
        let described = described.map_err(subject.endpoint.failed(&reading))?.remove(0);
        let described = described.map_err(subject.endpoint.failed(&reading))?;
        let told = |key: &str| {
            let entry = described.get(key).filter(|entry| !entry.is_default);
            entry.and_then(|entry| entry.value.clone())
        };
        for (key, value) in CONFIGURATION {
            subject
                .endpoint
                .expect(&format!("{reading}: {key}"), &Some((*value).to_owned()), &told(key))?;
        }
        Evidence::proved(format!(
            "{} keys of a topic are read back as its own",
            CONFIGURATION.len()
        ))
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// A batch of [`SIZE_LIMIT`] bytes is taken by a topic with `config`, and one of a byte more is refused.
pub async fn size_limit(subject: &Subject<'_>, config: Options<'_>) -> Result<Evidence, EngineError> {
    const MESSAGE_TOO_LARGE: i16 = 10;
    let scene = Scene::new(subject.endpoint)?;
    let proof = async {
        scene.create(1, config).await?;
        let mut wire = super::super::log_in(subject.endpoint).await?;
        for (size, expected) in [(SIZE_LIMIT, Ok(0)), (SIZE_LIMIT + 1, Err(MESSAGE_TOO_LARGE))] {
            let producing = format!("produce {size} bytes to {}", scene.topic);
            let value = filling(size).map_err(subject.endpoint.failed(&producing))?;
            let taken = wire.produce(&scene.topic, &anonymous(&value)).await;
            subject.endpoint.expect(
                &producing,
                &expected,
                &taken.map_err(subject.endpoint.failed(&producing))?,
            )?;
        }
        Evidence::proved(format!(
            "{SIZE_LIMIT} bytes are taken, one more is refused by its error code"
        ))
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

fn anonymous(value: &[u8]) -> Batch<'_> {
    Batch {
        identity: Identity::NONE,
        sequence: -1,
        value,
    }
}

/// A value whose batch is of `size` bytes.
fn filling(size: usize) -> std::io::Result<Vec<u8>> {
    let value = vec![b'x'; size];
    let around = anonymous(&value).encode()?.len() - size;
    let value = vec![b'x'; size - around];
    // The lengths in it may have become a byte shorter.
    let missing = size - anonymous(&value).encode()?.len();
    Ok(vec![b'x'; size - around + missing])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_filled_to_the_byte() {
        // Not where a length in the batch grows by a byte: no batch has the size between.
        for size in [100, 200, 5_000, 10_000, 10_001, 20_000] {
            let encoded = filling(size).and_then(|value| anonymous(&value).encode());
            assert_eq!(encoded.map(|batch| batch.len()).ok(), Some(size));
        }
    }
}
