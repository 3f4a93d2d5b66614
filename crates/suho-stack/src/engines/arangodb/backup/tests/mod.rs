//! Against a server that answers as `ArangoDB` is documented to: nothing here has met `ArangoDB`.

mod kept;
mod server;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use kept::{Kept, instance};
use server::{Shared, Trouble, collection, serving};

fn fresh() -> BTreeMap<String, server::Database> {
    let none = json!([]);
    let own = ["_analyzers", "_graphs", "_users"].map(|name| collection(name, 2, &none, Vec::new()));
    let system = server::Database {
        collections: own.into(),
        ..server::Database::default()
    };
    [("_system".to_owned(), system)].into()
}

/// A database with documents, edges, indexes, an analyzer, a graph and a view, beside the system's.
fn market() -> BTreeMap<String, server::Database> {
    let trade =
        |key: u32| json!({"_key": key.to_string(), "_rev": "_a1", "price": 0.1 + f64::from(key), "name": "Zürich"});
    let edge = json!({"_key": "1", "_from": "trades/0", "_to": "trades/1"});
    let inverted = json!([{"type": "inverted", "name": "words", "fields": ["name"]}]);
    let graph = json!({"_key": "flow", "name": "flow", "edgeDefinitions": [{"collection": "follows"}]});
    let view =
        json!({"name": "search", "type": "search-alias", "indexes": [{"collection": "trades", "index": "words"}]});
    let market = server::Database {
        collections: [
            collection(
                "_analyzers",
                2,
                &json!([]),
                vec![json!({"_key": "words", "type": "text"})],
            ),
            collection("_graphs", 2, &json!([]), vec![graph]),
            collection("_jobs", 2, &json!([]), vec![json!({"_key": "1"})]),
            collection("follows", 3, &json!([]), vec![edge]),
            collection("trades", 2, &inverted, (0..3).map(trade).collect()),
        ]
        .into(),
        views: [("search".to_owned(), view)].into(),
    };
    let mut databases = fresh();
    databases.insert("market".to_owned(), market);
    databases
}

async fn backed_up() -> (Kept, Account) {
    let (endpoint, state) = serving(market(), Trouble::None).await;
    let kept = Kept::default();
    let account = Dumps.back_up(&instance(&endpoint), &kept).await.unwrap();
    assert_eq!(state.lock().unwrap().open, 0);
    (kept, account)
}

fn documents(state: &Shared, collection: &str) -> Vec<Value> {
    state.lock().unwrap().databases["market"].collections[collection]
        .documents
        .clone()
}

#[tokio::test]
async fn recorded_documents_come_page_by_page_into_the_files_of_arangodump() {
    let (endpoint, state) = serving(market(), Trouble::None).await;
    let kept = Kept::default();

    let account = Dumps.back_up(&instance(&endpoint), &kept).await.unwrap();

    let about: Value = serde_json::from_str(&kept.text("market/dump.json")).unwrap();
    assert_eq!(
        (&about["database"], &about["lastTickAtDumpStart"], &about["useEnvelope"]),
        (&json!("market"), &json!("100"), &json!(false))
    );
    let stem = "market/trades_25156f6c3d87472d7b1fd74c45ec34f7";
    let structure: Value = serde_json::from_str(&kept.text(&format!("{stem}.structure.json"))).unwrap();
    assert_eq!(structure["indexes"][0]["name"], "words");
    let lines = kept.text(&format!("{stem}.data.json"));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, documents(&state, "trades"));
    assert!(kept.text("market/search.view.json").contains("search-alias"));
    assert!(
        !kept
            .names()
            .iter()
            .any(|name| name.contains("_users") || name.contains("_jobs"))
    );
    // Three trades, one each of an edge, a graph and an analyzer, and the system's own two, which are empty.
    assert_eq!(state.lock().unwrap().pages, 8);
    let trades = account
        .tallies
        .iter()
        .find(|tally| tally.what == "documents of trades of market");
    assert_eq!(trades.unwrap().count, 3);
    assert_eq!(account.notes, Vec::<String>::new());
}

#[tokio::test]
async fn recorded_a_backup_makes_the_databases_anew() {
    let (kept, account) = backed_up().await;
    let (endpoint, state) = serving(fresh(), Trouble::None).await;
    let instance = instance(&endpoint);
    assert_eq!(Dumps.occupied(&instance).await.unwrap(), Vec::<String>::new());

    let tallies = Dumps.restore(&instance, &kept, &account).await.unwrap();

    assert_eq!(tallies, account.tallies);
    let made = market().remove("market").unwrap();
    for name in ["trades", "follows", "_graphs", "_analyzers"] {
        assert_eq!(documents(&state, name), made.collections[name].documents, "{name}");
    }
    assert_eq!(state.lock().unwrap().databases["market"].views, made.views);
    assert_eq!(Dumps.occupied(&instance).await.unwrap(), ["the database market"]);
}

