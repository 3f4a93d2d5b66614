//! The streams of a room with their messages and consumers, as the server itself writes them, in an object store of the
//! platform's account: any process can bring them back, and no more than a chunk of them is ever in memory.

use std::io;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::response::Response;
use async_nats::{Client, Subscriber};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;
use tokio_util::io::StreamReader;

use super::super::super::tenancy::{Room, TenantName};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{STREAM_PREFIX, enter, streams};

/// The server's own default.
const CHUNK: usize = 128 << 10;
/// How long the server may take for the next chunk.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream as it was kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    /// The object with the server's own bytes.
    object: String,
    config: Value,
    state: Value,
}

/// What the server answers to the wish for a snapshot.
#[derive(Deserialize)]
struct Begun {
    config: Value,
    state: Value,
}

/// Where the server wants to be sent what is restored.
#[derive(Deserialize)]
struct Awaited {
    deliver_subject: String,
}

fn bucket(tenant: &TenantName) -> String {
    format!("SUHO_{tenant}")
}

/// Whether `stream` holds snapshots.
pub(super) fn is_store(stream: &str) -> bool {
    let tenant = stream.strip_prefix("OBJ_SUHO_");
    tenant.is_some_and(|tenant| TenantName::parse(tenant).is_some())
}

/// Removes all snapshots of `tenant`.
pub(super) async fn forget(endpoint: &Endpoint, platform: &Context, tenant: &TenantName) -> Result<(), EngineError> {
    client::delete_stream(endpoint, platform, &format!("OBJ_{}", bucket(tenant))).await
}

/// The store of `tenant`'s snapshots, which is made where it is not there yet.
async fn open(endpoint: &Endpoint, platform: &Context, tenant: &TenantName) -> Result<ObjectStore, EngineError> {
    let config = object_store::Config {
        bucket: bucket(tenant),
        ..object_store::Config::default()
    };
    Box::pin(platform.create_object_store(config))
        .await
        .map_err(endpoint.failed("open the store of snapshots"))
}

/// Keeps every stream of `room` under `label`.
pub(super) async fn keep(endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
    let platform = client::connect(endpoint).await?;
    let jetstream = enter(endpoint, room).await?;
    let store = open(endpoint, &platform, &room.tenant).await?;
    let before = list(endpoint, &store, label).await?.unwrap_or_default();
    let attempt = format!("{:016x}", rand::random::<u64>());
    let mut kept = Vec::new();
    for name in streams::names(endpoint, &jetstream, room.get(STREAM_PREFIX)).await? {
        let object = format!("{attempt}/{name}");
        kept.push(keep_stream(endpoint, &jetstream, &store, &name, object).await?);
    }
    // The list last: a snapshot that was broken off leaves the one before it as it was.
    let keeping = format!("keep the list of the snapshot `{label}`");
    let bytes = serde_json::to_vec(&kept).map_err(endpoint.failed(&keeping))?;
    Box::pin(store.put(name_of_list(label).as_str(), &mut bytes.as_slice()))
        .await
        .map_err(endpoint.failed(&keeping))?;
    for Kept { object, .. } in before {
        Box::pin(store.delete(object))
            .await
            .map_err(endpoint.failed("delete a replaced snapshot"))?;
    }
    Ok(())
}

async fn keep_stream(
    endpoint: &Endpoint,
    jetstream: &Context,
    store: &ObjectStore,
    name: &str,
    object: String,
) -> Result<Kept, EngineError> {
    let keeping = format!("keep a snapshot of the stream {name}");
    let client = jetstream.client();
    let inbox = client.new_inbox();
    let chunks = client
        .subscribe(inbox.clone())
        .await
        .map_err(endpoint.failed(&keeping))?;
    let wish = json!({"deliver_subject": inbox, "no_consumers": false, "chunk_size": CHUNK});
    let begun: Response<Begun> = jetstream
        .request(format!("STREAM.SNAPSHOT.{name}"), &wish)
        .await
        .map_err(endpoint.failed(&keeping))?;
    let Begun { config, state } = match begun {
        Response::Ok(begun) => begun,
        Response::Err { error } => return Err(endpoint.failed(keeping)(error)),
    };
    let mut bytes = StreamReader::new(Box::pin(delivered(client, chunks)));
    Box::pin(store.put(object.as_str(), &mut bytes))
        .await
        .map_err(endpoint.failed(&keeping))?;
    Ok(Kept {
        name: name.to_owned(),
        object,
        config,
        state,
    })
}

