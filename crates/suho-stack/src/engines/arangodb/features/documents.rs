//! Documents: unique indexes, upserts, expiry, and the memory that a query over them may take.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::asking::eventually;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::{client, settings::OPTIONS};
use super::scene::Scene;

/// `ERROR_RESOURCE_LIMIT`.
const RESOURCE_LIMIT: u64 = 32;
/// `ERROR_ARANGO_UNIQUE_CONSTRAINT_VIOLATED`.
const NOT_UNIQUE: u64 = 1210;
/// What the thread that removes expired documents may take beyond the time for which it sleeps.
const REMOVAL: Duration = Duration::from_secs(5);

/// A second document of the same ISIN is refused, and the first stays alone.
pub async fn unique(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const COLLECTION: &str = "instruments";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            session.create_collection(COLLECTION).await?;
            let index = json!({"type": "persistent", "fields": ["isin"], "unique": true});
            session.create_index(COLLECTION, &index).await?;
            let instrument = json!({"isin": "DE0007100000"});
            session.insert(COLLECTION, &instrument).await?;
            let path = format!("/_api/document/{COLLECTION}");
            let inserting = "insert a document with a value that has to be unique";
            let refusal = session
                .is_refused(Method::POST, &path, &instrument, inserting, NOT_UNIQUE)
                .await?;
            let counting = "count the documents";
            let path = format!("/_api/collection/{COLLECTION}/count");
            let counted = session.send(Method::GET, &path, &Value::Null, counting).await?;
            scene.endpoint.expect(counting, &json!(1), &counted["count"])?;
            Evidence::proved(format!("the second of 2 equal documents: {refusal}"))
        })
        .await
}

/// The same upsert inserts first, and counts up from then on.
pub async fn upsert(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const UPSERT: &str = "UPSERT {_key: @key} INSERT {_key: @key, seen: 1} UPDATE {seen: OLD.seen + 1} IN quotes \
                          RETURN {updated: OLD != null, seen: NEW.seen}";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            session.create_collection("quotes").await?;
            for seen in 1..=3 {
                let upserting = "upsert a document";
                let done = session.query(UPSERT, json!({"key": "EURUSD"}), upserting).await?;
                let expected = json!([{"updated": seen > 1, "seen": seen}]);
                scene.endpoint.expect(upserting, &expected, &done)?;
            }
            Evidence::proved("inserted once and updated twice, to 3")
        })
        .await
}

/// Of two documents the one whose time is over is removed.
pub async fn expiry(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const COLLECTION: &str = "sessions";
    let patience = removal_interval(subject).await? + REMOVAL;
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            session.create_collection(COLLECTION).await?;
            let index = json!({"type": "ttl", "fields": ["until"], "expireAfter": 0});
            session.create_index(COLLECTION, &index).await?;
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs();
            for (key, until) in [("expired", now - 60), ("open", now + 3600)] {
                let document = json!({"_key": key, "until": until});
                session.insert(COLLECTION, &document).await?;
            }
            let removing = "remove expired documents";
            let keys = || session.query("FOR s IN sessions SORT s._key RETURN s._key", json!({}), removing);
            // Both at first, for as long as the thread sleeps.
            let removed = || async { Ok(Some(keys().await?).filter(|keys| *keys != json!(["expired", "open"]))) };
            let Some(left) = eventually(patience, removed).await? else {
                let found = format!("both after {} s", patience.as_secs());
                return Err(scene.endpoint.unexpected(removing, r#"["open"]"#, found));
            };
            scene.endpoint.expect(removing, &json!(["open"]), &left)?;
            Evidence::proved("of 2 documents the expired one was removed")
        })
        .await
}

/// How long the thread sleeps that removes expired documents.
async fn removal_interval(subject: &Subject<'_>) -> Result<Duration, EngineError> {
    let asking = "ask how often expired documents are removed";
    let caller = client::connect(subject.endpoint)?;
    let options = caller.send(Method::GET, OPTIONS, asking).await?;
    let frequency = &options["ttl.frequency"];
    let Some(milliseconds) = frequency.as_u64() else {
        let found = frequency.to_string();
        return Err(subject.endpoint.unexpected(asking, "milliseconds", found));
    };
    Ok(Duration::from_millis(milliseconds))
}

/// A query that sorts more than a megabyte is stopped with a limit of one, and answers without.
pub async fn memory(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const ROWS: u64 = 100_000;
    const QUERY: &str = "RETURN LENGTH(FOR i IN 1..@rows SORT CONCAT('row ', i) RETURN i)";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            let limited = json!({"query": QUERY, "bindVars": {"rows": ROWS}, "memoryLimit": 1 << 20});
            let running = "run a query with a limit of a megabyte";
            let refusal = session
                .is_refused(Method::POST, "/_api/cursor", &limited, running, RESOURCE_LIMIT)
                .await?;
            let running = "run the query without a limit of its own";
            let counted = session.query(QUERY, json!({"rows": ROWS}), running).await?;
            scene.endpoint.expect(running, &json!([ROWS]), &counted)?;
            Evidence::proved(format!("{ROWS} rows sorted in a megabyte: {refusal}"))
        })
        .await
}
