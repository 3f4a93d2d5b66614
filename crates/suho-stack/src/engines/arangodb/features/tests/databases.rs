//! Databases and their users.

use serde_json::{Value, json};

use super::{Script, fails, holds};

fn a_database_of_a_user(seen: &Value) -> Script {
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

fn the_databases(script: Script, names: &Value) -> Script {
    let answer = json!({"error": false, "code": 200, "result": names});
    script.then("GET /_db/_system/_api/database", Value::Null, "200 OK", answer)
}

fn without_the_user(script: Script) -> Script {
    let answer = json!({"error": false, "code": 202});
    script.then("DELETE /_api/user/{user}", Value::Null, "202 Accepted", answer)
}

#[tokio::test]
async fn recorded_a_database_is_created_with_a_user_and_dropped() {
    let script = the_databases(a_database_of_a_user(&json!(["{db}"])).dropped(), &json!(["_system"]));

    holds("databases", without_the_user(script.dropped()), "seen as the only one").await;
}

#[tokio::test]
async fn recorded_a_user_who_sees_other_databases_is_found_out() {
    let script = a_database_of_a_user(&json!(["_system", "{db}"])).dropped();

    let words = "list the databases of the new user on suho-arangodb: expected Array [String(\"probe_";
    fails("databases", without_the_user(script), words).await;
}

#[tokio::test]
async fn recorded_a_database_that_is_not_dropped_is_found_out() {
    let script = a_database_of_a_user(&json!(["{db}"])).dropped();
    let script = the_databases(script, &json!(["_system", "{db}"])).dropped();

    fails("databases", without_the_user(script), "expected all but it").await;
}
