//! Each check against recorded answers of `ArangoDB`'s documentation, and against one of them broken. Not against
//! `ArangoDB`: that is not to be had where these tests run.
//!
//! # Layout
//! - here: a script is played to a check that holds, or fails and says why.
//! - A file per group of checks: their scripts.

mod databases;
mod documents;
mod graphs;
mod search;
mod transactions;

use super::scripted::Script;

/// The check `name` holds, and the evidence says so.
async fn holds(name: &str, script: Script, evidence: &str) {
    let outcome = script.play(name).await.unwrap();

    assert!(format!("{outcome:?}").contains(evidence), "{outcome:?}");
}

/// It does not hold, and the failure says why.
async fn fails(name: &str, script: Script, words: &str) {
    let error = script.play(name).await.unwrap_err().in_full();

    assert!(error.contains(words), "{error}");
}
