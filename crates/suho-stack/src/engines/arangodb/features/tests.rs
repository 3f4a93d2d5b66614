//! Each check against recorded answers of `ArangoDB`'s documentation, and against one of them broken. Not against
//! `ArangoDB`: that is not to be had where these tests run.

use rstest::rstest;
use serde_json::{Value, json};

use super::scripted::Script;

/// `claim` holds, and the evidence says so.
async fn holds(name: &str, script: Script, evidence: &str) {
    let outcome = script.play(name).await.unwrap();

    assert!(format!("{outcome:?}").contains(evidence), "{outcome:?}");
}

/// It does not hold, and the failure says why.
async fn fails(name: &str, script: Script, words: &str) {
    let error = script.play(name).await.unwrap_err().in_full();

    assert!(error.contains(words), "{error}");
}

fn a_database_of_a_user(seen: Value) -> Script {
    let users = json!([{"username": "{user}", "passwd": "{password}", "active": true}]);
    let created = json!({"error": false, "code": 201, "result": true});
    Script::default()
        .then(
            "POST /_db/_system/_api/database",
            json!({"name": "{db}", "users": users}),
            "201 Created",
            created,
        )
        .then(
            "GET ~/database/user",
            Value::Null,
            "200 OK",
            json!({"error": false, "code": 200, "result": seen}),
        )
}

fn the_databases(script: Script, names: Value) -> Script {
    let answer = json!({"error": false, "code": 200, "result": names});
    script.then("GET /_db/_system/_api/database", Value::Null, "200 OK", answer)
}

fn without_the_user(script: Script) -> Script {
    let answer = json!({"error": false, "code": 202});
    script.then("DELETE /_api/user/{user}", Value::Null, "202 Accepted", answer)
}

#[tokio::test]
async fn recorded_a_database_is_created_with_a_user_and_dropped() {
    let script = the_databases(a_database_of_a_user(json!(["{db}"])).dropped(), json!(["_system"]));

    holds("databases", without_the_user(script.dropped()), "seen as the only one").await;
}

#[tokio::test]
async fn recorded_a_user_who_sees_other_databases_is_found_out() {
    let script = a_database_of_a_user(json!(["_system", "{db}"])).dropped();

    let words = "list the databases of the new user on suho-arangodb: expected Array [String(\"probe_";
    fails("databases", without_the_user(script), words).await;
}

#[tokio::test]
async fn recorded_a_database_that_is_not_dropped_is_found_out() {
    let script = a_database_of_a_user(json!(["{db}"])).dropped();
    let script = the_databases(script, json!(["_system", "{db}"])).dropped();

    fails("databases", without_the_user(script), "expected all but it").await;
}

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

    let words = "insert a document with a value that has to be unique on suho-arangodb: expected a refusal with the error 1210, found 202";
    fails("documents", script, words).await;
}

