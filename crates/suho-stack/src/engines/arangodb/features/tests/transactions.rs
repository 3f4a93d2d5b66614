//! Transactions and conflicts.

use serde_json::{Value, json};

use super::{Script, fails, holds};

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
