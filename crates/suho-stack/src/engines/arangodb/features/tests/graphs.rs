//! Traversals and paths.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::graphs::LINES;
use super::{Script, fails, holds};

/// The graph of the checks, drawn as they have to draw it.
fn graph() -> Script {
    let lines = json!([{"collection": "connections", "from": ["venues"], "to": ["venues"]}]);
    let graph = json!({"name": "lines", "edgeDefinitions": lines});
    let created = json!({"error": false, "code": 202, "graph": graph});
    let mut script = Script::in_a_database().then("POST ~/gharial", graph, "202 Accepted", created);
    for venue in ["frankfurt", "london", "newyork", "singapore", "tokyo"] {
        script = script.insert("venues", json!({"_key": venue}));
    }
    for (from, to, cost) in LINES {
        let (from, to) = (format!("venues/{from}"), format!("venues/{to}"));
        script = script.insert("connections", json!({"_from": from, "_to": to, "cost": cost}));
    }
    script
}

#[tokio::test]
async fn recorded_a_traversal_reaches_what_is_two_steps_away() {
    let script = graph()
        .query(&json!(["london", "newyork", "singapore", "tokyo"]))
        .dropped();

    holds("graph-traversal", script, "4 venues within 2 steps").await;
}

#[rstest]
#[case::that_reaches_its_own_start(json!(["frankfurt", "london", "newyork", "singapore", "tokyo"]))]
#[case::that_goes_one_step_only(json!(["london", "tokyo"]))]
#[tokio::test]
async fn recorded_a_traversal_is_found_out(#[case] reached: Value) {
    let script = graph().query(&reached).dropped();

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
        .query(&json!(["frankfurt", "london", "newyork", "tokyo"]))
        .query(&paths([77.0, 92.0, 100.0]))
        .dropped();

    holds("shortest-paths", script, "3 paths, of weights 77, 92, 100").await;
}

#[tokio::test]
async fn recorded_a_shortest_path_that_counts_steps_instead_of_weights_is_found_out() {
    let script = graph().query(&json!(["frankfurt", "tokyo"])).dropped();

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
        .query(&json!(["frankfurt", "london", "newyork", "tokyo"]))
        .query(&paths([3.0, 3.0, 1.0]))
        .dropped();

    fails(
        "shortest-paths",
        script,
        "find paths in the order of their weights on suho-arangodb",
    )
    .await;
}
