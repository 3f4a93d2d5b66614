//! A collection and one document in it.

use reqwest::Method;
use serde_json::json;

use super::super::asking::and_remove;
use super::super::http::Caller;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

/// Creates the collection, inserts a document, reads it by its key, and drops the collection.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let caller = client::connect(endpoint)?;
    let scratch = Scratch::new();
    and_remove(
        endpoint,
        check(&caller, &scratch),
        drop_collection(&caller, &scratch.name),
    )
    .await?;
    Ok(format!("inserted a document into {} and read it back", scratch.name))
}

async fn check(caller: &Caller<'_>, scratch: &Scratch) -> Result<(), EngineError> {
    let Scratch { name, value } = scratch;
    let creating = format!("create the collection {name}");
    caller
        .post("/_api/collection", &json!({"name": name}), &creating)
        .await?;
    let inserting = format!("insert a document into {name}");
    let inserted = caller
        .post(&format!("/_api/document/{name}"), &json!({"value": value}), &inserting)
        .await?;
    let key = inserted["_key"].as_str().unwrap_or_default();

    let reading = format!("read the document of {name}");
    let found = caller
        .send(Method::GET, &format!("/_api/document/{name}/{key}"), &reading)
        .await?;
    caller.endpoint.expect(&reading, &json!(value), &found["value"])
}

async fn drop_collection(caller: &Caller<'_>, name: &str) -> Result<(), EngineError> {
    let dropping = format!("drop the collection {name}");
    caller
        .send(Method::DELETE, &format!("/_api/collection/{name}"), &dropping)
        .await
        .map(drop)
}