fn upserted(seen: [u64; 3], updated: [bool; 3]) -> Script {
    let script = Script::in_a_database().collection("quotes");
    seen.iter().zip(updated).fold(script, |script, (seen, updated)| {
        script.query(json!([{"updated": updated, "seen": seen}]))
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
        .query(json!([{"updated": false, "seen": 1}]))
        .query(json!([{"updated": false, "seen": 1}]))
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
        .query(json!(["expired", "open"]))
}

#[tokio::test]
async fn recorded_an_expired_document_is_removed() {
    let script = sessions().query(json!(["open"])).dropped();

    holds("ttl-index", script, "the expired one was removed").await;
}

#[tokio::test]
async fn recorded_a_document_that_is_removed_before_its_time_is_found_out() {
    let script = sessions().query(json!([])).dropped();

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
        .query(json!([100_000]))
        .dropped();

    holds("query-memory", script, "500 32, AQL: query would use more memory").await;
}

#[tokio::test]
async fn recorded_a_query_that_takes_what_memory_it_likes_is_found_out() {
    let script = Script::in_a_database().query(json!([100_000])).dropped();

    let words = "run a query with a limit of a megabyte on suho-arangodb: expected a refusal with the error 32";
    fails("query-memory", script, words).await;
}

/// The graph of the checks, drawn as they have to draw it.
fn graph() -> Script {
    let lines = json!([{"collection": "connections", "from": ["venues"], "to": ["venues"]}]);
    let graph = json!({"name": "lines", "edgeDefinitions": lines});
    let created = json!({"error": false, "code": 202, "graph": graph});
    let mut script = Script::in_a_database().then("POST ~/gharial", graph, "202 Accepted", created);
    for venue in ["frankfurt", "london", "newyork", "singapore", "tokyo"] {
        script = script.insert("venues", json!({"_key": venue}));
    }
    for (from, to, cost) in [
        ("frankfurt", "tokyo", 100),
        ("frankfurt", "london", 7),
        ("london", "newyork", 30),
        ("newyork", "tokyo", 40),
        ("london", "singapore", 50),
        ("singapore", "tokyo", 35),
    ] {
        let (from, to) = (format!("venues/{from}"), format!("venues/{to}"));
        script = script.insert("connections", json!({"_from": from, "_to": to, "cost": cost}));
    }
    script
}

#[tokio::test]
async fn recorded_a_traversal_reaches_what_is_two_steps_away() {
    let script = graph()
        .query(json!(["london", "newyork", "singapore", "tokyo"]))
        .dropped();

    holds("graph-traversal", script, "4 venues within 2 steps").await;
}

#[rstest]
#[case::that_reaches_its_own_start(json!(["frankfurt", "london", "newyork", "singapore", "tokyo"]))]
#[case::that_goes_one_step_only(json!(["london", "tokyo"]))]
#[tokio::test]
async fn recorded_a_traversal_is_found_out(#[case] reached: Value) {
    let script = graph().query(reached).dropped();

    fails(
        "graph-traversal",
        script,
        "traverse two steps of a graph on suho-arangodb: expected",
    )
    .await;
}

fn paths(costs: [f64; 3]) -> Value {
    json!([
        {"venues": ["frankfurt", "london", "newyork", "tokyo"], "cost": costs[0]},
        {"venues": ["frankfurt", "london", "singapore", "tokyo"], "cost": costs[1]},
        {"venues": ["frankfurt", "tokyo"], "cost": costs[2]},
    ])
}

#[tokio::test]
async fn recorded_paths_come_in_the_order_of_their_weights() {
    let script = graph()
        .query(json!(["frankfurt", "london", "newyork", "tokyo"]))
        .query(paths([77.0, 92.0, 100.0]))
        .dropped();

    holds("shortest-paths", script, "3 paths, of weights 77, 92, 100").await;
}

#[tokio::test]
async fn recorded_a_shortest_path_that_counts_steps_instead_of_weights_is_found_out() {
    let script = graph().query(json!(["frankfurt", "tokyo"])).dropped();

    fails(
        "shortest-paths",
        script,
        "find the lightest path on suho-arangodb: expected",
    )
    .await;
}

#[tokio::test]
async fn recorded_paths_whose_weights_are_their_steps_are_found_out() {
    let script = graph()
        .query(json!(["frankfurt", "london", "newyork", "tokyo"]))
        .query(paths([3.0, 3.0, 1.0]))
        .dropped();

    fails(
        "shortest-paths",
        script,
        "find paths in the order of their weights on suho-arangodb",
    )
    .await;
}

fn begun(script: Script, id: &str) -> Script {
    script.then(
        "POST ~/transaction/begin",
        json!({"collections": {"write": ["orders"]}}),
        "201 Created",
        json!({"error": false, "code": 201, "result": {"id": id, "status": "running"}}),
    )
}

fn ended(script: Script, line: &str, id: &str, status: &str) -> Script {
    let answer = json!({"error": false, "code": 200, "result": {"id": id, "status": status}});
    script.then(line, Value::Null, "200 OK", answer)
}

fn seen(script: Script, key: &str) -> Script {
    let document = json!({"_id": format!("orders/{key}"), "_key": key, "_rev": "_j0"});
    script.then(&format!("GET ~/document/orders/{key}"), Value::Null, "200 OK", document)
}

fn missed(script: Script, key: &str) -> Script {
    let line = format!("GET ~/document/orders/{key}");
    script.refused(&line, Value::Null, "404 Not Found", 1202, "document not found")
}

fn written() -> Script {
    let script = begun(Script::in_a_database().collection("orders"), "11");
    let script = script.insert("orders", json!({"_key": "first"})).within("11");
    seen(script, "first").within("11")
}

fn aborted() -> Script {
    let script = ended(missed(written(), "first"), "PUT ~/transaction/11", "11", "committed");
    let script = begun(seen(script, "first"), "12");
    let script = script.insert("orders", json!({"_key": "second"})).within("12");
    ended(script, "DELETE ~/transaction/12", "12", "aborted")
}

#[tokio::test]
async fn recorded_a_transaction_is_seen_once_it_is_committed_and_never_when_aborted() {
    let script = missed(aborted(), "second").dropped();

    holds("transactions", script, "seen by others after the commit").await;
}

#[tokio::test]
async fn recorded_what_is_seen_before_the_commit_is_found_out() {
    let script = seen(written(), "first").dropped();

    let words = "hide what is not yet committed on suho-arangodb: expected a refusal with the error 1202, found 200";
    fails("transactions", script, words).await;
}

#[tokio::test]
async fn recorded_what_is_seen_after_an_abort_is_found_out() {
    let script = seen(aborted(), "second").dropped();

    let words = "forget what was aborted on suho-arangodb: expected a refusal with the error 1202, found 200";
    fails("transactions", script, words).await;
}

#[tokio::test]
async fn recorded_what_is_lost_with_the_commit_is_found_out() {
    let script = ended(missed(written(), "first"), "PUT ~/transaction/11", "11", "committed");
    let script = missed(script, "first").dropped();

    fails(
        "transactions",
        script,
        "see what was committed on suho-arangodb: 404 Not Found",
    )
    .await;
}

fn changed_within() -> Script {
    let script = Script::in_a_database()
        .collection("orders")
        .insert("orders", json!({"_key": "first", "filled": 0}));
    begun(script, "11")
        .then(
            "PATCH ~/document/orders/first",
            json!({"filled": 1}),
            "202 Accepted",
            changed(),
        )
        .within("11")
}

fn changed() -> Value {
    json!({"_id": "orders/first", "_key": "first", "_rev": "_j1", "_oldRev": "_j0"})
}

fn read(script: Script, filled: u64) -> Script {
    let document = json!({"_id": "orders/first", "_key": "first", "_rev": "_j1", "filled": filled});
    script.then("GET ~/document/orders/first", Value::Null, "200 OK", document)
}

fn second_writer_refused() -> Script {
    let line = "PATCH ~/document/orders/first";
    let words = "timeout waiting to lock key - in index primary of type primary over '_key'; conflicting key: first";
    let script = changed_within().refused(line, json!({"filled": 2}), "409 Conflict", 1200, words);
    ended(script, "PUT ~/transaction/11", "11", "committed")
}

#[tokio::test]
async fn recorded_the_second_of_two_writers_is_refused() {
    let script = read(second_writer_refused(), 1).dropped();

    holds("write-conflict", script, "409 1200, timeout waiting to lock key").await;
}

#[tokio::test]
async fn recorded_a_second_writer_who_is_let_in_is_found_out() {
    let line = "PATCH ~/document/orders/first";
    let script = changed_within()
        .then(line, json!({"filled": 2}), "202 Accepted", changed())
        .dropped();

    let words =
        "change a document that a transaction has changed on suho-arangodb: expected a refusal with the error 1200";
    fails("write-conflict", script, words).await;
}

#[tokio::test]
async fn recorded_a_first_writer_whose_value_is_lost_is_found_out() {
    let script = read(second_writer_refused(), 0).dropped();

    fails(
        "write-conflict",
        script,
        "read what the transaction wrote on suho-arangodb",
    )
    .await;
}

fn headlines() -> Script {
    let view = json!({
        "name": "headlines_view",
        "type": "arangosearch",
        "commitIntervalMsec": 100,
        "links": {"headlines": {"fields": {"text": {"analyzers": ["text_en"]}}}},
    });
    let script = Script::in_a_database().collection("headlines");
    let script = script.then("POST ~/view", view.clone(), "201 Created", view);
    [
        ("a", "Markets are closing higher"),
        ("b", "The central bank keeps its rate"),
        ("c", "A market for every currency"),
    ]
    .iter()
    .fold(script, |script, (key, text)| {
        script.insert("headlines", json!({"_key": key, "text": text}))
    })
}

#[tokio::test]
async fn recorded_a_view_finds_words_by_their_stems_after_a_while() {
    let script = headlines().query(json!([])).query(json!(["a", "c"])).dropped();

    holds("search-view", script, "2 of 3 headlines").await;
}

#[tokio::test]
async fn recorded_a_view_without_the_analyzer_is_found_out() {
    let script = headlines().query(json!(["c"])).again_and_again().dropped();

    fails(
        "search-view",
        script,
        "find headlines by a word on suho-arangodb: expected",
    )
    .await;
}
