//! What was committed is there after a restart.

use super::super::super::asking::{prove_and_remove, until_answered};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError, Evidence, Restart, Subject, Waiting};
use super::super::readiness;
use super::super::round_trip::drop_table;
use super::session::Session;

/// How the transaction ends that writes the row.
pub const COMMITTED: &str = "COMMIT";

/// A row of a transaction that ended as in `end` is read from the server that started after it.
pub async fn restart(subject: &Subject<'_>, end: &str) -> Result<Evidence, EngineError> {
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("the server may not be restarted".to_owned()));
    };
    let scratch = Scratch::new();
    let table = format!("scratch.{}", scratch.name);
    let removal = async {
        let moved = restart.endpoint(&subject.endpoint.service).await;
        drop_table(moved.as_ref().unwrap_or(subject.endpoint), &table).await
    };
    let proof = survives(subject.endpoint, restart, &table, &scratch.value, end);
    prove_and_remove(subject.endpoint, proof, removal).await
}

async fn survives(
    before: &Endpoint,
    restart: &dyn Restart,
    table: &str,
    value: &str,
    end: &str,
) -> Result<Evidence, EngineError> {
    let writing = format!("write to {table}");
    let writer = Session::open(before).await?;
    writer
        .run(&writing, &format!("CREATE TABLE {table} (value text)"))
        .await?;
    let started = writer.value(&writing, STARTED).await?;
    let insert = format!("BEGIN; INSERT INTO {table} VALUES ('{value}'); {end}");
    writer.run(&writing, &insert).await?;

    let after = restart.restart(&before.service).await?;
    until_answered(&Waiting::new(), || readiness::ask(&after)).await;
    let reading = format!("read {table} after a restart");
    let reader = Session::open(&after).await?;
    if reader.value(&reading, STARTED).await? == started {
        return Err(after.unexpected("restart the server", "a later start", "the same"));
    }
    let found = reader.value(&reading, &format!("SELECT value FROM {table}")).await?;
    after.expect(&reading, value, found.as_str())?;
    Evidence::proved("a committed row was read from the server that started after it")
}

const STARTED: &str = "SELECT pg_postmaster_start_time()";