#[tokio::test]
async fn recorded_a_restore_takes_the_place_of_what_was_there() {
    let (kept, account) = backed_up().await;
    let mut other = market();
    let held = other.get_mut("market").unwrap();
    held.collections.get_mut("trades").unwrap().documents.clear();
    held.collections
        .extend([collection("quotes", 2, &json!([]), vec![json!({"_key": "q"})])]);
    let (endpoint, state) = serving(other, Trouble::None).await;

    Dumps.restore(&instance(&endpoint), &kept, &account).await.unwrap();

    assert_eq!(documents(&state, "trades").len(), 3);
    assert!(
        !state.lock().unwrap().databases["market"]
            .collections
            .contains_key("quotes")
    );
}

#[tokio::test]
async fn recorded_large_collections_are_put_back_piece_by_piece_and_line_by_line() {
    let mut large = market();
    let trades = large.get_mut("market").unwrap().collections.get_mut("trades").unwrap();
    let words = "w".repeat(1024 * 1024);
    trades.documents = (0..10)
        .map(|key: u32| json!({"_key": key.to_string(), "words": words}))
        .collect();
    let (endpoint, _) = serving(large, Trouble::None).await;
    let kept = Kept::default();
    let account = Dumps.back_up(&instance(&endpoint), &kept).await.unwrap();
    let (endpoint, state) = serving(fresh(), Trouble::None).await;

    Dumps.restore(&instance(&endpoint), &kept, &account).await.unwrap();

    let restored = state.lock().unwrap().restored.clone();
    assert_eq!(restored.iter().sum::<usize>(), 13, "{restored:?}");
    assert!(restored.iter().all(|documents| *documents <= 5), "{restored:?}");
}

#[tokio::test]
async fn recorded_an_error_in_the_middle_fails_the_backup_and_ends_the_dump() {
    let (endpoint, state) = serving(market(), Trouble::SecondPage).await;
    let kept = Kept::default();

    let error = Dumps.back_up(&instance(&endpoint), &kept).await.unwrap_err().in_full();

    assert!(
        error.starts_with("dump trades of the database market on suho-arangodb: 500")
            && error.contains("out of memory"),
        "{error}"
    );
    assert!(
        !kept
            .names()
            .iter()
            .any(|name| name.contains("trades") && name.ends_with(DATA))
    );
    assert_eq!(state.lock().unwrap().open, 0);
}

#[tokio::test]
async fn recorded_a_page_that_does_not_say_whether_more_come_is_not_the_last() {
    let (endpoint, _) = serving(market(), Trouble::NoHeaders).await;

    let outcome = Dumps.back_up(&instance(&endpoint), &Kept::default()).await;

    assert!(matches!(outcome, Err(EngineError::Unexpected { .. })), "{outcome:?}");
}

#[tokio::test]
async fn recorded_a_restored_collection_that_lacks_a_document_is_refused() {
    let (kept, account) = backed_up().await;
    let (endpoint, _) = serving(fresh(), Trouble::Loses).await;

    let error = Dumps
        .restore(&instance(&endpoint), &kept, &account)
        .await
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("expected 1 documents of _analyzers of market"),
        "{error}"
    );
}

#[tokio::test]
async fn recorded_a_restored_collection_with_another_checksum_is_refused() {
    let (kept, account) = backed_up().await;
    let (endpoint, _) = serving(fresh(), Trouble::None).await;
    for content in kept.0.lock().unwrap().values_mut() {
        let text = String::from_utf8(content.clone()).unwrap();
        *content = text.replace("Zürich", "Zuerich").into_bytes();
    }

    let error = Dumps
        .restore(&instance(&endpoint), &kept, &account)
        .await
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("expected 3 documents of trades of market (checksum"),
        "{error}"
    );
}

#[tokio::test]
async fn recorded_what_is_written_during_a_dump_is_noted_and_not_counted() {
    let mut databases = market();
    databases.remove("_system");
    let (endpoint, _) = serving(databases, Trouble::Writer).await;

    let account = Dumps.back_up(&instance(&endpoint), &Kept::default()).await.unwrap();

    assert!(account.notes.len() == 1 && account.notes[0].starts_with("documents of trades of market changed"));
    assert!(
        !account
            .tallies
            .iter()
            .any(|tally| tally.what.starts_with("documents of trades"))
    );
}
