//! Backups, and what a restart leaves.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::super::asking::{prove_and_remove, until_answered};
use super::super::super::http::Caller;
use super::super::super::proving::{Evidence, Subject};
use super::super::super::scratch::Scratch;
use super::super::super::{EngineError, Waiting};
use super::super::ask;
use super::class::{Class, TICKS, written};

const VECTORS: &[(&str, &str)] = &[("trend", "cosine")];
const PAUSE: Duration = Duration::from_millis(50);

/// What a backup is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Included {
    /// The class that is read later.
    TheClass,
    /// Another one.
    AnotherClass,
}

/// Makes a backup of `included`, deletes it, restores it, and reads the class.
///
/// Weaviate deletes no backup: a few kilobytes stay in the volume, under a name that begins with `probe_`.
pub async fn backups(subject: &Subject<'_>, included: Included) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let class = Class::new(endpoint).await?;
    let another = Class::another(endpoint)?;
    let kept = if included == Included::TheClass {
        &class
    } else {
        &another
    };
    let proof = async {
        kept.create(VECTORS, &Value::Null).await?;
        kept.insert(&["trend"], None).await?;
        let id = Scratch::new().name;
        let backup = json!({"id": id, "include": [kept.name]});
        run(&class.caller, "", &format!("/{id}"), &backup, "make a backup").await?;
        kept.delete().await?;
        let restored = format!("/{id}/restore");
        run(&class.caller, &restored, &restored, &json!({}), "restore a backup").await?;
        endpoint.expect("read what was restored", &written(), &class.contents("trend").await?)
    };
    prove_and_remove(endpoint, proof, kept.delete()).await?;
    Evidence::proved(format!(
        "{} objects and their vectors after backup, deletion and restore",
        TICKS.len()
    ))
}

/// Posts `body` to `path` of the module, once it has done what others asked of it, and waits for the end.
pub(in super::super) async fn run(
    caller: &Caller<'_>,
    path: &str,
    progress: &str,
    body: &Value,
    action: &str,
) -> Result<(), EngineError> {
    const MODULE: &str = "/v1/backups/filesystem";
    loop {
        let (status, words) = caller
            .status(Method::POST, &format!("{MODULE}{path}"), Some(body), action)
            .await?;
        match status {
            status if status.is_success() => break,
            StatusCode::UNPROCESSABLE_ENTITY if words.contains("already in progress") => sleep(PAUSE).await,
            _ => return Err(caller.endpoint.failed(action)(format!("{status}: {words}"))),
        }
    }
    loop {
        let answer = caller.send(Method::GET, &format!("{MODULE}{progress}"), action).await?;
        match answer["status"].as_str().unwrap_or_default() {
            "SUCCESS" => return Ok(()),
            "FAILED" | "CANCELED" => return Err(caller.endpoint.failed(action)(answer["error"].to_string())),
            _ => sleep(PAUSE).await,
        }
    }
}

/// Inserts ticks, has the server started anew, and reads them.
pub async fn persistence(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("nobody may restart the server".to_owned()));
    };
    let class = Class::new(endpoint).await?;
    let proof = async {
        class.create(VECTORS, &Value::Null).await?;
        class.insert(&["trend"], None).await?;
        let moved = restart.restart(&endpoint.service).await?;
        until_answered(&Waiting::new(), || ask(&moved)).await;
        let found = class.on(&moved)?.contents("trend").await?;
        endpoint.expect("find every object after a restart", &written(), &found)
    };
    let removal = async {
        let moved = restart.endpoint(&endpoint.service).await;
        class.on(moved.as_ref().unwrap_or(endpoint))?.delete().await
    };
    prove_and_remove(endpoint, proof, removal).await?;
    Evidence::proved(format!("{} objects and their vectors after a restart", TICKS.len()))
}
