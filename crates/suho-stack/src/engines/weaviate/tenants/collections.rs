//! Collections: all that begin with a prefix, and one copied into another.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::http::Caller;
use super::super::client;

/// Objects that travel together.
const PAGE: usize = 100;

/// The definitions of all collections whose names begin with `prefix`.
pub(super) async fn all(caller: &Caller<'_>, prefix: &str) -> Result<Vec<Value>, EngineError> {
    let mut schema = caller.send(Method::GET, "/v1/schema", "read the schema").await?;
    let Value::Array(mut definitions) = schema["classes"].take() else {
        return Err(caller
            .endpoint
            .unexpected("read the schema", "a list of collections", schema.to_string()));
    };
    definitions.retain(|definition| name(definition).starts_with(prefix));
    Ok(definitions)
}

/// The name in a definition.
pub(super) fn name(definition: &Value) -> &str {
    definition["class"].as_str().unwrap_or_default()
}

/// Deletes all collections and aliases whose names begin with `prefix`.
pub(super) async fn delete_all(caller: &Caller<'_>, prefix: &str) -> Result<(), EngineError> {
    // An alias outlives its collection.
    let answer = caller.send(Method::GET, "/v1/aliases", "list the aliases").await?;
    let aliases = answer["aliases"].as_array().into_iter().flatten();
    for alias in aliases.filter_map(|alias| alias["alias"].as_str()) {
        if alias.starts_with(prefix) {
            let deleting = format!("delete the alias {alias}");
            let path = format!("/v1/aliases/{alias}");
            caller.send(Method::DELETE, &path, &deleting).await?;
        }
    }
    for definition in all(caller, prefix).await? {
        client::delete_class(caller, name(&definition)).await?;
    }
    Ok(())
}

/// Creates the collection that `definition` describes.
pub(super) async fn create(caller: &Caller<'_>, definition: &Value) -> Result<(), EngineError> {
    let creating = format!("create the collection {}", name(definition));
    caller.post("/v1/schema", definition, &creating).await.map(drop)
}

/// Fills a new collection `copy` with all that is in the one of `definition`, page by page, as it is defined.
pub(super) async fn copy(caller: &Caller<'_>, definition: &Value, copy: &str) -> Result<(), EngineError> {
    let original = name(definition);
    let mut copied = definition.clone();
    copied["class"] = json!(copy);
    create(caller, &copied).await?;
    let mut after = String::new();
    loop {
        let page = page(caller, original, &after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        last["id"].as_str().unwrap_or_default().clone_into(&mut after);
        insert(caller, copy, page).await?;
    }
}

/// Objects with their vectors, in the order of their ids.
async fn page(caller: &Caller<'_>, collection: &str, after: &str) -> Result<Vec<Value>, EngineError> {
    let reading = format!("read the objects of {collection}");
    let path = format!("/v1/objects?class={collection}&include=vector&limit={PAGE}&after={after}");
    let mut answer = caller.send(Method::GET, &path, &reading).await?;
    match answer["objects"].take() {
        Value::Array(objects) => Ok(objects),
        _ => Err(caller.endpoint.unexpected(&reading, "a list", answer.to_string())),
    }
}

async fn insert(caller: &Caller<'_>, collection: &str, mut objects: Vec<Value>) -> Result<(), EngineError> {
    let writing = format!("write objects into {collection}");
    for object in &mut objects {
        object["class"] = json!(collection);
    }
    let answer = caller
        .post("/v1/batch/objects", &json!({"objects": objects}), &writing)
        .await?;
    // The batch is answered with success, and each object with its own.
    let mut results = answer.as_array().into_iter().flatten().map(|object| &object["result"]);
    match results.find(|result| result["status"] != "SUCCESS") {
        None => Ok(()),
        Some(result) => Err(caller
            .endpoint
            .unexpected(&writing, "success of each", result.to_string())),
    }
}
