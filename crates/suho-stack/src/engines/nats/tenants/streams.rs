//! The streams of a room; buckets and object stores are streams as well.

use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, ErrorCode};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{register, snapshots};

/// What a declared stream may hold in a tenant's account, in bytes: all of them together leave it half of its limits.
const FILE_SHARE: i64 = 16 << 20;
const MEMORY_SHARE: i64 = 8 << 20;

/// What stands before the name of a bucket or an object store in the name of its stream.
const KINDS: [&str; 3] = ["", "KV_", "OBJ_"];

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    streams: Vec<Described>,
    total: usize,
}

#[derive(Deserialize)]
struct Described {
    config: Map<String, Value>,
}

/// The names of the account's streams that are `prefix`'s, kept snapshots aside.
pub(super) async fn names(endpoint: &Endpoint, jetstream: &Context, prefix: &str) -> Result<Vec<String>, EngineError> {
    let names: Vec<String> = jetstream
        .stream_names()
        .try_collect()
        .await
        .map_err(endpoint.failed("list the streams"))?;
    let is_its_own = |name: &String| KINDS.iter().any(|kind| name.starts_with(&format!("{kind}{prefix}")));
    Ok(names.into_iter().filter(is_its_own).collect())
}

/// Deletes the account's streams that are `prefix`'s.
pub(super) async fn delete_all(endpoint: &Endpoint, jetstream: &Context, prefix: &str) -> Result<(), EngineError> {
    for name in names(endpoint, jetstream, prefix).await? {
        client::delete_stream(endpoint, jetstream, &name).await?;
    }
    Ok(())
}

/// Makes the streams of the platform's account in a tenant's, empty, and no larger than fits there.
pub(super) async fn copy(endpoint: &Endpoint, platform: &Context, tenant: &Context) -> Result<(), EngineError> {
    for config in described(endpoint, platform).await? {
        let name = config["name"].as_str().unwrap_or_default().to_owned();
        if name != register::STREAM && !snapshots::is_store(&name) && !is_scratch(&name) {
            create(endpoint, tenant, &name, &small(config)).await?;
        }
    }
    Ok(())
}

async fn described(endpoint: &Endpoint, jetstream: &Context) -> Result<Vec<Map<String, Value>>, EngineError> {
    const LISTING: &str = "list the streams of the platform";
    let mut configs = Vec::new();
    loop {
        let answer: Response<Page> = jetstream
            .request("STREAM.LIST", &json!({"offset": configs.len()}))
            .await
            .map_err(endpoint.failed(LISTING))?;
        let page = match answer {
            Response::Ok(page) => page,
            Response::Err { error } => return Err(endpoint.failed(LISTING)(error)),
        };
        let is_last = page.streams.is_empty();
        configs.extend(page.streams.into_iter().map(|stream| stream.config));
        if is_last || configs.len() >= page.total {
            return Ok(configs);
        }
    }
}

/// A check's, which may be gone in a moment.
fn is_scratch(name: &str) -> bool {
    KINDS.iter().any(|kind| name.starts_with(&format!("{kind}probe_")))
}

fn small(mut config: Map<String, Value>) -> Map<String, Value> {
    let share = if config.get("storage").and_then(Value::as_str) == Some("memory") {
        MEMORY_SHARE
    } else {
        FILE_SHARE
    };
    if let Some(bytes) = config
        .get("max_bytes")
        .and_then(Value::as_i64)
        .filter(|bytes| *bytes > share)
    {
        tracing::debug!(bytes, share, "a declared stream is smaller in a tenant's account");
        config.insert("max_bytes".to_owned(), json!(share));
    }
    config
}

async fn create(
    endpoint: &Endpoint,
    jetstream: &Context,
    name: &str,
    config: &Map<String, Value>,
) -> Result<(), EngineError> {
    let creating = format!("create the stream {name} in a tenant's account");
    let answer: Response<Value> = jetstream
        .request(format!("STREAM.CREATE.{name}"), config)
        .await
        .map_err(endpoint.failed(&creating))?;
    match answer {
        Response::Ok(_) => Ok(()),
        Response::Err { error } if error.error_code() == ErrorCode::STREAM_NAME_EXIST => Ok(()),
        Response::Err { error } => Err(endpoint.failed(creating)(error)),
    }
}
