//! What is still there when the server comes back.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, Info, StorageType};
use futures::TryStreamExt;

use super::super::super::asking::{prove_and_remove, until_answered};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError, Evidence, Restart, Subject, Waiting};
use super::super::{ask, client};
use super::consumers::durable;
use super::scene::{STREAM, Scene, numbered};
use super::worker::{deliveries, fetch, finish};

const CONSUMER: &str = "worker";

/// The names of the two streams.
struct Names {
    kept: String,
    lost: String,
}

/// The stream of `kept` outlives a restart, with what its consumer has acknowledged; that of `lost` does not.
pub async fn persistence(subject: &Subject<'_>, kept: &Config, lost: &Config) -> Result<Evidence, EngineError> {
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("it restarts the server".to_owned()));
    };
    let names = Names {
        kept: Scratch::new().name,
        lost: Scratch::new().name,
    };
    let proof = async {
        let others = in_memory(subject.endpoint).await?;
        prepare(subject.endpoint, &names, kept, lost).await?;
        let endpoint = restart.restart(&subject.endpoint.service).await?;
        until_answered(&Waiting::new(), || ask(&endpoint)).await;
        bring_back(&endpoint, others).await?;
        outlives(&endpoint, &names.kept).await?;
        is_lost(&endpoint, &names.lost).await?;
        Evidence::proved("3 messages on file came back with 2 acknowledged; the stream in memory is gone")
    };
    prove_and_remove(subject.endpoint, Box::pin(proof), remove(subject, restart, &names)).await
}

/// The streams of others that the restart is going to lose.
async fn in_memory(endpoint: &Endpoint) -> Result<Vec<Config>, EngineError> {
    let jetstream = client::connect(endpoint).await?;
    let streams: Vec<Info> = jetstream
        .streams()
        .try_collect()
        .await
        .map_err(endpoint.failed("list the streams"))?;
    let configs = streams.into_iter().map(|stream| stream.config);
    Ok(configs.filter(|config| config.storage == StorageType::Memory).collect())
}

/// Creates those streams again, as empty as any restart leaves them: the platform relies on their being there.
async fn bring_back(endpoint: &Endpoint, streams: Vec<Config>) -> Result<(), EngineError> {
    let jetstream = client::connect(endpoint).await?;
    for config in streams {
        let creating = format!("create the stream {} again", config.name);
        Box::pin(jetstream.get_or_create_stream(config))
            .await
            .map_err(endpoint.failed(creating))?;
    }
    Ok(())
}

/// Three messages in each stream, of which a consumer of the first acknowledges two.
async fn prepare(endpoint: &Endpoint, names: &Names, kept: &Config, lost: &Config) -> Result<(), EngineError> {
    for (name, config) in [(&names.kept, kept), (&names.lost, lost)] {
        let scene = Scene::reopen(endpoint, STREAM, name.clone()).await?;
        scene.stream(config).await?;
        scene.store_many(3).await?;
        let consumer = scene.consumer(&durable(CONSUMER)).await?;
        finish(&scene, &consumer, 2).await?;
    }
    Ok(())
}

async fn outlives(endpoint: &Endpoint, name: &str) -> Result<(), EngineError> {
    let scene = Scene::reopen(endpoint, STREAM, name.to_owned()).await?;
    let stream = scene.jetstream.get_stream(name).await;
    let stream = stream.map_err(scene.failed("find after the restart the messages"))?;
    let kept = scene.kept(&stream).await?;
    endpoint.expect("keep a stream over a restart", &numbered(1, 3), &kept)?;
    let consumer = stream.get_consumer(CONSUMER).await;
    let consumer: PullConsumer = consumer.map_err(endpoint.failed("find the consumer after the restart"))?;
    let floor = consumer.cached_info().ack_floor.stream_sequence;
    endpoint.expect("keep the acknowledgements over a restart", &2, &floor)?;
    let rest = deliveries(&scene, &fetch(&scene, &consumer, 3).await?)?;
    endpoint.expect("go on after a restart", &vec![(3, 1)], &rest)
}

async fn is_lost(endpoint: &Endpoint, name: &str) -> Result<(), EngineError> {
    let losing = "lose a stream in memory with a restart";
    match client::connect(endpoint).await?.get_stream(name).await {
        Ok(stream) => {
            let found = format!("{} messages", stream.cached_info().state.messages);
            Err(endpoint.unexpected(losing, "no stream", found))
        }
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(words) if words.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(()),
            _ => Err(endpoint.failed(losing)(error)),
        },
    }
}

/// Removes both streams, wherever the server is reached by now.
async fn remove(subject: &Subject<'_>, restart: &dyn Restart, names: &Names) -> Result<(), EngineError> {
    let moved = restart.endpoint(&subject.endpoint.service).await;
    let endpoint = moved.as_ref().unwrap_or(subject.endpoint);
    let jetstream = client::connect(endpoint).await?;
    client::delete_stream(endpoint, &jetstream, &names.kept).await?;
    client::delete_stream(endpoint, &jetstream, &names.lost).await
}