/// The chunks that the server sends, each of which it wants to hear of before it sends many more.
fn delivered(client: Client, chunks: Subscriber) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((client, chunks)), |delivery| async {
        let (client, mut chunks) = delivery?;
        let Ok(Some(chunk)) = timeout(PATIENCE, chunks.next()).await else {
            let ended = io::Error::new(io::ErrorKind::UnexpectedEof, "the server fell silent in the middle");
            return Some((Err(ended), None));
        };
        if chunk.payload.is_empty() {
            // The end, with a status where it is an early one.
            let refusal = chunk.status.filter(|status| status.as_u16() >= 400)?;
            let words = format!("{refusal} {}", chunk.description.unwrap_or_default());
            return Some((Err(io::Error::other(words)), None));
        }
        if let Some(reply) = chunk.reply
            && let Err(error) = client.publish(reply, Bytes::new()).await
        {
            return Some((Err(io::Error::other(error)), None));
        }
        Some((Ok(chunk.payload), Some((client, chunks))))
    })
}

/// Makes the streams of `room` those that were kept under `label`.
pub(super) async fn bring_back(endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
    let platform = client::connect(endpoint).await?;
    let store = open(endpoint, &platform, &room.tenant).await?;
    let Some(kept) = list(endpoint, &store, label).await? else {
        let action = format!("restore the snapshot `{label}` of {}", room.tenant);
        return Err(endpoint.failed(action)("there is none of that name; keep one first"));
    };
    let jetstream = enter(endpoint, room).await?;
    streams::delete_all(endpoint, &jetstream, room.get(STREAM_PREFIX)).await?;
    for kept in kept {
        restore_stream(endpoint, &jetstream, &store, &kept).await?;
    }
    Ok(())
}

async fn restore_stream(
    endpoint: &Endpoint,
    jetstream: &Context,
    store: &ObjectStore,
    kept: &Kept,
) -> Result<(), EngineError> {
    let restoring = format!("restore the stream {}", kept.name);
    let mut object = Box::pin(store.get(&kept.object))
        .await
        .map_err(endpoint.failed(&restoring))?;
    let wish = json!({"config": kept.config, "state": kept.state});
    let awaited: Response<Awaited> = jetstream
        .request(format!("STREAM.RESTORE.{}", kept.name), &wish)
        .await
        .map_err(endpoint.failed(&restoring))?;
    let Awaited { deliver_subject } = match awaited {
        Response::Ok(awaited) => awaited,
        Response::Err { error } => return Err(endpoint.failed(restoring)(error)),
    };
    let client = jetstream.client();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut object)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .await
            .map_err(endpoint.failed(&restoring))?;
        // The end is told by nothing.
        let is_last = chunk.is_empty();
        let answer = client
            .request(deliver_subject.clone(), chunk.into())
            .await
            .map_err(endpoint.failed(&restoring))?;
        if let Ok(Response::<Value>::Err { error }) = serde_json::from_slice(&answer.payload) {
            return Err(endpoint.failed(restoring)(error));
        }
        if is_last {
            return Ok(());
        }
    }
}

fn name_of_list(label: &str) -> String {
    format!("list/{label}")
}

/// What was kept under `label`.
async fn list(endpoint: &Endpoint, store: &ObjectStore, label: &str) -> Result<Option<Vec<Kept>>, EngineError> {
    let reading = format!("read the list of the snapshot `{label}`");
    let mut object = match Box::pin(store.get(name_of_list(label))).await {
        Ok(object) => object,
        Err(error) if error.kind() == object_store::GetErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(endpoint.failed(reading)(error)),
    };
    let mut bytes = Vec::new();
    object
        .read_to_end(&mut bytes)
        .await
        .map_err(endpoint.failed(&reading))?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(endpoint.failed(reading))
}
