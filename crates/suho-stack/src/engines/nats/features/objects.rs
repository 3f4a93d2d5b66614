//! Object stores.

use async_nats::jetstream::object_store::{Config, ObjectStore};
use async_nats::jetstream::stream::StorageType;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::super::super::{EngineError, Evidence, Subject};
use super::scene::{OBJECTS, Scene};

/// More than the largest chunk, which is 128 KiB.
const SIZE: usize = 300 << 10;
const NAME: &str = "reports/2026-11-25.csv";

/// A store in memory with room for one object.
#[must_use]
pub fn in_memory() -> Config {
    Config {
        storage: StorageType::Memory,
        max_bytes: 2 << 20,
        ..Config::default()
    }
}

/// An object comes back byte for byte, out of several chunks, under the digest of what was put in.
pub async fn object(subject: &Subject<'_>, config: &Config) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint, OBJECTS).await?;
    scene
        .prove(async {
            let config = Config {
                bucket: scene.name.clone(),
                ..config.clone()
            };
            let store = scene
                .jetstream
                .create_object_store(config)
                .await
                .map_err(scene.failed("create the object store"))?;
            let mut content = vec![0; SIZE];
            rand::fill(&mut content[..]);
            store
                .put(NAME, &mut content.as_slice())
                .await
                .map_err(scene.failed("put an object"))?;
            let chunks = described(&scene, &store, &content).await?;
            comes_back(&scene, &store, &content).await?;
            let stored = stored(&scene).await?;
            // Each chunk is a message, and so is the description.
            scene
                .endpoint
                .expect("store an object in chunks", &(chunks + 1), &stored)?;
            Evidence::proved(format!(
                "{SIZE} bytes in {chunks} chunks came back under the SHA-256 computed here"
            ))
        })
        .await
}

/// Holds the description of the object against its content; the number of its chunks.
async fn described(scene: &Scene<'_>, store: &ObjectStore, content: &[u8]) -> Result<usize, EngineError> {
    let info = store.info(NAME).await.map_err(scene.failed("describe the object"))?;
    let digest = format!("SHA-256={}", URL_SAFE.encode(Sha256::digest(content)));
    let described = (info.size, info.digest.unwrap_or_default());
    scene
        .endpoint
        .expect("describe the object", &(content.len(), digest), &described)?;
    if info.chunks < 2 {
        let found = info.chunks.to_string();
        return Err(scene.endpoint.unexpected("split the object", "several chunks", found));
    }
    Ok(info.chunks)
}

async fn comes_back(scene: &Scene<'_>, store: &ObjectStore, content: &[u8]) -> Result<(), EngineError> {
    let mut object = store.get(NAME).await.map_err(scene.failed("get the object"))?;
    let mut found = Vec::new();
    object
        .read_to_end(&mut found)
        .await
        .map_err(scene.failed("read the object"))?;
    if found != content {
        let lengths = (
            format!("the {} bytes that were put", content.len()),
            format!("{} others", found.len()),
        );
        return Err(scene.endpoint.unexpected("read the object", lengths.0, lengths.1));
    }
    Ok(())
}

/// The number of messages in the stream beneath.
async fn stored(scene: &Scene<'_>) -> Result<usize, EngineError> {
    let stream = scene.jetstream.get_stream(format!("{OBJECTS}{}", scene.name)).await;
    let stream = stream.map_err(scene.failed("find the stream beneath"))?;
    usize::try_from(stream.cached_info().state.messages).map_err(scene.failed("count the messages"))
}
