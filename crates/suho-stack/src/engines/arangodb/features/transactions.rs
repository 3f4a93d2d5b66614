//! Transactions of several requests.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::{EngineError, Evidence, Subject};
use super::scene::{Scene, Session};

const COLLECTION: &str = "orders";
/// `ERROR_ARANGO_CONFLICT`.
const CONFLICT: u64 = 1200;
/// `ERROR_ARANGO_DOCUMENT_NOT_FOUND`.
const NOT_FOUND: u64 = 1202;

/// What a transaction wrote is seen by itself, by others once it is committed, and by nobody when it was aborted.
pub async fn isolation(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let outside = scene.session();
            outside.create_collection(COLLECTION).await?;

            let committed = scene.begin(COLLECTION).await?;
            committed.insert(COLLECTION, &json!({"_key": "first"})).await?;
            sees(&committed, "first", "see within a transaction what it wrote").await?;
            misses(&outside, "first", "hide what is not yet committed").await?;
            committed.end(Method::PUT, "committed").await?;
            sees(&outside, "first", "see what was committed").await?;

            let aborted = scene.begin(COLLECTION).await?;
            aborted.insert(COLLECTION, &json!({"_key": "second"})).await?;
            aborted.end(Method::DELETE, "aborted").await?;
            misses(&outside, "second", "forget what was aborted").await?;
            Evidence::proved("a document seen by others after the commit, another never after the abort")
        })
        .await
}

/// While a transaction has changed a document, nobody else changes it.
pub async fn conflict(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let outside = scene.session();
            outside.create_collection(COLLECTION).await?;
            outside
                .insert(COLLECTION, &json!({"_key": "first", "filled": 0}))
                .await?;
            let path = path("first");

            let inside = scene.begin(COLLECTION).await?;
            let changing = "change a document within a transaction";
            inside
                .send(Method::PATCH, &path, &json!({"filled": 1}), changing)
                .await?;
            let changing = "change a document that a transaction has changed";
            let refusal = outside
                .is_refused(Method::PATCH, &path, &json!({"filled": 2}), changing, CONFLICT)
                .await?;
            inside.end(Method::PUT, "committed").await?;

            let reading = "read what the transaction wrote";
            let read = outside.send(Method::GET, &path, &Value::Null, reading).await?;
            scene.endpoint.expect(reading, &json!(1), &read["filled"])?;
            Evidence::proved(format!(
                "the second of 2 writers: {refusal}; the first one's value was read"
            ))
        })
        .await
}

fn path(key: &str) -> String {
    format!("/_api/document/{COLLECTION}/{key}")
}

async fn sees(session: &Session<'_>, key: &str, action: &str) -> Result<(), EngineError> {
    session
        .send(Method::GET, &path(key), &Value::Null, action)
        .await
        .map(drop)
}

async fn misses(session: &Session<'_>, key: &str, action: &str) -> Result<(), EngineError> {
    session
        .is_refused(Method::GET, &path(key), &Value::Null, action, NOT_FOUND)
        .await
        .map(drop)
}
