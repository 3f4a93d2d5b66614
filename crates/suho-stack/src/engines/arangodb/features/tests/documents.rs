//! Documents, and queries over them.

use serde_json::{Value, json};

use super::{Script, fails, holds};

fn instruments() -> Script {
    Script::in_a_database()
        .collection("instruments")
        .index(
            "instruments",
            json!({"type": "persistent", "fields": ["isin"], "unique": true}),
        )
        .insert("instruments", json!({"isin": "DE0007100000"}))
}

#[tokio::test]
async fn recorded_a_second_document_of_a_unique_value_is_refused() {
    let words = "unique constraint violated - in index idx_1 of type persistent over 'isin'; conflicting key: 42";
    let isin = json!({"isin": "DE0007100000"});
    let counted = json!({"error": false, "code": 200, "name": "instruments", "count": 1});
    let script = instruments()
        .refused("POST ~/document/instruments", isin, "409 Conflict", 1210, words)
        .then("GET ~/collection/instruments/count", Value::Null, "200 OK", counted)
        .dropped();

    holds("documents", script, "409 1210, unique constraint violated").await;
}

#[tokio::test]
async fn recorded_a_second_document_that_is_taken_is_found_out() {
    let script = instruments()
        .insert("instruments", json!({"isin": "DE0007100000"}))
        .dropped();

    let words = "insert a document with a value that has to be unique on suho-arangodb: \
                 expected a refusal with the error 1210, found 202";
    fails("documents", script, words).await;
}

fn upserted(seen: [u64; 3], updated: [bool; 3]) -> Script {
    let script = Script::in_a_database().collection("quotes");
    seen.iter().zip(updated).fold(script, |script, (seen, updated)| {
        script.query(&json!([{"updated": updated, "seen": seen}]))
    })
}

#[tokio::test]
async fn recorded_an_upsert_inserts_once_and_updates_from_then_on() {
    let script = upserted([1, 2, 3], [false, true, true]).dropped();

    holds("upsert", script, "inserted once and updated twice").await;
}

#[tokio::test]
async fn recorded_an_upsert_that_inserts_again_is_found_out() {
    let script = Script::in_a_database()
        .collection("quotes")
        .query(&json!([{"updated": false, "seen": 1}]))
        .query(&json!([{"updated": false, "seen": 1}]))
        .dropped();

    fails("upsert", script, "upsert a document on suho-arangodb: expected").await;
}

fn sessions() -> Script {
    let options = json!({"ttl.frequency": 50, "ttl.max-total-removes": 1_000_000});
    let script = Script::default().then("GET /_db/_system/_admin/options", Value::Null, "200 OK", options);
    let created = json!({"error": false, "code": 201, "result": true});
    let named = json!({"name": "{db}"});
    let key = |key: &str| json!({"_id": format!("sessions/{key}"), "_key": key, "_rev": "_j0"});
    script
        .then("POST /_db/_system/_api/database", named, "201 Created", created)
        .collection("sessions")
        .index(
            "sessions",
            json!({"type": "ttl", "fields": ["until"], "expireAfter": 0}),
        )
        .then("POST ~/document/sessions", Value::Null, "202 Accepted", key("expired"))
        .then("POST ~/document/sessions", Value::Null, "202 Accepted", key("open"))
        .query(&json!(["expired", "open"]))
}

#[tokio::test]
async fn recorded_an_expired_document_is_removed() {
    let script = sessions().query(&json!(["open"])).dropped();

    holds("ttl-index", script, "the expired one was removed").await;
}

#[tokio::test]
async fn recorded_a_document_that_is_removed_before_its_time_is_found_out() {
    let script = sessions().query(&json!([])).dropped();

    fails(
        "ttl-index",
        script,
        "remove expired documents on suho-arangodb: expected",
    )
    .await;
}

#[tokio::test]
async fn recorded_an_expired_document_that_stays_is_found_out() {
    let script = sessions().again_and_again().dropped();

    fails("ttl-index", script, "found both after 5 s").await;
}

#[tokio::test]
async fn recorded_a_query_that_needs_too_much_memory_is_stopped() {
    let words = "AQL: query would use more memory than allowed";
    let script = Script::in_a_database()
        .refused("POST ~/cursor", Value::Null, "500 Internal Server Error", 32, words)
        .query(&json!([100_000]))
        .dropped();

    holds("query-memory", script, "500 32, AQL: query would use more memory").await;
}

#[tokio::test]
async fn recorded_a_query_that_takes_what_memory_it_likes_is_found_out() {
    let script = Script::in_a_database().query(&json!([100_000])).dropped();

    let words = "run a query with a limit of a megabyte on suho-arangodb: expected a refusal with the error 32";
    fails("query-memory", script, words).await;
}
