//! Search views.

use serde_json::json;

use super::{Script, fails, holds};

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
    let script = headlines().query(&json!([])).query(&json!(["a", "c"])).dropped();

    holds("search-view", script, "2 of 3 headlines").await;
}

#[tokio::test]
async fn recorded_a_view_without_the_analyzer_is_found_out() {
    let script = headlines().query(&json!(["c"])).again_and_again().dropped();

    fails(
        "search-view",
        script,
        "find headlines by a word on suho-arangodb: expected",
    )
    .await;
}
